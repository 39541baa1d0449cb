//! The matrix: what each command came to in a campaign.

mod table;
mod terminal;

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use resp::Kind;
use spec::Family;
use spec::left_out::LeftOut;

pub(super) use table::{Cell, Section, Tone, sections};
pub(super) use terminal::write;

/// Every command of the tables, and every other command of Redis with the reason why it is left out.
#[derive(Clone, Debug, Serialize)]
pub struct Matrix {
    /// The commands, family by family. One that does nothing without a subcommand is there only where it was sent.
    pub rows: Vec<Row>,
    /// The others.
    pub left_out: Vec<LeftOut>,
}

/// One command.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its name; a subcommand's has both words.
    pub command: &'static str,
    /// Its family.
    #[serde(serialize_with = "family_name")]
    pub family: Family,
    /// What was counted.
    #[serde(flatten)]
    pub counts: Counts,
    /// Each word of its syntax, and in how many requests that succeeded it was.
    pub options: BTreeMap<&'static str, u64>,
}

impl Row {
    /// The words of its syntax that were in no request that succeeded.
    pub fn options_unseen(&self) -> impl Iterator<Item = &'static str> {
        self.options.iter().filter(|(_, seen)| **seen == 0).map(|(word, _)| *word)
    }
}

/// What was counted of one command. Replies are those of the first reference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// How often it was sent.
    pub requests: u64,
    /// How many of these got a reply that is no error.
    pub succeeded: u64,
    /// How many replies there were of each kind.
    pub replies: BTreeMap<Kind, u64>,
    /// How often each error text came; where there are many, the first in the order of their bytes.
    pub errors: BTreeMap<String, u64>,
    /// How often the subject's reply agreed.
    pub agreed: u64,
    /// How often it was not compared, because a divergence before it had left other data under its keys.
    pub not_compared: u64,
    /// How often it diverged in a way that is known.
    pub known: u64,
    /// How often only a reference behind the first agreed.
    pub drift: u64,
    /// How often the subject did not have it. With several references that ends a trace, and so does a divergence.
    pub unsupported: u64,
    /// In how many traces it was the first to diverge otherwise.
    pub diverged: u64,
}

impl Counts {
    /// Adds what another part of a campaign counted.
    pub fn merge(&mut self, more: Counts) {
        let Counts { requests, succeeded, replies, errors, agreed, not_compared, known, drift, unsupported, diverged } =
            more;
        self.requests += requests;
        self.succeeded += succeeded;
        replies.into_iter().for_each(|(kind, count)| *self.replies.entry(kind).or_default() += count);
        errors.into_iter().for_each(|(text, count)| *self.errors.entry(text).or_default() += count);
        self.agreed += agreed;
        self.not_compared += not_compared;
        self.known += known;
        self.drift += drift;
        self.unsupported += unsupported;
        self.diverged += diverged;
    }

    /// How many replies were errors.
    pub fn refused(&self) -> u64 {
        [Kind::Error, Kind::BulkError].iter().filter_map(|kind| self.replies.get(kind)).sum()
    }
}

// serde asks for a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn family_name<S: Serializer>(family: &Family, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(family.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A matrix of two families.
    pub(super) fn sample() -> Matrix {
        let row = |command, family, counts, options: &[(&'static str, u64)]| Row {
            command,
            family,
            counts,
            options: options.iter().copied().collect(),
        };
        let replies = |counted: &[(Kind, u64)]| counted.iter().copied().collect();
        let get = Counts {
            requests: 12_345,
            succeeded: 12_300,
            replies: replies(&[(Kind::Bulk, 12_000), (Kind::NullBulk, 300), (Kind::Error, 45)]),
            errors: [("WRONGTYPE a".to_owned(), 40), ("ERR b".to_owned(), 5)].into(),
            agreed: 12_344,
            diverged: 1,
            ..Counts::default()
        };
        let lonely = Counts {
            requests: 2,
            replies: replies(&[(Kind::Error, 2)]),
            errors: [("ERR c".to_owned(), 2)].into(),
            agreed: 2,
            ..Counts::default()
        };
        let set = Counts {
            requests: 7,
            succeeded: 7,
            replies: replies(&[(Kind::Simple, 7)]),
            agreed: 7,
            ..Counts::default()
        };
        let seen = [("NX", 3), ("XX", 0), ("EXAT", 0)];
        Matrix {
            rows: vec![
                row("GET", Family::Strings, get, &[]),
                row("SET", Family::Strings, set, &seen),
                row("LPOS", Family::Lists, lonely, &[]),
                row("LREM", Family::Lists, Counts::default(), &[]),
            ],
            left_out: ["EVAL", "ACL", "ACL CAT", "ACL LIST"]
                .map(|command| LeftOut { command, reason: if command == "EVAL" { "no Lua" } else { "no users" } })
                .to_vec(),
        }
    }
}
