//! Commands on strings.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
