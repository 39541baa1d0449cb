//! How fast a server answers, and from when on its silence is suspicious.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

/// How many of the last replies count.
const REPLIES: usize = 64;
/// Silence is suspicious from so many times the slowest of them on.
const SUSPICIOUS_FACTOR: u32 = 50;
/// And never before.
const SUSPICIOUS_MIN: Duration = Duration::from_millis(200);

/// How long the last replies of a server took, on all its connections.
#[derive(Debug)]
pub(super) struct Pace {
    took_us: [AtomicU32; REPLIES],
    next: AtomicUsize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { took_us: [const { AtomicU32::new(0) }; REPLIES], next: AtomicUsize::new(0) }
    }
}

impl Pace {
    /// Notes how long a reply has taken.
    pub fn note(&self, took: Duration) {
        let at = self.next.fetch_add(1, Ordering::Relaxed) % REPLIES;
        self.took_us[at].store(u32::try_from(took.as_micros()).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// How long the slowest of the last replies took.
    pub fn slowest(&self) -> Duration {
        let slowest_us = self.took_us.iter().map(|took_us| took_us.load(Ordering::Relaxed)).max();
        Duration::from_micros(slowest_us.unwrap_or(0).into())
    }

    /// From when on silence is suspicious. What has made a server silent is found out with a longer deadline.
    pub fn suspicious_after(&self) -> Duration {
        SUSPICIOUS_MIN.max(self.slowest() * SUSPICIOUS_FACTOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(took_ms: &[u64], expected_ms: u64) {
        let pace = Pace::default();
        took_ms.iter().for_each(|&ms| pace.note(Duration::from_millis(ms)));
        assert_eq!(pace.suspicious_after(), Duration::from_millis(expected_ms), "after {took_ms:?}");
    }

    #[test]
    fn silence_is_measured_by_the_slowest_of_the_last_replies() {
        check(&[], 200);
        check(&[1, 2, 3], 200);
        check(&[1, 30, 3], 1500);
        check(&[&[30][..], &[1; REPLIES - 1]].concat(), 1500);
        check(&[&[30][..], &[1; REPLIES]].concat(), 200);
    }
}
