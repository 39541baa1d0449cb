//! Commands on lists.
//!
//! Order of checks and error texts: redis-server 7.0.15, probed.

use std::ops::Range;

use super::{Context, Outcome, Row};
use crate::failure::{Failure, refuse, texts};
use crate::number;
use crate::store::{End, Key, Type};
use resp::Reply;

pub(super) const COMMANDS: &[Row] = &[
    ("LINDEX", lindex),
    ("LINSERT", linsert),
    ("LLEN", llen),
    ("LMOVE", lmove),
    ("LMPOP", lmpop),
    ("LPOP", |context| pop(context, End::Head)),
    ("LPOS", lpos),
    ("LPUSH", |context| push(context, End::Head)),
    ("LPUSHX", |context| push_existing(context, End::Head)),
    ("LRANGE", lrange),
    ("LREM", lrem),
    ("LSET", lset),
    ("LTRIM", ltrim),
    ("RPOP", |context| pop(context, End::Tail)),
    ("RPOPLPUSH", rpoplpush),
    ("RPUSH", |context| push(context, End::Tail)),
    ("RPUSHX", |context| push_existing(context, End::Tail)),
];

/// The list of this name.
fn find(context: &mut Context<'_>, name: &[u8]) -> Result<Option<Key>, Failure> {
    context.store.find_as(context.db(), name, Type::List)
}

/// The argument at `at` as an integer of at least `min`; `text` where it is none.
fn integer_from(context: &Context<'_>, at: usize, min: i64, text: &'static str) -> Result<i64, Failure> {
    number::parse_integer(context.arg(at)).filter(|&value| value >= min).map_or_else(|| refuse(text), Ok)
}

/// LEFT or RIGHT at `at`.
fn end(context: &Context<'_>, at: usize) -> Result<End, Failure> {
    if context.is_word(at, "LEFT") {
        Ok(End::Head)
    } else if context.is_word(at, "RIGHT") {
        Ok(End::Tail)
    } else {
        refuse(texts::SYNTAX)
    }
}

/// An index that counts from the tail where it is negative, as one that counts from the head.
fn from_head(index: i64, length: i64) -> i64 {
    if index < 0 { index + length } else { index }
}

/// The part of a list that `start` and `stop`, both included and either from the tail, stand for.
fn span(start: i64, stop: i64, length: i64) -> Range<i64> {
    let start = from_head(start, length).max(0);
    let stop = from_head(stop, length).min(length - 1);
    if start > stop { 0..0 } else { start..stop + 1 }
}

fn array(items: Vec<Vec<u8>>) -> Reply {
    Reply::Array(items.into_iter().map(Reply::Bulk).collect())
}

fn lindex(context: &mut Context<'_>) -> Outcome {
    let Some(key) = find(context, context.arg(1))? else {
        return Ok(context.null());
    };
    let index = from_head(context.integer(2)?, key.length);
    let item = context.store.item(&key, index)?;
    Ok(context.bulk_or_null(item))
}

fn linsert(context: &mut Context<'_>) -> Outcome {
    let after = context.is_word(2, "AFTER");
    if !after && !context.is_word(2, "BEFORE") {
        return refuse(texts::SYNTAX);
    }
    let Some(mut key) = find(context, context.arg(1))? else {
        return Ok(Reply::Int(0));
    };
    let pivots = context.store.item_indexes(&key, context.arg(3), 0..key.length, End::Head, (0, 1))?;
    let Some(&pivot) = pivots.first() else {
        return Ok(Reply::Int(-1));
    };
    context.store.insert_item(&mut key, pivot + i64::from(after), context.arg(4))?;
    context.store.update_extent(&key)?;
    Ok(Reply::Int(key.length))
}

fn llen(context: &mut Context<'_>) -> Outcome {
    let key = find(context, context.arg(1))?;
    Ok(Reply::Int(key.map_or(0, |key| key.length)))
}

fn lmove(context: &mut Context<'_>) -> Outcome {
    let (from, to) = ends(context, 3)?;
    let moved = move_item(context, from, to)?;
    Ok(context.bulk_or_null(moved))
}

fn rpoplpush(context: &mut Context<'_>) -> Outcome {
    let moved = move_item(context, End::Tail, End::Head)?;
    Ok(context.bulk_or_null(moved))
}

/// LEFT or RIGHT at `at`, and again behind it.
pub(super) fn ends(context: &Context<'_>, at: usize) -> Result<(End, End), Failure> {
    Ok((end(context, at)?, end(context, at + 1)?))
}

/// Moves an item from the list that is the first argument to the second; returns it, where there was one.
pub(super) fn move_item(context: &mut Context<'_>, from: End, to: End) -> Result<Option<Vec<u8>>, Failure> {
    let Some(mut source) = find(context, context.arg(1))? else {
        return Ok(None);
    };
    if context.arg(1) == context.arg(2) {
        let value = context.store.pop_item(&mut source, from)?;
        context.store.push_item(&mut source, to, &value)?;
        context.store.update_extent(&source)?;
        return Ok(Some(value));
    }
    let mut destination = context.store.find_or_create(context.db(), context.arg(2), Type::List)?;
    let value = context.store.pop_item(&mut source, from)?;
    context.store.push_item(&mut destination, to, &value)?;
    context.store.update_extent(&source)?;
    context.store.update_extent(&destination)?;
    Ok(Some(value))
}

/// Removes the item at an end of the list of this name; returns it, where there was one.
pub(super) fn pop_one(context: &mut Context<'_>, name: &[u8], end: End) -> Result<Option<Vec<u8>>, Failure> {
    let Some(mut key) = find(context, name)? else { return Ok(None) };
    let value = context.store.pop_item(&mut key, end)?;
    context.store.update_extent(&key)?;
    Ok(Some(value))
}

/// A request of LMPOP or BLMPOP.
pub(super) struct MultiPop {
    /// Where its keys are among the arguments.
    keys: Range<usize>,
    end: End,
    count: i64,
}

impl MultiPop {
    /// Reads the request from its number of keys at `at` on.
    pub fn parse(context: &Context<'_>, at: usize) -> Result<Self, Failure> {
        let names = integer_from(context, at, 1, "ERR numkeys should be greater than 0")?;
        let end_at = usize::try_from(names).ok().and_then(|names| names.checked_add(at + 1));
        let Some(end_at) = end_at.filter(|&at| at < context.argv.len()) else {
            return refuse(texts::SYNTAX);
        };
        let end = end(context, end_at)?;
        let count = match context.argv.len() - end_at - 1 {
            0 => 1,
            // Redis reads the count before it sees that something follows.
            2.. if context.is_word(end_at + 1, "COUNT") => {
                let count = integer_from(context, end_at + 2, 1, "ERR count should be greater than 0")?;
                if context.argv.len() > end_at + 3 {
                    return refuse(texts::SYNTAX);
                }
                count
            }
            _ => return refuse(texts::SYNTAX),
        };
        Ok(Self { keys: at + 1..end_at, end, count })
    }

    /// The names of its keys.
    pub fn keys(&self, context: &Context<'_>) -> Vec<Vec<u8>> {
        self.keys.clone().map(|at| context.arg(at).to_vec()).collect()
    }

    /// Removes items from the first of its keys that is there; `None` where none is.
    pub fn run(&self, context: &mut Context<'_>) -> Result<Option<Reply>, Failure> {
        for at in self.keys.clone() {
            let name = context.arg(at);
            if context.looks_at(name)
                && let Some(mut key) = find(context, name)?
            {
                let items = pop_items(context, &mut key, self.end, self.count)?;
                return Ok(Some(Reply::Array(vec![Reply::bulk(name), array(items)])));
            }
        }
        Ok(None)
    }
}

fn lmpop(context: &mut Context<'_>) -> Outcome {
    let popped = MultiPop::parse(context, 1)?.run(context)?;
    Ok(popped.unwrap_or_else(|| context.null_array()))
}

fn pop(context: &mut Context<'_>, end: End) -> Outcome {
    let count = match context.argv.len() {
        2 => None,
        3 => Some(integer_from(context, 2, 0, texts::MUST_BE_POSITIVE)?),
        _ => {
            return refuse(super::wrong_arity(match end {
                End::Head => "LPOP",
                End::Tail => "RPOP",
            }));
        }
    };
    let key = find(context, context.arg(1))?;
    match (key, count) {
        (None, None) => Ok(context.null()),
        (None, Some(_)) => Ok(context.null_array()),
        (Some(mut key), Some(count)) => Ok(array(pop_items(context, &mut key, end, count)?)),
        (Some(mut key), None) => {
            let value = context.store.pop_item(&mut key, end)?;
            context.store.update_extent(&key)?;
            Ok(Reply::Bulk(value))
        }
    }
}

/// Removes up to `count` items from an end; the outermost comes first.
fn pop_items(context: &mut Context<'_>, key: &mut Key, end: End, count: i64) -> Result<Vec<Vec<u8>>, Failure> {
    let count = count.min(key.length);
    if count == 0 {
        return Ok(Vec::new());
    }
    let popped = match end {
        End::Head => 0..count,
        End::Tail => key.length - count..key.length,
    };
    let mut items = context.store.items(key, popped.clone())?;
    if end == End::Tail {
        items.reverse();
    }
    context.store.remove_end(key, popped)?;
    context.store.update_extent(key)?;
    Ok(items)
}

/// The options of LPOS.
struct Search {
    /// The end that it starts from.
    from: End,
    /// How many matches are passed over.
    skipped: i64,
    /// How many matches are wanted, 0 for all; none where one is wanted, and no array.
    count: Option<i64>,
    /// How many items are looked at, 0 for all.
    looked_at_max: i64,
}

impl Search {
    fn parse(context: &Context<'_>) -> Result<Self, Failure> {
        let (mut rank, mut count, mut looked_at_max) = (1, None, 0);
        for at in (3..context.argv.len()).step_by(2) {
            if at + 1 == context.argv.len() {
                return refuse(texts::SYNTAX);
            } else if context.is_word(at, "RANK") {
                rank = context.integer(at + 1)?;
                if rank == 0 {
                    return refuse(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... \
                         or use negative to start from the end of the list",
                    );
                }
            } else if context.is_word(at, "COUNT") {
                count = Some(integer_from(context, at + 1, 0, "ERR COUNT can't be negative")?);
            } else if context.is_word(at, "MAXLEN") {
                looked_at_max = integer_from(context, at + 1, 0, "ERR MAXLEN can't be negative")?;
            } else {
                return refuse(texts::SYNTAX);
            }
        }
        let from = if rank < 0 { End::Tail } else { End::Head };
        match rank.checked_abs() {
            Some(rank) => Ok(Self { from, skipped: rank - 1, count, looked_at_max }),
            // Redis negates it to itself: every match has a greater rank, and the count is never reached.
            None => Ok(Self { from, skipped: 0, count: count.map(|_| 0), looked_at_max }),
        }
    }
}

fn lpos(context: &mut Context<'_>) -> Outcome {
    let search = Search::parse(context)?;
    let mut indexes = Vec::new();
    if let Some(key) = find(context, context.arg(1))? {
        let looked_at = if search.looked_at_max == 0 { key.length } else { search.looked_at_max.min(key.length) };
        let within = match search.from {
            End::Head => 0..looked_at,
            End::Tail => key.length - looked_at..key.length,
        };
        let count = search.count.map_or(1, |count| if count == 0 { key.length } else { count });
        indexes = context.store.item_indexes(&key, context.arg(2), within, search.from, (search.skipped, count))?;
    }
    Ok(match (search.count, indexes.first()) {
        (Some(_), _) => Reply::Array(indexes.into_iter().map(Reply::Int).collect()),
        (None, Some(&index)) => Reply::Int(index),
        (None, None) => context.null(),
    })
}

fn push(context: &mut Context<'_>, end: End) -> Outcome {
    let key = context.store.find_or_create(context.db(), context.arg(1), Type::List)?;
    push_items(context, key, end)
}

fn push_existing(context: &mut Context<'_>, end: End) -> Outcome {
    match find(context, context.arg(1))? {
        Some(key) => push_items(context, key, end),
        None => Ok(Reply::Int(0)),
    }
}

fn push_items(context: &mut Context<'_>, mut key: Key, end: End) -> Outcome {
    for value in context.args_from(2) {
        context.store.push_item(&mut key, end, value)?;
    }
    context.store.update_extent(&key)?;
    Ok(Reply::Int(key.length))
}

fn lrange(context: &mut Context<'_>) -> Outcome {
    let (start, stop) = (context.integer(2)?, context.integer(3)?);
    let Some(key) = find(context, context.arg(1))? else {
        return Ok(array(Vec::new()));
    };
    Ok(array(context.store.items(&key, span(start, stop, key.length))?))
}

fn lrem(context: &mut Context<'_>) -> Outcome {
    let count = context.integer(2)?;
    let Some(mut key) = find(context, context.arg(1))? else {
        return Ok(Reply::Int(0));
    };
    let from = if count < 0 { End::Tail } else { End::Head };
    // Redis negates the least integer to itself and then removes all, as its magnitude here does.
    let most = if count == 0 { key.length } else { count.saturating_abs() };
    let mut indexes = context.store.item_indexes(&key, context.arg(3), 0..key.length, from, (0, most))?;
    if indexes.is_empty() {
        return Ok(Reply::Int(0));
    }
    if from == End::Tail {
        indexes.reverse();
    }
    context.store.remove_items(&mut key, &indexes)?;
    context.store.update_extent(&key)?;
    Ok(Reply::Int(indexes.len() as i64))
}

fn lset(context: &mut Context<'_>) -> Outcome {
    let Some(key) = find(context, context.arg(1))? else {
        return refuse(texts::NO_SUCH_KEY);
    };
    let index = from_head(context.integer(2)?, key.length);
    if !(0..key.length).contains(&index) {
        return refuse(texts::INDEX_OUT_OF_RANGE);
    }
    context.store.set_item(&key, index, context.arg(3))?;
    Ok(Reply::ok())
}

fn ltrim(context: &mut Context<'_>) -> Outcome {
    let (start, stop) = (context.integer(2)?, context.integer(3)?);
    let Some(mut key) = find(context, context.arg(1))? else {
        return Ok(Reply::ok());
    };
    let kept = span(start, stop, key.length);
    if kept == (0..key.length) {
        // Nothing changes, and Redis says that something did.
        context.store.touch(&key);
    } else {
        let length = key.length;
        context.store.remove_end(&mut key, kept.end..length)?;
        context.store.remove_end(&mut key, 0..kept.start)?;
        context.store.update_extent(&key)?;
    }
    Ok(Reply::ok())
}

#[cfg(test)]
mod tests {
    use super::super::transcript::check;

    #[test]
    fn items_are_pushed_and_popped_at_either_end() {
        check(
            "> RPUSH k a b c
             3
             > LPUSH k x y
             5
             > LRANGE k 0 -1
             [\"y\" \"x\" \"a\" \"b\" \"c\"]
             > LPOP k
             \"y\"
             > RPOP k 2
             [\"c\" \"b\"]
             > LMPOP 2 none k LEFT COUNT 9
             [\"k\" [\"x\" \"a\"]]
             > EXISTS k
             0
             > LPOP k
             nil
             > LPOP k 1
             nil array
             > LPUSHX k a
             0
             > EXISTS k
             0",
        );
    }

    #[test]
    fn ranges_are_cut_to_the_list() {
        check(
            "> RPUSH k a b c d
             4
             > LRANGE k -100 1
             [\"a\" \"b\"]
             > LRANGE k 2 100
             [\"c\" \"d\"]
             > LRANGE k 3 2
             []
             > LINDEX k -4
             \"a\"
             > LINDEX k 4
             nil
             > LTRIM k 1 -2
             OK
             > LRANGE k 0 -1
             [\"b\" \"c\"]
             > LTRIM k 5 9
             OK
             > EXISTS k
             0",
        );
    }

    #[test]
    fn either_side_makes_way_and_closes_gaps() {
        check(
            "> RPUSH k a b c d e
             5
             > LINSERT k BEFORE b 1
             6
             > LINSERT k AFTER d 2
             7
             > LINSERT k AFTER none 3
             -1
             > LRANGE k 0 -1
             [\"a\" \"1\" \"b\" \"c\" \"d\" \"2\" \"e\"]
             > RPUSH m x a x b c d e f
             8
             > LREM m 0 x
             2
             > LRANGE m 0 -1
             [\"a\" \"b\" \"c\" \"d\" \"e\" \"f\"]
             > RPUSH n a b c d x e x f x
             9
             > LREM n -2 x
             2
             > LRANGE n 0 -1
             [\"a\" \"b\" \"c\" \"d\" \"x\" \"e\" \"f\"]
             > LINDEX n 6
             \"f\"
             > LREM n -9223372036854775808 a
             1
             > LINDEX n 0
             \"b\"",
        );
    }

    #[test]
    fn items_move_between_lists_and_within_one() {
        check(
            "> RPUSH k a b c
             3
             > LMOVE k k LEFT RIGHT
             \"a\"
             > RPOPLPUSH k m
             \"a\"
             > LRANGE k 0 -1
             [\"b\" \"c\"]
             > RPOPLPUSH m m
             \"a\"
             > LMOVE m k RIGHT RIGHT
             \"a\"
             > EXISTS m
             0
             > LRANGE k 0 -1
             [\"b\" \"c\" \"a\"]",
        );
    }

    #[test]
    fn lpos_looks_from_either_end() {
        check(
            "> RPUSH k a b a c a
             5
             > LPOS k a
             0
             > LPOS k a RANK -1
             4
             > LPOS k a RANK 2 COUNT 0
             [2 4]
             > LPOS k a RANK -2 COUNT 1
             [2]
             > LPOS k c MAXLEN 3
             nil
             > LPOS k c MAXLEN 3 COUNT 1
             []
             > LPOS k a RANK -9223372036854775808 COUNT 1
             [4 2 0]",
        );
    }

    #[test]
    fn refusals_come_in_the_order_of_redis() {
        check(
            "> SET s 1
             OK
             > LPOP s 0
             -WRONGTYPE Operation against a key holding the wrong kind of value
             > LPOP s x
             -ERR value is out of range, must be positive
             > LRANGE s 0 x
             -ERR value is not an integer or out of range
             > LINDEX none x
             nil
             > LSET none x v
             -ERR no such key
             > LINSERT s NEXT a b
             -ERR syntax error
             > RPUSH k a
             1
             > LSET k 1 v
             -ERR index out of range
             > LMOVE none s LEFT LEFT
             nil
             > LMOVE k s LEFT LEFT
             -WRONGTYPE Operation against a key holding the wrong kind of value
             > LLEN k
             1
             > LMPOP 0 k LEFT
             -ERR numkeys should be greater than 0
             > LMPOP 9223372036854775807 k LEFT
             -ERR syntax error
             > LMPOP 1 k LEFT COUNT 0 COUNT
             -ERR count should be greater than 0
             > RPOP k 1 1
             -ERR wrong number of arguments for 'rpop' command
             > LPOS k a COUNT -1
             -ERR COUNT can't be negative",
        );
    }
}
