//! Commands on the bits of strings.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
