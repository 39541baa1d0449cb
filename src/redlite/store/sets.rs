//! Members of sets.
//!
//! A key's length is kept by what adds and removes; its caller stores it with [`Store::update_extent`].

use rusqlite::params;

use super::{Key, Store, bytes};
use crate::redlite::failure::Failure;

impl Store {
    /// True where the member is in the set.
    pub fn set_contains(&self, key: &Key, member: &[u8]) -> Result<bool, Failure> {
        Ok(self.set_ordinal(key, member)?.is_some())
    }

    fn set_ordinal(&self, key: &Key, member: &[u8]) -> Result<Option<i64>, Failure> {
        Ok(self.row(
            "SELECT ordinal FROM set_members WHERE key_id = ?1 AND member = ?2",
            params![key.id, member],
            |row| row.get(0),
        )?)
    }

    /// Every member, in the order of their bytes.
    pub fn set_members(&self, key: &Key) -> Result<Vec<Vec<u8>>, Failure> {
        Ok(self
            .rows("SELECT member FROM set_members WHERE key_id = ?1 ORDER BY member", [key.id], |row| bytes(row, 0))?)
    }

    /// The member at an ordinal: 0 to the set's length - 1.
    pub fn set_member_at(&self, key: &Key, ordinal: i64) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.row(
            "SELECT member FROM set_members WHERE key_id = ?1 AND ordinal = ?2",
            params![key.id, ordinal],
            |row| bytes(row, 0),
        )?)
    }

    /// The members whose ordinals are `from` to `to - 1`.
    pub fn set_members_between(&self, key: &Key, from: i64, to: i64) -> Result<Vec<Vec<u8>>, Failure> {
        Ok(self.rows(
            "SELECT member FROM set_members WHERE key_id = ?1 AND ordinal >= ?2 AND ordinal < ?3 ORDER BY ordinal DESC",
            params![key.id, from, to],
            |row| bytes(row, 0),
        )?)
    }

    /// Adds a member; true where it is new.
    pub fn set_add(&mut self, key: &mut Key, member: &[u8]) -> Result<bool, Failure> {
        let added = self.write(
            "INSERT OR IGNORE INTO set_members (key_id, member, ordinal) VALUES (?1, ?2, ?3)",
            params![key.id, member, key.length],
        )?;
        key.length += i64::from(added > 0);
        Ok(added > 0)
    }

    /// Removes a member; true where it was there.
    pub fn set_remove(&mut self, key: &mut Key, member: &[u8]) -> Result<bool, Failure> {
        let Some(ordinal) = self.set_ordinal(key, member)? else {
            return Ok(false);
        };
        self.set_remove_at(key, member, ordinal)?;
        Ok(true)
    }

    /// Removes the member at its ordinal, and moves the last one into the hole.
    pub fn set_remove_at(&mut self, key: &mut Key, member: &[u8], ordinal: i64) -> Result<(), Failure> {
        self.write("DELETE FROM set_members WHERE key_id = ?1 AND member = ?2", params![key.id, member])?;
        key.length -= 1;
        if ordinal != key.length {
            self.write(
                "UPDATE set_members SET ordinal = ?3 WHERE key_id = ?1 AND ordinal = ?2",
                params![key.id, key.length, ordinal],
            )?;
        }
        Ok(())
    }
}
