//! SORT and SORT_RO.
//!
//! Order of checks, what counts as a number and which orders are stable: redis-server 7.0.15, probed.

use std::cmp::Ordering;

use super::{Context, Outcome, Row};
use crate::failure::{Failure, refuse, texts};
use crate::number;
use crate::store::{End, Key, Store, Type};
use resp::Reply;

pub(super) const COMMANDS: &[Row] =
    &[("SORT", |context| sort(context, true)), ("SORT_RO", |context| sort(context, false))];

/// What a request asks for.
#[derive(Debug, Default)]
struct Query<'a> {
    /// The pattern of keys that hold the weights.
    by: Option<&'a [u8]>,
    /// Patterns of what is answered for each element; none for the element itself.
    gets: Vec<&'a [u8]>,
    /// How many elements are passed over, and how many are wanted, all where it is negative.
    limit: Option<(i64, i64)>,
    is_descending: bool,
    /// As text, not as numbers.
    is_alpha: bool,
    store_to: Option<&'a [u8]>,
}

impl<'a> Query<'a> {
    fn parse(context: &Context<'a>, may_store: bool) -> Result<Self, Failure> {
        let mut query = Self::default();
        let mut at = 2;
        while at < context.argv.len() {
            let is_word = |word| context.is_word(at, word);
            let value = context.argv.get(at + 1);
            match value {
                _ if is_word("ASC") => query.is_descending = false,
                _ if is_word("DESC") => query.is_descending = true,
                _ if is_word("ALPHA") => query.is_alpha = true,
                Some(_) if is_word("LIMIT") && at + 2 < context.argv.len() => {
                    query.limit = Some((context.integer(at + 1)?, context.integer(at + 2)?));
                    at += 2;
                }
                Some(to) if may_store && is_word("STORE") => {
                    query.store_to = Some(to);
                    at += 1;
                }
                Some(pattern) if is_word("BY") => {
                    query.by = Some(pattern);
                    at += 1;
                }
                Some(pattern) if is_word("GET") => {
                    query.gets.push(pattern);
                    at += 1;
                }
                _ => return refuse(texts::SYNTAX),
            }
            at += 1;
        }
        Ok(query)
    }

    /// True where elements come in the order in which they are kept: one key would weigh all alike.
    fn is_unsorted(&self) -> bool {
        self.by.is_some_and(|pattern| !c_string(pattern).contains(&b'*'))
    }

    /// The part of `length` elements that LIMIT leaves.
    fn part(&self, length: usize) -> std::ops::Range<usize> {
        let Some((skipped, wanted)) = self.limit else { return 0..length };
        let start = usize::try_from(skipped.max(0)).unwrap_or(usize::MAX).min(length);
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        start..start.saturating_add(wanted).min(length)
    }
}

/// An element and what it is sorted by.
#[derive(Debug)]
struct Weighted {
    element: Vec<u8>,
    weight: Weight,
}

#[derive(Debug)]
enum Weight {
    Number(f64),
    /// `None` where the pattern found nothing: it comes first.
    Text(Option<Vec<u8>>),
    /// The element's own text.
    Own,
}

fn sort(context: &mut Context<'_>, may_store: bool) -> Outcome {
    let mut query = Query::parse(context, may_store)?;
    let key = context.store.find(context.db(), context.arg(1))?;
    if key.as_ref().is_some_and(|key| !matches!(key.kind, Type::List | Type::Set | Type::SortedSet)) {
        return refuse(texts::WRONG_TYPE);
    }
    let mut is_unsorted = query.is_unsorted();
    if is_unsorted && query.store_to.is_some() && key.as_ref().is_some_and(|key| key.kind == Type::Set) {
        // A set has no order of its own to store.
        (query.is_alpha, query.by, is_unsorted) = (true, None, false);
    }
    let mut elements = match &key {
        Some(key) => elements(context.store, key)?,
        None => Vec::new(),
    };
    if is_unsorted {
        let has_order = key.is_some_and(|key| key.kind != Type::Set);
        if has_order && query.is_descending {
            elements.reverse();
        }
    } else {
        elements = sorted(context, &query, elements)?;
    }
    let part = query.part(elements.len());
    let results = results(context, &query, &elements[part])?;
    match query.store_to {
        Some(name) => store_list(context, name, results),
        None => Ok(Reply::Array(results.into_iter().map(|result| context.bulk_or_null(result)).collect())),
    }
}

/// The elements in the order in which they are kept.
fn elements(store: &mut Store, key: &Key) -> Result<Vec<Vec<u8>>, Failure> {
    match key.kind {
        Type::Set => store.set_members(key),
        Type::SortedSet => {
            // Redis walks a skip list, and what it had to make one stays one.
            store.expand_sorted_set(key)?;
            let members = store.zset_by_rank(key, 0, -1, false)?;
            Ok(members.into_iter().map(|scored| scored.member).collect())
        }
        _ => store.items(key, 0..key.length),
    }
}

fn sorted(context: &mut Context<'_>, query: &Query<'_>, elements: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Failure> {
    let mut weighted = Vec::with_capacity(elements.len());
    let mut is_number = true;
    for element in elements {
        let weight = match query.by {
            None if query.is_alpha => Weight::Own,
            None => number_weight(Some(&element), &mut is_number),
            Some(pattern) => {
                let found = look_up(context, pattern, &element)?;
                if query.is_alpha { Weight::Text(found) } else { number_weight(found.as_deref(), &mut is_number) }
            }
        };
        weighted.push(Weighted { element, weight });
    }
    if !is_number {
        return refuse("ERR One or more scores can't be converted into double");
    }
    let is_stored = query.store_to.is_some();
    weighted.sort_by(|left, right| {
        let order = compare(left, right, is_stored);
        if query.is_descending { order.reverse() } else { order }
    });
    Ok(weighted.into_iter().map(|weighted| weighted.element).collect())
}

/// The weight that `text` is: 0 where there is none. Where it is no number, `is_number` becomes false.
fn number_weight(text: Option<&[u8]>, is_number: &mut bool) -> Weight {
    let value = text.map_or(Some(0.0), parse_weight);
    *is_number &= value.is_some();
    Weight::Number(value.unwrap_or(0.0))
}

/// A number as C's `strtod` reads it: after white space, and up to a zero byte. Nothing at all is 0.
fn parse_weight(text: &[u8]) -> Option<f64> {
    let text = c_string(text);
    if text.is_empty() {
        return Some(0.0);
    }
    let start = text.iter().position(|byte| !matches!(byte, b' ' | b'\t'..=b'\r'))?;
    number::parse_double(&text[start..])
}

/// What C takes for the whole of a string: it ends before a zero byte.
fn c_string(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Numbers that are equal are compared by their elements; texts that are equal stay in their order.
fn compare(left: &Weighted, right: &Weighted, is_stored: bool) -> Ordering {
    // What is stored is compared by all of its bytes, what is shown in the order of the locale, which is C's.
    let text = |left: &[u8], right: &[u8]| {
        if is_stored { left.cmp(right) } else { c_string(left).cmp(c_string(right)) }
    };
    match (&left.weight, &right.weight) {
        (Weight::Number(left_weight), Weight::Number(right_weight)) => {
            let by_number = left_weight.partial_cmp(right_weight).unwrap_or(Ordering::Equal);
            by_number.then_with(|| left.element.cmp(&right.element))
        }
        (Weight::Text(Some(left)), Weight::Text(Some(right))) => text(left, right),
        (Weight::Text(left), Weight::Text(right)) => left.is_some().cmp(&right.is_some()),
        _ => text(&left.element, &right.element),
    }
}

/// What a pattern stands for with this element in place of its asterisk: the element itself, a string, or behind `->` a
/// field of a hash.
fn look_up(context: &mut Context<'_>, pattern: &[u8], element: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    let pattern_text = c_string(pattern);
    if pattern_text == b"#" {
        return Ok(Some(element.to_vec()));
    }
    let Some(star) = pattern_text.iter().position(|&byte| byte == b'*') else {
        return Ok(None);
    };
    let arrow = pattern_text[star..].windows(2).position(|pair| pair == b"->").map(|at| star + at);
    let arrow = arrow.filter(|at| at + 2 < pattern_text.len());
    let (name, field) = match arrow {
        Some(at) => (&pattern[..at], Some(&pattern[at + 2..])),
        None => (pattern, None),
    };
    let name = [&name[..star], element, &name[star + 1..]].concat();
    match field {
        None => {
            let found = context.store.find_value(context.db(), &name, <[u8]>::to_vec)?;
            Ok(found.and_then(|(_, value)| value))
        }
        Some(field) => match context.store.find(context.db(), &name)? {
            Some(key) if key.kind == Type::Hash => context.store.field(&key, field),
            _ => Ok(None),
        },
    }
}

/// What is answered for these elements.
fn results(
    context: &mut Context<'_>,
    query: &Query<'_>,
    elements: &[Vec<u8>],
) -> Result<Vec<Option<Vec<u8>>>, Failure> {
    if query.gets.is_empty() {
        return Ok(elements.iter().cloned().map(Some).collect());
    }
    let mut results = Vec::with_capacity(elements.len() * query.gets.len());
    for element in elements {
        for pattern in &query.gets {
            results.push(look_up(context, pattern, element)?);
        }
    }
    Ok(results)
}

/// Makes the key of this name a list of the results, empty where there is none; deletes it where there are no results.
fn store_list(context: &mut Context<'_>, name: &[u8], results: Vec<Option<Vec<u8>>>) -> Outcome {
    let db = context.db();
    if results.is_empty() {
        if let Some(old) = context.store.find(db, name)? {
            context.store.delete(&old)?;
        }
        return Ok(Reply::Int(0));
    }
    let mut key = context.store.replace(db, name, Type::List)?;
    for result in results {
        context.store.push_item(&mut key, End::Tail, &result.unwrap_or_default())?;
    }
    context.store.update_extent(&key)?;
    Ok(Reply::Int(key.length))
}

#[cfg(test)]
mod tests {
    use super::super::transcript::check;

    #[test]
    fn elements_are_sorted_as_numbers_or_as_text() {
        check(
            "> RPUSH l 3 10 2 -1
             4
             > SORT l
             [\"-1\" \"2\" \"3\" \"10\"]
             > SORT l DESC LIMIT 1 2
             [\"3\" \"2\"]
             > SORT_RO l ALPHA LIMIT -1 3
             [\"-1\" \"10\" \"2\"]
             > SORT l LIMIT 5 1
             []
             > RPUSH l x
             5
             > SORT l
             -ERR One or more scores can't be converted into double
             > SORT_RO l STORE d
             -ERR syntax error
             > SORT l LIMIT 1
             -ERR syntax error
             > SORT none STORE l
             0
             > EXISTS l
             0",
        );
    }

    #[test]
    fn weights_and_results_are_looked_up() {
        check(
            "> RPUSH l 1 2 3
             3
             > MSET w1 9 w3 -1
             OK
             > SORT l BY w*
             [\"3\" \"2\" \"1\"]
             > SORT l BY w* ALPHA GET # GET w*
             [\"2\" nil \"3\" \"-1\" \"1\" \"9\"]
             > HSET h2 f 5
             1
             > SORT l BY h*->f DESC GET h*->f GET h*-> GET x
             [\"5\" nil nil nil nil nil nil nil nil]
             > SORT l BY nosort DESC GET w* STORE d
             3
             > LRANGE d 0 -1
             [\"-1\" \"\" \"9\"]",
        );
    }

    #[test]
    fn a_set_is_stored_in_the_order_of_its_members() {
        check(
            "> SADD s b a c
             3
             > SORT s BY nosort STORE d
             3
             > LRANGE d 0 -1
             [\"a\" \"b\" \"c\"]
             > ZADD z 1 c 2 b 3 a
             3
             > SORT z BY nosort DESC LIMIT 0 2
             [\"a\" \"b\"]
             > SORT z
             -ERR One or more scores can't be converted into double
             > OBJECT ENCODING z
             \"skiplist\"
             > SORT w
             []
             > HSET w f v
             1
             > SORT w
             -WRONGTYPE Operation against a key holding the wrong kind of value",
        );
    }
}
