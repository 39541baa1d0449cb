//! Replays traces on any server that speaks RESP.
//!
//! Consecutive ops on a connection are one pipeline ([`super::pipeline`]). A change of connection waits until the
//! replies to the commands before it have come, so that commands run in exactly the trace's order.
//!
//! Where a reply does not come, it must be known which command is to blame. With one command under way it is that
//! one. In a pipeline it can be any, as a server may die with replies unsent; so where the failure falls in the
//! first replay since the store was emptied, that part is replayed from the start, one command at a time. In a
//! later part of a long trace the failure is the first unanswered command's. From there on to the end of the
//! part, commands go out one at a time.

use std::collections::BTreeMap;

use super::clock::Clock;
use super::connection::{Broken, Failure};
use super::guard::Guard;
use super::keyspace::{self, Known};
use super::link::{Arrival, Link};
use super::pipeline::{Run, Time, notices_requests, ops_at_start};
use super::server::Server;
use super::settings::{Settings, is_locked_out};
use super::{Session, TargetError, clients, cursor, describe_count};
use crate::diff::Keyspace;
use crate::trace::{Act, Header, Op};
use resp::{Argv, Reply};

/// How many notes a session keeps.
const NOTES_MAX: usize = 100;

/// A replay in progress on a server.
pub(super) struct WireSession {
    server: Server,
    guard: Guard,
    clock: Clock,
    links: BTreeMap<u16, Link>,
    known: Known,
    settings: Settings,
    /// The names of all keys and what is expected, where nothing has been sent since they were asked for.
    listed: Option<Vec<Reply>>,
    start_ms: i64,
    /// True until the first op after the store was emptied.
    untouched: bool,
    /// True where the store is still to be emptied, on connection 0: with the first op, or before anything else.
    is_to_empty: bool,
    /// False where the trace would notice requests that only move the clock.
    moves_clock: bool,
    nonces: u64,
    notes: Vec<String>,
}

/// Why a part of a replay stopped.
enum Stop {
    /// A reply did not come; these frames came before it, for the same op.
    Broken(Broken, Vec<Reply>),
    /// The store was not emptied, or the clock not moved, by a request among the ops.
    Astray,
    Target(TargetError),
}

impl From<TargetError> for Stop {
    fn from(error: TargetError) -> Self {
        Stop::Target(error)
    }
}

/// A failure of the only request under way.
impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Stop::Broken(Broken { failure, in_flight: 1 }, Vec::new())
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
            known: Known::new(),
            settings: Settings::default(),
            listed: None,
            start_ms: header.start_ms,
            untouched: true,
            is_to_empty: false,
            moves_clock: true,
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
        let is_frozen = self.exact_clock();
        while let Some(op) = ops.get(at) {
            let moves_clock = self.moves_clock && !self.links.values().any(Link::waits);
            let run = ops_at_start(&ops[at..], &self.links, is_frozen, moves_clock);
            if self.is_to_empty && (run == 0 || op.conn != 0) {
                self.empty_now()?;
            }
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
                Err(Stop::Astray) => return Err(self.clock_lost()),
                Err(Stop::Broken(broken, frames)) => {
                    replies.push(told_before(&broken.failure, frames));
                    self.recover(op.conn, &broken.failure)?;
                }
            }
        }
        Ok(())
    }

    fn clock_lost(&self) -> TargetError {
        TargetError::ClockLost { server: self.server.endpoint().to_string() }
    }

    /// Runs ops that go out together, see [`ops_at_start`]; the store is emptied before, where that is due.
    fn call(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), Stop> {
        let Some(last) = ops.last() else { return Ok(()) };
        self.link(last.conn)?;
        let emptying = if std::mem::take(&mut self.is_to_empty) { self.emptying() } else { Vec::new() };
        let Some(link) = self.links.get_mut(&last.conn) else { return Ok(()) };
        let started_ms = self.clock.now_ms();
        let time = match &mut self.clock {
            Clock::Frozen(clock) => Time::Frozen(clock),
            Clock::Real(clock) => Time::Real(clock),
        };
        let first = replies.len();
        let mut run = Run::new(ops, link, time, &mut self.nonces, &emptying, &mut *replies);
        let outcome = link.connection.exchange(&mut run);
        let Run { emptied, listens, id, frames, answered_ms, is_clock_lost, .. } = run;
        let is_astray = is_clock_lost || (outcome.is_ok() && !emptying.is_empty() && !is_emptied(&emptied));
        for (op, reply) in ops.iter().zip(&replies[first..]) {
            if let Some(argv) = op.argv().filter(|argv| argv.len() == 1) {
                link.note_transaction(argv, Some(reply));
            }
        }
        if listens && !link.listens() {
            link.set_id(id);
            link.set_listening();
        }
        if let Err(broken) = outcome {
            if let Clock::Frozen(clock) = &mut self.clock {
                // What was sent behind the failure is as if it had not been.
                clock.set(answered_ms.unwrap_or(started_ms))?;
            }
            self.pass_over(&ops[replies.len() - first..], replies)?;
            return Err(Stop::Broken(broken, frames));
        }
        if is_astray {
            return Err(Stop::Astray);
        }
        if let Some(argv) = last.argv()
            && let Some(cursor_at) = spec::start_of_iteration(argv)
            && let Some(first) = replies.pop()
        {
            replies.push(cursor::iterate(argv, cursor_at, first, |next| link.connection.run_one(next))?);
        }
        Ok(())
    }

    /// Does what stands in a run before its next call: it is the call that fails.
    fn pass_over(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError> {
        for op in ops.iter().take_while(|op| op.argv().is_none()) {
            match (&op.act, &mut self.clock) {
                (Act::Advance { ms }, Clock::Frozen(clock)) => {
                    clock.advance(*ms)?;
                    replies.push(Reply::ok());
                }
                _ => replies.push(Reply::Frames(Vec::new())),
            }
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
        let note = match failure {
            Failure::Hung => "the server hung".to_owned(),
            Failure::Closed if alive => "the server closed a connection".to_owned(),
            Failure::Closed => format!("the server died: {}", self.server.await_last_words()),
            Failure::Malformed(error) => format!("the server sent what is no RESP: {error}"),
        };
        self.note(note);
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

    /// What brings connection 0 back to its start and empties the store.
    fn emptying(&self) -> Vec<Argv> {
        let mut requests = vec![Argv::from(["RESET"])];
        requests.extend_from_slice(self.server.setup());
        requests.push(Argv::from(["FLUSHALL"]));
        requests.push(keyspace::info_request());
        requests
    }

    /// Does so in one round trip. False where the server does not go along.
    fn reset_in_one_trip(&mut self) -> bool {
        let requests = self.emptying();
        let Ok(link) = self.link(0) else { return false };
        let Ok(replies) = link.connection.run(&requests) else { return false };
        link.forget();
        is_emptied(&replies)
    }

    /// Empties the store, where that is still to be done.
    fn empty_now(&mut self) -> Result<(), TargetError> {
        if std::mem::take(&mut self.is_to_empty) && !self.reset_in_one_trip() {
            self.reset_step_by_step()?;
        }
        Ok(())
    }

    fn reset_step_by_step(&mut self) -> Result<(), TargetError> {
        self.is_to_empty = false;
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
        self.settings.watch(&mut self.server, ops);
        self.listed = None;
        let start = replies.len();
        let untouched = self.untouched;
        self.untouched &= ops.is_empty();
        self.moves_clock &= !ops.iter().any(notices_requests);
        let broken = match self.replay_pipelined(ops, replies) {
            Ok(()) => return Ok(()),
            Err(Stop::Target(error)) => return Err(error),
            Err(Stop::Astray) => None,
            Err(Stop::Broken(broken, frames)) => Some((broken, frames)),
        };
        if let Some((broken, _)) = &broken {
            self.recover(ops[replies.len() - start].conn, &broken.failure)?;
        }
        match broken {
            Some((broken, frames)) if !untouched || broken.in_flight <= 1 => {
                replies.push(told_before(&broken.failure, frames));
            }
            None if !untouched => return Err(self.clock_lost()),
            _ => {
                replies.truncate(start);
                self.set_clock(self.start_ms)?;
                self.reset_step_by_step()?;
            }
        }
        self.replay_in_step(&ops[replies.len() - start..], replies)
    }

    fn keyspace(&mut self) -> Result<Option<Keyspace>, TargetError> {
        self.empty_now()?;
        let now_ms = self.clock.now_ms();
        let read = match self.listed.take() {
            Some(listed) => keyspace::read_listed(&mut self.server, listed, &mut self.known, now_ms),
            None => keyspace::read(&mut self.server, &mut self.known, now_ms),
        };
        let mut keyspace = match read {
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

    fn expect(&mut self, keyspace: &Keyspace) {
        self.listed = None;
        self.known.expect(keyspace);
    }

    fn out_of_step(&mut self) -> Result<Option<Reply>, TargetError> {
        self.empty_now()?;
        self.nonces += 1;
        let nonce = format!("dst-{}", self.nonces);
        let echo = Argv::from(["ECHO", &nonce]);
        let mut bytes = Vec::new();
        echo.encode(&mut bytes);
        let in_step = |link: &&mut Link| link.is_plain() && !link.in_multi;
        // All is sent before anything is waited for; the keys are asked for, too, as they come next.
        let listing = if self.server.answers_in_rounds() { keyspace::listing(&self.known) } else { Vec::new() };
        let mut sent = Vec::new();
        let mut failed = None;
        for (&conn, link) in &mut self.links {
            if let Some(link) = Some(link).filter(in_step) {
                sent.push(conn);
                failed = failed.or(link.connection.send(&bytes).err().map(|failure| (conn, failure)));
            }
        }
        let is_listed = !listing.is_empty() && self.server.send(&listing).is_ok();
        let mut instead = None;
        for conn in &sent {
            let Some(link) = self.links.get_mut(conn) else { continue };
            let mut reply = None;
            let taken = link.connection.exchange_until(&[], |frame| {
                reply = Some(frame);
                true
            });
            failed = failed.or(taken.err().map(|failure| (*conn, failure)));
            instead = instead.or(reply.filter(|it| *it != Reply::bulk(nonce.as_str()) && !is_locked_out(it)));
        }
        if is_listed {
            self.listed = self.server.take_replies(listing.len()).ok();
        }
        if let Some((conn, failure)) = failed {
            self.listed = None;
            sent.iter().for_each(|conn| drop(self.links.remove(conn)));
            self.recover(conn, &failure)?;
            return Ok(Some(failure.reply()));
        }
        Ok(instead)
    }

    fn reset(&mut self, header: &Header) -> Result<(), TargetError> {
        self.start_ms = header.start_ms;
        self.listed = None;
        self.untouched = true;
        self.set_clock(header.start_ms)?;
        if self.settings.restore(&mut self.server)? {
            self.links.clear();
            self.is_to_empty = false;
        }
        let closed = self.links.extract_if(.., |&conn, link| conn != 0 || !link.is_plain());
        let closed: Vec<Link> = closed.map(|(_, link)| link).collect();
        let gone = self.await_gone(closed).is_ok();
        self.moves_clock = matches!(&self.clock, Clock::Frozen(clock) if clock.moved().is_some());
        if gone
            && self.server.is_own()
            && let Some(link) = self.links.get_mut(&0)
        {
            link.forget();
            self.is_to_empty = true;
            return Ok(());
        }
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

/// True for the replies to what empties the store.
fn is_emptied(replies: &[Reply]) -> bool {
    let Some(([reset, oks @ ..], [info])) = replies.split_last_chunk::<1>() else { return false };
    *reset == Reply::Simple(b"RESET".to_vec())
        && oks.iter().all(|reply| *reply == Reply::ok())
        && keyspace::parse_info(info).is_some_and(|databases| databases.is_empty())
}

/// What arrived for an op before the connection failed, and that it did.
fn told_before(failure: &Failure, mut frames: Vec<Reply>) -> Reply {
    frames.push(failure.reply());
    Reply::from_frames(frames)
}

impl Drop for WireSession {
    fn drop(&mut self) {
        if !self.server.is_own() {
            // What dst wrote to a server that goes on is taken away again, as far as it still answers.
            let _ = self.server.empty();
        }
    }
}
