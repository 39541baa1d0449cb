//! Whatever a trace can be replayed on.
//!
//! A [`Target`] opens [`Session`]s; a session always starts on an empty store at the header's clock. Errors of a
//! session are errors of the infrastructure only: whatever a server says, or fails to say, is a reply.
//!
//! | file | what it knows |
//! |---|---|
//! | `mod.rs` | the table of targets: [`rows`] |
//! | [`faulty`] | Redlite on a simulated disk: the one that injects faults |
//! | `embedded`, `spawned`, `exec`, `remote`, [`recorded`] | one kind of target each: how its store is had |
//! | `simulated` | Redlite's server on a simulated network and disk, in virtual time |
//! | [`canary`] | deliberately wrong Redlites, which dst must find |
//! | [`spared`] | a reference beside one that injects faults: it has none |
//! | `wire`, `connection` | replay over a socket: pipelines, deadlines, what happens after a failure |
//! | `blame`, `pace` | which op a missing reply is laid to, and when one counts as missing |
//! | `ways`, `emptying` | what a server that lacks commands is asked instead, and how it is proved to be empty |
//! | [`live`] | a server that a campaign loads, kills and starts again by itself |
//! | `link`, `clients` | connections with more than one reply a request: subscribers, blocked clients, raw bytes |
//! | `server`, `process` | the server behind the socket: started, emptied, restarted, reaped |
//! | `guard` | what a trace may not do to a server that dst did not start |
//! | `settings` | what a trace has set on a server, and its way back |
//! | `clock`, `shim.c`, `real_time` | time: frozen by the shim, or as near as real time allows |
//! | `keyspace`, `cursor` | what every session does the same way: read the store, drive an iteration |

mod blame;
pub mod canary;
mod clients;
mod clock;
mod connection;
mod cursor;
mod embedded;
mod emptying;
mod exec;
pub mod faulty;
mod guard;
mod keyspace;
mod link;
pub mod live;
mod pace;
mod pipeline;
mod process;
mod real_time;
pub mod recorded;
mod remote;
mod server;
mod settings;
#[cfg(madsim)]
pub mod simulated;
pub mod spared;
mod spawned;
mod ways;
mod wire;

pub use connection::Failure;
pub use keyspace::reading_ops;
pub use process::{end_all, kill_all};

use std::ffi::OsString;
use std::time::Duration;

use crate::diff::Keyspace;
use crate::trace::{Header, Op, TargetInfo};
use resp::Reply;

/// Something that traces can be replayed on.
pub trait Target: Send + Sync {
    /// What it says it is.
    fn info(&self) -> TargetInfo;

    /// A session on an empty store, at the header's clock. Sessions of one target share nothing.
    ///
    /// # Errors
    /// [`TargetError`] where it cannot be reached, may not be used, or does not become empty.
    fn open(&self, header: &Header) -> Result<Box<dyn Session>, TargetError>;

    /// True where every session is on one and the same store, so that only one may be open at a time.
    fn is_shared(&self) -> bool {
        false
    }

    /// True where its clock is the machine's, and dst cannot move it.
    fn has_real_clock(&self) -> bool {
        false
    }

    /// True where it is known to have every command of Redis that dst sends, so that none needs to be tried.
    fn has_all_commands(&self) -> bool {
        false
    }

    /// True where its data are known to be gone after a restart or a crash.
    fn loses_data(&self) -> bool {
        false
    }

    /// The same store, where a restart and a crash take nothing of it: `None` where it is one of these already, and
    /// where there is none.
    fn durable(&self) -> Option<Box<dyn Target>> {
        None
    }

    /// True where it injects the faults of a trace, and keeps its data when it is restarted.
    fn injects_faults(&self) -> bool {
        false
    }
}

/// A replay in progress.
pub trait Session: Send {
    /// Runs `ops` and appends exactly one reply for each. Consecutive ops on a connection are pipelined.
    ///
    /// # Errors
    /// Infrastructure only. A reply that does not come is [`Reply::Hung`], a dropped connection
    /// [`Reply::Closed`]; where dst started the server it is restarted before the next op.
    fn replay(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError>;

    /// Everything that is stored, in canonical order; `None` where the store does not tell its keys.
    /// [`Keyspace::unreadable`] where the store fails while it is read.
    ///
    /// # Errors
    /// Infrastructure only.
    fn keyspace(&mut self) -> Result<Option<Keyspace>, TargetError>;

    /// Says that the store likely holds what `keyspace` does: where it is read next, the same is told sooner. Nothing
    /// else depends on it.
    fn expect(&mut self, _keyspace: &Keyspace) {}

    /// True where the connection is closed behind every error that is answered: what follows on it says nothing else.
    fn closes_behind_errors(&self) -> bool {
        false
    }

    /// True where [`Session::expect`] saves more than a round trip.
    fn wants_hints(&self) -> bool {
        false
    }

    /// False where there is no store to read, as behind a recording.
    fn holds_data(&self) -> bool {
        true
    }

    /// `Some` with what came instead where a connection is no longer in step: every connection is asked to
    /// ECHO a nonce, and must answer just that.
    ///
    /// # Errors
    /// Infrastructure only.
    fn out_of_step(&mut self) -> Result<Option<Reply>, TargetError>;

    /// Back to an empty store at the header's clock with no connection open, so that a session serves many
    /// traces. That the store is empty is verified.
    ///
    /// # Errors
    /// As [`Target::open`].
    fn reset(&mut self, header: &Header) -> Result<(), TargetError>;

    /// Starts the server anew with nothing in it, which is more than emptying it; false where it has none of its own.
    ///
    /// # Errors
    /// As [`Target::open`].
    fn start_anew(&mut self) -> Result<bool, TargetError> {
        Ok(false)
    }

    /// True where the store's clock is the trace's. Otherwise replies of the fidelities `TimeLeft` and `UnixTime`
    /// are as near as real time allows.
    fn exact_clock(&self) -> bool {
        true
    }

    /// Waits no longer than this for a reply, whatever the target's options say; `None` undoes that.
    fn set_reply_deadline(&mut self, _deadline: Option<Duration>) {}

    /// Waits a shorter time for replies, and for what a server may send unasked where nothing tells that it is all: enough
    /// to look for differences, not to claim one.
    fn set_haste(&mut self, _is_hasty: bool) {}

    /// What happened that no reply can say, for people: why a server died, what it sent that is no RESP. Each
    /// note is returned once.
    fn take_notes(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// How the server ended and what it said last, each time that it did so since this was asked last and dst had not ended
    /// it. What it was asked may have made it end.
    fn take_ends(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// What holds for every target.
#[derive(Clone, Debug)]
pub struct TargetOptions {
    /// The Redis to use for `redis`: a path, a name on PATH, or a URL. Otherwise it is looked for.
    pub redis: Option<String>,
    /// Gives a server or a file that dst did not make over to dst: it is emptied, and runs whatever a trace says.
    pub allow_flush: bool,
    /// How long a reply may take.
    pub reply_deadline: Duration,
    /// Leaves the clock of a server that dst starts as it is. Beside a subject with a real clock, a reference with a
    /// frozen one would differ wherever a key's time is over in that very moment.
    pub real_clock: bool,
    /// Where programs are looked for, in the form of PATH; `None` for PATH itself.
    pub search_path: Option<OsString>,
}

impl Default for TargetOptions {
    fn default() -> Self {
        Self {
            redis: None,
            allow_flush: false,
            reply_deadline: Duration::from_secs(10),
            real_clock: false,
            search_path: None,
        }
    }
}

type Make = fn(&str, &TargetOptions) -> Result<Box<dyn Target>, TargetError>;

/// A kind of target: a row of the target table.
pub struct Row {
    /// What its name is, or starts with where the prefix ends with `:` or `/`.
    prefix: &'static str,
    /// As people write it.
    pub form: &'static str,
    /// One line for the help.
    pub about: &'static str,
    /// Makes the target from what follows the prefix.
    make: Make,
}

/// The table of targets. Where several prefixes match, the longest does.
#[rustfmt::skip]
pub fn rows() -> &'static [Row] {
    &[
        Row { prefix: "redlite", form: "redlite", about: "embedded Redlite, in memory", make: embedded::in_memory },
        Row { prefix: "redlite:", form: "redlite:FILE", about: "embedded Redlite on a file", make: embedded::on_file },
        Row { prefix: "canary:", form: "canary:NAME", about: "embedded Redlite with a slip that dst must find", make: canary::by_name },
        Row { prefix: "faulty", form: "faulty", about: "embedded Redlite on a simulated disk, which injects the faults of a trace", make: faulty::faulty },
        Row { prefix: "sim", form: "sim", about: "Redlite's server on a simulated network and disk, in virtual time", make: |_, _| in_simulation("0") },
        Row { prefix: "sim:", form: "sim:SEED", about: "the same, in the order of tasks and with the network that the seed draws", make: |seed, _| in_simulation(seed) },
        Row { prefix: "redis", form: "redis", about: "a Redis that dst finds, starts and ends", make: spawned::redis },
        Row { prefix: "redis:", form: "redis:PATH", about: "this redis-server, or a version by its name on PATH (redis:7.0)", make: spawned::redis_named },
        Row { prefix: "valkey", form: "valkey", about: "a Valkey that dst finds, starts and ends", make: spawned::valkey },
        Row { prefix: "valkey:", form: "valkey:PATH", about: "this valkey-server, or a version by its name on PATH", make: spawned::valkey_named },
        Row { prefix: "redis://", form: "redis://[USER:PASSWORD@]HOST[:PORT][/DB]", about: "a running server, which must be empty", make: remote::redis_url },
        Row { prefix: "rediss://", form: "rediss://…", about: "the same with TLS: not built in", make: remote::tls_url },
        Row { prefix: "unix:", form: "unix:PATH", about: "a running server on a unix socket, which must be empty", make: remote::unix_socket },
        Row { prefix: "exec:", form: "exec:COMMAND", about: "any server: COMMAND starts it on {port} (or {socket}), with its files in {dir}", make: exec::command },
        Row { prefix: "frozen:", form: "frozen:COMMAND", about: "as exec, with its clock in dst's hand", make: exec::frozen },
    ]
}

/// The target that `spec` names.
///
/// # Errors
/// [`TargetError`] where no row has that name, or the target cannot be had on this machine.
pub fn parse(spec: &str, options: &TargetOptions) -> Result<Box<dyn Target>, TargetError> {
    let matches = |row: &&Row| {
        if row.prefix.ends_with([':', '/']) { spec.starts_with(row.prefix) } else { spec == row.prefix }
    };
    let Some(row) = rows().iter().filter(matches).max_by_key(|row| row.prefix.len()) else {
        let forms: Vec<String> = rows().iter().map(|row| format!("  {:<28} {}", row.form, row.about)).collect();
        return Err(TargetError::Unknown { spec: spec.to_owned(), forms: forms.join("\n") });
    };
    (row.make)(&spec[row.prefix.len()..], options)
}

/// `sim` and `sim:SEED`
#[cfg(madsim)]
fn in_simulation(seed: &str) -> Result<Box<dyn Target>, TargetError> {
    simulated::by_seed(seed)
}

/// The same where there is no simulator.
#[cfg(not(madsim))]
fn in_simulation(_: &str) -> Result<Box<dyn Target>, TargetError> {
    Err(TargetError::NoSimulator)
}

/// What is wrong with a build that has no simulator.
#[cfg(not(madsim))]
pub const NO_SIMULATOR: &str = "this build has no simulator: it was built without --cfg madsim, as RUSTFLAGS in the \
    environment replace those of .cargo/config.toml; unset it and build again";

/// A number of keys for people.
fn describe_count(keys: Option<u64>) -> String {
    match keys {
        Some(1) => "1 key".to_owned(),
        Some(keys) => format!("{keys} keys"),
        None => "an unknown number of keys (INFO, DBSIZE and RANDOMKEY do not all tell)".to_owned(),
    }
}

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Reading or writing failed in a way that says nothing about the target.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// No row of the table.
    #[error("there is no target {spec:?}; there are:\n{forms}")]
    Unknown {
        /// What was asked for.
        spec: String,
        /// The table, a line each.
        forms: String,
    },
    /// No server to start.
    #[error(
        "no {wanted} found. Do one of these:\n  \
         1. give one: --redis PATH or --redis URL (or REDIS_URL in the environment)\n  \
         2. install one, so that {programs} is on PATH (Debian, Ubuntu: apt install redis-server)\n  \
         3. start Docker, which then runs the image {image}"
    )]
    NotFound {
        /// The kind of server.
        wanted: String,
        /// The programs that were looked for.
        programs: String,
        /// The image that Docker would run.
        image: String,
    },
    /// A server ended while it started.
    #[error("{command} does not start: {why}\n{log}")]
    Start {
        /// What was run.
        command: String,
        /// What happened.
        why: String,
        /// The end of what it printed.
        log: String,
    },
    /// A server runs but does not answer.
    #[error("{command} does not start: {why}\n{log}")]
    Unready {
        /// What was run.
        command: String,
        /// What happened.
        why: String,
        /// The end of what it printed.
        log: String,
    },
    /// The user asked to stop.
    #[error("interrupted: no server is started any more")]
    Ending,
    /// An `exec:` command that cannot be run.
    #[error("exec:{command}: {why}")]
    BadCommand {
        /// The command.
        command: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A server that takes its time from elsewhere than `frozen:` can hold.
    #[error(
        "{server} does not tell the time that dst gives it, so its clock cannot be held: it is linked statically, or \
         does not ask the C library (or this dst was built without its shim). Use exec:COMMAND"
    )]
    OwnClock {
        /// The server's program.
        server: String,
    },
    /// A clock that stood still, late in a long trace.
    #[error("the clock of {server} did not move with the trace's")]
    ClockLost {
        /// Where it listens.
        server: String,
    },
    /// A URL that cannot be used.
    #[error("{url}: {why}")]
    BadUrl {
        /// The URL, without its password.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// A server that does not answer.
    #[error("{server} cannot be used: {why}")]
    Unreachable {
        /// The server.
        server: String,
        /// What happened.
        why: String,
    },
    /// Somebody's data.
    #[error(
        "{store} holds {keys}, and dst did not make them. dst only uses an empty store; \
         to let it delete everything there, say --allow-flush"
    )]
    NotEmpty {
        /// The server or the file.
        store: String,
        /// How many keys.
        keys: String,
    },
    /// Emptying did not empty.
    #[error("{server} does not become empty: it still holds {keys} after FLUSHALL")]
    NotEmptied {
        /// The server.
        server: String,
        /// How many keys are left.
        keys: String,
    },
    /// A setting that a trace has changed.
    #[error(
        "{server} does not take its setting {name} back, which a trace has changed: set it to {setting:?} by CONFIG SET, \
         or start it again"
    )]
    SettingsStay {
        /// The server.
        server: String,
        /// The setting's name.
        name: String,
        /// What it was before.
        setting: String,
    },
    /// Two sessions on one store.
    #[error("{store} serves one session at a time: run with --jobs 1, and compare it with another target")]
    InUse {
        /// The server or the file.
        store: String,
    },
    /// A restart of a server that dst did not start.
    #[error("the trace restarts the server, and {server} was not started by dst; use redis, valkey or exec:COMMAND")]
    NotOurs {
        /// The server.
        server: String,
    },
    /// A command that may do more than change keys, to a server that dst did not start.
    #[error(
        "the trace sends {what}, which may do harm to {server}: dst did not start it, and knows only commands that \
         change keys. Use redis, valkey or exec:COMMAND, or give the server over to dst with --allow-flush"
    )]
    Harmful {
        /// The server.
        server: String,
        /// What the trace sends.
        what: String,
    },
    /// A fault on a target that has none.
    #[error("this target cannot inject the fault {fault:?}: dst chaos TRACE does")]
    NoFaults {
        /// The fault's name.
        fault: String,
    },
    /// `sim:` and what is no seed.
    #[cfg(madsim)]
    #[error("sim:{text}: no seed: a number from 0 to 2^64 - 1, as in sim:7")]
    BadSeed {
        /// What stands in its place.
        text: String,
    },
    /// The simulation did not come up, or cannot go on.
    #[cfg(madsim)]
    #[error("the simulation: {0}")]
    Simulation(String),
    /// A build without the simulator.
    #[cfg(not(madsim))]
    #[error("{NO_SIMULATOR}")]
    NoSimulator,
    /// A fault that is none.
    #[error(transparent)]
    BadFault {
        /// What is wrong with it.
        source: crate::faults::FaultError,
    },
    /// The recording is at its end.
    #[error("the recording holds no reply to this op: only the ops that it was made of can be replayed on it")]
    NotRecorded,
    /// Redlite does not open.
    #[error("{store}: {source}")]
    Redlite {
        /// The file, or `redlite`.
        store: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl TargetError {
    /// For `map_err`: `what` was tried.
    fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        move |source| TargetError::Io { what: what.into(), source }
    }
}
