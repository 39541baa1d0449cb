//! The binary form.
//!
//! | bytes | what |
//! |---|---|
//! | 6 | [`MAGIC`] |
//! | 2 | the format, little-endian |
//! | 3 | the first release of dst that reads it: major, minor, patch |
//! | … | one zstd frame of msgpack values |
//! | 8 | the start of the SHA-256 of all before it |
//!
//! The first 11 bytes are the same in every format, so that any dst can say which dst a file needs. The msgpack
//! values are an [`Opening`], then blocks, each a [`Record::Block`] and its columns as byte strings, then a
//! [`Record::End`].
//!
//! A block keeps equal things together, which is what makes it small: ops are sorted by shape (act, number of
//! arguments, name), and then all their first arguments stand together, all their second, and all their replies.
//! Strings that occur twice are entries of a dictionary, which goes on from block to block until it is full. The
//! compressor is flushed after each larger column, so that each has statistics of its own.
//!
//! Each block carries a digest of its columns, so that no op of a damaged block is ever replayed.

mod block_reader;
mod block_writer;
mod columns;
mod hashed;
mod reader;
mod shape;
mod writer;

use serde::{Deserialize, Serialize};

use super::Header;

pub use reader::Reader;
pub use writer::Writer;

/// How a binary trace begins. Its first byte is no text, and a changed line end changes it.
pub const MAGIC: [u8; 6] = *b"\x89dst\r\n";

/// The version that this build writes. Every version up to it stays readable.
pub const FORMAT: u16 = 1;

/// The first release of dst that reads [`FORMAT`].
const FORMAT_SINCE: [u8; 3] = [0, 1, 0];

/// Magic, format, release.
const HEAD_BYTES: usize = 11;

/// The most ops of one block.
const BLOCK_OPS_MAX: usize = 1 << 15;
/// The most strings in the dictionary: their codes from 2 on fit 16 bits.
const DICTIONARY_MAX: usize = (1 << 16) - 2;
/// The longest string in the dictionary; a length of it fits a byte.
const ENTRY_BYTES_MAX: usize = 64;
/// The compressor looks back this many bytes, as a power of two. Reading takes as much memory.
const WINDOW_LOG: u32 = 22;

/// The first msgpack value.
#[derive(Debug, Serialize, Deserialize)]
struct Opening {
    with_replies: bool,
    header: Header,
}

/// What stands between blocks.
#[derive(Debug, Serialize, Deserialize)]
enum Record {
    /// The columns of a block follow.
    Block {
        ops: u32,
        /// True where the dictionary starts anew.
        anew: bool,
        /// Of the columns.
        digest: u64,
    },
    /// Nothing follows.
    End {
        /// Of the whole trace.
        ops: u64,
    },
}
