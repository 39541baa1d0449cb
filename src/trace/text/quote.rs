//! Words as redis-cli reads and prints them: `SET k1 "a\x00b"`.
//! Source: `sdssplitargs` and `sdscatrepr` of Redis 7.0.

use resp::Argv;

/// Appends `word`, bare where it reads back as itself, else in quotes.
pub fn write_word(word: &[u8], out: &mut Vec<u8>) {
    let bare = !word.is_empty() && word.iter().all(|&b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'\\'));
    if bare { out.extend_from_slice(word) } else { write_quoted(word, out) }
}

/// Appends `bytes` in double quotes, with escapes for all that is not printable ASCII.
pub fn write_quoted(bytes: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => {
                out.extend_from_slice(&[b'\\', b'x', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
    }
    out.push(b'"');
}

/// Splits a line into words.
///
/// # Errors
/// What is wrong, for a person: an unclosed quote, a closing quote with no space behind, a bare control byte.
pub fn split_words(line: &[u8]) -> Result<Argv, String> {
    let mut words = Argv::with_capacity(line.len());
    let mut word = Vec::new();
    let mut rest = line;
    loop {
        while let [b' ' | b'\t', tail @ ..] = rest {
            rest = tail;
        }
        if rest.is_empty() {
            return Ok(words);
        }
        word.clear();
        rest = read_word(rest, &mut word)?;
        words.push(&word);
    }
}

/// Reads one word into `word` and returns what follows it.
fn read_word<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], String> {
    while let [byte, tail @ ..] = rest {
        match byte {
            b' ' | b'\t' => break,
            b'"' | b'\'' => {
                rest = if *byte == b'"' { read_double_quoted(tail, word)? } else { read_single_quoted(tail, word)? };
                if !matches!(rest, [] | [b' ' | b'\t', ..]) {
                    return Err("expected a space after a closing quote".into());
                }
                break;
            }
            0..=0x1f | 0x7f => return Err(format!("byte {byte:#04x} stands bare: write it as \"\\x{byte:02x}\"")),
            _ => {
                word.push(*byte);
                rest = tail;
            }
        }
    }
    Ok(rest)
}

fn read_double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], String> {
    loop {
        rest = match rest {
            [] => return Err("a quoted word has no closing quote".into()),
            [b'"', tail @ ..] => return Ok(tail),
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                word.push(hex(*high) << 4 | hex(*low));
                tail
            }
            [b'\\', escaped, tail @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'a' => 0x07,
                    b'b' => 0x08,
                    other => *other,
                });
                tail
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                tail
            }
        }
    }
}

fn read_single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], String> {
    loop {
        rest = match rest {
            [] => return Err("a quoted word has no closing quote".into()),
            [b'\'', tail @ ..] => return Ok(tail),
            [b'\\', b'\'', tail @ ..] => {
                word.push(b'\'');
                tail
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                tail
            }
        }
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `line` splits into the words of `expected`, shown one by one in brackets, or into an error.
    #[track_caller]
    fn check(line: &str, expected: &str) {
        let got = match split_words(line.as_bytes()) {
            Ok(words) => words.iter().map(|word| format!("[{}]", word.escape_ascii())).collect::<Vec<_>>().join(" "),
            Err(what) => what,
        };
        assert_eq!(got, expected, "{line}");
    }

    #[test]
    fn lines_split_as_in_redis_cli() {
        check("", "");
        check("  SET\ta  1 ", "[SET] [a] [1]");
        check(r#"SET "" '' "a b""#, "[SET] [] [] [a b]");
        check(r#""\x00\xfF\n\"\\\q" '\'\n'"#, r#"[\x00\xff\n\"\\q] [\'\\n]"#);
        check(r#"k"x y""#, "[kx y]");
        check(r"a\nb", r"[a\\nb]");
        check("é", r"[\xc3\xa9]");
        check(r#"SET "a"#, "a quoted word has no closing quote");
        check(r#""a"b"#, "expected a space after a closing quote");
        check("a\u{1}", "byte 0x01 stands bare: write it as \"\\x01\"");
    }

    #[test]
    fn words_are_quoted_where_they_must_be() {
        let quote = |word: &[u8]| {
            let mut out = Vec::new();
            write_word(word, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        };
        assert_eq!(quote(b"key:1"), "key:1");
        assert_eq!(quote(b""), r#""""#);
        assert_eq!(quote(b"a b\"\\\x00\xff\n\x07"), r#""a b\"\\\x00\xff\n\a""#);
        assert_eq!(quote(b"it's"), r#""it's""#);
    }
}
