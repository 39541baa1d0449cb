//! Bytes as servers must read them: requests in both forms, cut anywhere, and what looks like a request and is none.

use std::collections::VecDeque;

use super::mistakes::pick;
use super::numbers::write_int;
use crate::seed::Stream;
use resp::Argv;

/// Words of requests: they are answered at once, each by one reply. None but the first is a command's name, as bytes
/// that are cut wrongly are read as lines.
const WORDS: &[&[&[u8]]] = &[
    &[b"PING"],
    &[b"ECHO", b"salve"],
    &[b"ECHO", b""],
    &[b"ECHO", b"a b\r\n\0\xff\"'"],
    &[b"SET", b"str:1", b"value"],
    &[b"SET", b"str:2", b"\"quoted\" \\ 'text'"],
    &[b"GET", b"str:1"],
    &[b"GET", b"str:2"],
    &[b"APPEND", b"str:1", b"xx"],
    &[b"INCR", b"num:1"],
    &[b"RPUSH", b"list:1", b"a", b"b"],
    &[b"LRANGE", b"list:1", b"0", b"-1"],
    &[b"DEL", b"str:1", b"list:1"],
    &[b"NOSUCH", b"one"],
    &[b"GET"],
    &[b""],
];

/// Lines as people type them, with every kind of quote and escape, and some that are wrong.
const LINES: &[&[u8]] = &[
    b"PING",
    b"  PING  ",
    b"ping\tsalve",
    b"ECHO \"a b\"",
    b"ECHO 'a b'",
    b"ECHO 'it\\'s'",
    b"ECHO \"\\x41\\x0a\\n\\r\\t\\a\\b\\\\\\\"\"",
    b"ECHO \"\\xZZ\\x4\"",
    b"ECHO 'a\\nb'",
    b"ECHO \"\"",
    b"ECHO ''",
    b"ECHO a\"b",
    b"ECHO \"a\"b",
    b"ECHO 'a'b",
    b"ECHO \"a",
    b"ECHO 'a",
    b"ECHO a'",
    b"ECHO \"a\\",
    b"ECHO \\x41",
    b"SET str:1 'x y' ",
    b"GET str:1",
    b"GET\x0bstr:1",
    b"GET str:1 \"",
    b"'GET' \"str:1\"",
    b"+PING",
    b"-PING",
    b"$4",
    b":1",
    b"\0PING",
    b"PING\0",
    b"ECHO a\0b",
    b"ECHO \xff\xfe",
    b"INCR num:1",
    b"",
    b" ",
    b"\t",
];

/// How lines end: the last two are no ends yet.
const LINE_ENDS: &[&[u8]] = &[b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\n", b"\r\r\n", b"\n\r\n", b"\r", b""];

/// Numbers of arguments. None makes a server take memory or wait for long.
const COUNTS: &[&[u8]] = &[
    b"0",
    b"-1",
    b"-0",
    b"00",
    b"01",
    b"+1",
    b" 1",
    b"1 ",
    b"",
    b"x",
    b"1x",
    b"1.0",
    b"2147483647",
    b"2147483648",
    b"4294967297",
    b"-2147483649",
    b"9223372036854775807",
    b"9223372036854775808",
    b"99999999999999999999",
    b"0x1",
    b"1048577",
    b"-9223372036854775808",
];

/// Lengths of arguments, of the same kind.
const LENGTHS: &[&[u8]] = &[
    b"-1",
    b"-0",
    b"00",
    b"03",
    b"+3",
    b" 3",
    b"3 ",
    b"",
    b"x",
    b"3x",
    b"536870913",
    b"2147483648",
    b"4294967299",
    b"-2147483649",
    b"9223372036854775807",
    b"9223372036854775808",
    b"99999999999999999999",
    b"2",
    b"4",
];

/// What stands before a length, `$` being right.
const MARKS: &[u8] = b"*+-:_,#(!=%~>|\0 x";

/// The next operation of connections that send raw bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A whole request, perhaps into the middle of another.
    Request(Argv),
    /// Nothing: the connection is closed.
    Close,
}

/// Draws what each of some connections sends.
#[derive(Debug)]
pub(super) struct Protocol {
    stream: Stream,
    /// The rest of what was cut into pieces, by connection.
    rest: Vec<VecDeque<Vec<u8>>>,
}

impl Protocol {
    pub fn new(conns: u16, stream: Stream) -> Self {
        Self { stream, rest: vec![VecDeque::new(); usize::from(conns)] }
    }

    /// What comes next, and on which connection.
    pub fn next(&mut self) -> (u16, Sent) {
        let conn = self.stream.below(self.rest.len() as u32) as u16;
        let sent = match self.stream.below(32) {
            0..4 => {
                self.rest[usize::from(conn)].clear();
                Sent::Close
            }
            4 | 5 => Sent::Request(self.draw_argv()),
            _ => Sent::Bytes(self.next_bytes(conn)),
        };
        (conn, sent)
    }

    fn next_bytes(&mut self, conn: u16) -> Vec<u8> {
        if let Some(piece) = self.rest[usize::from(conn)].pop_front() {
            return piece;
        }
        let mut bytes = Vec::new();
        for _ in 0..self.draw_requests() {
            if self.stream.chance(1, 40) {
                // Whether it is too long may depend on what of the rest has arrived, so nothing follows.
                self.write_long_line(&mut bytes);
                return bytes;
            }
            self.write_one(&mut bytes);
        }
        if bytes.is_empty() || !self.stream.chance(1, 3) {
            return if bytes.is_empty() { b"\r\n".to_vec() } else { bytes };
        }
        let mut pieces = self.cut(&bytes);
        let first = pieces.pop_front().unwrap_or_default();
        self.rest[usize::from(conn)] = pieces;
        first
    }

    /// Mostly one, or a pipeline.
    fn draw_requests(&mut self) -> u32 {
        if self.stream.chance(1, 4) { self.stream.between(2, 6) } else { 1 }
    }

    fn write_one(&mut self, out: &mut Vec<u8>) {
        let shape = self.stream.below(32);
        match shape {
            0..10 => self.draw_argv().encode(out),
            10..22 => {
                out.extend_from_slice(pick(&mut self.stream, LINES));
                out.extend_from_slice(pick(&mut self.stream, LINE_ENDS));
            }
            22..28 => self.write_wrong(out),
            28 => out.extend_from_slice(b"\r\n\r\n"),
            29 | 30 => out.extend_from_slice(b"*0\r\n*-1\r\n"),
            _ => {
                let at = out.len();
                out.resize(at + self.stream.between(1, 12) as usize, 0);
                self.stream.fill(&mut out[at..]);
            }
        }
    }

    fn draw_argv(&mut self) -> Argv {
        self.stream.pick(WORDS).iter().collect()
    }

    /// An array with one thing wrong.
    fn write_wrong(&mut self, out: &mut Vec<u8>) {
        let argv = self.draw_argv();
        let wrong = self.stream.below(argv.len() as u32 * 3 + 2) as usize;
        out.push(b'*');
        match wrong {
            0 | 1 => out.extend_from_slice(pick(&mut self.stream, COUNTS)),
            _ => write_int(argv.len() as i64, out),
        }
        self.write_end(out);
        for (at, arg) in argv.iter().enumerate() {
            let is_wrong = |what: usize| wrong == 2 + at * 3 + what;
            out.push(if is_wrong(0) { *self.stream.pick(MARKS) } else { b'$' });
            if is_wrong(1) {
                out.extend_from_slice(pick(&mut self.stream, LENGTHS));
            } else {
                write_int(arg.len() as i64, out);
            }
            self.write_end(out);
            out.extend_from_slice(arg);
            // Its length is what counts, so these two bytes may be any.
            out.extend_from_slice(if is_wrong(2) { b"xy" } else { b"\r\n" });
        }
    }

    /// The end of a header's line: now and then not quite.
    fn write_end(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.stream.chance(1, 48) { pick(&mut self.stream, LINE_ENDS) } else { b"\r\n" });
    }

    /// A line as long as a server takes, or longer; without an end, or with it.
    fn write_long_line(&mut self, out: &mut Vec<u8>) {
        let length = *self.stream.pick(&[100, 65_000, 65_535, 65_536, 70_000]);
        out.push(*self.stream.pick(b"PE*"));
        out.resize(out.len() + length, b'1');
        if length <= 65_000 && self.stream.chance(1, 2) {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Pieces of `bytes`: at every byte where there are few, or at a few places.
    fn cut(&mut self, bytes: &[u8]) -> VecDeque<Vec<u8>> {
        const EVERY_BYTE_MAX: usize = 40;
        if bytes.len() <= EVERY_BYTE_MAX && self.stream.chance(1, 3) {
            return bytes.iter().map(|&byte| vec![byte]).collect();
        }
        let mut pieces = VecDeque::new();
        let mut rest = bytes;
        while pieces.len() < 3 && rest.len() > 1 {
            let (piece, later) = rest.split_at(1 + self.stream.below(rest.len() as u32 - 1) as usize);
            pieces.push_back(piece.to_vec());
            rest = later;
        }
        pieces.push_back(rest.to_vec());
        pieces
    }
}
