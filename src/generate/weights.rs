//! How often each command comes. What a row leaves out comes as often as [`WEIGHT`] says.

/// How often a command of a group's families comes, unless [`OWN_WEIGHTS`] says otherwise.
pub(super) const WEIGHT: u32 = 100;

/// Commands that come more or less often than others of their family: what makes keys comes often enough that
/// the rest finds some, and what empties a database comes rarely.
pub(super) const OWN_WEIGHTS: &[(&str, u32)] = &[
    ("SET", 300),
    ("MSET", 150),
    ("INCR", 200),
    ("INCRBY", 200),
    ("TTL", 200),
    ("SETEX", 200),
    ("PSETEX", 150),
    ("GETEX", 600),
    ("LPOS", 200),
    ("RENAME", 250),
    ("COPY", 200),
    ("EXPIRE", 500),
    ("PEXPIRE", 300),
    ("SDIFF", 200),
    ("RPUSH", 300),
    ("LPUSH", 300),
    ("HSET", 300),
    ("HMSET", 150),
    ("SADD", 400),
    ("ZADD", 900),
    ("LREM", 200),
    ("ZRANGEBYSCORE", 250),
    ("ZREMRANGEBYLEX", 40),
    ("ZREMRANGEBYRANK", 40),
    ("ZREMRANGEBYSCORE", 40),
    ("ZDIFFSTORE", 50),
    ("ZINTERSTORE", 50),
    ("ZRANGESTORE", 50),
    ("DEL", 60),
    ("UNLINK", 60),
    ("SELECT", 40),
    ("MOVE", 60),
    ("ECHO", 20),
    ("PING", 20),
    ("SWAPDB", 12),
    ("FLUSHDB", 15),
    ("FLUSHALL", 6),
    ("HELLO", 0),
    ("INFO", 0),
    // bitmaps

    // hyperloglog

    // geo

    // streams

    // transactions

    // channels

    // blocking

    // search
    ("FT.SEARCH", 1200),
    ("FT.AGGREGATE", 800),
    ("FT.CREATE", 180),
    ("FT.ALTER", 30),
    ("FT.DROPINDEX", 30),
    ("FT._LIST", 20),
    // server
];

/// What a group has of families that are not its own: keys of other types to be wrong about, and what happens to
/// keys of any type.
pub(super) const BACKGROUND: &[(&str, u32)] = &[
    ("SET", 30),
    ("INCRBY", 10),
    ("RPUSH", 20),
    ("HSET", 20),
    ("SADD", 20),
    ("ZADD", 20),
    ("DEL", 40),
    ("TYPE", 20),
    ("EXISTS", 20),
    ("EXPIRE", 20),
    ("PEXPIRE", 10),
    ("TTL", 10),
    ("PERSIST", 5),
    ("RENAME", 10),
    ("COPY", 10),
    ("MOVE", 5),
    ("SELECT", 8),
    ("KEYS", 5),
    ("DBSIZE", 2),
    ("FLUSHDB", 2),
];

/// In the groups of keys and expiry, commands that make and read keys of every type.
pub(super) const ANY_TYPE: &[(&str, u32)] = &[
    ("SET", 200),
    ("SETEX", 40),
    ("PSETEX", 40),
    ("GETEX", 60),
    ("GET", 40),
    ("APPEND", 20),
    ("INCRBY", 40),
    ("RPUSH", 80),
    ("LPOP", 20),
    ("LLEN", 20),
    ("HSET", 80),
    ("HGET", 20),
    ("HDEL", 20),
    ("SADD", 80),
    ("SREM", 20),
    ("SCARD", 20),
    ("SINTERSTORE", 20),
    ("ZADD", 80),
    ("ZREM", 20),
    ("ZSCORE", 20),
    ("ZUNIONSTORE", 20),
    // bitmaps

    // hyperloglog

    // geo

    // streams

    // transactions

    // channels

    // blocking

    // search

    // server
];

/// Commands that no seed switches off: without them a group has no data, or too much.
pub(super) const ALWAYS_ON: &[&str] = &["FT.CREATE", "SET", "INCRBY", "RPUSH", "HSET", "SADD", "ZADD", "DEL"];
