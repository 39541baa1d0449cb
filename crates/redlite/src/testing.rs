//! What only a store's tester needs: stores of an older version, commits that are put off, connections that are forgotten.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::clients::Clients;
use super::engine::{Batch, Client, Redlite, lock};
use super::env::Random;
use super::error::OpenError;
use super::journal::Entry;
use super::points::{Observer, Points};
use super::vfs::Storage;
use resp::{Argv, Reply};

/// How much of each there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "Redlite::holdings says what they are")]
pub struct Holdings {
    pub connections: usize,
    pub waits: usize,
    pub watches: usize,
    pub transactions: usize,
    pub subscribers: usize,
    pub frames: usize,
    pub queued: usize,
    pub watching: usize,
    pub subscriptions: usize,
}

impl Batch<'_> {
    /// Does what a command comes to that the storage stopped with this error.
    pub fn run_stopped(&mut self, client: &Client, argv: &Argv, error: &Reply) {
        self.engine.run_stopped(client.slot, argv, error);
    }

    /// Does what a commit comes to that the storage stopped with this error. Where it `returns`, it could not be taken back
    /// from the log, and was there when that was read again.
    pub fn undo(&mut self, error: &Reply, returns: bool) {
        self.engine.undo_commit(error, returns);
    }

    /// How many frames are to be sent to a connection.
    pub fn waiting_frames(&self, client: &Client) -> usize {
        self.engine.clients.get(client.slot).map_or(0, |connection| connection.outbox.len())
    }
}

impl Redlite {
    /// Takes random picks from another sequence from now on.
    pub fn set_random(&self, random: Random) {
        lock(&self.engine).random = random;
    }

    /// Has this one asked at every point from now on, also of a server that is made then.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        let engine = &mut *lock(&self.engine);
        engine.clients.points = Points::of(observer);
        engine.store.points = engine.clients.points.clone();
    }

    /// Writes down from now on what is done; see [`Redlite::take_journal`].
    pub fn start_journal(&self) {
        lock(&self.engine).journal.start();
    }

    /// What was done since the last time.
    pub fn take_journal(&self) -> Vec<Entry> {
        lock(&self.engine).journal.take()
    }

    /// How many entries there are that were not taken yet: to be asked also while the store runs a command, as its files
    /// are called.
    pub fn journal_count(&self) -> Arc<AtomicUsize> {
        Arc::clone(&lock(&self.engine).journal.count)
    }

    /// What the store remembers of its connections: how many there are, how many of them wait, watch keys, have a
    /// transaction open or are subscribed to something, and how many frames are to be sent to them; and what the tables
    /// say of those who wait, watch and are subscribed, which has to be the same.
    pub fn holdings(&self) -> Holdings {
        let engine = lock(&self.engine);
        let clients = &engine.clients;
        let mut held = Holdings {
            queued: clients.waits.queued(),
            watching: clients.watching(),
            subscriptions: clients.channels.count(),
            ..Holdings::default()
        };
        for connection in engine.clients.iter() {
            held.connections += 1;
            held.waits += usize::from(connection.wait.is_some());
            held.watches += connection.watches.len();
            held.transactions += usize::from(connection.transaction.is_some());
            held.subscribers += usize::from(connection.subscriptions.is_any());
            held.frames += connection.outbox.len();
        }
        held
    }

    /// True where a commit that failed could not be taken back from the log so far: it may be there when the file is opened
    /// again.
    pub fn owes_retraction(&self) -> bool {
        lock(&self.engine).store.owes_retraction()
    }

    /// True where the last command of the connection with this peer waits; see [`super::Addresses`].
    pub fn waits(&self, peer: &str) -> bool {
        let engine = lock(&self.engine);
        engine.clients.iter().any(|connection| connection.wait.is_some() && connection.addresses.peer == peer)
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
