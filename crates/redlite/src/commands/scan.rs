//! What SCAN and its like have in common: the cursor and the options.

use super::{Context, Outcome};
use crate::failure::{Failure, refuse, texts};
use crate::{glob, number};
use resp::Reply;

/// What a step of an iteration is asked for.
#[derive(Debug)]
pub(super) struct Options<'a> {
    /// Only elements that match this pattern.
    pattern: Option<&'a [u8]>,
    /// About how many elements to look at: at least 1.
    pub count: i64,
    /// Only keys whose TYPE is this.
    pub kind: Option<&'a [u8]>,
}

impl Options<'_> {
    /// True where the pattern lets the element through.
    pub fn matches(&self, element: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::selects(pattern, element))
    }
}

/// The cursor at `at`. Redis reads it with C's `strtoul`: a sign is allowed, no digits at all only where the
/// argument is empty.
pub(super) fn cursor(context: &Context<'_>, at: usize) -> Result<u64, Failure> {
    let arg = context.arg(at);
    // A C string ends at its first zero byte.
    let text = arg.split(|&byte| byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Ok(0);
    }
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let magnitude = std::str::from_utf8(digits).ok().filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit()));
    match magnitude.and_then(|digits| digits.parse::<u64>().ok()) {
        Some(magnitude) if negative => Ok(magnitude.wrapping_neg()),
        Some(magnitude) => Ok(magnitude),
        None => refuse("ERR invalid cursor"),
    }
}

/// The options from `at` on; TYPE only `with_type`.
pub(super) fn options<'a>(context: &Context<'a>, mut at: usize, with_type: bool) -> Result<Options<'a>, Failure> {
    let mut options = Options { pattern: None, count: 10, kind: None };
    while at < context.argv.len() {
        let Some(value) = context.argv.get(at + 1) else {
            return refuse(texts::SYNTAX);
        };
        if context.is_word(at, "COUNT") {
            options.count = match number::parse_integer(value) {
                Some(count @ 1..) => count,
                Some(_) => return refuse(texts::SYNTAX),
                None => return refuse(texts::NOT_INTEGER),
            };
        } else if context.is_word(at, "MATCH") {
            options.pattern = Some(value);
        } else if with_type && context.is_word(at, "TYPE") {
            options.kind = Some(value);
        } else {
            return refuse(texts::SYNTAX);
        }
        at += 2;
    }
    Ok(options)
}

/// The reply to a step: where to go on, 0 at the end, and the elements.
pub(super) fn reply(next: u64, elements: Vec<Reply>) -> Outcome {
    Ok(Reply::Array(vec![Reply::bulk(next.to_string()), Reply::Array(elements)]))
}

#[cfg(test)]
mod tests {
    use super::super::transcript::check;

    #[test]
    fn cursors_are_read_as_by_strtoul() {
        for cursor in ["0", "\"\"", "+7", "-1", "-18446744073709551615", "18446744073709551615", "007", "0\0x"] {
            check(&format!("> HSCAN none {cursor}\n[\"0\" []]"));
        }
        for cursor in ["x", "-", "+-1", "1x", "18446744073709551616", "-18446744073709551616", "\u{b}0"] {
            check(&format!("> HSCAN none {cursor}\n-ERR invalid cursor"));
        }
    }
}
