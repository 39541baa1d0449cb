use std::path::Path;

use crate::seed::Seed;

use super::CorpusError;

/// One line of the seed bank: `SEED GROUP DESCRIPTION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedEntry {
    /// The seed.
    pub seed: Seed,
    /// The generator's group, as written; whether it exists is for the caller to check.
    pub group: String,
    /// Why the seed is kept.
    pub description: String,
}

/// The seeds of `corpus/seeds.txt`, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeedBank {
    /// One entry a line.
    pub entries: Vec<SeedEntry>,
}

impl SeedBank {
    /// Reads the bank. No file: an empty bank.
    ///
    /// # Errors
    /// [`CorpusError::Io`], and [`CorpusError::Syntax`] with the line.
    pub fn load(_path: &Path) -> Result<Self, CorpusError> {
        todo!()
    }

    /// Appends an entry to the file and keeps every line of it; false where seed and group are already there.
    ///
    /// # Errors
    /// As [`SeedBank::load`]; [`CorpusError::Syntax`] where the entry cannot be one line.
    pub fn add(&mut self, _path: &Path, _entry: SeedEntry) -> Result<bool, CorpusError> {
        todo!()
    }
}
