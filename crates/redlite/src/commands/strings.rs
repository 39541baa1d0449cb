//! Commands on strings.

use super::expiry::{self, Expiry};
use super::{Context, Outcome, Row, lcs, wrong_arity};
use crate::failure::{Failure, refuse, texts};
use crate::options::Limits;
use crate::store::Origin;
use crate::{long_double, number};
use resp::Reply;

pub(super) const COMMANDS: &[Row] = &[
    ("APPEND", append),
    ("DECR", decr),
    ("DECRBY", decrby),
    ("GET", get),
    ("GETDEL", getdel),
    ("GETEX", getex),
    ("GETRANGE", getrange),
    ("GETSET", getset),
    ("INCR", incr),
    ("INCRBY", incrby),
    ("INCRBYFLOAT", incrbyfloat),
    ("LCS", lcs::lcs),
    ("MGET", mget),
    ("MSET", mset),
    ("MSETNX", msetnx),
    ("PSETEX", psetex),
    ("SET", set),
    ("SETEX", setex),
    ("SETNX", setnx),
    ("SETRANGE", setrange),
    ("STRLEN", strlen),
    ("SUBSTR", getrange),
];

/// Refuses a string of `start` and then `added` bytes that would be too long.
fn check_length(limits: Limits, start: usize, added: usize) -> Result<(), Failure> {
    match start.checked_add(added) {
        Some(bytes) if bytes <= limits.string_bytes_max => Ok(()),
        _ => refuse(texts::STRING_TOO_LONG),
    }
}

fn append(context: &mut Context<'_>) -> Outcome {
    let (db, name, added) = (context.db(), context.arg(1), context.arg(2));
    let Some((key, value)) = context.store.find_string(db, name, |value| [value, added].concat())? else {
        context.store.put_string(db, name, None, added, None)?;
        return Ok(Reply::Int(added.len() as i64));
    };
    check_length(context.limits, value.len() - added.len(), added.len())?;
    context.store.update_string(db, name, Some(&key), &value)?;
    Ok(Reply::Int(value.len() as i64))
}

fn decr(context: &mut Context<'_>) -> Outcome {
    add_integer(context, -1)
}

fn decrby(context: &mut Context<'_>) -> Outcome {
    match context.integer(2)?.checked_neg() {
        Some(increment) => add_integer(context, increment),
        None => refuse("ERR decrement would overflow"),
    }
}

fn incr(context: &mut Context<'_>) -> Outcome {
    add_integer(context, 1)
}

fn incrby(context: &mut Context<'_>) -> Outcome {
    let increment = context.integer(2)?;
    add_integer(context, increment)
}

fn add_integer(context: &mut Context<'_>, increment: i64) -> Outcome {
    let (db, name) = (context.db(), context.arg(1));
    let (key, value) = match context.store.find_string(db, name, number::parse_integer)? {
        None => (None, 0),
        Some((key, Some(value))) => (Some(key), value),
        Some((_, None)) => return refuse(texts::NOT_INTEGER),
    };
    let Some(sum) = value.checked_add(increment) else {
        return refuse("ERR increment or decrement would overflow");
    };
    context.store.update_string_of(Origin::Whole, db, name, key.as_ref(), sum.to_string().as_bytes())?;
    Ok(Reply::Int(sum))
}

fn incrbyfloat(context: &mut Context<'_>) -> Outcome {
    let (db, name, increment) = (context.db(), context.arg(1), context.arg(2));
    let (key, sum) = match context.store.find_string(db, name, |value| long_double::add(value, increment))? {
        None => (None, long_double::add(b"0", increment)),
        Some((key, sum)) => (Some(key), sum),
    };
    match sum {
        Ok(sum) => {
            context.store.update_string_of(Origin::Float, db, name, key.as_ref(), &sum)?;
            Ok(Reply::Bulk(sum))
        }
        Err(long_double::AddError::NotFinite) => refuse("ERR increment would produce NaN or Infinity"),
        Err(_) => refuse(texts::NOT_FLOAT),
    }
}

fn get(context: &mut Context<'_>) -> Outcome {
    let value = context.store.find_string(context.db(), context.arg(1), <[u8]>::to_vec)?;
    Ok(context.bulk_or_null(value.map(|(_, value)| value)))
}

fn getdel(context: &mut Context<'_>) -> Outcome {
    match context.store.find_string(context.db(), context.arg(1), <[u8]>::to_vec)? {
        None => Ok(context.null()),
        Some((key, value)) => {
            context.store.delete(&key)?;
            Ok(Reply::Bulk(value))
        }
    }
}

fn getset(context: &mut Context<'_>) -> Outcome {
    let (db, name) = (context.db(), context.arg(1));
    let (key, old) = context.store.find_string(db, name, <[u8]>::to_vec)?.unzip();
    context.store.put_string(db, name, key.as_ref(), context.arg(2), None)?;
    Ok(context.bulk_or_null(old))
}

fn getex(context: &mut Context<'_>) -> Outcome {
    let options = Options::parse(context, 2, false)?;
    let Some((key, value)) = context.store.find_string(context.db(), context.arg(1), <[u8]>::to_vec)? else {
        return Ok(context.null());
    };
    match options.expires_ms(context)? {
        Some(expires_ms) => expiry::expire_at(context, &key, expires_ms)?,
        None if options.is_persist && key.expires_ms.is_some() => context.store.set_expiry(&key, None)?,
        None => {}
    }
    Ok(Reply::Bulk(value))
}

fn getrange(context: &mut Context<'_>) -> Outcome {
    let (start, end) = (context.integer(2)?, context.integer(3)?);
    let part = context.store.find_string(context.db(), context.arg(1), |value| range(value, start, end).to_vec())?;
    Ok(Reply::Bulk(part.map(|(_, part)| part).unwrap_or_default()))
}

/// The bytes from `start` to `end`, both included; negative ones count from the end.
fn range(value: &[u8], start: i64, end: i64) -> &[u8] {
    if value.is_empty() || (start < 0 && end < 0 && start > end) {
        return &[];
    }
    let length = value.len() as i64;
    // An end before the first byte is the first byte: Redis clamps it after it has compared the two.
    let from_start = |at: i64| if at < 0 { (length + at).max(0) } else { at };
    let (start, end) = (from_start(start), from_start(end).min(length - 1));
    if start > end { &[] } else { &value[start as usize..=end as usize] }
}

fn mget(context: &mut Context<'_>) -> Outcome {
    let mut values = Vec::with_capacity(context.argv.len() - 1);
    for name in context.args_from(1) {
        let found = context.store.find_value(context.db(), name, <[u8]>::to_vec)?;
        values.push(context.bulk_or_null(found.and_then(|(_, value)| value)));
    }
    Ok(Reply::Array(values))
}

fn mset(context: &mut Context<'_>) -> Outcome {
    if context.argv.len().is_multiple_of(2) {
        return refuse(wrong_arity("MSET"));
    }
    set_pairs(context)?;
    Ok(Reply::ok())
}

fn msetnx(context: &mut Context<'_>) -> Outcome {
    if context.argv.len().is_multiple_of(2) {
        return refuse(wrong_arity("MSETNX"));
    }
    for name in context.args_from(1).step_by(2) {
        if context.store.find(context.db(), name)?.is_some() {
            return Ok(Reply::Int(0));
        }
    }
    set_pairs(context)?;
    Ok(Reply::Int(1))
}

fn set_pairs(context: &mut Context<'_>) -> Result<(), Failure> {
    for at in (1..context.argv.len()).step_by(2) {
        context.store.set_string(context.db(), context.arg(at), context.arg(at + 1), None)?;
    }
    Ok(())
}

fn setex(context: &mut Context<'_>) -> Outcome {
    set_with_expiry(context, Expiry::Seconds)
}

fn psetex(context: &mut Context<'_>) -> Outcome {
    set_with_expiry(context, Expiry::Milliseconds)
}

fn set_with_expiry(context: &mut Context<'_>, expiry: Expiry) -> Outcome {
    let expires_ms = expiry.parse(context, 2)?;
    context.store.set_string(context.db(), context.arg(1), context.arg(3), Some(expires_ms))?;
    Ok(Reply::ok())
}

fn setnx(context: &mut Context<'_>) -> Outcome {
    let (db, name) = (context.db(), context.arg(1));
    if context.store.find(db, name)?.is_some() {
        return Ok(Reply::Int(0));
    }
    context.store.put_string(db, name, None, context.arg(2), None)?;
    Ok(Reply::Int(1))
}

fn setrange(context: &mut Context<'_>) -> Outcome {
    let Ok(offset) = usize::try_from(context.integer(2)?) else {
        return refuse("ERR offset is out of range");
    };
    let (db, name, part) = (context.db(), context.arg(1), context.arg(3));
    let (key, mut value) = context.store.find_string(db, name, <[u8]>::to_vec)?.unzip();
    let value = value.get_or_insert_default();
    if !part.is_empty() {
        check_length(context.limits, offset, part.len())?;
        let end = offset + part.len();
        value.resize(value.len().max(end), 0);
        value[offset..end].copy_from_slice(part);
        context.store.update_string(db, name, key.as_ref(), value)?;
    }
    Ok(Reply::Int(value.len() as i64))
}

fn strlen(context: &mut Context<'_>) -> Outcome {
    let length = context.store.find_string(context.db(), context.arg(1), <[u8]>::len)?;
    Ok(Reply::Int(length.map_or(0, |(_, length)| length as i64)))
}

fn set(context: &mut Context<'_>) -> Outcome {
    let options = Options::parse(context, 3, true)?;
    let expires_ms = options.expires_ms(context)?;
    let (db, name, value) = (context.db(), context.arg(1), context.arg(2));
    if !options.is_get && !options.is_keep_ttl && options.condition.is_none() {
        context.store.set_string(db, name, value, expires_ms)?;
        return Ok(Reply::ok());
    }
    let (key, old) = if options.is_get {
        context.store.find_string(db, name, <[u8]>::to_vec)?.unzip()
    } else {
        (context.store.find(db, name)?, None)
    };
    let is_set = match options.condition {
        None => true,
        Some(Condition::Absent) => key.is_none(),
        Some(Condition::Present) => key.is_some(),
    };
    if is_set {
        let kept_ms = key.as_ref().filter(|_| options.is_keep_ttl).and_then(|key| key.expires_ms);
        context.store.put_string(db, name, key.as_ref(), value, kept_ms.or(expires_ms))?;
    }
    match (options.is_get, is_set) {
        (true, _) => Ok(context.bulk_or_null(old)),
        (false, true) => Ok(Reply::ok()),
        (false, false) => Ok(context.null()),
    }
}

/// SET's NX and XX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Absent,
    Present,
}

/// The options of SET and GETEX.
#[derive(Debug, Default)]
struct Options {
    condition: Option<Condition>,
    is_get: bool,
    is_keep_ttl: bool,
    is_persist: bool,
    /// The unit, and at which argument the time is. Redis lets the same unit come twice; the last one counts.
    expiry: Option<(Expiry, usize)>,
}

impl Options {
    /// Reads the arguments from `from` on as SET's options, or as GETEX's.
    fn parse(context: &Context<'_>, from: usize, is_set: bool) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut at = from;
        while at < context.argv.len() {
            let is_word = |word| context.is_word(at, word);
            let is_free = options.expiry.is_none() && !options.is_persist && !options.is_keep_ttl;
            if is_set && is_word("NX") && options.condition != Some(Condition::Present) {
                options.condition = Some(Condition::Absent);
            } else if is_set && is_word("XX") && options.condition != Some(Condition::Absent) {
                options.condition = Some(Condition::Present);
            } else if is_set && is_word("GET") {
                options.is_get = true;
            } else if is_set && is_word("KEEPTTL") && (is_free || options.is_keep_ttl) {
                options.is_keep_ttl = true;
            } else if !is_set && is_word("PERSIST") && (is_free || options.is_persist) {
                options.is_persist = true;
            } else {
                let unit = Expiry::of_option(context, at);
                match unit.filter(|&unit| is_free || options.expiry.is_some_and(|(other, _)| other == unit)) {
                    Some(unit) if at + 1 < context.argv.len() => options.expiry = Some((unit, at + 1)),
                    _ => return refuse(texts::SYNTAX),
                }
                at += 1;
            }
            at += 1;
        }
        Ok(options)
    }

    /// When the key shall expire, in milliseconds since 1970, where an option says it.
    fn expires_ms(&self, context: &Context<'_>) -> Result<Option<i64>, Failure> {
        self.expiry.map(|(expiry, at)| expiry.parse(context, at)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::super::transcript::check;

    #[test]
    fn set_obeys_its_options() {
        check(
            r#"> SET k a
               OK
               > SET k b NX
               nil
               > SET k b XX GET
               "a"
               > SET k c NX GET
               "b"
               > SET new c NX GET
               nil
               > SET none c XX
               nil
               > GET k
               "b"
               > SET k d PX 1500
               OK
               > SET k e KEEPTTL
               OK
               > PTTL k
               1500
               > SET k f
               OK
               > PTTL k
               -1
               > SET k g PXAT 1699999999999
               OK
               > EXISTS k
               0"#,
        );
    }

    #[test]
    fn set_refuses_what_contradicts_itself() {
        check(
            r#"> SET k a NX XX
               -ERR syntax error
               > SET k a EX
               -ERR syntax error
               > SET k a EX 1 PX 1
               -ERR syntax error
               > SET k a EX 1 KEEPTTL
               -ERR syntax error
               > SET k a PERSIST
               -ERR syntax error
               > SET k a EX 1 EX 2
               OK
               > TTL k
               2
               > SET k a EX x
               -ERR value is not an integer or out of range
               > SET k a EX 0
               -ERR invalid expire time in 'set' command
               > SET k a EX 9223372036854775807
               -ERR invalid expire time in 'set' command
               > SET k a PX 9223372036854775807
               -ERR invalid expire time in 'set' command
               > SET k a PXAT 9223372036854775807
               OK
               > SETEX k 0 a
               -ERR invalid expire time in 'setex' command
               > PSETEX k -1 a
               -ERR invalid expire time in 'psetex' command"#,
        );
    }

    #[test]
    fn set_replaces_any_type_but_for_get() {
        check(
            r#"> LPUSH l a
               1
               > SET l b GET
               -WRONGTYPE Operation against a key holding the wrong kind of value
               > SET l b
               OK
               > GET l
               "b"
               > SADD s a
               1
               > GETSET s b
               -WRONGTYPE Operation against a key holding the wrong kind of value
               > MSET s c l d
               OK
               > MGET s l none
               ["c" "d" nil]"#,
        );
    }

    #[test]
    fn getex_sets_and_removes_expiry() {
        check(
            r#"> SET k v
               OK
               > GETEX k EX 10
               "v"
               > TTL k
               10
               > GETEX k PERSIST
               "v"
               > TTL k
               -1
               > GETEX k PERSIST EX 1
               -ERR syntax error
               > GETEX k KEEPTTL
               -ERR syntax error
               > GETEX none EX 0
               nil
               > GETEX k EX 0
               -ERR invalid expire time in 'getex' command
               > GETEX k PXAT 1700000000000
               "v"
               > EXISTS k
               0"#,
        );
    }

    #[test]
    fn integers_are_added_within_64_bits() {
        check(
            r#"> INCR n
               1
               > INCRBY n 9223372036854775806
               9223372036854775807
               > INCR n
               -ERR increment or decrement would overflow
               > DECRBY n 1
               9223372036854775806
               > DECRBY n -9223372036854775808
               -ERR decrement would overflow
               > SET n 01
               OK
               > INCR n
               -ERR value is not an integer or out of range
               > INCRBY n x
               -ERR value is not an integer or out of range
               > LPUSH l a
               1
               > INCR l
               -WRONGTYPE Operation against a key holding the wrong kind of value
               > INCRBY l x
               -ERR value is not an integer or out of range
               > DECR missing
               -1"#,
        );
    }

    #[test]
    fn floats_are_added_as_long_doubles() {
        check(
            r#"> INCRBYFLOAT f 10.5
               "10.5"
               > INCRBYFLOAT f 0.1
               "10.6"
               > INCRBYFLOAT f -10.6
               "0"
               > INCRBYFLOAT f 1e18
               "1000000000000000000"
               > INCRBYFLOAT f 0.3
               "1000000000000000000.3125"
               > INCRBYFLOAT f inf
               -ERR increment would produce NaN or Infinity
               > INCRBYFLOAT f x
               -ERR value is not a valid float
               > SET f ""
               OK
               > INCRBYFLOAT f 1
               -ERR value is not a valid float"#,
        );
    }

    #[test]
    fn ranges_are_cut_to_the_string() {
        check(
            r#"> SET k hello
               OK
               > GETRANGE k 1 -2
               "ell"
               > GETRANGE k -3 99
               "llo"
               > GETRANGE k 0 -100
               "h"
               > GETRANGE k -1 -2
               ""
               > SUBSTR k 3 1
               ""
               > GETRANGE none 0 -1
               ""
               > GETRANGE none x 0
               -ERR value is not an integer or out of range
               > SETRANGE k 7 xy
               9
               > GET k
               "hello\x00\x00xy"
               > SETRANGE k 1 E
               9
               > SETRANGE k 9 ""
               9
               > SETRANGE none 3 ""
               0
               > EXISTS none
               0
               > SETRANGE k -1 x
               -ERR offset is out of range
               > SETRANGE k 536870911 xy
               -ERR string exceeds maximum allowed size (proto-max-bulk-len)
               > STRLEN k
               9
               > APPEND k !
               10
               > APPEND new a
               1"#,
        );
    }

    #[test]
    fn several_keys_are_set_together() {
        check(
            r#"> MSET a 1 b
               -ERR wrong number of arguments for 'mset' command
               > MSETNX a 1 b
               -ERR wrong number of arguments for 'msetnx' command
               > MSETNX a 1 b 2 a 3
               1
               > MSETNX c 1 a 4
               0
               > MGET a b c
               ["3" "2" nil]
               > GETDEL a
               "3"
               > GETDEL a
               nil
               > SETNX b 9
               0"#,
        );
    }
}
