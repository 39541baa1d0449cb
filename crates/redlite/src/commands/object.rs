//! OBJECT: how a key is kept.

use super::{Context, Outcome, Row, container};
use crate::failure::refuse;
use crate::number;
use crate::store::Key;
use resp::Reply;

pub(super) const COMMANDS: &[Row] = &[
    ("OBJECT", container),
    ("OBJECT ENCODING", encoding),
    ("OBJECT FREQ", freq),
    ("OBJECT IDLETIME", idletime),
    ("OBJECT REFCOUNT", refcount),
];

/// Redis keeps the integers below it once for all keys.
const SHARED_INTEGERS: i64 = 10_000;

/// How many references Redis says that such an integer has.
const SHARED_REFERENCES: i64 = i32::MAX as i64;

/// What `tell` says of the key, and of a string's value; null where there is no such key.
fn describe(context: &mut Context<'_>, tell: impl FnOnce(&Key, Option<&[u8]>) -> Outcome) -> Outcome {
    match context.store.find_value(context.db(), context.arg(2), <[u8]>::to_vec)? {
        Some((key, value)) => tell(&key, value.as_deref()),
        None => Ok(context.null()),
    }
}

fn encoding(context: &mut Context<'_>) -> Outcome {
    describe(context, |key, value| Ok(Reply::bulk(key.encoding(value))))
}

fn freq(context: &mut Context<'_>) -> Outcome {
    describe(context, |_, _| {
        refuse(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching \
             between policies at runtime LRU and LFU data will take some time to adjust.",
        )
    })
}

/// Reads are not noted: no key has been idle.
fn idletime(context: &mut Context<'_>) -> Outcome {
    describe(context, |_, _| Ok(Reply::Int(0)))
}

fn refcount(context: &mut Context<'_>) -> Outcome {
    describe(context, |key, value| {
        let is_integer = key.encoding(value) == "int";
        let integer = value.filter(|_| is_integer).and_then(number::parse_integer);
        let is_shared = integer.is_some_and(|value| (0..SHARED_INTEGERS).contains(&value));
        Ok(Reply::Int(if is_shared { SHARED_REFERENCES } else { 1 }))
    })
}
