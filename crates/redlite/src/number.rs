//! How Redis reads and writes numbers.

/// The integer that `text` is, written the one way that Redis accepts: no sign but `-`, no leading zero, no space.
///
/// Source: `string2ll` of Redis, probed.
pub(super) fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut value: u64 = 0;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    if negative { 0i64.checked_sub_unsigned(value) } else { i64::try_from(value).ok() }
}

/// The double as C's `%.17g` prints it, which is how Redis 7.0 sends one; `inf` and `-inf` for the infinities.
pub(super) fn format_double(value: f64) -> Vec<u8> {
    format_general(value, 17)
}

/// The double as C's `%.*g` prints it, with up to `digits` digits; an integer below 10^17 prints as it is.
pub(super) fn format_general(value: f64, digits: usize) -> Vec<u8> {
    if value.is_infinite() {
        return if value > 0.0 { b"inf".to_vec() } else { b"-inf".to_vec() };
    }
    if value.is_nan() {
        return b"nan".to_vec();
    }
    // Integers below 10^17 print as they are.
    if value == value.trunc() && value.abs() < 1e17 {
        return if value == 0.0 && value.is_sign_negative() {
            b"-0".to_vec()
        } else {
            (value as i64).to_string().into_bytes()
        };
    }
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..digits as i32).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        return trim_zeros(&format!("{value:.decimals$}")).as_bytes().to_vec();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim_zeros(mantissa), exponent.abs()).into_bytes()
}

/// The number with up to 17 decimals, as Redis writes what it takes for human eyes; an infinity never comes.
///
/// Source: `ld2string` (`LD_STR_HUMAN`) of Redis 7.0, probed. A double has the same digits as a `long double`.
pub(super) fn format_decimal(value: f64) -> Vec<u8> {
    let text = format!("{value:.17}");
    match trim_zeros(&text) {
        "-0" => b"0".to_vec(),
        trimmed => trimmed.as_bytes().to_vec(),
    }
}

/// Without the zeros at the end of a fraction, and without its point where nothing is left of it.
fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// The double that `text` is: decimal or hexadecimal, or an infinity; nothing around it.
///
/// Not a number is none, and so is what a double cannot hold: too large, or so small that it would be 0.
/// Source: `string2d` of Redis on the C library's `strtod`, probed. Rounding is exact also where glibc 2.36 is
/// not: a few hexadecimal numbers below 2^-1022.
pub(super) fn parse_double(text: &[u8]) -> Option<f64> {
    read_double(text).and_then(|(value, fits)| fits.then_some(value))
}

/// As [`parse_double`], but what a double cannot hold is an infinity or 0.
pub(super) fn parse_double_saturating(text: &[u8]) -> Option<f64> {
    read_double(text).map(|(value, _)| value)
}

/// The double nearest to what `text` is, and whether it is within the range of doubles.
fn read_double(text: &[u8]) -> Option<(f64, bool)> {
    let (negative, numeral) = parse_numeral(text)?;
    let (magnitude, fits) = match numeral {
        Numeral::Infinity => (f64::INFINITY, true),
        Numeral::Hexadecimal { significand: 0, .. } => (0.0, true),
        Numeral::Hexadecimal { significand, exponent } => {
            let magnitude = scale(significand, exponent);
            (magnitude, is_within_range(magnitude))
        }
        Numeral::Decimal { integer, fraction, .. } => {
            let magnitude = str::from_utf8(text).ok()?.parse::<f64>().ok()?.abs();
            (magnitude, is_within_range(magnitude) || (is_zero(integer) && is_zero(fraction)))
        }
    };
    Some((if negative { -magnitude } else { magnitude }, fits))
}

fn is_within_range(magnitude: f64) -> bool {
    magnitude.is_finite() && magnitude != 0.0
}

/// The double nearest to `significand` × 2^`exponent`, ties to even. The significand is not 0.
fn scale(significand: u128, exponent: i64) -> f64 {
    const DIGITS: i64 = f64::MANTISSA_DIGITS as i64;
    /// The weight of the last bit of the smallest double.
    const EXPONENT_MIN: i64 = f64::MIN_EXP as i64 - DIGITS;
    let bits = i64::from(u128::BITS - significand.leading_zeros());
    let last_bit = (exponent + bits - DIGITS).max(EXPONENT_MIN);
    // At most 53 bits are left, so the conversion is exact; where rounding carries to a 54th, that is a 1 and zeros.
    let rounded = shift_rounding(significand, last_bit - exponent) as f64;
    if last_bit > i64::from(f64::MAX_EXP) {
        return f64::INFINITY;
    }
    // Two factors, since 2^-1074 is a double but what it is the product of may not be.
    let half = (last_bit / 2) as i32;
    rounded * 2f64.powi(half) * 2f64.powi(last_bit as i32 - half)
}

/// `value` / 2^`places`, rounded to the nearest integer, ties to even; a negative `places` shifts to the left.
pub(super) fn shift_rounding(value: u128, places: i64) -> u128 {
    if places <= 0 {
        return value << -places;
    }
    if places > i64::from(u128::BITS) {
        return 0;
    }
    let places = places as u32;
    let quotient = value.checked_shr(places).unwrap_or(0);
    let rest = value - quotient.checked_shl(places).unwrap_or(0);
    let half = 1u128 << (places - 1);
    quotient + u128::from(rest > half || (rest == half && quotient & 1 == 1))
}

/// A number's text taken apart, without its sign.
#[derive(Debug)]
pub(super) enum Numeral<'a> {
    /// `inf` or `infinity`, in any case.
    Infinity,
    /// `integer`.`fraction` × 10^`exponent`, both parts in ASCII digits.
    Decimal {
        /// The digits before the point.
        integer: &'a [u8],
        /// The digits after it.
        fraction: &'a [u8],
        /// Within ± [`EXPONENT_MAX`].
        exponent: i64,
    },
    /// `significand` × 2^`exponent`. Where there are too many digits to keep, the significand's last bit is 1.
    Hexadecimal {
        /// Below 2^125.
        significand: u128,
        /// Within a few times ± [`EXPONENT_MAX`].
        exponent: i64,
    },
}

/// Beyond it an exponent is cut: no text that fits in memory makes up for it.
const EXPONENT_MAX: i64 = 1 << 40;

/// What C's `strtod` makes of the whole of `text`: whether it is negative, and its parts. `nan` is none.
pub(super) fn parse_numeral(text: &[u8]) -> Option<(bool, Numeral<'_>)> {
    let (negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let numeral = match text {
        [b'0', b'x' | b'X', digits @ ..] => parse_hexadecimal(digits)?,
        [b'i' | b'I', ..] => {
            let named = text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity");
            named.then_some(Numeral::Infinity)?
        }
        _ => {
            let (integer, fraction, rest) = split_digits(text, u8::is_ascii_digit)?;
            Numeral::Decimal { integer, fraction, exponent: parse_exponent(rest, b'e')? }
        }
    };
    Some((negative, numeral))
}

/// The digits before and after the point, of which there must be one, and what follows them.
fn split_digits(text: &[u8], is_digit: impl Fn(&u8) -> bool) -> Option<(&[u8], &[u8], &[u8])> {
    let span = |text: &[u8]| text.iter().take_while(|byte| is_digit(byte)).count();
    let (integer, rest) = text.split_at(span(text));
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => rest.split_at(span(rest)),
        _ => (&rest[..0], rest),
    };
    (!integer.is_empty() || !fraction.is_empty()).then_some((integer, fraction, rest))
}

/// The exponent that `text` is, `mark` and all; 0 for no text.
fn parse_exponent(text: &[u8], mark: u8) -> Option<i64> {
    let Some((first, rest)) = text.split_first() else {
        return Some(0);
    };
    if !first.eq_ignore_ascii_case(&mark) {
        return None;
    }
    let (negative, digits) = match rest {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        _ => (false, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let exponent =
        digits.iter().fold(0i64, |exponent, digit| (exponent * 10 + i64::from(digit - b'0')).min(EXPONENT_MAX));
    Some(if negative { -exponent } else { exponent })
}

fn parse_hexadecimal(text: &[u8]) -> Option<Numeral<'static>> {
    let (integer, fraction, rest) = split_digits(text, u8::is_ascii_hexdigit)?;
    let mut exponent = parse_exponent(rest, b'p')? - 4 * fraction.len() as i64;
    let mut significand = 0u128;
    for &digit in integer.iter().chain(fraction) {
        let digit = (digit as char).to_digit(16)?;
        if significand < 1 << 120 {
            significand = significand << 4 | u128::from(digit);
        } else {
            exponent += 4;
            significand |= u128::from(digit != 0);
        }
    }
    Some(Numeral::Hexadecimal { significand, exponent })
}

/// True where the digits are all 0, or none.
pub(super) fn is_zero(digits: &[u8]) -> bool {
    digits.iter().all(|&digit| digit == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_redis_reads_them() {
        let check =
            |text: &str, expected: Option<i64>| assert_eq!(parse_integer(text.as_bytes()), expected, "{text:?}");
        check("0", Some(0));
        check("-1", Some(-1));
        check("9223372036854775807", Some(i64::MAX));
        check("-9223372036854775808", Some(i64::MIN));
        for text in ["", "-", "-0", "01", "+1", " 1", "1 ", "1.0", "9223372036854775808", "-9223372036854775809", "x"] {
            check(text, None);
        }
    }

    /// The expectations are those of C's `strtod`.
    #[test]
    fn doubles_are_read_as_redis_reads_them() {
        let check = |text: &str, expected: Option<f64>| {
            let got = parse_double(text.as_bytes());
            assert_eq!(got.map(f64::to_bits), expected.map(f64::to_bits), "{text:?} gives {got:?}");
        };
        check("1.", Some(1.0));
        check("+.5e1", Some(5.0));
        check("-0", Some(-0.0));
        check("00012", Some(12.0));
        check("-iNf", Some(f64::NEG_INFINITY));
        check("Infinity", Some(f64::INFINITY));
        check("0e9999999999999999999999", Some(0.0));
        check("2.5e-324", Some(5e-324));
        check("1.7976931348623158e308", Some(f64::MAX));
        check("0x1.8p1", Some(3.0));
        check("-0X.8", Some(-0.5));
        check("0x1.fffffffffffff7ffp1023", Some(f64::MAX));
        check("0x1.00000000000008p0", Some(1.0));
        check("0x1.000000000000080000000000000000000000000000001p0", Some(1.0 + f64::EPSILON));
        check("0x1p-1074", Some(5e-324));
        check("0x0p999999999", Some(0.0));
        for text in ["", ".", "-", "e5", "1e", "1e+", "0x", "0x.", "0x1p", "infin", "nan", " 1", "1 ", "1_0", "1\0"] {
            check(text, None);
        }
        for text in ["1e309", "2e-324", "1e-99999999999", "0x1p1024", "0x1.fffffffffffff8p1023", "0x1p-1075"] {
            check(text, None);
        }
    }

    #[test]
    fn doubles_are_written_with_17_digits() {
        let check = |value: f64, expected: &str| assert_eq!(String::from_utf8_lossy(&format_double(value)), expected);
        check(0.1, "0.10000000000000001");
        check(3.0, "3");
        check(-0.0, "-0");
        check(1e17, "1e+17");
        check(1.5e300, "1.5000000000000001e+300");
        check(0.00001, "1.0000000000000001e-05");
        check(f64::NEG_INFINITY, "-inf");
    }

    #[test]
    fn decimals_are_written_with_17_digits_at_most() {
        let check = |value: f64, expected: &str| assert_eq!(String::from_utf8_lossy(&format_decimal(value)), expected);
        check(13.361389338970184, "13.36138933897018433");
        check(85.05112878, "85.0511287799999991");
        check(180.0, "180");
        check(-1e-18, "0");
        check(2f64.powi(-18), "0.00000381469726562");
        check(3.0 * 2f64.powi(-18), "0.00001144409179688");
    }
}
