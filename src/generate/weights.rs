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
    ("QUIT", 0),
    ("RESET", 0),
    ("INFO", 4),
    ("QUIT", 0),
    ("RESET", 0),
    // bitmaps
    ("SETBIT", 400),
    ("BITFIELD", 400),
    ("BITOP", 250),
    ("BITPOS", 300),
    ("BITCOUNT", 300),
    // hyperloglog
    ("PFADD", 500),
    ("PFCOUNT", 200),
    ("PFMERGE", 150),
    // geo
    ("GEOADD", 1500),
    ("GEODIST", 250),
    ("GEOSEARCH", 400),
    ("GEORADIUS", 200),
    ("GEORADIUSBYMEMBER", 150),
    ("GEOSEARCHSTORE", 120),
    // streams
    ("XADD", 1200),
    ("XREADGROUP", 500),
    ("XGROUP CREATE", 400),
    ("XCLAIM", 150),
    ("XAUTOCLAIM", 150),
    ("XPENDING", 150),
    ("XINFO STREAM", 150),
    ("XINFO GROUPS", 150),
    ("XDEL", 80),
    ("XTRIM", 60),
    ("XSETID", 40),
    ("XGROUP DESTROY", 30),
    ("XGROUP SETID", 60),
    ("XGROUP DELCONSUMER", 30),
    // transactions: what is 0 comes where a connection is ready for it
    ("DISCARD", 0),
    ("EXEC", 0),
    ("MULTI", 0),
    ("WATCH", 0),
    ("UNWATCH", 20),
    // channels
    ("PUBLISH", 600),
    ("SPUBLISH", 250),
    ("SUBSCRIBE", 0),
    ("PSUBSCRIBE", 0),
    ("SSUBSCRIBE", 0),
    ("UNSUBSCRIBE", 0),
    ("PUNSUBSCRIBE", 0),
    ("SUNSUBSCRIBE", 0),
    // blocking
    ("BLMOVE", 0),
    ("BLMPOP", 0),
    ("BLPOP", 0),
    ("BRPOP", 0),
    ("BRPOPLPUSH", 0),
    ("BZMPOP", 0),
    ("BZPOPMAX", 0),
    ("BZPOPMIN", 0),
    // search

    // server
    ("SORT", 300),
    ("SORT_RO", 100),
    ("OBJECT ENCODING", 300),
    ("OBJECT FREQ", 10),
    ("OBJECT IDLETIME", 10),
    ("OBJECT REFCOUNT", 10),
    ("AUTH", 8),
    ("CLIENT CACHING", 0),
    ("CLIENT GETNAME", 30),
    ("CLIENT GETREDIR", 4),
    ("CLIENT ID", 4),
    ("CLIENT INFO", 4),
    ("CLIENT KILL", 20),
    ("CLIENT LIST", 8),
    ("CLIENT NO-EVICT", 8),
    // What waits for the server, or gets no reply, has no place in a sequence of requests and replies.
    ("CLIENT PAUSE", 0),
    ("CLIENT REPLY", 0),
    ("CLIENT SETNAME", 30),
    ("CLIENT TRACKING", 0),
    ("CLIENT TRACKINGINFO", 4),
    ("CLIENT UNBLOCK", 8),
    ("CLIENT UNPAUSE", 4),
    ("COMMAND", 0),
    ("COMMAND COUNT", 2),
    ("COMMAND DOCS", 2),
    ("COMMAND GETKEYS", 20),
    ("COMMAND INFO", 2),
    ("COMMAND LIST", 20),
    ("CONFIG GET", 10),
    ("CONFIG RESETSTAT", 2),
    ("CONFIG REWRITE", 2),
    ("CONFIG SET", 20),
    ("DEBUG", 0),
    ("LATENCY DOCTOR", 2),
    ("LATENCY GRAPH", 2),
    ("LATENCY HISTOGRAM", 2),
    ("LATENCY HISTORY", 2),
    ("LATENCY LATEST", 2),
    ("LATENCY RESET", 4),
    ("MEMORY DOCTOR", 2),
    ("MEMORY MALLOC-STATS", 1),
    ("MEMORY PURGE", 2),
    ("MEMORY STATS", 2),
    ("MEMORY USAGE", 10),
    ("SLOWLOG GET", 2),
    ("SLOWLOG LEN", 2),
    ("SLOWLOG RESET", 2),
    ("TIME", 10),
    ("WAIT", 10),
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
    ("XADD", 10),
    ("DEL", 40),
    ("TYPE", 20),
    ("EXISTS", 20),
    ("OBJECT ENCODING", 15),
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

/// In groups whose keys hold strings of their own form, commands that see their bytes, and some that break them.
pub(super) const ON_STRINGS: &[(&str, u32)] =
    &[("SET", 40), ("GET", 60), ("STRLEN", 20), ("GETRANGE", 20), ("SETRANGE", 30), ("APPEND", 20), ("GETDEL", 10)];

/// In the groups of keys and expiry, commands that make and read keys of every type.
pub(super) const ANY_TYPE: &[(&str, u32)] = &[
    ("SET", 500),
    ("SETEX", 40),
    ("PSETEX", 40),
    ("GETEX", 60),
    ("GET", 40),
    ("APPEND", 20),
    ("INCRBY", 150),
    ("RPUSH", 400),
    ("LPOP", 20),
    ("LLEN", 20),
    ("HSET", 400),
    ("HGET", 20),
    ("HDEL", 20),
    ("SADD", 400),
    ("SREM", 20),
    ("SCARD", 20),
    ("SINTERSTORE", 20),
    ("ZADD", 400),
    ("ZREM", 20),
    ("ZSCORE", 20),
    ("ZUNIONSTORE", 20),
    // bitmaps
    ("SETBIT", 60),
    ("BITCOUNT", 20),
    // hyperloglog
    ("PFADD", 60),
    ("PFCOUNT", 20),
    // geo
    ("GEOADD", 60),
    ("GEOPOS", 20),
    ("GEOSEARCH", 20),
    // streams
    ("XADD", 80),
    ("XLEN", 20),
    ("XDEL", 20),
    ("XGROUP CREATE", 20),
    ("XREADGROUP", 20),
    // transactions

    // channels

    // blocking

    // search

    // server
    ("HINCRBY", 20),
    ("INCRBYFLOAT", 20),
    ("SETRANGE", 20),
    ("SMOVE", 20),
    ("SPOP", 20),
    ("ZRANGESTORE", 20),
];

/// Commands that no seed switches off: without them a group has no data, or too much.
pub(super) const ALWAYS_ON: &[&str] =
    &["SET", "INCRBY", "RPUSH", "HSET", "SADD", "ZADD", "SETBIT", "PFADD", "GEOADD", "XADD", "XGROUP CREATE", "DEL"];
