//! Commands on channels.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
