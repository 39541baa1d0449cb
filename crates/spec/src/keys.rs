//! Commands on keys of any type.

use super::{Command, Family, Fidelity, Keys};

const READ: Command = Command::reading(Family::Keys);
const WRITE: Command = Command::writing(Family::Keys);
/// One key, behind a subcommand.
const SECOND: Keys = Keys::Range { first: 2, last: 2, step: 1 };

/// Forms apart, as the order of equal weights and of a set's own members is open: what is stored has an order.
const SORT_SYNTAX: &str = "key ([LIMIT skip signed-count] [(GET get-pattern)...] [ASC | DESC] [STORE destination] | \
                           ALPHA [LIMIT skip signed-count] [(GET get-pattern)...] [ASC | DESC] [STORE destination] | \
                           BY weight-pattern [LIMIT skip signed-count] [(GET get-pattern)...] [ASC | DESC] \
                           [STORE destination] | \
                           BY text-pattern ALPHA [LIMIT skip signed-count] [(GET get-pattern)...] [ASC | DESC])";
const SORT_RO_SYNTAX: &str =
    "key [BY weight-pattern] [LIMIT skip signed-count] [(GET get-pattern)...] [ASC | DESC] [ALPHA]";

const SCAN_SYNTAX: &str = "cursor [MATCH pattern] [COUNT count] [TYPE type]";

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "COPY", arity: -3, syntax: "key destination [DB db] [REPLACE]", keys: Keys::TWO, ..WRITE },
    Command { name: "DEL", arity: -2, syntax: "key...", keys: Keys::ALL, ..WRITE },
    Command { name: "EXISTS", arity: -2, syntax: "key...", keys: Keys::ALL, ..READ },
    Command { name: "KEYS", arity: 2, syntax: "pattern", keys: Keys::None, fidelity: Fidelity::Unordered, ..READ },
    Command { name: "MOVE", arity: 3, syntax: "key db", ..WRITE },
    Command { name: "OBJECT", arity: -2, syntax: "", keys: Keys::None, ..READ },
    Command { name: "OBJECT ENCODING", arity: 3, syntax: "key", keys: SECOND, ..READ },
    Command { name: "OBJECT FREQ", arity: 3, syntax: "key", keys: SECOND, ..READ },
    Command { name: "OBJECT IDLETIME", arity: 3, syntax: "key", keys: SECOND, fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "OBJECT REFCOUNT", arity: 3, syntax: "key", keys: SECOND, fidelity: Fidelity::ServerFact, ..READ },
    Command { name: "RANDOMKEY", arity: 1, syntax: "", keys: Keys::None, fidelity: Fidelity::RandomPick, ..READ },
    Command { name: "RENAME", arity: 3, syntax: "key destination", keys: Keys::TWO, ..WRITE },
    Command { name: "RENAMENX", arity: 3, syntax: "key destination", keys: Keys::TWO, ..WRITE },
    Command { name: "SCAN", arity: -2, syntax: SCAN_SYNTAX, keys: Keys::None, fidelity: Fidelity::Cursor, ..READ },
    Command { name: "SORT", arity: -2, syntax: SORT_SYNTAX, keys: Keys::Sorted, fidelity: Fidelity::Sorted, ..WRITE },
    Command { name: "SORT_RO", arity: -2, syntax: SORT_RO_SYNTAX, fidelity: Fidelity::Sorted, ..READ },
    Command { name: "TOUCH", arity: -2, syntax: "key...", keys: Keys::ALL, ..READ },
    Command { name: "TYPE", arity: 2, syntax: "key", ..READ },
    Command { name: "UNLINK", arity: -2, syntax: "key...", keys: Keys::ALL, ..WRITE },
];
