//! Replays traces on any server that speaks RESP.
//!
//! Consecutive commands on a connection are one pipeline. A change of connection waits until the replies to the
//! commands before it have come, so that commands run in exactly the trace's order.
//!
//! Where a reply does not come, it must be known which command is to blame. With one command under way it is that
//! one. In a pipeline it can be any, as a server may die with replies unsent; so where the failure falls in the
//! first replay since the store was emptied, that part is replayed from the start, one command at a time. In a
//! later part of a long trace the failure is the first unanswered command's. From there on to the end of the
//! part, commands go out one at a time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::clock::Clock;
use super::connection::{Broken, Dialogue, Failure};
use super::guard::Guard;
use super::link::{Arrival, Link, is_word, needs_care, sees_expired};
use super::real_time::{RealTime, ReplyTime};
use super::server::Server;
use super::{Session, TargetError, clients, cursor, describe_count, keyspace};
use crate::diff::Keyspace;
use crate::resp::{Argv, Reply};
use crate::spec;
use crate::trace::{Act, Header, Op};

/// How many notes a session keeps.
const NOTES_MAX: usize = 100;

/// A replay in progress on a server.
pub(super) struct WireSession {
    server: Server,
    guard: Guard,
    clock: Clock,
    links: BTreeMap<u16, Link>,
    /// The databases that have held keys: reading them first makes reading the keyspace cheap.
    known_dbs: BTreeSet<u32>,
    start_ms: i64,
    /// True until the first op after the store was emptied.
    untouched: bool,
    nonces: u64,
    notes: Vec<String>,
}

/// Why a part of a replay stopped.
enum Stop {
    Broken(Broken),
    Target(TargetError),
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Self {
        Stop::Broken(broken)
    }
}

impl From<TargetError> for Stop {
    fn from(error: TargetError) -> Self {
        Stop::Target(error)
    }
}

/// A failure of the only request under way.
impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Broken(Broken { failure, in_flight: 1 })
    }
}

impl WireSession {
    /// A session on `server`, whose store is emptied.
    pub fn open(server: Server, clock: Clock, header: &Header) -> Result<Self, TargetError> {
        let mut session = Self {
            server,
            guard: Guard::default(),
            clock,
            links: BTreeMap::new(),
            known_dbs: BTreeSet::from([0]),
            start_ms: header.start_ms,
            untouched: true,
            nonces: 0,
            notes: Vec::new(),
        };
        session.reset(header)?;
        Ok(session)
    }

    fn set_clock(&mut self, now_ms: i64) -> Result<(), TargetError> {
        match &mut self.clock {
            Clock::Frozen(clock) => clock.set(now_ms),
            Clock::Real(clock) => {
                clock.set(now_ms);
                Ok(())
            }
        }
    }

    /// The connection of this number, opened where it is not yet.
    fn link(&mut self, conn: u16) -> Result<&mut Link, Failure> {
        use std::collections::btree_map::Entry;
        match self.links.entry(conn) {
            Entry::Occupied(open) => Ok(open.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(Link::new(self.server.connect()?))),
        }
    }

    /// Replays `ops` in pipelines until one breaks.
    fn replay_pipelined(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), Stop> {
        let mut at = 0;
        while let Some(op) = ops.get(at) {
            let run = calls_at_start(&ops[at..], self.links.get(&op.conn));
            if run > 0 {
                self.call(&ops[at..at + run], replies)?;
            } else {
                replies.push(self.perform(op.conn, &op.act)?);
            }
            at += run.max(1);
        }
        Ok(())
    }

    /// Replays `ops` one at a time, through every failure.
    fn replay_in_step(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError> {
        for op in ops {
            match self.replay_pipelined(std::slice::from_ref(op), replies) {
                Ok(()) => {}
                Err(Stop::Target(error)) => return Err(error),
                Err(Stop::Broken(broken)) => {
                    replies.push(broken.failure.reply());
                    self.recover(op.conn, &broken.failure)?;
                }
            }
        }
        Ok(())
    }

    /// Runs calls of one connection, of which at most the last starts an iteration.
    fn call(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), Stop> {
        let Some(last) = ops.last() else { return Ok(()) };
        self.link(last.conn)?;
        let Some(link) = self.links.get_mut(&last.conn) else { return Ok(()) };
        let real_time = match &self.clock {
            Clock::Frozen(_) => None,
            Clock::Real(clock) => Some(clock),
        };
        let in_multi = link.in_multi;
        let first = replies.len();
        let mut calls =
            Calls { ops, encoded: 0, taken: 0, replies: &mut *replies, marks: VecDeque::new(), in_multi, real_time };
        let outcome = link.connection.exchange(&mut calls);
        for (argv, reply) in ops.iter().filter_map(Op::argv).zip(&replies[first..]) {
            if argv.len() == 1 {
                link.note_transaction(argv, Some(reply));
            }
        }
        outcome?;
        if let Some(argv) = last.argv()
            && let Some(cursor_at) = spec::start_of_iteration(argv)
            && let Some(first) = replies.pop()
        {
            replies.push(cursor::iterate(argv, cursor_at, first, |next| link.connection.run_one(next))?);
        }
        Ok(())
    }

    /// Does what is no command.
    fn perform(&mut self, conn: u16, act: &Act) -> Result<Reply, Stop> {
        match act {
            Act::Call(argv) => return self.call_with_care(conn, argv),
            Act::Raw(bytes) => {
                self.link(conn)?;
                return self.with_link(conn, |link, server, _| link.send_raw(bytes, server));
            }
            Act::Await => return self.with_link(conn, Link::take),
            Act::Open => {
                self.link(conn)?;
            }
            Act::Close => {
                let closed = self.links.remove(&conn);
                self.await_gone(closed)?;
            }
            Act::Advance { ms } => self.advance(*ms)?,
            Act::Restart | Act::Crash => {
                self.links.clear();
                self.server.restart(*act == Act::Restart)?;
            }
            Act::Fault(fault) => return Err(TargetError::NoFaults { fault: fault.name.clone() }.into()),
        }
        Ok(Reply::ok())
    }

    /// Runs one call on a connection where it may have more than one reply at once, or none.
    fn call_with_care(&mut self, conn: u16, argv: &Argv) -> Result<Reply, Stop> {
        self.link(conn)?;
        let moved = match &self.clock {
            Clock::Frozen(_) => None,
            Clock::Real(clock) => clock.move_request(argv),
        };
        let Some(moved) = moved else {
            return self.with_link(conn, |link, server, nonce| link.call(argv, server, nonce));
        };
        self.with_link(conn, |link, server, nonce| {
            let mut arrival = link.call(&moved.argv, server, nonce);
            if let (Some(time), Some(reply)) = (moved.reply, arrival.frames.pop()) {
                arrival.frames.push(time.bring_back(reply));
            }
            arrival
        })
    }

    /// Has `run` send and take on `conn`, and sees to it that a connection that ended thereby is gone. Nothing has
    /// arrived on one that is not open.
    fn with_link(
        &mut self,
        conn: u16,
        run: impl FnOnce(&mut Link, &mut Server, &str) -> Arrival,
    ) -> Result<Reply, Stop> {
        self.nonces += 1;
        let nonce = format!("dst-{conn}-{}", self.nonces);
        let Some(link) = self.links.get_mut(&conn) else { return Ok(Reply::Frames(Vec::new())) };
        let Arrival { mut frames, failure, ended } = run(link, &mut self.server, &nonce);
        match failure {
            // The end is the answer, as to bytes that are no request.
            Some(failure) if ended => {
                self.links.remove(&conn);
                frames.push(failure.reply());
                return Ok(Reply::Frames(frames));
            }
            Some(failure) => {
                frames.push(failure.reply());
                self.recover(conn, &failure)?;
            }
            None if ended => {
                self.links.remove(&conn);
            }
            None => {}
        }
        Ok(Reply::from_frames(frames))
    }

    /// Waits until the server has noticed that these connections are closed, where it would make a difference.
    fn await_gone(&mut self, closed: impl IntoIterator<Item = Link>) -> Result<(), Failure> {
        for link in closed {
            if !link.is_plain() {
                let id = link.id();
                drop(link);
                clients::await_gone(&mut self.server, id)?;
            }
        }
        Ok(())
    }

    fn advance(&mut self, ms: u64) -> Result<(), Stop> {
        match &mut self.clock {
            Clock::Frozen(clock) => clock.advance(ms)?,
            Clock::Real(clock) => {
                if !clock.advance(ms, &mut self.server)? {
                    let lacks = "it lacks KEYS and SCAN, PEXPIRETIME and PTTL, or PEXPIREAT";
                    self.note(format!("the clock of the server did not move with the trace's: {lacks}"));
                }
            }
        }
        if self.links.values().any(Link::waits) {
            // Timeouts fire, and then what is expired goes: a stream's end wakes who waits for it as a group.
            clients::settle(&mut self.server, 1)?;
            keyspace::reap(&mut self.server)?;
        }
        Ok(())
    }

    /// Makes the server usable again after a failure on `conn`. One that hung or died is restarted, empty, where
    /// dst started it; one that closed a connection and goes on keeps its store.
    fn recover(&mut self, conn: u16, failure: &Failure) -> Result<(), TargetError> {
        self.links.remove(&conn);
        let alive = *failure != Failure::Hung && self.server.is_alive();
        let words = self.server.last_words();
        self.note(match failure {
            Failure::Hung => "the server hung".to_owned(),
            Failure::Closed if alive => "the server closed a connection".to_owned(),
            Failure::Closed => format!("the server died: {words}"),
            Failure::Malformed(error) => format!("the server sent what is no RESP: {error}"),
        });
        if !alive && self.server.is_own() {
            self.links.clear();
            self.server.restart_empty()?;
        }
        Ok(())
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(note);
        }
    }

    /// Empties the store and brings connection 0 back to its start, in one round trip. False where the server
    /// does not go along.
    fn reset_in_one_trip(&mut self) -> bool {
        let mut requests = vec![Argv::from(["RESET"])];
        requests.extend_from_slice(self.server.setup());
        requests.push(Argv::from(["FLUSHALL"]));
        requests.push(keyspace::info_request());
        let Ok(link) = self.link(0) else { return false };
        let Ok(replies) = link.connection.run(&requests) else { return false };
        link.forget();
        let Some(([reset, oks @ ..], [info])) = replies.split_last_chunk::<1>() else { return false };
        *reset == Reply::Simple(b"RESET".to_vec())
            && oks.iter().all(|reply| *reply == Reply::ok())
            && keyspace::parse_info(info).is_some_and(|databases| databases.is_empty())
    }

    fn reset_step_by_step(&mut self) -> Result<(), TargetError> {
        self.links.clear();
        let server = self.server.endpoint().to_string();
        match self.server.empty() {
            Ok(Some(0)) => Ok(()),
            _ if self.server.is_own() => self.server.restart_empty(),
            Ok(keys) => Err(TargetError::NotEmptied { server, keys: describe_count(keys) }),
            Err(failure) => Err(TargetError::Unreachable { server, why: failure.to_string() }),
        }
    }
}

impl Session for WireSession {
    fn replay(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError> {
        self.guard.check(&mut self.server, ops)?;
        let start = replies.len();
        let untouched = self.untouched;
        self.untouched &= ops.is_empty();
        let broken = match self.replay_pipelined(ops, replies) {
            Ok(()) => return Ok(()),
            Err(Stop::Target(error)) => return Err(error),
            Err(Stop::Broken(broken)) => broken,
        };
        let conn = ops[replies.len() - start].conn;
        self.recover(conn, &broken.failure)?;
        if untouched && broken.in_flight > 1 {
            replies.truncate(start);
            self.set_clock(self.start_ms)?;
            self.reset_step_by_step()?;
        } else {
            replies.push(broken.failure.reply());
        }
        self.replay_in_step(&ops[replies.len() - start..], replies)
    }

    fn keyspace(&mut self) -> Result<Option<Keyspace>, TargetError> {
        let now_ms = match &self.clock {
            Clock::Frozen(clock) => clock.now_ms(),
            Clock::Real(clock) => clock.now_ms(),
        };
        let mut keyspace = match keyspace::read(&mut self.server, &mut self.known_dbs, now_ms) {
            Ok(keyspace) => keyspace,
            Err(failure) => {
                self.note("the failure came when the keyspace was read".to_owned());
                self.recover(0, &failure)?;
                return Ok(Some(Keyspace::unreadable(failure.reply())));
            }
        };
        if let (Some(keyspace), Clock::Real(clock)) = (&mut keyspace, &self.clock) {
            let shift_ms = clock.shift_ms();
            let expiries = keyspace.entries.iter_mut().filter_map(|entry| entry.expires_ms.as_mut());
            expiries.for_each(|expires_ms| *expires_ms = expires_ms.saturating_sub(shift_ms));
        }
        Ok(keyspace)
    }

    fn out_of_step(&mut self) -> Result<Option<Reply>, TargetError> {
        let in_step = |link: &&mut Link| link.is_plain() && !link.in_multi;
        let conns: Vec<u16> = self.links.keys().copied().collect();
        for conn in conns {
            self.nonces += 1;
            let nonce = format!("dst-{conn}-{}", self.nonces);
            let Some(link) = self.links.get_mut(&conn).filter(in_step) else {
                continue;
            };
            match link.connection.run_one(&Argv::from(["ECHO", &nonce])) {
                Ok(reply) if reply == Reply::bulk(nonce) => {}
                Ok(reply) => return Ok(Some(reply)),
                Err(failure) => {
                    self.recover(conn, &failure)?;
                    return Ok(Some(failure.reply()));
                }
            }
        }
        Ok(None)
    }

    fn reset(&mut self, header: &Header) -> Result<(), TargetError> {
        self.start_ms = header.start_ms;
        self.untouched = true;
        self.set_clock(header.start_ms)?;
        let closed = self.links.extract_if(.., |&conn, link| conn != 0 || !link.is_plain());
        let closed: Vec<Link> = closed.map(|(_, link)| link).collect();
        let gone = self.await_gone(closed).is_ok();
        let emptied = gone
            && self.reset_in_one_trip()
            && (self.server.is_at_disposal() || matches!(self.server.count_keys(), Ok(Some(0))));
        if emptied { Ok(()) } else { self.reset_step_by_step() }
    }

    fn exact_clock(&self) -> bool {
        matches!(self.clock, Clock::Frozen(_))
    }

    fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}

impl Drop for WireSession {
    fn drop(&mut self) {
        if !self.server.is_own() {
            // What dst wrote to a server that goes on is taken away again, as far as it still answers.
            let _ = self.server.empty();
        }
    }
}

/// How many ops at the start of `ops` are calls on one connection that can go out together: an iteration needs
/// the replies before its next step, so it comes last. None where the first needs care. `link` is the connection,
/// where it is open.
fn calls_at_start(ops: &[Op], link: Option<&Link>) -> usize {
    if link.is_some_and(|link| !link.is_plain()) {
        return 0;
    }
    let conn = ops[0].conn;
    let mut in_multi = link.is_some_and(|link| link.in_multi);
    let mut count = 0;
    for op in ops {
        let Some(argv) = op.argv().filter(|_| op.conn == conn) else { break };
        if needs_care(argv, in_multi, link) {
            break;
        }
        if argv.len() == 1 {
            let ends = ["EXEC", "DISCARD", "RESET"].iter().any(|word| is_word(argv, word));
            in_multi = is_word(argv, "MULTI") || (in_multi && !ends);
        }
        count += 1;
        if spec::start_of_iteration(argv).is_some() {
            break;
        }
    }
    count
}

/// Something about the reply to the call at an index.
enum Mark {
    /// A reply comes before it that is no reply of the trace.
    DiscardOne,
    /// It is a time of the server's clock.
    Time(ReplyTime),
}

/// Calls of one connection on their way.
struct Calls<'a> {
    ops: &'a [Op],
    encoded: usize,
    taken: usize,
    replies: &'a mut Vec<Reply>,
    marks: VecDeque<(usize, Mark)>,
    in_multi: bool,
    real_time: Option<&'a RealTime>,
}

impl Calls<'_> {
    /// Encodes what must go before `argv`; returns the number of replies to it.
    ///
    /// A SCAN of everything reaps the keys that have expired: DBSIZE counts them, too.
    fn prepare(&mut self, argv: &Argv, out: &mut Vec<u8>) -> usize {
        let is = |word: &str| is_word(argv, word);
        if is("MULTI") {
            self.in_multi = true;
        } else if is("EXEC") || is("DISCARD") || is("RESET") {
            self.in_multi = false;
        } else if !self.in_multi && sees_expired(argv) {
            Argv::from(["SCAN", "0", "COUNT", "1000000000"]).encode(out);
            self.marks.push_back((self.encoded, Mark::DiscardOne));
            return 1;
        }
        0
    }
}

impl Dialogue for Calls<'_> {
    fn encode_next(&mut self, out: &mut Vec<u8>) -> usize {
        let Some(argv) = self.ops.get(self.encoded).and_then(Op::argv) else { return 0 };
        let discarded = self.prepare(argv, out);
        match self.real_time.and_then(|clock| clock.move_request(argv)) {
            Some(moved) => {
                moved.argv.encode(out);
                self.marks.extend(moved.reply.map(|time| (self.encoded, Mark::Time(time))));
            }
            None => argv.encode(out),
        }
        self.encoded += 1;
        discarded + 1
    }

    fn take(&mut self, reply: Reply) {
        let reply = match self.marks.pop_front_if(|(at, _)| *at == self.taken) {
            Some((_, Mark::DiscardOne)) => return,
            Some((_, Mark::Time(time))) => time.bring_back(reply),
            None => reply,
        };
        self.replies.push(reply);
        self.taken += 1;
    }
}
