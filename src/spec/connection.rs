//! Commands on the connection.

use super::{Command, Family, Fidelity, Keys};

const READ: Command = Command { keys: Keys::None, ..Command::reading(Family::Connection) };

const HELLO_SYNTAX: &str = "[protocol [AUTH text text] [SETNAME text]]";

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "AUTH", arity: -2, syntax: "text [text]", ..READ },
    Command { name: "ECHO", arity: 2, syntax: "text", ..READ },
    Command { name: "HELLO", arity: -1, syntax: HELLO_SYNTAX, fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "PING", arity: -1, syntax: "[text]", ..READ },
    Command { name: "QUIT", arity: -1, syntax: "[text...]", ..READ },
    Command { name: "RESET", arity: 1, syntax: "", ..READ },
    Command { name: "SELECT", arity: 2, syntax: "db", ..READ },
];
