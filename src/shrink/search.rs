//! Runs candidates and keeps the best.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::diff::Class;
use crate::trace::{Act, Op};
use resp::Argv;

use super::Evaluate;

/// Why shrinking ends before nothing helps any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The evaluations have run out.
    Exhausted,
    /// A candidate could not be run.
    Failed,
}

/// The best trace so far, and the means to try another.
pub(super) struct Search<'a> {
    class: &'a Class,
    evaluations_max: usize,
    evaluate: &'a mut Evaluate<'a, Stop>,
    /// By the hash of a candidate that was run: where it diverged, if it showed the class. Nothing iterates over it.
    seen: HashMap<u64, Option<usize>>,
    /// The hashes of all that were the best. None becomes it twice, so passes that undo each other come to an end.
    were_best: HashSet<u64>,
    /// The shortest trace that shows the class.
    pub(super) best: Vec<Op>,
    /// Which of its ops diverges.
    pub(super) at: usize,
    /// How many candidates were run.
    pub(super) evaluations: usize,
    /// True where leaving out any single op of `best` was tried in vain.
    pub(super) minimal: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(class: &'a Class, evaluations_max: usize, evaluate: &'a mut Evaluate<'a, Stop>) -> Self {
        Self {
            class,
            evaluations_max,
            evaluate,
            seen: HashMap::new(),
            were_best: HashSet::new(),
            best: Vec::new(),
            at: 0,
            evaluations: 0,
            minimal: false,
        }
    }

    /// Takes `candidate` as the best trace where it shows the class; what comes after the divergent op goes too.
    pub(super) fn accept(&mut self, mut candidate: Vec<Op>) -> Result<bool, Stop> {
        let Some(mut at) = self.run(&candidate)? else { return Ok(false) };
        if at + 1 < candidate.len()
            && let Some(shorter_at) = self.run(&candidate[..=at])?
        {
            candidate.truncate(at + 1);
            at = shorter_at;
        }
        if !self.were_best.insert(hash(&candidate)) {
            return Ok(false);
        }
        (self.best, self.at) = (candidate, at);
        self.minimal = false;
        Ok(true)
    }

    /// Takes the best trace without the ops in `range` where it still shows the class.
    pub(super) fn delete(&mut self, range: std::ops::Range<usize>) -> Result<bool, Stop> {
        let mut candidate = self.best.clone();
        candidate.drain(range);
        self.accept(candidate)
    }

    /// Takes the best trace with another op at `at` where it still shows the class.
    pub(super) fn replace(&mut self, at: usize, op: Op) -> Result<bool, Stop> {
        let mut candidate = self.best.clone();
        candidate[at] = op;
        self.accept(candidate)
    }

    /// Takes the best trace with every request rewritten where it still shows the class; false where the rewriting
    /// changes nothing.
    pub(super) fn rewrite(&mut self, rewrite: &dyn Fn(&Argv) -> Argv) -> Result<bool, Stop> {
        let mut candidate = self.best.clone();
        for op in &mut candidate {
            if let Act::Call(argv) = &mut op.act {
                *argv = rewrite(argv);
            }
        }
        if candidate == self.best { Ok(false) } else { self.accept(candidate) }
    }

    /// The request of the op at `at`; `None` beyond the end and for other acts.
    pub(super) fn argv(&self, at: usize) -> Option<&Argv> {
        self.best.get(at).and_then(Op::argv)
    }

    /// Where a run of `candidate` diverges, if it shows the class.
    fn run(&mut self, candidate: &[Op]) -> Result<Option<usize>, Stop> {
        let hash = hash(candidate);
        if let Some(&seen) = self.seen.get(&hash) {
            return Ok(seen);
        }
        if self.evaluations >= self.evaluations_max {
            return Err(Stop::Exhausted);
        }
        self.evaluations += 1;
        let found = (self.evaluate)(candidate)?;
        let at = found.filter(|found| found.class == *self.class).map(|found| found.at);
        self.seen.insert(hash, at);
        Ok(at)
    }
}

/// Two candidates with one hash are as good as impossible, and cost no more than a success that is missed.
fn hash(ops: &[Op]) -> u64 {
    let mut hasher = DefaultHasher::new();
    ops.hash(&mut hasher);
    hasher.finish()
}
