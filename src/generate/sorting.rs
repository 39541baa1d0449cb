//! Patterns of SORT: of keys that are there where the elements are numbers.

use resp::Argv;
use spec::syntax::Slot;

use super::arguments::Arguments;

/// What SORT sorts by: keys that are numbers, fields of hashes, and what names one key for all.
const WEIGHT_PATTERNS: &[&[u8]] = &[
    b"num:*",
    b"num:*",
    b"num:*",
    b"hash:*->f1",
    b"hash:*->f3",
    b"nosort",
    b"num:1",
    b"nosuch:*",
    b"#",
    b"*",
    b"str:*",
    b"list:*",
    b"hash:*->",
];

/// What SORT sorts by as text.
const TEXT_PATTERNS: &[&[u8]] =
    &[b"str:*", b"str:*", b"num:*", b"hash:*->f0", b"hash:*->f1", b"nosuch:*", b"*", b"hash:*->nosuch", b"set:*"];

/// What SORT answers.
const GET_PATTERNS: &[&[u8]] =
    &[b"#", b"#", b"num:*", b"str:*", b"hash:*->f0", b"hash:*->f1", b"nosuch:*", b"str:1", b"*", b"hash:*->", b"#*"];

impl Arguments {
    /// Appends a pattern of this kind.
    pub(super) fn write_sort_pattern(&mut self, slot: Slot, argv: &mut Argv) {
        let patterns = match slot {
            Slot::TextPattern => TEXT_PATTERNS,
            Slot::GetPattern => GET_PATTERNS,
            _ => WEIGHT_PATTERNS,
        };
        self.push_one(patterns, argv);
    }
}
