//! Commands on sets.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
