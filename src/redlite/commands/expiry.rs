//! Commands on expiry.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
