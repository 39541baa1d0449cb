//! ZRANGE and its like: reading, counting, storing and removing a range.

use super::bounds::{Members, Scores, parse_scores};
use super::{find, members_reply, store_members};
use crate::commands::{Context, Outcome};
use crate::failure::{Failure, refuse, texts};
use crate::store::{Key, Scored, Store};
use resp::Reply;

/// What the bounds of a range are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    Rank,
    Score,
    Member,
}

/// A range.
#[derive(Clone, Copy, Debug)]
enum Bounds<'a> {
    /// The first and the last rank; negative ones count from the end.
    Ranks(i64, i64),
    Scores(Scores),
    Members(Members<'a>),
}

/// What a request asks for.
#[derive(Debug)]
struct Query<'a> {
    bounds: Bounds<'a>,
    reverse: bool,
    with_scores: bool,
    /// How many members to pass over first; where it is negative, all.
    offset: i64,
    /// How many members to give at most; where it is negative, all.
    limit: i64,
}

/// What a command's name says of its range; what it leaves open, options say.
#[derive(Clone, Copy, Debug)]
struct Form {
    /// The argument with the key; its bounds follow.
    key_at: usize,
    by: Option<By>,
    reverse: Option<bool>,
    /// True where the reply has no members, and so no scores.
    stores: bool,
}

impl<'a> Query<'a> {
    fn parse(context: &Context<'a>, form: Form) -> Result<Self, Failure> {
        let Form { key_at, mut by, mut reverse, stores } = form;
        let (mut with_scores, mut offset, mut limit) = (false, 0, -1);
        let mut at = key_at + 3;
        while at < context.argv.len() {
            if !stores && context.is_word(at, "WITHSCORES") {
                with_scores = true;
            } else if context.is_word(at, "LIMIT") && at + 2 < context.argv.len() {
                (offset, limit) = (context.integer(at + 1)?, context.integer(at + 2)?);
                at += 2;
            } else if reverse.is_none() && context.is_word(at, "REV") {
                reverse = Some(true);
            } else if by.is_none() && context.is_word(at, "BYLEX") {
                by = Some(By::Member);
            } else if by.is_none() && context.is_word(at, "BYSCORE") {
                by = Some(By::Score);
            } else {
                return refuse(texts::SYNTAX);
            }
            at += 1;
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return refuse("ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
        }
        if with_scores && by == By::Member {
            return refuse("ERR syntax error, WITHSCORES not supported in combination with BYLEX");
        }
        let bounds = Bounds::parse(context, by, key_at + 1, reverse)?;
        Ok(Self { bounds, reverse, with_scores, offset, limit })
    }

    /// The members in the range.
    fn members(&self, store: &mut Store, key: &Key) -> Result<Vec<Scored>, Failure> {
        match &self.bounds {
            Bounds::Ranks(start, stop) => match rank_span(*start, *stop, key.length) {
                Some((start, count)) => store.zset_by_rank(key, start, count, self.reverse),
                None => Ok(Vec::new()),
            },
            _ if self.offset < 0 => Ok(Vec::new()),
            Bounds::Scores(scores) => store.zset_by_score(key, *scores, (self.offset, self.limit), self.reverse),
            Bounds::Members(members) => members_between(store, key, members, (self.offset, self.limit), self.reverse),
        }
    }
}

impl<'a> Bounds<'a> {
    /// Reads the two bounds at `at`; the higher comes first where scores or members are given in `reverse`.
    fn parse(context: &Context<'a>, by: By, at: usize, reverse: bool) -> Result<Self, Failure> {
        let (low, high) = if reverse { (at + 1, at) } else { (at, at + 1) };
        Ok(match by {
            By::Rank => Bounds::Ranks(context.integer(at)?, context.integer(at + 1)?),
            By::Score => Bounds::Scores(parse_scores(context.arg(low), context.arg(high))?),
            By::Member => Bounds::Members(Members::parse(context.arg(low), context.arg(high))?),
        })
    }
}

/// The first rank from 0 on and the number of ranks; none where the range is empty.
fn rank_span(start: i64, stop: i64, length: i64) -> Option<(i64, i64)> {
    let from_start = |rank: i64| if rank < 0 { rank + length } else { rank };
    let start = from_start(start).max(0);
    let stop = from_start(stop).min(length - 1);
    (start <= stop).then(|| (start, stop - start + 1))
}

/// Where the members of a range of members are.
#[derive(Debug)]
enum Span {
    /// Nowhere.
    Nowhere,
    /// In a set of this one score: from the first bytes to before the second.
    OfScore(f64, Vec<u8>, Vec<u8>),
    /// Among members of several scores.
    Scattered,
}

/// Looks for a range of members. Redis finds nothing where the set's first or last member is outside.
fn span(store: &mut Store, key: &Key, range: &Members<'_>) -> Result<Span, Failure> {
    let first = store.zset_by_rank(key, 0, 1, false)?.pop();
    let last = store.zset_by_rank(key, 0, 1, true)?.pop();
    let (Some(first), Some(last)) = (first, last) else {
        return Ok(Span::Nowhere);
    };
    if range.is_empty() || !range.reaches_low(&last.member) || !range.reaches_high(&first.member) {
        return Ok(Span::Nowhere);
    }
    if first.score != last.score {
        return Ok(Span::Scattered);
    }
    let (low, high) = range.half_open(&last.member);
    Ok(Span::OfScore(first.score, low, high))
}

/// The members in a range of members.
///
/// The range is meant for sets whose members all have one score. Where scores differ, Redis walks the set in its
/// order from the first member that is within the one bound to the last that is within the other, which is what
/// this does.
fn members_between(
    store: &mut Store,
    key: &Key,
    range: &Members<'_>,
    (offset, limit): (i64, i64),
    reverse: bool,
) -> Result<Vec<Scored>, Failure> {
    match span(store, key, range)? {
        Span::Nowhere => return Ok(Vec::new()),
        Span::OfScore(score, low, high) => {
            return store.zset_by_member(key, score, (&low, &high), (offset, limit), reverse);
        }
        Span::Scattered => {}
    }
    let starts = |scored: &Scored| {
        if reverse { range.reaches_high(&scored.member) } else { range.reaches_low(&scored.member) }
    };
    let goes_on = |scored: &Scored| {
        if reverse { range.reaches_low(&scored.member) } else { range.reaches_high(&scored.member) }
    };
    let mut members = store.zset_members(key)?;
    if reverse {
        members.reverse();
    }
    let mut walk = members.into_iter().skip_while(|scored| !starts(scored)).peekable();
    if walk.peek().is_none_or(|scored| !goes_on(scored)) {
        return Ok(Vec::new());
    }
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(walk.skip(offset).take(limit).take_while(goes_on).collect())
}

fn read(context: &mut Context<'_>, by: Option<By>, reverse: Option<bool>) -> Outcome {
    let query = Query::parse(context, Form { key_at: 1, by, reverse, stores: false })?;
    let members = match find(context, 1)? {
        Some(key) => query.members(context.store, &key)?,
        None => Vec::new(),
    };
    Ok(members_reply(context, members, query.with_scores))
}

pub(super) fn zrange(context: &mut Context<'_>) -> Outcome {
    read(context, None, None)
}

pub(super) fn zrevrange(context: &mut Context<'_>) -> Outcome {
    read(context, Some(By::Rank), Some(true))
}

pub(super) fn zrangebyscore(context: &mut Context<'_>) -> Outcome {
    read(context, Some(By::Score), Some(false))
}

pub(super) fn zrevrangebyscore(context: &mut Context<'_>) -> Outcome {
    read(context, Some(By::Score), Some(true))
}

pub(super) fn zrangebylex(context: &mut Context<'_>) -> Outcome {
    read(context, Some(By::Member), Some(false))
}

pub(super) fn zrevrangebylex(context: &mut Context<'_>) -> Outcome {
    read(context, Some(By::Member), Some(true))
}

pub(super) fn zrangestore(context: &mut Context<'_>) -> Outcome {
    let query = Query::parse(context, Form { key_at: 2, by: None, reverse: None, stores: true })?;
    let members = match find(context, 2)? {
        Some(key) => query.members(context.store, &key)?,
        None => Vec::new(),
    };
    store_members(context, context.arg(1), &members, |key| {
        // Only of ranks does Redis know how many members there will be.
        if matches!(query.bounds, Bounds::Ranks(..)) {
            key.outgrow_sorted_set(members.len() as i64, 0);
        }
    })
}

pub(super) fn zcount(context: &mut Context<'_>) -> Outcome {
    let scores = parse_scores(context.arg(2), context.arg(3))?;
    let count = find(context, 1)?.map_or(Ok(0), |key| context.store.zset_count(&key, scores))?;
    Ok(Reply::Int(count))
}

pub(super) fn zlexcount(context: &mut Context<'_>) -> Outcome {
    let range = Members::parse(context.arg(2), context.arg(3))?;
    let Some(key) = find(context, 1)? else {
        return Ok(Reply::Int(0));
    };
    Ok(Reply::Int(match span(context.store, &key, &range)? {
        Span::Nowhere => 0,
        Span::OfScore(score, low, high) => context.store.zset_count_members(&key, score, (&low, &high))?,
        Span::Scattered => members_between(context.store, &key, &range, (0, -1), false)?.len() as i64,
    }))
}

pub(super) fn zremrangebyrank(context: &mut Context<'_>) -> Outcome {
    remove(context, By::Rank)
}

pub(super) fn zremrangebyscore(context: &mut Context<'_>) -> Outcome {
    remove(context, By::Score)
}

pub(super) fn zremrangebylex(context: &mut Context<'_>) -> Outcome {
    remove(context, By::Member)
}

fn remove(context: &mut Context<'_>, by: By) -> Outcome {
    let bounds = Bounds::parse(context, by, 2, false)?;
    let Some(mut key) = find(context, 1)? else {
        return Ok(Reply::Int(0));
    };
    let query = Query { bounds, reverse: false, with_scores: false, offset: 0, limit: -1 };
    let members = query.members(context.store, &key)?;
    for scored in &members {
        context.store.zset_remove(&mut key, &scored.member)?;
    }
    if !members.is_empty() {
        context.store.update_extent(&key)?;
    }
    Ok(Reply::Int(members.len() as i64))
}
