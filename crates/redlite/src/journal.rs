//! What a store did, in the order in which it did it: whoever tests it with clients that act at the same time needs to know
//! which came first. Only with the feature `testing` is anything written down.

#[cfg(feature = "testing")]
use std::sync::Arc;
#[cfg(feature = "testing")]
use std::sync::atomic::{AtomicUsize, Ordering};

use resp::Argv;

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A connection came, which CLIENT ID calls so.
    Joined {
        /// Its number.
        id: i64,
        /// When, in milliseconds since 1970.
        now_ms: i64,
    },
    /// It was said what a connection is connected from.
    Named {
        /// Its number.
        id: i64,
        /// The client's end.
        peer: String,
    },
    /// A connection's command ran, was queued or refused.
    Ran {
        /// Its number.
        id: i64,
        /// When, in milliseconds since 1970.
        now_ms: i64,
        /// The command.
        argv: Argv,
    },
    /// A connection was answered that what it sent is no command.
    Refused {
        /// Its number.
        id: i64,
    },
    /// The waits were ended whose time was over.
    Expired {
        /// When, in milliseconds since 1970.
        now_ms: i64,
    },
    /// What was done since the last of these, or since [`Entry::Undone`], is kept.
    Committed,
    /// What was done since the last commit is not kept.
    Undone,
    /// A connection is gone.
    Left {
        /// Its number.
        id: i64,
    },
}

/// Where it is written down, where it is.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    #[cfg(feature = "testing")]
    entries: Option<Vec<Entry>>,
    /// How many there are.
    #[cfg(feature = "testing")]
    pub count: Arc<AtomicUsize>,
}

#[cfg(feature = "testing")]
impl Journal {
    /// Writes down what is done from now on.
    pub fn start(&mut self) {
        self.entries = Some(Vec::new());
    }

    /// What was done since the last time.
    pub fn take(&mut self) -> Vec<Entry> {
        self.count.store(0, Ordering::Relaxed);
        self.entries.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Writes an entry down.
    pub fn note(&mut self, entry: impl FnOnce() -> Entry) {
        if let Some(entries) = &mut self.entries {
            entries.push(entry());
            self.count.store(entries.len(), Ordering::Relaxed);
        }
    }
}

#[cfg(not(feature = "testing"))]
impl Journal {
    /// Writes nothing down.
    #[inline(always)]
    pub fn note(&mut self, _: impl FnOnce() -> Entry) {}
}
