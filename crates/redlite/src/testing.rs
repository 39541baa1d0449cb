//! What only a store's tester needs: stores of an older version, commits that are put off, connections that are forgotten.

use std::path::Path;
use std::sync::Arc;

use super::clients::Clients;
use super::engine::{Client, Redlite, lock};
use super::env::Random;
use super::error::OpenError;
use super::vfs::Storage;

impl Redlite {
    /// Takes random picks from another sequence from now on.
    pub fn set_random(&self, random: Random) {
        lock(&self.engine).random = random;
    }

    /// Forgets every connection, and what CONFIG has set, the password too, as a restart does. The [`Client`]s must be
    /// dropped before.
    pub fn forget_clients(&self) {
        let clients = &mut lock(&self.engine).clients;
        let config = std::mem::take(&mut clients.config).restored();
        *clients = Clients::default();
        clients.config = config;
    }

    /// A connection of whoever holds the store: it need not say the password that CONFIG SET may have given it.
    pub fn trusted_client(&self) -> Client {
        let client = self.client();
        if let Some(connection) = lock(&self.engine).clients.get_mut(client.slot) {
            connection.is_authenticated = true;
        }
        client
    }

    /// Writes everything that is stored into a new file, as the last version without checksums left it when it was
    /// killed: for tests of what opening such a file does.
    ///
    /// # Errors
    /// Where the store cannot be read, or the file not be written.
    pub fn write_unchecked(&self, storage: Arc<dyn Storage>, name: impl AsRef<Path>) -> Result<(), OpenError> {
        let store = &mut lock(&self.engine).store;
        store.write_unchecked(&storage, name.as_ref()).map_err(|error| error.with_cause(store.take_cause()))
    }

    /// Puts off commits until [`Redlite::end_deferral`], for whoever runs many commands of which only all together count.
    /// What fails the storage, or panics, undoes all of them, and their replies were not true.
    pub fn defer_commits(&self) {
        lock(&self.engine).store.defer_commits();
    }

    /// False where some of what was put off is undone already.
    pub fn is_whole(&self) -> bool {
        lock(&self.engine).store.is_whole()
    }

    /// Commits what was put off, and each command by itself again: true where that is everything that was replied to,
    /// false where some of it was undone.
    pub fn end_deferral(&self) -> bool {
        let store = &mut lock(&self.engine).store;
        store.end_deferral().inspect_err(|_| store.rollback()).unwrap_or(false)
    }

    /// Undoes what was put off, and commits each command by itself again: true where the store is as it was before, false
    /// where that is not the faster way, or fails: then [`Redlite::end_deferral`] says what has become of it.
    pub fn undo_deferral(&self) -> bool {
        let store = &mut lock(&self.engine).store;
        store.undo_deferral().inspect_err(|_| store.rollback()).unwrap_or(false)
    }
}
