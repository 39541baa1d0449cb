//! Bugs of commands on streams.

use redlite_dst::targets::canary::{arg, is_word, with, without};
use resp::{Argv, Reply};

use super::bugs::Kind;
use super::replies::{LACK, ignore_option, ignore_valued_option};
use super::turn::Turn;

#[rustfmt::skip] // a table
pub const KINDS: &[Kind] = &[
    Kind { id: "no-stream-command", parameters: &[("command", &["XTRIM|XTRIM k MAXLEN 1", "XDEL|XDEL k 1-1", "XREVRANGE|XREVRANGE k + -", "XSETID|XSETID k 1-1", "XAUTOCLAIM|XAUTOCLAIM k g c 0 0", "XCLAIM|XCLAIM k g c 0 1-1", "XPENDING|XPENDING k g", "XGROUP|XGROUP CREATE k g 0", "XINFO|XINFO STREAM k", "XREADGROUP|XREADGROUP GROUP g c STREAMS k >", "XACK|XACK k g 1-1", "XLEN|XLEN k"])], ..LACK },
    Kind { id: "xadd-nomkstream", wrong: "{command} ignores {option}", commands: "{command}",
        parameters: &[("command", &["XADD"]), ("option", &["NOMKSTREAM"])], trace: "XADD k NOMKSTREAM 1-1 f v", run: ignore_option, ..Kind::BASE },
    Kind { id: "xadd-maxlen", wrong: "XADD ignores MAXLEN", commands: "XADD",
        trace: "XADD k MAXLEN 0 1-1 f v", run: xadd_maxlen, ..Kind::BASE },
    Kind { id: "xadd-id-text", wrong: "XADD says otherwise that an id is too small", commands: "XADD",
        trace: "XADD k 0-0 f v", run: xadd_id_text, ..Kind::BASE },
    Kind { id: "xrange-count", wrong: "{command} ignores COUNT", commands: "{command}",
        parameters: &[("command", &["XRANGE|XRANGE k - + COUNT 0", "XREVRANGE|XREVRANGE k + - COUNT 0"]), ("option", &["COUNT"])],
        trace: "XADD k 1-1 f v\n{command.1}", run: ignore_valued_option, ..Kind::BASE },
    Kind { id: "xrange-exclusive", wrong: "XRANGE includes an exclusive start", commands: "XRANGE",
        trace: "XADD k 1-1 f v\nXRANGE k (1-1 +", run: xrange_exclusive, ..Kind::BASE },
    Kind { id: "xrevrange-order", wrong: "XREVRANGE answers in ascending order", commands: "XREVRANGE",
        trace: "XADD k 1-1 f v\nXADD k 1-2 f v\nXREVRANGE k + -", run: xrevrange_order, ..Kind::BASE },
    Kind { id: "xlen-short", wrong: "XLEN counts one entry too few", commands: "XLEN",
        trace: "XADD k 1-1 f v\nXLEN k", run: xlen_short, ..Kind::BASE },
    Kind { id: "xdel-zero", wrong: "{command} answers 0", commands: "{command}",
        parameters: &[("command", &["XDEL|XADD k 1-1 f v\nXDEL k 1-1", "XTRIM|XADD k 1-1 f v\nXTRIM k MAXLEN 0"])], trace: "{command.1}", run: answer_zero, ..Kind::BASE },
    Kind { id: "xread-count", wrong: "XREAD ignores COUNT", commands: "XREAD",
        trace: "XADD k 1-1 f v\nXADD k 1-2 f v\nXREAD COUNT 1 STREAMS k 0", run: xread_count, ..Kind::BASE },
    Kind { id: "xgroup-mkstream", wrong: "XGROUP CREATE ignores MKSTREAM", commands: "XGROUP", parameters: &[("option", &["MKSTREAM"])],
        trace: "XGROUP CREATE k g 0 MKSTREAM", run: ignore_option, ..Kind::BASE },
    Kind { id: "xgroup-busy", wrong: "XGROUP CREATE of a group that is there fails with the code ERR", commands: "XGROUP",
        trace: "XGROUP CREATE k g 0 MKSTREAM\nXGROUP CREATE k g 0", run: xgroup_busy, ..Kind::BASE },
    Kind { id: "xack-zero", wrong: "XACK answers 0", commands: "XACK",
        trace: "XADD k 1-1 f v\nXGROUP CREATE k g 0\nXREADGROUP GROUP g c STREAMS k >\nXACK k g 1-1", run: answer_zero, ..Kind::BASE },
    Kind { id: "nogroup-code", wrong: "XREADGROUP without its group fails with the code ERR", commands: "XREADGROUP",
        trace: "XREADGROUP GROUP g c STREAMS k >", run: nogroup_code, ..Kind::BASE },
];

/// Any number is answered as 0.
pub fn answer_zero(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Int(_) => Reply::Int(0),
        reply => reply,
    }
}

fn xadd_maxlen(turn: &mut Turn, argv: &Argv) -> Reply {
    let Some(at) = (2..argv.len()).take(2).find(|&at| is_word(&argv[at], "MAXLEN")) else { return turn.pass(argv) };
    let values = if matches!(arg(argv, at + 1), b"=" | b"~") { 2 } else { 1 };
    let limit = if is_word(arg(argv, at + values + 1), "LIMIT") { 2 } else { 0 };
    turn.pass(&without(argv, at, 1 + values + limit))
}

fn xadd_id_text(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Error(text) if text.starts_with(b"ERR The ID specified in XADD") => {
            Reply::error("ERR the id is too small")
        }
        reply => reply,
    }
}

fn xrange_exclusive(turn: &mut Turn, argv: &Argv) -> Reply {
    match arg(argv, 2).strip_prefix(b"(") {
        Some(start) => turn.pass(&with(argv, 2, start)),
        None => turn.pass(argv),
    }
}

fn xrevrange_order(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Array(mut items) => {
            items.reverse();
            Reply::Array(items)
        }
        reply => reply,
    }
}

fn xlen_short(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Int(count @ 1..) => Reply::Int(count - 1),
        reply => reply,
    }
}

fn xread_count(turn: &mut Turn, argv: &Argv) -> Reply {
    let is_count = is_word(arg(argv, 1), "COUNT");
    if is_count && argv.len() > 5 { turn.pass(&without(argv, 1, 2)) } else { turn.pass(argv) }
}

fn xgroup_busy(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Error(text) if text.starts_with(b"BUSYGROUP") => Reply::error("ERR Consumer Group name already exists"),
        reply => reply,
    }
}

fn nogroup_code(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Error(text) if text.starts_with(b"NOGROUP") => Reply::Error([b"ERR", &text[7..]].concat()),
        reply => reply,
    }
}
