//! Replays traces on any server that speaks RESP.
//!
//! Consecutive ops on a connection are one pipeline ([`super::pipeline`]). A change of connection waits until the
//! replies to the commands before it have come, so that commands run in exactly the trace's order.
//!
//! Where a reply does not come, it must be known which command is to blame ([`super::blame`]). In a pipeline it can be
//! any, as a server may die with replies unsent, and one that dies may do so by itself; so all since the store was
//! emptied is replayed from the start, the part that failed one command at a time. Where that would not come to the same
//! (too long ago, or something was picked at random), the failure is the first unanswered command's. From there on to the
//! end of the part, commands go out one at a time.
//!
//! A reply that is late by the server's own pace makes its pipeline suspicious. Whether a command hangs is then found out
//! with the whole deadline, once for each command.

mod in_step;
mod reset;

use std::collections::BTreeMap;
use std::time::Duration;

use super::blame::Blame;
use super::clock::Clock;
use super::connection::{Broken, Failure};
use super::emptying::Purge;
use super::guard::Guard;
use super::keyspace::{self, Known, Named};
use super::link::{Arrival, Link};
use super::pipeline::{Run, Time, notices_requests, ops_at_start};
use super::real_time::waits::short_wait;
use super::server::Server;
use super::settings::Settings;
use super::{Session, TargetError, clients, cursor};
use crate::diff::{Keyspace, UNTOLD_MS};
use crate::trace::{Act, Header, Op};
use resp::{Argv, Reply};

/// How many notes a session keeps.
const NOTES_MAX: usize = 100;

/// How long what follows a reply may take to come.
const BEHIND_WITHIN: Duration = Duration::from_millis(20);
/// How long a reply may take in haste.
const HASTY_DEADLINE: Duration = Duration::from_secs(1);

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
    /// What is still to empty the store, on connection 0: with the first op, or before anything else; and what it may
    /// hold.
    purge: Option<(Purge, Named)>,
    /// True once it was said that the server is restarted to be emptied.
    restart_noted: bool,
    /// True where what failed last was given less than the whole deadline.
    was_short: bool,
    blame: Blame,
    /// True where silence is suspicious before the deadline: what is sent can be sent again.
    suspects: bool,
    /// True where each reply is looked at for what follows it and is no RESP.
    looks_behind: bool,
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
            purge: None,
            restart_noted: false,
            was_short: false,
            blame: Blame::default(),
            suspects: false,
            looks_behind: false,
            moves_clock: true,
            nonces: 0,
            notes: Vec::new(),
        };
        session.server.learn_pipelining();
        session.server.learn_ways();
        session.known.set_ways(session.server.ways());
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
            Entry::Vacant(place) => {
                let barrier = self.server.ways().barrier.unwrap_or_default();
                Ok(place.insert(Link::new(self.server.connect()?, barrier)))
            }
        }
    }

    /// Replays `ops` in pipelines until one breaks.
    fn replay_pipelined(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), Stop> {
        let mut at = 0;
        let is_frozen = self.exact_clock();
        while let Some(op) = ops.get(at) {
            let moves_clock = self.moves_clock && !self.links.values().any(Link::waits);
            let has_barrier = is_frozen && self.server.ways().barrier.is_some();
            let wary = |argv: &Argv| self.blame.is_proven(argv);
            let run = ops_at_start(&ops[at..], &self.links, has_barrier, moves_clock, wary);
            if self.purge.is_some() && (run == 0 || op.conn != 0) {
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
            let mut outcome = self.replay_pipelined(std::slice::from_ref(op), replies);
            if outcome.is_ok() && self.looks_behind {
                outcome = self.look_behind(op.conn).map_err(|failure| {
                    let frames = replies.pop().map_or_else(Vec::new, |reply| reply.frames().to_vec());
                    Stop::Broken(Broken { failure, in_flight: 1 }, frames)
                });
            }
            match outcome {
                Ok(()) => {}
                Err(Stop::Target(error)) => return Err(error),
                Err(Stop::Astray) => return Err(self.clock_lost()),
                Err(Stop::Broken(broken, frames)) => {
                    replies.push(told_before(&broken.failure, frames));
                    self.blame.prove(op, &broken.failure);
                    self.recover(op.conn, &broken.failure)?;
                }
            }
        }
        Ok(())
    }

    /// Looks whether something that is no RESP follows the last reply on this connection.
    fn look_behind(&mut self, conn: u16) -> Result<(), Failure> {
        let Some(link) = self.links.get_mut(&conn).filter(|link| link.is_plain()) else { return Ok(()) };
        if link.in_multi {
            // Whatever is sent would be queued.
            link.connection.is_readable_within(BEHIND_WITHIN);
            return link.connection.take_arrived(&mut Vec::new()).map(drop);
        }
        link.connection.run_one(&Argv::from(["PING"])).map(drop)
    }

    fn clock_lost(&self) -> TargetError {
        TargetError::ClockLost { server: self.server.endpoint().to_string() }
    }

    /// Runs ops that go out together, see [`ops_at_start`]; the store is emptied before, where that is due.
    fn call(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), Stop> {
        let Some(last) = ops.last() else { return Ok(()) };
        let deadline = self.deadline_of(ops);
        self.link(last.conn)?;
        self.was_short = deadline < self.server.deadline();
        let (purge, named) = self.purge.take().unwrap_or_default();
        let Some(link) = self.links.get_mut(&last.conn) else { return Ok(()) };
        link.connection.set_deadline(deadline);
        let started_ms = self.clock.now_ms();
        let time = match &mut self.clock {
            Clock::Frozen(clock) => Time::Frozen(clock),
            Clock::Real(clock) => Time::Real(clock),
        };
        let first = replies.len();
        let ways = self.server.ways();
        let mut run = Run::new(ops, link, time, &mut self.nonces, ways, purge.requests(), &mut *replies);
        let outcome = link.connection.exchange(&mut run);
        link.connection.set_deadline(self.server.deadline());
        let Run { emptied, listens, id, mut frames, answered_ms, is_clock_lost, .. } = run;
        let is_purged = purge.is_proved_by(&emptied);
        let is_astray = is_clock_lost || (outcome.is_ok() && !is_purged);
        if !is_purged {
            self.known.named.join(named);
        }
        for (op, reply) in ops.iter().zip(&replies[first..]) {
            if let Some(argv) = op.argv().filter(|argv| argv.len() == 1) {
                link.note_transaction(argv, Some(reply));
            }
        }
        if listens && !link.listens() {
            link.set_id(id);
            link.set_listening();
        }
        let outcome = outcome.and_then(|()| match link.connection.stray().filter(|_| link.is_plain()) {
            Some(failure) => {
                // It follows the last reply, perhaps from long before.
                frames = replies.pop().map_or_else(Vec::new, |reply| reply.frames().to_vec());
                Err(Broken { failure, in_flight: ops.len() })
            }
            None => Ok(()),
        });
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

    /// How long a reply to these may take.
    fn deadline_of(&self, ops: &[Op]) -> Duration {
        let whole = self.server.deadline();
        let is_short = match ops {
            [op] => op.argv().is_some_and(|argv| self.blame.hangs(argv)),
            _ => self.suspects,
        };
        if is_short { whole.min(self.server.pace().suspicious_after()) } else { whole }
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
        let is_queued = self.links.get(&conn).is_some_and(|link| link.in_multi);
        let moved = match &mut self.clock {
            Clock::Frozen(_) => None,
            Clock::Real(clock) => clock.move_request(argv, is_queued),
        };
        let Some(moved) = moved else {
            let is_real = matches!(self.clock, Clock::Real(_));
            let waited_out = if is_real { short_wait(argv) } else { None }.unwrap_or_default();
            return self.with_link(conn, |link, server, nonce| link.call(argv, waited_out, server, nonce));
        };
        self.with_link(conn, |link, server, nonce| {
            let mut arrival = link.call(&moved.argv, Duration::ZERO, server, nonce);
            if let Some(time) = moved.reply
                && let Some(reply) = arrival.frames.pop()
            {
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
        self.was_short = false;
        let Arrival { mut frames, failure, ended } = run(link, &mut self.server, &nonce);
        match failure {
            // The end is the answer, as to bytes that are no request.
            Some(failure) if ended => {
                self.links.remove(&conn);
                frames.push(failure.reply());
                return Ok(Reply::Frames(frames));
            }
            Some(failure) => return Err(Stop::Broken(Broken { failure, in_flight: 1 }, frames)),
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
                let ways = self.server.ways().clone();
                if !clock.advance(ms, &mut self.server, &self.known, &ways)? {
                    let lacks = "it lacks KEYS and SCAN, PEXPIRETIME and PTTL, or PEXPIREAT";
                    self.note(format!("the clock of the server did not move with the trace's: {lacks}"));
                }
            }
        }
        if self.links.values().any(Link::waits) {
            // Timeouts fire, and then what is expired goes: a stream's end wakes who waits for it as a group.
            clients::settle(&mut self.server, 1)?;
            if self.server.ways().scan {
                keyspace::reap(&mut self.server)?;
            }
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

    /// True where nothing is taken on trust: it is no Redis that dst has found.
    fn is_watched(&self) -> bool {
        !self.server.answers_in_rounds()
    }

    /// Replays `ops` behind those before them; see the top of this file for what follows a failure.
    fn replay_with_care(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError> {
        let start = replies.len();
        let untouched = self.untouched;
        self.untouched &= ops.is_empty();
        let can_repeat = if self.is_watched() { self.blame.can_repeat(ops) } else { untouched };
        self.suspects = can_repeat && self.is_watched();
        let outcome = self.replay_pipelined(ops, replies);
        self.suspects = false;
        let broken = match outcome {
            Ok(()) => return Ok(()),
            Err(Stop::Target(error)) => return Err(error),
            Err(Stop::Astray) => None,
            Err(Stop::Broken(broken, frames)) => Some((broken, frames)),
        };
        let failed = ops.get(replies.len() - start);
        if let (Some((broken, _)), Some(failed)) = (&broken, failed) {
            self.recover(failed.conn, &broken.failure)?;
        }
        let is_proved = |broken: &Broken| {
            let is_known = failed.and_then(Op::argv).is_some_and(|argv| self.blame.is_proven(argv));
            let is_waited_for = broken.failure == Failure::Hung && !self.was_short;
            broken.in_flight <= 1 && (!self.is_watched() || is_known || is_waited_for)
        };
        match broken {
            Some((broken, frames)) if !can_repeat || is_proved(&broken) => {
                if let Some(failed) = failed.filter(|_| is_proved(&broken)) {
                    self.blame.prove(failed, &broken.failure);
                }
                replies.push(told_before(&broken.failure, frames));
                self.replay_in_step(&ops[replies.len() - start..], replies)
            }
            None if !can_repeat => Err(self.clock_lost()),
            broken => {
                replies.truncate(start);
                self.start_over()?;
                self.looks_behind = matches!(broken, Some((Broken { failure: Failure::Malformed(_), .. }, _)));
                let replayed = self.replay_in_step(ops, replies);
                self.looks_behind = false;
                replayed
            }
        }
    }
}

impl Session for WireSession {
    fn replay(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError> {
        self.guard.check(&mut self.server, ops)?;
        self.settings.watch(&mut self.server, ops);
        self.listed = None;
        self.moves_clock &= !ops.iter().any(notices_requests);
        if !self.is_watched() {
            return self.replay_with_care(ops, replies);
        }
        self.known.named.add(ops);
        self.server.set_used();
        let replayed = self.replay_with_care(ops, replies);
        // It may have been restarted meanwhile, and then more has been sent to it.
        self.server.set_used();
        self.blame.add(ops);
        replayed
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
            let told = expiries.filter(|expires_ms| **expires_ms != UNTOLD_MS);
            told.for_each(|expires_ms| *expires_ms = expires_ms.saturating_sub(shift_ms));
        }
        Ok(keyspace)
    }

    fn expect(&mut self, keyspace: &Keyspace) {
        self.listed = None;
        self.known.expect(keyspace);
    }

    fn closes_behind_errors(&self) -> bool {
        self.server.ways().closes_behind_errors
    }

    fn wants_hints(&self) -> bool {
        self.known.wants_hints()
    }

    fn out_of_step(&mut self) -> Result<Option<Reply>, TargetError> {
        self.ask_for_nonce()
    }

    fn reset(&mut self, header: &Header) -> Result<(), TargetError> {
        self.begin_anew(header)
    }

    fn start_anew(&mut self) -> Result<bool, TargetError> {
        if !self.server.is_own() {
            return Ok(false);
        }
        self.links.clear();
        self.purge = None;
        self.server.restart_empty()?;
        Ok(true)
    }

    fn exact_clock(&self) -> bool {
        matches!(self.clock, Clock::Frozen(_))
    }

    fn set_reply_deadline(&mut self, deadline: Option<Duration>) {
        self.server.limit_deadline(deadline);
    }

    fn set_haste(&mut self, is_hasty: bool) {
        self.server.set_haste(is_hasty);
        self.server.limit_deadline(is_hasty.then_some(HASTY_DEADLINE));
        if !is_hasty {
            self.blame.doubt_hangs();
        }
    }

    fn take_notes(&mut self) -> Vec<String> {
        let mut notes = self.server.take_notes();
        notes.append(&mut self.notes);
        notes
    }

    fn take_ends(&mut self) -> Vec<String> {
        self.server.take_ends()
    }
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
            let _ = self.server.empty(&self.known);
        }
    }
}
