use std::io::Read;

use super::{Header, Limits, Op, Trace, TraceError};
use crate::resp::Reply;

/// Reads a trace in any of its forms, block by block, in bounded memory.
pub struct Reader {}

/// Consecutive ops of a trace with their replies, where it has them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The ops.
    pub ops: Vec<Op>,
    /// One reply for each op, or none at all.
    pub replies: Option<Vec<Reply>>,
}

impl Reader {
    /// Looks at the first bytes, tells the form, and reads the header.
    ///
    /// # Errors
    /// [`TraceError`] where it is no trace, or one that this version cannot read.
    pub fn open(_source: Box<dyn Read + Send>, _limits: Limits) -> Result<Self, TraceError> {
        todo!()
    }

    /// What the trace says of itself.
    pub fn header(&self) -> &Header {
        todo!()
    }

    /// The next ops, or `None` at the end.
    ///
    /// # Errors
    /// [`TraceError`] where the file is damaged or beyond the limits; it says how far the trace is good.
    pub fn next_block(&mut self) -> Result<Option<Block>, TraceError> {
        todo!()
    }

    /// Reads all that is left into memory.
    ///
    /// # Errors
    /// As [`Reader::next_block`].
    pub fn read_all(self) -> Result<Trace, TraceError> {
        todo!()
    }
}
