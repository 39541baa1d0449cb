//! A checksum in every page: SQLite itself serves a page with a flipped bit as it is.
//!
//! The last 8 bytes of a page are kept out of SQLite's use ([`RESERVED`]). In the database file and in the log they
//! hold a checksum of the page and of where it lies; SQLite sees them as zeros, so that its own checksums of the log's
//! frames, which cover them, come out the same. A page that fails is an error, and never reaches SQLite.
//!
//! What this cannot see: a whole page that is as it was once, checksum and all.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{File, FileKind, Storage};

/// How many bytes at the end of a page the checksum takes.
pub(in crate::redlite) const RESERVED: u8 = 8;

const TAIL: usize = RESERVED as usize;

/// Sizes that the format of SQLite's files lays down. <https://www.sqlite.org/fileformat2.html>
const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER: usize = 100;
const FRAME_HEADER: usize = 24;
const PAGE_MIN: usize = 512;
const PAGE_MAX: usize = 65536;
const RESERVED_AT: usize = 20;

/// Files whose pages carry checksums. A database that was made without them stays as it is.
#[derive(Debug)]
pub(in crate::redlite) struct Checksummed {
    inner: Arc<dyn Storage>,
    verify: bool,
    /// True where the pages of the database that is open have room for checksums.
    has_room: Arc<AtomicBool>,
}

impl Checksummed {
    /// Writes checksums to the files of `inner`; without `verify`, none is looked at: that is for tests.
    pub fn new(inner: Arc<dyn Storage>, verify: bool) -> Self {
        Self { inner, verify, has_room: Arc::new(AtomicBool::new(false)) }
    }
}

impl Storage for Checksummed {
    fn open(&self, name: &Path, kind: FileKind, create: bool) -> io::Result<Box<dyn File>> {
        let mut file = self.inner.open(name, kind, create)?;
        if kind == FileKind::Other {
            return Ok(file);
        }
        if kind == FileKind::Database {
            let mut header = [0; HEADER];
            let filled = file.read_at(&mut header, 0)?;
            self.has_room.store(filled == HEADER && header[RESERVED_AT] == RESERVED, Ordering::Relaxed);
            if filled > 0 && !header.starts_with(MAGIC) && has_checked_page(&mut *file)? {
                return Err(io::Error::new(ErrorKind::InvalidData, "its first page is not what it was"));
            }
        }
        let (verify, has_room) = (self.verify, Arc::clone(&self.has_room));
        Ok(Box::new(CheckedFile { inner: file, kind, verify, has_room, outgoing: Vec::new(), header_at: None }))
    }

    fn open_scratch(&self) -> io::Result<Box<dyn File>> {
        self.inner.open_scratch()
    }

    fn delete(&self, name: &Path, sync: bool) -> io::Result<()> {
        self.inner.delete(name, sync)
    }

    fn exists(&self, name: &Path) -> io::Result<bool> {
        self.inner.exists(name)
    }

    fn resolve(&self, name: &Path) -> io::Result<PathBuf> {
        self.inner.resolve(name)
    }
}

#[derive(Debug)]
struct CheckedFile {
    inner: Box<dyn File>,
    kind: FileKind,
    verify: bool,
    has_room: Arc<AtomicBool>,
    /// What is on its way out: a page with its checksum, in the log behind its frame's header.
    outgoing: Vec<u8>,
    /// Where the header of a frame belongs that waits in `outgoing` for its page: SQLite writes them one by one, and
    /// one call for both is cheaper.
    header_at: Option<u64>,
}

/// SQLite reads and writes pages whole: whatever has a page's size is one.
fn is_page(len: usize) -> bool {
    len >= PAGE_MIN && len.is_power_of_two()
}

impl CheckedFile {
    fn check_page(&self, page: &[u8], offset: u64) -> io::Result<()> {
        if !self.verify || matches(page, offset) {
            return Ok(());
        }
        let place = match self.kind {
            FileKind::Database => format!("page {} of the file", offset / page.len() as u64 + 1),
            _ => format!("the page at byte {offset} of the log"),
        };
        Err(io::Error::new(ErrorKind::InvalidData, format!("{place} does not match its checksum")))
    }

    fn has_room(&self) -> bool {
        self.has_room.load(Ordering::Relaxed)
    }

    /// Writes a header that no page came for.
    fn flush(&mut self) -> io::Result<()> {
        match self.header_at.take() {
            Some(offset) => self.inner.write_at(&self.outgoing, offset),
            None => Ok(()),
        }
    }
}

impl File for CheckedFile {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.flush()?;
        let filled = self.inner.read_at(buffer, offset)?;
        let len = buffer.len();
        if !self.has_room() {
            return Ok(filled);
        }
        if is_page(len) && (filled > 0 || offset > 0) {
            if filled < len {
                // SQLite would take what is missing for zeros.
                return Err(io::Error::new(ErrorKind::InvalidData, format!("the page at byte {offset} is cut short")));
            }
            self.check_page(buffer, offset)?;
            buffer[len - TAIL..].fill(0);
        } else if self.kind == FileKind::Wal && filled == len && is_frame(len) {
            // In recovery SQLite compares its own checksums: a frame that fails may be one that was never finished.
            buffer[len - TAIL..].fill(0);
        }
        Ok(filled)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
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
        self.outgoing.extend_from_slice(&checksum(body, offset).to_le_bytes());
        self.inner.write_at(&self.outgoing, start)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        if self.header_at.is_some_and(|offset| offset >= len) {
            self.header_at = None;
        }
        self.flush()?;
        self.inner.truncate(len)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        self.inner.sync()
    }

    fn size(&mut self) -> io::Result<u64> {
        self.flush()?;
        self.inner.size()
    }
}

/// True for a store whose first page is lost: its second page matches its checksum, whatever the size of a page is.
fn has_checked_page(file: &mut dyn File) -> io::Result<bool> {
    let mut page = vec![0; PAGE_MAX];
    let mut size = PAGE_MIN;
    while size <= PAGE_MAX {
        let page = &mut page[..size];
        if file.read_at(page, size as u64)? == size && matches(page, size as u64) {
            return Ok(true);
        }
        size *= 2;
    }
    Ok(false)
}

/// True for a page at `offset` that ends in its checksum.
fn matches(page: &[u8], offset: u64) -> bool {
    page.ends_with(&checksum(&page[..page.len() - TAIL], offset).to_le_bytes())
}

fn is_frame(len: usize) -> bool {
    len > FRAME_HEADER && is_page(len - FRAME_HEADER)
}

/// 64 bits over the bytes, a multiple of 8, and where they lie. Every step is one-to-one in the word that it takes in,
/// so that a change of any one word always changes the result.
fn checksum(bytes: &[u8], offset: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let step = |state: u64, word: u64| (state ^ word).wrapping_mul(ODD).rotate_left(29);
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap_or_default());
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
