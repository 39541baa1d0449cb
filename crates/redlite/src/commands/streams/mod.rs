//! Commands on streams.
//!
//! | file | what it is about |
//! |---|---|
//! | this one | what the others share, and reading ranges |
//! | `add` | XADD, XTRIM, and the other commands that change entries |
//! | `nodes` | how Redis packs entries, which shows in approximate trimming and in XINFO |
//! | `trim` | trimming, exact or by whole nodes |
//! | `read` | XREAD and XREADGROUP |
//! | `groups` | making, moving and removing groups and consumers |
//! | `progress` | how many entries a group has read and has yet to read |
//! | `pending` | entries that consumers got: acknowledging and listing them |
//! | `claim` | giving such entries to another consumer |
//! | `info` | XINFO |

mod add;
mod claim;
mod groups;
mod info;
mod nodes;
mod pending;
mod progress;
mod read;
#[cfg(test)]
mod tests;
mod trim;

use super::{Context, Outcome, Row, c_string, container};
use crate::failure::{Failure, refuse, texts};
use crate::store::{Group, Stream, StreamEntry};
use crate::stream_id::{self, StreamId, Written};
use resp::Reply;

pub(super) const COMMANDS: &[Row] = &[
    ("XACK", pending::xack),
    ("XADD", add::xadd),
    ("XAUTOCLAIM", claim::xautoclaim),
    ("XCLAIM", claim::xclaim),
    ("XDEL", add::xdel),
    ("XGROUP", container),
    ("XGROUP CREATE", groups::create),
    ("XGROUP CREATECONSUMER", groups::create_consumer),
    ("XGROUP DELCONSUMER", groups::delete_consumer),
    ("XGROUP DESTROY", groups::destroy),
    ("XGROUP SETID", groups::set_id),
    ("XINFO", container),
    ("XINFO CONSUMERS", info::consumers),
    ("XINFO GROUPS", info::groups),
    ("XINFO STREAM", info::stream),
    ("XLEN", xlen),
    ("XPENDING", pending::xpending),
    ("XRANGE", |context| range(context, false)),
    ("XREAD", read::xread),
    ("XREADGROUP", read::xreadgroup),
    ("XREVRANGE", |context| range(context, true)),
    ("XSETID", add::xsetid),
    ("XTRIM", add::xtrim),
];

const INVALID_ID: &str = "ERR Invalid stream ID specified as stream command argument";

/// The stream that the argument at `at` names.
fn find(context: &mut Context<'_>, at: usize) -> Result<Option<Stream>, Failure> {
    context.store.find_stream(context.db(), context.arg(at))
}

/// The stream and its group that the arguments at `key_at` and behind it name; none where either is missing.
fn find_group(context: &mut Context<'_>, key_at: usize) -> Result<Option<(Stream, Group)>, Failure> {
    let Some(stream) = find(context, key_at)? else { return Ok(None) };
    let group = context.store.group(&stream, context.arg(key_at + 1))?;
    Ok(group.map(|group| (stream, group)))
}

/// As [`find_group`], of a request that is refused where the key or the group is missing.
fn require_group(context: &mut Context<'_>) -> Result<(Stream, Group), Failure> {
    match find_group(context, 1)? {
        Some(found) => Ok(found),
        None => {
            let (key, group) = (printed(context.arg(1)), printed(context.arg(2)));
            refuse([b"NOGROUP No such key '", key, b"' or consumer group '", group, b"'"].concat())
        }
    }
}

/// A name as Redis prints it in an error.
fn printed(name: &[u8]) -> &[u8] {
    c_string(name, name.len())
}

/// The id that `text` is, with `seq` where it names only a time; none for `-`, `+` and `ms-*`.
fn plain_id(text: &[u8], seq: u64) -> Option<StreamId> {
    match stream_id::parse(text)? {
        Written::Time(ms) => Some(StreamId { ms, seq }),
        Written::Whole(id) => Some(id),
        Written::Least | Written::Greatest | Written::AnyOfTime(_) => None,
    }
}

/// As [`plain_id`]; `-` and `+` are the least and the greatest id.
fn any_id(text: &[u8], seq: u64) -> Option<StreamId> {
    match stream_id::parse(text) {
        Some(Written::Least) => Some(StreamId::MIN),
        Some(Written::Greatest) => Some(StreamId::MAX),
        _ => plain_id(text, seq),
    }
}

/// The id that the argument at `at` is.
fn id_at(context: &Context<'_>, at: usize) -> Result<StreamId, Failure> {
    plain_id(context.arg(at), 0).map_or_else(|| refuse(INVALID_ID), Ok)
}

/// The ids that the arguments from `from` on are.
fn ids_from(context: &Context<'_>, from: usize) -> Result<Vec<StreamId>, Failure> {
    (from..context.argv.len()).map(|at| id_at(context, at)).collect()
}

/// The first id of the interval that starts at the argument at `at`; `(id` leaves the id itself out.
fn interval_start(context: &Context<'_>, at: usize) -> Result<StreamId, Failure> {
    let (id, open) = bound(context.arg(at), 0)?;
    let start = if open { id.next() } else { Some(id) };
    start.map_or_else(|| refuse("ERR invalid start ID for the interval"), Ok)
}

/// As [`interval_start`], the last id of an interval.
fn interval_end(context: &Context<'_>, at: usize) -> Result<StreamId, Failure> {
    let (id, open) = bound(context.arg(at), u64::MAX)?;
    let end = if open { id.previous() } else { Some(id) };
    end.map_or_else(|| refuse("ERR invalid end ID for the interval"), Ok)
}

/// A bound, and whether it is open.
fn bound(text: &[u8], seq: u64) -> Result<(StreamId, bool), Failure> {
    let (id, open) = match text {
        [b'(', id @ ..] if !id.is_empty() => (plain_id(id, seq), true),
        _ => (any_id(text, seq), false),
    };
    id.map_or_else(|| refuse(INVALID_ID), |id| Ok((id, open)))
}

fn id_reply(id: StreamId) -> Reply {
    Reply::bulk(id.to_string())
}

fn entry_reply(entry: StreamEntry) -> Reply {
    let items = entry.items.into_iter().map(Reply::Bulk).collect();
    Reply::Array(vec![id_reply(entry.id), Reply::Array(items)])
}

fn entries_reply(entries: Vec<StreamEntry>) -> Reply {
    Reply::Array(entries.into_iter().map(entry_reply).collect())
}

/// A limit for the store: Redis takes 0 for no limit.
fn limit_or_all(count: i64) -> i64 {
    if count == 0 { -1 } else { count }
}

fn xlen(context: &mut Context<'_>) -> Outcome {
    Ok(Reply::Int(find(context, 1)?.map_or(0, |stream| stream.length)))
}

/// XRANGE, or with `reverse` XREVRANGE, whose interval is written from its end to its start.
fn range(context: &mut Context<'_>, reverse: bool) -> Outcome {
    let (start_at, end_at) = if reverse { (3, 2) } else { (2, 3) };
    let interval = (interval_start(context, start_at)?, interval_end(context, end_at)?);
    let mut limit = -1;
    let mut at = 4;
    while at < context.argv.len() {
        if !context.is_word(at, "COUNT") || at + 1 == context.argv.len() {
            return refuse(texts::SYNTAX);
        }
        limit = context.integer(at + 1)?.max(0);
        at += 2;
    }
    let Some(stream) = find(context, 1)? else {
        return Ok(Reply::Array(Vec::new()));
    };
    if limit == 0 {
        return Ok(context.null_array());
    }
    Ok(entries_reply(context.store.entries(&stream, interval, limit, reverse)?))
}
