//! What is run, and in which order: seeds of groups, each case a pure function of its seed.

use super::Options;
use crate::campaign::{describe_seeds, sequence};
use crate::seed::Seed;
use crate::trace::{Header, Op};

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
    pub(super) fn case(&self, at: u64) -> Option<Case> {
        let count = self.groups.len() as u64;
        let (seed, group) = (at.checked_div(count)?, (at % count) as usize);
        let seed = self.first_seed.0.checked_add(seed).filter(|_| seed < self.seeds)?;
        Some(Case { seed: Seed(seed), group })
    }

    pub(super) fn sequence(&self, case: Case) -> (Header, Vec<Op>) {
        sequence(case.seed, self.groups[case.group], self.ops)
    }

    /// A case for people.
    pub(super) fn describe_case(&self, case: Case) -> String {
        match self.groups {
            [_] => format!("seed {}", case.seed),
            groups => format!("seed {} of {}", case.seed, groups[case.group].name),
        }
    }

    /// The name of a case's group.
    pub(super) fn group_name(&self, case: Case) -> &'static str {
        self.groups[case.group].name
    }

    /// What was run, for people: so many cases.
    pub(super) fn describe_scope(&self, cases: u64) -> String {
        let names: Vec<&str> = self.groups.iter().map(|group| group.name).collect();
        let groups = if names.len() > GROUPS_NAMED_MAX { format!("{} groups", names.len()) } else { names.join(", ") };
        let seeds = cases.div_ceil(self.groups.len().max(1) as u64);
        format!("{groups}, {}", describe_seeds(self.first_seed, seeds, self.ops))
    }
}
