//! Reads everything that a server holds: in one round trip where it is what was expected, and in up to four otherwise.

use std::collections::{BTreeMap, BTreeSet};

use super::connection::Failure;
use super::cursor;
use crate::diff::{Entry, Keyspace};
use crate::trace::Op;
use resp::{Argv, Reply};

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
}

impl Known {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { dbs: BTreeSet::from([0]), expected: Vec::new() }
    }

    /// The store likely holds what `keyspace` does, until something else is expected of it.
    pub fn expect(&mut self, keyspace: &Keyspace) {
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

/// How the value of one type is read.
struct Kind {
    name: &'static str,
    command: &'static str,
    args: &'static [&'static str],
    order: Order,
    /// True for a stream, which has more than its value: XINFO tells of it.
    has_details: bool,
}

impl Kind {
    /// Asks for the value of `key`.
    fn request(&self, key: &[u8]) -> Argv {
        let mut argv = Argv::from([self.command.as_bytes(), key]);
        self.args.iter().for_each(|arg| argv.push(arg.as_bytes()));
        argv
    }

    /// Asks for all that `key` holds.
    fn ask(&self, key: &[u8], requests: &mut Vec<Argv>) {
        requests.push(self.request(key));
        requests.extend(self.details_request(key));
    }

    /// Takes the replies to that: the value, and the details where there are any.
    fn take(&self, replies: &mut impl Iterator<Item = Reply>) -> (Reply, Option<Reply>) {
        let value = replies.next().map_or(Reply::NullBulk, |value| in_order(value, self.order));
        let details = if self.has_details { replies.next().and_then(stream_details) } else { None };
        (value, details)
    }

    /// Asks for all that is known of `key`, where that is more than its value.
    fn details_request(&self, key: &[u8]) -> Option<Argv> {
        let details: [&[u8]; 6] = [b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"];
        self.has_details.then(|| Argv::from(details))
    }
}

/// How a value is brought into canonical order.
#[derive(Clone, Copy)]
enum Order {
    AsItIs,
    Elements,
    Pairs,
}

/// The types of Redis' keyspace. A value of another type is left out (`NullBulk`).
const KINDS: &[Kind] = &[
    Kind { name: "string", command: "GET", args: &[], order: Order::AsItIs, has_details: false },
    Kind { name: "list", command: "LRANGE", args: &["0", "-1"], order: Order::AsItIs, has_details: false },
    Kind { name: "hash", command: "HGETALL", args: &[], order: Order::Pairs, has_details: false },
    Kind { name: "set", command: "SMEMBERS", args: &[], order: Order::Elements, has_details: false },
    Kind {
        name: "zset",
        command: "ZRANGE",
        args: &["0", "-1", "WITHSCORES"],
        order: Order::AsItIs,
        has_details: false,
    },
    Kind { name: "stream", command: "XRANGE", args: &["-", "+"], order: Order::AsItIs, has_details: true },
];

fn kind_named(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// A key and where it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    db: u32,
    key: Vec<u8>,
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
    let Some(names) = names(server, lists, &mut known.dbs)? else { return Ok(None) };
    let unexpected = names.iter().filter(|name| !expected.contains_key(name));
    let mut facts = run_on_each(server, unexpected, ask_facts)?.into_iter();
    let mut entries = Vec::with_capacity(names.len());
    let mut unread = Vec::new();
    for name in &names {
        let Some(told) = expected.remove(name).or_else(|| Told::take(&mut facts)) else { break };
        let kind = match told.kind {
            Reply::Simple(kind) if kind == b"none" => continue,
            Reply::Simple(kind) => String::from_utf8_lossy(&kind).into_owned(),
            other => format!("{:?}", other.kind()),
        };
        let expires_ms = match told.expiry {
            Reply::Int(ms) => (ms >= 0).then_some(ms),
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
    let contents = run_on_each(server, unread.iter().map(|&(_, name, _)| name), |name, requests| {
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
pub(super) fn expiries(server: &mut impl Requests, now_ms: i64) -> Result<Option<Vec<Expiry>>, Failure> {
    let Some(names) = list(server, BTreeSet::from([0]))? else { return Ok(None) };
    let times = run_on_each(server, &names, |name, requests| {
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

/// How many keys there are; `None` where the server does not tell.
pub(super) fn count_keys(server: &mut impl Requests) -> Result<Option<u64>, Failure> {
    let info = server.run(&[info_request()])?.pop();
    if let Some(counts) = info.as_ref().and_then(parse_info) {
        return Ok(Some(counts.iter().map(|&(_, keys)| keys).sum()));
    }
    let requests: Vec<Argv> = (0..DATABASES).flat_map(|db| [select(db), Argv::from(["DBSIZE"])]).collect();
    let replies = server.run(&requests)?;
    let sizes = (0..DATABASES).zip(replies.chunks_exact(2)).filter(|(db, pair)| is_there(*db, &pair[0]));
    Ok(sizes.map(|(_, pair)| if let Reply::Int(keys) = pair[1] { u64::try_from(keys).ok() } else { None }).sum())
}

/// How many keys there are on a server whose data may be somebody's: emptying it rests on this number, so it is 0
/// only where INFO, each database's DBSIZE, and RANDOMKEY (or SCAN, where there is no RANDOMKEY) all say so.
/// `None` where one of them does not tell.
pub(super) fn count_keys_for_sure(server: &mut impl Requests) -> Result<Option<u64>, Failure> {
    let mut requests = vec![info_request()];
    for db in 0..DATABASES {
        requests.extend([select(db), Argv::from(["DBSIZE"]), Argv::from(["RANDOMKEY"])]);
    }
    let replies = server.run(&requests)?;
    let Some((info, databases)) = replies.split_first() else { return Ok(None) };
    let Some(counts) = parse_info(info) else { return Ok(None) };
    let by_info: u64 = counts.iter().map(|&(_, keys)| keys).sum();
    let (mut by_size, mut found) = (0, 0);
    for (db, answers) in (0..DATABASES).zip(databases.chunks_exact(3)) {
        let [selected, size, key] = answers else { return Ok(None) };
        if !is_there(db, selected) {
            // "ERR DB index is out of range" and its like; NOPERM or NOAUTH says nothing of what is there.
            if selected.as_error().is_some_and(|error| error.starts_with(b"ERR")) {
                continue;
            }
            return Ok(None);
        }
        let Reply::Int(size) = *size else { return Ok(None) };
        let Ok(size) = u64::try_from(size) else { return Ok(None) };
        by_size += size;
        found += match key {
            Reply::NullBulk | Reply::Null => 0,
            Reply::Bulk(_) => 1,
            _ => match scan(server, db)?.as_elements() {
                Some(keys) => keys.len() as u64,
                None => return Ok(None),
            },
        };
    }
    Ok(Some(by_info.max(by_size).max(found)))
}

/// Removes every key. The reply to it is not looked at: whoever calls it counts what is left.
pub(super) fn delete_all(server: &mut impl Requests) -> Result<(), Failure> {
    let names = list(server, (0..DATABASES).collect())?.unwrap_or_default();
    run_on_each(server, &names, |name, requests| requests.push(Argv::from([b"DEL", name.key.as_slice()])))?;
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

/// The request whose reply [`parse_info`] reads.
pub(super) fn info_request() -> Argv {
    Argv::from(["INFO", "keyspace"])
}

/// The databases that hold keys, and how many, from the reply to [`info_request`]. `None` where it is no such reply,
/// or a line of it cannot be read.
pub(super) fn parse_info(reply: &Reply) -> Option<Vec<(u32, u64)>> {
    let bytes = match reply {
        Reply::Bulk(bytes) => bytes,
        Reply::Verbatim { text, .. } => text,
        _ => return None,
    };
    let mut lines = std::str::from_utf8(bytes).ok()?.lines();
    lines.next().filter(|line| line.eq_ignore_ascii_case("# Keyspace"))?;
    let parse = |line: &str| {
        let (db, rest) = line.strip_prefix("db")?.split_once(":keys=")?;
        let keys = rest.split(',').next()?;
        Some((db.parse().ok()?, keys.parse().ok()?))
    };
    lines.filter(|line| line.starts_with("db")).map(parse).collect()
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
        let keys = if keys.as_error().is_some() { scan(server, db)? } else { keys };
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

/// For a server without KEYS: an array of all keys, or what the server says instead.
fn scan(server: &mut impl Requests, db: u32) -> Result<Reply, Failure> {
    let request = Argv::from(["SCAN", "0", "COUNT", "1000"]);
    let first = server.run(&[select(db), request.clone()])?.pop().unwrap_or(Reply::NullArray);
    let whole = cursor::iterate(&request, 1, first, |next| {
        Ok(server.run(std::slice::from_ref(next))?.pop().unwrap_or(Reply::NullArray))
    })?;
    Ok(match whole {
        Reply::Array(mut parts) => parts.pop().unwrap_or(Reply::NullArray),
        other => other,
    })
}

/// Runs the requests that `ask` adds for each name, in the name's database; returns the replies to those.
fn run_on_each<'a>(
    server: &mut impl Requests,
    names: impl IntoIterator<Item = &'a Name>,
    mut ask: impl FnMut(&Name, &mut Vec<Argv>),
) -> Result<Vec<Reply>, Failure> {
    let mut requests = Vec::new();
    let mut selects = Vec::new();
    for (is_other, name) in by_database(names, |name| name.db) {
        if is_other {
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

/// What XINFO STREAM FULL says, but for the entries, which are the value, and for how the server keeps them. `None`
/// where it does not know the command.
fn stream_details(info: Reply) -> Option<Reply> {
    const LEFT_OUT: [&[u8]; 3] = [b"entries", b"radix-tree-keys", b"radix-tree-nodes"];
    let Reply::Array(items) = info else { return None };
    let (pairs, _) = items.as_chunks::<2>();
    let told = pairs.iter().filter(|[name, _]| name.as_bytes().is_none_or(|name| !LEFT_OUT.contains(&name)));
    Some(Reply::Array(told.flatten().cloned().collect()))
}

fn in_order(value: Reply, order: Order) -> Reply {
    let Reply::Array(mut items) = value else { return value };
    match order {
        Order::AsItIs => {}
        Order::Elements => items.sort_by(|a, b| a.as_bytes().cmp(&b.as_bytes())),
        Order::Pairs => {
            let mut pairs: Vec<&[Reply]> = items.chunks(2).collect();
            pairs.sort_by(|a, b| a[0].as_bytes().cmp(&b[0].as_bytes()));
            items = pairs.concat();
        }
    }
    Reply::Array(items)
}

#[cfg(test)]
mod tests;
