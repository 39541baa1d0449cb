//! Commands on indexes over hashes.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
