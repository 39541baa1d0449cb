//! Commands on the server and on whole databases.

use super::{Command, Family, Fidelity, Keys};

const READ: Command = Command { keys: Keys::None, ..Command::reading(Family::Server) };
const WRITE: Command = Command { writes: true, ..READ };

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "DBSIZE", arity: 1, syntax: "", ..READ },
    Command { name: "FLUSHALL", arity: -1, syntax: "[ASYNC | SYNC]", ..WRITE },
    Command { name: "FLUSHDB", arity: -1, syntax: "[ASYNC | SYNC]", ..WRITE },
    Command { name: "INFO", arity: -1, syntax: "[text...]", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "SWAPDB", arity: 3, syntax: "db db", ..WRITE },
    Command { name: "TIME", arity: 1, syntax: "", fidelity: Fidelity::ServerFact, ..READ },
];
