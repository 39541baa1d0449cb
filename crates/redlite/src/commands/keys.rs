//! Commands on keys of any type.

use super::connection::database_at;
use super::{Context, Outcome, Row, scan};
use crate::failure::{Failure, refuse, texts};
use crate::glob;
use crate::store::Type;
use resp::Reply;

pub(super) const COMMANDS: &[Row] = &[
    ("COPY", copy),
    ("DEL", del),
    ("EXISTS", exists),
    ("KEYS", keys),
    ("MOVE", relocate),
    ("RANDOMKEY", randomkey),
    ("RENAME", rename),
    ("RENAMENX", renamenx),
    ("SCAN", scan),
    ("TOUCH", exists),
    ("TYPE", kind),
    ("UNLINK", del),
];

fn copy(context: &mut Context<'_>) -> Outcome {
    let (mut to_db, mut is_replace) = (context.db(), false);
    let mut at = 3;
    while at < context.argv.len() {
        if context.is_word(at, "REPLACE") {
            is_replace = true;
        } else if context.is_word(at, "DB") && at + 1 < context.argv.len() {
            at += 1;
            to_db = database_at(context, at)?;
        } else {
            return refuse(texts::SYNTAX);
        }
        at += 1;
    }
    let (from, to) = (context.arg(1), context.arg(2));
    if to_db == context.db() && from == to {
        return refuse(texts::SAME_OBJECT);
    }
    let Some(key) = context.store.find(context.db(), from)? else {
        return Ok(Reply::Int(0));
    };
    if let Some(old) = context.store.find(to_db, to)? {
        if !is_replace {
            return Ok(Reply::Int(0));
        }
        context.store.delete(&old)?;
    }
    context.store.copy(&key, to_db, to)?;
    Ok(Reply::Int(1))
}

fn del(context: &mut Context<'_>) -> Outcome {
    let mut count = 0;
    for name in context.args_from(1) {
        if let Some(key) = context.store.find(context.db(), name)? {
            context.store.delete(&key)?;
            count += 1;
        }
    }
    Ok(Reply::Int(count))
}

/// EXISTS and TOUCH: a key that is named twice counts twice.
fn exists(context: &mut Context<'_>) -> Outcome {
    let mut count = 0;
    for name in context.args_from(1) {
        count += i64::from(context.store.find(context.db(), name)?.is_some());
    }
    Ok(Reply::Int(count))
}

fn keys(context: &mut Context<'_>) -> Outcome {
    let pattern = context.arg(1);
    let names = context.store.names(context.db())?.into_iter().map(|(name, _)| name);
    Ok(Reply::Array(names.filter(|name| glob::selects(pattern, name)).map(Reply::Bulk).collect()))
}

/// MOVE
fn relocate(context: &mut Context<'_>) -> Outcome {
    let to_db = database_at(context, 2)?;
    if to_db == context.db() {
        return refuse(texts::SAME_OBJECT);
    }
    let name = context.arg(1);
    let Some(key) = context.store.find(context.db(), name)? else {
        return Ok(Reply::Int(0));
    };
    if context.store.find(to_db, name)?.is_some() {
        return Ok(Reply::Int(0));
    }
    context.store.relocate(&key, to_db, name)?;
    Ok(Reply::Int(1))
}

fn randomkey(context: &mut Context<'_>) -> Outcome {
    let count = context.store.count_keys(context.db())?;
    let at = context.random.below(count.unsigned_abs());
    let name = context.store.name_at(context.db(), at.cast_signed())?;
    Ok(context.bulk_or_null(name))
}

fn rename(context: &mut Context<'_>) -> Outcome {
    rename_key(context, true)?;
    Ok(Reply::ok())
}

fn renamenx(context: &mut Context<'_>) -> Outcome {
    Ok(Reply::Int(i64::from(rename_key(context, false)?)))
}

/// Renames the key, over another one only where `is_replace`; true where its new name was free or made free.
fn rename_key(context: &mut Context<'_>, is_replace: bool) -> Result<bool, Failure> {
    let (db, from, to) = (context.db(), context.arg(1), context.arg(2));
    let Some(key) = context.store.find(db, from)? else {
        return refuse(texts::NO_SUCH_KEY);
    };
    if from == to {
        return Ok(false);
    }
    if let Some(old) = context.store.find(db, to)? {
        if !is_replace {
            return Ok(false);
        }
        context.store.delete(&old)?;
    }
    context.store.relocate(&key, db, to)?;
    Ok(true)
}

fn scan(context: &mut Context<'_>) -> Outcome {
    let cursor = scan::cursor(context, 1)?;
    let options = scan::options(context, 2, true)?;
    // A cursor is the id of the next key: one key more than asked for tells it. No id is beyond i64.
    let from = i64::try_from(cursor).unwrap_or(i64::MAX);
    let mut found = context.store.names_from(context.db(), from, options.count.saturating_add(1))?;
    let next = match usize::try_from(options.count) {
        Ok(count) if count < found.len() => found.drain(count..).next().map_or(0, |(id, ..)| id.unsigned_abs()),
        _ => 0,
    };
    let is_kind = |kind: Type| options.kind.is_none_or(|name| Type::by_name(name) == Some(kind));
    let elements = found.into_iter().filter(|(_, name, kind)| is_kind(*kind) && options.matches(name));
    scan::reply(next, elements.map(|(_, name, _)| Reply::Bulk(name)).collect())
}

/// TYPE
fn kind(context: &mut Context<'_>) -> Outcome {
    let key = context.store.find(context.db(), context.arg(1))?;
    Ok(Reply::Simple(key.map_or("none", |key| key.kind.name()).into()))
}

#[cfg(test)]
mod tests {
    use super::super::transcript::check;

    #[test]
    fn a_key_is_copied_with_its_expiry() {
        check(
            r#"> SET a 1 PX 5000
               OK
               > COPY a b
               1
               > COPY a b
               0
               > PTTL b
               5000
               > RPUSH l x y
               2
               > COPY l b REPLACE
               1
               > LRANGE b 0 -1
               ["x" "y"]
               > TTL b
               -1
               > COPY a a
               -ERR source and destination objects are the same
               > COPY a a DB 1
               1
               > COPY none b REPLACE
               0
               > COPY a b DB
               -ERR syntax error
               > COPY a b DB x
               -ERR value is not an integer or out of range
               > COPY a b DB 16
               -ERR DB index is out of range
               > COPY a b DB 2147483648
               -ERR value is out of range, value must between -2147483648 and 2147483647
               > COPY a b FOO
               -ERR syntax error"#,
        );
    }

    #[test]
    fn a_key_moves_between_databases() {
        check(
            r#"> SET a 1 PX 5000
               OK
               > MOVE a 0
               -ERR source and destination objects are the same
               > MOVE a 1
               1
               > EXISTS a
               0
               > SELECT 1
               OK
               > PTTL a
               5000
               > SELECT 0
               OK
               > SET a 2
               OK
               > MOVE a 1
               0
               > MOVE none 1
               0
               > MOVE a x
               -ERR value is not an integer or out of range
               > MOVE a -1
               -ERR DB index is out of range"#,
        );
    }

    #[test]
    fn a_renamed_key_replaces_another() {
        check(
            r#"> SET a 1 PX 5000
               OK
               > RPUSH b x
               1
               > RENAMENX a b
               0
               > RENAMENX a a
               0
               > RENAME a a
               OK
               > RENAME a b
               OK
               > PTTL b
               5000
               > TYPE b
               string
               > RENAME a b
               -ERR no such key
               > RENAMENX none b
               -ERR no such key
               > DEL b b none
               1
               > RANDOMKEY
               nil"#,
        );
    }

    #[test]
    fn keys_named_twice_count_twice() {
        check(
            r#"> MSET a 1 b 2
               OK
               > EXISTS a a none b
               3
               > TOUCH a a none
               2
               > UNLINK a a
               1
               > TYPE a
               none
               > TYPE b
               string
               > KEYS ?
               ["b"]
               > KEYS [^b]
               []
               > RANDOMKEY
               "b""#,
        );
    }

    #[test]
    fn scan_filters_what_it_looks_at() {
        check(
            r#"> SET a 1
               OK
               > RPUSH l 1
               1
               > SCAN 0 TYPE LIST COUNT 10
               ["0" ["l"]]
               > SCAN 0 MATCH a TYPE string COUNT 99
               ["0" ["a"]]
               > SCAN 0 TYPE nothing
               ["0" []]
               > SCAN x
               -ERR invalid cursor
               > SCAN 0 COUNT 0
               -ERR syntax error
               > SCAN 0 COUNT x
               -ERR value is not an integer or out of range
               > SCAN 0 MATCH
               -ERR syntax error
               > SCAN 0 FOO 1
               -ERR syntax error"#,
        );
    }
    #[test]
    fn a_scan_goes_on_where_it_stopped() {
        check(
            r#"> MSET a 1 b 2 c 3 d 4
               OK
               > SCAN 0 COUNT 2
               ["3" ["a" "b"]]
               > DEL c
               1
               > SCAN 3 COUNT 2
               ["0" ["d"]]
               > SCAN 18446744073709551615
               ["0" []]"#,
        );
    }
}
