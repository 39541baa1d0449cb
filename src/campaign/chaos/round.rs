//! One trace under faults, in step with a model that no fault strikes.
//!
//! The model is the same store on a disk that works. It runs what the subject did, and is restarted when the subject
//! was, so that both remember the same; every reply and, after a recovery or a failure, everything that is stored must
//! be the same on both. An op that was in flight when the store went away is done whole or not at all: the keyspace says
//! which, and the model follows.

use std::collections::BTreeSet;

use super::verdict::{Breach, Violation};
use crate::diff::keyspace::{self, Difference};
use crate::diff::transactions::{self, Queues};
use crate::diff::{self, Entry, Keyspace, Settings};
use crate::faults::{self, Fault};
use crate::targets::TargetError;
use crate::targets::faulty::{End, FaultySession, Injected, Model, Strike};
use crate::trace::{Act, Header, Op};
use resp::Reply;

/// The connection on which dst asks whether the store goes on; no trace uses it.
const PROBE: u16 = u16::MAX;

/// What a run came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The first broken invariant.
    pub violation: Option<Violation>,
    /// Which op each fault struck first, in order.
    pub strikes: Vec<Strike>,
    /// What was injected.
    pub injected: Injected,
    /// What was counted.
    pub tally: Tally,
}

impl Outcome {
    /// Adds another run; its violation, where there was none.
    pub fn add(&mut self, other: Outcome) {
        self.tally.add(&other.tally);
        add_injected(&mut self.injected, other.injected);
        self.violation = self.violation.take().or(other.violation);
    }
}

/// Adds what was injected in another run.
pub fn add_injected(sum: &mut Injected, more: Injected) {
    for (what, count) in more {
        *sum.entry(what).or_default() += count;
    }
}

/// Sums over a run, or many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Ops that were run.
    pub ops: u64,
    /// How often the store was opened again after it had gone away.
    pub recoveries: u64,
    /// How often a command was told that the storage failed.
    pub failed: u64,
    /// How often the store told of damage in place of data, or would not open for it.
    pub told: u64,
    /// Writes that were lost where that is allowed.
    pub lost: u64,
}

impl Tally {
    /// Adds another run.
    pub fn add(&mut self, other: &Tally) {
        self.ops += other.ops;
        self.recoveries += other.recoveries;
        self.failed += other.failed;
        self.told += other.told;
        self.lost += other.lost;
    }
}

/// Two stores: one for the faults, and one without.
pub struct Pair {
    /// What is tested.
    pub subject: FaultySession,
    /// What is right.
    pub model: Model,
    /// True where the last writes may be lost in a power loss, as the store was opened so.
    pub may_lose: bool,
}

impl Pair {
    /// Runs a trace on empty stores.
    ///
    /// # Errors
    /// A fault that is none; infrastructure.
    pub fn run(&mut self, header: &Header, ops: &[Op]) -> Result<Outcome, TargetError> {
        self.subject.restart_empty(header, ops)?;
        self.model.reset(header)?;
        let mut round = Round::new(self, header);
        let mut violation = round.run(ops)?;
        if let Some(violation) = &mut violation {
            violation.fault = round.outcome.strikes.last().map_or("", |strike| strike.fault);
        }
        let mut outcome = round.outcome;
        outcome.violation = violation;
        outcome.injected = self.subject.take_injected();
        Ok(outcome)
    }
}

/// What an op or the end of a trace showed: nothing, or a broken invariant.
type Judged = Result<Option<Violation>, TargetError>;

struct Round<'a> {
    subject: &'a mut FaultySession,
    model: &'a mut Model,
    header: &'a Header,
    settings: Settings,
    may_lose: bool,
    outcome: Outcome,
    queues: Queues,
    /// What the model has run.
    history: Vec<Op>,
    connections: BTreeSet<u16>,
    /// Connections with a command that waits, or that did.
    waiting: BTreeSet<u16>,
    /// How many ops of `history` there were when data was damaged on the disk; `None` where none is.
    damaged_after: Option<usize>,
    /// How often data was damaged since there was none.
    damages: usize,
    /// How many ops of `history` no checkpoint could take out of the log when the disk began to lie; `None` from the next
    /// power loss on.
    lying_after: Option<usize>,
    /// How many were durable after the last checkpoint.
    settled: usize,
    /// Connections in a transaction.
    in_multi: BTreeSet<u16>,
    /// True where the store told that it is damaged as a whole: there is nothing more to see.
    has_ended: bool,
    at: usize,
}

impl<'a> Round<'a> {
    fn new(pair: &'a mut Pair, header: &'a Header) -> Self {
        Self {
            subject: &mut pair.subject,
            model: &mut pair.model,
            header,
            settings: Settings::default(),
            may_lose: pair.may_lose,
            outcome: Outcome::default(),
            queues: Queues::default(),
            history: Vec::new(),
            connections: BTreeSet::new(),
            waiting: BTreeSet::new(),
            damaged_after: None,
            damages: 0,
            lying_after: None,
            settled: 0,
            in_multi: BTreeSet::new(),
            has_ended: false,
            at: 0,
        }
    }

    fn run(&mut self, ops: &[Op]) -> Judged {
        for (at, op) in ops.iter().enumerate() {
            self.at = at;
            self.outcome.tally.ops += 1;
            // What a slow disk took is time that passes, on both sides.
            let ms = self.subject.take_delay_ms();
            let delay = (ms > 0).then_some(Op { conn: 0, act: Act::Advance { ms } });
            for op in delay.iter().chain([op]) {
                if let Some(violation) = self.step(op)? {
                    return Ok(Some(violation));
                }
                if self.has_ended {
                    return Ok(None);
                }
            }
        }
        // A trace without ops shows nothing: otherwise it would be the shortest that shows a store that never syncs.
        if ops.is_empty() { Ok(None) } else { self.finish() }
    }

    /// Runs one op on both, and judges what came of it.
    fn step(&mut self, op: &Op) -> Judged {
        let step = self.subject.perform_at(self.at, op)?;
        let strikes = self.subject.strikes();
        if self.subject.is_replaced() {
            (self.damaged_after, self.damages, self.lying_after) = (None, 0, None);
            self.settled = self.history.len();
        }
        self.note(&strikes);
        self.connections.insert(op.conn);
        let judged = match step.end {
            End::Refused { why, is_changed } => self.refused(&why, is_changed),
            End::Panicked { when } => {
                let want = self.follow(op)?;
                self.violation(Breach::Panic, want, Reply::Closed, format!("it panicked {when}"))
            }
            End::Reopened { lost_power } => self.recovered(op, lost_power, &strikes),
            End::Dropped(unseen) => return self.dropped(op, unseen, &strikes),
            End::HalfClosed => return self.half_closed(op, step.reply, &strikes),
            End::Runs if matches!(op.act, Act::Fault(_)) => self.kept_up(op, step.reply, &strikes),
            End::Runs if is_storage_error(&step.reply) => self.failed(op, step.reply, &strikes),
            End::Runs => return self.answered(op, step.reply),
        };
        self.note_transaction(op);
        judged
    }

    fn note(&mut self, strikes: &[Strike]) {
        let was_damaged = self.damaged_after.is_some();
        for strike in strikes {
            if !self.outcome.strikes.iter().any(|known| known.armed_at == strike.armed_at) {
                self.outcome.strikes.push(strike.clone());
            }
            if strike.fault == faults::DAMAGE {
                self.damaged_after.get_or_insert(self.history.len());
                self.damages += 1;
            }
            // Also what was in the log before the disk lied: a checkpoint takes it out once the database file has it, which is
            // what the disk lies about.
            if strike.fault == faults::LIE {
                // What takes the place of an older file is all that there is.
                let settled = if self.subject.is_replaced() { 0 } else { self.settled };
                self.lying_after.get_or_insert(settled);
            }
        }
        // What is read wrongly may be read well the next time; what is written wrongly stays, and what is read wrongly again
        // and again cannot be told from it. It strikes what was written last, whenever that was; and it may hide damage that
        // is there already from what looks for it.
        if strikes.iter().filter(|strike| strike.fault == faults::MISREADING).count() > 1 {
            self.damaged_after = Some(0);
            self.damages += if was_damaged { self.history.len() } else { 1 };
        }
    }

    fn note_transaction(&mut self, op: &Op) {
        let is = |words: &[&str]| {
            let name = op.argv().and_then(|argv| argv.get(0)).unwrap_or_default();
            words.iter().any(|word| name.eq_ignore_ascii_case(word.as_bytes()))
        };
        if is(&["MULTI"]) {
            self.in_multi.insert(op.conn);
        } else if is(&["EXEC", "DISCARD", "RESET", "QUIT"]) || op.act == Act::Close {
            self.in_multi.remove(&op.conn);
        }
    }

    /// Runs an op on the model.
    fn follow(&mut self, op: &Op) -> Result<Reply, TargetError> {
        let reply = self.model.perform(op)?;
        self.history.push(op.clone());
        Ok(reply)
    }

    /// An op that was answered as if nothing had happened: the model's answer is the right one.
    fn answered(&mut self, op: &Op, got: Reply) -> Judged {
        let want = self.follow(op)?;
        if want.frames().last() == Some(&Reply::Pending) {
            self.waiting.insert(op.conn);
        } else {
            self.waiting.remove(&op.conn);
        }
        let queue = self.queues.note(op, &want);
        self.note_transaction(op);
        if want == got {
            return Ok(None);
        }
        let class = match &queue {
            Some(queue) => transactions::compare(&self.settings, op, queue, &want, &got),
            None => diff::rules::compare(&self.settings, op, &want, &got),
        };
        match class {
            None => Ok(None),
            Some(_) => self.violation(Breach::WrongData, want, got, String::new()),
        }
    }

    /// An op that was told that the storage failed: it must have done nothing.
    fn failed(&mut self, op: &Op, got: Reply, strikes: &[Strike]) -> Judged {
        self.outcome.tally.failed += 1;
        self.outcome.tally.told += u64::from(names_damage(&got));
        if let Some(why) = self.misfit(&got, strikes) {
            let want = self.model.perform(op)?;
            return self.violation(Breach::UnexplainedError, want, got, why);
        }
        // What the failure left of a transaction, or of commands that wait, is not the model's: clients go, too.
        if !self.waiting.is_empty() {
            for conn in std::mem::take(&mut self.connections) {
                self.close(conn)?;
            }
        } else if self.in_multi.contains(&op.conn) || got.frames().len() > 1 {
            self.close(op.conn)?;
        }
        self.compare(Breach::HalfDone, "the command failed, and this has changed")
    }

    /// True where something that struck an op, or damage, may be why it failed.
    fn is_explained(&self, got: &Reply, strikes: &[Strike]) -> bool {
        failing(strikes).next().is_some() || self.damaged_after.is_some() && names_damage(got)
    }

    /// Why a command should not have failed so. A full disk is no damage, and clients know it by the code that Redis
    /// gives it.
    fn misfit(&self, got: &Reply, strikes: &[Strike]) -> Option<&'static str> {
        if !self.is_explained(got, strikes) {
            return Some(UNEXPLAINED);
        }
        let is_full = failing(strikes).next().is_some() && failing(strikes).all(Fault::fills_disk);
        (is_full && self.damaged_after.is_none() && !starts_with(got, b"MISCONF "))
            .then_some("a full disk is told as MISCONF")
    }

    /// Closes a connection on both.
    fn close(&mut self, conn: u16) -> Result<(), TargetError> {
        self.subject.disconnect(conn);
        self.follow_close(conn)
    }

    /// Closes on the model a connection that the subject has lost.
    fn follow_close(&mut self, conn: u16) -> Result<(), TargetError> {
        let close = Op { conn, act: Act::Close };
        self.follow(&close)?;
        self.queues.note(&close, &Reply::ok());
        self.in_multi.remove(&conn);
        self.waiting.remove(&conn);
        self.connections.remove(&conn);
        Ok(())
    }

    /// The connection of an op ended in its middle; `unseen` is the reply, where the request arrived.
    fn dropped(&mut self, op: &Op, unseen: Option<Reply>, strikes: &[Strike]) -> Judged {
        match unseen {
            Some(reply) if is_storage_error(&reply) => {
                self.outcome.tally.failed += 1;
                if let Some(why) = self.misfit(&reply, strikes) {
                    return self.violation(Breach::UnexplainedError, Reply::ok(), reply, why);
                }
            }
            Some(_) => drop(self.follow(op)?),
            None => {}
        }
        self.follow_close(op.conn)?;
        self.compare(Breach::Torn, "the connection ended in the middle of the op")
    }

    /// The connection ended behind the reply `got`.
    fn half_closed(&mut self, op: &Op, got: Reply, strikes: &[Strike]) -> Judged {
        let is_failure = is_storage_error(&got);
        let judged = if is_failure { self.failed(op, got, strikes)? } else { self.answered(op, got)? };
        if judged.is_some() || self.has_ended {
            return Ok(judged);
        }
        self.follow_close(op.conn)?;
        self.compare(Breach::Torn, "the connection ended behind the reply")
    }

    /// The store did what it does between commands, or tried.
    fn kept_up(&mut self, op: &Op, got: Reply, strikes: &[Strike]) -> Judged {
        if got.as_error().is_none() {
            if matches!(&op.act, Act::Fault(spec) if spec.name == faults::CHECKPOINT) {
                self.settle(strikes);
            }
            return Ok(None);
        }
        self.outcome.tally.failed += 1;
        self.outcome.tally.told += u64::from(names_damage(&got));
        if !self.is_explained(&got, strikes) {
            return self.violation(Breach::UnexplainedError, Reply::ok(), got, UNEXPLAINED);
        }
        self.compare(Breach::HalfDone, "upkeep failed")
    }

    /// All is in the database file now, unless something kept the store from writing it there.
    fn settle(&mut self, strikes: &[Strike]) {
        if strikes.is_empty() && self.lying_after.is_none() && self.damaged_after.is_none() {
            self.settled = self.history.len();
        }
    }

    fn refused(&mut self, why: &str, is_changed: bool) -> Judged {
        self.has_ended = true;
        let got = Reply::error(why);
        if self.damaged_after.is_none() || !names_damage(&got) {
            return self.violation(Breach::FailedRecovery, Reply::ok(), got, "the store cannot be opened again");
        }
        self.outcome.tally.told += 1;
        if is_changed {
            return self.violation(Breach::ChangedFile, Reply::ok(), got, "the refused store was changed");
        }
        Ok(None)
    }

    /// The store went away and is there again, with `op` in flight.
    fn recovered(&mut self, op: &Op, lost_power: bool, strikes: &[Strike]) -> Judged {
        self.outcome.tally.recoveries += 1;
        let got = self.subject.read()?;
        if let Some(instead) = self.unread(&got) {
            return self.unreadable(instead);
        }
        let kept = self.kept(lost_power);
        self.lying_after = self.lying_after.filter(|_| !lost_power);
        let in_flight = !matches!(op.act, Act::Fault(_) | Act::Crash | Act::Restart);
        if difference(&self.settings, &self.model.read()?, &got).is_some() || in_flight && self.is_kept_otherwise() {
            if in_flight {
                self.follow(op)?;
            }
            if let Some(found) = difference(&self.settings, &self.model.read()?, &got)
                && let Some(violation) = self.lost(&found, &got, kept, in_flight)?
            {
                return Ok(Some(violation));
            }
        }
        self.follow(&Op { conn: 0, act: Act::Restart })?;
        if op.act == Act::Restart {
            self.settle(strikes);
        }
        self.connections.clear();
        self.waiting.clear();
        self.in_multi.clear();
        self.queues = Queues::default();
        self.check_file(strikes)
    }

    /// True where both hold the same, and keep it in other ways: then the op in flight was done, and changed that alone.
    fn is_kept_otherwise(&mut self) -> bool {
        self.damaged_after.is_none() && self.model.encodings() != self.subject.encodings()
    }

    /// How many ops of the history a power loss may not go behind, where one may lose any: what was in the database file
    /// before the disk lied, or after the last checkpoint of a store that syncs only then.
    fn kept(&self, lost_power: bool) -> Option<usize> {
        let settled = self.may_lose.then_some(self.settled);
        let kept = self.lying_after.into_iter().chain(settled).min();
        kept.filter(|_| lost_power)
    }

    /// The store holds something else than it should: the model goes back to where it is, if that is allowed.
    fn lost(&mut self, found: &Difference, got: &Keyspace, kept: Option<usize>, in_flight: bool) -> Judged {
        let all = self.history.len();
        let (want, held) = (found.want.clone(), found.got.clone());
        let key = tell(found);
        let (prefix, changes) = match self.find_prefix(got)? {
            Some(found) => found,
            None if self.damaged_after.is_some() => {
                return self.violation(Breach::WrongData, want, held, format!("{key}; nothing told of the damage"));
            }
            None => return self.violation(Breach::Torn, want, held, format!("{key}; the store was never so")),
        };
        // Damage to the last transaction in the log looks like one that was never finished; what is damaged before it is
        // told, unless each one behind is damaged, too: each damage may take one. Without a sync for each transaction,
        // nothing is told of damage in the log.
        let changes_max = if self.may_lose { usize::MAX } else { self.damages + usize::from(in_flight) };
        let is_end = changes <= changes_max && self.damaged_after.is_some_and(|after| prefix + 1 >= after);
        if is_end || kept.is_some_and(|kept| prefix >= kept) {
            self.outcome.tally.lost += (all - prefix) as u64;
            self.settled = self.settled.min(prefix);
            self.damaged_after = self.damaged_after.map(|after| after.min(prefix));
            return Ok(None);
        }
        self.violation(
            Breach::LostWrite,
            want,
            held,
            format!("{key}; the store is as it was {} ops before", all - prefix),
        )
    }

    /// How many ops of the history lead to this keyspace, the most that do, and how often those behind them changed
    /// something. The model then is where they lead.
    fn find_prefix(&mut self, got: &Keyspace) -> Result<Option<(usize, usize)>, TargetError> {
        let moved = |op: &Op| if let Act::Advance { ms } = op.act { ms } else { 0 };
        let now_ms = self.header.start_ms.saturating_add_unsigned(self.history.iter().map(moved).sum());
        let history = std::mem::take(&mut self.history);
        let mut found = None;
        let mut before: Option<Keyspace> = None;
        self.model.reset(self.header)?;
        for ops in 0..=history.len() {
            let held = alive(self.model.read()?, now_ms);
            let changes = before.as_ref().is_some_and(|before| *before != held);
            if difference(&self.settings, &held, got).is_none() {
                found = Some((ops, 0));
            } else if let Some((_, count)) = &mut found {
                *count += usize::from(changes);
            }
            before = Some(held);
            if let Some(op) = history.get(ops) {
                self.model.perform(op)?;
            }
        }
        let prefix = found.map_or(history.len(), |(ops, _)| ops);
        self.model.reset(self.header)?;
        for op in &history[..prefix] {
            self.follow(op)?;
        }
        let ms = history[prefix..].iter().map(moved).sum();
        self.follow(&Op { conn: 0, act: Act::Advance { ms } })?;
        Ok(found)
    }

    /// What came instead of all keys, or of one where there is no damage.
    fn unread(&self, got: &Keyspace) -> Option<Reply> {
        let one = || got.entries.iter().find(|entry| tells_damage(entry)).map(|entry| entry.value.clone());
        got.instead().cloned().or_else(|| if self.damaged_after.is_none() { one() } else { None })
    }

    fn unreadable(&mut self, instead: Reply) -> Judged {
        if self.damaged_after.is_some() && names_damage(&instead) {
            self.outcome.tally.told += 1;
            self.has_ended = true;
            return Ok(None);
        }
        if instead == Reply::Closed {
            return self.violation(Breach::Panic, Reply::ok(), instead, "it panicked as it was read");
        }
        self.violation(Breach::FailedRecovery, Reply::ok(), instead, "the store cannot be read")
    }

    /// Both must hold the same.
    fn compare(&mut self, breach: Breach, note: &str) -> Judged {
        let got = self.subject.read()?;
        if let Some(instead) = self.unread(&got) {
            return self.unreadable(instead);
        }
        match difference(&self.settings, &self.model.read()?, &got) {
            None => Ok(None),
            Some(found) => {
                let breach = if self.damaged_after.is_some() { Breach::WrongData } else { breach };
                self.violation(breach, found.want.clone(), found.got.clone(), format!("{note}: {}", tell(&found)))
            }
        }
    }

    fn check_file(&mut self, strikes: &[Strike]) -> Judged {
        // The log's header, which was written just now, is not read again before the store is opened. And what a disk that
        // lies has let go comes back with the next power loss.
        let may_be_hidden = self.lying_after.is_some() || strikes.iter().any(|strike| strike.fault == faults::DAMAGE);
        match (self.subject.find_damage().first(), self.damaged_after) {
            (Some(found), None) => {
                self.violation(Breach::Damage, Reply::ok(), Reply::error(found), "the file as a whole is not sound")
            }
            (Some(_), Some(_)) => Ok(None),
            (None, Some(_)) if may_be_hidden => Ok(None),
            // What was damaged is no longer there.
            (None, _) => {
                (self.damaged_after, self.damages) = (None, 0);
                Ok(None)
            }
        }
    }

    /// Every fault is lifted: the store goes on, both hold the same, and still do after the power went once more.
    fn finish(&mut self) -> Judged {
        self.subject.lift_faults();
        let set = |value: &str| Op::call(PROBE, ["SET", "dst:probe", value]);
        for op in [set("1"), Op { conn: 0, act: Act::Crash }, set("2")] {
            if self.has_ended {
                return Ok(None);
            }
            // A recovery has compared both already. Where there was damage, and it is gone, it may have let pass what is
            // wrong now.
            let is_compared = op.act == Act::Crash && self.damaged_after.is_none();
            let judged = match self.step(&op)? {
                None if !self.has_ended && !is_compared => self.compare(Breach::WrongData, "in the end")?,
                judged => judged,
            };
            if let Some(mut violation) = judged {
                let when = if op.act == Act::Crash { "when the power went once more in the end: " } else { "" };
                violation.note.insert_str(0, when);
                if violation.breach == Breach::UnexplainedError {
                    violation.breach = Breach::Stuck;
                }
                return Ok(Some(violation));
            }
        }
        Ok(None)
    }

    fn violation(&self, breach: Breach, want: Reply, got: Reply, note: impl Into<String>) -> Judged {
        Ok(Some(Violation { at: self.at, breach, fault: "", want, got, note: note.into() }))
    }
}

const UNEXPLAINED: &str = "no fault struck this op that could have made it fail";

/// The faults that struck and may make what they strike fail.
fn failing(strikes: &[Strike]) -> impl Iterator<Item = &'static Fault> {
    strikes.iter().filter_map(|strike| faults::fault(strike.fault)).filter(|fault| fault.fails_calls())
}

/// True for what Redlite says where the storage failed, see `redlite::failure`.
fn is_storage_error(reply: &Reply) -> bool {
    starts_with(reply, b"MISCONF ") || starts_with(reply, b"ERR storage")
}

/// True where a frame is an error that starts so.
fn starts_with(reply: &Reply, start: &[u8]) -> bool {
    reply.frames().iter().any(|frame| frame.as_error().is_some_and(|text| text.starts_with(start)))
}

/// True for an error that says that data is damaged.
fn names_damage(reply: &Reply) -> bool {
    let is_named = |text: &[u8]| text.windows(7).any(|word| word == b"damaged");
    reply.frames().iter().any(|frame| frame.as_error().is_some_and(is_named))
}

/// The first difference. A key of which the subject tells that it is damaged is none.
pub(super) fn difference(settings: &Settings, want: &Keyspace, got: &Keyspace) -> Option<Difference> {
    let is_told = |found: &Difference| {
        let entry = got.entries.iter().find(|entry| (entry.db, &entry.key) == (found.db, &found.key));
        entry.is_some_and(tells_damage)
    };
    keyspace::differences(settings, want, got).into_iter().find(|found| !is_told(found))
}

/// True where the storage failed as a key was read: nothing of it is said then.
fn tells_damage(entry: &Entry) -> bool {
    entry.kind == UNREAD || is_storage_error(&entry.value)
}

/// The type of a key of which the store does not tell the type.
const UNREAD: &str = "Error";

fn tell(found: &Difference) -> String {
    format!("db {} key \"{}\" differs in its {}", found.db, found.key.escape_ascii(), found.kind)
}

/// What is left of a keyspace at a later time: a key is there until its time is over.
fn alive(mut keyspace: Keyspace, now_ms: i64) -> Keyspace {
    keyspace.entries.retain(|entry| entry.expires_ms.is_none_or(|at| at >= now_ms));
    keyspace
}
