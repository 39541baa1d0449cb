//! What was found and must not be lost: shrunk traces, known divergences, and seeds.

mod known;
mod seeds;
mod store;

pub use known::{Known, KnownEntry};
pub use seeds::{SeedBank, SeedEntry};
pub use store::{Added, Item, Store};

/// Why the corpus cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A file or folder cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A trace of the corpus cannot be read or written.
    #[error("{path}: {source}")]
    Trace {
        /// Which.
        path: String,
        /// What is wrong with it.
        source: crate::trace::TraceError,
    },
    /// A line or entry of a text file is not what it must be.
    #[error("{path}:{line}: {what}")]
    Syntax {
        /// Which file.
        path: String,
        /// Which line, from 1.
        line: usize,
        /// What is wrong, and what should stand there.
        what: String,
    },
}
