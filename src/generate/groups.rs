//! The table of groups, and which commands each draws from.

use std::sync::LazyLock;

use crate::spec::{Command, Family, Fidelity, Module, commands, is_container};

use super::arguments::Type;
use super::walk::Plan;
use super::weights::{ANY_TYPE, BACKGROUND, OWN_WEIGHTS, WEIGHT};

/// A profile of operations: a row of the group table.
#[derive(Debug)]
pub struct Group {
    /// As the command line names it.
    pub name: &'static str,
    /// One line for the help.
    pub about: &'static str,
    /// The families it is about.
    pub(super) families: &'static [Family],
    /// What its keys usually hold.
    pub(super) types: &'static [Type],
    /// One request in so many is spoilt, on average over the seeds.
    pub(super) mistake_mean: u32,
    /// One key in so many is of another type, on average over the seeds.
    pub(super) wrong_type_mean: u32,
    /// The clock moves once in so many operations, on average over the seeds.
    pub(super) advance_mean: u32,
    /// The most connections.
    pub(super) conns_max: u16,
    /// The most databases.
    pub(super) dbs_max: u32,
}

impl Group {
    /// What most rows share: a family on its own, on one connection, with few mistakes.
    const fn of(families: &'static [Family], types: &'static [Type]) -> Group {
        Group {
            name: "",
            about: "",
            families,
            types,
            mistake_mean: 24,
            wrong_type_mean: 40,
            advance_mean: 100,
            conns_max: 1,
            dbs_max: 3,
        }
    }

    /// The module that a server must have to know the group's commands; `None` where every Redis knows them.
    pub fn module(&self) -> Option<&'static Module> {
        self.families.iter().find_map(|family| family.module())
    }

    /// True where its hashes are documents of indexes.
    pub(super) fn has_documents(&self) -> bool {
        self.families.contains(&Family::Search)
    }
}

const ALL_TYPES: &[Type] = &[
    Type::Text,
    Type::Number,
    Type::List,
    Type::Hash,
    Type::Set,
    Type::SortedSet,
    Type::Bits,
    Type::HyperLogLog,
    Type::Geo,
    Type::Stream,
];

const ALL_FAMILIES: &[Family] = &[
    Family::Strings,
    Family::Lists,
    Family::Hashes,
    Family::Sets,
    Family::SortedSets,
    Family::Bitmaps,
    Family::HyperLogLog,
    Family::Geo,
    Family::Streams,
    Family::Keys,
    Family::Expiry,
    Family::Connection,
    Family::Server,
];

const KEYS_FAMILIES: &[Family] = &[Family::Keys, Family::Connection, Family::Server];

const GROUPS: &[Group] = &[
    Group {
        name: "strings",
        about: "strings and counters",
        ..Group::of(&[Family::Strings], &[Type::Text, Type::Number])
    },
    Group { name: "lists", about: "lists", ..Group::of(&[Family::Lists], &[Type::List]) },
    Group { name: "hashes", about: "hashes", ..Group::of(&[Family::Hashes], &[Type::Hash]) },
    Group { name: "sets", about: "sets", ..Group::of(&[Family::Sets], &[Type::Set]) },
    Group { name: "sorted-sets", about: "sorted sets", ..Group::of(&[Family::SortedSets], &[Type::SortedSet]) },
    // bitmaps

    // hyperloglog

    // geo

    // streams

    // transactions

    // channels

    // blocking

    // search
    Group {
        name: "search",
        about: "indexes over hashes, for servers with RediSearch",
        dbs_max: 1,
        ..Group::of(&[Family::Search, Family::Hashes], &[Type::Hash])
    },
    // protocol
    Group {
        name: "keys",
        about: "keys of every type, databases, two connections",
        advance_mean: 40,
        conns_max: 2,
        ..Group::of(KEYS_FAMILIES, ALL_TYPES)
    },
    Group {
        name: "expiry",
        about: "keys that expire while the clock moves",
        advance_mean: 12,
        ..Group::of(&[Family::Expiry], ALL_TYPES)
    },
    Group {
        name: "errors",
        about: "requests of every family that a server must refuse",
        mistake_mean: 3,
        wrong_type_mean: 8,
        ..Group::of(ALL_FAMILIES, ALL_TYPES)
    },
    Group {
        name: "mixed",
        about: "every family, two connections",
        wrong_type_mean: 24,
        advance_mean: 40,
        conns_max: 2,
        ..Group::of(ALL_FAMILIES, ALL_TYPES)
    },
];

/// The table of groups.
pub fn groups() -> &'static [Group] {
    GROUPS
}

/// The group of this name.
pub fn group(name: &str) -> Option<&'static Group> {
    groups().iter().find(|group| group.name == name)
}

fn weight_in(table: &[(&str, u32)], name: &str) -> Option<u32> {
    table.iter().find(|(listed, _)| *listed == name).map(|(_, weight)| *weight)
}

/// How often `command` comes in `group` before the seed has its say; 0 is never.
fn weight(group: &Group, command: &Command) -> u32 {
    let name = command.name;
    if is_container(command) {
        return 0;
    }
    if group.families.contains(&command.family) {
        return weight_in(OWN_WEIGHTS, name).unwrap_or(WEIGHT);
    }
    let any_type = if group.types.len() == ALL_TYPES.len() { weight_in(ANY_TYPE, name) } else { None };
    any_type.or_else(|| weight_in(BACKGROUND, name)).unwrap_or(0)
}

/// The commands of `group` with their weights, worked out once in a process: seeds are many and short.
pub(super) fn plans(group: &Group) -> &'static [(Plan, u32)] {
    static PLANS: LazyLock<Vec<Vec<(Plan, u32)>>> = LazyLock::new(|| GROUPS.iter().map(prepare).collect());
    let at = GROUPS.iter().position(|row| row.name == group.name);
    at.map_or(&[], |at| &PLANS[at])
}

fn prepare(group: &Group) -> Vec<(Plan, u32)> {
    let weighted = commands().map(|command| (Plan::new(command), weight(group, command)));
    weighted.filter(|(_, weight)| *weight > 0).collect()
}

/// True for commands whose replies cannot be compared one by one: each makes a replay stop and look.
pub(super) fn is_loose(command: &Command) -> bool {
    let random = matches!(command.fidelity, Fidelity::RandomPick | Fidelity::RandomPop | Fidelity::Cursor);
    random || command.fidelity == Fidelity::ServerFact || command.name == "DBSIZE"
}
