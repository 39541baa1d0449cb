//! OBJECT: how a key is kept.

use super::Row;

pub(super) const COMMANDS: &[Row] = &[];
