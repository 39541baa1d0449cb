//! Which suspected bugs are shrunk next, and what that came to: the time goes where new shapes are to be expected.

use std::collections::{BTreeMap, BTreeSet};

use super::describe::{Described, Description, tell};
use super::gather::{Bucket, Occurrences, Tally};
use super::schedule::{Case, Steering};
use super::{Options, sort_findings};
use crate::campaign::{CampaignError, Progress};
use crate::diff::Class;
use crate::report::Finding;

/// A class is done with where so many of its buckets in a row showed no shape that is new.
const IDLE_MAX: usize = 4;

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
    /// How often a bucket was shrunk.
    done: BTreeMap<Bucket, usize>,
    /// True where a bucket is shrunk again from its other cases, when all were shrunk once: two bugs may look the same
    /// until they are shrunk.
    revisits: bool,
    /// Those that are being shrunk: no job takes another of their classes.
    in_hand: BTreeSet<Class>,
    passed_over: BTreeSet<Bucket>,
    classes: BTreeMap<Class, Progressed>,
    /// By class and shape.
    found: BTreeMap<(Class, String), Described>,
    flaky: Vec<(Option<Case>, Class)>,
    shrinks: usize,
    steering: Steering,
}

impl Selection {
    /// Nothing was shrunk yet; buckets may be shrunk again where time is to be spent.
    pub(super) fn new(revisits: bool) -> Self {
        Self { revisits, ..Self::default() }
    }

    /// What later seeds of a run with a budget are to look away from.
    pub(super) fn steering(&self) -> &Steering {
        &self.steering
    }

    /// How many buckets were shrunk.
    pub(super) fn shrinks(&self) -> usize {
        self.shrinks
    }

    /// The next buckets, at most `max` and one of each class: those of the class that was shrunk least, then of the
    /// lowest case; those that take long last.
    pub(super) fn choose(&self, buckets: &BTreeMap<Bucket, Occurrences>, max: usize) -> Vec<(Bucket, Occurrences)> {
        let mut first_of_class: BTreeMap<&Class, (&Bucket, &Occurrences)> = BTreeMap::new();
        let times = |bucket: &Bucket| self.done.get(bucket).copied().unwrap_or(0);
        for (bucket, seen) in buckets {
            let is_done = times(bucket) > 0 && !(self.revisits && seen.candidates.len() > times(bucket));
            if is_done
                || self.in_hand.contains(&bucket.0)
                || self.passed_over.contains(bucket)
                || self.classes.get(&bucket.0).is_some_and(|class| class.idle >= IDLE_MAX)
            {
                continue;
            }
            let first = first_of_class.entry(&bucket.0).or_insert((bucket, seen));
            if (times(bucket), seen.first_case()) < (times(first.0), first.1.first_case()) {
                *first = (bucket, seen);
            }
        }
        let mut chosen: Vec<(&Bucket, &Occurrences)> = first_of_class.into_values().collect();
        let shrinks = |class: &Class| self.classes.get(class).map_or(0, |class| class.shrinks);
        chosen.sort_by_key(|(bucket, seen)| (seen.is_slow(), shrinks(&bucket.0), seen.first_case()));
        chosen.truncate(max);
        chosen.into_iter().map(|(bucket, seen)| (bucket.clone(), seen.without(times(bucket)))).collect()
    }

    /// Takes in that a bucket of this class is being shrunk.
    pub(super) fn begin(&mut self, (class, _): &Bucket) {
        self.in_hand.insert(class.clone());
    }

    /// True where nothing of a class was shrunk yet.
    pub(super) fn is_new(&self, class: &Class) -> bool {
        !self.classes.contains_key(class)
    }

    /// Takes in what became of a bucket; what failed is passed over, and told, as is what the time did not suffice for.
    pub(super) fn take(
        &mut self,
        bucket: Bucket,
        seen: Occurrences,
        described: Result<Description, CampaignError>,
        tally: &mut Tally,
        progress: &Progress,
    ) {
        self.in_hand.remove(&bucket.0);
        match described {
            Ok(Description::Whole(described)) => self.add(bucket, seen, Some(*described), progress),
            Ok(Description::Unseen) => self.add(bucket, seen, None, progress),
            Ok(Description::Cut) => self.pass_over(bucket),
            Err(error) => {
                tally.failures.push(error.to_string());
                self.pass_over(bucket);
            }
        }
    }

    fn pass_over(&mut self, bucket: Bucket) {
        self.shrinks += 1;
        self.passed_over.insert(bucket);
    }

    /// Takes in what a bucket came to: `None` where no case showed it again.
    fn add(&mut self, bucket: Bucket, seen: Occurrences, described: Option<Described>, progress: &Progress) {
        let class = self.classes.entry(bucket.0.clone()).or_default();
        class.shrinks += 1;
        self.shrinks += 1;
        match described {
            None => {
                class.idle += 1;
                self.flaky.push((seen.first_case(), bucket.0.clone()));
            }
            Some(mut described) => {
                // What is random, or depends on the connection, says nothing of an op with the same words.
                let op = seen.candidates.first().and_then(|first| first.ops.get(first.at));
                op.into_iter().for_each(|op| self.steering.add(op));
                let key = (described.finding.class.clone(), described.shape.clone());
                match self.found.get_mut(&key) {
                    None => {
                        class.idle = 0;
                        // Its cases were counted with what another of them showed.
                        described.finding.count = described.finding.count.max(1);
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
        *self.done.entry(bucket).or_default() += 1;
    }

    /// Every finding, in the order of their first seeds, and what no second run showed. What was not shrunk is told
    /// where nothing else of its class is, and counted there otherwise.
    pub(super) fn into_findings(
        self,
        options: &Options,
        buckets: &BTreeMap<Bucket, Occurrences>,
    ) -> (Vec<Finding>, Vec<(Option<Case>, Class)>) {
        let described = self.found.into_values();
        let mut findings: Vec<Finding> =
            described.map(|Described { finding, shape, .. }| Finding { shape, ..finding }).collect();
        sort_findings(&mut findings);
        for (bucket, seen) in buckets.iter().filter(|(bucket, _)| !self.done.contains_key(bucket)) {
            match findings.iter_mut().find(|finding| finding.class == bucket.0) {
                Some(finding) => finding.unshrunk += seen.count,
                None => findings.extend(tell(options, bucket, seen)),
            }
        }
        sort_findings(&mut findings);
        // One bucket of a class that did not show again says little where another did.
        let shown: BTreeSet<&Class> = findings.iter().map(|finding| &finding.class).collect();
        let flaky = self.flaky.into_iter().filter(|(_, class)| !shown.contains(class));
        let mut flaky: Vec<(Option<Case>, Class)> = flaky.collect();
        flaky.sort_by(|a, b| (&a.1, a.0).cmp(&(&b.1, b.0)));
        flaky.dedup_by(|a, b| a.1 == b.1);
        (findings, flaky)
    }
}

impl Described {
    /// Takes in another bucket that came to the same shape; the shorter trace is told.
    fn absorb(&mut self, mut other: Described) {
        let count = self.finding.count + other.finding.count;
        let first_seed = self.finding.first_seed.into_iter().chain(other.finding.first_seed).min();
        if other.size < self.size {
            std::mem::swap(self, &mut other);
        }
        self.finding.count = count;
        self.finding.first_seed = first_seed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::oracle::gather::Candidate;
    use crate::diff::Divergence;
    use crate::seed::Seed;
    use resp::Reply;

    fn class(command: &str) -> Class {
        Class { command: command.into(), rule: "exact".into(), kind: "int-value".into() }
    }

    fn seen(seed: u64) -> Occurrences {
        let case = Case { seed: Seed(seed), group: 0 };
        Occurrences::one(
            Candidate { case: Some(case), at: 0, end: 1, left_out: Vec::new(), ops: Vec::new().into() },
            None,
        )
    }

    fn described(command: &str, shape: &str, ops: usize) -> Described {
        let (want, got) = (Reply::Null, Reply::Null);
        let divergence = Divergence { at: 0, class: class(command), want, got, key: None, note: String::new() };
        let finding = Finding::new(format!("{ops} ops"), &divergence, None);
        Described { finding, shape: shape.into(), size: (ops, 0) }
    }

    /// Buckets as `COMMAND/SHAPE@SEED`; what they come to, as the shape and length of their shortest trace, in the order
    /// in which they are chosen.
    fn check(buckets: &[&str], come_to: &[(&str, usize)], chosen: &[&str]) -> Selection {
        let parse = |text: &&str| {
            let (name, seed) = text.split_once('@').expect("a seed");
            let (command, shape) = name.split_once('/').expect("a shape");
            ((class(command), shape.to_owned()), seen(seed.parse().expect("a number")))
        };
        let buckets: BTreeMap<Bucket, Occurrences> = buckets.iter().map(parse).collect();
        let mut selection = Selection::default();
        let mut order = Vec::new();
        while let Some((bucket, seen)) = selection.choose(&buckets, 1).into_iter().next() {
            let described = come_to.get(order.len()).map(|&(shape, ops)| described(&bucket.0.command, shape, ops));
            order.push(format!("{}/{}", bucket.0.command, bucket.1));
            selection.add(bucket, seen, described, &Progress::default());
        }
        assert_eq!(order, chosen);
        selection
    }

    #[test]
    fn classes_take_turns() {
        let buckets = ["A/x@1", "A/y@2", "A/z@3", "B/x@4", "C/x@5"];
        let each = [("one", 1), ("one", 1), ("one", 1), ("two", 1), ("three", 1)];
        check(&buckets, &each, &["A/x", "B/x", "C/x", "A/y", "A/z"]);
    }

    #[test]
    fn a_class_that_shows_nothing_new_is_done() {
        let buckets = ["A/a@1", "A/b@2", "A/c@3", "A/d@4", "A/e@5", "A/f@6", "A/g@7"];
        check(&buckets, &[("one", 1); 7], &["A/a", "A/b", "A/c", "A/d", "A/e"]);
        let each = [("one", 1), ("one", 1), ("one", 1), ("two", 1), ("two", 1), ("one", 1), ("one", 1)];
        check(&buckets, &each, &["A/a", "A/b", "A/c", "A/d", "A/e", "A/f", "A/g"]);
    }

    #[test]
    fn where_time_is_to_be_spent_other_cases_are_shrunk_as_well() {
        let bucket = (class("A"), "x".to_owned());
        let mut both = seen(1);
        both.candidates.extend(seen(2).candidates);
        let buckets = BTreeMap::from([(bucket, both)]);
        for (revisits, expected) in [(false, &[1][..]), (true, &[1, 2])] {
            let mut selection = Selection::new(revisits);
            let mut seeds = Vec::new();
            while let Some((bucket, seen)) = selection.choose(&buckets, 1).pop() {
                seeds.extend(seen.first_case().map(|case| case.seed.0));
                selection.add(bucket, seen, Some(described("A", "one", 1)), &Progress::default());
            }
            assert_eq!(seeds, expected, "revisits: {revisits}");
        }
    }

    #[test]
    fn of_two_traces_of_one_shape_the_shorter_is_told() {
        let selection = check(&["A/x@1", "A/y@2"], &[("one", 3), ("one", 2)], &["A/x", "A/y"]);
        let told: Vec<_> =
            selection.found.values().map(|it| (it.finding.found_in.as_str(), it.finding.count)).collect();
        assert_eq!(told, [("2 ops", 2)]);
    }

    #[test]
    fn what_the_time_did_not_suffice_for_is_not_flaky() {
        let bucket = (class("A"), "x".to_owned());
        let buckets = BTreeMap::from([(bucket.clone(), seen(1))]);
        let mut selection = Selection::new(true);
        selection.take(bucket, seen(1), Ok(Description::Cut), &mut Tally::default(), &Progress::default());
        assert!(selection.choose(&buckets, 1).is_empty(), "it is chosen again");
        assert!(selection.flaky.is_empty(), "it is flaky");
        assert!(selection.done.is_empty(), "it counts as shrunk");
    }

    #[test]
    fn what_no_second_run_shows_is_flaky() {
        let selection = check(&["A/x@1"], &[], &["A/x"]);
        assert_eq!(selection.flaky.len(), 1);
    }
}
