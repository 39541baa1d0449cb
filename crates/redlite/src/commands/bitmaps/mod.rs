//! Commands on the bits of strings. Bit 0 is the highest bit of the first byte.

mod field;
mod range;

use super::{Context, Outcome, Row};
use crate::failure::{Failure, refuse, texts};
use crate::number;
use crate::options::Limits;
use resp::Reply;

pub(super) const COMMANDS: &[Row] = &[
    ("BITCOUNT", range::bitcount),
    ("BITFIELD", field::bitfield),
    ("BITFIELD_RO", field::bitfield_ro),
    ("BITOP", bitop),
    ("BITPOS", range::bitpos),
    ("GETBIT", getbit),
    ("SETBIT", setbit),
];

/// The offset of a bit that the longest string can hold; Redis' error for any other number, and for none.
fn check_offset(limits: Limits, offset: Option<i64>) -> Result<u64, Failure> {
    match offset.and_then(|offset| u64::try_from(offset).ok()) {
        Some(offset) if offset / 8 < limits.string_bytes_max as u64 => Ok(offset),
        _ => refuse("ERR bit offset is not an integer or out of range"),
    }
}

/// The byte that holds the bit at `offset`, and the bit's place in it.
fn locate(offset: u64) -> (usize, u8) {
    ((offset / 8) as usize, 0x80 >> (offset % 8))
}

/// Appends zeros until there are `bytes` bytes; true where there were fewer.
fn grow(value: &mut Vec<u8>, bytes: usize) -> bool {
    let is_short = value.len() < bytes;
    if is_short {
        value.resize(bytes, 0);
    }
    is_short
}

fn getbit(context: &mut Context<'_>) -> Outcome {
    let (at, mask) = locate(check_offset(context.limits, number::parse_integer(context.arg(2)))?);
    let is_set = |value: &[u8]| value.get(at).is_some_and(|byte| byte & mask != 0);
    let found = context.store.find_string(context.db(), context.arg(1), is_set)?;
    Ok(Reply::Int(found.is_some_and(|(_, is_set)| is_set).into()))
}

fn setbit(context: &mut Context<'_>) -> Outcome {
    let (at, mask) = locate(check_offset(context.limits, number::parse_integer(context.arg(2)))?);
    let is_set = match context.arg(3) {
        b"0" => false,
        b"1" => true,
        _ => return refuse("ERR bit is not an integer or out of range"),
    };
    let (db, name) = (context.db(), context.arg(1));
    let (key, value) = context.store.find_string(db, name, <[u8]>::to_vec)?.unzip();
    let mut value = value.unwrap_or_default();
    let has_grown = grow(&mut value, at + 1);
    let was_set = value[at] & mask != 0;
    if has_grown || was_set != is_set {
        value[at] = if is_set { value[at] | mask } else { value[at] & !mask };
        context.store.update_string(db, name, key.as_ref(), &value)?;
    } else if let Some(key) = &key {
        context.store.mark_changed(key)?;
    }
    Ok(Reply::Int(was_set.into()))
}

/// What BITOP does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

impl Operation {
    /// The operation that the argument at `at` names.
    fn parse(context: &Context<'_>, at: usize) -> Result<Self, Failure> {
        let words = [("AND", Self::And), ("OR", Self::Or), ("XOR", Self::Xor), ("NOT", Self::Not)];
        match words.iter().find(|(word, _)| context.is_word(at, word)) {
            Some((_, operation)) => Ok(*operation),
            None => refuse(texts::SYNTAX),
        }
    }

    /// The result for these strings, as long as the longest: to a shorter one it appends zeros.
    fn apply(self, sources: &[Vec<u8>]) -> Vec<u8> {
        let longest = sources.iter().map(Vec::len).max().unwrap_or(0);
        let Some((first, others)) = sources.split_first() else { return Vec::new() };
        let mut result = first.clone();
        result.resize(longest, 0);
        if self == Operation::Not {
            result.iter_mut().for_each(|byte| *byte = !*byte);
        }
        for other in others {
            let (head, tail) = result.split_at_mut(other.len());
            let pairs = head.iter_mut().zip(other);
            match self {
                Operation::And => {
                    pairs.for_each(|(byte, other)| *byte &= other);
                    tail.fill(0);
                }
                Operation::Or => pairs.for_each(|(byte, other)| *byte |= other),
                Operation::Xor => pairs.for_each(|(byte, other)| *byte ^= other),
                Operation::Not => {}
            }
        }
        result
    }
}

fn bitop(context: &mut Context<'_>) -> Outcome {
    let operation = Operation::parse(context, 1)?;
    if operation == Operation::Not && context.argv.len() != 4 {
        return refuse("ERR BITOP NOT must be called with a single source key.");
    }
    let (db, destination) = (context.db(), context.arg(2));
    let mut sources = Vec::with_capacity(context.argv.len() - 3);
    for name in context.args_from(3) {
        let found = context.store.find_string(db, name, <[u8]>::to_vec)?;
        sources.push(found.map(|(_, value)| value).unwrap_or_default());
    }
    let result = operation.apply(&sources);
    if !result.is_empty() {
        context.store.set_changed_string(db, destination, &result)?;
    } else if let Some(key) = context.store.find(db, destination)? {
        context.store.delete(&key)?;
    }
    Ok(Reply::Int(result.len() as i64))
}

#[cfg(test)]
mod tests {
    use super::super::transcript::check;

    #[test]
    fn a_bit_is_set_where_the_string_must_grow_for_it() {
        check(
            r#"
            > SETBIT k 9 1
            0
            > GET k
            "\x00@"
            > SETBIT k 9 0
            1
            > SETBIT k 24 0
            0
            > STRLEN k
            4
            > GETBIT k 4294967295
            0
            > SETBIT k 4294967296 0
            -ERR bit offset is not an integer or out of range
            > SETBIT k 0 2
            -ERR bit is not an integer or out of range
            "#,
        );
    }

    #[test]
    fn strings_of_unequal_length_are_combined() {
        check(
            r#"
            > SET a abc
            OK
            > SET b a
            OK
            > BITOP AND d a b
            3
            > GET d
            "a\x00\x00"
            > BITOP xor d a b missing
            3
            > GET d
            "\x00bc"
            > EXPIRE d 9
            1
            > BITOP NOT d a
            3
            > GET d
            "\x9e\x9d\x9c"
            > TTL d
            -1
            > BITOP NOT d a b
            -ERR BITOP NOT must be called with a single source key.
            > BITOP OR d missing
            0
            > EXISTS d
            0
            "#,
        );
    }
}
