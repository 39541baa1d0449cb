//! Indexes over hashes: their definitions, and of each document the terms, tags and numbers.
//!
//! A hash that changes is marked, and indexed again before the command's transaction ends or a search reads
//! ([`Store::refresh_indexes`]): nothing but a flag is looked at as long as there is no index. A key that goes takes
//! what the indexes hold of it along at once. As in RediSearch only hashes of database 0 are documents, each change
//! makes a document the youngest of its index, and a document without a number where one must be is left out.

use std::collections::BTreeSet;
use std::sync::Arc;

use rusqlite::{ToSql, params};

use super::{Key, Store, Type, bytes, schema};
use crate::error::OpenError;
use crate::failure::Failure;
use crate::search::document::{self, Document, Posting};
use crate::search::schema::Definition;

/// What the store remembers about indexes from one command to the next.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    /// Every index, in the order in which they were made.
    all: Vec<Arc<Index>>,
    /// Hashes that changed since they were indexed, by key id.
    changed: BTreeSet<i64>,
    /// Hashes that changed only their name.
    renamed: BTreeSet<i64>,
    /// True where every document must be indexed anew.
    is_stale: bool,
}

/// An index.
#[derive(Debug)]
pub(crate) struct Index {
    pub id: i64,
    pub name: Vec<u8>,
    pub definition: Definition,
}

/// What an index counts.
#[derive(Debug)]
pub(crate) struct Counts {
    pub documents: i64,
    /// The highest number that a document ever had.
    pub last_document: i64,
    pub terms: i64,
    pub postings: i64,
    /// Hashes that could not be indexed.
    pub failures: i64,
}

/// A term in a field of a document.
#[derive(Debug)]
pub(crate) struct Occurrence {
    pub document: i64,
    /// The bit of the TEXT field.
    pub field: u32,
    pub posting: Posting,
}

impl Indexes {
    /// Nothing changed after all.
    pub(super) fn forget_changes(&mut self) {
        *self = Self { all: std::mem::take(&mut self.all), ..Self::default() };
    }
}

impl Store {
    /// Reads the definitions from the file.
    pub(super) fn load_indexes(&mut self) -> rusqlite::Result<()> {
        if !schema::has_search(&self.sqlite)? {
            self.indexes.all.clear();
            return Ok(());
        }
        self.indexes.all = self.rows("SELECT id, name, definition FROM search_indexes ORDER BY id", [], |row| {
            let definition = rmp_serde::from_slice(row.get_ref(2)?.as_bytes()?).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Blob, Box::new(error))
            })?;
            Ok(Arc::new(Index { id: row.get(0)?, name: bytes(row, 1)?, definition }))
        })?;
        Ok(())
    }

    /// This build keeps indexes up to date, whatever there is.
    pub(super) fn check_indexes(&self) -> Result<(), OpenError> {
        Ok(())
    }

    /// True where there is an index that a hash could be in.
    pub(super) fn has_indexes(&self) -> bool {
        !self.indexes.all.is_empty()
    }

    /// Every index, in the order in which they were made.
    pub fn indexes(&self) -> &[Arc<Index>] {
        &self.indexes.all
    }

    /// The index of this name.
    pub fn index(&self, name: &[u8]) -> Option<Arc<Index>> {
        self.indexes.all.iter().find(|index| index.name == name).cloned()
    }

    /// Makes an index, and takes in the hashes that are there.
    pub fn create_index(&mut self, name: &[u8], definition: &Definition) -> Result<(), Failure> {
        self.refresh_indexes()?;
        self.make_tables()?;
        self.write(
            "INSERT INTO search_indexes (name, definition, documents, last_document, failures) VALUES (?1, ?2, 0, 0, 0)",
            params![name, encode(definition)?],
        )?;
        let index = Arc::new(Index { id: self.last_insert_id(), name: name.to_vec(), definition: definition.clone() });
        self.indexes.all.push(Arc::clone(&index));
        Ok(self.index_present(&index)?)
    }

    /// Makes the tables that indexes need, where there was never an index.
    fn make_tables(&mut self) -> rusqlite::Result<()> {
        self.begin()?;
        if schema::has_search(&self.sqlite)? { Ok(()) } else { schema::create_search(&self.sqlite) }
    }

    /// Gives an index another schema, and indexes its documents anew.
    pub fn alter_index(&mut self, index: &Index, definition: &Definition) -> Result<(), Failure> {
        self.refresh_indexes()?;
        self.write(
            "UPDATE search_indexes SET definition = ?2, failures = 0 WHERE id = ?1",
            params![index.id, encode(definition)?],
        )?;
        self.load_indexes()?;
        self.indexes.is_stale = true;
        Ok(self.refresh_indexes()?)
    }

    /// Removes an index and all that it holds.
    pub fn drop_index(&mut self, index: &Index) -> Result<(), Failure> {
        self.clear_index(index.id)?;
        self.write("DELETE FROM search_indexes WHERE id = ?1", [index.id])?;
        self.indexes.all.retain(|kept| kept.id != index.id);
        Ok(())
    }

    /// Removes every index: what FLUSHALL and FLUSHDB do to them.
    pub(super) fn drop_indexes(&mut self) -> rusqlite::Result<()> {
        if !self.has_indexes() {
            return Ok(());
        }
        for sql in [
            "DELETE FROM search_indexes",
            "DELETE FROM search_documents",
            "DELETE FROM search_terms",
            "DELETE FROM search_tags",
            "DELETE FROM search_numbers",
        ] {
            self.write(sql, [])?;
        }
        self.indexes = Indexes::default();
        Ok(())
    }

    /// The key's fields changed.
    pub(super) fn mark_document(&mut self, key_id: i64) {
        if self.has_indexes() {
            self.indexes.changed.insert(key_id);
        }
    }

    /// The key has another name or database.
    pub(super) fn mark_renamed(&mut self, key: &Key) {
        if self.has_indexes() && key.kind == Type::Hash {
            self.indexes.renamed.insert(key.id);
        }
    }

    /// Keys changed their database.
    pub(super) fn mark_all_changed(&mut self) {
        self.indexes.is_stale |= self.has_indexes();
    }

    /// The key, which is a hash, no longer is one.
    pub(super) fn forget_document(&mut self, key: &Key) -> rusqlite::Result<()> {
        if self.has_indexes() && key.kind == Type::Hash {
            self.indexes.changed.remove(&key.id);
            self.indexes.renamed.remove(&key.id);
            self.remove_documents(key.id)?;
        }
        Ok(())
    }

    /// The key expires at another time.
    pub(super) fn set_document_expiry(&mut self, key: &Key, expires_ms: Option<i64>) -> rusqlite::Result<()> {
        if self.has_indexes() && key.kind == Type::Hash {
            const UPDATE: &str = "UPDATE search_documents SET expires_ms = ?2 WHERE key_id = ?1";
            self.write(UPDATE, params![key.id, expires_ms])?;
        }
        Ok(())
    }

    /// Brings the indexes up to date with the hashes that changed.
    pub fn refresh_indexes(&mut self) -> rusqlite::Result<()> {
        if self.indexes.is_stale {
            let indexes = std::mem::take(&mut self.indexes);
            self.indexes.all = indexes.all.clone();
            for index in &indexes.all {
                self.clear_index(index.id)?;
                self.index_present(index)?;
            }
        }
        while let Some(key_id) = self.indexes.changed.pop_first() {
            self.indexes.renamed.remove(&key_id);
            self.index_again(key_id, true)?;
        }
        while let Some(key_id) = self.indexes.renamed.pop_first() {
            self.index_again(key_id, false)?;
        }
        Ok(())
    }

    /// As [`Store::refresh_indexes`], and deletes the documents whose time is over.
    pub fn prepare_search(&mut self) -> Result<(), Failure> {
        self.refresh_indexes()?;
        // A search reads rows of keys by their ids.
        self.store_rows()?;
        let expired = self.rows(
            "SELECT id, type, length, head, expires_ms FROM keys WHERE id IN
             (SELECT key_id FROM search_documents WHERE expires_ms IS NOT NULL AND expires_ms < ?1)",
            [self.now_ms],
            Key::from_row,
        )?;
        expired.iter().try_for_each(|key| self.delete(key))
    }

    fn index_again(&mut self, key_id: i64, is_changed: bool) -> rusqlite::Result<()> {
        const FIND: &str = "SELECT name, expires_ms, db, type FROM keys WHERE id = ?1";
        let found = self.row(FIND, [key_id], |row| {
            let is_document = row.get::<_, i64>(2)? == 0 && row.get::<_, i64>(3)? == Type::Hash as i64;
            Ok(is_document.then_some((bytes(row, 0)?, row.get(1)?)))
        })?;
        let key = found.flatten();
        for index in self.indexes.all.clone() {
            let takes = key.as_ref().is_some_and(|(name, _)| index.definition.takes(name));
            let is_in = self.document_of(index.id, key_id)?.is_some();
            if is_in && (is_changed || !takes) {
                self.remove_document(index.id, key_id)?;
            }
            if let Some((_, expires_ms)) = key.as_ref().filter(|_| takes && (is_changed || !is_in)) {
                self.add_document(&index, key_id, *expires_ms)?;
            }
        }
        Ok(())
    }

    /// Indexes every hash that an index without documents takes.
    fn index_present(&mut self, index: &Index) -> rusqlite::Result<()> {
        let keys = self.rows(
            "SELECT id, name, expires_ms FROM keys WHERE db = 0 AND type = ?1 ORDER BY id",
            [Type::Hash as i64],
            |row| Ok((row.get::<_, i64>(0)?, bytes(row, 1)?, row.get(2)?)),
        )?;
        for (key_id, _, expires_ms) in keys.iter().filter(|(_, name, _)| index.definition.takes(name)) {
            self.add_document(index, *key_id, *expires_ms)?;
        }
        Ok(())
    }

    fn add_document(&mut self, index: &Index, key_id: i64, expires_ms: Option<i64>) -> rusqlite::Result<()> {
        let hash = self.rows("SELECT field, value FROM hash_fields WHERE key_id = ?1", [key_id], |row| {
            Ok((bytes(row, 0)?, bytes(row, 1)?))
        })?;
        let Ok(document) = document::read(&index.definition, &hash) else {
            self.write("UPDATE search_indexes SET failures = failures + 1 WHERE id = ?1", [index.id])?;
            return Ok(());
        };
        let id = self.write_returning(
            "UPDATE search_indexes SET last_document = last_document + 1, documents = documents + 1 WHERE id = ?1
             RETURNING last_document",
            [index.id],
            |row| row.get::<_, i64>(0),
        )?;
        let Some(id) = id else { return Ok(()) };
        self.write(
            "INSERT INTO search_documents (index_id, id, key_id, expires_ms, frequency_max) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![index.id, id, key_id, expires_ms, document.frequency_max],
        )?;
        self.add_entries(index.id, id, &document)
    }

    fn add_entries(&mut self, index_id: i64, id: i64, document: &Document) -> rusqlite::Result<()> {
        for ((term, field), posting) in &document.postings {
            let positions: Vec<u8> = posting.positions.iter().flat_map(|position| position.to_le_bytes()).collect();
            self.write(
                "INSERT INTO search_terms (index_id, term, document_id, field, frequency, positions)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![index_id, term, id, field, posting.frequency, positions],
            )?;
        }
        for (field, tag) in &document.tags {
            self.write(
                "INSERT INTO search_tags (index_id, field, tag, document_id) VALUES (?1, ?2, ?3, ?4)",
                params![index_id, *field as i64, tag, id],
            )?;
        }
        for (field, number) in &document.numbers {
            self.write(
                "INSERT INTO search_numbers (index_id, field, number, document_id) VALUES (?1, ?2, ?3, ?4)",
                params![index_id, *field as i64, number, id],
            )?;
        }
        Ok(())
    }

    fn remove_documents(&mut self, key_id: i64) -> rusqlite::Result<()> {
        for index in self.indexes.all.clone() {
            self.remove_document(index.id, key_id)?;
        }
        Ok(())
    }

    /// Removes a key's document, where it is one.
    fn remove_document(&mut self, index_id: i64, key_id: i64) -> rusqlite::Result<()> {
        let Some(id) = self.document_of(index_id, key_id)? else { return Ok(()) };
        for sql in [
            "DELETE FROM search_documents WHERE index_id = ?1 AND id = ?2",
            "DELETE FROM search_terms WHERE index_id = ?1 AND document_id = ?2",
            "DELETE FROM search_tags WHERE index_id = ?1 AND document_id = ?2",
            "DELETE FROM search_numbers WHERE index_id = ?1 AND document_id = ?2",
        ] {
            self.write(sql, [index_id, id])?;
        }
        self.write("UPDATE search_indexes SET documents = documents - 1 WHERE id = ?1", [index_id])?;
        Ok(())
    }

    /// Removes every document of an index.
    fn clear_index(&mut self, index_id: i64) -> rusqlite::Result<()> {
        for sql in [
            "DELETE FROM search_documents WHERE index_id = ?1",
            "DELETE FROM search_terms WHERE index_id = ?1",
            "DELETE FROM search_tags WHERE index_id = ?1",
            "DELETE FROM search_numbers WHERE index_id = ?1",
            "UPDATE search_indexes SET documents = 0 WHERE id = ?1",
        ] {
            self.write(sql, [index_id])?;
        }
        Ok(())
    }
}

fn encode(definition: &Definition) -> Result<Vec<u8>, Failure> {
    let encoded = rmp_serde::to_vec_named(definition);
    encoded.map_err(|error| Failure::Storage(rusqlite::Error::ToSqlConversionFailure(Box::new(error))))
}

/// What a search reads.
impl Store {
    /// What an index counts.
    pub fn index_counts(&self, index: &Index) -> Result<Counts, Failure> {
        let counts = self.row(
            "SELECT documents, last_document, failures,
                    (SELECT count(DISTINCT term) FROM search_terms WHERE index_id = ?1),
                    (SELECT count(*) FROM search_terms WHERE index_id = ?1)
             FROM search_indexes WHERE id = ?1",
            [index.id],
            |row| {
                Ok(Counts {
                    documents: row.get(0)?,
                    last_document: row.get(1)?,
                    failures: row.get(2)?,
                    terms: row.get(3)?,
                    postings: row.get(4)?,
                })
            },
        )?;
        Ok(counts.unwrap_or(Counts { documents: 0, last_document: 0, terms: 0, postings: 0, failures: 0 }))
    }

    /// How many documents an index has.
    pub fn count_documents(&self, index: &Index) -> Result<i64, Failure> {
        const SQL: &str = "SELECT documents FROM search_indexes WHERE id = ?1";
        Ok(self.row(SQL, [index.id], |row| row.get(0))?.unwrap_or(0))
    }

    /// Every document of an index, rising.
    pub fn index_documents(&self, index: &Index) -> Result<Vec<i64>, Failure> {
        const SQL: &str = "SELECT id FROM search_documents WHERE index_id = ?1 ORDER BY id";
        Ok(self.rows(SQL, [index.id], |row| row.get(0))?)
    }

    /// The highest frequency of a term in a document.
    pub fn frequency_max(&self, index: &Index, document: i64) -> Result<u32, Failure> {
        const SQL: &str = "SELECT frequency_max FROM search_documents WHERE index_id = ?1 AND id = ?2";
        Ok(self.row(SQL, [index.id, document], |row| row.get(0))?.unwrap_or(0))
    }

    /// The key of a document.
    pub fn document_key(&self, index: &Index, document: i64) -> Result<Option<Key>, Failure> {
        Ok(self.row(
            "SELECT keys.id, type, length, head, keys.expires_ms FROM search_documents
             JOIN keys ON keys.id = key_id WHERE index_id = ?1 AND search_documents.id = ?2",
            [index.id, document],
            Key::from_row,
        )?)
    }

    /// The name of a key.
    pub fn key_name(&self, key: &Key) -> Result<Vec<u8>, Failure> {
        let name = self.row("SELECT name FROM keys WHERE id = ?1", [key.id], |row| bytes(row, 0))?;
        Ok(name.unwrap_or_default())
    }

    /// The document that the key of this name in database 0 is.
    pub fn document_named(&self, index: &Index, name: &[u8]) -> Result<Option<i64>, Failure> {
        Ok(self.row(
            "SELECT search_documents.id FROM keys JOIN search_documents ON key_id = keys.id
             WHERE db = 0 AND name = ?2 AND index_id = ?1",
            params![index.id, name],
            |row| row.get(0),
        )?)
    }

    fn document_of(&self, index_id: i64, key_id: i64) -> rusqlite::Result<Option<i64>> {
        const SQL: &str = "SELECT id FROM search_documents WHERE key_id = ?2 AND index_id = ?1";
        self.row(SQL, [index_id, key_id], |row| row.get(0))
    }

    /// Where a term stands, by document and field.
    pub fn occurrences(&self, index: &Index, term: &[u8]) -> Result<Vec<Occurrence>, Failure> {
        Ok(self.rows(
            "SELECT document_id, field, frequency, positions FROM search_terms WHERE index_id = ?1 AND term = ?2
             ORDER BY document_id, field",
            params![index.id, term],
            |row| {
                let positions = row.get_ref(3)?.as_bytes()?.chunks_exact(4);
                let positions =
                    positions.map(|place| place.iter().rev().fold(0, |sum, &byte| sum << 8 | u32::from(byte)));
                let posting = Posting { frequency: row.get(2)?, positions: positions.collect() };
                Ok(Occurrence { document: row.get(0)?, field: row.get(1)?, posting })
            },
        )?)
    }

    /// The terms that begin with `prefix`, in the order of their bytes.
    pub fn index_terms(&self, index: &Index, prefix: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
        // Jumps from term to term: as many steps as there are terms, and not as there are occurrences.
        const SQL: &str = "
            WITH RECURSIVE found (term) AS (
                SELECT min(term) FROM search_terms WHERE index_id = ?1 AND term >= ?2 AND (?3 IS NULL OR term < ?3)
                UNION ALL
                SELECT (SELECT min(term) FROM search_terms
                        WHERE index_id = ?1 AND term > found.term AND (?3 IS NULL OR term < ?3))
                FROM found WHERE found.term IS NOT NULL
            )
            SELECT term FROM found WHERE term IS NOT NULL";
        Ok(self.rows(SQL, params![index.id, prefix, after_prefix(prefix)], |row| bytes(row, 0))?)
    }

    /// The values of a TAG field that begin with `prefix`, in the order of their bytes.
    pub fn index_tags(&self, index: &Index, field: usize, prefix: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
        Ok(self.rows(
            "SELECT DISTINCT tag FROM search_tags
             WHERE index_id = ?1 AND field = ?2 AND tag >= ?3 AND (?4 IS NULL OR tag < ?4) ORDER BY tag",
            params![index.id, field as i64, prefix, after_prefix(prefix)],
            |row| bytes(row, 0),
        )?)
    }

    /// The documents with this value in a TAG field, rising.
    pub fn documents_tagged(&self, index: &Index, field: usize, tag: &[u8]) -> Result<Vec<i64>, Failure> {
        Ok(self.rows(
            "SELECT document_id FROM search_tags WHERE index_id = ?1 AND field = ?2 AND tag = ?3 ORDER BY document_id",
            params![index.id, field as i64, tag],
            |row| row.get(0),
        )?)
    }

    /// The documents with a number from `low` to `high` in a NUMERIC field, each with that number, rising.
    pub fn documents_numbered(
        &self,
        index: &Index,
        field: usize,
        low: f64,
        high: f64,
    ) -> Result<Vec<(i64, f64)>, Failure> {
        let params: [&dyn ToSql; 4] = [&index.id, &(field as i64), &low, &high];
        Ok(self.rows(
            "SELECT document_id, number FROM search_numbers
             WHERE index_id = ?1 AND field = ?2 AND number >= ?3 AND number <= ?4 ORDER BY document_id",
            params,
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?)
    }
}

/// The least bytes behind all that begin with `prefix`; `None` where nothing is.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|&byte| byte < u8::MAX)?;
    let mut after = prefix[..=kept].to_vec();
    after[kept] += 1;
    Some(after)
}
