//! What was found and must not be lost: shrunk traces, known divergences, a baseline of them, and seeds.

mod baseline;
mod class;
mod known;
mod seeds;
mod store;

use std::io::ErrorKind;
use std::path::Path;

pub use baseline::{Accepted, Baseline};
pub use class::parse_class;
pub use known::{Known, KnownAdded, KnownEntry};
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
    /// What was to be added cannot be.
    #[error("{class}: {what}")]
    Class {
        /// The class, or what was given for one.
        class: String,
        /// What is wrong, and what to do.
        what: String,
    },
}

fn io_error(path: &Path) -> impl FnOnce(std::io::Error) -> CorpusError {
    let path = path.display().to_string();
    |source| CorpusError::Io { path, source }
}

/// The line of a text, from 1, that holds the byte at `offset`.
fn line_at(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or(text).matches('\n').count() + 1
}

/// The text of a file; `None` where there is no such file.
fn read_if_there(path: &Path) -> Result<Option<String>, CorpusError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(path)(error)),
    }
}

fn create_parent(path: &Path) -> Result<(), CorpusError> {
    match path.parent() {
        Some(parent) => std::fs::create_dir_all(parent).map_err(io_error(parent)),
        None => Ok(()),
    }
}
