//! Commands on the bits of strings.

use super::Command;

pub(super) const COMMANDS: &[Command] = &[];
