//! Traces for property tests.

use proptest::collection::vec;
use proptest::prelude::*;

use resp::{Argv, Reply};

use super::{Act, Entry, FaultSpec, Header, Keyspace, Op, TargetInfo, Trace};
use crate::seed::Seed;

// The strategies that `resp` tests itself with, compiled for these tests too. Behind a feature of `resp` they would have
// every crate above it built a second time.
#[path = "../../crates/resp/src/arbitrary.rs"]
pub(super) mod replies;

/// Any outcome of an op: a reply, or none.
fn outcome() -> impl Strategy<Value = Reply> {
    let frame = prop_oneof![8 => replies::reply(), 1 => Just(Reply::Closed)];
    prop_oneof![
        8 => replies::reply(),
        2 => vec(frame, 0..4).prop_map(Reply::Frames),
        1 => Just(Reply::Pending),
        1 => Just(Reply::Hung),
        1 => Just(Reply::Closed),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let words = vec(prop_oneof![2 => "[a-c]{1,2}".prop_map(String::into_bytes), 1 => replies::bytes()], 0..5);
    let fault = ("\\PC{0,6}", vec(any::<i64>(), 0..3));
    prop_oneof![
        12 => words.prop_map(|words| Act::Call(words.into_iter().collect::<Argv>())),
        1 => replies::bytes().prop_map(Act::Raw),
        1 => Just(Act::Open),
        1 => Just(Act::Close),
        1 => Just(Act::Await),
        1 => any::<u64>().prop_map(|ms| Act::Advance { ms }),
        1 => Just(Act::Restart),
        1 => Just(Act::Crash),
        1 => fault.prop_map(|(name, args)| Act::Fault(FaultSpec { name, args })),
    ]
}

fn header() -> impl Strategy<Value = Header> {
    let target = ("[a-z]{0,5}", "[0-9.]{0,6}").prop_map(|(name, version)| TargetInfo { name, version });
    let ids = (proptest::option::of(any::<u64>().prop_map(Seed)), any::<u16>(), any::<i64>());
    (ids, "\\PC{0,5}", proptest::option::of(target), any::<String>()).prop_map(
        |((seed, generator, start_ms), profile, recorded_by, note)| Header {
            seed,
            generator,
            profile,
            start_ms,
            recorded_by,
            note,
        },
    )
}

fn entry() -> impl Strategy<Value = Entry> {
    let kind = prop_oneof![4 => "(string|list|stream)", 1 => "\\PC{0,3}"];
    let optional = (proptest::option::of(replies::reply()), proptest::option::of(any::<i64>()));
    (0..20u32, replies::bytes(), kind, replies::reply(), optional)
        .prop_map(|(db, key, kind, value, (details, expires_ms))| Entry { db, key, kind, value, details, expires_ms })
}

/// Any trace of a few ops.
pub fn trace() -> impl Strategy<Value = Trace> {
    let op = (prop_oneof![3 => Just(0u16), 1 => any::<u16>()], act()).prop_map(|(conn, act)| Op { conn, act });
    let keyspace = proptest::option::of(vec(entry(), 0..4).prop_map(|entries| Keyspace { entries }));
    (header(), vec((op, outcome()), 0..12), any::<bool>(), keyspace).prop_map(
        |(header, ops, with_replies, keyspace)| {
            let (ops, replies): (Vec<_>, Vec<_>) = ops.into_iter().unzip();
            Trace { header, ops, replies: with_replies.then_some(replies), keyspace }
        },
    )
}
