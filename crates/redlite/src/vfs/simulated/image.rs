//! What a simulated disk holds: what is there now, and what of it would be there after a power loss.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use crate::env::Random;

/// Bytes that a disk writes at once: a power loss tears no unit but this one.
pub const SECTOR: usize = 512;

/// Bytes that copies of an image share until one of them changes them.
const CHUNK: usize = 4096;

const SECTORS_PER_CHUNK: u64 = (CHUNK / SECTOR) as u64;

static ZEROS: LazyLock<Arc<[u8; CHUNK]>> = LazyLock::new(|| Arc::new([0; CHUNK]));

/// The files of a disk. A copy is cheap: it shares what neither changes.
#[derive(Clone, Debug, Default)]
pub struct Image {
    nodes: BTreeMap<u64, Node>,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    /// Names that were given up for another one, which is given in the same moment: by the new name, the old one.
    renamed: BTreeMap<PathBuf, PathBuf>,
    next_node: u64,
}

/// One change that is not yet sure to outlast a power loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pending {
    /// A name was given or taken away: kept, or not.
    Name {
        /// The name.
        file: PathBuf,
        /// False where it was taken away.
        is_given: bool,
    },
    /// A file's length changed: kept, or not. A sector that is kept beyond the old end makes the file as long as
    /// it needs.
    Length {
        /// The file's name.
        file: PathBuf,
        /// Bytes before.
        from: u64,
        /// Bytes now.
        to: u64,
    },
    /// A sector's bytes changed: kept, not, or in part.
    Sector {
        /// The file's name.
        file: PathBuf,
        /// Which, from 0 on, in units of [`SECTOR`].
        sector: u64,
    },
}

impl Pending {
    /// The file that it is about.
    pub fn file(&self) -> &Path {
        match self {
            Pending::Name { file, .. } | Pending::Length { file, .. } | Pending::Sector { file, .. } => file,
        }
    }
}

/// What becomes of a pending change in a power loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is as it was before.
    Drop,
    /// It is as it was written.
    Keep,
    /// Its first bytes are as they were written, and the rest is as before. A name or length is kept where this is
    /// more than half of a sector.
    TornHead(usize),
    /// Its last bytes are as they were written.
    TornTail(usize),
}

impl Fate {
    fn is_kept(self) -> bool {
        match self {
            Fate::Drop => false,
            Fate::Keep => true,
            Fate::TornHead(bytes) | Fate::TornTail(bytes) => bytes > SECTOR / 2,
        }
    }
}

/// A power loss as a seed draws it: in one of four everything pending is lost, in one of four everything is kept, and
/// otherwise each change has its own fate.
pub fn draw_fates(mut random: Random) -> impl FnMut(&Pending) -> Fate {
    let manner = random.below(4);
    move |_| match manner {
        0 => Fate::Drop,
        1 => Fate::Keep,
        _ => match random.below(4) {
            0 => Fate::Drop,
            1 => Fate::Keep,
            2 => Fate::TornHead(1 + random.below(SECTOR as u64 - 1) as usize),
            _ => Fate::TornTail(1 + random.below(SECTOR as u64 - 1) as usize),
        },
    }
}

/// A file, whatever its name is by now.
#[derive(Clone, Debug, Default)]
struct Node {
    current: Content,
    durable: Content,
    /// What was durable before the last sync changed it: what a disk that lost a write would show.
    stale: Content,
    /// The chunks in which current and durable may differ.
    dirty: BTreeSet<usize>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    len: u64,
    /// Beyond `len` they hold zeros.
    chunks: Vec<Arc<[u8; CHUNK]>>,
}

impl Content {
    fn chunk(&self, at: usize) -> &[u8; CHUNK] {
        self.chunks.get(at).unwrap_or(&ZEROS)
    }

    fn chunk_mut(&mut self, at: usize) -> &mut [u8; CHUNK] {
        Arc::make_mut(self.slot(at))
    }

    /// Where the chunk is kept, which is made where there is none.
    fn slot(&mut self, at: usize) -> &mut Arc<[u8; CHUNK]> {
        if self.chunks.len() <= at {
            self.chunks.resize(at + 1, Arc::clone(&ZEROS));
        }
        &mut self.chunks[at]
    }

    fn sector(&self, sector: u64) -> &[u8] {
        let start = (sector % SECTORS_PER_CHUNK) as usize * SECTOR;
        &self.chunk((sector / SECTORS_PER_CHUNK) as usize)[start..start + SECTOR]
    }

    fn sector_mut(&mut self, sector: u64) -> &mut [u8] {
        let start = (sector % SECTORS_PER_CHUNK) as usize * SECTOR;
        &mut self.chunk_mut((sector / SECTORS_PER_CHUNK) as usize)[start..start + SECTOR]
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> usize {
        let wanted = self.len.saturating_sub(offset).min(buffer.len() as u64) as usize;
        let mut done = 0;
        while done < wanted {
            let (chunk, start) = split(offset + done as u64);
            let part = (CHUNK - start).min(wanted - done);
            buffer[done..done + part].copy_from_slice(&self.chunk(chunk)[start..start + part]);
            done += part;
        }
        wanted
    }

    fn write(&mut self, bytes: &[u8], offset: u64, dirty: &mut BTreeSet<usize>) {
        let mut done = 0;
        while done < bytes.len() {
            let (chunk, start) = split(offset + done as u64);
            let part = (CHUNK - start).min(bytes.len() - done);
            self.chunk_mut(chunk)[start..start + part].copy_from_slice(&bytes[done..done + part]);
            dirty.insert(chunk);
            done += part;
        }
        self.len = self.len.max(offset + bytes.len() as u64);
    }

    fn set_len(&mut self, len: u64, dirty: &mut BTreeSet<usize>) {
        let (last, start) = split(len);
        if len < self.len {
            dirty.extend(last..self.chunks.len());
            self.chunks.truncate(if start == 0 { last } else { last + 1 });
            if start > 0 && last < self.chunks.len() {
                self.chunk_mut(last)[start..].fill(0);
            }
        }
        self.len = len;
    }
}

/// The chunk that a byte lies in, and where in it.
fn split(offset: u64) -> (usize, usize) {
    ((offset / CHUNK as u64) as usize, (offset % CHUNK as u64) as usize)
}

impl Node {
    fn sync(&mut self) {
        for at in std::mem::take(&mut self.dirty) {
            if let Some(before) = self.durable.chunks.get(at) {
                *self.stale.slot(at) = Arc::clone(before);
            }
            if let Some(now) = self.current.chunks.get(at) {
                *self.durable.slot(at) = Arc::clone(now);
            }
        }
        self.durable.chunks.truncate(self.current.chunks.len());
        self.durable.len = self.current.len;
    }

    /// The sectors whose bytes differ.
    fn changed_sectors(&self) -> impl Iterator<Item = u64> {
        let sectors = self.dirty.iter().flat_map(|&chunk| {
            let first = chunk as u64 * SECTORS_PER_CHUNK;
            first..first + SECTORS_PER_CHUNK
        });
        sectors.filter(|&sector| {
            sector * (SECTOR as u64) < self.current.len && self.current.sector(sector) != self.durable.sector(sector)
        })
    }

    /// Makes of what is pending what `choose` says. The changes are shown in the order of [`Image::pending`].
    fn crash(&mut self, file: &Path, choose: &mut dyn FnMut(&Pending) -> Fate) {
        let mut after = self.durable.clone();
        let mut unused = BTreeSet::new();
        if self.durable.len != self.current.len {
            let change = Pending::Length { file: file.to_owned(), from: self.durable.len, to: self.current.len };
            if choose(&change).is_kept() {
                after.set_len(self.current.len, &mut unused);
            }
        }
        let changed: Vec<u64> = self.changed_sectors().collect();
        for sector in changed {
            let new = self.current.sector(sector);
            let kept = match choose(&Pending::Sector { file: file.to_owned(), sector }) {
                Fate::Drop => continue,
                Fate::Keep => 0..SECTOR,
                Fate::TornHead(bytes) => 0..bytes.min(SECTOR),
                Fate::TornTail(bytes) => SECTOR - bytes.min(SECTOR)..SECTOR,
            };
            after.sector_mut(sector)[kept.clone()].copy_from_slice(&new[kept]);
            after.len = after.len.max(((sector + 1) * SECTOR as u64).min(self.current.len));
        }
        self.current = after.clone();
        self.durable = after;
        self.dirty.clear();
    }
}

impl Image {
    /// The names of the files that are there.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.names.keys().map(PathBuf::as_path)
    }

    /// The bytes of a file as a reader sees them now; none where it is not there.
    pub fn bytes(&self, file: &Path) -> Option<Vec<u8>> {
        let node = self.nodes.get(self.names.get(file)?)?;
        let mut bytes = vec![0; node.current.len as usize];
        node.current.read(&mut bytes, 0);
        Some(bytes)
    }

    /// Bytes of all files together.
    pub fn size(&self) -> u64 {
        self.names.values().filter_map(|node| self.nodes.get(node)).map(|node| node.current.len).sum()
    }

    /// What a power loss may undo, always in the same order: names first, then file by file.
    pub fn pending(&self) -> Vec<Pending> {
        let mut pending = Vec::new();
        self.clone().crash(&mut |change| {
            pending.push(change.clone());
            Fate::Drop
        });
        pending
    }

    /// Loses power: `choose` says of each pending change what becomes of it. What is left is durable.
    pub fn crash(&mut self, choose: &mut dyn FnMut(&Pending) -> Fate) {
        let mut files: BTreeMap<u64, PathBuf> =
            self.durable_names.iter().chain(&self.names).map(|(file, node)| (*node, file.clone())).collect();
        let touched: BTreeSet<PathBuf> = self.names.keys().chain(self.durable_names.keys()).cloned().collect();
        let renamed = std::mem::take(&mut self.renamed);
        for file in touched {
            let (now, durable) = (self.names.get(&file).copied(), self.durable_names.get(&file).copied());
            let is_renamed = now.is_none() && renamed.values().any(|old| *old == file);
            if now == durable || is_renamed {
                continue;
            }
            let kept = choose(&Pending::Name { file: file.clone(), is_given: now.is_some() }).is_kept();
            if let Some(old) = renamed.get(&file).filter(|_| !kept)
                && let Some(node) = self.durable_names.get(old)
            {
                self.names.insert(old.clone(), *node);
            }
            match if kept { now } else { durable } {
                Some(node) => self.names.insert(file, node),
                None => self.names.remove(&file),
            };
        }
        self.durable_names = self.names.clone();
        let alive: BTreeSet<u64> = self.names.values().copied().collect();
        self.nodes.retain(|node, _| alive.contains(node));
        for (id, node) in &mut self.nodes {
            node.crash(&files.remove(id).unwrap_or_default(), choose);
        }
    }

    /// Turns one bit of a file over, on the disk itself. False where the file has no such bit.
    pub fn flip_bit(&mut self, file: &Path, bit: u64) -> bool {
        self.damage(file, bit / 8, |byte| *byte ^= 1 << (bit % 8))
    }

    /// Fills one sector of a file with zeros, on the disk itself. False where the file has no such sector, or it held
    /// nothing else.
    pub fn zero_sector(&mut self, file: &Path, sector: u64) -> bool {
        let start = sector * SECTOR as u64;
        let mut changed = false;
        for at in start..start + SECTOR as u64 {
            self.damage(file, at, |byte| changed |= std::mem::take(byte) != 0);
        }
        changed
    }

    fn damage(&mut self, file: &Path, at: u64, mut change: impl FnMut(&mut u8)) -> bool {
        let Some(node) = self.names.get(file).and_then(|node| self.nodes.get_mut(node)) else { return false };
        if at >= node.current.len {
            return false;
        }
        let (chunk, start) = split(at);
        change(&mut node.current.chunk_mut(chunk)[start]);
        if at < node.durable.len && !node.dirty.contains(&chunk) {
            change(&mut node.durable.chunk_mut(chunk)[start]);
        }
        true
    }

    pub(super) fn open(&mut self, file: &Path, create: bool) -> Option<u64> {
        if let Some(node) = self.names.get(file) {
            return Some(*node);
        }
        create.then(|| {
            let node = self.open_scratch();
            self.names.insert(file.to_owned(), node);
            node
        })
    }

    pub(super) fn open_scratch(&mut self) -> u64 {
        self.next_node += 1;
        self.nodes.insert(self.next_node, Node::default());
        self.next_node
    }

    /// Drops a file without a name.
    pub(super) fn forget(&mut self, node: u64) {
        self.nodes.remove(&node);
    }

    pub(super) fn has(&self, file: &Path) -> bool {
        // As on a real disk: an empty file is no journal.
        self.names.get(file).and_then(|node| self.nodes.get(node)).is_some_and(|node| node.current.len > 0)
    }

    pub(super) fn delete(&mut self, file: &Path) -> bool {
        let Some(node) = self.names.remove(file) else { return false };
        if !self.durable_names.values().any(|durable| *durable == node) {
            self.nodes.remove(&node);
        }
        true
    }

    pub(super) fn size_of(&self, node: u64) -> u64 {
        self.nodes.get(&node).map_or(0, |node| node.current.len)
    }

    pub(super) fn read(&self, node: u64, buffer: &mut [u8], offset: u64) -> usize {
        self.nodes.get(&node).map_or(0, |node| node.current.read(buffer, offset))
    }

    /// Fills what lies in `sector` of a buffer that was read from `offset` with what the sector held before the last
    /// sync. False where it held the same.
    pub(super) fn read_stale(&self, node: u64, buffer: &mut [u8], offset: u64, sector: u64) -> bool {
        let Some(node) = self.nodes.get(&node) else { return false };
        let old = node.stale.sector(sector);
        let start = sector * SECTOR as u64;
        let (from, to) = (start.max(offset), (start + SECTOR as u64).min(offset + buffer.len() as u64));
        if from >= to {
            return false;
        }
        let part = &mut buffer[(from - offset) as usize..(to - offset) as usize];
        let old = &old[(from - start) as usize..(to - start) as usize];
        let differs = part != old;
        part.copy_from_slice(old);
        differs
    }

    pub(super) fn write(&mut self, node: u64, bytes: &[u8], offset: u64) {
        if let Some(node) = self.nodes.get_mut(&node) {
            node.current.write(bytes, offset, &mut node.dirty);
        }
    }

    pub(super) fn truncate(&mut self, node: u64, len: u64) {
        if let Some(node) = self.nodes.get_mut(&node) {
            node.current.set_len(len, &mut node.dirty);
        }
    }

    /// Names are durable after a sync of any file, as on a file system with one journal.
    pub(super) fn sync(&mut self, node: u64) {
        if let Some(node) = self.nodes.get_mut(&node) {
            node.sync();
        }
        self.sync_names();
    }

    /// Gives a file another name; false where it is not there.
    pub(super) fn replace(&mut self, target: &Path, file: &Path) -> bool {
        let Some(node) = self.names.remove(file) else { return false };
        self.delete(target);
        self.names.insert(target.to_owned(), node);
        self.renamed.insert(target.to_owned(), file.to_owned());
        true
    }

    pub(super) fn sync_names(&mut self) {
        self.renamed.clear();
        if self.names != self.durable_names {
            let before = std::mem::replace(&mut self.durable_names, self.names.clone());
            let alive: BTreeSet<u64> = self.names.values().copied().collect();
            before.values().filter(|node| !alive.contains(node)).for_each(|node| drop(self.nodes.remove(node)));
        }
    }
}
