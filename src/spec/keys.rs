//! Commands on keys of any type.

use super::{Command, Family, Fidelity, Keys};

const READ: Command = Command::reading(Family::Keys);
const WRITE: Command = Command::writing(Family::Keys);

const SCAN_SYNTAX: &str = "cursor [MATCH pattern] [COUNT count] [TYPE type]";

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "COPY", arity: -3, syntax: "key destination [DB db] [REPLACE]", keys: Keys::TWO, ..WRITE },
    Command { name: "DEL", arity: -2, syntax: "key...", keys: Keys::ALL, ..WRITE },
    Command { name: "EXISTS", arity: -2, syntax: "key...", keys: Keys::ALL, ..READ },
    Command { name: "KEYS", arity: 2, syntax: "pattern", keys: Keys::None, fidelity: Fidelity::Unordered, ..READ },
    Command { name: "MOVE", arity: 3, syntax: "key db", ..WRITE },
    Command { name: "RANDOMKEY", arity: 1, syntax: "", keys: Keys::None, fidelity: Fidelity::RandomPick, ..READ },
    Command { name: "RENAME", arity: 3, syntax: "key destination", keys: Keys::TWO, ..WRITE },
    Command { name: "RENAMENX", arity: 3, syntax: "key destination", keys: Keys::TWO, ..WRITE },
    Command { name: "SCAN", arity: -2, syntax: SCAN_SYNTAX, keys: Keys::None, fidelity: Fidelity::Cursor, ..READ },
    Command { name: "TOUCH", arity: -2, syntax: "key...", keys: Keys::ALL, ..READ },
    Command { name: "TYPE", arity: 2, syntax: "key", ..READ },
    Command { name: "UNLINK", arity: -2, syntax: "key...", keys: Keys::ALL, ..WRITE },
];
