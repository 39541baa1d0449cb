use std::io::{self, BufRead, BufReader, Read};

use rmp_serde::decode::Error as MsgpackError;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;
use zstd::stream::read::Decoder;

use super::block_reader::BlockReader;
use super::columns::{Columns, Fault};
use super::hashed::HashedReader;
use super::keyspace;
use super::{FORMAT, HEAD_BYTES, MAGIC, Opening, Record, WINDOW_LOG};
use crate::trace::{Block, Header, Keyspace, Limits, TraceError};

/// An opening takes no more than this; it is mostly the note.
const OPENING_BYTES_MAX: usize = 1 << 20;
/// What a block's columns take beyond what `block_bytes_max` counts: lengths and the like.
const BLOCK_OVERHEAD_BYTES: usize = 1 << 20;

/// Reads a binary trace, block by block.
pub struct Reader<R: BufRead> {
    input: Bounded<BufReader<Decoder<'static, HashedReader<R>>>>,
    opening: Opening,
    block: BlockReader,
    limits: Limits,
    /// Ops of the blocks that were returned.
    good_ops: u64,
    /// What is held in the end, as far as it is read, and what that counts in bytes.
    keyspace: Option<(Keyspace, usize)>,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Reading,
    Ended,
    Failed,
}

impl<R: BufRead> Reader<R> {
    /// Reads the head and the header.
    ///
    /// # Errors
    /// [`TraceError`] where `source` is no binary trace, or one of a later format.
    pub fn open(source: R, limits: Limits) -> Result<Self, TraceError> {
        let mut source = HashedReader::new(source);
        let mut head = Vec::with_capacity(HEAD_BYTES);
        let read = (&mut source).take(HEAD_BYTES as u64).read_to_end(&mut head);
        read.map_err(|error| Wrong::from(error).at(0))?;
        check_head(&head)?;
        let mut decoder = Decoder::with_buffer(source)?.single_frame();
        decoder.window_log_max(WINDOW_LOG)?;
        let mut input = Bounded { source: BufReader::with_capacity(1 << 16, decoder), left: OPENING_BYTES_MAX };
        let opening = read_value(&mut input).map_err(|error| error.at(0))?;
        let block = BlockReader::default();
        Ok(Self { input, opening, block, limits, good_ops: 0, keyspace: None, state: State::Reading })
    }

    /// What the trace says of itself.
    pub fn header(&self) -> &Header {
        &self.opening.header
    }

    /// Whether every op has its reply.
    pub fn has_replies(&self) -> bool {
        self.opening.with_replies
    }

    /// The next ops, or `None` at the end.
    ///
    /// # Errors
    /// [`TraceError`] where the file is damaged or beyond the limits; it says how far the trace is good. It stays
    /// in error.
    pub fn next_block(&mut self) -> Result<Option<Block>, TraceError> {
        match self.state {
            State::Reading => {}
            State::Ended => return Ok(None),
            State::Failed => return Err(Wrong::Damaged("nothing more was read".into()).at(self.good_ops)),
        }
        let read = self.read_block();
        match &read {
            Ok(Some(block)) => self.good_ops += block.ops.len() as u64,
            Ok(None) => self.state = State::Ended,
            Err(_) => self.state = State::Failed,
        }
        read.map_err(|error| error.at(self.good_ops))
    }

    /// What is held in the end, where the trace says so: behind its last op, and once.
    pub fn take_keyspace(&mut self) -> Option<Keyspace> {
        self.keyspace.take_if(|_| self.state == State::Ended).map(|(keyspace, _)| keyspace)
    }

    fn read_block(&mut self) -> Result<Option<Block>, Wrong> {
        loop {
            self.input.left = self.limits.block_bytes_max.saturating_add(BLOCK_OVERHEAD_BYTES);
            match read_value(&mut self.input)? {
                Record::Block { .. } if self.keyspace.is_some() => {
                    return Err(Wrong::Damaged("ops follow what is held in the end".into()));
                }
                Record::Block { ops, anew, digest } => {
                    if self.good_ops + u64::from(ops) > self.limits.ops_max {
                        return Err(Wrong::TooLarge(format!("more than {} ops", self.limits.ops_max)));
                    }
                    return self.read_columns(ops, anew, digest, self.opening.with_replies).map(Some);
                }
                Record::Keyspace { items, anew, digest } => {
                    let block = self.read_columns(items, anew, digest, true)?;
                    self.hold(block)?;
                }
                Record::End { ops, .. } if ops != self.good_ops => {
                    return Err(Wrong::Damaged("the end mark counts other ops".into()));
                }
                Record::End { entries, .. } => {
                    if entries == Some(0) {
                        self.keyspace.get_or_insert_default();
                    }
                    if entries != self.keyspace.as_ref().map(|(keyspace, _)| keyspace.entries.len() as u64) {
                        return Err(Wrong::Damaged("the end mark counts other keys".into()));
                    }
                    return self.read_end().map(|()| None);
                }
            }
        }
    }

    /// Adds the items of a block to what is held in the end.
    fn hold(&mut self, block: Block) -> Result<(), Wrong> {
        let bytes_max = self.limits.block_bytes_max;
        let (keyspace, bytes) = self.keyspace.get_or_insert_default();
        *bytes = bytes.saturating_add(block.bytes());
        if *bytes > bytes_max {
            return Err(Wrong::TooLarge(format!("what is held in the end takes more than {bytes_max} bytes")));
        }
        keyspace::read_items(block, keyspace).map_err(Wrong::from)
    }

    /// The columns that follow a record, as `count` ops or items.
    fn read_columns(&mut self, count: u32, anew: bool, digest: u64, with_replies: bool) -> Result<Block, Wrong> {
        // A file of these would unpack for ever.
        if count == 0 {
            return Err(Wrong::Damaged("a block holds no ops".into()));
        }
        let mut columns = Columns::default();
        for column in &mut columns.0 {
            *column = read_value::<_, ByteBuf>(&mut self.input)?.into_vec();
        }
        if columns.digest() != digest {
            return Err(Wrong::Damaged("a block does not have the content it was written with".into()));
        }
        if anew {
            self.block.start_anew();
        }
        Ok(self.block.read(count as usize, with_replies, &columns, &self.limits)?)
    }

    /// That the compressed part ends here, and the digest of the file behind it.
    fn read_end(&mut self) -> Result<(), Wrong> {
        self.input.left = 1;
        if self.input.read(&mut [0])? != 0 {
            return Err(Wrong::Damaged("data follows the end mark".into()));
        }
        let source = self.input.source.get_mut().get_mut();
        let want = source.digest().to_le_bytes();
        let mut tail = Vec::new();
        source.take(want.len() as u64 + 1).read_to_end(&mut tail)?;
        match tail.len().cmp(&want.len()) {
            std::cmp::Ordering::Less => Err(Wrong::Cut),
            std::cmp::Ordering::Greater => Err(Wrong::Damaged("more data follows the trace's end".into())),
            std::cmp::Ordering::Equal if tail == want => Ok(()),
            std::cmp::Ordering::Equal => Err(Wrong::Damaged("the checksum at the end does not match".into())),
        }
    }
}

/// Checks magic and format.
fn check_head(head: &[u8]) -> Result<(), TraceError> {
    let (magic, rest) = head.split_at(head.len().min(MAGIC.len()));
    if magic != &MAGIC[..magic.len()] {
        return Err(TraceError::Unrecognized("it does not begin as one".into()));
    }
    let &[low, high, major, minor, patch] = rest else { return Err(TraceError::Cut { good_ops: 0 }) };
    match u16::from_le_bytes([low, high]) {
        0 => Err(Wrong::Damaged("there is no format 0".into()).at(0)),
        format if format > FORMAT => {
            let needs = format!("dst {major}.{minor}.{patch} or later");
            Err(TraceError::FutureFormat { format, reads: FORMAT, needs })
        }
        _ => Ok(()),
    }
}

/// Why no value was read.
#[derive(Debug)]
enum Wrong {
    Io(io::Error),
    /// What the source itself found wrong.
    Source(TraceError),
    Cut,
    Damaged(String),
    TooLarge(String),
}

impl Wrong {
    fn at(self, good_ops: u64) -> TraceError {
        match self {
            Wrong::Io(error) => TraceError::Io(error),
            Wrong::Source(error) => error,
            Wrong::Cut => TraceError::Cut { good_ops },
            Wrong::Damaged(what) => TraceError::Damaged { good_ops, what },
            Wrong::TooLarge(what) => TraceError::TooLarge(what),
        }
    }
}

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Damaged(what) => Wrong::Damaged(what.into()),
            Fault::TooLarge(what) => Wrong::TooLarge(what),
        }
    }
}

impl From<io::Error> for Wrong {
    /// zstd's errors come as errors of no particular kind, those of a file with the number of the system.
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<TraceError>() {
            Ok(error) => return Wrong::Source(error),
            Err(error) => error,
        };
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Wrong::Cut,
            io::ErrorKind::FileTooLarge => Wrong::TooLarge(error.to_string()),
            io::ErrorKind::Other | io::ErrorKind::InvalidData if error.raw_os_error().is_none() => {
                Wrong::Damaged(format!("the compressed data is wrong ({error})"))
            }
            _ => Wrong::Io(error),
        }
    }
}

fn read_value<R: Read, T: DeserializeOwned>(input: &mut R) -> Result<T, Wrong> {
    rmp_serde::from_read(input).map_err(|error| match error {
        MsgpackError::InvalidMarkerRead(error) | MsgpackError::InvalidDataRead(error) => error.into(),
        other => Wrong::Damaged(format!("a value that is none of a trace ({other})")),
    })
}

/// Refuses to read more than `left` bytes: what a file unpacks to is not for the file to say.
struct Bounded<R> {
    source: R,
    left: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !buf.is_empty() {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a block unpacks to more bytes than it may"));
        }
        let len = buf.len().min(self.left);
        let read = self.source.read(&mut buf[..len])?;
        self.left -= read;
        Ok(read)
    }
}
