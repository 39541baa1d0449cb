//! A trace: the operations, who sent them on which connection, the clock, the faults, the replies that a target gave,
//! and what it then held. A trace file holds all that is needed to replay it.
//!
//! | form | for | module |
//! |---|---|---|
//! | binary | files and pipes: streamed, small | [`codec`] |
//! | text | people and reviews: one op a line, lossless | [`text`] |
//! | armor | issues: the binary form in base64 with a readable head | [`armor`] |
//!
//! [`Reader`] accepts all three.

#[cfg(test)]
mod arbitrary;
pub mod armor;
pub mod codec;
mod error;
pub mod keyspace;
mod reader;
pub mod text;

use std::fmt;
use std::io::{Cursor, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::seed::Seed;
use resp::{Argv, Reply};

pub use codec::Writer;
pub use error::{Limits, TraceError};
pub use keyspace::{Entry, Keyspace};
pub use reader::{Block, Reader};

/// Where a trace's clock starts unless it says otherwise: 2023-11-14 22:13:20 UTC, in milliseconds since 1970.
pub const START_MS: i64 = 1_700_000_000_000;

/// A whole trace in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// What the trace is and where it comes from.
    pub header: Header,
    /// The operations in their order.
    pub ops: Vec<Op>,
    /// One reply for each op, where a target has answered.
    pub replies: Option<Vec<Reply>>,
    /// What that target held in the end, where it was asked.
    pub keyspace: Option<Keyspace>,
}

impl Trace {
    /// Reads a text of ops, with a head or plain commands.
    ///
    /// # Errors
    /// [`TraceError`] with the line that cannot be read.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        Reader::open(Box::new(Cursor::new(text.as_bytes().to_vec())), Limits::default())?.read_all()
    }

    /// Writes the binary form and returns the output.
    ///
    /// # Errors
    /// Where `out` fails, or an op is one that readers refuse.
    pub fn write_binary<W: Write>(&self, out: W) -> Result<W, TraceError> {
        let mut writer = Writer::new(out, &self.header, self.replies.is_some())?;
        self.each(|op, reply| writer.write(op, reply))?;
        self.keyspace.iter().try_for_each(|keyspace| writer.write_keyspace(keyspace))?;
        writer.finish()
    }

    /// Writes the text form and returns the output.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn write_text<W: Write>(&self, out: W) -> Result<W, TraceError> {
        let mut writer = text::Writer::new(out, &self.header, self.replies.is_some())?;
        self.each(|op, reply| writer.write(op, reply))?;
        self.keyspace.iter().try_for_each(|keyspace| writer.write_keyspace(keyspace))?;
        writer.finish()
    }

    fn each(&self, mut write: impl FnMut(&Op, Option<&Reply>) -> Result<(), TraceError>) -> Result<(), TraceError> {
        let Some(replies) = &self.replies else {
            return self.ops.iter().try_for_each(|op| write(op, None));
        };
        if replies.len() != self.ops.len() {
            let (ops, replies) = (self.ops.len(), replies.len());
            return Err(TraceError::Unwritable(format!("it has {ops} ops and {replies} replies")));
        }
        self.ops.iter().zip(replies).try_for_each(|(op, reply)| write(op, Some(reply)))
    }

    /// What the trace does, as 64 hexadecimal digits: the SHA-256 of the clock's start and of the ops as lines of
    /// text. It does not depend on the replies, what is held in the end, the rest of the header, or the form of the
    /// file.
    pub fn content_hash(&self) -> String {
        let mut hash = Sha256::new();
        let mut line = Vec::new();
        hash.update(format!("{}\n", self.header.start_ms));
        for op in &self.ops {
            line.clear();
            text::write_op(op, &mut line);
            line.push(b'\n');
            hash.update(&line);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What a trace is and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The seed it was generated from; none where it was written or shrunk.
    pub seed: Option<Seed>,
    /// The version of the generator, 0 where none made it.
    pub generator: u16,
    /// The generator's group, such as `strings` or `mixed`.
    pub profile: String,
    /// The clock at the start, in milliseconds since 1970.
    pub start_ms: i64,
    /// Who gave the replies.
    pub recorded_by: Option<TargetInfo>,
    /// Free text for people.
    pub note: String,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            seed: None,
            generator: 0,
            profile: String::new(),
            start_ms: START_MS,
            recorded_by: None,
            note: String::new(),
        }
    }
}

/// What a target says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetInfo {
    /// `redis`, `valkey`, `redlite`.
    pub name: String,
    /// `7.0.15`; empty where the target does not say.
    pub version: String,
}

impl fmt::Display for TargetInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.version.is_empty() {
            write!(f, " {}", self.version)?;
        }
        Ok(())
    }
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Op {
    /// The connection it goes out on. The first op of a connection opens it.
    pub conn: u16,
    /// What is done.
    pub act: Act,
}

impl Op {
    /// A command on connection `conn`.
    pub fn call(conn: u16, argv: impl Into<Argv>) -> Self {
        Self { conn, act: Act::Call(argv.into()) }
    }

    /// The command, where the op is one.
    pub fn argv(&self) -> Option<&Argv> {
        match &self.act {
            Act::Call(argv) => Some(argv),
            _ => None,
        }
    }
}

/// What an operation does. Each has one reply: what arrived on its connection, which is [`Reply::Frames`] where that is
/// not exactly one frame. Acts that send nothing answer `+OK`, but for [`Act::Await`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Sends a command and awaits its reply, or [`Reply::Pending`] where it blocks. On a connection whose last command
    /// is pending, nothing is sent, and that is the answer again. QUIT ends the connection: the next op opens it anew.
    Call(Argv),
    /// Sends these bytes as they are. The answer is all that they bring, with [`Reply::Closed`] last where the server
    /// then closed the connection; nothing, where they are no whole request yet. From then on every call on the
    /// connection is answered so, and no iteration is driven.
    Raw(Vec<u8>),
    /// Opens the connection.
    Open,
    /// Closes the connection.
    Close,
    /// Takes what has arrived since the last op: messages, and the reply of a command that was pending.
    /// [`Reply::Pending`] stands last while it still is.
    Await,
    /// Moves the clock forward.
    Advance {
        /// By how many milliseconds.
        ms: u64,
    },
    /// Stops the target in good order and starts it again on its files.
    Restart,
    /// Kills the target and starts it again on its files.
    Crash,
    /// Schedules a fault: a row of the fault table, by name, with its arguments.
    Fault(FaultSpec),
}

/// A scheduled fault, by the name of its row in the fault table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FaultSpec {
    /// The fault's name, such as `disk_full`.
    pub name: String,
    /// Its arguments, in the order that its row says.
    pub args: Vec<i64>,
}
