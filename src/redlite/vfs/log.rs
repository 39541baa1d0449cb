//! Damage in the log that SQLite takes for its end.
//!
//! In recovery SQLite reads the log up to the first frame that does not match its checksums, as it must: a power loss
//! leaves such a frame behind. Where whole frames of a later transaction follow, and each transaction was synced before
//! the next, that frame was acknowledged and is damaged, and what follows would be lost without a word.
//! The format: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>

use std::io::{self, ErrorKind};

use super::File;
use super::checksum::{FRAME_HEADER, Mark, TAIL, read_steady};

/// Bytes before the first frame.
pub(super) const HEADER: usize = 32;

/// The two lowest bits of the magic number may be 2 or 3: checksums are over little- or big-endian words.
const MAGIC: u32 = 0x377f_0682;

/// Fails where acknowledged transactions of a log would be lost in recovery.
///
/// # Errors
/// `InvalidData` with where the damage is; whatever reading gives.
pub(super) fn check(file: &mut dyn File) -> io::Result<()> {
    let mut header = [0; HEADER];
    if read_steady(file, &mut header, 0)? < HEADER {
        return Ok(());
    }
    let Some(mut chain) = Chain::start(&header) else { return Ok(()) };
    let mut frame = vec![0; FRAME_HEADER + chain.page_bytes];
    let mut offset = HEADER as u64;
    let mut broken_at = None;
    let mut has_commit = false;
    while read_steady(file, &mut frame, offset)? == frame.len() {
        let (head, page) = frame.split_at_mut(FRAME_HEADER);
        let (body, tail) = page.split_at_mut(chain.page_bytes - TAIL);
        let mark = Mark::of(body, tail, offset + FRAME_HEADER as u64);
        tail.fill(0);
        let is_of_chain = head[8..16] == chain.salts;
        if broken_at.is_none() && !(is_of_chain && mark.is_some() && chain.takes(head, page)) {
            broken_at = Some(offset);
        }
        if let Some(broken_at) = broken_at.filter(|_| is_of_chain) {
            if has_commit && mark == Some(Mark::Synced) {
                let text = format!("a transaction in the log, at byte {broken_at}, and others follow it");
                return Err(io::Error::new(ErrorKind::InvalidData, text));
            }
            has_commit |= big_endian(&head[4..]) != 0;
        }
        offset += frame.len() as u64;
    }
    Ok(())
}

fn big_endian(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |word| u32::from_be_bytes(*word))
}

/// SQLite's checksums, from frame to frame.
struct Chain {
    page_bytes: usize,
    salts: [u8; 8],
    is_big_endian: bool,
    sums: (u32, u32),
}

impl Chain {
    /// Of a log whose header is whole.
    fn start(header: &[u8; HEADER]) -> Option<Self> {
        let magic = big_endian(header);
        let page_bytes = big_endian(&header[8..]) as usize;
        let salts = *header[16..].first_chunk()?;
        let mut chain = Self { page_bytes, salts, is_big_endian: magic & 1 == 1, sums: (0, 0) };
        chain.add(&header[..24]);
        let is_size = (512..=65536).contains(&page_bytes) && page_bytes.is_power_of_two();
        (magic & !1 == MAGIC && is_size && chain.ends_in(&header[24..])).then_some(chain)
    }

    /// True for the next frame of the log.
    fn takes(&mut self, head: &[u8], page: &[u8]) -> bool {
        self.add(&head[..8]);
        self.add(page);
        self.ends_in(&head[16..])
    }

    fn add(&mut self, bytes: &[u8]) {
        let word = |bytes: &[u8]| if self.is_big_endian { big_endian(bytes) } else { big_endian(bytes).swap_bytes() };
        let (mut one, mut two) = self.sums;
        for pair in bytes.chunks_exact(8) {
            one = one.wrapping_add(word(pair)).wrapping_add(two);
            two = two.wrapping_add(word(&pair[4..])).wrapping_add(one);
        }
        self.sums = (one, two);
    }

    fn ends_in(&self, sums: &[u8]) -> bool {
        self.sums == (big_endian(sums), big_endian(&sums[4..]))
    }
}
