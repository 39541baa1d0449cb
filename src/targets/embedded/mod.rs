//! `redlite` and `redlite:FILE`: the embedded store, called directly. What a canary wraps is the call.

mod bytes;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub(super) use bytes::is_quit;
use bytes::{ByteStream, Outcome};

use super::canary::storage::Open;
use super::connection::Failure;
use super::keyspace::{self, Known, Requests};
use super::server::Lease;
use super::{Session, Target, TargetError, TargetOptions, cursor, describe_count};
use crate::diff::{Entry, Keyspace};
use crate::trace::{Act, Header, Op, TargetInfo};
use redlite::env::{Clock, Random};
use redlite::vfs::Storage;
use redlite::{Client, KeyFacts, OpenError, Options, Redlite};
use resp::{Argv, Reply};

/// What it says it is.
const NAME: &str = "redlite";

/// How many notes a session keeps.
const NOTES_MAX: usize = 100;

/// From how many ops on, or bytes of their arguments, a trace in memory is committed command by command.
const PUT_OFF_OPS_MAX: usize = 2000;
const PUT_OFF_BYTES_MAX: usize = 1 << 20;

/// Runs one command of a trace: [`Client::execute`], or what a canary does in its place.
pub(super) type Execute = Arc<dyn Fn(&mut Client, &Argv) -> Reply + Send + Sync>;

/// Redlite in this process.
struct Embedded {
    name: String,
    execute: Execute,
    /// `None` in memory.
    file: Option<PathBuf>,
    allow_flush: bool,
    /// True while a session holds the file.
    in_use: Arc<AtomicBool>,
}

/// `redlite`
pub(super) fn in_memory(_: &str, _: &TargetOptions) -> Result<Box<dyn Target>, TargetError> {
    Ok(wrapped(NAME.to_owned(), Arc::new(Client::execute)))
}

/// Redlite in memory under another name, with `execute` between a trace and the store.
pub(super) fn wrapped(name: String, execute: Execute) -> Box<dyn Target> {
    Box::new(Embedded { name, execute, file: None, allow_flush: true, in_use: Arc::default() })
}

/// `redlite:FILE`
pub(super) fn on_file(path: &str, options: &TargetOptions) -> Result<Box<dyn Target>, TargetError> {
    Ok(Box::new(Embedded {
        name: NAME.to_owned(),
        execute: Arc::new(Client::execute),
        file: Some(PathBuf::from(path)),
        allow_flush: options.allow_flush,
        in_use: Arc::default(),
    }))
}

impl Target for Embedded {
    fn info(&self) -> TargetInfo {
        TargetInfo { name: self.name.clone(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }

    fn open(&self, header: &Header) -> Result<Box<dyn Session>, TargetError> {
        let place = self.file.clone().map_or(Place::Memory, Place::File);
        let lease = match &self.file {
            Some(_) => Some(Lease::take(&self.in_use).ok_or_else(|| TargetError::InUse { store: place.name() })?),
            None => None,
        };
        let mut session = EmbeddedSession::open(place, Arc::clone(&self.execute), header)?;
        session.lease = lease;
        if self.file.is_some() && !self.allow_flush {
            refuse_data(&session.place, &session.store)?;
        }
        session.reset(header)?;
        Ok(Box::new(session))
    }

    fn is_shared(&self) -> bool {
        self.file.is_some()
    }

    /// A test of the preflight holds that.
    fn has_all_commands(&self) -> bool {
        self.name == NAME
    }

    fn loses_data(&self) -> bool {
        self.file.is_none()
    }

    fn durable(&self) -> Option<Box<dyn Target>> {
        // What a canary has between a trace and the store stays behind.
        (self.file.is_none() && self.name == NAME).then(super::faulty::durable)
    }
}

fn refuse_data(place: &Place, store: &Redlite) -> Result<(), TargetError> {
    // Redlite has no INFO to compare DBSIZE with; it is dst's own engine that counts.
    let keys = keyspace::count_keys(&mut Admin(store.trusted_client()));
    let keys = keys.map_err(|failure| TargetError::Unreachable { server: place.name(), why: failure.to_string() })?;
    if keys == Some(0) {
        return Ok(());
    }
    Err(TargetError::NotEmpty { store: place.name(), keys: describe_count(keys) })
}

/// Where the store is.
pub(super) enum Place {
    /// In memory.
    Memory,
    /// In this file.
    File(PathBuf),
    /// In a file of some storage.
    Storage {
        /// Which.
        storage: Arc<dyn Storage>,
        /// The file's name.
        name: PathBuf,
        /// How it is opened.
        options: Box<Options>,
        /// What opens it.
        open: Open,
    },
}

impl Place {
    fn name(&self) -> String {
        match self {
            Place::File(file) => format!("redlite:{}", file.display()),
            Place::Memory | Place::Storage { .. } => "redlite".to_owned(),
        }
    }

    /// Takes the files from elsewhere from now on, where they are in some storage.
    pub(super) fn set_storage(&mut self, other: Arc<dyn Storage>) {
        if let Place::Storage { storage, .. } = self {
            *storage = other;
        }
    }

    /// Opens the store, at this clock.
    pub(super) fn open(&self, clock: &Clock) -> Result<Redlite, OpenError> {
        // Picks at random are compared as what they are; the seed only makes a run repeatable.
        let at_clock = |options: &Options| options.clone().clock(clock.clone()).random(Random::seeded(0));
        match self {
            Place::File(file) => at_clock(&Options::new()).open(file),
            Place::Memory => at_clock(&Options::new()).open_in_memory(),
            Place::Storage { storage, name, options, open } => open(Arc::clone(storage), name, &at_clock(options)),
        }
    }

    fn failed(&self, source: OpenError) -> TargetError {
        TargetError::Redlite { store: self.name(), source: source.into() }
    }
}

/// A connection of the trace.
struct Connection {
    client: Client,
    /// True from a command that blocked until an await has taken its reply.
    waits: bool,
    /// From the first raw bytes on.
    bytes: Option<ByteStream>,
}

impl Connection {
    fn new(store: &Redlite) -> Self {
        Self { client: store.client(), waits: false, bytes: None }
    }

    /// Takes note of a reply of its client's.
    fn answer(&mut self, reply: Reply) -> Reply {
        self.waits = reply.frames().last() == Some(&Reply::Pending);
        reply
    }
}

/// A replay in progress.
pub(super) struct EmbeddedSession {
    connections: BTreeMap<u16, Connection>,
    execute: Execute,
    /// The store, open.
    pub(super) store: Redlite,
    /// What is in its place while it is closed: made once, as that takes longer than opening a file.
    closed: Option<Redlite>,
    /// Where it is opened.
    pub(super) place: Place,
    /// Its clock.
    pub(super) clock: Clock,
    known: Known,
    notes: Vec<String>,
    lease: Option<Lease>,
    /// In memory, from a reset on: what was replayed since, in one transaction.
    uncommitted: Option<Uncommitted>,
}

/// A trace whose commits are put off: one transaction is several times as fast as one for each command.
struct Uncommitted {
    header: Header,
    ops: Vec<Op>,
    /// Of the arguments of `ops`.
    bytes: usize,
    /// True where the store was restarted after some of it was undone.
    is_undone: bool,
}

impl Uncommitted {
    fn add(&mut self, ops: &[Op]) {
        self.bytes += ops.iter().filter_map(Op::argv).flat_map(Argv::iter).map(<[u8]>::len).sum::<usize>();
        self.ops.extend_from_slice(ops);
    }

    /// True where no more is put off, so that a long trace takes no more memory than a short one.
    fn is_full(&self) -> bool {
        self.ops.len() >= PUT_OFF_OPS_MAX || self.bytes >= PUT_OFF_BYTES_MAX
    }
}

impl EmbeddedSession {
    /// A session on the store in this place, as it is.
    pub(super) fn open(place: Place, execute: Execute, header: &Header) -> Result<Self, TargetError> {
        let clock = Clock::manual(header.start_ms);
        let store = place.open(&clock).map_err(|source| place.failed(source))?;
        Ok(Self {
            connections: BTreeMap::new(),
            execute,
            store,
            closed: None,
            place,
            clock,
            known: Known::new(),
            notes: Vec::new(),
            lease: None,
            uncommitted: None,
        })
    }

    /// Closes the store and opens it again. In memory, nothing is left.
    fn restart(&mut self) -> Result<(), TargetError> {
        if let Some(uncommitted) = &mut self.uncommitted {
            uncommitted.is_undone |= !self.store.is_whole();
        }
        self.close().and_then(|()| self.reopen()).map_err(|source| self.place.failed(source))
    }

    /// Closes the store and every connection: until it is opened again, an empty one is in its place.
    pub(super) fn close(&mut self) -> Result<(), OpenError> {
        self.connections.clear();
        let closed = self.closed.take().map_or_else(|| Place::Memory.open(&self.clock), Ok)?;
        self.store = closed.clone();
        self.closed = Some(closed);
        Ok(())
    }

    /// Opens the store again, which is closed, or whose files are dead.
    pub(super) fn reopen(&mut self) -> Result<(), OpenError> {
        self.connections.clear();
        self.store = self.place.open(&self.clock)?;
        Ok(())
    }

    /// Closes every connection of a store that stays open, and forgets what they have set.
    pub(super) fn forget_clients(&mut self) {
        self.connections.clear();
        self.store.forget_clients();
    }

    /// Everything that is stored, the indexes of search too: each is an entry of its own, whose value is what FT.INFO says.
    ///
    /// # Errors
    /// Infrastructure only.
    pub(super) fn keyspace_and_indexes(&mut self) -> Result<Keyspace, TargetError> {
        let Some(mut keyspace) = self.keyspace()? else {
            // Of some database no command lists the keys. The store says why.
            let why =
                self.store.keys().map_or_else(|error| error.to_string(), |_| "the keys cannot be listed".to_owned());
            return Ok(Keyspace::unreadable(Reply::error(why)));
        };
        if keyspace.instead().is_some() {
            return Ok(keyspace);
        }
        let mut admin = Admin(self.store.trusted_client());
        let listed = admin.run(&[Argv::from(["FT._LIST"])]).ok().and_then(|mut replies| replies.pop());
        let names = listed.as_ref().and_then(Reply::as_elements).unwrap_or_default();
        for name in names.iter().filter_map(Reply::as_bytes) {
            let info = admin.run(&[Argv::from([b"FT.INFO", name])]).ok().and_then(|mut replies| replies.pop());
            keyspace.entries.push(Entry {
                db: 0,
                key: [b"index ", name].concat(),
                kind: "index".to_owned(),
                value: info.unwrap_or(Reply::NullBulk),
                details: None,
                expires_ms: None,
            });
        }
        Ok(keyspace)
    }

    /// How each key is kept, in the order of the keys: what OBJECT ENCODING says. A command that changes nothing else may
    /// change it, as SORT does.
    pub(super) fn encodings(&mut self) -> Vec<Reply> {
        let mut admin = Admin(self.store.trusted_client());
        let mut ask = |db: u32, name: &[u8]| {
            let select = Argv::from(["SELECT", &db.to_string()]);
            admin.run(&[select, Argv::from([b"OBJECT", b"ENCODING".as_slice(), name])]).ok().and_then(|mut it| it.pop())
        };
        let keys = self.store.keys().unwrap_or_default();
        keys.into_iter().filter_map(|key| ask(key.db, &key.name)).collect()
    }

    /// What stands between a trace and the store.
    pub(super) fn execute(&self) -> Execute {
        Arc::clone(&self.execute)
    }

    /// Closes one connection.
    pub(super) fn disconnect(&mut self, conn: u16) {
        self.connections.remove(&conn);
    }

    fn connection(&mut self, conn: u16) -> &mut Connection {
        self.connections.entry(conn).or_insert_with(|| Connection::new(&self.store))
    }

    /// Runs one command, and an iteration to its end.
    fn call(&mut self, conn: u16, argv: &Argv) -> Reply {
        let connection = self.connections.entry(conn).or_insert_with(|| Connection::new(&self.store));
        if connection.bytes.is_some() {
            let mut bytes = Vec::new();
            argv.encode(&mut bytes);
            return self.send(conn, &bytes);
        }
        if connection.waits {
            return Reply::Pending;
        }
        let mut run = |argv: &Argv| catch(|| (self.execute)(&mut connection.client, argv));
        let outcome = run(argv).and_then(|first| match spec::start_of_iteration(argv) {
            Some(cursor_at) => iterate(argv, cursor_at, first, run),
            None => Ok(first),
        });
        let outcome = outcome.map(|reply| connection.answer(reply));
        if is_quit(argv) {
            self.connections.remove(&conn);
        }
        outcome.unwrap_or_else(|failure| self.lose(conn, &failure, &format!("{argv:?}")))
    }

    /// Runs what raw bytes say, as far as it is whole.
    fn send(&mut self, conn: u16, bytes: &[u8]) -> Reply {
        let connection = self.connections.entry(conn).or_insert_with(|| Connection::new(&self.store));
        if connection.waits {
            return Reply::Pending;
        }
        let Connection { client, bytes: stream, .. } = connection;
        let stream = stream.get_or_insert_default();
        let mut frames = Vec::new();
        stream.note(client.poll(), &mut frames);
        match stream.run(bytes, frames, |argv| catch(|| (self.execute)(client, argv))) {
            Ok(Outcome { frames, closed: false }) => Reply::from_frames(frames),
            Ok(Outcome { frames, closed: true }) => {
                self.connections.remove(&conn);
                Reply::Frames(frames)
            }
            Err(failure) => self.lose(conn, &failure, &format!("\"{}\"", bytes.escape_ascii())),
        }
    }

    /// What has arrived since the last op.
    fn take(&mut self, conn: u16) -> Reply {
        match self.connections.get_mut(&conn) {
            None => Reply::Frames(Vec::new()),
            Some(connection) if connection.bytes.is_some() => self.send(conn, &[]),
            Some(connection) => {
                let reply = connection.client.poll();
                connection.answer(reply)
            }
        }
    }

    /// A server would have lost the connection, too. What the command did is rolled back by the next one.
    fn lose(&mut self, conn: u16, failure: &Failure, what: &str) -> Reply {
        self.connections.remove(&conn);
        if self.notes.len() < NOTES_MAX {
            self.notes.push(format!("Redlite panicked at {what}"));
        }
        failure.reply()
    }

    /// Commits what was put off, and each command by itself from now on. What was undone is done again.
    fn settle(&mut self) -> Result<(), TargetError> {
        let Some(Uncommitted { header, ops, is_undone, .. }) = self.uncommitted.take() else { return Ok(()) };
        if self.store.end_deferral() && !is_undone {
            return Ok(());
        }
        self.empty(&header)?;
        let notes = self.notes.len();
        self.replay_singly(&ops, &mut Vec::new())?;
        self.notes.truncate(notes);
        Ok(())
    }

    fn empty(&mut self, header: &Header) -> Result<(), TargetError> {
        // What CONFIG has set, too.
        self.forget_clients();
        self.clock.set(header.start_ms);
        // What a trace's picks are follows from the trace, not from those that were replayed before it.
        self.store.set_random(Random::seeded(0));
        // Commits are put off on an empty store.
        if self.store.undo_deferral() {
            return Ok(());
        }
        self.store.end_deferral();
        self.store.clear().map_err(|source| self.place.failed(source))
    }

    fn read_keyspace(&mut self) -> Option<Keyspace> {
        let read = match self.store.keys() {
            // There is nothing between the store and what it says.
            Ok(keys) => read_keys(&self.store, keys).map(Some),
            // Not all of them can be listed: each command says what it can read.
            Err(_) => keyspace::read(&mut Admin(self.store.trusted_client()), &mut self.known, self.clock.now_ms()),
        };
        read.unwrap_or_else(|failure| Some(Keyspace::unreadable(failure.reply())))
    }

    fn replay_singly(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError> {
        for op in ops {
            replies.push(self.perform(op)?);
        }
        Ok(())
    }

    /// Runs one op.
    pub(super) fn perform(&mut self, op: &Op) -> Result<Reply, TargetError> {
        match &op.act {
            Act::Call(argv) => return Ok(self.call(op.conn, argv)),
            Act::Raw(bytes) => return Ok(self.send(op.conn, bytes)),
            Act::Open => {
                self.connection(op.conn);
            }
            Act::Close => {
                self.connections.remove(&op.conn);
            }
            Act::Await => return Ok(self.take(op.conn)),
            Act::Advance { ms } => {
                self.clock.set(self.clock.now_ms().saturating_add_unsigned(*ms));
                self.store.expire_waits();
            }
            // A process cannot kill itself and go on: what a crash loses is a matter of the faulty target.
            Act::Restart | Act::Crash => self.restart()?,
            Act::Fault(fault) => return Err(TargetError::NoFaults { fault: fault.name.clone() }),
        }
        Ok(Reply::ok())
    }
}

impl Session for EmbeddedSession {
    fn replay(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError> {
        replies.reserve(ops.len());
        let (replies_before, notes_before) = (replies.len(), self.notes.len());
        if self.uncommitted.as_ref().is_some_and(|uncommitted| uncommitted.ops.is_empty()) {
            self.store.defer_commits();
        }
        self.replay_singly(ops, replies)?;
        let Some(uncommitted) = &mut self.uncommitted else { return Ok(()) };
        if self.store.is_whole() && !uncommitted.is_undone {
            uncommitted.add(ops);
            return if uncommitted.is_full() { self.settle() } else { Ok(()) };
        }
        replies.truncate(replies_before);
        self.notes.truncate(notes_before);
        self.settle()?;
        self.replay_singly(ops, replies)
    }

    fn keyspace(&mut self) -> Result<Option<Keyspace>, TargetError> {
        let read = self.read_keyspace();
        if self.uncommitted.is_none() || self.store.is_whole() {
            return Ok(read);
        }
        // Reading failed, and has undone what was put off.
        self.settle()?;
        Ok(self.read_keyspace())
    }

    /// Replies are return values here: there is nothing that could get out of step.
    fn out_of_step(&mut self) -> Result<Option<Reply>, TargetError> {
        Ok(None)
    }

    fn reset(&mut self, header: &Header) -> Result<(), TargetError> {
        self.uncommitted = None;
        self.empty(header)?;
        if matches!(self.place, Place::Memory) {
            self.uncommitted =
                Some(Uncommitted { header: header.clone(), ops: Vec::new(), bytes: 0, is_undone: false });
        }
        Ok(())
    }

    fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}

impl Drop for EmbeddedSession {
    fn drop(&mut self) {
        if matches!(self.place, Place::File(_)) {
            // What dst wrote to a file is taken away again; where that fails, the next session says that it holds data.
            let _ = self.store.clear();
        }
    }
}

/// Everything that a store holds, its clients aside; [`Keyspace::unreadable`] where it fails.
pub(super) fn read_store(store: &Redlite) -> Keyspace {
    let keys = match store.keys() {
        Ok(keys) => keys,
        Err(error) => return Keyspace::unreadable(Reply::error(error.to_string())),
    };
    read_keys(store, keys).unwrap_or_else(|failure| Keyspace::unreadable(failure.reply()))
}

fn read_keys(store: &Redlite, keys: Vec<KeyFacts>) -> Result<Keyspace, Failure> {
    let keys = keys.into_iter().map(|key| (key.db, key.name, key.kind, key.expires_ms));
    keyspace::read_values(&mut Admin(store.trusted_client()), keys)
}

/// A client of dst's own: it sees the store as it is, past every canary.
struct Admin(Client);

impl Requests for Admin {
    fn run(&mut self, requests: &[Argv]) -> Result<Vec<Reply>, Failure> {
        requests.iter().map(|request| catch(|| self.0.execute(request))).collect()
    }
}

/// Drives an iteration to its end; what else came with its first step stays before it.
pub(super) fn iterate<E>(
    argv: &Argv,
    cursor_at: usize,
    first: Reply,
    run: impl FnMut(&Argv) -> Result<Reply, E>,
) -> Result<Reply, E> {
    let Reply::Frames(mut frames) = first else { return cursor::iterate(argv, cursor_at, first, run) };
    if let Some(first) = frames.pop() {
        frames.push(cursor::iterate(argv, cursor_at, first, run)?);
    }
    Ok(Reply::Frames(frames))
}

/// A panic counts as a lost connection: the campaign that found it goes on.
fn catch(run: impl FnOnce() -> Reply) -> Result<Reply, Failure> {
    caught(run).ok_or(Failure::Closed)
}

/// `None` where it panics: the store is at fault then, and dst goes on.
pub(super) fn caught<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}
