//! What is held in the end, as lines: `!holds 0 k1 string`, the value below it, and its details below `!details`.

use super::print::write_reply_below;
use super::quote::{split_words, write_word};
use crate::trace::{Entry, Keyspace};
use resp::Reply;

/// How a line begins that says what is held.
const HOLDS: &[u8] = b"!holds";
/// The line above the details of the entry before it.
const DETAILS: &[u8] = b"!details";

/// A line of what is held in the end.
pub enum Line {
    /// Nothing is.
    Nothing,
    /// This is; the value stands below.
    Entry(Entry),
    /// The details of the entry above stand below.
    Details,
}

/// True for the line with which it begins.
pub fn begins_keyspace(line: &[u8]) -> bool {
    line.strip_prefix(HOLDS).is_some_and(|rest| matches!(rest.first(), None | Some(b' ' | b'\t')))
}

/// Reads one of its lines. The entry has no value yet.
///
/// # Errors
/// What was expected, for a person.
pub fn parse_line(line: &[u8]) -> Result<Line, String> {
    if line == DETAILS {
        return Ok(Line::Details);
    }
    if !begins_keyspace(line) {
        return Err("expected `!holds` or `!details`: no op may follow what is held in the end".into());
    }
    let words = split_words(&line[HOLDS.len()..])?;
    let words: Vec<&[u8]> = words.iter().collect();
    let (db, key, kind, until) = match words[..] {
        [b"nothing"] => return Ok(Line::Nothing),
        [db, key, kind] => (db, key, kind, None),
        [db, key, kind, b"until", until] => (db, key, kind, Some(until)),
        _ => return Err(expected()),
    };
    let text = |word| std::str::from_utf8(word).map_err(|_| expected());
    let expires_ms = match until {
        Some(until) => Some(text(until)?.strip_suffix("ms").and_then(|ms| ms.parse().ok()).ok_or_else(expected)?),
        None => None,
    };
    let db = text(db)?.parse().map_err(|_| expected())?;
    Ok(Line::Entry(Entry {
        db,
        key: key.into(),
        kind: text(kind)?.into(),
        value: Reply::Null,
        details: None,
        expires_ms,
    }))
}

fn expected() -> String {
    "expected `!holds nothing`, or `!holds`, a database, a key, its type, and perhaps `until` and a time such as \
     1700000000000ms"
        .into()
}

/// Appends all its lines.
pub fn write_keyspace(keyspace: &Keyspace, out: &mut Vec<u8>) {
    if keyspace.entries.is_empty() {
        out.extend_from_slice(HOLDS);
        out.extend_from_slice(b" nothing\n");
    }
    for entry in &keyspace.entries {
        out.extend_from_slice(HOLDS);
        out.extend_from_slice(format!(" {} ", entry.db).as_bytes());
        write_word(&entry.key, out);
        out.push(b' ');
        write_word(entry.kind.as_bytes(), out);
        if let Some(expires_ms) = entry.expires_ms {
            out.extend_from_slice(format!(" until {expires_ms}ms").as_bytes());
        }
        out.push(b'\n');
        write_reply_below(&entry.value, out);
        if let Some(details) = &entry.details {
            out.extend_from_slice(DETAILS);
            out.push(b'\n');
            write_reply_below(details, out);
        }
    }
}
