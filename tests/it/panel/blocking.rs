//! Bugs of commands that wait.

use resp::{Argv, Reply};

use super::bugs::Kind;
use super::replies::LACK;
use super::turn::Turn;

#[rustfmt::skip] // a table
pub const KINDS: &[Kind] = &[
    Kind { id: "no-blocking-command", parameters: &[("command", &["BLMOVE|BLMOVE a b LEFT LEFT 0", "BLMPOP|BLMPOP 0 1 k LEFT", "BZPOPMIN|BZPOPMIN k 0", "BZMPOP|BZMPOP 0 1 k MIN", "BRPOPLPUSH|BRPOPLPUSH a b 0", "BRPOP|BRPOP k 0", "BLPOP|BLPOP k 0"])], ..LACK },
    Kind { id: "never-woken", wrong: "{command} that waits is never woken", commands: "{command}",
        parameters: &[("command", &["BLPOP|RPUSH k v", "BRPOP|RPUSH k v", "BZPOPMIN|ZADD k 1 m", "BZPOPMAX|ZADD k 1 m"])],
        trace: "{command} k 0\n@1 {command.1}", run: never_woken, ..Kind::BASE },
    Kind { id: "blocking-no-key", wrong: "{command} does not answer the key", commands: "{command}",
        parameters: &[("command", &["BLPOP|RPUSH k v", "BRPOP|RPUSH k v", "BZPOPMIN|ZADD k 1 m"])],
        trace: "{command.1}\n{command} k 0", run: no_key, ..Kind::BASE },
    Kind { id: "timeout-text", wrong: "{command} says otherwise that its timeout is no number", commands: "{command}",
        parameters: &[("command", &["BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX"])],
        trace: "{command} k x", run: timeout_text, ..Kind::BASE },
    Kind { id: "negative-timeout", wrong: "{command} takes a negative timeout for one that is over", commands: "{command}",
        parameters: &[("command", &["BLPOP", "BRPOP", "BZPOPMAX"])],
        trace: "{command} k -1", run: negative_timeout, ..Kind::BASE },
];

/// It waits for a key that nobody writes.
fn never_woken(turn: &mut Turn, argv: &Argv) -> Reply {
    let keys = argv.len().saturating_sub(2);
    for key in argv.iter().skip(1).take(keys) {
        if turn.ask_int([b"EXISTS", key]) == 1 {
            return turn.pass(argv);
        }
    }
    let nobodys = |(at, arg): (usize, &[u8])| match (1..=keys).contains(&at) {
        true => [b"\0nobody's ", arg].concat(),
        false => arg.to_vec(),
    };
    let asked: Argv = argv.iter().enumerate().map(nobodys).collect();
    turn.pass(&asked)
}

fn no_key(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Array(mut items) if items.len() > 1 => {
            items.remove(0);
            Reply::Array(items)
        }
        reply => reply,
    }
}

fn timeout_text(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Error(text) if text.starts_with(b"ERR timeout is not") => Reply::error("ERR bad timeout"),
        reply => reply,
    }
}

fn negative_timeout(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Error(text) if text == b"ERR timeout is negative" => Reply::NullArray,
        reply => reply,
    }
}
