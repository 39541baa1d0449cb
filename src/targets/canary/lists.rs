//! Slips in commands on lists.

use super::{Canary, Client, arg, call, integer, with, without_option};
use resp::{Argv, Reply};

#[rustfmt::skip] // a table
pub(super) const CANARIES: &[Canary] = &[
    Canary { name: "lpop-leaves-key", slip: "LPOP and RPOP of the last item leave the key behind", commands: &["LPOP", "RPOP"], run: lpop_leaves_key,
        ops_min: 2, in_replies: "RPUSH k a\nLPOP k\nEXISTS k", in_keyspace: "RPUSH k a\nLPOP k" },
    Canary { name: "lpop-null", slip: "LPOP with a count answers a null bulk for a missing key", commands: &["LPOP", "RPOP"], run: lpop_null,
        ops_min: 1, in_replies: "LPOP k 1", in_keyspace: "" },
    Canary { name: "lpush-order", slip: "LPUSH of several items keeps their order", commands: &["LPUSH"], run: lpush_order,
        ops_min: 1, in_replies: "LPUSH k a b\nLINDEX k 0", in_keyspace: "LPUSH k a b" },
    Canary { name: "linsert-pivot", slip: "LINSERT answers 0 where the pivot is missing", commands: &["LINSERT"], run: linsert_pivot,
        ops_min: 2, in_replies: "RPUSH k a\nLINSERT k BEFORE b c", in_keyspace: "" },
    Canary { name: "lpos-maxlen", slip: "LPOS ignores MAXLEN", commands: &["LPOS"], run: lpos_maxlen,
        ops_min: 2, in_replies: "RPUSH k a b\nLPOS k b MAXLEN 1", in_keyspace: "" },
    Canary { name: "lrange-end", slip: "LRANGE leaves out the last item of the range", commands: &["LRANGE"], run: lrange_end,
        ops_min: 2, in_replies: "RPUSH k a\nLRANGE k 0 -1", in_keyspace: "" },
    Canary { name: "lrem-negative", slip: "LREM with a negative count removes every match", commands: &["LREM"], run: lrem_negative,
        ops_min: 2, in_replies: "RPUSH k a a\nLREM k -1 a", in_keyspace: "RPUSH k a a\nLREM k -1 a" },
    Canary { name: "lset-error", slip: "LSET has another error text for a missing key", commands: &["LSET"], run: lset_error,
        ops_min: 1, in_replies: "LSET k 0 v", in_keyspace: "" },
];

/// SQLite's rows cannot hold an empty list, so an empty item stands for it.
fn lpop_leaves_key(client: &mut dyn Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    let popped = reply.as_bytes().is_some() || reply.as_elements().is_some_and(|items| !items.is_empty());
    if popped && call(client, [b"EXISTS", arg(argv, 1)]) == Reply::Int(0) {
        call(client, [b"RPUSH", arg(argv, 1), b""]);
    }
    reply
}

fn lpop_null(client: &mut dyn Client, argv: &Argv) -> Reply {
    match client.execute(argv) {
        Reply::NullArray => Reply::NullBulk,
        reply => reply,
    }
}

fn lpush_order(client: &mut dyn Client, argv: &Argv) -> Reply {
    let items = argv.iter().skip(2).rev();
    client.execute(&argv.iter().take(2).chain(items).collect())
}

fn linsert_pivot(client: &mut dyn Client, argv: &Argv) -> Reply {
    match client.execute(argv) {
        Reply::Int(-1) => Reply::Int(0),
        reply => reply,
    }
}

fn lpos_maxlen(client: &mut dyn Client, argv: &Argv) -> Reply {
    match client.execute(argv) {
        Reply::Error(text) => Reply::Error(text),
        _ => client.execute(&without_option(argv, 2, "MAXLEN", 1)),
    }
}

fn lrange_end(client: &mut dyn Client, argv: &Argv) -> Reply {
    let mut reply = client.execute(argv);
    if let Reply::Array(items) = &mut reply {
        items.pop();
    }
    reply
}

fn lrem_negative(client: &mut dyn Client, argv: &Argv) -> Reply {
    match integer(arg(argv, 2)) {
        Some(count) if count < 0 => client.execute(&with(argv, 2, "0")),
        _ => client.execute(argv),
    }
}

fn lset_error(client: &mut dyn Client, argv: &Argv) -> Reply {
    match client.execute(argv) {
        Reply::Error(text) if text == b"ERR no such key" => Reply::error("ERR no such list"),
        reply => reply,
    }
}
