//! Commands on transactions.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
