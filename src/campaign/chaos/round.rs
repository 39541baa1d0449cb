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
use crate::faults::{self, Drop as ConnectionDrop};
use crate::resp::{Argv, Reply};
use crate::targets::TargetError;
use crate::targets::faulty::{End, FaultySession, Injected, Model, Strike};
use crate::trace::{Act, Header, Op};

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
        for (what, count) in other.injected {
            *self.injected.entry(what).or_default() += count;
        }
        self.violation = self.violation.take().or(other.violation);
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
        self.subject.restart_empty(header)?;
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
    /// How many ops of `history` a loss may not go behind, since data was damaged on the disk; `None` before that.
    damaged_after: Option<usize>,
    /// True from the moment that the disk lies until the next power loss.
    is_lying: bool,
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
            is_lying: false,
            in_multi: BTreeSet::new(),
            has_ended: false,
            at: 0,
        }
    }

    fn run(&mut self, ops: &[Op]) -> Judged {
        for (at, op) in ops.iter().enumerate() {
            self.at = at;
            self.outcome.tally.ops += 1;
            if let Some(violation) = self.step(op)? {
                return Ok(Some(violation));
            }
            if self.has_ended {
                return Ok(None);
            }
        }
        self.finish()
    }

    /// Runs one op on both, and judges what came of it.
    fn step(&mut self, op: &Op) -> Judged {
        let step = self.subject.perform(op)?;
        let strikes = self.subject.strikes();
        self.note(&strikes);
        self.connections.insert(op.conn);
        let is_explained = !strikes.is_empty() || self.subject.has_quota() || self.damaged_after.is_some();
        let judged = match step.end {
            End::Refused { why, is_changed } => self.refused(&why, is_changed),
            End::Reopened { lost_power } => self.recovered(op, lost_power),
            End::Dropped(drop) => {
                let is_sure = strikes.len() == 1 && !self.subject.has_quota() && self.damaged_after.is_none();
                self.dropped(op, is_sure.then_some(drop))
            }
            End::Runs if matches!(op.act, Act::Fault(_)) => self.kept_up(step.reply, is_explained),
            End::Runs if is_storage_error(&step.reply) => self.failed(op, step.reply, is_explained),
            End::Runs => return self.answered(op, step.reply),
        };
        self.note_transaction(op);
        judged
    }

    fn note(&mut self, strikes: &[Strike]) {
        for strike in strikes {
            if !self.outcome.strikes.iter().any(|known| known.armed_at == strike.armed_at) {
                self.outcome.strikes.push(strike.clone());
            }
            // What is read wrongly may be read well the next time; what is written wrongly stays.
            if strike.fault == faults::DAMAGE {
                self.damaged_after.get_or_insert(self.history.len());
            }
            self.is_lying |= strike.fault == faults::LIE;
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
            Some(_) if got == Reply::Closed => self.violation(Breach::Panic, want, got, "it panicked"),
            Some(_) => self.violation(Breach::WrongData, want, got, String::new()),
        }
    }

    /// An op that was told that the storage failed: it must have done nothing.
    fn failed(&mut self, op: &Op, got: Reply, is_explained: bool) -> Judged {
        self.outcome.tally.failed += 1;
        if !is_explained {
            let want = self.model.perform(op)?;
            return self.violation(Breach::UnexplainedError, want, got, "no fault struck this op");
        }
        if self.damaged_after.is_some() {
            self.outcome.tally.told += 1;
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

    fn close(&mut self, conn: u16) -> Result<(), TargetError> {
        self.subject.disconnect(conn);
        let close = Op { conn, act: Act::Close };
        self.follow(&close)?;
        self.queues.note(&close, &Reply::ok());
        self.in_multi.remove(&conn);
        self.waiting.remove(&conn);
        self.connections.remove(&conn);
        Ok(())
    }

    /// The connection of an op ended in its middle; `how`, where nothing else struck.
    fn dropped(&mut self, op: &Op, how: Option<ConnectionDrop>) -> Judged {
        match how {
            Some(ConnectionDrop::InRequest) => {}
            Some(ConnectionDrop::InReply) => drop(self.follow(op)?),
            None => {
                let got = self.subject.read()?;
                if difference(&self.settings, &self.model.read()?, &got).is_some() {
                    self.follow(op)?;
                }
            }
        }
        self.close(op.conn)?;
        self.compare(Breach::Torn, "the connection ended in the middle of the op")
    }

    /// The store did what it does between commands, or tried.
    fn kept_up(&mut self, got: Reply, is_explained: bool) -> Judged {
        if got.as_error().is_none() {
            return Ok(None);
        }
        self.outcome.tally.failed += 1;
        if is_explained {
            Ok(None)
        } else {
            self.violation(Breach::UnexplainedError, Reply::ok(), got, "no fault struck")
        }
    }

    fn refused(&mut self, why: &str, is_changed: bool) -> Judged {
        self.has_ended = true;
        let got = Reply::error(why);
        if self.damaged_after.is_none() {
            return self.violation(Breach::FailedRecovery, Reply::ok(), got, "the store cannot be opened again");
        }
        self.outcome.tally.told += 1;
        if is_changed {
            return self.violation(Breach::ChangedFile, Reply::ok(), got, "the refused store was changed");
        }
        Ok(None)
    }

    /// The store went away and is there again, with `op` in flight.
    fn recovered(&mut self, op: &Op, lost_power: bool) -> Judged {
        self.outcome.tally.recoveries += 1;
        let got = self.subject.read()?;
        if let Some(instead) = self.unread(&got) {
            return self.unreadable(instead);
        }
        let is_lossy = lost_power && (self.is_lying || self.may_lose);
        self.is_lying &= !lost_power;
        if difference(&self.settings, &self.model.read()?, &got).is_some() {
            if !matches!(op.act, Act::Fault(_) | Act::Crash | Act::Restart) {
                self.follow(op)?;
            }
            if let Some(found) = difference(&self.settings, &self.model.read()?, &got)
                && let Some(violation) = self.lost(&found, &got, is_lossy)?
            {
                return Ok(Some(violation));
            }
        }
        self.follow(&Op { conn: 0, act: Act::Restart })?;
        self.connections.clear();
        self.waiting.clear();
        self.in_multi.clear();
        self.queues = Queues::default();
        self.check_file()
    }

    /// The store holds something else than it should: the model goes back to where it is, if that is allowed.
    fn lost(&mut self, found: &Difference, got: &Keyspace, is_lossy: bool) -> Judged {
        let kept = if is_lossy { Some(0) } else { self.damaged_after };
        let all = self.history.len();
        let (want, held) = (found.want.clone(), found.got.clone());
        let key = tell(found);
        match (self.find_prefix(got, kept.unwrap_or(0))?, kept) {
            (Some(prefix), Some(_)) => {
                self.outcome.tally.lost += (all - prefix) as u64;
                self.damaged_after = self.damaged_after.map(|after| after.min(prefix));
                Ok(None)
            }
            (Some(prefix), None) => {
                let note = format!("{key}; the store is as it was {} ops before", all - prefix);
                self.violation(Breach::LostWrite, want, held, note)
            }
            (None, _) if self.damaged_after.is_some() => {
                self.violation(Breach::WrongData, want, held, format!("{key}; nothing told of the damage"))
            }
            (None, _) => self.violation(Breach::Torn, want, held, format!("{key}; the store was never so")),
        }
    }

    /// How many ops of the history lead to this keyspace, the most that do and `kept` at least. The model then is where
    /// they lead.
    fn find_prefix(&mut self, got: &Keyspace, kept: usize) -> Result<Option<usize>, TargetError> {
        let moved = |op: &Op| if let Act::Advance { ms } = op.act { ms } else { 0 };
        let now_ms = self.header.start_ms.saturating_add_unsigned(self.history.iter().map(moved).sum());
        let history = std::mem::take(&mut self.history);
        let mut found = None;
        self.model.reset(self.header)?;
        for ops in 0..=history.len() {
            if ops >= kept && difference(&self.settings, &alive(self.model.read()?, now_ms), got).is_none() {
                found = Some(ops);
            }
            if let Some(op) = history.get(ops) {
                self.model.perform(op)?;
            }
        }
        let prefix = &history[..found.unwrap_or(history.len())];
        self.model.reset(self.header)?;
        for op in prefix {
            self.follow(op)?;
        }
        let ms = history[prefix.len()..].iter().map(moved).sum();
        self.follow(&Op { conn: 0, act: Act::Advance { ms } })?;
        Ok(found)
    }

    /// What came instead of all keys, or of one where there is no damage.
    fn unread(&self, got: &Keyspace) -> Option<Reply> {
        let one = || got.entries.iter().find(|entry| tells_damage(entry)).map(|entry| entry.value.clone());
        got.instead().cloned().or_else(|| if self.damaged_after.is_none() { one() } else { None })
    }

    fn unreadable(&mut self, instead: Reply) -> Judged {
        if self.damaged_after.is_some() && is_storage_error(&instead) {
            self.outcome.tally.told += 1;
            self.has_ended = true;
            return Ok(None);
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

    fn check_file(&mut self) -> Judged {
        if self.damaged_after.is_some() {
            return Ok(None);
        }
        match self.subject.find_damage().first() {
            None => Ok(None),
            Some(found) => {
                self.violation(Breach::Damage, Reply::ok(), Reply::error(found), "the file as a whole is not sound")
            }
        }
    }

    /// Every fault is lifted: both hold the same, also after the power goes once more, and the store goes on.
    fn finish(&mut self) -> Judged {
        self.subject.lift_faults();
        if let Some(violation) = self.compare(Breach::WrongData, "in the end")? {
            return Ok(Some(violation));
        }
        for op in [Op { conn: 0, act: Act::Crash }, Op::call(PROBE, ["DEL", "dst:probe"])] {
            if self.has_ended {
                return Ok(None);
            }
            if let Some(violation) = self.step(&op)? {
                return Ok(Some(violation));
            }
        }
        let value = Argv::from(["SET", "dst:probe", "1"]);
        let reply = self.subject.perform(&Op::call(PROBE, value))?.reply;
        if reply == Reply::ok() || self.damaged_after.is_some() && is_storage_error(&reply) {
            return Ok(None);
        }
        self.violation(Breach::Stuck, Reply::ok(), reply, "SET after the last fault was lifted")
    }

    fn violation(&self, breach: Breach, want: Reply, got: Reply, note: impl Into<String>) -> Judged {
        Ok(Some(Violation { at: self.at, breach, fault: "", want, got, note: note.into() }))
    }
}

/// True for what Redlite says where the storage failed, see `redlite::failure`.
fn is_storage_error(reply: &Reply) -> bool {
    let is_one = |reply: &Reply| {
        reply.as_error().is_some_and(|text| text.starts_with(b"MISCONF ") || text.starts_with(b"ERR storage"))
    };
    reply.frames().iter().any(is_one)
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
