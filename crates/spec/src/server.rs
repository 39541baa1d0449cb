//! Commands on the server and on whole databases.

use super::{Command, Family, Fidelity, Keys};

const READ: Command = Command { keys: Keys::None, ..Command::reading(Family::Server) };
const WRITE: Command = Command { writes: true, ..READ };

/// One key, behind a subcommand.
const SECOND: Keys = Keys::Range { first: 2, last: 2, step: 1 };
const LIST_SYNTAX: &str = "[FILTERBY (MODULE text | ACLCAT text | PATTERN pattern)]";

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "COMMAND", arity: -1, syntax: "", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "COMMAND COUNT", arity: 2, syntax: "", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "COMMAND DOCS", arity: -2, syntax: "[command-name...]", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "COMMAND GETKEYS", arity: -4, syntax: "keyed-command text...", ..READ },
    Command { name: "COMMAND INFO", arity: -2, syntax: "[command-name...]", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "COMMAND LIST", arity: -2, syntax: LIST_SYNTAX, fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "CONFIG", arity: -2, syntax: "", ..READ },
    Command { name: "CONFIG GET", arity: -3, syntax: "parameter...", fidelity: Fidelity::UnorderedPairs, ..READ },
    Command { name: "CONFIG RESETSTAT", arity: 2, syntax: "", ..READ },
    Command { name: "CONFIG REWRITE", arity: 2, syntax: "", ..READ },
    Command { name: "CONFIG SET", arity: -4, syntax: "(parameter setting)...", ..READ },
    Command { name: "DBSIZE", arity: 1, syntax: "", ..READ },
    Command { name: "DEBUG", arity: -2, syntax: "text...", ..READ },
    Command { name: "FLUSHALL", arity: -1, syntax: "[ASYNC | SYNC]", ..WRITE },
    Command { name: "FLUSHDB", arity: -1, syntax: "[ASYNC | SYNC]", ..WRITE },
    Command { name: "INFO", arity: -1, syntax: "[section...]", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "LATENCY", arity: -2, syntax: "", ..READ },
    Command { name: "LATENCY DOCTOR", arity: 2, syntax: "", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "LATENCY GRAPH", arity: 3, syntax: "text", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "LATENCY HISTOGRAM", arity: -2, syntax: "[command-name...]", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "LATENCY HISTORY", arity: 3, syntax: "text", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "LATENCY LATEST", arity: 2, syntax: "", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "LATENCY RESET", arity: -2, syntax: "[text...]", ..READ },
    Command { name: "MEMORY", arity: -2, syntax: "", ..READ },
    Command { name: "MEMORY DOCTOR", arity: 2, syntax: "", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "MEMORY MALLOC-STATS", arity: 2, syntax: "", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "MEMORY PURGE", arity: 2, syntax: "", ..READ },
    Command { name: "MEMORY STATS", arity: 2, syntax: "", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "MEMORY USAGE", arity: -3, syntax: "key [SAMPLES count]", keys: SECOND, fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "SLOWLOG", arity: -2, syntax: "", ..READ },
    Command { name: "SLOWLOG GET", arity: -2, syntax: "[count]", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "SLOWLOG LEN", arity: 2, syntax: "", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "SLOWLOG RESET", arity: 2, syntax: "", ..READ },
    Command { name: "SWAPDB", arity: 3, syntax: "db db", ..WRITE },
    Command { name: "TIME", arity: 1, syntax: "", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "WAIT", arity: 3, syntax: "replicas milliseconds", ..READ },
];
