//! Trimming: removing the oldest entries.

use super::{id_at, nodes};
use crate::commands::Context;
use crate::failure::{Failure, refuse};
use crate::store::{Node, Store, Stream};
use crate::stream_id::StreamId;

/// Which entries go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Strategy {
    /// The oldest, until there are no more than so many.
    Length(i64),
    /// Those with ids before this one.
    Id(StreamId),
}

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trim {
    strategy: Strategy,
    /// Remove whole nodes only.
    approximate: bool,
    /// How many entries to remove at most; 0 for any number.
    limit: i64,
}

/// The options of XADD and XTRIM that say what to trim, while they are read.
#[derive(Debug, Default)]
pub(super) struct Options {
    strategy: Option<Strategy>,
    approximate: bool,
    limit: Option<i64>,
}

impl Options {
    /// Reads the option at `at`: the index behind it, or none where it is none of these.
    pub fn parse(&mut self, context: &Context<'_>, at: usize) -> Result<Option<usize>, Failure> {
        let values = context.argv.len() - at - 1;
        if values == 0 {
            return Ok(None);
        }
        if context.is_word(at, "LIMIT") {
            let limit = context.integer(at + 1)?;
            if limit < 0 {
                return refuse("ERR The LIMIT argument must be >= 0.");
            }
            self.limit = Some(limit);
            return Ok(Some(at + 2));
        }
        let by_length = context.is_word(at, "MAXLEN");
        if !by_length && !context.is_word(at, "MINID") {
            return Ok(None);
        }
        if self.strategy.is_some() {
            return refuse("ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
        }
        self.approximate = values >= 2 && context.is_word(at + 1, "~");
        let value_at = if self.approximate || (values >= 2 && context.is_word(at + 1, "=")) { at + 2 } else { at + 1 };
        self.strategy = Some(if by_length {
            let length_max = context.integer(value_at)?;
            if length_max < 0 {
                return refuse("ERR The MAXLEN argument must be >= 0.");
            }
            Strategy::Length(length_max)
        } else {
            Strategy::Id(id_at(context, value_at)?)
        });
        Ok(Some(value_at + 1))
    }

    /// What the options say as a whole; none where they do not trim, which XTRIM does not know.
    pub fn finish(self, is_xtrim: bool) -> Result<Option<Trim>, Failure> {
        let Self { strategy, approximate, limit } = self;
        let Some(strategy) = strategy else {
            return match limit {
                Some(1..) => refuse("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"),
                _ if is_xtrim => refuse("ERR syntax error, XTRIM must be called with a trimming strategy"),
                Some(_) => refuse(LIMIT_OF_EXACT),
                None => Ok(None),
            };
        };
        let limit = match limit {
            Some(_) if !approximate => return refuse(LIMIT_OF_EXACT),
            Some(limit) => limit,
            None if approximate => 100 * nodes::NODE_ENTRIES_MAX,
            None => 0,
        };
        Ok(Some(Trim { strategy, approximate, limit }))
    }
}

const LIMIT_OF_EXACT: &str = "ERR syntax error, LIMIT cannot be used without the special ~ option";

/// Trims the stream; how many entries were removed. The caller stores the stream.
pub(super) fn trim(store: &mut Store, stream: &mut Stream, trim: Trim) -> Result<i64, Failure> {
    let before = stream.length;
    while let Some(mut node) = store.first_node(stream)? {
        let deleted = before - stream.length;
        let is_enough = matches!(trim.strategy, Strategy::Length(length_max) if stream.length <= length_max);
        if is_enough || (trim.limit > 0 && deleted + node.live > trim.limit) {
            break;
        }
        let is_whole = match trim.strategy {
            Strategy::Length(length_max) => stream.length - node.live >= length_max,
            Strategy::Id(id) => node.last_id < id,
        };
        if is_whole {
            store.remove_whole_node(stream, &node)?;
            stream.length -= node.live;
            continue;
        }
        if !trim.approximate {
            trim_within(store, stream, &mut node, trim.strategy)?;
        }
        break;
    }
    Ok(before - stream.length)
}

/// Removes entries of the first node, some of which stay. Redis only marks them as deleted.
fn trim_within(store: &mut Store, stream: &mut Stream, node: &mut Node, strategy: Strategy) -> Result<(), Failure> {
    let removed = match strategy {
        Strategy::Length(length_max) => {
            let surplus = stream.length - length_max;
            store.remove_first_entries(stream, surplus)?;
            surplus
        }
        Strategy::Id(id) => store.remove_entries_before(stream, id)?,
    };
    if removed > 0 {
        stream.length -= removed;
        node.live -= removed;
        node.deleted += removed;
        store.put_node(stream, node)?;
    }
    Ok(())
}
