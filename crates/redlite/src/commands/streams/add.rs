//! Commands that add and remove entries.

use super::trim::{Options, Trim, trim};
use super::{INVALID_ID, find, id_at, id_reply, ids_from, nodes};
use crate::commands::{Context, Outcome, wrong_arity};
use crate::failure::{Failure, refuse, texts};
use crate::store::{Stream, Type};
use crate::stream_id::{self, StreamId, Written};
use resp::Reply;

/// The id that a new entry is to have.
#[derive(Clone, Copy, Debug)]
enum NewId {
    /// `*`: that of the clock, and after the last.
    Next,
    /// `ms-*`: the next one of this time.
    OfTime(u64),
    Given(StreamId),
}

/// The request of XADD.
#[derive(Debug)]
struct Addition {
    id: NewId,
    is_create: bool,
    trim: Option<Trim>,
    /// The index of the first field.
    items_at: usize,
}

impl Addition {
    fn parse(context: &Context<'_>) -> Result<Self, Failure> {
        let (mut id, mut is_create, mut options) = (NewId::Next, true, Options::default());
        let mut at = 2;
        while at < context.argv.len() && !context.is_word(at, "*") {
            if let Some(next) = options.parse(context, at)? {
                at = next;
            } else if context.is_word(at, "NOMKSTREAM") {
                is_create = false;
                at += 1;
            } else {
                id = match stream_id::parse(context.arg(at)) {
                    Some(Written::Time(ms)) => NewId::Given(StreamId { ms, seq: 0 }),
                    Some(Written::AnyOfTime(ms)) => NewId::OfTime(ms),
                    Some(Written::Whole(id)) => NewId::Given(id),
                    Some(Written::Least | Written::Greatest) | None => return refuse(INVALID_ID),
                };
                break;
            }
        }
        Ok(Self { id, is_create, trim: options.finish(false)?, items_at: at + 1 })
    }
}

pub(super) fn xadd(context: &mut Context<'_>) -> Outcome {
    let addition = Addition::parse(context)?;
    let items: Vec<&[u8]> = context.args_from(addition.items_at).collect();
    if items.is_empty() || items.len() % 2 == 1 {
        return refuse(wrong_arity("XADD"));
    }
    if matches!(addition.id, NewId::Given(StreamId::MIN)) {
        return refuse("ERR The ID specified in XADD must be greater than 0-0");
    }
    let mut stream = match find(context, 1)? {
        Some(stream) => stream,
        None if !addition.is_create => return Ok(context.null()),
        None => context.store.create_stream(context.db(), context.arg(1))?,
    };
    let id = new_id(&stream, addition.id, context.now_ms)?;
    let node = nodes::append(context.store, &stream, id, &items)?;
    context.store.put_node(&stream, &node)?;
    context.store.add_entry(&stream, id, &items)?;
    stream.length += 1;
    stream.entries_added = stream.entries_added.wrapping_add(1);
    stream.last_id = id;
    if let Some(options) = addition.trim {
        trim(context.store, &mut stream, options)?;
    }
    context.store.put_stream(&stream)?;
    context.store.touch_stream(&stream);
    context.store.signal_ready(context.db(), context.arg(1), Type::Stream);
    Ok(id_reply(id))
}

/// The id of an entry that is to follow the stream's last.
fn new_id(stream: &Stream, id: NewId, now_ms: i64) -> Result<StreamId, Failure> {
    let last = stream.last_id;
    let Some(following) = last.next() else {
        return refuse("ERR The stream has exhausted the last possible ID, unable to add more items");
    };
    let id = match id {
        NewId::Next => following.max(StreamId { ms: now_ms.max(0).cast_unsigned(), seq: 0 }),
        NewId::OfTime(ms) if ms == last.ms && last.seq == u64::MAX => {
            // Redis means another error and forgets to say so.
            return refuse("ERR Elements are too large to be stored");
        }
        NewId::OfTime(ms) if ms == last.ms => following,
        NewId::OfTime(ms) => StreamId { ms, seq: 0 },
        NewId::Given(id) => id,
    };
    if id <= last {
        return refuse("ERR The ID specified in XADD is equal or smaller than the target stream top item");
    }
    Ok(id)
}

pub(super) fn xtrim(context: &mut Context<'_>) -> Outcome {
    let mut options = Options::default();
    let mut at = 2;
    while at < context.argv.len() {
        match options.parse(context, at)? {
            Some(next) => at = next,
            None => return refuse(texts::SYNTAX),
        }
    }
    let options = options.finish(true)?;
    let (Some(mut stream), Some(options)) = (find(context, 1)?, options) else {
        return Ok(Reply::Int(0));
    };
    let removed = trim(context.store, &mut stream, options)?;
    if removed > 0 {
        context.store.touch_stream(&stream);
        context.store.put_stream(&stream)?;
    }
    Ok(Reply::Int(removed))
}

pub(super) fn xdel(context: &mut Context<'_>) -> Outcome {
    let Some(mut stream) = find(context, 1)? else {
        return Ok(Reply::Int(0));
    };
    let before = stream.length;
    for id in ids_from(context, 2)? {
        if !context.store.remove_entry(&stream, id)? {
            continue;
        }
        stream.length -= 1;
        stream.max_deleted_id = stream.max_deleted_id.max(id);
        if let Some(mut node) = context.store.node_at(&stream, id)? {
            node.live -= 1;
            node.deleted += 1;
            if node.live == 0 {
                context.store.remove_node(&stream, &node)?;
            } else {
                context.store.put_node(&stream, &node)?;
            }
        }
    }
    if stream.length < before {
        context.store.touch_stream(&stream);
        context.store.put_stream(&stream)?;
    }
    Ok(Reply::Int(before - stream.length))
}

pub(super) fn xsetid(context: &mut Context<'_>) -> Outcome {
    let last_id = id_at(context, 2)?;
    let (mut entries_added, mut max_deleted_id) = (None, StreamId::MIN);
    let mut at = 3;
    while at < context.argv.len() {
        let has_value = at + 1 < context.argv.len();
        if has_value && context.is_word(at, "ENTRIESADDED") {
            let added = context.integer(at + 1)?;
            if added < 0 {
                return refuse("ERR entries_added must be positive");
            }
            entries_added = Some(added);
        } else if has_value && context.is_word(at, "MAXDELETEDID") {
            max_deleted_id = id_at(context, at + 1)?;
            if last_id < max_deleted_id {
                return refuse("ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id");
            }
        } else {
            return refuse(texts::SYNTAX);
        }
        at += 2;
    }
    let Some(mut stream) = find(context, 1)? else {
        return refuse(texts::NO_SUCH_KEY);
    };
    if context.store.last_entry_id(&stream)?.is_some_and(|top| last_id < top) {
        return refuse("ERR The ID specified in XSETID is smaller than the target stream top item");
    }
    if entries_added.is_some_and(|added| added < stream.length) {
        return refuse("ERR The entries_added specified in XSETID is smaller than the target stream length");
    }
    stream.last_id = last_id;
    stream.entries_added = entries_added.unwrap_or(stream.entries_added);
    if max_deleted_id != StreamId::MIN {
        stream.max_deleted_id = max_deleted_id;
    }
    context.store.put_stream(&stream)?;
    Ok(Reply::ok())
}
