//! Commands on the server: CONFIG, LATENCY, MEMORY, SLOWLOG and their like.
//!
//! Order of checks and error texts: redis-server 7.0.15, probed.

use std::time::Duration;

use super::client::timeout_ms;
use super::{Context, Outcome, Row, c_string, container, info, refuse_subcommand};
use crate::config;
use crate::failure::{refuse, texts};
use crate::number;
use crate::waits::Wait;
use resp::Reply;

pub(super) const COMMANDS: &[Row] = &[
    ("CONFIG", container),
    ("CONFIG GET", config_get),
    ("CONFIG RESETSTAT", config_resetstat),
    ("CONFIG REWRITE", |_| refuse("ERR The server is running without a config file")),
    ("CONFIG SET", config_set),
    ("DEBUG", debug),
    ("INFO", info::info),
    ("LATENCY", container),
    ("LATENCY DOCTOR", |context| Ok(context.text("Latencies are not monitored here.\n".to_owned()))),
    ("LATENCY GRAPH", latency_graph),
    ("LATENCY HISTOGRAM", |context| Ok(context.map(Vec::new()))),
    ("LATENCY HISTORY", nothing),
    ("LATENCY LATEST", nothing),
    ("LATENCY RESET", |_| Ok(Reply::Int(0))),
    ("MEMORY", container),
    ("MEMORY DOCTOR", |context| Ok(context.text("Memory is SQLite's, which is in good health.\n".to_owned()))),
    ("MEMORY MALLOC-STATS", |context| Ok(context.text("Stats not supported for the current allocator".to_owned()))),
    ("MEMORY PURGE", |_| Ok(Reply::ok())),
    ("MEMORY STATS", memory_stats),
    ("MEMORY USAGE", memory_usage),
    ("SLOWLOG", container),
    ("SLOWLOG GET", slowlog_get),
    ("SLOWLOG LEN", |_| Ok(Reply::Int(0))),
    ("SLOWLOG RESET", |_| Ok(Reply::ok())),
    ("WAIT", wait),
];

fn nothing(_: &mut Context<'_>) -> Outcome {
    Ok(Reply::Array(Vec::new()))
}

// CONFIG.

fn config_get(context: &mut Context<'_>) -> Outcome {
    let found = context.clients.config.select(context.args_from(2));
    Ok(context.map(found.into_iter().map(|(name, setting)| (Reply::Bulk(name), Reply::bulk(setting))).collect()))
}

fn config_set(context: &mut Context<'_>) -> Outcome {
    if !context.argv.len().is_multiple_of(2) {
        return refuse(config::UNPAIRED);
    }
    let argv = context.argv;
    let pairs = (2..argv.len()).step_by(2).map(|at| (&argv[at], &argv[at + 1]));
    context.clients.config.set(pairs)?;
    Ok(Reply::ok())
}

fn config_resetstat(context: &mut Context<'_>) -> Outcome {
    context.clients.commands_run = 0;
    Ok(Reply::ok())
}

// What a server tells of its own work: there is nothing that is measured.

fn latency_graph(context: &mut Context<'_>) -> Outcome {
    let event = c_string(context.arg(2), usize::MAX);
    refuse([b"ERR No samples available for event '", event, b"'"].concat())
}

fn slowlog_get(context: &mut Context<'_>) -> Outcome {
    if context.argv.len() > 3 {
        return refuse_subcommand(context);
    }
    match context.argv.get(2).map(number::parse_integer) {
        None | Some(Some(-1..)) => nothing(context),
        Some(_) => refuse("ERR count should be greater than or equal to -1"),
    }
}

// MEMORY.

/// About how many bytes a key takes beside its name and its value, and an element beside its bytes.
const BYTES_EACH: i64 = 64;

fn memory_usage(context: &mut Context<'_>) -> Outcome {
    for at in (3..context.argv.len()).step_by(2) {
        if !context.is_word(at, "SAMPLES") || at + 1 == context.argv.len() {
            return refuse(texts::SYNTAX);
        }
        if context.integer(at + 1)? < 0 {
            return refuse(texts::SYNTAX);
        }
    }
    let name = context.arg(2);
    let Some((key, value_bytes)) = context.store.find_value(context.db(), name, <[u8]>::len)? else {
        return Ok(context.null());
    };
    let bytes = (name.len() + value_bytes.unwrap_or(0)) as i64;
    Ok(Reply::Int(bytes.saturating_add(key.length.saturating_add(1).saturating_mul(BYTES_EACH))))
}

fn memory_stats(context: &mut Context<'_>) -> Outcome {
    let bytes = context.store.count_bytes()?;
    let keys: i64 = context.store.count_databases()?.iter().map(|[_, keys, ..]| keys).sum();
    let facts = [("peak.allocated", bytes), ("total.allocated", bytes), ("dataset.bytes", bytes), ("keys.count", keys)];
    Ok(context.map(facts.map(|(name, value)| (Reply::bulk(name), Reply::Int(value))).to_vec()))
}

// Waiting.

/// There are no replicas: whoever asks for one waits in vain.
fn wait(context: &mut Context<'_>) -> Outcome {
    let replicas = context.integer(1)?;
    let timeout_ms = timeout_ms(context, 2)?;
    let timed_out = Reply::Int(0);
    // Redis keeps it as a C int.
    if (replicas as i32) <= 0 || !context.may_block() {
        return Ok(timed_out);
    }
    let until_ms = (timeout_ms > 0).then(|| context.now_ms.saturating_add(timeout_ms));
    Err(Wait::for_nothing(context.db(), until_ms, context.argv.clone(), timed_out))
}

/// The subcommands that tests of clients use.
fn debug(context: &mut Context<'_>) -> Outcome {
    match context.argv.len() {
        3 if context.is_word(1, "SLEEP") => {
            let seconds = number::parse_double_saturating(context.arg(2)).unwrap_or(0.0).max(0.0);
            // Everybody waits, as in Redis.
            std::thread::sleep(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
            Ok(Reply::ok())
        }
        3 if context.is_word(1, "SET-ACTIVE-EXPIRE") => Ok(Reply::ok()),
        _ => refuse_subcommand(context),
    }
}

#[cfg(test)]
mod tests {
    use super::super::transcript::{check, check_clients};

    #[test]
    fn parameters_are_told_and_set() {
        check(
            "> CONFIG GET MaxMemory maxmemory nosuch
             [\"MaxMemory\" \"0\"]
             > CONFIG SET maxmemory 10mb timeout 5
             OK
             > CONFIG GET maxmemory timeout
             [\"maxmemory\" \"10485760\" \"timeout\" \"5\"]
             > CONFIG GET list-*
             [\"list-compress-depth\" \"0\" \"list-max-listpack-size\" \"-2\"]
             > CONFIG SET timeout 6 MaxMemory x
             -ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value
             > CONFIG GET timeout
             [\"timeout\" \"5\"]
             > CONFIG SET timeout -1
             -ERR CONFIG SET failed (possibly related to argument 'timeout') - argument must be between 0 and 2147483647 inclusive
             > CONFIG SET nosuch 1
             -ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'
             > CONFIG SET databases 5
             -ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config
             > CONFIG SET timeout 1 Timeout 2
             -ERR CONFIG SET failed (possibly related to argument 'Timeout') - duplicate parameter
             > CONFIG SET timeout 1 hz
             -ERR syntax error",
        );
    }

    #[test]
    fn no_replica_ever_comes() {
        check_clients(
            "1> WAIT 0 0
             0
             1> WAIT x 0
             -ERR value is not an integer or out of range
             1> WAIT 0 -1
             -ERR timeout is negative
             1> WAIT 1 0
             pending
             2> CLIENT UNBLOCK 1
             1
             1>
             0
             1> MULTI
             OK
             1> WAIT 1 0
             QUEUED
             1> EXEC
             [0]",
        );
    }
}
