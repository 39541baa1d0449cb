//! Finds a command by its name.

use std::sync::LazyLock;

use super::syntax::{self, Node};
use super::{Command, bitmaps, blocking, connection, expiry, geo, hashes, hyperloglog, keys, lists};
use super::{pubsub, search, server, sets, sorted_sets, streams, strings, transactions};
use resp::Argv;

/// The families' tables, in the order of [`super::Family`].
const TABLES: &[&[Command]] = &[
    strings::COMMANDS,
    lists::COMMANDS,
    hashes::COMMANDS,
    sets::COMMANDS,
    sorted_sets::COMMANDS,
    bitmaps::COMMANDS,
    hyperloglog::COMMANDS,
    geo::COMMANDS,
    streams::COMMANDS,
    keys::COMMANDS,
    expiry::COMMANDS,
    transactions::COMMANDS,
    pubsub::COMMANDS,
    blocking::COMMANDS,
    search::COMMANDS,
    connection::COMMANDS,
    server::COMMANDS,
];

/// Every command, family by family.
pub fn commands() -> impl Iterator<Item = &'static Command> {
    TABLES.iter().copied().flatten()
}

/// The command of this name, in any case. A subcommand's name has both words.
#[inline]
pub fn lookup(name: &[u8]) -> Option<&'static Command> {
    REGISTRY.find(name).map(|at| REGISTRY.rows[at].command)
}

/// The command that a request names: of one with subcommands the row of the subcommand, where it names one.
#[inline]
pub fn lookup_request(argv: &Argv) -> Option<&'static Command> {
    position(argv).map(|at| REGISTRY.rows[at].command)
}

/// As [`lookup_request`]: the command's place in the order of [`commands`].
#[inline]
pub fn position(argv: &Argv) -> Option<usize> {
    let at = REGISTRY.find(argv.get(0)?)?;
    if !REGISTRY.rows[at].is_container {
        return Some(at);
    }
    Some(argv.get(1).and_then(|sub| REGISTRY.find_subcommand(at, sub)).unwrap_or(at))
}

/// True for a row whose command does nothing without a subcommand (`XGROUP`).
pub fn is_container(command: &Command) -> bool {
    REGISTRY.find(command.name.as_bytes()).is_some_and(|at| REGISTRY.rows[at].is_container)
}

/// The syntax tree of the command `name`.
///
/// # Panics
/// Where no row has this name, which only a `Command` made outside the tables can bring about.
pub(super) fn tree(name: &str) -> &'static [Node] {
    match REGISTRY.find(name.as_bytes()) {
        Some(at) => &REGISTRY.rows[at].tree,
        None => panic!("{name} has no row in the command tables"),
    }
}

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::new);

/// More than four times the number of commands, so that a chain of collisions stays short. A power of two.
const SLOTS: usize = 2048;

/// A slot with no command.
const VACANT: u16 = u16::MAX;

/// The longest name of a command with its subcommand, in bytes.
const NAME_BYTES_MAX: usize = 48;

struct Row {
    command: &'static Command,
    tree: Box<[Node]>,
    is_container: bool,
}

/// A hash table with open addressing: an unknown command costs no more than a known one.
struct Registry {
    rows: Vec<Row>,
    slots: Box<[u16; SLOTS]>,
}

impl Registry {
    fn new() -> Self {
        let rows: Vec<_> = commands()
            .map(|command| match syntax::parse(command.syntax) {
                Ok(tree) => Row { command, tree, is_container: has_subcommands(command.name) },
                Err(error) => panic!("the row of {}: {error}", command.name),
            })
            .collect();
        let mut slots = Box::new([VACANT; SLOTS]);
        for (at, row) in rows.iter().enumerate() {
            let mut slot = first_slot(row.command.name.as_bytes());
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
                at if is_name(self.rows[usize::from(at)].command, name) => return Some(usize::from(at)),
                _ => slot = (slot + 1) % SLOTS,
            }
        }
    }
}

impl Registry {
    /// The row of a container's subcommand.
    fn find_subcommand(&self, container: usize, sub: &[u8]) -> Option<usize> {
        let name = self.rows[container].command.name.as_bytes();
        let length = name.len() + 1 + sub.len();
        let mut both = [b' '; NAME_BYTES_MAX];
        both.get_mut(..name.len())?.copy_from_slice(name);
        both.get_mut(name.len() + 1..length)?.copy_from_slice(sub);
        self.find(&both[..length])
    }
}

fn has_subcommands(name: &str) -> bool {
    let is_sub = |command: &Command| command.name.strip_prefix(name).is_some_and(|rest| rest.starts_with(' '));
    commands().any(is_sub)
}

/// True for the command's name in any case. Most requests have it as the tables do, and that is told faster.
#[inline]
fn is_name(command: &Command, name: &[u8]) -> bool {
    command.name.as_bytes() == name || command.name.as_bytes().eq_ignore_ascii_case(name)
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
        let is_plain = |name: &&str| name.bytes().all(|byte| byte.is_ascii_uppercase() || b" ._-".contains(&byte));
        assert!(names.iter().all(is_plain), "{names:?}");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), commands().count());
    }

    #[test]
    fn the_table_stays_sparse() {
        assert!(commands().count() * 4 < SLOTS, "raise SLOTS");
    }
}
