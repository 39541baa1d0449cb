//! How many entries a group has read, and how many it has yet to read.
//!
//! Both are counted as long as nothing is deleted ahead of the group; after that Redis knows them only at the ends of
//! the stream. Source: `streamEstimateDistanceFromFirstEverEntry` and `streamReplyWithCGLag` of Redis 7.0, probed.

use crate::failure::Failure;
use crate::store::{Group, Store, Stream};
use crate::stream_id::StreamId;

/// A stream, and the id of its first entry, or 0-0.
#[derive(Debug)]
pub(super) struct Extent<'a> {
    stream: &'a Stream,
    pub first_id: StreamId,
}

impl<'a> Extent<'a> {
    pub fn of(store: &Store, stream: &'a Stream) -> Result<Self, Failure> {
        Ok(Self { stream, first_id: store.first_entry_id(stream)?.unwrap_or(StreamId::MIN) })
    }

    /// True where an entry at `id` or after it was deleted.
    fn has_gap_from(&self, id: StreamId) -> bool {
        let Stream { length, max_deleted_id, .. } = *self.stream;
        length > 0 && max_deleted_id != StreamId::MIN && self.first_id <= max_deleted_id && id <= max_deleted_id
    }

    /// How many entries were ever added up to the one of this id; none where that is not known.
    fn entries_until(&self, id: StreamId) -> Option<i64> {
        let Stream { length, last_id, max_deleted_id, entries_added, .. } = *self.stream;
        if entries_added == 0 || (length == 0 && id <= last_id) {
            return Some(entries_added);
        }
        if id >= last_id {
            return (id == last_id).then_some(entries_added);
        }
        if max_deleted_id != StreamId::MIN && max_deleted_id >= self.first_id {
            return None;
        }
        let before_first = entries_added.wrapping_sub(length);
        match id.cmp(&self.first_id) {
            std::cmp::Ordering::Less => Some(before_first),
            std::cmp::Ordering::Equal => Some(before_first.wrapping_add(1)),
            std::cmp::Ordering::Greater => None,
        }
    }

    /// Notes in the group that the entry of this id, which comes after its last, was delivered.
    pub fn advance(&self, group: &mut Group, id: StreamId) {
        match group.entries_read {
            Some(read) if !self.has_gap_from(id) => group.entries_read = Some(read.wrapping_add(1)),
            _ if self.stream.entries_added != 0 => group.entries_read = self.entries_until(id),
            _ => {}
        }
        group.last_id = id;
    }

    /// How many entries the group has yet to read; none where that is not known.
    pub fn lag(&self, group: &Group) -> Option<i64> {
        if self.stream.entries_added == 0 {
            return Some(0);
        }
        let read = match group.entries_read {
            Some(read) if !self.has_gap_from(group.last_id) => Some(read),
            _ => self.entries_until(group.last_id),
        };
        read.map(|read| self.stream.entries_added.wrapping_sub(read))
    }
}
