//! Opening a store that is kept in files.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::Store;
use super::schema::{self, Found};
use crate::redlite::engine::OpenError;
use crate::redlite::vfs::{self, Checks, Checksummed, Storage, Vfs};

/// What a store in files is opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileOptions {
    /// What outlasts a power loss.
    pub durability: Durability,
    /// Pages that do not match their checksums are errors. Without this they are served as they are: only to test
    /// that it makes a difference.
    pub verify: bool,
    /// Bytes of a page of a store that is made: a power of two from 512 to 65536.
    pub page_bytes: u32,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self { durability: Durability::Full, verify: true, page_bytes: 4096 }
    }
}

/// What outlasts a power loss. The end of the process alone loses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Everything that was acknowledged.
    Full,
    /// What was there at some moment since the last checkpoint: the last writes may be lost, and none before them.
    Normal,
    /// Perhaps nothing: only to test that it makes a difference.
    Off,
}

impl Store {
    /// Opens the store in the file of this name, which is made where it is missing.
    pub fn open_on(storage: Arc<dyn Storage>, name: &Path, options: FileOptions) -> Result<Self, OpenError> {
        let checks = Checks { verify: options.verify, is_synced: options.durability == Durability::Full };
        let vfs = Vfs::register(Arc::new(Checksummed::new(storage, checks)))?;
        match open(&vfs, name, options) {
            Ok(sqlite) => {
                let store = Self::new(sqlite, Some(vfs))?;
                store.sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
                Ok(store)
            }
            Err(error) => Err(error.with_cause(vfs.take_cause())),
        }
    }
}

fn open(vfs: &Vfs, name: &Path, options: FileOptions) -> Result<Connection, OpenError> {
    let sqlite = vfs.connect(name)?;
    // Before anything is written: a file that is refused stays as it is, and its log, too.
    sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // The order matters: SQLite takes shared memory for the log's index unless the lock is exclusive first.
    sqlite.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY;")?;
    let found = schema::check(&sqlite)?;
    match found {
        Found::Nothing => {
            sqlite.pragma_update(None, "page_size", options.page_bytes)?;
            vfs::reserve(&sqlite, vfs::RESERVED)?;
        }
        // Otherwise nothing would be verified.
        Found::Store if vfs::reserved(&sqlite)? != vfs::RESERVED => {
            return Err(OpenError::Damaged("the header says that pages carry no checksums".to_owned()));
        }
        Found::Store | Found::Unchecked => {}
    }
    let mode: String = sqlite.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::Storage(format!("the file cannot have a log, its journal mode is {mode}")));
    }
    sqlite.execute_batch(match options.durability {
        Durability::Full => "PRAGMA synchronous = FULL",
        Durability::Normal => "PRAGMA synchronous = NORMAL",
        Durability::Off => "PRAGMA synchronous = OFF",
    })?;
    match found {
        Found::Nothing => schema::create(&sqlite)?,
        Found::Unchecked => schema::complete(&sqlite)?,
        Found::Store => {}
    }
    vfs.note_commit();
    Ok(sqlite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redlite::Redlite;
    use crate::resp::{Argv, Reply};

    #[test]
    fn a_file_from_before_there_were_checksums_is_read_and_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db");
        let old = Connection::open(&path).expect("a file");
        schema::create_version(&old, schema::VERSION_UNCHECKED).expect("a store");
        old.execute_batch("DROP TABLE search_indexes").expect("a store from before there were indexes");
        drop(old);
        for (request, reply) in [("SET", Reply::ok()), ("GETSET", Reply::bulk("v"))] {
            let store = Redlite::open(&path).expect("an older store");
            assert_eq!(store.client().execute(&Argv::from([request, "k", "v"])), reply);
            assert_eq!(store.find_damage().expect("it is read"), Vec::<String>::new());
        }
    }
}
