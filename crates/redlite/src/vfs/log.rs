//! Damage in the log that SQLite takes for its end.
//!
//! In recovery SQLite reads the log up to the first frame that does not match its checksums, as it must: a power loss
//! leaves such a frame behind. Where a page follows that was written after everything before it was synced
//! ([`Mark::First`]), that frame was acknowledged and is damaged, and what follows would be lost without a word.
//!
//! That page is taken as it is, whatever stands between and in its frame's header: its checksum says where it lies and
//! of which log it is. So no page of the log before this one is taken for it, nor a part of one; and within a log
//! nothing is written before it again, as what is synced and has ended is not taken back.
//!
//! Where it is the header that does not match, SQLite takes the whole log for empty. A power loss leaves such a header
//! behind only where the log starts anew, and that is after everything in it was written to the database.
//! The format: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>

use std::collections::BTreeMap;
use std::io;

use super::File;
use super::checksum::{FRAME_HEADER, Generation, Mark, PAGE_MAX, TAIL, checksum, damaged, read_steady};

/// Bytes before the first frame.
pub(super) const HEADER: usize = 32;

/// The two lowest bits of the magic number may be 2 or 3: checksums are over little- or big-endian words.
const MAGIC: u32 = 0x377f_0682;

/// The salts of a log with this header; none where it is not whole.
pub(super) fn salts(header: &[u8]) -> Option<[u8; 8]> {
    Chain::start(header.first_chunk()?).map(|(chain, _)| chain.salts)
}

/// What recovery has to find in a log, as it was checked.
#[derive(Debug)]
pub(super) struct Checked {
    /// The log's header.
    pub header: [u8; HEADER],
    /// Bytes of a page.
    pub page_bytes: usize,
    /// Of each frame from the first on that is whole, the checksum of its header.
    pub headers: Vec<u64>,
    /// Of the same frames, the checksum that their page carries.
    pub pages: Vec<u64>,
}

/// Fails where acknowledged transactions of a log would be lost in recovery; nothing is changed then. A log that was
/// about to start anew is cut to nothing: its next header could be taken for the one of the frames that are left.
///
/// # Errors
/// `InvalidData` with where the damage is; whatever reading and cutting gives.
pub(super) fn check(file: &mut dyn File, database: Option<&mut dyn File>) -> io::Result<Option<Checked>> {
    let mut header = [0; HEADER];
    if read_steady(file, &mut header, 0)? < HEADER {
        return Ok(None);
    }
    if let Some((chain, sums)) = Chain::start(&header) {
        let mut checked = Checked { header, page_bytes: chain.page_bytes, headers: Vec::new(), pages: Vec::new() };
        check_frames(file, &chain, sums, &mut checked)?;
        return Ok(Some(checked));
    }
    if let Some(database) = database {
        check_written_back(file, database)?;
        file.truncate(0)?;
    }
    Ok(None)
}

/// Fails where a frame is damaged that was synced: one that was written after the end of its transaction follows.
fn check_frames(file: &mut dyn File, chain: &Chain, mut sums: Sums, checked: &mut Checked) -> io::Result<()> {
    let mut buffer = vec![0; FRAME_HEADER + chain.page_bytes];
    let generation = chain.generation();
    let mut offset = HEADER as u64;
    while let Some(frame) = Frame::read(file, &mut buffer, offset)? {
        let after = chain.after(sums, &frame);
        if frame.salts() != chain.salts || frame.mark(generation).is_none() || after != frame.sums() {
            let behind = offset + frame.len();
            if is_followed(file, &mut buffer, behind, generation)? {
                return Err(damaged(format!("a transaction in the log, at byte {offset}, and others follow it")));
            }
            break;
        }
        checked.headers.push(checksum(frame.head, offset));
        checked.pages.push(u64::from_le_bytes(frame.tail));
        sums = after;
        offset += frame.len();
    }
    Ok(())
}

/// True where a page lies at `offset` or behind that proves of what is before it that it was synced.
fn is_followed(file: &mut dyn File, buffer: &mut [u8], mut offset: u64, generation: Generation) -> io::Result<bool> {
    while let Some(frame) = Frame::read(file, buffer, offset)? {
        if frame.mark(generation) == Some(Mark::First) {
            return Ok(true);
        }
        offset += frame.len();
    }
    Ok(false)
}

/// Fails where a log without a header holds what the database does not: then the log was not about to start anew.
fn check_written_back(file: &mut dyn File, database: &mut dyn File) -> io::Result<()> {
    let mut size = [0; 2];
    read_steady(database, &mut size, 16)?;
    let page_bytes = match usize::from(u16::from_be_bytes(size)) {
        1 => PAGE_MAX,
        bytes => bytes,
    };
    let mut stored = vec![0; page_bytes];
    let body = ..page_bytes.saturating_sub(TAIL);
    let is_whole = is_page_size(page_bytes)
        && read_steady(database, &mut stored, 0)? == page_bytes
        && Mark::of(&stored[body], &stored[body.end..], 0, Generation::default()).is_some();
    if !is_whole {
        return Err(damaged("the first page, and the log's header"));
    }
    let mut buffer = vec![0; FRAME_HEADER + page_bytes];
    for (page, offset) in newest_frames(file, &mut buffer)? {
        let Some(frame) = Frame::read(file, &mut buffer, offset)? else { continue };
        let filled = read_steady(database, &mut stored, u64::from(page - 1) * page_bytes as u64)?;
        let is_synced = matches!(frame.mark(frame.generation()), Some(Mark::Synced | Mark::First));
        if is_synced && (filled < page_bytes || stored[body] != frame.page[body]) {
            return Err(damaged("the log's header, and transactions follow it that are not in the database"));
        }
    }
    Ok(())
}

/// By page, where the newest frame of a transaction lies that is whole. The frames are those of one log, from its first
/// on that can be read: behind them there may be some of the log before, which had more. Fails where one of them is
/// damaged that was synced.
fn newest_frames(file: &mut dyn File, buffer: &mut [u8]) -> io::Result<BTreeMap<u32, u64>> {
    let (mut newest, mut of_transaction) = (BTreeMap::new(), Vec::new());
    let mut last: Option<(Vec<Chain>, Sums)> = None;
    let mut offset = HEADER as u64;
    while let Some(frame) = Frame::read(file, buffer, offset)? {
        let here = offset;
        offset += frame.len();
        let is_whole = frame.mark(frame.generation()).is_some() && frame.page_number() != 0;
        let chains = match last.take() {
            None if !is_whole => continue,
            // Which order of bytes it is, the next one shows.
            None => [false, true].map(|is_big_endian| Chain::of(&frame, is_big_endian)).to_vec(),
            Some((mut chains, sums)) => {
                let generation = chains.first().map_or_else(Generation::default, Chain::generation);
                chains.retain(|chain| chain.salts == frame.salts() && chain.after(sums, &frame) == frame.sums());
                if chains.is_empty() || !is_whole {
                    if is_followed(file, buffer, offset, generation)? {
                        let text = format!("the log's header, and a transaction, at byte {here}, and others follow it");
                        return Err(damaged(text));
                    }
                    break;
                }
                chains
            }
        };
        last = Some((chains, frame.sums()));
        of_transaction.push((frame.page_number(), here));
        if frame.database_pages() != 0 {
            newest.extend(of_transaction.drain(..));
            newest.retain(|page, _| *page <= frame.database_pages());
        }
    }
    Ok(newest)
}

fn is_page_size(bytes: usize) -> bool {
    (512..=PAGE_MAX).contains(&bytes) && bytes.is_power_of_two()
}

fn big_endian(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |word| u32::from_be_bytes(*word))
}

/// A frame as SQLite sees it, whose checksum of ours is zeros.
struct Frame<'a> {
    head: &'a [u8],
    page: &'a [u8],
    /// Where the page lies.
    page_at: u64,
    /// The checksum of ours.
    tail: [u8; TAIL],
}

impl<'a> Frame<'a> {
    /// The frame at `offset`, as long as the buffer; none where the file ends before its end.
    fn read(file: &mut dyn File, buffer: &'a mut [u8], offset: u64) -> io::Result<Option<Self>> {
        if read_steady(file, buffer, offset)? < buffer.len() {
            return Ok(None);
        }
        let (head, page) = buffer.split_at_mut(FRAME_HEADER);
        let (_, place) = page.split_at_mut(page.len() - TAIL);
        let mut tail = [0; TAIL];
        tail.swap_with_slice(place);
        Ok(Some(Self { head, page, page_at: offset + FRAME_HEADER as u64, tail }))
    }

    /// None where the page is not whole, or not of this log.
    fn mark(&self, generation: Generation) -> Option<Mark> {
        Mark::of(&self.page[..self.page.len() - TAIL], &self.tail, self.page_at, generation)
    }

    /// Of the log that the frame says it is of.
    fn generation(&self) -> Generation {
        Generation::of_salts(self.salts())
    }

    fn len(&self) -> u64 {
        (self.head.len() + self.page.len()) as u64
    }

    fn page_number(&self) -> u32 {
        big_endian(self.head)
    }

    /// How many pages the database has after the transaction that ends here; 0 where none does.
    fn database_pages(&self) -> u32 {
        big_endian(&self.head[4..])
    }

    fn salts(&self) -> &[u8] {
        &self.head[8..16]
    }

    fn sums(&self) -> Sums {
        Sums::read(&self.head[16..])
    }
}

/// A checksum of SQLite's, over everything up to there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sums(u32, u32);

impl Sums {
    fn read(bytes: &[u8]) -> Self {
        Self(big_endian(bytes), big_endian(&bytes[4..]))
    }
}

/// What the frames of one log have in common.
#[derive(Clone, Debug)]
struct Chain {
    page_bytes: usize,
    salts: [u8; 8],
    is_big_endian: bool,
}

impl Chain {
    /// Of a log whose header is whole; with the checksum that its first frame goes on from.
    fn start(header: &[u8; HEADER]) -> Option<(Self, Sums)> {
        let magic = big_endian(header);
        let page_bytes = big_endian(&header[8..]) as usize;
        let chain = Self { page_bytes, salts: *header[16..].first_chunk()?, is_big_endian: magic & 1 == 1 };
        let sums = chain.add(Sums(0, 0), &header[..24]);
        let is_whole = magic & !1 == MAGIC && is_page_size(page_bytes) && sums == Sums::read(&header[24..]);
        is_whole.then_some((chain, sums))
    }

    /// Of the log that a frame is part of.
    fn of(frame: &Frame<'_>, is_big_endian: bool) -> Self {
        let salts = frame.salts().first_chunk().copied().unwrap_or_default();
        Self { page_bytes: frame.page.len(), salts, is_big_endian }
    }

    /// The checksum that `frame` should hold where the one before it holds `sums`.
    fn after(&self, sums: Sums, frame: &Frame<'_>) -> Sums {
        self.add(self.add(sums, &frame.head[..8]), frame.page)
    }

    fn generation(&self) -> Generation {
        Generation::of_salts(&self.salts)
    }

    fn word(&self, bytes: &[u8]) -> u32 {
        if self.is_big_endian { big_endian(bytes) } else { big_endian(bytes).swap_bytes() }
    }

    fn add(&self, Sums(mut one, mut two): Sums, bytes: &[u8]) -> Sums {
        for pair in bytes.chunks_exact(8) {
            one = one.wrapping_add(self.word(pair)).wrapping_add(two);
            two = two.wrapping_add(self.word(&pair[4..])).wrapping_add(one);
        }
        Sums(one, two)
    }
}
