//! Commands of Redis 7.0 that have no row in the families' tables, each with the reason.
//!
//! With the families' rows, this is every command of `COMMAND LIST`: a test holds them against each other. A command that
//! gets a row loses its line here.

/// A command that dst neither generates nor compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct LeftOut {
    /// In capitals; a subcommand with both words.
    pub command: &'static str,
    /// Why.
    pub reason: &'static str,
}

const SCRIPTING: &str = "scripting: Redlite runs no Lua";
const SERIALIZED: &str = "the serialized form of values is Redis' own, and another in each version";
const CLUSTER: &str = "cluster: Redlite is one node";
const REPLICATION: &str = "replication: Redlite has no replicas";
const ACL: &str = "users: Redlite has one, whom AUTH lets in";
const MODULES: &str = "modules are shared libraries for Redis";
const OTHER_SERVERS: &str = "it sends keys to another server";
const STREAMED: &str = "it turns a connection into a log of what all others do";
const PROCESS: &str = "it ends the server, or is about the files of its persistence";
const INTERNAL: &str = "it is for those who work on Redis itself";
const HELP: &str = "it prints a page of help for people";

const fn row(command: &'static str, reason: &'static str) -> LeftOut {
    LeftOut { command, reason }
}

/// The commands by reason, then by name.
#[rustfmt::skip] // a table: one row a line
pub const LEFT_OUT: &[LeftOut] = &[
    row("EVAL", SCRIPTING),
    row("EVAL_RO", SCRIPTING),
    row("EVALSHA", SCRIPTING),
    row("EVALSHA_RO", SCRIPTING),
    row("FCALL", SCRIPTING),
    row("FCALL_RO", SCRIPTING),
    row("FUNCTION", SCRIPTING),
    row("FUNCTION DELETE", SCRIPTING),
    row("FUNCTION DUMP", SCRIPTING),
    row("FUNCTION FLUSH", SCRIPTING),
    row("FUNCTION HELP", SCRIPTING),
    row("FUNCTION KILL", SCRIPTING),
    row("FUNCTION LIST", SCRIPTING),
    row("FUNCTION LOAD", SCRIPTING),
    row("FUNCTION RESTORE", SCRIPTING),
    row("FUNCTION STATS", SCRIPTING),
    row("SCRIPT", SCRIPTING),
    row("SCRIPT DEBUG", SCRIPTING),
    row("SCRIPT EXISTS", SCRIPTING),
    row("SCRIPT FLUSH", SCRIPTING),
    row("SCRIPT HELP", SCRIPTING),
    row("SCRIPT KILL", SCRIPTING),
    row("SCRIPT LOAD", SCRIPTING),
    row("DUMP", SERIALIZED),
    row("RESTORE", SERIALIZED),
    row("RESTORE-ASKING", SERIALIZED),
    row("ASKING", CLUSTER),
    row("CLUSTER", CLUSTER),
    row("CLUSTER ADDSLOTS", CLUSTER),
    row("CLUSTER ADDSLOTSRANGE", CLUSTER),
    row("CLUSTER BUMPEPOCH", CLUSTER),
    row("CLUSTER COUNT-FAILURE-REPORTS", CLUSTER),
    row("CLUSTER COUNTKEYSINSLOT", CLUSTER),
    row("CLUSTER DELSLOTS", CLUSTER),
    row("CLUSTER DELSLOTSRANGE", CLUSTER),
    row("CLUSTER FAILOVER", CLUSTER),
    row("CLUSTER FLUSHSLOTS", CLUSTER),
    row("CLUSTER FORGET", CLUSTER),
    row("CLUSTER GETKEYSINSLOT", CLUSTER),
    row("CLUSTER HELP", CLUSTER),
    row("CLUSTER INFO", CLUSTER),
    row("CLUSTER KEYSLOT", CLUSTER),
    row("CLUSTER LINKS", CLUSTER),
    row("CLUSTER MEET", CLUSTER),
    row("CLUSTER MYID", CLUSTER),
    row("CLUSTER NODES", CLUSTER),
    row("CLUSTER REPLICAS", CLUSTER),
    row("CLUSTER REPLICATE", CLUSTER),
    row("CLUSTER RESET", CLUSTER),
    row("CLUSTER SAVECONFIG", CLUSTER),
    row("CLUSTER SET-CONFIG-EPOCH", CLUSTER),
    row("CLUSTER SETSLOT", CLUSTER),
    row("CLUSTER SHARDS", CLUSTER),
    row("CLUSTER SLAVES", CLUSTER),
    row("CLUSTER SLOTS", CLUSTER),
    row("READONLY", CLUSTER),
    row("READWRITE", CLUSTER),
    row("FAILOVER", REPLICATION),
    row("PSYNC", REPLICATION),
    row("REPLCONF", REPLICATION),
    row("REPLICAOF", REPLICATION),
    row("ROLE", REPLICATION),
    row("SLAVEOF", REPLICATION),
    row("SYNC", REPLICATION),
    row("ACL", ACL),
    row("ACL CAT", ACL),
    row("ACL DELUSER", ACL),
    row("ACL DRYRUN", ACL),
    row("ACL GENPASS", ACL),
    row("ACL GETUSER", ACL),
    row("ACL HELP", ACL),
    row("ACL LIST", ACL),
    row("ACL LOAD", ACL),
    row("ACL LOG", ACL),
    row("ACL SAVE", ACL),
    row("ACL SETUSER", ACL),
    row("ACL USERS", ACL),
    row("ACL WHOAMI", ACL),
    row("MODULE", MODULES),
    row("MODULE HELP", MODULES),
    row("MODULE LIST", MODULES),
    row("MODULE LOAD", MODULES),
    row("MODULE LOADEX", MODULES),
    row("MODULE UNLOAD", MODULES),
    row("MIGRATE", OTHER_SERVERS),
    row("MONITOR", STREAMED),
    row("BGREWRITEAOF", PROCESS),
    row("BGSAVE", PROCESS),
    row("LASTSAVE", PROCESS),
    row("SAVE", PROCESS),
    row("SHUTDOWN", PROCESS),
    row("LOLWUT", INTERNAL),
    row("COMMAND GETKEYSANDFLAGS", INTERNAL),
    row("PFDEBUG", INTERNAL),
    row("PFSELFTEST", INTERNAL),
    row("CLIENT HELP", HELP),
    row("COMMAND HELP", HELP),
    row("CONFIG HELP", HELP),
    row("LATENCY HELP", HELP),
    row("MEMORY HELP", HELP),
    row("OBJECT HELP", HELP),
    row("PUBSUB HELP", HELP),
    row("SLOWLOG HELP", HELP),
    row("XGROUP HELP", HELP),
    row("XINFO HELP", HELP),
];
