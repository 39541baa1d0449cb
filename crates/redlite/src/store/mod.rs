//! SQL, and nothing but SQL: what is stored and how.
//!
//! A key is a row of `keys`: its type, its number of elements, its expiry, and for a string its value. Elements
//! are rows of a table of their type. Every mutation goes through [`Store::write`], which opens the command's
//! transaction; the engine commits it. Expiry, the type check and get-or-create live in `keyspace` alone.

mod encodings;
mod files;
mod hashes;
mod keyspace;
mod lists;
mod migration;
mod ranks;
mod rows;
mod schema;
#[cfg_attr(not(feature = "search"), path = "no_search.rs")]
mod search;
mod sets;
mod signals;
mod sorted_sets;
mod stream_groups;
mod streams;
mod strings;
#[cfg(feature = "testing")]
mod testing;

use std::io;
use std::ops::ControlFlow;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::error::OpenError;
use super::points::Points;
#[cfg(feature = "testing")]
use super::vfs;
use super::vfs::Vfs;

pub(super) use encodings::Origin;
pub use files::Durability;
pub(crate) use files::FileOptions;
pub(super) use hashes::Field;
pub(super) use keyspace::{Key, Type};
pub(super) use lists::End;
#[cfg(feature = "search")]
pub(super) use search::{Index, Occurrence};
pub(super) use signals::Ready;
pub(super) use sorted_sets::Scored;
pub(super) use stream_groups::{Group, Pending};
pub(super) use streams::{Node, Stream, StreamEntry};

/// The open database.
#[derive(Debug)]
pub(super) struct Store {
    sqlite: Connection,
    /// What the database's files go through: dropped after the connection. None in memory.
    vfs: Option<Vfs>,
    /// The command's time, in milliseconds since 1970.
    now_ms: i64,
    indexes: search::Indexes,
    /// True where a rollback may have undone what is remembered about indexes.
    are_indexes_unread: bool,
    /// True where a rollback failed: nothing is read or written before it is done.
    is_rollback_due: bool,
    signals: signals::Signals,
    ranks: ranks::Ranks,
    /// Of each type, whether there may be elements: emptying tables that are empty takes time, too.
    may_hold: [bool; keyspace::TYPES_COUNT],
    rows: rows::Rows,
    /// Whether commits are put off, and what became of what they would have made last.
    deferral: Deferral,
    pub points: Points,
}

/// How often what failed to be committed is taken back where the store is closed: the disk may only fail now and then.
const RETRACTIONS_MAX: usize = 4;

/// Whether commits are put off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Deferral {
    #[default]
    No,
    #[cfg_attr(not(feature = "testing"), allow(dead_code))] // only a tester puts them off
    /// They are, since the types held elements as this says.
    Yes { held: [bool; keyspace::TYPES_COUNT] },
    /// They are, and what commands had changed by then was undone with what a later one had.
    Undone,
}

impl Store {
    pub fn open_memory(options: FileOptions) -> Result<Self, OpenError> {
        #[cfg(feature = "testing")]
        vfs::wrap_allocator();
        let sqlite = Connection::open_in_memory()?;
        #[cfg(feature = "testing")]
        vfs::expose_allocations(&sqlite)?;
        schema::create(&sqlite)?;
        options.set_size_limits(&sqlite)?;
        Self::new(sqlite, None)
    }

    fn new(sqlite: Connection, vfs: Option<Vfs>) -> Result<Self, OpenError> {
        sqlite.set_prepared_statement_cache_capacity(512);
        // Otherwise SQLite plans a statement anew each time that the bounds of its range or its LIMIT change.
        sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let mut store = Self {
            sqlite,
            vfs,
            now_ms: 0,
            indexes: search::Indexes::default(),
            are_indexes_unread: false,
            is_rollback_due: false,
            signals: signals::Signals::default(),
            ranks: ranks::Ranks::default(),
            may_hold: [true; keyspace::TYPES_COUNT],
            rows: rows::Rows::default(),
            deferral: Deferral::No,
            points: Points::default(),
        };
        let loaded = store.load_indexes().map_err(|error| OpenError::from(error).with_cause(store.take_cause()));
        loaded.and_then(|()| store.check_indexes()).map(|()| store)
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
        self.finish_rollback()?;
        if self.sqlite.is_autocommit() {
            // What an earlier failure could not take back.
            self.retract()?;
            self.make_room();
            self.sqlite.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        }
        Ok(())
    }

    /// Where a write found the disk full or almost, the log is written back: it needs less room then.
    fn make_room(&self) {
        if let Some(vfs) = self.vfs.as_ref().filter(|vfs| vfs.take_short()) {
            // Where this fails, the write that comes next says why it does.
            let _ = self.row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            let _ = vfs.take_cause();
        }
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
        self.finish_rollback()?;
        self.refresh_indexes()?;
        if self.deferral != Deferral::No {
            return Ok(());
        }
        self.store_rows()?;
        if !self.sqlite.is_autocommit() {
            self.sqlite.prepare_cached("COMMIT")?.execute([])?;
            self.vfs.iter().for_each(Vfs::note_commit);
        }
        Ok(())
    }

    /// True where a commit would write to a file.
    #[cfg(feature = "server")]
    pub fn has_to_sync(&self) -> bool {
        self.vfs.is_some() && !self.sqlite.is_autocommit()
    }

    /// Undoes the command's changes.
    pub fn rollback(&mut self) {
        if let Deferral::Yes { .. } = self.deferral {
            self.deferral = Deferral::Undone;
        }
        self.forget_signals();
        self.ranks.clear();
        self.may_hold.fill(true);
        self.rows.clear();
        // Also where SQLite has rolled back by itself, as it does where memory or the disk fails it.
        self.indexes.forget_changes();
        self.are_indexes_unread = true;
        self.is_rollback_due = true;
        // Where these fail, they are tried again: the first before the next command, the second before the next write.
        let _ = self.finish_rollback();
        let _ = self.retract();
    }

    /// Does what an earlier rollback has left to do before the next command.
    pub fn recover(&mut self) -> rusqlite::Result<()> {
        self.finish_rollback()?;
        if self.are_indexes_unread {
            self.load_indexes()?;
            self.are_indexes_unread = false;
        }
        // What an open transaction has written to the log stays. A command that only reads does without.
        if self.sqlite.is_autocommit() {
            let _ = self.retract();
        }
        Ok(())
    }

    /// Ends the transaction of a command that failed. SQLite needs memory for that.
    fn finish_rollback(&mut self) -> rusqlite::Result<()> {
        if self.is_rollback_due {
            if !self.sqlite.is_autocommit() {
                self.sqlite.execute_batch("ROLLBACK")?;
            }
            // What was looked at since the rollback was due may have been of the transaction.
            self.ranks.clear();
            self.rows.clear();
            self.is_rollback_due = false;
        }
        Ok(())
    }

    /// Takes back what a transaction that failed has left in the log.
    fn retract(&self) -> rusqlite::Result<()> {
        self.vfs.as_ref().map_or(Ok(()), Vfs::retract)
    }

    /// Why the storage failed since this was last asked.
    pub fn take_cause(&self) -> Option<io::Error> {
        self.vfs.as_ref().and_then(Vfs::take_cause)
    }

    /// What SQLite finds wrong with the file: nothing, where it is sound.
    pub fn find_damage(&self) -> rusqlite::Result<Vec<String>> {
        schema::find_damage(&self.sqlite)
    }

    /// Writes what is in the log to the database.
    pub fn checkpoint(&mut self) -> rusqlite::Result<()> {
        self.row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map(drop)
    }

    /// Writes the database anew, without the room that deleted data took.
    pub fn vacuum(&mut self) -> rusqlite::Result<()> {
        self.finish_rollback()?;
        self.retract()?;
        self.sqlite.execute_batch("VACUUM")?;
        self.vfs.iter().for_each(Vfs::note_commit);
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Where this fails, too, what failed to be committed may be there when the file is opened again.
        let _ = (0..RETRACTIONS_MAX).any(|_| self.retract().is_ok());
    }
}

/// A column's bytes, whether they are stored as text or as a blob.
pub(super) fn bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<u8>> {
    Ok(row.get_ref(column)?.as_bytes()?.to_vec())
}
