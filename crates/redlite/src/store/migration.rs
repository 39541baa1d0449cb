//! A store from before there were checksums gets them when it is opened: a copy is made beside it, and takes its place
//! when it is whole and durable. At any moment before that the old file is there with all that it holds.
//!
//! SQLite could do it in place (VACUUM, with other reserved bytes). But then a part of the pages would have checksums
//! and a part not, until a journal is done that no checksum protects; and it takes more room.
//!
//! Where there is no room for a copy, the store is not opened. It could be used as it is; but then a flipped bit would
//! be served as data again, and nobody would know of which files that is true. The file is left as it was, so that the
//! version that wrote it can still read it.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(feature = "testing")]
use rusqlite::config::DbConfig;
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, ErrorCode};

use super::files::start_log;
use super::schema;
use crate::error::OpenError;
use crate::vfs::{self, Checks, Checksummed, FileKind, Storage, Vfs};

/// Makes the store that is open in `old` one with checksums: the file of its name is another one afterwards, and `old`
/// must be closed.
///
/// # Errors
/// [`OpenError::NoRoom`], or whatever reading and writing gives: the store is as it was then, or already the new one.
pub(super) fn add_checksums(storage: &Arc<dyn Storage>, name: &Path, old: &Connection) -> Result<(), OpenError> {
    if let Some(damage) = schema::find_damage(old)?.into_iter().next() {
        return Err(OpenError::Damaged(damage));
    }
    // What the name leads to, not a link.
    let name = storage.resolve(name).map_err(refused)?;
    // What a power loss has left of an earlier attempt.
    remove(&**storage, &name, &[vfs::COPY_ENDING])?;
    let done = replace(storage, &name, old);
    if done.is_err() {
        // Otherwise the next attempt does it.
        let _ = remove(&**storage, &name, &[vfs::COPY_ENDING]);
    }
    done
}

fn replace(storage: &Arc<dyn Storage>, name: &Path, old: &Connection) -> Result<(), OpenError> {
    let copy = with_ending(name, vfs::COPY_ENDING);
    let page_bytes: u32 = old.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let pages: i64 = old.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let no_room = |error| explain(error, i64::from(page_bytes) * pages);
    let checked: Arc<dyn Storage> =
        Arc::new(Checksummed::new(Arc::clone(storage), Checks { verify: true, is_synced: false }));
    let vfs = Vfs::register(Arc::clone(&checked))?;
    write_copy(&vfs, &copy, page_bytes, old).map_err(no_room).map_err(|error| match vfs.take_cause() {
        // It is the old file that cannot be read.
        None => error,
        cause => error.with_cause(cause),
    })?;
    read_back(&*checked, &copy, page_bytes)?;
    end_log(old).map_err(no_room)?;
    // All is in the old file now; SQLite would take what lies beside it for the new one's.
    remove(&**storage, name, &["-wal", "-journal"])?;
    storage.replace(name, &copy).map_err(refused)
}

fn write_copy(vfs: &Vfs, copy: &Path, page_bytes: u32, old: &Connection) -> Result<(), OpenError> {
    let new = vfs.connect(copy)?;
    new.pragma_update(None, "page_size", page_bytes)?;
    vfs::reserve(&new, vfs::RESERVED)?;
    // A copy that is not finished is thrown away.
    new.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = FULL;")?;
    // First by itself: it is the first page that says that pages carry checksums.
    schema::create(&new)?;
    write_rows(old, &new)?;
    // What opens the file must not need a rollback journal to say so: no checksum protects that, and a wrong byte in it
    // takes the whole file away.
    start_log(&new)?;
    Ok(())
}

/// Reads every page of the copy: one that does not match its checksum must not take the old file's place.
fn read_back(storage: &dyn Storage, copy: &Path, page_bytes: u32) -> Result<(), OpenError> {
    let mut page = vec![0; page_bytes as usize];
    let mut file = storage.open(copy, FileKind::Database, false).map_err(refused)?;
    for offset in (0..file.size().map_err(refused)?).step_by(page.len()) {
        file.read_at(&mut page, offset).map_err(refused)?;
    }
    Ok(())
}

/// Writes all that `store` holds into a new file, as the version without checksums left one behind that was killed: what
/// a migration starts from. There must be no file of that name yet.
///
/// # Errors
/// Where the store cannot be read, or the file not be written.
#[cfg(feature = "testing")]
pub(super) fn write_unchecked(storage: &Arc<dyn Storage>, name: &Path, store: &Connection) -> Result<(), OpenError> {
    let vfs = Vfs::register(Arc::clone(storage))?;
    let page_bytes: u32 = store.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let old = vfs.connect(name)?;
    old.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    old.pragma_update(None, "page_size", page_bytes)?;
    old.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    schema::create(&old)?;
    schema::date_back(&old)?;
    write_rows(store, &old)
}

/// Copies every row into new tables, which those of search are not among yet.
fn write_rows(from: &Connection, to: &Connection) -> Result<(), OpenError> {
    to.execute_batch("BEGIN")?;
    schema::create_search(to)?;
    for table in schema::tables(to)? {
        copy_table(&table, from, to)?;
    }
    Ok(to.execute_batch("COMMIT")?)
}

/// Copies every row of a table, where there is one.
fn copy_table(table: &str, old: &Connection, new: &Connection) -> Result<(), OpenError> {
    let columns = schema::columns(old, table)?;
    if columns.is_empty() {
        return Ok(());
    }
    let (names, marks) = (columns.join(", "), vec!["?"; columns.len()].join(", "));
    let mut read = old.prepare(&format!("SELECT {names} FROM {table}"))?;
    let mut write = new.prepare(&format!("INSERT INTO {table} ({names}) VALUES ({marks})"))?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        for column in 0..columns.len() {
            write.raw_bind_parameter(column + 1, ToSqlOutput::Borrowed(row.get_ref(column)?))?;
        }
        write.raw_execute()?;
    }
    Ok(())
}

/// Takes what is in the log into the old file.
fn end_log(old: &Connection) -> Result<(), OpenError> {
    let busy: i64 = old.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 { Ok(()) } else { Err(OpenError::InUse) }
}

/// Removes files that stand behind a database's name, where they are there.
fn remove(storage: &dyn Storage, name: &Path, endings: &[&str]) -> Result<(), OpenError> {
    for ending in endings {
        match storage.delete(&with_ending(name, ending), true) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(refused(error)),
            _ => {}
        }
    }
    Ok(())
}

fn explain(error: OpenError, bytes: i64) -> OpenError {
    match &error {
        OpenError::Sqlite(sqlite) if sqlite.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
            OpenError::NoRoom { bytes: bytes.cast_unsigned() }
        }
        _ => error,
    }
}

fn refused(error: io::Error) -> OpenError {
    OpenError::Storage(error.to_string())
}

fn with_ending(name: &Path, ending: &str) -> PathBuf {
    let mut name = name.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
