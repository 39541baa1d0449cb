//! Commands on sorted sets of positions.

use super::Command;

pub(super) const COMMANDS: &[Command] = &[];
