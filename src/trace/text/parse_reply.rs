use super::quote::split_words;
use resp::{Limits, Reply};

/// What is wrong, in which of the reply's lines (counted from 0).
pub type Wrong = (usize, String);

/// Reads one reply from its lines, which are indented by two spaces.
///
/// # Errors
/// Where a line is no part of a reply, or one is too many.
pub fn parse_reply(lines: Vec<Vec<u8>>, limits: &Limits) -> Result<Reply, Wrong> {
    let mut parser = Parser { lines, at: 0, limits };
    let reply = parser.reply(2, 0)?;
    match parser.lines.get(parser.at) {
        None => Ok(reply),
        Some(_) => Err((parser.at, "the reply above is complete: expected an op, which is not indented".into())),
    }
}

struct Parser<'a> {
    /// Marks that were read are spaces, so that what is nested always stands behind spaces.
    lines: Vec<Vec<u8>>,
    at: usize,
    limits: &'a Limits,
}

impl Parser<'_> {
    /// The reply that begins in this line at `column`.
    fn reply(&mut self, column: usize, depth: usize) -> Result<Reply, Wrong> {
        if depth > self.limits.depth_max {
            return Err((self.at, format!("replies nest deeper than {}", self.limits.depth_max)));
        }
        let rest = self.lines.get(self.at).and_then(|line| line.get(column..)).unwrap_or_default();
        match rest {
            [mark @ (b'-' | b'~' | b'>' | b'*'), b' ', ..] => {
                let mark = *mark;
                let mut items = Vec::new();
                while self.take_mark(column, mark) {
                    items.push(self.reply(column + 2, depth + 1)?);
                }
                Ok(match mark {
                    b'-' => Reply::Array(items),
                    b'~' => Reply::Set(items),
                    b'>' => Reply::Push(items),
                    _ => Reply::Frames(items),
                })
            }
            [b'%', b' ', ..] => Ok(Reply::Map(self.pairs(b'%', column, depth)?)),
            b"(attribute)" => {
                self.at += 1;
                let pairs = self.pairs(b'|', column, depth)?;
                if !self.take_mark(column, b':') {
                    return Err((self.at, "expected `: ` and the reply that the attributes belong to".into()));
                }
                Ok(Reply::Attribute(pairs, Box::new(self.reply(column + 2, depth + 1)?)))
            }
            _ => {
                let reply = parse_scalar(rest).map_err(|what| (self.at, what))?;
                self.at += 1;
                Ok(reply)
            }
        }
    }

    fn pairs(&mut self, mark: u8, column: usize, depth: usize) -> Result<Vec<(Reply, Reply)>, Wrong> {
        let mut pairs = Vec::new();
        while self.take_mark(column, mark) {
            let key = self.reply(column + 2, depth + 1)?;
            if !self.take_mark(column, b'=') {
                return Err((self.at, format!("expected `= ` and a value below its key, behind {column} spaces")));
            }
            pairs.push((key, self.reply(column + 2, depth + 1)?));
        }
        Ok(pairs)
    }

    /// Takes `mark` and its space where they stand at `column` of this line, behind nothing but spaces.
    fn take_mark(&mut self, column: usize, mark: u8) -> bool {
        let Some(line) = self.lines.get_mut(self.at) else { return false };
        let found = line.len() > column + 1
            && line[column] == mark
            && line[column + 1] == b' '
            && line[..column].iter().all(|&b| b == b' ');
        if found {
            line[column] = b' ';
        }
        found
    }
}

fn parse_scalar(text: &[u8]) -> Result<Reply, String> {
    match text {
        [b'"', ..] => Ok(Reply::Bulk(quoted(text)?)),
        [b'(', rest @ ..] => {
            let end = rest.iter().position(|&b| b == b')').ok_or("a `(` has no `)`")?;
            let value = rest[end + 1..].strip_prefix(b" ").unwrap_or(&rest[end + 1..]);
            parse_tagged(&rest[..end], value)
        }
        [first, ..] if first.is_ascii_alphabetic() => Ok(Reply::Simple(plain(text)?)),
        _ => {
            Err("expected a reply such as OK, \"text\", (integer) 1, (error) ERR, (nil) or `- ` and an element".into())
        }
    }
}

fn parse_tagged(tag: &[u8], value: &[u8]) -> Result<Reply, String> {
    let bare = match tag {
        b"simple" => return Ok(Reply::Simple(text(value)?)),
        b"error" => return Ok(Reply::Error(text(value)?)),
        b"bulk error" => return Ok(Reply::BulkError(text(value)?)),
        b"double" => return Ok(Reply::Double(text(value)?)),
        b"big number" => return Ok(Reply::BigNumber(text(value)?)),
        b"integer" => {
            let value = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
            return Ok(Reply::Int(value.ok_or("expected a 64-bit integer after (integer)")?));
        }
        b"verbatim" => {
            let words = split_words(value)?;
            return match (words.len(), words.get(0), words.get(1)) {
                (2, Some(&[a, b, c]), Some(text)) => Ok(Reply::Verbatim { format: [a, b, c], text: text.to_vec() }),
                _ => Err("expected a format of three bytes and a quoted text after (verbatim)".into()),
            };
        }
        b"nil" => Reply::NullBulk,
        b"nil array" => Reply::NullArray,
        b"null" => Reply::Null,
        b"true" => Reply::Bool(true),
        b"false" => Reply::Bool(false),
        b"empty array" => Reply::Array(Vec::new()),
        b"empty set" => Reply::Set(Vec::new()),
        b"empty push" => Reply::Push(Vec::new()),
        b"empty map" => Reply::Map(Vec::new()),
        b"nothing" => Reply::Frames(Vec::new()),
        b"pending" => Reply::Pending,
        b"hung" => Reply::Hung,
        b"closed" => Reply::Closed,
        other => return Err(format!("({}) is no kind of reply", other.escape_ascii())),
    };
    if value.is_empty() { Ok(bare) } else { Err(format!("nothing may follow ({})", tag.escape_ascii())) }
}

/// A text in quotes, or plain to the end of the line.
fn text(value: &[u8]) -> Result<Vec<u8>, String> {
    match value {
        [] => Err("expected a text, \"\" where it is empty".into()),
        [b'"', ..] => quoted(value),
        _ => plain(value),
    }
}

fn quoted(value: &[u8]) -> Result<Vec<u8>, String> {
    let words = split_words(value)?;
    match (words.len(), words.get(0)) {
        (1, Some(word)) => Ok(word.to_vec()),
        _ => Err("expected one quoted text".into()),
    }
}

fn plain(value: &[u8]) -> Result<Vec<u8>, String> {
    match value.iter().find(|b| b.is_ascii_control()) {
        Some(byte) => {
            Err(format!("byte {byte:#04x} stands bare: put the text in quotes and write it as \\x{byte:02x}"))
        }
        None => Ok(value.to_vec()),
    }
}
