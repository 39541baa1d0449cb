//! A reply in one line, for histories: `OK`, `7`, `"text"`, `nil`, `nil-array`, `!"ERR …"`, `["a" "b"]`.

use crate::trace::text::{format_reply, parse_op};
use resp::{Decoder, Limits, Reply, encode_reply};

/// How deep arrays may nest: a history comes from a stranger.
const DEPTH_MAX: usize = 32;

/// The reply in one line.
pub(super) fn format(reply: &Reply) -> String {
    let quoted = |bytes: &[u8]| format_reply(&Reply::Bulk(bytes.to_vec()));
    match reply {
        Reply::Simple(text) if is_bare(text) => String::from_utf8_lossy(text).into_owned(),
        Reply::Simple(text) => format!("+{}", quoted(text)),
        Reply::Error(text) => format!("!{}", quoted(text)),
        Reply::Int(number) => number.to_string(),
        Reply::Bulk(bytes) => quoted(bytes),
        Reply::NullBulk => "nil".to_owned(),
        Reply::NullArray => "nil-array".to_owned(),
        Reply::Array(items) => format!("[{}]", items.iter().map(format).collect::<Vec<_>>().join(" ")),
        other => {
            let mut wire = Vec::new();
            encode_reply(other, &mut wire);
            format!("%{}", quoted(&wire))
        }
    }
}

/// Reads what [`format`] writes.
///
/// # Errors
/// What was expected, for a person.
pub(super) fn parse(text: &str) -> Result<Reply, String> {
    let (reply, rest) = parse_one(text, 0)?;
    if rest.is_empty() { Ok(reply) } else { Err(format!("nothing may follow a reply, not {rest:?}")) }
}

/// Words of capitals, which no other form begins with.
fn is_bare(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_uppercase)
}

fn parse_one(text: &str, depth: usize) -> Result<(Reply, &str), String> {
    if depth > DEPTH_MAX {
        return Err(format!("replies nest deeper than {DEPTH_MAX}"));
    }
    let behind = |mark: char| text.strip_prefix(mark);
    if let Some(inside) = behind('[') {
        return parse_items(inside, depth);
    }
    if let Some(rest) = behind('+') {
        return parse_quoted(rest).map(|(bytes, rest)| (Reply::Simple(bytes), rest));
    }
    if let Some(rest) = behind('!') {
        return parse_quoted(rest).map(|(bytes, rest)| (Reply::Error(bytes), rest));
    }
    if let Some(rest) = behind('%') {
        let (wire, rest) = parse_quoted(rest)?;
        let mut decoder = Decoder::new(Limits::default());
        decoder.feed(&wire);
        let reply = decoder.next_reply().map_err(|error| error.to_string())?;
        return Ok((reply.ok_or("expected a whole reply in RESP behind %")?, rest));
    }
    if text.starts_with('"') {
        return parse_quoted(text).map(|(bytes, rest)| (Reply::Bulk(bytes), rest));
    }
    let end = text.find([' ', ']']).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let reply = match word {
        "nil" => Reply::NullBulk,
        "nil-array" => Reply::NullArray,
        word if is_bare(word.as_bytes()) => Reply::Simple(word.into()),
        word => Reply::Int(word.parse().map_err(|_| format!("{word:?} is no reply"))?),
    };
    Ok((reply, rest))
}

fn parse_items(mut rest: &str, depth: usize) -> Result<(Reply, &str), String> {
    let mut items = Vec::new();
    loop {
        rest = rest.trim_start_matches(' ');
        if let Some(rest) = rest.strip_prefix(']') {
            return Ok((Reply::Array(items), rest));
        }
        if rest.is_empty() {
            return Err("an array has no closing bracket".to_owned());
        }
        let (item, left) = parse_one(rest, depth + 1)?;
        items.push(item);
        rest = left;
    }
}

fn parse_quoted(text: &str) -> Result<(Vec<u8>, &str), String> {
    if !text.starts_with('"') {
        return Err(format!("expected a text in quotes, not {text:?}"));
    }
    let mut is_escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    let end = end.ok_or("a text has no closing quote")? + 2;
    // Words are read in one place, the one for traces.
    let op = parse_op(format!("ECHO {}", &text[..end]).as_bytes())?;
    let bytes = op.argv().and_then(|argv| argv.get(1)).unwrap_or_default().to_vec();
    Ok((bytes, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_one_line_and_back() {
        #[track_caller]
        fn check(text: &str, reply: &Reply) {
            assert_eq!(parse(text).as_ref(), Ok(reply), "{text}");
            assert_eq!(format(reply), text);
        }
        check("OK", &Reply::ok());
        check("+\"a b\"", &Reply::Simple(b"a b".to_vec()));
        check("-7", &Reply::Int(-7));
        check("\"a\\\"]\\r\\n\"", &Reply::bulk("a\"]\r\n"));
        check("!\"ERR no\"", &Reply::error("ERR no"));
        check("nil", &Reply::NullBulk);
        check("nil-array", &Reply::NullArray);
        check("[]", &Reply::Array(Vec::new()));
        check(
            "[\"a\" [1 nil] OK]",
            &Reply::Array(vec![Reply::bulk("a"), Reply::Array(vec![Reply::Int(1), Reply::NullBulk]), Reply::ok()]),
        );
        check("%\",1.5\\r\\n\"", &Reply::Double(b"1.5".to_vec()));
    }

    #[test]
    fn what_is_no_reply_is_told() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(parse(text), Err(expected.to_owned()), "{text}");
        }
        check("maybe", "\"maybe\" is no reply");
        check("[1", "an array has no closing bracket");
        check("\"a", "a text has no closing quote");
        check("1 2", "nothing may follow a reply, not \" 2\"");
        check("!x", "expected a text in quotes, not \"x\"");
        check(&"[".repeat(40), "replies nest deeper than 32");
    }
}
