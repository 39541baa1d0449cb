//! Unions, intersections and differences of sorted sets, and of sets, whose members all have the score 1.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{double_or, members_reply, store_members};
use crate::commands::{Context, Outcome, sets};
use crate::failure::{Failure, refuse, texts};
use crate::store::{Key, Scored, Store, Type};
use resp::Reply;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

/// How the scores of a member become one.
#[derive(Clone, Copy, Debug)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    /// A sum of opposite infinities is 0.
    fn combine(self, left: f64, right: f64) -> f64 {
        match self {
            Aggregate::Sum => not_nan(left + right),
            Aggregate::Min if right < left => right,
            Aggregate::Max if right > left => right,
            Aggregate::Min | Aggregate::Max => left,
        }
    }
}

fn not_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// An operand: a sorted set, a set, or nothing.
#[derive(Debug)]
struct Input {
    key: Option<Key>,
    weight: f64,
}

impl Input {
    fn find(context: &mut Context<'_>, at: usize) -> Result<Self, Failure> {
        let key = context.store.find(context.db(), context.arg(at))?;
        match &key {
            Some(key) if !matches!(key.kind, Type::Set | Type::SortedSet) => refuse(texts::WRONG_TYPE),
            _ => Ok(Self { key, weight: 1.0 }),
        }
    }

    fn length(&self) -> i64 {
        self.key.as_ref().map_or(0, |key| key.length)
    }

    /// Its members with their scores, not weighted.
    fn members(&self, store: &Store) -> Result<Vec<Scored>, Failure> {
        match &self.key {
            None => Ok(Vec::new()),
            Some(key) if key.kind == Type::SortedSet => store.zset_members(key),
            Some(key) => {
                let members = store.set_members(key)?;
                Ok(members.into_iter().map(|member| Scored { member, score: 1.0 }).collect())
            }
        }
    }

    /// A member's score, not weighted.
    fn score(&self, store: &Store, member: &[u8]) -> Result<Option<f64>, Failure> {
        match &self.key {
            None => Ok(None),
            Some(key) if key.kind == Type::SortedSet => store.zset_score(key, member),
            Some(key) => Ok(store.set_contains(key, member)?.then_some(1.0)),
        }
    }
}

/// What a request asks for.
#[derive(Debug)]
struct Query {
    operation: Operation,
    inputs: Vec<Input>,
    aggregate: Aggregate,
    with_scores: bool,
    /// How many members of an intersection to look for.
    limit: usize,
}

/// What a command does with its result, which also says what options it has.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Purpose {
    Reply,
    Store,
    Count,
}

impl Query {
    /// Reads the number of keys at `count_at`, the keys and the options.
    fn parse(
        context: &mut Context<'_>,
        count_at: usize,
        operation: Operation,
        purpose: Purpose,
    ) -> Result<Self, Failure> {
        let count = context.integer(count_at)?;
        if count < 1 {
            let name = String::from_utf8_lossy(context.arg(0)).to_ascii_lowercase();
            return refuse(format!("ERR at least 1 input key is needed for '{name}' command"));
        }
        let first = count_at + 1;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > context.argv.len() - first {
            return refuse(texts::SYNTAX);
        }
        let inputs = (first..first + count).map(|at| Input::find(context, at)).collect::<Result<Vec<_>, _>>()?;
        let mut query = Self { operation, inputs, aggregate: Aggregate::Sum, with_scores: false, limit: usize::MAX };
        query.parse_options(context, first + count..context.argv.len(), purpose)?;
        Ok(query)
    }

    fn parse_options(&mut self, context: &Context<'_>, range: Range<usize>, purpose: Purpose) -> Result<(), Failure> {
        let combines = self.operation != Operation::Difference && purpose != Purpose::Count;
        let mut at = range.start;
        while at < range.end {
            let values = range.end - at - 1;
            if combines && values >= self.inputs.len() && context.is_word(at, "WEIGHTS") {
                for input in &mut self.inputs {
                    at += 1;
                    input.weight = double_or(context, at, "ERR weight value is not a float")?;
                }
            } else if combines && values >= 1 && context.is_word(at, "AGGREGATE") {
                at += 1;
                self.aggregate = match () {
                    () if context.is_word(at, "SUM") => Aggregate::Sum,
                    () if context.is_word(at, "MIN") => Aggregate::Min,
                    () if context.is_word(at, "MAX") => Aggregate::Max,
                    () => return refuse(texts::SYNTAX),
                };
            } else if purpose == Purpose::Reply && context.is_word(at, "WITHSCORES") {
                self.with_scores = true;
            } else if purpose == Purpose::Count && values >= 1 && context.is_word(at, "LIMIT") {
                at += 1;
                self.limit = sets::limit_or_all(sets::count_or(context, at, sets::LIMIT_NEGATIVE)?);
            } else {
                return refuse(texts::SYNTAX);
            }
            at += 1;
        }
        Ok(())
    }

    /// The result, in no order.
    fn run(&mut self, store: &Store) -> Result<Vec<Scored>, Failure> {
        // Where scores are rounded it shows in which order they are added: Redis takes the shortest input first.
        if self.operation != Operation::Difference {
            self.inputs.sort_by_key(Input::length);
        }
        match self.operation {
            Operation::Union => self.union(store),
            Operation::Intersection => self.intersection(store),
            Operation::Difference => self.difference(store),
        }
    }

    fn union(&self, store: &Store) -> Result<Vec<Scored>, Failure> {
        let mut scores = BTreeMap::new();
        for input in &self.inputs {
            for Scored { member, score } in input.members(store)? {
                let score = not_nan(input.weight * score);
                scores
                    .entry(member)
                    .and_modify(|total| *total = self.aggregate.combine(*total, score))
                    .or_insert(score);
            }
        }
        Ok(scores.into_iter().map(|(member, score)| Scored { member, score }).collect())
    }

    fn intersection(&self, store: &Store) -> Result<Vec<Scored>, Failure> {
        let Some((smallest, others)) = self.inputs.split_first() else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        'members: for Scored { member, score } in smallest.members(store)? {
            let mut total = not_nan(smallest.weight * score);
            for other in others {
                let Some(score) = other.score(store, &member)? else {
                    continue 'members;
                };
                total = self.aggregate.combine(total, other.weight * score);
            }
            found.push(Scored { member, score: total });
            if found.len() == self.limit {
                break;
            }
        }
        Ok(found)
    }

    fn difference(&self, store: &Store) -> Result<Vec<Scored>, Failure> {
        let Some((first, others)) = self.inputs.split_first() else {
            return Ok(Vec::new());
        };
        let mut left = Vec::new();
        'members: for scored in first.members(store)? {
            for other in others {
                if other.score(store, &scored.member)?.is_some() {
                    continue 'members;
                }
            }
            left.push(scored);
        }
        Ok(left)
    }
}

fn reply(context: &mut Context<'_>, operation: Operation) -> Outcome {
    let mut query = Query::parse(context, 1, operation, Purpose::Reply)?;
    let mut members = query.run(context.store)?;
    // As numbers 0 and -0 are equal, and no score is NaN.
    members.sort_by(|left, right| {
        let by_score = left.score.partial_cmp(&right.score).unwrap_or(std::cmp::Ordering::Equal);
        by_score.then_with(|| left.member.cmp(&right.member))
    });
    Ok(members_reply(context, members, query.with_scores))
}

fn store(context: &mut Context<'_>, operation: Operation) -> Outcome {
    let members = Query::parse(context, 2, operation, Purpose::Store)?.run(context.store)?;
    let longest = members.iter().map(|scored| scored.member.len()).max().unwrap_or(0);
    store_members(context, context.arg(1), &members, |key| key.outgrow_sorted_set(members.len() as i64, longest))
}

pub(super) fn zunion(context: &mut Context<'_>) -> Outcome {
    reply(context, Operation::Union)
}

pub(super) fn zinter(context: &mut Context<'_>) -> Outcome {
    reply(context, Operation::Intersection)
}

pub(super) fn zdiff(context: &mut Context<'_>) -> Outcome {
    reply(context, Operation::Difference)
}

pub(super) fn zunionstore(context: &mut Context<'_>) -> Outcome {
    store(context, Operation::Union)
}

pub(super) fn zinterstore(context: &mut Context<'_>) -> Outcome {
    store(context, Operation::Intersection)
}

pub(super) fn zdiffstore(context: &mut Context<'_>) -> Outcome {
    store(context, Operation::Difference)
}

pub(super) fn zintercard(context: &mut Context<'_>) -> Outcome {
    let members = Query::parse(context, 1, Operation::Intersection, Purpose::Count)?.run(context.store)?;
    Ok(Reply::Int(members.len() as i64))
}
