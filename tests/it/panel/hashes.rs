//! Bugs of commands on hashes.

use redlite_dst::targets::canary::{arg, integer};
use resp::{Argv, Reply};

use super::bugs::Kind;
use super::replies::LACK;
use super::turn::Turn;

#[rustfmt::skip] // a table
pub const KINDS: &[Kind] = &[
    Kind { id: "no-hash-command", parameters: &[("command", &["HSETNX|HSETNX k f v", "HSTRLEN|HSTRLEN k f", "HINCRBYFLOAT|HINCRBYFLOAT k f 1", "HMGET|HMGET k f", "HRANDFIELD|HRANDFIELD k", "HSCAN|HSCAN k 0", "HVALS|HVALS k", "HKEYS|HKEYS k", "HMSET|HMSET k f v", "HEXISTS|HEXISTS k f"])], ..LACK },
    Kind { id: "hset-first", wrong: "HSET of several fields sets the first", commands: "HSET",
        trace: "HSET k f v g w", run: |turn, argv| first_only(turn, argv, 4), ..Kind::BASE },
    Kind { id: "hdel-first", wrong: "HDEL of several fields deletes the first", commands: "HDEL",
        trace: "HSET k f v g w\nHDEL k f g", run: |turn, argv| first_only(turn, argv, 3), ..Kind::BASE },
    Kind { id: "hsetnx-overwrites", wrong: "HSETNX overwrites", commands: "HSETNX",
        trace: "HSET k f v\nHSETNX k f w", run: hsetnx_overwrites, ..Kind::BASE },
    Kind { id: "hvals-fields", wrong: "HVALS answers the fields", commands: "HVALS",
        trace: "HSET k f v\nHVALS k", run: hvals_fields, ..Kind::BASE },
    Kind { id: "hmget-missing", wrong: "HMGET leaves out fields that are missing", commands: "HMGET",
        trace: "HMGET k f", run: hmget_missing, ..Kind::BASE },
    Kind { id: "hincrby-amount", wrong: "HINCRBY answers the amount", commands: "HINCRBY",
        trace: "HSET k f 1\nHINCRBY k f 1", run: hincrby_amount, ..Kind::BASE },
    Kind { id: "hexists-key", wrong: "HEXISTS says yes to any field of a hash", commands: "HEXISTS",
        trace: "HSET k f v\nHEXISTS k g", run: hexists_key, ..Kind::BASE },
    Kind { id: "hgetall-long", wrong: "HGETALL leaves out the last of more than {threshold} fields", commands: "HGETALL",
        parameters: &[("threshold", &["1", "2", "3", "4"])], trace: "HSET k {pairs:threshold}\nHGETALL k", run: hgetall_long, ..Kind::BASE },
    Kind { id: "hstrlen-long", wrong: "HSTRLEN is never above {threshold}", commands: "HSTRLEN",
        parameters: &[("threshold", &["1", "2", "3", "4"])], trace: "HSET k f {bytes:threshold}\nHSTRLEN k f", run: hstrlen_long, ..Kind::BASE },
];

/// Of a request of more than `len` arguments the others are left out.
pub fn first_only(turn: &mut Turn, argv: &Argv, len: usize) -> Reply {
    let asked: Argv = argv.iter().take(len).collect();
    turn.pass(&asked)
}

fn hsetnx_overwrites(turn: &mut Turn, argv: &Argv) -> Reply {
    let reply = turn.pass(argv);
    if reply == Reply::Int(0) {
        turn.ask([b"HSET", &argv[1], &argv[2], &argv[3]]);
    }
    reply
}

fn hvals_fields(turn: &mut Turn, argv: &Argv) -> Reply {
    if argv.len() == 2 { turn.ask([b"HKEYS", &argv[1]]) } else { turn.pass(argv) }
}

fn hmget_missing(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Array(items) => {
            Reply::Array(items.into_iter().filter(|item| !matches!(item, Reply::NullBulk | Reply::Null)).collect())
        }
        reply => reply,
    }
}

fn hincrby_amount(turn: &mut Turn, argv: &Argv) -> Reply {
    match (turn.pass(argv), integer(arg(argv, 3))) {
        (Reply::Int(_), Some(amount)) => Reply::Int(amount),
        (reply, _) => reply,
    }
}

fn hexists_key(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Int(0) => Reply::Int(turn.ask_int([b"EXISTS", &argv[1]])),
        reply => reply,
    }
}

fn hgetall_long(turn: &mut Turn, argv: &Argv) -> Reply {
    let threshold = turn.number("threshold");
    match turn.pass(argv) {
        Reply::Array(mut items) if items.len() > 2 * threshold => {
            items.truncate(items.len() - 2);
            Reply::Array(items)
        }
        Reply::Map(mut pairs) if pairs.len() > threshold => {
            pairs.pop();
            Reply::Map(pairs)
        }
        reply => reply,
    }
}

fn hstrlen_long(turn: &mut Turn, argv: &Argv) -> Reply {
    let threshold = turn.number("threshold") as i64;
    match turn.pass(argv) {
        Reply::Int(length) => Reply::Int(length.min(threshold)),
        reply => reply,
    }
}
