//! Commands on keys.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
