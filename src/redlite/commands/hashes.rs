//! Commands on hashes.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
