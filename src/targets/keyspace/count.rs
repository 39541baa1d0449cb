//! How many keys a server holds, by everything that it says about that.

use super::{DATABASES, Requests, is_there, scan, select};
use crate::targets::connection::Failure;
use resp::{Argv, Reply};

/// How many keys there are; `None` where the server does not tell.
pub(in crate::targets) fn count_keys(server: &mut impl Requests) -> Result<Option<u64>, Failure> {
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
pub(in crate::targets) fn count_keys_for_sure(server: &mut impl Requests) -> Result<Option<u64>, Failure> {
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
            _ => match scan(server, Some(db))?.as_elements() {
                Some(keys) => keys.len() as u64,
                None => return Ok(None),
            },
        };
    }
    Ok(Some(by_info.max(by_size).max(found)))
}

/// The request whose reply [`parse_info`] reads.
pub(in crate::targets) fn info_request() -> Argv {
    Argv::from(["INFO", "keyspace"])
}

/// The databases that hold keys, and how many, from the reply to [`info_request`]. `None` where it is no such reply,
/// or a line of it cannot be read.
pub(in crate::targets) fn parse_info(reply: &Reply) -> Option<Vec<(u32, u64)>> {
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
