//! Commands on sorted_sets.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
