//! `canary:NAME`: deliberately wrong Redlites, each with one plausible slip. A campaign that does not find them all is
//! broken.
//!
//! A slip stands between the trace and the store's [`Client`]: it rewrites a request or a reply, or undoes an effect. The
//! keyspace is read past it, so it shows what a slip did to the store and nothing else. Redlite itself knows no slip.
//! Slips speak RESP2.
//!
//! To add one: a row and a function in its family's file.

mod bitmaps;
mod blocking;
mod expiry;
mod geo;
mod hashes;
mod hyperloglog;
mod keys;
mod lists;
mod pubsub;
mod sets;
mod sorted_sets;
pub mod storage;
mod streams;
mod strings;
mod transactions;

use std::sync::Arc;

use super::{Target, TargetError, TargetOptions, embedded};
use resp::{Argv, Reply};
use spec::{self, Family};

/// Whatever runs requests, one after the other: Redlite's client, or a connection to any store.
pub trait Client {
    /// Runs one request.
    fn execute(&mut self, argv: &Argv) -> Reply;
}

impl Client for redlite::Client {
    fn execute(&mut self, argv: &Argv) -> Reply {
        redlite::Client::execute(self, argv)
    }
}

/// A wrong Redlite.
pub struct Canary {
    /// What it is called behind `canary:`.
    pub name: &'static str,
    /// What is wrong with it.
    pub slip: &'static str,
    /// The fewest ops that can show the slip: the shorter of the two traces.
    pub ops_min: usize,
    /// A shortest trace whose replies show the slip, one command a line.
    pub in_replies: &'static str,
    /// A shortest trace after which the store shows the slip; empty where the store never does.
    pub in_keyspace: &'static str,
    /// The commands that it gets wrong.
    pub commands: &'static [&'static str],
    /// What it does where the store would run such a command.
    run: fn(&mut dyn Client, &Argv) -> Reply,
}

/// Every family's canaries.
const FAMILIES: &[&[Canary]] = &[
    strings::CANARIES,
    lists::CANARIES,
    hashes::CANARIES,
    sets::CANARIES,
    sorted_sets::CANARIES,
    geo::CANARIES,
    bitmaps::CANARIES,
    hyperloglog::CANARIES,
    streams::CANARIES,
    keys::CANARIES,
    expiry::CANARIES,
    transactions::CANARIES,
    pubsub::CANARIES,
    blocking::CANARIES,
];

/// Every canary, by family.
pub fn canaries() -> impl Iterator<Item = &'static Canary> {
    FAMILIES.iter().copied().flatten()
}

/// `canary:NAME`
pub(super) fn by_name(name: &str, _: &TargetOptions) -> Result<Box<dyn Target>, TargetError> {
    match canaries().find(|canary| canary.name == name) {
        Some(canary) => {
            Ok(embedded::wrapped(format!("canary:{name}"), Arc::new(|client, argv| canary.execute(client, argv))))
        }
        None => {
            let forms: Vec<String> =
                canaries().map(|canary| format!("  canary:{:<24} {}", canary.name, canary.slip)).collect();
            Err(TargetError::Unknown { spec: format!("canary:{name}"), forms: forms.join("\n") })
        }
    }
}

impl Canary {
    /// What it gets wrong.
    pub fn family(&self) -> Option<Family> {
        self.commands.first().and_then(|name| spec::lookup(name.as_bytes())).map(|command| command.family)
    }

    /// Runs a command, rightly or wrongly.
    pub fn execute(&self, client: &mut dyn Client, argv: &Argv) -> Reply {
        let wrong = argv.get(0).is_some_and(|name| self.commands.iter().any(|command| is_word(name, command)));
        if wrong { (self.run)(client, argv) } else { client.execute(argv) }
    }
}

/// True where `arg` is this word, in any case.
pub fn is_word(arg: &[u8], word: &str) -> bool {
    arg.eq_ignore_ascii_case(word.as_bytes())
}

/// The argument at `at`; empty where there is none.
pub fn arg(argv: &Argv, at: usize) -> &[u8] {
    argv.get(at).unwrap_or_default()
}

/// The integer that `text` is in Redis' eyes.
pub fn integer(text: &[u8]) -> Option<i64> {
    let value: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (value.to_string().as_bytes() == text).then_some(value)
}

/// The request with another argument at `at`.
pub fn with(argv: &Argv, at: usize, value: impl AsRef<[u8]>) -> Argv {
    argv.iter().enumerate().map(|(here, arg)| if here == at { value.as_ref() } else { arg }).collect()
}

/// The request without the `count` arguments from `at` on.
pub fn without(argv: &Argv, at: usize, count: usize) -> Argv {
    argv.iter().enumerate().filter(|(here, _)| !(at..at + count).contains(here)).map(|(_, arg)| arg).collect()
}

/// The request without the option `word` and its `values` values, which stands behind the argument at `after`.
pub fn without_option(argv: &Argv, after: usize, word: &str, values: usize) -> Argv {
    match (after + 1..argv.len()).find(|&at| is_word(&argv[at], word) && at + values < argv.len()) {
        Some(at) => without(argv, at, 1 + values),
        None => argv.clone(),
    }
}

/// Runs a request of these arguments.
pub fn call<const N: usize>(client: &mut dyn Client, args: [&[u8]; N]) -> Reply {
    client.execute(&args.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Keyspace;
    use crate::targets::{self, Session};
    use crate::trace::text::parse_op;
    use crate::trace::{Header, Op};

    fn open(spec: &str) -> Box<dyn Session> {
        let target = targets::parse(spec, &TargetOptions::default()).unwrap_or_else(|error| panic!("{spec}: {error}"));
        target.open(&Header::default()).unwrap_or_else(|error| panic!("{spec}: {error}"))
    }

    fn outcome(session: &mut dyn Session, ops: &[Op]) -> (Vec<Reply>, Option<Keyspace>) {
        session.reset(&Header::default()).expect("the store can be emptied");
        let mut replies = Vec::new();
        session.replay(ops, &mut replies).expect("the store is there");
        (replies, session.keyspace().expect("the store is there"))
    }

    /// True where the canary's outcome differs from Redlite's: in the replies, in the keyspace.
    fn differs(sessions: &mut [Box<dyn Session>; 2], ops: &[Op]) -> (bool, bool) {
        let [right, wrong] = sessions.each_mut().map(|session| outcome(session.as_mut(), ops));
        (right.0 != wrong.0, right.1 != wrong.1)
    }

    fn parse(trace: &str) -> Vec<Op> {
        trace.lines().map(|line| parse_op(line.as_bytes()).expect(line)).collect()
    }

    /// How many ops the trace has. It must show the slip, and no part of it may.
    fn count(trace: &str, mut shows: impl FnMut(&[Op]) -> bool) -> Result<usize, String> {
        let ops = parse(trace);
        if !shows(&ops) {
            return Err(format!("{trace:?} does not show it"));
        }
        for chosen in 0..(1_u32 << ops.len()) - 1 {
            let is_chosen = |at: usize| chosen & (1 << at) != 0;
            let part: Vec<Op> =
                ops.iter().enumerate().filter(|(at, _)| is_chosen(*at)).map(|(_, op)| op.clone()).collect();
            if shows(&part) {
                return Err(format!("a part of {trace:?} shows it, too: {part:?}"));
            }
        }
        Ok(ops.len())
    }

    fn check(canary: &Canary) -> Result<(), String> {
        let mut sessions = [open("redlite"), open(&format!("canary:{}", canary.name))];
        let mut fewest = count(canary.in_replies, |ops| differs(&mut sessions, ops).0)?;
        if !canary.in_keyspace.is_empty() {
            fewest = fewest.min(count(canary.in_keyspace, |ops| differs(&mut sessions, ops).1)?);
        } else if differs(&mut sessions, &parse(canary.in_replies)).1 {
            return Err("the store shows it, too".to_owned());
        }
        if canary.ops_min == fewest { Ok(()) } else { Err(format!("the fewest ops are {fewest}")) }
    }

    #[test]
    fn every_slip_shows_in_its_fewest_ops_and_in_no_fewer() {
        let wrong = canaries().filter_map(|canary| Some(format!("{}: {}", canary.name, check(canary).err()?)));
        let wrong: Vec<String> = wrong.collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn an_unknown_name_is_answered_with_every_name() {
        let Err(error) = targets::parse("canary:yellow", &TargetOptions::default()) else {
            panic!("there is no yellow canary");
        };
        let text = error.to_string();
        let missing: Vec<&str> =
            canaries().map(|canary| canary.name).filter(|name| !text.contains(&format!("canary:{name} "))).collect();
        assert!(missing.is_empty(), "not named: {missing:?}\n{text}");
    }
}
