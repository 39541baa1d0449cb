//! Compares what two targets answered, and what they hold in the end.
//!
//! | what | module |
//! |---|---|
//! | which replies are the same, by command | [`rules`] |
//! | random picks: what to ask the subject afterwards | [`random`] |
//! | what else arrives beside a reply: messages | `frames` |
//! | EXEC: each reply by the rule of its command | [`transactions`] |
//! | what two targets hold | [`keyspace`] |
//! | the name of a difference | [`kind`] |
//! | the difference, for people | [`mod@render`] |

mod frames;
pub mod keyspace;
pub mod kind;
pub mod random;
pub mod render;
pub mod rules;
pub mod transactions;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::trace::Op;
use resp::Reply;

pub use render::render;
pub use rules::{ClockSkew, ErrorMode, Settings};

/// Everything that a store holds, in canonical order: by database, then by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyspace {
    /// One entry a key.
    pub entries: Vec<Entry>,
}

/// The kind of the one entry of an unreadable keyspace; no store has a type of this name.
const UNREADABLE: &str = "unreadable";

impl Keyspace {
    /// What stands for a keyspace that a store does not tell: it differs from every one that was read, also from
    /// an empty one. `instead` is what came in its place.
    pub fn unreadable(instead: Reply) -> Self {
        let entry = Entry {
            db: 0,
            key: Vec::new(),
            kind: UNREADABLE.to_owned(),
            value: instead,
            details: None,
            expires_ms: None,
        };
        Self { entries: vec![entry] }
    }

    /// What came in place of the keyspace, where it could not be read.
    pub fn instead(&self) -> Option<&Reply> {
        match &self.entries[..] {
            [entry] if entry.kind == UNREADABLE => Some(&entry.value),
            _ => None,
        }
    }
}

/// In the place of a value that the store does not tell: nothing is compared with it.
pub const UNTOLD: Reply = Reply::Frames(Vec::new());

/// In the place of the time when a key expires, where the store does not tell it, nor whether there is one.
pub const UNTOLD_MS: i64 = i64::MIN;

/// One key with all that is known about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its database.
    pub db: u32,
    /// Its name.
    #[serde(with = "serde_bytes")]
    pub key: Vec<u8>,
    /// What TYPE answers: `string`, `list`, `hash`, `set`, `zset`, `stream`; empty where the store does not tell it.
    pub kind: String,
    /// Its value: GET, LRANGE 0 -1, HGETALL sorted by field as pairs, SMEMBERS sorted, ZRANGE 0 -1 WITHSCORES,
    /// XRANGE - +. [`UNTOLD`] where the store does not tell it.
    pub value: Reply,
    /// What else it has, where the store tells it: of a stream its counters and its groups, as XINFO STREAM FULL has
    /// them. It is compared where both stores tell it.
    #[serde(default)]
    pub details: Option<Reply>,
    /// When it expires, in milliseconds since 1970; [`UNTOLD_MS`] where the store does not tell it.
    pub expires_ms: Option<i64>,
}

/// What a divergence is, without its data: dedupes findings and guards shrinking.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Class {
    /// The command that diverged, in capitals.
    pub command: String,
    /// The rule that failed: `exact`, `unordered`, …, `keyspace`, `step`.
    pub rule: String,
    /// How the two differ: `int/bulk`, `int-value`, `error-text`, `missing-key`, `expiry` …
    pub kind: String,
}

impl Class {
    /// The class as the name of a folder, safe on every system: `LRANGE.exact.array-length`.
    pub fn folder(&self) -> String {
        let mut name = String::new();
        for part in [&self.command, &self.rule, &self.kind] {
            if !name.is_empty() {
                name.push('.');
            }
            for character in part.replace('/', "-vs-").chars() {
                name.push(if character.is_ascii_alphanumeric() || character == '-' { character } else { '_' });
            }
        }
        name
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.command, self.rule, self.kind)
    }
}

/// The first difference between two replays of one trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    /// Index of the op that diverged.
    pub at: usize,
    /// What it is.
    pub class: Class,
    /// What the reference answered or holds.
    pub want: Reply,
    /// What the subject answered or holds.
    pub got: Reply,
    /// The key that both hold in different ways, with its database, where that is the divergence.
    pub key: Option<(u32, Vec<u8>)>,
    /// What else there is to know, for people: the key that differs, the question that was answered wrongly.
    pub note: String,
}

/// Consecutive ops around a divergence with the replies of both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// Index of the first op in the whole trace.
    pub first: usize,
    /// The ops.
    pub ops: Vec<Op>,
    /// The reference's replies.
    pub want: Vec<Reply>,
    /// The subject's replies.
    pub got: Vec<Reply>,
}
