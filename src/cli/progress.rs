//! The bar on stderr. Where stderr is no terminal, a line every ten seconds.

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::campaign::Progress;

const REDRAW: Duration = Duration::from_millis(100);
/// How often a line is said where there is no terminal.
const SAY_EVERY: Duration = Duration::from_secs(10);

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
        let painter = {
            let (bar, done) = (bar.clone(), Arc::clone(&done));
            thread::spawn(move || {
                if bar.is_hidden() { say(&progress, unit, &done) } else { paint(&bar, &progress, unit, &done) }
            })
        };
        Self { bar, done, painter: Some(painter) }
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
    let mut pace = Pace::new();
    while !done.load(Ordering::Relaxed) {
        pace.follow(progress);
        bar.set_prefix(pace.phase);
        for line in take_told(progress) {
            bar.println(line);
        }
        let total = progress.total.load(Ordering::Relaxed);
        bar.set_style(if total > 1 { bounded.clone() } else { unbounded.clone() });
        bar.set_length(total);
        bar.set_position(progress.done.load(Ordering::Relaxed));
        bar.set_message(pace.describe(progress, unit));
        bar.tick();
        thread::park_timeout(REDRAW);
    }
}

/// Says how far it is, a line at a time.
fn say(progress: &Progress, unit: &str, done: &AtomicBool) {
    let mut pace = Pace::new();
    let mut said = Instant::now();
    loop {
        pace.follow(progress);
        for line in take_told(progress) {
            eprintln!("{line}");
        }
        if done.load(Ordering::Relaxed) {
            return;
        }
        if said.elapsed() >= SAY_EVERY {
            said = Instant::now();
            let steps = progress.done.load(Ordering::Relaxed);
            let of = match progress.total.load(Ordering::Relaxed) {
                0 | 1 => String::new(),
                total => format!(" of {total}"),
            };
            eprintln!("{}  {steps}{of} {}", pace.phase, pace.describe(progress, unit));
        }
        thread::park_timeout(REDRAW);
    }
}

/// The findings that were told since this was last asked.
fn take_told(progress: &Progress) -> Vec<String> {
    std::mem::take(&mut progress.told.lock().unwrap_or_else(PoisonError::into_inner))
}

/// How fast a phase goes.
struct Pace {
    phase: &'static str,
    started: Instant,
    /// The ops that earlier phases had run.
    ops_before: u64,
}

impl Pace {
    fn new() -> Self {
        Self { phase: "", started: Instant::now(), ops_before: 0 }
    }

    /// Notices that another phase has begun.
    fn follow(&mut self, progress: &Progress) {
        let now = *progress.phase.lock().unwrap_or_else(PoisonError::into_inner);
        if now != self.phase {
            let ops_before = progress.ops.load(Ordering::Relaxed);
            *self = Self { phase: now, started: Instant::now(), ops_before };
        }
    }

    fn describe(&self, progress: &Progress, unit: &str) -> String {
        let seconds = self.started.elapsed().as_secs_f64().max(1e-3);
        let steps = progress.done.load(Ordering::Relaxed);
        let ops = progress.ops.load(Ordering::Relaxed).saturating_sub(self.ops_before) as f64 / seconds;
        let failed = match progress.divergent.load(Ordering::Relaxed) {
            0 => String::new(),
            count => format!(" · {count} failed"),
        };
        format!("{unit} · {:.0}/s · {:.0} k ops/s{failed}", steps as f64 / seconds, ops / 1e3)
    }
}
