//! Commands on hashes.

use super::{Command, Family, Fidelity};

const READ: Command = Command::reading(Family::Hashes);
const WRITE: Command = Command::writing(Family::Hashes);

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "HDEL", arity: -3, syntax: "key field...", ..WRITE },
    Command { name: "HEXISTS", arity: 3, syntax: "key field", ..READ },
    Command { name: "HGET", arity: 3, syntax: "key field", ..READ },
    Command { name: "HGETALL", arity: 2, syntax: "key", fidelity: Fidelity::UnorderedPairs, ..READ },
    Command { name: "HINCRBY", arity: 4, syntax: "key field increment", ..WRITE },
    Command { name: "HINCRBYFLOAT", arity: 4, syntax: "key field float", ..WRITE },
    Command { name: "HKEYS", arity: 2, syntax: "key", fidelity: Fidelity::Unordered, ..READ },
    Command { name: "HLEN", arity: 2, syntax: "key", ..READ },
    Command { name: "HMGET", arity: -3, syntax: "key field...", ..READ },
    Command { name: "HMSET", arity: -4, syntax: "key (field value)...", ..WRITE },
    Command { name: "HRANDFIELD", arity: -2, syntax: "key [signed-count [WITHVALUES]]", fidelity: Fidelity::RandomPick, ..READ },
    Command { name: "HSCAN", arity: -3, syntax: "key cursor [MATCH pattern] [COUNT count]", fidelity: Fidelity::Cursor, ..READ },
    Command { name: "HSET", arity: -4, syntax: "key (field value)...", ..WRITE },
    Command { name: "HSETNX", arity: 4, syntax: "key field value", ..WRITE },
    Command { name: "HSTRLEN", arity: 3, syntax: "key field", ..READ },
    Command { name: "HVALS", arity: 2, syntax: "key", fidelity: Fidelity::Unordered, ..READ },
];
