//! Runs the subject and holds its replies against the reference's.

use crate::diff::kind::UNSUPPORTED;
use crate::diff::random::{self, Probe};
use crate::diff::{Class, Divergence, Excerpt, rules, transactions};
use crate::targets::{Session, TargetError};
use crate::trace::text::{format_op, format_reply};
use crate::trace::{Act, Op};
use resp::Reply;
use spec::Fidelity;

use super::taint::Taint;
use super::{Judged, Observation, Observer, Options, Outcome, reference_failure, replay_whole};

/// How many ops an excerpt shows, the one that diverged included.
const EXCERPT_OPS: usize = 6;

/// The subject, and what its replies were found to be.
pub(super) struct Judge<'a> {
    pub(super) subject: &'a mut dyn Session,
    pub(super) options: Options<'a>,
    pub(super) taint: Taint,
    pub(super) outcome: Outcome,
    /// What EXEC is about to run.
    queues: transactions::Queues,
    /// The last ops that ran.
    pub(super) tail: Excerpt,
    /// The subject's replies to the block that runs; kept for its memory.
    got: Vec<Reply>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(subject: &'a mut dyn Session, options: Options<'a>) -> Self {
        Self {
            subject,
            options,
            taint: Taint::default(),
            outcome: Outcome::default(),
            queues: transactions::Queues::default(),
            tail: Excerpt::default(),
            got: Vec::new(),
        }
    }

    /// How many ops have run.
    pub(super) fn ops(&self) -> usize {
        self.outcome.ops as usize
    }

    /// True where no unknown divergence has been found.
    pub(super) fn agrees(&self) -> bool {
        self.outcome.divergence.is_none()
    }

    /// Runs `ops` on the subject; false where one diverged. `want` is the reference's replies to them.
    pub(super) fn block(&mut self, ops: &[Op], want: &[Reply], observer: Observer) -> Result<bool, TargetError> {
        let mut got = std::mem::take(&mut self.got);
        got.clear();
        let judged = self.judge(ops, want, &mut got, observer);
        self.got = got;
        judged
    }

    fn judge(
        &mut self,
        ops: &[Op],
        want: &[Reply],
        got: &mut Vec<Reply>,
        observer: Observer,
    ) -> Result<bool, TargetError> {
        while got.len() < ops.len() {
            let segment = got.len()..segment_end(ops, got.len());
            replay_whole(self.subject, &ops[segment.clone()], got)?;
            for at in segment {
                let judged = self.judge_op(&ops[at], &want[at], &got[at])?;
                observer(&Observation { op: &ops[at], want: &want[at], judged: &judged });
                self.outcome.ops += 1;
                if let Judged::Diverges(divergence) = judged {
                    self.keep_tail(&ops[..=at], want, got);
                    self.outcome.excerpt = Some(std::mem::take(&mut self.tail));
                    self.outcome.divergence = Some(*divergence);
                    return Ok(false);
                }
            }
        }
        self.keep_tail(ops, want, got);
        Ok(true)
    }

    fn judge_op(&mut self, op: &Op, want: &Reply, got: &Reply) -> Result<Judged, TargetError> {
        let queue = self.queues.note(op, want);
        if !self.options.drift.is_empty() && self.is_drift(op, want, got)? {
            return Ok(Judged::Skipped);
        }
        if !self.taint.is_empty() && self.taint.reaches(op) {
            self.outcome.skipped += 1;
            return Ok(Judged::Skipped);
        }
        self.outcome.replies += 1;
        let failure = reference_failure(want);
        let (class, note) = if let Some(kind) = failure {
            let note = "the reference gave no reply, so what is right is unknown".into();
            (class_of(op, want, kind), note)
        } else if want == got {
            return Ok(Judged::Agrees);
        } else if let Some(class) = match queue {
            Some(queue) => transactions::compare(&self.options.settings, op, &queue, want, got),
            None => rules::compare(&self.options.settings, op, want, got),
        } {
            (class, String::new())
        } else {
            match self.probe(op, want, got)? {
                Some(found) => found,
                None => return Ok(Judged::Agrees),
            }
        };
        if self.ops() < self.options.judged_from {
            return Ok(Judged::Agrees);
        }
        if self.options.known.matches(&class) {
            self.outcome.known += 1;
            self.taint.add_known(op, if failure.is_some() { want } else { got });
            return Ok(Judged::Known);
        }
        if class.kind == UNSUPPORTED && self.options.past_unsupported {
            self.taint.add_parting(op, want, got);
            if !self.outcome.unsupported.iter().any(|seen| seen.class == class) {
                let divergence = self.divergence(class, want, got, note);
                self.outcome.unsupported.push(divergence);
            }
            return Ok(Judged::Unsupported);
        }
        let divergence = self.divergence(class, want, got, note);
        Ok(Judged::Diverges(Box::new(divergence)))
    }

    fn divergence(&self, class: Class, want: &Reply, got: &Reply, note: String) -> Divergence {
        Divergence { at: self.ops(), class, want: want.clone(), got: got.clone(), key: None, note }
    }

    /// True where another reference was seen to answer this op as the subject does: what it wrote is not judged either.
    fn is_drift(&mut self, op: &Op, want: &Reply, got: &Reply) -> Result<bool, TargetError> {
        let drift = self.options.drift;
        let at = self.ops();
        let mut here = drift.iter().filter(|drift| drift.at == at).peekable();
        if here.peek().is_none() {
            return Ok(false);
        }
        // What it picked at random still has to go on both sides.
        if rules::compare(&self.options.settings, op, want, got).is_none() {
            self.probe(op, want, got)?;
        }
        self.taint.add_parting(op, want, got);
        here.filter_map(|drift| drift.key.as_ref()).for_each(|(_, key)| self.taint.add_key(key));
        Ok(true)
    }

    /// Asks the subject about what it picked at random. `Some` is what it answered wrongly.
    fn probe(&mut self, op: &Op, want: &Reply, got: &Reply) -> Result<Option<(Class, String)>, TargetError> {
        let Some(argv) = op.argv() else { return Ok(None) };
        let probes = random::probes(argv, want, got);
        if probes.is_empty() {
            return Ok(None);
        }
        let ops: Vec<Op> =
            probes.iter().map(|probe| Op { conn: op.conn, act: Act::Call(probe.argv.clone()) }).collect();
        let mut answers = Vec::with_capacity(ops.len());
        replay_whole(self.subject, &ops, &mut answers)?;
        let wrong = probes.iter().zip(&ops).zip(&answers).find(|((probe, _), answer)| !probe.accepts(answer));
        Ok(wrong
            .map(|((probe, question), answer)| (class_of(op, want, probe.kind), probe_note(probe, question, answer))))
    }

    /// Keeps the last of `ops`, which have just run, for an excerpt.
    fn keep_tail(&mut self, ops: &[Op], want: &[Reply], got: &[Reply]) {
        let from = ops.len().saturating_sub(EXCERPT_OPS);
        let tail = &mut self.tail;
        let surplus = (tail.ops.len() + ops.len() - from).saturating_sub(EXCERPT_OPS);
        tail.ops.drain(..surplus);
        tail.want.drain(..surplus);
        tail.got.drain(..surplus);
        tail.ops.extend_from_slice(&ops[from..]);
        tail.want.extend_from_slice(&want[from..ops.len()]);
        tail.got.extend_from_slice(&got[from..ops.len()]);
        tail.first = self.outcome.ops as usize - tail.ops.len();
    }

    /// Takes the first of `divergences` that is not known as what the run found.
    pub(super) fn settle(&mut self, divergences: Vec<Divergence>) {
        for divergence in divergences {
            if !self.options.known.matches(&divergence.class) {
                self.outcome.excerpt = Some(self.tail.clone());
                self.outcome.divergence = Some(divergence);
                return;
            }
            self.outcome.known += 1;
        }
    }

    /// Takes in what was done to a connection beside the trace.
    pub(super) fn forget(&mut self, op: &Op) {
        self.queues.note(op, &Reply::ok());
    }

    /// Takes in that both sides were emptied, and every connection closed.
    pub(super) fn forget_all(&mut self) {
        self.queues = transactions::Queues::default();
        self.taint = Taint::default();
    }

    /// True where this connection is in a transaction.
    pub(super) fn is_queueing(&self, conn: u16) -> bool {
        self.queues.is_open(conn)
    }

    pub(super) fn into_outcome(self) -> Outcome {
        self.outcome
    }
}

fn class_of(op: &Op, want: &Reply, kind: &str) -> Class {
    Class { command: rules::command_name(op, want), rule: rules::rule_of(op).name.into(), kind: kind.into() }
}

/// One past the next op from `from` on that picks at random, or past the last op.
fn segment_end(ops: &[Op], from: usize) -> usize {
    let random = |op: &Op| matches!(rules::fidelity_of(op), Fidelity::RandomPick | Fidelity::RandomPop);
    ops[from..].iter().position(random).map_or(ops.len(), |at| from + at + 1)
}

fn probe_note(probe: &Probe, question: &Op, answer: &Reply) -> String {
    let want = match &probe.expect {
        random::Expect::Exactly(reply) => format_reply(reply),
        random::Expect::Anything => "anything but a null".into(),
    };
    format!("{} right after it: want {want}, got {}", format_op(question), format_reply(answer))
}
