//! Commands on streams.
//!
//! The HELP subcommands are left out: their replies are texts for people, which say nothing of a store.

use super::{Command, Family, Fidelity, Keys};

const READ: Command = Command::reading(Family::Streams);
const WRITE: Command = Command::writing(Family::Streams);
/// Of subcommands: the key comes behind both words.
const SECOND: Keys = Keys::Range { first: 2, last: 2, step: 1 };
const CLOCKED: Fidelity = Fidelity::Clocked;

const ADD: &str = "key [NOMKSTREAM] [MAXLEN [=] max-length | MAXLEN ~ max-length [LIMIT trim-limit] | MINID [=] min-id \
                   | MINID ~ min-id [LIMIT trim-limit]] (new-id | *) (field value)...";
const TRIM: &str = "key (MAXLEN [=] max-length | MAXLEN ~ max-length [LIMIT trim-limit] | MINID [=] min-id \
                    | MINID ~ min-id [LIMIT trim-limit])";
const AUTOCLAIM: &str = "key group consumer min-idle range-start [COUNT claims] [JUSTID]";
const CLAIM: &str = "key group consumer min-idle id... [IDLE idle] [TIME past-unix-milliseconds] \
                     [RETRYCOUNT deliveries] [FORCE] [JUSTID] [LASTID id]";
const PENDING: &str = "key group [[IDLE min-idle] range-start range-end count [consumer]]";
const READ_GROUP: &str = "GROUP group consumer [COUNT count] [BLOCK block] [NOACK] STREAMS key... group-id...";

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "XACK", arity: -4, syntax: "key group id...", ..WRITE },
    Command { name: "XADD", arity: -5, syntax: ADD, fidelity: CLOCKED, ..WRITE },
    Command { name: "XAUTOCLAIM", arity: -6, syntax: AUTOCLAIM, fidelity: CLOCKED, ..WRITE },
    Command { name: "XCLAIM", arity: -6, syntax: CLAIM, fidelity: CLOCKED, ..WRITE },
    Command { name: "XDEL", arity: -3, syntax: "key id...", ..WRITE },
    Command { name: "XGROUP", arity: -2, syntax: "", keys: Keys::None, ..READ },
    Command { name: "XGROUP CREATE", arity: -5, syntax: "key group (start-id | $) [MKSTREAM] [ENTRIESREAD entries]", keys: SECOND, ..WRITE },
    Command { name: "XGROUP CREATECONSUMER", arity: 5, syntax: "key group consumer", keys: SECOND, ..WRITE },
    Command { name: "XGROUP DELCONSUMER", arity: 5, syntax: "key group consumer", keys: SECOND, ..WRITE },
    Command { name: "XGROUP DESTROY", arity: 4, syntax: "key group", keys: SECOND, ..WRITE },
    Command { name: "XGROUP SETID", arity: -5, syntax: "key group (start-id | $) [ENTRIESREAD entries]", keys: SECOND, ..WRITE },
    Command { name: "XINFO", arity: -2, syntax: "", keys: Keys::None, ..READ },
    Command { name: "XINFO CONSUMERS", arity: 4, syntax: "key group", keys: SECOND, fidelity: CLOCKED, ..READ },
    Command { name: "XINFO GROUPS", arity: 3, syntax: "key", keys: SECOND, ..READ },
    Command { name: "XINFO STREAM", arity: -3, syntax: "key [FULL [COUNT count]]", keys: SECOND, fidelity: CLOCKED, ..READ },
    Command { name: "XLEN", arity: 2, syntax: "key", ..READ },
    Command { name: "XPENDING", arity: -3, syntax: PENDING, fidelity: CLOCKED, ..READ },
    Command { name: "XRANGE", arity: -4, syntax: "key range-start range-end [COUNT count]", ..READ },
    Command { name: "XREAD", arity: -4, syntax: "[COUNT count] [BLOCK block] STREAMS key... read-id...", keys: Keys::Streams { from: 1 }, ..READ },
    Command { name: "XREADGROUP", arity: -7, syntax: READ_GROUP, keys: Keys::Streams { from: 4 }, ..WRITE },
    Command { name: "XREVRANGE", arity: -4, syntax: "key range-end range-start [COUNT count]", ..READ },
    Command { name: "XSETID", arity: -3, syntax: "key new-id [ENTRIESADDED entries] [MAXDELETEDID id]", ..WRITE },
    Command { name: "XTRIM", arity: -4, syntax: TRIM, fidelity: CLOCKED, ..WRITE },
];
