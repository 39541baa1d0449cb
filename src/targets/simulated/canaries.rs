//! Deliberately wrong servers for the simulation, each with one slip of concurrency or recovery. A simulator that does not
//! find them all is broken.
//!
//! A slip leaves out what stands at a point of the server ([`redlite::points`]), or skips a sync of its files. What the
//! server does is judged by a store without slips.

use redlite::points::Point;
use redlite::vfs::{Call, CallKind};

/// A wrong server: a row of the table.
pub struct Canary {
    /// What it is called.
    pub name: &'static str,
    /// What is wrong with it.
    pub slip: &'static str,
    /// The scenario that finds it.
    pub scenario: &'static str,
    /// The fewest ops that can show it, those that are events among them.
    pub ops_min: usize,
    /// True where what stands at a point is left out as it is reached for the nth time, from 0 on.
    pub(super) leaves_out: fn(Point, &[u8], u64) -> bool,
    /// True where a sync of a file is skipped, before which so many writes were made since the last one.
    pub(super) skips: fn(&Call, u64) -> bool,
}

const fn leaving(
    name: &'static str,
    scenario: &'static str,
    ops_min: usize,
    slip: &'static str,
    leaves_out: fn(Point, &[u8], u64) -> bool,
) -> Canary {
    Canary { name, slip, scenario, ops_min, leaves_out, skips: |_, _| false }
}

const fn skipping(name: &'static str, ops_min: usize, slip: &'static str, skips: fn(&Call, u64) -> bool) -> Canary {
    Canary { name, slip, scenario: "crash_recovery", ops_min, leaves_out: |_, _, _| false, skips }
}

/// True for a call of SQLite's log.
fn is_log(call: &Call) -> bool {
    call.file.to_string_lossy().ends_with("-wal")
}

/// A batch of more writes is a large one.
const LARGE_WRITES: u64 = 4;

/// Every canary.
#[rustfmt::skip]
pub const CANARIES: &[Canary] = &[
    leaving("watch-misses-push", "concurrent_operations", 3, "WATCH does not see LPUSH and RPUSH", |point, about, _| {
        point == Point::Touch && (about.eq_ignore_ascii_case(b"LPUSH") || about.eq_ignore_ascii_case(b"RPUSH"))
    }),
    leaving("watch-misses-expiry", "expiry_under_load", 5, "EXEC runs though the time of a watched key is over", |point, _, _| point == Point::Gone),
    leaving("watch-unheeded", "concurrent_operations", 4, "EXEC runs though a watched key has changed", |point, _, _| point == Point::Dirty),
    leaving("watch-outlives-exec", "concurrent_operations", 5, "EXEC does not end what WATCH began", |point, _, _| point == Point::Unwatch),
    leaving("queue-runs-at-once", "concurrent_operations", 2, "what is sent behind MULTI runs at once", |point, _, _| point == Point::Queue),
    leaving("exec-torn", "crash_recovery", 5, "each command of EXEC is committed by itself", |point, _, _| point == Point::Whole),
    leaving("reply-before-commit", "crash_recovery", 1, "a batch is answered, and committed with the next", |point, _, nth| point == Point::Commits && nth % 2 == 0),
    leaving("wake-up-lost", "concurrent_operations", 2, "who waits for a key is not served when it becomes ready", |point, _, _| point == Point::Wake),
    leaving("wake-up-lost-now-and-then", "concurrent_operations", 4, "every third time who waits for a key is not served", |point, _, nth| point == Point::Wake && nth % 3 == 2),
    leaving("waiters-out-of-order", "concurrent_operations", 3, "of those who wait for a key the last is served first", |point, _, _| point == Point::Rotate),
    leaving("waiter-served-twice", "concurrent_operations", 2, "who was served is served again", |point, _, _| point == Point::Served),
    leaving("waits-beyond-its-time", "concurrent_operations", 1, "a wait does not end by its time", |point, _, _| point == Point::EndWaits),
    leaving("served-after-its-time", "concurrent_operations", 2, "whose wait has ended by its time is served all the same", |point, _, _| point == Point::Overdue),
    leaving("wait-left-behind", "connection_storm", 1, "who has gone goes on waiting, and takes what others push", |point, _, _| point == Point::Unwait),
    leaving("subscription-left-behind", "connection_storm", 1, "who has gone stays subscribed", |point, _, _| point == Point::Unsubscribe),
    leaving("message-not-told", "concurrent_operations", 2, "a connection is not woken when another sends it something", |point, _, _| point == Point::Stir),
    leaving("message-lost", "slow_consumer", 4, "every fourth message of a channel is lost", |point, _, nth| point == Point::Publish && nth % 4 == 3),
    leaving("expired-seen", "expiry_under_load", 3, "every third time a key is seen though its time is over", |point, _, nth| point == Point::Expire && nth % 3 == 2),
    leaving("runs-while-waiting", "concurrent_operations", 2, "what stands behind a command that waits is lost", |point, _, _| point == Point::Blocked),
    leaving("pipeline-cut", "concurrent_operations", 2, "what is pipelined behind a command that waits is thrown away", |point, _, _| point == Point::Keep),
    leaving("pipeline-asleep", "concurrent_operations", 2, "what is pipelined behind a command that waited is not run until more comes", |point, _, _| point == Point::Requeue),
    skipping("sync-skipped", 3, "nothing is synced", |call, _| call.kind == CallKind::Sync),
    skipping("sync-of-large-skipped", 3, "a large batch is not synced", |call, writes| call.kind == CallKind::Sync && writes > LARGE_WRITES && is_log(call)),
    skipping("sync-of-database-skipped", 4, "what a checkpoint has written is not synced before the log is gone", |call, _| {
        call.kind == CallKind::Sync && !is_log(call)
    }),
];

/// The canary of this name.
pub fn canary(name: &str) -> Option<&'static Canary> {
    CANARIES.iter().find(|canary| canary.name == name)
}
