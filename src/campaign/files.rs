//! Trace files on disk.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::CampaignError;
use crate::trace::{Limits, Reader, TraceError};

/// What the name of a trace file ends with.
pub const EXTENSION: &str = "trace";

/// Opens a trace file of any form.
///
/// # Errors
/// [`CampaignError::Trace`] where it cannot be opened or is no trace.
pub fn open(path: &Path) -> Result<Reader, CampaignError> {
    let open = || Reader::open(Box::new(File::open(path)?), Limits::default());
    open().map_err(|source: TraceError| CampaignError::Trace { name: path.display().to_string(), source })
}

/// Every trace file below a folder, sorted by path. A link to a folder is not followed.
///
/// # Errors
/// Where a folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, CampaignError> {
    let mut found = Vec::new();
    collect(folder, &mut found)
        .map_err(|source| CampaignError::Folder { path: folder.display().to_string(), source })?;
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == EXTENSION) {
            found.push(path);
        }
    }
    Ok(())
}

/// A path as a shell takes it: quoted only where it must be.
pub fn quote(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !path.is_empty() && path.chars().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_where_a_shell_would_change_them() {
        let check = |path, expected: &str| assert_eq!(quote(path), expected);
        check("traces/lists-1.trace", "traces/lists-1.trace");
        check("my traces/a.trace", "'my traces/a.trace'");
        check("it's.trace", r"'it'\''s.trace'");
        check("", "''");
    }
}
