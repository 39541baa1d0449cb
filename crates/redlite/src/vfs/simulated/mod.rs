//! The simulated disk: files in memory, with a hook before each call that says what goes wrong with it.
//!
//! ```
//! use std::sync::Arc;
//! use redlite::env::Random;
//! use redlite::vfs::{CallKind, Injection, SimulatedDisk, draw_fates};
//! use redlite::{Options, Redlite};
//! use resp::{Argv, Reply};
//!
//! let disk = SimulatedDisk::default();
//! let open = || Options::new().open_on(Arc::new(disk.clone()), "store.db");
//! let store = open()?;
//! assert_eq!(store.client().execute(&Argv::from(["SET", "k", "v"])), Reply::ok());
//!
//! disk.set_hook(|call, _| if call.kind == CallKind::Sync { Injection::PowerLoss } else { Injection::None });
//! let _error = store.client().execute(&Argv::from(["SET", "k", "w"]));
//! drop(store);
//! disk.clear_hook();
//! disk.crash(draw_fates(Random::seeded(1)));
//! // The acknowledged write is there, and the other one is there or not.
//! let found = open()?.client().execute(&Argv::from(["GET", "k"]));
//! assert!([Reply::bulk("v"), Reply::bulk("w")].contains(&found));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod image;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{File, FileKind, Storage};

pub use image::{Fate, Image, Pending, SECTOR, draw_fates};

/// What is asked of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallKind {
    /// A file is opened.
    Open,
    /// Bytes are read.
    Read,
    /// Bytes are written.
    Write,
    /// A file is cut.
    Truncate,
    /// A file is made durable.
    Sync,
    /// A file's size is asked for.
    Size,
    /// A file is removed, or another one put in its place.
    Delete,
    /// It is asked whether a file is there.
    Exists,
}

impl CallKind {
    /// Every kind.
    pub const ALL: [CallKind; 8] = [
        CallKind::Open,
        CallKind::Read,
        CallKind::Write,
        CallKind::Truncate,
        CallKind::Sync,
        CallKind::Size,
        CallKind::Delete,
        CallKind::Exists,
    ];

    /// Its name in lists and reports.
    pub fn name(self) -> &'static str {
        match self {
            CallKind::Open => "open",
            CallKind::Read => "read",
            CallKind::Write => "write",
            CallKind::Truncate => "truncate",
            CallKind::Sync => "sync",
            CallKind::Size => "size",
            CallKind::Delete => "unlink",
            CallKind::Exists => "exists",
        }
    }
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which call of the disk this is, from 0 on; crashes do not start anew.
    pub number: u64,
    /// What is asked.
    pub kind: CallKind,
    /// Of which file; empty for one without a name.
    pub file: Arc<Path>,
    /// From which byte on; of a truncation the new length; else 0.
    pub offset: u64,
    /// How many bytes; 0 where none are read or written.
    pub len: usize,
    /// True where something went wrong with it.
    pub is_struck: bool,
}

/// `17 write store.db-wal 32+24`: the call's number, and the bytes that it is about; with ` ✗` where it was struck.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.number, self.kind.name(), self.file.display())?;
        match self.kind {
            CallKind::Read | CallKind::Write => write!(f, " {}+{}", self.offset, self.len)?,
            CallKind::Truncate => write!(f, " {}", self.offset)?,
            _ => {}
        }
        if self.is_struck { f.write_str(" ✗") } else { Ok(()) }
    }
}

/// What goes wrong with a call. One that does not fit the call, or makes no difference to it, changes nothing, and is
/// not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injection {
    /// Nothing.
    None,
    /// It fails with EIO and changes nothing.
    Io,
    /// It fails with ENOSPC and changes nothing. Fits calls of kind open, write and truncate.
    Full,
    /// It fails for want of memory and changes nothing.
    NoMemory,
    /// The power goes: this call and every one after it fails until [`SimulatedDisk::crash`]. What it would have
    /// written is pending.
    PowerLoss,
    /// The power goes before this call, which does nothing; otherwise as [`Injection::PowerLoss`].
    PowerGone,
    /// A write or read is cut to its first `len` bytes. The write fails with EIO; of the read the rest is missing as
    /// beyond the end of the file.
    Short {
        /// How many bytes are left.
        len: usize,
    },
    /// One bit of what is read, or of what gets to the disk in a write, is turned over.
    FlipBit {
        /// Which, of the call's bytes; beyond them it starts again.
        bit: u64,
    },
    /// One of the sectors that a read or write touches is read, or written, as zeros.
    ZeroSector {
        /// Which of them; beyond their number it starts again.
        sector: u64,
    },
    /// One of the sectors that a read touches is as it was before the last sync.
    StaleSector {
        /// Which of them; beyond their number it starts again.
        sector: u64,
    },
    /// A write says that it was done and was not; a sync, or the removal of a file that is to last, says so, and what is
    /// pending stays so.
    Lie,
    /// It takes longer: see [`SimulatedDisk::delay_us`].
    Delay {
        /// By how many microseconds.
        us: u64,
    },
}

/// The kinds of [`Injection`], for counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InjectionKind {
    /// [`Injection::Io`]
    Io,
    /// [`Injection::Full`], or the quota.
    Full,
    /// [`Injection::NoMemory`]
    NoMemory,
    /// [`Injection::PowerLoss`]
    PowerLoss,
    /// [`Injection::Short`]
    Short,
    /// [`Injection::FlipBit`]
    FlipBit,
    /// [`Injection::ZeroSector`]
    ZeroSector,
    /// [`Injection::StaleSector`]
    StaleSector,
    /// [`Injection::Lie`]
    Lie,
    /// [`Injection::Delay`]
    Delay,
}

/// Says before each call what goes wrong with it. It is shown what the disk holds, and must not call the disk.
pub type Hook = Box<dyn FnMut(&Call, &Image) -> Injection + Send>;

/// How often the disk was called, and what was injected where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls by kind.
    pub calls: BTreeMap<CallKind, u64>,
    /// Injections that made a difference, by the call's kind and their own.
    pub injected: BTreeMap<(CallKind, InjectionKind), u64>,
}

impl Counts {
    /// Calls of every kind.
    pub fn calls(&self) -> u64 {
        self.calls.values().sum()
    }

    /// Injections of every kind.
    pub fn injected(&self) -> u64 {
        self.injected.values().sum()
    }
}

/// A disk in memory. Its clones are the same disk; [`SimulatedDisk::from`] an [`Image`] is another.
#[derive(Clone, Default)]
pub struct SimulatedDisk {
    inner: Arc<Mutex<Inner>>,
    /// Of a handle that belongs to a process: how many times the power or a process was gone when it was made.
    epoch: Option<u64>,
}

#[derive(Default)]
struct Inner {
    image: Image,
    hook: Option<Hook>,
    counts: Counts,
    next_call: u64,
    trace: Option<Vec<Call>>,
    quota: Option<u64>,
    delay_us: u64,
    /// The numbers of the calls that were injected with success since they were last asked for.
    struck: Vec<u64>,
    is_off: bool,
    /// Counts power losses: files that were open before are dead.
    epoch: u64,
    /// The database that is open, by node.
    locked: Vec<u64>,
}

impl fmt::Debug for SimulatedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedDisk").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

impl From<Image> for SimulatedDisk {
    fn from(image: Image) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner { image, ..Inner::default() })), epoch: None }
    }
}

impl SimulatedDisk {
    /// The same disk for one process: from the next [`SimulatedDisk::crash`] or [`SimulatedDisk::kill`] on, whatever is
    /// asked through this handle fails. A store that is dropped later than its process ended then changes nothing.
    pub fn for_process(&self) -> Self {
        let epoch = Some(self.lock().epoch);
        Self { inner: Arc::clone(&self.inner), epoch }
    }

    /// A copy of what the disk holds, with what is pending. `SimulatedDisk::from` it is a disk to crash in its place.
    pub fn image(&self) -> Image {
        self.lock().image.clone()
    }

    /// Changes what the disk holds, behind the store's back.
    pub fn edit<T>(&self, change: impl FnOnce(&mut Image) -> T) -> T {
        change(&mut self.lock().image)
    }

    /// Asks `hook` before each call from now on.
    pub fn set_hook(&self, hook: impl FnMut(&Call, &Image) -> Injection + Send + 'static) {
        self.lock().hook = Some(Box::new(hook));
    }

    /// Nothing goes wrong any more, the quota apart.
    pub fn clear_hook(&self) {
        self.lock().hook = None;
    }

    /// How many bytes the files may have together: a write or truncation that would make them more fails as the disk
    /// is full. None lifts it.
    pub fn set_quota(&self, bytes: Option<u64>) {
        self.lock().quota = bytes;
    }

    /// Loses power, or ends the loss that [`Injection::PowerLoss`] began: `choose` says what becomes of each pending
    /// change, and the disk can be used again. Files that were open are dead.
    pub fn crash(&self, mut choose: impl FnMut(&Pending) -> Fate) {
        let mut inner = self.lock();
        inner.image.crash(&mut choose);
        inner.restart();
    }

    /// Kills the process that uses the disk: files that were open are dead, and nothing is lost.
    pub fn kill(&self) {
        self.lock().restart();
    }

    /// How many calls there were so far: the number of the next one.
    pub fn calls(&self) -> u64 {
        self.lock().next_call
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    /// By how much calls were delayed so far, in microseconds. Nobody waited for it.
    pub fn delay_us(&self) -> u64 {
        self.lock().delay_us
    }

    /// The numbers of the calls since this was last asked with which something went wrong: those that a hook's
    /// injection made a difference to, and those that ran into the quota.
    pub fn take_struck(&self) -> Vec<u64> {
        std::mem::take(&mut self.lock().struck)
    }

    /// Lists every call from now on, or stops that.
    pub fn set_trace(&self, is_on: bool) {
        self.lock().trace = is_on.then(Vec::new);
    }

    /// The calls that were listed since this was last asked.
    pub fn take_trace(&self) -> Vec<Call> {
        self.lock().trace.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`SimulatedDisk::lock`], for what a process asks.
    fn lock_alive(&self) -> io::Result<MutexGuard<'_, Inner>> {
        let inner = self.lock();
        if self.epoch.is_some_and(|epoch| epoch != inner.epoch) { Err(off()) } else { Ok(inner) }
    }
}

fn io_error() -> io::Error {
    io::Error::other("input/output error (simulated)")
}

fn off() -> io::Error {
    io::Error::other("the power is off (simulated)")
}

fn full() -> io::Error {
    io::Error::new(ErrorKind::StorageFull, "no space left on device (simulated)")
}

/// A call that goes ahead, and what is to happen to it.
struct Admitted {
    kind: CallKind,
    injection: Injection,
}

impl Inner {
    fn restart(&mut self) {
        self.is_off = false;
        self.epoch += 1;
        self.locked.clear();
    }

    /// Counts a call and asks the hook; injections that make any call fail are carried out here.
    fn admit(&mut self, kind: CallKind, file: &Arc<Path>, offset: u64, len: usize) -> io::Result<Admitted> {
        if self.is_off {
            return Err(off());
        }
        let call = Call { number: self.next_call, kind, file: Arc::clone(file), offset, len, is_struck: false };
        self.next_call += 1;
        *self.counts.calls.entry(kind).or_default() += 1;
        let injection = self.hook.as_mut().map_or(Injection::None, |hook| hook(&call, &self.image));
        if let Some(trace) = &mut self.trace {
            trace.push(call);
        }
        let fits_full = matches!(kind, CallKind::Open | CallKind::Write | CallKind::Truncate);
        match injection {
            Injection::Io => Err(self.inject(kind, InjectionKind::Io, io_error())),
            Injection::NoMemory => {
                let error = io::Error::new(ErrorKind::OutOfMemory, "out of memory (simulated)");
                Err(self.inject(kind, InjectionKind::NoMemory, error))
            }
            Injection::Full if fits_full => Err(self.inject(kind, InjectionKind::Full, full())),
            Injection::PowerLoss => {
                self.count(kind, InjectionKind::PowerLoss);
                self.is_off = true;
                Ok(Admitted { kind, injection })
            }
            Injection::PowerGone => {
                self.is_off = true;
                Err(self.inject(kind, InjectionKind::PowerLoss, off()))
            }
            Injection::Delay { us } => {
                self.delay_us = self.delay_us.saturating_add(us);
                self.count(kind, InjectionKind::Delay);
                Ok(Admitted { kind, injection: Injection::None })
            }
            _ => Ok(Admitted { kind, injection }),
        }
    }

    fn count(&mut self, kind: CallKind, injection: InjectionKind) {
        *self.counts.injected.entry((kind, injection)).or_default() += 1;
        self.struck.push(self.next_call.saturating_sub(1));
        if let Some(call) = self.trace.as_mut().and_then(|calls| calls.last_mut()) {
            call.is_struck = true;
        }
    }

    fn inject(&mut self, kind: CallKind, injection: InjectionKind, error: io::Error) -> io::Error {
        self.count(kind, injection);
        error
    }

    /// Fails where the power went with this call.
    fn finish<T>(&self, value: T) -> io::Result<T> {
        if self.is_off { Err(off()) } else { Ok(value) }
    }

    /// Makes names durable, unless the disk lies.
    fn sync_names(&mut self, call: &Admitted) {
        match call.injection {
            Injection::Lie => self.count(call.kind, InjectionKind::Lie),
            _ => self.image.sync_names(),
        }
    }

    fn check_quota(&mut self, kind: CallKind, node: u64, len: u64) -> io::Result<()> {
        let Some(quota) = self.quota else { return Ok(()) };
        let growth = len.saturating_sub(self.image.size_of(node));
        if growth > 0 && self.image.size() + growth > quota {
            return Err(self.inject(kind, InjectionKind::Full, full()));
        }
        Ok(())
    }

    fn read(&mut self, node: u64, call: &Admitted, buffer: &mut [u8], offset: u64) -> usize {
        let filled = self.image.read(node, buffer, offset);
        let bytes = &mut buffer[..filled];
        match call.injection {
            Injection::Short { len } if len < filled => {
                self.count(call.kind, InjectionKind::Short);
                return len;
            }
            Injection::StaleSector { sector } => {
                if let Some(sector) = sector_of(sector, offset, filled)
                    && self.image.read_stale(node, bytes, offset, sector)
                {
                    self.count(call.kind, InjectionKind::StaleSector);
                }
            }
            injection => {
                if let Some(kind) = corrupt(bytes, offset, injection) {
                    self.count(call.kind, kind);
                }
            }
        }
        filled
    }

    fn write(&mut self, node: u64, call: &Admitted, bytes: &[u8], offset: u64) -> io::Result<()> {
        match call.injection {
            Injection::Lie => self.count(call.kind, InjectionKind::Lie),
            Injection::Short { len } if len < bytes.len() => {
                self.image.write(node, &bytes[..len], offset);
                return Err(self.inject(call.kind, InjectionKind::Short, io_error()));
            }
            Injection::FlipBit { .. } | Injection::ZeroSector { .. } => {
                let mut damaged = bytes.to_vec();
                if let Some(kind) = corrupt(&mut damaged, offset, call.injection) {
                    self.count(call.kind, kind);
                }
                self.image.write(node, &damaged, offset);
            }
            _ => self.image.write(node, bytes, offset),
        }
        Ok(())
    }
}

/// Damages bytes that lie at `offset`; how, where that changed any.
fn corrupt(bytes: &mut [u8], offset: u64, injection: Injection) -> Option<InjectionKind> {
    if bytes.is_empty() {
        return None;
    }
    match injection {
        Injection::FlipBit { bit } => {
            let bit = bit % (bytes.len() as u64 * 8);
            bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
            Some(InjectionKind::FlipBit)
        }
        Injection::ZeroSector { sector } => {
            let start = sector_of(sector, offset, bytes.len())? * SECTOR as u64;
            let from = (start.max(offset) - offset) as usize;
            let to = ((start + SECTOR as u64 - offset) as usize).min(bytes.len());
            let changes = bytes[from..to].iter().any(|byte| *byte != 0);
            bytes[from..to].fill(0);
            changes.then_some(InjectionKind::ZeroSector)
        }
        _ => None,
    }
}

/// The `nth` sector that `len` bytes at `offset` touch.
fn sector_of(nth: u64, offset: u64, len: usize) -> Option<u64> {
    let last = (offset + len as u64).checked_sub(1).filter(|_| len > 0)? / SECTOR as u64;
    let first = offset / SECTOR as u64;
    Some(first + nth % (last - first + 1))
}

impl Storage for SimulatedDisk {
    fn open(&self, name: &Path, kind: FileKind, create: bool) -> io::Result<Box<dyn File>> {
        let mut inner = self.lock_alive()?;
        let file: Arc<Path> = Arc::from(name);
        inner.admit(CallKind::Open, &file, 0, 0)?;
        let node = inner.image.open(name, create).ok_or(ErrorKind::NotFound)?;
        if kind == FileKind::Database {
            if inner.locked.contains(&node) {
                return Err(io::Error::new(ErrorKind::ResourceBusy, "the file is open in another store"));
            }
            inner.locked.push(node);
        }
        inner.finish(())?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), file, node, epoch: inner.epoch }))
    }

    fn open_scratch(&self) -> io::Result<Box<dyn File>> {
        let mut inner = self.lock_alive()?;
        let file: Arc<Path> = Arc::from(Path::new(""));
        inner.admit(CallKind::Open, &file, 0, 0)?;
        let node = inner.image.open_scratch();
        inner.finish(())?;
        Ok(Box::new(SimulatedFile { disk: self.clone(), file, node, epoch: inner.epoch }))
    }

    fn delete(&self, name: &Path, sync: bool) -> io::Result<()> {
        let mut inner = self.lock_alive()?;
        let call = inner.admit(CallKind::Delete, &Arc::from(name), 0, 0)?;
        if !inner.image.delete(name) {
            return Err(ErrorKind::NotFound.into());
        }
        inner.finish(())?;
        if sync {
            inner.sync_names(&call);
        }
        Ok(())
    }

    fn replace(&self, target: &Path, name: &Path) -> io::Result<()> {
        let mut inner = self.lock_alive()?;
        let call = inner.admit(CallKind::Delete, &Arc::from(target), 0, 0)?;
        if !inner.image.replace(target, name) {
            return Err(ErrorKind::NotFound.into());
        }
        inner.finish(())?;
        inner.sync_names(&call);
        Ok(())
    }

    fn exists(&self, name: &Path) -> io::Result<bool> {
        let mut inner = self.lock_alive()?;
        inner.admit(CallKind::Exists, &Arc::from(name), 0, 0)?;
        inner.finish(inner.image.has(name))
    }

    fn resolve(&self, name: &Path) -> io::Result<PathBuf> {
        Ok(name.to_owned())
    }
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    file: Arc<Path>,
    node: u64,
    epoch: u64,
}

impl SimulatedFile {
    fn admit(&self, kind: CallKind, offset: u64, len: usize) -> io::Result<(MutexGuard<'_, Inner>, Admitted)> {
        let mut inner = self.disk.lock();
        if inner.epoch != self.epoch {
            return Err(off());
        }
        let admitted = inner.admit(kind, &self.file, offset, len)?;
        Ok((inner, admitted))
    }
}

impl File for SimulatedFile {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let (mut inner, call) = self.admit(CallKind::Read, offset, buffer.len())?;
        let filled = inner.read(self.node, &call, buffer, offset);
        inner.finish(filled)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (mut inner, call) = self.admit(CallKind::Write, offset, bytes.len())?;
        inner.check_quota(CallKind::Write, self.node, offset + bytes.len() as u64)?;
        inner.write(self.node, &call, bytes, offset)?;
        inner.finish(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let (mut inner, _) = self.admit(CallKind::Truncate, len, 0)?;
        inner.check_quota(CallKind::Truncate, self.node, len)?;
        inner.image.truncate(self.node, len);
        inner.finish(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let (mut inner, call) = self.admit(CallKind::Sync, 0, 0)?;
        inner.finish(())?;
        if call.injection == Injection::Lie {
            inner.count(CallKind::Sync, InjectionKind::Lie);
        } else {
            inner.image.sync(self.node);
        }
        Ok(())
    }

    fn size(&mut self) -> io::Result<u64> {
        let (inner, _) = self.admit(CallKind::Size, 0, 0)?;
        inner.finish(inner.image.size_of(self.node))
    }
}

impl Drop for SimulatedFile {
    fn drop(&mut self) {
        let mut inner = self.disk.lock();
        if inner.epoch == self.epoch {
            let node = self.node;
            inner.locked.retain(|locked| *locked != node);
            if self.file.as_os_str().is_empty() {
                inner.image.forget(node);
            }
        }
    }
}
