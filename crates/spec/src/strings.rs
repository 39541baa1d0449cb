//! Commands on strings.

use super::{Command, Family, Keys};

const READ: Command = Command::reading(Family::Strings);
const WRITE: Command = Command::writing(Family::Strings);

const SET_SYNTAX: &str = "key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-seconds | \
                          PXAT unix-milliseconds | KEEPTTL]";
const GETEX_SYNTAX: &str = "key [EX seconds | PX milliseconds | EXAT unix-seconds | PXAT unix-milliseconds | PERSIST]";

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "APPEND", arity: 3, syntax: "key value", ..WRITE },
    Command { name: "DECR", arity: 2, syntax: "key", ..WRITE },
    Command { name: "DECRBY", arity: 3, syntax: "key increment", ..WRITE },
    Command { name: "GET", arity: 2, syntax: "key", ..READ },
    Command { name: "GETDEL", arity: 2, syntax: "key", ..WRITE },
    Command { name: "GETEX", arity: -2, syntax: GETEX_SYNTAX, ..WRITE },
    Command { name: "GETRANGE", arity: 4, syntax: "key index index", ..READ },
    Command { name: "GETSET", arity: 3, syntax: "key value", ..WRITE },
    Command { name: "INCR", arity: 2, syntax: "key", ..WRITE },
    Command { name: "INCRBY", arity: 3, syntax: "key increment", ..WRITE },
    Command { name: "INCRBYFLOAT", arity: 3, syntax: "key float", ..WRITE },
    Command { name: "LCS", arity: -3, syntax: "key key [LEN] [IDX] [MINMATCHLEN length] [WITHMATCHLEN]", keys: Keys::TWO, ..READ },
    Command { name: "MGET", arity: -2, syntax: "key...", keys: Keys::ALL, ..READ },
    Command { name: "MSET", arity: -3, syntax: "(key value)...", keys: Keys::PAIRS, ..WRITE },
    Command { name: "MSETNX", arity: -3, syntax: "(key value)...", keys: Keys::PAIRS, ..WRITE },
    Command { name: "PSETEX", arity: 4, syntax: "key milliseconds value", ..WRITE },
    Command { name: "SET", arity: -3, syntax: SET_SYNTAX, ..WRITE },
    Command { name: "SETEX", arity: 4, syntax: "key seconds value", ..WRITE },
    Command { name: "SETNX", arity: 3, syntax: "key value", ..WRITE },
    Command { name: "SETRANGE", arity: 4, syntax: "key offset value", ..WRITE },
    Command { name: "STRLEN", arity: 2, syntax: "key", ..READ },
    Command { name: "SUBSTR", arity: 4, syntax: "key index index", ..READ },
];
