//! Commands on transactions.

use super::{Command, Family, Keys};

const READ: Command = Command { keys: Keys::None, ..Command::reading(Family::Transactions) };

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "DISCARD", arity: 1, syntax: "", ..READ },
    Command { name: "EXEC", arity: 1, syntax: "", ..READ },
    Command { name: "MULTI", arity: 1, syntax: "", ..READ },
    Command { name: "UNWATCH", arity: 1, syntax: "", ..READ },
    Command { name: "WATCH", arity: -2, syntax: "key...", keys: Keys::ALL, ..READ },
];
