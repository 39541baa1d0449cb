//! Commands on strings that estimate how many different elements they have seen.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
