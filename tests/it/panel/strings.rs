//! Bugs of commands on strings, and on the bits in them.

use redlite_dst::targets::canary::{arg, integer, is_word, with, without};
use resp::{Argv, Reply};

use super::bugs::Kind;
use super::replies::{LACK, ignore_option, refuse_option, swap_words};
use super::turn::Turn;

#[rustfmt::skip] // a table
pub const KINDS: &[Kind] = &[
    Kind { id: "no-string-command", parameters: &[("command", &["GETEX|GETEX k", "GETDEL|GETDEL k", "SETRANGE|SETRANGE k 0 v", "MSETNX|MSETNX k v", "INCRBYFLOAT|INCRBYFLOAT k 1", "PSETEX|PSETEX k 9 v", "SUBSTR|SUBSTR k 0 1", "LCS|LCS a b", "GETRANGE|GETRANGE k 0 1", "DECRBY|DECRBY k 1", "APPEND|APPEND k v", "GETSET|GETSET k v"])], ..LACK },
    Kind { id: "no-bit-command", parameters: &[("command", &["SETBIT|SETBIT k 0 1", "GETBIT|GETBIT k 0", "BITCOUNT|BITCOUNT k", "BITPOS|BITPOS k 1", "BITOP|BITOP AND d a", "BITFIELD|BITFIELD k GET u8 0", "BITFIELD_RO|BITFIELD_RO k GET u8 0"])], ..LACK },
    Kind { id: "no-hyperloglog-command", parameters: &[("command", &["PFADD|PFADD k a", "PFCOUNT|PFCOUNT k", "PFMERGE|PFMERGE k"])], ..LACK },
    Kind { id: "set-option-refused", wrong: "SET does not know {option}", commands: "SET",
        parameters: &[("option", &["GET|SET k v GET", "KEEPTTL|SET k v KEEPTTL", "PXAT|SET k v PXAT 1700000009000", "EXAT|SET k v EXAT 1700000009", "XX|SET k v XX"])],
        trace: "{option.1}", run: refuse_option, ..Kind::BASE },
    Kind { id: "set-nx-xx", wrong: "SET takes NX for XX and XX for NX", commands: "SET",
        trace: "SET k v NX", run: |turn, argv| swap_words(turn, argv, 2, ["NX", "XX"]), ..Kind::BASE },
    Kind { id: "set-get-ok", wrong: "SET with GET answers OK where the key was missing", commands: "SET",
        trace: "SET k v GET", run: set_get_ok, ..Kind::BASE },
    Kind { id: "set-long-value", wrong: "SET keeps the first {threshold} bytes of a value", commands: "SET",
        parameters: &[("threshold", &["2", "3", "4", "6", "8"])], trace: "SET k {bytes:threshold}", run: set_long_value, ..Kind::BASE },
    Kind { id: "set-ex-longer", wrong: "SET with EX gives a second more", commands: "SET",
        trace: "SET k v EX 9", run: set_ex_longer, ..Kind::BASE },
    Kind { id: "setex-zero", wrong: "SETEX with no time left is no error", commands: "SETEX PSETEX",
        trace: "SETEX k 0 v", run: setex_zero, ..Kind::BASE },
    Kind { id: "psetex-seconds", wrong: "PSETEX takes seconds", commands: "PSETEX",
        trace: "PSETEX k 5000 v", run: |turn, argv| rename(turn, argv, 4, "SETEX"), ..Kind::BASE },
    Kind { id: "append-length", wrong: "APPEND answers the length of what it appended", commands: "APPEND",
        trace: "SET k v\nAPPEND k w", run: append_length, ..Kind::BASE },
    Kind { id: "mget-wrongtype", wrong: "MGET of a key that holds no string is an error", commands: "MGET",
        trace: "HSET k f v\nMGET k", run: mget_wrongtype, ..Kind::BASE },
    Kind { id: "mset-last", wrong: "MSET of several pairs leaves out the last", commands: "MSET",
        trace: "MSET k v l w", run: mset_last, ..Kind::BASE },
    Kind { id: "incrbyfloat-point", wrong: "INCRBYFLOAT answers whole numbers with a point", commands: "INCRBYFLOAT HINCRBYFLOAT",
        trace: "INCRBYFLOAT k 1", run: with_point, ..Kind::BASE },
    Kind { id: "decrby-negative", wrong: "DECRBY of a negative number takes it for a positive one", commands: "DECRBY",
        trace: "DECRBY k -1", run: decrby_negative, ..Kind::BASE },
    Kind { id: "getrange-start", wrong: "GETRANGE takes a negative start for 0", commands: "GETRANGE SUBSTR",
        trace: "SET k ab\nGETRANGE k -1 -1", run: negative_as_zero, ..Kind::BASE },
    Kind { id: "getdel-keeps", wrong: "GETDEL does not delete", commands: "GETDEL",
        trace: "SET k v\nGETDEL k", run: |turn, argv| rename(turn, argv, 2, "GET"), ..Kind::BASE },
    Kind { id: "getset-keeps-ttl", wrong: "GETSET keeps the TTL", commands: "GETSET",
        trace: "SET k v EX 9\nGETSET k w", run: getset_keeps_ttl, ..Kind::BASE },
    Kind { id: "setbit-new", wrong: "SETBIT answers the new bit", commands: "SETBIT",
        trace: "SETBIT k 0 1", run: setbit_new, ..Kind::BASE },
    Kind { id: "bitpos-missing", wrong: "BITPOS answers 0 where there is no such bit", commands: "BITPOS",
        trace: "BITPOS k 1", run: bitpos_missing, ..Kind::BASE },
    Kind { id: "lcs-len", wrong: "LCS ignores {option}", commands: "LCS",
        parameters: &[("option", &["LEN|LCS a b LEN", "IDX|LCS a b IDX"])], trace: "{option.1}", run: ignore_option, ..Kind::BASE },
    Kind { id: "option-in-capitals", wrong: "{command} knows its options in capitals only", commands: "{command}",
        parameters: &[("command", &["GETEX|GETEX k persist", "ZADD|ZADD k nx 1 m", "EXPIRE|EXPIRE k 9 nx", "COPY|COPY a b replace", "LPOS|LPOS k v rank 1", "SORT|SORT k desc", "LINSERT|LINSERT k before a b", "ZRANGE|ZRANGE k 0 0 rev"])],
        trace: "{command.1}", run: option_in_capitals, ..Kind::BASE },
];

/// Runs a request of so many arguments under another name.
pub fn rename(turn: &mut Turn, argv: &Argv, len: usize, name: &str) -> Reply {
    if argv.len() != len {
        return turn.pass(argv);
    }
    turn.execute_as(argv, name)
}

/// A negative number in the third place is taken for 0.
pub fn negative_as_zero(turn: &mut Turn, argv: &Argv) -> Reply {
    match integer(arg(argv, 2)) {
        Some(start) if start < 0 && argv.len() > 3 => turn.pass(&with(argv, 2, "0")),
        _ => turn.pass(argv),
    }
}

/// A number that is whole is answered with `.0`.
pub fn with_point(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Bulk(text) if integer(&text).is_some() => Reply::Bulk([&text, &b".0"[..]].concat()),
        reply => reply,
    }
}

fn set_get_ok(turn: &mut Turn, argv: &Argv) -> Reply {
    let gets = argv.iter().skip(3).any(|word| is_word(word, "GET"));
    match turn.pass(argv) {
        Reply::NullBulk | Reply::Null if gets => Reply::ok(),
        reply => reply,
    }
}

fn set_long_value(turn: &mut Turn, argv: &Argv) -> Reply {
    let threshold = turn.number("threshold");
    match argv.get(2) {
        Some(value) if value.len() > threshold => turn.pass(&with(argv, 2, &value[..threshold])),
        _ => turn.pass(argv),
    }
}

fn set_ex_longer(turn: &mut Turn, argv: &Argv) -> Reply {
    let at = (4..argv.len()).find(|&at| is_word(&argv[at - 1], "EX"));
    match at.and_then(|at| Some((at, integer(&argv[at])?))) {
        Some((at, seconds @ 1..=1_000_000_000)) => turn.pass(&with(argv, at, (seconds + 1).to_string())),
        _ => turn.pass(argv),
    }
}

fn setex_zero(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Error(text) if text.starts_with(b"ERR invalid expire time") => Reply::ok(),
        reply => reply,
    }
}

fn append_length(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Int(_) => Reply::Int(arg(argv, 2).len() as i64),
        reply => reply,
    }
}

fn mget_wrongtype(turn: &mut Turn, argv: &Argv) -> Reply {
    for key in argv.iter().skip(1) {
        let kind = turn.ask([b"TYPE", key]);
        if kind.as_bytes().is_some_and(|kind| kind != b"string" && kind != b"none") {
            return Reply::error("WRONGTYPE Operation against a key holding the wrong kind of value");
        }
    }
    turn.pass(argv)
}

fn mset_last(turn: &mut Turn, argv: &Argv) -> Reply {
    match argv.len() {
        count if count > 3 && !count.is_multiple_of(2) => turn.pass(&without(argv, count - 2, 2)),
        _ => turn.pass(argv),
    }
}

fn decrby_negative(turn: &mut Turn, argv: &Argv) -> Reply {
    match integer(arg(argv, 2)).and_then(i64::checked_neg) {
        Some(amount) if amount > 0 => turn.pass(&with(argv, 2, amount.to_string())),
        _ => turn.pass(argv),
    }
}

fn getset_keeps_ttl(turn: &mut Turn, argv: &Argv) -> Reply {
    let expires_ms = turn.ask_int([b"PEXPIRETIME", arg(argv, 1)]);
    let reply = turn.pass(argv);
    if expires_ms > 0 && reply.as_error().is_none() {
        turn.ask([b"PEXPIREAT", arg(argv, 1), expires_ms.to_string().as_bytes()]);
    }
    reply
}

fn setbit_new(turn: &mut Turn, argv: &Argv) -> Reply {
    match (turn.pass(argv), integer(arg(argv, 3))) {
        (Reply::Int(_), Some(bit)) => Reply::Int(bit),
        (reply, _) => reply,
    }
}

fn bitpos_missing(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Int(-1) => Reply::Int(0),
        reply => reply,
    }
}

fn option_in_capitals(turn: &mut Turn, argv: &Argv) -> Reply {
    let words =
        ["persist", "nx", "xx", "gt", "lt", "replace", "rank", "count", "desc", "before", "after", "rev", "ex", "px"];
    let is_small = |word: &[u8]| words.iter().any(|known| word == known.as_bytes());
    if argv.iter().skip(2).any(is_small) { Reply::error("ERR syntax error") } else { turn.pass(argv) }
}
