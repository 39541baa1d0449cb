//! Commands on channels.

use super::Command;

pub(super) const COMMANDS: &[Command] = &[];
