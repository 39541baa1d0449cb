//! What the cases showed so far, in buckets that each hold one suspected bug.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::ends::Ends;
use super::judge::Judgement;
use super::schedule::Case;
use crate::campaign::coverage::Coverage;
use crate::campaign::differential::Seen;
use crate::diff::{Class, Divergence, Excerpt, shape};
use crate::report::Totals;
use crate::trace::{Act, Op};
use resp::Reply;

/// So many cases of a bucket are kept: what one holds may not shrink as far as another.
pub(super) const CANDIDATES_MAX: usize = 4;

/// What shows a divergence: the ops of a case up to one, without those that diverged before.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// None where the preflight showed it.
    pub(super) case: Option<Case>,
    /// Index of the op that diverges, in the whole case.
    pub(super) at: usize,
    /// The first op that is not needed behind it: all are kept where it may take a pipeline to show it.
    pub(super) end: usize,
    /// The ops before it that diverged by themselves.
    pub(super) left_out: Vec<usize>,
    /// All ops of the case, as they were run.
    pub(super) ops: Arc<[Op]>,
}

impl Candidate {
    /// The ops up to the one that diverges, and what is needed behind it.
    pub(super) fn behind(&self) -> &[Op] {
        &self.ops[..self.ops.len().min(self.end)]
    }

    /// The same without those that diverged before.
    pub(super) fn alone(&self) -> Vec<Op> {
        let kept = self.behind().iter().enumerate().filter(|(at, _)| !self.left_out.contains(at));
        kept.map(|(_, op)| op.clone()).collect()
    }
}

/// What tells suspected bugs apart before anything is shrunk: the class, and the divergent op without its data.
pub(super) type Bucket = (Class, String);

/// How often something was seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Occurrences {
    /// How many cases.
    pub(super) count: u64,
    /// The lowest, the first of all first; up to [`CANDIDATES_MAX`].
    pub(super) candidates: Vec<Candidate>,
    /// What the first of them showed.
    pub(super) sample: Option<Seen>,
}

impl Occurrences {
    pub(super) fn one(candidate: Candidate, sample: Option<Seen>) -> Self {
        Self { count: 1, candidates: vec![candidate], sample }
    }

    /// The lowest case that shows it; none where the preflight alone did.
    pub(super) fn first_case(&self) -> Option<Case> {
        self.candidates.iter().find_map(|candidate| candidate.case)
    }

    /// True where each run of what shows it takes long: raw bytes are sent, of which every piece waits for silence, or a
    /// reply is missing, which is waited for or takes another start of the server.
    pub(super) fn is_slow(&self) -> bool {
        let first = self.candidates.first().map(Candidate::behind).unwrap_or_default();
        let got = self.sample.as_ref().map(|seen| seen.divergence.got.frames()).unwrap_or_default();
        first.iter().any(|op| matches!(op.act, Act::Raw(_))) || got.iter().any(Reply::is_none)
    }

    /// The cases behind the first `tried`, which were counted with those.
    pub(super) fn without(&self, tried: usize) -> Self {
        let candidates = self.candidates[tried.min(self.candidates.len())..].to_vec();
        Self { count: if tried == 0 { self.count } else { 0 }, candidates, sample: self.sample.clone() }
    }

    fn add(&mut self, more: Occurrences) {
        self.count += more.count;
        let place = |seen: &Occurrences| seen.candidates.first().map(|first| (first.case, first.at));
        if place(self) > place(&more) {
            self.sample = more.sample;
        }
        self.candidates.extend(more.candidates);
        self.candidates.sort_by_key(|candidate| (candidate.case, candidate.at));
        self.candidates.truncate(CANDIDATES_MAX);
    }
}

/// Adds what was seen of `what` to the rest.
pub(super) fn count<K: Ord>(all: &mut BTreeMap<K, Occurrences>, what: K, more: Occurrences) {
    match all.entry(what) {
        Entry::Occupied(mut seen) => seen.get_mut().add(more),
        Entry::Vacant(place) => drop(place.insert(more)),
    }
}

/// What the seeds showed so far.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) totals: Totals,
    pub(super) buckets: BTreeMap<Bucket, Occurrences>,
    /// By the class and the reference that agrees with the subject.
    pub(super) drift: BTreeMap<(Class, String), Occurrences>,
    pub(super) coverage: Option<Coverage>,
    pub(super) flaky: Vec<(Option<Case>, Class)>,
    pub(super) ends: Ends,
    /// Why cases could not be run.
    pub(super) failures: Vec<String>,
}

impl Tally {
    pub(super) fn add(&mut self, case: Case, ops: &Arc<[Op]>, judgement: Judgement) {
        let Judgement { outcome, found } = judgement;
        self.totals.seeds += 1;
        self.totals.add(&outcome);
        let is_counted = outcome.divergence.is_some() || !outcome.unsupported.is_empty();
        self.totals.divergent += u64::from(!found.is_empty() && !is_counted);
        let at_case = |at| Candidate { case: Some(case), at, end: at + 1, left_out: Vec::new(), ops: Arc::clone(ops) };
        for found in outcome.drift {
            count(&mut self.drift, (found.class, found.agrees_with), Occurrences::one(at_case(found.at), None));
        }
        for lacking in outcome.unsupported {
            let Some(op) = ops.get(lacking.at) else { continue };
            let candidate = Candidate { left_out: (0..lacking.at).collect(), ..at_case(lacking.at) };
            let bucket = (lacking.class.clone(), String::new());
            count(&mut self.buckets, bucket, Occurrences::one(candidate, Some(see_alone(op, lacking))));
        }
        if outcome.flaky
            && let Some(divergence) = outcome.divergence
        {
            self.flaky.push((Some(case), divergence.class));
        }
        // A seed counts once for each bug.
        let mut of_case: BTreeMap<Bucket, (Candidate, Seen)> = BTreeMap::new();
        for (seen, candidate) in found {
            let shape = ops.get(seen.divergence.at).map(|op| shape::of_divergent(op, &seen.divergence));
            let bucket = (seen.divergence.class.clone(), shape.unwrap_or_default());
            of_case.entry(bucket).or_insert((candidate, seen));
        }
        for (bucket, (candidate, seen)) in of_case {
            count(&mut self.buckets, bucket, Occurrences::one(candidate, Some(seen)));
        }
    }

    /// Adds what no seed has shown.
    pub(super) fn suspect(&mut self, bucket: Bucket, seen: Occurrences) {
        count(&mut self.buckets, bucket, seen);
    }

    pub(super) fn merge(&mut self, other: Tally) {
        self.totals.merge(&other.totals);
        self.flaky.extend(other.flaky);
        self.failures.extend(other.failures);
        self.ends.merge(other.ends);
        for (bucket, seen) in other.buckets {
            count(&mut self.buckets, bucket, seen);
        }
        for (what, seen) in other.drift {
            count(&mut self.drift, what, seen);
        }
        match (&mut self.coverage, other.coverage) {
            (Some(coverage), Some(more)) => coverage.merge(more),
            (coverage, more) => *coverage = coverage.take().or(more),
        }
    }
}

/// A divergence of an op by itself.
fn see_alone(op: &Op, divergence: Divergence) -> Seen {
    let (want, got) = (vec![divergence.want.clone()], vec![divergence.got.clone()]);
    let excerpt = Excerpt { first: divergence.at, ops: vec![op.clone()], want, got };
    Seen { divergence, excerpt: Some(excerpt), notes: Vec::new() }
}
