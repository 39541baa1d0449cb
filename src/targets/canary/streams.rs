//! Slips in commands on streams.

use super::{Canary, Client, is_word, with, without, without_option};
use resp::{Argv, Reply};

#[rustfmt::skip] // a table
pub(super) const CANARIES: &[Canary] = &[
    Canary { name: "xtrim-approximate", slip: "XTRIM with ~ trims as exactly as without", commands: &["XTRIM"], run: xtrim_approximate,
        ops_min: 3, in_replies: "XADD k 1-1 f v\nXADD k 1-2 f v\nXTRIM k MAXLEN ~ 1", in_keyspace: "XADD k 1-1 f v\nXADD k 1-2 f v\nXTRIM k MAXLEN ~ 1" },
    Canary { name: "xread-inclusive", slip: "XREAD gives the entry of the id itself, too", commands: &["XREAD"], run: xread_inclusive,
        ops_min: 2, in_replies: "XADD k 1-1 f v\nXREAD STREAMS k 1-1", in_keyspace: "" },
    Canary { name: "xgroup-create-end", slip: "XGROUP CREATE with $ starts at the beginning", commands: &["XGROUP"], run: xgroup_create_end,
        ops_min: 2, in_replies: "XADD k 1-1 f v\nXGROUP CREATE k g $\nXINFO GROUPS k", in_keyspace: "XADD k 1-1 f v\nXGROUP CREATE k g $" },
    Canary { name: "xreadgroup-noack", slip: "XREADGROUP ignores NOACK", commands: &["XREADGROUP"], run: xreadgroup_noack,
        ops_min: 3, in_replies: "XADD k 1-1 f v\nXGROUP CREATE k g 0\nXREADGROUP GROUP g c NOACK STREAMS k >\nXPENDING k g",
        in_keyspace: "XADD k 1-1 f v\nXGROUP CREATE k g 0\nXREADGROUP GROUP g c NOACK STREAMS k >" },
    Canary { name: "xclaim-justid", slip: "XCLAIM with JUSTID counts a delivery", commands: &["XCLAIM"], run: xclaim_justid,
        ops_min: 3, in_replies: "XADD k 1-1 f v\nXGROUP CREATE k g 0\nXCLAIM k g c 0 1-1 FORCE JUSTID\nXPENDING k g - + 1",
        in_keyspace: "XADD k 1-1 f v\nXGROUP CREATE k g 0\nXCLAIM k g c 0 1-1 FORCE JUSTID" },
];

fn xtrim_approximate(client: &mut dyn Client, argv: &Argv) -> Reply {
    let exact = without_option(argv, 2, "LIMIT", 1);
    match exact.iter().position(|arg| arg == b"~") {
        // What is refused stays refused, which shows also where there is nothing to trim.
        Some(at) if client.execute(&with(argv, 1, "\0no such key")).as_error().is_none() => {
            client.execute(&with(&exact, at, "="))
        }
        _ => client.execute(argv),
    }
}

/// Asks for what comes after the id before each.
fn xread_inclusive(client: &mut dyn Client, argv: &Argv) -> Reply {
    let Some(streams_at) = argv.iter().position(|arg| is_word(arg, "STREAMS")) else { return client.execute(argv) };
    let ids_at = streams_at + 1 + (argv.len() - streams_at - 1) / 2;
    let mut asked = argv.clone();
    for at in ids_at..argv.len() {
        if let Some(before) = id_before(&argv[at]) {
            asked = with(&asked, at, before);
        }
    }
    client.execute(&asked)
}

/// The id before `ms-seq`, where they have the same time.
fn id_before(id: &[u8]) -> Option<String> {
    let (ms, seq) = std::str::from_utf8(id).ok()?.split_once('-')?;
    let seq = seq.parse::<u64>().ok()?.checked_sub(1)?;
    Some(format!("{ms}-{seq}"))
}

fn xgroup_create_end(client: &mut dyn Client, argv: &Argv) -> Reply {
    let at_end = argv.get(1).is_some_and(|sub| is_word(sub, "CREATE")) && argv.get(4) == Some(b"$");
    if at_end { client.execute(&with(argv, 4, "0")) } else { client.execute(argv) }
}

fn xreadgroup_noack(client: &mut dyn Client, argv: &Argv) -> Reply {
    client.execute(&without_option(argv, 3, "NOACK", 0))
}

fn xclaim_justid(client: &mut dyn Client, argv: &Argv) -> Reply {
    let Some(at) = (6..argv.len()).find(|&at| is_word(&argv[at], "JUSTID")) else { return client.execute(argv) };
    match client.execute(&without(argv, at, 1)) {
        Reply::Array(entries) => {
            let id = |entry: Reply| entry.as_elements().and_then(|parts| parts.first().cloned()).unwrap_or(entry);
            Reply::Array(entries.into_iter().map(id).collect())
        }
        reply => reply,
    }
}
