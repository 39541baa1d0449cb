//! Connections that wait for something to take, and in which order they are served.
//!
//! Redis 7.0 (`blocked.c`): a key that comes to be while somebody waits for it is ready. After the command, or the
//! whole EXEC, the ready keys are served in the order in which they became ready, and for each key those that wait
//! for it in the order in which they came. A connection that waits for another type of key goes to the end. A stream
//! that is no more is ready, too: those who wait as consumers of one of its groups are told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::clients::Slot;
use super::failure::Failure;
use super::store::Type;
use resp::{Argv, Reply};

/// What a blocked connection waits for.
#[derive(Clone, Debug)]
pub(crate) struct Wait {
    /// The database of its keys.
    pub db: u32,
    /// Any of these wakes it.
    pub keys: Vec<Vec<u8>>,
    /// The type of key that it wants.
    pub kind: Type,
    /// Until when, in milliseconds since 1970; `None` for ever.
    pub until_ms: Option<i64>,
    /// Runs again when a key is ready, with [`super::commands::Context::ready_key`] set.
    pub argv: Argv,
    /// What it is answered when the time is over.
    pub timed_out: Reply,
}

impl Wait {
    /// A wait that only time ends, or another client.
    pub fn for_nothing(db: u32, until_ms: Option<i64>, argv: Argv, timed_out: Reply) -> Failure {
        let (keys, kind) = (Vec::new(), Type::String);
        Failure::Blocked(Box::new(Wait { db, keys, kind, until_ms, argv, timed_out }))
    }
}

type Name = (u32, Vec<u8>);

/// Everybody who waits.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    queues: BTreeMap<Name, VecDeque<Slot>>,
    /// Connections that wait for streams, by the keys of these.
    readers: BTreeSet<(Name, Slot)>,
    /// Connections that wait until some time, by that time.
    timeouts: BTreeSet<(i64, Slot)>,
}

impl Waits {
    /// True where nobody waits.
    pub fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }

    /// Enters a connection into the queues of its keys.
    pub fn add(&mut self, slot: Slot, wait: &Wait) {
        for key in &wait.keys {
            let queue = self.queues.entry((wait.db, key.clone())).or_default();
            // A key that is named twice has one place in its queue.
            if !queue.contains(&slot) {
                queue.push_back(slot);
            }
            if wait.kind == Type::Stream {
                self.readers.insert(((wait.db, key.clone()), slot));
            }
        }
        self.timeouts.extend(wait.until_ms.map(|until_ms| (until_ms, slot)));
    }

    /// Takes it out again.
    pub fn remove(&mut self, slot: Slot, wait: &Wait) {
        for key in &wait.keys {
            let name = (wait.db, key.clone());
            if let Some(queue) = self.queues.get_mut(&name) {
                queue.retain(|&waiting| waiting != slot);
                if queue.is_empty() {
                    self.queues.remove(&name);
                }
            }
            self.readers.remove(&(name, slot));
        }
        if let Some(until_ms) = wait.until_ms {
            self.timeouts.remove(&(until_ms, slot));
        }
    }

    /// How many wait for a key.
    pub fn count(&self, db: u32, key: &[u8]) -> usize {
        self.queues.get(&(db, key.to_vec())).map_or(0, VecDeque::len)
    }

    /// Who is the first to be served for a key, and goes to the end of the queue; where it is not fair, the last.
    pub fn next(&mut self, db: u32, key: &[u8], is_fair: bool) -> Option<Slot> {
        let queue = self.queues.get_mut(&(db, key.to_vec()))?;
        queue.rotate_left(usize::from(is_fair));
        queue.back().copied()
    }

    /// In how many queues somebody stands.
    #[cfg(feature = "testing")]
    pub fn queued(&self) -> usize {
        self.queues.values().map(VecDeque::len).sum()
    }

    /// Who waits for a key, the first to be served first.
    pub fn waiting_for(&self, db: u32, key: &[u8]) -> Vec<Slot> {
        self.queues.get(&(db, key.to_vec())).map(|queue| queue.iter().copied().collect()).unwrap_or_default()
    }

    /// The keys of which somebody waits for a stream.
    pub fn keys_of_streams(&self) -> Vec<(u32, Vec<u8>)> {
        let mut names: Vec<Name> = self.readers.iter().map(|(name, _)| name.clone()).collect();
        names.dedup();
        names
    }

    /// The keys of these databases that somebody waits for.
    pub fn keys_of(&self, dbs: [u32; 2]) -> Vec<(u32, Vec<u8>)> {
        self.queues.keys().filter(|(db, _)| dbs.contains(db)).cloned().collect()
    }

    /// Who has waited long enough, where anybody has.
    pub fn first_timed_out(&self, now_ms: i64) -> Option<Slot> {
        let &(until_ms, slot) = self.timeouts.first()?;
        (until_ms < now_ms).then_some(slot)
    }

    /// When the first of them will have waited long enough, in milliseconds since 1970.
    pub fn next_timeout_ms(&self) -> Option<i64> {
        self.timeouts.first().map(|&(until_ms, _)| until_ms.saturating_add(1))
    }
}
