//! Seeded operations: which commands, on which keys, with which arguments.

use crate::seed::Seed;
use crate::trace::{Header, Op};

/// The version of what a seed means. It rises with every change that gives a seed other operations.
pub const GENERATOR: u16 = 1;

/// What to generate.
#[derive(Clone, Debug)]
pub struct Options {
    /// Everything follows from it.
    pub seed: Seed,
    /// A name from [`groups`].
    pub group: &'static Group,
}

/// A profile of operations: a row of the group table.
#[derive(Debug)]
pub struct Group {
    /// As the command line names it.
    pub name: &'static str,
    /// One line for the help.
    pub about: &'static str,
}

/// The table of groups.
pub fn groups() -> &'static [Group] {
    &[]
}

/// The group of this name.
pub fn group(name: &str) -> Option<&'static Group> {
    groups().iter().find(|group| group.name == name)
}

/// An endless sequence of operations.
pub struct Generator {}

impl Generator {
    /// The sequence that `options` name.
    pub fn new(_options: &Options) -> Self {
        todo!()
    }

    /// The header of a trace of this sequence.
    pub fn header(&self) -> Header {
        todo!()
    }

    /// The options that were drawn from the seed, for people.
    pub fn describe(&self) -> String {
        todo!()
    }

    /// The next operation.
    pub fn next_op(&mut self) -> Op {
        todo!()
    }
}
