//! Commands on the server: COMMAND, CONFIG, INFO and their like.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
