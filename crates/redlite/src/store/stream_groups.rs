//! Consumer groups of streams: their consumers, and the entries that these got and did not acknowledge.

use rusqlite::{Row, params};

use super::streams::Stream;
use super::{Store, bytes};
use crate::failure::Failure;
use crate::stream_id::StreamId;

/// A consumer group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    key_id: i64,
    pub name: Vec<u8>,
    /// The last entry that was delivered to any of its consumers.
    pub last_id: StreamId,
    /// How many entries it has read; none where that is not known.
    pub entries_read: Option<i64>,
}

/// Stands in the table for a number of entries that is not known.
const UNKNOWN: i64 = -1;

impl Group {
    /// Reads the columns `key_id, name, last_id, entries_read`.
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let entries_read: i64 = row.get(3)?;
        Ok(Self {
            key_id: row.get(0)?,
            name: bytes(row, 1)?,
            last_id: row.get(2)?,
            entries_read: (entries_read != UNKNOWN).then_some(entries_read),
        })
    }
}

/// A consumer of a group.
#[derive(Clone, Debug)]
pub(crate) struct Consumer {
    pub name: Vec<u8>,
    /// When it last got or claimed something, in milliseconds since 1970.
    pub seen_ms: i64,
    /// How many entries it did not acknowledge.
    pub pending: i64,
}

/// An entry that a consumer got and did not acknowledge.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub id: StreamId,
    pub consumer: Vec<u8>,
    /// In milliseconds since 1970.
    pub delivered_ms: i64,
    /// How often it was delivered.
    pub deliveries: i64,
}

impl Pending {
    /// Reads the columns `id, consumer, delivered_ms, deliveries`.
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, consumer: bytes(row, 1)?, delivered_ms: row.get(2)?, deliveries: row.get(3)? })
    }
}

impl Store {
    /// The group of this name.
    pub fn group(&self, stream: &Stream, name: &[u8]) -> Result<Option<Group>, Failure> {
        Ok(self.row(
            "SELECT key_id, name, last_id, entries_read FROM stream_groups WHERE key_id = ?1 AND name = ?2",
            params![stream.key_id, name],
            Group::from_row,
        )?)
    }

    /// Every group, in the order of their names' bytes.
    pub fn groups(&self, stream: &Stream) -> Result<Vec<Group>, Failure> {
        Ok(self.rows(
            "SELECT key_id, name, last_id, entries_read FROM stream_groups WHERE key_id = ?1 ORDER BY name",
            [stream.key_id],
            Group::from_row,
        )?)
    }

    /// Makes a group; false where there is one of this name.
    pub fn create_group(
        &mut self,
        stream: &Stream,
        name: &[u8],
        last_id: StreamId,
        entries_read: Option<i64>,
    ) -> Result<bool, Failure> {
        let created = self.write(
            "INSERT INTO stream_groups (key_id, name, last_id, entries_read) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
            params![stream.key_id, name, last_id, entries_read.unwrap_or(UNKNOWN)],
        )?;
        Ok(created > 0)
    }

    /// Stores the last id and the number of entries read of a group.
    pub fn put_group(&mut self, group: &Group) -> Result<(), Failure> {
        let Group { key_id, name, last_id, entries_read } = group;
        self.write(
            "UPDATE stream_groups SET last_id = ?3, entries_read = ?4 WHERE key_id = ?1 AND name = ?2",
            params![key_id, name, last_id, entries_read.unwrap_or(UNKNOWN)],
        )?;
        Ok(())
    }

    /// Removes a group with all that is its own.
    pub fn remove_group(&mut self, group: &Group) -> Result<(), Failure> {
        let Group { key_id, name, .. } = group;
        self.write("DELETE FROM stream_groups WHERE key_id = ?1 AND name = ?2", params![key_id, name])?;
        self.write("DELETE FROM stream_consumers WHERE key_id = ?1 AND group_name = ?2", params![key_id, name])?;
        self.write("DELETE FROM stream_pending WHERE key_id = ?1 AND group_name = ?2", params![key_id, name])?;
        Ok(())
    }

    /// Every consumer of the group, in the order of their names' bytes.
    pub fn consumers(&self, group: &Group) -> Result<Vec<Consumer>, Failure> {
        Ok(self.rows(
            "SELECT name, seen_ms, (SELECT count(*) FROM stream_pending AS pending
                 WHERE pending.key_id = ?1 AND pending.group_name = ?2 AND pending.consumer = consumers.name)
             FROM stream_consumers AS consumers WHERE key_id = ?1 AND group_name = ?2 ORDER BY name",
            params![group.key_id, group.name],
            |row| Ok(Consumer { name: bytes(row, 0)?, seen_ms: row.get(1)?, pending: row.get(2)? }),
        )?)
    }

    /// How many consumers the group has.
    pub fn count_consumers(&self, group: &Group) -> Result<i64, Failure> {
        let count = self.row(
            "SELECT count(*) FROM stream_consumers WHERE key_id = ?1 AND group_name = ?2",
            params![group.key_id, group.name],
            |row| row.get(0),
        )?;
        Ok(count.unwrap_or(0))
    }

    /// Makes a consumer; false where there is one of this name.
    pub fn create_consumer(&mut self, group: &Group, name: &[u8], now_ms: i64) -> Result<bool, Failure> {
        let created = self.write(
            "INSERT INTO stream_consumers (key_id, group_name, name, seen_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
            params![group.key_id, group.name, name, now_ms],
        )?;
        Ok(created > 0)
    }

    /// Notes that the consumer was seen now; makes it where there is none of this name.
    pub fn see_consumer(&mut self, group: &Group, name: &[u8], now_ms: i64) -> Result<(), Failure> {
        self.write(
            "REPLACE INTO stream_consumers (key_id, group_name, name, seen_ms) VALUES (?1, ?2, ?3, ?4)",
            params![group.key_id, group.name, name, now_ms],
        )?;
        Ok(())
    }

    /// Removes a consumer, and with it the entries that it did not acknowledge: how many these were.
    pub fn remove_consumer(&mut self, group: &Group, name: &[u8]) -> Result<i64, Failure> {
        self.write(
            "DELETE FROM stream_consumers WHERE key_id = ?1 AND group_name = ?2 AND name = ?3",
            params![group.key_id, group.name, name],
        )?;
        let pending = self.write(
            "DELETE FROM stream_pending WHERE key_id = ?1 AND group_name = ?2 AND consumer = ?3",
            params![group.key_id, group.name, name],
        )?;
        Ok(pending as i64)
    }

    /// The pending entry of this id.
    pub fn pending_entry(&self, group: &Group, id: StreamId) -> Result<Option<Pending>, Failure> {
        Ok(self.row(
            "SELECT id, consumer, delivered_ms, deliveries FROM stream_pending
             WHERE key_id = ?1 AND group_name = ?2 AND id = ?3",
            params![group.key_id, group.name, id],
            Pending::from_row,
        )?)
    }

    /// The pending entries with ids from `low` to `high` that were delivered at `delivered_max_ms` or before, at most
    /// `limit`, or all with -1.
    pub fn pending_entries(
        &self,
        group: &Group,
        (low, high): (StreamId, StreamId),
        delivered_max_ms: i64,
        limit: i64,
    ) -> Result<Vec<Pending>, Failure> {
        Ok(self.rows(
            "SELECT id, consumer, delivered_ms, deliveries FROM stream_pending
             WHERE key_id = ?1 AND group_name = ?2 AND id BETWEEN ?3 AND ?4 AND delivered_ms <= ?5
             ORDER BY id LIMIT ?6",
            params![group.key_id, group.name, low, high, delivered_max_ms, limit],
            Pending::from_row,
        )?)
    }

    /// As [`Store::pending_entries`], those of one consumer.
    pub fn pending_entries_of(
        &self,
        group: &Group,
        consumer: &[u8],
        (low, high): (StreamId, StreamId),
        delivered_max_ms: i64,
        limit: i64,
    ) -> Result<Vec<Pending>, Failure> {
        Ok(self.rows(
            "SELECT id, consumer, delivered_ms, deliveries FROM stream_pending
             WHERE key_id = ?1 AND group_name = ?2 AND consumer = ?3 AND id BETWEEN ?4 AND ?5 AND delivered_ms <= ?6
             ORDER BY id LIMIT ?7",
            params![group.key_id, group.name, consumer, low, high, delivered_max_ms, limit],
            Pending::from_row,
        )?)
    }

    /// How many pending entries the group has, and the first and the last of their ids.
    pub fn pending_extent(&self, group: &Group) -> Result<(i64, Option<(StreamId, StreamId)>), Failure> {
        let extent = self.row(
            "SELECT count(*), min(id), max(id) FROM stream_pending WHERE key_id = ?1 AND group_name = ?2",
            params![group.key_id, group.name],
            |row| Ok((row.get(0)?, row.get::<_, Option<StreamId>>(1)?.zip(row.get(2)?))),
        )?;
        Ok(extent.unwrap_or((0, None)))
    }

    /// Stores a pending entry, also a new one.
    pub fn put_pending(&mut self, group: &Group, pending: &Pending) -> Result<(), Failure> {
        let Pending { id, consumer, delivered_ms, deliveries } = pending;
        self.write(
            "REPLACE INTO stream_pending (key_id, group_name, id, consumer, delivered_ms, deliveries)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![group.key_id, group.name, id, consumer, delivered_ms, deliveries],
        )?;
        Ok(())
    }

    /// Removes a pending entry; true where it was there.
    pub fn remove_pending(&mut self, group: &Group, id: StreamId) -> Result<bool, Failure> {
        let removed = self.write(
            "DELETE FROM stream_pending WHERE key_id = ?1 AND group_name = ?2 AND id = ?3",
            params![group.key_id, group.name, id],
        )?;
        Ok(removed > 0)
    }
}
