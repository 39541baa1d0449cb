//! Streams: entries by their ids, and the nodes in which Redis packs them.
//!
//! What changes the counts or the ids of a [`Stream`] or of a [`Node`] changes them in the struct; the caller stores
//! it with [`Store::put_stream`] or [`Store::put_node`]. For those who watch a key, a stream changes with its entries
//! alone, not with its groups: what changes entries says so by [`Store::touch_stream`].

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Row, params};

use super::Store;
use super::keyspace::Type;
use crate::failure::Failure;
use crate::stream_id::StreamId;

/// Deletes everything of the key ?1.
pub(super) const DELETE: &[&str] = &[
    "DELETE FROM streams WHERE key_id = ?1",
    "DELETE FROM stream_entries WHERE key_id = ?1",
    "DELETE FROM stream_nodes WHERE key_id = ?1",
    "DELETE FROM stream_groups WHERE key_id = ?1",
    "DELETE FROM stream_consumers WHERE key_id = ?1",
    "DELETE FROM stream_pending WHERE key_id = ?1",
];

/// Gives the key ?2 everything of the key ?1.
pub(super) const COPY: &[&str] = &[
    "INSERT INTO streams SELECT ?2, length, last_id, max_deleted_id, entries_added FROM streams WHERE key_id = ?1",
    "INSERT INTO stream_entries SELECT ?2, id, items FROM stream_entries WHERE key_id = ?1",
    "INSERT INTO stream_nodes
     SELECT ?2, id, last_id, live, deleted, bytes, fields FROM stream_nodes WHERE key_id = ?1",
    "INSERT INTO stream_groups SELECT ?2, name, last_id, entries_read FROM stream_groups WHERE key_id = ?1",
    "INSERT INTO stream_consumers SELECT ?2, group_name, name, seen_ms FROM stream_consumers WHERE key_id = ?1",
    "INSERT INTO stream_pending
     SELECT ?2, group_name, id, consumer, delivered_ms, deliveries FROM stream_pending WHERE key_id = ?1",
];

/// Empties the tables.
pub(super) const CLEAR: &[&str] = &[
    "DELETE FROM streams",
    "DELETE FROM stream_entries",
    "DELETE FROM stream_nodes",
    "DELETE FROM stream_groups",
    "DELETE FROM stream_consumers",
    "DELETE FROM stream_pending",
];

impl ToSql for StreamId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(self.to_bytes().to_vec()))
    }
}

impl FromSql for StreamId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        <[u8; 16]>::column_result(value).map(StreamId::from_bytes)
    }
}

/// A stream without its entries.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(super) key_id: i64,
    pub length: i64,
    pub last_id: StreamId,
    pub max_deleted_id: StreamId,
    pub entries_added: i64,
}

/// An entry.
#[derive(Clone, Debug)]
pub(crate) struct StreamEntry {
    pub id: StreamId,
    /// Fields and values in turn.
    pub items: Vec<Vec<u8>>,
}

impl StreamEntry {
    /// Reads the columns `id, items`.
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, items: split(row.get_ref(1)?.as_blob()?) })
    }
}

/// Entries that Redis packs together.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// That of its first entry, which may be deleted.
    pub id: StreamId,
    /// That of its last entry, which may be deleted.
    pub last_id: StreamId,
    /// Entries that are there.
    pub live: i64,
    /// Entries that are deleted and still take up room.
    pub deleted: i64,
    /// How long Redis' packed form of it is.
    pub bytes: i64,
    /// The fields of its first entry.
    pub fields: Vec<Vec<u8>>,
}

impl Node {
    /// Reads the columns `id, last_id, live, deleted, bytes, fields`.
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            last_id: row.get(1)?,
            live: row.get(2)?,
            deleted: row.get(3)?,
            bytes: row.get(4)?,
            fields: split(row.get_ref(5)?.as_blob()?),
        })
    }
}

/// Several byte strings as one, each behind its length.
fn join<T: AsRef<[u8]>>(items: &[T]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(items.iter().map(|item| item.as_ref().len() + 4).sum());
    for item in items {
        let item = item.as_ref();
        // No argument is longer than 512 MB.
        joined.extend_from_slice(&(item.len() as u32).to_le_bytes());
        joined.extend_from_slice(item);
    }
    joined
}

/// What [`join`] made one.
fn split(mut joined: &[u8]) -> Vec<Vec<u8>> {
    let mut items = Vec::new();
    while let Some((length, rest)) = joined.split_first_chunk::<4>() {
        let (item, rest) = rest.split_at(rest.len().min(u32::from_le_bytes(*length) as usize));
        items.push(item.to_vec());
        joined = rest;
    }
    items
}

impl Store {
    /// The stream of this name: WRONGTYPE where the key holds something else.
    pub fn find_stream(&mut self, db: u32, name: &[u8]) -> Result<Option<Stream>, Failure> {
        let Some(key) = self.find_as(db, name, Type::Stream)? else { return Ok(None) };
        Ok(self.row(
            "SELECT key_id, length, last_id, max_deleted_id, entries_added FROM streams WHERE key_id = ?1",
            [key.id],
            |row| {
                Ok(Stream {
                    key_id: row.get(0)?,
                    length: row.get(1)?,
                    last_id: row.get(2)?,
                    max_deleted_id: row.get(3)?,
                    entries_added: row.get(4)?,
                })
            },
        )?)
    }

    /// Makes a stream without entries, where there is no key of this name.
    pub fn create_stream(&mut self, db: u32, name: &[u8]) -> Result<Stream, Failure> {
        let key_id = self.create(db, name, Type::Stream)?.id;
        let (last_id, max_deleted_id) = (StreamId::MIN, StreamId::MIN);
        let stream = Stream { key_id, length: 0, last_id, max_deleted_id, entries_added: 0 };
        self.put_stream(&stream)?;
        Ok(stream)
    }

    /// Notes that the entries of a stream have changed.
    pub fn touch_stream(&mut self, stream: &Stream) {
        self.touch_id(stream.key_id);
    }

    /// Stores what is known of the stream as a whole.
    pub fn put_stream(&mut self, stream: &Stream) -> Result<(), Failure> {
        let Stream { key_id, length, last_id, max_deleted_id, entries_added } = stream;
        self.write(
            "REPLACE INTO streams (key_id, length, last_id, max_deleted_id, entries_added) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![key_id, length, last_id, max_deleted_id, entries_added],
        )?;
        Ok(())
    }

    /// Adds an entry.
    pub fn add_entry(&mut self, stream: &Stream, id: StreamId, items: &[&[u8]]) -> Result<(), Failure> {
        self.write(
            "INSERT INTO stream_entries (key_id, id, items) VALUES (?1, ?2, ?3)",
            params![stream.key_id, id, join(items)],
        )?;
        Ok(())
    }

    /// Removes an entry; true where it was there.
    pub fn remove_entry(&mut self, stream: &Stream, id: StreamId) -> Result<bool, Failure> {
        let removed =
            self.write("DELETE FROM stream_entries WHERE key_id = ?1 AND id = ?2", params![stream.key_id, id])?;
        Ok(removed > 0)
    }

    /// Removes the first `count` entries.
    pub fn remove_first_entries(&mut self, stream: &Stream, count: i64) -> Result<(), Failure> {
        self.write(
            "DELETE FROM stream_entries WHERE key_id = ?1 AND id IN
             (SELECT id FROM stream_entries WHERE key_id = ?1 ORDER BY id LIMIT ?2)",
            params![stream.key_id, count],
        )?;
        Ok(())
    }

    /// Removes the entries with ids before this one; how many there were.
    pub fn remove_entries_before(&mut self, stream: &Stream, id: StreamId) -> Result<i64, Failure> {
        let removed =
            self.write("DELETE FROM stream_entries WHERE key_id = ?1 AND id < ?2", params![stream.key_id, id])?;
        Ok(removed as i64)
    }

    /// The entry of this id.
    pub fn entry(&self, stream: &Stream, id: StreamId) -> Result<Option<StreamEntry>, Failure> {
        Ok(self.row(
            "SELECT id, items FROM stream_entries WHERE key_id = ?1 AND id = ?2",
            params![stream.key_id, id],
            StreamEntry::from_row,
        )?)
    }

    /// The entries with ids from `low` to `high`, at most `limit`, or all with -1; `reverse` gives the last first.
    pub fn entries(
        &self,
        stream: &Stream,
        (low, high): (StreamId, StreamId),
        limit: i64,
        reverse: bool,
    ) -> Result<Vec<StreamEntry>, Failure> {
        let sql = if reverse {
            "SELECT id, items FROM stream_entries WHERE key_id = ?1 AND id BETWEEN ?2 AND ?3 ORDER BY id DESC LIMIT ?4"
        } else {
            "SELECT id, items FROM stream_entries WHERE key_id = ?1 AND id BETWEEN ?2 AND ?3 ORDER BY id LIMIT ?4"
        };
        Ok(self.rows(sql, params![stream.key_id, low, high, limit], StreamEntry::from_row)?)
    }

    /// The id of the first entry.
    pub fn first_entry_id(&self, stream: &Stream) -> Result<Option<StreamId>, Failure> {
        const FIRST: &str = "SELECT id FROM stream_entries WHERE key_id = ?1 ORDER BY id LIMIT 1";
        Ok(self.row(FIRST, [stream.key_id], |row| row.get(0))?)
    }

    /// The id of the last entry.
    pub fn last_entry_id(&self, stream: &Stream) -> Result<Option<StreamId>, Failure> {
        const LAST: &str = "SELECT id FROM stream_entries WHERE key_id = ?1 ORDER BY id DESC LIMIT 1";
        Ok(self.row(LAST, [stream.key_id], |row| row.get(0))?)
    }

    /// The first node.
    pub fn first_node(&self, stream: &Stream) -> Result<Option<Node>, Failure> {
        Ok(self.row(
            "SELECT id, last_id, live, deleted, bytes, fields FROM stream_nodes WHERE key_id = ?1 ORDER BY id LIMIT 1",
            [stream.key_id],
            Node::from_row,
        )?)
    }

    /// The last node whose id is not after this one: that of the entry of this id, where there is such an entry.
    pub fn node_at(&self, stream: &Stream, id: StreamId) -> Result<Option<Node>, Failure> {
        Ok(self.row(
            "SELECT id, last_id, live, deleted, bytes, fields FROM stream_nodes
             WHERE key_id = ?1 AND id <= ?2 ORDER BY id DESC LIMIT 1",
            params![stream.key_id, id],
            Node::from_row,
        )?)
    }

    /// The ids of all nodes, in order.
    pub fn node_ids(&self, stream: &Stream) -> Result<Vec<StreamId>, Failure> {
        const IDS: &str = "SELECT id FROM stream_nodes WHERE key_id = ?1 ORDER BY id";
        Ok(self.rows(IDS, [stream.key_id], |row| row.get(0))?)
    }

    /// Stores a node, also a new one.
    pub fn put_node(&mut self, stream: &Stream, node: &Node) -> Result<(), Failure> {
        let Node { id, last_id, live, deleted, bytes, fields } = node;
        self.write(
            "REPLACE INTO stream_nodes (key_id, id, last_id, live, deleted, bytes, fields)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![stream.key_id, id, last_id, live, deleted, bytes, join(fields)],
        )?;
        Ok(())
    }

    /// Removes a node, and not its entries.
    pub fn remove_node(&mut self, stream: &Stream, node: &Node) -> Result<(), Failure> {
        self.write("DELETE FROM stream_nodes WHERE key_id = ?1 AND id = ?2", params![stream.key_id, node.id])?;
        Ok(())
    }

    /// Removes a node with its entries.
    pub fn remove_whole_node(&mut self, stream: &Stream, node: &Node) -> Result<(), Failure> {
        self.remove_node(stream, node)?;
        self.write(
            "DELETE FROM stream_entries WHERE key_id = ?1 AND id BETWEEN ?2 AND ?3",
            params![stream.key_id, node.id, node.last_id],
        )?;
        Ok(())
    }
}
