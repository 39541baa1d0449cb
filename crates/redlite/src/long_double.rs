//! The x87 80-bit `long double` in which Redis adds INCRBYFLOAT and HINCRBYFLOAT, bit for bit.
//!
//! Source: `string2ld`, `ld2string` (`LD_STR_HUMAN`) of Redis 7.0 on x86-64 Linux, probed.

use std::cmp::Ordering;

use super::number::{Numeral, is_zero, parse_numeral, shift_rounding};

/// A number with a significand of 64 bits, or an infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LongDouble {
    negative: bool,
    /// `None` for an infinity.
    magnitude: Option<Magnitude>,
}

/// `significand` × 2^`exponent`. The significand's top bit is 1 unless the exponent is [`EXPONENT_MIN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Magnitude {
    significand: u64,
    exponent: i32,
}

const EXPONENT_MIN: i32 = -16445;
const EXPONENT_MAX: i32 = 16320;
const ZERO: Magnitude = Magnitude { significand: 0, exponent: EXPONENT_MIN };

/// Redis copies the text into a buffer of 5 KiB, its end mark included.
const TEXT_BYTES_MAX: usize = 5 * 1024 - 1;

/// How many decimals are printed.
const DECIMALS: usize = 17;

/// Why two texts have no sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddError {
    /// The value to add to is no number.
    Value,
    /// The increment is no number.
    Increment,
    /// The sum is infinite, or none at all.
    NotFinite,
}

/// The sum of two numbers in Redis' notation: up to 17 decimals, without zeros at their end.
///
/// # Errors
/// [`AddError`]; the value is looked at before the increment.
pub(super) fn add(value: &[u8], increment: &[u8]) -> Result<Vec<u8>, AddError> {
    let value = LongDouble::parse(value).ok_or(AddError::Value)?;
    let increment = LongDouble::parse(increment).ok_or(AddError::Increment)?;
    let sum = value.add(increment);
    sum.magnitude.map(|magnitude| format(sum.negative, magnitude)).ok_or(AddError::NotFinite)
}

impl LongDouble {
    /// The number that `text` is in Redis' eyes: an infinity is one; not a number, too large and too small are none.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (negative, numeral) = parse_numeral(text)?;
        let magnitude = match numeral {
            Numeral::Infinity => None,
            Numeral::Hexadecimal { significand: 0, .. } => Some(ZERO),
            Numeral::Hexadecimal { significand, exponent } => Some(in_range(round(significand, exponent))?),
            Numeral::Decimal { integer, fraction, .. } if is_zero(integer) && is_zero(fraction) => Some(ZERO),
            Numeral::Decimal { integer, fraction, exponent } => {
                Some(in_range(from_decimal(integer, fraction, exponent))?)
            }
        };
        Some(Self { negative, magnitude })
    }

    /// A thousand times the number, rounded up; `None` where that is beyond 64 bits.
    pub fn times_1000_up(self) -> Option<i64> {
        let Magnitude { significand, exponent } = self.magnitude?;
        let Magnitude { significand, exponent } = round(u128::from(significand) * 1000, i64::from(exponent))?;
        let value = u128::from(significand);
        let (whole, is_cut) = if exponent >= 0 {
            (value.checked_shl(exponent.unsigned_abs()).filter(|_| exponent < 64)?, false)
        } else {
            let places = exponent.unsigned_abs();
            let whole = value.checked_shr(places).unwrap_or(0);
            (whole, whole.checked_shl(places).unwrap_or(0) != value)
        };
        let whole = i128::try_from(whole).ok()?;
        let signed = if self.negative { -whole } else { whole + i128::from(is_cut) };
        i64::try_from(signed).ok()
    }

    /// False for the two infinities.
    pub fn is_finite(self) -> bool {
        self.magnitude.is_some()
    }

    /// The rounded sum. The sum of two opposite infinities is an infinity here too, not none.
    fn add(self, other: Self) -> Self {
        let (Some(left), Some(right)) = (self.magnitude, other.magnitude) else {
            return Self { negative: false, magnitude: None };
        };
        // Room for a carry above the significand, and 62 bits below it for what the other one shifts down.
        const ROOM: i32 = 62;
        let exponent = left.exponent.max(right.exponent);
        let widen = |Magnitude { significand, exponent: own }| {
            shift_keeping_odd(u128::from(significand) << ROOM, exponent.abs_diff(own))
        };
        let (left, right) = (widen(left), widen(right));
        let (negative, sum) = match (self.negative == other.negative, left >= right) {
            (true, _) => (self.negative, left + right),
            (false, true) => (self.negative, left - right),
            (false, false) => (other.negative, right - left),
        };
        Self { negative, magnitude: round(sum, i64::from(exponent - ROOM)) }
    }
}

/// `value` / 2^`places` cut to an integer that is odd where anything but zeros was cut off: never taken for a tie.
fn shift_keeping_odd(value: u128, places: u32) -> u128 {
    let kept = value.checked_shr(places).unwrap_or(0);
    let is_cut = kept.checked_shl(places).unwrap_or(0) != value;
    kept | u128::from(is_cut)
}

/// A number of a text whose digits are not all 0: neither infinite nor 0.
fn in_range(magnitude: Option<Magnitude>) -> Option<Magnitude> {
    magnitude.filter(|magnitude| magnitude.significand != 0)
}

/// The nearest number to `value` × 2^`exponent`, ties to even; `None` for an infinity.
fn round(value: u128, exponent: i64) -> Option<Magnitude> {
    if value == 0 {
        return Some(ZERO);
    }
    let bits = i64::from(u128::BITS - value.leading_zeros());
    let mut last_bit = (exponent + bits - i64::from(u64::BITS)).max(i64::from(EXPONENT_MIN));
    let mut rounded = shift_rounding(value, last_bit - exponent);
    if rounded > u128::from(u64::MAX) {
        rounded >>= 1;
        last_bit += 1;
    }
    let exponent = i32::try_from(last_bit).ok().filter(|&exponent| exponent <= EXPONENT_MAX)?;
    Some(Magnitude { significand: rounded as u64, exponent })
}

/// The nearest number to the digits `integer`.`fraction` × 10^`exponent`, which are not all 0.
fn from_decimal(integer: &[u8], fraction: &[u8], exponent: i64) -> Option<Magnitude> {
    let digits = || integer.iter().chain(fraction).skip_while(|&&digit| digit == b'0');
    let count = digits().count() as i64;
    let exponent = exponent - fraction.len() as i64;
    // 10^4933 is the last power below the largest number; 10^-4952 is below the smallest.
    if count + exponent > 4933 {
        return None;
    }
    if count + exponent < -4960 {
        return Some(ZERO);
    }
    if count <= 19 {
        let value = digits().fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0'));
        if let Some(rounded) = from_short_decimal(value, exponent) {
            return rounded;
        }
    }
    let mut value = Natural::from_digits(digits().copied());
    let power = Natural::power_of_5(exponent.unsigned_abs());
    if exponent >= 0 {
        value = value.times(&power);
        let (quotient, places) = value.divide(Natural::power_of_5(0));
        round(quotient, exponent + places)
    } else {
        let (quotient, places) = value.divide(power);
        round(quotient, exponent + places)
    }
}

/// The nearest number to `value` × 10^`exponent`, where 128 bits are enough to find it.
fn from_short_decimal(value: u64, exponent: i64) -> Option<Option<Magnitude>> {
    /// With 5^25 at most below the fraction bar, 67 bits of the quotient are sure.
    const POWER_MAX: u64 = 25;
    if exponent.unsigned_abs() > POWER_MAX {
        return None;
    }
    let power = 5u128.pow(exponent.unsigned_abs() as u32);
    if exponent >= 0 {
        return Some(round(u128::from(value) * power, exponent));
    }
    let places = value.leading_zeros() + u64::BITS - 1;
    let shifted = u128::from(value) << places;
    let quotient = (shifted / power) | u128::from(!shifted.is_multiple_of(power));
    Some(round(quotient, exponent - i64::from(places)))
}

/// C's `%.17Lf` without the zeros at its end, and without the sign of a 0.
fn format(negative: bool, magnitude: Magnitude) -> Vec<u8> {
    let Magnitude { significand, exponent } = magnitude;
    let mut text = Vec::with_capacity(40);
    if negative {
        text.push(b'-');
    }
    if exponent >= 0 {
        text.extend_from_slice(&Natural::shifted(significand, exponent.unsigned_abs()).into_digits());
        return text;
    }
    let scaled = shift_rounding(u128::from(significand) * 10u128.pow(DECIMALS as u32), i64::from(-exponent));
    if scaled == 0 {
        return b"0".to_vec();
    }
    let digits = format!("{scaled:0width$}", width = DECIMALS + 1);
    let (integer, fraction) = digits.split_at(digits.len() - DECIMALS);
    let fraction = fraction.trim_end_matches('0');
    text.extend_from_slice(integer.as_bytes());
    if !fraction.is_empty() {
        text.push(b'.');
        text.extend_from_slice(fraction.as_bytes());
    }
    text
}

/// A natural number of any size: 64 bits a limb, the lowest first, none at the top that is 0.
#[derive(Clone, Debug)]
struct Natural(Vec<u64>);

impl Natural {
    /// The number that these ASCII digits are.
    fn from_digits(digits: impl Iterator<Item = u8>) -> Self {
        let mut number = Self(Vec::new());
        let (mut chunk, mut scale) = (0, 1);
        for digit in digits {
            chunk = chunk * 10 + u64::from(digit - b'0');
            scale *= 10;
            if scale == DIGITS_SCALE {
                number.multiply_add(scale, chunk);
                (chunk, scale) = (0, 1);
            }
        }
        number.multiply_add(scale, chunk);
        number
    }

    fn power_of_5(power: u64) -> Self {
        /// The highest power of 5 below 2^64.
        const POWER_MAX: u64 = 27;
        let mut number = Self(vec![1]);
        for _ in 0..power / POWER_MAX {
            number.multiply_add(5u64.pow(POWER_MAX as u32), 0);
        }
        number.multiply_add(5u64.pow((power % POWER_MAX) as u32), 0);
        number
    }

    /// `value` × 2^`places`
    fn shifted(value: u64, places: u32) -> Self {
        let mut number = Self(vec![value]);
        number.shift_left(u64::from(places));
        number
    }

    fn bits(&self) -> u64 {
        self.0.last().map_or(0, |top| self.0.len() as u64 * 64 - u64::from(top.leading_zeros()))
    }

    fn multiply_add(&mut self, factor: u64, addend: u64) {
        let mut carry = addend;
        for limb in &mut self.0 {
            let product = u128::from(*limb) * u128::from(factor) + u128::from(carry);
            (*limb, carry) = (product as u64, (product >> 64) as u64);
        }
        if carry != 0 {
            self.0.push(carry);
        }
    }

    fn times(&self, other: &Self) -> Self {
        let mut limbs = vec![0; self.0.len() + other.0.len()];
        for (at, &factor) in other.0.iter().enumerate() {
            let mut carry = 0;
            for (limb, &own) in limbs[at..].iter_mut().zip(self.0.iter().chain([&0])) {
                let product = u128::from(own) * u128::from(factor) + u128::from(*limb) + u128::from(carry);
                (*limb, carry) = (product as u64, (product >> 64) as u64);
            }
        }
        Self(limbs).trimmed()
    }

    fn trimmed(mut self) -> Self {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }

    fn shift_left(&mut self, places: u64) {
        let bits = places % 64;
        if bits > 0 {
            let mut carry = 0;
            for limb in &mut self.0 {
                let shifted = u128::from(*limb) << bits | u128::from(carry);
                (*limb, carry) = (shifted as u64, (shifted >> 64) as u64);
            }
            if carry != 0 {
                self.0.push(carry);
            }
        }
        self.0.splice(..0, std::iter::repeat_n(0, (places / 64) as usize));
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// Takes away `other`, which is not larger.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        for (limb, &other) in self.0.iter_mut().zip(other.0.iter().chain(std::iter::repeat(&0))) {
            let (less, first) = limb.overflowing_sub(other);
            let (less, second) = less.overflowing_sub(u64::from(borrow));
            (*limb, borrow) = (less, first || second);
        }
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// The quotient q and the exponent e in `self` / `divisor` = q × 2^e; q has at least 99 bits, and is odd where
    /// it is not exact.
    fn divide(mut self, mut divisor: Self) -> (u128, i64) {
        const QUOTIENT_BITS: u64 = 100;
        let shift = divisor.bits() as i64 - self.bits() as i64;
        if shift >= 0 {
            self.shift_left(shift.unsigned_abs());
        } else {
            divisor.shift_left(shift.unsigned_abs());
        }
        let mut quotient = 0;
        for _ in 0..QUOTIENT_BITS {
            quotient <<= 1;
            if self.compare(&divisor) != Ordering::Less {
                self.subtract(&divisor);
                quotient |= 1;
            }
            self.shift_left(1);
        }
        (quotient | u128::from(!self.0.is_empty()), 1 - QUOTIENT_BITS as i64 - shift)
    }

    /// The number in ASCII digits.
    fn into_digits(mut self) -> Vec<u8> {
        let mut chunks = Vec::new();
        while !self.0.is_empty() {
            let mut rest = 0;
            for limb in self.0.iter_mut().rev() {
                let value = u128::from(rest) << 64 | u128::from(*limb);
                *limb = (value / u128::from(DIGITS_SCALE)) as u64;
                rest = (value % u128::from(DIGITS_SCALE)) as u64;
            }
            chunks.push(rest);
            self = self.trimmed();
        }
        let mut text = chunks.pop().unwrap_or(0).to_string();
        for chunk in chunks.iter().rev() {
            text.push_str(&format!("{chunk:019}"));
        }
        text.into_bytes()
    }
}

/// The highest power of 10 below 2^64, and so how many digits are read or written at a time.
const DIGITS_SCALE: u64 = 10u64.pow(19);

#[cfg(test)]
mod tests {
    use super::*;

    /// Every expectation is an answer of redis-server 7.0.15 on x86-64.
    #[test]
    fn sums_are_those_of_redis() {
        let check = |value: &str, increment: &str, expected: &str| {
            let sum = add(value.as_bytes(), increment.as_bytes()).map(|sum| String::from_utf8_lossy(&sum).into_owned());
            assert_eq!(sum.as_deref(), Ok(expected), "{value} + {increment}");
        };
        check("0.1", "0.2", "0.3");
        check("10.5", "0.1", "10.6");
        check("5.0e3", "2.0e2", "5200");
        check("+1.", "+.5", "1.5");
        check("123456789.987654321", "0.000000000000000011", "123456789.98765432099753525");
        // The last bit of the significand, ties to even.
        check("18446744073709551615", "1", "18446744073709551616");
        check("18446744073709551616", "1", "18446744073709551616");
        check("18446744073709551617", "0", "18446744073709551616");
        check("36893488147419103233", "0", "36893488147419103232");
        check("9223372036854775807", "0.5", "9223372036854775807.5");
        check("9223372036854775807", "0.25", "9223372036854775807");
        check("1e18", "0.3", "1000000000000000000.3125");
        check("1", "-1e-25", "1");
        check("1e20", "-99999999999999999999", "0");
        // The last of 17 decimals.
        check("0.00000000000000001", "0", "0.00000000000000001");
        check("0.000000000000000005", "0", "0");
        check("0.0000000000000000051", "0", "0.00000000000000001");
        check("0.000000000000000015", "0", "0.00000000000000002");
        check("0.000000000000000025", "0", "0.00000000000000002");
        check("9.99999999999999999", "0", "9.99999999999999999");
        check("0.999999999999999999", "0", "1");
        // Zeros have no sign.
        check("1e-30", "-2e-30", "0");
        check("-0", "-0", "0");
        // Hexadecimal.
        check("0x1.8p1", "0", "3");
        check("0x1p-17", "0", "0.00000762939453125");
        check("0xffffffffffffffff8", "0", "295147905179352825856");
        check("0xffffffffffffffff7", "0", "295147905179352825840");
        // Far from 1.
        check("1e30", "1", "1000000000000000000024696061952");
        check("123456789012345678901234567890.123", "0", "123456789012345678899921813504");
        check("1e27", "1e-27", "1000000000000000000000000000");
        check("3.6e-4951", "1e-4940", "0");
        check(&"0".repeat(5119), "1", "1");
        check(&format!("0.{}1", "9".repeat(5000)), "1", "2");
    }

    #[test]
    fn the_largest_number_is_printed_in_full() {
        let sum = add(b"1.18973149535723176502e4932", b"0").expect("it is finite");
        let text = String::from_utf8_lossy(&sum);
        assert_eq!((text.len(), &text[..60]), (4933, "118973149535723176502126385303097020516906332229462420044032"));
    }

    #[test]
    fn sums_that_redis_refuses() {
        let check = |value: &str, increment: &str, expected: AddError| {
            assert_eq!(add(value.as_bytes(), increment.as_bytes()), Err(expected), "{value} + {increment}");
        };
        for text in ["x", "", " 1", "1 ", "nan", "1e", "0x", "1e5000", "1e-5000", "1.8e-4951", "1\0"] {
            check(text, "x", AddError::Value);
            check("1", text, AddError::Increment);
        }
        check(&"0".repeat(5120), "1", AddError::Value);
        check("inf", "1", AddError::NotFinite);
        check("inf", "-Infinity", AddError::NotFinite);
        check("1.18973149535723176502e4932", "1.18973149535723176502e4932", AddError::NotFinite);
    }
}
