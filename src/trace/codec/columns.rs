//! The columns of a block, and the numbers in them.

use std::ops::{Index, IndexMut};

use sha2::{Digest, Sha256};

/// What a column holds. Its number is its place in the file. Codes have 16 bits and take two columns: their low
/// bytes stand in the named one, their high bytes in the next.
#[derive(Clone, Copy)]
pub enum Column {
    /// Shapes that no earlier block had: act, number of arguments, name.
    Shapes = 0,
    /// The connection of each op.
    Conns = 1,
    /// The shape of each op.
    ShapeCodes = 2,
    /// The arguments, by shape and then by position: string codes.
    ArgCodes = 4,
    /// The replies, by shape, in pre-order: what each node is …
    Nodes = 6,
    /// … its integer, …
    Ints = 7,
    /// … its number of elements, …
    Lens = 8,
    /// … its text (errors, simple strings, numbers as text): string codes, …
    TextCodes = 9,
    /// … its bytes: string codes.
    BulkCodes = 11,
    /// The strings that are no dictionary entry, in the order of their codes: how long each is …
    LiteralLens = 13,
    /// … and their bytes.
    Literals = 14,
}

/// How many columns there are.
pub const COLUMNS: usize = 15;

/// All columns of one block.
#[derive(Default)]
pub struct Columns(pub [Vec<u8>; COLUMNS]);

impl Columns {
    /// Empties every column and keeps the memory, as far as it is usual.
    pub fn clear(&mut self) {
        for column in &mut self.0 {
            column.clear();
            column.shrink_to(1 << 20);
        }
    }

    /// The first 8 bytes of the SHA-256 of all columns, each behind its length.
    pub fn digest(&self) -> u64 {
        let mut hash = Sha256::new();
        for column in &self.0 {
            hash.update((column.len() as u64).to_le_bytes());
            hash.update(column);
        }
        short_digest(hash)
    }

    /// Appends a 16-bit code to a pair of columns.
    #[inline]
    pub fn push_code(&mut self, codes: Column, code: u16) {
        let [low, high] = code.to_le_bytes();
        self.0[codes as usize].push(low);
        self.0[codes as usize + 1].push(high);
    }
}

impl Index<Column> for Columns {
    type Output = Vec<u8>;

    fn index(&self, column: Column) -> &Vec<u8> {
        &self.0[column as usize]
    }
}

impl IndexMut<Column> for Columns {
    fn index_mut(&mut self, column: Column) -> &mut Vec<u8> {
        &mut self.0[column as usize]
    }
}

/// The first 8 bytes of a SHA-256: enough against accidents, and short enough for an issue.
pub fn short_digest(hash: Sha256) -> u64 {
    hash.finalize().iter().take(8).fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// Appends `value`, 7 bits a byte, the lowest first.
#[inline]
pub fn push_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Small integers of either sign as small numbers.
#[inline]
pub fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// The opposite of [`zigzag`].
#[inline]
pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// What a block's reader finds wrong.
#[derive(Debug)]
pub enum Fault {
    /// It is not as it was written.
    Damaged(&'static str),
    /// It is beyond the limits.
    TooLarge(String),
}

/// Reads a column from its start to its end.
#[derive(Default)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub fn len(&self) -> usize {
        self.rest.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    pub fn byte(&mut self) -> Result<u8, Fault> {
        let (&first, rest) = self.rest.split_first().ok_or(Fault::Damaged("a column is too short"))?;
        self.rest = rest;
        Ok(first)
    }

    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Fault::Damaged("a column is too short"))?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    pub fn varint(&mut self) -> Result<u64, Fault> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Fault::Damaged("a number is too long"))
    }

    /// A varint that must fit `T`.
    pub fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Fault> {
        T::try_from(self.varint()?).map_err(|_| Fault::Damaged("a number is too large"))
    }
}

/// Reads 16-bit codes from a pair of columns.
pub struct Codes<'a> {
    low: Cursor<'a>,
    high: Cursor<'a>,
}

impl<'a> Codes<'a> {
    /// From the start of the pair.
    pub fn new(columns: &'a Columns, codes: Column) -> Self {
        let at = codes as usize;
        Self { low: Cursor::new(&columns.0[at]), high: Cursor::new(&columns.0[at + 1]) }
    }

    #[inline]
    pub fn code(&mut self) -> Result<u16, Fault> {
        Ok(u16::from_le_bytes([self.low.byte()?, self.high.byte()?]))
    }

    pub fn len(&self) -> usize {
        self.low.len()
    }

    pub fn is_empty(&self) -> bool {
        self.low.is_empty() && self.high.is_empty()
    }
}

/// The ops of a block by shape: `order[starts[s]..starts[s + 1]]` are the ops of shape `s`, in their order.
pub struct Groups {
    pub order: Vec<u32>,
    pub starts: Vec<u32>,
}

impl Groups {
    /// `shapes` has the shape of each op, below `count`.
    pub fn new(shapes: impl Iterator<Item = u16> + Clone, count: usize) -> Self {
        let mut starts = vec![0u32; count + 1];
        let mut ops = 0;
        for shape in shapes.clone() {
            starts[usize::from(shape) + 1] += 1;
            ops += 1;
        }
        for shape in 0..count {
            starts[shape + 1] += starts[shape];
        }
        let mut next = starts.clone();
        let mut order = vec![0; ops];
        for (op, shape) in shapes.enumerate() {
            let at = &mut next[usize::from(shape)];
            order[*at as usize] = op as u32;
            *at += 1;
        }
        Self { order, starts }
    }

    /// The ops of `shape`.
    pub fn of(&self, shape: usize) -> &[u32] {
        &self.order[self.starts[shape] as usize..self.starts[shape + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip() {
        for value in [0, 1, -1, 63, 64, -65, 1 << 40, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            push_varint(zigzag(value), &mut bytes);
            let mut cursor = Cursor::new(&bytes);
            assert_eq!(cursor.varint().map(unzigzag).expect("it was written"), value);
            assert!(cursor.is_empty(), "{value} leaves bytes");
        }
        assert!(Cursor::new(&[0xff; 12]).varint().is_err(), "a varint ends within 10 bytes");
        assert!(Cursor::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).varint().is_err());
    }

    #[test]
    fn groups_keep_the_order_of_ops() {
        let groups = Groups::new([2u16, 0, 2, 1, 0].into_iter(), 4);
        assert_eq!([groups.of(0), groups.of(1), groups.of(2), groups.of(3)], [&[1, 4][..], &[3], &[0, 2], &[]]);
    }
}
