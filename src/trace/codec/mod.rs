//! The binary form.

use std::io::Write;

use super::{Header, Op, TraceError};
use crate::resp::Reply;

/// The version that this build writes. Every version up to it stays readable.
pub const FORMAT: u16 = 1;

/// Writes a trace as a stream: nothing but the current block is held in memory.
pub struct Writer<W: Write> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// Writes the header. `with_replies` says whether every op comes with its reply, or none does.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn new(_out: W, _header: &Header, _with_replies: bool) -> Result<Self, TraceError> {
        todo!()
    }

    /// Appends an op, with its reply where the trace was opened with replies.
    ///
    /// # Errors
    /// Where the output fails.
    pub fn write(&mut self, _op: &Op, _reply: Option<&Reply>) -> Result<(), TraceError> {
        todo!()
    }

    /// Writes what is left and the end mark, and returns the output.
    ///
    /// # Errors
    /// Where the output fails.
    pub fn finish(self) -> Result<W, TraceError> {
        let _ = &self.out;
        todo!()
    }
}
