//! Keeps a trace from doing harm to a server that dst did not start.
//!
//! A trace may come from a stranger. Most commands of [`spec`] change keys only, and the server was empty. Of those on
//! the server itself and its connections, some reach further (CONFIG SET, CLIENT KILL): they are sent only where they
//! stand in a list here. Of any other command (SHUTDOWN, REPLICAOF) nothing is known. Where the server has no such
//! command either, it is safe to send: traces test how unknown commands are refused.

use std::collections::BTreeSet;

use super::TargetError;
use super::server::Server;
use crate::trace::{Act, Op};
use resp::{Argv, Reply};
use spec::{self, Command, Family};

/// How many names are remembered.
const NAMES_MAX: usize = 1000;

/// What is known about the commands of one server.
#[derive(Default)]
pub(super) struct Guard {
    /// Names that the server knows no command of.
    unknown_there: BTreeSet<Vec<u8>>,
}

impl Guard {
    /// Looks through `ops` before any of them is sent.
    ///
    /// # Errors
    /// [`TargetError::Harmful`] where one could do harm beyond the keys of the trace.
    pub fn check(&mut self, server: &mut Server, ops: &[Op]) -> Result<(), TargetError> {
        if server.is_at_disposal() {
            return Ok(());
        }
        for op in ops {
            match &op.act {
                Act::Call(argv) => self.check_call(server, argv)?,
                Act::Raw(_) => return Err(harmful(server, "raw bytes".to_owned())),
                _ => {}
            }
        }
        Ok(())
    }

    fn check_call(&mut self, server: &mut Server, argv: &Argv) -> Result<(), TargetError> {
        let Some(name) = argv.get(0) else { return Ok(()) };
        if let Some(command) = spec::lookup_request(argv) {
            return if stays_in_trace(command) {
                Ok(())
            } else {
                Err(harmful(server, format!("the command {}", command.name)))
            };
        }
        if self.unknown_there.contains(name) {
            return Ok(());
        }
        if !is_unknown(server, name)? {
            let name = name.escape_ascii().to_string().to_uppercase();
            return Err(harmful(server, format!("the command {name}")));
        }
        if self.unknown_there.len() < NAMES_MAX {
            self.unknown_there.insert(name.to_vec());
        }
        Ok(())
    }
}

/// Commands on the server and its connections that change nothing but the trace's own connection and keys.
#[rustfmt::skip]
const HARMLESS: &[&str] = &[
    "AUTH", "CLIENT", "CLIENT CACHING", "CLIENT GETNAME", "CLIENT GETREDIR", "CLIENT ID", "CLIENT INFO", "CLIENT LIST",
    "CLIENT NO-EVICT", "CLIENT REPLY", "CLIENT SETNAME", "CLIENT TRACKING", "CLIENT TRACKINGINFO", "COMMAND",
    "COMMAND COUNT", "COMMAND DOCS", "COMMAND GETKEYS", "COMMAND INFO", "COMMAND LIST", "CONFIG", "CONFIG GET",
    "DBSIZE", "ECHO", "FLUSHALL", "FLUSHDB", "HELLO", "INFO", "LATENCY", "LATENCY DOCTOR", "LATENCY GRAPH",
    "LATENCY HISTOGRAM", "LATENCY HISTORY", "LATENCY LATEST", "MEMORY", "MEMORY DOCTOR", "MEMORY MALLOC-STATS",
    "MEMORY STATS", "MEMORY USAGE", "PING", "QUIT", "RESET", "SELECT", "SLOWLOG", "SLOWLOG GET", "SLOWLOG LEN",
    "SWAPDB", "TIME", "WAIT",
];

/// True where the command does nothing beyond the trace's keys and connections.
fn stays_in_trace(command: &Command) -> bool {
    !matches!(command.family, Family::Server | Family::Connection) || HARMLESS.contains(&command.name)
}

fn harmful(server: &Server, what: String) -> TargetError {
    TargetError::Harmful { server: server.endpoint().to_string(), what }
}

/// True where the server says that it has no command of this name.
fn is_unknown(server: &mut Server, name: &[u8]) -> Result<bool, TargetError> {
    use super::keyspace::Requests;
    let replies = server.run(&[Argv::from([b"COMMAND".as_slice(), b"INFO", name])]);
    let replies = replies.map_err(|failure| TargetError::Unreachable {
        server: server.endpoint().to_string(),
        why: format!("asked whether it knows a command of the trace: {failure}"),
    })?;
    let [Reply::Array(known)] = &replies[..] else { return Ok(false) };
    Ok(matches!(known[..], [Reply::NullArray | Reply::NullBulk | Reply::Null]))
}
