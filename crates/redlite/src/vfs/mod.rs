//! The files under the store: what SQLite asks of them goes through here, in production and in simulation.
//!
//! ```text
//! SQLite → shim → Checksummed → DiskStorage        real files
//!                             → SimulatedDisk      files in memory that fail, lose power and lie when told to
//! ```
//!
//! [`Storage`] and [`File`] are all that a place for files has to provide. SQLite keeps one database file, and beside
//! it a write-ahead log (`-wal`) and, while the store is made, a rollback journal (`-journal`). There is no shared
//! memory: a store has its file for itself.
//!
//! For tests, with the feature `testing`, SQLite's memory goes through `memory`, which lets it run out. `shim` and `memory` are the only files with
//! `unsafe` code: both are interfaces in C.

mod checksum;
mod disk;
mod layer;
mod log;
#[cfg(feature = "testing")]
mod memory;
mod room;
mod shim;
#[cfg(feature = "testing")]
mod simulated;

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

pub(super) use checksum::{Checks, Checksummed, RESERVED};
pub use disk::DiskStorage;
#[cfg(feature = "testing")]
pub use layer::Layer;
#[cfg(feature = "testing")]
pub use memory::{AllocationGuard, AllocationPlan, AllocatorInUse, allocated_bytes, allocations, fail_allocations};
#[cfg(feature = "testing")]
pub(super) use memory::{expose as expose_allocations, install as wrap_allocator};
pub(super) use shim::{Vfs, reserve, reserved};
#[cfg(feature = "testing")]
pub use simulated::{
    Call, CallKind, Counts, Fate, Hook, Image, Injection, InjectionKind, Pending, SECTOR, SimulatedDisk, draw_fates,
};

/// What stands behind a database's name in that of a copy which is to take its place.
pub(super) const COPY_ENDING: &str = "-migrating";

/// True for the name of such a copy.
#[cfg(feature = "testing")]
pub fn is_copy(name: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    name.as_os_str().as_bytes().ends_with(COPY_ENDING.as_bytes())
}

type SharedFile = Arc<Mutex<Box<dyn File>>>;

/// What SQLite uses a file for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// The database itself.
    Database,
    /// The write-ahead log.
    Wal,
    /// A rollback journal, or anything else.
    Other,
}

/// A place where a store keeps its files.
///
/// How an [`io::Error`] reaches the client: of kind `StorageFull`, `QuotaExceeded` or `FileTooLarge` it says that the disk is full, of
/// kind `InvalidData` that data is damaged, of kind `OutOfMemory` that there is no memory; every other is an
/// input/output error. Its text is part of the reply.
pub trait Storage: Debug + Send + Sync {
    /// Opens the file of this name, which is made where it is missing and `create` is set.
    ///
    /// # Errors
    /// `NotFound` where it is missing; `ResourceBusy` where it is a database that another store has open.
    fn open(&self, name: &Path, kind: FileKind, create: bool) -> io::Result<Box<dyn File>>;

    /// Opens a file that has no name and is gone when it is dropped.
    ///
    /// # Errors
    /// Where there is no place for it.
    fn open_scratch(&self) -> io::Result<Box<dyn File>>;

    /// Removes a file; with `sync` so that it does not come back after a power loss.
    ///
    /// # Errors
    /// `NotFound` where it is missing.
    fn delete(&self, name: &Path, sync: bool) -> io::Result<()>;

    /// Gives the file `name` the name `target`, whose file is gone then. A power loss before this returns leaves the one
    /// or the other file there.
    ///
    /// # Errors
    /// Where it is not sure that it outlasts a power loss.
    fn replace(&self, target: &Path, name: &Path) -> io::Result<()>;

    /// True where there is a file of this name.
    ///
    /// # Errors
    /// Where that cannot be told.
    fn exists(&self, name: &Path) -> io::Result<bool>;

    /// The name by which the same file is found from everywhere.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    fn resolve(&self, name: &Path) -> io::Result<PathBuf>;
}

/// An open file.
pub trait File: Debug + Send {
    /// Fills `buffer` from `offset` on; how many bytes there were: fewer than asked for only where the file ends.
    ///
    /// # Errors
    /// Where the file cannot be read, or what is read is known to be damaged.
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`, beyond the end too.
    ///
    /// # Errors
    /// Where the file cannot be written; a part of the bytes may be.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Sees to it that a write to the file's first `len` bytes finds the room that it takes, without a change of its
    /// length; false where there is hardly more room than that. Cutting the file takes back what lies beyond its end.
    /// A place that cannot promise that does nothing.
    ///
    /// # Errors
    /// Where there is no room.
    fn reserve(&mut self, len: u64) -> io::Result<bool> {
        let _ = len;
        Ok(true)
    }

    /// Cuts the file to `len` bytes.
    ///
    /// # Errors
    /// Where that fails.
    fn truncate(&mut self, len: u64) -> io::Result<()>;

    /// Returns when all that was written outlasts a power loss, the file's name and earlier deletions too.
    ///
    /// # Errors
    /// Where that is not sure.
    fn sync(&mut self) -> io::Result<()>;

    /// How many bytes the file has.
    ///
    /// # Errors
    /// Where that cannot be told.
    fn size(&mut self) -> io::Result<u64>;
}
