//! Commands that wait until there is something to take.
//!
//! Each looks for something as its kin that does not wait does; where there is nothing, and it may, it says that the
//! client is [`Failure::Blocked`]. When a key is ready it runs again, and looks at that key only.

use super::{Context, Outcome, Row, lists, sorted_sets};
use crate::failure::{Failure, refuse};
use crate::long_double::LongDouble;
use crate::store::{End, Type};
use crate::waits::Wait;
use resp::Reply;

pub(super) const COMMANDS: &[Row] = &[
    ("BLMOVE", blmove),
    ("BLMPOP", blmpop),
    ("BLPOP", |context| pop_item(context, End::Head)),
    ("BRPOP", |context| pop_item(context, End::Tail)),
    ("BRPOPLPUSH", brpoplpush),
    ("BZMPOP", bzmpop),
    ("BZPOPMAX", |context| pop_member(context, true)),
    ("BZPOPMIN", |context| pop_member(context, false)),
];

/// The time to wait in seconds at `at`: until when, in milliseconds since 1970; `None` for ever.
///
/// Redis reads a `long double` and rounds it up to milliseconds; one beyond 64 bits overflows and is negative.
pub(super) fn until_ms(context: &Context<'_>, at: usize) -> Result<Option<i64>, Failure> {
    let Some(seconds) = LongDouble::parse(context.arg(at)) else {
        return refuse("ERR timeout is not a float or out of range");
    };
    match seconds.times_1000_up().unwrap_or(i64::MIN) {
        ..0 => refuse("ERR timeout is negative"),
        0 => Ok(None),
        // Where the moment is beyond 64 bits, Redis never comes to it.
        ms => Ok(context.now_ms.checked_add(ms)),
    }
}

/// There is nothing to take from any of `keys`: the client waits, or gets `instead` where it may not.
pub(super) fn wait(
    context: &Context<'_>,
    keys: impl IntoIterator<Item = Vec<u8>>,
    kind: Type,
    until_ms: Option<i64>,
    instead: Reply,
) -> Outcome {
    if !context.may_block() {
        return Ok(instead);
    }
    Err(Failure::Blocked(Box::new(Wait {
        db: context.db(),
        keys: keys.into_iter().collect(),
        kind,
        until_ms,
        argv: context.argv.clone(),
        timed_out: context.null_array(),
    })))
}

/// The keys between the name and the timeout.
fn keys_before_timeout<'a>(context: &Context<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    context.args_from(1).rev().skip(1).rev()
}

/// BLPOP, BRPOP
fn pop_item(context: &mut Context<'_>, end: End) -> Outcome {
    let until_ms = until_ms(context, context.argv.len() - 1)?;
    for name in keys_before_timeout(context).filter(|name| context.looks_at(name)).collect::<Vec<_>>() {
        if let Some(value) = lists::pop_one(context, name, end)? {
            return Ok(Reply::Array(vec![Reply::bulk(name), Reply::Bulk(value)]));
        }
    }
    let instead = context.null_array();
    wait(context, keys_before_timeout(context).map(<[u8]>::to_vec), Type::List, until_ms, instead)
}

/// BZPOPMIN, BZPOPMAX
fn pop_member(context: &mut Context<'_>, reverse: bool) -> Outcome {
    let until_ms = until_ms(context, context.argv.len() - 1)?;
    for name in keys_before_timeout(context).filter(|name| context.looks_at(name)).collect::<Vec<_>>() {
        if let Some(scored) = sorted_sets::pop_one(context, name, reverse)? {
            let score = context.double(scored.score);
            return Ok(Reply::Array(vec![Reply::bulk(name), Reply::Bulk(scored.member), score]));
        }
    }
    let instead = context.null_array();
    wait(context, keys_before_timeout(context).map(<[u8]>::to_vec), Type::SortedSet, until_ms, instead)
}

fn blmove(context: &mut Context<'_>) -> Outcome {
    let ends = lists::ends(context, 3)?;
    move_item(context, ends, 5)
}

fn brpoplpush(context: &mut Context<'_>) -> Outcome {
    move_item(context, (End::Tail, End::Head), 3)
}

fn move_item(context: &mut Context<'_>, (from, to): (End, End), timeout_at: usize) -> Outcome {
    let until_ms = until_ms(context, timeout_at)?;
    match lists::move_item(context, from, to)? {
        Some(value) => Ok(Reply::Bulk(value)),
        None => wait(context, [context.arg(1).to_vec()], Type::List, until_ms, context.null()),
    }
}

fn blmpop(context: &mut Context<'_>) -> Outcome {
    let request = lists::MultiPop::parse(context, 2)?;
    let until_ms = until_ms(context, 1)?;
    match request.run(context)? {
        Some(reply) => Ok(reply),
        None => wait(context, request.keys(context), Type::List, until_ms, context.null_array()),
    }
}

fn bzmpop(context: &mut Context<'_>) -> Outcome {
    let request = sorted_sets::MultiPop::parse(context, 2)?;
    let until_ms = until_ms(context, 1)?;
    match request.run(context)? {
        Some(reply) => Ok(reply),
        None => wait(context, request.keys(context), Type::SortedSet, until_ms, context.null_array()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::transcript::{check, check_clients};

    #[test]
    fn those_who_wait_are_served_in_their_order() {
        check_clients(
            "1> BLPOP a b 0
             pending
             2> BRPOP b 0
             pending
             3> RPUSH b x y z
             3
             1>
             [\"b\" \"x\"]
             2>
             [\"b\" \"z\"]
             3> LRANGE b 0 -1
             [\"y\"]",
        );
    }

    #[test]
    fn a_move_may_wake_another() {
        check_clients(
            "1> BLMOVE a b LEFT RIGHT 0
             pending
             2> BLMPOP 0 2 c b LEFT COUNT 5
             pending
             3> RPUSH a x
             1
             1>
             \"x\"
             2>
             [\"b\" [\"x\"]]
             3> EXISTS a b
             0",
        );
    }

    #[test]
    fn a_key_of_another_type_wakes_nobody() {
        check_clients(
            "1> BLPOP k 0
             pending
             2> BZPOPMIN k 0
             pending
             3> ZADD k 2 a 1 b
             2
             1>
             pending
             2>
             [\"k\" \"b\" \"1\"]
             3> BZMPOP 0 1 k MAX
             [\"k\" [[\"a\" \"2\"]]]",
        );
    }

    #[test]
    fn within_a_transaction_nobody_waits() {
        check_clients(
            "1> MULTI
             OK
             1> BLPOP k 0
             QUEUED
             1> BLMOVE k l LEFT LEFT 0
             QUEUED
             1> EXEC
             [nil array nil]",
        );
    }

    #[test]
    fn timeouts_are_read_as_redis_does() {
        check("> BLPOP k -1\n-ERR timeout is negative");
        check("> BLPOP k 1e400\n-ERR timeout is negative");
        check("> BLPOP k inf\n-ERR timeout is negative");
        check("> BLPOP k x\n-ERR timeout is not a float or out of range");
        check("> BLMOVE k l LEFT FOO x\n-ERR syntax error");
    }
}
