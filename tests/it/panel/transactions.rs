//! Bugs of transactions.

use redlite_dst::targets::canary::is_word;
use resp::{Argv, Reply};

use super::bugs::{Kind, Scope};
use super::replies::LACK;
use super::turn::Turn;

const BRACKET: Kind = Kind { scope: Scope::Multi, ..Kind::BASE };

#[rustfmt::skip] // a table
pub const KINDS: &[Kind] = &[
    Kind { id: "no-transaction-command", parameters: &[("command", &["WATCH|WATCH k", "UNWATCH|UNWATCH", "MULTI|MULTI", "DISCARD|DISCARD"])], ..LACK },
    Kind { id: "exec-after-error", wrong: "EXEC runs what was queued though one command was refused", commands: "EXEC", excludes: &["exec-abort-text"],
        trace: "MULTI\nGET\nEXEC", run: exec_after_error, ..BRACKET },
    Kind { id: "exec-abort-text", wrong: "EXEC says otherwise that a command was refused", commands: "EXEC",
        trace: "MULTI\nGET\nEXEC", run: exec_abort_text, ..BRACKET },
    Kind { id: "exec-watched-bulk", wrong: "EXEC answers a null string where a watched key was changed", commands: "EXEC", excludes: &["watch-nothing"],
        trace: "WATCH k\nSET k v\nMULTI\nEXEC", run: exec_watched_bulk, ..BRACKET },
    Kind { id: "exec-empty-null", wrong: "EXEC of nothing answers a null", commands: "EXEC",
        trace: "MULTI\nEXEC", run: exec_empty_null, ..BRACKET },
    Kind { id: "exec-alone", wrong: "EXEC without MULTI runs nothing and is no error", commands: "EXEC",
        trace: "EXEC", run: |turn, argv| bracket_alone(turn, argv, Reply::Array(Vec::new())), ..BRACKET },
    Kind { id: "discard-alone", wrong: "DISCARD without MULTI is no error", commands: "DISCARD",
        trace: "DISCARD", run: |turn, argv| bracket_alone(turn, argv, Reply::ok()), ..BRACKET },
    Kind { id: "discard-stays", wrong: "DISCARD does not end the transaction", commands: "DISCARD", excludes: &["discard-runs"],
        trace: "MULTI\nDISCARD\nPING", run: discard_stays, ..BRACKET },
    Kind { id: "watch-in-multi", wrong: "WATCH inside MULTI is no error", commands: "WATCH",
        trace: "MULTI\nWATCH k", run: watch_in_multi, ..BRACKET },
    Kind { id: "exec-first-error", wrong: "EXEC answers the error of a command in place of all replies", commands: "EXEC", excludes: &["exec-last"],
        trace: "MULTI\nINCRBYFLOAT k x\nEXEC", run: exec_first_error, ..BRACKET },
    Kind { id: "queued-ok", wrong: "{command} in a transaction answers OK, not QUEUED", commands: "{command}",
        parameters: &[("command", &["GET|GET k", "SET|SET k v", "DEL|DEL k", "LPUSH|LPUSH k v", "INCR|INCR k"])], trace: "MULTI\n{command.1}", run: queued_ok, ..BRACKET },
    Kind { id: "exec-runs-twice", wrong: "EXEC runs what was queued twice", commands: "EXEC",
        trace: "MULTI\nINCR k\nEXEC", run: exec_runs_twice, ..BRACKET },
];

/// What was refused as it was queued is refused again, and has no reply here.
fn exec_after_error(turn: &mut Turn, argv: &Argv) -> Reply {
    let queue = turn.queue();
    let reply = turn.pass(argv);
    if reply.error_code() != Some(b"EXECABORT") {
        return reply;
    }
    let mut replies = Vec::new();
    for request in queue.iter().filter(|request| !spec::may_block(request)) {
        let reply = turn.run_queued(request);
        let was_refused = |text: &[u8]| {
            ["ERR wrong number of arguments", "ERR unknown", "ERR Command not allowed", "ERR MULTI", "ERR WATCH"]
                .iter()
                .any(|start| text.starts_with(start.as_bytes()))
        };
        if !reply.as_error().is_some_and(was_refused) {
            replies.push(reply);
        }
    }
    Reply::Array(replies)
}

fn exec_runs_twice(turn: &mut Turn, argv: &Argv) -> Reply {
    let queue = turn.queue();
    let reply = turn.pass(argv);
    if reply.as_elements().is_some() {
        for request in queue.iter().filter(|request| !spec::may_block(request)) {
            turn.run_queued(request);
        }
    }
    reply
}

fn exec_abort_text(turn: &mut Turn, argv: &Argv) -> Reply {
    let reply = turn.pass(argv);
    if reply.error_code() == Some(b"EXECABORT") {
        Reply::error("EXECABORT the transaction is discarded")
    } else {
        reply
    }
}

fn exec_watched_bulk(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::NullArray => Reply::NullBulk,
        reply => reply,
    }
}

fn exec_empty_null(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Array(replies) if replies.is_empty() => Reply::NullArray,
        reply => reply,
    }
}

fn bracket_alone(turn: &mut Turn, argv: &Argv, answer: Reply) -> Reply {
    match turn.pass(argv) {
        Reply::Error(text) if text.ends_with(b"without MULTI") => answer,
        reply => reply,
    }
}

fn discard_stays(turn: &mut Turn, argv: &Argv) -> Reply {
    if turn.is_in_multi() && argv.len() == 1 { Reply::ok() } else { turn.pass(argv) }
}

fn watch_in_multi(turn: &mut Turn, argv: &Argv) -> Reply {
    if turn.is_in_multi() && argv.len() > 1 && is_word(&argv[0], "WATCH") { Reply::ok() } else { turn.pass(argv) }
}

fn exec_first_error(turn: &mut Turn, argv: &Argv) -> Reply {
    let reply = turn.pass(argv);
    let error = reply.as_elements().and_then(|replies| replies.iter().find(|reply| reply.as_error().is_some()));
    error.cloned().unwrap_or(reply)
}

fn queued_ok(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Simple(text) if text == b"QUEUED" => Reply::ok(),
        reply => reply,
    }
}
