//! SIGINT and SIGTERM: the first asks the work to stop where it stands and report, the second ends it at once.
//! Then the servers that dst started are killed, and their temporary directories stay.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::Notify;

use super::EXIT_TROUBLE;
use crate::targets;

/// So long work may go on to its next step. Then the servers that it may wait for are killed: a report is due within
/// two seconds.
const PATIENCE: Duration = Duration::from_millis(1000);

static REQUESTED: AtomicBool = AtomicBool::new(false);
/// Wakes the one task that waits for it.
static NOTICE: Notify = Notify::const_new();

/// From now on signals set [`requested`] instead of killing the process, so that servers that dst started are
/// stopped and temporary files removed.
pub(super) fn install() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::SeqCst) {
            targets::kill_all();
            std::process::exit(i32::from(EXIT_TROUBLE));
        }
        NOTICE.notify_one();
        thread::spawn(|| {
            thread::sleep(PATIENCE);
            targets::end_all();
        });
    })
    .context("cannot handle Ctrl-C")
}

/// The flag that long work looks at between two steps.
pub(super) fn flag() -> &'static AtomicBool {
    &REQUESTED
}

/// Ends when the user asks to stop.
pub(super) async fn requested() {
    NOTICE.notified().await;
}

/// An error where the user asked to stop.
pub(super) fn check() -> anyhow::Result<()> {
    anyhow::ensure!(!REQUESTED.load(Ordering::SeqCst), "interrupted");
    Ok(())
}
