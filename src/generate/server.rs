//! Arguments of commands on the server and its connections: none may harm what dst itself does there.

use resp::Argv;
use spec::syntax::Slot;

use super::arguments::Arguments;

/// Ids that no connection has: commands on connections must not meet dst's own.
const NO_CLIENTS: &[&[u8]] = &[b"99999999999", b"99999999999", b"9223372036854775807", b"4611686018427387904"];

/// What connections are called; the last three are refused.
const CLIENT_NAMES: &[&[u8]] = &[b"worker", b"worker-1", b"", b"w!~", b"caf\xc3\xa9", b"a b", b"a\n"];

const USERS: &[&[u8]] = &[b"default", b"default", b"default", b"nosuch", b"Default", b""];

const YES_OR_NO: &[&[u8]] = &[b"yes", b"yes", b"YES", b"no", b"nosuch"];

const COMMAND_NAMES: &[&[u8]] = &[b"get", b"SET", b"zadd", b"object", b"client|list", b"nosuch", b"config|nosuch", b""];

/// Commands, most of which take keys and nothing else.
const KEYED_COMMANDS: &[&[u8]] = &[
    b"del", b"EXISTS", b"mget", b"sunion", b"touch", b"watch", b"get", b"mset", b"rename", b"sort", b"nosuch", b"ping",
];

/// Parameters that have the same setting on every server that dst compares, with it.
const PARAMETERS: &[(&[u8], &[u8])] = &[
    (b"maxmemory-policy", b"noeviction"),
    (b"maxmemory", b"0"),
    (b"MaxMemory", b"0mb"),
    (b"timeout", b"0"),
    (b"hash-max-listpack-entries", b"512"),
    (b"zset-max-listpack-value", b"64"),
    (b"list-max-listpack-size", b"-2"),
    (b"proto-max-bulk-len", b"512mb"),
    (b"appendonly", b"no"),
    (b"slowlog-log-slower-than", b"10000"),
    (b"maxmemory-samples", b"5"),
    (b"databases", b"16"),
    (b"nosuch", b"1"),
];

/// Settings that no parameter can have.
const BAD_SETTINGS: &[&[u8]] = &[b"nosuch", b"-99999999999", b"1.5"];

const SECTIONS: &[&[u8]] = &[b"server", b"keyspace", b"memory", b"clients", b"all", b"default", b"nosuch", b"STATS"];

impl Arguments {
    /// Appends an argument of this kind.
    pub(super) fn write_server_word(&mut self, slot: Slot, argv: &mut Argv) {
        match slot {
            Slot::ClientId => self.push_one(NO_CLIENTS, argv),
            Slot::ClientName => self.push_one(CLIENT_NAMES, argv),
            Slot::User => self.push_one(USERS, argv),
            Slot::YesOrNo => self.push_one(YES_OR_NO, argv),
            Slot::CommandName => self.push_one(COMMAND_NAMES, argv),
            Slot::KeyedCommand => self.push_one(KEYED_COMMANDS, argv),
            Slot::Parameter => argv.push(self.values.pick(PARAMETERS).0),
            Slot::Setting => self.write_setting(argv),
            Slot::Section => self.push_one(SECTIONS, argv),
            // One replica would be waited for in vain.
            _ => argv.push(b"0"),
        }
    }

    /// The setting that the parameter before it has, so that nothing changes, or one that is refused.
    fn write_setting(&mut self, argv: &mut Argv) {
        let parameter = argv.len().checked_sub(1).and_then(|last| argv.get(last)).unwrap_or_default();
        let setting = PARAMETERS.iter().find(|(name, _)| *name == parameter).map(|(_, setting)| *setting);
        match setting {
            Some(setting) if !self.values.chance(1, 6) => argv.push(setting),
            _ => self.push_one(BAD_SETTINGS, argv),
        }
    }
}
