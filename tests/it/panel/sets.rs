//! Bugs of commands on sets.

use redlite_dst::targets::canary::{arg, is_word};
use resp::{Argv, Reply};

use super::bugs::Kind;
use super::hashes::first_only;
use super::replies::{LACK, drop_last, ignore_valued_option};
use super::turn::Turn;

#[rustfmt::skip] // a table
pub const KINDS: &[Kind] = &[
    Kind { id: "no-set-command", parameters: &[("command", &["SMISMEMBER|SMISMEMBER k m", "SINTERCARD|SINTERCARD 1 k", "SMOVE|SMOVE a b m", "SRANDMEMBER|SRANDMEMBER k", "SPOP|SPOP k", "SSCAN|SSCAN k 0", "SDIFFSTORE|SDIFFSTORE d a", "SINTERSTORE|SINTERSTORE d a", "SUNIONSTORE|SUNIONSTORE d a", "SDIFF|SDIFF a", "SINTER|SINTER a"])], ..LACK },
    Kind { id: "sadd-counts", wrong: "SADD counts members that were there", commands: "SADD",
        trace: "SADD k m m", run: sadd_counts, ..Kind::BASE },
    Kind { id: "srem-first", wrong: "SREM of several members removes the first", commands: "SREM",
        trace: "SADD k a b\nSREM k a b", run: |turn, argv| first_only(turn, argv, 3), ..Kind::BASE },
    Kind { id: "smembers-long", wrong: "SMEMBERS leaves out one of more than {threshold} members", commands: "SMEMBERS",
        parameters: &[("threshold", &["1", "2", "3", "4"])], trace: "SADD k {items:threshold}\nSMEMBERS k", run: drop_last, ..Kind::BASE },
    Kind { id: "smove-copies", wrong: "SMOVE leaves the member where it was", commands: "SMOVE",
        trace: "SADD a m\nSMOVE a b m", excludes: &["smove-same"], run: smove_copies, ..Kind::BASE },
    Kind { id: "sintercard-limit", wrong: "{command} ignores {option}", commands: "{command}",
        parameters: &[("command", &["SINTERCARD|SADD k a b\nSINTERCARD 1 k LIMIT 1", "ZINTERCARD|ZADD k 1 a 2 b\nZINTERCARD 1 k LIMIT 1"]), ("option", &["LIMIT"])],
        trace: "{command.1}", run: ignore_valued_option, ..Kind::BASE },
    Kind { id: "sunionstore-adds", wrong: "SUNIONSTORE adds to what its destination holds", commands: "SUNIONSTORE",
        trace: "SADD d m\nSUNIONSTORE d k", run: sunionstore_adds, ..Kind::BASE },
    Kind { id: "sinter-missing", wrong: "{command} passes over missing keys", commands: "{command}",
        parameters: &[("command", &["SINTER"])], trace: "SADD k m\nSINTER k l", run: sinter_missing, ..Kind::BASE },
    Kind { id: "smismember-one", wrong: "SMISMEMBER of one member answers it without an array", commands: "SMISMEMBER",
        trace: "SMISMEMBER k m", run: smismember_one, ..Kind::BASE },
];

fn sadd_counts(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Int(_) => Reply::Int(argv.len() as i64 - 2),
        reply => reply,
    }
}

fn smove_copies(turn: &mut Turn, argv: &Argv) -> Reply {
    let reply = turn.pass(argv);
    if reply == Reply::Int(1) {
        turn.ask([b"SADD", &argv[1], &argv[3]]);
    }
    reply
}

fn sunionstore_adds(turn: &mut Turn, argv: &Argv) -> Reply {
    let is_set = turn.ask([b"TYPE", arg(argv, 1)]).as_bytes() == Some(b"set");
    if !is_set || argv.len() < 3 {
        return turn.pass(argv);
    }
    let asked: Argv = argv.iter().chain([&argv[1]]).collect();
    turn.pass(&asked)
}

fn sinter_missing(turn: &mut Turn, argv: &Argv) -> Reply {
    let mut keys: Vec<&[u8]> = Vec::new();
    for key in argv.iter().skip(1) {
        if turn.ask_int([b"EXISTS", key]) == 1 {
            keys.push(key);
        }
    }
    if keys.is_empty() || !is_word(&argv[0], "SINTER") {
        return turn.pass(argv);
    }
    let asked: Argv = [&argv[0]].into_iter().chain(keys).collect();
    turn.pass(&asked)
}

fn smismember_one(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Array(mut items) if items.len() == 1 => items.remove(0),
        reply => reply,
    }
}
