//! Commands on the bits of strings.

use super::{Command, Family, Keys};

const READ: Command = Command::reading(Family::Bitmaps);
const WRITE: Command = Command::writing(Family::Bitmaps);

const BITFIELD_SYNTAX: &str = "key [(GET field-type field-probe | \
                               [OVERFLOW (WRAP | SAT | FAIL)] SET field-type field-offset field-value | \
                               [OVERFLOW (WRAP | SAT | FAIL)] INCRBY field-type field-offset field-value)...]";

const BITOP_KEYS: Keys = Keys::Range { first: 2, last: -1, step: 1 };

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "BITCOUNT", arity: -2, syntax: "key [bit-index bit-index [BYTE | BIT]]", ..READ },
    Command { name: "BITFIELD", arity: -2, syntax: BITFIELD_SYNTAX, ..WRITE },
    Command { name: "BITFIELD_RO", arity: -2, syntax: "key [(GET field-type field-probe)...]", ..READ },
    Command { name: "BITOP", arity: -4, syntax: "(AND | OR | XOR | NOT) destination key...", keys: BITOP_KEYS, ..WRITE },
    Command { name: "BITPOS", arity: -3, syntax: "key bit [bit-index [bit-index [BYTE | BIT]]]", ..READ },
    Command { name: "GETBIT", arity: 3, syntax: "key bit-probe", ..READ },
    Command { name: "SETBIT", arity: 4, syntax: "key bit-offset bit", ..WRITE },
];
