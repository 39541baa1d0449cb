//! XREAD and XREADGROUP.

use super::progress::Extent;
use super::{INVALID_ID, entries_reply, entry_reply, find, id_reply, limit_or_all, plain_id, printed};
use crate::commands::{Context, Outcome};
use crate::failure::{Failure, refuse, texts};
use crate::number;
use crate::store::{Group, Pending, Stream, Type};
use crate::stream_id::StreamId;
use crate::waits::Wait;
use resp::Reply;

/// What a request asks for.
#[derive(Debug)]
struct Query {
    /// How many entries of each stream at most; 0 for all.
    count: i64,
    /// Whether to wait for entries, and until when, in milliseconds since 1970; `Some(None)` for ever.
    block: Option<Option<i64>>,
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
        let mut query = Self { count: 0, block: None, keys_at: 0, keys: 0, group_at: None, no_ack: false };
        let mut at = 1;
        while at < context.argv.len() {
            let values = context.argv.len() - at - 1;
            if values > 0 && context.is_word(at, "BLOCK") {
                query.block = Some(until_ms(context, at + 1)?);
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

/// The time to wait in milliseconds at `at`: until when, in milliseconds since 1970; `None` for ever.
fn until_ms(context: &Context<'_>, at: usize) -> Result<Option<i64>, Failure> {
    match number::parse_integer(context.arg(at)) {
        None => refuse("ERR timeout is not an integer or out of range"),
        Some(..0) => refuse("ERR timeout is negative"),
        Some(0) => Ok(None),
        // Where the moment is beyond 64 bits, Redis never comes to it.
        Some(ms) => Ok(context.now_ms.checked_add(ms)),
    }
}

/// Redis gives one that has waited no more entries than this, unless it asked for a number.
const WOKEN_COUNT_MAX: i64 = 1000;

impl Query {
    /// There is nothing to read: the client waits, or gets a null where it does not ask for that or may not. Runs
    /// again with `ids` in the place of those that the request names.
    fn wait(&self, context: &Context<'_>, ids: &[Vec<u8>]) -> Outcome {
        let Some(until_ms) = self.block.filter(|_| context.may_block()) else {
            return Ok(context.null_array());
        };
        let keys = context.args_from(self.keys_at).take(self.keys).map(<[u8]>::to_vec).collect();
        let before_ids = context.argv.iter().take(self.keys_at + self.keys);
        Err(Failure::Blocked(Box::new(Wait {
            db: context.db(),
            keys,
            kind: Type::Stream,
            until_ms,
            argv: before_ids.chain(ids.iter().map(Vec::as_slice)).collect(),
            timed_out: context.null_array(),
        })))
    }

    /// Of a request that has waited: the index of the key that is ready now.
    fn ready_at(&self, context: &Context<'_>) -> Option<usize> {
        let ready = context.ready_key?;
        // A key that is named twice counts where it comes first.
        (self.keys_at..self.keys_at + self.keys).find(|&at| context.arg(at) == ready)
    }

    /// How many entries to give at most, or all with -1.
    fn limit(&self, context: &Context<'_>) -> i64 {
        match self.count {
            0 if context.ready_key.is_some() => WOKEN_COUNT_MAX,
            count => limit_or_all(count),
        }
    }
}

/// The stream that the argument at `at` names; none where it is not a stream any more.
fn find_ready(context: &mut Context<'_>, at: usize) -> Result<Option<Stream>, Failure> {
    match find(context, at) {
        Err(Failure::Refused(_)) => Ok(None),
        found => found,
    }
}

/// The entries with ids after those that the request names.
pub(super) fn xread(context: &mut Context<'_>) -> Outcome {
    let query = Query::parse(context, false)?;
    if let Some(key_at) = query.ready_at(context) {
        return xread_woken(context, &query, key_at);
    }
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
    for (key_at, &after) in (query.keys_at..).zip(&after) {
        let (Some(stream), Some(start)) = (find(context, key_at)?, after.next()) else { continue };
        let found = context.store.entries(&stream, (start, StreamId::MAX), query.limit(context), false)?;
        if !found.is_empty() {
            served.push((Reply::bulk(context.arg(key_at)), entries_reply(found)));
        }
    }
    if served.is_empty() {
        let ids: Vec<Vec<u8>> = after.iter().map(|id| id.to_string().into_bytes()).collect();
        return query.wait(context, &ids);
    }
    Ok(reply(context, served))
}

/// XREAD that has waited. Redis looks at the last id that was added: where that entry is gone again, there is nothing
/// to give, and it gives that.
fn xread_woken(context: &mut Context<'_>, query: &Query, key_at: usize) -> Outcome {
    let after = plain_id(context.arg(key_at + query.keys), 0).unwrap_or_default();
    let (Some(stream), Some(start)) = (find_ready(context, key_at)?, after.next()) else {
        return query.wait(context, &[]);
    };
    if stream.last_id <= after {
        return query.wait(context, &[]);
    }
    let found = context.store.entries(&stream, (start, StreamId::MAX), query.limit(context), false)?;
    Ok(reply(context, vec![(Reply::bulk(context.arg(key_at)), entries_reply(found))]))
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
    if let Some(key_at) = query.ready_at(context) {
        return xreadgroup_woken(context, &query, key_at, group_at);
    }
    let mut wanted = Vec::with_capacity(query.keys);
    for key_at in query.keys_at..query.keys_at + query.keys {
        find_group(context, key_at, group_at)?;
        wanted.push(Wanted::parse(context, key_at + query.keys)?);
    }
    let mut served = Vec::new();
    for (key_at, wanted) in (query.keys_at..).zip(wanted) {
        let (stream, group) = find_group(context, key_at, group_at)?;
        let found = match wanted {
            Wanted::New if !has_new(context, &stream, &group)? => continue,
            Wanted::New => read_new(context, &query, &stream, group)?,
            Wanted::PendingAfter(id) => read_pending(context, &query, &stream, &group, id)?,
        };
        served.push((Reply::bulk(context.arg(key_at)), found));
    }
    if served.is_empty() {
        let ids: Vec<Vec<u8>> = context.args_from(query.keys_at + query.keys).map(<[u8]>::to_vec).collect();
        return query.wait(context, &ids);
    }
    Ok(reply(context, served))
}

/// True where the stream has an entry after the last one that was delivered to the group.
fn has_new(context: &Context<'_>, stream: &Stream, group: &Group) -> Result<bool, Failure> {
    Ok(context.store.last_entry_id(stream)?.is_some_and(|last| last > group.last_id))
}

/// As [`xread_woken`], for a consumer, who waits no more where the stream or the group is gone.
fn xreadgroup_woken(context: &mut Context<'_>, query: &Query, key_at: usize, group_at: usize) -> Outcome {
    let Some(stream) = find_ready(context, key_at)? else {
        return refuse("UNBLOCKED the stream key no longer exists");
    };
    let Some(group) = context.store.group(&stream, context.arg(group_at))? else {
        return refuse("NOGROUP the consumer group this client was blocked on no longer exists");
    };
    if stream.last_id <= group.last_id {
        return query.wait(context, &[]);
    }
    let found = read_new(context, query, &stream, group)?;
    Ok(reply(context, vec![(Reply::bulk(context.arg(key_at)), found)]))
}

fn find_group(context: &mut Context<'_>, key_at: usize, group_at: usize) -> Result<(Stream, Group), Failure> {
    if let Some(stream) = find(context, key_at)?
        && let Some(group) = context.store.group(&stream, context.arg(group_at))?
    {
        return Ok((stream, group));
    }
    let (key, group) = (printed(context.arg(key_at)), printed(context.arg(group_at)));
    let text: [&[u8]; 5] =
        [b"NOGROUP No such key '", key, b"' or consumer group '", group, b"' in XREADGROUP with GROUP option"];
    refuse(text.concat())
}

/// Delivers what was not yet delivered to the group.
fn read_new(context: &mut Context<'_>, query: &Query, stream: &Stream, mut group: Group) -> Result<Reply, Failure> {
    // Only to a group that is at the last id of all there is no next, and then there is nothing new.
    let start = group.last_id.next().unwrap_or(StreamId::MAX);
    let found = context.store.entries(stream, (start, StreamId::MAX), query.limit(context), false)?;
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
    Ok(entries_reply(found))
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
    let limit = query.limit(context);
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

/// What each stream gave, by the stream's key.
fn reply(context: &Context<'_>, served: Vec<(Reply, Reply)>) -> Reply {
    if context.connection.protocol >= 3 {
        return Reply::Map(served);
    }
    Reply::Array(served.into_iter().map(|(key, entries)| Reply::Array(vec![key, entries])).collect())
}
