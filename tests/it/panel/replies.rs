//! What is wrong with replies of many commands in the same way, and the slips that the tables of families share.

use redlite_dst::targets::canary::{arg, is_word, with, without_option};
use resp::{Argv, Reply};

use super::bugs::{Kind, Scope};
use super::turn::{Turn, has_word};

#[rustfmt::skip] // a table
pub const KINDS: &[Kind] = &[
    Kind { id: "wrongtype-code", wrong: "{command} of a key of another type fails with the code ERR, not WRONGTYPE",
        commands: "{command}", parameters: &[("command", &["HSET|HSET k f v", "LLEN|LLEN k", "SADD|SADD k m", "ZSCORE|ZSCORE k m", "LPUSH|LPUSH k v", "HGETALL|HGETALL k", "ZADD|ZADD k 1 m"])],
        trace: "SET k v\n{command.1}", run: wrongtype_code, ..Kind::BASE },
    Kind { id: "wrongtype-text", wrong: "{command} of a key of another type fails with another text",
        commands: "{command}", parameters: &[("command", &["RPUSH|RPUSH k v", "LRANGE|LRANGE k 0 0", "SCARD|SCARD k", "ZRANGE|ZRANGE k 0 0", "HDEL|HDEL k f", "SREM|SREM k m"])],
        trace: "SET k v\n{command.1}", run: wrongtype_text, ..Kind::BASE },
    Kind { id: "wrongtype-missing", wrong: "{command} takes a key of another type for a missing one",
        commands: "{command}", parameters: &[("command", &["LLEN|:0|LLEN k", "HLEN|:0|HLEN k", "ZCARD|:0|ZCARD k", "SISMEMBER|:0|SISMEMBER k m", "HEXISTS|:0|HEXISTS k f", "XLEN|:0|XLEN k"])],
        trace: "SET k v\n{command.2}", run: wrongtype_missing, ..Kind::BASE },
    Kind { id: "arity-text", wrong: "{command} with too few arguments fails with another text",
        commands: "{command}", parameters: &[("command", &["GET|GET", "SET|SET k", "LPUSH|LPUSH k", "HSET|HSET k", "ZADD|ZADD k", "EXPIRE|EXPIRE k", "SADD|SADD k", "INCRBY|INCRBY k", "RENAME|RENAME k"])],
        trace: "{command.1}", run: arity_text, ..Kind::BASE },
    Kind { id: "integer-text", wrong: "{command} says otherwise that an argument is no integer",
        commands: "{command}", parameters: &[("command", &["INCRBY|INCRBY k x", "LRANGE|LRANGE k x 0", "EXPIRE|EXPIRE k x", "SETRANGE|SETRANGE k x v", "GETRANGE|GETRANGE k x 0", "HINCRBY|HINCRBY k f x", "LTRIM|LTRIM k x 0", "DECRBY|DECRBY k x", "LREM|LREM k x v"])],
        trace: "{command.1}", run: integer_text, ..Kind::BASE },
    Kind { id: "syntax-code", wrong: "{command} says SYNTAX where Redis says ERR syntax error",
        commands: "{command}", parameters: &[("command", &["SET|SET k v x", "GETEX|GETEX k x y", "ZADD|ZADD k 1 m 2", "LINSERT|LINSERT k x a b", "ZRANGE|ZRANGE k 0 0 x", "SORT|SORT k x", "LPOS|LPOS k v x"])],
        trace: "{command.1}", run: syntax_code, ..Kind::BASE },
    Kind { id: "error-as-bulk", wrong: "{command} answers errors as strings",
        commands: "{command}", parameters: &[("command", &["LSET|LSET k 0 v", "RENAME|RENAME a b", "INCRBYFLOAT|INCRBYFLOAT k x", "XGROUP|XGROUP CREATE k g 0", "SINTERCARD|SINTERCARD 0 k", "OBJECT|OBJECT"])],
        trace: "{command.1}", run: error_as_bulk, ..Kind::BASE },
    Kind { id: "int-as-bulk", wrong: "{command} answers its number as a string",
        commands: "{command}", parameters: &[("command", &["STRLEN|STRLEN k", "LLEN|LLEN k", "SCARD|SCARD k", "HLEN|HLEN k", "EXISTS|EXISTS k", "ZCARD|ZCARD k", "APPEND|APPEND k v", "SADD|SADD k m", "RPUSH|RPUSH k v", "HSET|HSET k f v", "DECR|DECR k", "SETNX|SETNX k v", "ZADD|ZADD k 1 m", "UNLINK|UNLINK k"])],
        trace: "{command.1}", run: int_as_bulk, ..Kind::BASE },
    Kind { id: "int-as-simple", wrong: "{command} answers its number as a simple string",
        commands: "{command}", parameters: &[("command", &["INCR|INCR k", "HDEL|HDEL k f", "SREM|SREM k m", "ZREM|ZREM k m", "PERSIST|PERSIST k", "PTTL|PTTL k", "LPUSHX|LPUSHX k v", "TOUCH|TOUCH k"])],
        trace: "{command.1}", run: int_as_simple, ..Kind::BASE },
    Kind { id: "bulk-as-simple", wrong: "{command} answers a string as a simple one",
        commands: "{command}", parameters: &[("command", &["ECHO|ECHO a", "GETSET|SET k v\nGETSET k w", "LINDEX|RPUSH k a\nLINDEX k 0", "GETDEL|SET k v\nGETDEL k", "RPOP|RPUSH k a\nRPOP k", "INCRBYFLOAT|INCRBYFLOAT k 1", "HGET|HSET k f v\nHGET k f", "ZINCRBY|ZINCRBY k 1 m"])],
        trace: "{command.1}", run: bulk_as_simple, ..Kind::BASE },
    Kind { id: "ok-as-bulk", wrong: "{command} answers OK as a string",
        commands: "{command}", parameters: &[("command", &["MSET|MSET k v", "LTRIM|LTRIM k 0 0", "SETEX|SETEX k 9 v", "HMSET|HMSET k f v", "PSETEX|PSETEX k 9 v", "WATCH|WATCH k", "UNWATCH|UNWATCH"])],
        trace: "{command.1}", run: ok_as_bulk, ..Kind::BASE },
    Kind { id: "ok-as-int", wrong: "{command} answers 1 where Redis answers OK",
        commands: "{command}", parameters: &[("command", &["SWAPDB|SWAPDB 0 1", "PFMERGE|PFMERGE k", "RENAME|SET a v\nRENAME a b", "LSET|RPUSH k a\nLSET k 0 b", "XGROUP|XGROUP CREATE k g 0 MKSTREAM"])],
        trace: "{command.1}", run: ok_as_int, ..Kind::BASE },
    Kind { id: "null-array-as-bulk", wrong: "{command} answers a null string in place of a null array",
        commands: "{command}", parameters: &[("command", &["RPOP|RPOP k 1", "LMPOP|LMPOP 1 k LEFT", "ZMPOP|ZMPOP 1 k MIN", "XREAD|XREAD STREAMS k 0", "GEOPOS|GEOPOS k m"])],
        trace: "{command.1}", excludes: &["lpop-null"], run: null_array_as_bulk, ..Kind::BASE },
    Kind { id: "null-as-array", wrong: "{command} answers a null array in place of a null string",
        commands: "{command}", parameters: &[("command", &["GETEX|GETEX k", "HGET|HGET k f", "LINDEX|LINDEX k 0", "ZSCORE|ZSCORE k m", "ZRANK|ZRANK k m", "LPOS|LPOS k v", "RPOPLPUSH|RPOPLPUSH k l", "SPOP|SPOP k", "SRANDMEMBER|SRANDMEMBER k", "RANDOMKEY|RANDOMKEY", "GEODIST|GEODIST k a b", "DUMP|DUMP k"])],
        trace: "{command.1}", run: null_as_array, ..Kind::BASE },
    Kind { id: "null-as-empty", wrong: "{command} answers an empty string where there is none",
        commands: "{command}", parameters: &[("command", &["GET|GET k", "GETDEL|GETDEL k", "HMGET|HMGET k f", "MGET|MGET k", "LPOP|LPOP k", "GETSET|GETSET k v", "HRANDFIELD|HRANDFIELD k"])],
        trace: "{command.1}", run: null_as_empty, ..Kind::BASE },
    Kind { id: "empty-as-null", wrong: "{command} answers a null where Redis answers an empty array",
        commands: "{command}", parameters: &[("command", &["LRANGE|LRANGE k 0 -1", "SMEMBERS|SMEMBERS k", "HGETALL|HGETALL k", "HKEYS|HKEYS k", "ZRANGEBYSCORE|ZRANGEBYSCORE k 0 1", "XRANGE|XRANGE k - +", "SINTER|SINTER k", "SUNION|SUNION k", "ZPOPMIN|ZPOPMIN k", "SORT|SORT k"])],
        trace: "{command.1}", run: empty_as_null, ..Kind::BASE },
    Kind { id: "count-short", wrong: "{command} counts one too few above {threshold}",
        commands: "{command}", parameters: &[("command", &["LLEN|RPUSH k {items:threshold}", "SCARD|SADD k {items:threshold}", "ZCARD|ZADD k {pairs:threshold}", "HLEN|HSET k {pairs:threshold}", "STRLEN|SET k {bytes:threshold}"]), ("threshold", &["1", "2", "3", "4", "5"])],
        trace: "{command.1}\n{command} k", run: count_short, ..Kind::BASE },
    Kind { id: "push-count-long", wrong: "{command} answers one too many above {threshold}",
        commands: "{command}", parameters: &[("command", &["RPUSH|RPUSH k {items:threshold}", "SADD|SADD k {items:threshold}", "LPUSH|LPUSH k {items:threshold}", "APPEND|APPEND k {bytes:threshold}", "ZADD|ZADD k {pairs:threshold}"]), ("threshold", &["1", "2", "3", "4"])],
        trace: "{command.1}", run: count_long, ..Kind::BASE },
    Kind { id: "resp3-null", wrong: "{command} answers RESP2's null to a client that speaks RESP3",
        commands: "{command}", parameters: &[("command", &["GET|GET k", "HGET|HGET k f", "LPOP|LPOP k", "ZSCORE|ZSCORE k m", "LINDEX|LINDEX k 0"])],
        trace: "HELLO 3\n{command.1}", run: resp3_null, ..Kind::BASE },
    Kind { id: "resp3-map-as-array", wrong: "{command} answers an array of pairs, not a map, to a client that speaks RESP3",
        commands: "{command}", parameters: &[("command", &["HGETALL|HGETALL k", "CONFIG|CONFIG GET maxmemory", "XREAD|XADD k 1-1 f v\nXREAD STREAMS k 0"])],
        trace: "HELLO 3\n{command.1}", run: resp3_map, ..Kind::BASE },
    Kind { id: "resp3-set-as-array", wrong: "{command} answers an array, not a set, to a client that speaks RESP3",
        commands: "{command}", parameters: &[("command", &["SMEMBERS|SMEMBERS k", "SINTER|SINTER k", "SUNION|SUNION k", "SDIFF|SDIFF k"])],
        trace: "HELLO 3\n{command.1}", run: resp3_set, ..Kind::BASE },
    Kind { id: "resp3-double-as-bulk", wrong: "{command} answers a score as a string to a client that speaks RESP3",
        commands: "{command}", parameters: &[("command", &["ZINCRBY|ZINCRBY k 1 m", "ZSCORE|ZADD k 1 m\nZSCORE k m", "ZMSCORE|ZADD k 1 m\nZMSCORE k m", "ZADD|ZADD k INCR 1 m"])],
        trace: "HELLO 3\n{command.1}", run: resp3_double, ..Kind::BASE },
    Kind { id: "resp2-bool-in-resp3", wrong: "{command} answers true and false in place of 1 and 0 to a client that speaks RESP3",
        commands: "{command}", parameters: &[("command", &["SISMEMBER|SISMEMBER k m", "HEXISTS|HEXISTS k f", "SETNX|SETNX k v", "EXPIRE|EXPIRE k 9", "PERSIST|PERSIST k", "SMOVE|SMOVE a b m"])],
        trace: "HELLO 3\n{command.1}", run: resp3_bool, ..Kind::BASE },
];

/// A command that does not exist, also for a transaction.
pub fn lack(turn: &mut Turn, argv: &Argv) -> Reply {
    refuse_name(turn, argv, 0)
}

/// The subcommand `subcommand` does not exist.
pub fn lack_subcommand(turn: &mut Turn, argv: &Argv) -> Reply {
    if is_word(arg(argv, 1), turn.value("subcommand")) { refuse_name(turn, argv, 1) } else { turn.pass(argv) }
}

/// Lets the server refuse the request for another name, and puts the name into its error.
fn refuse_name(turn: &mut Turn, argv: &Argv, at: usize) -> Reply {
    const NAME: &str = "LACKED";
    match turn.pass(&with(argv, at, NAME)) {
        Reply::Error(text) => {
            let (before, after) = match text.windows(NAME.len()).position(|part| part == NAME.as_bytes()) {
                Some(at) => (&text[..at], &text[at + NAME.len()..]),
                None => (&text[..], &[][..]),
            };
            Reply::Error([before, &argv[at], after].concat())
        }
        reply => reply,
    }
}

/// The option `option` is a syntax error.
pub fn refuse_option(turn: &mut Turn, argv: &Argv) -> Reply {
    if has_word(argv, 1, turn.value("option")) { Reply::error("ERR syntax error") } else { turn.pass(argv) }
}

/// The option `option`, which has no value, changes nothing.
pub fn ignore_option(turn: &mut Turn, argv: &Argv) -> Reply {
    let asked = without_option(argv, 1, turn.value("option"), 0);
    turn.pass(&asked)
}

/// The option `option` and its value change nothing.
pub fn ignore_valued_option(turn: &mut Turn, argv: &Argv) -> Reply {
    let asked = without_option(argv, 1, turn.value("option"), 1);
    turn.pass(&asked)
}

/// Each of two words behind the argument at `after` means the other.
pub fn swap_words(turn: &mut Turn, argv: &Argv, after: usize, words: [&str; 2]) -> Reply {
    let swap = |(at, word): (usize, &[u8])| match words.iter().position(|swapped| is_word(word, swapped)) {
        Some(which) if at > after => words[1 - which].as_bytes().to_vec(),
        _ => word.to_vec(),
    };
    let asked: Argv = argv.iter().enumerate().map(swap).collect();
    turn.pass(&asked)
}

/// The last element of an array of more than `threshold` is left out.
pub fn drop_last(turn: &mut Turn, argv: &Argv) -> Reply {
    let threshold = turn.number("threshold");
    match turn.pass(argv) {
        Reply::Array(mut items) if items.len() > threshold => {
            items.pop();
            Reply::Array(items)
        }
        Reply::Set(mut items) if items.len() > threshold => {
            items.pop();
            Reply::Set(items)
        }
        reply => reply,
    }
}

/// The last argument of more than `threshold` is left out.
pub fn drop_last_argument(turn: &mut Turn, argv: &Argv) -> Reply {
    let threshold = turn.number("threshold");
    let asked: Argv = match argv.len() {
        count if count > threshold + 2 => argv.iter().take(count - 1).collect(),
        _ => argv.clone(),
    };
    turn.pass(&asked)
}

/// The reply with another text, where it is an error that begins with `start`.
fn with_text(reply: Reply, start: &str, text: &str) -> Reply {
    match reply {
        Reply::Error(old) if old.starts_with(start.as_bytes()) => Reply::error(text),
        reply => reply,
    }
}

fn wrongtype_code(turn: &mut Turn, argv: &Argv) -> Reply {
    with_text(turn.pass(argv), "WRONGTYPE", "ERR Operation against a key holding the wrong kind of value")
}

fn wrongtype_text(turn: &mut Turn, argv: &Argv) -> Reply {
    with_text(turn.pass(argv), "WRONGTYPE", "WRONGTYPE the key holds another type")
}

fn wrongtype_missing(turn: &mut Turn, argv: &Argv) -> Reply {
    let reply = turn.pass(argv);
    if reply.error_code() == Some(b"WRONGTYPE") { Reply::Int(0) } else { reply }
}

fn arity_text(turn: &mut Turn, argv: &Argv) -> Reply {
    with_text(turn.pass(argv), "ERR wrong number of arguments", "ERR wrong number of arguments")
}

fn integer_text(turn: &mut Turn, argv: &Argv) -> Reply {
    with_text(turn.pass(argv), "ERR value is not an integer", "ERR not an integer")
}

fn syntax_code(turn: &mut Turn, argv: &Argv) -> Reply {
    with_text(turn.pass(argv), "ERR syntax error", "SYNTAX error")
}

fn error_as_bulk(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Error(text) => Reply::Bulk(text),
        reply => reply,
    }
}

fn int_as_bulk(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Int(value) => Reply::bulk(value.to_string()),
        reply => reply,
    }
}

fn int_as_simple(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Int(value) => Reply::Simple(value.to_string().into_bytes()),
        reply => reply,
    }
}

fn bulk_as_simple(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Bulk(bytes) => Reply::Simple(bytes),
        reply => reply,
    }
}

fn ok_as_bulk(turn: &mut Turn, argv: &Argv) -> Reply {
    let reply = turn.pass(argv);
    if reply == Reply::ok() { Reply::bulk("OK") } else { reply }
}

fn ok_as_int(turn: &mut Turn, argv: &Argv) -> Reply {
    let reply = turn.pass(argv);
    if reply == Reply::ok() { Reply::Int(1) } else { reply }
}

fn null_array_as_bulk(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::NullArray => Reply::NullBulk,
        Reply::Array(items) if items.contains(&Reply::NullArray) => {
            let bulk = |item| if item == Reply::NullArray { Reply::NullBulk } else { item };
            Reply::Array(items.into_iter().map(bulk).collect())
        }
        reply => reply,
    }
}

fn null_as_array(turn: &mut Turn, argv: &Argv) -> Reply {
    let reply = turn.pass(argv);
    if reply == Reply::NullBulk { Reply::NullArray } else { reply }
}

fn null_as_empty(turn: &mut Turn, argv: &Argv) -> Reply {
    let is_null = |reply: &Reply| matches!(reply, Reply::NullBulk | Reply::Null);
    match turn.pass(argv) {
        Reply::Array(items) => {
            let filled = items.into_iter().map(|item| if is_null(&item) { Reply::bulk("") } else { item });
            Reply::Array(filled.collect())
        }
        reply if is_null(&reply) => Reply::bulk(""),
        reply => reply,
    }
}

fn empty_as_null(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Array(items) if items.is_empty() => Reply::NullArray,
        reply => reply,
    }
}

fn count_short(turn: &mut Turn, argv: &Argv) -> Reply {
    let threshold = turn.number("threshold") as i64;
    match turn.pass(argv) {
        Reply::Int(count) if count > threshold => Reply::Int(count - 1),
        reply => reply,
    }
}

fn count_long(turn: &mut Turn, argv: &Argv) -> Reply {
    let threshold = turn.number("threshold") as i64;
    match turn.pass(argv) {
        Reply::Int(count) if count > threshold => Reply::Int(count + 1),
        reply => reply,
    }
}

/// The null goes out as it is: it is not translated once more.
fn resp3_null(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Null => turn.answer_raw(b"$-1\r\n"),
        reply => reply,
    }
}

fn resp3_map(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Map(pairs) => Reply::Array(pairs.into_iter().flat_map(|(key, value)| [key, value]).collect()),
        reply => reply,
    }
}

fn resp3_set(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Set(items) => Reply::Array(items),
        reply => reply,
    }
}

fn resp3_double(turn: &mut Turn, argv: &Argv) -> Reply {
    let bulk = |reply| if let Reply::Double(text) = reply { Reply::Bulk(text) } else { reply };
    match turn.pass(argv) {
        Reply::Array(items) => Reply::Array(items.into_iter().map(bulk).collect()),
        reply => bulk(reply),
    }
}

fn resp3_bool(turn: &mut Turn, argv: &Argv) -> Reply {
    match turn.pass(argv) {
        Reply::Int(value @ 0..=1) if turn.is_resp3() => Reply::Bool(value == 1),
        reply => reply,
    }
}

/// A row of a command that the server lacks, without its commands.
pub const LACK: Kind = Kind {
    wrong: "there is no {command}",
    commands: "{command}",
    trace: "{command.1}",
    run: lack,
    scope: Scope::Multi,
    ..Kind::BASE
};
