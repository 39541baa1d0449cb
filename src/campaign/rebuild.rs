//! The state that an op met, written anew by the plainest commands: what shows behind a long trace mostly shows behind
//! a write or two.

use std::collections::BTreeSet;

use crate::diff::{Entry, Keyspace};
use crate::targets::{Session, TargetError};
use crate::trace::{Act, Header, Op};
use resp::{Argv, Reply};

/// The most keys that are written.
const KEYS_MAX: usize = 8;
/// The most elements of one key.
const ELEMENTS_MAX: usize = 256;
/// The most bytes of one key.
const BYTES_MAX: usize = 64 << 10;

/// Traces that write what the op at `at` of `ops` met in its keys, and end with it: each with other commands, as the
/// plainest may be wrong itself. Only the reference is asked. There are none where it takes more than that.
///
/// # Errors
/// Infrastructure only.
pub(super) fn rebuild(
    header: &Header,
    ops: &[Op],
    at: usize,
    reference: &mut dyn Session,
) -> Result<Vec<(Header, Vec<Op>)>, TargetError> {
    let Some((before, tail)) = split(ops, at) else { return Ok(Vec::new()) };
    reference.reset(header)?;
    reference.replay(before, &mut Vec::new())?;
    let Some(keyspace) = reference.keyspace()? else { return Ok(Vec::new()) };
    let Some(entries) = entries_of(&keyspace, before, &tail) else { return Ok(Vec::new()) };
    let moved_ms = before.iter().map(|op| if let Act::Advance { ms } = op.act { ms } else { 0 });
    let moved_ms = moved_ms.fold(0, u64::saturating_add);
    let start_ms = header.start_ms.saturating_add(i64::try_from(moved_ms).unwrap_or(i64::MAX));
    let header = Header { start_ms, ..header.clone() };
    let mut traces: Vec<(Header, Vec<Op>)> = Vec::new();
    for way in Way::ALL {
        let writes: Option<Vec<Vec<Argv>>> = entries.iter().map(|entry| write(entry, way, start_ms)).collect();
        let Some(writes) = writes else { continue };
        let writes = writes.into_iter().flatten().map(|argv| Op::call(0, argv));
        let trace: Vec<Op> = writes.chain(tail.iter().cloned()).collect();
        if trace.len() <= at && traces.iter().all(|(_, other)| *other != trace) {
            traces.push((header.clone(), trace));
        }
    }
    Ok(traces)
}

/// The ops before, and those that have to stay: the one at `at`, with its transaction where it is in one. All of them on
/// connection 0. `None` where connections have to do with each other.
fn split(ops: &[Op], at: usize) -> Option<(&[Op], Vec<Op>)> {
    let last = ops.get(at)?;
    last.argv()?;
    let is = |op: &Op, word: &str| op.argv().is_some_and(|argv| argv.is_word(word));
    let mut start = at;
    for (place, op) in ops[..at].iter().enumerate().filter(|(_, op)| op.conn == last.conn) {
        if is(op, "MULTI") && start == at {
            start = place;
        } else if is(op, "EXEC") || is(op, "DISCARD") || is(op, "RESET") || op.act == Act::Close {
            start = at;
        }
    }
    let tail = ops[start..=at].iter().filter(|op| op.conn == last.conn);
    Some((&ops[..start], tail.map(|op| Op { conn: 0, ..op.clone() }).collect()))
}

/// What the ops of `tail` meet, in the database that their connection has selected; all of it where they name no key.
fn entries_of<'a>(keyspace: &'a Keyspace, before: &[Op], tail: &[Op]) -> Option<Vec<&'a Entry>> {
    let keys: BTreeSet<&[u8]> = tail.iter().filter_map(Op::argv).flat_map(keys).collect();
    let selected = |op: &Op| {
        let argv = op.argv().filter(|argv| argv.len() == 2 && argv[0].eq_ignore_ascii_case(b"SELECT"))?;
        std::str::from_utf8(&argv[1]).ok()?.parse().ok()
    };
    let db = before.iter().rev().find_map(selected).unwrap_or(0);
    let is_met = |entry: &&Entry| entry.db == db && (keys.is_empty() || keys.contains(&entry.key[..]));
    let entries: Vec<&Entry> = keyspace.entries.iter().filter(is_met).collect();
    (entries.len() <= KEYS_MAX).then_some(entries)
}

fn keys(argv: &Argv) -> Vec<&[u8]> {
    spec::lookup_request(argv).map(|command| command.keys(argv)).unwrap_or_default()
}

/// By which commands a key is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Plain,
    Other,
    /// Whatever it holds, as a short string: for what only asks whether the key is there, and until when.
    Least,
}

impl Way {
    const ALL: [Way; 3] = [Way::Plain, Way::Other, Way::Least];
}

/// The requests that write a key; `None` for what is too large, or more than values.
fn write(entry: &Entry, way: Way, now_ms: i64) -> Option<Vec<Argv>> {
    let is_plain = way == Way::Plain;
    let of = |command: &str, args: Vec<&[u8]>| {
        let mut argv = Argv::from([command.as_bytes(), &entry.key]);
        args.into_iter().for_each(|arg| argv.push(arg));
        argv
    };
    let expires_ms = entry.expires_ms.map(|ms| ms.to_string());
    if way == Way::Least {
        let mut args: Vec<&[u8]> = vec![b"0"];
        expires_ms.iter().for_each(|ms| args.extend([b"PXAT", ms.as_bytes()]));
        return Some(vec![of("SET", args)]);
    }
    if entry.kind == "string" {
        let value = entry.value.as_bytes().filter(|value| value.len() <= BYTES_MAX)?;
        return Some(match (&expires_ms, is_plain) {
            (None, true) => vec![of("SET", vec![value])],
            (None, false) => vec![of("MSET", vec![value])],
            (Some(ms), true) => vec![of("SET", vec![value, b"PXAT", ms.as_bytes()])],
            (Some(_), false) => {
                let left_ms = entry.expires_ms.unwrap_or(now_ms).saturating_sub(now_ms).max(1).to_string();
                vec![of("PSETEX", vec![left_ms.as_bytes(), value])]
            }
        });
    }
    let items = entry.value.as_elements().filter(|items| items.len() <= ELEMENTS_MAX)?;
    let mut writes = match entry.kind.as_str() {
        "stream" => items.iter().map(|item| Some(of("XADD", entry_of_stream(item)?))).collect::<Option<Vec<Argv>>>()?,
        kind => {
            let mut args: Vec<&[u8]> = items.iter().map(Reply::as_bytes).collect::<Option<_>>()?;
            let command = match (kind, is_plain) {
                ("list", true) => "RPUSH",
                ("list", false) => {
                    args.reverse();
                    "LPUSH"
                }
                ("hash", true) => "HSET",
                ("hash", false) => "HMSET",
                ("set", _) => "SADD",
                ("zset", _) => {
                    // Members and scores change places.
                    args.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
                    if is_plain || args.len() > 2 { "ZADD" } else { "ZINCRBY" }
                }
                _ => return None,
            };
            vec![of(command, args)]
        }
    };
    writes.extend(expires_ms.map(|ms| of("PEXPIREAT", vec![ms.as_bytes()])));
    let bytes: usize = writes.iter().map(Argv::bytes_len).sum();
    (bytes <= BYTES_MAX).then_some(writes)
}

/// The ID of an entry, its fields and their values.
fn entry_of_stream(item: &Reply) -> Option<Vec<&[u8]>> {
    let [id, fields] = item.as_elements()? else { return None };
    let fields = fields.as_elements()?.iter().map(Reply::as_bytes);
    [id.as_bytes()].into_iter().chain(fields).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::{self, TargetOptions};
    use crate::trace::START_MS;
    use crate::trace::text::{format_op, parse_op};

    /// The traces that lead to the last of these ops, each on a line.
    #[track_caller]
    fn check(ops: &[&str], expected: &[&str]) {
        let parsed: Vec<Op> = ops.iter().map(|line| parse_op(line.as_bytes()).expect("an op")).collect();
        let header = Header { start_ms: START_MS, ..Header::default() };
        let target = targets::parse("redlite", &TargetOptions::default()).expect("a target");
        let mut reference = target.open(&header).expect("an empty store");
        let rebuilt = rebuild(&header, &parsed, parsed.len() - 1, reference.as_mut()).expect("it runs");
        let write = |(_, ops): &(Header, Vec<Op>)| ops.iter().map(format_op).collect::<Vec<_>>().join(" | ");
        assert_eq!(rebuilt.iter().map(write).collect::<Vec<_>>(), expected, "{ops:?}");
    }

    #[test]
    fn what_an_op_met_is_written_plainly() {
        let before = ["APPEND k a", "APPEND k b", "RPUSH l x", "STRLEN k"];
        check(&before, &["SET k ab | STRLEN k", "MSET k ab | STRLEN k", "SET k 0 | STRLEN k"]);
        let before = ["LPUSH l b", "LPUSH l a", "SADD s m", "SELECT 0", "LLEN l"];
        check(&before, &["RPUSH l a b | LLEN l", "LPUSH l b a | LLEN l", "SET l 0 | LLEN l"]);
        let before = ["ZADD z 1 a", "ZADD z 2 b", "ZADD z 3 a", "ZCARD z"];
        check(&before, &["ZADD z 2 b 3 a | ZCARD z", "SET z 0 | ZCARD z"]);
        let before = ["XADD x 1-1 f v", "XADD x 2-1 f v", "XDEL x 1-1", "XLEN x"];
        check(&before, &["XADD x 2-1 f v | XLEN x", "SET x 0 | XLEN x"]);
    }

    #[test]
    fn times_to_live_stay_what_they_were() {
        let before = ["SET k v", "PEXPIRE k 9000", "!advance 4000ms", "GET k"];
        let least = "SET k 0 PXAT 1700000009000 | GET k";
        check(&before, &["SET k v PXAT 1700000009000 | GET k", "PSETEX k 5000 v | GET k", least]);
        let before = ["HSET h f v", "PEXPIRE h 9000", "PERSIST h"];
        check(&before, &["SET h 0 PXAT 1700000009000 | PERSIST h"]);
    }

    #[test]
    fn a_transaction_stays_whole() {
        let before = ["SADD s a", "SADD s b", "@3 SADD t c", "MULTI", "@3 SCARD t", "SCARD s", "EXEC"];
        check(&before, &["SADD s a b | MULTI | SCARD s | EXEC", "SET s 0 | MULTI | SCARD s | EXEC"]);
    }

    #[test]
    fn what_takes_no_fewer_ops_is_no_help() {
        check(&["RPUSH l a", "LLEN l"], &[]);
        check(&["XADD x 1-1 f v", "XADD x 1-2 f v", "XLEN x"], &["SET x 0 | XLEN x"]);
    }
}
