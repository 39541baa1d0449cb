//! The bar on stderr. Hidden where stderr is no terminal.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::campaign::Progress;

const REDRAW: Duration = Duration::from_millis(100);

/// A bar that follows a [`Progress`] until it is dropped.
pub(super) struct Bar {
    bar: ProgressBar,
    done: Arc<AtomicBool>,
    painter: Option<JoinHandle<()>>,
}

impl Bar {
    /// Shows how far `progress` is; `unit` is what it counts, such as `seeds`.
    pub fn follow(progress: Arc<Progress>, unit: &'static str) -> Self {
        let bar = ProgressBar::new(0);
        let done = Arc::new(AtomicBool::new(false));
        let painter = (!bar.is_hidden()).then(|| {
            let (bar, done) = (bar.clone(), Arc::clone(&done));
            thread::spawn(move || paint(&bar, &progress, unit, &done))
        });
        Self { bar, done, painter }
    }

    /// Takes the bar away while `print` writes to the terminal.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
        if let Some(painter) = self.painter.take() {
            painter.thread().unpark();
            // A painter that panicked has painted enough.
            let _ = painter.join();
        }
        self.bar.finish_and_clear();
    }
}

fn paint(bar: &ProgressBar, progress: &Progress, unit: &str, done: &AtomicBool) {
    // The blanks at the end are for the ^C that a terminal shows.
    let bounded = ProgressStyle::with_template("{spinner:.cyan} {prefix} {wide_bar:.cyan/dim} {pos}/{len} {msg}    ");
    let unbounded = ProgressStyle::with_template("{spinner:.cyan} {prefix} {msg}");
    let (Ok(bounded), Ok(unbounded)) = (bounded, unbounded) else { return };
    let bounded = bounded.progress_chars("━╸─");
    let (mut phase, mut started) = ("", Instant::now());
    while !done.load(Ordering::Relaxed) {
        let now = *progress.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if now != phase {
            (phase, started) = (now, Instant::now());
            bar.set_prefix(phase);
        }
        let total = progress.total.load(Ordering::Relaxed);
        let steps = progress.done.load(Ordering::Relaxed);
        let seconds = started.elapsed().as_secs_f64().max(1e-3);
        bar.set_style(if total > 1 { bounded.clone() } else { unbounded.clone() });
        bar.set_length(total);
        bar.set_position(steps);
        let ops = progress.ops.load(Ordering::Relaxed) as f64 / seconds;
        let failed = match progress.divergent.load(Ordering::Relaxed) {
            0 => String::new(),
            count => format!(" · {count} failed"),
        };
        bar.set_message(format!("{unit} · {:.0}/s · {:.0} k ops/s{failed}", steps as f64 / seconds, ops / 1e3));
        bar.tick();
        thread::park_timeout(REDRAW);
    }
}
