//! Commands on lists.

use super::{Command, Family, Keys};

const READ: Command = Command::reading(Family::Lists);
const WRITE: Command = Command::writing(Family::Lists);

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "LINDEX", arity: 3, syntax: "key index", ..READ },
    Command { name: "LINSERT", arity: 5, syntax: "key (BEFORE | AFTER) element element", ..WRITE },
    Command { name: "LLEN", arity: 2, syntax: "key", ..READ },
    Command { name: "LMOVE", arity: 5, syntax: "key destination (LEFT | RIGHT) (LEFT | RIGHT)", keys: Keys::TWO, ..WRITE },
    Command { name: "LMPOP", arity: -4, syntax: "numkeys key... (LEFT | RIGHT) [COUNT count]", keys: Keys::COUNTED, ..WRITE },
    Command { name: "LPOP", arity: -2, syntax: "key [count]", ..WRITE },
    Command { name: "LPOS", arity: -3, syntax: "key element [RANK rank] [COUNT count] [MAXLEN length]", ..READ },
    Command { name: "LPUSH", arity: -3, syntax: "key element...", ..WRITE },
    Command { name: "LPUSHX", arity: -3, syntax: "key element...", ..WRITE },
    Command { name: "LRANGE", arity: 4, syntax: "key index index", ..READ },
    Command { name: "LREM", arity: 4, syntax: "key signed-count element", ..WRITE },
    Command { name: "LSET", arity: 4, syntax: "key index element", ..WRITE },
    Command { name: "LTRIM", arity: 4, syntax: "key index index", ..WRITE },
    Command { name: "RPOP", arity: -2, syntax: "key [count]", ..WRITE },
    Command { name: "RPOPLPUSH", arity: 3, syntax: "key destination", keys: Keys::TWO, ..WRITE },
    Command { name: "RPUSH", arity: -3, syntax: "key element...", ..WRITE },
    Command { name: "RPUSHX", arity: -3, syntax: "key element...", ..WRITE },
];
