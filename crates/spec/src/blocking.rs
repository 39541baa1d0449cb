//! Commands that wait until there is something to take.

use super::{Command, Family, Keys};

const WRITE: Command = Command::writing(Family::Blocking);
/// Keys, and behind them the time to wait.
const BEFORE_TIMEOUT: Keys = Keys::Range { first: 1, last: -2, step: 1 };
/// Behind the time to wait, a number of keys and the keys.
const COUNTED: Keys = Keys::Counted { count_at: 2, destination: None };

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "BLMOVE", arity: 6, syntax: "key destination (LEFT | RIGHT) (LEFT | RIGHT) timeout", keys: Keys::TWO, ..WRITE },
    Command { name: "BLMPOP", arity: -5, syntax: "timeout numkeys key... (LEFT | RIGHT) [COUNT count]", keys: COUNTED, ..WRITE },
    Command { name: "BLPOP", arity: -3, syntax: "key... timeout", keys: BEFORE_TIMEOUT, ..WRITE },
    Command { name: "BRPOP", arity: -3, syntax: "key... timeout", keys: BEFORE_TIMEOUT, ..WRITE },
    Command { name: "BRPOPLPUSH", arity: 4, syntax: "key destination timeout", keys: Keys::TWO, ..WRITE },
    Command { name: "BZMPOP", arity: -5, syntax: "timeout numkeys key... (MIN | MAX) [COUNT count]", keys: COUNTED, ..WRITE },
    Command { name: "BZPOPMAX", arity: -3, syntax: "key... timeout", keys: BEFORE_TIMEOUT, ..WRITE },
    Command { name: "BZPOPMIN", arity: -3, syntax: "key... timeout", keys: BEFORE_TIMEOUT, ..WRITE },
];
