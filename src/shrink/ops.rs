//! Passes that leave out whole ops.

use std::collections::BTreeSet;

use crate::trace::{Act, Op};
use resp::Argv;

use super::search::{Search, Stop};

/// Up to how many ops all pairs of them are tried: more would cost more than they are likely to bring.
const PAIRS_OPS_MAX: usize = 8;

/// Keeps only the ops that touch a key of the divergent op, then those that touch a key that such an op touches, each
/// without and with the ops that have no key (they choose databases and move the clock). Takes the first that works.
pub(super) fn keep_related(search: &mut Search) -> Result<bool, Stop> {
    let Some(divergent) = search.best.get(search.at) else { return Ok(false) };
    let mut keys = keys(divergent);
    if keys.is_empty() {
        return Ok(false);
    }
    let before = search.best.len();
    for transitive in [false, true] {
        if transitive {
            add_connected(&mut keys, &search.best);
        }
        for with_keyless in [false, true] {
            let kept: Vec<Op> = search
                .best
                .iter()
                .enumerate()
                .filter(|(at, op)| {
                    *at == search.at || touches(op, &keys) || (with_keyless && self::keys(op).is_empty())
                })
                .map(|(_, op)| op.clone())
                .collect();
            if kept.len() < before && search.accept(kept)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The keys that an op names; of a command that [`spec`] does not know, every argument.
fn keys(op: &Op) -> BTreeSet<Vec<u8>> {
    let Some(argv) = op.argv() else { return BTreeSet::new() };
    match spec::lookup_request(argv) {
        Some(command) => command.keys(argv).into_iter().map(<[u8]>::to_vec).collect(),
        None => argv.iter().skip(1).map(<[u8]>::to_vec).collect(),
    }
}

fn touches(op: &Op, keys: &BTreeSet<Vec<u8>>) -> bool {
    !self::keys(op).is_disjoint(keys)
}

/// Adds the keys of every op that touches one of `keys`, and so on until there is nothing to add.
fn add_connected(keys: &mut BTreeSet<Vec<u8>>, ops: &[Op]) {
    let of_ops: Vec<BTreeSet<Vec<u8>>> = ops.iter().map(self::keys).collect();
    loop {
        let before = keys.len();
        for of_op in &of_ops {
            if !of_op.is_disjoint(keys) {
                keys.extend(of_op.iter().cloned());
            }
        }
        if keys.len() == before {
            return;
        }
    }
}

/// Leaves out chunks from the end to the start: halves, quarters, and so on down to two ops.
pub(super) fn delete_chunks(search: &mut Search) -> Result<bool, Stop> {
    let mut helped = false;
    let mut size = search.best.len() / 2;
    while size >= 2 {
        let mut end = search.best.len();
        while end > 0 {
            let start = end.saturating_sub(size);
            helped |= search.delete(start..end)?;
            end = start.min(search.best.len());
        }
        size /= 2;
    }
    Ok(helped)
}

/// Leaves out single ops from the end to the start, until none can go.
pub(super) fn delete_singles(search: &mut Search) -> Result<bool, Stop> {
    let mut helped = false;
    loop {
        let mut helped_now = false;
        let mut at = search.best.len();
        while at > 0 {
            at -= 1;
            helped_now |= search.delete(at..at + 1)?;
            at = at.min(search.best.len());
        }
        helped |= helped_now;
        if !helped_now {
            search.minimal = true;
            return Ok(helped);
        }
    }
}

/// Leaves out two ops at once, which only make sense together (`SELECT 1` and `SELECT 0`), in short traces.
pub(super) fn delete_pairs(search: &mut Search) -> Result<bool, Stop> {
    let mut helped = false;
    if search.best.len() > PAIRS_OPS_MAX {
        return Ok(false);
    }
    let mut second = search.best.len();
    while second > 1 {
        second -= 1;
        for first in (0..second).rev() {
            let mut candidate = search.best.clone();
            candidate.remove(second);
            candidate.remove(first);
            if search.accept(candidate)? {
                helped = true;
                second = search.best.len();
                break;
            }
        }
    }
    Ok(helped)
}

/// Gives the arguments of one op to another of the same command on the same key: `RPUSH k a`, `RPUSH k b` become
/// `RPUSH k a b`.
pub(super) fn merge(search: &mut Search) -> Result<bool, Stop> {
    let mut helped = false;
    let mut second = search.best.len();
    while second > 1 {
        second -= 1;
        for first in (0..second).rev() {
            let Some(merged) = merged(&search.best[first], &search.best[second]) else { continue };
            let mut candidate = search.best.clone();
            candidate[first] = merged;
            candidate.remove(second);
            if search.accept(candidate)? {
                helped = true;
                break;
            }
        }
        second = second.min(search.best.len());
    }
    Ok(helped)
}

fn merged(first: &Op, second: &Op) -> Option<Op> {
    let (one, other) = (first.argv()?, second.argv()?);
    let variadic = |argv: &Argv| spec::lookup_request(argv).filter(|command| command.arity < 0 && command.writes);
    let same = first.conn == second.conn
        && variadic(one)?.name == variadic(other)?.name
        && one.get(1).is_some()
        && one.get(1) == other.get(1);
    same.then(|| Op { conn: first.conn, act: Act::Call(one.iter().chain(other.iter().skip(2)).collect()) })
}

/// Puts every op on one connection, or those of one on another's; then numbers the connections from 0.
pub(super) fn join_connections(search: &mut Search) -> Result<bool, Stop> {
    let mut helped = renumber(search, &|_| 0)?;
    let mut joined = !helped;
    while joined {
        joined = false;
        let used = used(search);
        let later_ones = |at: usize| used[at + 1..].iter().map(move |&later| (at, later));
        for (at, later) in (0..used.len()).flat_map(later_ones) {
            joined = renumber(search, &|conn| if conn == later { used[at] } else { conn })?;
            if joined {
                helped = true;
                break;
            }
        }
    }
    let used = used(search);
    let place = |conn: u16| used.iter().position(|&used| used == conn).map_or(conn, |at| at as u16);
    Ok(renumber(search, &place)? || helped)
}

/// The connections in the order of their first ops.
fn used(search: &Search) -> Vec<u16> {
    let mut used = Vec::new();
    for op in &search.best {
        if !used.contains(&op.conn) {
            used.push(op.conn);
        }
    }
    used
}

fn renumber(search: &mut Search, number: &dyn Fn(u16) -> u16) -> Result<bool, Stop> {
    let candidate: Vec<Op> = search.best.iter().map(|op| Op { conn: number(op.conn), act: op.act.clone() }).collect();
    if candidate == search.best { Ok(false) } else { search.accept(candidate) }
}

/// Leaves out parts of raw bytes: halves, quarters, and so on down to single bytes.
pub(super) fn shorten_raw(search: &mut Search) -> Result<bool, Stop> {
    let mut helped = false;
    for at in (0..search.best.len()).rev() {
        let mut size = raw_bytes(search, at).len().div_ceil(2);
        while size > 0 {
            let mut end = raw_bytes(search, at).len();
            while end > 0 {
                let start = end.saturating_sub(size);
                let mut bytes = raw_bytes(search, at).to_vec();
                bytes.drain(start..end);
                let conn = search.best[at].conn;
                helped |= search.replace(at, Op { conn, act: Act::Raw(bytes) })?;
                end = start.min(raw_bytes(search, at).len());
            }
            size /= 2;
        }
    }
    Ok(helped)
}

/// The raw bytes of an op; none of any other.
fn raw_bytes<'a>(search: &'a Search, at: usize) -> &'a [u8] {
    match search.best.get(at).map(|op| &op.act) {
        Some(Act::Raw(bytes)) => bytes,
        _ => &[],
    }
}
