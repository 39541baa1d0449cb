//! Removing members from either end.

use std::ops::Range;

use super::{find, members_reply};
use crate::commands::{Context, Outcome, sets};
use crate::failure::{Failure, refuse, texts};
use crate::number;
use crate::store::{Key, Scored, Type};
use resp::Reply;

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

/// Removes the member at an end of the sorted set of this name; returns it, where there was one.
pub(in crate::commands) fn pop_one(
    context: &mut Context<'_>,
    name: &[u8],
    reverse: bool,
) -> Result<Option<Scored>, Failure> {
    match context.store.find_as(context.db(), name, Type::SortedSet)? {
        Some(mut key) => Ok(pop_members(context, &mut key, 1, reverse)?.pop()),
        None => Ok(None),
    }
}

/// A request of ZMPOP or BZMPOP.
pub(in crate::commands) struct MultiPop {
    /// Where its keys are among the arguments.
    keys: Range<usize>,
    reverse: bool,
    count: i64,
}

impl MultiPop {
    /// Reads the request from its number of keys at `at` on.
    pub fn parse(context: &Context<'_>, at: usize) -> Result<Self, Failure> {
        let keys = positive(context, at, "ERR numkeys should be greater than 0")? as usize;
        let where_at = keys.saturating_add(at + 1);
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
        Ok(Self { keys: at + 1..where_at, reverse, count })
    }

    /// The names of its keys.
    pub fn keys(&self, context: &Context<'_>) -> Vec<Vec<u8>> {
        self.keys.clone().map(|at| context.arg(at).to_vec()).collect()
    }

    /// Removes members from the first of its keys that is there; `None` where none is.
    pub fn run(&self, context: &mut Context<'_>) -> Result<Option<Reply>, Failure> {
        for at in self.keys.clone() {
            if context.looks_at(context.arg(at))
                && let Some(mut key) = find(context, at)?
            {
                let members = pop_members(context, &mut key, self.count, self.reverse)?;
                let pairs = members
                    .into_iter()
                    .map(|Scored { member, score }| Reply::Array(vec![Reply::Bulk(member), context.double(score)]));
                return Ok(Some(Reply::Array(vec![Reply::bulk(context.arg(at)), Reply::Array(pairs.collect())])));
            }
        }
        Ok(None)
    }
}

pub(super) fn zmpop(context: &mut Context<'_>) -> Outcome {
    let popped = MultiPop::parse(context, 1)?.run(context)?;
    Ok(popped.unwrap_or_else(|| context.null_array()))
}
