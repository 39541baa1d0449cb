//! What a store holds: in the end of a trace, or at any time.

use serde::{Deserialize, Serialize};

use resp::Reply;

/// Everything that a store holds, in canonical order: by database, then by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyspace {
    /// One entry a key.
    pub entries: Vec<Entry>,
}

/// The kind of the one entry of an unreadable keyspace; no store has a type of this name.
pub const UNREADABLE: &str = "unreadable";

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

/// In the place of the kind of a key of which not even that is told, whether it is there.
pub const UNTOLD_KIND: &str = "?";

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
