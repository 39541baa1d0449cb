//! What only a store's tester needs: see [`crate::Redlite::defer_commits`].

use std::path::Path;
use std::sync::Arc;

use super::{Deferral, Store, migration};
use crate::error::OpenError;
use crate::vfs::{Storage, Vfs};

impl Store {
    /// From now on [`Store::commit`] leaves the transaction open: what it would have made last, a failure undoes.
    pub fn defer_commits(&mut self) {
        self.deferral = Deferral::Yes { held: self.may_hold };
    }

    /// See [`crate::Redlite::owes_retraction`].
    pub fn owes_retraction(&self) -> bool {
        self.vfs.as_ref().is_some_and(Vfs::owes_retraction)
    }

    /// False where some of what was put off is undone.
    pub fn is_whole(&self) -> bool {
        self.deferral != Deferral::Undone
    }

    /// Commits what was put off, and each command by itself from now on. False where some of it was undone.
    pub fn end_deferral(&mut self) -> rusqlite::Result<bool> {
        let deferral = std::mem::take(&mut self.deferral);
        self.commit()?;
        Ok(deferral != Deferral::Undone)
    }

    /// Undoes what was put off, and commits each command by itself from now on. False where nothing is done: an index
    /// is there, whose tables take longer to be made anew than to be emptied, or some of it was undone already.
    pub fn undo_deferral(&mut self) -> rusqlite::Result<bool> {
        let Deferral::Yes { held } = self.deferral else { return Ok(false) };
        if self.is_rollback_due || self.has_indexes() {
            return Ok(false);
        }
        self.deferral = Deferral::No;
        self.forget_signals();
        self.ranks.clear();
        self.rows.clear();
        self.indexes.forget_changes();
        if !self.sqlite.is_autocommit() {
            self.sqlite.prepare_cached("ROLLBACK")?.execute([])?;
        }
        self.may_hold = held;
        Ok(true)
    }

    /// Writes everything into a new file of the version without checksums: see [`migration`].
    pub fn write_unchecked(&mut self, storage: &Arc<dyn Storage>, name: &Path) -> Result<(), OpenError> {
        self.recover()?;
        migration::write_unchecked(storage, name, &self.sqlite)
    }
}
