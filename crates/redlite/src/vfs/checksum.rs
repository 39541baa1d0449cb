//! A checksum in every page: SQLite itself serves a page with a flipped bit as it is.
//!
//! The last 8 bytes of a page are kept out of SQLite's use ([`RESERVED`]). In the database file and in the log they
//! hold a checksum of the page and of where it lies; SQLite sees them as zeros, so that its own checksums of the log's
//! frames, which cover them, come out the same. A page that fails is an error, and never reaches SQLite.
//!
//! In the log a page's checksum also covers which log it is of, and says whether everything before it was durable when
//! it was written: what is left of any later transaction proves that an earlier one was acknowledged.
//!
//! A read that fails is tried once more. While the store is open, a page that is older than the last one written there
//! is an error, too, and so is a frame of the log that is not the one that was written. What cannot be seen: a whole
//! page that was as it was once, checksum and all, before the store was opened; and damage to the last transaction in
//! the log, which looks like one that was never finished (for those before it, and for the log's header, see `log`).

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::layer::Layer;
use super::{File, FileKind, SharedFile, Storage, log};

/// How many bytes at the end of a page the checksum takes.
pub(crate) const RESERVED: u8 = 8;

pub(super) const TAIL: usize = RESERVED as usize;

/// Sizes that the format of SQLite's files lays down. <https://www.sqlite.org/fileformat2.html>
const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER: usize = 100;
pub(super) const FRAME_HEADER: usize = 24;
const PAGE_MIN: usize = 512;
pub(super) const PAGE_MAX: usize = 65536;
const RESERVED_AT: usize = 20;

/// Nothing was written since the last sync.
const SYNCED: u64 = u64::MAX;

/// How the pages of a file are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checks {
    /// Without this no checksum is looked at: that is for tests.
    pub verify: bool,
    /// True where every transaction is synced before the next one is written: one that is damaged while a later one is
    /// there was acknowledged.
    pub is_synced: bool,
}

/// Files whose pages carry checksums. A database that was made without them stays as it is.
#[derive(Debug)]
pub(crate) struct Checksummed {
    inner: Arc<dyn Storage>,
    checks: Checks,
    /// True where the pages of the database that is open have room for checksums.
    has_room: Arc<AtomicBool>,
    /// The database that is open.
    database: Mutex<Weak<Mutex<Box<dyn File>>>>,
}

impl Checksummed {
    /// Writes checksums to the files of `inner`.
    pub fn new(inner: Arc<dyn Storage>, checks: Checks) -> Self {
        Self { inner, checks, has_room: Arc::new(AtomicBool::new(false)), database: Mutex::default() }
    }

    /// Looks whether the log holds something that SQLite would not see, and what it has to see.
    fn check_log(&self, log: &mut dyn File) -> io::Result<Option<log::Checked>> {
        let database = lock(&self.database).upgrade();
        let mut database = database.as_ref().map(|it| lock(it));
        log::check(log, database.as_mut().map(|it| &mut ***it as &mut dyn File))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Layer for Checksummed {
    fn beneath(&self) -> &dyn Storage {
        &*self.inner
    }

    fn open_through(&self, name: &Path, kind: FileKind, create: bool) -> io::Result<Box<dyn File>> {
        let mut file = self.inner.open(name, kind, create)?;
        if kind == FileKind::Other {
            return Ok(file);
        }
        if kind == FileKind::Database {
            let mut header = [0; HEADER];
            let filled = read_steady(&mut *file, &mut header, 0)?;
            let mut has_room = filled == HEADER && header[RESERVED_AT] == RESERVED;
            if filled > 0 && !(has_room && header.starts_with(MAGIC)) && has_checked_page(&mut *file)? {
                if !header.starts_with(MAGIC) {
                    return Err(damaged("its first page is not what it was"));
                }
                // The header is damaged or was misread: taken at its word, nothing would be checked, and the log, whose
                // frames would come with checksums in them, would be empty.
                has_room = true;
            }
            self.has_room.store(has_room, Ordering::Relaxed);
            let shared = Arc::new(Mutex::new(file));
            *lock(&self.database) = Arc::downgrade(&shared);
            file = Box::new(shared);
        }
        let mut file = CheckedFile {
            inner: file,
            kind,
            checks: self.checks,
            has_room: Arc::clone(&self.has_room),
            outgoing: Vec::new(),
            header_at: None,
            latest: Vec::new(),
            latest_headers: Vec::new(),
            page_bytes: 0,
            generation: Generation::default(),
            log_header: None,
            unsynced_from: SYNCED,
            is_cut: false,
        };
        if kind == FileKind::Wal {
            let is_there = file.inner.size()? > 0;
            // It may be that a process that was killed has just cut it.
            file.is_cut = !is_there;
            if self.checks.verify
                && file.has_room()
                && let Some(checked) = self.check_log(&mut *file.inner)?
            {
                file.expect(checked);
            }
            if self.checks.is_synced && is_there {
                // What a process that was killed wrote and did not sync is served from now on: it must last.
                file.inner.sync()?;
            }
        }
        Ok(Box::new(file))
    }
}

#[derive(Debug)]
struct CheckedFile {
    inner: Box<dyn File>,
    kind: FileKind,
    checks: Checks,
    has_room: Arc<AtomicBool>,
    /// What is on its way out: a page with its checksum, in the log behind its frame's header.
    outgoing: Vec<u8>,
    /// Where the header of a frame belongs that waits in `outgoing` for its page: SQLite writes them one by one, and
    /// one call for both is cheaper.
    header_at: Option<u64>,
    /// The checksum of each page that was read or written last; 0 where that is not known.
    latest: Vec<u64>,
    /// The same of the headers of the log's frames, which were written last.
    latest_headers: Vec<u64>,
    /// Bytes of a page, once one was written or read in the log.
    page_bytes: usize,
    /// Of the log that is written and read, once its header was.
    generation: Generation,
    /// The header of the log, once it was checked or written.
    log_header: Option<[u8; log::HEADER]>,
    /// The first byte that was written since the last sync; [`SYNCED`] where there is none.
    unsynced_from: u64,
    /// True from the time that the log was cut to nothing, perhaps by a process before this one, until the next sync.
    is_cut: bool,
}

/// SQLite reads and writes pages whole: whatever has a page's size is one.
pub(super) fn is_page(len: usize) -> bool {
    len >= PAGE_MIN && len.is_power_of_two()
}

impl CheckedFile {
    /// Reads a page, and once more where the first try fails.
    fn read_page(&mut self, page: &mut [u8], offset: u64) -> io::Result<()> {
        let first = self.try_page(page, offset);
        match first {
            Err(error) if error.kind() == ErrorKind::InvalidData => self.try_page(page, offset),
            done => done,
        }
    }

    fn try_page(&mut self, page: &mut [u8], offset: u64) -> io::Result<()> {
        let filled = self.inner.read_at(page, offset)?;
        let len = page.len();
        let place = match self.kind {
            FileKind::Database => format!("page {} of the file", offset / len as u64 + 1),
            _ => format!("the page at byte {offset} of the log"),
        };
        let is_damaged = |how: &str| Err(damaged(format!("{place} {how}")));
        if filled < len {
            // SQLite would take what is missing for zeros.
            return is_damaged("is cut short");
        }
        if self.checks.verify {
            let (body, tail) = page.split_at(len - TAIL);
            if !self.is_whole(body, tail, offset) {
                return is_damaged("does not match its checksum");
            }
            let found = word(tail);
            let latest = self.latest_mut(len, offset);
            if *latest != 0 && *latest != found {
                return is_damaged("is older than what was written there");
            }
            *latest = found;
        }
        page[len - TAIL..].fill(0);
        Ok(())
    }

    /// What is known of the page at `offset`.
    fn latest_mut(&mut self, page_len: usize, offset: u64) -> &mut u64 {
        let unit = match self.kind {
            FileKind::Database => page_len,
            _ => page_len + FRAME_HEADER,
        };
        known(&mut self.latest, (offset / unit as u64) as usize)
    }

    /// What is known of the header of the frame at `offset` in the log.
    fn latest_header_mut(&mut self, page_len: usize, offset: u64) -> &mut u64 {
        known(&mut self.latest_headers, (offset / (page_len + FRAME_HEADER) as u64) as usize)
    }

    /// A frame that is read in recovery, while the log is open, must be the one that was written: otherwise what it
    /// holds would be lost without a word.
    fn check_frame(&mut self, frame: &[u8], offset: u64) -> io::Result<()> {
        let (header, page) = frame.split_at(FRAME_HEADER);
        let (body, tail) = page.split_at(page.len() - TAIL);
        let page_at = offset + FRAME_HEADER as u64;
        let (of_header, of_page) = (*self.latest_header_mut(page.len(), offset), *self.latest_mut(page.len(), page_at));
        let is_other_page = of_page != 0 && (of_page != word(tail) || !self.is_whole(body, tail, page_at));
        if is_other_page || of_header != 0 && of_header != checksum(header, offset) {
            let text = format!("the frame at byte {offset} of the log is not the one that was written there");
            return Err(damaged(text));
        }
        Ok(())
    }

    /// Looks at every frame that was written, before any page of the log gets into the database: where one is damaged, a
    /// part of a transaction would. A damaged header is mended.
    fn check_log(&mut self) -> io::Result<()> {
        if self.latest.is_empty() && self.log_header.is_some() {
            let mut header = [0; log::HEADER];
            self.inner.read_at(&mut header, 0)?;
            return self.mend_header(&header);
        }
        let mut start = vec![0; log::HEADER + FRAME_HEADER + self.page_bytes];
        for at in 0..self.latest.len() {
            // The log's header is read with the first frame.
            let skipped = if at == 0 { 0 } else { log::HEADER };
            let bytes = &mut start[skipped..];
            let offset = (skipped + at * (FRAME_HEADER + self.page_bytes)) as u64;
            if self.inner.read_at(bytes, offset)? < bytes.len() {
                continue;
            }
            let (header, frame) = start.split_at(log::HEADER);
            if at == 0 {
                self.mend_header(header)?;
            }
            self.check_frame(frame, offset + (log::HEADER - skipped) as u64)?;
        }
        Ok(())
    }

    /// Writes the log's header again, where it is not what it was: were the power lost while the database is written,
    /// the log would be taken for empty, and the database be a mixture. Nobody else writes to the log meanwhile.
    fn mend_header(&mut self, found: &[u8]) -> io::Result<()> {
        match self.log_header {
            Some(known) if known != *found => self.inner.write_at(&known, 0),
            _ => Ok(()),
        }
    }

    /// Takes in what recovery has to find in the log: what it misreads would be lost without a word.
    fn expect(&mut self, checked: log::Checked) {
        self.generation = Generation::of_header(&checked.header).unwrap_or_default();
        (self.log_header, self.page_bytes) = (Some(checked.header), checked.page_bytes);
        (self.latest, self.latest_headers) = (checked.pages, checked.headers);
    }

    /// Takes in that the log starts anew: what was known of its frames is of the one before.
    fn start_log(&mut self, header: &[u8]) {
        self.log_header = header.first_chunk().copied();
        self.generation = Generation::of_header(header).unwrap_or_default();
        self.latest.clear();
        self.latest_headers.clear();
    }

    /// What the checksum of a page that is written at `offset` says.
    fn next_mark(&self, offset: u64) -> Mark {
        if self.kind != FileKind::Wal || !self.checks.is_synced {
            return Mark::None;
        }
        // SQLite may write a page of the transaction once more, where it is.
        let is_first = offset.saturating_sub(FRAME_HEADER as u64) <= self.unsynced_from;
        if is_first { Mark::First } else { Mark::Synced }
    }

    fn is_whole(&self, body: &[u8], tail: &[u8], offset: u64) -> bool {
        Mark::of(body, tail, offset, self.generation).is_some()
    }

    fn has_room(&self) -> bool {
        self.has_room.load(Ordering::Relaxed)
    }

    /// Writes a header that no page came for.
    fn flush(&mut self) -> io::Result<()> {
        let Some(offset) = self.header_at.take() else { return Ok(()) };
        // How long a page is, this does not say.
        self.latest_headers.clear();
        self.inner.write_at(&self.outgoing, offset)
    }
}

impl File for CheckedFile {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.flush()?;
        let len = buffer.len();
        let is_log = self.kind == FileKind::Wal;
        if !self.has_room() {
            let filled = self.inner.read_at(buffer, offset)?;
            let is_header = self.kind == FileKind::Database && offset == 0 && filled >= HEADER;
            // What was written then would be taken for damage the next time.
            if is_header && buffer.starts_with(MAGIC) && buffer[RESERVED_AT] == RESERVED {
                return Err(damaged("its header was misread as it was opened"));
            }
            return Ok(filled);
        }
        if is_page(len) {
            if offset == 0 && self.inner.size()? == 0 {
                return Ok(0);
            }
            return self.read_page(buffer, offset).map(|()| len);
        }
        if !is_log {
            return self.inner.read_at(buffer, offset);
        }
        let filled = read_steady(&mut *self.inner, buffer, offset)?;
        if offset == 0 && len == log::HEADER {
            if self.checks.verify && self.log_header.is_some_and(|known| known != *buffer) {
                return Err(damaged("the log's header is not the one that was there"));
            }
            self.generation = Generation::of_header(&buffer[..filled]).unwrap_or(self.generation);
        }
        if filled == len && is_frame(len) {
            self.page_bytes = len - FRAME_HEADER;
            if self.checks.verify {
                self.check_frame(buffer, offset)?;
            }
            // In recovery SQLite compares its own checksums: a frame that fails is one that was never finished. Of one
            // that is torn in the checksum of ours alone it would not know.
            let (body, tail) = buffer[FRAME_HEADER..].split_at(len - FRAME_HEADER - TAIL);
            let is_whole = !self.checks.verify || self.is_whole(body, tail, offset + FRAME_HEADER as u64);
            buffer[len - TAIL..].fill(if is_whole { 0 } else { u8::MAX });
        }
        Ok(filled)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.is_cut {
            // Otherwise a power loss could leave a part of the new header, and all but the first of the old frames.
            self.inner.sync()?;
            self.is_cut = false;
        }
        self.unsynced_from = self.unsynced_from.min(offset);
        if self.kind == FileKind::Wal && offset == 0 {
            self.start_log(bytes);
        }
        if self.kind == FileKind::Database && offset == 0 && is_page(bytes.len()) {
            self.has_room.store(bytes[RESERVED_AT] == RESERVED, Ordering::Relaxed);
        }
        if self.kind == FileKind::Wal && bytes.len() == FRAME_HEADER && self.has_room() {
            self.flush()?;
            self.outgoing.clear();
            self.outgoing.extend_from_slice(bytes);
            self.header_at = Some(offset);
            return Ok(());
        }
        if !is_page(bytes.len()) || !self.has_room() {
            self.flush()?;
            return self.inner.write_at(bytes, offset);
        }
        let (body, tail) = bytes.split_at(bytes.len() - TAIL);
        if tail != [0; TAIL] {
            return Err(io::Error::other("a page has data where its checksum belongs"));
        }
        let start = match self.header_at {
            Some(header_at) if header_at + FRAME_HEADER as u64 == offset => header_at,
            _ => {
                self.flush()?;
                self.outgoing.clear();
                offset
            }
        };
        self.header_at = None;
        self.outgoing.extend_from_slice(body);
        let sum = self.next_mark(offset).put_on(checksum(body, offset), self.generation);
        self.outgoing.extend_from_slice(&sum.to_le_bytes());
        // Until it is written, the page is the one before or this one.
        *self.latest_mut(bytes.len(), offset) = 0;
        let with_header = start < offset;
        if with_header {
            self.page_bytes = bytes.len();
            *self.latest_header_mut(bytes.len(), start) = 0;
        }
        self.inner.write_at(&self.outgoing, start)?;
        *self.latest_mut(bytes.len(), offset) = sum;
        if with_header {
            *self.latest_header_mut(bytes.len(), start) = checksum(&self.outgoing[..FRAME_HEADER], start);
        }
        Ok(())
    }

    fn reserve(&mut self, len: u64) -> io::Result<bool> {
        self.inner.reserve(len)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        if self.header_at.is_some_and(|offset| offset >= len) {
            self.header_at = None;
        }
        self.flush()?;
        // Also of what stays, but a truncation is rare.
        self.latest.clear();
        self.latest_headers.clear();
        self.log_header = self.log_header.filter(|_| len > 0);
        self.is_cut |= self.kind == FileKind::Wal && len == 0;
        self.inner.truncate(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        // A commit syncs what it wrote. Otherwise the log is synced as the first step of a checkpoint.
        let is_commit = self.checks.is_synced && self.unsynced_from != SYNCED;
        let is_checkpoint = self.kind == FileKind::Wal && !is_commit;
        if is_checkpoint && self.checks.verify && self.has_room() {
            self.check_log()?;
        }
        // After one that fails it is not known of anything whether it lasts.
        self.unsynced_from = 0;
        self.inner.sync()?;
        self.unsynced_from = SYNCED;
        self.is_cut = false;
        Ok(())
    }

    fn size(&mut self) -> io::Result<u64> {
        self.flush()?;
        self.inner.size()
    }
}

/// A file that is read beside whoever has it open.
impl File for SharedFile {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        lock(self).read_at(buffer, offset)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        lock(self).write_at(bytes, offset)
    }

    fn reserve(&mut self, len: u64) -> io::Result<bool> {
        lock(self).reserve(len)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        lock(self).truncate(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        lock(self).sync()
    }

    fn size(&mut self) -> io::Result<u64> {
        lock(self).size()
    }
}

/// The entry at `at`, which is made where there is none.
fn known(sums: &mut Vec<u64>, at: usize) -> &mut u64 {
    if at >= sums.len() {
        sums.resize(at + 1, 0);
    }
    &mut sums[at]
}

/// True for a store whose header is not what it was, or was misread: its first page matches its checksum or, where that
/// is lost, its second one, whatever the size of a page is.
fn has_checked_page(file: &mut dyn File) -> io::Result<bool> {
    let mut page = vec![0; PAGE_MAX];
    let mut size = PAGE_MIN;
    while size <= PAGE_MAX {
        for offset in [0, size as u64] {
            let page = &mut page[..size];
            let filled = file.read_at(page, offset)?;
            let (body, tail) = page.split_at(size - TAIL);
            if filled == size && Mark::of(body, tail, offset, Generation::default()).is_some() {
                return Ok(true);
            }
        }
        size *= 2;
    }
    Ok(false)
}

/// Reads what has no checksum of ours until two tries agree.
pub(super) fn read_steady(file: &mut dyn File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    const TRIES: usize = 4;
    let mut filled = file.read_at(buffer, offset)?;
    let mut again = vec![0; buffer.len()];
    for _ in 0..TRIES {
        let filled_again = file.read_at(&mut again, offset)?;
        if filled_again == filled && again[..filled] == buffer[..filled] {
            return Ok(filled);
        }
        filled = filled_again;
        buffer.copy_from_slice(&again);
    }
    Err(damaged(format!("no two reads of byte {offset} agree")))
}

/// The error for what is not as it was written.
pub(super) fn damaged(what: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.into())
}

/// Which log a page is of: SQLite gives each one other salts when it starts it. A page of the database is of none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Generation(u64);

impl Generation {
    pub fn of_salts(salts: &[u8]) -> Self {
        Self(checksum(salts, 0))
    }

    /// None for what is no header of a log, or not a whole one.
    fn of_header(header: &[u8]) -> Option<Self> {
        log::salts(header).map(|salts| Self::of_salts(&salts))
    }
}

/// What a page's checksum says besides that the page is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    None,
    /// Its transaction was written after the one before was synced.
    Synced,
    /// The same, and that it is the first page of its transaction: all frames before it were synced, as transactions
    /// that had ended, before it was written.
    First,
}

impl Mark {
    /// Far from each other and from 0, so that one flipped bit turns no mark into another.
    fn put_on(self, sum: u64, Generation(generation): Generation) -> u64 {
        let sum = sum ^ generation;
        match self {
            Mark::None => sum,
            Mark::Synced => sum ^ 0x5a5a_a5a5_3c3c_c3c3,
            Mark::First => sum ^ 0x3c3c_c3c3_5a5a_a5a5,
        }
    }

    /// The mark of a page at `offset` that is whole, and of this log. A log that was written before there were
    /// generations does not say which one it is of; nor does it tell which page is the first.
    pub fn of(body: &[u8], tail: &[u8], offset: u64, generation: Generation) -> Option<Self> {
        let (sum, found) = (checksum(body, offset), word(tail));
        let is = |mark: &Mark, generation| mark.put_on(sum, generation) == found;
        let of_now = [Mark::None, Mark::Synced, Mark::First].into_iter().find(|mark| is(mark, generation));
        of_now.or_else(|| [Mark::None, Mark::Synced].into_iter().find(|mark| is(mark, Generation::default())))
    }
}

fn word(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap_or_default())
}

fn is_frame(len: usize) -> bool {
    len > FRAME_HEADER && is_page(len - FRAME_HEADER)
}

/// 64 bits over the bytes, a multiple of 8, and where they lie. Every step is one-to-one in the word that it takes in,
/// so that a change of any one word always changes the result.
pub(super) fn checksum(bytes: &[u8], offset: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let step = |state: u64, word: u64| (state ^ word).wrapping_mul(ODD).rotate_left(29);
    // Four lanes, as one would wait for each multiplication.
    let mut lanes = [offset, 1, 2, 3];
    let mut blocks = bytes.chunks_exact(32);
    for block in &mut blocks {
        for (lane, bytes) in lanes.iter_mut().zip(block.chunks_exact(8)) {
            *lane = step(*lane, word(bytes));
        }
    }
    let rest = blocks.remainder().chunks_exact(8).map(word);
    let state = lanes.into_iter().chain(rest).fold(bytes.len() as u64, step);
    // The high bits of a product depend on all of the low ones: let the low bits, too.
    (state ^ (state >> 32)).wrapping_mul(ODD) ^ (state >> 29)
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::super::{Injection, SimulatedDisk};
    use super::*;

    const PAGE: usize = 512;

    /// What the marks of pages say that are written one after the other, each `!` a sync that fails and each `|` one that
    /// does not before the next; `^` is the page before, once more.
    fn check(steps: &str, expected: &[Mark]) {
        let disk = SimulatedDisk::default();
        let storage = Checksummed::new(Arc::new(disk.clone()), Checks { verify: true, is_synced: true });
        let mut first_page = vec![0; PAGE];
        first_page[RESERVED_AT] = RESERVED;
        let mut database = storage.open(Path::new("db"), FileKind::Database, true).expect("a file");
        database.write_at(&first_page, 0).expect("it is written");
        let mut log = storage.open(Path::new("log"), FileKind::Wal, true).expect("a file");
        log.write_at(&[0; log::HEADER], 0).and_then(|()| log.sync()).expect("it is written");
        let mut pages = 0;
        let frame_at = |page: usize| (log::HEADER + page * (FRAME_HEADER + PAGE)) as u64;
        for step in steps.chars() {
            match step {
                'p' => {
                    log.write_at(&[0; FRAME_HEADER], frame_at(pages)).expect("it is written");
                    log.write_at(&[0; PAGE], frame_at(pages) + FRAME_HEADER as u64).expect("it is written");
                    pages += 1;
                }
                '^' => log.write_at(&[0; PAGE], frame_at(pages - 1) + FRAME_HEADER as u64).expect("it is written"),
                '|' => log.sync().expect("it is synced"),
                _ => {
                    disk.set_hook(|_, _| Injection::Io);
                    log.sync().expect_err("it fails");
                    disk.clear_hook();
                }
            }
        }
        let bytes = disk.image().bytes(Path::new("log")).expect("it is there");
        let mark = |page: usize| {
            let (page_at, body) = (frame_at(page) as usize + FRAME_HEADER, PAGE - TAIL);
            Mark::of(&bytes[page_at..][..body], &bytes[page_at + body..][..TAIL], page_at as u64, Generation::default())
        };
        assert_eq!((0..pages).map(mark).collect::<Option<Vec<_>>>().as_deref(), Some(expected), "{steps}");
    }

    #[test]
    fn a_page_follows_what_was_synced_where_nothing_was_written_before_it_since() {
        use Mark::{First, Synced};
        check("pp|p|pp", &[First, Synced, First, First, Synced]);
        check("p|p^p^", &[First, First, Synced]);
        check("p|pp!p^|p", &[First, First, Synced, Synced, First]);
        check("p|p!^|p", &[First, Synced, First]);
    }
}
