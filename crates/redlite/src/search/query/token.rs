//! From a query's text to tokens.

use super::Place;
use crate::search::tokenize::{unescape, word_length};

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A word, unescaped, in the case in which it was written.
    Word(Vec<u8>),
    /// A number without a sign, which is a word as well.
    Number(Vec<u8>),
    /// A part of a word, unescaped, in the case in which it was written: `hel*`, `*llo`, `*ell*`.
    Affix(Vec<u8>, Place),
    /// `@field`
    Field(Vec<u8>),
    /// One of `" | ( ) { } [ ] : - ~ * %`
    Sign(u8),
    /// The query's end.
    End,
}

/// A token, with what an error that it causes says.
#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    /// Where it starts, in bytes.
    pub offset: usize,
    /// The last text up to here, itself included; signs are none.
    pub near: &'a [u8],
}

const SIGNS: &[u8] = b"\"|(){}[]:-~*%";

/// The tokens of a query, the end not included. Bytes that mean nothing are left out.
pub(super) fn tokens(query: &[u8]) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut at, mut near) = (0, &query[..0]);
    while at < query.len() {
        let (kind, length) = next(&query[at..]);
        if let Some(kind) = kind {
            near = match &kind {
                Kind::Sign(_) | Kind::End => near,
                Kind::Field(_) => &query[at + 1..at + length],
                Kind::Affix(_, Place::Start) => &query[at..at + length - 1],
                Kind::Affix(_, Place::End) => &query[at + 1..at + length],
                Kind::Affix(_, Place::Anywhere) => &query[at + 1..at + length - 1],
                Kind::Word(_) | Kind::Number(_) => &query[at..at + length],
            };
            tokens.push(Token { kind, offset: at, near });
        }
        at += length;
    }
    tokens
}

/// The token at the start of `text`, which is not empty, and its length; no token for a byte that means nothing.
fn next(text: &[u8]) -> (Option<Kind>, usize) {
    let first = text[0];
    if first == b'*' {
        let length = word_length(&text[1..]);
        if length > 0 {
            let is_closed = text.get(1 + length) == Some(&b'*');
            let place = if is_closed { Place::Anywhere } else { Place::End };
            return (Some(Kind::Affix(unescape(&text[1..=length]), place)), 1 + length + usize::from(is_closed));
        }
    }
    if first == b'@' {
        let length = word_length(&text[1..]);
        return if length > 0 { (Some(Kind::Field(unescape(&text[1..=length]))), 1 + length) } else { (None, 1) };
    }
    // The plus of `+inf` means nothing, and neither do other signs.
    let number = number_length(text);
    let word = word_length(text).max(number);
    if word > 0 {
        let plain = unescape(&text[..word]);
        if text.get(word) == Some(&b'*') {
            return (Some(Kind::Affix(plain, Place::Start)), word + 1);
        }
        let is_number = word == number || plain == b"inf";
        return (Some(if is_number { Kind::Number(plain) } else { Kind::Word(plain) }), word);
    }
    (SIGNS.contains(&first).then_some(Kind::Sign(first)), 1)
}

/// How many bytes at the start of `text` are a number: digits, a fraction and an exponent.
fn number_length(text: &[u8]) -> usize {
    let digits = |from: usize| text.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let mut length = digits(0);
    if length == 0 {
        return 0;
    }
    if text.get(length) == Some(&b'.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    if text.get(length).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'e')) {
        let sign = usize::from(text.get(length + 1) == Some(&b'-'));
        let exponent = digits(length + 1 + sign);
        length += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    length
}
