//! Bugs of commands on lists.

use redlite_dst::targets::canary::{arg, integer, is_word, with, without};
use resp::{Argv, Reply};

use super::bugs::Kind;
use super::replies::{LACK, drop_last, drop_last_argument, ignore_valued_option, refuse_option, swap_words};
use super::strings::negative_as_zero;
use super::turn::Turn;

#[rustfmt::skip] // a table
pub const KINDS: &[Kind] = &[
    Kind { id: "no-list-command", parameters: &[("command", &["LPOS|LPOS k v", "LMOVE|LMOVE a b LEFT LEFT", "LINSERT|LINSERT k BEFORE a b", "RPOPLPUSH|RPOPLPUSH a b", "LMPOP|LMPOP 1 k LEFT", "LPUSHX|LPUSHX k v", "RPUSHX|RPUSHX k v", "LREM|LREM k 0 v", "LTRIM|LTRIM k 0 0", "LSET|LSET k 0 v", "LINDEX|LINDEX k 0"])], ..LACK },
    Kind { id: "lrange-long", wrong: "LRANGE leaves out the last of more than {threshold} items", commands: "LRANGE",
        parameters: &[("threshold", &["2", "3", "4", "5"])], excludes: &["lrange-end"],
        trace: "RPUSH k {items:threshold}\nLRANGE k 0 -1", run: drop_last, ..Kind::BASE },
    Kind { id: "push-many", wrong: "{command} of more than {threshold} items leaves out the last", commands: "{command}",
        parameters: &[("command", &["RPUSH", "LPUSH", "SADD", "PFADD"]), ("threshold", &["1", "2", "3", "4"])],
        trace: "{command} k {items:threshold}", run: drop_last_argument, ..Kind::BASE },
    Kind { id: "rpush-order", wrong: "RPUSH of several items turns their order round", commands: "RPUSH",
        trace: "RPUSH k a b", run: rpush_order, ..Kind::BASE },
    Kind { id: "linsert-swapped", wrong: "LINSERT takes BEFORE for AFTER and AFTER for BEFORE", commands: "LINSERT",
        trace: "RPUSH k a\nLINSERT k BEFORE a b", run: |turn, argv| swap_words(turn, argv, 1, ["BEFORE", "AFTER"]), ..Kind::BASE },
    Kind { id: "lmove-swapped", wrong: "LMOVE takes LEFT for RIGHT and RIGHT for LEFT", commands: "LMOVE",
        trace: "RPUSH k a b\nLMOVE k l LEFT LEFT", run: |turn, argv| swap_words(turn, argv, 2, ["LEFT", "RIGHT"]), ..Kind::BASE },
    Kind { id: "lindex-negative", wrong: "LINDEX finds nothing at a negative index", commands: "LINDEX",
        trace: "RPUSH k a\nLINDEX k -1", run: lindex_negative, ..Kind::BASE },
    Kind { id: "lset-negative", wrong: "LSET refuses negative indexes", commands: "LSET",
        trace: "RPUSH k a\nLSET k -1 b", run: lset_negative, ..Kind::BASE },
    Kind { id: "lrange-start", wrong: "LRANGE takes a negative start for 0", commands: "LRANGE",
        trace: "RPUSH k a b\nLRANGE k -1 -1", run: negative_as_zero, ..Kind::BASE },
    Kind { id: "ltrim-long", wrong: "LTRIM keeps one item too many", commands: "LTRIM",
        trace: "RPUSH k a b\nLTRIM k 0 0", run: ltrim_long, ..Kind::BASE },
    Kind { id: "pushx-creates", wrong: "{command} creates the list", commands: "{command}",
        parameters: &[("command", &["LPUSHX", "RPUSHX"])], trace: "{command} k v", run: pushx_creates, ..Kind::BASE },
    Kind { id: "lpos-ignores", wrong: "LPOS ignores {option}", commands: "LPOS",
        parameters: &[("option", &["RANK|RPUSH k a a\nLPOS k a RANK 2", "COUNT|LPOS k a COUNT 1"])],
        trace: "{option.1}", run: ignore_valued_option, ..Kind::BASE },
    Kind { id: "lpos-refuses", wrong: "LPOS does not know {option}", commands: "LPOS",
        parameters: &[("option", &["MAXLEN|LPOS k a MAXLEN 1", "RANK|LPOS k a RANK 1", "COUNT|LPOS k a COUNT 1"])],
        excludes: &["lpos-ignores", "lpos-maxlen"], trace: "{option.1}", run: refuse_option, ..Kind::BASE },
    Kind { id: "rpoplpush-left", wrong: "RPOPLPUSH takes from the left", commands: "RPOPLPUSH",
        trace: "RPUSH k a b\nRPOPLPUSH k l", run: rpoplpush_left, ..Kind::BASE },
    Kind { id: "pop-short", wrong: "{command} with a count takes one item too few", commands: "{command}",
        parameters: &[("command", &["LPOP", "RPOP"])], trace: "RPUSH k a b\n{command} k 2", run: pop_short, ..Kind::BASE },
    Kind { id: "mpop-count", wrong: "{command} ignores COUNT", commands: "{command}",
        parameters: &[("command", &["LMPOP|RPUSH k a b\nLMPOP 1 k LEFT COUNT 2", "ZMPOP|ZADD k 1 a 2 b\nZMPOP 1 k MIN COUNT 2"])],
        trace: "{command.1}", run: mpop_count, ..Kind::BASE },
];

fn rpush_order(turn: &mut Turn, argv: &Argv) -> Reply {
    let items = argv.iter().skip(2).rev();
    let asked: Argv = argv.iter().take(2).chain(items).collect();
    turn.pass(&asked)
}

fn lindex_negative(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Bulk(_) if integer(arg(argv, 2)).is_some_and(|index| index < 0) => Reply::NullBulk,
        reply => reply,
    }
}

fn lset_negative(turn: &mut Turn, argv: &Argv) -> Reply {
    let is_negative = argv.len() == 4 && integer(&argv[2]).is_some_and(|index| index < 0);
    let is_list = is_negative && turn.ask([b"TYPE", &argv[1]]).as_bytes() == Some(b"list");
    if is_list { Reply::error("ERR index out of range") } else { turn.pass(argv) }
}

fn ltrim_long(turn: &mut Turn, argv: &Argv) -> Reply {
    match integer(arg(argv, 3)) {
        Some(stop @ 0..=1_000_000_000) => turn.pass(&with(argv, 3, (stop + 1).to_string())),
        _ => turn.pass(argv),
    }
}

fn pushx_creates(turn: &mut Turn, argv: &Argv) -> Reply {
    let name = if turn.value("command") == "LPUSHX" { "LPUSH" } else { "RPUSH" };
    if argv.len() > 2 { turn.execute_as(argv, name) } else { turn.pass(argv) }
}

fn rpoplpush_left(turn: &mut Turn, argv: &Argv) -> Reply {
    if argv.len() != 3 {
        return turn.pass(argv);
    }
    turn.ask([b"LMOVE", &argv[1], &argv[2], b"LEFT", b"LEFT"])
}

fn pop_short(turn: &mut Turn, argv: &Argv) -> Reply {
    match integer(arg(argv, 2)) {
        Some(count) if count > 1 && argv.len() == 3 => turn.pass(&with(argv, 2, (count - 1).to_string())),
        _ => turn.pass(argv),
    }
}

fn mpop_count(turn: &mut Turn, argv: &Argv) -> Reply {
    let at = argv.len().checked_sub(2).filter(|&at| at > 3 && is_word(&argv[at], "COUNT"));
    match at.filter(|&at| integer(&argv[at + 1]).is_some_and(|count| count > 0)) {
        Some(at) => turn.pass(&without(argv, at, 2)),
        None => turn.pass(argv),
    }
}
