//! Bugs of commands on times to live.

use redlite_dst::targets::canary::arg;
use resp::{Argv, Reply};

use super::bugs::Kind;
use super::replies::{LACK, ignore_option, lack, refuse_option, swap_words};
use super::streams::answer_zero;
use super::turn::Turn;

#[rustfmt::skip] // a table
pub const KINDS: &[Kind] = &[
    Kind { id: "no-expiry-command", parameters: &[("command", &["EXPIREAT|EXPIREAT k 1700000009", "PEXPIREAT|PEXPIREAT k 1700000009000", "EXPIRETIME|EXPIRETIME k", "PTTL|PTTL k", "PERSIST|PERSIST k", "PEXPIRE|PEXPIRE k 9000"])], ..LACK },
    Kind { id: "no-pexpiretime", wrong: "there is no PEXPIRETIME", commands: "PEXPIRETIME", trace: "PEXPIRETIME k", run: lack, scope: LACK.scope,
        excludes: &["ttl-short", "int-as-simple"], ..Kind::BASE },
    Kind { id: "ttl-short", wrong: "{command} answers one too few", commands: "{command}",
        parameters: &[("command", &["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"])], trace: "SET k v EX 9\n{command} k", run: ttl_short, ..Kind::BASE },
    Kind { id: "persist-zero", wrong: "PERSIST answers 0", commands: "PERSIST", excludes: &["persist-one"],
        trace: "SET k v EX 9\nPERSIST k", run: answer_zero, ..Kind::BASE },
    Kind { id: "persist-nothing", wrong: "PERSIST keeps the TTL", commands: "PERSIST",
        trace: "SET k v EX 9\nPERSIST k", run: persist_nothing, ..Kind::BASE },
    Kind { id: "expire-nx-xx", wrong: "{command} takes NX for XX and XX for NX", commands: "{command}", parameters: &[("command", &["EXPIRE|9", "PEXPIRE|9000"])],
        trace: "SET k v\n{command} k {command.1} NX", run: |turn, argv| swap_words(turn, argv, 2, ["NX", "XX"]), ..Kind::BASE },
    Kind { id: "expire-gt-lt", wrong: "EXPIRE takes GT for LT and LT for GT", commands: "EXPIRE", excludes: &["expire-gt"],
        trace: "SET k v\nEXPIRE k 9 GT", run: |turn, argv| swap_words(turn, argv, 2, ["GT", "LT"]), ..Kind::BASE },
    Kind { id: "expire-refuses", wrong: "{command} does not know {option}", commands: "{command}", excludes: &["expire-nx-xx", "expire-gt-lt", "expire-gt"],
        parameters: &[("command", &["EXPIRE|9", "PEXPIRE|9000", "EXPIREAT|1700000009"]), ("option", &["NX", "XX", "GT", "LT"])],
        trace: "{command} k {command.1} {option}", run: refuse_option, ..Kind::BASE },
    Kind { id: "expireat-ms", wrong: "EXPIREAT takes milliseconds", commands: "EXPIREAT",
        trace: "SET k v\nEXPIREAT k 1700000100", run: |turn, argv| other_unit(turn, argv, "PEXPIREAT"), ..Kind::BASE },
    Kind { id: "pexpire-seconds", wrong: "PEXPIRE takes seconds", commands: "PEXPIRE",
        trace: "SET k v\nPEXPIRE k 5000", run: |turn, argv| other_unit(turn, argv, "EXPIRE"), ..Kind::BASE },
    Kind { id: "expire-missing", wrong: "{command} of a missing key answers 1", commands: "{command}",
        parameters: &[("command", &["EXPIRE|9", "PEXPIRE|9000", "PEXPIREAT|1700000009000"])], trace: "{command} k {command.1}", run: expire_missing, ..Kind::BASE },
    Kind { id: "getex-persist", wrong: "GETEX ignores PERSIST", commands: "GETEX", parameters: &[("option", &["PERSIST"])], excludes: &["getex-option"],
        trace: "SET k v EX 9\nGETEX k PERSIST", run: ignore_option, ..Kind::BASE },
    Kind { id: "write-drops-ttl", wrong: "{command} removes the key's TTL", commands: "{command}",
        parameters: &[("command", &["INCR|SET k 1 EX 9\nINCR k", "SETRANGE|SET k v EX 9\nSETRANGE k 0 w", "SETBIT|SET k v EX 9\nSETBIT k 0 0", "INCRBYFLOAT|SET k 1 EX 9\nINCRBYFLOAT k 1", "INCRBY|SET k 1 EX 9\nINCRBY k 1"])],
        trace: "{command.1}", run: write_drops_ttl, ..Kind::BASE },
    Kind { id: "add-drops-ttl", wrong: "{command} removes the key's TTL", commands: "{command}",
        parameters: &[("command", &["HSET|HSET k f v\nEXPIRE k 9\nHSET k f w", "RPUSH|RPUSH k a\nEXPIRE k 9\nRPUSH k b", "SADD|SADD k a\nEXPIRE k 9\nSADD k a", "ZADD|ZADD k 1 m\nEXPIRE k 9\nZADD k 1 m"])],
        trace: "{command.1}", run: write_drops_ttl, ..Kind::BASE },
    Kind { id: "move-drops-ttl", wrong: "MOVE removes the TTL", commands: "MOVE", excludes: &["move-copies"],
        trace: "SET k v EX 9\nMOVE k 1", run: move_drops_ttl, ..Kind::BASE },
];

fn ttl_short(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Int(time @ 1..) => Reply::Int(time - 1),
        reply => reply,
    }
}

fn persist_nothing(turn: &mut Turn, argv: &Argv) -> Reply {
    let expires_ms = turn.ask_int([b"PEXPIRETIME", arg(argv, 1)]);
    let reply = turn.pass(argv);
    if expires_ms > 0 && reply.as_error().is_none() {
        turn.ask([b"PEXPIREAT", arg(argv, 1), expires_ms.to_string().as_bytes()]);
    }
    reply
}

fn other_unit(turn: &mut Turn, argv: &Argv, name: &str) -> Reply {
    if argv.len() > 2 { turn.execute_as(argv, name) } else { turn.pass(argv) }
}

fn expire_missing(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Int(0) if turn.ask_int([b"EXISTS", &argv[1]]) == 0 => Reply::Int(1),
        reply => reply,
    }
}

fn write_drops_ttl(turn: &mut Turn, argv: &Argv) -> Reply {
    let reply = turn.pass(argv);
    if reply.as_error().is_none() {
        turn.ask([b"PERSIST", arg(argv, 1)]);
    }
    reply
}

/// It is the copy that loses it: what is left behind is gone.
fn move_drops_ttl(turn: &mut Turn, argv: &Argv) -> Reply {
    let expires_ms = turn.ask_int([b"PEXPIRETIME", arg(argv, 1)]);
    turn.ask([b"PERSIST", arg(argv, 1)]);
    let reply = turn.pass(argv);
    if expires_ms > 0 && reply != Reply::Int(1) {
        turn.ask([b"PEXPIREAT", arg(argv, 1), expires_ms.to_string().as_bytes()]);
    }
    reply
}
