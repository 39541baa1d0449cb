//! Bugs of commands on keys of any type.

use redlite_dst::targets::canary::{arg, integer, is_word, with};
use resp::{Argv, Reply};

use super::bugs::Kind;
use super::hashes::first_only;
use super::replies::{LACK, ignore_option, ignore_valued_option, lack, refuse_option};
use super::turn::Turn;

#[rustfmt::skip] // a table
pub const KINDS: &[Kind] = &[
    Kind { id: "no-key-command", parameters: &[("command", &["COPY|COPY a b", "OBJECT|OBJECT ENCODING k", "TOUCH|TOUCH k", "UNLINK|UNLINK k", "RENAMENX|RENAMENX a b", "RANDOMKEY|RANDOMKEY", "SORT|SORT k", "SORT_RO|SORT_RO k", "MOVE|MOVE k 1", "DUMP|DUMP k", "SCAN|SCAN 0", "RENAME|RENAME a b"])], ..LACK },
    Kind { id: "no-keys", wrong: "there is no KEYS", commands: "KEYS", trace: "KEYS *", run: lack, scope: LACK.scope,
        excludes: &["scan-misses"], ..Kind::BASE },
    Kind { id: "keys-class", wrong: "KEYS takes [^a] for [a]", commands: "KEYS",
        trace: "SET a v\nKEYS [^a]", run: |turn, argv| rewrite_pattern(turn, argv, "[^", "["), ..Kind::BASE },
    Kind { id: "keys-one", wrong: "KEYS takes ? for *", commands: "KEYS",
        trace: "SET k v\nKEYS k?", run: |turn, argv| rewrite_pattern(turn, argv, "?", "*"), ..Kind::BASE },
    Kind { id: "scan-misses", wrong: "SCAN leaves out a key where it answers more than {threshold}", commands: "SCAN",
        parameters: &[("threshold", &["1", "2", "3"])], trace: "MSET {pairs:threshold}\nSCAN 0", run: scan_misses, ..Kind::BASE },
    Kind { id: "scan-type", wrong: "SCAN ignores TYPE", commands: "SCAN", parameters: &[("option", &["TYPE"])],
        trace: "SET k v\nSCAN 0 TYPE list", run: ignore_valued_option, ..Kind::BASE },
    Kind { id: "scan-match", wrong: "{command} ignores MATCH", commands: "{command}",
        parameters: &[("command", &["SCAN|SET k v\nSCAN 0 MATCH x", "SSCAN|SADD k m\nSSCAN k 0 MATCH x", "ZSCAN|ZADD k 1 m\nZSCAN k 0 MATCH x"]), ("option", &["MATCH"])],
        trace: "{command.1}", run: ignore_valued_option, ..Kind::BASE },
    Kind { id: "del-first", wrong: "{command} of several keys deletes the first", commands: "{command}",
        parameters: &[("command", &["DEL", "UNLINK"])], trace: "MSET a v b w\n{command} a b", run: |turn, argv| first_only(turn, argv, 2), ..Kind::BASE },
    Kind { id: "exists-all", wrong: "{command} counts keys that are missing", commands: "{command}",
        parameters: &[("command", &["TOUCH", "EXISTS", "DEL"])], trace: "{command} k", run: count_all, ..Kind::BASE },
    Kind { id: "rename-missing", wrong: "RENAME of a missing key is no error", commands: "RENAME",
        trace: "RENAME a b", run: rename_missing, ..Kind::BASE },
    Kind { id: "renamenx-overwrites", wrong: "RENAMENX overwrites", commands: "RENAMENX",
        trace: "MSET a v b w\nRENAMENX a b", run: renamenx_overwrites, ..Kind::BASE },
    Kind { id: "copy-replace", wrong: "COPY ignores REPLACE", commands: "COPY", parameters: &[("option", &["REPLACE"])],
        trace: "MSET a v b w\nCOPY a b REPLACE", run: ignore_option, ..Kind::BASE },
    Kind { id: "move-copies", wrong: "MOVE leaves the key where it was", commands: "MOVE",
        trace: "SET k v\nMOVE k 1", run: move_copies, ..Kind::BASE },
    Kind { id: "type-name", wrong: "TYPE answers {answer.1} in place of {answer}", commands: "TYPE",
        parameters: &[("answer", &["zset|sortedset|ZADD k 1 m\n", "hash|map|HSET k f v\n", "none|nil|", "string|str|SET k v\n"])],
        trace: "{answer.2}TYPE k", run: type_name, ..Kind::BASE },
    Kind { id: "randomkey-none", wrong: "RANDOMKEY finds nothing", commands: "RANDOMKEY",
        trace: "SET k v\nRANDOMKEY", run: randomkey_none, ..Kind::BASE },
    Kind { id: "sort-ignores", wrong: "SORT ignores {option}", commands: "SORT SORT_RO",
        parameters: &[("option", &["DESC|RPUSH l 1 2\nSORT l DESC", "ALPHA|RPUSH l a\nSORT l ALPHA"])], trace: "{option.1}", run: ignore_option, ..Kind::BASE },
    Kind { id: "sort-refuses", wrong: "SORT does not know {option}", commands: "SORT SORT_RO", excludes: &["sort-ignores"],
        parameters: &[("option", &["LIMIT|SORT k LIMIT 0 1", "GET|SORT k GET x", "ALPHA|SORT k ALPHA"])], trace: "{option.1}", run: refuse_option, ..Kind::BASE },
    Kind { id: "leaves-empty-key", wrong: "{command} of the last element leaves the key behind", commands: "{command}", excludes: &["lpop-leaves-key"],
        parameters: &[("command", &["SREM|SADD k m\nSREM k m", "HDEL|HSET k f v\nHDEL k f", "ZREM|ZADD k 1 m\nZREM k m", "LREM|RPUSH k a\nLREM k 0 a", "LTRIM|RPUSH k a\nLTRIM k 1 0", "ZPOPMIN|ZADD k 1 m\nZPOPMIN k"])],
        trace: "{command.1}", run: leaves_empty_key, ..Kind::BASE },
    Kind { id: "object-missing", wrong: "OBJECT ENCODING of a missing key is an error", commands: "OBJECT",
        trace: "OBJECT ENCODING k", run: object_missing, ..Kind::BASE },
];

fn rewrite_pattern(turn: &mut Turn, argv: &Argv, part: &str, by: &str) -> Reply {
    match std::str::from_utf8(arg(argv, 1)) {
        Ok(pattern) if argv.len() == 2 => turn.pass(&with(argv, 1, pattern.replace(part, by))),
        _ => turn.pass(argv),
    }
}

fn scan_misses(turn: &mut Turn, argv: &Argv) -> Reply {
    let threshold = turn.number("threshold");
    let mut reply = turn.pass(argv);
    if let Reply::Array(parts) = &mut reply
        && let [_, Reply::Array(keys)] = &mut parts[..]
        && keys.len() > threshold
    {
        keys.sort_by(|left, right| left.as_bytes().cmp(&right.as_bytes()));
        keys.pop();
    }
    reply
}

fn count_all(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Int(_) => Reply::Int(argv.len() as i64 - 1),
        reply => reply,
    }
}

fn rename_missing(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Error(text) if text == b"ERR no such key" => Reply::ok(),
        reply => reply,
    }
}

fn renamenx_overwrites(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Int(0) if argv[1] != argv[2] => {
            turn.ask([b"RENAME", &argv[1], &argv[2]]);
            Reply::Int(1)
        }
        reply => reply,
    }
}

fn move_copies(turn: &mut Turn, argv: &Argv) -> Reply {
    match integer(arg(argv, 2)) {
        Some(0..=15) if argv.len() == 3 => {
            let reply = turn.ask([b"COPY", &argv[1], &argv[1], b"DB", &argv[2]]);
            // To its own database it is refused in other words.
            if reply.as_error().is_some() { turn.pass(argv) } else { reply }
        }
        _ => turn.pass(argv),
    }
}

fn type_name(turn: &mut Turn, argv: &Argv) -> Reply {
    let (name, by) = (turn.value("answer"), turn.part("answer", 1));
    match turn.pass(argv) {
        Reply::Simple(kind) if kind == name.as_bytes() => Reply::Simple(by.into()),
        reply => reply,
    }
}

fn randomkey_none(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Bulk(_) => Reply::NullBulk,
        reply => reply,
    }
}

/// No collection of Redis can be empty, so an element stands for none.
fn leaves_empty_key(turn: &mut Turn, argv: &Argv) -> Reply {
    let key = arg(argv, 1);
    let was_there = turn.ask_int([b"EXISTS", key]) == 1;
    let reply = turn.pass(argv);
    if was_there && reply.as_error().is_none() && turn.ask_int([b"EXISTS", key]) == 0 {
        match turn.value("command") {
            "SREM" => turn.ask([b"SADD", key, b""]),
            "HDEL" => turn.ask([b"HSET", key, b"", b""]),
            "ZREM" | "ZPOPMIN" => turn.ask([b"ZADD", key, b"0", b""]),
            _ => turn.ask([b"RPUSH", key, b""]),
        };
    }
    reply
}

fn object_missing(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::NullBulk | Reply::Null if is_word(arg(argv, 1), "ENCODING") => Reply::error("ERR no such key"),
        reply => reply,
    }
}
