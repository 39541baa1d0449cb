//! Commands on the times at which keys expire.

use super::{Command, Family, Fidelity};

const READ: Command = Command::reading(Family::Expiry);
const WRITE: Command = Command::writing(Family::Expiry);

// Redis accepts XX together with GT or LT, and refuses NX with any other: one choice would miss the first.
#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "EXPIRE", arity: -3, syntax: "key seconds [NX | XX] [GT | LT]", ..WRITE },
    Command { name: "EXPIREAT", arity: -3, syntax: "key unix-seconds [NX | XX] [GT | LT]", ..WRITE },
    Command { name: "EXPIRETIME", arity: 2, syntax: "key", fidelity: Fidelity::UnixTime, ..READ },
    Command { name: "PERSIST", arity: 2, syntax: "key", ..WRITE },
    Command { name: "PEXPIRE", arity: -3, syntax: "key milliseconds [NX | XX] [GT | LT]", ..WRITE },
    Command { name: "PEXPIREAT", arity: -3, syntax: "key unix-milliseconds [NX | XX] [GT | LT]", ..WRITE },
    Command { name: "PEXPIRETIME", arity: 2, syntax: "key", fidelity: Fidelity::UnixTime, ..READ },
    Command { name: "PTTL", arity: 2, syntax: "key", fidelity: Fidelity::TimeLeft, ..READ },
    Command { name: "TTL", arity: 2, syntax: "key", fidelity: Fidelity::TimeLeft, ..READ },
];
