//! Commands on strings that estimate how many different elements they have seen.

use super::Command;

pub(super) const COMMANDS: &[Command] = &[];
