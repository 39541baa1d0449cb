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
//! | what tells two bugs of one name apart | [`shape`] |
//! | the difference, for people | [`mod@render`] |

mod frames;
pub mod keyspace;
pub mod kind;
pub mod random;
pub mod render;
pub mod rules;
pub mod shape;
pub mod transactions;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::trace::Op;
pub use crate::trace::keyspace::{UNTOLD, UNTOLD_KIND, UNTOLD_MS};
pub use crate::trace::{Entry, Keyspace};
use resp::Reply;

pub use render::render;
pub use rules::{ClockSkew, ErrorMode, Settings};

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
