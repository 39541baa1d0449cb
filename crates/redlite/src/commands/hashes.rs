//! Commands on hashes.
//!
//! Order of checks and error texts: redis-server 7.0.15, probed.

use super::{Context, Outcome, Row, picks, scan};
use crate::failure::{Failure, refuse, texts};
use crate::long_double::{self, AddError, LongDouble};
use crate::number;
use crate::store::{Field, Key, Type};
use resp::Reply;

pub(super) const COMMANDS: &[Row] = &[
    ("HDEL", hdel),
    ("HEXISTS", hexists),
    ("HGET", hget),
    ("HGETALL", hgetall),
    ("HINCRBY", hincrby),
    ("HINCRBYFLOAT", hincrbyfloat),
    ("HKEYS", hkeys),
    ("HLEN", hlen),
    ("HMGET", hmget),
    ("HMSET", |context| set_fields(context, "HMSET").map(|_| Reply::ok())),
    ("HRANDFIELD", hrandfield),
    ("HSCAN", hscan),
    ("HSET", |context| set_fields(context, "HSET").map(Reply::Int)),
    ("HSETNX", hsetnx),
    ("HSTRLEN", hstrlen),
    ("HVALS", hvals),
];

/// A hash of no more fields answers HSCAN in one step, as Redis' compact encoding does: `hash-max-listpack-entries`.
const SCAN_AT_ONCE_MAX: i64 = 512;

/// The hash that the first argument names.
fn find(context: &mut Context<'_>) -> Result<Option<Key>, Failure> {
    context.store.find_as(context.db(), context.arg(1), Type::Hash)
}

/// The hash that the first argument names, made where it is missing.
fn find_or_create(context: &mut Context<'_>) -> Result<Key, Failure> {
    context.store.find_or_create(context.db(), context.arg(1), Type::Hash)
}

/// The hash that the first argument names, and the value of the field that the second one names.
fn find_value(context: &mut Context<'_>) -> Result<(Option<Key>, Option<Vec<u8>>), Failure> {
    let Some(key) = find(context)? else {
        return Ok((None, None));
    };
    let value = context.store.field(&key, context.arg(2))?;
    Ok((Some(key), value))
}

fn array(items: impl IntoIterator<Item = Vec<u8>>) -> Reply {
    Reply::Array(items.into_iter().map(Reply::Bulk).collect())
}

fn flatten(pairs: Vec<Field>) -> impl Iterator<Item = Vec<u8>> {
    pairs.into_iter().flat_map(|(field, value)| [field, value])
}

fn hdel(context: &mut Context<'_>) -> Outcome {
    let Some(mut key) = find(context)? else {
        return Ok(Reply::Int(0));
    };
    let before = key.length;
    for field in context.args_from(2) {
        context.store.remove_field(&mut key, field)?;
    }
    if key.length < before {
        context.store.update_extent(&key)?;
    }
    Ok(Reply::Int(before - key.length))
}

fn hexists(context: &mut Context<'_>) -> Outcome {
    let (_, value) = find_value(context)?;
    Ok(Reply::Int(value.is_some().into()))
}

fn hget(context: &mut Context<'_>) -> Outcome {
    let (_, value) = find_value(context)?;
    Ok(context.bulk_or_null(value))
}

fn hgetall(context: &mut Context<'_>) -> Outcome {
    let pairs = match find(context)? {
        Some(key) => context.store.fields_with_values(&key)?,
        None => Vec::new(),
    };
    Ok(context.map(pairs.into_iter().map(|(field, value)| (Reply::Bulk(field), Reply::Bulk(value))).collect()))
}

fn hincrby(context: &mut Context<'_>) -> Outcome {
    let increment = context.integer(3)?;
    let (key, old) = find_value(context)?;
    let old = match old {
        None => 0,
        Some(text) => match number::parse_integer(&text) {
            Some(value) => value,
            None => return refuse("ERR hash value is not an integer"),
        },
    };
    let Some(new) = old.checked_add(increment) else {
        return refuse("ERR increment or decrement would overflow");
    };
    set_field(context, key, new.to_string().as_bytes())?;
    Ok(Reply::Int(new))
}

fn hincrbyfloat(context: &mut Context<'_>) -> Outcome {
    let increment = context.arg(3);
    match LongDouble::parse(increment) {
        None => return refuse(texts::NOT_FLOAT),
        Some(value) if !value.is_finite() => return refuse("ERR value is NaN or Infinity"),
        Some(_) => {}
    }
    let (key, old) = find_value(context)?;
    let new = match long_double::add(old.as_deref().unwrap_or(b"0"), increment) {
        Ok(new) => new,
        Err(AddError::Value) => return refuse("ERR hash value is not a float"),
        Err(AddError::Increment) => return refuse(texts::NOT_FLOAT),
        Err(AddError::NotFinite) => return refuse("ERR increment would produce NaN or Infinity"),
    };
    set_field(context, key, &new)?;
    Ok(Reply::Bulk(new))
}

/// Gives the field that the second argument names this value, in the hash that the first one names: `key`.
fn set_field(context: &mut Context<'_>, key: Option<Key>, value: &[u8]) -> Result<(), Failure> {
    let mut key = match key {
        Some(key) => key,
        None => context.store.create(context.db(), context.arg(1), Type::Hash)?,
    };
    if context.store.set_field(&mut key, context.arg(2), value)? {
        context.store.update_extent(&key)?;
    }
    Ok(())
}

fn hkeys(context: &mut Context<'_>) -> Outcome {
    let Some(key) = find(context)? else {
        return Ok(array([]));
    };
    Ok(array(context.store.fields(&key)?))
}

fn hlen(context: &mut Context<'_>) -> Outcome {
    let key = find(context)?;
    Ok(Reply::Int(key.map_or(0, |key| key.length)))
}

fn hmget(context: &mut Context<'_>) -> Outcome {
    let key = find(context)?;
    let mut values = Vec::with_capacity(context.argv.len() - 2);
    for field in context.args_from(2) {
        let value = match &key {
            Some(key) => context.store.field(key, field)?,
            None => None,
        };
        values.push(context.bulk_or_null(value));
    }
    Ok(Reply::Array(values))
}

/// Sets the pairs of the request `command`; how many fields are new.
fn set_fields(context: &mut Context<'_>, command: &str) -> Result<i64, Failure> {
    if !context.argv.len().is_multiple_of(2) {
        return refuse(super::wrong_arity(command));
    }
    let mut key = find_or_create(context)?;
    let before = key.length;
    let mut args = context.args_from(2);
    while let (Some(field), Some(value)) = (args.next(), args.next()) {
        context.store.set_field(&mut key, field, value)?;
    }
    if key.length > before {
        context.store.update_extent(&key)?;
    }
    Ok(key.length - before)
}

fn hrandfield(context: &mut Context<'_>) -> Outcome {
    if context.argv.len() == 2 {
        let Some(key) = find(context)? else {
            return Ok(context.null());
        };
        let picked = pick(context, &key)?;
        return Ok(context.bulk_or_null(picked.map(|(field, _)| field)));
    }
    let count = picks::signed_count(context, 2)?;
    let with_values = context.argv.len() == 4 && context.is_word(3, "WITHVALUES");
    if context.argv.len() > 3 && !with_values {
        return refuse(texts::SYNTAX);
    }
    if with_values && !(-(i64::MAX / 2)..=i64::MAX / 2).contains(&count) {
        return refuse("ERR value is out of range");
    }
    let pairs = match find(context)? {
        Some(key) => pick_many(context, &key, count)?,
        None => Vec::new(),
    };
    Ok(match (with_values, context.connection.protocol) {
        (false, _) => array(pairs.into_iter().map(|(field, _)| field)),
        (true, ..3) => array(flatten(pairs)),
        (true, _) => Reply::Array(pairs.into_iter().map(|(field, value)| array([field, value])).collect()),
    })
}

fn pick(context: &mut Context<'_>, key: &Key) -> Result<Option<Field>, Failure> {
    let ordinal = context.random.below(key.length as u64) as i64;
    Ok(context.store.fields_by_ordinal(key, ordinal..ordinal + 1)?.pop())
}

/// Picks `count` different fields, or where it is negative so many with repetition.
fn pick_many(context: &mut Context<'_>, key: &Key, count: i64) -> Result<Vec<Field>, Failure> {
    if count >= key.length {
        return context.store.fields_with_values(key);
    }
    let mut pairs = Vec::new();
    for ordinal in picks::ordinals(context.random, key.length, count)? {
        pairs.extend(context.store.fields_by_ordinal(key, ordinal..ordinal + 1)?);
    }
    Ok(pairs)
}

/// A cursor is an ordinal: those below it are still to be seen. A field that moves while an iteration lasts moves
/// from an ordinal that was seen, or to one that will be: it cannot be missed.
fn hscan(context: &mut Context<'_>) -> Outcome {
    let cursor = scan::cursor(context, 2)?;
    let Some(key) = find(context)? else {
        return scan::reply(0, Vec::new());
    };
    let options = scan::options(context, 3, false)?;
    let step = if key.length <= SCAN_AT_ONCE_MAX {
        0..key.length
    } else {
        let end = i64::try_from(cursor).ok().filter(|&cursor| cursor != 0).unwrap_or(key.length).min(key.length);
        (end - options.count).max(0)..end
    };
    let next = step.start.unsigned_abs();
    let mut pairs = context.store.fields_by_ordinal(&key, step)?;
    pairs.retain(|(field, _)| options.matches(field));
    scan::reply(next, flatten(pairs).map(Reply::Bulk).collect())
}

fn hsetnx(context: &mut Context<'_>) -> Outcome {
    let mut key = find_or_create(context)?;
    let added = context.store.add_field(&mut key, context.arg(2), context.arg(3))?;
    if added {
        context.store.update_extent(&key)?;
    }
    Ok(Reply::Int(added.into()))
}

fn hstrlen(context: &mut Context<'_>) -> Outcome {
    let (_, value) = find_value(context)?;
    Ok(Reply::Int(value.map_or(0, |value| value.len() as i64)))
}

fn hvals(context: &mut Context<'_>) -> Outcome {
    let Some(key) = find(context)? else {
        return Ok(array([]));
    };
    Ok(array(context.store.values(&key)?))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::transcript::check;
    use super::*;
    use crate::Redlite;
    use resp::Argv;

    #[test]
    fn fields_are_set_read_and_removed() {
        check(
            "> HSET k a 1 b 2 a 3
             2
             > HMGET k a b c
             [\"3\" \"2\" nil]
             > HMSET k c 4
             OK
             > HSETNX k c 5
             0
             > HGETALL k
             [\"a\" \"3\" \"b\" \"2\" \"c\" \"4\"]
             > HSTRLEN k c
             1
             > HDEL k a none c
             2
             > HKEYS k
             [\"b\"]
             > HVALS k
             [\"2\"]
             > HDEL k b
             1
             > EXISTS k
             0
             > HGET k b
             nil",
        );
    }

    #[test]
    fn numbers_are_added_to() {
        check(
            "> HINCRBY k n 5
             5
             > HINCRBYFLOAT k n 0.1
             \"5.1\"
             > HINCRBY k n 1
             -ERR hash value is not an integer
             > HSET k big 9223372036854775807 word x
             2
             > HINCRBY k big 1
             -ERR increment or decrement would overflow
             > HINCRBYFLOAT k word 1
             -ERR hash value is not a float
             > HINCRBYFLOAT none n inf
             -ERR value is NaN or Infinity
             > HINCRBYFLOAT none n nan
             -ERR value is not a valid float
             > EXISTS none
             0",
        );
    }

    #[test]
    fn refusals_come_in_the_order_of_redis() {
        check(
            "> RPUSH l a
             1
             > HSET l f v g
             -ERR wrong number of arguments for 'hset' command
             > HINCRBY l f x
             -ERR value is not an integer or out of range
             > HGET l f
             -WRONGTYPE Operation against a key holding the wrong kind of value
             > HSCAN l x
             -ERR invalid cursor
             > HSCAN none 0 WORD
             [\"0\" []]
             > HSET k f v
             1
             > HSCAN k 0 COUNT 0
             -ERR syntax error
             > HRANDFIELD k -9223372036854775808
             -ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807
             > HRANDFIELD k 4611686018427387904 WITHVALUES
             -ERR value is out of range
             > HRANDFIELD k 1 WORD
             -ERR syntax error",
        );
    }

    #[test]
    fn random_fields_are_there_and_differ_unless_asked_otherwise() {
        check(
            "> HRANDFIELD none
             nil
             > HRANDFIELD none 3
             []
             > HSET k a 1
             1
             > HRANDFIELD k
             \"a\"
             > HRANDFIELD k -3
             [\"a\" \"a\" \"a\"]
             > HRANDFIELD k -2 WITHVALUES
             [\"a\" \"1\" \"a\" \"1\"]
             > HRANDFIELD k 5 WITHVALUES
             [\"a\" \"1\"]",
        );
    }

    #[test]
    fn an_iteration_sees_every_field_that_stays_although_others_go() {
        let mut client = Redlite::open_in_memory().expect("SQLite has memory").client();
        let mut call = |command: String| client.execute(&command.split(' ').collect::<Argv>());
        let fields = 2000;
        for field in 0..fields {
            call(format!("HSET k {field} v"));
        }
        let mut seen = BTreeSet::new();
        let mut cursor = "0".to_owned();
        for step in 0.. {
            let reply = call(format!("HSCAN k {cursor} COUNT 7"));
            let [Reply::Bulk(next), Reply::Array(pairs)] = reply.as_elements().unwrap_or_default() else {
                panic!("no step of an iteration: {reply:?}");
            };
            seen.extend(pairs.iter().step_by(2).filter_map(Reply::as_bytes).map(<[u8]>::to_vec));
            cursor = String::from_utf8_lossy(next).into_owned();
            if cursor == "0" {
                break;
            }
            assert!(step < fields, "the iteration does not end");
            call(format!("HDEL k {}", step * 2));
        }
        let missed: Vec<i64> = (1..fields).step_by(2).filter(|n| !seen.contains(n.to_string().as_bytes())).collect();
        assert!(missed.is_empty(), "fields that were there all the time: {missed:?}");
    }
}
