//! Commands on sorted sets of positions.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
