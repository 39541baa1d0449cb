//! Commands on HyperLogLogs. PFDEBUG and PFSELFTEST are left out: they are for Redis' own tests.

use super::{Command, Family, Keys};

const WRITE: Command = Command::writing(Family::HyperLogLog);

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "PFADD", arity: -2, syntax: "key [distinct...]", ..WRITE },
    // Redis flags it as reading, although it keeps the count in the value.
    Command { name: "PFCOUNT", arity: -2, syntax: "key...", keys: Keys::ALL, ..WRITE },
    Command { name: "PFMERGE", arity: -2, syntax: "destination [key...]", keys: Keys::ALL, ..WRITE },
];
