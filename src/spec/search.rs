//! Commands on indexes over hashes: those of the search module, which Debian's Redis does not have.

use super::Command;

pub(super) const COMMANDS: &[Command] = &[];
