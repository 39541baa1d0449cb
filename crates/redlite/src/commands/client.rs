//! CLIENT: what the server knows of its connections.
//!
//! Order of checks, error texts and the fields of CLIENT LIST: redis-server 7.0.15, probed.

use super::connection::set_name;
use super::{Context, Outcome, Row, c_string, container, refuse_subcommand};
use crate::clients::{Connection, ReplyMode};
use crate::failure::{Failure, refuse, texts};
use crate::number;
use resp::Reply;

pub(super) const COMMANDS: &[Row] = &[
    ("CLIENT", container),
    ("CLIENT CACHING", caching),
    ("CLIENT GETNAME", getname),
    ("CLIENT GETREDIR", |_| Ok(Reply::Int(NO_REDIRECTION))),
    ("CLIENT ID", |context| Ok(Reply::Int(context.connection.id))),
    ("CLIENT INFO", info),
    ("CLIENT KILL", kill),
    ("CLIENT LIST", list),
    ("CLIENT NO-EVICT", no_evict),
    ("CLIENT PAUSE", pause),
    ("CLIENT REPLY", reply),
    ("CLIENT SETNAME", setname),
    ("CLIENT TRACKING", tracking),
    ("CLIENT TRACKINGINFO", trackinginfo),
    ("CLIENT UNBLOCK", unblock),
    ("CLIENT UNPAUSE", |_| Ok(Reply::ok())),
];

/// What CLIENT GETREDIR answers while nothing is tracked.
const NO_REDIRECTION: i64 = -1;

/// ON or OFF at `at`.
fn switch(context: &Context<'_>, at: usize) -> Result<bool, Failure> {
    match () {
        () if context.is_word(at, "ON") => Ok(true),
        () if context.is_word(at, "OFF") => Ok(false),
        () => refuse(texts::SYNTAX),
    }
}

fn getname(context: &mut Context<'_>) -> Outcome {
    let name = Some(context.connection.name.clone()).filter(|name| !name.is_empty());
    Ok(context.bulk_or_null(name))
}

fn setname(context: &mut Context<'_>) -> Outcome {
    set_name(context, context.arg(2))?;
    Ok(Reply::ok())
}

fn no_evict(context: &mut Context<'_>) -> Outcome {
    context.connection.is_spared = switch(context, 2)?;
    Ok(Reply::ok())
}

fn reply(context: &mut Context<'_>) -> Outcome {
    let mode = context.connection.reply_mode;
    context.connection.reply_mode = match () {
        () if context.is_word(2, "ON") => ReplyMode::On,
        () if context.is_word(2, "OFF") => ReplyMode::Off,
        () if context.is_word(2, "SKIP") && mode == ReplyMode::Off => ReplyMode::Off,
        () if context.is_word(2, "SKIP") => ReplyMode::SkipNext,
        () => return refuse(texts::SYNTAX),
    };
    Ok(Reply::ok())
}

// Client-side caching.

fn tracking(context: &mut Context<'_>) -> Outcome {
    let mut at = 3;
    while at < context.argv.len() {
        let has_value = ["REDIRECT", "PREFIX"].iter().any(|word| context.is_word(at, word));
        let is_known = ["BCAST", "OPTIN", "OPTOUT", "NOLOOP"].iter().any(|word| context.is_word(at, word));
        if !(is_known || has_value && at + 1 < context.argv.len()) {
            return refuse(texts::SYNTAX);
        }
        at += 1 + usize::from(has_value);
    }
    match switch(context, 2)? {
        true => refuse("ERR Redlite does not track what clients keep"),
        false => Ok(Reply::ok()),
    }
}

fn caching(_: &mut Context<'_>) -> Outcome {
    refuse(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
    )
}

fn trackinginfo(context: &mut Context<'_>) -> Outcome {
    let flags = context.set(vec![Reply::bulk("off")]);
    Ok(context.map(vec![
        (Reply::bulk("flags"), flags),
        (Reply::bulk("redirect"), Reply::Int(NO_REDIRECTION)),
        (Reply::bulk("prefixes"), Reply::Array(Vec::new())),
    ]))
}

// Lists of connections.

/// The letters of CLIENT LIST's field `flags`, in Redis' order.
fn flags(connection: &Connection) -> String {
    let letters = [
        (connection.subscriptions.is_any(), 'P'),
        (connection.transaction.is_some(), 'x'),
        (connection.wait.is_some(), 'b'),
        (connection.is_dirty, 'd'),
        (connection.is_closing, 'c'),
        (connection.addresses.peer.starts_with('/'), 'U'),
        (connection.is_spared, 'e'),
    ];
    let flags: String = letters.iter().filter(|(is_set, _)| *is_set).map(|(_, letter)| letter).collect();
    if flags.is_empty() { "N".to_owned() } else { flags }
}

/// The connection's line in CLIENT LIST, without its end. What Redis tells of its own buffers is 0.
fn line(connection: &Connection, now_ms: i64) -> String {
    let seconds_since = |then_ms: i64| now_ms.saturating_sub(then_ms) / 1000;
    let subscriptions = &connection.subscriptions;
    format!(
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={} qbuf=0 \
         qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll={} omem=0 tot-mem=0 events=r cmd={} user=default \
         redir={NO_REDIRECTION} resp={}",
        connection.id,
        connection.addresses.peer,
        connection.addresses.local,
        connection.slot,
        String::from_utf8_lossy(&connection.name),
        seconds_since(connection.created_ms),
        seconds_since(connection.active_ms),
        flags(connection),
        connection.db,
        subscriptions.channels.len(),
        subscriptions.patterns.len(),
        subscriptions.shard_channels.len(),
        connection.transaction.as_ref().map_or(-1, |transaction| transaction.queue.len() as i64),
        connection.outbox.len(),
        connection.last_command.map_or_else(|| "NULL".to_owned(), |name| name.to_ascii_lowercase().replace(' ', "|")),
        connection.protocol,
    )
}

/// The connections that `wants` lets through, in the order in which they came.
fn select<'a>(context: &'a Context<'_>, wants: impl Fn(&Connection) -> bool) -> Vec<&'a Connection> {
    let own: &Connection = &*context.connection;
    let mut found: Vec<&Connection> = context.clients.iter().chain([own]).filter(|it| wants(it)).collect();
    found.sort_by_key(|connection| connection.id);
    found
}

fn info(context: &mut Context<'_>) -> Outcome {
    let line = line(context.connection, context.now_ms);
    Ok(context.text(line + "\n"))
}

/// What CLIENT LIST and CLIENT KILL call a type of connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Normal,
    PubSub,
    /// A master or a replica: there is none.
    Replication,
}

impl Sort {
    fn parse(context: &Context<'_>, at: usize) -> Result<Self, Failure> {
        let is_any = |words: &[&str]| words.iter().any(|word| context.is_word(at, word));
        match () {
            () if is_any(&["NORMAL"]) => Ok(Sort::Normal),
            () if is_any(&["PUBSUB"]) => Ok(Sort::PubSub),
            () if is_any(&["MASTER", "SLAVE", "REPLICA"]) => Ok(Sort::Replication),
            () => refuse([b"ERR Unknown client type '", c_string(context.arg(at), usize::MAX), b"'"].concat()),
        }
    }

    fn of(connection: &Connection) -> Self {
        if connection.subscriptions.is_any() { Sort::PubSub } else { Sort::Normal }
    }
}

fn list(context: &mut Context<'_>) -> Outcome {
    let now_ms = context.now_ms;
    let lines = |found: Vec<&Connection>| found.into_iter().map(|it| line(it, now_ms) + "\n").collect::<String>();
    let found = match context.argv.len() {
        2 => lines(select(context, |_| true)),
        4 if context.is_word(2, "TYPE") => {
            let sort = Sort::parse(context, 3)?;
            lines(select(context, |it| Sort::of(it) == sort))
        }
        4.. if context.is_word(2, "ID") => {
            let mut ids = Vec::new();
            for arg in context.args_from(3) {
                match number::parse_integer(arg) {
                    Some(id) => ids.push(id),
                    None => return refuse("ERR Invalid client ID"),
                }
            }
            // In the order of the request, and as often as it names them.
            ids.iter().map(|id| lines(select(context, |it| it.id == *id))).collect()
        }
        _ => return refuse(texts::SYNTAX),
    };
    Ok(context.text(found))
}

/// Which connections CLIENT KILL ends.
#[derive(Debug, Default)]
struct Victims<'a> {
    id: Option<i64>,
    sort: Option<Sort>,
    peer: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
    spares_own: bool,
}

impl<'a> Victims<'a> {
    fn parse(context: &Context<'a>) -> Result<Self, Failure> {
        if context.argv.len() == 3 {
            return Ok(Self { peer: Some(context.arg(2)), ..Self::default() });
        }
        let mut victims = Self { spares_own: true, ..Self::default() };
        for at in (2..context.argv.len()).step_by(2) {
            let is_word = |word| context.is_word(at, word);
            let Some(value) = context.argv.get(at + 1) else { return refuse(texts::SYNTAX) };
            match () {
                () if is_word("ID") => match number::parse_integer(value) {
                    Some(id @ 1..) => victims.id = Some(id),
                    _ => return refuse("ERR client-id should be greater than 0"),
                },
                () if is_word("TYPE") => victims.sort = Some(Sort::parse(context, at + 1)?),
                () if is_word("ADDR") => victims.peer = Some(value),
                () if is_word("LADDR") => victims.local = Some(value),
                () if is_word("USER") => {
                    if value != b"default" {
                        return refuse([b"ERR No such user '", c_string(value, usize::MAX), b"'"].concat());
                    }
                }
                () if is_word("SKIPME") && context.is_word(at + 1, "YES") => victims.spares_own = true,
                () if is_word("SKIPME") && context.is_word(at + 1, "NO") => victims.spares_own = false,
                () => return refuse(texts::SYNTAX),
            }
        }
        Ok(victims)
    }

    fn contain(&self, connection: &Connection, own_id: i64) -> bool {
        let addresses = &connection.addresses;
        self.id.is_none_or(|id| id == connection.id)
            && self.sort.is_none_or(|sort| sort == Sort::of(connection))
            && self.peer.is_none_or(|peer| peer == addresses.peer.as_bytes())
            && self.local.is_none_or(|local| local == addresses.local.as_bytes())
            && !(self.spares_own && connection.id == own_id)
    }
}

fn kill(context: &mut Context<'_>) -> Outcome {
    let victims = Victims::parse(context)?;
    let own_id = context.connection.id;
    let found: Vec<_> = select(context, |it| victims.contain(it, own_id)).iter().map(|it| it.slot).collect();
    for &slot in &found {
        if slot == context.connection.slot {
            context.connection.is_closing = true;
        } else {
            context.clients.close(slot);
        }
    }
    match (context.argv.len(), found.len()) {
        (3, 0) => refuse("ERR No such client"),
        (3, _) => Ok(Reply::ok()),
        (_, count) => Ok(Reply::Int(count as i64)),
    }
}

// Waits.

fn unblock(context: &mut Context<'_>) -> Outcome {
    let reply = match context.argv.len() {
        3 => None,
        4 if context.is_word(3, "TIMEOUT") => None,
        4 if context.is_word(3, "ERROR") => Some(Reply::error("UNBLOCKED client unblocked via CLIENT UNBLOCK")),
        4 => return refuse("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"),
        _ => return refuse_subcommand(context),
    };
    let id = context.integer(2)?;
    let slot = context.clients.iter().find(|connection| connection.id == id).map(|connection| connection.slot);
    let is_unblocked = slot.is_some_and(|slot| context.clients.unblock(slot, reply));
    Ok(Reply::Int(is_unblocked.into()))
}

/// Commands are one after the other, and each is whole when it is answered: there is nothing that a pause would let
/// come to its end.
fn pause(context: &mut Context<'_>) -> Outcome {
    match context.argv.len() {
        3 => {}
        4 if context.is_word(3, "WRITE") || context.is_word(3, "ALL") => {}
        4 => return refuse("ERR CLIENT PAUSE mode must be WRITE or ALL"),
        _ => return refuse_subcommand(context),
    }
    timeout_ms(context, 2)?;
    Ok(Reply::ok())
}

/// The argument at `at` as a time in milliseconds.
pub(super) fn timeout_ms(context: &Context<'_>, at: usize) -> Result<i64, Failure> {
    match number::parse_integer(context.arg(at)) {
        Some(..0) => refuse("ERR timeout is negative"),
        Some(timeout_ms) => Ok(timeout_ms),
        None => refuse("ERR timeout is not an integer or out of range"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::transcript::check_clients;

    #[test]
    fn a_connection_has_a_name_and_an_id() {
        check_clients(
            "1> CLIENT GETNAME
             nil
             1> CLIENT SETNAME worker
             OK
             2> CLIENT ID
             2
             1> CLIENT LIST ID 1
             \"id=1 addr=?:0 laddr=?:0 fd=0 name=worker age=0 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=client|list user=default redir=-1 resp=2\\n\"
             1> CLIENT LIST ID 7
             \"\"
             1> CLIENT SETNAME a\u{e9}
             -ERR Client names cannot contain spaces, newlines or special characters.
             1> CLIENT FOO
             -ERR unknown subcommand 'FOO'. Try CLIENT HELP.",
        );
    }

    #[test]
    fn a_wait_is_ended_by_another() {
        check_clients(
            "1> BLPOP k 0
             pending
             2> CLIENT ID
             2
             2> CLIENT UNBLOCK 1
             1
             1>
             nil array
             1> BLPOP k 0
             pending
             2> CLIENT UNBLOCK 1 ERROR
             1
             1>
             -UNBLOCKED client unblocked via CLIENT UNBLOCK
             2> CLIENT UNBLOCK 1
             0
             2> RPUSH k a
             1",
        );
    }

    #[test]
    fn replies_are_left_out_as_asked() {
        check_clients(
            "1> CLIENT REPLY SKIP
             frames
             1> SET k 1
             frames
             1> GET k
             \"1\"
             1> CLIENT REPLY OFF
             frames
             1> NOSUCH
             frames
             1> CLIENT REPLY ON
             OK
             1> CLIENT REPLY FOO
             -ERR syntax error",
        );
    }

    #[test]
    fn a_connection_is_killed_with_what_it_waits_for() {
        check_clients(
            "1> BLPOP k 0
             pending
             2> CLIENT KILL ID 1 TYPE PUBSUB
             0
             2> CLIENT KILL ID 1
             1
             2> RPUSH k a
             1
             2> LLEN k
             1
             2> CLIENT KILL 127.0.0.1:1
             -ERR No such client
             2> CLIENT KILL ID 0
             -ERR client-id should be greater than 0
             2> CLIENT KILL ID 2
             0
             2> CLIENT KILL ID 2 SKIPME no
             1",
        );
    }
}
