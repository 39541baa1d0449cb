//! From text to terms.
//!
//! A term is a run of bytes without separators, in lower case. Separators are the control characters, the blank, and
//! the ASCII punctuation but `_`; one behind a backslash belongs to the term. Letters beyond ASCII stay as they are.
//! Source: RediSearch's documentation of escaping and tokenization.

use rust_stemmers::{Algorithm, Stemmer};

/// The terms of a text in their order, stop words included.
pub(super) fn terms(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        while let Some((word, after)) = split_word(rest) {
            rest = after;
            if !word.is_empty() {
                return Some(unescape(word).to_ascii_lowercase());
            }
        }
        None
    })
}

/// The bytes before the first separator, which may be none, and those behind it.
fn split_word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if text.is_empty() {
        return None;
    }
    let end = word_length(text);
    Some((&text[..end], text.get(end + 1..).unwrap_or_default()))
}

/// How many bytes at the start of `text` belong to one term, as they are written.
pub(super) fn word_length(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if byte == b'\\' && text.get(at + 1).is_some_and(|&next| can_be_escaped(next)) {
            at += 2;
        } else if is_separator(byte) {
            break;
        } else {
            at += 1;
        }
    }
    at
}

/// True for a byte that no term has unless it is escaped.
fn is_separator(byte: u8) -> bool {
    byte.is_ascii_control() || byte == b' ' || (byte.is_ascii_punctuation() && byte != b'_')
}

/// True for a byte that means itself behind a backslash.
fn can_be_escaped(byte: u8) -> bool {
    byte.is_ascii_punctuation() || byte.is_ascii_whitespace()
}

/// Without the backslashes that escape.
pub(super) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match bytes.peek() {
            Some(&next) if byte == b'\\' && can_be_escaped(next) => {
                plain.push(next);
                bytes.next();
            }
            _ => plain.push(byte),
        }
    }
    plain
}

/// In the case in which terms, tags and sorted values are compared.
pub(super) fn normalize(text: &[u8]) -> Vec<u8> {
    text.to_ascii_lowercase()
}

/// The stem of a term in lower case: Snowball's for English. `None` for what is no text.
pub(super) fn stem(term: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(term).ok()?;
    Some(Stemmer::create(Algorithm::English).stem(text).into_owned().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let got: Vec<String> = terms(text.as_bytes()).map(|term| String::from_utf8_lossy(&term).into_owned()).collect();
        assert_eq!(got, expected, "terms of {text:?}");
    }

    #[test]
    fn terms_stand_between_separators() {
        check("", &[]);
        check(" ,. ", &[]);
        check("Hello, World!", &["hello", "world"]);
        check("a_b c-d e/f", &["a_b", "c", "d", "e", "f"]);
        check("foo\\-bar\\ baz \\", &["foo-bar baz"]);
        check("\\a 1.5 x\ty\nz", &["a", "1", "5", "x", "y", "z"]);
        check("É Ünder", &["É", "Ünder"]);
    }

    #[test]
    fn stems_are_those_of_snowball() {
        let check = |term: &str, expected: &str| assert_eq!(stem(term.as_bytes()), Some(expected.into()), "{term}");
        check("running", "run");
        check("cats", "cat");
        check("goodbye", "goodby");
        check("hello", "hello");
        assert_eq!(stem(b"\xff"), None);
    }
}
