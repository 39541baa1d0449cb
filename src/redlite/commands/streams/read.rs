//! XREAD and XREADGROUP.

use super::progress::Extent;
use super::{INVALID_ID, entries_reply, entry_reply, find, id_reply, limit_or_all, plain_id, printed};
use crate::redlite::commands::{Context, Outcome};
use crate::redlite::failure::{Failure, refuse, texts};
use crate::redlite::number;
use crate::redlite::store::{Group, Pending, Stream};
use crate::redlite::stream_id::StreamId;
use crate::resp::Reply;

/// What a request asks for.
#[derive(Debug)]
struct Query {
    /// How many entries of each stream at most; 0 for all.
    count: i64,
    /// How long to wait for entries, in milliseconds; 0 for ever.
    block_ms: Option<i64>,
    /// The index of the first key.
    keys_at: usize,
    /// How many keys there are, and as many ids behind them.
    keys: usize,
    /// The index of the group's name; that of the consumer is behind it.
    group_at: Option<usize>,
    /// What is delivered is acknowledged at once.
    no_ack: bool,
}

impl Query {
    fn parse(context: &Context<'_>, of_group: bool) -> Result<Self, Failure> {
        let mut query = Self { count: 0, block_ms: None, keys_at: 0, keys: 0, group_at: None, no_ack: false };
        let mut at = 1;
        while at < context.argv.len() {
            let values = context.argv.len() - at - 1;
            if values > 0 && context.is_word(at, "BLOCK") {
                query.block_ms = Some(timeout_ms(context, at + 1)?);
                at += 2;
            } else if values > 0 && context.is_word(at, "COUNT") {
                query.count = context.integer(at + 1)?.max(0);
                at += 2;
            } else if values > 0 && context.is_word(at, "STREAMS") {
                if values % 2 == 1 {
                    return refuse(
                        "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
                    );
                }
                (query.keys_at, query.keys) = (at + 1, values / 2);
                break;
            } else if values > 1 && context.is_word(at, "GROUP") {
                if !of_group {
                    return refuse("ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.");
                }
                query.group_at = Some(at + 1);
                at += 3;
            } else if context.is_word(at, "NOACK") {
                if !of_group {
                    return refuse("ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.");
                }
                query.no_ack = true;
                at += 1;
            } else {
                return refuse(texts::SYNTAX);
            }
        }
        if query.keys_at == 0 {
            return refuse(texts::SYNTAX);
        }
        if of_group && query.group_at.is_none() {
            return refuse("ERR Missing GROUP option for XREADGROUP");
        }
        Ok(query)
    }
}

/// Reads a time to wait.
fn timeout_ms(context: &Context<'_>, at: usize) -> Result<i64, Failure> {
    match number::parse_integer(context.arg(at)) {
        None => refuse("ERR timeout is not an integer or out of range"),
        Some(..0) => refuse("ERR timeout is negative"),
        Some(ms) if ms > i64::MAX - context.now_ms => refuse("ERR timeout is out of range"),
        Some(ms) => Ok(ms),
    }
}

/// The entries with ids after this one.
pub(super) fn xread(context: &mut Context<'_>) -> Outcome {
    let query = Query::parse(context, false)?;
    let mut after = Vec::with_capacity(query.keys);
    for key_at in query.keys_at..query.keys_at + query.keys {
        let stream = find(context, key_at)?;
        let id_at = key_at + query.keys;
        after.push(if context.is_word(id_at, "$") {
            stream.map_or(StreamId::MIN, |stream| stream.last_id)
        } else if context.is_word(id_at, ">") {
            return refuse(
                "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
            );
        } else {
            plain_id(context.arg(id_at), 0).map_or_else(|| refuse(INVALID_ID), Ok)?
        });
    }
    let mut served = Vec::new();
    for (key_at, after) in (query.keys_at..).zip(after) {
        let (Some(stream), Some(start)) = (find(context, key_at)?, after.next()) else { continue };
        let found = context.store.entries(&stream, (start, StreamId::MAX), limit_or_all(query.count), false)?;
        if !found.is_empty() {
            served.push((Reply::bulk(context.arg(key_at)), entries_reply(found)));
        }
    }
    Ok(reply(context, served))
}

/// What XREADGROUP asks of one stream.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    /// `>`: what was not yet delivered to the group.
    New,
    /// What the consumer got after this id and did not acknowledge.
    PendingAfter(StreamId),
}

impl Wanted {
    fn parse(context: &Context<'_>, at: usize) -> Result<Self, Failure> {
        if context.is_word(at, "$") {
            return refuse(
                "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this \
                 consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return \
                 an empty result set.",
            );
        }
        if context.is_word(at, ">") {
            return Ok(Wanted::New);
        }
        match plain_id(context.arg(at), 0) {
            // Redis keeps `>` as this id.
            Some(StreamId::MAX) => Ok(Wanted::New),
            Some(id) => Ok(Wanted::PendingAfter(id)),
            None => refuse(INVALID_ID),
        }
    }
}

pub(super) fn xreadgroup(context: &mut Context<'_>) -> Outcome {
    let query = Query::parse(context, true)?;
    let group_at = query.group_at.unwrap_or_default();
    let mut wanted = Vec::with_capacity(query.keys);
    for key_at in query.keys_at..query.keys_at + query.keys {
        find_group(context, key_at, group_at)?;
        wanted.push(Wanted::parse(context, key_at + query.keys)?);
    }
    let mut served = Vec::new();
    for (key_at, wanted) in (query.keys_at..).zip(wanted) {
        let (stream, group) = find_group(context, key_at, group_at)?;
        let found = match wanted {
            Wanted::New => read_new(context, &query, &stream, group)?,
            Wanted::PendingAfter(id) => Some(read_pending(context, &query, &stream, &group, id)?),
        };
        served.extend(found.map(|found| (Reply::bulk(context.arg(key_at)), found)));
    }
    Ok(reply(context, served))
}

fn find_group(context: &mut Context<'_>, key_at: usize, group_at: usize) -> Result<(Stream, Group), Failure> {
    if let Some(stream) = find(context, key_at)?
        && let Some(group) = context.store.group(&stream, context.arg(group_at))?
    {
        return Ok((stream, group));
    }
    let (key, group) = (printed(context.arg(key_at)), printed(context.arg(group_at)));
    let text: [&[u8]; 5] = [
        b"NOGROUP No such key '",
        key,
        b"' or consumer group '",
        group,
        b"' in XREADGROUP with GROUP option",
    ];
    refuse(text.concat())
}

/// Delivers what was not yet delivered to the group; none where there is nothing.
fn read_new(
    context: &mut Context<'_>,
    query: &Query,
    stream: &Stream,
    mut group: Group,
) -> Result<Option<Reply>, Failure> {
    let Some(start) = group.last_id.next() else { return Ok(None) };
    let limit = limit_or_all(query.count);
    let found = context.store.entries(stream, (start, StreamId::MAX), limit, false)?;
    if found.is_empty() {
        return Ok(None);
    }
    let consumer = context.arg(query.group_at.unwrap_or_default() + 1);
    context.store.see_consumer(&group, consumer, context.now_ms)?;
    let extent = Extent::of(context.store, stream)?;
    for entry in &found {
        extent.advance(&mut group, entry.id);
        if !query.no_ack {
            let pending =
                Pending { id: entry.id, consumer: consumer.to_vec(), delivered_ms: context.now_ms, deliveries: 1 };
            context.store.put_pending(&group, &pending)?;
        }
    }
    context.store.put_group(&group)?;
    Ok(Some(entries_reply(found)))
}

/// Delivers again what the consumer got after this id and did not acknowledge. Of an entry that is gone only the id is
/// left.
fn read_pending(
    context: &mut Context<'_>,
    query: &Query,
    stream: &Stream,
    group: &Group,
    after: StreamId,
) -> Result<Reply, Failure> {
    let consumer = context.arg(query.group_at.unwrap_or_default() + 1);
    context.store.see_consumer(group, consumer, context.now_ms)?;
    let Some(start) = after.next() else { return Ok(Reply::Array(Vec::new())) };
    let limit = limit_or_all(query.count);
    let found = context.store.pending_entries_of(group, consumer, (start, StreamId::MAX), i64::MAX, limit)?;
    let mut entries = Vec::with_capacity(found.len());
    for mut pending in found {
        entries.push(match context.store.entry(stream, pending.id)? {
            Some(entry) => {
                pending.delivered_ms = context.now_ms;
                pending.deliveries = pending.deliveries.wrapping_add(1);
                context.store.put_pending(group, &pending)?;
                entry_reply(entry)
            }
            None => Reply::Array(vec![id_reply(pending.id), context.null_array()]),
        });
    }
    Ok(Reply::Array(entries))
}

/// What each stream gave by the stream's key, or the null where none gave anything.
fn reply(context: &Context<'_>, served: Vec<(Reply, Reply)>) -> Reply {
    if served.is_empty() {
        return context.null_array();
    }
    if context.connection.protocol >= 3 {
        return Reply::Map(served);
    }
    Reply::Array(served.into_iter().map(|(key, entries)| Reply::Array(vec![key, entries])).collect())
}
