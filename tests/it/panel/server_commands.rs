//! Bugs of commands on the server and on whole databases.

use redlite_dst::targets::canary::{arg, integer, is_word};
use resp::{Argv, Reply};

use super::bugs::Kind;
use super::replies::{LACK, lack};
use super::turn::Turn;

#[rustfmt::skip] // a table
pub const KINDS: &[Kind] = &[
    Kind { id: "no-server-command", parameters: &[("command", &["SWAPDB|SWAPDB 0 1", "DBSIZE|DBSIZE", "CONFIG|CONFIG GET maxmemory", "FLUSHDB|FLUSHDB", "COMMAND|COMMAND COUNT", "INFO|INFO"])], ..LACK },
    Kind { id: "no-flushall", wrong: "there is no FLUSHALL", commands: "FLUSHALL", trace: "FLUSHALL", run: lack, scope: LACK.scope, ..Kind::BASE },
    Kind { id: "flushall-one-database", wrong: "FLUSHALL empties the selected database only", commands: "FLUSHALL", excludes: &["flushdb-all", "flushall-leaves-key"],
        trace: "SET k v\nSELECT 1\nFLUSHALL", run: flushall_one, ..Kind::BASE },
    Kind { id: "flushall-leaves-key", wrong: "FLUSHALL leaves the first key of the selected database", commands: "FLUSHALL",
        trace: "SET k v\nFLUSHALL", run: flushall_leaves_key, ..Kind::BASE },
    Kind { id: "flush-refuses", wrong: "{command} does not know {option}", commands: "{command}",
        parameters: &[("command", &["FLUSHALL", "FLUSHDB"]), ("option", &["ASYNC", "SYNC"])], trace: "{command} {option}", run: flush_refuses, ..Kind::BASE },
    Kind { id: "select-nothing", wrong: "SELECT answers OK and selects nothing", commands: "SELECT",
        excludes: &["flushdb-all", "flushall-one-database", "swapdb-nothing", "move-drops-ttl"],
        trace: "SELECT 1\nSET k v", run: select_nothing, ..Kind::BASE },
    Kind { id: "select-range", wrong: "SELECT says otherwise that there is no such database", commands: "SELECT",
        trace: "SELECT 16", run: select_range, ..Kind::BASE },
    Kind { id: "swapdb-nothing", wrong: "SWAPDB swaps nothing", commands: "SWAPDB",
        trace: "SET k v\nSWAPDB 0 1", run: swapdb_nothing, ..Kind::BASE },
    Kind { id: "dbsize-volatile", wrong: "DBSIZE counts keys with a TTL twice", commands: "DBSIZE",
        trace: "SET k v EX 9\nDBSIZE", run: dbsize_volatile, ..Kind::BASE },
    Kind { id: "dbsize-expired", wrong: "DBSIZE counts keys that have expired", commands: "DBSIZE SET SETEX PSETEX EXPIRE PEXPIRE DEL FLUSHALL FLUSHDB", excludes: &["dbsize-volatile"],
        trace: "SET k v PX 1\n!advance 2ms\nDBSIZE", run: dbsize_expired, ..Kind::BASE },
    Kind { id: "config-get-none", wrong: "CONFIG GET answers nothing", commands: "CONFIG",
        trace: "CONFIG GET maxmemory", run: config_get_none, ..Kind::BASE },
];

fn flushall_one(turn: &mut Turn, argv: &Argv) -> Reply {
    turn.execute_as(argv, "FLUSHDB")
}

fn flushall_leaves_key(turn: &mut Turn, argv: &Argv) -> Reply {
    let keys = turn.ask([b"KEYS", b"*"]);
    let first = keys.as_elements().and_then(|keys| keys.iter().filter_map(Reply::as_bytes).min()).map(<[u8]>::to_vec);
    let Some(key) = first else { return turn.pass(argv) };
    let dump = turn.ask([b"DUMP", &key]);
    let reply = turn.pass(argv);
    if reply == Reply::ok() {
        turn.ask([b"RESTORE", &key, b"0", dump.as_bytes().unwrap_or_default(), b"REPLACE"]);
    }
    reply
}

fn flush_refuses(turn: &mut Turn, argv: &Argv) -> Reply {
    let is_option = is_word(arg(argv, 1), turn.value("option"));
    if is_option { Reply::error("ERR syntax error") } else { turn.pass(argv) }
}

fn select_nothing(turn: &mut Turn, argv: &Argv) -> Reply {
    match integer(arg(argv, 1)) {
        Some(0..=15) if argv.len() == 2 => Reply::ok(),
        _ => turn.pass(argv),
    }
}

fn select_range(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Error(text) if text == b"ERR DB index is out of range" => Reply::error("ERR invalid DB index"),
        reply => reply,
    }
}

fn swapdb_nothing(turn: &mut Turn, argv: &Argv) -> Reply {
    let reply = turn.pass(argv);
    if reply == Reply::ok() {
        turn.pass(argv);
    }
    reply
}

fn dbsize_volatile(turn: &mut Turn, argv: &Argv) -> Reply {
    let reply = turn.pass(argv);
    let Reply::Int(size) = reply else { return reply };
    let keys = turn.ask([b"KEYS", b"*"]);
    let mut volatile = 0;
    for key in keys.as_elements().unwrap_or_default().iter().filter_map(Reply::as_bytes) {
        volatile += i64::from(turn.ask_int([b"PTTL", key]) >= 0);
    }
    Reply::Int(size + volatile)
}

/// Remembers every key that was given a TTL until it is deleted by name, or all are.
fn dbsize_expired(turn: &mut Turn, argv: &Argv) -> Reply {
    let reply = turn.pass(argv);
    let is = |word: &str| is_word(&argv[0], word);
    if is("FLUSHALL") || is("FLUSHDB") {
        turn.memory().clear();
    } else if is("DEL") {
        turn.memory().retain(|known| argv.iter().skip(1).all(|key| key != known));
    } else if !is("DBSIZE") {
        let key = arg(argv, 1);
        let expires = turn.ask_int([b"PTTL", key]) >= 0;
        let mut memory = turn.memory();
        if expires {
            memory.insert(key.to_vec());
        } else {
            memory.remove(key);
        }
    } else if let Reply::Int(size) = reply {
        let remembered: Vec<Vec<u8>> = turn.memory().iter().cloned().collect();
        let expired = remembered.iter().filter(|key| turn.ask_int([b"EXISTS", key]) == 0).count();
        return Reply::Int(size + expired as i64);
    }
    reply
}

fn config_get_none(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Array(_) if is_word(arg(argv, 1), "GET") => Reply::Array(Vec::new()),
        Reply::Map(_) if is_word(arg(argv, 1), "GET") => Reply::Map(Vec::new()),
        reply => reply,
    }
}
