//! Keys: finding, making, renaming and deleting them, their types and their expiry.

use std::ops::ControlFlow;

use rusqlite::params;

use super::{Store, bytes, streams};
use crate::failure::{Failure, refuse, texts};
use crate::points::Point;

/// What a key holds. The number is what the file stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    String = 0,
    List = 1,
    Hash = 2,
    Set = 3,
    SortedSet = 4,
    Stream = 5,
}

/// How the elements of a type are kept. One row a type, in the order of their numbers.
struct TypeRow {
    kind: Type,
    /// What TYPE answers.
    name: &'static str,
    /// Deletes the elements of the key ?1; none where the key's row is all there is.
    delete: &'static [&'static str],
    /// Gives the key ?2 the elements of the key ?1.
    copy: &'static [&'static str],
    /// Empties the tables.
    clear: &'static [&'static str],
}

/// How many types there are.
pub(super) const TYPES_COUNT: usize = 6;

static TYPES: [TypeRow; TYPES_COUNT] = [
    TypeRow { kind: Type::String, name: "string", delete: &[], copy: &[], clear: &["DELETE FROM keys"] },
    TypeRow {
        kind: Type::List,
        name: "list",
        delete: &["DELETE FROM list_items WHERE key_id = ?1"],
        copy: &["INSERT INTO list_items SELECT ?2, position, value FROM list_items WHERE key_id = ?1"],
        clear: &["DELETE FROM list_items"],
    },
    TypeRow {
        kind: Type::Hash,
        name: "hash",
        delete: &["DELETE FROM hash_fields WHERE key_id = ?1"],
        copy: &["INSERT INTO hash_fields SELECT ?2, field, value, ordinal FROM hash_fields WHERE key_id = ?1"],
        clear: &["DELETE FROM hash_fields"],
    },
    TypeRow {
        kind: Type::Set,
        name: "set",
        delete: &["DELETE FROM set_members WHERE key_id = ?1"],
        copy: &["INSERT INTO set_members SELECT ?2, member, ordinal FROM set_members WHERE key_id = ?1"],
        clear: &["DELETE FROM set_members"],
    },
    TypeRow {
        kind: Type::SortedSet,
        name: "zset",
        delete: &["DELETE FROM zset_members WHERE key_id = ?1"],
        copy: &["INSERT INTO zset_members SELECT ?2, member, score, negative_zero FROM zset_members WHERE key_id = ?1"],
        clear: &["DELETE FROM zset_members"],
    },
    TypeRow { kind: Type::Stream, name: "stream", delete: streams::DELETE, copy: streams::COPY, clear: streams::CLEAR },
];

impl Type {
    fn row(self) -> &'static TypeRow {
        &TYPES[self as usize]
    }

    /// What TYPE answers.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The type that TYPE answers so, in any case.
    pub fn by_name(name: &[u8]) -> Option<Self> {
        TYPES.iter().find(|row| row.name.as_bytes().eq_ignore_ascii_case(name)).map(|row| row.kind)
    }

    fn from_number(number: i64) -> rusqlite::Result<Self> {
        usize::try_from(number)
            .ok()
            .and_then(|at| TYPES.get(at))
            .map(|row| row.kind)
            .ok_or(rusqlite::Error::IntegralValueOutOfRange(1, number))
    }
}

/// A key's row, without a string's value.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub id: i64,
    pub kind: Type,
    /// Elements; of a string and of a stream 0.
    pub length: i64,
    /// Of a list: the position of its first element. Of any other type: how Redis would keep it, see `encodings`.
    pub head: i64,
    /// In milliseconds since 1970. The key is there until the clock is past it.
    pub expires_ms: Option<i64>,
}

impl Key {
    /// Reads the columns `id, type, length, head, expires_ms`, which come first.
    pub(super) fn from_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            kind: Type::from_number(row.get(1)?)?,
            length: row.get(2)?,
            head: row.get(3)?,
            expires_ms: row.get(4)?,
        })
    }
}

impl Store {
    /// True where a key with this expiry is gone. Redis: a key is there while `now <= expiry`.
    pub(super) fn is_expired(&self, expires_ms: Option<i64>) -> bool {
        expires_ms.is_some_and(|at| self.now_ms > at)
    }

    /// The key of this name, of any type. One whose time is over is deleted here.
    pub fn find(&mut self, db: u32, name: &[u8]) -> Result<Option<Key>, Failure> {
        if let Some(key) = self.rows.get(db, name).cloned() {
            // A tester counts the calls of the files, which are the same in every build.
            debug_assert!(self.points.is_observed() || self.is_row_sound(db, name)?, "the row of {key:?} is another");
            return self.unless_expired(Some(key));
        }
        let key = self.select(db, name)?;
        if let Some(key) = &key {
            self.keep_row(db, name, key)?;
        }
        self.unless_expired(key)
    }

    /// The key of this name, as its row has it.
    pub(super) fn select(&self, db: u32, name: &[u8]) -> rusqlite::Result<Option<Key>> {
        self.row(
            "SELECT id, type, length, head, expires_ms FROM keys WHERE db = ?1 AND name = ?2",
            params![db, name],
            Key::from_row,
        )
    }

    pub(super) fn unless_expired(&mut self, key: Option<Key>) -> Result<Option<Key>, Failure> {
        match key {
            Some(key) if self.is_expired(key.expires_ms) && self.points.passes(Point::Expire, b"") => {
                self.delete(&key)?;
                Ok(None)
            }
            key => Ok(key),
        }
    }

    /// The key of this name, which must hold `kind`: WRONGTYPE otherwise.
    pub fn find_as(&mut self, db: u32, name: &[u8], kind: Type) -> Result<Option<Key>, Failure> {
        match self.find(db, name)? {
            Some(key) if key.kind != kind => refuse(texts::WRONG_TYPE),
            key => Ok(key),
        }
    }

    /// As [`Store::find_as`]; makes the key, without elements or expiry, where there is none.
    pub fn find_or_create(&mut self, db: u32, name: &[u8], kind: Type) -> Result<Key, Failure> {
        match self.find_as(db, name, kind)? {
            Some(key) => Ok(key),
            None => self.create(db, name, kind),
        }
    }

    /// Makes a key without elements, where there is none of this name. Its caller adds elements.
    pub fn create(&mut self, db: u32, name: &[u8], kind: Type) -> Result<Key, Failure> {
        self.signal_ready(db, name, kind);
        self.insert(db, name, kind)
    }

    fn insert(&mut self, db: u32, name: &[u8], kind: Type) -> Result<Key, Failure> {
        self.touch_name(db, name);
        self.may_hold[kind as usize] = true;
        self.write(
            "INSERT INTO keys (db, name, type, length, head) VALUES (?1, ?2, ?3, 0, 0)",
            params![db, name, kind as i64],
        )?;
        let key = Key { id: self.last_insert_id(), kind, length: 0, head: 0, expires_ms: None };
        self.keep_row(db, name, &key)?;
        Ok(key)
    }

    /// Makes an empty key of this name in place of whatever is there, without expiry. Where there is something, nobody
    /// who waits for the key is told: Redis' `dbOverwrite` does not.
    pub fn replace(&mut self, db: u32, name: &[u8], kind: Type) -> Result<Key, Failure> {
        match self.find(db, name)? {
            None => self.create(db, name, kind),
            Some(old) => {
                self.delete(&old)?;
                self.insert(db, name, kind)
            }
        }
    }

    /// Stores the length and the head of a key whose elements changed; a key without elements is deleted.
    pub fn update_extent(&mut self, key: &Key) -> Result<(), Failure> {
        if key.length == 0 {
            return self.delete(key);
        }
        self.touch(key);
        self.write_extent(key)
    }

    /// Deletes the key and its elements.
    pub fn delete(&mut self, key: &Key) -> Result<(), Failure> {
        self.touch(key);
        self.delete_elements(key)?;
        self.write("DELETE FROM keys WHERE id = ?1", [key.id])?;
        Ok(())
    }

    /// Deletes the key's elements and leaves its row, which its caller deletes or changes.
    pub(super) fn delete_elements(&mut self, key: &Key) -> Result<(), Failure> {
        // SQLite gives the id of a key that is gone to another.
        self.ranks.forget(key.id);
        self.rows.forget(key.id);
        self.signal_gone(key)?;
        for elements in key.kind.row().delete {
            self.write(elements, [key.id])?;
        }
        Ok(self.forget_document(key)?)
    }

    /// Sets when the key expires, or that it does not.
    pub fn set_expiry(&mut self, key: &Key, expires_ms: Option<i64>) -> Result<(), Failure> {
        self.touch(key);
        self.release_row(key.id)?;
        self.write("UPDATE keys SET expires_ms = ?2 WHERE id = ?1", params![key.id, expires_ms])?;
        Ok(self.set_document_expiry(key, expires_ms)?)
    }

    /// Gives the key another database and name, which must be free.
    pub fn relocate(&mut self, key: &Key, db: u32, name: &[u8]) -> Result<(), Failure> {
        self.touch(key);
        self.touch_name(db, name);
        self.signal_ready(db, name, key.kind);
        self.signal_gone(key)?;
        self.release_row(key.id)?;
        self.write("UPDATE keys SET db = ?2, name = ?3 WHERE id = ?1", params![key.id, db, name])?;
        self.mark_renamed(key);
        Ok(())
    }

    /// Makes a second key with the same type, value, elements and expiry. The name must be free.
    pub fn copy(&mut self, key: &Key, db: u32, name: &[u8]) -> Result<(), Failure> {
        self.touch_name(db, name);
        self.signal_ready(db, name, key.kind);
        self.release_row(key.id)?;
        self.write(
            "INSERT INTO keys (db, name, type, length, head, expires_ms, value)
             SELECT ?2, ?3, type, length, head, expires_ms, value FROM keys WHERE id = ?1",
            params![key.id, db, name],
        )?;
        let copy_id = self.last_insert_id();
        for elements in key.kind.row().copy {
            self.write(elements, [key.id, copy_id])?;
        }
        if key.kind == Type::Hash {
            self.mark_document(copy_id);
        }
        Ok(())
    }

    /// How many keys a database holds.
    pub fn count_keys(&self, db: u32) -> Result<i64, Failure> {
        let count = self.row(
            "SELECT count(*) FROM keys WHERE db = ?1 AND (expires_ms IS NULL OR expires_ms >= ?2)",
            params![db, self.now_ms],
            |row| row.get(0),
        )?;
        Ok(count.unwrap_or(0))
    }

    /// The databases that hold keys: each one's number, its keys, those of them that expire, and for how long these have
    /// left on average, in milliseconds.
    pub fn count_databases(&self) -> Result<Vec<[i64; 4]>, Failure> {
        Ok(self.rows(
            "SELECT db, count(*), count(expires_ms), ifnull(CAST(avg(expires_ms - ?1) AS INTEGER), 0) FROM keys
             WHERE expires_ms IS NULL OR expires_ms >= ?1 GROUP BY db ORDER BY db",
            [self.now_ms],
            |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]),
        )?)
    }

    /// About how many bytes everything takes.
    pub fn count_bytes(&self) -> Result<i64, Failure> {
        const PAGES: &str = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        Ok(self.row(PAGES, [], |row| row.get(0))?.unwrap_or(0))
    }

    /// Every key of every database in the order of names: what `tell` makes of its database, name, type and expiry.
    pub fn all_keys<T>(&self, mut tell: impl FnMut(u32, Vec<u8>, Type, Option<i64>) -> T) -> rusqlite::Result<Vec<T>> {
        let mut keys = Vec::new();
        // A condition in SQL would make SQLite plan for twice as long, and a store may be read once and no more.
        self.walk("SELECT db, name, type, expires_ms FROM keys ORDER BY db, name", [], |row| {
            let expires_ms: Option<i64> = row.get(3)?;
            if expires_ms.is_none_or(|at| at >= self.now_ms) {
                keys.push(tell(row.get(0)?, bytes(row, 1)?, Type::from_number(row.get(2)?)?, expires_ms));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(keys)
    }

    /// Every key's name and type.
    pub fn names(&self, db: u32) -> Result<Vec<(Vec<u8>, Type)>, Failure> {
        Ok(self.rows(
            "SELECT name, type FROM keys WHERE db = ?1 AND (expires_ms IS NULL OR expires_ms >= ?2)",
            params![db, self.now_ms],
            |row| Ok((bytes(row, 0)?, Type::from_number(row.get(1)?)?)),
        )?)
    }

    /// Up to `limit` keys in the order of their ids, from the id `from` on: each key's id, name and type.
    pub fn names_from(&self, db: u32, from: i64, limit: i64) -> Result<Vec<(i64, Vec<u8>, Type)>, Failure> {
        Ok(self.rows(
            "SELECT id, name, type FROM keys
             WHERE db = ?1 AND id >= ?2 AND (expires_ms IS NULL OR expires_ms >= ?3) ORDER BY id LIMIT ?4",
            params![db, from, self.now_ms, limit],
            |row| Ok((row.get(0)?, bytes(row, 1)?, Type::from_number(row.get(2)?)?)),
        )?)
    }

    /// The name of the key at this place of the database, in the order of names.
    pub fn name_at(&self, db: u32, at: i64) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.row(
            "SELECT name FROM keys WHERE db = ?1 AND (expires_ms IS NULL OR expires_ms >= ?2)
             ORDER BY name LIMIT 1 OFFSET ?3",
            params![db, self.now_ms, at],
            |row| bytes(row, 0),
        )?)
    }

    /// Exchanges the keys of two databases.
    pub fn swap(&mut self, left: u32, right: u32) -> Result<(), Failure> {
        if left != right {
            // Through a database of no number, since a name is unique in its database at every moment.
            const MOVE: &str = "UPDATE keys SET db = ?2 WHERE db = ?1";
            self.store_rows()?;
            self.rows.clear();
            self.write(MOVE, params![left, -1])?;
            self.write(MOVE, params![right, left])?;
            self.write(MOVE, params![-1, right])?;
            self.mark_all_changed();
        }
        Ok(())
    }

    /// Deletes every key of a database, and every index.
    pub fn clear(&mut self, db: u32) -> Result<(), Failure> {
        // As in RediSearch: whatever the database.
        self.drop_indexes()?;
        self.store_rows()?;
        let keys =
            self.rows("SELECT id, type, length, head, expires_ms FROM keys WHERE db = ?1", [db], Key::from_row)?;
        for key in &keys {
            self.delete(key)?;
        }
        Ok(())
    }

    /// Deletes every key of every database, and every index.
    pub fn clear_all(&mut self) -> rusqlite::Result<()> {
        self.touch_all();
        self.ranks.clear();
        self.rows.clear();
        for row in &TYPES {
            // Keys of every type are in one table.
            if row.kind == Type::String || self.may_hold[row.kind as usize] {
                for table in row.clear {
                    self.write(table, [])?;
                }
                self.may_hold[row.kind as usize] = false;
            }
        }
        self.drop_indexes()
    }
}
