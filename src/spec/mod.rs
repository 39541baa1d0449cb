//! Facts about every Redis command: its arity, its syntax, where its keys are, and what of its reply is exact.
//!
//! One table a family. Generator, diff rules, shrinker and Redlite all read these rows; none has facts of its own.
//! Source: <https://redis.io/docs/latest/commands/> and the answers of redis-server 7.0.15.

use crate::resp::Argv;

/// What a command is about. The generator's groups of the same names draw from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // the families are Redis' own
pub enum Family {
    Strings,
    Lists,
    Hashes,
    Sets,
    SortedSets,
    Keys,
    Expiry,
    Connection,
    Server,
}

/// Where a command's keys are among its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// It has none.
    None,
    /// From `first` to `last` by `step`; a negative `last` counts from the end (-1 is the last argument).
    Range {
        /// Index of the first key; the command's name is 0.
        first: usize,
        /// Index of the last key.
        last: isize,
        /// 2 where keys and values alternate.
        step: usize,
    },
    /// The argument at `count_at` says how many keys follow it; `destination` is a key before that.
    Counted {
        /// Index of the number of keys.
        count_at: usize,
        /// Index of a key before it, where there is one.
        destination: Option<usize>,
    },
}

/// What of a command's reply two correct servers share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fidelity {
    /// Every byte.
    Exact,
    /// The elements in any order (`SMEMBERS`).
    Unordered,
    /// Field and value pairs in any order, flat in RESP2 (`HGETALL`).
    UnorderedPairs,
    /// One step of an iteration: only the elements of the whole iteration (`SCAN`).
    Cursor,
    /// Elements picked at random (`SRANDMEMBER`): their number, and that each is one that was there.
    RandomPick,
    /// As `RandomPick`, and they are removed (`SPOP`).
    RandomPop,
    /// A time left, exact only where the clock is dst's (`TTL`).
    TimeLeft,
    /// A time since 1970, moved where the clock is not dst's (`EXPIRETIME`).
    UnixTime,
    /// A fact about the server itself (`INFO`, `TIME`): only the kind of the reply.
    ServerFact,
}

/// One command.
#[derive(Debug)]
pub struct Command {
    /// In capitals: `LRANGE`.
    pub name: &'static str,
    /// As `COMMAND INFO` gives it: the exact number of arguments with the name, or minus the least number.
    pub arity: i32,
    /// Its family.
    pub family: Family,
    /// Its arguments, in the notation of [`syntax`].
    pub syntax: &'static str,
    /// Where its keys are.
    pub keys: Keys,
    /// What of its reply is exact.
    pub fidelity: Fidelity,
    /// True where it may change the keyspace.
    pub writes: bool,
}

impl Command {
    /// True where a request of `args` arguments (with the name) has the right number of them.
    pub fn accepts(&self, args: usize) -> bool {
        if self.arity >= 0 { args == self.arity as usize } else { args >= self.arity.unsigned_abs() as usize }
    }

    /// The keys that a request names, as far as it is well formed.
    pub fn keys<'a>(&self, _argv: &'a Argv) -> Vec<&'a [u8]> {
        todo!()
    }
}

/// The command of this name, in any case.
pub fn lookup(_name: &[u8]) -> Option<&'static Command> {
    todo!()
}

/// Every command, family by family.
pub fn commands() -> impl Iterator<Item = &'static Command> {
    std::iter::empty()
}
