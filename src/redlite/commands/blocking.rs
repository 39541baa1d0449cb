//! Commands that wait until there is something to take.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
