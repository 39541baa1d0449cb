//! What a store did, in the order in which it did it: whoever tests it with clients that act at the same time needs to know
//! which came first. Only with the feature `testing` is anything written down.

#[cfg(feature = "testing")]
use std::sync::Arc;
#[cfg(feature = "testing")]
use std::sync::atomic::{AtomicUsize, Ordering};

use resp::{Argv, Reply};

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
    /// What was done since the last commit is not kept, as the storage failed.
    Undone {
        /// What all of it is answered.
        error: Reply,
        /// What the storage stopped.
        stage: Stage,
        /// How often that was so before: random picks are taken from the sequence of this seed from then on, as nobody
        /// knows how many were taken.
        nth: u64,
    },
    /// A connection is gone.
    Left {
        /// Its number.
        id: i64,
    },
}

/// What the storage stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The command that ran last, somewhere in it.
    Command,
    /// The serving of those who wait, somewhere in it.
    Waiters,
    /// The commit.
    Commit,
}

/// Where it is written down, where it is.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    #[cfg(feature = "testing")]
    entries: Option<Vec<Entry>>,
    /// How often something was undone.
    #[cfg(feature = "testing")]
    undone: u64,
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

    /// Writes down that all was undone. The seed of the random picks from now on, where anything is written down.
    pub fn note_undone(&mut self, error: &Reply, stage: Stage) -> Option<u64> {
        self.entries.as_ref()?;
        let nth = self.undone;
        self.undone += 1;
        self.note(|| Entry::Undone { error: error.clone(), stage, nth });
        Some(nth)
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

    /// Writes nothing down.
    #[inline(always)]
    pub fn note_undone(&mut self, _: &Reply, _: Stage) -> Option<u64> {
        None
    }
}
