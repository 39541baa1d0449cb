//! Finds a command by its name.

use std::sync::LazyLock;

use super::syntax::{self, Node};
use super::{Command, connection, expiry, hashes, keys, lists, server, sets, sorted_sets, strings};

/// The families' tables, in the order of [`super::Family`].
const TABLES: [&[Command]; 9] = [
    strings::COMMANDS,
    lists::COMMANDS,
    hashes::COMMANDS,
    sets::COMMANDS,
    sorted_sets::COMMANDS,
    keys::COMMANDS,
    expiry::COMMANDS,
    connection::COMMANDS,
    server::COMMANDS,
];

/// Every command, family by family.
pub fn commands() -> impl Iterator<Item = &'static Command> {
    TABLES.iter().copied().flatten()
}

/// The command of this name, in any case.
#[inline]
pub fn lookup(name: &[u8]) -> Option<&'static Command> {
    REGISTRY.find(name).map(|at| REGISTRY.rows[at].0)
}

/// The syntax tree of the command `name`.
///
/// # Panics
/// Where no row has this name, which only a `Command` made outside the tables can bring about.
pub(super) fn tree(name: &str) -> &'static [Node] {
    match REGISTRY.find(name.as_bytes()) {
        Some(at) => &REGISTRY.rows[at].1,
        None => panic!("{name} has no row in the command tables"),
    }
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::new);

/// More than four times the number of commands, so that a chain of collisions stays short. A power of two.
const SLOTS: usize = 1024;

/// A slot with no command.
const VACANT: u16 = u16::MAX;

/// A hash table with open addressing: an unknown command costs no more than a known one.
struct Registry {
    rows: Vec<(&'static Command, Box<[Node]>)>,
    slots: Box<[u16; SLOTS]>,
}

impl Registry {
    fn new() -> Self {
        let rows: Vec<_> = commands()
            .map(|command| match syntax::parse(command.syntax) {
                Ok(tree) => (command, tree),
                Err(error) => panic!("the row of {}: {error}", command.name),
            })
            .collect();
        let mut slots = Box::new([VACANT; SLOTS]);
        for (at, (command, _)) in rows.iter().enumerate() {
            let mut slot = first_slot(command.name.as_bytes());
            while slots[slot] != VACANT {
                slot = (slot + 1) % SLOTS;
            }
            slots[slot] = at as u16;
        }
        Self { rows, slots }
    }

    #[inline]
    fn find(&self, name: &[u8]) -> Option<usize> {
        let mut slot = first_slot(name);
        loop {
            match self.slots[slot] {
                VACANT => return None,
                at if self.rows[usize::from(at)].0.name.as_bytes().eq_ignore_ascii_case(name) => {
                    return Some(usize::from(at));
                }
                _ => slot = (slot + 1) % SLOTS,
            }
        }
    }
}

/// Where the search for `name` starts: from its length, its first and its last eight bytes, in either case.
#[inline]
fn first_slot(name: &[u8]) -> usize {
    const LOWER: u64 = 0x2020_2020_2020_2020;
    let (head, tail) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => (name.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)), 0),
    };
    let mixed = (head | LOWER).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (tail | LOWER).rotate_left(23) ^ name.len() as u64;
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_by_its_name_in_any_case() {
        for command in commands() {
            let name = command.name;
            let mixed: String =
                name.chars().enumerate().map(|(at, c)| if at % 2 == 0 { c.to_ascii_lowercase() } else { c }).collect();
            for spelling in [name.to_owned(), name.to_ascii_lowercase(), mixed] {
                let found = lookup(spelling.as_bytes()).map(|command| command.name);
                assert_eq!(found, Some(name), "lookup of {spelling}");
            }
        }
    }

    #[test]
    fn nothing_else_is_found() {
        for name in ["", "G", "GETT", "GE", "ZREVRANGEBYSCOR", "ZREVRANGEBYSCORES", "G\u{0}T", "gEt "] {
            assert!(lookup(name.as_bytes()).is_none(), "{name:?} was found");
        }
        assert!(lookup(&[b'G'; 100_000]).is_none());
    }

    #[test]
    fn names_are_distinct_and_in_capitals() {
        let mut names: Vec<&str> = commands().map(|command| command.name).collect();
        assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_uppercase())), "{names:?}");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), commands().count());
    }

    #[test]
    fn the_table_stays_sparse() {
        assert!(commands().count() * 4 < SLOTS, "raise SLOTS");
    }
}
