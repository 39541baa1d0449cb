//! CLIENT: what the server knows of its connections.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
