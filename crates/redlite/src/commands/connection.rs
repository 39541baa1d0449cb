//! Connection and server commands.

use super::{Command, Context, Outcome, Row};
use crate::clients::{Clients, Connection, ReplyMode};
use crate::failure::{Failure, refuse, texts};
use crate::number;
use crate::store::Type;
use resp::Reply;

/// How many databases there are: Redis' default.
pub(super) const DATABASES: u32 = 16;

pub(super) const COMMANDS: &[Row] = &[
    ("AUTH", auth),
    ("DBSIZE", dbsize),
    ("ECHO", echo),
    ("FLUSHALL", flushall),
    ("FLUSHDB", flushdb),
    ("HELLO", hello),
    ("PING", ping),
    ("QUIT", quit),
    ("RESET", reset),
    ("SELECT", select),
    ("SWAPDB", swapdb),
    ("TIME", time),
];

fn dbsize(context: &mut Context<'_>) -> Outcome {
    Ok(Reply::Int(context.store.count_keys(context.db())?))
}

fn echo(context: &mut Context<'_>) -> Outcome {
    Ok(Reply::bulk(context.arg(1)))
}

/// The one option that FLUSHALL and FLUSHDB know changes nothing that a client can see here.
fn check_flush_option(context: &Context<'_>) -> Result<(), Failure> {
    match context.argv.len() {
        1 => Ok(()),
        2 if context.is_word(1, "ASYNC") || context.is_word(1, "SYNC") => Ok(()),
        _ => refuse(texts::SYNTAX),
    }
}

fn flushall(context: &mut Context<'_>) -> Outcome {
    check_flush_option(context)?;
    context.store.clear_all()?;
    for (db, name) in context.clients.waits.keys_of_streams() {
        context.store.signal_ready(db, &name, Type::Stream);
    }
    Ok(Reply::ok())
}

fn flushdb(context: &mut Context<'_>) -> Outcome {
    check_flush_option(context)?;
    context.store.clear(context.db())?;
    Ok(Reply::ok())
}

/// The version of Redis whose answers are given.
pub(super) const REDIS_VERSION: &str = "7.0.15";

fn hello(context: &mut Context<'_>) -> Outcome {
    let protocol = match context.argv.get(1).map(number::parse_integer) {
        None => context.connection.protocol,
        Some(Some(protocol @ 2..=3)) => protocol as u8,
        Some(Some(_)) => return refuse("NOPROTO unsupported protocol version"),
        Some(None) => return refuse("ERR Protocol version is not an integer or out of range"),
    };
    let mut at = 2;
    while at < context.argv.len() {
        let more = context.argv.len() - 1 - at;
        if context.is_word(at, "AUTH") && more >= 2 {
            authenticate(context, context.arg(at + 1), context.arg(at + 2))?;
            at += 3;
        } else if context.is_word(at, "SETNAME") && more >= 1 {
            set_name(context, context.arg(at + 1))?;
            at += 2;
        } else {
            let option = super::c_string(context.arg(at), usize::MAX);
            return refuse([b"ERR Syntax error in HELLO option '", option, b"'"].concat());
        }
    }
    if !context.connection.is_authenticated {
        return refuse(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> \
             option can be used to authenticate the client and select the RESP protocol version at the same time",
        );
    }
    context.connection.protocol = protocol;
    let text = |text: &str| Reply::bulk(text);
    Ok(context.map(vec![
        (text("server"), text("redis")),
        (text("version"), text(REDIS_VERSION)),
        (text("proto"), Reply::Int(protocol.into())),
        (text("id"), Reply::Int(context.connection.id)),
        (text("mode"), text("standalone")),
        (text("role"), text("master")),
        (text("modules"), Reply::Array(Vec::new())),
    ]))
}

/// Gives the connection a name: printable characters without a space.
pub(super) fn set_name(context: &mut Context<'_>, name: &[u8]) -> Result<(), Failure> {
    if !name.iter().all(u8::is_ascii_graphic) {
        return refuse("ERR Client names cannot contain spaces, newlines or special characters.");
    }
    context.connection.name = name.to_vec();
    Ok(())
}

/// What a connection may send before it has said the password.
const BEFORE_AUTH: &[&str] = &["AUTH", "HELLO", "QUIT", "RESET"];

/// Refuses what a connection may not send that has not said the password yet.
pub(super) fn check_authenticated(
    clients: &Clients,
    connection: &Connection,
    command: &Command,
) -> Result<(), Failure> {
    if !clients.is_stranger(connection) || BEFORE_AUTH.contains(&command.spec.name) {
        return Ok(());
    }
    refuse("NOAUTH Authentication required.")
}

fn auth(context: &mut Context<'_>) -> Outcome {
    match context.argv.len() {
        2 if context.clients.config.password().is_none() => refuse(
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
             configuration is correct?",
        ),
        2 => authenticate(context, DEFAULT_USER, context.arg(1)).map(|()| Reply::ok()),
        3 => authenticate(context, context.arg(1), context.arg(2)).map(|()| Reply::ok()),
        _ => refuse(texts::SYNTAX),
    }
}

/// The only user that there is.
const DEFAULT_USER: &[u8] = b"default";

fn authenticate(context: &mut Context<'_>, user: &[u8], password: &[u8]) -> Result<(), Failure> {
    let is_right = context.clients.config.password().is_none_or(|right| is_same(right, password));
    if user != DEFAULT_USER || !is_right {
        return refuse("WRONGPASS invalid username-password pair or user is disabled.");
    }
    context.connection.is_authenticated = true;
    Ok(())
}

/// Takes as long for a password whose first bytes are right as for any other.
fn is_same(right: &[u8], said: &[u8]) -> bool {
    let differences = right.iter().zip(said).fold(0, |differences, (left, right)| differences | (left ^ right));
    differences == 0 && right.len() == said.len()
}

fn quit(context: &mut Context<'_>) -> Outcome {
    context.connection.is_closing = true;
    Ok(Reply::ok())
}

/// Makes the connection as a new one is.
fn reset(context: &mut Context<'_>) -> Outcome {
    context.clients.forget_interests(context.connection);
    context.connection.db = 0;
    context.connection.protocol = 2;
    context.connection.name.clear();
    context.connection.is_spared = false;
    context.connection.reply_mode = ReplyMode::On;
    context.connection.is_authenticated = context.clients.config.password().is_none();
    Ok(Reply::Simple(b"RESET".to_vec()))
}

/// A RESP2 connection that is subscribed gets an array, in the form of a message.
fn ping(context: &mut Context<'_>) -> Outcome {
    if context.connection.protocol < 3 && context.connection.subscriptions.is_any() && context.argv.len() <= 2 {
        let said = context.argv.get(1).unwrap_or_default();
        return Ok(Reply::Array(vec![Reply::bulk("pong"), Reply::bulk(said)]));
    }
    match context.argv.len() {
        1 => Ok(Reply::Simple(b"PONG".to_vec())),
        2 => Ok(Reply::bulk(context.arg(1))),
        _ => refuse(super::wrong_arity("PING")),
    }
}

fn select(context: &mut Context<'_>) -> Outcome {
    context.connection.db = database_at(context, 1)?;
    Ok(Reply::ok())
}

/// The database that the argument at `at` names.
pub(super) fn database_at(context: &Context<'_>, at: usize) -> Result<u32, Failure> {
    let index = context.integer(at)?;
    // Redis reads the number as a C int.
    if i32::try_from(index).is_err() {
        return refuse("ERR value is out of range, value must between -2147483648 and 2147483647");
    }
    database(index).map_or_else(|| refuse("ERR DB index is out of range"), Ok)
}

/// The database of this number, where there is one.
fn database(index: i64) -> Option<u32> {
    u32::try_from(index).ok().filter(|&db| db < DATABASES)
}

fn swapdb(context: &mut Context<'_>) -> Outcome {
    let index = |at: usize, text: &'static str| {
        number::parse_integer(context.arg(at))
            .filter(|&value| i32::try_from(value).is_ok())
            .map_or_else(|| refuse(text), Ok)
    };
    let left = index(1, "ERR invalid first DB index")?;
    let right = index(2, "ERR invalid second DB index")?;
    match (database(left), database(right)) {
        (Some(left), Some(right)) if left == right => Ok(Reply::ok()),
        (Some(left), Some(right)) => {
            touch_swapped(context, left, right)?;
            context.store.swap(left, right)?;
            for (db, name) in context.clients.waits.keys_of([left, right]) {
                // A stream that was there may be gone.
                let kind = context.store.find(db, &name)?.map_or(Type::Stream, |key| key.kind);
                context.store.signal_ready(db, &name, kind);
            }
            Ok(Reply::ok())
        }
        _ => refuse("ERR DB index is out of range"),
    }
}

/// A watched key of either database is touched where there is one of its name in either.
fn touch_swapped(context: &mut Context<'_>, left: u32, right: u32) -> Result<(), Failure> {
    let watches = context.clients.iter().flat_map(|connection| &connection.watches);
    let watches = watches.chain(&context.connection.watches).filter(|watch| [left, right].contains(&watch.db));
    let names: Vec<Vec<u8>> = watches.map(|watch| watch.name.clone()).collect();
    for name in names {
        if context.store.find(left, &name)?.or(context.store.find(right, &name)?).is_some() {
            context.store.touch_name(left, &name);
            context.store.touch_name(right, &name);
        }
    }
    Ok(())
}

fn time(context: &mut Context<'_>) -> Outcome {
    let seconds = context.now_ms.div_euclid(1000);
    let micros = context.now_ms.rem_euclid(1000) * 1000;
    Ok(Reply::Array(vec![Reply::bulk(seconds.to_string()), Reply::bulk(micros.to_string())]))
}

#[cfg(test)]
mod tests {
    use super::super::transcript::check_clients;

    /// Redis 7.0.15, probed.
    #[test]
    fn a_password_is_demanded_of_those_who_come_after_it() {
        check_clients(
            "1> AUTH pw
             -ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?
             1> AUTH default pw
             OK
             1> CONFIG SET requirepass pw
             OK
             1> CONFIG GET requirepass
             [\"requirepass\" \"pw\"]
             1> PING
             PONG
             2> PING
             -NOAUTH Authentication required.
             2> GET
             -ERR wrong number of arguments for 'get' command
             2> HELLO 3
             -NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time
             2> HELLO 2 AUTH default bad
             -WRONGPASS invalid username-password pair or user is disabled.
             2> AUTH other pw
             -WRONGPASS invalid username-password pair or user is disabled.
             2> AUTH default pw
             OK
             2> AUTH bad
             -WRONGPASS invalid username-password pair or user is disabled.
             2> PING
             PONG
             2> RESET
             RESET
             2> PING
             -NOAUTH Authentication required.
             1> RESET
             RESET
             1> CONFIG SET requirepass other
             -NOAUTH Authentication required.
             1> AUTH pw
             OK
             1> CONFIG SET requirepass other
             OK
             2> AUTH pw
             -WRONGPASS invalid username-password pair or user is disabled.
             2> AUTH other
             OK",
        );
    }

    /// Who has never said the password is let in while there is none, and not taken for one who has said it.
    #[test]
    fn an_empty_password_lets_everybody_in() {
        check_clients(
            "1> CONFIG SET requirepass pw
             OK
             2> PING
             -NOAUTH Authentication required.
             3> PING
             -NOAUTH Authentication required.
             1> MULTI
             OK
             1> CONFIG SET requirepass \"\"
             QUEUED
             1> CONFIG GET requirepass
             QUEUED
             1> EXEC
             [OK [\"requirepass\" \"\"]]
             2> PING
             PONG
             2> HELLO 3
             -NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time
             3> RESET
             RESET
             4> PING
             PONG
             1> CONFIG SET requirepass pw
             OK
             2> PING
             -NOAUTH Authentication required.
             3> PING
             PONG
             4> PING
             PONG
             1> CONFIG SET requirepass a timeout x
             -ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be parsed into an integer
             1> CONFIG GET requirepass
             [\"requirepass\" \"pw\"]",
        );
    }
}
