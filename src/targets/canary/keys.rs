//! Slips in commands on keys of any type.

use super::{Canary, Client, arg, call, with, without_option};
use resp::{Argv, Reply};

#[rustfmt::skip] // a table
pub(super) const CANARIES: &[Canary] = &[
    Canary { name: "copy-drops-ttl", slip: "COPY does not copy the TTL", commands: &["COPY"], run: copy_drops_ttl,
        ops_min: 2, in_replies: "SET a v EX 9\nCOPY a b\nTTL b", in_keyspace: "SET a v EX 9\nCOPY a b" },
    Canary { name: "exists-once", slip: "EXISTS counts a key that is named twice once", commands: &["EXISTS"], run: exists_once,
        ops_min: 2, in_replies: "SET k v\nEXISTS k k", in_keyspace: "" },
    Canary { name: "rename-drops-ttl", slip: "RENAME and RENAMENX remove the TTL", commands: &["RENAME", "RENAMENX"], run: rename_drops_ttl,
        ops_min: 2, in_replies: "SET a v EX 9\nRENAME a b\nTTL b", in_keyspace: "SET a v EX 9\nRENAME a b" },
    Canary { name: "flushdb-all", slip: "FLUSHDB empties every database", commands: &["FLUSHDB"], run: flushdb_all,
        ops_min: 3, in_replies: "SET k v\n@1 SELECT 1\n@1 FLUSHDB\nGET k", in_keyspace: "SET k v\nSELECT 1\nFLUSHDB" },
    Canary { name: "sort-ignores-by", slip: "SORT sorts by the elements where BY says what by", commands: &["SORT", "SORT_RO"], run: sort_ignores_by,
        ops_min: 2, in_replies: "RPUSH l 2 1\nSORT l BY nosort", in_keyspace: "RPUSH l 2 1\nSORT l BY nosort STORE d" },
    Canary { name: "sort-store-leaves-old", slip: "SORT of a missing key leaves STORE's destination", commands: &["SORT"], run: sort_store_keeps,
        ops_min: 2, in_replies: "SET d v\nSORT none STORE d\nGET d", in_keyspace: "SET d v\nSORT none STORE d" },
];

fn copy_drops_ttl(client: &mut dyn Client, argv: &Argv) -> Reply {
    let expiry = call(client, [b"PEXPIRETIME", arg(argv, 1)]);
    call(client, [b"PERSIST", arg(argv, 1)]);
    let reply = client.execute(argv);
    if let Reply::Int(expires_ms @ 0..) = expiry {
        call(client, [b"PEXPIREAT", arg(argv, 1), expires_ms.to_string().as_bytes()]);
    }
    reply
}

fn exists_once(client: &mut dyn Client, argv: &Argv) -> Reply {
    let new = |&at: &usize| argv.iter().take(at).skip(1).all(|earlier| *earlier != argv[at]);
    let names = (1..argv.len()).filter(new).map(|at| &argv[at]);
    client.execute(&argv.iter().take(1).chain(names).collect())
}

fn rename_drops_ttl(client: &mut dyn Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    let renamed = reply == Reply::ok() || reply == Reply::Int(1);
    if renamed && argv[1] != argv[2] {
        call(client, [b"PERSIST", &argv[2]]);
    }
    reply
}

fn sort_ignores_by(client: &mut dyn Client, argv: &Argv) -> Reply {
    client.execute(&without_option(argv, 1, "BY", 1))
}

fn sort_store_keeps(client: &mut dyn Client, argv: &Argv) -> Reply {
    let is_there = call(client, [b"EXISTS", arg(argv, 1)]) == Reply::Int(1);
    let unstored = without_option(argv, 1, "STORE", 1);
    if is_there || unstored == *argv {
        return client.execute(argv);
    }
    let reply = client.execute(&unstored);
    if reply == Reply::Array(Vec::new()) { Reply::Int(0) } else { reply }
}

fn flushdb_all(client: &mut dyn Client, argv: &Argv) -> Reply {
    client.execute(&with(argv, 0, "FLUSHALL"))
}
