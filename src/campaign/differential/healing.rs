//! Goes on past every divergence: both sides are brought back to one state, and what follows is judged as well.
//!
//! An op that diverges, or may be the cause of it, runs alone, so that each reply is judged in a state that both sides
//! share; what both hold is compared behind it, and a difference is laid to it. After a divergence the two are healed by
//! what does it at the least loss: the connection is closed where the op may have changed it, the keys that differ are
//! deleted on both sides, and where that does not bring them together both are emptied and go on from there.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::taint::{self, Taint};
use super::{
    Comparison, End, Judged, NOTES_MAX, Observer, Options, Outcome, Sides, WHOLE_TRACE, keyspace_divergence,
    replay_whole, step_divergence,
};
use crate::diff::keyspace::{self, Difference};
use crate::diff::{Divergence, Excerpt, rules};
use crate::targets::TargetError;
use crate::trace::{Act, Header, Op};
use resp::{Argv, Reply};

/// After so many divergences of one trace, the rest is not judged: a server so wrong has enough to be told.
const DIVERGENCES_MAX: usize = 64;
/// Up to so many keys are deleted one by one; more are emptied together with all else.
const DELETED_KEYS_MAX: usize = 64;
/// So often a trace is run again for what differs among ops that ran together, before it goes step by step.
const RERUNS_MAX: usize = 6;
/// The connection on which keys are deleted; no generator uses it.
const HEALING_CONN: u16 = u16::MAX;

/// One of the divergences of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What differs, at its op.
    pub divergence: Divergence,
    /// The ops and replies around it.
    pub excerpt: Option<Excerpt>,
    /// What no reply can say.
    pub notes: Vec<String>,
}

/// What a run that goes on found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examination {
    /// Every divergence that is not known, in the order of the ops.
    pub seen: Vec<Seen>,
    /// What was counted. It names no divergence.
    pub outcome: Outcome,
}

/// How the ops go to the sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// One by one, and what both hold is compared behind each that may write.
    StepByStep,
    /// Together, but where something was seen to differ: the trace is run again for each such place, and step by step
    /// where there are many.
    Together,
}

/// Resets the sessions and runs `ops` on the first reference and the subject, past every divergence. At the pace
/// [`Pace::Together`] an op may be shown to `observer` several times.
///
/// # Errors
/// Infrastructure only.
pub fn examine(
    header: &Header,
    ops: &[Op],
    sides: &mut Sides,
    options: &Options,
    pace: Pace,
    observer: Observer,
) -> Result<Examination, TargetError> {
    let options = Options { parallel: false, checkpoint_ops: 0, ..*options };
    let mut stops = BTreeSet::new();
    if pace == Pace::Together && sides.subject.closes_behind_errors() {
        stops = errors(header, ops, sides)?;
    }
    for _ in 0..RERUNS_MAX {
        if pace == Pace::StepByStep {
            break;
        }
        match Walk::start(header, sides, &options, Some(&stops))?.run(ops, observer)? {
            Ran::Through(examination) => return Ok(*examination),
            Ran::Unexpected(places) => stops.extend(places),
        }
    }
    match Walk::start(header, sides, &options, None)?.run(ops, observer)? {
        Ran::Through(examination) => Ok(*examination),
        Ran::Unexpected(_) => unreachable!("each op is a stop"),
    }
}

/// The ops that the reference likely answers by an error.
fn errors(header: &Header, ops: &[Op], sides: &mut Sides) -> Result<BTreeSet<usize>, TargetError> {
    let mut replies = Vec::with_capacity(ops.len());
    sides.reference.reset(header)?;
    replay_whole(sides.reference, ops, &mut replies)?;
    Ok(replies.iter().enumerate().filter(|(_, reply)| reply.as_error().is_some()).map(|(at, _)| at).collect())
}

/// How a run ended.
enum Ran {
    /// It came to the end.
    Through(Box<Examination>),
    /// Something differs at ops that ran together with others: these places are to be looked at one by one.
    Unexpected(Vec<usize>),
}

/// An op that may have written a key.
type Writer = (usize, String);

/// A run in progress.
struct Walk<'a> {
    /// Its clock is where the trace's stands.
    header: Header,
    comparison: Comparison<'a>,
    /// The ops that run alone; `None` for all.
    stops: Option<&'a BTreeSet<usize>>,
    seen: Vec<Seen>,
    /// By key: the ops that may have written it since what both hold was seen to be the same.
    writers: BTreeMap<Vec<u8>, Vec<Writer>>,
    /// By connection in a transaction: the keys that what it has queued may write.
    queued: BTreeMap<u16, Vec<Vec<u8>>>,
    /// By connection: the last op, with what its command is called.
    last_on: BTreeMap<u16, Writer>,
    /// Ops that ran together with others since what both hold was seen to be the same.
    together: Range<usize>,
}

impl<'a> Walk<'a> {
    fn start(
        header: &Header,
        sides: &'a mut Sides,
        options: &Options<'a>,
        stops: Option<&'a BTreeSet<usize>>,
    ) -> Result<Self, TargetError> {
        Ok(Self {
            header: header.clone(),
            comparison: Comparison::start(header, sides.reference, sides.subject, options)?,
            stops,
            seen: Vec::new(),
            writers: BTreeMap::new(),
            queued: BTreeMap::new(),
            last_on: BTreeMap::new(),
            together: 0..0,
        })
    }

    fn run(mut self, ops: &[Op], observer: Observer) -> Result<Ran, TargetError> {
        let mut at = 0;
        while at < ops.len() {
            if self.seen.len() >= DIVERGENCES_MAX || self.comparison.judge.options.is_over() {
                self.comparison.judge.outcome.skipped += (ops.len() - at) as u64;
                break;
            }
            let next = self.stops.map_or(at, |stops| stops.range(at..).next().copied().unwrap_or(ops.len()));
            let unexpected = if next > at {
                self.run_together(at..next, ops, observer)?
            } else {
                self.step(at, &ops[at], observer)?
            };
            if let Some(places) = unexpected {
                return Ok(Ran::Unexpected(places));
            }
            at = next.max(at + 1);
        }
        self.finish(ops)
    }

    /// Runs ops that are expected to agree; the places to look at where they do not.
    fn run_together(
        &mut self,
        range: Range<usize>,
        ops: &[Op],
        observer: Observer,
    ) -> Result<Option<Vec<usize>>, TargetError> {
        let mut at = range.start;
        let mut parted = Vec::new();
        self.comparison.replay(&ops[range.clone()], &mut |seen| {
            if !matches!(seen.judged, Judged::Agrees) {
                parted.push(at);
            }
            at += 1;
            observer(seen);
        })?;
        if let Some(&first) = parted.first() {
            // What shows here may have been done before.
            return Ok(Some(vec![first.saturating_sub(1), first]));
        }
        range.clone().for_each(|at| self.note(at, &ops[at], &Reply::Null));
        self.together = if self.together.is_empty() { range } else { self.together.start..range.end };
        Ok(None)
    }

    /// Takes in that an op has run.
    fn note(&mut self, at: usize, op: &Op, want: &Reply) {
        if let Act::Advance { ms } = op.act {
            let ms = i64::try_from(ms).unwrap_or(i64::MAX);
            self.header.start_ms = self.header.start_ms.saturating_add(ms);
        }
        let command = rules::command_name(op, want);
        for key in self.written_keys(op) {
            self.writers.entry(key).or_default().push((at, command.clone()));
        }
        self.last_on.insert(op.conn, (at, command));
    }

    /// The keys that `op` may write: what is queued is written when EXEC runs it.
    fn written_keys(&mut self, op: &Op) -> Vec<Vec<u8>> {
        let Some(argv) = op.argv() else {
            if op.act == Act::Close {
                self.queued.remove(&op.conn);
            }
            return Vec::new();
        };
        if argv.is_word("MULTI") {
            self.queued.entry(op.conn).or_default();
        } else if argv.is_word("EXEC") {
            return self.queued.remove(&op.conn).unwrap_or_default();
        } else if argv.is_word("DISCARD") || argv.is_word("RESET") || argv.is_word("QUIT") {
            self.queued.remove(&op.conn);
        } else if let Some(queue) = self.queued.get_mut(&op.conn) {
            queue.extend(touched_keys(argv));
            return Vec::new();
        }
        touched_keys(argv)
    }

    fn step(&mut self, at: usize, op: &Op, observer: Observer) -> Result<Option<Vec<usize>>, TargetError> {
        self.comparison.replay(std::slice::from_ref(op), observer)?;
        let (want, got) = self.last_replies();
        let before = self.last_on.get(&op.conn).cloned();
        self.note(at, op, &want);
        let is_error = want.as_error().is_some() || got.as_error().is_some();
        let ends = is_error && self.comparison.judge.subject.closes_behind_errors();
        let unexpected = self.judge_step(at, op, (&want, &got), before, ends)?;
        if ends && unexpected.is_none() {
            self.close(op.conn)?;
        }
        Ok(unexpected)
    }

    /// Judges an op that ran alone, and heals; `ends` where it ended its connection, as expected.
    fn judge_step(
        &mut self,
        at: usize,
        op: &Op,
        (want, got): (&Reply, &Reply),
        before: Option<Writer>,
        ends: bool,
    ) -> Result<Option<Vec<usize>>, TargetError> {
        let command = rules::command_name(op, want);
        let excerpt = self.comparison.judge.outcome.excerpt.take();
        match self.comparison.judge.outcome.divergence.take() {
            Some(divergence) => {
                let lost = self.find_lost_step(before)?;
                let is_lost = lost.is_some();
                self.push(lost.unwrap_or(divergence), excerpt);
                if is_lost {
                    self.close(op.conn)?;
                }
                self.heal(op, want, got)?;
                Ok(None)
            }
            // Known, or a command that the subject lacks: it leaves the two different as well.
            None if !self.comparison.judge.taint.is_empty() => {
                self.heal(op, want, got)?;
                Ok(None)
            }
            None if ends => Ok(None),
            None if self.stops.is_some() || may_write(op) => self.check_keyspaces(at, &command),
            None => Ok(None),
        }
    }

    /// The replies to the last op; to none where a reply is missing.
    fn last_replies(&self) -> (Reply, Reply) {
        let judge = &self.comparison.judge;
        let tail = judge.outcome.excerpt.as_ref().unwrap_or(&judge.tail);
        let last = |replies: &[Reply]| replies.last().cloned().unwrap_or(Reply::Null);
        (last(&tail.want), last(&tail.got))
    }

    /// A divergence of the op before on this connection, where the subject answered that with one reply too many or too
    /// few: what came for this op was not its reply.
    fn find_lost_step(&mut self, before: Option<(usize, String)>) -> Result<Option<Divergence>, TargetError> {
        let Some((at, command)) = before else { return Ok(None) };
        let instead = self.comparison.judge.subject.out_of_step()?;
        Ok(instead.filter(|instead| !instead.is_none()).map(|instead| step_divergence(at, &command, false, instead)))
    }

    fn push(&mut self, divergence: Divergence, excerpt: Option<Excerpt>) {
        let mut notes = self.comparison.take_notes();
        notes.truncate(NOTES_MAX);
        self.seen.push(Seen { divergence, excerpt, notes });
    }

    /// Compares what both hold. What differs is laid to the op that wrote it last, or to this one; where that is one of
    /// several that ran together, the places to look at are returned.
    fn check_keyspaces(&mut self, at: usize, command: &str) -> Result<Option<Vec<usize>>, TargetError> {
        let Some(differences) = self.differences()? else { return Ok(None) };
        let Some(first) = differences.first() else {
            self.agree();
            return Ok(None);
        };
        if let Some(places) = self.places_behind(first) {
            return Ok(Some(places));
        }
        let (at, command) = self.last_writer(first).unwrap_or((at, command.to_owned()));
        self.push_keyspace(at, &command, first.clone());
        self.align(differences)?;
        Ok(None)
    }

    fn push_keyspace(&mut self, at: usize, command: &str, difference: Difference) {
        let divergence = keyspace_divergence(at, command, difference);
        if self.comparison.judge.options.known.matches(&divergence.class) {
            self.comparison.judge.outcome.known += 1;
        } else {
            let excerpt = self.comparison.judge.tail.clone();
            self.push(divergence, Some(excerpt));
        }
    }

    fn last_writer(&self, difference: &Difference) -> Option<Writer> {
        self.writers.get(&difference.key)?.last().cloned()
    }

    /// The ops that may have caused a difference, where one of them ran together with others.
    fn places_behind(&self, difference: &Difference) -> Option<Vec<usize>> {
        if self.together.is_empty() {
            return None;
        }
        let writers = self.writers.get(&difference.key).map(Vec::as_slice).unwrap_or_default();
        let places: Vec<usize> = writers.iter().map(|(at, _)| *at).collect();
        let is_among = |at: &usize| self.together.contains(at) && self.stops.is_some_and(|stops| !stops.contains(at));
        if places.iter().any(is_among) {
            return Some(places);
        }
        // No op that is known to write it did so alone.
        let all = self.together.clone().filter(is_among);
        places.is_empty().then(|| all.collect()).filter(|all: &Vec<usize>| !all.is_empty())
    }

    /// Takes in that both hold the same.
    fn agree(&mut self) {
        self.writers.clear();
        self.together = 0..0;
    }

    /// Every key that both do not hold alike; `None` where what they hold is not to be compared.
    fn differences(&mut self) -> Result<Option<Vec<Difference>>, TargetError> {
        if !self.comparison.has_keyspaces() {
            return Ok(None);
        }
        self.comparison.compare_keyspaces()?;
        Ok(Some(match self.comparison.end.take() {
            Some(End::Keyspace(differences)) => differences,
            _ => Vec::new(),
        }))
    }

    /// Brings both sides back to one state after `op`, to which they gave these replies.
    fn heal(&mut self, op: &Op, want: &Reply, got: &Reply) -> Result<(), TargetError> {
        self.comparison.judge.taint = Taint::default();
        if want.is_lost() || got.is_lost() || !matches!(op.act, Act::Call(_) | Act::Raw(_)) {
            return self.start_afresh();
        }
        if self.changes_connection(op, want, got) {
            self.close(op.conn)?;
        }
        match self.differences()? {
            Some(differences) => self.align(differences),
            None => self.start_afresh(),
        }
    }

    /// Deletes the keys that differ on both sides, and verifies that they are gone.
    fn align(&mut self, differences: Vec<Difference>) -> Result<(), TargetError> {
        self.agree();
        if differences.is_empty() {
            return Ok(());
        }
        let is_readable = differences.iter().all(|it| it.kind != keyspace::UNREADABLE);
        if !is_readable || differences.len() > DELETED_KEYS_MAX {
            return self.start_afresh();
        }
        let mut ops = Vec::new();
        let mut selected = None;
        for Difference { db, key, .. } in &differences {
            if selected.replace(*db) != Some(*db) {
                ops.push(Op::call(HEALING_CONN, ["SELECT", &db.to_string()]));
            }
            ops.push(Op::call(HEALING_CONN, Argv::from([b"DEL", key.as_slice()])));
        }
        self.on_both(&ops)?;
        match self.differences()? {
            Some(left) if left.is_empty() => Ok(()),
            _ => self.start_afresh(),
        }
    }

    fn close(&mut self, conn: u16) -> Result<(), TargetError> {
        let close = Op { conn, act: Act::Close };
        self.comparison.judge.forget(&close);
        self.queued.remove(&conn);
        self.last_on.remove(&conn);
        self.on_both(&[close])
    }

    fn on_both(&mut self, ops: &[Op]) -> Result<(), TargetError> {
        replay_whole(self.comparison.reference, ops, &mut Vec::new())?;
        replay_whole(self.comparison.judge.subject, ops, &mut Vec::new())
    }

    /// Empties both sides; the clock stays where it is.
    fn start_afresh(&mut self) -> Result<(), TargetError> {
        self.comparison.reference.reset(&self.header)?;
        self.comparison.judge.subject.reset(&self.header)?;
        self.comparison.judge.forget_all();
        self.queued.clear();
        self.agree();
        self.last_on.clear();
        Ok(())
    }

    /// True where `op` may have left the connection itself in two states: in a transaction, in another database, with
    /// another protocol, as a subscriber.
    fn changes_connection(&self, op: &Op, want: &Reply, got: &Reply) -> bool {
        let is_unknown = op.argv().and_then(spec::lookup_request).is_none();
        is_unknown || taint::concerns_connection(op, want, got) || self.comparison.judge.is_queueing(op.conn)
    }

    /// Compares what must hold in the end.
    fn finish(mut self, ops: &[Op]) -> Result<Ran, TargetError> {
        if self.comparison.judge.ops() > 0 && self.seen.len() < DIVERGENCES_MAX {
            self.comparison.compare_end()?;
            let at = self.comparison.judge.ops() - 1;
            let last = self.last_on.values().max().cloned().unwrap_or((at, WHOLE_TRACE.to_owned()));
            match self.comparison.end.take() {
                None => {}
                Some(End::Step { .. }) if self.stops.is_some() => {
                    return Ok(Ran::Unexpected((0..ops.len()).collect()));
                }
                Some(End::Step { of_reference, instead }) => {
                    let excerpt = self.comparison.judge.tail.clone();
                    self.push(step_divergence(last.0, &last.1, of_reference, instead), Some(excerpt));
                }
                Some(End::Keyspace(differences)) => {
                    let Some(first) = differences.into_iter().next() else { return self.end() };
                    if let Some(places) = self.places_behind(&first) {
                        return Ok(Ran::Unexpected(places));
                    }
                    let (at, command) = self.last_writer(&first).unwrap_or(last);
                    self.push_keyspace(at, &command, first);
                }
            }
        }
        self.end()
    }

    fn end(self) -> Result<Ran, TargetError> {
        let Self { comparison, mut seen, .. } = self;
        seen.sort_by_key(|it| it.divergence.at);
        Ok(Ran::Through(Box::new(Examination { seen, outcome: comparison.judge.into_outcome() })))
    }
}

/// The keys that a request may write.
fn touched_keys(argv: &Argv) -> Vec<Vec<u8>> {
    match spec::lookup_request(argv) {
        Some(command) if command.writes => command.keys(argv).into_iter().map(<[u8]>::to_vec).collect(),
        _ => Vec::new(),
    }
}

/// True where what is stored may be another after `op`.
fn may_write(op: &Op) -> bool {
    match &op.act {
        Act::Call(argv) => spec::lookup_request(argv).is_none_or(|command| command.writes || command.name == "EXEC"),
        Act::Raw(_) | Act::Advance { .. } | Act::Restart | Act::Crash => true,
        Act::Open | Act::Close | Act::Await | Act::Fault(_) => false,
    }
}
