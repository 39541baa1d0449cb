//! Ids of stream entries.

use std::fmt;

/// The id of a stream's entry: a time in milliseconds, and a number among the entries of that time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StreamId {
    pub ms: u64,
    pub seq: u64,
}

impl StreamId {
    /// 0-0, which no entry has.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    pub const MAX: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };

    /// The id after this one; none after the last.
    pub fn next(self) -> Option<Self> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Self { seq, ..self }),
            None => Some(Self { ms: self.ms.checked_add(1)?, seq: 0 }),
        }
    }

    /// The id before this one; none before 0-0.
    pub fn previous(self) -> Option<Self> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Self { seq, ..self }),
            None => Some(Self { ms: self.ms.checked_sub(1)?, seq: u64::MAX }),
        }
    }

    /// 16 bytes whose order is that of the ids.
    pub fn to_bytes(self) -> [u8; 16] {
        ((u128::from(self.ms) << 64) | u128::from(self.seq)).to_be_bytes()
    }

    /// What [`StreamId::to_bytes`] wrote.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let number = u128::from_be_bytes(bytes);
        Self { ms: (number >> 64) as u64, seq: number as u64 }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// An id as a request writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// `-`: the least id.
    Least,
    /// `+`: the greatest id.
    Greatest,
    /// `ms`
    Time(u64),
    /// `ms-*`
    AnyOfTime(u64),
    /// `ms-seq`
    Whole(StreamId),
}

/// The longest text that is an id, in bytes.
const TEXT_BYTES_MAX: usize = 127;

/// Reads an id. As Redis does, a zero byte ends it, and numbers may be written in every way of C's `strtoull`.
///
/// Source: `streamGenericParseIDOrReply` of Redis 7.0, probed.
pub(super) fn parse(text: &[u8]) -> Option<Written> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    match text {
        b"-" => return Some(Written::Least),
        b"+" => return Some(Written::Greatest),
        _ => {}
    }
    let Some(dash) = text.iter().position(|&byte| byte == b'-') else {
        return parse_part(text).map(Written::Time);
    };
    let ms = parse_part(&text[..dash])?;
    match &text[dash + 1..] {
        b"*" => Some(Written::AnyOfTime(ms)),
        seq => Some(Written::Whole(StreamId { ms, seq: parse_part(seq)? })),
    }
}

/// What `string2ull` of Redis reads: a canonical integer that is not negative, or else whatever `strtoull` takes,
/// which negates a number with a minus sign.
fn parse_part(text: &[u8]) -> Option<u64> {
    if let Some(value) = super::number::parse_integer(text) {
        return u64::try_from(value).ok();
    }
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let text = &text[text.iter().take_while(|byte| is_space(byte)).count()..];
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |value: u64, digit: &u8| value.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    let value = digits.iter().try_fold(0, add)?;
    Some(if negative { value.wrapping_neg() } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<Written>) {
        assert_eq!(parse(text.as_bytes()), expected, "{text:?}");
    }

    #[test]
    fn ids_are_read_as_redis_reads_them() {
        let whole = |ms, seq| Some(Written::Whole(StreamId { ms, seq }));
        check("-", Some(Written::Least));
        check("+", Some(Written::Greatest));
        check("5", Some(Written::Time(5)));
        check("5-3", whole(5, 3));
        check("5-*", Some(Written::AnyOfTime(5)));
        check("18446744073709551615-18446744073709551615", whole(u64::MAX, u64::MAX));
        check("05-+3", whole(5, 3));
        check(" 5- 3", whole(5, 3));
        check("5--01", whole(5, u64::MAX));
        check("5-3\0x", whole(5, 3));
        for text in ["", "-5", "5-", "5--1", "5-3-1", "x", "5-x", "*", "18446744073709551616", "1.0", "5 ", "+-"] {
            check(text, None);
        }
    }

    #[test]
    fn neighbours_carry_over() {
        let id = |ms, seq| StreamId { ms, seq };
        assert_eq!(id(1, u64::MAX).next(), Some(id(2, 0)));
        assert_eq!(id(2, 0).previous(), Some(id(1, u64::MAX)));
        assert_eq!((StreamId::MAX.next(), StreamId::MIN.previous()), (None, None));
        assert!(id(1, 2).to_bytes() < id(2, 1).to_bytes());
        assert_eq!(StreamId::from_bytes(id(3, 4).to_bytes()), id(3, 4));
    }
}
