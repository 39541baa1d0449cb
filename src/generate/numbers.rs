//! Numbers as arguments: written fast, and the ones that servers get wrong.

/// Times to wait in seconds, none longer than 6.
pub(super) const TIMEOUTS: &[&[u8]] =
    &[b"0.001", b"0.01", b"0.5", b"1", b"1", b"2.5", b"5", b"0.0001", b"1e-3", b"3.0"];

/// Times to wait that are none, or extreme.
pub(super) const ODD_TIMEOUTS: &[&[u8]] = &[
    b"-1",
    b"-0.1",
    b"nan",
    b"inf",
    b"-inf",
    b"abc",
    b"",
    b"9223372036854775807",
    b"9223372036854775",
    b"1e17",
    b"1e400",
    b"0x1",
    b"-0",
    b" 1",
    b"1 ",
    b"1\0",
];

/// Texts that are not the integer that was asked for, or the first and last that are.
///
/// None is a number that makes a server work for long, wherever in a request it stands: SETRANGE would fill
/// memory up to an offset from 1 MB to 512 MB, and SRANDMEMBER would pick as often as a negative count says.
/// So there is nothing in these two ranges: what is larger is refused, and i64's minimum is as well.
pub(super) const ODD_INTEGERS: &[&[u8]] = &[
    b"9223372036854775807",
    b"9223372036854775808",
    b"-9223372036854775808",
    b"-9223372036854775809",
    b"18446744073709551615",
    b"18446744073709551616",
    b"4294967296",
    b"2147483648",
    b"1.5",
    b"1.0",
    b"",
    b" 1",
    b"1 ",
    b"+1",
    b"-0",
    b"00",
    b"01",
    b"-",
    b"0x10",
    b"1e3",
    b"nan",
    b"inf",
    b"abc",
    b"1\0",
    b"-1",
    b"0",
];

/// Texts that are no double, or one at an edge.
pub(super) const ODD_DOUBLES: &[&[u8]] = &[
    b"nan",
    b"-nan",
    b"inf",
    b"-inf",
    b"+inf",
    b"infinity",
    b"Inf",
    b"1e400",
    b"-1e400",
    b"1.7976931348623157e308",
    b"-1.7976931348623157e308",
    b"2.2250738585072014e-308",
    b"4.9e-324",
    b"1e-400",
    b"9007199254740993",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"0.1e1",
    b"3.",
    b".5",
    b"0x10",
    b"+1",
    b"-0",
    b"-0.0",
    b"",
    b" 1",
    b"1 ",
    b"1e",
    b"abc",
    b"1,5",
];

/// Texts that are no double.
pub(super) const NO_DOUBLES: &[&[u8]] = &[b"nan", b"abc", b"", b" 1", b"1 ", b"1e", b"0,5", b"--0"];

/// The score 0 in several spellings.
pub(super) const ZEROS: &[&[u8]] = &[b"0", b"0", b"0", b"0.0", b"-0", b"0e5", b"+0"];

/// Times that overflow once they are milliseconds since 1970, and the largest that do not.
pub(super) const ODD_TIMES: &[&[u8]] = &[
    b"0",
    b"-1",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775",
    b"9223372036854776",
    b"-9223372036854775",
    b"-9223372036854776",
    b"9223370336854775807",
    b"9223370336854775808",
    b"9223370336854775",
    b"9223370336854776",
    b"100000000000",
    b"1.5",
    b"",
    b"abc",
];

/// Cursors that no iteration gave, all refused: a made-up one that is accepted has no defined answer.
pub(super) const ODD_CURSORS: &[&[u8]] = &[b"abc", b"", b" 0", b"0x", b"1e3", b"1.5", b"18446744073709551616", b"0 "];

/// Increments at the edges of 64 bits.
pub(super) const LARGE_INCREMENTS: &[i64] = &[
    i64::MAX,
    i64::MAX,
    i64::MIN,
    i64::MIN,
    i64::MAX - 1,
    i64::MIN + 1,
    1 << 62,
    -(1 << 62),
    i64::MAX / 2,
    1 << 53,
    1 << 32,
    -(1 << 31),
];

/// What floats are incremented by: half of them whole, so that integers stay integers now and then.
pub(super) const FLOATS: &[&[u8]] = &[
    b"1", b"-1", b"2", b"10", b"0", b"3.0", b"-2.0", b"100", b"0.5", b"1.5", b"-2.25", b"0.1", b"3.0e3", b"5e-3",
    b"1e10", b"-0.3",
];

/// Scores: half of the draws are of four small ones, so that members tie and bounds meet them.
pub(super) const SCORES: &[&[u8]] = &[
    b"0",
    b"0",
    b"0",
    b"0",
    b"1",
    b"1",
    b"1",
    b"1",
    b"2",
    b"2",
    b"2",
    b"2",
    b"3",
    b"3",
    b"3",
    b"3",
    b"4",
    b"5",
    b"-1",
    b"-2",
    b"10",
    b"100",
    b"1.5",
    b"2.5",
    b"-0.5",
    b"0.1",
    b"3.0",
    b"1e3",
    b"0.3333333333333333",
    b"1000000",
    b"1e21",
    b"123456789012345678",
    b"1e-10",
    b"-0",
    b"inf",
    b"-inf",
];

/// Weights of ZUNIONSTORE and its like.
pub(super) const WEIGHTS: &[&[u8]] = &[b"1", b"2", b"0", b"-1", b"0.5", b"10", b"1.5", b"1e3"];

/// Appends `value` in decimal.
#[inline]
pub(super) fn write_int(value: i64, out: &mut Vec<u8>) {
    if (0..10).contains(&value) {
        out.push(b'0' + value as u8);
        return;
    }
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    while rest > 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    if value < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_written_as_the_standard_library_does() {
        for value in [0, 1, 9, 10, -1, -10, 1234567890, i64::MAX, i64::MIN] {
            let mut out = b"x".to_vec();
            write_int(value, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), format!("x{value}"));
        }
    }

    #[test]
    fn no_odd_number_makes_a_server_work_for_long() {
        for text in ODD_INTEGERS.iter().chain(ODD_DOUBLES) {
            let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
            let fills_memory = (1 << 20..512 << 20).contains(&number);
            let picks_for_ever = (i64::MIN + 1..-1000).contains(&number);
            assert!(!fills_memory && !picks_for_ever, "{number}");
        }
    }
}
