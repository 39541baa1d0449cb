//! Which op a reply that does not come is laid to. A server may die by itself, and one that answers a pipeline may fail
//! anywhere in it, so what failed is run again from an empty store, one op at a time: behind all ops that came before.

use std::collections::BTreeSet;

use super::connection::Failure;
use crate::diff::rules;
use crate::trace::Op;
use resp::Argv;
use spec::Fidelity;

/// The most ops that are run again.
const OPS_MAX: usize = 10_000;
/// The most commands that are remembered.
const NAMES_MAX: usize = 1000;

/// What is known of a server's failures.
#[derive(Debug, Default)]
pub(super) struct Blame {
    /// The ops since the store was emptied.
    before: Vec<Op>,
    /// True where they are too many, or would not do the same again.
    is_past: bool,
    /// Commands that were seen to fail where nothing else was under way.
    proven: BTreeSet<Vec<u8>>,
    /// Those of them that hang.
    hanging: BTreeSet<Vec<u8>>,
}

impl Blame {
    /// The store has been emptied.
    pub fn begin(&mut self) {
        self.before.clear();
        self.is_past = false;
    }

    /// True where all ops so far come to the same when they are run again, and these are not too many behind them. What
    /// these came to was told to nobody.
    pub fn can_repeat(&self, ops: &[Op]) -> bool {
        !self.is_past && self.before.len() + ops.len() <= OPS_MAX
    }

    /// These ops have run.
    pub fn add(&mut self, ops: &[Op]) {
        if self.can_repeat(ops) && !ops.iter().any(pops_at_random) {
            self.before.extend_from_slice(ops);
        } else {
            self.is_past = true;
            self.before = Vec::new();
        }
    }

    /// The ops since the store was emptied, where they can be run again.
    pub fn before(&self) -> &[Op] {
        &self.before
    }

    /// `op` failed where nothing else was under way.
    pub fn prove(&mut self, op: &Op, failure: &Failure) {
        let Some(name) = op.argv().and_then(name_of) else { return };
        if *failure == Failure::Hung && self.hanging.len() < NAMES_MAX {
            self.hanging.insert(name.clone());
        }
        if self.proven.len() < NAMES_MAX {
            self.proven.insert(name);
        }
    }

    /// Lets what was seen to hang be waited for as long as at first, to be sure.
    pub fn doubt_hangs(&mut self) {
        self.hanging.clear();
    }

    /// True for a command that was seen to fail: nothing is sent together with it.
    pub fn is_proven(&self, argv: &Argv) -> bool {
        !self.proven.is_empty() && name_of(argv).is_some_and(|name| self.proven.contains(&name))
    }

    /// True for a command that was seen to hang: it is not waited for as long again.
    pub fn hangs(&self, argv: &Argv) -> bool {
        !self.hanging.is_empty() && name_of(argv).is_some_and(|name| self.hanging.contains(&name))
    }
}

/// A command by its name, in capitals.
fn name_of(argv: &Argv) -> Option<Vec<u8>> {
    match spec::lookup_request(argv) {
        Some(command) => Some(command.name.into()),
        None => argv.get(0).map(<[u8]>::to_ascii_uppercase),
    }
}

fn pops_at_random(op: &Op) -> bool {
    rules::fidelity_of(op) == Fidelity::RandomPop
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ops(words: &str, count: usize) -> Vec<Op> {
        vec![Op::call(0, words.split(' ').collect::<Argv>()); count]
    }

    #[track_caller]
    fn check(steps: &[Vec<Op>], expected: Option<usize>) {
        let mut blame = Blame::default();
        steps.iter().for_each(|ops| blame.add(ops));
        let found = blame.can_repeat(&[]).then(|| blame.before().len());
        assert_eq!(found, expected, "after {} steps", steps.len());
    }

    #[test]
    fn what_comes_out_otherwise_is_not_run_again() {
        check(&[ops("SET a 1", 3), ops("GET a", 2)], Some(5));
        check(&[ops("SET a 1", 3), ops("SPOP s", 1), ops("GET a", 1)], None);
        check(&[ops("SET a 1", OPS_MAX)], Some(OPS_MAX));
        check(&[ops("SET a 1", OPS_MAX), ops("GET a", 1)], None);
    }

    #[test]
    fn a_command_is_proven_by_its_name() {
        let mut blame = Blame::default();
        let argv = |words: &str| words.split(' ').collect::<Argv>();
        blame.prove(&Op::call(0, argv("xgroup create s g $")), &Failure::Closed);
        blame.prove(&Op::call(0, argv("nosuch a")), &Failure::Hung);
        assert!(blame.is_proven(&argv("XGROUP CREATE t h 0")) && !blame.hangs(&argv("XGROUP CREATE t h 0")));
        assert!(!blame.is_proven(&argv("XGROUP DESTROY s g")));
        assert!(blame.is_proven(&argv("NoSuch")) && blame.hangs(&argv("NOSUCH b")));
    }
}
