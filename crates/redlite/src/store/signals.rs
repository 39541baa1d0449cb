//! What the store tells of its changes: keys that were touched, for those who watch them, and keys that came to be,
//! for those who wait for them. Nothing is noted while nobody watches or waits.

use super::{Key, Store, Type, bytes};
use crate::clients::Watch;
use crate::failure::Failure;

/// What is noted.
#[derive(Debug, Default)]
pub(super) struct Signals {
    is_watching: bool,
    is_awaited: bool,
    touched: Touched,
    ready: Vec<Ready>,
}

/// Keys that were touched.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    ids: Vec<i64>,
    /// Keys that were made.
    names: Vec<(u32, Vec<u8>)>,
    /// Keys that were made without a word, with their ids.
    untold: Vec<(u32, Vec<u8>, i64)>,
    /// True where every key was deleted.
    all: bool,
}

/// A key that somebody may wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub db: u32,
    pub name: Vec<u8>,
}

impl Touched {
    /// True where nothing was touched.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.names.is_empty() && self.untold.is_empty() && !self.all
    }

    /// Takes in that what is watched was touched. A key that was not there when it was watched is known from the moment
    /// it is made without a word.
    pub fn tell(&self, watch: &mut Watch) -> bool {
        if watch.key_id.is_none() {
            watch.key_id = self.untold.iter().find(|(db, name, _)| watch.is_of(*db, name)).map(|&(_, _, id)| id);
        }
        self.names.iter().any(|(db, name)| watch.is_of(*db, name))
            || watch.key_id.is_some_and(|id| self.all || self.ids.contains(&id))
    }
}

impl Store {
    /// Says whether anybody watches keys, and whether anybody waits for some.
    pub fn set_listeners(&mut self, is_watching: bool, is_awaited: bool) {
        self.signals.is_watching = is_watching;
        self.signals.is_awaited = is_awaited;
    }

    /// Notes that a key has changed. What changes a key's elements or row does this by itself; a command calls it
    /// where Redis says that a key has changed although nothing did.
    pub fn touch(&mut self, key: &Key) {
        self.touch_id(key.id);
    }

    /// As [`Store::update_string`], and nobody who watches the key is told.
    pub fn update_string_untold(
        &mut self,
        db: u32,
        name: &[u8],
        found: Option<&Key>,
        value: &[u8],
    ) -> Result<(), Failure> {
        let is_watching = std::mem::take(&mut self.signals.is_watching);
        let outcome = self.update_string(db, name, found, value);
        self.signals.is_watching = is_watching;
        if is_watching && found.is_none() {
            self.signals.touched.untold.push((db, name.to_vec(), self.last_insert_id()));
        }
        outcome
    }

    pub(super) fn touch_id(&mut self, id: i64) {
        if self.signals.is_watching {
            self.signals.touched.ids.push(id);
        }
    }

    /// Notes that a key of this name was made, or is another now.
    pub fn touch_name(&mut self, db: u32, name: &[u8]) {
        if self.signals.is_watching {
            self.signals.touched.names.push((db, name.to_vec()));
        }
    }

    pub(super) fn touch_all(&mut self) {
        self.signals.touched.all |= self.signals.is_watching;
    }

    /// Notes that there is something to take from the key of this name.
    pub fn signal_ready(&mut self, db: u32, name: &[u8], kind: Type) {
        if self.signals.is_awaited && matches!(kind, Type::List | Type::SortedSet | Type::Stream) {
            let ready = Ready { db, name: name.to_vec() };
            if !self.signals.ready.contains(&ready) {
                self.signals.ready.push(ready);
            }
        }
    }

    /// Notes that a stream is about to leave its name: those who wait as consumers of its groups wait in vain.
    pub(super) fn signal_gone(&mut self, key: &Key) -> Result<(), Failure> {
        if self.signals.is_awaited && key.kind == Type::Stream {
            let name =
                self.row("SELECT db, name FROM keys WHERE id = ?1", [key.id], |row| Ok((row.get(0)?, bytes(row, 1)?)))?;
            if let Some((db, name)) = name {
                self.signal_ready(db, &name, Type::Stream);
            }
        }
        Ok(())
    }

    /// What was touched since this was last asked.
    pub fn take_touched(&mut self) -> Touched {
        std::mem::take(&mut self.signals.touched)
    }

    /// Nothing of what was noted has happened: it was undone.
    pub(super) fn forget_signals(&mut self) {
        self.signals.touched = Touched::default();
        self.signals.ready.clear();
    }

    /// What became ready since this was last asked, in its order.
    pub fn take_ready(&mut self) -> Vec<Ready> {
        std::mem::take(&mut self.signals.ready)
    }
}
