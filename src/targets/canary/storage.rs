//! Slips that only faults show: what is not made durable, not done as one, or not told.
//!
//! A slip stands between Redlite and its files, or, as those of the other files, between a trace and Redlite.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::{call, is_word};
use redlite::vfs::{File, FileKind, Layer, Storage};
use redlite::{Client, OpenError, Options, Redlite};
use resp::{Argv, Reply};

/// A Redlite that is wrong under faults.
pub struct StorageCanary {
    /// What it is called behind `canary:`.
    pub name: &'static str,
    /// What is wrong with it.
    pub slip: &'static str,
    /// The fault that shows it.
    pub fault: &'static str,
    /// The most ops, faults included, that a shrunk trace of it has.
    pub ops_max: usize,
    /// What it does where Redlite would run a command.
    pub(in crate::targets) execute: fn(&mut Client, &Argv) -> Reply,
    /// What it does where Redlite would ask something of its files.
    pub(in crate::targets) files: Slip,
}

/// The table of these canaries.
#[rustfmt::skip]
pub const STORAGE_CANARIES: &[StorageCanary] = &[
    StorageCanary { name: "forgets-to-sync-the-log", slip: "a commit is not synced", fault: "crash_mid_write", ops_max: 3, execute: Client::execute, files: Slip::of_file(|file, kind, request| {
        if kind == FileKind::Wal && matches!(request, Request::Sync) { Ok(()) } else { request.run(file) }
    }) },
    StorageCanary { name: "forgets-to-sync-the-file", slip: "a checkpoint is not synced", fault: "crash_mid_write", ops_max: 4, execute: Client::execute, files: Slip::of_file(|file, kind, request| {
        if kind == FileKind::Database && matches!(request, Request::Sync) { Ok(()) } else { request.run(file) }
    }) },
    StorageCanary { name: "swallows-sync-errors", slip: "a sync that failed is taken for done", fault: "io_error", ops_max: 4, execute: Client::execute, files: Slip::of_file(|file, _, request| {
        if let Request::Sync = request { request.run(file).or(Ok(())) } else { request.run(file) }
    }) },
    StorageCanary { name: "swallows-write-errors", slip: "a write that failed is taken for done", fault: "disk_full", ops_max: 4, execute: Client::execute, files: Slip::of_file(|file, _, request| {
        if let Request::Write(..) = request { request.run(file).or(Ok(())) } else { request.run(file) }
    }) },
    StorageCanary { name: "says-ok-to-a-failed-set", slip: "SET answers OK where the storage failed", fault: "disk_full", ops_max: 3, execute: say_ok, files: Slip::NONE },
    StorageCanary { name: "writes-mset-outside-the-transaction", slip: "MSET is a transaction for each key", fault: "kill", ops_max: 3, execute: split_mset, files: Slip::NONE },
    StorageCanary { name: "panics-where-a-command-fails", slip: "a command panics where the storage failed", fault: "crash_mid_write", ops_max: 2, execute: panic_at_failure, files: Slip::NONE },
    StorageCanary { name: "panics-where-opening-fails", slip: "it panics where the storage fails as it is opened", fault: "io_error", ops_max: 2, execute: Client::execute, files: Slip { open: panic_at_refusal, ..Slip::NONE } },
    StorageCanary { name: "throws-an-older-file-away", slip: "an empty store takes the place of an older version's file that cannot be opened", fault: "io_error", ops_max: 3, execute: Client::execute, files: Slip { open: throw_away, ..Slip::NONE } },
];

/// What is asked of a file.
pub(in crate::targets) enum Request<'a> {
    Write(&'a [u8], u64),
    Sync,
}

impl Request<'_> {
    fn run(&self, file: &mut dyn File) -> io::Result<()> {
        match self {
            Request::Write(bytes, offset) => file.write_at(bytes, *offset),
            Request::Sync => file.sync(),
        }
    }
}

/// Writes or syncs a file, or does not.
pub(in crate::targets) type FileSlip = fn(&mut dyn File, FileKind, Request<'_>) -> io::Result<()>;

/// Opens the store, or does not.
pub(in crate::targets) type Open = fn(Arc<dyn Storage>, &Path, &Options) -> Result<Redlite, OpenError>;

/// What stands between a store and its files.
#[derive(Clone, Copy)]
pub(in crate::targets) struct Slip {
    pub open: Open,
    pub file: FileSlip,
}

impl Slip {
    /// As it should be.
    pub const NONE: Slip = Slip {
        open: |storage, name, options| options.open_on(storage, name),
        file: |file, _, request| request.run(file),
    };

    const fn of_file(file: FileSlip) -> Self {
        Self { file, ..Self::NONE }
    }
}

/// What the storage failed with is an error: to unwrap it is the slip.
fn panic_at_failure(client: &mut Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    let failed = |text: &[u8]| text.starts_with(b"MISCONF") || text.starts_with(b"ERR storage");
    assert!(!reply.as_error().is_some_and(failed), "the storage failed");
    reply
}

fn panic_at_refusal(storage: Arc<dyn Storage>, name: &Path, options: &Options) -> Result<Redlite, OpenError> {
    let opened = options.open_on(storage, name);
    assert!(!matches!(opened, Err(OpenError::Storage(_))), "the storage failed");
    opened
}

fn throw_away(storage: Arc<dyn Storage>, name: &Path, options: &Options) -> Result<Redlite, OpenError> {
    let opened = options.open_on(Arc::clone(&storage), name);
    if matches!(opened, Ok(_) | Err(OpenError::InUse)) || !is_unchecked(&*storage, name).unwrap_or(false) {
        return opened;
    }
    for file in [name, &name.with_extension("db-wal")] {
        storage.delete(file, true).map_err(|error| OpenError::Storage(error.to_string()))?;
    }
    options.open_on(storage, name)
}

/// True for a file whose pages have no room for checksums. <https://www.sqlite.org/fileformat2.html#the_database_header>
fn is_unchecked(storage: &dyn Storage, name: &Path) -> io::Result<bool> {
    let mut reserved = [u8::MAX];
    storage.open(name, FileKind::Other, false)?.read_at(&mut reserved, 20)?;
    Ok(reserved == [0])
}

fn say_ok(client: &mut Client, argv: &Argv) -> Reply {
    let reply = client.execute(argv);
    let is_set = argv.get(0).is_some_and(|name| is_word(name, "SET"));
    if is_set && reply.as_error().is_some_and(|text| text.starts_with(b"MISCONF")) { Reply::ok() } else { reply }
}

fn split_mset(client: &mut Client, argv: &Argv) -> Reply {
    let is_mset = argv.get(0).is_some_and(|name| is_word(name, "MSET"));
    if !is_mset || argv.len() < 3 || argv.len().is_multiple_of(2) {
        return client.execute(argv);
    }
    let mut last = Reply::ok();
    for at in (1..argv.len()).step_by(2) {
        last = call(client, [b"SET", &argv[at], &argv[at + 1]]);
    }
    last
}

/// A storage whose files slip.
#[derive(Debug)]
pub(in crate::targets) struct Slipping {
    pub inner: Arc<dyn Storage>,
    pub slip: FileSlip,
}

impl Layer for Slipping {
    fn beneath(&self) -> &dyn Storage {
        &*self.inner
    }

    fn open_through(&self, name: &Path, kind: FileKind, create: bool) -> io::Result<Box<dyn File>> {
        Ok(Box::new(SlippingFile { inner: self.inner.open(name, kind, create)?, kind, slip: self.slip }))
    }
}

#[derive(Debug)]
struct SlippingFile {
    inner: Box<dyn File>,
    kind: FileKind,
    slip: FileSlip,
}

impl File for SlippingFile {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        (self.slip)(&mut *self.inner, self.kind, Request::Write(bytes, offset))
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.inner.truncate(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        (self.slip)(&mut *self.inner, self.kind, Request::Sync)
    }

    fn size(&mut self) -> io::Result<u64> {
        self.inner.size()
    }
}
