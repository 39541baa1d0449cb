//! BITFIELD: a string as an array of integers of any width.

use super::{check_offset, grow};
use crate::commands::{Context, Outcome};
use crate::failure::{Failure, refuse, texts};
use crate::number;
use crate::options::Limits;
use resp::Reply;

/// Some bits of a string as an integer.
#[derive(Clone, Copy, Debug)]
struct Field {
    /// Of its first bit.
    offset: u64,
    /// 1 to 64 if signed, 1 to 63 if not.
    bits: u32,
    /// In two's complement.
    is_signed: bool,
}

/// What becomes of a value that a field cannot hold.
#[derive(Clone, Copy, Debug)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Get,
    Set(i64),
    Increment(i64),
}

#[derive(Clone, Copy, Debug)]
struct Operation {
    field: Field,
    action: Action,
    overflow: Overflow,
}

/// A field of up to 64 bits that starts anywhere in a byte lies in so many bytes.
const WINDOW_BYTES: usize = 9;

impl Field {
    /// Reads a type (`u8`, `i16`) and an offset (in bits, or `#2` in widths of the type).
    fn parse(limits: Limits, kind: &[u8], offset: &[u8]) -> Result<Self, Failure> {
        // Redis reads the type as a C string.
        let kind = kind.split(|&byte| byte == 0).next().unwrap_or_default();
        let (is_signed, bits_max) = if kind.first() == Some(&b'i') { (true, 64) } else { (false, 63) };
        let bits = match kind {
            [b'i' | b'u', digits @ ..] => number::parse_integer(digits).filter(|bits| (1..=bits_max).contains(bits)),
            _ => None,
        };
        let Some(bits) = bits else {
            return refuse(
                "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
            );
        };
        let offset = match offset.strip_prefix(b"#") {
            // Redis multiplies in 64 bits before it looks at the range.
            Some(index) => number::parse_integer(index).map(|index| index.wrapping_mul(bits)),
            None => number::parse_integer(offset),
        };
        Ok(Self { offset: check_offset(limits, offset)?, bits: bits as u32, is_signed })
    }

    /// How many bytes a string must have to hold it.
    fn end_bytes(self) -> usize {
        (self.offset + u64::from(self.bits)).div_ceil(8) as usize
    }

    /// The byte where it starts, and how far its last bit is from the end of the window of bytes from there on.
    fn place(self) -> (usize, u32) {
        ((self.offset / 8) as usize, WINDOW_BYTES as u32 * 8 - (self.offset % 8) as u32 - self.bits)
    }

    /// Its value; behind the string's end there are zeros.
    fn read(self, value: &[u8]) -> i64 {
        let (start, shift) = self.place();
        let byte = |at| value.get(at).copied().map_or(0, u128::from);
        let window = (start..start + WINDOW_BYTES).fold(0, |window, at| window << 8 | byte(at));
        self.truncate((window >> shift) as u64)
    }

    /// Puts a value that it can hold into the string, which is long enough.
    fn write(self, value: &mut [u8], number: i64) {
        let (start, shift) = self.place();
        let mask = u128::from(self.mask()) << shift;
        let bits = (u128::from(number as u64 & self.mask())) << shift;
        let [_, _, _, _, _, _, _, mask @ ..] = mask.to_be_bytes();
        let [_, _, _, _, _, _, _, bits @ ..] = bits.to_be_bytes();
        for ((byte, mask), bits) in value[start..].iter_mut().zip(mask).zip(bits) {
            *byte = *byte & !mask | bits;
        }
    }

    fn mask(self) -> u64 {
        u64::MAX >> (64 - self.bits)
    }

    /// The lowest bits as its value.
    fn truncate(self, bits: u64) -> i64 {
        let unused = 64 - self.bits;
        if self.is_signed { (bits << unused) as i64 >> unused } else { (bits & self.mask()) as i64 }
    }

    /// `number` + `increment` as this field can hold it; none where it cannot, and shall then fail.
    fn fit(self, number: i128, increment: i64, overflow: Overflow) -> Option<i64> {
        let (min, max) = if self.is_signed {
            let max = i64::MAX >> (64 - self.bits);
            (i128::from(-max - 1), i128::from(max))
        } else {
            (0, i128::from(self.mask()))
        };
        let sum = number + i128::from(increment);
        // Redis has 64 bits for the distance to the maximum: what is too far below it counts as above.
        let is_far = self.is_signed && self.bits < 64 && max - number > i128::from(i64::MAX);
        let is_high = sum > max || is_far;
        if !is_high && sum >= min {
            return Some(sum as i64);
        }
        match overflow {
            Overflow::Wrap => Some(self.truncate(sum as u64)),
            Overflow::Saturate => Some(if is_high { max } else { min } as i64),
            Overflow::Fail => None,
        }
    }
}

impl Operation {
    /// Reads BITFIELD's arguments.
    fn parse_all(context: &Context<'_>) -> Result<Vec<Self>, Failure> {
        let mut operations = Vec::new();
        let mut overflow = Overflow::Wrap;
        let mut at = 2;
        while at < context.argv.len() {
            let has = |word, args| context.is_word(at, word) && at + args < context.argv.len();
            if has("OVERFLOW", 1) {
                overflow = Overflow::parse(context, at + 1)?;
                at += 2;
                continue;
            }
            let is_get = has("GET", 2);
            let is_set = has("SET", 3);
            if !is_get && !is_set && !has("INCRBY", 3) {
                return refuse(texts::SYNTAX);
            }
            let field = Field::parse(context.limits, context.arg(at + 1), context.arg(at + 2))?;
            let action = match (is_get, is_set) {
                (true, _) => Action::Get,
                (_, true) => Action::Set(context.integer(at + 3)?),
                _ => Action::Increment(context.integer(at + 3)?),
            };
            operations.push(Self { field, action, overflow });
            at += if is_get { 3 } else { 4 };
        }
        Ok(operations)
    }

    fn writes(&self) -> bool {
        !matches!(self.action, Action::Get)
    }

    /// Runs it on a string that is long enough for what it writes. What it answers, where it does not fail.
    fn run(&self, value: &mut [u8]) -> Option<i64> {
        let old = self.field.read(value);
        let (new, is_set) = match self.action {
            Action::Get => return Some(old),
            Action::Set(number) => {
                let number = if self.field.is_signed { number.into() } else { (number as u64).into() };
                (self.field.fit(number, 0, self.overflow)?, true)
            }
            Action::Increment(increment) => (self.field.fit(old.into(), increment, self.overflow)?, false),
        };
        self.field.write(value, new);
        Some(if is_set { old } else { new })
    }
}

impl Overflow {
    fn parse(context: &Context<'_>, at: usize) -> Result<Self, Failure> {
        let words = [("WRAP", Self::Wrap), ("SAT", Self::Saturate), ("FAIL", Self::Fail)];
        match words.iter().find(|(word, _)| context.is_word(at, word)) {
            Some((_, overflow)) => Ok(*overflow),
            None => refuse("ERR Invalid OVERFLOW type specified"),
        }
    }
}

pub(super) fn bitfield(context: &mut Context<'_>) -> Outcome {
    let operations = Operation::parse_all(context)?;
    if operations.iter().any(Operation::writes) { change(context, &operations) } else { read(context, &operations) }
}

pub(super) fn bitfield_ro(context: &mut Context<'_>) -> Outcome {
    let operations = Operation::parse_all(context)?;
    if operations.iter().any(Operation::writes) {
        return refuse("ERR BITFIELD_RO only supports the GET subcommand");
    }
    read(context, &operations)
}

fn read(context: &mut Context<'_>, operations: &[Operation]) -> Outcome {
    let read = |value: &[u8]| operations.iter().map(|operation| Reply::Int(operation.field.read(value))).collect();
    let found = context.store.find_string(context.db(), context.arg(1), read)?;
    Ok(Reply::Array(found.map_or_else(|| read(&[]), |(_, replies)| replies)))
}

fn change(context: &mut Context<'_>, operations: &[Operation]) -> Outcome {
    let (db, name) = (context.db(), context.arg(1));
    let (key, value) = context.store.find_string(db, name, <[u8]>::to_vec)?.unzip();
    let mut value = value.unwrap_or_default();
    // The string grows for all operations at once, whether they fail or not.
    let written = operations.iter().filter(|operation| operation.writes());
    let bytes = written.map(|operation| operation.field.end_bytes()).max().unwrap_or(0);
    let has_grown = grow(&mut value, bytes);
    let mut is_changed = false;
    let mut replies = Vec::with_capacity(operations.len());
    for operation in operations {
        let before = operation.field.read(&value);
        let answer = operation.run(&mut value);
        let is_done = operation.writes() && answer.is_some();
        is_changed |= is_done && (has_grown || operation.field.read(&value) != before);
        replies.push(answer.map_or_else(|| context.null(), Reply::Int));
    }
    if is_changed {
        context.store.update_string(db, name, key.as_ref(), &value)?;
    } else if has_grown {
        // Redis does not tell those who watch the key that the string has grown.
        context.store.update_string_untold(db, name, key.as_ref(), &value)?;
    } else if let Some(key) = &key {
        context.store.mark_changed(key)?;
    }
    Ok(Reply::Array(replies))
}

#[cfg(test)]
mod tests {
    use super::super::super::transcript::check;

    #[test]
    fn a_field_of_any_width_is_read_where_it_was_written() {
        check(
            r#"
            > BITFIELD k SET u3 5 7 SET i64 13 -2 SET u63 #1 9223372036854775807 GET u3 5 GET i64 13 GET u63 63
            [0 0 9222246136947933184 7 -1 9223372036854775807]
            > GET k
            "\x07\x07\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfc"
            > BITFIELD k GET u8 1000 GET i8 #2305843009213693953
            [0 7]
            "#,
        );
    }

    #[test]
    fn what_does_not_fit_wraps_saturates_or_fails() {
        check(
            r#"
            > BITFIELD k SET u8 0 255 INCRBY u8 0 2 OVERFLOW SAT INCRBY u8 0 300 OVERFLOW FAIL INCRBY u8 0 1
            [0 1 255 nil]
            > BITFIELD k OVERFLOW SAT SET i8 0 -200 GET i8 0 SET i8 0 -9223372036854775808 GET i8 0 SET u8 0 -1
            [-1 -128 -128 127 127]
            > BITFIELD k SET i64 0 9223372036854775807 INCRBY i64 0 1 OVERFLOW SAT INCRBY i64 0 -1
            [-72057594037927936 -9223372036854775808 -9223372036854775808]
            > BITFIELD new OVERFLOW FAIL INCRBY u2 9 5
            [nil]
            > GET new
            "\x00\x00"
            "#,
        );
    }

    #[test]
    fn errors_come_in_redis_order() {
        let kind = "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
        check(&format!(
            r#"
            > RPUSH l a
            1
            > BITFIELD l GET u64 0
            {kind}
            > BITFIELD l SET u8 -1 x
            -ERR bit offset is not an integer or out of range
            > BITFIELD l SET u8 0 x
            -ERR value is not an integer or out of range
            > BITFIELD l SET u8 0
            -ERR syntax error
            > BITFIELD l OVERFLOW
            -ERR syntax error
            > BITFIELD l OVERFLOW nosuch
            -ERR Invalid OVERFLOW type specified
            > BITFIELD_RO l SET u8 0 1
            -ERR BITFIELD_RO only supports the GET subcommand
            > BITFIELD_RO l OVERFLOW SAT
            -WRONGTYPE Operation against a key holding the wrong kind of value
            > BITFIELD_RO missing OVERFLOW SAT GET u8 0
            [0]
            "#
        ));
    }
}
