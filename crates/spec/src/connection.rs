//! Commands on the connection.

use super::{Command, Family, Fidelity, Keys};

const READ: Command = Command { keys: Keys::None, ..Command::reading(Family::Connection) };

/// With an id or an address that no connection has in every request: it must not kill dst's own.
const KILL_SYNTAX: &str = "(text | ID client-id [TYPE (NORMAL | MASTER | SLAVE | REPLICA | PUBSUB)] [USER user] \
                           [ADDR text] [LADDR text] [SKIPME yes-or-no])";
const LIST_SYNTAX: &str = "[TYPE (NORMAL | MASTER | REPLICA | PUBSUB) | ID client-id...]";
const TRACKING_SYNTAX: &str = "(ON | OFF) [REDIRECT client-id] [PREFIX text] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]";
const HELLO_SYNTAX: &str = "[protocol [AUTH text text] [SETNAME text]]";

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "AUTH", arity: -2, syntax: "[user] text", ..READ },
    Command { name: "CLIENT", arity: -2, syntax: "", ..READ },
    Command { name: "CLIENT CACHING", arity: 3, syntax: "(YES | NO)", ..READ },
    Command { name: "CLIENT GETNAME", arity: 2, syntax: "", ..READ },
    Command { name: "CLIENT GETREDIR", arity: 2, syntax: "", ..READ },
    Command { name: "CLIENT ID", arity: 2, syntax: "", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "CLIENT INFO", arity: 2, syntax: "", fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "CLIENT KILL", arity: -3, syntax: KILL_SYNTAX, ..READ },
    Command { name: "CLIENT LIST", arity: -2, syntax: LIST_SYNTAX, fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "CLIENT NO-EVICT", arity: 3, syntax: "(ON | OFF)", ..READ },
    Command { name: "CLIENT PAUSE", arity: -3, syntax: "milliseconds [WRITE | ALL]", ..READ },
    Command { name: "CLIENT REPLY", arity: 3, syntax: "(ON | OFF | SKIP)", ..READ },
    Command { name: "CLIENT SETNAME", arity: 3, syntax: "client-name", ..READ },
    Command { name: "CLIENT TRACKING", arity: -3, syntax: TRACKING_SYNTAX, ..READ },
    Command { name: "CLIENT TRACKINGINFO", arity: 2, syntax: "", ..READ },
    Command { name: "CLIENT UNBLOCK", arity: -3, syntax: "client-id [TIMEOUT | ERROR]", ..READ },
    Command { name: "CLIENT UNPAUSE", arity: 2, syntax: "", ..READ },
    Command { name: "ECHO", arity: 2, syntax: "text", ..READ },
    Command { name: "HELLO", arity: -1, syntax: HELLO_SYNTAX, fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "PING", arity: -1, syntax: "[text]", ..READ },
    Command { name: "QUIT", arity: -1, syntax: "[text...]", ..READ },
    Command { name: "RESET", arity: 1, syntax: "", ..READ },
    Command { name: "SELECT", arity: 2, syntax: "db", ..READ },
];
