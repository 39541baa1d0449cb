//! Commands on transactions.
//!
//! What is queued and what runs at once, the order of checks and error texts: redis-server 7.0.15, probed.

use super::{Command, Context, Outcome, Row, find};
use crate::clients::{Clients, Connection, Transaction, Watch};
use crate::failure::{Failure, refuse};
use crate::points::Point;
use resp::{Argv, Reply};

pub(super) const COMMANDS: &[Row] =
    &[("DISCARD", discard), ("EXEC", exec), ("MULTI", multi), ("UNWATCH", unwatch), ("WATCH", watch)];

/// Commands that run at once within a transaction.
const UNQUEUED: &[&str] = &["DISCARD", "EXEC", "MULTI", "QUIT", "RESET", "WATCH"];

/// True where the connection is in a transaction that the command has to wait for the end of.
pub(crate) fn is_queued(connection: &Connection, command: &Command) -> bool {
    connection.transaction.is_some() && !UNQUEUED.contains(&command.spec.name)
}

/// Takes in that a request of the connection was refused before it ran: what cannot be queued spoils the whole
/// transaction, and an EXEC that is refused ends it.
pub(crate) fn reject(connection: &mut Connection, clients: &mut Clients, argv: &Argv, failure: Failure) -> Failure {
    let is_exec = argv.get(0).is_some_and(|name| name.eq_ignore_ascii_case(b"EXEC"));
    if is_exec {
        connection.transaction = None;
        clients.unwatch(connection);
    }
    match failure {
        Failure::Refused(text) if is_exec => {
            let cause = text.strip_prefix(b"ERR ").unwrap_or(&text);
            Failure::Refused([b"EXECABORT Transaction discarded because of: ", cause].concat())
        }
        failure => {
            connection.transaction.iter_mut().for_each(|transaction| transaction.is_broken = true);
            failure
        }
    }
}

fn multi(context: &mut Context<'_>) -> Outcome {
    if context.connection.transaction.is_some() {
        return refuse("ERR MULTI calls can not be nested");
    }
    context.connection.transaction = Some(Transaction::default());
    Ok(Reply::ok())
}

fn discard(context: &mut Context<'_>) -> Outcome {
    if context.connection.transaction.is_none() {
        return refuse("ERR DISCARD without MULTI");
    }
    if context.clients.points.passes(Point::Discard, b"") {
        context.connection.transaction = None;
    }
    context.clients.unwatch(context.connection);
    Ok(Reply::ok())
}

fn watch(context: &mut Context<'_>) -> Outcome {
    if context.connection.transaction.is_some() {
        return refuse("ERR WATCH inside MULTI is not allowed");
    }
    let db = context.db();
    for name in context.args_from(1) {
        let key_id = context.store.find(db, name)?.map(|key| key.id);
        let is_known = context.connection.watches.iter().any(|watch| watch.db == db && watch.name == name);
        if !is_known {
            context.clients.watch(context.connection, Watch { db, name: name.to_vec(), key_id });
        }
    }
    Ok(Reply::ok())
}

fn unwatch(context: &mut Context<'_>) -> Outcome {
    if context.clients.points.passes(Point::Release, b"") {
        context.clients.unwatch(context.connection);
    }
    Ok(Reply::ok())
}

fn exec(context: &mut Context<'_>) -> Outcome {
    let Some(transaction) = context.connection.transaction.take() else {
        return refuse("ERR EXEC without MULTI");
    };
    let points = context.clients.points.clone();
    let is_dirty = context.connection.is_dirty && points.passes(Point::Dirty, b"")
        || is_any_watched_gone(context)? && points.passes(Point::Gone, b"");
    if points.passes(Point::Unwatch, b"") {
        context.clients.unwatch(context.connection);
    }
    if transaction.is_broken && points.passes(Point::Broken, b"") {
        return refuse("EXECABORT Transaction discarded because of previous errors.");
    }
    if is_dirty {
        return Ok(context.null_array());
    }
    let mut replies = Vec::with_capacity(transaction.queue.len());
    for argv in &transaction.queue {
        replies.push(run_queued(context, argv)?);
        if !points.passes(Point::Whole, &argv[0]) {
            context.store.commit()?;
        }
    }
    Ok(Reply::Array(replies))
}

/// True where the time of a watched key is over and nobody has noticed.
fn is_any_watched_gone(context: &mut Context<'_>) -> Result<bool, Failure> {
    for watch in &context.connection.watches {
        if watch.key_id.is_some() && context.store.find(watch.db, &watch.name)?.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Runs a command that was queued. Messages that it sends to its own connection stand before its reply.
fn run_queued(context: &mut Context<'_>, argv: &Argv) -> Outcome {
    let sent = context.connection.outbox.len();
    let mut inner = Context {
        store: &mut *context.store,
        connection: &mut *context.connection,
        clients: &mut *context.clients,
        random: &mut *context.random,
        limits: context.limits,
        argv,
        now_ms: context.now_ms,
        in_exec: true,
        ready_key: None,
    };
    let reply = match find(argv).and_then(|command| (command.run)(&mut inner)) {
        Ok(reply) => reply,
        Err(failure @ Failure::Storage(_)) => return Err(failure),
        Err(failure) => failure.into_reply(),
    };
    let outbox = &mut context.connection.outbox;
    if outbox.len() == sent {
        return Ok(reply);
    }
    Ok(Reply::Frames(outbox.drain(sent..).chain([reply]).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::transcript::check_clients;

    #[test]
    fn a_transaction_runs_as_a_whole() {
        check_clients(
            "1> MULTI
             OK
             1> SET k 1
             QUEUED
             1> LPUSH k a
             QUEUED
             1> INCR k
             QUEUED
             2> GET k
             nil
             1> EXEC
             [OK -WRONGTYPE Operation against a key holding the wrong kind of value 2]
             1> EXEC
             -ERR EXEC without MULTI",
        );
    }

    #[test]
    fn what_cannot_be_queued_aborts() {
        check_clients(
            "1> MULTI
             OK
             1> MULTI
             -ERR MULTI calls can not be nested
             1> WATCH k
             -ERR WATCH inside MULTI is not allowed
             1> EXEC
             []
             1> MULTI
             OK
             1> GET
             -ERR wrong number of arguments for 'get' command
             1> SET k 1
             QUEUED
             1> EXEC
             -EXECABORT Transaction discarded because of previous errors.
             1> GET k
             nil
             1> DISCARD
             -ERR DISCARD without MULTI",
        );
    }

    #[test]
    fn a_watched_key_that_changes_aborts() {
        check_clients(
            "1> SET k 1
             OK
             1> WATCH k none
             OK
             2> SET k 1
             OK
             1> MULTI
             OK
             1> EXEC
             nil array
             1> WATCH none
             OK
             2> DEL none
             0
             1> MULTI
             OK
             1> GET k
             QUEUED
             1> EXEC
             [\"1\"]
             1> WATCH none
             OK
             2> RENAME k none
             OK
             1> UNWATCH
             OK
             1> MULTI
             OK
             1> EXEC
             []",
        );
    }
}
