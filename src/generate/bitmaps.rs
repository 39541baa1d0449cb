//! Arguments of commands on bits.

use resp::Argv;
use spec::syntax::Slot;

use super::arguments::{Arguments, Type};
use super::numbers::{ODD_INTEGERS, write_int};

/// The type of a bit field: `u8`, `i64`.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldType {
    is_signed: bool,
    bits: u32,
}

impl Default for FieldType {
    fn default() -> Self {
        Self { is_signed: false, bits: 8 }
    }
}

/// Widths of fields: a byte's multiples, the extremes, and some between.
const WIDTHS: &[u32] = &[8, 8, 8, 16, 16, 32, 64, 64, 1, 1, 2, 3, 4, 5, 7, 9, 12, 31, 33, 48, 62, 63];

/// Texts that are no type of a field, and odd spellings of one.
const ODD_TYPES: &[&[u8]] = &[
    b"u64",
    b"i65",
    b"u0",
    b"i0",
    b"u-1",
    b"",
    b"u",
    b"i",
    b"8",
    b"x8",
    b"U8",
    b"u08",
    b"u+8",
    b"u8 ",
    b"u 8",
    b"u8\0",
    b"u8\0x",
    b"i1.5",
    b"u18446744073709551624",
];

/// Texts that are no bit, or are one in an odd way.
const ODD_BITS: &[&[u8]] =
    &[b"2", b"-1", b"", b"01", b"00", b"-0", b"+1", b"1.0", b"x", b"1\0", b"3", b"9223372036854775808"];

/// Offsets that are refused, and some that Redis takes since they overflow 64 bits as they are multiplied. None is
/// accepted where it is far away, as a write there would take memory up to it.
const ODD_OFFSETS: &[&[u8]] = &[
    b"-1",
    b"#-1",
    b"4294967296",
    b"#4294967296",
    b"9223372036854775807",
    b"9223372036854775808",
    b"#9223372036854775807",
    b"#4611686018427387904",
    b"#2305843009213693953",
    b"-9223372036854775808",
    b"",
    b"#",
    b"##1",
    b"#01",
    b"01",
    b"+1",
    b" 1",
    b"1 ",
    b"1#",
    b"1.5",
    b"-0",
    b"abc",
    b"1\0",
];

/// The last offsets that there are, for reading.
const FAR_OFFSETS: &[&[u8]] =
    &[b"4294967295", b"4294967294", b"4294967288", b"4294967232", b"2147483648", b"2147483647"];

impl Arguments {
    /// A bit, mostly 1.
    pub(super) fn write_bit(&mut self, argv: &mut Argv) {
        if self.until_odd_number.is_over(&mut self.values) {
            return self.push_one(ODD_BITS, argv);
        }
        let is_set = self.values.chance(5, 8);
        argv.push(if is_set { b"1" } else { b"0" });
    }

    /// An offset in bits: mostly in the first bytes.
    pub(super) fn write_bit_offset(&mut self, slot: Slot, argv: &mut Argv) {
        if self.until_odd_number.is_over(&mut self.values) {
            return self.push_one(ODD_OFFSETS, argv);
        }
        let shape = self.values.below(64);
        match shape {
            0..40 => self.push_between(0, 40, argv),
            40..56 => self.push_between(0, 200, argv),
            56..62 => self.push_between(0, 2000, argv),
            62 if slot == Slot::BitProbe || slot == Slot::FieldProbe => self.push_one(FAR_OFFSETS, argv),
            // A text stays short: LCS takes time by the product of two lengths.
            _ if self.usual == Type::Text => self.push_between(0, 2000, argv),
            _ => self.push_between(0, 100_000, argv),
        }
    }

    /// An end of a range, in bytes or in bits.
    pub(super) fn write_bit_index(&mut self, argv: &mut Argv) {
        if self.until_odd_number.is_over(&mut self.values) {
            return self.push_one(ODD_INTEGERS, argv);
        }
        let (low, high) = match self.values.below(16) {
            0..6 => (-4, 5),
            6..12 => (-30, 40),
            12..15 => (-300, 300),
            _ => (-10_000, 10_000),
        };
        self.push_between(low, high, argv);
    }

    /// A type of a field, to which the values that follow are fitted.
    pub(super) fn write_field_type(&mut self, argv: &mut Argv) {
        if self.until_odd_number.is_over(&mut self.values) {
            return self.push_one(ODD_TYPES, argv);
        }
        let bits = *self.values.pick(WIDTHS);
        let is_signed = bits == 64 || self.values.chance(1, 2);
        self.field = FieldType { is_signed, bits };
        argv.push_with(|out| {
            out.push(if is_signed { b'i' } else { b'u' });
            write_int(bits.into(), out);
        });
    }

    /// An offset in bits, or one in fields, which Redis marks with `#`.
    pub(super) fn write_field_offset(&mut self, slot: Slot, argv: &mut Argv) {
        if self.values.chance(5, 8) {
            return self.write_bit_offset(slot, argv);
        }
        let high = if self.values.chance(1, 16) { 600 } else { 6 };
        let index = self.values.below(high);
        argv.push_with(|out| {
            out.push(b'#');
            write_int(index.into(), out);
        });
    }

    /// A value for the field: small, at the edges of its type or just beyond them, or at those of 64 bits.
    pub(super) fn write_field_value(&mut self, argv: &mut Argv) {
        if self.until_odd_number.is_over(&mut self.values) {
            return self.push_one(ODD_INTEGERS, argv);
        }
        let FieldType { is_signed, bits } = self.field;
        let magnitude = bits - u32::from(is_signed);
        let max = i64::MAX >> (63 - magnitude);
        let min = if is_signed { -max - 1 } else { 0 };
        let shape = self.values.below(32);
        let value = match shape {
            0..10 => i64::from(self.values.below(21)) - 10,
            10..13 => max,
            13..16 => min,
            16..18 => max.saturating_add(1),
            18..20 => min.saturating_sub(1),
            20..22 => max / 2 + 1,
            22..24 => -max,
            24..30 => self.values.bits64() as i64 >> (64 - bits.max(2)),
            _ => return self.push_large(argv),
        };
        argv.push_with(|out| write_int(value, out));
    }
}
