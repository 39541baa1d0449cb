//! One command from request to reply: found, run or queued, committed, and whoever it wakes served.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::clients::{Addresses, Clients, Connection, Slot};
use super::commands::{self, Command, Context};
use super::env::{Clock, Random};
use super::error::{Error, OpenError};
use super::failure::{self, Failure};
use super::journal::{Entry, Journal, Stage};
use super::options::{Limits, Options};
use super::points::Point;
use super::store::{Ready, Store, Type};
use super::waiting::Alarm;
use super::waits::Wait;
use resp::{Argv, Reply};

/// An open store. Its clones are the same store; each thread that uses it takes a [`Client`].
#[derive(Clone, Debug)]
pub struct Redlite {
    pub(super) engine: Arc<Mutex<Engine>>,
}

/// What is known of a key without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// The number of its database.
    pub db: u32,
    /// Its name.
    pub name: Vec<u8>,
    /// What TYPE answers.
    pub kind: &'static str,
    /// When it expires, in milliseconds since 1970.
    pub expires_ms: Option<i64>,
}

impl Redlite {
    /// Opens the store in the file at `path` with the usual [`Options`]. The file is made where it is missing.
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Options::new().open(path)
    }

    /// Opens an empty store that lives as long as its last handle, with the usual [`Options`].
    ///
    /// # Errors
    /// As [`Options::open_in_memory`].
    pub fn open_in_memory() -> Result<Self, OpenError> {
        Options::new().open_in_memory()
    }

    pub(super) fn new(store: Store, options: Options) -> Self {
        let Options { clock, random, password, limits, .. } = options;
        let mut clients = Clients::default();
        clients.config.set_password(password);
        let random = random.unwrap_or_else(Random::from_system);
        Self {
            engine: Arc::new(Mutex::new(Engine { store, clock, random, limits, clients, journal: Journal::default() })),
        }
    }

    /// A connection to the store: its own database number, protocol, transaction and subscriptions.
    pub fn client(&self) -> Client {
        let mut engine = lock(&self.engine);
        let now_ms = engine.clock.now_ms();
        let slot = engine.clients.add(now_ms);
        engine.note_of(slot, |id| Entry::Joined { id, now_ms });
        drop(engine);
        Client { engine: Arc::clone(&self.engine), slot, alarm: None }
    }

    /// Demands this password of every connection from now on, those that are there apart: [`Redlite::client`] gives
    /// one that has to send AUTH or HELLO first. None, or an empty one, lets everybody in. CONFIG GET `requirepass`
    /// tells it, and CONFIG SET changes it.
    pub fn set_password(&self, password: Option<Vec<u8>>) {
        lock(&self.engine).clients.config.set_password(password);
    }

    /// Empties every database, fast: what FLUSHALL does.
    ///
    /// # Errors
    /// Where SQLite fails.
    pub fn clear(&self) -> Result<(), OpenError> {
        let store = &mut lock(&self.engine).store;
        store
            .recover()
            .and_then(|()| store.clear_all())
            .and_then(|()| store.commit())
            .inspect_err(|_| store.rollback())?;
        Ok(())
    }

    /// Every key, by database and name.
    ///
    /// # Errors
    /// Where SQLite or the storage fails.
    pub fn keys(&self) -> Result<Vec<KeyFacts>, OpenError> {
        let engine = &mut *lock(&self.engine);
        let Engine { store, clock, .. } = engine;
        store.set_now(clock.now_ms());
        let tell = |db, name, kind: Type, expires_ms| KeyFacts { db, name, kind: kind.name(), expires_ms };
        // Where memory or the disk fails it, SQLite may have rolled back what was put off.
        let keys = store.recover().and_then(|()| store.all_keys(tell)).inspect_err(|_| store.rollback());
        keys.map_err(|error| OpenError::from(error).with_cause(store.take_cause()))
    }

    /// What is wrong with the file as a whole, one line for each fault: nothing, where it is sound. Reads all of it.
    ///
    /// # Errors
    /// Where it cannot be read, or a page does not match its checksum.
    pub fn find_damage(&self) -> Result<Vec<String>, OpenError> {
        let store = &lock(&self.engine).store;
        store.find_damage().map_err(|error| OpenError::from(error).with_cause(store.take_cause()))
    }

    /// Writes what is in the log to the database file, and empties the log. It is done by itself now and then.
    ///
    /// # Errors
    /// Where that fails: nothing is lost then.
    pub fn checkpoint(&self) -> Result<(), OpenError> {
        let store = &mut lock(&self.engine).store;
        store.checkpoint().map_err(|error| OpenError::from(error).with_cause(store.take_cause()))
    }

    /// Writes the file anew, without the room that deleted data took.
    ///
    /// # Errors
    /// Where that fails: nothing is lost then.
    pub fn vacuum(&self) -> Result<(), OpenError> {
        let store = &mut lock(&self.engine).store;
        let done = store.vacuum().inspect_err(|_| store.rollback());
        done.map_err(|error| OpenError::from(error).with_cause(store.take_cause()))
    }

    /// True where a commit would wait for a disk: it is worth to take in first whatever else there is to run.
    #[cfg(feature = "server")]
    pub(super) fn has_to_sync(&self) -> bool {
        lock(&self.engine).store.has_to_sync()
    }

    /// Who is asked at the points of a server.
    #[cfg(feature = "server")]
    pub(super) fn points(&self) -> super::points::Points {
        lock(&self.engine).clients.points.clone()
    }

    /// Starts a batch, or goes on with one that was not committed: commands of any of the store's connections that are
    /// committed together.
    pub fn batch(&self) -> Batch<'_> {
        Batch { engine: lock(&self.engine) }
    }

    /// Ends the waits of blocked connections whose time is over. To be called after a manual clock has moved, and with
    /// the system's clock at [`Redlite::next_timeout_ms`].
    pub fn expire_waits(&self) {
        let mut batch = self.batch();
        batch.expire_waits();
        batch.commit();
    }

    /// When the next wait of a blocked connection is over, in milliseconds since 1970.
    pub fn next_timeout_ms(&self) -> Option<i64> {
        lock(&self.engine).clients.waits.next_timeout_ms()
    }
}

/// Commands that are committed together, and the store's lock. Their replies, and what they send to other connections,
/// wait in the connections' outboxes: they are to be taken after [`Batch::commit`].
#[derive(Debug)]
pub struct Batch<'a> {
    pub(super) engine: Locked<'a>,
}

/// What of a connection matters to whoever runs its commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// It waits for something to take: its next command has to wait, too.
    pub is_blocked: bool,
    /// It is to be closed once its frames are sent.
    pub is_closing: bool,
    /// It has to say the password before anything else.
    pub is_stranger: bool,
    /// Messages of channels may be sent to it.
    pub is_subscriber: bool,
}

impl Batch<'_> {
    /// Runs one command of a connection of this store, unless it is blocked.
    pub fn run(&mut self, client: &Client, argv: &Argv) -> State {
        self.engine.run(client.slot, argv);
        self.state(client)
    }

    /// Answers a connection what is no command, and has it closed.
    pub fn refuse(&mut self, client: &Client, error: Reply) -> State {
        if let Some(connection) = self.engine.clients.get_mut(client.slot) {
            connection.outbox.push_back(error);
            connection.is_closing = true;
        }
        self.engine.note_of(client.slot, |id| Entry::Refused { id });
        self.state(client)
    }

    /// Ends the waits whose time is over, as [`Redlite::expire_waits`].
    pub fn expire_waits(&mut self) {
        self.engine.expire_waits();
    }

    /// Makes what the commands changed last. Where that fails, every reply of the batch becomes an error, and nothing
    /// of it is kept.
    pub fn commit(&mut self) {
        self.engine.commit();
    }

    /// Takes what is to be sent to a connection.
    pub fn take_frames(&mut self, client: &Client, take: impl FnMut(Reply)) {
        if let Some(connection) = self.engine.clients.get_mut(client.slot) {
            connection.outbox.drain(..).for_each(take);
        }
    }

    /// How a connection stands: closing, where there is none.
    pub fn state(&self, client: &Client) -> State {
        match self.engine.clients.get(client.slot) {
            None => State { is_closing: true, ..State::default() },
            Some(connection) => State {
                is_blocked: connection.wait.is_some(),
                is_closing: connection.is_closing,
                is_stranger: self.engine.clients.is_stranger(connection),
                is_subscriber: connection.subscriptions.is_any(),
            },
        }
    }

    /// The connections for which there is something to do after commands of others: frames to take, blocked no more,
    /// or to be closed.
    #[cfg(feature = "server")]
    pub(crate) fn take_stirred(&mut self) -> Vec<Slot> {
        self.engine.clients.take_stirred()
    }

    /// The store's time, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.engine.clock.now_ms()
    }
}

/// A connection to a [`Redlite`]; it ends when this is dropped.
#[derive(Debug)]
pub struct Client {
    pub(super) engine: Arc<Mutex<Engine>>,
    pub(super) slot: Slot,
    /// Wakes a task that waits until some time.
    pub(super) alarm: Option<Alarm>,
}

impl Client {
    /// Runs one command and returns what Redis would answer: [`Reply::Pending`] where the client is blocked now, and
    /// [`Reply::Frames`] where not exactly one frame is there to take, as messages of channels come first.
    ///
    /// While it is blocked, no command is run and the answer is [`Reply::Pending`]: [`Client::wait`] waits for the reply.
    pub fn execute(&mut self, argv: &Argv) -> Reply {
        self.run(argv)
    }

    /// As [`Client::execute`], for commands that leave the connection as it is.
    pub(super) fn run(&self, argv: &Argv) -> Reply {
        let mut engine = lock(&self.engine);
        engine.run(self.slot, argv);
        engine.commit();
        engine.take_reply(self.slot)
    }

    /// As [`Client::execute`], of anything that makes arguments, such as an array of strings.
    ///
    /// # Errors
    /// The error that the command is answered.
    pub fn request(&mut self, argv: impl Into<Argv>) -> Result<Reply, Error> {
        Error::check(self.execute(&argv.into()))
    }

    /// What has arrived since the last request: [`Reply::Pending`] while the client is blocked.
    pub fn poll(&mut self) -> Reply {
        lock(&self.engine).take_reply(self.slot)
    }

    /// Says what the client is connected from and to: CLIENT LIST shows it.
    pub fn set_addresses(&self, addresses: Addresses) {
        let mut engine = lock(&self.engine);
        engine.note_of(self.slot, |id| Entry::Named { id, peer: addresses.peer.clone() });
        if let Some(connection) = engine.clients.get_mut(self.slot) {
            connection.addresses = addresses;
        }
    }

    /// Where it stands in the table of connections.
    #[cfg(feature = "server")]
    pub(super) fn slot(&self) -> Slot {
        self.slot
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.forget_waker();
        let mut engine = lock(&self.engine);
        engine.note_of(self.slot, |id| Entry::Left { id });
        engine.clients.remove(self.slot);
    }
}

/// The engine stays sound where a thread panicked with it: a command that did not end is rolled back by the next.
pub(super) fn lock(engine: &Mutex<Engine>) -> Locked<'_> {
    let guard = engine.lock().unwrap_or_else(|poisoned: PoisonError<_>| {
        let mut guard = poisoned.into_inner();
        let error = Reply::Error(b"ERR a command of the same batch was cut short: nothing of it is kept".to_vec());
        guard.undo(&error, Stage::Command);
        engine.clear_poison();
        guard
    });
    Locked { guard, woken: Woken(Vec::new()) }
}

/// The engine's lock. Whoever is to be woken by what was done under it is woken when it is free.
#[derive(Debug)]
pub(super) struct Locked<'a> {
    // In this order they are dropped.
    guard: MutexGuard<'a, Engine>,
    woken: Woken,
}

impl Deref for Locked<'_> {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.guard
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Engine {
        &mut self.guard
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.woken.0 = std::mem::take(&mut self.guard.clients.woken);
    }
}

#[derive(Debug)]
struct Woken(Vec<Waker>);

impl Drop for Woken {
    fn drop(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

#[derive(Debug)]
pub(super) struct Engine {
    pub store: Store,
    pub clock: Clock,
    pub random: Random,
    limits: Limits,
    pub clients: Clients,
    pub journal: Journal,
}

impl Engine {
    /// Writes down what is done with a connection.
    fn note_of(&mut self, slot: Slot, entry: impl FnOnce(i64) -> Entry) {
        let Self { clients, journal, .. } = self;
        if let Some(connection) = clients.get(slot) {
            journal.note(|| entry(connection.id));
        }
    }

    /// Runs one command, and what it wakes.
    pub(super) fn run(&mut self, slot: Slot, argv: &Argv) {
        if self.clients.get_mut(slot).is_none_or(|connection| connection.wait.is_some()) {
            return;
        }
        let Some(mut connection) = self.clients.take(slot) else { return };
        let now_ms = self.clock.now_ms();
        self.journal.note(|| Entry::Ran { id: connection.id, now_ms, argv: argv.clone() });
        self.store.set_now(now_ms);
        self.store.set_listeners(self.clients.is_watching(), !self.clients.waits.is_empty());
        let outcome = self.dispatch(&mut connection, argv, now_ms);
        self.settle(connection, outcome, Stage::Command);
        self.tell_watchers(argv.get(0).unwrap_or_default());
        self.serve_ready(now_ms);
    }

    /// Tells those who watch them of the keys that a command changed.
    fn tell_watchers(&mut self, command: &[u8]) {
        if self.clients.points.passes(Point::Touch, command) {
            self.clients.mark_dirty(&mut self.store);
        } else {
            self.store.take_touched();
        }
    }

    /// Finds the command and runs it, queues it or refuses it.
    fn dispatch(&mut self, connection: &mut Connection, argv: &Argv, now_ms: i64) -> Result<Reply, Failure> {
        let recovered = self.store.recover().map_err(Failure::from).and_then(|()| commands::find(argv));
        let recovered = recovered.and_then(|command| self.limits.check(argv).map(|()| command));
        let checked =
            recovered.and_then(|command| commands::check_state(&self.clients, connection, command).map(|()| command));
        self.clients.commands_run += 1;
        connection.active_ms = now_ms;
        let command = match checked {
            Ok(command) => {
                connection.last_command = Some(command.spec.name);
                command
            }
            Err(failure) => return Err(commands::reject(connection, &mut self.clients, argv, failure)),
        };
        if commands::is_queued(connection, command)
            && self.clients.points.passes(Point::Queue, command.spec.name.as_bytes())
        {
            connection.transaction.iter_mut().for_each(|transaction| transaction.queue.push(argv.clone()));
            return Ok(Reply::Simple(b"QUEUED".to_vec()));
        }
        self.run_command(command, connection, argv, now_ms, None)
    }

    fn run_command(
        &mut self,
        command: &Command,
        connection: &mut Connection,
        argv: &Argv,
        now_ms: i64,
        ready_key: Option<&[u8]>,
    ) -> Result<Reply, Failure> {
        let Self { store, random, limits, clients, .. } = self;
        let limits = *limits;
        let in_exec = false;
        (command.run)(&mut Context { store, connection, clients, random, limits, argv, now_ms, in_exec, ready_key })
    }

    /// Answers a command of `connection`, or lets the connection wait; undoes the batch where the storage failed.
    fn settle(&mut self, mut connection: Box<Connection>, outcome: Result<Reply, Failure>, stage: Stage) {
        match outcome {
            Ok(reply) => self.clients.answer(&mut connection, reply),
            Err(Failure::Blocked(wait)) => {
                self.clients.waits.add(connection.slot, &wait);
                connection.wait = Some(*wait);
            }
            Err(failure @ Failure::Refused(_)) => self.clients.answer(&mut connection, failure.into_reply()),
            Err(failure @ Failure::Storage(_)) => {
                let error = self.explain(failure);
                self.clients.answer(&mut connection, error.clone());
                self.clients.put_back(connection);
                return self.undo(&error, stage);
            }
        }
        self.clients.put_back(connection);
    }

    fn undo(&mut self, error: &Reply, stage: Stage) {
        self.store.rollback();
        // Nobody is told of it where the process ends before that.
        if let Some(seed) = self.journal.note_undone(error, stage) {
            self.random = Random::seeded(seed);
        }
        if self.clients.points.passes(Point::Fail, b"") {
            self.clients.fail_batch(error);
        }
    }

    pub(super) fn commit(&mut self) {
        if !self.clients.points.passes(Point::Commits, b"") {
            return;
        }
        match self.store.commit() {
            Ok(()) => {
                self.journal.note(|| Entry::Committed);
                self.clients.note_commit();
            }
            Err(error) => self.fail(Failure::Storage(error), Stage::Commit),
        }
    }

    /// Undoes the batch, as this stopped it.
    fn fail(&mut self, failure: Failure, stage: Stage) {
        let error = self.explain(failure);
        self.undo(&error, stage);
    }

    /// Does to a connection, and to the batch, what a command does that the storage stopped.
    #[cfg(feature = "testing")]
    pub(super) fn run_stopped(&mut self, slot: Slot, argv: &Argv, error: &Reply) {
        let Some(mut connection) = self.clients.take(slot) else { return };
        let now_ms = self.clock.now_ms();
        self.store.set_now(now_ms);
        self.clients.commands_run += 1;
        connection.active_ms = now_ms;
        // What it is refused with is known.
        let _ = commands::reject(&mut connection, &mut self.clients, argv, Failure::Refused(Vec::new()));
        self.clients.answer(&mut connection, error.clone());
        self.clients.put_back(connection);
        self.undo(error, Stage::Command);
        self.tell_watchers(argv.get(0).unwrap_or_default());
        self.serve_ready(now_ms);
    }

    /// Undoes the batch as where its commit failed; where it `returns`, its changes stay all the same.
    #[cfg(feature = "testing")]
    pub(super) fn undo_commit(&mut self, error: &Reply, returns: bool) {
        match returns && self.store.commit().is_ok() {
            true => self.clients.fail_batch(error),
            false => self.undo(error, Stage::Commit),
        }
    }

    fn explain(&self, failure: Failure) -> Reply {
        match failure {
            Failure::Storage(error) => failure::storage_reply(&error, self.store.take_cause()),
            other => other.into_reply(),
        }
    }

    /// Serves those who wait for keys that have become ready. What one of them does may make others ready.
    fn serve_ready(&mut self, now_ms: i64) {
        loop {
            let ready = self.store.take_ready();
            if ready.is_empty() {
                return;
            }
            for key in ready {
                if !self.clients.points.passes(Point::Wake, &key.name) {
                    continue;
                }
                if let Err(failure) = self.serve_key(&key, now_ms) {
                    self.fail(failure, Stage::Waiters);
                }
                self.clients.mark_dirty(&mut self.store);
            }
        }
    }

    fn serve_key(&mut self, ready: &Ready, now_ms: i64) -> Result<(), Failure> {
        let is_stream = self.store.find(ready.db, &ready.name)?.is_some_and(|key| key.kind == Type::Stream);
        for _ in 0..self.clients.waits.count(ready.db, &ready.name) {
            let Some(key) = self.store.find(ready.db, &ready.name)? else { break };
            let is_fair = self.clients.points.passes(Point::Rotate, &ready.name);
            let Some(first) = self.clients.waits.next(ready.db, &ready.name, is_fair) else { break };
            self.serve(first, ready, key.kind, now_ms);
        }
        if !is_stream {
            for slot in self.clients.waits.waiting_for(ready.db, &ready.name) {
                self.serve(slot, ready, Type::Stream, now_ms);
            }
        }
        Ok(())
    }

    /// Runs again what a connection waits with, where it waits for a key of this kind.
    fn serve(&mut self, slot: Slot, ready: &Ready, kind: Type, now_ms: i64) {
        let Some(mut connection) = self.clients.take(slot) else { return };
        let Some(wait) = connection.wait.take() else {
            return self.clients.put_back(connection);
        };
        let outcome = match commands::find(&wait.argv) {
            Ok(command) if wait.kind == kind => {
                self.run_command(command, &mut connection, &wait.argv, now_ms, Some(&ready.name))
            }
            Ok(_) => Err(Failure::Blocked(Box::new(wait.clone()))),
            Err(failure) => Err(failure),
        };
        if let Err(Failure::Blocked(_)) = outcome {
            connection.wait = Some(wait);
            self.clients.put_back(connection);
        } else {
            if self.clients.points.passes(Point::Served, &ready.name) {
                self.clients.waits.remove(slot, &wait);
            } else {
                connection.wait = Some(wait);
            }
            self.settle(connection, outcome, Stage::Waiters);
            self.clients.stir(slot);
        }
    }

    pub(super) fn expire_waits(&mut self) {
        let now_ms = self.clock.now_ms();
        if !self.clients.waits.is_empty() {
            self.journal.note(|| Entry::Expired { now_ms });
        }
        let are_ended = self.clients.points.passes(Point::EndWaits, b"");
        while let Some(slot) = self.clients.waits.first_timed_out(now_ms).filter(|_| are_ended) {
            let Some(mut connection) = self.clients.take(slot) else { break };
            if let Some(wait) = connection.wait.take() {
                self.clients.waits.remove(slot, &wait);
                self.clients.answer(&mut connection, wait.timed_out.clone());
                if !self.clients.points.passes(Point::Overdue, b"") {
                    let wait = Wait { until_ms: None, ..wait };
                    self.clients.waits.add(slot, &wait);
                    connection.wait = Some(wait);
                }
            }
            self.clients.put_back(connection);
            self.clients.stir(slot);
        }
        if let Err(failure) = self.expire_awaited(now_ms) {
            self.fail(failure, Stage::Waiters);
        }
    }

    /// A stream whose time is over is gone also for those who wait as consumers of its groups.
    fn expire_awaited(&mut self, now_ms: i64) -> Result<(), Failure> {
        self.store.set_now(now_ms);
        self.store.set_listeners(self.clients.is_watching(), !self.clients.waits.is_empty());
        for (db, name) in self.clients.waits.keys_of_streams() {
            self.store.find(db, &name)?;
        }
        self.clients.mark_dirty(&mut self.store);
        self.serve_ready(now_ms);
        Ok(())
    }

    /// What there is to take by an embedder: one frame as it is.
    pub(super) fn take_reply(&mut self, slot: Slot) -> Reply {
        let Some(connection) = self.clients.get_mut(slot) else { return Reply::Closed };
        let is_blocked = connection.wait.is_some();
        match (connection.outbox.pop_front(), connection.outbox.is_empty()) {
            (None, _) if is_blocked => Reply::Pending,
            (None, _) => Reply::Frames(Vec::new()),
            (Some(only), true) if !is_blocked => only,
            (Some(first), _) => {
                let pending = is_blocked.then_some(Reply::Pending);
                Reply::Frames([first].into_iter().chain(connection.outbox.drain(..)).chain(pending).collect())
            }
        }
    }
}
