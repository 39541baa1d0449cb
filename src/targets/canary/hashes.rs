//! Slips in commands on hashes.

use super::{Canary, Client, arg, call, without_option};
use resp::{Argv, Reply};

#[rustfmt::skip] // a table
pub(super) const CANARIES: &[Canary] = &[
    Canary { name: "hget-any-type", slip: "HGET of a key that is no hash answers a null", commands: &["HGET"], run: hget_any_type,
        ops_min: 2, in_replies: "SET k v\nHGET k f", in_keyspace: "" },
    Canary { name: "hincrby-missing", slip: "HINCRBY fails on a missing field", commands: &["HINCRBY"], run: hincrby_missing,
        ops_min: 1, in_replies: "HINCRBY k f 1", in_keyspace: "HINCRBY k f 1" },
    Canary { name: "hscan-match", slip: "HSCAN ignores MATCH", commands: &["HSCAN"], run: hscan_match,
        ops_min: 2, in_replies: "HSET k f v\nHSCAN k 0 MATCH x", in_keyspace: "" },
    Canary { name: "hset-count", slip: "HSET answers 1 where the field was there", commands: &["HSET"], run: hset_count,
        ops_min: 2, in_replies: "HSET k f v\nHSET k f w", in_keyspace: "" },
];

fn hget_any_type(client: &mut dyn Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    if reply.error_code() == Some(b"WRONGTYPE") { Reply::NullBulk } else { reply }
}

fn hincrby_missing(client: &mut dyn Client, argv: &Argv) -> Reply {
    let missing = call(client, [b"HEXISTS", arg(argv, 1), arg(argv, 2)]) == Reply::Int(0);
    let reply = client.execute(argv);
    if !missing || reply.as_error().is_some() {
        return reply;
    }
    call(client, [b"HDEL", &argv[1], &argv[2]]);
    Reply::error("ERR hash value is not an integer")
}

fn hscan_match(client: &mut dyn Client, argv: &Argv) -> Reply {
    client.execute(&without_option(argv, 2, "MATCH", 1))
}

fn hset_count(client: &mut dyn Client, argv: &Argv) -> Reply {
    match client.execute(argv) {
        Reply::Int(0) if argv.len() == 4 => Reply::Int(1),
        reply => reply,
    }
}
