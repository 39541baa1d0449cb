//! Hashes: fields with their values, and for each field an ordinal.
//!
//! Ordinals are 0 to length - 1 without a gap: the field that leaves gives its ordinal to the one with the last. What
//! changes the number of fields changes it in the [`Key`]; the caller stores it with [`Store::update_extent`].

use std::ops::Range;

use rusqlite::params;

use super::{Key, Store, bytes};
use crate::failure::Failure;

/// A field and its value.
pub(crate) type Field = (Vec<u8>, Vec<u8>);

impl Store {
    /// The value of a field.
    pub fn field(&self, key: &Key, field: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.row(
            "SELECT value FROM hash_fields WHERE key_id = ?1 AND field = ?2",
            params![key.id, field],
            |row| bytes(row, 0),
        )?)
    }

    /// Gives a field this value; true where there was no such field.
    pub fn set_field(&mut self, key: &mut Key, field: &[u8], value: &[u8]) -> Result<bool, Failure> {
        self.touch(key);
        const UPDATE: &str = "UPDATE hash_fields SET value = ?3 WHERE key_id = ?1 AND field = ?2";
        let updated = key.length > 0 && self.write(UPDATE, params![key.id, field, value])? > 0;
        self.mark_document(key.id);
        if updated && key.outgrow_hash(field.len(), value.len()) {
            self.write_head(key, key.head)?;
        }
        Ok(!updated && self.add_field(key, field, value)?)
    }

    /// Adds a field where there is none of this name; true where it did.
    pub fn add_field(&mut self, key: &mut Key, field: &[u8], value: &[u8]) -> Result<bool, Failure> {
        let added = self.write(
            "INSERT INTO hash_fields (key_id, field, value, ordinal) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (key_id, field) DO NOTHING",
            params![key.id, field, value, key.length],
        )?;
        if added > 0 {
            self.mark_document(key.id);
            key.length += 1;
            key.outgrow_hash(field.len(), value.len());
        }
        Ok(added > 0)
    }

    /// Removes a field; true where there was one.
    pub fn remove_field(&mut self, key: &mut Key, field: &[u8]) -> Result<bool, Failure> {
        let ordinal = self.write_returning(
            "DELETE FROM hash_fields WHERE key_id = ?1 AND field = ?2 RETURNING ordinal",
            params![key.id, field],
            |row| row.get::<_, i64>(0),
        )?;
        let Some(ordinal) = ordinal else {
            return Ok(false);
        };
        key.length -= 1;
        self.mark_document(key.id);
        if ordinal != key.length {
            self.write(
                "UPDATE hash_fields SET ordinal = ?3 WHERE key_id = ?1 AND ordinal = ?2",
                [key.id, key.length, ordinal],
            )?;
        }
        Ok(true)
    }

    /// Every field with its value, in the order of the fields' bytes.
    pub fn fields_with_values(&self, key: &Key) -> Result<Vec<Field>, Failure> {
        Ok(self.rows("SELECT field, value FROM hash_fields WHERE key_id = ?1 ORDER BY field", [key.id], |row| {
            Ok((bytes(row, 0)?, bytes(row, 1)?))
        })?)
    }

    /// Every field, in the order of their bytes.
    pub fn fields(&self, key: &Key) -> Result<Vec<Vec<u8>>, Failure> {
        Ok(self.rows("SELECT field FROM hash_fields WHERE key_id = ?1 ORDER BY field", [key.id], |row| bytes(row, 0))?)
    }

    /// Every value, in the order of the fields' bytes.
    pub fn values(&self, key: &Key) -> Result<Vec<Vec<u8>>, Failure> {
        Ok(self.rows("SELECT value FROM hash_fields WHERE key_id = ?1 ORDER BY field", [key.id], |row| bytes(row, 0))?)
    }

    /// The fields of these ordinals with their values, the highest ordinal first.
    pub fn fields_by_ordinal(&self, key: &Key, ordinals: Range<i64>) -> Result<Vec<Field>, Failure> {
        Ok(self.rows(
            "SELECT field, value FROM hash_fields WHERE key_id = ?1 AND ordinal >= ?2 AND ordinal < ?3
             ORDER BY ordinal DESC",
            [key.id, ordinals.start, ordinals.end],
            |row| Ok((bytes(row, 0)?, bytes(row, 1)?)),
        )?)
    }
}
