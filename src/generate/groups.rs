//! The table of groups, and which commands each draws from.

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use spec::{Command, Family, Module, commands, is_container};

use super::arguments::Type;
use super::connections::Rates;
use super::walk::Plan;
use super::weights::{ANY_TYPE, BACKGROUND, ON_STRINGS, OWN_WEIGHTS, WEIGHT};

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
    /// The fewest connections.
    pub(super) conns_min: u16,
    /// The most connections.
    pub(super) conns_max: u16,
    /// The most databases.
    pub(super) dbs_max: u32,
    /// True where it sends raw bytes instead of requests.
    pub(super) raw: bool,
    /// What the connections do, usually.
    pub(super) rates: Rates,
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
            conns_min: 1,
            conns_max: 1,
            dbs_max: 3,
            raw: false,
            rates: Rates::TURNS,
        }
    }

    /// The module that a server must have to know the group's commands; `None` where every Redis knows them.
    pub fn module(&self) -> Option<&'static Module> {
        self.families.iter().find_map(|family| family.module())
    }

    /// True where it sends raw bytes instead of requests.
    pub fn sends_raw_bytes(&self) -> bool {
        self.raw
    }

    /// True where its hashes are documents of indexes.
    pub(super) fn has_documents(&self) -> bool {
        self.families.contains(&Family::Search)
    }

    /// True where its keys hold strings of a form of their own, which commands on strings see and break.
    pub(super) fn has_own_strings(&self) -> bool {
        matches!(self.types, [Type::Bits | Type::HyperLogLog])
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

const TRANSACTIONS_FAMILIES: &[Family] = &[
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
    Family::Transactions,
];

const BLOCKING_FAMILIES: &[Family] = &[Family::Blocking, Family::Lists, Family::SortedSets, Family::Streams];

const MIXED_FAMILIES: &[Family] = &[
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
    Family::Transactions,
    Family::PubSub,
    Family::Blocking,
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
    Group { name: "bitmaps", about: "bits and bit fields of strings", ..Group::of(&[Family::Bitmaps], &[Type::Bits]) },
    // hyperloglog
    Group { name: "hyperloglog", about: "HyperLogLogs", ..Group::of(&[Family::HyperLogLog], &[Type::HyperLogLog]) },
    // geo
    Group { name: "geo", about: "sorted sets of positions", ..Group::of(&[Family::Geo], &[Type::Geo]) },
    // streams
    Group {
        name: "streams",
        about: "streams and their consumer groups, up to three connections",
        advance_mean: 20,
        conns_max: 3,
        ..Group::of(&[Family::Streams], &[Type::Stream])
    },
    // transactions
    Group {
        name: "transactions",
        about: "MULTI, EXEC and WATCH, while other connections write",
        conns_min: 2,
        conns_max: 3,
        rates: Rates { switch: 4, transaction: 6, wait: 150, end: 120, ..Rates::TURNS },
        ..Group::of(TRANSACTIONS_FAMILIES, ALL_TYPES)
    },
    // channels
    Group {
        name: "pubsub",
        about: "messages to the subscribers of channels and patterns",
        conns_min: 2,
        conns_max: 4,
        rates: Rates { switch: 3, transaction: 60, subscription: 8, end: 80, ..Rates::TURNS },
        ..Group::of(&[Family::PubSub, Family::Connection], &[Type::Text])
    },
    // blocking
    Group {
        name: "blocking",
        about: "commands that wait, and what other connections give them",
        advance_mean: 60,
        conns_min: 2,
        conns_max: 4,
        rates: Rates { switch: 8, transaction: 80, subscription: 400, wait: 8, end: 150 },
        ..Group::of(BLOCKING_FAMILIES, &[Type::List, Type::SortedSet, Type::Stream])
    },
    // search
    Group {
        name: "search",
        about: "indexes over hashes, for servers with RediSearch",
        dbs_max: 1,
        ..Group::of(&[Family::Search, Family::Hashes], &[Type::Hash])
    },
    // protocol
    Group {
        name: "protocol",
        about: "raw bytes: requests cut anywhere, and what is no request",
        conns_max: 2,
        raw: true,
        ..Group::of(&[], &[Type::Text])
    },
    Group {
        name: "keys",
        about: "keys of every type, databases, two connections",
        advance_mean: 40,
        conns_max: 2,
        rates: Rates { end: 500, ..Rates::TURNS },
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
        rates: Rates { end: 500, ..Rates::TURNS },
        ..Group::of(ALL_FAMILIES, ALL_TYPES)
    },
    Group {
        name: "mixed",
        about: "every family, up to three connections",
        wrong_type_mean: 24,
        advance_mean: 40,
        conns_max: 3,
        rates: Rates { switch: 20, transaction: 100, subscription: 300, wait: 200, end: 400 },
        ..Group::of(MIXED_FAMILIES, ALL_TYPES)
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
    let own_strings = if group.has_own_strings() { weight_in(ON_STRINGS, name) } else { None };
    any_type.or(own_strings).or_else(|| weight_in(BACKGROUND, name)).unwrap_or(0)
}

/// The commands of `group` with their weights, worked out once in a process: seeds are many and short.
pub(super) fn plans(group: &Group) -> &'static [(Plan, u32)] {
    static PLANS: [OnceLock<Vec<(Plan, u32)>>; GROUPS.len()] = [const { OnceLock::new() }; GROUPS.len()];
    let at = GROUPS.iter().position(|row| row.name == group.name);
    at.map_or(&[], |at| PLANS[at].get_or_init(|| prepare(&GROUPS[at])))
}

/// The command of this name, also where it is no command of a group.
///
/// # Panics
/// Where no row has this name: the generator names only commands of the tables.
pub(super) fn plan(name: &str) -> &'static Plan {
    static PLANS: LazyLock<BTreeMap<&str, Plan>> =
        LazyLock::new(|| commands().map(|command| (command.name, Plan::new(command))).collect());
    PLANS.get(name).unwrap_or_else(|| panic!("{name} has no row in the command tables"))
}

fn prepare(group: &Group) -> Vec<(Plan, u32)> {
    let weighted = commands().map(|command| (Plan::new(command), weight(group, command)));
    weighted.filter(|(_, weight)| *weight > 0).collect()
}
