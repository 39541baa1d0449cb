//! Commands on sets.

use super::{Context, Outcome, Row, picks, scan};
use crate::failure::{Failure, refuse, texts};
use crate::number;
use crate::store::{Key, Type};
use resp::Reply;

pub(super) const COMMANDS: &[Row] = &[
    ("SADD", sadd),
    ("SCARD", scard),
    ("SDIFF", sdiff),
    ("SDIFFSTORE", sdiffstore),
    ("SINTER", sinter),
    ("SINTERCARD", sintercard),
    ("SINTERSTORE", sinterstore),
    ("SISMEMBER", sismember),
    ("SMEMBERS", smembers),
    ("SMISMEMBER", smismember),
    ("SMOVE", smove),
    ("SPOP", spop),
    ("SRANDMEMBER", srandmember),
    ("SREM", srem),
    ("SSCAN", sscan),
    ("SUNION", sunion),
    ("SUNIONSTORE", sunionstore),
];

fn find(context: &mut Context<'_>, at: usize) -> Result<Option<Key>, Failure> {
    let (db, name) = (context.db(), context.arg(at));
    context.store.find_as(db, name, Type::Set)
}

fn bulks(members: Vec<Vec<u8>>) -> Vec<Reply> {
    members.into_iter().map(Reply::Bulk).collect()
}

fn sadd(context: &mut Context<'_>) -> Outcome {
    let (db, name) = (context.db(), context.arg(1));
    let mut key = context.store.find_or_create(db, name, Type::Set)?;
    let before = key.length;
    for member in context.args_from(2) {
        context.store.set_add(&mut key, member)?;
    }
    if key.length > before {
        context.store.update_extent(&key)?;
    }
    Ok(Reply::Int(key.length - before))
}

fn srem(context: &mut Context<'_>) -> Outcome {
    let Some(mut key) = find(context, 1)? else {
        return Ok(Reply::Int(0));
    };
    let before = key.length;
    for member in context.args_from(2) {
        context.store.set_remove(&mut key, member)?;
    }
    if key.length < before {
        context.store.update_extent(&key)?;
    }
    Ok(Reply::Int(before - key.length))
}

fn scard(context: &mut Context<'_>) -> Outcome {
    Ok(Reply::Int(find(context, 1)?.map_or(0, |key| key.length)))
}

fn is_member(context: &Context<'_>, key: Option<&Key>, member: &[u8]) -> Outcome {
    let found = key.map_or(Ok(false), |key| context.store.set_contains(key, member))?;
    Ok(Reply::Int(i64::from(found)))
}

fn sismember(context: &mut Context<'_>) -> Outcome {
    let key = find(context, 1)?;
    is_member(context, key.as_ref(), context.arg(2))
}

fn smismember(context: &mut Context<'_>) -> Outcome {
    let key = find(context, 1)?;
    let found = context.args_from(2).map(|member| is_member(context, key.as_ref(), member));
    Ok(Reply::Array(found.collect::<Result<_, _>>()?))
}

fn smembers(context: &mut Context<'_>) -> Outcome {
    let key = find(context, 1)?;
    let members = key.map_or(Ok(Vec::new()), |key| context.store.set_members(&key))?;
    Ok(context.set(bulks(members)))
}

fn smove(context: &mut Context<'_>) -> Outcome {
    let (db, source_name, destination_name) = (context.db(), context.arg(1), context.arg(2));
    let member = context.arg(3);
    // Where there is no source, Redis does not look at the destination's type.
    let Some(source) = context.store.find(db, source_name)? else {
        return Ok(Reply::Int(0));
    };
    if source.kind != Type::Set {
        return refuse(texts::WRONG_TYPE);
    }
    let destination = context.store.find_as(db, destination_name, Type::Set)?;
    if source_name == destination_name {
        return is_member(context, Some(&source), member);
    }
    let mut source = source;
    if !context.store.set_remove(&mut source, member)? {
        return Ok(Reply::Int(0));
    }
    context.store.update_extent(&source)?;
    let mut destination = match destination {
        Some(key) => key,
        None => context.store.create(db, destination_name, Type::Set)?,
    };
    if context.store.set_add(&mut destination, member)? {
        context.store.update_extent(&destination)?;
    }
    Ok(Reply::Int(1))
}

// Random picks.

/// The argument at `at` as a count of 0 or more; `text` for anything else.
pub(super) fn count_or(context: &Context<'_>, at: usize, text: &'static str) -> Result<i64, Failure> {
    match number::parse_integer(context.arg(at)) {
        Some(count @ 0..) => Ok(count),
        _ => refuse(text),
    }
}

fn spop(context: &mut Context<'_>) -> Outcome {
    match context.argv.len() {
        2 => spop_one(context),
        3 => spop_many(context),
        _ => refuse(texts::SYNTAX),
    }
}

/// Removes a member at random. The set is not empty.
fn pop_member(context: &mut Context<'_>, key: &mut Key) -> Result<Option<Vec<u8>>, Failure> {
    let ordinal = context.random.below(key.length.unsigned_abs()) as i64;
    let member = context.store.set_member_at(key, ordinal)?;
    if let Some(member) = &member {
        context.store.set_remove(key, member)?;
    }
    Ok(member)
}

fn spop_one(context: &mut Context<'_>) -> Outcome {
    let Some(mut key) = find(context, 1)? else {
        return Ok(context.null());
    };
    let member = pop_member(context, &mut key)?;
    context.store.update_extent(&key)?;
    Ok(context.bulk_or_null(member))
}

/// Where SPOP leaves so many times fewer members than it removes, Redis moves those that it leaves to a new set.
const MOVE_FACTOR: i64 = 5;

fn spop_many(context: &mut Context<'_>) -> Outcome {
    let count = count_or(context, 2, texts::MUST_BE_POSITIVE)?;
    let Some(mut key) = find(context, 1)?.filter(|_| count > 0) else {
        return Ok(context.set(Vec::new()));
    };
    if count >= key.length {
        let members = context.store.set_members(&key)?;
        context.store.delete(&key)?;
        return Ok(context.set(bulks(members)));
    }
    let mut members = Vec::new();
    for _ in 0..count {
        members.extend(pop_member(context, &mut key)?.map(Reply::Bulk));
    }
    if key.length * MOVE_FACTOR <= count {
        key.rebuild_set(&context.store.set_members(&key)?);
    }
    context.store.update_extent(&key)?;
    Ok(context.set(members))
}

fn srandmember(context: &mut Context<'_>) -> Outcome {
    match context.argv.len() {
        2 => srandmember_one(context),
        3 => srandmember_many(context),
        _ => refuse(texts::SYNTAX),
    }
}

fn srandmember_one(context: &mut Context<'_>) -> Outcome {
    let Some(key) = find(context, 1)? else {
        return Ok(context.null());
    };
    let ordinal = context.random.below(key.length.unsigned_abs()) as i64;
    let member = context.store.set_member_at(&key, ordinal)?;
    Ok(context.bulk_or_null(member))
}

fn srandmember_many(context: &mut Context<'_>) -> Outcome {
    let count = picks::signed_count(context, 2)?;
    let Some(key) = find(context, 1)?.filter(|_| count != 0) else {
        return Ok(Reply::Array(Vec::new()));
    };
    if count >= key.length {
        let members = context.store.set_members(&key)?;
        return Ok(Reply::Array(bulks(members)));
    }
    let mut members = Vec::new();
    for ordinal in picks::ordinals(context.random, key.length, count)? {
        members.extend(context.store.set_member_at(&key, ordinal)?.map(Reply::Bulk));
    }
    Ok(Reply::Array(members))
}

fn sscan(context: &mut Context<'_>) -> Outcome {
    let cursor = scan::cursor(context, 2)?;
    let Some(key) = find(context, 1)? else {
        return scan::reply(0, Vec::new());
    };
    let options = scan::options(context, 3, false)?;
    // The cursor is the ordinal before which the walk goes on, downwards: a removal moves the last member, which
    // has been seen, into the hole, so none is missed.
    let to = match i64::try_from(cursor) {
        Ok(cursor @ 1..) => cursor.min(key.length),
        _ => key.length,
    };
    let from = to.saturating_sub(options.count).max(0);
    let members = context.store.set_members_between(&key, from, to)?;
    let matching = members.into_iter().filter(|member| options.matches(member));
    scan::reply(from.unsigned_abs(), matching.map(Reply::Bulk).collect())
}

// Set algebra.

/// The sets that the arguments `keys` name; every one is looked at, so that a wrong type is found.
fn operands(context: &mut Context<'_>, keys: std::ops::Range<usize>) -> Result<Vec<Option<Key>>, Failure> {
    keys.map(|at| find(context, at)).collect()
}

/// The first of `members` that `keep` lets through, at most `limit`.
fn select(
    members: Vec<Vec<u8>>,
    limit: usize,
    mut keep: impl FnMut(&[u8]) -> Result<bool, Failure>,
) -> Result<Vec<Vec<u8>>, Failure> {
    let mut selected = Vec::new();
    for member in members {
        if selected.len() == limit {
            break;
        }
        if keep(&member)? {
            selected.push(member);
        }
    }
    Ok(selected)
}

/// The members that are in all sets, at most `limit`.
fn intersection(
    context: &mut Context<'_>,
    keys: std::ops::Range<usize>,
    limit: usize,
) -> Result<Vec<Vec<u8>>, Failure> {
    let Some(mut sets) = operands(context, keys)?.into_iter().collect::<Option<Vec<Key>>>() else {
        return Ok(Vec::new());
    };
    sets.sort_by_key(|key| key.length);
    let Some((smallest, others)) = sets.split_first() else {
        return Ok(Vec::new());
    };
    let store = &*context.store;
    select(store.set_members(smallest)?, limit, |member| {
        for other in others {
            if !store.set_contains(other, member)? {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

/// The members of the first set that are in no other.
fn difference(context: &mut Context<'_>, keys: std::ops::Range<usize>) -> Result<Vec<Vec<u8>>, Failure> {
    let sets = operands(context, keys)?;
    let Some((Some(first), others)) = sets.split_first() else {
        return Ok(Vec::new());
    };
    let store = &*context.store;
    select(store.set_members(first)?, usize::MAX, |member| {
        for other in others.iter().flatten() {
            if store.set_contains(other, member)? {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

/// The members that are in any set.
fn union(context: &mut Context<'_>, keys: std::ops::Range<usize>) -> Result<Vec<Vec<u8>>, Failure> {
    let mut members = Vec::new();
    for set in operands(context, keys)?.iter().flatten() {
        members.append(&mut context.store.set_members(set)?);
    }
    members.sort_unstable();
    members.dedup();
    Ok(members)
}

/// Makes the first argument a set of these members; deletes it where there are none.
fn store_members(context: &mut Context<'_>, members: &[Vec<u8>]) -> Outcome {
    let (db, name) = (context.db(), context.arg(1));
    if members.is_empty() {
        if let Some(old) = context.store.find(db, name)? {
            context.store.delete(&old)?;
        }
        return Ok(Reply::Int(0));
    }
    let mut key = context.store.replace(db, name, Type::Set)?;
    for member in members {
        context.store.set_add(&mut key, member)?;
    }
    context.store.update_extent(&key)?;
    Ok(Reply::Int(key.length))
}

fn sdiff(context: &mut Context<'_>) -> Outcome {
    let members = difference(context, 1..context.argv.len())?;
    Ok(context.set(bulks(members)))
}

fn sdiffstore(context: &mut Context<'_>) -> Outcome {
    let members = difference(context, 2..context.argv.len())?;
    store_members(context, &members)
}

fn sinter(context: &mut Context<'_>) -> Outcome {
    let members = intersection(context, 1..context.argv.len(), usize::MAX)?;
    Ok(context.set(bulks(members)))
}

fn sinterstore(context: &mut Context<'_>) -> Outcome {
    let members = intersection(context, 2..context.argv.len(), usize::MAX)?;
    store_members(context, &members)
}

fn sintercard(context: &mut Context<'_>) -> Outcome {
    let count = match number::parse_integer(context.arg(1)) {
        Some(count @ 1..) => count as usize,
        _ => return refuse("ERR numkeys should be greater than 0"),
    };
    if count > context.argv.len() - 2 {
        return refuse("ERR Number of keys can't be greater than number of args");
    }
    let keys = 2..2 + count;
    let mut limit = 0;
    let mut at = keys.end;
    while at < context.argv.len() {
        if !context.is_word(at, "LIMIT") || at + 1 == context.argv.len() {
            return refuse(texts::SYNTAX);
        }
        limit = count_or(context, at + 1, LIMIT_NEGATIVE)?;
        at += 2;
    }
    let members = intersection(context, keys, limit_or_all(limit))?;
    Ok(Reply::Int(members.len() as i64))
}

/// Redis' text for the LIMIT of SINTERCARD and ZINTERCARD.
pub(super) const LIMIT_NEGATIVE: &str = "ERR LIMIT can't be negative";

/// The LIMIT of SINTERCARD and ZINTERCARD, whose 0 means all.
pub(super) fn limit_or_all(limit: i64) -> usize {
    if limit == 0 { usize::MAX } else { limit as usize }
}

fn sunion(context: &mut Context<'_>) -> Outcome {
    let members = union(context, 1..context.argv.len())?;
    Ok(context.set(bulks(members)))
}

fn sunionstore(context: &mut Context<'_>) -> Outcome {
    let members = union(context, 2..context.argv.len())?;
    store_members(context, &members)
}

#[cfg(test)]
mod tests {
    use super::super::transcript::{check, check_on};
    use crate::Redlite;
    use resp::{Argv, Reply};

    #[test]
    fn members_are_added_looked_up_and_removed() {
        check(
            r#"> SADD s a b a
               2
               > SMISMEMBER s a x
               [1 0]
               > SREM s a x
               1
               > SMEMBERS s
               ["b"]
               > SREM s b
               1
               > EXISTS s
               0
               > SET s x
               OK
               > SADD s a
               -WRONGTYPE Operation against a key holding the wrong kind of value"#,
        );
    }

    #[test]
    fn smove_looks_at_the_source_first() {
        check(
            r#"> SET string x
               OK
               > SMOVE none string a
               0
               > SADD s a b
               2
               > SMOVE s string a
               -WRONGTYPE Operation against a key holding the wrong kind of value
               > SMOVE s s a
               1
               > SMOVE s t a
               1
               > SMOVE s t a
               0
               > SMOVE s t b
               1
               > EXISTS s
               0
               > SCARD t
               2"#,
        );
    }

    #[test]
    fn algebra_reads_every_key_and_stores_what_is_left() {
        check(
            r#"> SADD a 1 2 3
               3
               > SADD b 2 3 4
               3
               > SINTER a b
               ["2" "3"]
               > SDIFF a b none
               ["1"]
               > SUNION b none a
               ["1" "2" "3" "4"]
               > SINTERCARD 2 a b LIMIT 1
               1
               > SINTERCARD 3 a b
               -ERR Number of keys can't be greater than number of args
               > SINTERCARD 1 a LIMIT -1
               -ERR LIMIT can't be negative
               > SDIFFSTORE a a b
               1
               > SMEMBERS a
               ["1"]
               > SINTERSTORE a a b
               0
               > EXISTS a
               0
               > SET string x
               OK
               > SINTER none string
               -WRONGTYPE Operation against a key holding the wrong kind of value"#,
        );
    }

    #[test]
    fn random_members_are_there() {
        check(
            r#"> SPOP none
               nil
               > SPOP none 1
               []
               > SADD s a
               1
               > SRANDMEMBER s -2
               ["a" "a"]
               > SRANDMEMBER s 5
               ["a"]
               > SPOP s -1
               -ERR value is out of range, must be positive
               > SPOP s
               "a"
               > EXISTS s
               0"#,
        );
    }

    #[test]
    fn a_scan_sees_every_member_that_stays_although_others_go() {
        let mut client = Redlite::open_in_memory().expect("SQLite has memory").client();
        let mut call = |command: String| client.execute(&command.split(' ').collect::<Argv>());
        for member in 0..100 {
            call(format!("SADD s {member}"));
        }
        let mut seen = Vec::new();
        let mut cursor = "0".to_owned();
        for removed in (0..100).step_by(2) {
            let reply = call(format!("SSCAN s {cursor} COUNT 7"));
            let Some([Reply::Bulk(next), Reply::Array(members)]) = reply.as_elements() else {
                panic!("no step of a scan: {reply:?}");
            };
            seen.extend(members.iter().filter_map(|member| member.as_bytes().map(<[u8]>::to_vec)));
            cursor = String::from_utf8_lossy(next).into_owned();
            if cursor == "0" {
                break;
            }
            call(format!("SREM s {removed}"));
        }
        assert_eq!(cursor, "0", "the scan ends");
        let missed: Vec<_> = (1..100).step_by(2).filter(|n| !seen.contains(&n.to_string().into_bytes())).collect();
        assert_eq!(missed, Vec::<i32>::new(), "members that were there all the time");
    }

    #[test]
    fn a_member_that_goes_leaves_no_hole() {
        let mut client = Redlite::open_in_memory().expect("SQLite has memory").client();
        check_on(
            &mut client,
            r#"> SADD s a b c d
               4
               > SREM s b
               1
               > SREM s d
               1
               > SSCAN s 0 COUNT 1
               ["1" ["c"]]
               > SSCAN s 1 COUNT 1
               ["0" ["a"]]
               > SPOP s 2
               ["a" "c"]"#,
        );
    }
}
