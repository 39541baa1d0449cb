//! Commands on channels.

use super::{Command, Family, Fidelity, Keys};

const READ: Command = Command { keys: Keys::None, ..Command::reading(Family::PubSub) };

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "PSUBSCRIBE", arity: -2, syntax: "channel-pattern...", ..READ },
    Command { name: "PUBLISH", arity: 3, syntax: "channel text", ..READ },
    Command { name: "PUBSUB", arity: -2, syntax: "", ..READ },
    Command { name: "PUBSUB CHANNELS", arity: -2, syntax: "[channel-pattern]", fidelity: Fidelity::Unordered, ..READ },
    Command { name: "PUBSUB NUMPAT", arity: 2, syntax: "", ..READ },
    Command { name: "PUBSUB NUMSUB", arity: -2, syntax: "[channel...]", ..READ },
    Command { name: "PUBSUB SHARDCHANNELS", arity: -2, syntax: "[channel-pattern]", fidelity: Fidelity::Unordered, ..READ },
    Command { name: "PUBSUB SHARDNUMSUB", arity: -2, syntax: "[channel...]", ..READ },
    Command { name: "PUNSUBSCRIBE", arity: -1, syntax: "[channel-pattern...]", ..READ },
    Command { name: "SPUBLISH", arity: 3, syntax: "channel text", ..READ },
    Command { name: "SSUBSCRIBE", arity: -2, syntax: "channel...", ..READ },
    Command { name: "SUBSCRIBE", arity: -2, syntax: "channel...", ..READ },
    Command { name: "SUNSUBSCRIBE", arity: -1, syntax: "[channel...]", ..READ },
    Command { name: "UNSUBSCRIBE", arity: -1, syntax: "[channel...]", ..READ },
];
