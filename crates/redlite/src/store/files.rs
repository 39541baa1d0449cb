//! Opening a store that is kept in files.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::Store;
use super::migration;
use super::schema::{self, Found};
use crate::error::OpenError;
use crate::vfs::{self, Checks, Checksummed, Storage, Vfs};

/// What SQLite is opened with: see [`Options`](crate::Options).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileOptions {
    pub durability: Durability,
    pub verify: bool,
    pub page_bytes: u32,
    pub page_cache_bytes: Option<u64>,
    pub store_bytes_max: Option<u64>,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self {
            durability: Durability::Full,
            verify: true,
            page_bytes: 4096,
            page_cache_bytes: None,
            store_bytes_max: None,
        }
    }
}

/// What outlasts a power loss. The end of the process alone loses nothing.
///
/// # Damage to the log
///
/// Transactions stay in the log until a checkpoint writes them to the database file: when the log has a thousand pages,
/// and when the store is closed. A page in the database file that is damaged is an error, always. So is one in the log
/// while the store is open, and then a damaged log is not written back. Its header alone is written anew first, where it
/// is damaged.
///
/// When a store is opened whose log is still there, it is read up to the first frame that is not as it was written, as
/// a power loss leaves such a frame behind. Whether that frame was damaged later can be told only from what follows it:
///
/// - Each transaction that was written with [`Durability::Full`] was synced before the next one began. Where the first
///   page of a later one follows, the damaged one had been acknowledged, and the store is not opened
///   ([`OpenError::Damaged`]). The same holds where the log's header is damaged, and a whole transaction follows that is
///   not in the database file. Pages that an earlier version has left in the log, and that do not say which log they
///   are of, show nothing of what is before them.
/// - With [`Durability::Normal`] and [`Durability::Off`] a power loss may take any part of the log and leave what
///   follows. A damaged transaction, and every one after it, is gone without a word: what is there is what was there
///   before it, and no mixture.
/// - Damage to the last transaction in the log looks like one that was never finished, also with [`Durability::Full`]:
///   it is gone without a word, though it was acknowledged. It is the last one until another is written, or the log is
///   written back ([`Redlite::checkpoint`](crate::Redlite::checkpoint)). Where the transactions before it are
///   damaged, too, and of each but the first of them the first page, they go with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Everything that was acknowledged: a command is answered after its transaction is synced.
    Full,
    /// What was there at some moment since the last checkpoint: the last writes may be lost, and none before them. Only
    /// a checkpoint syncs, first the log, then the database file; and a log that was cut, before it starts anew.
    Normal,
    /// Perhaps nothing, and the file may be damaged: no transaction is synced. Only to test that it makes a difference.
    Off,
}

impl FileOptions {
    /// Bounds the page cache and the whole, where that is asked for.
    pub(super) fn set_size_limits(&self, sqlite: &Connection) -> rusqlite::Result<()> {
        if let Some(bytes) = self.page_cache_bytes {
            // SQLite takes a negative number for KiB.
            let kib = i64::try_from(bytes >> 10).unwrap_or(i64::MAX).clamp(1, i64::from(i32::MAX));
            sqlite.pragma_update(None, "cache_size", -kib)?;
        }
        if let Some(bytes) = self.store_bytes_max {
            let page_bytes: i64 = sqlite.pragma_query_value(None, "page_size", |row| row.get(0))?;
            let pages =
                (i64::try_from(bytes).unwrap_or(i64::MAX) / page_bytes.max(1)).clamp(1, i64::from(u32::MAX - 1));
            // It answers with the bound that there is now, which is what the store has already where that is more.
            sqlite.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
        }
        Ok(())
    }
}

impl Store {
    /// Opens the store in the file of this name, which is made where it is missing.
    pub fn open_on(storage: Arc<dyn Storage>, name: &Path, options: FileOptions) -> Result<Self, OpenError> {
        if let Some(store) = Self::open_checked(&storage, name, options)? {
            return Ok(store);
        }
        let migrated = Self::open_checked(&storage, name, options)?;
        migrated.ok_or_else(|| OpenError::Storage("the file that got checksums is the one without again".to_owned()))
    }

    /// None for one from before there were checksums: it has got some now, and is to be opened again.
    fn open_checked(storage: &Arc<dyn Storage>, name: &Path, options: FileOptions) -> Result<Option<Self>, OpenError> {
        let checks = Checks { verify: options.verify, is_synced: options.durability == Durability::Full };
        let vfs = Vfs::register(Arc::new(Checksummed::new(Arc::clone(storage), checks)))?;
        match open(storage, &vfs, name, options) {
            Ok(None) => Ok(None),
            Ok(Some(sqlite)) => {
                let store = Self::new(sqlite, Some(vfs))?;
                store.sqlite.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
                Ok(Some(store))
            }
            Err(error) => Err(error.with_cause(vfs.take_cause())),
        }
    }
}

fn open(
    storage: &Arc<dyn Storage>,
    vfs: &Vfs,
    name: &Path,
    options: FileOptions,
) -> Result<Option<Connection>, OpenError> {
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
        Found::Store => {}
        Found::Unchecked => return migration::add_checksums(storage, name, &sqlite).map(|()| None),
    }
    let mode = start_log(&sqlite)?;
    if mode != "wal" {
        return Err(OpenError::Storage(format!("the file cannot have a log, its journal mode is {mode}")));
    }
    sqlite.execute_batch(match options.durability {
        Durability::Full => "PRAGMA synchronous = FULL",
        Durability::Normal => "PRAGMA synchronous = NORMAL",
        Durability::Off => "PRAGMA synchronous = OFF",
    })?;
    if found == Found::Nothing {
        schema::create(&sqlite)?;
    }
    options.set_size_limits(&sqlite)?;
    vfs.note_commit();
    Ok(Some(sqlite))
}

/// Has transactions written to a log; returns the mode that came of it. SQLite tells the mode before it commits the
/// change of the header, so that the statement is to be run to its end: in the old mode a commit may not outlast a power
/// loss.
pub(super) fn start_log(sqlite: &Connection) -> rusqlite::Result<String> {
    let mut statement = sqlite.prepare("PRAGMA journal_mode = WAL")?;
    let modes: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(modes.concat())
}
