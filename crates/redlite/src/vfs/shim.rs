//! A [`Storage`] as SQLite sees it: a VFS of its own for every open store. <https://www.sqlite.org/vfs.html>
//!
//! The tables are of version 1: no shared memory, no memory maps. A WAL works with that in exclusive locking mode.
#![allow(unsafe_code)] // SQLite's interface is C. Each block says why it is sound.

use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{mem, ptr, slice};

use rusqlite::{Connection, OpenFlags, ffi};

use super::room::{LOG_BYTES, Room};
use super::{File, FileKind, SharedFile, Storage};

/// Longest name of a file, in bytes; SQLite keeps names with their endings in buffers of this size.
const NAME_BYTES_MAX: c_int = 1024;

/// Nothing was written to the log since the last commit.
const CLEAN: u64 = u64::MAX;

/// A VFS that is registered with SQLite as long as this lives: longer than the connections that use it.
#[derive(Debug)]
pub(crate) struct Vfs {
    /// From `Box::into_raw`; SQLite keeps it in its list until it is unregistered.
    raw: *mut ffi::sqlite3_vfs,
    name: CString,
    state: Arc<State>,
}

// SAFETY: the pointer is owned, what it points to is not changed while it is registered, and SQLite guards its list of
// VFSes with a mutex; the state is `Sync`.
unsafe impl Send for Vfs {}

/// What the VFS and its open files share.
#[derive(Debug)]
struct State {
    storage: Arc<dyn Storage>,
    /// Why a call failed last.
    cause: Mutex<Option<io::Error>>,
    wal: Mutex<Option<SharedFile>>,
    /// Where in the log the first byte lies that was written since the last commit; [`CLEAN`] where there is none.
    uncommitted_from: AtomicU64,
    room: Room,
}

impl State {
    /// Remembers the error; the code that SQLite gets, `code` unless the error's kind says more.
    fn fail(&self, error: io::Error, code: c_int) -> c_int {
        let code = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => ffi::SQLITE_FULL,
            ErrorKind::OutOfMemory => ffi::SQLITE_IOERR_NOMEM,
            ErrorKind::InvalidData => ffi::SQLITE_IOERR_DATA,
            _ => code,
        };
        if code == ffi::SQLITE_FULL {
            self.room.note_short();
        }
        *lock(&self.cause) = Some(error);
        code
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Vfs {
    /// Registers a VFS whose files are in `storage`.
    ///
    /// # Errors
    /// Where SQLite has no memory.
    pub fn register(storage: Arc<dyn Storage>) -> rusqlite::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        #[cfg(feature = "testing")]
        super::wrap_allocator();
        let name = format!("redlite-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let name = CString::new(name).map_err(rusqlite::Error::NulError)?;
        let state = Arc::new(State {
            storage,
            cause: Mutex::new(None),
            wal: Mutex::new(None),
            uncommitted_from: AtomicU64::new(CLEAN),
            room: Room::default(),
        });
        let raw = Box::into_raw(Box::new(ffi::sqlite3_vfs {
            iVersion: 1,
            szOsFile: mem::size_of::<Handle>() as c_int,
            mxPathname: NAME_BYTES_MAX,
            pNext: ptr::null_mut(),
            zName: name.as_ptr(),
            pAppData: Arc::as_ptr(&state).cast_mut().cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_path),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: Some(last_error),
            xCurrentTimeInt64: None,
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        }));
        let vfs = Self { raw, name, state };
        // SAFETY: the table is complete for its version, and it and its name live until `drop` unregisters it.
        match unsafe { ffi::sqlite3_vfs_register(raw, 0) } {
            ffi::SQLITE_OK => Ok(vfs),
            code => Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)),
        }
    }

    /// Opens the database of this name, and makes it where it is missing. The connection must be dropped before this.
    ///
    /// # Errors
    /// Where SQLite or the storage refuses it: [`Vfs::take_cause`] says why.
    pub fn connect(&self, name: &Path) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let sqlite = Connection::open_with_flags_and_vfs(name, flags, self.name.as_c_str())?;
        #[cfg(feature = "testing")]
        super::expose_allocations(&sqlite)?;
        Ok(sqlite)
    }

    /// Why a call failed since this was last asked.
    pub fn take_cause(&self) -> Option<io::Error> {
        lock(&self.state.cause).take()
    }

    /// Notes that what was written to the log is committed.
    pub fn note_commit(&self) {
        self.state.uncommitted_from.store(CLEAN, Ordering::Relaxed);
    }

    /// True where [`Vfs::retract`] has something to take back.
    #[cfg(feature = "testing")]
    pub fn owes_retraction(&self) -> bool {
        self.state.uncommitted_from.load(Ordering::Relaxed) != CLEAN
    }

    /// True where the disk was found full, or almost, since this was last asked.
    pub fn take_short(&self) -> bool {
        self.state.room.take_short()
    }

    /// Takes back what was written to the log since the last commit: otherwise a commit that failed after its last
    /// write would come back after a power loss. To be called when the transaction is rolled back.
    ///
    /// # Errors
    /// Where the log cannot be cut: then the transaction is there or not after a power loss, unless this is done
    /// before.
    pub fn retract(&self) -> rusqlite::Result<()> {
        let from = self.state.uncommitted_from.load(Ordering::Relaxed);
        if from == CLEAN {
            return Ok(());
        }
        let wal = lock(&self.state.wal).clone();
        let Some(wal) = wal else { return Ok(()) };
        let mut wal = lock(&wal);
        if let Err(error) = wal.truncate(from).and_then(|()| wal.sync()) {
            let code = self.state.fail(error, ffi::SQLITE_IOERR_TRUNCATE);
            return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        }
        keep_log_room(&mut **wal);
        self.note_commit();
        Ok(())
    }
}

/// Where the disk is full, the log does without.
fn keep_log_room(log: &mut dyn File) {
    let _ = log.reserve(LOG_BYTES);
}

impl Drop for Vfs {
    fn drop(&mut self) {
        // SAFETY: `raw` came from `Box::into_raw`, and no connection uses it any more. SQLite takes an unregistered
        // VFS off its list and does not look at it again.
        unsafe {
            ffi::sqlite3_vfs_unregister(self.raw);
            drop(Box::from_raw(self.raw));
        }
    }
}

/// Keeps the last `bytes` of every page of a database that is still empty out of SQLite's use.
///
/// # Errors
/// Where SQLite refuses.
pub(crate) fn reserve(sqlite: &Connection, bytes: u8) -> rusqlite::Result<()> {
    control_reserve(sqlite, c_int::from(bytes)).map(drop)
}

/// How many bytes at the end of every page are out of SQLite's use.
///
/// # Errors
/// Where SQLite refuses.
pub(crate) fn reserved(sqlite: &Connection) -> rusqlite::Result<u8> {
    // A negative number only asks.
    control_reserve(sqlite, -1).map(|bytes| u8::try_from(bytes).unwrap_or(u8::MAX))
}

fn control_reserve(sqlite: &Connection, mut bytes: c_int) -> rusqlite::Result<c_int> {
    // SAFETY: the handle is open as long as `sqlite` is borrowed; this operation reads and writes one int.
    let code = unsafe {
        let argument = (&raw mut bytes).cast();
        ffi::sqlite3_file_control(sqlite.handle(), c"main".as_ptr(), ffi::SQLITE_FCNTL_RESERVE_BYTES, argument)
    };
    if code == ffi::SQLITE_OK { Ok(bytes) } else { Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)) }
}

/// What SQLite allocates for an open file, `szOsFile` bytes.
#[repr(C)]
struct Handle {
    base: ffi::sqlite3_file,
    /// From `Box::into_raw`; freed by `close`.
    open: *mut OpenFile,
}

struct OpenFile {
    file: SharedFile,
    kind: FileKind,
    state: Arc<State>,
}

impl OpenFile {
    /// Runs a call on the file; `code` is what SQLite gets where it fails.
    fn call(&self, code: c_int, run: impl FnOnce(&mut dyn File) -> io::Result<()>) -> c_int {
        match run(&mut **lock(&self.file)) {
            Ok(()) => ffi::SQLITE_OK,
            Err(error) => self.state.fail(error, code),
        }
    }
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock_file),
    xUnlock: Some(lock_file),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

/// The state of a VFS that SQLite calls.
///
/// # Safety
/// `vfs` is one that [`Vfs::register`] made, and it is still registered.
unsafe fn state_of(vfs: *mut ffi::sqlite3_vfs) -> Arc<State> {
    // SAFETY: `pAppData` is the pointer of an `Arc` that the `Vfs` holds, so its count is at least 1.
    unsafe {
        let state: *const State = (*vfs).pAppData.cast();
        Arc::increment_strong_count(state);
        Arc::from_raw(state)
    }
}

/// A name as SQLite gives it, with one null byte at its end.
///
/// # Safety
/// `name` is not null and stays valid while the result is used.
unsafe fn path_of<'a>(name: *const c_char) -> &'a Path {
    // SAFETY: as the caller says.
    Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes()))
}

/// The open file behind a handle.
///
/// # Safety
/// `file` is a handle that `open` filled in and `close` has not seen.
unsafe fn file_of<'a>(file: *mut ffi::sqlite3_file) -> &'a OpenFile {
    // SAFETY: `base` is the first field of `Handle`, and `open` set the pointer.
    unsafe { &*(*file.cast::<Handle>()).open }
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls a registered VFS, with a name that is null or ends in a null byte, with room for a `Handle`,
    // and with a place for the flags or null. It calls no method of a file whose `pMethods` is null.
    unsafe {
        let handle = file.cast::<Handle>();
        (*handle).base.pMethods = ptr::null();
        let state = state_of(vfs);
        let kind = match flags {
            _ if flags & ffi::SQLITE_OPEN_MAIN_DB != 0 => FileKind::Database,
            _ if flags & ffi::SQLITE_OPEN_WAL != 0 => FileKind::Wal,
            _ => FileKind::Other,
        };
        let opened = if name.is_null() {
            state.storage.open_scratch()
        } else {
            state.storage.open(path_of(name), kind, flags & ffi::SQLITE_OPEN_CREATE != 0)
        };
        let opened = match opened {
            Ok(opened) => Arc::new(Mutex::new(opened)),
            Err(error) if error.kind() == ErrorKind::ResourceBusy => return state.fail(error, ffi::SQLITE_BUSY),
            Err(error) => return state.fail(error, ffi::SQLITE_CANTOPEN),
        };
        match kind {
            FileKind::Database => state.room.set_database(Some(Arc::clone(&opened))),
            FileKind::Wal => {
                keep_log_room(&mut **lock(&opened));
                *lock(&state.wal) = Some(Arc::clone(&opened));
            }
            FileKind::Other => {}
        }
        (*handle).open = Box::into_raw(Box::new(OpenFile { file: opened, kind, state }));
        (*handle).base.pMethods = &raw const METHODS;
        if !out_flags.is_null() {
            *out_flags = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes an open file once; afterwards nothing reads the pointer.
    let open = unsafe { Box::from_raw((*file.cast::<Handle>()).open) };
    match open.kind {
        FileKind::Database => open.state.room.set_database(None),
        FileKind::Wal => {
            open.state.uncommitted_from.store(CLEAN, Ordering::Relaxed);
            *lock(&open.state.wal) = None;
        }
        FileKind::Other => {}
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, buffer: *mut c_void, len: c_int, offset: i64) -> c_int {
    // SAFETY: SQLite reads from an open file into a buffer of `len` bytes that nobody else uses.
    let (open, buffer) = unsafe { (file_of(file), slice::from_raw_parts_mut(buffer.cast::<u8>(), len as usize)) };
    let mut filled = 0;
    let code = open.call(ffi::SQLITE_IOERR_READ, |file| {
        filled = file.read_at(buffer, offset as u64)?;
        Ok(())
    });
    if code != ffi::SQLITE_OK || filled == buffer.len() {
        return code;
    }
    // SQLite demands it: it takes what is beyond the end for zeros.
    buffer[filled..].fill(0);
    ffi::SQLITE_IOERR_SHORT_READ
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, bytes: *const c_void, len: c_int, offset: i64) -> c_int {
    // SAFETY: SQLite writes `len` bytes to an open file.
    let (open, bytes) = unsafe { (file_of(file), slice::from_raw_parts(bytes.cast::<u8>(), len as usize)) };
    if open.kind == FileKind::Wal {
        open.state.uncommitted_from.fetch_min(offset as u64, Ordering::Relaxed);
    }
    open.call(ffi::SQLITE_IOERR_WRITE, |file| {
        if open.kind == FileKind::Wal {
            open.state.room.prepare(file, bytes, offset as u64)?;
        }
        file.write_at(bytes, offset as u64)
    })
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, len: i64) -> c_int {
    // SAFETY: SQLite cuts an open file.
    let open = unsafe { file_of(file) };
    open.call(ffi::SQLITE_IOERR_TRUNCATE, |file| {
        file.truncate(len as u64)?;
        if open.kind == FileKind::Wal {
            keep_log_room(file);
        }
        Ok(())
    })
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: SQLite syncs an open file.
    unsafe { file_of(file) }.call(ffi::SQLITE_IOERR_FSYNC, |file| file.sync())
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    // SAFETY: SQLite asks for the size of an open file, with a place for it.
    unsafe {
        file_of(file).call(ffi::SQLITE_IOERR_FSTAT, |file| {
            *size = file.size()?.cast_signed();
            Ok(())
        })
    }
}

/// Locks are taken when a database is opened, for as long as it is open.
unsafe extern "C" fn lock_file(_file: *mut ffi::sqlite3_file, _level: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(_file: *mut ffi::sqlite3_file, is_locked: *mut c_int) -> c_int {
    // SAFETY: SQLite gives a place for the answer.
    unsafe { *is_locked = 0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(_file: *mut ffi::sqlite3_file, _op: c_int, _argument: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_file: *mut ffi::sqlite3_file) -> c_int {
    4096
}

/// A write that is torn by a power loss leaves the bytes beside it as they were: SQLite assumes the same of disks.
unsafe extern "C" fn device_characteristics(_file: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: SQLite calls a registered VFS with a name.
    let (state, name) = unsafe { (state_of(vfs), path_of(name)) };
    match state.storage.delete(name, sync != 0) {
        Ok(()) => ffi::SQLITE_OK,
        Err(error) if error.kind() == ErrorKind::NotFound => ffi::SQLITE_IOERR_DELETE_NOENT,
        Err(error) => state.fail(error, ffi::SQLITE_IOERR_DELETE),
    }
}

unsafe extern "C" fn access(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    _flags: c_int,
    answer: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls a registered VFS with a name and a place for the answer.
    let (state, name, answer) = unsafe { (state_of(vfs), path_of(name), &mut *answer) };
    match state.storage.exists(name) {
        Ok(exists) => {
            *answer = c_int::from(exists);
            ffi::SQLITE_OK
        }
        Err(error) => state.fail(error, ffi::SQLITE_IOERR_ACCESS),
    }
}

unsafe extern "C" fn full_path(
    vfs: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite calls a registered VFS with a name.
    let (state, name) = unsafe { (state_of(vfs), path_of(name)) };
    let path: PathBuf = match state.storage.resolve(name) {
        Ok(path) => path,
        Err(error) => return state.fail(error, ffi::SQLITE_CANTOPEN),
    };
    let bytes = path.as_os_str().as_bytes();
    if bytes.len() >= room as usize {
        return state.fail(io::Error::new(ErrorKind::InvalidFilename, "the name is too long"), ffi::SQLITE_CANTOPEN);
    }
    // SAFETY: `out` has room for `room` bytes, and the path with its null byte is no longer.
    unsafe {
        ptr::copy_nonoverlapping(bytes.as_ptr(), out.cast(), bytes.len());
        *out.add(bytes.len()) = 0;
    }
    ffi::SQLITE_OK
}

/// SQLite takes its entropy from the default VFS, never from this one.
unsafe extern "C" fn randomness(_vfs: *mut ffi::sqlite3_vfs, len: c_int, out: *mut c_char) -> c_int {
    // SAFETY: `out` has room for `len` bytes.
    unsafe { ptr::write_bytes(out, 0, len as usize) };
    len
}

/// Nothing waits for a lock.
unsafe extern "C" fn sleep(_vfs: *mut ffi::sqlite3_vfs, _microseconds: c_int) -> c_int {
    0
}

/// The start of 1970 as a Julian day: Redlite asks SQLite for no time.
unsafe extern "C" fn current_time(_vfs: *mut ffi::sqlite3_vfs, now: *mut f64) -> c_int {
    // SAFETY: SQLite gives a place for the answer.
    unsafe { *now = 2_440_587.5 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn last_error(_vfs: *mut ffi::sqlite3_vfs, _len: c_int, _out: *mut c_char) -> c_int {
    0
}
