//! `canary:NAME`: deliberately wrong Redlites, each with one plausible slip. A campaign that does not find them all is
//! broken.
//!
//! A slip stands between the trace and Redlite's client: it rewrites a request or a reply, or undoes an effect. The
//! keyspace is read past it, so it shows what a slip did to the store and nothing else. Redlite itself knows no slip.
//! Slips speak RESP2.
//!
//! To add one: a row in [`CANARIES`] and its function.

use std::sync::Arc;

use super::embedded;
use super::{Target, TargetError, TargetOptions};
use crate::redlite::Client;
use crate::resp::{Argv, Reply};

/// A wrong Redlite.
pub struct Canary {
    /// What it is called behind `canary:`.
    pub name: &'static str,
    /// What is wrong with it.
    pub slip: &'static str,
    /// The fewest ops that can show the slip: the shorter of the two traces.
    pub ops_min: usize,
    /// A shortest trace whose replies show the slip, one command a line.
    pub in_replies: &'static str,
    /// A shortest trace after which the store shows the slip; empty where the store never does.
    pub in_keyspace: &'static str,
    /// The commands that it gets wrong.
    commands: &'static [&'static str],
    /// What it does where Redlite would run such a command.
    run: fn(&mut Client, &Argv) -> Reply,
}

/// Every canary, by family.
#[rustfmt::skip] // a table
pub const CANARIES: &[Canary] = &[
    Canary { name: "append-drops-ttl", slip: "APPEND removes the key's TTL", commands: &["APPEND"], run: append_drops_ttl,
        ops_min: 2, in_replies: "SET k v EX 9\nAPPEND k w\nTTL k", in_keyspace: "SET k v EX 9\nAPPEND k w" },
    Canary { name: "getex-option", slip: "GETEX ignores its option", commands: &["GETEX"], run: getex_option,
        ops_min: 2, in_replies: "SET k v\nGETEX k EX 9\nTTL k", in_keyspace: "SET k v\nGETEX k EX 9" },
    Canary { name: "getrange-end", slip: "GETRANGE leaves out the last byte where the end is negative", commands: &["GETRANGE", "SUBSTR"], run: getrange_end,
        ops_min: 2, in_replies: "SET k vw\nGETRANGE k 0 -1", in_keyspace: "" },
    Canary { name: "incr-wraps", slip: "INCR and INCRBY wrap around instead of failing", commands: &["INCR", "INCRBY"], run: incr_wraps,
        ops_min: 2, in_replies: "SET k 9223372036854775807\nINCR k", in_keyspace: "SET k 9223372036854775807\nINCR k" },
    Canary { name: "msetnx-partial", slip: "MSETNX sets the keys that are missing although others are not", commands: &["MSETNX"], run: msetnx_partial,
        ops_min: 2, in_replies: "SET a v\nMSETNX a 1 b 2\nGET b", in_keyspace: "SET a v\nMSETNX a 1 b 2" },
    Canary { name: "set-keeps-ttl", slip: "SET without KEEPTTL keeps the TTL", commands: &["SET"], run: set_keeps_ttl,
        ops_min: 2, in_replies: "SET k v EX 9\nSET k v\nTTL k", in_keyspace: "SET k v EX 9\nSET k v" },
    Canary { name: "set-option-case", slip: "SET knows its options in capitals only", commands: &["SET"], run: set_option_case,
        ops_min: 1, in_replies: "SET k v nx", in_keyspace: "SET k v nx" },
    Canary { name: "setrange-padding", slip: "SETRANGE beyond the end appends without zeros between", commands: &["SETRANGE"], run: setrange_padding,
        ops_min: 1, in_replies: "SETRANGE k 1 v", in_keyspace: "SETRANGE k 1 v" },

    Canary { name: "lpop-leaves-key", slip: "LPOP and RPOP of the last item leave the key behind", commands: &["LPOP", "RPOP"], run: lpop_leaves_key,
        ops_min: 2, in_replies: "RPUSH k a\nLPOP k\nEXISTS k", in_keyspace: "RPUSH k a\nLPOP k" },
    Canary { name: "lpop-null", slip: "LPOP with a count answers a null bulk for a missing key", commands: &["LPOP", "RPOP"], run: lpop_null,
        ops_min: 1, in_replies: "LPOP k 1", in_keyspace: "" },
    Canary { name: "lpush-order", slip: "LPUSH of several items keeps their order", commands: &["LPUSH"], run: lpush_order,
        ops_min: 1, in_replies: "LPUSH k a b\nLINDEX k 0", in_keyspace: "LPUSH k a b" },
    Canary { name: "linsert-pivot", slip: "LINSERT answers 0 where the pivot is missing", commands: &["LINSERT"], run: linsert_pivot,
        ops_min: 2, in_replies: "RPUSH k a\nLINSERT k BEFORE b c", in_keyspace: "" },
    Canary { name: "lpos-maxlen", slip: "LPOS ignores MAXLEN", commands: &["LPOS"], run: lpos_maxlen,
        ops_min: 2, in_replies: "RPUSH k a b\nLPOS k b MAXLEN 1", in_keyspace: "" },
    Canary { name: "lrange-end", slip: "LRANGE leaves out the last item of the range", commands: &["LRANGE"], run: lrange_end,
        ops_min: 2, in_replies: "RPUSH k a\nLRANGE k 0 -1", in_keyspace: "" },
    Canary { name: "lrem-negative", slip: "LREM with a negative count removes every match", commands: &["LREM"], run: lrem_negative,
        ops_min: 2, in_replies: "RPUSH k a a\nLREM k -1 a", in_keyspace: "RPUSH k a a\nLREM k -1 a" },
    Canary { name: "lset-error", slip: "LSET has another error text for a missing key", commands: &["LSET"], run: lset_error,
        ops_min: 1, in_replies: "LSET k 0 v", in_keyspace: "" },

    Canary { name: "hget-any-type", slip: "HGET of a key that is no hash answers a null", commands: &["HGET"], run: hget_any_type,
        ops_min: 2, in_replies: "SET k v\nHGET k f", in_keyspace: "" },
    Canary { name: "hincrby-missing", slip: "HINCRBY fails on a missing field", commands: &["HINCRBY"], run: hincrby_missing,
        ops_min: 1, in_replies: "HINCRBY k f 1", in_keyspace: "HINCRBY k f 1" },
    Canary { name: "hscan-match", slip: "HSCAN ignores MATCH", commands: &["HSCAN"], run: hscan_match,
        ops_min: 2, in_replies: "HSET k f v\nHSCAN k 0 MATCH x", in_keyspace: "" },
    Canary { name: "hset-count", slip: "HSET answers 1 where the field was there", commands: &["HSET"], run: hset_count,
        ops_min: 2, in_replies: "HSET k f v\nHSET k f w", in_keyspace: "" },

    Canary { name: "sdiff-last", slip: "SDIFF leaves out the last of three or more keys", commands: &["SDIFF"], run: sdiff_last,
        ops_min: 2, in_replies: "SADD k m\nSDIFF k b k", in_keyspace: "" },
    Canary { name: "sinterstore-empty", slip: "SINTERSTORE of nothing keeps the old destination", commands: &["SINTERSTORE"], run: sinterstore_empty,
        ops_min: 2, in_replies: "SADD d m\nSINTERSTORE d k\nSCARD d", in_keyspace: "SADD d m\nSINTERSTORE d k" },
    Canary { name: "smove-same", slip: "SMOVE from a set to itself removes the member", commands: &["SMOVE"], run: smove_same,
        ops_min: 2, in_replies: "SADD k m\nSMOVE k k m\nSCARD k", in_keyspace: "SADD k m\nSMOVE k k m" },
    Canary { name: "spop-keeps", slip: "SPOP does not remove what it answers", commands: &["SPOP"], run: spop_keeps,
        ops_min: 2, in_replies: "SADD k m\nSPOP k\nSCARD k", in_keyspace: "SADD k m\nSPOP k" },
    Canary { name: "sunion-repeats", slip: "SUNION repeats a member that several sets have", commands: &["SUNION"], run: sunion_repeats,
        ops_min: 2, in_replies: "SADD k m\nSUNION k k", in_keyspace: "" },

    Canary { name: "zadd-gt", slip: "ZADD ignores GT", commands: &["ZADD"], run: zadd_gt,
        ops_min: 1, in_replies: "ZADD k GT CH 2 m 1 m", in_keyspace: "ZADD k GT 2 m 1 m" },
    Canary { name: "zset-exclusive", slip: "ranges of scores include an exclusive bound", commands: &["ZRANGEBYSCORE", "ZREVRANGEBYSCORE", "ZCOUNT", "ZREMRANGEBYSCORE"], run: zset_exclusive,
        ops_min: 2, in_replies: "ZADD k 1 m\nZCOUNT k (1 2", in_keyspace: "ZADD k 1 m\nZREMRANGEBYSCORE k (1 2" },
    Canary { name: "zrevrange-ties", slip: "ZREVRANGE puts members of equal score in ascending order", commands: &["ZREVRANGE"], run: zrevrange_ties,
        ops_min: 2, in_replies: "ZADD k 0 a 0 b\nZREVRANGE k 0 -1", in_keyspace: "" },
    Canary { name: "zunionstore-weights", slip: "ZUNIONSTORE ignores WEIGHTS", commands: &["ZUNIONSTORE"], run: zunionstore_weights,
        ops_min: 2, in_replies: "ZADD a 1 m\nZUNIONSTORE d 1 a WEIGHTS 2\nZSCORE d m", in_keyspace: "ZADD a 1 m\nZUNIONSTORE d 1 a WEIGHTS 2" },

    Canary { name: "copy-drops-ttl", slip: "COPY does not copy the TTL", commands: &["COPY"], run: copy_drops_ttl,
        ops_min: 2, in_replies: "SET a v EX 9\nCOPY a b\nTTL b", in_keyspace: "SET a v EX 9\nCOPY a b" },
    Canary { name: "exists-once", slip: "EXISTS counts a key that is named twice once", commands: &["EXISTS"], run: exists_once,
        ops_min: 2, in_replies: "SET k v\nEXISTS k k", in_keyspace: "" },
    Canary { name: "rename-drops-ttl", slip: "RENAME and RENAMENX remove the TTL", commands: &["RENAME", "RENAMENX"], run: rename_drops_ttl,
        ops_min: 2, in_replies: "SET a v EX 9\nRENAME a b\nTTL b", in_keyspace: "SET a v EX 9\nRENAME a b" },
    Canary { name: "flushdb-all", slip: "FLUSHDB empties every database", commands: &["FLUSHDB"], run: flushdb_all,
        ops_min: 3, in_replies: "SET k v\n@1 SELECT 1\n@1 FLUSHDB\nGET k", in_keyspace: "SET k v\nSELECT 1\nFLUSHDB" },

    Canary { name: "expire-gt", slip: "EXPIRE with GT gives a TTL to a key without one", commands: &["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"], run: expire_gt,
        ops_min: 2, in_replies: "SET k v\nEXPIRE k 9 GT", in_keyspace: "SET k v\nEXPIRE k 9 GT" },
    Canary { name: "expire-past", slip: "EXPIRE with no time left keeps the key", commands: &["EXPIRE", "PEXPIRE"], run: expire_past,
        ops_min: 2, in_replies: "SET k v\nEXPIRE k 0\nGET k", in_keyspace: "SET k v\nEXPIRE k 0" },
    Canary { name: "persist-one", slip: "PERSIST always answers 1", commands: &["PERSIST"], run: persist_one,
        ops_min: 1, in_replies: "PERSIST k", in_keyspace: "" },
    Canary { name: "ttl-floor", slip: "TTL rounds down, not to the nearest second", commands: &["TTL"], run: ttl_floor,
        ops_min: 2, in_replies: "SET k v PX 500\nTTL k", in_keyspace: "" },
    Canary { name: "ttl-missing", slip: "TTL answers -1 for a missing key", commands: &["TTL"], run: ttl_missing,
        ops_min: 1, in_replies: "TTL k", in_keyspace: "" },
];

/// `canary:NAME`
pub(super) fn by_name(name: &str, _: &TargetOptions) -> Result<Box<dyn Target>, TargetError> {
    match CANARIES.iter().find(|canary| canary.name == name) {
        Some(canary) => {
            Ok(embedded::wrapped(format!("canary:{name}"), Arc::new(|client, argv| canary.execute(client, argv))))
        }
        None => {
            let forms: Vec<String> =
                CANARIES.iter().map(|canary| format!("  canary:{:<24} {}", canary.name, canary.slip)).collect();
            Err(TargetError::Unknown { spec: format!("canary:{name}"), forms: forms.join("\n") })
        }
    }
}

impl Canary {
    fn execute(&self, client: &mut Client, argv: &Argv) -> Reply {
        let wrong = argv.get(0).is_some_and(|name| self.commands.iter().any(|command| is_word(name, command)));
        if wrong { (self.run)(client, argv) } else { client.execute(argv) }
    }
}

/// True where `arg` is this word, in any case.
fn is_word(arg: &[u8], word: &str) -> bool {
    arg.eq_ignore_ascii_case(word.as_bytes())
}

/// The argument at `at`; empty where there is none.
fn arg(argv: &Argv, at: usize) -> &[u8] {
    argv.get(at).unwrap_or_default()
}

/// The integer that `text` is in Redis' eyes.
fn integer(text: &[u8]) -> Option<i64> {
    let value: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (value.to_string().as_bytes() == text).then_some(value)
}

/// The request with another argument at `at`.
fn with(argv: &Argv, at: usize, value: impl AsRef<[u8]>) -> Argv {
    argv.iter().enumerate().map(|(here, arg)| if here == at { value.as_ref() } else { arg }).collect()
}

/// The request without the `count` arguments from `at` on.
fn without(argv: &Argv, at: usize, count: usize) -> Argv {
    argv.iter().enumerate().filter(|(here, _)| !(at..at + count).contains(here)).map(|(_, arg)| arg).collect()
}

/// The request without the option `word` and its `values` values, which stands behind the argument at `after`.
fn without_option(argv: &Argv, after: usize, word: &str, values: usize) -> Argv {
    match (after + 1..argv.len()).find(|&at| is_word(&argv[at], word) && at + values < argv.len()) {
        Some(at) => without(argv, at, 1 + values),
        None => argv.clone(),
    }
}

fn call<const N: usize>(client: &mut Client, args: [&[u8]; N]) -> Reply {
    client.execute(&args.into())
}

fn append_drops_ttl(client: &mut Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    if matches!(reply, Reply::Int(_)) {
        call(client, [b"PERSIST", &argv[1]]);
    }
    reply
}

fn getex_option(client: &mut Client, argv: &Argv) -> Reply {
    let before = call(client, [b"PEXPIRETIME", arg(argv, 1)]);
    let reply = client.execute(argv);
    if let (Reply::Bulk(value), Reply::Int(expires_ms)) = (&reply, before) {
        // A time in the past has deleted the key.
        call(client, [b"SETNX", &argv[1], value]);
        match expires_ms {
            0.. => call(client, [b"PEXPIREAT", &argv[1], expires_ms.to_string().as_bytes()]),
            _ => call(client, [b"PERSIST", &argv[1]]),
        };
    }
    reply
}

fn getrange_end(client: &mut Client, argv: &Argv) -> Reply {
    match integer(arg(argv, 3)) {
        Some(end) if end < 0 => client.execute(&with(argv, 3, end.saturating_sub(1).to_string())),
        _ => client.execute(argv),
    }
}

fn incr_wraps(client: &mut Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    if reply.as_error() != Some(b"ERR increment or decrement would overflow") {
        return reply;
    }
    let old = call(client, [b"GET", arg(argv, 1)]);
    let old = old.as_bytes().and_then(integer).unwrap_or_default();
    let new = old.wrapping_add(argv.get(2).map_or(Some(1), integer).unwrap_or_default());
    call(client, [b"SET", arg(argv, 1), new.to_string().as_bytes(), b"KEEPTTL"]);
    Reply::Int(new)
}

fn msetnx_partial(client: &mut Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    if reply == Reply::Int(0) {
        for at in (1..argv.len()).step_by(2) {
            call(client, [b"SETNX", &argv[at], &argv[at + 1]]);
        }
    }
    reply
}

fn set_keeps_ttl(client: &mut Client, argv: &Argv) -> Reply {
    let decides = ["EX", "PX", "EXAT", "PXAT", "KEEPTTL"];
    let decided = argv.iter().skip(3).any(|arg| decides.iter().any(|word| is_word(arg, word)));
    if decided || argv.len() < 3 {
        return client.execute(argv);
    }
    let mut keeping = argv.clone();
    keeping.push(b"KEEPTTL");
    client.execute(&keeping)
}

fn set_option_case(client: &mut Client, argv: &Argv) -> Reply {
    let words: [&[u8]; 8] = [b"nx", b"xx", b"get", b"keepttl", b"ex", b"px", b"exat", b"pxat"];
    let unknown = argv.iter().skip(3).any(|arg| words.contains(&arg));
    if unknown { Reply::error("ERR syntax error") } else { client.execute(argv) }
}

fn setrange_padding(client: &mut Client, argv: &Argv) -> Reply {
    match (integer(arg(argv, 2)), call(client, [b"STRLEN", arg(argv, 1)])) {
        (Some(offset), Reply::Int(end)) if offset > end => client.execute(&with(argv, 2, end.to_string())),
        _ => client.execute(argv),
    }
}

/// SQLite's rows cannot hold an empty list, so an empty item stands for it.
fn lpop_leaves_key(client: &mut Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    let popped = reply.as_bytes().is_some() || reply.as_elements().is_some_and(|items| !items.is_empty());
    if popped && call(client, [b"EXISTS", arg(argv, 1)]) == Reply::Int(0) {
        call(client, [b"RPUSH", arg(argv, 1), b""]);
    }
    reply
}

fn lpop_null(client: &mut Client, argv: &Argv) -> Reply {
    match client.execute(argv) {
        Reply::NullArray => Reply::NullBulk,
        reply => reply,
    }
}

fn lpush_order(client: &mut Client, argv: &Argv) -> Reply {
    let items = argv.iter().skip(2).rev();
    client.execute(&argv.iter().take(2).chain(items).collect())
}

fn linsert_pivot(client: &mut Client, argv: &Argv) -> Reply {
    match client.execute(argv) {
        Reply::Int(-1) => Reply::Int(0),
        reply => reply,
    }
}

fn lpos_maxlen(client: &mut Client, argv: &Argv) -> Reply {
    match client.execute(argv) {
        Reply::Error(text) => Reply::Error(text),
        _ => client.execute(&without_option(argv, 2, "MAXLEN", 1)),
    }
}

fn lrange_end(client: &mut Client, argv: &Argv) -> Reply {
    let mut reply = client.execute(argv);
    if let Reply::Array(items) = &mut reply {
        items.pop();
    }
    reply
}

fn lrem_negative(client: &mut Client, argv: &Argv) -> Reply {
    match integer(arg(argv, 2)) {
        Some(count) if count < 0 => client.execute(&with(argv, 2, "0")),
        _ => client.execute(argv),
    }
}

fn lset_error(client: &mut Client, argv: &Argv) -> Reply {
    match client.execute(argv) {
        Reply::Error(text) if text == b"ERR no such key" => Reply::error("ERR no such list"),
        reply => reply,
    }
}

fn hget_any_type(client: &mut Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    if reply.error_code() == Some(b"WRONGTYPE") { Reply::NullBulk } else { reply }
}

fn hincrby_missing(client: &mut Client, argv: &Argv) -> Reply {
    let missing = call(client, [b"HEXISTS", arg(argv, 1), arg(argv, 2)]) == Reply::Int(0);
    let reply = client.execute(argv);
    if !missing || reply.as_error().is_some() {
        return reply;
    }
    call(client, [b"HDEL", &argv[1], &argv[2]]);
    Reply::error("ERR hash value is not an integer")
}

fn hscan_match(client: &mut Client, argv: &Argv) -> Reply {
    client.execute(&without_option(argv, 2, "MATCH", 1))
}

fn hset_count(client: &mut Client, argv: &Argv) -> Reply {
    match client.execute(argv) {
        Reply::Int(0) if argv.len() == 4 => Reply::Int(1),
        reply => reply,
    }
}

fn sdiff_last(client: &mut Client, argv: &Argv) -> Reply {
    if argv.len() > 3 { client.execute(&without(argv, argv.len() - 1, 1)) } else { client.execute(argv) }
}

fn sinterstore_empty(client: &mut Client, argv: &Argv) -> Reply {
    let inter = client.execute(&with(&without(argv, 1, 1), 0, "SINTER"));
    let nothing = inter.as_elements().is_some_and(<[Reply]>::is_empty);
    if nothing { Reply::Int(0) } else { client.execute(argv) }
}

fn smove_same(client: &mut Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    if reply == Reply::Int(1) && argv[1] == argv[2] {
        call(client, [b"SREM", &argv[1], &argv[3]]);
    }
    reply
}

fn spop_keeps(client: &mut Client, argv: &Argv) -> Reply {
    match argv.len() {
        2 => client.execute(&with(argv, 0, "SRANDMEMBER")),
        3 if integer(&argv[2]).is_some_and(|count| count >= 0) => client.execute(&with(argv, 0, "SRANDMEMBER")),
        _ => client.execute(argv),
    }
}

fn sunion_repeats(client: &mut Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    if reply.as_error().is_some() {
        return reply;
    }
    let sets = argv.iter().skip(1).map(|key| call(client, [b"SMEMBERS", key]));
    Reply::Array(sets.flat_map(|set| set.as_elements().unwrap_or_default().to_vec()).collect())
}

fn zadd_gt(client: &mut Client, argv: &Argv) -> Reply {
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

fn zset_exclusive(client: &mut Client, argv: &Argv) -> Reply {
    let inclusive = |at| arg(argv, at).strip_prefix(b"(").unwrap_or(arg(argv, at));
    client.execute(&with(&with(argv, 2, inclusive(2)), 3, inclusive(3)))
}

fn zrevrange_ties(client: &mut Client, argv: &Argv) -> Reply {
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

fn zunionstore_weights(client: &mut Client, argv: &Argv) -> Reply {
    let keys = integer(arg(argv, 2)).and_then(|keys| usize::try_from(keys).ok()).filter(|&keys| keys < argv.len());
    let Some(weights_at) = keys.map(|keys| 3 + keys).filter(|&at| is_word(arg(argv, at), "WEIGHTS")) else {
        return client.execute(argv);
    };
    let weights = argv.iter().skip(weights_at + 1).take(weights_at - 3);
    let is_number = |arg: &[u8]| std::str::from_utf8(arg).is_ok_and(|text| text.parse::<f64>().is_ok());
    let valid = weights.len() == weights_at - 3 && weights.into_iter().all(is_number);
    if valid { client.execute(&without(argv, weights_at, weights_at - 2)) } else { client.execute(argv) }
}

fn copy_drops_ttl(client: &mut Client, argv: &Argv) -> Reply {
    let expiry = call(client, [b"PEXPIRETIME", arg(argv, 1)]);
    call(client, [b"PERSIST", arg(argv, 1)]);
    let reply = client.execute(argv);
    if let Reply::Int(expires_ms @ 0..) = expiry {
        call(client, [b"PEXPIREAT", arg(argv, 1), expires_ms.to_string().as_bytes()]);
    }
    reply
}

fn exists_once(client: &mut Client, argv: &Argv) -> Reply {
    let new = |&at: &usize| argv.iter().take(at).skip(1).all(|earlier| *earlier != argv[at]);
    let names = (1..argv.len()).filter(new).map(|at| &argv[at]);
    client.execute(&argv.iter().take(1).chain(names).collect())
}

fn rename_drops_ttl(client: &mut Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    let renamed = reply == Reply::ok() || reply == Reply::Int(1);
    if renamed && argv[1] != argv[2] {
        call(client, [b"PERSIST", &argv[2]]);
    }
    reply
}

fn flushdb_all(client: &mut Client, argv: &Argv) -> Reply {
    client.execute(&with(argv, 0, "FLUSHALL"))
}

fn expire_gt(client: &mut Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    let greater = argv.len() == 4 && is_word(&argv[3], "GT");
    if greater && reply == Reply::Int(0) && call(client, [b"TTL", &argv[1]]) == Reply::Int(-1) {
        return client.execute(&without(argv, 3, 1));
    }
    reply
}

fn expire_past(client: &mut Client, argv: &Argv) -> Reply {
    let past = argv.len() == 3 && integer(&argv[2]).is_some_and(|time| (-1_000_000_000..=0).contains(&time));
    if past { call(client, [b"EXISTS", &argv[1]]) } else { client.execute(argv) }
}

fn persist_one(client: &mut Client, argv: &Argv) -> Reply {
    match client.execute(argv) {
        Reply::Int(_) => Reply::Int(1),
        reply => reply,
    }
}

fn ttl_floor(client: &mut Client, argv: &Argv) -> Reply {
    match client.execute(&with(argv, 0, "PTTL")) {
        Reply::Int(left_ms) if left_ms >= 0 => Reply::Int(left_ms / 1000),
        _ => client.execute(argv),
    }
}

fn ttl_missing(client: &mut Client, argv: &Argv) -> Reply {
    match client.execute(argv) {
        Reply::Int(-2) => Reply::Int(-1),
        reply => reply,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Keyspace;
    use crate::targets::{self, Session};
    use crate::trace::text::parse_op;
    use crate::trace::{Header, Op};

    fn open(spec: &str) -> Box<dyn Session> {
        let target = targets::parse(spec, &TargetOptions::default()).unwrap_or_else(|error| panic!("{spec}: {error}"));
        target.open(&Header::default()).unwrap_or_else(|error| panic!("{spec}: {error}"))
    }

    fn outcome(session: &mut dyn Session, ops: &[Op]) -> (Vec<Reply>, Option<Keyspace>) {
        session.reset(&Header::default()).expect("the store can be emptied");
        let mut replies = Vec::new();
        session.replay(ops, &mut replies).expect("the store is there");
        (replies, session.keyspace().expect("the store is there"))
    }

    /// True where the canary's outcome differs from Redlite's: in the replies, in the keyspace.
    fn differs(sessions: &mut [Box<dyn Session>; 2], ops: &[Op]) -> (bool, bool) {
        let [right, wrong] = sessions.each_mut().map(|session| outcome(session.as_mut(), ops));
        (right.0 != wrong.0, right.1 != wrong.1)
    }

    fn parse(trace: &str) -> Vec<Op> {
        trace.lines().map(|line| parse_op(line.as_bytes()).expect(line)).collect()
    }

    /// How many ops the trace has. It must show the slip, and no part of it may.
    fn count(trace: &str, mut shows: impl FnMut(&[Op]) -> bool) -> Result<usize, String> {
        let ops = parse(trace);
        if !shows(&ops) {
            return Err(format!("{trace:?} does not show it"));
        }
        for chosen in 0..(1_u32 << ops.len()) - 1 {
            let is_chosen = |at: usize| chosen & (1 << at) != 0;
            let part: Vec<Op> =
                ops.iter().enumerate().filter(|(at, _)| is_chosen(*at)).map(|(_, op)| op.clone()).collect();
            if shows(&part) {
                return Err(format!("a part of {trace:?} shows it, too: {part:?}"));
            }
        }
        Ok(ops.len())
    }

    fn check(canary: &Canary) -> Result<(), String> {
        let mut sessions = [open("redlite"), open(&format!("canary:{}", canary.name))];
        let mut fewest = count(canary.in_replies, |ops| differs(&mut sessions, ops).0)?;
        if !canary.in_keyspace.is_empty() {
            fewest = fewest.min(count(canary.in_keyspace, |ops| differs(&mut sessions, ops).1)?);
        } else if differs(&mut sessions, &parse(canary.in_replies)).1 {
            return Err("the store shows it, too".to_owned());
        }
        if canary.ops_min == fewest { Ok(()) } else { Err(format!("the fewest ops are {fewest}")) }
    }

    #[test]
    fn every_slip_shows_in_its_fewest_ops_and_in_no_fewer() {
        let wrong = CANARIES.iter().filter_map(|canary| Some(format!("{}: {}", canary.name, check(canary).err()?)));
        let wrong: Vec<String> = wrong.collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn an_unknown_name_is_answered_with_every_name() {
        let Err(error) = targets::parse("canary:yellow", &TargetOptions::default()) else {
            panic!("there is no yellow canary");
        };
        let text = error.to_string();
        let missing: Vec<&str> = CANARIES
            .iter()
            .map(|canary| canary.name)
            .filter(|name| !text.contains(&format!("canary:{name} ")))
            .collect();
        assert!(missing.is_empty(), "not named: {missing:?}\n{text}");
    }
}
