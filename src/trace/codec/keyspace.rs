//! What is held in the end, as the items of a block: bounded, checked and packed as ops and their replies are.
//!
//! An entry is a call of its type, database, key and, where it has one, the time at which it expires; the reply is its
//! value. A call of no words behind it has its details as reply.

use super::columns::Fault;
use super::shape::{op_bytes, reply_bytes};
use crate::trace::{Act, Block, Entry, Keyspace, Op};
use resp::{Argv, Reply};

/// The items of an entry.
pub fn items(entry: &Entry) -> impl Iterator<Item = (Op, &Reply)> {
    let mut argv = Argv::new();
    argv.push(entry.kind.as_bytes());
    argv.push(entry.db.to_string().as_bytes());
    argv.push(&entry.key);
    if let Some(expires_ms) = entry.expires_ms {
        argv.push(expires_ms.to_string().as_bytes());
    }
    let details = entry.details.as_ref().map(|details| (Op::call(0, Argv::new()), details));
    std::iter::once((Op::call(0, argv), &entry.value)).chain(details)
}

/// What an entry counts, in bytes, as `block_bytes_max` does.
pub fn entry_bytes(entry: &Entry) -> usize {
    items(entry).map(|(op, reply)| op_bytes(&op) + reply_bytes(reply)).sum()
}

/// Appends the entries that the items of a block are.
///
/// # Errors
/// [`Fault::Damaged`] where they are none.
pub fn read_items(block: Block, keyspace: &mut Keyspace) -> Result<(), Fault> {
    for (op, reply) in block.ops.into_iter().zip(block.replies.unwrap_or_default()) {
        let Act::Call(argv) = op.act else { return Err(damaged()) };
        if !argv.is_empty() {
            keyspace.entries.push(read_entry(&argv, reply)?);
            continue;
        }
        match keyspace.entries.last_mut() {
            Some(entry) if entry.details.is_none() => entry.details = Some(reply),
            _ => return Err(damaged()),
        }
    }
    Ok(())
}

fn read_entry(argv: &Argv, value: Reply) -> Result<Entry, Fault> {
    let words: Vec<&[u8]> = argv.iter().collect();
    let (kind, db, key, expires_ms) = match words[..] {
        [kind, db, key] => (kind, db, key, None),
        [kind, db, key, expires_ms] => (kind, db, key, Some(number(expires_ms)?)),
        _ => return Err(damaged()),
    };
    let kind = String::from_utf8(kind.to_vec()).map_err(|_| damaged())?;
    Ok(Entry { db: number(db)?, key: key.to_vec(), kind, value, details: None, expires_ms })
}

fn number<T: std::str::FromStr>(digits: &[u8]) -> Result<T, Fault> {
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or_else(damaged)
}

fn damaged() -> Fault {
    Fault::Damaged("what is held in the end is no such thing")
}
