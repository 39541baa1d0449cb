//! Commands on sets.

use super::{Command, Family, Fidelity, Keys};

const READ: Command = Command::reading(Family::Sets);
const WRITE: Command = Command::writing(Family::Sets);

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "SADD", arity: -3, syntax: "key member...", ..WRITE },
    Command { name: "SCARD", arity: 2, syntax: "key", ..READ },
    Command { name: "SDIFF", arity: -2, syntax: "key...", keys: Keys::ALL, fidelity: Fidelity::Unordered, ..READ },
    Command { name: "SDIFFSTORE", arity: -3, syntax: "destination key...", keys: Keys::ALL, ..WRITE },
    Command { name: "SINTER", arity: -2, syntax: "key...", keys: Keys::ALL, fidelity: Fidelity::Unordered, ..READ },
    Command { name: "SINTERCARD", arity: -3, syntax: "numkeys key... [LIMIT count]", keys: Keys::COUNTED, ..READ },
    Command { name: "SINTERSTORE", arity: -3, syntax: "destination key...", keys: Keys::ALL, ..WRITE },
    Command { name: "SISMEMBER", arity: 3, syntax: "key member", ..READ },
    Command { name: "SMEMBERS", arity: 2, syntax: "key", fidelity: Fidelity::Unordered, ..READ },
    Command { name: "SMISMEMBER", arity: -3, syntax: "key member...", ..READ },
    Command { name: "SMOVE", arity: 4, syntax: "key destination member", keys: Keys::TWO, ..WRITE },
    Command { name: "SPOP", arity: -2, syntax: "key [count]", fidelity: Fidelity::RandomPop, ..WRITE },
    Command { name: "SRANDMEMBER", arity: -2, syntax: "key [signed-count]", fidelity: Fidelity::RandomPick, ..READ },
    Command { name: "SREM", arity: -3, syntax: "key member...", ..WRITE },
    Command { name: "SSCAN", arity: -3, syntax: "key cursor [MATCH pattern] [COUNT count]", fidelity: Fidelity::Cursor, ..READ },
    Command { name: "SUNION", arity: -2, syntax: "key...", keys: Keys::ALL, fidelity: Fidelity::Unordered, ..READ },
    Command { name: "SUNIONSTORE", arity: -3, syntax: "destination key...", keys: Keys::ALL, ..WRITE },
];
