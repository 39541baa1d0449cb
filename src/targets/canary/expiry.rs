//! Slips in commands on times to live.

use super::{Canary, Client, call, integer, is_word, with, without};
use resp::{Argv, Reply};

#[rustfmt::skip] // a table
pub(super) const CANARIES: &[Canary] = &[
    Canary { name: "expire-gt", slip: "EXPIRE with GT gives a TTL to a key without one", commands: &["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"], run: expire_gt,
        ops_min: 2, in_replies: "SET k v\nEXPIRE k 9 GT", in_keyspace: "SET k v\nEXPIRE k 9 GT" },
    Canary { name: "expire-past", slip: "EXPIRE with no time left keeps the key", commands: &["EXPIRE", "PEXPIRE"], run: expire_past,
        ops_min: 2, in_replies: "SET k v\nEXPIRE k 0\nGET k", in_keyspace: "SET k v\nEXPIRE k 0" },
    Canary { name: "persist-one", slip: "PERSIST always answers 1", commands: &["PERSIST"], run: persist_one,
        ops_min: 1, in_replies: "PERSIST k", in_keyspace: "" },
    Canary { name: "ttl-floor", slip: "TTL rounds down, not to the nearest second", commands: &["TTL"], run: ttl_floor,
        ops_min: 2, in_replies: "SET k v PX 500\nTTL k", in_keyspace: "" },
    Canary { name: "ttl-missing", slip: "TTL answers -1 for a missing key", commands: &["TTL"], run: ttl_missing,
        ops_min: 1, in_replies: "TTL k", in_keyspace: "" },
];

fn expire_gt(client: &mut dyn Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    let greater = argv.len() == 4 && is_word(&argv[3], "GT");
    if greater && reply == Reply::Int(0) && call(client, [b"TTL", &argv[1]]) == Reply::Int(-1) {
        return client.execute(&without(argv, 3, 1));
    }
    reply
}

fn expire_past(client: &mut dyn Client, argv: &Argv) -> Reply {
    let past = argv.len() == 3 && integer(&argv[2]).is_some_and(|time| (-1_000_000_000..=0).contains(&time));
    if past { call(client, [b"EXISTS", &argv[1]]) } else { client.execute(argv) }
}

fn persist_one(client: &mut dyn Client, argv: &Argv) -> Reply {
    match client.execute(argv) {
        Reply::Int(_) => Reply::Int(1),
        reply => reply,
    }
}

fn ttl_floor(client: &mut dyn Client, argv: &Argv) -> Reply {
    match client.execute(&with(argv, 0, "PTTL")) {
        Reply::Int(left_ms) if left_ms >= 0 => Reply::Int(left_ms / 1000),
        _ => client.execute(argv),
    }
}

fn ttl_missing(client: &mut dyn Client, argv: &Argv) -> Reply {
    match client.execute(argv) {
        Reply::Int(-2) => Reply::Int(-1),
        reply => reply,
    }
}
