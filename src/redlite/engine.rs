//! One command from request to reply.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::commands::{self, Context};
use super::env::{Clock, Env, Random};
use super::failure::Failure;
use super::store::Store;
use crate::resp::{Argv, Reply};

/// An open store. Its clones are the same store; each thread that uses it takes a [`Client`].
#[derive(Clone, Debug)]
pub struct Redlite {
    engine: Arc<Mutex<Engine>>,
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// SQLite refuses the file.
    #[error("cannot open the store: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file is a database of another program.
    #[error("the file is an SQLite database of something else")]
    Foreign,
    /// The file holds a store of another version.
    #[error("the store in the file has schema version {found}, and this version reads {expected}")]
    Version {
        /// What the file says.
        found: i64,
        /// What this version writes.
        expected: i64,
    },
}

impl Redlite {
    /// Opens the store in the file at `path`, which is made where it is missing.
    ///
    /// # Errors
    /// [`OpenError`] where the file cannot be opened or is no store.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_with(path, Env::system())
    }

    /// Opens an empty store that lives as long as its last handle.
    ///
    /// # Errors
    /// [`OpenError`] where SQLite has no memory.
    pub fn open_in_memory() -> Result<Self, OpenError> {
        Self::open_in_memory_with(Env::system())
    }

    /// As [`Redlite::open`], with this clock and randomness.
    ///
    /// # Errors
    /// As [`Redlite::open`].
    pub fn open_with(path: impl AsRef<Path>, env: Env) -> Result<Self, OpenError> {
        Ok(Self::new(Store::open_file(path.as_ref())?, env))
    }

    /// As [`Redlite::open_in_memory`], with this clock and randomness.
    ///
    /// # Errors
    /// As [`Redlite::open_in_memory`].
    pub fn open_in_memory_with(env: Env) -> Result<Self, OpenError> {
        Ok(Self::new(Store::open_memory()?, env))
    }

    fn new(store: Store, env: Env) -> Self {
        let engine = Engine { store, clock: env.clock, random: env.random };
        Self { engine: Arc::new(Mutex::new(engine)) }
    }

    /// A connection to the store: its own database number and protocol.
    pub fn client(&self) -> Client {
        Client { engine: Arc::clone(&self.engine), connection: Connection::default() }
    }

    /// Takes random picks from another sequence from now on.
    pub fn set_random(&self, random: Random) {
        lock(&self.engine).random = random;
    }

    /// Empties every database, fast: what FLUSHALL does.
    ///
    /// # Errors
    /// Where SQLite fails.
    pub fn clear(&self) -> Result<(), OpenError> {
        let store = &mut lock(&self.engine).store;
        store.clear_all().and_then(|()| store.commit()).inspect_err(|_| store.rollback())?;
        Ok(())
    }
}

/// A connection to a [`Redlite`].
#[derive(Debug)]
pub struct Client {
    engine: Arc<Mutex<Engine>>,
    connection: Connection,
}

impl Client {
    /// Runs one command and returns what Redis would answer.
    pub fn execute(&mut self, argv: &Argv) -> Reply {
        lock(&self.engine).execute(&mut self.connection, argv)
    }
}

/// The engine stays sound where a thread panicked with it: a command that did not end is rolled back by the next.
fn lock(engine: &Mutex<Engine>) -> MutexGuard<'_, Engine> {
    engine.lock().unwrap_or_else(|poisoned: PoisonError<_>| {
        let mut guard = poisoned.into_inner();
        guard.store.rollback();
        engine.clear_poison();
        guard
    })
}

/// What a connection remembers.
#[derive(Debug)]
pub(super) struct Connection {
    /// The selected database.
    pub db: u32,
    /// 2 or 3: the protocol of its replies.
    pub protocol: u8,
}

impl Default for Connection {
    fn default() -> Self {
        Self { db: 0, protocol: 2 }
    }
}

#[derive(Debug)]
struct Engine {
    store: Store,
    clock: Clock,
    random: Random,
}

impl Engine {
    fn execute(&mut self, connection: &mut Connection, argv: &Argv) -> Reply {
        let command = match commands::find(argv) {
            Ok(command) => command,
            Err(failure) => return failure.into_reply(),
        };
        let now_ms = self.clock.now_ms();
        self.store.set_now(now_ms);
        let mut context = Context { store: &mut self.store, connection, random: &mut self.random, argv, now_ms };
        let outcome = (command.run)(&mut context);
        self.settle(outcome)
    }

    /// Commits what the command changed, or undoes it where the storage failed.
    fn settle(&mut self, outcome: Result<Reply, Failure>) -> Reply {
        let reply = match outcome {
            Ok(reply) => reply,
            Err(failure @ Failure::Refused(_)) => failure.into_reply(),
            Err(failure @ Failure::Storage(_)) => {
                self.store.rollback();
                return failure.into_reply();
            }
        };
        match self.store.commit() {
            Ok(()) => reply,
            Err(error) => {
                self.store.rollback();
                Failure::Storage(error).into_reply()
            }
        }
    }
}
