//! Bugs of connections, and of how requests are answered on them.

use redlite_dst::targets::canary::{arg, is_word};
use resp::{Argv, Reply};

use super::bugs::{Kind, Scope};
use super::replies::{LACK, lack, lack_subcommand};
use super::turn::Turn;

const OF_RESP3: &[&str] = &[
    "hello-3",
    "resp3-null",
    "resp3-map-as-array",
    "resp3-set-as-array",
    "resp3-double-as-bulk",
    "resp2-bool-in-resp3",
];

#[rustfmt::skip] // a table
pub const KINDS: &[Kind] = &[
    Kind { id: "no-connection-command", parameters: &[("command", &["RESET|RESET", "ECHO|ECHO a", "CLIENT|CLIENT GETNAME"])], excludes: &["no-client-command"], ..LACK },
    Kind { id: "no-hello", wrong: "there is no HELLO", commands: "HELLO", trace: "HELLO 3", excludes: OF_RESP3, run: lack, scope: LACK.scope, ..Kind::BASE },
    Kind { id: "hello-3", wrong: "HELLO does not know version 3", commands: "HELLO", trace: "HELLO 3", excludes: OF_RESP3, run: hello_3, ..Kind::BASE },
    Kind { id: "no-client-command", wrong: "there is no CLIENT {subcommand}", commands: "CLIENT",
        parameters: &[("subcommand", &["LIST|CLIENT LIST", "GETNAME|CLIENT GETNAME", "SETNAME|CLIENT SETNAME a", "ID|CLIENT ID", "INFO|CLIENT INFO"])],
        trace: "{subcommand.1}", run: lack_subcommand, scope: LACK.scope, ..Kind::BASE },
    Kind { id: "client-setname", wrong: "CLIENT SETNAME sets no name", commands: "CLIENT",
        trace: "CLIENT SETNAME a\nCLIENT GETNAME", run: client_setname, ..Kind::BASE },
    Kind { id: "ping-argument", wrong: "PING ignores its argument", commands: "PING", trace: "PING a", run: ping_argument, ..Kind::BASE },
    Kind { id: "ping-bulk", wrong: "PING answers PONG as a string", commands: "PING", trace: "PING", run: ping_bulk, ..Kind::BASE },
    Kind { id: "reset-ok", wrong: "RESET answers OK", commands: "RESET", trace: "RESET", run: reset_ok, ..Kind::BASE },
    Kind { id: "quit-silent", wrong: "QUIT closes the connection without an answer", commands: "QUIT", trace: "QUIT", run: |_, _| Reply::Closed, ..Kind::BASE },
    Kind { id: "two-replies", wrong: "{command} is answered twice", commands: "{command}",
        parameters: &[("command", &["ECHO|ECHO a", "STRLEN|STRLEN k", "TYPE|TYPE k", "TTL|TTL k", "SISMEMBER|SISMEMBER k m", "LINDEX|LINDEX k 0", "ZSCORE|ZSCORE k m"])],
        trace: "{command.1}", run: two_replies, ..Kind::BASE },
    Kind { id: "wrong-order", wrong: "{command} is answered behind the request that follows it in a pipeline", commands: "{command}",
        parameters: &[("command", &["STRLEN", "SCARD", "LLEN", "TYPE", "HLEN"])], trace: "{command} k\nECHO a", run: wrong_order, scope: Scope::Timing, ..Kind::BASE },
    Kind { id: "hangs", wrong: "{command} is never answered", commands: "{command}",
        parameters: &[("command", &["SETRANGE|SETRANGE k 0 v", "ZLEXCOUNT|ZLEXCOUNT k - +", "LPOS|LPOS k v", "SMISMEMBER|SMISMEMBER k m", "HSTRLEN|HSTRLEN k f", "BITPOS|BITPOS k 1", "ZREVRANK|ZREVRANK k m"])],
        trace: "{command.1}", run: hang, ..Kind::BASE },
    Kind { id: "closes", wrong: "{command} closes the connection without an answer", commands: "{command}",
        parameters: &[("command", &["GETRANGE|GETRANGE k 0 1", "ZCOUNT|ZCOUNT k 0 1", "SDIFF|SDIFF k", "HVALS|HVALS k", "RPOPLPUSH|RPOPLPUSH a b"])],
        trace: "{command.1}", run: close, ..Kind::BASE },
    Kind { id: "closes-after-errors", wrong: "the connection is closed behind every error", commands: "*", trace: "GET\nPING", run: closes_after_errors, ..Kind::BASE },
    Kind { id: "crash", wrong: "{request} with {request.2} in place {request.1} ends the server", commands: "{request}",
        parameters: &[("request", &["LREM|2|0|LREM k 0 v", "GETRANGE|2|-1|GETRANGE k -1 -1", "SPOP|2|0|SPOP k 0", "LPOP|2|0|LPOP k 0", "EXPIRE|2|0|EXPIRE k 0", "LINDEX|2|-1|LINDEX k -1", "ZRANGE|3|-2|ZRANGE k 0 -2"])],
        trace: "{request.3}", run: crash, scope: Scope::Fatal, ..Kind::BASE },
    Kind { id: "line-end-in-error", wrong: "{command} sends errors with a line end inside", commands: "{command}",
        parameters: &[("command", &["LSET|LSET k 0 v", "RENAME|RENAME a b", "SINTERCARD|SINTERCARD 0 k", "XGROUP|XGROUP CREATE k g 0", "OBJECT|OBJECT", "BITOP|BITOP x d a"])],
        trace: "{command.1}", run: line_end_in_error, ..Kind::BASE },
    Kind { id: "dies-once-a-minute", wrong: "the server ends once a minute", commands: "", trace: "PING", scope: Scope::Timing, ..Kind::BASE },
];

fn hello_3(turn: &mut Turn, argv: &Argv) -> Reply {
    if arg(argv, 1) == b"3" { Reply::error("NOPROTO unsupported protocol version") } else { turn.pass(argv) }
}

fn client_setname(turn: &mut Turn, argv: &Argv) -> Reply {
    let sets_name = argv.len() == 3 && is_word(&argv[1], "SETNAME");
    if sets_name { Reply::ok() } else { turn.pass(argv) }
}

fn ping_argument(turn: &mut Turn, argv: &Argv) -> Reply {
    if argv.len() == 2 { turn.pass(&Argv::from(["PING"])) } else { turn.pass(argv) }
}

fn ping_bulk(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Simple(text) => Reply::Bulk(text),
        reply => reply,
    }
}

fn reset_ok(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Simple(_) => Reply::ok(),
        reply => reply,
    }
}

fn two_replies(turn: &mut Turn, argv: &Argv) -> Reply {
    let reply = turn.pass(argv);
    Reply::Frames(vec![reply.clone(), reply])
}

fn wrong_order(turn: &mut Turn, argv: &Argv) -> Reply {
    let reply = turn.pass(argv);
    match turn.take_pipelined() {
        Some(next) => Reply::Frames(vec![turn.run_queued(&next), reply]),
        None => reply,
    }
}

/// Closes the connection in place of an answer.
pub fn close(_: &mut Turn, _: &Argv) -> Reply {
    Reply::Closed
}

/// Nothing comes any more on this connection.
pub fn hang(_: &mut Turn, _: &Argv) -> Reply {
    Reply::Hung
}

fn closes_after_errors(turn: &mut Turn, argv: &Argv) -> Reply {
    let reply = turn.pass(argv);
    if reply.as_error().is_some() { Reply::Frames(vec![reply, Reply::Closed]) } else { reply }
}

fn crash(turn: &mut Turn, argv: &Argv) -> Reply {
    let at: usize = turn.part("request", 1).parse().unwrap_or_default();
    if arg(argv, at) == turn.part("request", 2).as_bytes() { turn.end_server() } else { turn.pass(argv) }
}

fn line_end_in_error(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Error(text) => turn.answer_raw(&[b"-", &text[..], b":\r\n", &argv[0], b"\r\n"].concat()),
        reply => reply,
    }
}
