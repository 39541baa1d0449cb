//! A place for files that stands on another one.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

use super::{File, FileKind, Storage};

/// Opens the files of the place beneath it in its own way; all else is done there.
pub trait Layer: Debug + Send + Sync {
    /// Where the files are.
    fn beneath(&self) -> &dyn Storage;

    /// As [`Storage::open`].
    ///
    /// # Errors
    /// As there.
    fn open_through(&self, name: &Path, kind: FileKind, create: bool) -> io::Result<Box<dyn File>>;
}

impl<L: Layer> Storage for L {
    fn open(&self, name: &Path, kind: FileKind, create: bool) -> io::Result<Box<dyn File>> {
        self.open_through(name, kind, create)
    }

    fn open_scratch(&self) -> io::Result<Box<dyn File>> {
        self.beneath().open_scratch()
    }

    fn delete(&self, name: &Path, sync: bool) -> io::Result<()> {
        self.beneath().delete(name, sync)
    }

    fn replace(&self, target: &Path, name: &Path) -> io::Result<()> {
        self.beneath().replace(target, name)
    }

    fn exists(&self, name: &Path) -> io::Result<bool> {
        self.beneath().exists(name)
    }

    fn resolve(&self, name: &Path) -> io::Result<PathBuf> {
        self.beneath().resolve(name)
    }
}
