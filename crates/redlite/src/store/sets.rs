//! Members of sets.
//!
//! A key's length is kept by what adds and removes; its caller stores it with [`Store::update_extent`].

use rusqlite::params;

use super::{Key, Store, bytes};
use crate::failure::Failure;

impl Store {
    /// True where the member is in the set.
    pub fn set_contains(&self, key: &Key, member: &[u8]) -> Result<bool, Failure> {
        let found =
            self.row("SELECT 1 FROM set_members WHERE key_id = ?1 AND member = ?2", params![key.id, member], |_| {
                Ok(())
            })?;
        Ok(found.is_some())
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
        if added > 0 {
            key.length += 1;
            key.outgrow_set(member);
        }
        Ok(added > 0)
    }

    /// Removes a member, and moves the last one into its place; true where it was there.
    pub fn set_remove(&mut self, key: &mut Key, member: &[u8]) -> Result<bool, Failure> {
        let ordinal = self.write_returning(
            "DELETE FROM set_members WHERE key_id = ?1 AND member = ?2 RETURNING ordinal",
            params![key.id, member],
            |row| row.get::<_, i64>(0),
        )?;
        let Some(ordinal) = ordinal else {
            return Ok(false);
        };
        key.length -= 1;
        if ordinal != key.length {
            self.write(
                "UPDATE set_members SET ordinal = ?3 WHERE key_id = ?1 AND ordinal = ?2",
                params![key.id, key.length, ordinal],
            )?;
        }
        Ok(true)
    }
}
