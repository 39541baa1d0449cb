//! Strings: a string's value is in its key's row.

use rusqlite::params;

use super::{Key, Origin, Store, Type};
use crate::failure::{Failure, refuse, texts};

impl Store {
    /// The key of this name, of any type, and of a string what `read` makes of its value.
    pub fn find_value<T>(
        &mut self,
        db: u32,
        name: &[u8],
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<(Key, Option<T>)>, Failure> {
        // A row that is kept is no string's.
        if let Some(key) = self.rows.get(db, name).cloned() {
            return Ok(self.unless_expired(Some(key))?.map(|key| (key, None)));
        }
        let now_ms = self.now_ms;
        let found = self.row(
            "SELECT id, type, length, head, expires_ms, value FROM keys WHERE db = ?1 AND name = ?2",
            params![db, name],
            |row| {
                let key = Key::from_row(row)?;
                let is_readable = key.kind == Type::String && key.expires_ms.is_none_or(|at| now_ms <= at);
                let value = if is_readable { Some(read(row.get_ref(5)?.as_bytes()?)) } else { None };
                Ok((key, value))
            },
        )?;
        let Some((key, value)) = found else { return Ok(None) };
        Ok(self.unless_expired(Some(key))?.map(|key| (key, value)))
    }

    /// The string of this name and what `read` makes of its value: WRONGTYPE where it is no string.
    pub fn find_string<T>(
        &mut self,
        db: u32,
        name: &[u8],
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<(Key, T)>, Failure> {
        match self.find_value(db, name, read)? {
            None => Ok(None),
            Some((key, Some(value))) => Ok(Some((key, value))),
            Some((_, None)) => refuse(texts::WRONG_TYPE),
        }
    }

    /// Makes the key of this name a string, whatever it was.
    pub fn set_string(&mut self, db: u32, name: &[u8], value: &[u8], expires_ms: Option<i64>) -> Result<(), Failure> {
        self.touch_name(db, name);
        let changed = self.write(
            "INSERT INTO keys (db, name, type, length, head, expires_ms, value) VALUES (?1, ?2, 0, 0, 0, ?3, ?4)
             ON CONFLICT (db, name) DO UPDATE SET expires_ms = excluded.expires_ms, value = excluded.value, head = 0
             WHERE type = 0",
            params![db, name, expires_ms, value],
        )?;
        if changed == 0 {
            let found = self.find(db, name)?;
            self.put_string(db, name, found.as_ref(), value, expires_ms)?;
        }
        Ok(())
    }

    /// As [`Store::set_string`], without expiry, of a string that Redis makes in place.
    pub fn set_changed_string(&mut self, db: u32, name: &[u8], value: &[u8]) -> Result<(), Failure> {
        self.set_string(db, name, value, None)?;
        self.write("UPDATE keys SET head = ?3 WHERE db = ?1 AND name = ?2", params![db, name, Origin::Changed.head()])?;
        Ok(())
    }

    /// As [`Store::set_string`], where the key of this name is known to be `found`.
    ///
    /// A key that is overwritten keeps its id, so that an iteration over the keys does not miss it.
    pub fn put_string(
        &mut self,
        db: u32,
        name: &[u8],
        found: Option<&Key>,
        value: &[u8],
        expires_ms: Option<i64>,
    ) -> Result<(), Failure> {
        self.touch_name(db, name);
        match found {
            None => self.write(
                "INSERT INTO keys (db, name, type, length, head, expires_ms, value)
                 VALUES (?1, ?2, 0, 0, 0, ?3, ?4)",
                params![db, name, expires_ms, value],
            )?,
            Some(key) => {
                self.delete_elements(key)?;
                self.write(
                    "UPDATE keys SET type = 0, length = 0, head = 0, expires_ms = ?2, value = ?3 WHERE id = ?1",
                    params![key.id, expires_ms, value],
                )?
            }
        };
        Ok(())
    }

    /// Gives the string of this name the value, changed in place, and leaves its expiry; makes it, without expiry,
    /// where `found` is none.
    pub fn update_string(&mut self, db: u32, name: &[u8], found: Option<&Key>, value: &[u8]) -> Result<(), Failure> {
        self.update_string_of(Origin::Changed, db, name, found, value)
    }

    /// As [`Store::update_string`], of this origin.
    pub fn update_string_of(
        &mut self,
        origin: Origin,
        db: u32,
        name: &[u8],
        found: Option<&Key>,
        value: &[u8],
    ) -> Result<(), Failure> {
        match found {
            None => {
                self.touch_name(db, name);
                self.write(
                    "INSERT INTO keys (db, name, type, length, head, value) VALUES (?1, ?2, 0, 0, ?3, ?4)",
                    params![db, name, origin.head(), value],
                )?
            }
            Some(key) => {
                self.touch(key);
                self.write(
                    "UPDATE keys SET head = ?2, value = ?3 WHERE id = ?1",
                    params![key.id, origin.head(), value],
                )?
            }
        };
        Ok(())
    }
}
