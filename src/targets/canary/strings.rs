//! Slips in commands on strings.

use super::{Canary, Client, arg, call, integer, is_word, with};
use resp::{Argv, Reply};

#[rustfmt::skip] // a table
pub(super) const CANARIES: &[Canary] = &[
    Canary { name: "append-drops-ttl", slip: "APPEND removes the key's TTL", commands: &["APPEND"], run: append_drops_ttl,
        ops_min: 2, in_replies: "SET k v EX 9\nAPPEND k w\nTTL k", in_keyspace: "SET k v EX 9\nAPPEND k w" },
    Canary { name: "getex-option", slip: "GETEX ignores its option", commands: &["GETEX"], run: getex_option,
        ops_min: 2, in_replies: "SET k v\nGETEX k EX 9\nTTL k", in_keyspace: "SET k v\nGETEX k EX 9" },
    Canary { name: "getrange-end", slip: "GETRANGE leaves out the last byte where the end is negative", commands: &["GETRANGE", "SUBSTR"], run: getrange_end,
        ops_min: 2, in_replies: "SET k vw\nGETRANGE k 0 -1", in_keyspace: "" },
    Canary { name: "incr-wraps", slip: "INCR and INCRBY wrap around instead of failing", commands: &["INCR", "INCRBY"], run: incr_wraps,
        ops_min: 2, in_replies: "SET k 9223372036854775807\nINCR k", in_keyspace: "SET k 9223372036854775807\nINCR k" },
    Canary { name: "msetnx-partial", slip: "MSETNX sets the keys that are missing although others are not", commands: &["MSETNX"], run: msetnx_partial,
        ops_min: 2, in_replies: "SET a v\nMSETNX a 1 b 2\nGET b", in_keyspace: "SET a v\nMSETNX a 1 b 2" },
    Canary { name: "set-keeps-ttl", slip: "SET without KEEPTTL keeps the TTL", commands: &["SET"], run: set_keeps_ttl,
        ops_min: 2, in_replies: "SET k v EX 9\nSET k v\nTTL k", in_keyspace: "SET k v EX 9\nSET k v" },
    Canary { name: "set-option-case", slip: "SET knows its options in capitals only", commands: &["SET"], run: set_option_case,
        ops_min: 1, in_replies: "SET k v nx", in_keyspace: "SET k v nx" },
    Canary { name: "setrange-padding", slip: "SETRANGE beyond the end appends without zeros between", commands: &["SETRANGE"], run: setrange_padding,
        ops_min: 1, in_replies: "SETRANGE k 1 v", in_keyspace: "SETRANGE k 1 v" },
];

fn append_drops_ttl(client: &mut dyn Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    if matches!(reply, Reply::Int(_)) {
        call(client, [b"PERSIST", &argv[1]]);
    }
    reply
}

fn getex_option(client: &mut dyn Client, argv: &Argv) -> Reply {
    let before = call(client, [b"PEXPIRETIME", arg(argv, 1)]);
    let reply = client.execute(argv);
    if let (Reply::Bulk(value), Reply::Int(expires_ms)) = (&reply, before) {
        // A time in the past has deleted the key.
        call(client, [b"SETNX", &argv[1], value]);
        match expires_ms {
            0.. => call(client, [b"PEXPIREAT", &argv[1], expires_ms.to_string().as_bytes()]),
            _ => call(client, [b"PERSIST", &argv[1]]),
        };
    }
    reply
}

fn getrange_end(client: &mut dyn Client, argv: &Argv) -> Reply {
    match integer(arg(argv, 3)) {
        Some(end) if end < 0 => client.execute(&with(argv, 3, end.saturating_sub(1).to_string())),
        _ => client.execute(argv),
    }
}

fn incr_wraps(client: &mut dyn Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    if reply.as_error() != Some(b"ERR increment or decrement would overflow") {
        return reply;
    }
    let old = call(client, [b"GET", arg(argv, 1)]);
    let old = old.as_bytes().and_then(integer).unwrap_or_default();
    let new = old.wrapping_add(argv.get(2).map_or(Some(1), integer).unwrap_or_default());
    call(client, [b"SET", arg(argv, 1), new.to_string().as_bytes(), b"KEEPTTL"]);
    Reply::Int(new)
}

fn msetnx_partial(client: &mut dyn Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    if reply == Reply::Int(0) {
        for at in (1..argv.len()).step_by(2) {
            call(client, [b"SETNX", &argv[at], &argv[at + 1]]);
        }
    }
    reply
}

fn set_keeps_ttl(client: &mut dyn Client, argv: &Argv) -> Reply {
    let decides = ["EX", "PX", "EXAT", "PXAT", "KEEPTTL"];
    let decided = argv.iter().skip(3).any(|arg| decides.iter().any(|word| is_word(arg, word)));
    if decided || argv.len() < 3 {
        return client.execute(argv);
    }
    let mut keeping = argv.clone();
    keeping.push(b"KEEPTTL");
    client.execute(&keeping)
}

fn set_option_case(client: &mut dyn Client, argv: &Argv) -> Reply {
    let words: [&[u8]; 8] = [b"nx", b"xx", b"get", b"keepttl", b"ex", b"px", b"exat", b"pxat"];
    let unknown = argv.iter().skip(3).any(|arg| words.contains(&arg));
    if unknown { Reply::error("ERR syntax error") } else { client.execute(argv) }
}

fn setrange_padding(client: &mut dyn Client, argv: &Argv) -> Reply {
    match (integer(arg(argv, 2)), call(client, [b"STRLEN", arg(argv, 1)])) {
        (Some(offset), Reply::Int(end)) if offset > end => client.execute(&with(argv, 2, end.to_string())),
        _ => client.execute(argv),
    }
}
