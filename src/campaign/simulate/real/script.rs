//! What each client asks: rows of requests on a few keys that all share, drawn by streams of the seed.

use crate::seed::{Seed, Stream};
use resp::Argv;

/// Rows of one family: requests that are drawn together. Several of a row, between semicolons, are sent one after the other.
///
/// `{v}` is a value that nobody else writes. What else stands in braces is drawn once a row: see [`POOLS`].
pub(super) type Rows = Vec<&'static str>;

/// What a word in braces is drawn from.
const POOLS: &[(&str, &[&str])] = &[
    ("{s}", &["s1", "s2"]),
    ("{n}", &["n1", "n2"]),
    ("{l}", &["l1", "l2"]),
    ("{k}", &["l1", "l2"]),
    ("{h}", &["h1"]),
    ("{f}", &["f1", "f2"]),
    ("{t}", &["t1", "t2"]),
    ("{u}", &["t1", "t2"]),
    ("{m}", &["m1", "m2", "m3"]),
    ("{z}", &["z1"]),
    ("{x}", &["x1"]),
    ("{d}", &["1", "2", "3"]),
];

/// The table of families. No row depends on a clock, and a wait is on one key.
const FAMILIES: &[&[&str]] = &[
    // strings
    &[
        "SET {s} {v}",
        "SET {s} {v}",
        "GET {s}",
        "GET {s}",
        "GETSET {s} {v}",
        "APPEND {s} {d}",
        "SETNX {s} {v}",
        "GETDEL {s}",
        "STRLEN {s}",
        "MSET s1 {v} s2 {v}",
        "MGET s1 s2",
        "DEL {s}",
        "SET {s} {v} XX GET",
        "RENAME s1 s2",
    ],
    // counters
    &["INCR {n}", "INCR {n}", "DECRBY {n} {d}", "GET {n}", "INCRBY {n} {d}", "GETSET {n} 0"],
    // lists
    &[
        "RPUSH {l} {v}",
        "LPUSH {l} {v}",
        "RPUSH {l} {v} {v}",
        "LPOP {l}",
        "RPOP {l}",
        "LMOVE {l} {k} LEFT RIGHT",
        "LRANGE {l} 0 -1",
        "LLEN {l}",
        "LTRIM {l} 0 3",
        "LSET {l} 0 {v}",
        "LPOP {l} 2",
    ],
    // waits
    &[
        "RPUSH {l} {v}",
        "RPUSH {l} {v} {v}",
        "BLPOP {l} 0.02",
        "BRPOP {l} 0.02",
        "BLMOVE {l} {k} LEFT RIGHT 0.02",
        "LRANGE {l} 0 -1",
        "MULTI; RPUSH {l} {v}; LPOP {l}; EXEC",
    ],
    // hashes
    &[
        "HSET {h} {f} {v}",
        "HINCRBY {h} c {d}",
        "HGET {h} {f}",
        "HGETALL {h}",
        "HDEL {h} {f}",
        "HSETNX {h} {f} {v}",
        "HMGET {h} f1 f2 c",
        "HSET {h} f1 {v} f2 {v}",
    ],
    // sets
    &[
        "SADD {t} {m}",
        "SADD {t} {m}",
        "SREM {t} {m}",
        "SMEMBERS {t}",
        "SISMEMBER {t} {m}",
        "SMOVE {t} {u} {m}",
        "SPOP {t}",
        "SRANDMEMBER {t}",
        "SCARD {t}",
        "SUNIONSTORE {t} t1 t2",
        "SINTER t1 t2",
    ],
    // sorted sets
    &[
        "ZADD {z} {d} {m}",
        "ZINCRBY {z} {d} {m}",
        "ZPOPMIN {z}",
        "ZRANGE {z} 0 -1 WITHSCORES",
        "ZREM {z} {m}",
        "ZRANK {z} {m}",
        "ZSCORE {z} {m}",
        "ZADD {z} NX {d} {m}",
        "BZPOPMAX {z} 0.02",
    ],
    // streams
    &[
        "XADD {x} 1-* f {v}",
        "XADD {x} 1-* f {v}",
        "XLEN {x}",
        "XRANGE {x} - +",
        "XTRIM {x} MAXLEN 3",
        "XADD {x} * f {v}",
        "XREAD COUNT 2 STREAMS {x} 0",
    ],
    // transactions
    &[
        "MULTI; INCR {n}; GET {n}; EXEC",
        "MULTI; SET s1 {v}; SET s2 {v}; EXEC",
        "MGET s1 s2",
        "WATCH {n}; GET {n}; MULTI; INCR {n}; EXEC",
        "WATCH {s}; GET {s}; MULTI; SET {s} {v}; EXEC",
        "INCR {n}",
        "WATCH {s}; MULTI; APPEND {s} x; EXEC",
        "WATCH {l}; LLEN {l}; MULTI; RPUSH {l} {v}; EXEC",
        "RPUSH {l} {v}",
        "MULTI; INCR {n}; GET; EXEC",
        "MULTI; SET {s} {v}; DISCARD; GET {s}",
        "GET {s}",
        "WATCH {n}; UNWATCH; MULTI; INCR {n}; EXEC",
        "MULTI; INCR {n}; DISCARD",
        "SET {s} {v}",
    ],
];

/// Reads all that clients may have written, after them.
const READS: &[&str] = &[
    "GET s1",
    "GET s2",
    "GET n1",
    "GET n2",
    "LRANGE l1 0 -1",
    "LRANGE l2 0 -1",
    "HGETALL h1",
    "SMEMBERS t1",
    "SMEMBERS t2",
    "ZRANGE z1 0 -1 WITHSCORES",
    "XRANGE x1 - +",
];

/// The words of a request.
fn words(text: &str) -> Argv {
    text.split(' ').collect()
}

/// The requests of one row, with nothing left to draw.
fn row(text: &str, stream: &mut Stream, mut value: impl FnMut() -> String) -> Vec<Argv> {
    let mut text = text.to_owned();
    for (name, pool) in POOLS {
        if text.contains(name) {
            text = text.replace(name, stream.pick::<&str>(pool));
        }
    }
    while let Some(at) = text.find("{v}") {
        text.replace_range(at..at + "{v}".len(), &value());
    }
    text.split("; ").map(words).collect()
}

/// What to ask once all clients are done, of what they drew from.
pub(super) fn reads(drawn: &[&Rows]) -> Vec<Argv> {
    let name = |request: &str| request.split(' ').next().map(str::to_owned);
    let is_about =
        |read: &&&str| drawn.iter().copied().flatten().any(|row| row.split("; ").any(|it| name(it) == name(read)));
    READS.iter().filter(is_about).map(|read| words(read)).collect()
}

/// The rows of which `knows` says that the server has all their commands, family by family.
///
/// # Errors
/// Where `knows` fails.
pub(super) fn known<E>(mut knows: impl FnMut(&[Argv]) -> Result<bool, E>) -> Result<Vec<Rows>, E> {
    let mut stream = Seed(0).stream("real/known");
    let mut families = Vec::new();
    for family in FAMILIES {
        let mut rows = Rows::new();
        for text in *family {
            if knows(&row(text, &mut stream, || "v".to_owned()))? {
                rows.push(*text);
            }
        }
        families.extend((!rows.is_empty()).then_some(rows));
    }
    Ok(families)
}

/// The requests of each of `clients`, `ops` or a few more of each, and the rows that they were drawn from.
pub(super) fn write(seed: Seed, clients: u16, ops: u64, families: &[Rows]) -> (Vec<Vec<Argv>>, Vec<&Rows>) {
    let mut swarm = seed.stream("real/swarm");
    // Few families at once, so that clients get into each other's way.
    let mut drawn: Vec<&Rows> = families.iter().filter(|_| swarm.chance(1, 3)).collect();
    if drawn.is_empty() && !families.is_empty() {
        drawn.push(swarm.pick(families));
    }
    let rows: Rows = drawn.iter().copied().flatten().copied().collect();
    let requests_of = |client: u16| {
        let mut stream = seed.stream(&format!("real/client {client}"));
        let (mut requests, mut values) = (Vec::new(), 0);
        while (requests.len() as u64) < ops && !rows.is_empty() {
            let text: &str = stream.pick::<&str>(&rows);
            requests.extend(row(text, &mut stream, || {
                values += 1;
                format!("v{client}.{values}")
            }));
        }
        requests
    };
    ((0..clients).map(requests_of).collect(), drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_follow_from_the_seed() {
        let all = known(|_| Ok::<_, ()>(true)).expect("all are known");
        let write = |seed| write(Seed(seed), 3, 20, &all).0;
        assert_eq!(write(1), write(1));
        assert_ne!(write(1), write(2));
        for requests in write(1) {
            assert!((20..25).contains(&requests.len()), "{} requests", requests.len());
        }
    }

    #[test]
    fn rows_are_requests_that_redis_has() {
        for family in FAMILIES {
            for text in *family {
                for argv in row(text, &mut Seed(1).stream("test"), || "v".to_owned()) {
                    assert!(spec::lookup_request(&argv).is_some(), "{text}");
                    assert!(argv.iter().all(|word| !word.contains(&b'{')), "{argv:?} of {text}");
                }
            }
        }
    }
}
