//! SORT and SORT_RO.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
