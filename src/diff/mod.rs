//! Compares what two targets answered, and what they hold in the end.

use serde::{Deserialize, Serialize};

use crate::resp::Reply;

/// Everything that a store holds, in canonical order: by database, then by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyspace {
    /// One entry a key.
    pub entries: Vec<Entry>,
}

/// One key with all that is known about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its database.
    pub db: u32,
    /// Its name.
    #[serde(with = "serde_bytes")]
    pub key: Vec<u8>,
    /// What TYPE answers: `string`, `list`, `hash`, `set`, `zset`.
    pub kind: String,
    /// Its value: GET, LRANGE 0 -1, HGETALL sorted by field as pairs, SMEMBERS sorted, ZRANGE 0 -1 WITHSCORES.
    pub value: Reply,
    /// When it expires, in milliseconds since 1970.
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
}
