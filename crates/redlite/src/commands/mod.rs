//! The commands: one file a family, and in it a row and a function for each command.
//!
//! Arity and everything else that is a fact about a command is in its row of `spec`; a row here adds the function.

mod bitmaps;
mod blocking;
mod client;
mod command;
mod connection;
mod expiry;
mod geo;
mod hashes;
mod hyperloglog;
mod info;
mod keys;
mod lcs;
mod lists;
mod object;
mod picks;
mod pubsub;
mod scan;
#[cfg(feature = "search")]
mod search;
mod server;
mod sets;
mod sort;
mod sorted_sets;
mod streams;
mod strings;
mod transactions;
#[cfg(test)]
pub(super) mod transcript;

use crate::options::Limits;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::clients::{Clients, Connection};
use super::env::Random;
use super::failure::{Failure, refuse, texts};
use super::number;
use super::store::Store;
use resp::{Argv, Reply};

pub(super) use transactions::{is_queued, reject};

/// What a command's function returns: a reply, or why there is none but an error.
pub(super) type Outcome = Result<Reply, Failure>;

/// What a command's function gets to work with.
pub(super) struct Context<'a> {
    /// What is stored.
    pub store: &'a mut Store,
    /// What the connection remembers.
    pub connection: &'a mut Connection,
    /// The other connections.
    pub clients: &'a mut Clients,
    /// For random picks.
    pub random: &'a mut Random,
    /// What it may ask for.
    pub limits: Limits,
    /// The request. Its arity has been checked.
    pub argv: &'a Argv,
    /// The command's time, in milliseconds since 1970.
    pub now_ms: i64,
    /// True within EXEC, where no command waits.
    pub in_exec: bool,
    /// Of a command that waited and runs again: the key that is ready. It looks at no other.
    pub ready_key: Option<&'a [u8]>,
}

/// A command's function.
pub(super) type Run = fn(&mut Context<'_>) -> Outcome;

/// A command's row: its name as `spec` has it, and its function.
pub(super) type Row = (&'static str, Run);

/// Every family's rows.
const FAMILIES: &[&[Row]] = &[
    bitmaps::COMMANDS,
    blocking::COMMANDS,
    client::COMMANDS,
    command::COMMANDS,
    connection::COMMANDS,
    expiry::COMMANDS,
    geo::COMMANDS,
    hashes::COMMANDS,
    hyperloglog::COMMANDS,
    keys::COMMANDS,
    lists::COMMANDS,
    object::COMMANDS,
    pubsub::COMMANDS,
    #[cfg(feature = "search")]
    search::COMMANDS,
    server::COMMANDS,
    sets::COMMANDS,
    sort::COMMANDS,
    sorted_sets::COMMANDS,
    streams::COMMANDS,
    strings::COMMANDS,
    transactions::COMMANDS,
];

/// A command that can be run.
#[derive(Debug)]
pub(super) struct Command {
    /// What `spec` says of it.
    pub spec: &'static spec::Command,
    /// Runs it.
    pub run: Run,
    /// True where it does nothing without a subcommand.
    is_container: bool,
}

/// By their places in the order of [`spec::commands`]; `None` for a command that Redlite lacks.
static TABLE: LazyLock<Vec<Option<Command>>> = LazyLock::new(|| {
    let rows: HashMap<&str, Run> = FAMILIES.iter().copied().flatten().copied().collect();
    let command = |spec: &'static spec::Command| {
        Some(Command { spec, run: *rows.get(spec.name)?, is_container: spec::is_container(spec) })
    };
    spec::commands().map(command).collect()
});

/// What `spec` says of each command that can be run.
fn all() -> impl Iterator<Item = &'static spec::Command> {
    TABLE.iter().flatten().map(|command| command.spec)
}

/// The command that a request names, its arity checked.
pub(super) fn find(argv: &Argv) -> Result<&'static Command, Failure> {
    if argv.is_empty() {
        return refuse("ERR unknown command '', with args beginning with: ");
    }
    let Some(at) = spec::position(argv) else { return refuse(unknown_command(argv)) };
    match &TABLE[at] {
        // Its row is found where no subcommand of that name is.
        Some(command) if command.is_container && argv.len() > 1 => refuse(unknown_subcommand(argv)),
        Some(command) if !command.spec.accepts(argv.len()) => refuse(wrong_arity(command.spec.name)),
        Some(command) => Ok(command),
        None => refuse(unknown_command(argv)),
    }
}

/// Refuses a command that the connection may not send in its state.
pub(super) fn check_state(clients: &Clients, connection: &Connection, command: &Command) -> Result<(), Failure> {
    connection::check_authenticated(clients, connection, command)?;
    pubsub::check_state(connection, command)
}

/// Redis' text for a subcommand that a container does not have.
fn unknown_subcommand(argv: &Argv) -> Vec<u8> {
    let sub = c_string(&argv[1], 128);
    [b"ERR unknown subcommand '", sub, b"'. Try ", &argv[0].to_ascii_uppercase(), b" HELP."].concat()
}

/// Refuses a subcommand whose arguments are not understood, in Redis' words.
pub(super) fn refuse_subcommand<T>(context: &Context<'_>) -> Result<T, Failure> {
    let sub = c_string(context.arg(1), 128);
    let container = context.arg(0).to_ascii_uppercase();
    let text: [&[u8]; 5] =
        [b"ERR unknown subcommand or wrong number of arguments for '", sub, b"'. Try ", &container, b" HELP."];
    refuse(text.concat())
}

/// For a container's own row: it never runs, as [`find`] refuses what names no subcommand.
pub(super) fn container(context: &mut Context<'_>) -> Outcome {
    refuse(unknown_subcommand(context.argv))
}

/// Redis' text for a wrong number of arguments. A module's command, which has a point in its name, keeps its case.
pub(super) fn wrong_arity(name: &str) -> String {
    let shown = if name.contains('.') { name.to_owned() } else { name.to_ascii_lowercase().replace(' ', "|") };
    format!("ERR wrong number of arguments for '{shown}' command")
}

/// Redis' text for an unknown command: at most 128 bytes of the name, and arguments until 128 bytes are shown.
/// Source: `processCommand` and `rejectCommandSds` of Redis 7.0, probed: line ends become spaces.
fn unknown_command(argv: &Argv) -> Vec<u8> {
    const SHOWN_MAX: usize = 128;
    let mut shown = Vec::new();
    for arg in argv.iter().skip(1) {
        if shown.len() >= SHOWN_MAX {
            break;
        }
        let room = SHOWN_MAX - shown.len();
        shown.push(b'\'');
        shown.extend_from_slice(c_string(arg, room));
        shown.extend_from_slice(b"' ");
    }
    let name = c_string(&argv[0], SHOWN_MAX);
    let mut text = b"ERR unknown command '".to_vec();
    text.extend_from_slice(name);
    text.extend_from_slice(b"', with args beginning with: ");
    text.extend_from_slice(&shown);
    text
}

/// What C's `%.*s` prints: up to `bytes_max` bytes, and none after a zero byte.
fn c_string(bytes: &[u8], bytes_max: usize) -> &[u8] {
    let end = bytes.iter().take(bytes_max).position(|&byte| byte == 0);
    &bytes[..end.unwrap_or(bytes.len().min(bytes_max))]
}

impl<'a> Context<'a> {
    /// True where the command may wait until there is something to take.
    pub fn may_block(&self) -> bool {
        !self.in_exec
    }

    /// False for a key that a command which waited does not look at, as it was another that became ready.
    pub fn looks_at(&self, name: &[u8]) -> bool {
        self.ready_key.is_none_or(|ready| ready == name)
    }

    /// The selected database.
    pub fn db(&self) -> u32 {
        self.connection.db
    }

    /// The argument at `at`, which the arity says is there; 0 is the command's name.
    pub fn arg(&self, at: usize) -> &'a [u8] {
        &self.argv[at]
    }

    /// The arguments from `from` on.
    pub fn args_from(&self, from: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + DoubleEndedIterator + use<'a> {
        let argv = self.argv;
        (from.min(argv.len())..argv.len()).map(move |at| &argv[at])
    }

    /// True where the argument at `at` is this word, in any case. Redis compares it as a C string: what follows a
    /// zero byte does not count.
    pub fn is_word(&self, at: usize, word: &str) -> bool {
        let Some((start, rest)) = self.argv.get(at).and_then(|arg| arg.split_at_checked(word.len())) else {
            return false;
        };
        start.eq_ignore_ascii_case(word.as_bytes()) && rest.first().is_none_or(|&byte| byte == 0)
    }

    /// The argument at `at` as an integer; Redis' error for none otherwise.
    pub fn integer(&self, at: usize) -> Result<i64, Failure> {
        match number::parse_integer(self.arg(at)) {
            Some(value) => Ok(value),
            None => refuse(texts::NOT_INTEGER),
        }
    }

    /// The null of the connection's protocol, where a string is missing.
    pub fn null(&self) -> Reply {
        if self.connection.protocol >= 3 { Reply::Null } else { Reply::NullBulk }
    }

    /// The null of the connection's protocol, where an array is missing.
    pub fn null_array(&self) -> Reply {
        if self.connection.protocol >= 3 { Reply::Null } else { Reply::NullArray }
    }

    /// A bulk string, or the null in its place.
    pub fn bulk_or_null(&self, bytes: Option<Vec<u8>>) -> Reply {
        bytes.map_or_else(|| self.null(), Reply::Bulk)
    }

    /// Pairs: a map in RESP3, a flat array in RESP2.
    pub fn map(&self, pairs: Vec<(Reply, Reply)>) -> Reply {
        if self.connection.protocol >= 3 {
            return Reply::Map(pairs);
        }
        Reply::Array(pairs.into_iter().flat_map(|(key, value)| [key, value]).collect())
    }

    /// Members: a set in RESP3, an array in RESP2.
    pub fn set(&self, members: Vec<Reply>) -> Reply {
        if self.connection.protocol >= 3 { Reply::Set(members) } else { Reply::Array(members) }
    }

    /// Text for people: verbatim in RESP3.
    pub fn text(&self, text: String) -> Reply {
        let text = text.into_bytes();
        if self.connection.protocol >= 3 { Reply::Verbatim { format: *b"txt", text } } else { Reply::Bulk(text) }
    }

    /// A double: RESP3's own type, a bulk string in RESP2.
    pub fn double(&self, value: f64) -> Reply {
        let text = number::format_double(value);
        if self.connection.protocol >= 3 { Reply::Double(text) } else { Reply::Bulk(text) }
    }
}
