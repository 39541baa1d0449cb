use std::path::Path;

use crate::diff::Class;

use super::CorpusError;

/// One divergence that is known, and why it stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownEntry {
    /// What the divergence is.
    pub class: Class,
    /// Why it is not mended.
    pub reason: String,
    /// The subject that it holds for, such as `valkey`; any where there is none.
    pub subject: Option<String>,
}

/// The divergences of `corpus/known.toml` that hold for one subject. Threads may share it.
#[derive(Debug, Default)]
pub struct Known {}

impl Known {
    /// Nothing is known.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the entries that hold for `subject` (the name of its target). No file: nothing is known.
    ///
    /// # Errors
    /// [`CorpusError::Io`], and [`CorpusError::Syntax`] with the line.
    pub fn load(_path: &Path, _subject: &str) -> Result<Self, CorpusError> {
        todo!()
    }

    /// True where this class is known; counts the occurrence.
    pub fn matches(&self, _class: &Class) -> bool {
        todo!()
    }

    /// The entries that never occurred since loading: a run that could have shown them fails on these.
    pub fn unused(&self) -> Vec<&KnownEntry> {
        todo!()
    }
}
