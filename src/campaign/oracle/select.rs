//! Which suspected bugs are shrunk next, and what that came to: the time goes where new shapes are to be expected.

use std::collections::{BTreeMap, BTreeSet};

use super::describe::{Described, tell};
use super::gather::{Bucket, Occurrences};
use super::schedule::{Case, Steering};
use super::{Options, sort_findings};
use crate::campaign::Progress;
use crate::diff::Class;
use crate::report::Finding;

/// A class is done with where so many of its buckets in a row showed no shape that is new.
const IDLE_MAX: usize = 4;
/// So many buckets are shrunk before the next are chosen.
const CHOSEN_MAX: usize = 16;

/// How far a class is.
#[derive(Default)]
struct Progressed {
    shrinks: usize,
    /// Shrinks in a row that showed nothing new.
    idle: usize,
}

/// What was shrunk, and what it came to.
#[derive(Default)]
pub(super) struct Selection {
    done: BTreeSet<Bucket>,
    passed_over: BTreeSet<Bucket>,
    classes: BTreeMap<Class, Progressed>,
    /// By class and shape.
    found: BTreeMap<(Class, String), Described>,
    flaky: Vec<(Case, Class)>,
    shrinks: usize,
    steering: Steering,
}

impl Selection {
    /// What later seeds of a run with a budget are to look away from.
    pub(super) fn steering(&self) -> &Steering {
        &self.steering
    }

    /// How many buckets were shrunk.
    pub(super) fn shrinks(&self) -> usize {
        self.shrinks
    }

    /// The next buckets, at most `max` and one of each class: those of the class that was shrunk least, then of the
    /// lowest case.
    pub(super) fn choose(&self, buckets: &BTreeMap<Bucket, Occurrences>, max: usize) -> Vec<(Bucket, Occurrences)> {
        let mut first_of_class: BTreeMap<&Class, (&Bucket, &Occurrences)> = BTreeMap::new();
        for (bucket, seen) in buckets {
            if self.done.contains(bucket)
                || self.passed_over.contains(bucket)
                || self.classes.get(&bucket.0).is_some_and(|class| class.idle >= IDLE_MAX)
            {
                continue;
            }
            let first = first_of_class.entry(&bucket.0).or_insert((bucket, seen));
            if seen.first_case() < first.1.first_case() {
                *first = (bucket, seen);
            }
        }
        let mut chosen: Vec<(&Bucket, &Occurrences)> = first_of_class.into_values().collect();
        let shrinks = |class: &Class| self.classes.get(class).map_or(0, |class| class.shrinks);
        chosen.sort_by_key(|(bucket, seen)| (shrinks(&bucket.0), seen.first_case()));
        chosen.truncate(max.min(CHOSEN_MAX));
        chosen.into_iter().map(|(bucket, seen)| (bucket.clone(), seen.clone())).collect()
    }

    /// Takes in what became of a bucket: `None` where no case showed it again.
    pub(super) fn take(
        &mut self,
        bucket: Bucket,
        seen: Occurrences,
        described: Option<Described>,
        progress: &Progress,
    ) {
        let class = self.classes.entry(bucket.0.clone()).or_default();
        class.shrinks += 1;
        self.shrinks += 1;
        match described {
            None => {
                class.idle += 1;
                self.flaky.push((seen.first_case(), bucket.0.clone()));
            }
            Some(described) => {
                // What is random, or depends on the connection, says nothing of an op with the same words.
                let op = seen.candidates.first().and_then(|first| first.ops.get(first.at));
                op.into_iter().for_each(|op| self.steering.add(op));
                let key = (described.finding.class.clone(), described.shape.clone());
                match self.found.get_mut(&key) {
                    None => {
                        class.idle = 0;
                        progress.tell(&described.finding);
                        self.found.insert(key, described);
                    }
                    Some(known) => {
                        class.idle += 1;
                        known.absorb(described);
                    }
                }
            }
        }
        self.done.insert(bucket);
    }

    /// Takes in that a bucket cannot be shrunk.
    pub(super) fn pass_over(&mut self, bucket: Bucket) {
        self.shrinks += 1;
        self.passed_over.insert(bucket);
    }

    /// Every finding, in the order of their first seeds, and what no second run showed. What was not shrunk is told
    /// where nothing else of its class is, and counted there otherwise.
    pub(super) fn into_findings(
        self,
        options: &Options,
        buckets: &BTreeMap<Bucket, Occurrences>,
    ) -> (Vec<Finding>, Vec<(Case, Class)>) {
        let mut findings: Vec<Finding> = self.found.into_values().map(|described| described.finding).collect();
        sort_findings(&mut findings);
        for (bucket, seen) in buckets.iter().filter(|(bucket, _)| !self.done.contains(bucket)) {
            match findings.iter_mut().find(|finding| finding.class == bucket.0) {
                Some(finding) => finding.unshrunk += seen.count,
                None => findings.extend(tell(options, bucket, seen)),
            }
        }
        sort_findings(&mut findings);
        // One bucket of a class that did not show again says little where another did.
        let shown: BTreeSet<&Class> = findings.iter().map(|finding| &finding.class).collect();
        let flaky = self.flaky.into_iter().filter(|(_, class)| !shown.contains(class));
        let mut flaky: Vec<(Case, Class)> = flaky.collect();
        flaky.sort_by(|a, b| (&a.1, a.0).cmp(&(&b.1, b.0)));
        flaky.dedup_by(|a, b| a.1 == b.1);
        (findings, flaky)
    }
}

impl Described {
    /// Takes in another bucket that came to the same shape; the shorter trace is told.
    fn absorb(&mut self, mut other: Described) {
        let count = self.finding.count + other.finding.count;
        let first_seed = self.finding.first_seed.min(other.finding.first_seed);
        if other.size < self.size {
            std::mem::swap(self, &mut other);
        }
        self.finding.count = count;
        self.finding.first_seed = first_seed;
    }
}
