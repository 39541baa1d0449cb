//! The binary form.

use std::io::Write;

use super::{Header, Op};
use crate::resp::Reply;

/// The version that this build writes. Every version up to it stays readable.
pub const FORMAT: u16 = 1;

/// Bounds on what a trace file may make its reader hold: files come from strangers.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most ops of a trace.
    pub ops_max: u64,
    /// The most bytes of one argument.
    pub arg_bytes_max: usize,
}

/// Why a file is not a trace that this build can read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file cannot be read or written.
    #[error("cannot read or write the trace: {0}")]
    Io(#[from] std::io::Error),
}

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
