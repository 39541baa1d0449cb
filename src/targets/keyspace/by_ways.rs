//! Reads what a server holds that lacks commands: each fact in the way that it has for it, and what it has none for is
//! untold.

use std::collections::{BTreeMap, BTreeSet};

use super::count::{info_request, parse_info};
use super::kinds::{KINDS, Kind, kind_named};
use super::{DATABASES, Expiry, Name, Named, Requests, is_there, run_on_each, scan, select, selectable};
use crate::diff::{Entry, Keyspace, UNTOLD, UNTOLD_KIND, UNTOLD_MS};
use crate::targets::connection::Failure;
use crate::targets::ways::{self, Listing, Ways, holds_nothing};
use resp::{Argv, Reply};

/// What a key likely holds, where that is known: it is asked for first.
pub(super) type Hints<'a> = BTreeMap<&'a Name, &'static Kind>;

/// As [`super::read`]. A key of which only the name is told has an empty kind.
pub(super) fn read(
    server: &mut impl Requests,
    ways: &Ways,
    named: &Named,
    hints: Option<&Hints>,
    now_ms: i64,
) -> Result<Option<Keyspace>, Failure> {
    let Some(listed) = names(server, ways, named)? else { return Ok(None) };
    let listed: BTreeSet<Name> = listed.into_iter().collect();
    // A listing may leave out a key that is there: what the trace named is looked for by its name.
    let names: BTreeSet<Name> = listed.iter().cloned().chain(selectable(server, named.names(ways.select))?).collect();
    let likely = |name: &Name| -> Vec<&'static Kind> {
        let Some(hints) = hints.filter(|_| ways.exists && !ways.types) else { return ways.kinds.clone() };
        hints.get(name).copied().filter(|kind| ways.kinds.contains(kind)).into_iter().collect()
    };
    let found = look(server, ways, &names, now_ms, likely)?;
    let unsure: BTreeSet<Name> =
        found.iter().filter(|(_, it)| matches!(it, Presence::Unsure)).map(|it| it.0.clone()).collect();
    let mut again = look(server, ways, &unsure, now_ms, |_| ways.kinds.clone())?.into_iter();
    let mut entries = Vec::with_capacity(names.len());
    let mut unread = Vec::new();
    for (name, found) in found {
        let found = if matches!(found, Presence::Unsure) { again.next().map_or(found, |it| it.1) } else { found };
        let Found { kind, value, expires_ms } = match found {
            Presence::Unsure => continue,
            Presence::Absent if ways.listing == Listing::ByName || ways.types || !listed.contains(name) => continue,
            // Named by KEYS or SCAN, and nothing reads it.
            Presence::Absent => Found { kind: String::new(), value: UNTOLD, expires_ms: Some(UNTOLD_MS) },
            Presence::There(found) => found,
        };
        if value == UNTOLD
            && let Some(row) = kind_named(&kind).filter(|row| ways.kinds.contains(row) && !ways.untold.contains(row))
        {
            unread.push((entries.len(), name, row));
        }
        entries.push(Entry { db: name.db, key: name.key.clone(), kind, value, details: None, expires_ms });
    }
    read_values(server, ways, &mut entries, &unread)?;
    Ok(Some(Keyspace { entries }))
}

/// Every key that has a time to live, as far as it is told; `None` where no time is.
pub(super) fn expiries(
    server: &mut impl Requests,
    ways: &Ways,
    named: &Named,
    now_ms: i64,
) -> Result<Option<Vec<Expiry>>, Failure> {
    let Some(names) = names(server, ways, named)? else { return Ok(None) };
    if ways.expiry == ways::Expiry::Untold {
        return Ok(names.is_empty().then(Vec::new));
    }
    let times = run_on_each(server, &names, ways.select, |name, requests| requests.extend(ask_expiry(ways, name)))?;
    let expiry = |(name, time): (Name, Reply)| {
        let expires_ms = expires_ms(ways, now_ms, &time)?;
        Some(Expiry { db: name.db, key: name.key, expires_ms })
    };
    Ok(Some(names.into_iter().zip(times).filter_map(expiry).collect()))
}

/// Removes every key that is listed or named.
pub(super) fn delete_all(server: &mut impl Requests, ways: &Ways, named: &Named) -> Result<(), Failure> {
    let mut all: BTreeSet<Name> = named.names(ways.select).into_iter().collect();
    all.extend(names(server, ways, named)?.unwrap_or_default());
    run_on_each(server, &all, ways.select, |name, requests| {
        requests.push(Argv::from([b"DEL", name.key.as_slice()]));
    })?;
    Ok(())
}

/// Asks whether a key is there, by the surest means that the server has; [`is_absent`] reads the replies.
pub(in crate::targets) fn ask_presence(ways: &Ways, name: &Name, requests: &mut Vec<Argv>) {
    let key = name.key.as_slice();
    if ways.types && ways.absent == b"none" {
        requests.push(Argv::from([b"TYPE", key]));
    } else if ways.exists {
        requests.push(Argv::from([b"EXISTS", key]));
    } else {
        requests.extend(ways.kinds.iter().map(|kind| kind.request(key)));
    }
}

/// True where this is what a server answers about a key that is not there, but for what TYPE calls that.
pub(in crate::targets) fn is_absent(reply: &Reply) -> bool {
    holds_nothing(reply) || matches!(reply, Reply::Simple(kind) if kind == b"none") || *reply == Reply::Int(0)
}

/// Every key, in order; `None` where nothing tells which there are.
fn names(server: &mut impl Requests, ways: &Ways, named: &Named) -> Result<Option<Vec<Name>>, Failure> {
    if !ways.tells_keys() {
        return Ok(None);
    }
    if ways.listing == Listing::ByName {
        return selectable(server, named.names(ways.select)).map(Some);
    }
    let mut names = BTreeSet::new();
    for db in databases(server, ways)? {
        let keys = match ways.listing {
            Listing::Keys => {
                let mut requests = Vec::new();
                requests.extend(ways.select.then(|| select(db)));
                requests.push(Argv::from(["KEYS", "*"]));
                let mut replies = server.run(&requests)?;
                let keys = replies.pop().unwrap_or(Reply::NullArray);
                if replies.first().is_some_and(|selected| !is_there(db, selected)) {
                    continue;
                }
                keys
            }
            _ => scan(server, ways.select.then_some(db))?,
        };
        let Some(keys) = keys.as_elements() else { return Ok(None) };
        names.extend(keys.iter().filter_map(Reply::as_bytes).map(|key| Name { db, key: key.to_vec() }));
    }
    Ok(Some(names.into_iter().collect()))
}

/// The databases that may hold keys.
fn databases(server: &mut impl Requests, ways: &Ways) -> Result<Vec<u32>, Failure> {
    if !ways.select {
        return Ok(vec![0]);
    }
    let info = if ways.info { server.run(&[info_request()])?.pop() } else { None };
    Ok(match info.as_ref().and_then(parse_info) {
        Some(counts) => counts.into_iter().map(|(db, _)| db).collect(),
        None => (0..DATABASES).collect(),
    })
}

/// Asks whether each of these is there, and what it holds where it is one of the kinds that it may be.
fn look<'a>(
    server: &mut impl Requests,
    ways: &Ways,
    names: &'a BTreeSet<Name>,
    now_ms: i64,
    kinds_of: impl Fn(&Name) -> Vec<&'static Kind>,
) -> Result<Vec<(&'a Name, Presence)>, Failure> {
    let replies = run_on_each(server, names, ways.select, |name, requests| ask(ways, name, &kinds_of(name), requests))?;
    let mut replies = replies.into_iter();
    Ok(names.iter().map_while(|name| Some((name, take(ways, &kinds_of(name), now_ms, &mut replies)?))).collect())
}

fn ask(ways: &Ways, name: &Name, kinds: &[&'static Kind], requests: &mut Vec<Argv>) {
    let key = name.key.as_slice();
    requests.extend(ask_expiry(ways, name));
    if ways.types {
        requests.push(Argv::from([b"TYPE", key]));
        return;
    }
    if ways.exists {
        requests.push(Argv::from([b"EXISTS", key]));
    }
    kinds.iter().for_each(|kind| requests.push(kind.request(key)));
}

fn ask_expiry(ways: &Ways, name: &Name) -> Option<Argv> {
    let command: &[u8] = match ways.expiry {
        ways::Expiry::Time => b"PEXPIRETIME",
        ways::Expiry::Left => b"PTTL",
        ways::Expiry::SecondsLeft => b"TTL",
        ways::Expiry::Untold => return None,
    };
    Some(Argv::from([command, name.key.as_slice()]))
}

/// What is told of a key.
enum Presence {
    Absent,
    /// It is there, and none of the kinds that were asked for.
    Unsure,
    There(Found),
}

/// A key that is there.
struct Found {
    kind: String,
    value: Reply,
    expires_ms: Option<i64>,
}

/// Takes the replies to [`ask`]; `None` where there are no more.
fn take(
    ways: &Ways,
    kinds: &[&'static Kind],
    now_ms: i64,
    replies: &mut impl Iterator<Item = Reply>,
) -> Option<Presence> {
    let expires_ms = match ways.expiry {
        ways::Expiry::Untold => Some(UNTOLD_MS),
        _ => expires_ms(ways, now_ms, &replies.next()?),
    };
    if ways.types {
        return Some(match replies.next()? {
            Reply::Simple(kind) if kind == ways.absent => Presence::Absent,
            Reply::Simple(kind) => {
                let known = ways.kind_called(&kind);
                let kind = known.map_or_else(|| String::from_utf8_lossy(&kind).into_owned(), |it| it.name.to_owned());
                let value = if kind_named(&kind).is_some() { UNTOLD } else { Reply::NullBulk };
                Presence::There(Found { kind, value, expires_ms })
            }
            other => {
                let kind = format!("{:?}", other.kind());
                Presence::There(Found { kind, value: Reply::NullBulk, expires_ms })
            }
        });
    }
    let exists = if ways.exists { Some(replies.next()? != Reply::Int(0)) } else { None };
    let (mut held, mut is_refused) = (None, false);
    for kind in kinds {
        let (value, _) = kind.take(&mut std::iter::once(replies.next()?));
        let is_error = value.as_error().is_some() || value == UNTOLD;
        is_refused |= is_error;
        if held.is_none() && !is_error && !holds_nothing(&value) {
            let is_read = !ways.second.contains(kind) && !ways.untold.contains(kind);
            let value = if is_read { value } else { UNTOLD };
            held = Some((kind.name.to_owned(), value));
        }
    }
    Some(match held {
        Some((kind, value)) => Presence::There(Found { kind, value, expires_ms }),
        None if exists == Some(true) && kinds.len() < ways.kinds.len() => Presence::Unsure,
        // A read that is an error says that something is there, of a type that nothing reads.
        None if exists == Some(true) || exists.is_none() && is_refused => {
            Presence::There(Found { kind: String::new(), value: UNTOLD, expires_ms })
        }
        None if exists.is_none() && ways.kinds.len() < KINDS.len() => {
            Presence::There(Found { kind: UNTOLD_KIND.to_owned(), value: UNTOLD, expires_ms })
        }
        None => Presence::Absent,
    })
}

/// When a key expires by what the server says of that.
fn expires_ms(ways: &Ways, now_ms: i64, time: &Reply) -> Option<i64> {
    if *time == Reply::Closed {
        return Some(UNTOLD_MS);
    }
    let Reply::Int(time) = *time else { return None };
    let time = Some(time).filter(|&time| time >= 0)?;
    Some(match ways.expiry {
        ways::Expiry::Left => now_ms.saturating_add(time),
        ways::Expiry::SecondsLeft => now_ms.saturating_add(time.saturating_mul(1000)),
        ways::Expiry::Time | ways::Expiry::Untold => time,
    })
}

/// Reads the values of the keys at these places of `entries`.
fn read_values(
    server: &mut impl Requests,
    ways: &Ways,
    entries: &mut [Entry],
    unread: &[(usize, &Name, &'static Kind)],
) -> Result<(), Failure> {
    let is_second = |row: &'static Kind| ways.second.contains(&row);
    for &(at, name, row) in unread.iter().filter(|(.., row)| is_second(row)) {
        if ways.select {
            server.run(&[select(name.db)])?;
        }
        let value = row.read_again(&name.key, |requests| server.run(requests))?;
        entries[at].value = value.unwrap_or(UNTOLD);
    }
    let unread: Vec<_> = unread.iter().filter(|(.., row)| !is_second(row)).collect();
    let mut rows = unread.iter().map(|(.., row)| row);
    let names = unread.iter().map(|&&(_, name, _)| name);
    let values = run_on_each(server, names, ways.select, |name, requests| {
        requests.extend(rows.next().map(|row| row.request(&name.key)));
    })?;
    for ((at, _, row), value) in unread.iter().zip(values) {
        entries[*at].value = row.take(&mut std::iter::once(value)).0;
    }
    Ok(())
}
