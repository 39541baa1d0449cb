//! Entries that consumers got: acknowledging and listing them.

use super::{find_group, id_reply, ids_from, interval_end, interval_start, require_group};
use crate::commands::{Context, Outcome};
use crate::failure::{Failure, refuse, texts};
use crate::store::{Group, Pending};
use crate::stream_id::StreamId;
use resp::Reply;

pub(super) fn xack(context: &mut Context<'_>) -> Outcome {
    let Some((_, group)) = find_group(context, 1)? else {
        return Ok(Reply::Int(0));
    };
    let mut acknowledged = 0;
    for id in ids_from(context, 3)? {
        acknowledged += i64::from(context.store.remove_pending(&group, id)?);
    }
    Ok(Reply::Int(acknowledged))
}

/// What a request of XPENDING in its long form asks for.
#[derive(Debug)]
struct Query {
    interval: (StreamId, StreamId),
    count: i64,
    idle_min_ms: i64,
    /// Where the consumer's name is.
    consumer_at: Option<usize>,
}

impl Query {
    fn parse(context: &Context<'_>) -> Result<Self, Failure> {
        let (mut at, mut idle_min_ms) = (3, 0);
        if context.is_word(3, "IDLE") {
            idle_min_ms = context.integer(4)?;
            if context.argv.len() < 8 {
                return refuse(texts::SYNTAX);
            }
            at = 5;
        }
        let count = context.integer(at + 2)?.max(0);
        let interval = (interval_start(context, at)?, interval_end(context, at + 1)?);
        let consumer_at = (at + 3 < context.argv.len()).then_some(at + 3);
        Ok(Self { interval, count, idle_min_ms, consumer_at })
    }
}

pub(super) fn xpending(context: &mut Context<'_>) -> Outcome {
    match context.argv.len() {
        3 => {
            let (_, group) = require_group(context)?;
            summary(context, &group)
        }
        6..=9 => {
            let query = Query::parse(context)?;
            let (_, group) = require_group(context)?;
            list(context, &group, &query)
        }
        _ => refuse(texts::SYNTAX),
    }
}

fn summary(context: &Context<'_>, group: &Group) -> Outcome {
    let (count, ids) = context.store.pending_extent(group)?;
    let Some((first, last)) = ids else {
        return Ok(Reply::Array(vec![Reply::Int(0), context.null(), context.null(), context.null_array()]));
    };
    let owners = context.store.consumers(group)?.into_iter().filter(|consumer| consumer.pending > 0);
    let owners = owners
        .map(|consumer| Reply::Array(vec![Reply::Bulk(consumer.name), Reply::bulk(consumer.pending.to_string())]));
    Ok(Reply::Array(vec![Reply::Int(count), id_reply(first), id_reply(last), Reply::Array(owners.collect())]))
}

fn list(context: &Context<'_>, group: &Group, query: &Query) -> Outcome {
    let Query { interval, count, .. } = *query;
    let delivered_max_ms = match query.idle_min_ms {
        0 => i64::MAX,
        idle_min_ms => context.now_ms.saturating_sub(idle_min_ms),
    };
    let found = match query.consumer_at {
        Some(at) => context.store.pending_entries_of(group, context.arg(at), interval, delivered_max_ms, count)?,
        None => context.store.pending_entries(group, interval, delivered_max_ms, count)?,
    };
    let rows = found.into_iter().map(|Pending { id, consumer, delivered_ms, deliveries }| {
        let idle_ms = context.now_ms.saturating_sub(delivered_ms).max(0);
        Reply::Array(vec![id_reply(id), Reply::Bulk(consumer), Reply::Int(idle_ms), Reply::Int(deliveries)])
    });
    Ok(Reply::Array(rows.collect()))
}
