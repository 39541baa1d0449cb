//! Removing members from either end.

use super::{find, members_reply};
use crate::redlite::commands::{Context, Outcome, sets};
use crate::redlite::failure::{Failure, refuse, texts};
use crate::redlite::number;
use crate::redlite::store::{Key, Scored};
use crate::resp::Reply;

pub(super) fn zpopmin(context: &mut Context<'_>) -> Outcome {
    pop(context, false)
}

pub(super) fn zpopmax(context: &mut Context<'_>) -> Outcome {
    pop(context, true)
}

/// ZPOPMIN, or with `reverse` ZPOPMAX.
fn pop(context: &mut Context<'_>, reverse: bool) -> Outcome {
    let count = match context.argv.len() {
        2 => None,
        3 => Some(sets::count_or(context, 2, texts::MUST_BE_POSITIVE)?),
        _ => return refuse(texts::SYNTAX),
    };
    let Some(mut key) = find(context, 1)? else {
        return Ok(Reply::Array(Vec::new()));
    };
    let mut members = pop_members(context, &mut key, count.unwrap_or(1), reverse)?;
    // Without a count the pair is flat in RESP3 too.
    match (count, members.pop()) {
        (None, Some(Scored { member, score })) => Ok(Reply::Array(vec![Reply::Bulk(member), context.double(score)])),
        (_, last) => {
            members.extend(last);
            Ok(members_reply(context, members, true))
        }
    }
}

/// Removes at most `count` members from the end with the lowest scores, or with `reverse` from the other.
fn pop_members(context: &mut Context<'_>, key: &mut Key, count: i64, reverse: bool) -> Result<Vec<Scored>, Failure> {
    let members = context.store.zset_by_rank(key, 0, count, reverse)?;
    for scored in &members {
        context.store.zset_remove(key, &scored.member)?;
    }
    if !members.is_empty() {
        context.store.update_extent(key)?;
    }
    Ok(members)
}

/// The integer at `at`, which is at least 1; `text` otherwise.
fn positive(context: &Context<'_>, at: usize, text: &'static str) -> Result<i64, Failure> {
    match number::parse_integer(context.arg(at)) {
        Some(value @ 1..) => Ok(value),
        _ => refuse(text),
    }
}

pub(super) fn zmpop(context: &mut Context<'_>) -> Outcome {
    let keys = positive(context, 1, "ERR numkeys should be greater than 0")? as usize;
    let where_at = keys.saturating_add(2);
    let reverse = match () {
        () if context.is_word(where_at, "MIN") => false,
        () if context.is_word(where_at, "MAX") => true,
        () => return refuse(texts::SYNTAX),
    };
    let count = match context.argv.len() - where_at {
        1 => 1,
        3.. if context.is_word(where_at + 1, "COUNT") => {
            positive(context, where_at + 2, "ERR count should be greater than 0")?
        }
        _ => return refuse(texts::SYNTAX),
    };
    if context.argv.len() > where_at + 3 {
        return refuse(texts::SYNTAX);
    }
    for at in 2..where_at {
        let Some(mut key) = find(context, at)? else {
            continue;
        };
        let members = pop_members(context, &mut key, count, reverse)?;
        let pairs = members
            .into_iter()
            .map(|Scored { member, score }| Reply::Array(vec![Reply::Bulk(member), context.double(score)]));
        return Ok(Reply::Array(vec![Reply::bulk(context.arg(at)), Reply::Array(pairs.collect())]));
    }
    Ok(context.null_array())
}
