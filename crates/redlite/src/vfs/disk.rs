//! Real files.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{env, process, thread};

use rustix::fs::{FlockOperation, fcntl_lock};

use super::{COPY_ENDING, File, FileKind, Storage};

/// Another process keeps its lock as long as it runs: only one that is about to end is worth waiting for, a second.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// What the names of files end in that lie beside a database.
const BESIDE: [&str; 3] = ["-wal", "-journal", COPY_ENDING];

/// Room is reserved in units of this many bytes, as long as there is as much.
const RESERVE_STEP: u64 = 256 << 10;

/// Where less than this is reserved beyond what is needed, it is told that room is short: a transaction may need it.
const RESERVE_MARGIN: u64 = 64 << 10;

/// Files of the machine. A database is locked while it is open: against other stores, also of this process, and
/// against other programs that use SQLite.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskStorage;

impl Storage for DiskStorage {
    fn open(&self, name: &Path, kind: FileKind, create: bool) -> io::Result<Box<dyn File>> {
        loop {
            let is_new = create && !name.exists();
            let file = OpenOptions::new().read(true).write(true).create(create).truncate(false).open(name)?;
            if is_new {
                protect(&file, name)?;
            }
            if kind == FileKind::Database {
                lock(&file)?;
                if !is_named(&file, name)? {
                    // Whoever had it locked has put another one in its place.
                    continue;
                }
            }
            return Ok(Box::new(DiskFile::new(file, is_new.then(|| folder_of(name).to_owned()))));
        }
    }

    fn open_scratch(&self) -> io::Result<Box<dyn File>> {
        static OPENED: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = OPENED.fetch_add(1, Ordering::Relaxed);
            let name = env::temp_dir().join(format!("redlite-{}-{number}", process::id()));
            // Nobody else's file is opened, and nobody else may open this one in the moment that it has a name.
            match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&name) {
                Ok(file) => {
                    fs::remove_file(&name)?;
                    return Ok(Box::new(DiskFile::new(file, None)));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn delete(&self, name: &Path, sync: bool) -> io::Result<()> {
        fs::remove_file(name)?;
        if sync { sync_folder(folder_of(name)) } else { Ok(()) }
    }

    fn replace(&self, target: &Path, name: &Path) -> io::Result<()> {
        fs::rename(name, target)?;
        sync_folder(folder_of(target))
    }

    fn exists(&self, name: &Path) -> io::Result<bool> {
        // As SQLite's own VFS: an empty file is no journal.
        match fs::metadata(name) {
            Ok(about) => Ok(!about.is_file() || about.len() > 0),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn resolve(&self, name: &Path) -> io::Result<PathBuf> {
        // Through links: the log lies beside the file itself, by whatever name it is opened.
        fs::canonicalize(name).or_else(|_| std::path::absolute(name))
    }
}

/// What lies beside a database holds the same data: nobody else may read it than may read the database.
fn protect(file: &fs::File, name: &Path) -> io::Result<()> {
    let text = name.as_os_str().as_bytes();
    let database = BESIDE.iter().find_map(|ending| text.strip_suffix(ending.as_bytes()));
    let Some(Ok(about)) = database.map(|database| fs::metadata(OsStr::from_bytes(database))) else { return Ok(()) };
    file.set_permissions(about.permissions())?;
    // Only the administrator may, and only where the administrator opens a file of another user it makes a difference.
    let _ = fchown(file, Some(about.uid()), Some(about.gid()));
    Ok(())
}

/// True where the file of this name is this one.
fn is_named(file: &fs::File, name: &Path) -> io::Result<bool> {
    let about = file.metadata()?;
    match fs::metadata(name) {
        Ok(named) => Ok((named.dev(), named.ino()) == (about.dev(), about.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Two locks, as neither sees the other: `flock` also keeps out stores of this process, and the record lock over the
/// whole file is what SQLite's own VFS asks for.
fn lock(file: &fs::File) -> io::Result<()> {
    for _ in 0..LOCK_TRIES {
        match try_lock(file) {
            Err(error) if error.kind() == ErrorKind::ResourceBusy => thread::sleep(LOCK_PAUSE),
            done => return done,
        }
    }
    try_lock(file)
}

fn try_lock(file: &fs::File) -> io::Result<()> {
    let in_use = || io::Error::new(ErrorKind::ResourceBusy, "the file is open in another store or program");
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(in_use()),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    match fcntl_lock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => Err(in_use()),
        Err(error) => Err(error.into()),
    }
}

fn folder_of(name: &Path) -> &Path {
    match name.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[derive(Debug)]
struct DiskFile {
    file: fs::File,
    /// The folder of a file that was made by opening it: its name is not yet sure to outlast a power loss.
    unsynced_folder: Option<PathBuf>,
    /// How far room is reserved; none where the file system does not do that, or it was not asked yet.
    reserved: Reserved,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reserved {
    Unknown,
    Bytes(u64),
    Unsupported,
}

impl DiskFile {
    fn new(file: fs::File, unsynced_folder: Option<PathBuf>) -> Self {
        Self { file, unsynced_folder, reserved: Reserved::Unknown }
    }
}

impl File for DiskFile {
    fn read_at(&mut self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<usize> {
        let wanted = buffer.len();
        while !buffer.is_empty() {
            match self.file.read_at(buffer, offset) {
                Ok(0) => break,
                Ok(read) => {
                    buffer = &mut buffer[read..];
                    offset += read as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(wanted - buffer.len())
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    #[cfg(target_os = "linux")]
    fn reserve(&mut self, len: u64) -> io::Result<bool> {
        use rustix::fs::{FallocateFlags, fallocate};
        use rustix::io::Errno;
        use rustix::process::{Resource, getrlimit};

        let from = match self.reserved {
            Reserved::Unsupported => return Ok(true),
            Reserved::Bytes(bytes) => bytes,
            Reserved::Unknown => self.file.metadata()?.len(),
        };
        self.reserved = Reserved::Bytes(from);
        let with_margin = len + RESERVE_MARGIN;
        if with_margin <= from {
            return Ok(true);
        }
        let ample = with_margin.next_multiple_of(RESERVE_STEP);
        // The system grants room that no write may use.
        let most = getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX);
        let mut refusal = Errno::FBIG;
        for to in [ample, len].into_iter().filter(|to| (from + 1..=most).contains(to)) {
            match fallocate(&self.file, FallocateFlags::KEEP_SIZE, from, to - from) {
                Ok(()) => {
                    self.reserved = Reserved::Bytes(to);
                    return Ok(to == ample);
                }
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                    self.reserved = Reserved::Unsupported;
                    return Ok(true);
                }
                Err(error) => refusal = error,
            }
        }
        if len <= from { Ok(false) } else { Err(refusal.into()) }
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.reserved = Reserved::Unknown;
        self.file.set_len(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        if let Some(folder) = &self.unsynced_folder {
            sync_folder(folder)?;
            self.unsynced_folder = None;
        }
        Ok(())
    }

    fn size(&mut self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_file_that_is_replaced_gets_the_new_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let [old, new] = ["store.db", "store.db-migrating"].map(|name| folder.path().join(name));
        let open = |name: &Path| DiskStorage.open(name, FileKind::Database, true).expect("it is free");
        open(&new).write_at(b"new", 0).expect("it is written");
        let held = open(&old);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| open(&old));
            thread::sleep(LOCK_PAUSE * 5);
            assert!(!waiting.is_finished(), "the file is locked");
            DiskStorage.replace(&old, &new).expect("the new one takes its place");
            drop(held);
            let mut found = [0; 3];
            waiting.join().expect("no panic").read_at(&mut found, 0).expect("it is read");
            assert_eq!(&found, b"new");
        });
    }
}
