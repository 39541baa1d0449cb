//! Commands on channels.
//!
//! Forms of messages, counts and nulls: redis-server 7.0.15, probed.

use super::{Command, Context, Outcome, Row, container, refuse_subcommand};
use crate::channels::Space;
use crate::clients::Connection;
use crate::failure::{Failure, refuse};
use crate::glob;
use resp::Reply;

pub(super) const COMMANDS: &[Row] = &[
    ("PSUBSCRIBE", |context| subscribe(context, Space::Patterns)),
    ("PUBLISH", publish),
    ("PUBSUB", container),
    ("PUBSUB CHANNELS", |context| active(context, Space::Channels)),
    ("PUBSUB NUMPAT", numpat),
    ("PUBSUB NUMSUB", |context| numsub(context, Space::Channels)),
    ("PUBSUB SHARDCHANNELS", |context| active(context, Space::ShardChannels)),
    ("PUBSUB SHARDNUMSUB", |context| numsub(context, Space::ShardChannels)),
    ("PUNSUBSCRIBE", |context| unsubscribe(context, Space::Patterns)),
    ("SPUBLISH", spublish),
    ("SSUBSCRIBE", |context| subscribe(context, Space::ShardChannels)),
    ("SUBSCRIBE", |context| subscribe(context, Space::Channels)),
    ("SUNSUBSCRIBE", |context| unsubscribe(context, Space::ShardChannels)),
    ("UNSUBSCRIBE", |context| unsubscribe(context, Space::Channels)),
];

/// What a RESP2 connection that is subscribed may send: there is no telling replies from messages.
const SUBSCRIBED: &[&str] =
    &["PING", "PSUBSCRIBE", "PUNSUBSCRIBE", "QUIT", "RESET", "SSUBSCRIBE", "SUBSCRIBE", "SUNSUBSCRIBE", "UNSUBSCRIBE"];

/// Refuses what a connection that is subscribed may not send.
pub(crate) fn check_state(connection: &Connection, command: &Command) -> Result<(), Failure> {
    let name = command.spec.name;
    if connection.protocol >= 3 || !connection.subscriptions.is_any() || SUBSCRIBED.contains(&name) {
        return Ok(());
    }
    let name = name.to_ascii_lowercase().replace(' ', "|");
    refuse(format!(
        "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this \
         context"
    ))
}

/// How a command and its replies call it.
fn verb(space: Space, subscribes: bool) -> &'static str {
    match (space, subscribes) {
        (Space::Channels, true) => "subscribe",
        (Space::Channels, false) => "unsubscribe",
        (Space::Patterns, true) => "psubscribe",
        (Space::Patterns, false) => "punsubscribe",
        (Space::ShardChannels, true) => "ssubscribe",
        (Space::ShardChannels, false) => "sunsubscribe",
    }
}

/// How many subscriptions of that sort the connection has. Channels and patterns are counted together.
fn count(connection: &Connection, space: Space) -> usize {
    let subscriptions = &connection.subscriptions;
    match space {
        Space::Channels | Space::Patterns => subscriptions.channels.len() + subscriptions.patterns.len(),
        Space::ShardChannels => subscriptions.shard_channels.len(),
    }
}

/// What the connection is told of a change.
fn notice(connection: &Connection, space: Space, subscribes: bool, name: Reply) -> Reply {
    let count = Reply::Int(count(connection, space) as i64);
    connection.push_form(vec![Reply::bulk(verb(space, subscribes)), name, count])
}

fn subscribe(context: &mut Context<'_>, space: Space) -> Outcome {
    let mut frames = Vec::new();
    for name in context.args_from(1) {
        let subscriptions = &mut context.connection.subscriptions;
        let is_new = match space {
            Space::Channels => subscriptions.channels.insert(name.to_vec()),
            Space::ShardChannels => subscriptions.shard_channels.insert(name.to_vec()),
            Space::Patterns => {
                let is_new = !subscriptions.patterns.iter().any(|pattern| pattern == name);
                subscriptions.patterns.extend(is_new.then(|| name.to_vec()));
                is_new
            }
        };
        if is_new {
            context.clients.channels.subscribe(space, name, context.connection.slot);
        }
        frames.push(notice(context.connection, space, true, Reply::bulk(name)));
    }
    Ok(Reply::Frames(frames))
}

fn unsubscribe(context: &mut Context<'_>, space: Space) -> Outcome {
    let subscriptions = &context.connection.subscriptions;
    let names: Vec<Vec<u8>> = match space {
        _ if context.argv.len() > 1 => context.args_from(1).map(<[u8]>::to_vec).collect(),
        Space::Channels => subscriptions.channels.iter().cloned().collect(),
        Space::ShardChannels => subscriptions.shard_channels.iter().cloned().collect(),
        Space::Patterns => subscriptions.patterns.clone(),
    };
    if names.is_empty() {
        let nothing = context.null();
        return Ok(Reply::Frames(vec![notice(context.connection, space, false, nothing)]));
    }
    let mut frames = Vec::new();
    for name in names {
        let subscriptions = &mut context.connection.subscriptions;
        match space {
            Space::Channels => drop(subscriptions.channels.remove(&name)),
            Space::ShardChannels => drop(subscriptions.shard_channels.remove(&name)),
            Space::Patterns => subscriptions.patterns.retain(|pattern| *pattern != name),
        }
        context.clients.channels.unsubscribe(space, &name, context.connection.slot);
        frames.push(notice(context.connection, space, false, Reply::Bulk(name)));
    }
    Ok(Reply::Frames(frames))
}

/// Sends a message to these connections, of which one may be that of the publisher.
fn deliver(context: &mut Context<'_>, slots: &[usize], items: &[Reply]) {
    for &slot in slots {
        if slot == context.connection.slot {
            let frame = context.connection.push_form(items.to_vec());
            context.connection.outbox.push_back(frame);
        } else {
            context.clients.send(slot, items.to_vec());
        }
    }
}

fn publish(context: &mut Context<'_>) -> Outcome {
    let (channel, message) = (context.arg(1), context.arg(2));
    let channels = &context.clients.channels;
    let subscribers = channels.subscribers(Space::Channels, channel).to_vec();
    let matching: Vec<(Vec<u8>, Vec<usize>)> =
        channels.matching(channel).map(|(pattern, slots)| (pattern.to_vec(), slots.to_vec())).collect();
    deliver(context, &subscribers, &[Reply::bulk("message"), Reply::bulk(channel), Reply::bulk(message)]);
    let mut receivers = subscribers.len();
    for (pattern, slots) in matching {
        let items = [Reply::bulk("pmessage"), Reply::Bulk(pattern), Reply::bulk(channel), Reply::bulk(message)];
        deliver(context, &slots, &items);
        receivers += slots.len();
    }
    Ok(Reply::Int(receivers as i64))
}

fn spublish(context: &mut Context<'_>) -> Outcome {
    let (channel, message) = (context.arg(1), context.arg(2));
    let subscribers = context.clients.channels.subscribers(Space::ShardChannels, channel).to_vec();
    deliver(context, &subscribers, &[Reply::bulk("smessage"), Reply::bulk(channel), Reply::bulk(message)]);
    Ok(Reply::Int(subscribers.len() as i64))
}

fn active(context: &mut Context<'_>, space: Space) -> Outcome {
    if context.argv.len() > 3 {
        return refuse_subcommand(context);
    }
    let pattern = context.argv.get(2);
    let is_wanted = |name: &&[u8]| pattern.is_none_or(|pattern| glob::matches(pattern, name));
    Ok(Reply::Array(context.clients.channels.active(space).filter(is_wanted).map(Reply::bulk).collect()))
}

fn numsub(context: &mut Context<'_>, space: Space) -> Outcome {
    let channels = &context.clients.channels;
    let count = |name: &[u8]| Reply::Int(channels.subscribers(space, name).len() as i64);
    Ok(Reply::Array(context.args_from(2).flat_map(|name| [Reply::bulk(name), count(name)]).collect()))
}

fn numpat(context: &mut Context<'_>) -> Outcome {
    Ok(Reply::Int(context.clients.channels.count_patterns() as i64))
}

#[cfg(test)]
mod tests {
    use super::super::transcript::check_clients;

    #[test]
    fn messages_reach_subscribers_of_channels_and_patterns() {
        check_clients(
            "1> SUBSCRIBE a b
             frames [\"subscribe\" \"a\" 1] [\"subscribe\" \"b\" 2]
             2> PSUBSCRIBE a*
             [\"psubscribe\" \"a*\" 1]
             3> PUBLISH a hi
             2
             1>
             [\"message\" \"a\" \"hi\"]
             2>
             [\"pmessage\" \"a*\" \"a\" \"hi\"]
             1> GET k
             -ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context
             3> PUBSUB NUMSUB a c
             [\"a\" 1 \"c\" 0]
             1> UNSUBSCRIBE
             frames [\"unsubscribe\" \"a\" 1] [\"unsubscribe\" \"b\" 0]
             1> UNSUBSCRIBE
             [\"unsubscribe\" nil 0]
             3> PUBLISH a hi
             1
             3> PUBSUB NUMPAT
             1
             3> PUBSUB CHANNELS
             []",
        );
    }

    #[test]
    fn shard_channels_are_a_space_of_their_own() {
        check_clients(
            "1> SSUBSCRIBE a
             [\"ssubscribe\" \"a\" 1]
             2> PUBLISH a hi
             0
             2> SPUBLISH a hi
             1
             1>
             [\"smessage\" \"a\" \"hi\"]
             2> PUBSUB SHARDCHANNELS
             [\"a\"]",
        );
    }
}
