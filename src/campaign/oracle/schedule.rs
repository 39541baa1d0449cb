//! What is run, and in which order: seeds of groups, each case a pure function of its seed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Options;
use crate::campaign::preflight::Preflight;
use crate::campaign::{describe_seeds, sequence};
use crate::diff::shape;
use crate::generate::{self, Generator, Group};
use crate::seed::Seed;
use crate::trace::{Act, Header, Op, START_MS};

/// So many ops are drawn at most for one that a subject has: in some groups it may have none.
const DRAWN_MAX: u64 = 100;

/// More groups than these are only counted where they are told.
const GROUPS_NAMED_MAX: usize = 4;

/// One run: a seed of a group, by its index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Case {
    pub(super) seed: Seed,
    pub(super) group: usize,
}

impl Options<'_> {
    /// How many cases there are: every seed of every group.
    pub(super) fn cases(&self) -> u64 {
        self.seeds.saturating_mul(self.groups.len() as u64)
    }

    /// The case at this place of all: the groups take turns.
    fn case(&self, at: u64) -> Option<Case> {
        let count = self.groups.len() as u64;
        let (seed, group) = (at.checked_div(count)?, (at % count) as usize);
        self.nth_of(group, seed)
    }

    /// The nth seed of a group.
    fn nth_of(&self, group: usize, nth: u64) -> Option<Case> {
        let seed = self.first_seed.0.checked_add(nth).filter(|_| nth < self.seeds)?;
        Some(Case { seed: Seed(seed), group })
    }

    /// Every case, in order.
    pub(super) fn all_cases(&self) -> impl Iterator<Item = Case> {
        (0..self.cases()).map_while(|at| self.case(at))
    }

    /// The header and the ops of a case, without those that the subject lacks, and with few of what leads to findings
    /// that are known by now, where the run is steered.
    pub(super) fn sequence(
        &self,
        case: Case,
        preflight: &Preflight,
        steering: Option<&Steering>,
    ) -> (Header, Arc<[Op]>) {
        let (header, mut ops) = if preflight.is_whole() || self.generate_all {
            sequence(case.seed, self.groups[case.group], self.ops)
        } else {
            self.admitted_sequence(case, preflight)
        };
        if let Some(steering) = steering {
            steering.thin_out(case, &mut ops);
        }
        (header, ops.into())
    }

    /// As many ops that the subject has as a case shall have: of those that come in its stead, the others are left out,
    /// each with what was done between it and the next.
    fn admitted_sequence(&self, case: Case, preflight: &Preflight) -> (Header, Vec<Op>) {
        let generator = Generator::new(&generate::Options { seed: case.seed, group: self.groups[case.group] });
        let drawn = generator.sequence(self.ops.saturating_mul(DRAWN_MAX));
        let header = drawn.header();
        let mut is_admitted = true;
        let admits = |op: &Op| {
            if let Act::Call(_) = op.act {
                is_admitted = preflight.admits(op);
            }
            is_admitted
        };
        (header, drawn.filter(admits).take(usize::try_from(self.ops).unwrap_or(usize::MAX)).collect())
    }

    /// The header of a case's trace, or of what the preflight tries.
    pub(super) fn header(&self, case: Option<Case>) -> Header {
        match case {
            Some(case) => sequence(case.seed, self.groups[case.group], 0).0,
            None => Header { start_ms: START_MS, ..Header::default() },
        }
    }

    /// A case for people; none is the preflight.
    pub(super) fn describe_case(&self, case: Option<Case>) -> String {
        match (case, self.groups) {
            (None, _) => "the preflight".to_owned(),
            (Some(case), [_]) => format!("seed {}", case.seed),
            (Some(case), groups) => format!("seed {} of {}", case.seed, groups[case.group].name),
        }
    }

    /// A line to paste that runs a case again, or the preflight.
    pub(super) fn replay_line(&self, case: Option<Case>) -> String {
        match case {
            Some(case) => self.command.seed(case.seed, self.groups[case.group], self.ops),
            None => self.command.with("oracle --seeds 1"),
        }
    }

    /// What was run, for people: so many cases.
    pub(super) fn describe_scope(&self, cases: u64) -> String {
        let names: Vec<&str> = self.groups.iter().map(|group| group.name).collect();
        let groups = if names.len() > GROUPS_NAMED_MAX { format!("{} groups", names.len()) } else { names.join(", ") };
        let seeds = cases.div_ceil(self.groups.len().max(1) as u64);
        format!("{groups}, {}", describe_seeds(self.first_seed, seeds, self.ops))
    }
}

/// Which case is next.
#[derive(Debug)]
pub(super) struct Turns {
    /// The place of the next of all, without a budget.
    next: AtomicU64,
    /// With one: of each group, the seconds that it took, and its next seed. A group whose seeds take long must not take
    /// the time of the others.
    groups: Option<Mutex<Vec<(f64, u64)>>>,
}

impl Turns {
    pub(super) fn new(options: &Options) -> Self {
        let start = |group: &&Group| if group.sends_raw_bytes() { (RAW_HANDICAP_SECONDS, 0) } else { (0.0, 0) };
        let groups = options.budget.map(|_| Mutex::new(options.groups.iter().map(start).collect()));
        Self { next: AtomicU64::new(0), groups }
    }

    /// The next case; `None` where all were run.
    pub(super) fn take(&self, options: &Options) -> Option<Case> {
        let Some(groups) = &self.groups else { return options.case(self.next.fetch_add(1, Ordering::Relaxed)) };
        let mut groups = groups.lock().unwrap_or_else(PoisonError::into_inner);
        let left = groups.iter_mut().enumerate().filter(|(_, (_, next))| *next < options.seeds);
        let (group, (seconds, next)) = left.min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0))?;
        // What it takes is known when it is done; until then others come first.
        *seconds += SECONDS_GUESSED;
        *next += 1;
        options.nth_of(group, *next - 1)
    }

    /// Takes in how long a case took.
    pub(super) fn note(&self, case: Case, took: Duration) {
        if let Some(groups) = &self.groups
            && let Some((seconds, _)) = groups.lock().unwrap_or_else(PoisonError::into_inner).get_mut(case.group)
        {
            *seconds += took.as_secs_f64() - SECONDS_GUESSED;
        }
    }

    /// Lets no case be taken any more.
    pub(super) fn end(&self, options: &Options) {
        self.next.store(options.cases(), Ordering::Relaxed);
        if let Some(groups) = &self.groups {
            let mut groups = groups.lock().unwrap_or_else(PoisonError::into_inner);
            groups.iter_mut().for_each(|(_, next)| *next = options.seeds);
        }
    }
}

/// So long the others come before a group that sends raw bytes: each piece of them waits until the server is silent.
const RAW_HANDICAP_SECONDS: f64 = 2.0;
/// What a case is thought to take until that is known.
const SECONDS_GUESSED: f64 = 1e-3;

/// What was found so far, so that later seeds look elsewhere.
#[derive(Clone, Debug, Default)]
pub(super) struct Steering {
    /// Ops that diverge, without their data.
    shapes: BTreeSet<String>,
}

/// Of so many reads that are known to diverge, one is run.
const READS_KEPT_OF: u32 = 4;
/// The same of writes: what others read has to come from somewhere.
const WRITES_KEPT_OF: u32 = 2;

impl Steering {
    /// Takes in that such an op diverges.
    pub(super) fn add(&mut self, op: &Op) {
        self.shapes.insert(shape::of_op(op));
    }

    /// Leaves out most of the ops that are known to diverge.
    fn thin_out(&self, case: Case, ops: &mut Vec<Op>) {
        if self.shapes.is_empty() {
            return;
        }
        let mut stream = case.seed.stream("steering");
        ops.retain(|op| {
            let Act::Call(argv) = &op.act else { return true };
            let writes = spec::lookup_request(argv).is_some_and(|command| command.writes);
            let kept_of = if writes { WRITES_KEPT_OF } else { READS_KEPT_OF };
            !self.shapes.contains(&shape::of_op(op)) || stream.below(kept_of) == 0
        });
    }
}
