//! Lists: items at contiguous positions from the key's head.
//!
//! An index counts from the head: the item at index `i` has the position `head + i`. What changes a list's length or
//! head changes them in the [`Key`]; the caller stores them with [`Store::update_extent`].

use std::ops::Range;

use rusqlite::params;

use super::{Key, Store, bytes};
use crate::failure::Failure;

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Where LPUSH and LPOP work.
    Head,
    /// Where RPUSH and RPOP work.
    Tail,
}

/// Farther than any two positions are from each other.
const AWAY: i64 = 1 << 60;

impl Store {
    /// Adds an item at an end.
    pub fn push_item(&mut self, key: &mut Key, end: End, value: &[u8]) -> Result<(), Failure> {
        let position = match end {
            End::Head => {
                key.head -= 1;
                key.head
            }
            End::Tail => key.head + key.length,
        };
        key.length += 1;
        self.write_item(key, position, value)
    }

    fn write_item(&mut self, key: &Key, position: i64, value: &[u8]) -> Result<(), Failure> {
        self.write(
            "INSERT INTO list_items (key_id, position, value) VALUES (?1, ?2, ?3)",
            params![key.id, position, value],
        )?;
        Ok(())
    }

    /// Removes the item at an end and returns it. The list has one.
    pub fn pop_item(&mut self, key: &mut Key, end: End) -> Result<Vec<u8>, Failure> {
        key.length -= 1;
        let position = match end {
            End::Head => {
                key.head += 1;
                key.head - 1
            }
            End::Tail => key.head + key.length,
        };
        let value = self.write_returning(
            "DELETE FROM list_items WHERE key_id = ?1 AND position = ?2 RETURNING value",
            [key.id, position],
            |row| bytes(row, 0),
        )?;
        Ok(value.ok_or(rusqlite::Error::QueryReturnedNoRows)?)
    }

    /// The item at `index`, which may lie outside the list.
    pub fn item(&self, key: &Key, index: i64) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.row(
            "SELECT value FROM list_items WHERE key_id = ?1 AND position = ?2",
            [key.id, key.head.saturating_add(index)],
            |row| bytes(row, 0),
        )?)
    }

    /// The items of these indexes, from the head on.
    pub fn items(&self, key: &Key, indexes: Range<i64>) -> Result<Vec<Vec<u8>>, Failure> {
        Ok(self.rows(
            "SELECT value FROM list_items WHERE key_id = ?1 AND position >= ?2 AND position < ?3 ORDER BY position",
            [key.id, key.head + indexes.start, key.head + indexes.end],
            |row| bytes(row, 0),
        )?)
    }

    /// Gives the item at `index`, which is there, another value.
    pub fn set_item(&mut self, key: &Key, index: i64, value: &[u8]) -> Result<(), Failure> {
        self.touch(key);
        self.write(
            "UPDATE list_items SET value = ?3 WHERE key_id = ?1 AND position = ?2",
            params![key.id, key.head + index, value],
        )?;
        Ok(())
    }

    /// The indexes in `within` whose item is `value`, seen from the end `from`: without the first `skipped` of them,
    /// and at most `count`.
    pub fn item_indexes(
        &self,
        key: &Key,
        value: &[u8],
        within: Range<i64>,
        from: End,
        (skipped, count): (i64, i64),
    ) -> Result<Vec<i64>, Failure> {
        let sql = match from {
            End::Head => {
                "SELECT position - ?2 FROM list_items
                 WHERE key_id = ?1 AND position >= ?2 + ?3 AND position < ?2 + ?4 AND value = ?5
                 ORDER BY position LIMIT ?6 OFFSET ?7"
            }
            End::Tail => {
                "SELECT position - ?2 FROM list_items
                 WHERE key_id = ?1 AND position >= ?2 + ?3 AND position < ?2 + ?4 AND value = ?5
                 ORDER BY position DESC LIMIT ?6 OFFSET ?7"
            }
        };
        let params = params![key.id, key.head, within.start, within.end, value, count, skipped];
        Ok(self.rows(sql, params, |row| row.get(0))?)
    }

    /// Inserts an item before the one at `index`, which is between 0 and the list's length; the shorter side makes way.
    pub fn insert_item(&mut self, key: &mut Key, index: i64, value: &[u8]) -> Result<(), Failure> {
        let position = if index < key.length - index {
            self.shift_items(key, 0..index, -1)?;
            key.head -= 1;
            key.head + index
        } else {
            self.shift_items(key, index..key.length, 1)?;
            key.head + index
        };
        key.length += 1;
        self.write_item(key, position, value)
    }

    /// Removes the items of a range that begins at the head or ends at the tail.
    pub fn remove_end(&mut self, key: &mut Key, indexes: Range<i64>) -> Result<(), Failure> {
        if indexes.is_empty() {
            return Ok(());
        }
        self.write(
            "DELETE FROM list_items WHERE key_id = ?1 AND position >= ?2 AND position < ?3",
            [key.id, key.head + indexes.start, key.head + indexes.end],
        )?;
        key.length -= indexes.end - indexes.start;
        if indexes.start == 0 {
            key.head += indexes.end;
        }
        Ok(())
    }

    /// Removes the items at these indexes, which ascend; the shorter side closes the gaps.
    pub fn remove_items(&mut self, key: &mut Key, indexes: &[i64]) -> Result<(), Failure> {
        let (Some(&first), Some(&last)) = (indexes.first(), indexes.last()) else {
            return Ok(());
        };
        for index in indexes {
            self.write("DELETE FROM list_items WHERE key_id = ?1 AND position = ?2", [key.id, key.head + index])?;
        }
        let removed = indexes.len() as i64;
        if last < key.length - 1 - first {
            // From the right to the left: what lies before a gap moves into it.
            let befores = indexes.iter().rev().skip(1).map(|index| index + 1).chain([0]);
            for (by, (&gap, before)) in (1..).zip(indexes.iter().rev().zip(befores)) {
                self.shift_items(key, before..gap, by)?;
            }
            key.head += removed;
        } else {
            let afters = indexes.iter().skip(1).copied().chain([key.length]);
            for (by, (&gap, after)) in (1..).zip(indexes.iter().zip(afters)) {
                self.shift_items(key, gap + 1..after, -by)?;
            }
        }
        key.length -= removed;
        Ok(())
    }

    /// Moves the items of these indexes by `by` positions, which are free or theirs.
    fn shift_items(&mut self, key: &Key, indexes: Range<i64>, by: i64) -> Result<(), Failure> {
        if indexes.is_empty() {
            return Ok(());
        }
        // By way of positions that no list uses: a position is unique at every moment, and SQLite updates rows in no
        // order that it promises.
        const MOVE: &str =
            "UPDATE list_items SET position = position + ?4 WHERE key_id = ?1 AND position >= ?2 AND position < ?3";
        let (start, end) = (key.head + indexes.start, key.head + indexes.end);
        self.write(MOVE, [key.id, start, end, AWAY])?;
        self.write(MOVE, [key.id, start + AWAY, end + AWAY, by - AWAY])?;
        Ok(())
    }
}
