//! Commands on sorted sets.
//!
//! | file | what it is about |
//! |---|---|
//! | this one | members and their scores, one by one |
//! | `bounds` | ranges of scores and of members, as requests write them |
//! | `range` | ZRANGE and its like: reading, counting, storing and removing a range |
//! | `pop` | removing from either end |
//! | `algebra` | unions, intersections and differences |

mod algebra;
mod bounds;
mod pop;
mod range;
#[cfg(test)]
mod tests;

pub(super) use pop::{MultiPop, pop_one};

use super::{Context, Outcome, Row, picks, scan};
use crate::failure::{Failure, refuse, texts};
use crate::number;
use crate::store::{Key, Scored, Type};
use resp::Reply;

pub(super) const COMMANDS: &[Row] = &[
    ("ZADD", zadd),
    ("ZCARD", zcard),
    ("ZCOUNT", range::zcount),
    ("ZDIFF", algebra::zdiff),
    ("ZDIFFSTORE", algebra::zdiffstore),
    ("ZINCRBY", zincrby),
    ("ZINTER", algebra::zinter),
    ("ZINTERCARD", algebra::zintercard),
    ("ZINTERSTORE", algebra::zinterstore),
    ("ZLEXCOUNT", range::zlexcount),
    ("ZMPOP", pop::zmpop),
    ("ZMSCORE", zmscore),
    ("ZPOPMAX", pop::zpopmax),
    ("ZPOPMIN", pop::zpopmin),
    ("ZRANDMEMBER", zrandmember),
    ("ZRANGE", range::zrange),
    ("ZRANGEBYLEX", range::zrangebylex),
    ("ZRANGEBYSCORE", range::zrangebyscore),
    ("ZRANGESTORE", range::zrangestore),
    ("ZRANK", |context| rank(context, false)),
    ("ZREM", zrem),
    ("ZREMRANGEBYLEX", range::zremrangebylex),
    ("ZREMRANGEBYRANK", range::zremrangebyrank),
    ("ZREMRANGEBYSCORE", range::zremrangebyscore),
    ("ZREVRANGE", range::zrevrange),
    ("ZREVRANGEBYLEX", range::zrevrangebylex),
    ("ZREVRANGEBYSCORE", range::zrevrangebyscore),
    ("ZREVRANK", |context| rank(context, true)),
    ("ZSCAN", zscan),
    ("ZSCORE", zscore),
    ("ZUNION", algebra::zunion),
    ("ZUNIONSTORE", algebra::zunionstore),
];

/// The sorted set that the argument at `at` names.
fn find(context: &mut Context<'_>, at: usize) -> Result<Option<Key>, Failure> {
    context.store.find_as(context.db(), context.arg(at), Type::SortedSet)
}

/// The argument at `at` as a double; `text` where it is none.
fn double_or(context: &Context<'_>, at: usize, text: &'static str) -> Result<f64, Failure> {
    number::parse_double(context.arg(at)).map_or_else(|| refuse(text), Ok)
}

/// Members in their order. With scores they are pairs in RESP3, flat in RESP2.
fn members_reply(context: &Context<'_>, members: Vec<Scored>, with_scores: bool) -> Reply {
    let nested = with_scores && context.connection.protocol >= 3;
    let mut items = Vec::with_capacity(members.len() * if with_scores && !nested { 2 } else { 1 });
    for Scored { member, score } in members {
        let member = Reply::Bulk(member);
        if nested {
            items.push(Reply::Array(vec![member, context.double(score)]));
        } else {
            items.push(member);
            if with_scores {
                items.push(context.double(score));
            }
        }
    }
    Reply::Array(items)
}

/// A score, or the null in its place.
fn score_reply(context: &Context<'_>, score: Option<f64>) -> Reply {
    score.map_or_else(|| context.null(), |score| context.double(score))
}

/// Makes the key `name` a sorted set of these members, after `prepare` has seen it empty; deletes it where there are
/// none.
pub(super) fn store_members(
    context: &mut Context<'_>,
    name: &[u8],
    members: &[Scored],
    prepare: impl FnOnce(&mut Key),
) -> Outcome {
    let db = context.db();
    if members.is_empty() {
        if let Some(old) = context.store.find(db, name)? {
            context.store.delete(&old)?;
        }
        return Ok(Reply::Int(0));
    }
    let mut key = context.store.replace(db, name, Type::SortedSet)?;
    prepare(&mut key);
    for Scored { member, score } in members {
        context.store.zset_insert(&mut key, member, *score)?;
    }
    context.store.update_extent(&key)?;
    Ok(Reply::Int(key.length))
}

/// What ZADD may do, and what it answers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AddOptions {
    /// Never change a score.
    pub(super) nx: bool,
    /// Never add a member.
    pub(super) xx: bool,
    /// Change a score only to a greater one.
    gt: bool,
    /// Change a score only to a lesser one.
    lt: bool,
    /// Count changed scores too.
    pub(super) ch: bool,
    /// Add to the score, and answer with the new one.
    incr: bool,
}

impl AddOptions {
    /// Reads the options of ZADD, and the index of the first score.
    fn parse(context: &Context<'_>) -> Result<(Self, usize), Failure> {
        let mut options = Self::default();
        let mut at = 2;
        loop {
            let option = match context.argv.get(at) {
                Some(word) if word.eq_ignore_ascii_case(b"NX") => &mut options.nx,
                Some(word) if word.eq_ignore_ascii_case(b"XX") => &mut options.xx,
                Some(word) if word.eq_ignore_ascii_case(b"GT") => &mut options.gt,
                Some(word) if word.eq_ignore_ascii_case(b"LT") => &mut options.lt,
                Some(word) if word.eq_ignore_ascii_case(b"CH") => &mut options.ch,
                Some(word) if word.eq_ignore_ascii_case(b"INCR") => &mut options.incr,
                _ => break,
            };
            *option = true;
            at += 1;
        }
        let words = context.argv.len() - at;
        if words == 0 || words % 2 == 1 {
            return refuse(texts::SYNTAX);
        }
        options.check(words / 2)?;
        Ok((options, at))
    }

    /// Refuses options that contradict each other.
    fn check(self, pairs: usize) -> Result<(), Failure> {
        if self.nx && self.xx {
            return refuse("ERR XX and NX options at the same time are not compatible");
        }
        if [self.gt, self.lt, self.nx].into_iter().filter(|&given| given).count() > 1 {
            return refuse("ERR GT, LT, and/or NX options at the same time are not compatible");
        }
        if self.incr && pairs > 1 {
            return refuse("ERR INCR option supports a single increment-element pair");
        }
        Ok(())
    }
}

/// What became of a member.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Added {
    /// It is new, with this score.
    New(f64),
    /// It has another score now.
    Changed(f64),
    /// It has been asked to have the score that it had. The sign of a 0 is that of the request.
    Same(f64),
    /// The options forbid it.
    Skipped,
}

/// Gives a member a score, or adds to it, as far as the options allow.
fn add_member(
    context: &mut Context<'_>,
    key: &mut Key,
    member: &[u8],
    score: f64,
    options: AddOptions,
) -> Result<Added, Failure> {
    let current = if key.length == 0 { None } else { context.store.zset_score(key, member)? };
    let Some(current) = current else {
        if options.xx {
            return Ok(Added::Skipped);
        }
        context.store.zset_insert(key, member, score)?;
        return Ok(Added::New(score));
    };
    if options.nx {
        return Ok(Added::Skipped);
    }
    let score = if options.incr { current + score } else { score };
    if score.is_nan() {
        return refuse("ERR resulting score is not a number (NaN)");
    }
    if (options.lt && score >= current) || (options.gt && score <= current) {
        return Ok(Added::Skipped);
    }
    if score == current {
        return Ok(Added::Same(score));
    }
    context.store.zset_update(key, member, (current, score))?;
    Ok(Added::Changed(score))
}

fn zadd(context: &mut Context<'_>) -> Outcome {
    let (options, first) = AddOptions::parse(context)?;
    add(context, options, first)
}

fn zincrby(context: &mut Context<'_>) -> Outcome {
    add(context, AddOptions { incr: true, ..AddOptions::default() }, 2)
}

/// Adds the pairs of score and member from `first` on.
fn add(context: &mut Context<'_>, options: AddOptions, first: usize) -> Outcome {
    let mut pairs = Vec::with_capacity((context.argv.len() - first) / 2);
    for at in (first..context.argv.len()).step_by(2) {
        pairs.push((double_or(context, at, texts::NOT_FLOAT)?, context.arg(at + 1)));
    }
    add_pairs(context, options, pairs)
}

/// Adds these pairs of score and member to the key that is the first argument.
pub(super) fn add_pairs(context: &mut Context<'_>, options: AddOptions, pairs: Vec<(f64, &[u8])>) -> Outcome {
    let mut key = match find(context, 1)? {
        Some(key) => key,
        None if options.xx => {
            return Ok(if options.incr { context.null() } else { Reply::Int(0) });
        }
        None => context.store.create(context.db(), context.arg(1), Type::SortedSet)?,
    };
    let before = key.length;
    let mut changed = 0;
    let mut last = Added::Skipped;
    for (score, member) in pairs {
        last = add_member(context, &mut key, member, score, options)?;
        changed += i64::from(matches!(last, Added::Changed(_)));
    }
    let added = key.length - before;
    if added > 0 {
        context.store.update_extent(&key)?;
    }
    Ok(match last {
        Added::Skipped if options.incr => context.null(),
        Added::New(score) | Added::Changed(score) | Added::Same(score) if options.incr => context.double(score),
        _ if options.ch => Reply::Int(added + changed),
        _ => Reply::Int(added),
    })
}

fn zcard(context: &mut Context<'_>) -> Outcome {
    Ok(Reply::Int(find(context, 1)?.map_or(0, |key| key.length)))
}

fn zscore(context: &mut Context<'_>) -> Outcome {
    let score = match find(context, 1)? {
        Some(key) => context.store.zset_score(&key, context.arg(2))?,
        None => None,
    };
    Ok(score_reply(context, score))
}

fn zmscore(context: &mut Context<'_>) -> Outcome {
    let key = find(context, 1)?;
    let mut scores = Vec::with_capacity(context.argv.len() - 2);
    for member in context.args_from(2) {
        let score = match &key {
            Some(key) => context.store.zset_score(key, member)?,
            None => None,
        };
        scores.push(score_reply(context, score));
    }
    Ok(Reply::Array(scores))
}

fn zrem(context: &mut Context<'_>) -> Outcome {
    let Some(mut key) = find(context, 1)? else {
        return Ok(Reply::Int(0));
    };
    let before = key.length;
    for member in context.args_from(2) {
        context.store.zset_remove(&mut key, member)?;
    }
    if key.length < before {
        context.store.update_extent(&key)?;
    }
    Ok(Reply::Int(before - key.length))
}

/// ZRANK, or with `reverse` ZREVRANK.
fn rank(context: &mut Context<'_>, reverse: bool) -> Outcome {
    let Some(key) = find(context, 1)? else {
        return Ok(context.null());
    };
    let member = context.arg(2);
    let Some(score) = context.store.zset_score(&key, member)? else {
        return Ok(context.null());
    };
    let rank = context.store.zset_rank(&key, member, score)?;
    Ok(Reply::Int(if reverse { key.length - 1 - rank } else { rank }))
}

/// One member in so many is faster found by its rank than by reading them all.
const FEW: i64 = 16;

fn zrandmember(context: &mut Context<'_>) -> Outcome {
    if context.argv.len() == 2 {
        let Some(key) = find(context, 1)? else {
            return Ok(context.null());
        };
        let rank = context.random.below(key.length.unsigned_abs()) as i64;
        let picked = context.store.zset_by_rank(&key, rank, 1, false)?.pop();
        return Ok(context.bulk_or_null(picked.map(|scored| scored.member)));
    }
    let count = picks::signed_count(context, 2)?;
    let with_scores = context.argv.len() == 4 && context.is_word(3, "WITHSCORES");
    if context.argv.len() > 3 && !with_scores {
        return refuse(texts::SYNTAX);
    }
    if with_scores && !(-(i64::MAX / 2)..=i64::MAX / 2).contains(&count) {
        return refuse("ERR value is out of range");
    }
    let Some(key) = find(context, 1)? else {
        return Ok(Reply::Array(Vec::new()));
    };
    let ranks = picks::ordinals(context.random, key.length, count)?;
    let mut picked = Vec::with_capacity(ranks.len());
    if ranks.len() as i64 > key.length / FEW {
        let all = context.store.zset_members(&key)?;
        picked.extend(ranks.into_iter().filter_map(|rank| all.get(rank as usize).cloned()));
    } else {
        for rank in ranks {
            picked.append(&mut context.store.zset_by_rank(&key, rank, 1, false)?);
        }
    }
    Ok(members_reply(context, picked, with_scores))
}

/// One step gives the whole set: its members have no ordinals, so there is no number at which a walk could go on
/// and miss none while others come and go.
fn zscan(context: &mut Context<'_>) -> Outcome {
    scan::cursor(context, 2)?;
    let Some(key) = find(context, 1)? else {
        return scan::reply(0, Vec::new());
    };
    let options = scan::options(context, 3, false)?;
    let mut elements = Vec::new();
    for Scored { member, score } in context.store.zset_members(&key)? {
        if options.matches(&member) {
            elements.push(Reply::Bulk(member));
            elements.push(Reply::Bulk(scanned_score(&key, score)));
        }
    }
    scan::reply(0, elements)
}

/// A score as ZSCAN gives it: Redis' compact list keeps an integer up to 2^62 as one, and so it comes with all its
/// digits.
fn scanned_score(key: &Key, score: f64) -> Vec<u8> {
    const INTEGER_MAX: f64 = (1u64 << 62) as f64;
    if key.is_compact() && score == score.trunc() && score.abs() <= INTEGER_MAX {
        (score as i64).to_string().into_bytes()
    } else {
        number::format_double(score)
    }
}
