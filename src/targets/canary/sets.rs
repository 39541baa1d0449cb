//! Slips in commands on sets.

use super::{Canary, Client, call, integer, with, without};
use resp::{Argv, Reply};

#[rustfmt::skip] // a table
pub(super) const CANARIES: &[Canary] = &[
    Canary { name: "sdiff-last", slip: "SDIFF leaves out the last of three or more keys", commands: &["SDIFF"], run: sdiff_last,
        ops_min: 2, in_replies: "SADD k m\nSDIFF k b k", in_keyspace: "" },
    Canary { name: "sinterstore-empty", slip: "SINTERSTORE of nothing keeps the old destination", commands: &["SINTERSTORE"], run: sinterstore_empty,
        ops_min: 2, in_replies: "SADD d m\nSINTERSTORE d k\nSCARD d", in_keyspace: "SADD d m\nSINTERSTORE d k" },
    Canary { name: "smove-same", slip: "SMOVE from a set to itself removes the member", commands: &["SMOVE"], run: smove_same,
        ops_min: 2, in_replies: "SADD k m\nSMOVE k k m\nSCARD k", in_keyspace: "SADD k m\nSMOVE k k m" },
    Canary { name: "spop-keeps", slip: "SPOP does not remove what it answers", commands: &["SPOP"], run: spop_keeps,
        ops_min: 2, in_replies: "SADD k m\nSPOP k\nSCARD k", in_keyspace: "SADD k m\nSPOP k" },
    Canary { name: "sunion-repeats", slip: "SUNION repeats a member that several sets have", commands: &["SUNION"], run: sunion_repeats,
        ops_min: 2, in_replies: "SADD k m\nSUNION k k", in_keyspace: "" },
];

fn sdiff_last(client: &mut dyn Client, argv: &Argv) -> Reply {
    if argv.len() > 3 { client.execute(&without(argv, argv.len() - 1, 1)) } else { client.execute(argv) }
}

fn sinterstore_empty(client: &mut dyn Client, argv: &Argv) -> Reply {
    let inter = client.execute(&with(&without(argv, 1, 1), 0, "SINTER"));
    let nothing = inter.as_elements().is_some_and(<[Reply]>::is_empty);
    if nothing { Reply::Int(0) } else { client.execute(argv) }
}

fn smove_same(client: &mut dyn Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    if reply == Reply::Int(1) && argv[1] == argv[2] {
        call(client, [b"SREM", &argv[1], &argv[3]]);
    }
    reply
}

fn spop_keeps(client: &mut dyn Client, argv: &Argv) -> Reply {
    match argv.len() {
        2 => client.execute(&with(argv, 0, "SRANDMEMBER")),
        3 if integer(&argv[2]).is_some_and(|count| count >= 0) => client.execute(&with(argv, 0, "SRANDMEMBER")),
        _ => client.execute(argv),
    }
}

fn sunion_repeats(client: &mut dyn Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    if reply.as_error().is_some() {
        return reply;
    }
    let sets = argv.iter().skip(1).map(|key| call(client, [b"SMEMBERS", key]));
    Reply::Array(sets.flat_map(|set| set.as_elements().unwrap_or_default().to_vec()).collect())
}
