//! Commands on lists.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
