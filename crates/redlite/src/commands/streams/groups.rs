//! XGROUP: making, moving and removing groups and consumers.

use super::{INVALID_ID, any_id, find, id_at, printed};
use crate::commands::refuse_subcommand;
use crate::commands::{Context, Outcome};
use crate::failure::{Failure, refuse};
use crate::store::{Group, Stream, Type};
use crate::stream_id::StreamId;
use resp::Reply;

/// The options of CREATE and SETID.
#[derive(Debug, Default)]
struct Options {
    is_create: bool,
    entries_read: Option<i64>,
}

impl Options {
    /// Reads the options; only CREATE may make the key.
    fn parse(context: &Context<'_>, may_create: bool) -> Result<Self, Failure> {
        let mut options = Self::default();
        let mut at = 5;
        while at < context.argv.len() {
            if may_create && context.is_word(at, "MKSTREAM") {
                options.is_create = true;
                at += 1;
            } else if context.is_word(at, "ENTRIESREAD") && at + 1 < context.argv.len() {
                options.entries_read = match context.integer(at + 1)? {
                    -1 => None,
                    read @ 0.. => Some(read),
                    _ => return refuse("ERR value for ENTRIESREAD must be positive or -1"),
                };
                at += 2;
            } else {
                return refuse_subcommand(context);
            }
        }
        Ok(options)
    }
}

/// The stream of a subcommand that does not make it.
fn require_stream(context: &mut Context<'_>) -> Result<Stream, Failure> {
    match find(context, 2)? {
        Some(stream) => Ok(stream),
        None => refuse(
            "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the \
             MKSTREAM option to create an empty stream automatically.",
        ),
    }
}

/// The stream and the group of a subcommand that makes neither.
fn require_group(context: &mut Context<'_>) -> Result<(Stream, Group), Failure> {
    let stream = require_stream(context)?;
    match context.store.group(&stream, context.arg(3))? {
        Some(group) => Ok((stream, group)),
        None => refuse_missing(context, 3, 2),
    }
}

/// Refuses a request whose stream has no such group.
pub(super) fn refuse_missing<T>(context: &Context<'_>, group_at: usize, key_at: usize) -> Result<T, Failure> {
    let (group, key) = (printed(context.arg(group_at)), printed(context.arg(key_at)));
    refuse([b"NOGROUP No such consumer group '", group, b"' for key name '", key, b"'"].concat())
}

pub(super) fn create(context: &mut Context<'_>) -> Outcome {
    let options = Options::parse(context, true)?;
    let found = if options.is_create { find(context, 2)? } else { Some(require_stream(context)?) };
    if context.argv.len() > 8 {
        return refuse_subcommand(context);
    }
    let last_id = if context.is_word(4, "$") {
        found.as_ref().map_or(StreamId::MIN, |stream| stream.last_id)
    } else {
        id_at(context, 4)?
    };
    let stream = match found {
        Some(stream) => stream,
        None => context.store.create_stream(context.db(), context.arg(2))?,
    };
    if context.store.create_group(&stream, context.arg(3), last_id, options.entries_read)? {
        Ok(Reply::ok())
    } else {
        refuse("BUSYGROUP Consumer Group name already exists")
    }
}

pub(super) fn set_id(context: &mut Context<'_>) -> Outcome {
    let options = Options::parse(context, false)?;
    let (stream, mut group) = require_group(context)?;
    if context.argv.len() > 7 {
        return refuse_subcommand(context);
    }
    group.last_id = if context.is_word(4, "$") {
        stream.last_id
    } else {
        any_id(context.arg(4), 0).map_or_else(|| refuse(INVALID_ID), Ok)?
    };
    group.entries_read = options.entries_read;
    context.store.put_group(&group)?;
    Ok(Reply::ok())
}

pub(super) fn destroy(context: &mut Context<'_>) -> Outcome {
    let stream = require_stream(context)?;
    let Some(group) = context.store.group(&stream, context.arg(3))? else {
        return Ok(Reply::Int(0));
    };
    context.store.remove_group(&group)?;
    // Those who wait as its consumers are told.
    context.store.signal_ready(context.db(), context.arg(2), Type::Stream);
    Ok(Reply::Int(1))
}

pub(super) fn create_consumer(context: &mut Context<'_>) -> Outcome {
    let (_, group) = require_group(context)?;
    let created = context.store.create_consumer(&group, context.arg(4), context.now_ms)?;
    Ok(Reply::Int(i64::from(created)))
}

pub(super) fn delete_consumer(context: &mut Context<'_>) -> Outcome {
    let (_, group) = require_group(context)?;
    Ok(Reply::Int(context.store.remove_consumer(&group, context.arg(4))?))
}
