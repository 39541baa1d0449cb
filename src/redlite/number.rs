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
    const DIGITS: usize = 17;
    let scientific = format!("{value:.*e}", DIGITS - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..DIGITS as i32).contains(&exponent) {
        let decimals = (DIGITS as i32 - 1 - exponent).max(0) as usize;
        return trim_zeros(&format!("{value:.decimals$}")).as_bytes().to_vec();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim_zeros(mantissa), exponent.abs()).into_bytes()
}

/// Without the zeros at the end of a fraction, and without its point where nothing is left of it.
fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
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
}
