//! The table of groups, and how often each command comes.

use std::sync::LazyLock;

use crate::spec::{Command, Family, Fidelity, commands};

use super::arguments::Type;
use super::walk::Plan;

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
        }
    }
}

const ALL_TYPES: &[Type] = &[Type::Text, Type::Number, Type::List, Type::Hash, Type::Set, Type::SortedSet];

const ALL_FAMILIES: &[Family] = &[
    Family::Strings,
    Family::Lists,
    Family::Hashes,
    Family::Sets,
    Family::SortedSets,
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

/// How often a command of a group's families comes, unless [`OWN_WEIGHTS`] says otherwise.
const WEIGHT: u32 = 100;

/// Commands that come more or less often than others of their family: what makes keys comes often enough that
/// the rest finds some, and what empties a database comes rarely.
const OWN_WEIGHTS: &[(&str, u32)] = &[
    ("SET", 300),
    ("MSET", 150),
    ("INCR", 200),
    ("INCRBY", 200),
    ("TTL", 200),
    ("SETEX", 200),
    ("PSETEX", 150),
    ("GETEX", 600),
    ("LPOS", 200),
    ("RENAME", 250),
    ("COPY", 200),
    ("EXPIRE", 500),
    ("PEXPIRE", 300),
    ("SDIFF", 200),
    ("RPUSH", 300),
    ("LPUSH", 300),
    ("HSET", 300),
    ("HMSET", 150),
    ("SADD", 400),
    ("ZADD", 900),
    ("LREM", 200),
    ("ZRANGEBYSCORE", 250),
    ("ZREMRANGEBYLEX", 40),
    ("ZREMRANGEBYRANK", 40),
    ("ZREMRANGEBYSCORE", 40),
    ("ZDIFFSTORE", 50),
    ("ZINTERSTORE", 50),
    ("ZRANGESTORE", 50),
    ("DEL", 60),
    ("UNLINK", 60),
    ("SELECT", 40),
    ("MOVE", 60),
    ("ECHO", 20),
    ("PING", 20),
    ("SWAPDB", 12),
    ("FLUSHDB", 15),
    ("FLUSHALL", 6),
    ("HELLO", 0),
    ("INFO", 0),
];

/// What a group has of families that are not its own: keys of other types to be wrong about, and what happens to
/// keys of any type.
const BACKGROUND: &[(&str, u32)] = &[
    ("SET", 30),
    ("INCRBY", 10),
    ("RPUSH", 20),
    ("HSET", 20),
    ("SADD", 20),
    ("ZADD", 20),
    ("DEL", 40),
    ("TYPE", 20),
    ("EXISTS", 20),
    ("EXPIRE", 20),
    ("PEXPIRE", 10),
    ("TTL", 10),
    ("PERSIST", 5),
    ("RENAME", 10),
    ("COPY", 10),
    ("MOVE", 5),
    ("SELECT", 8),
    ("KEYS", 5),
    ("DBSIZE", 2),
    ("FLUSHDB", 2),
];

/// In the groups of keys and expiry, commands that make and read keys of every type.
const ANY_TYPE: &[(&str, u32)] = &[
    ("SET", 200),
    ("SETEX", 40),
    ("PSETEX", 40),
    ("GETEX", 60),
    ("GET", 40),
    ("APPEND", 20),
    ("INCRBY", 40),
    ("RPUSH", 80),
    ("LPOP", 20),
    ("LLEN", 20),
    ("HSET", 80),
    ("HGET", 20),
    ("HDEL", 20),
    ("SADD", 80),
    ("SREM", 20),
    ("SCARD", 20),
    ("SINTERSTORE", 20),
    ("ZADD", 80),
    ("ZREM", 20),
    ("ZSCORE", 20),
    ("ZUNIONSTORE", 20),
];

/// Commands that no seed switches off: without them a group has no data, or too much.
pub(super) const ALWAYS_ON: &[&str] = &["SET", "INCRBY", "RPUSH", "HSET", "SADD", "ZADD", "DEL"];

fn weight_in(table: &[(&str, u32)], name: &str) -> Option<u32> {
    table.iter().find(|(listed, _)| *listed == name).map(|(_, weight)| *weight)
}

/// How often `command` comes in `group` before the seed has its say; 0 is never.
fn weight(group: &Group, command: &Command) -> u32 {
    let name = command.name;
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
