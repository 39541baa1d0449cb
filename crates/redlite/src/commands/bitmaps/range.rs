//! Commands that look at a range of a string's bits.

use crate::commands::{Context, Outcome};
use crate::failure::{Failure, refuse, texts};
use resp::Reply;

/// A range as a request gives it: both ends are in it, negative ones count from the end.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    start: i64,
    end: i64,
    /// True where they count bits, not bytes.
    in_bits: bool,
}

impl Bounds {
    const WHOLE: Bounds = Bounds { start: 0, end: -1, in_bits: false };

    /// The first and the last bit of the range in a string of `bytes` bytes, where it holds any.
    fn resolve(self, bytes: usize) -> Option<(u64, u64)> {
        let length = if self.in_bits { bytes as i64 * 8 } else { bytes as i64 };
        let from_start = |at: i64| if at < 0 { (length + at).max(0) } else { at };
        let (start, end) = (from_start(self.start), from_start(self.end).min(length - 1));
        if start > end {
            return None;
        }
        let (start, end) = (start as u64, end as u64);
        Some(if self.in_bits { (start, end) } else { (start * 8, end * 8 + 7) })
    }
}

/// True where the argument at `at` says that a range counts bits, false for bytes.
fn parse_unit(context: &Context<'_>, at: usize) -> Result<bool, Failure> {
    match (context.is_word(at, "BIT"), context.is_word(at, "BYTE")) {
        (false, false) => refuse(texts::SYNTAX),
        (in_bits, _) => Ok(in_bits),
    }
}

pub(super) fn bitcount(context: &mut Context<'_>) -> Outcome {
    // Redis looks at the range only once it has a string.
    let bounds = parse_count_bounds(context);
    let count = |value: &[u8]| -> Result<u64, Failure> {
        let range = bounds?.and_then(|bounds| bounds.resolve(value.len()));
        Ok(range.map_or(0, |(first, last)| count_ones(value, first, last)))
    };
    match context.store.find_string(context.db(), context.arg(1), count)? {
        None => Ok(Reply::Int(0)),
        Some((_, count)) => Ok(Reply::Int(count? as i64)),
    }
}

/// BITCOUNT's range; none for one between negative ends in the wrong order, whose unit Redis does not look at.
fn parse_count_bounds(context: &Context<'_>) -> Result<Option<Bounds>, Failure> {
    let args = context.argv.len();
    if args == 2 {
        return Ok(Some(Bounds::WHOLE));
    }
    if !matches!(args, 4 | 5) {
        return refuse(texts::SYNTAX);
    }
    let (start, end) = (context.integer(2)?, context.integer(3)?);
    if start < 0 && end < 0 && start > end {
        return Ok(None);
    }
    let in_bits = args == 5 && parse_unit(context, 4)?;
    Ok(Some(Bounds { start, end, in_bits }))
}

/// How many bits are set from the bit at `first` to the one at `last`.
fn count_ones(value: &[u8], first: u64, last: u64) -> u64 {
    let part = &value[(first / 8) as usize..=(last / 8) as usize];
    let (words, rest) = part.as_chunks::<8>();
    let in_words: u64 = words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    let in_rest: u64 = rest.iter().map(|byte| u64::from(byte.count_ones())).sum();
    let before = part[0] & !(0xff >> (first % 8));
    let behind = part[part.len() - 1] & (0x7f >> (last % 8));
    in_words + in_rest - u64::from(before.count_ones() + behind.count_ones())
}

pub(super) fn bitpos(context: &mut Context<'_>) -> Outcome {
    let bit = match context.integer(2)? {
        0 => false,
        1 => true,
        _ => return refuse("ERR The bit argument must be 1 or 0."),
    };
    let has_end = context.argv.len() >= 5;
    let bounds = parse_position_bounds(context);
    let position = |value: &[u8]| -> Result<i64, Failure> {
        let Some((first, last)) = bounds?.resolve(value.len()) else { return Ok(-1) };
        Ok(match find_bit(value, bit, first, last) {
            Some(at) => at as i64,
            // Without an end, zeros follow the string.
            None if !bit && !has_end => value.len() as i64 * 8,
            None => -1,
        })
    };
    match context.store.find_string(context.db(), context.arg(1), position)? {
        None => Ok(Reply::Int(if bit { -1 } else { 0 })),
        Some((_, position)) => Ok(Reply::Int(position?)),
    }
}

/// BITPOS's range. Redis reads the unit before the end.
fn parse_position_bounds(context: &Context<'_>) -> Result<Bounds, Failure> {
    let args = context.argv.len();
    if args > 6 {
        return refuse(texts::SYNTAX);
    }
    let mut bounds = Bounds::WHOLE;
    if args >= 4 {
        bounds.start = context.integer(3)?;
    }
    if args == 6 {
        bounds.in_bits = parse_unit(context, 5)?;
    }
    if args >= 5 {
        bounds.end = context.integer(4)?;
    }
    Ok(bounds)
}

/// The first `bit` from the bit at `first` to the one at `last`.
fn find_bit(value: &[u8], bit: bool, first: u64, last: u64) -> Option<u64> {
    /// Bytes that hold none of the bits sought.
    const NONE: [u8; 2] = [0xff, 0x00];
    let without = NONE[usize::from(bit)];
    let start = (first / 8) as usize;
    let head = (value[start] ^ without) & (0xff >> (first % 8));
    let (at, byte) = if head != 0 {
        (start, head)
    } else {
        let rest = &value[start + 1..=(last / 8) as usize];
        let (words, _) = rest.as_chunks::<8>();
        let skipped = words.iter().take_while(|word| **word == [without; 8]).count() * 8;
        let found = skipped + rest[skipped..].iter().position(|&byte| byte != without)?;
        (start + 1 + found, rest[found] ^ without)
    };
    let found = at as u64 * 8 + u64::from(byte.leading_zeros());
    (found <= last).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::transcript;

    /// Bit by bit.
    fn bits(value: &[u8], first: u64, last: u64) -> impl Iterator<Item = (u64, bool)> {
        (first..=last).map(|at| (at, value[(at / 8) as usize] & (0x80 >> (at % 8)) != 0))
    }

    #[test]
    fn every_range_is_counted_and_searched_as_bit_by_bit() {
        let mixed = [0, 0, 0x18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe];
        for value in [&mixed[..], &[0; 20], &[0xff; 20]] {
            let end = value.len() as u64 * 8;
            for (first, last) in (0..end).flat_map(|first| (first..end).map(move |last| (first, last))) {
                let ones = bits(value, first, last).filter(|(_, is_set)| *is_set).count() as u64;
                assert_eq!(count_ones(value, first, last), ones, "{value:?} from {first} to {last}");
                for bit in [false, true] {
                    let position = bits(value, first, last).find(|(_, is_set)| *is_set == bit).map(|(at, _)| at);
                    assert_eq!(find_bit(value, bit, first, last), position, "{value:?}, {bit} from {first} to {last}");
                }
            }
        }
    }

    #[test]
    fn ranges_are_read_in_redis_order() {
        transcript::check(
            r#"
            > BITCOUNT missing x
            0
            > BITPOS missing 0 x
            0
            > SET k foobar
            OK
            > BITCOUNT k
            26
            > BITCOUNT k 0
            -ERR syntax error
            > BITCOUNT k -1 -2 nosuch
            0
            > BITCOUNT k -2 -1 nosuch
            -ERR syntax error
            > BITCOUNT k -100 -50
            4
            > BITCOUNT k 5 30 bit
            17
            > BITPOS k 2
            -ERR The bit argument must be 1 or 0.
            > BITPOS k 1 0 x nosuch
            -ERR syntax error
            > BITPOS k 1 -50 -100
            1
            > SETRANGE k 6 xyz
            9
            > BITPOS k 0 9
            -1
            > BITFIELD ones SET i16 0 -1
            [0]
            > BITPOS ones 0
            16
            > BITPOS ones 0 1
            16
            > BITPOS ones 0 1 -1
            -1
            "#,
        );
    }
}
