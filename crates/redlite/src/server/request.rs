//! Requests as they arrive: arrays of bulk strings, and lines that people type.
//!
//! What is an error, its text, and what is none although it looks like one (the two bytes behind an argument are
//! skipped unseen; a line is searched for its end as a C string): `networking.c` and `sds.c` of Redis 7.0.15, probed.

use crate::number;
use resp::Argv;

/// A line may have this many bytes before its end is there.
const LINE_BYTES_MAX: usize = 64 << 10;
/// Redis' `proto-max-bulk-len`: an argument is no longer.
const ARG_BYTES_MAX: i64 = 512 << 20;
/// An array has fewer arguments.
const ARGS_ABOVE_MAX: i64 = i32::MAX as i64 + 1;
/// All arguments of a request together are no longer. Redis: `client-query-buffer-limit`, of what is not parsed yet.
const REQUEST_BYTES_MAX: usize = 1 << 30;
/// A client that has not said the password yet sends fewer arguments.
const STRANGER_ARGS_ABOVE_MAX: i64 = 11;
/// And none that is longer.
const STRANGER_ARG_BYTES_MAX: i64 = 16384;

/// Why the connection is to be closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The client is told.
    #[error("Protocol error: {}", String::from_utf8_lossy(.0))]
    Protocol(Vec<u8>),
    /// The request is larger than any that is served. The client is told nothing.
    #[error("the request is larger than {REQUEST_BYTES_MAX} bytes")]
    TooLarge,
}

/// Reads the requests of one connection, wherever the network cuts them.
#[derive(Debug, Default)]
pub struct RequestParser {
    argv: Argv,
    /// How many arguments of the array are still to come.
    missing_args: i64,
    /// How long the next argument is, once its length has arrived.
    arg_bytes: Option<usize>,
}

impl RequestParser {
    /// Reads on in `input`, of which `*at` is the first byte that has not been read, up to the end of the next request;
    /// [`RequestParser::argv`] holds it then. False where it is not there to its end: the rest is to be appended.
    ///
    /// `is_stranger` says that the client has to say a password first. What is not a request is skipped.
    ///
    /// # Errors
    /// [`RequestError`] where the connection is to be closed.
    pub fn next(&mut self, input: &[u8], at: &mut usize, is_stranger: bool) -> Result<bool, RequestError> {
        while let Some(&first) = input.get(*at) {
            if self.missing_args == 0 {
                self.argv.clear();
                let has_line = match first {
                    b'*' => self.read_count(input, at, is_stranger)?,
                    _ => self.read_inline(input, at)?,
                };
                if !has_line {
                    return Ok(false);
                }
            }
            while self.missing_args > 0 {
                if !self.read_arg(input, at, is_stranger)? {
                    return Ok(false);
                }
            }
            if !self.argv.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The request that was read last.
    pub fn argv(&self) -> &Argv {
        &self.argv
    }

    /// The line `*COUNT`.
    fn read_count(&mut self, input: &[u8], at: &mut usize, is_stranger: bool) -> Result<bool, RequestError> {
        let Some(line) = header(input, *at, "too big mbulk count string")? else { return Ok(false) };
        match number::parse_integer(&line[1..]) {
            None | Some(ARGS_ABOVE_MAX..) => return protocol("invalid multibulk length"),
            Some(STRANGER_ARGS_ABOVE_MAX..) if is_stranger => return protocol("unauthenticated multibulk length"),
            Some(count) => self.missing_args = count.max(0),
        }
        *at += line.len() + 2;
        Ok(true)
    }

    /// The line `$LENGTH` and the argument behind it.
    fn read_arg(&mut self, input: &[u8], at: &mut usize, is_stranger: bool) -> Result<bool, RequestError> {
        let length = match self.arg_bytes {
            Some(length) => length,
            None => {
                let Some(line) = header(input, *at, "too big bulk count string")? else { return Ok(false) };
                let length = parse_length(input[*at], line, is_stranger)?;
                *at += line.len() + 2;
                *self.arg_bytes.insert(length)
            }
        };
        if self.argv.bytes_len() + self.argv.len() * size_of::<u32>() + length > REQUEST_BYTES_MAX {
            return Err(RequestError::TooLarge);
        }
        let Some(arg) = input.get(*at..*at + length + 2) else { return Ok(false) };
        self.argv.push(&arg[..length]);
        *at += arg.len();
        self.arg_bytes = None;
        self.missing_args -= 1;
        Ok(true)
    }

    /// A line of words.
    fn read_inline(&mut self, input: &[u8], at: &mut usize) -> Result<bool, RequestError> {
        let rest = &input[*at..];
        let Some(end) = position(rest, b'\n') else {
            return if rest.len() > LINE_BYTES_MAX { protocol("too big inline request") } else { Ok(false) };
        };
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        if !split_words(line, &mut self.argv) {
            return protocol("unbalanced quotes in request");
        }
        *at += end + 1;
        Ok(true)
    }
}

fn protocol<T>(text: impl Into<Vec<u8>>) -> Result<T, RequestError> {
    Err(RequestError::Protocol(text.into()))
}

/// Where `wanted` is, with no zero byte before it.
fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    bytes.iter().position(|&byte| byte == wanted || byte == 0).filter(|&at| bytes[at] == wanted)
}

/// The line from `at` on without its end, which is any two bytes of which the first is `\r`.
fn header<'a>(input: &'a [u8], at: usize, too_big: &str) -> Result<Option<&'a [u8]>, RequestError> {
    let rest = &input[at..];
    match position(rest, b'\r') {
        Some(end) => Ok(Some(&rest[..end]).filter(|_| end + 2 <= rest.len())),
        None if rest.len() > LINE_BYTES_MAX => protocol(too_big),
        None => Ok(None),
    }
}

/// The length in the line `$LENGTH`, of which `marker` is the first byte: of an empty line, that of its end.
fn parse_length(marker: u8, line: &[u8], is_stranger: bool) -> Result<usize, RequestError> {
    if marker != b'$' {
        let text = [b"expected '$', got '", &[marker][..], b"'"].concat();
        // Redis prints it with C's `%c`.
        return protocol(if marker == 0 { text[..text.len() - 2].to_vec() } else { text });
    }
    match number::parse_integer(&line[1..]) {
        Some(length) if length > STRANGER_ARG_BYTES_MAX && length <= ARG_BYTES_MAX && is_stranger => {
            protocol("unauthenticated bulk length")
        }
        Some(length @ 0..=ARG_BYTES_MAX) => Ok(length as usize),
        _ => protocol("invalid bulk length"),
    }
}

/// Splits a line into words as redis-cli does: false where a quote is not closed, or more than a space follows it.
fn split_words(line: &[u8], argv: &mut Argv) -> bool {
    let mut rest = line;
    loop {
        let spaces = rest.iter().take_while(|byte| is_space(**byte)).count();
        rest = &rest[spaces..];
        if rest.is_empty() {
            return true;
        }
        let mut used = Some(0);
        argv.push_with(|word| used = read_word(rest, word));
        let Some(used) = used else { return false };
        rest = &rest[used..];
    }
}

/// As C's `isspace`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Appends the word at the start of `line` to `word`; how many bytes it takes.
fn read_word(line: &[u8], word: &mut Vec<u8>) -> Option<usize> {
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        match byte {
            // Not every space: a vertical tab is part of a word that it does not begin.
            b' ' | b'\n' | b'\r' | b'\t' => break,
            b'"' | b'\'' => {
                at += 1 + read_quoted(&line[at + 1..], byte, word)?;
                // The word ends with its quote.
                return line.get(at).is_none_or(|&next| is_space(next)).then_some(at);
            }
            byte => word.push(byte),
        }
        at += 1;
    }
    Some(at)
}

/// Appends what stands before the closing `quote`; how many bytes it takes with the quote.
fn read_quoted(text: &[u8], quote: u8, word: &mut Vec<u8>) -> Option<usize> {
    let mut at = 0;
    loop {
        match (quote, &text[at..]) {
            (_, []) => return None,
            (_, [byte, ..]) if *byte == quote => return Some(at + 1),
            (b'"', [b'\\', b'x', high, low, ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                word.push(hex_value(*high) << 4 | hex_value(*low));
                at += 4;
            }
            (b'"', [b'\\', escaped, ..]) => {
                word.push(unescape(*escaped));
                at += 2;
            }
            (b'\'', [b'\\', b'\'', ..]) => {
                word.push(b'\'');
                at += 2;
            }
            (_, [byte, ..]) => {
                word.push(*byte);
                at += 1;
            }
        }
    }
}

fn hex_value(digit: u8) -> u8 {
    char::from(digit).to_digit(16).unwrap_or(0) as u8
}

fn unescape(escaped: u8) -> u8 {
    match escaped {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that is read from `input`, whole and cut at every byte: a request is printed as its arguments.
    fn check(input: &[u8], expected: &str) {
        for piece_bytes in [input.len().max(1), 1] {
            let mut parser = RequestParser::default();
            let (mut buffer, mut told) = (Vec::new(), Vec::new());
            'pieces: for piece in input.chunks(piece_bytes) {
                buffer.extend_from_slice(piece);
                let mut at = 0;
                loop {
                    match parser.next(&buffer, &mut at, false) {
                        Ok(true) => told.push(format!("{:?}", parser.argv())),
                        Ok(false) => break,
                        Err(error) => {
                            told.push(error.to_string());
                            break 'pieces;
                        }
                    }
                }
                buffer.drain(..at);
            }
            assert_eq!(told.join("; "), expected, "{} in pieces of {piece_bytes}", input.escape_ascii());
        }
    }

    #[test]
    fn arrays_are_read_as_redis_reads_them() {
        check(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nPING\r\n", r#""GET" "k"; "PING""#);
        check(b"*0\r\n*-1\r\n*1\r\n$0\r\n\r\n", r#""""#);
        check(b"*2\r\n$3\r\nGETxx$1\rxkyy", r#""GET" "k""#);
        check(b"*2147483648\r\n", "Protocol error: invalid multibulk length");
        check(b"*2147483647\r\n$536870912\r\n", "");
        check(b"*-0\r\n", "Protocol error: invalid multibulk length");
        check(b"*\r\n", "Protocol error: invalid multibulk length");
        check(b"*1\r\n$536870913\r\n", "Protocol error: invalid bulk length");
        check(b"*1\r\n$-1\r\n", "Protocol error: invalid bulk length");
        check(b"*1\r\n#1\r\n", "Protocol error: expected '$', got '#'");
        check(b"*1\r\n\r\n", "Protocol error: expected '$', got '\r'");
        check(b"*1\n$4\nPING\n", "");
    }

    #[test]
    fn lines_are_split_as_redis_splits_them() {
        check(b"\r\n\nPING\n  set k 'a b' \"\\x41\\n\\q\"\r\n", r#""PING"; "set" "k" "a b" "A\nq""#);
        check(b"a\"b c\" 'it\\'s' \"\\x4\"\n", r#""ab c" "it\'s" "x4""#);
        check(b"PING\x0bx\n", r#""PING\x0bx""#);
        check(b"PING \"a\n", "Protocol error: unbalanced quotes in request");
        check(b"PING 'a'b\n", "Protocol error: unbalanced quotes in request");
        check(b"PI\0NG\nPING\n", "");
    }

    #[test]
    fn lines_without_an_end_are_bounded() {
        let check_long = |start: &[u8], expected: &str| {
            let fits = [start, &vec![b'1'; LINE_BYTES_MAX - start.len()]].concat();
            let mut at = 0;
            assert_eq!(RequestParser::default().next(&fits, &mut at, false), Ok(false), "{expected}");
            let error = RequestParser::default().next(&[&fits[..], b"1"].concat(), &mut at, false);
            assert_eq!(error, Err(RequestError::Protocol(expected.into())));
        };
        check_long(b"", "too big inline request");
        check_long(b"*", "too big mbulk count string");
    }

    #[test]
    fn a_stranger_is_kept_short() {
        let check_stranger = |input: &[u8], expected: &str| {
            let error = RequestParser::default().next(input, &mut 0, true);
            assert_eq!(error, Err(RequestError::Protocol(expected.into())));
        };
        check_stranger(b"*11\r\n", "unauthenticated multibulk length");
        check_stranger(b"*10\r\n$16385\r\n", "unauthenticated bulk length");
    }
}
