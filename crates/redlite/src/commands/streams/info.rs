//! XINFO.

use super::progress::Extent;
use super::{entries_reply, entry_reply, find, groups, id_reply, limit_or_all, nodes};
use crate::commands::refuse_subcommand;
use crate::commands::{Context, Outcome};
use crate::failure::{Failure, refuse, texts};
use crate::store::{Group, Pending, Stream};
use crate::stream_id::StreamId;
use resp::Reply;

/// A name and what it has.
type Pair = (Reply, Reply);

fn pair(name: &str, value: Reply) -> Pair {
    (Reply::bulk(name), value)
}

const ALL: (StreamId, StreamId) = (StreamId::MIN, StreamId::MAX);

fn require_stream(context: &mut Context<'_>) -> Result<Stream, Failure> {
    find(context, 2)?.map_or_else(|| refuse(texts::NO_SUCH_KEY), Ok)
}

pub(super) fn consumers(context: &mut Context<'_>) -> Outcome {
    let stream = require_stream(context)?;
    let Some(group) = context.store.group(&stream, context.arg(3))? else {
        return groups::refuse_missing(context, 3, 2);
    };
    let consumers = context.store.consumers(&group)?.into_iter().map(|consumer| {
        let idle_ms = context.now_ms.saturating_sub(consumer.seen_ms).max(0);
        context.map(vec![
            pair("name", Reply::Bulk(consumer.name)),
            pair("pending", Reply::Int(consumer.pending)),
            pair("idle", Reply::Int(idle_ms)),
        ])
    });
    Ok(Reply::Array(consumers.collect()))
}

pub(super) fn groups(context: &mut Context<'_>) -> Outcome {
    let stream = require_stream(context)?;
    let extent = Extent::of(context.store, &stream)?;
    let mut rows = Vec::new();
    for group in context.store.groups(&stream)? {
        let (pending, _) = context.store.pending_extent(&group)?;
        let consumers = context.store.count_consumers(&group)?;
        let (read, lag) = (group.entries_read, extent.lag(&group));
        rows.push(context.map(vec![
            pair("name", Reply::Bulk(group.name)),
            pair("consumers", Reply::Int(consumers)),
            pair("pending", Reply::Int(pending)),
            pair("last-delivered-id", id_reply(group.last_id)),
            pair("entries-read", integer_or_null(context, read)),
            pair("lag", integer_or_null(context, lag)),
        ]));
    }
    Ok(Reply::Array(rows))
}

fn integer_or_null(context: &Context<'_>, value: Option<i64>) -> Reply {
    value.map_or_else(|| context.null(), Reply::Int)
}

/// How much of each list XINFO STREAM FULL shows unless COUNT says otherwise.
const FULL_COUNT: i64 = 10;

/// The COUNT of the FULL form; none for the short form.
fn parse_full(context: &Context<'_>) -> Result<Option<i64>, Failure> {
    match context.argv.len() {
        3 => Ok(None),
        4 if context.is_word(3, "FULL") => Ok(Some(FULL_COUNT)),
        6 if context.is_word(3, "FULL") && context.is_word(4, "COUNT") => {
            let count = context.integer(5)?;
            Ok(Some(if count < 0 { FULL_COUNT } else { count }))
        }
        _ => refuse_subcommand(context),
    }
}

pub(super) fn stream(context: &mut Context<'_>) -> Outcome {
    let stream = require_stream(context)?;
    let full = parse_full(context)?;
    let node_ids = context.store.node_ids(&stream)?;
    let extent = Extent::of(context.store, &stream)?;
    let mut pairs = vec![
        pair("length", Reply::Int(stream.length)),
        pair("radix-tree-keys", Reply::Int(node_ids.len() as i64)),
        pair("radix-tree-nodes", Reply::Int(nodes::count_radix_nodes(&node_ids))),
        pair("last-generated-id", id_reply(stream.last_id)),
        pair("max-deleted-entry-id", id_reply(stream.max_deleted_id)),
        pair("entries-added", Reply::Int(stream.entries_added)),
        pair("recorded-first-entry-id", id_reply(extent.first_id)),
    ];
    match full {
        None => {
            pairs.push(pair("groups", Reply::Int(context.store.groups(&stream)?.len() as i64)));
            pairs.push(pair("first-entry", end_reply(context, &stream, false)?));
            pairs.push(pair("last-entry", end_reply(context, &stream, true)?));
        }
        Some(count) => {
            let limit = limit_or_all(count);
            pairs.push(pair("entries", entries_reply(context.store.entries(&stream, ALL, limit, false)?)));
            let groups = context.store.groups(&stream)?;
            let groups = groups.into_iter().map(|group| group_reply(context, &extent, group, limit));
            pairs.push(pair("groups", Reply::Array(groups.collect::<Result<_, _>>()?)));
        }
    }
    Ok(context.map(pairs))
}

/// The first entry, or with `last` the last.
fn end_reply(context: &Context<'_>, stream: &Stream, last: bool) -> Result<Reply, Failure> {
    let entry = context.store.entries(stream, ALL, 1, last)?.pop();
    Ok(entry.map_or_else(|| context.null(), entry_reply))
}

/// A group as the FULL form shows it.
fn group_reply(context: &Context<'_>, extent: &Extent<'_>, group: Group, limit: i64) -> Result<Reply, Failure> {
    let (pending_count, _) = context.store.pending_extent(&group)?;
    let pending = context.store.pending_entries(&group, ALL, i64::MAX, limit)?;
    let pending = pending.into_iter().map(|Pending { id, consumer, delivered_ms, deliveries }| {
        Reply::Array(vec![id_reply(id), Reply::Bulk(consumer), Reply::Int(delivered_ms), Reply::Int(deliveries)])
    });
    let mut consumers = Vec::new();
    for consumer in context.store.consumers(&group)? {
        let own = context.store.pending_entries_of(&group, &consumer.name, ALL, i64::MAX, limit)?;
        let own = own.into_iter().map(|pending| {
            Reply::Array(vec![id_reply(pending.id), Reply::Int(pending.delivered_ms), Reply::Int(pending.deliveries)])
        });
        consumers.push(context.map(vec![
            pair("name", Reply::Bulk(consumer.name)),
            pair("seen-time", Reply::Int(consumer.seen_ms)),
            pair("pel-count", Reply::Int(consumer.pending)),
            pair("pending", Reply::Array(own.collect())),
        ]));
    }
    Ok(context.map(vec![
        pair("name", Reply::Bulk(group.name.clone())),
        pair("last-delivered-id", id_reply(group.last_id)),
        pair("entries-read", integer_or_null(context, group.entries_read)),
        pair("lag", integer_or_null(context, extent.lag(&group))),
        pair("pel-count", Reply::Int(pending_count)),
        pair("pending", Reply::Array(pending.collect())),
        pair("consumers", Reply::Array(consumers)),
    ]))
}
