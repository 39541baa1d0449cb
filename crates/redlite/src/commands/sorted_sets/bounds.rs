//! Ranges of scores and of members, as requests write them.

use crate::failure::{Failure, refuse};
use crate::number;

/// The scores from the first to the second, both included.
pub(super) type Scores = (f64, f64);

/// No score is in it.
const NO_SCORES: Scores = (f64::INFINITY, f64::NEG_INFINITY);

/// Reads a range of scores: numbers, each excluded where it follows a `(`.
pub(super) fn parse_scores(low: &[u8], high: &[u8]) -> Result<Scores, Failure> {
    let (Some((low, low_excluded)), Some((high, high_excluded))) = (parse_score(low), parse_score(high)) else {
        return refuse("ERR min or max is not a float");
    };
    // Nothing is beyond an infinity; elsewhere the next double is the first that is beyond.
    if (low_excluded && low == f64::INFINITY) || (high_excluded && high == f64::NEG_INFINITY) {
        return Ok(NO_SCORES);
    }
    let low = if low_excluded { low.next_up() } else { low };
    let high = if high_excluded { high.next_down() } else { high };
    Ok((low, high))
}

/// One bound of a range of scores, and whether it is excluded.
///
/// Redis reads it with C's `strtod`, unlike a score: white space may come before it, nothing is 0, what a double
/// cannot hold is an infinity or 0, and a zero byte ends it.
fn parse_score(text: &[u8]) -> Option<(f64, bool)> {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let (text, excluded) = text.strip_prefix(b"(").map_or((text, false), |rest| (rest, true));
    if text.is_empty() {
        return Some((0.0, excluded));
    }
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    let value = number::parse_double_saturating(&text[blanks..])?;
    Some((value, excluded))
}

/// One end of a range of members.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound<'a> {
    /// `-`: before every member.
    Lowest,
    /// `+`: after every member.
    Highest,
    /// `[member`
    Included(&'a [u8]),
    /// `(member`
    Excluded(&'a [u8]),
}

impl<'a> Bound<'a> {
    fn parse(text: &'a [u8]) -> Option<Self> {
        match text {
            // A zero byte ends a C string.
            [b'-'] | [b'-', 0, ..] => Some(Bound::Lowest),
            [b'+'] | [b'+', 0, ..] => Some(Bound::Highest),
            [b'[', member @ ..] => Some(Bound::Included(member)),
            [b'(', member @ ..] => Some(Bound::Excluded(member)),
            _ => None,
        }
    }
}

/// A range of members, in the order of their bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Members<'a> {
    low: Bound<'a>,
    high: Bound<'a>,
}

impl<'a> Members<'a> {
    /// Reads a range of members.
    pub fn parse(low: &'a [u8], high: &'a [u8]) -> Result<Self, Failure> {
        match (Bound::parse(low), Bound::parse(high)) {
            (Some(low), Some(high)) => Ok(Self { low, high }),
            _ => refuse("ERR min or max not valid string range item"),
        }
    }

    /// True where no member can be in it.
    pub fn is_empty(&self) -> bool {
        match (self.low, self.high) {
            (Bound::Highest, _) | (_, Bound::Lowest) => true,
            (Bound::Lowest, _) | (_, Bound::Highest) => false,
            (Bound::Included(low), Bound::Included(high)) => low > high,
            (Bound::Included(low) | Bound::Excluded(low), Bound::Included(high) | Bound::Excluded(high)) => low >= high,
        }
    }

    /// True where the member is not before the range.
    pub fn reaches_low(&self, member: &[u8]) -> bool {
        match self.low {
            Bound::Lowest => true,
            Bound::Highest => false,
            Bound::Included(low) => member >= low,
            Bound::Excluded(low) => member > low,
        }
    }

    /// True where the member is not behind the range.
    pub fn reaches_high(&self, member: &[u8]) -> bool {
        match self.high {
            Bound::Lowest => false,
            Bound::Highest => true,
            Bound::Included(high) => member <= high,
            Bound::Excluded(high) => member < high,
        }
    }

    /// The same range of the members up to `last`, as the first bytes that are in it and the first that are not.
    pub fn half_open(&self, last: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let low = match self.low {
            Bound::Lowest => Vec::new(),
            Bound::Highest => successor(last),
            Bound::Included(low) => low.to_vec(),
            Bound::Excluded(low) => successor(low),
        };
        let high = match self.high {
            Bound::Lowest => Vec::new(),
            Bound::Highest => successor(last),
            Bound::Included(high) => successor(high),
            Bound::Excluded(high) => high.to_vec(),
        };
        (low, high)
    }
}

/// The bytes that come right after these in order.
fn successor(bytes: &[u8]) -> Vec<u8> {
    [bytes, &[0]].concat()
}
