//! Commands that wait until there is something to take.

use super::Command;

pub(super) const COMMANDS: &[Command] = &[];
