//! Bugs of commands on sorted sets, and on the positions in them.

use redlite_dst::targets::canary::{arg, is_word, with, without};
use resp::{Argv, Reply};

use super::bugs::Kind;
use super::hashes::first_only;
use super::replies::{LACK, ignore_option, ignore_valued_option, refuse_option, swap_words};
use super::strings::{negative_as_zero, rename, with_point};
use super::turn::{Turn, has_word};

#[rustfmt::skip] // a table
pub const KINDS: &[Kind] = &[
    Kind { id: "no-sorted-set-command", parameters: &[("command", &["ZRANGESTORE|ZRANGESTORE d k 0 0", "ZMSCORE|ZMSCORE k m", "ZDIFF|ZDIFF 1 k", "ZINTER|ZINTER 1 k", "ZUNION|ZUNION 1 k", "ZLEXCOUNT|ZLEXCOUNT k - +", "ZMPOP|ZMPOP 1 k MIN", "ZRANDMEMBER|ZRANDMEMBER k", "ZREMRANGEBYRANK|ZREMRANGEBYRANK k 0 0", "ZPOPMAX|ZPOPMAX k", "ZREVRANK|ZREVRANK k m", "ZREVRANGE|ZREVRANGE k 0 0", "ZUNIONSTORE|ZUNIONSTORE d 1 k"])], ..LACK },
    Kind { id: "no-geo-command", parameters: &[("command", &["GEOADD|GEOADD k 0 0 m", "GEOPOS|GEOPOS k m", "GEODIST|GEODIST k a b", "GEOHASH|GEOHASH k m", "GEOSEARCH|GEOSEARCH k FROMLONLAT 0 0 BYRADIUS 1 km ASC", "GEORADIUS|GEORADIUS k 0 0 1 km ASC"])], ..LACK },
    Kind { id: "zadd-nx-xx", wrong: "ZADD takes NX for XX and XX for NX", commands: "ZADD",
        trace: "ZADD k NX 1 m", run: |turn, argv| swap_words(turn, argv, 1, ["NX", "XX"]), ..Kind::BASE },
    Kind { id: "zadd-gt-lt", wrong: "ZADD takes GT for LT and LT for GT", commands: "ZADD", excludes: &["zadd-gt"],
        trace: "ZADD k GT 1 m 2 m", run: |turn, argv| swap_words(turn, argv, 1, ["GT", "LT"]), ..Kind::BASE },
    Kind { id: "zadd-ignores", wrong: "ZADD ignores {option}", commands: "ZADD", excludes: &["zadd-nx-xx"],
        parameters: &[("option", &["CH|ZADD k CH 1 m 2 m", "XX|ZADD k XX 1 m", "NX|ZADD k NX 1 m 2 m"])], trace: "{option.1}", run: ignore_option, ..Kind::BASE },
    Kind { id: "zadd-refuses", wrong: "ZADD does not know {option}", commands: "ZADD", excludes: &["zadd-ignores", "zadd-nx-xx", "zadd-gt-lt", "zadd-gt"],
        parameters: &[("option", &["CH|ZADD k CH 1 m", "INCR|ZADD k INCR 1 m", "LT|ZADD k LT 1 m"])], trace: "{option.1}", run: refuse_option, ..Kind::BASE },
    Kind { id: "zrank-one", wrong: "{command} counts from 1", commands: "{command}",
        parameters: &[("command", &["ZRANK", "ZREVRANK"])], trace: "ZADD k 1 m\n{command} k m", run: zrank_one, ..Kind::BASE },
    Kind { id: "zrange-rev", wrong: "ZRANGE ignores REV", commands: "ZRANGE", parameters: &[("option", &["REV"])],
        trace: "ZADD k 1 a 2 b\nZRANGE k 0 0 REV", run: ignore_option, ..Kind::BASE },
    Kind { id: "zrange-limit", wrong: "{command} ignores LIMIT", commands: "{command}",
        parameters: &[("command", &["ZRANGE|ZRANGE k 0 1 BYSCORE LIMIT 1 1", "ZRANGEBYSCORE|ZRANGEBYSCORE k 0 1 LIMIT 1 1", "ZREVRANGEBYSCORE|ZREVRANGEBYSCORE k 1 0 LIMIT 1 1", "ZRANGEBYLEX|ZRANGEBYLEX k - + LIMIT 1 1"])],
        trace: "ZADD k 1 m\n{command.1}", run: zrange_limit, ..Kind::BASE },
    Kind { id: "zrange-long", wrong: "ZRANGE leaves out the last of more than {threshold} members", commands: "ZRANGE",
        parameters: &[("threshold", &["1", "2", "3", "4"])], trace: "ZADD k {pairs:threshold}\nZRANGE k 0 -1", run: zrange_long, ..Kind::BASE },
    Kind { id: "zrangebylex-inclusive", wrong: "ranges of members include an exclusive bound", commands: "ZRANGEBYLEX ZLEXCOUNT ZREMRANGEBYLEX ZREVRANGEBYLEX",
        trace: "ZADD k 0 a\nZLEXCOUNT k (a +", run: lex_inclusive, ..Kind::BASE },
    Kind { id: "zrange-withscores", wrong: "{command} does not know WITHSCORES", commands: "{command}", parameters: &[("command", &["ZRANGEBYSCORE|ZRANGEBYSCORE k 0 1 WITHSCORES", "ZREVRANGE|ZREVRANGE k 0 1 WITHSCORES", "ZINTER|ZINTER 1 k WITHSCORES"]), ("option", &["WITHSCORES"])],
        trace: "{command.1}", run: refuse_option, ..Kind::BASE },
    Kind { id: "zpop-other-end", wrong: "{command} takes from the other end", commands: "{command}", parameters: &[("command", &["ZPOPMIN", "ZPOPMAX"])],
        trace: "ZADD k 1 a 2 b\n{command} k", run: zpop_other_end, ..Kind::BASE },
    Kind { id: "zincrby-amount", wrong: "ZINCRBY answers the amount", commands: "ZINCRBY",
        trace: "ZADD k 1 m\nZINCRBY k 1 m", run: zincrby_amount, ..Kind::BASE },
    Kind { id: "zscore-point", wrong: "ZSCORE answers whole scores with a point", commands: "ZSCORE",
        trace: "ZADD k 1 m\nZSCORE k m", run: with_point, ..Kind::BASE },
    Kind { id: "zmscore-missing", wrong: "ZMSCORE answers 0 for a missing member", commands: "ZMSCORE",
        trace: "ZMSCORE k m", run: zmscore_missing, ..Kind::BASE },
    Kind { id: "zcount-infinity", wrong: "ZCOUNT takes -inf for 0", commands: "ZCOUNT ZREMRANGEBYSCORE",
        trace: "ZADD k -1 m\nZCOUNT k -inf 0", run: zcount_infinity, ..Kind::BASE },
    Kind { id: "zremrangebyrank-start", wrong: "ZREMRANGEBYRANK takes a negative start for 0", commands: "ZREMRANGEBYRANK",
        trace: "ZADD k 1 a 2 b\nZREMRANGEBYRANK k -1 -1", run: negative_as_zero, ..Kind::BASE },
    Kind { id: "zstore-aggregate", wrong: "{command} ignores AGGREGATE", commands: "{command}", parameters: &[("command", &["ZUNIONSTORE", "ZINTERSTORE"]), ("option", &["AGGREGATE"])],
        trace: "ZADD a 1 m\n{command} d 2 a a AGGREGATE MAX", run: ignore_valued_option, ..Kind::BASE },
    Kind { id: "zrem-first", wrong: "ZREM of several members removes the first", commands: "ZREM",
        trace: "ZADD k 1 a 2 b\nZREM k a b", run: |turn, argv| first_only(turn, argv, 3), ..Kind::BASE },
];

fn zrank_one(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Int(rank) => Reply::Int(rank + 1),
        reply => reply,
    }
}

fn zrange_limit(turn: &mut Turn, argv: &Argv) -> Reply {
    let right = turn.pass(argv);
    let at = (4..argv.len().saturating_sub(2)).find(|&at| is_word(&argv[at], "LIMIT"));
    match at.filter(|_| right.as_error().is_none()) {
        Some(at) => turn.pass(&without(argv, at, 3)),
        None => right,
    }
}

fn zrange_long(turn: &mut Turn, argv: &Argv) -> Reply {
    let threshold = turn.number("threshold");
    let each = if has_word(argv, 3, "WITHSCORES") && !turn.is_resp3() { 2 } else { 1 };
    match turn.pass(argv) {
        Reply::Array(mut items) if items.len() > each * threshold => {
            items.truncate(items.len() - each);
            Reply::Array(items)
        }
        reply => reply,
    }
}

fn lex_inclusive(turn: &mut Turn, argv: &Argv) -> Reply {
    let inclusive = |(at, arg): (usize, &[u8])| match arg.strip_prefix(b"(") {
        Some(rest) if at == 2 || at == 3 => [b"[", rest].concat(),
        _ => arg.to_vec(),
    };
    let asked: Argv = argv.iter().enumerate().map(inclusive).collect();
    turn.pass(&asked)
}

fn zpop_other_end(turn: &mut Turn, argv: &Argv) -> Reply {
    let name = if turn.value("command") == "ZPOPMIN" { "ZPOPMAX" } else { "ZPOPMIN" };
    rename(turn, argv, 2, name)
}

fn zincrby_amount(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Bulk(_) => Reply::bulk(arg(argv, 2)),
        Reply::Double(_) => Reply::Double(arg(argv, 2).to_vec()),
        reply => reply,
    }
}

fn zmscore_missing(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Array(items) => {
            let zero = |item| if matches!(item, Reply::NullBulk | Reply::Null) { Reply::bulk("0") } else { item };
            Reply::Array(items.into_iter().map(zero).collect())
        }
        reply => reply,
    }
}

fn zcount_infinity(turn: &mut Turn, argv: &Argv) -> Reply {
    let is_least = is_word(arg(argv, 2), "-inf");
    if is_least { turn.pass(&with(argv, 2, "0")) } else { turn.pass(argv) }
}
