/// Bounds on what a trace file may make its reader hold: files come from strangers.
///
/// Writers refuse what the default limits refuse, so what dst writes, dst reads.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most ops of a trace.
    pub ops_max: u64,
    /// The most bytes of one argument.
    pub arg_bytes_max: usize,
    /// The most bytes of the ops and replies that are held at once: one block of a binary trace, one op of a
    /// text with its reply; and the most of what is held in the end.
    pub block_bytes_max: usize,
    /// The most bytes of a trace that is read whole, as `block_bytes_max` counts them.
    pub whole_bytes_max: usize,
    /// Bounds on one reply.
    pub reply: resp::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ops_max: 1 << 32,
            arg_bytes_max: 512 << 20,
            block_bytes_max: 1 << 30,
            whole_bytes_max: 2 << 30,
            reply: resp::Limits::default(),
        }
    }
}

/// Why a file is not a trace that this build can read, or cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file cannot be read or written.
    #[error("cannot read or write the trace: {0}")]
    Io(#[from] std::io::Error),
    /// None of the three forms.
    #[error(
        "this is no trace: {0}. A trace is a file that `dst record` wrote, a text of commands, or a block that `dst share` printed"
    )]
    Unrecognized(String),
    /// A format that came after this build.
    #[error("the trace is in format {format}; this dst reads up to format {reads}: use {needs}")]
    FutureFormat {
        /// The trace's format.
        format: u16,
        /// The newest format that this build reads.
        reads: u16,
        /// Which dst reads it, such as `dst 0.3.0 or later`.
        needs: String,
    },
    /// The file ends too early.
    #[error("the trace is cut off: its first {good_ops} ops are whole, then the file ends")]
    Cut {
        /// How many ops can still be read.
        good_ops: u64,
    },
    /// The file is not as it was written.
    #[error("the trace is damaged: its first {good_ops} ops are whole, then {what}")]
    Damaged {
        /// How many ops can still be read.
        good_ops: u64,
        /// What is wrong.
        what: String,
    },
    /// Something is beyond the [`Limits`].
    #[error("the trace goes beyond the limits: {0}")]
    TooLarge(String),
    /// A line of a text that cannot be read.
    #[error("line {line}: {what}")]
    Text {
        /// Counted from 1.
        line: u64,
        /// What was expected, and what stands there.
        what: String,
    },
    /// An armored block that cannot be read.
    #[error("line {line} of the dst1 block's file: {what}")]
    Armor {
        /// Counted from 1.
        line: u64,
        /// What was expected, and what stands there.
        what: String,
    },
    /// What was to be written is no trace.
    #[error("cannot write the trace: {0}")]
    Unwritable(String),
}
