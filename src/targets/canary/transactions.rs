//! Slips in transactions.

use super::{Canary, Client, call};
use resp::{Argv, Reply};

#[rustfmt::skip] // a table
pub(super) const CANARIES: &[Canary] = &[
    Canary { name: "watch-nothing", slip: "WATCH watches nothing, so that EXEC runs whatever was changed", commands: &["WATCH"], run: watch_nothing,
        ops_min: 4, in_replies: "WATCH k\nSET k v\nMULTI\nEXEC", in_keyspace: "" },
    Canary { name: "multi-nested", slip: "MULTI inside MULTI is accepted", commands: &["MULTI"], run: multi_nested,
        ops_min: 2, in_replies: "MULTI\nMULTI", in_keyspace: "" },
    Canary { name: "exec-last", slip: "EXEC leaves out the last reply", commands: &["EXEC"], run: exec_last,
        ops_min: 3, in_replies: "MULTI\nPING\nEXEC", in_keyspace: "" },
    Canary { name: "discard-runs", slip: "DISCARD runs what was queued", commands: &["DISCARD"], run: discard_runs,
        ops_min: 3, in_replies: "MULTI\nSET k v\nDISCARD\nGET k", in_keyspace: "MULTI\nSET k v\nDISCARD" },
];

fn watch_nothing(client: &mut dyn Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    if reply == Reply::ok() {
        call(client, [b"UNWATCH"]);
    }
    reply
}

fn multi_nested(client: &mut dyn Client, argv: &Argv) -> Reply {
    match client.execute(argv) {
        Reply::Error(_) if argv.len() == 1 => Reply::ok(),
        reply => reply,
    }
}

fn exec_last(client: &mut dyn Client, argv: &Argv) -> Reply {
    match client.execute(argv) {
        Reply::Array(mut replies) => {
            replies.pop();
            Reply::Array(replies)
        }
        reply => reply,
    }
}

fn discard_runs(client: &mut dyn Client, argv: &Argv) -> Reply {
    if argv.len() > 1 {
        return client.execute(argv);
    }
    match call(client, [b"EXEC"]) {
        // There is nothing to run.
        Reply::Error(text) if text.starts_with(b"ERR") => client.execute(argv),
        _ => Reply::ok(),
    }
}
