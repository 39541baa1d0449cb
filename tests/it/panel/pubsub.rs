//! Bugs of channels.

use redlite_dst::targets::canary::{arg, is_word};
use resp::{Argv, Reply};

use super::bugs::Kind;
use super::replies::LACK;
use super::streams::answer_zero;
use super::turn::Turn;

#[rustfmt::skip] // a table
pub const KINDS: &[Kind] = &[
    Kind { id: "no-channel-command", parameters: &[("command", &["PUBLISH|PUBLISH a x", "PUBSUB|PUBSUB NUMPAT", "SPUBLISH|SPUBLISH a x"])], ..LACK },
    Kind { id: "publish-zero", wrong: "{command} always answers 0", commands: "{command}",
        parameters: &[("command", &["PUBLISH|SUBSCRIBE", "SPUBLISH|SSUBSCRIBE"])],
        trace: "@1 {command.1} a\n{command} a x", excludes: &["publish-counts"], run: answer_zero, ..Kind::BASE },
    Kind { id: "channels-none", wrong: "PUBSUB {subcommand} knows no channel", commands: "PUBSUB",
        parameters: &[("subcommand", &["CHANNELS|SUBSCRIBE", "SHARDCHANNELS|SSUBSCRIBE"])],
        trace: "@1 {subcommand.1} a\nPUBSUB {subcommand}", run: channels_none, ..Kind::BASE },
    Kind { id: "numpat-zero", wrong: "PUBSUB NUMPAT answers 0", commands: "PUBSUB",
        trace: "@1 PSUBSCRIBE a*\nPUBSUB NUMPAT", run: answer_zero, ..Kind::BASE },
];

fn channels_none(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Array(_) if is_word(arg(argv, 1), turn.value("subcommand")) => Reply::Array(Vec::new()),
        reply => reply,
    }
}
