//! Reads everything that a server holds: in one round trip where it is what was expected, and in up to four otherwise.
//! What a server that lacks a command is asked instead is in [`by_ways`].

mod by_ways;
mod count;
mod kinds;
mod named;

use std::collections::{BTreeMap, BTreeSet};

use super::connection::Failure;
use super::cursor;
use super::ways::Ways;
use crate::diff::{Entry, Keyspace, UNTOLD_KIND, UNTOLD_MS};
use crate::trace::Op;
use resp::{Argv, Reply};

pub(super) use by_ways::{ask_presence, is_absent};
pub(super) use count::{count_keys, count_keys_for_sure, info_request, parse_info};
pub(super) use kinds::{KINDS, Kind, kind_named};
pub(super) use named::Named;

/// How many databases are looked at where the server does not say which ones hold keys: Redis' own number.
const DATABASES: u32 = 16;

/// A connection that serves nothing but reading and emptying the store.
pub(super) trait Requests {
    /// Runs `requests` in one pipeline and returns one reply for each.
    fn run(&mut self, requests: &[Argv]) -> Result<Vec<Reply>, Failure>;
}

/// What is known of a store before it is read.
pub(super) struct Known {
    /// The databases that hold keys: they are looked at first.
    dbs: BTreeSet<u32>,
    /// Keys and what they likely hold, in order: they are asked for together with the names of all keys.
    expected: Vec<(Name, &'static Kind)>,
    /// True from the first time on that something was expected.
    is_hinted: bool,
    /// Where the server is to be asked in another way than Redis.
    ways: Option<Ways>,
    /// Keys that the ops since it was empty hold.
    pub named: Named,
}

impl Known {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { dbs: BTreeSet::from([0]), expected: Vec::new(), is_hinted: false, ways: None, named: Named::default() }
    }

    /// The server is to be asked in these ways.
    pub fn set_ways(&mut self, ways: &Ways) {
        self.ways = (*ways != Ways::all()).then(|| ways.clone());
    }

    /// True where knowing what a key likely holds saves asking for all that it may be.
    pub fn wants_hints(&self) -> bool {
        self.ways.as_ref().is_some_and(|ways| !ways.types && ways.exists)
    }

    /// False where the server has only one database, as far as it can be asked.
    pub fn has_databases(&self) -> bool {
        self.ways.as_ref().is_none_or(|ways| ways.select)
    }

    /// The store likely holds what `keyspace` does, until something else is expected of it.
    pub fn expect(&mut self, keyspace: &Keyspace) {
        self.is_hinted = true;
        let expected = keyspace.entries.iter().take(EXPECTED_MAX).filter_map(|entry| {
            let kind = kind_named(&entry.kind)?;
            Some((Name { db: entry.db, key: entry.key.clone() }, kind))
        });
        self.expected = expected.collect();
        self.expected.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        self.dbs = self.expected.iter().map(|(name, _)| name.db).chain([0]).collect();
    }
}

/// How many keys are asked for before it is known that they are there: what a server has to answer at once is bounded.
const EXPECTED_MAX: usize = 1000;

/// A key and where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    db: u32,
    key: Vec<u8>,
}

impl Name {
    /// Its database.
    pub fn db(&self) -> u32 {
        self.db
    }

    /// Its key.
    pub fn key(&self) -> &[u8] {
        &self.key
    }
}

/// A key with a time to live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expiry {
    /// Its database.
    pub db: u32,
    /// Its name.
    pub key: Vec<u8>,
    /// When it expires, in milliseconds since 1970 on the server's clock.
    pub expires_ms: i64,
}

/// Everything that is stored, in canonical order; `None` where the server does not tell its keys.
///
/// `now_ms` is the server's time, for a server that tells only how long a key has left.
pub(super) fn read(server: &mut impl Requests, known: &mut Known, now_ms: i64) -> Result<Option<Keyspace>, Failure> {
    if let Some(ways) = &known.ways {
        let hints = known.expected.iter().map(|(name, kind)| (name, *kind)).collect();
        let hints = known.is_hinted.then_some(&hints);
        return by_ways::read(server, ways, &known.named, hints, now_ms);
    }
    let requests = listing(known);
    let replies = server.run(&requests)?;
    read_listed(server, replies, known, now_ms)
}

/// As [`read`], where the replies to [`listing`] have come already.
pub(super) fn read_listed(
    server: &mut impl Requests,
    listed: Vec<Reply>,
    known: &mut Known,
    now_ms: i64,
) -> Result<Option<Keyspace>, Failure> {
    let mut listed = listed.into_iter();
    let lists = listed.by_ref().take(1 + 2 * known.dbs.len()).collect();
    let mut expected = take_expected(&known.expected, listed);
    let Some(mut names) = names(server, lists, &mut known.dbs)? else { return Ok(None) };
    // A listing may leave out a key that is there: what the trace named is looked for by its name.
    names.extend(selectable(server, known.named.names(known.has_databases()))?);
    names.sort_unstable();
    names.dedup();
    let unexpected = names.iter().filter(|name| !expected.contains_key(name));
    let mut facts = run_on_each(server, unexpected, true, ask_facts)?.into_iter();
    let mut entries = Vec::with_capacity(names.len());
    let mut unread = Vec::new();
    for name in &names {
        let Some(told) = expected.remove(name).or_else(|| Told::take(&mut facts)) else { break };
        let kind = match told.kind {
            Reply::Simple(kind) if kind == b"none" => continue,
            Reply::Simple(kind) => String::from_utf8_lossy(&kind).into_owned(),
            Reply::Closed => UNTOLD_KIND.to_owned(),
            other => format!("{:?}", other.kind()),
        };
        let expires_ms = match told.expiry {
            Reply::Int(ms) => (ms >= 0).then_some(ms),
            Reply::Closed => Some(UNTOLD_MS),
            _ => remaining_ms(server, name)?.map(|left| now_ms.saturating_add(left)),
        };
        let (value, details) = match (kind_named(&kind), told.contents) {
            (Some(row), Some((guessed, value, details))) if guessed.name == row.name => (value, details),
            (Some(row), _) => {
                unread.push((entries.len(), name, row));
                (Reply::NullBulk, None)
            }
            (None, _) => (Reply::NullBulk, None),
        };
        entries.push(Entry { db: name.db, key: name.key.clone(), kind, value, details, expires_ms });
    }
    read_contents(server, &mut entries, unread)?;
    Ok(Some(Keyspace { entries }))
}

/// What a server says of a key.
struct Told {
    kind: Reply,
    expiry: Reply,
    /// The value and the details, read as that of this kind; `None` where they were not asked for yet.
    contents: Option<(&'static Kind, Reply, Option<Reply>)>,
}

impl Told {
    /// The replies to [`ask_facts`]; `None` where there are no more.
    fn take(replies: &mut impl Iterator<Item = Reply>) -> Option<Self> {
        Some(Self { kind: replies.next()?, expiry: replies.next()?, contents: None })
    }
}

fn ask_facts(name: &Name, requests: &mut Vec<Argv>) {
    requests.push(Argv::from([b"TYPE", name.key.as_slice()]));
    requests.push(Argv::from([b"PEXPIRETIME", name.key.as_slice()]));
}

/// Takes the replies to the requests for these keys, the last of [`listing`].
fn take_expected<'a>(
    expected: &'a [(Name, &'static Kind)],
    mut replies: impl Iterator<Item = Reply>,
) -> BTreeMap<&'a Name, Told> {
    let take = |(is_other, (name, kind)): (bool, &'a (Name, &'static Kind))| {
        if is_other {
            replies.next()?;
        }
        let told = Told::take(&mut replies)?;
        let (value, details) = kind.take(&mut replies);
        Some((name, Told { contents: Some((kind, value, details)), ..told }))
    };
    by_database(expected, |(name, _)| name.db).map_while(take).collect()
}

/// What these keys hold, in their order. A key is told by its database, name, type and expiry.
pub(super) fn read_values<'a>(
    server: &mut impl Requests,
    keys: impl IntoIterator<Item = (u32, Vec<u8>, &'a str, Option<i64>)>,
) -> Result<Keyspace, Failure> {
    let mut entries = Vec::new();
    let mut names = Vec::new();
    for (db, key, kind, expires_ms) in keys {
        names.push((Name { db, key: key.clone() }, kind_named(kind)));
        let kind = kind.to_owned();
        entries.push(Entry { db, key, kind, value: Reply::NullBulk, details: None, expires_ms });
    }
    let unread = names.iter().enumerate().filter_map(|(at, (name, row))| Some((at, name, (*row)?)));
    read_contents(server, &mut entries, unread.collect())?;
    Ok(Keyspace { entries })
}

/// Asks for what the keys at these places of `entries` hold.
fn read_contents(
    server: &mut impl Requests,
    entries: &mut [Entry],
    unread: Vec<(usize, &Name, &'static Kind)>,
) -> Result<(), Failure> {
    let mut rows = unread.iter().map(|(.., row)| row);
    let contents = run_on_each(server, unread.iter().map(|&(_, name, _)| name), true, |name, requests| {
        rows.next().into_iter().for_each(|row| row.ask(&name.key, requests));
    })?;
    let mut contents = contents.into_iter();
    for (at, _, row) in unread {
        (entries[at].value, entries[at].details) = row.take(&mut contents);
    }
    Ok(())
}

/// Commands that ask for all of `keyspace`, and for keys that it does not hold. Recorded at the end of a trace, they
/// compare what both sides hold where there is no reference to ask any more.
pub fn reading_ops(keyspace: &Keyspace) -> Vec<Op> {
    let mut ops = Vec::new();
    let mut push = |argv: Argv| ops.push(Op::call(0, argv));
    for db in 0..DATABASES {
        push(select(db));
        push(Argv::from(["KEYS", "*"]));
        for entry in keyspace.entries.iter().filter(|entry| entry.db == db) {
            push(Argv::from([b"TYPE", entry.key.as_slice()]));
            push(Argv::from([b"PEXPIRETIME", entry.key.as_slice()]));
            let kind = KINDS.iter().find(|kind| kind.name == entry.kind);
            if let Some(kind) = kind {
                push(kind.request(&entry.key));
                kind.details_request(&entry.key).into_iter().for_each(&mut push);
            }
        }
    }
    ops
}

/// Every key that has a time to live; `None` where the server does not tell its keys or their times. `now_ms` is as
/// of [`read`].
pub(super) fn expiries(server: &mut impl Requests, known: &Known, now_ms: i64) -> Result<Option<Vec<Expiry>>, Failure> {
    if let Some(ways) = &known.ways {
        return by_ways::expiries(server, ways, &known.named, now_ms);
    }
    let Some(names) = list(server, BTreeSet::from([0]))? else { return Ok(None) };
    let times = run_on_each(server, &names, true, |name, requests| {
        requests.push(Argv::from([b"PEXPIRETIME", name.key.as_slice()]));
    })?;
    let mut expiries = Vec::new();
    for (name, time) in names.into_iter().zip(times) {
        let expires_ms = match time {
            Reply::Int(ms) => (ms >= 0).then_some(ms),
            _ => match ask_pttl(server, &name)? {
                Reply::Int(left) => (left >= 0).then(|| now_ms.saturating_add(left)),
                _ => return Ok(None),
            },
        };
        expiries.extend(expires_ms.map(|expires_ms| Expiry { db: name.db, key: name.key, expires_ms }));
    }
    Ok(Some(expiries))
}

/// Removes every key that is known. The reply to it is not looked at: whoever calls it counts what is left.
pub(super) fn delete_all(server: &mut impl Requests, known: &Known) -> Result<(), Failure> {
    if let Some(ways) = &known.ways {
        return by_ways::delete_all(server, ways, &known.named);
    }
    let names = list(server, (0..DATABASES).collect())?.unwrap_or_default();
    run_on_each(server, &names, true, |name, requests| requests.push(Argv::from([b"DEL", name.key.as_slice()])))?;
    Ok(())
}

/// Makes a server remove every key of the selected database whose time is over. When Redis does so by itself is a
/// matter of its timer.
pub(super) fn reaping_request() -> Argv {
    Argv::from(["SCAN", "0", "COUNT", "1000000000"])
}

/// As [`reaping_request`], in every database.
pub(super) fn reap(server: &mut impl Requests) -> Result<(), Failure> {
    let requests: Vec<Argv> = (0..DATABASES).flat_map(|db| [select(db), reaping_request()]).collect();
    server.run(&requests).map(drop)
}

/// Asks for the names of all keys; [`read_listed`] takes the replies.
///
/// What is expected is asked for behind them.
pub(super) fn listing(known: &Known) -> Vec<Argv> {
    let mut requests = listing_of(&known.dbs);
    for (is_other, (name, kind)) in by_database(&known.expected, |(name, _)| name.db) {
        if is_other {
            requests.push(select(name.db));
        }
        ask_facts(name, &mut requests);
        kind.ask(&name.key, &mut requests);
    }
    requests
}

fn listing_of(dbs: &BTreeSet<u32>) -> Vec<Argv> {
    let mut requests = vec![info_request()];
    list_keys(dbs, &mut requests);
    requests
}

/// The names of all keys, in order, of these databases and of those that the server says are in use.
fn list(server: &mut impl Requests, mut dbs: BTreeSet<u32>) -> Result<Option<Vec<Name>>, Failure> {
    let listed = server.run(&listing_of(&dbs))?;
    names(server, listed, &mut dbs)
}

/// The names of all keys, in order, from the replies to [`listing_of`] these databases; `None` where the server knows
/// neither KEYS nor SCAN.
fn names(
    server: &mut impl Requests,
    listed: Vec<Reply>,
    known: &mut BTreeSet<u32>,
) -> Result<Option<Vec<Name>>, Failure> {
    let mut replies = listed.into_iter();
    let in_use = replies.next().as_ref().and_then(parse_info);
    let mut listed: Vec<(u32, Reply, Reply)> = Vec::new();
    collect_lists(known, &mut replies, &mut listed);
    let in_use: BTreeSet<u32> = match in_use {
        Some(counts) => counts.into_iter().map(|(db, _)| db).collect(),
        None => (0..DATABASES).collect(),
    };
    let missing: BTreeSet<u32> = in_use.difference(known).copied().collect();
    if !missing.is_empty() {
        let mut requests = Vec::new();
        list_keys(&missing, &mut requests);
        let mut replies = server.run(&requests)?.into_iter();
        collect_lists(&missing, &mut replies, &mut listed);
        known.extend(missing);
    }
    let mut names = Vec::new();
    for (db, selected, keys) in listed {
        if !is_there(db, &selected) {
            continue;
        }
        let keys = if keys.as_error().is_some() { scan(server, Some(db))? } else { keys };
        let Some(keys) = keys.as_elements() else { return Ok(None) };
        names.extend(keys.iter().filter_map(Reply::as_bytes).map(|key| Name { db, key: key.to_vec() }));
    }
    names.sort_unstable();
    names.dedup();
    Ok(Some(names))
}

fn list_keys(dbs: &BTreeSet<u32>, requests: &mut Vec<Argv>) {
    for db in dbs {
        requests.push(select(*db));
        requests.push(Argv::from(["KEYS", "*"]));
    }
}

fn collect_lists(
    dbs: &BTreeSet<u32>,
    replies: &mut impl Iterator<Item = Reply>,
    listed: &mut Vec<(u32, Reply, Reply)>,
) {
    for &db in dbs {
        if let (Some(selected), Some(keys)) = (replies.next(), replies.next()) {
            listed.push((db, selected, keys));
        }
    }
}

/// For a server without KEYS: an array of all keys of a database, or what the server says instead.
fn scan(server: &mut impl Requests, db: Option<u32>) -> Result<Reply, Failure> {
    let request = Argv::from(["SCAN", "0", "COUNT", "1000"]);
    let requests: Vec<Argv> = db.map(select).into_iter().chain([request.clone()]).collect();
    let first = server.run(&requests)?.pop().unwrap_or(Reply::NullArray);
    let whole = cursor::iterate(&request, 1, first, |next| {
        Ok(server.run(std::slice::from_ref(next))?.pop().unwrap_or(Reply::NullArray))
    })?;
    Ok(match whole {
        Reply::Array(mut parts) => parts.pop().unwrap_or(Reply::NullArray),
        other => other,
    })
}

/// Runs the requests that `ask` adds for each name, in the name's database; returns the replies to those. Without
/// databases there is no SELECT between them.
fn run_on_each<'a>(
    server: &mut impl Requests,
    names: impl IntoIterator<Item = &'a Name>,
    has_databases: bool,
    mut ask: impl FnMut(&Name, &mut Vec<Argv>),
) -> Result<Vec<Reply>, Failure> {
    let mut requests = Vec::new();
    let mut selects = Vec::new();
    for (is_other, name) in by_database(names, |name| name.db) {
        if is_other && has_databases {
            selects.push(requests.len());
            requests.push(select(name.db));
        }
        ask(name, &mut requests);
    }
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    let replies = server.run(&requests)?;
    let mut selects = selects.into_iter().peekable();
    let keep = |&(at, _): &(usize, Reply)| selects.next_if_eq(&at).is_none();
    Ok(replies.into_iter().enumerate().filter(keep).map(|(_, reply)| reply).collect())
}

/// Those of these names whose database there is.
fn selectable(server: &mut impl Requests, mut names: Vec<Name>) -> Result<Vec<Name>, Failure> {
    let dbs: BTreeSet<u32> = names.iter().map(|name| name.db).filter(|&db| db > 0).collect();
    if !dbs.is_empty() {
        let requests: Vec<Argv> = dbs.iter().map(|&db| select(db)).collect();
        let replies = server.run(&requests)?;
        let there: BTreeSet<u32> =
            dbs.into_iter().zip(&replies).filter(|(db, reply)| is_there(*db, reply)).map(|(db, _)| db).collect();
        names.retain(|name| name.db == 0 || there.contains(&name.db));
    }
    Ok(names)
}

/// The items, each with whether a SELECT has to stand before it: its database is not that of the one before.
fn by_database<'a, T: 'a>(
    items: impl IntoIterator<Item = &'a T>,
    db: impl Fn(&T) -> u32,
) -> impl Iterator<Item = (bool, &'a T)> {
    let mut selected = None;
    items.into_iter().map(move |item| (selected.replace(db(item)) != Some(db(item)), item))
}

/// True where SELECT's reply says that there is such a database. A server without SELECT has database 0.
fn is_there(db: u32, selected: &Reply) -> bool {
    db == 0 || *selected == Reply::ok()
}

fn select(db: u32) -> Argv {
    Argv::from(["SELECT", &db.to_string()])
}

/// For a server without PEXPIRETIME.
fn remaining_ms(server: &mut impl Requests, name: &Name) -> Result<Option<i64>, Failure> {
    Ok(match ask_pttl(server, name)? {
        Reply::Int(ms) if ms >= 0 => Some(ms),
        _ => None,
    })
}

fn ask_pttl(server: &mut impl Requests, name: &Name) -> Result<Reply, Failure> {
    let replies = server.run(&[select(name.db), Argv::from([b"PTTL", name.key.as_slice()])])?;
    Ok(replies.into_iter().next_back().unwrap_or(Reply::NullArray))
}

#[cfg(test)]
mod tests;
