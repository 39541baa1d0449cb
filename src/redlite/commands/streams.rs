//! Commands on streams.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
