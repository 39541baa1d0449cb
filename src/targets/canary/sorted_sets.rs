//! Slips in commands on sorted sets.

use super::{Canary, Client, arg, integer, is_word, with, without};
use resp::{Argv, Reply};

#[rustfmt::skip] // a table
pub(super) const CANARIES: &[Canary] = &[
    Canary { name: "zadd-gt", slip: "ZADD ignores GT", commands: &["ZADD"], run: zadd_gt,
        ops_min: 1, in_replies: "ZADD k GT CH 2 m 1 m", in_keyspace: "ZADD k GT 2 m 1 m" },
    Canary { name: "zset-exclusive", slip: "ranges of scores include an exclusive bound", commands: &["ZRANGEBYSCORE", "ZREVRANGEBYSCORE", "ZCOUNT", "ZREMRANGEBYSCORE"], run: zset_exclusive,
        ops_min: 2, in_replies: "ZADD k 1 m\nZCOUNT k (1 2", in_keyspace: "ZADD k 1 m\nZREMRANGEBYSCORE k (1 2" },
    Canary { name: "zrevrange-ties", slip: "ZREVRANGE puts members of equal score in ascending order", commands: &["ZREVRANGE"], run: zrevrange_ties,
        ops_min: 2, in_replies: "ZADD k 0 a 0 b\nZREVRANGE k 0 -1", in_keyspace: "" },
    Canary { name: "zunionstore-weights", slip: "ZUNIONSTORE ignores WEIGHTS", commands: &["ZUNIONSTORE"], run: zunionstore_weights,
        ops_min: 2, in_replies: "ZADD a 1 m\nZUNIONSTORE d 1 a WEIGHTS 2\nZSCORE d m", in_keyspace: "ZADD a 1 m\nZUNIONSTORE d 1 a WEIGHTS 2" },
];

fn zadd_gt(client: &mut dyn Client, argv: &Argv) -> Reply {
    let words = ["NX", "XX", "GT", "LT", "CH", "INCR"];
    let options: Vec<&[u8]> =
        argv.iter().skip(2).take_while(|arg| words.iter().any(|word| is_word(arg, word))).collect();
    let gt = options.iter().position(|arg| is_word(arg, "GT"));
    let clashes = options.iter().any(|arg| is_word(arg, "NX") || is_word(arg, "LT"));
    match gt {
        Some(at) if !clashes => client.execute(&without(argv, 2 + at, 1)),
        _ => client.execute(argv),
    }
}

fn zset_exclusive(client: &mut dyn Client, argv: &Argv) -> Reply {
    let inclusive = |at| arg(argv, at).strip_prefix(b"(").unwrap_or(arg(argv, at));
    client.execute(&with(&with(argv, 2, inclusive(2)), 3, inclusive(3)))
}

fn zrevrange_ties(client: &mut dyn Client, argv: &Argv) -> Reply {
    let with_scores = argv.len() == 5;
    let mut asked = argv.clone();
    if !with_scores {
        asked.push(b"WITHSCORES");
    }
    let reply = client.execute(&asked);
    let Some(items) = reply.as_elements() else { return client.execute(argv) };
    let mut pairs: Vec<&[Reply]> = items.chunks_exact(2).collect();
    for ties in pairs.chunk_by_mut(|left, right| left[1] == right[1]) {
        ties.reverse();
    }
    let shown = if with_scores { 2 } else { 1 };
    Reply::Array(pairs.into_iter().flat_map(|pair| pair[..shown].to_vec()).collect())
}

fn zunionstore_weights(client: &mut dyn Client, argv: &Argv) -> Reply {
    let keys = integer(arg(argv, 2)).and_then(|keys| usize::try_from(keys).ok()).filter(|&keys| keys < argv.len());
    let Some(weights_at) = keys.map(|keys| 3 + keys).filter(|&at| is_word(arg(argv, at), "WEIGHTS")) else {
        return client.execute(argv);
    };
    let weights = argv.iter().skip(weights_at + 1).take(weights_at - 3);
    let is_number = |arg: &[u8]| std::str::from_utf8(arg).is_ok_and(|text| text.parse::<f64>().is_ok());
    let valid = weights.len() == weights_at - 3 && weights.into_iter().all(is_number);
    if valid { client.execute(&without(argv, weights_at, weights_at - 2)) } else { client.execute(argv) }
}
