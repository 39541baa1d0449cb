//! Holds what a connection was answered, and what is left of its keys, against a model: an embedded Redlite in memory
//! to which nothing happens.

use std::collections::BTreeSet;

use super::load::Run;
use super::verdict::{CounterFault, Verdict};
use crate::diff::keyspace::{Difference, differences};
use crate::diff::{ClockSkew, Entry, Keyspace, Settings, rules, transactions};
use crate::resp::{Argv, Reply};
use crate::spec::{self, Family};
use crate::targets::{self, Session, TargetError, TargetOptions};
use crate::trace::{Header, Op};

/// Times of deliveries are those of the machine's clock; there are no other times in what is sent.
pub(super) const SETTINGS: Settings =
    Settings { errors: crate::diff::ErrorMode::Text, clock: ClockSkew::Real { ahead_ms: 0, tolerance_ms: 0 } };

/// The model, used for one lane after another.
pub(super) struct Judge {
    model: Box<dyn Session>,
}

impl Judge {
    pub fn new() -> Result<Self, TargetError> {
        let model = targets::parse("redlite", &TargetOptions::default())?.open(&Header::default())?;
        Ok(Self { model })
    }

    /// What is wrong with the replies and the keys of a lane, and the index of the op at which it shows. `found` is
    /// what the server holds of its keys.
    pub fn lane(&mut self, run: &Run, found: &Keyspace) -> Result<Option<(usize, Verdict)>, TargetError> {
        let ops = model_ops(run);
        let acknowledged = run.acknowledged();
        self.model.reset(&Header::default())?;
        if let Some(wrong) = self.wrong_reply(run, &ops[..acknowledged])? {
            return Ok(Some(wrong));
        }
        if run.replies.len() > run.sent {
            return Ok(Some((run.sent, Verdict::HalfRequest)));
        }
        let Some(difference) = self.difference(found)? else { return Ok(None) };
        for op in &ops[acknowledged..] {
            if self.step(op)? && self.difference(found)?.is_none() {
                return Ok(None);
            }
        }
        let verdict = if self.is_as_after(&ops, Argv::from(["EXEC"]), found)? {
            Verdict::UnsentExec
        } else if let Some(half) = run.lane.loss.as_ref().and_then(|loss| loss.half_request())
            && self.is_as_after(&ops, half.clone(), found)?
        {
            Verdict::HalfRequest
        } else {
            match self.fewer_ops(&ops[..acknowledged], found)? {
                Some(found) => return Ok(Some((found, Verdict::LostWrite { acknowledged, found }))),
                None => Verdict::Torn { acknowledged, sent: run.sent, difference },
            }
        };
        Ok(Some((acknowledged, verdict)))
    }

    /// Runs the acknowledged ops and returns the first reply that is not what it should have been.
    fn wrong_reply(&mut self, run: &Run, ops: &[Op]) -> Result<Option<(usize, Verdict)>, TargetError> {
        let mut wants = Vec::with_capacity(ops.len());
        self.model.replay(ops, &mut wants)?;
        let mut queues = transactions::Queues::default();
        for (at, (op, (want, got))) in ops.iter().zip(wants.into_iter().zip(&run.replies)).enumerate() {
            let queue = queues.note(op, &want);
            if want == *got || run.lane.counts(at) {
                continue;
            }
            let class = match queue {
                Some(queue) => transactions::compare(&SETTINGS, op, &queue, &want, got),
                None => rules::compare(&SETTINGS, op, &want, got),
            };
            if let Some(class) = class {
                return Ok(Some((at, Verdict::WrongData { class, want, got: got.clone() })));
            }
        }
        Ok(None)
    }

    /// Runs one op; false where it cannot have changed a key.
    fn step(&mut self, op: &Op) -> Result<bool, TargetError> {
        self.model.replay(std::slice::from_ref(op), &mut Vec::new())?;
        let command = op.argv().and_then(spec::lookup_request);
        Ok(command.is_none_or(|command| command.writes || command.family == Family::Transactions))
    }

    /// The first key that the model does not hold as it was found.
    fn difference(&mut self, found: &Keyspace) -> Result<Option<Difference>, TargetError> {
        let held = self.model.keyspace()?.unwrap_or_else(|| Keyspace::unreadable(Reply::NullArray));
        Ok(differences(&SETTINGS, &held, found).into_iter().next())
    }

    /// True where the keys are as after `ops` and then `last`.
    fn is_as_after(&mut self, ops: &[Op], last: Argv, found: &Keyspace) -> Result<bool, TargetError> {
        self.model.reset(&Header::default())?;
        self.model.replay(ops, &mut Vec::new())?;
        self.model.replay(&[Op::call(0, last)], &mut Vec::new())?;
        Ok(self.difference(found)?.is_none())
    }

    /// The greatest number of ops, fewer than all, after which the keys are as they were found.
    fn fewer_ops(&mut self, ops: &[Op], found: &Keyspace) -> Result<Option<usize>, TargetError> {
        self.model.reset(&Header::default())?;
        let mut fewer = found.entries.is_empty().then_some(0);
        for (at, op) in ops.iter().enumerate() {
            if self.step(op)? && self.difference(found)?.is_none() {
                fewer = Some(at + 1);
            }
        }
        Ok(fewer)
    }
}

/// The ops of a lane that the server may have seen, as the model runs them: without the counter.
fn model_ops(run: &Run) -> Vec<Op> {
    let request = |at: usize| if run.lane.counts(at) { Argv::from(["PING"]) } else { run.lane.requests[at].clone() };
    (0..run.sent).map(|at| Op::call(0, request(at))).collect()
}

/// What is wrong with the counter of all `runs`, of which the server holds `found`.
pub(super) fn counter_fault(runs: &[Run], found: Option<&Entry>) -> Option<CounterFault> {
    let (mut sent, mut acknowledged, mut least) = (0, 0, 0);
    let mut seen = BTreeSet::new();
    for run in runs {
        for at in (0..run.sent).filter(|&at| run.lane.counts(at)) {
            sent += 1;
            match run.replies.get(at) {
                None => {}
                Some(Reply::Int(number)) if seen.insert(*number) => {
                    acknowledged += 1;
                    least = least.max(*number);
                }
                Some(Reply::Int(number)) => return Some(CounterFault::Twice(*number)),
                Some(other) => return Some(CounterFault::NoNumber(other.clone())),
            }
        }
    }
    let text = found.map_or(Some("0"), |entry| entry.value.as_bytes().and_then(|text| std::str::from_utf8(text).ok()));
    let Some(found) = text.and_then(|text| text.parse().ok()) else {
        return found.map(|entry| CounterFault::NoNumber(entry.value.clone()));
    };
    let least = least.max(acknowledged);
    if found < least {
        return Some(CounterFault::Low { acknowledged: least, found });
    }
    (found > sent).then_some(CounterFault::High { sent, found })
}
