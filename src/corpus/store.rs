use std::path::PathBuf;

use crate::diff::Class;
use crate::trace::{Limits, Trace};

use super::CorpusError;

/// The folder of shrunk traces: `<class>/<hash>.trace`.
#[derive(Clone, Debug)]
pub struct Store {
    _root: PathBuf,
}

/// One trace of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The name of its class's folder: [`Class::folder`].
    pub class: String,
    /// The start of the SHA-256 of its ops, in hex.
    pub hash: String,
    /// Where it lies.
    pub path: PathBuf,
}

/// What adding a trace came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is new, and written.
    New(Item),
    /// The same ops are there for this class.
    Known(Item),
}

impl Added {
    /// The trace in the store, new or not.
    pub fn item(&self) -> &Item {
        match self {
            Added::New(item) | Added::Known(item) => item,
        }
    }
}

impl Store {
    /// The store in this folder, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { _root: root.into() }
    }

    /// Writes `trace` (with its replies, where it has them) under `class`, unless the same ops are there.
    ///
    /// # Errors
    /// [`CorpusError`] where it cannot be written.
    pub fn add(&self, _class: &Class, _trace: &Trace) -> Result<Added, CorpusError> {
        todo!()
    }

    /// Every trace, by class, then by hash.
    ///
    /// # Errors
    /// [`CorpusError::Io`]
    pub fn list(&self) -> Result<Vec<Item>, CorpusError> {
        todo!()
    }

    /// Reads one trace.
    ///
    /// # Errors
    /// [`CorpusError::Trace`] where the file is no trace within the limits.
    pub fn load(&self, _item: &Item, _limits: Limits) -> Result<Trace, CorpusError> {
        todo!()
    }
}
