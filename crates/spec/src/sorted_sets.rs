//! Commands on sorted sets.

use super::{Command, Family, Fidelity, Keys};

const READ: Command = Command::reading(Family::SortedSets);
const WRITE: Command = Command::writing(Family::SortedSets);

/// Of ZRANGE and ZRANGESTORE: what the bounds are depends on an option behind them.
const RANGE: &str = "key (index index | (score-bound score-bound BYSCORE | lex-bound lex-bound BYLEX) \
                     [LIMIT skip signed-count]) [REV] [WITHSCORES]";
const RANGE_STORE: &str = "destination key (index index | (score-bound score-bound BYSCORE | lex-bound lex-bound BYLEX) \
                           [LIMIT skip signed-count]) [REV]";
const BY_SCORE: &str = "key score-bound score-bound [WITHSCORES] [LIMIT skip signed-count]";
const BY_LEX: &str = "key lex-bound lex-bound [LIMIT skip signed-count]";
const COMBINE: &str = "numkeys key... [WEIGHTS weight...] [AGGREGATE (SUM | MIN | MAX)] [WITHSCORES]";
const COMBINE_STORE: &str = "destination numkeys key... [WEIGHTS weight...] [AGGREGATE (SUM | MIN | MAX)]";

#[rustfmt::skip] // a table: one row a line
pub(super) const COMMANDS: &[Command] = &[
    Command { name: "ZADD", arity: -4, syntax: "key [NX | XX] [GT | LT] [CH] [INCR] (score member)...", ..WRITE },
    Command { name: "ZCARD", arity: 2, syntax: "key", ..READ },
    Command { name: "ZCOUNT", arity: 4, syntax: "key score-bound score-bound", ..READ },
    Command { name: "ZDIFF", arity: -3, syntax: "numkeys key... [WITHSCORES]", keys: Keys::COUNTED, ..READ },
    Command { name: "ZDIFFSTORE", arity: -4, syntax: "destination numkeys key...", keys: Keys::STORED, ..WRITE },
    Command { name: "ZINCRBY", arity: 4, syntax: "key score member", ..WRITE },
    Command { name: "ZINTER", arity: -3, syntax: COMBINE, keys: Keys::COUNTED, ..READ },
    Command { name: "ZINTERCARD", arity: -3, syntax: "numkeys key... [LIMIT count]", keys: Keys::COUNTED, ..READ },
    Command { name: "ZINTERSTORE", arity: -4, syntax: COMBINE_STORE, keys: Keys::STORED, ..WRITE },
    Command { name: "ZLEXCOUNT", arity: 4, syntax: "key lex-bound lex-bound", ..READ },
    Command { name: "ZMPOP", arity: -4, syntax: "numkeys key... (MIN | MAX) [COUNT count]", keys: Keys::COUNTED, ..WRITE },
    Command { name: "ZMSCORE", arity: -3, syntax: "key member...", ..READ },
    Command { name: "ZPOPMAX", arity: -2, syntax: "key [count]", ..WRITE },
    Command { name: "ZPOPMIN", arity: -2, syntax: "key [count]", ..WRITE },
    Command { name: "ZRANDMEMBER", arity: -2, syntax: "key [signed-count [WITHSCORES]]", fidelity: Fidelity::RandomPick, ..READ },
    Command { name: "ZRANGE", arity: -4, syntax: RANGE, ..READ },
    Command { name: "ZRANGEBYLEX", arity: -4, syntax: BY_LEX, ..READ },
    Command { name: "ZRANGEBYSCORE", arity: -4, syntax: BY_SCORE, ..READ },
    Command { name: "ZRANGESTORE", arity: -5, syntax: RANGE_STORE, keys: Keys::TWO, ..WRITE },
    Command { name: "ZRANK", arity: 3, syntax: "key member", ..READ },
    Command { name: "ZREM", arity: -3, syntax: "key member...", ..WRITE },
    Command { name: "ZREMRANGEBYLEX", arity: 4, syntax: "key lex-bound lex-bound", ..WRITE },
    Command { name: "ZREMRANGEBYRANK", arity: 4, syntax: "key index index", ..WRITE },
    Command { name: "ZREMRANGEBYSCORE", arity: 4, syntax: "key score-bound score-bound", ..WRITE },
    Command { name: "ZREVRANGE", arity: -4, syntax: "key index index [WITHSCORES]", ..READ },
    Command { name: "ZREVRANGEBYLEX", arity: -4, syntax: BY_LEX, ..READ },
    Command { name: "ZREVRANGEBYSCORE", arity: -4, syntax: BY_SCORE, ..READ },
    Command { name: "ZREVRANK", arity: 3, syntax: "key member", ..READ },
    Command { name: "ZSCAN", arity: -3, syntax: "key cursor [MATCH pattern] [COUNT count]", fidelity: Fidelity::Cursor, ..READ },
    Command { name: "ZSCORE", arity: 3, syntax: "key member", ..READ },
    Command { name: "ZUNION", arity: -3, syntax: COMBINE, keys: Keys::COUNTED, ..READ },
    Command { name: "ZUNIONSTORE", arity: -4, syntax: COMBINE_STORE, keys: Keys::STORED, ..WRITE },
];
