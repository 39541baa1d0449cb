//! SQL, and nothing but SQL: what is stored and how.
//!
//! A key is a row of `keys`: its type, its number of elements, its expiry, and for a string its value. Elements
//! are rows of a table of their type. Every mutation goes through [`Store::write`], which opens the command's
//! transaction; the engine commits it. Expiry, the type check and get-or-create live in `keyspace` alone.

mod encodings;
mod hashes;
mod keyspace;
mod lists;
mod ranks;
mod schema;
mod search;
mod sets;
mod signals;
mod sorted_sets;
mod stream_groups;
mod streams;
mod strings;

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::engine::OpenError;

pub(super) use encodings::Origin;
pub(super) use hashes::Field;
pub(super) use keyspace::{Key, Type};
pub(super) use lists::End;
pub(super) use search::{Index, Occurrence};
pub(super) use signals::Ready;
pub(super) use sorted_sets::Scored;
pub(super) use stream_groups::{Group, Pending};
pub(super) use streams::{Node, Stream, StreamEntry};

/// The open database.
#[derive(Debug)]
pub(super) struct Store {
    sqlite: Connection,
    /// The command's time, in milliseconds since 1970.
    now_ms: i64,
    indexes: search::Indexes,
    signals: signals::Signals,
    ranks: ranks::Ranks,
}

impl Store {
    pub fn open_memory() -> Result<Self, OpenError> {
        let sqlite = Connection::open_in_memory()?;
        schema::create(&sqlite)?;
        Self::new(sqlite)
    }

    pub fn open_file(path: &Path) -> Result<Self, OpenError> {
        let sqlite = Connection::open(path)?;
        // Another process keeps its lock as long as it runs: only one that is about to end is worth waiting for.
        sqlite.busy_timeout(Duration::from_secs(1))?;
        // Before anything is written: a file that is something else stays as it is.
        let is_new = schema::check(&sqlite)?;
        // The order matters: SQLite takes shared memory for the WAL's index unless the lock is exclusive first.
        sqlite.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        sqlite.pragma_update(None, "journal_mode", "WAL")?;
        sqlite.pragma_update(None, "synchronous", "FULL")?;
        if is_new {
            schema::create(&sqlite)?;
        }
        Self::new(sqlite)
    }

    fn new(sqlite: Connection) -> Result<Self, OpenError> {
        sqlite.set_prepared_statement_cache_capacity(512);
        // Otherwise SQLite plans a statement anew each time that the bounds of its range or its LIMIT change.
        sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let mut store = Self {
            sqlite,
            now_ms: 0,
            indexes: search::Indexes::default(),
            signals: signals::Signals::default(),
            ranks: ranks::Ranks::default(),
        };
        store.load_indexes()?;
        Ok(store)
    }

    /// The time of the commands to come, in milliseconds since 1970.
    pub fn set_now(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
    }

    /// Runs a statement that changes something, in the command's transaction; how many rows it changed.
    pub fn write(&mut self, sql: &'static str, params: impl Params) -> rusqlite::Result<usize> {
        self.begin()?;
        self.sqlite.prepare_cached(sql)?.execute(params)
    }

    /// As [`Store::write`], of a statement that returns the row that it changed.
    pub fn write_returning<T>(
        &mut self,
        sql: &'static str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        self.begin()?;
        self.row(sql, params, read)
    }

    fn begin(&mut self) -> rusqlite::Result<()> {
        if self.sqlite.is_autocommit() {
            self.sqlite.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        }
        Ok(())
    }

    /// The first row that `sql` finds.
    pub fn row<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        self.sqlite.prepare_cached(sql)?.query_row(params, read).optional()
    }

    /// Every row that `sql` finds.
    pub fn rows<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        self.sqlite.prepare_cached(sql)?.query_map(params, read)?.collect()
    }

    /// Shows `visit` the rows that `sql` finds, until it breaks.
    fn walk(
        &self,
        sql: &'static str,
        params: impl Params,
        mut visit: impl FnMut(&Row<'_>) -> rusqlite::Result<ControlFlow<()>>,
    ) -> rusqlite::Result<()> {
        let mut statement = self.sqlite.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            if visit(row)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The id of the row that was inserted last.
    fn last_insert_id(&self) -> i64 {
        self.sqlite.last_insert_rowid()
    }

    /// Makes the command's changes last, in the indexes too.
    pub fn commit(&mut self) -> rusqlite::Result<()> {
        self.refresh_indexes()?;
        if !self.sqlite.is_autocommit() {
            self.sqlite.prepare_cached("COMMIT")?.execute([])?;
        }
        Ok(())
    }

    /// Undoes the command's changes.
    pub fn rollback(&mut self) {
        self.ranks.clear();
        if !self.sqlite.is_autocommit() {
            // Where this fails, SQLite is still in the transaction, and every later command says so.
            let _ = self.sqlite.execute_batch("ROLLBACK");
            self.indexes.forget_changes();
            if self.load_indexes().is_err() {
                self.indexes = search::Indexes::default();
            }
        }
    }
}

/// A column's bytes, whether they are stored as text or as a blob.
pub(super) fn bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<u8>> {
    Ok(row.get_ref(column)?.as_bytes()?.to_vec())
}
