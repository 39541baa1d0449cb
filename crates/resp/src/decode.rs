use super::Reply;

/// Bounds on what a peer may make the decoder hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest string, in bytes.
    pub bulk_bytes_max: usize,
    /// The most elements of one array, map, set or push.
    pub elements_max: usize,
    /// How deep aggregates may nest.
    pub depth_max: usize,
    /// The most bytes of one whole reply.
    pub reply_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bulk_bytes_max: 512 << 20, elements_max: 16 << 20, depth_max: 32, reply_bytes_max: 1 << 30 }
    }
}

/// Why bytes are not a reply.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes at the reply's start say what it would be, and it is none.
    #[error("byte {at} of the stream is not RESP: {what}")]
    Malformed {
        /// Offset from the first byte that was ever fed.
        at: u64,
        /// What was expected and what stood there.
        what: String,
    },
    /// A length beyond the [`Limits`].
    #[error("byte {at} of the stream announces {what}, more than the limit allows")]
    TooLarge {
        /// Offset from the first byte that was ever fed.
        at: u64,
        /// What was announced.
        what: String,
    },
}

/// Reads replies from bytes that arrive in any portions.
///
/// It never allocates more than the bytes that have arrived justify, whatever lengths they announce. What has
/// arrived of an aggregate is kept as elements, so a reply in many portions is read once, not once a portion.
///
/// The texts of doubles and big numbers are kept as they were sent, also where they are no numbers: that is for
/// the reader to judge. RESP3's streamed types (`$?`, `*?`) are refused; no Redis sends them.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    /// Fed bytes up to `end`; what follows is room to read into.
    buf: Vec<u8>,
    /// Where the next element begins in `buf`.
    start: usize,
    /// Where the fed bytes end in `buf`.
    end: usize,
    /// Offset of `buf[0]` from the first byte that was ever fed.
    base: u64,
    /// Aggregates that have begun and miss elements, the outermost first.
    open: Vec<Aggregate>,
    /// Bytes of the unfinished reply that are already in `open`.
    taken_bytes: usize,
    /// How far past `start` an unfinished line is known to hold no line end.
    scanned: usize,
    failed: Option<DecodeError>,
}

/// Buffers larger than this are given back once they are empty.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// `+\r\n`: no element is shorter, so the bytes at hand bound how many elements are worth room.
const ELEMENT_BYTES_MIN: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Shape {
    Array,
    Set,
    Push,
    Map,
    Attribute,
}

#[derive(Debug)]
struct Aggregate {
    shape: Shape,
    /// Elements still to come; keys and values count one each.
    missing: usize,
    items: Vec<Reply>,
}

impl Aggregate {
    fn finish(mut self) -> Reply {
        match self.shape {
            Shape::Array => Reply::Array(self.items),
            Shape::Set => Reply::Set(self.items),
            Shape::Push => Reply::Push(self.items),
            Shape::Map => Reply::Map(into_pairs(self.items)),
            Shape::Attribute => {
                let reply = self.items.pop().unwrap_or(Reply::Null);
                Reply::Attribute(into_pairs(self.items), Box::new(reply))
            }
        }
    }
}

fn into_pairs(items: Vec<Reply>) -> Vec<(Reply, Reply)> {
    let mut pairs = Vec::with_capacity(items.len() / 2);
    let mut items = items.into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        pairs.push((key, value));
    }
    pairs
}

impl Decoder {
    /// A decoder of an empty stream.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            buf: Vec::new(),
            start: 0,
            end: 0,
            base: 0,
            open: Vec::new(),
            taken_bytes: 0,
            scanned: 0,
            failed: None,
        }
    }

    /// Appends bytes that the peer sent.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.spare(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.advance(bytes.len());
    }

    /// Room for at least `len` bytes, to read from a socket into. [`Decoder::advance`] says how many came.
    pub fn spare(&mut self, len: usize) -> &mut [u8] {
        if self.start == self.end {
            self.base += self.start as u64;
            (self.start, self.end) = (0, 0);
            if self.buf.len() > KEPT_BYTES_MAX.max(len) {
                self.buf = Vec::new();
            }
        }
        // Moving costs no more than what was read since the last move.
        if self.buf.len() - self.end < len && self.start >= self.end - self.start {
            self.buf.copy_within(self.start..self.end, 0);
            self.base += self.start as u64;
            self.end -= self.start;
            self.start = 0;
        }
        if self.buf.len() - self.end < len {
            self.buf.resize(self.end + len, 0);
        }
        &mut self.buf[self.end..]
    }

    /// Takes the first `len` bytes of [`Decoder::spare`] as fed.
    ///
    /// # Panics
    /// Where `len` is more than there was room for.
    pub fn advance(&mut self, len: usize) {
        assert!(len <= self.buf.len() - self.end, "advance({len}) goes past the room that spare() gave");
        self.end += len;
    }

    /// True where bytes have been fed that no reply was made of yet.
    pub fn has_bytes(&self) -> bool {
        self.start < self.end
    }

    /// Why what has been fed next can be no reply, whatever follows: its first byte begins none. Nothing is taken.
    pub fn begins_malformed(&mut self) -> Option<DecodeError> {
        const SIGNS: &[u8] = b"+-:$*_#,(!=%~>|";
        let first = self.buf[self.start..self.end].first().copied()?;
        if !self.open.is_empty() || SIGNS.contains(&first) { None } else { self.next_reply().err() }
    }

    /// The next whole reply, or `None` until more bytes are fed.
    ///
    /// # Errors
    /// [`DecodeError`] where the stream is not RESP; the decoder stays in error.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, DecodeError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        match self.read_reply() {
            Ok(reply) => Ok(Some(reply)),
            Err(Stop::Incomplete { scanned }) => {
                self.scanned = scanned;
                Ok(None)
            }
            Err(Stop::Malformed { at, what }) => Err(self.fail(DecodeError::Malformed { at: self.offset(at), what })),
            Err(Stop::TooLarge { what }) => Err(self.fail(DecodeError::TooLarge { at: self.offset(0), what })),
        }
    }

    /// How many bytes are fed and not yet returned in a reply.
    #[cfg(test)]
    fn buffered_bytes(&self) -> usize {
        self.end - self.start + self.taken_bytes
    }

    fn fail(&mut self, error: DecodeError) -> DecodeError {
        self.failed = Some(error.clone());
        error
    }

    fn offset(&self, at: usize) -> u64 {
        self.base + (self.start + at) as u64
    }

    fn read_reply(&mut self) -> Result<Reply, Stop> {
        loop {
            let input = Input { bytes: &self.buf[self.start..self.end], scanned: self.scanned };
            let (element, used) = input.element(&self.limits)?;
            if self.taken_bytes + used > self.limits.reply_bytes_max {
                return Err(Stop::TooLarge { what: "a reply of too many bytes".into() });
            }
            let mut reply = match element {
                Element::Whole(reply) => reply,
                Element::Open(shape, missing) => {
                    if self.open.len() >= self.limits.depth_max {
                        return Err(Stop::TooLarge { what: format!("nesting deeper than {}", self.limits.depth_max) });
                    }
                    let justified = (self.end - self.start - used) / ELEMENT_BYTES_MIN;
                    let items = Vec::with_capacity(missing.min(justified));
                    self.take(used);
                    self.open.push(Aggregate { shape, missing, items });
                    continue;
                }
            };
            self.take(used);
            loop {
                let Some(top) = self.open.last_mut() else {
                    self.taken_bytes = 0;
                    return Ok(reply);
                };
                top.items.push(reply);
                top.missing -= 1;
                if top.missing > 0 {
                    break;
                }
                let Some(whole) = self.open.pop() else { break };
                reply = whole.finish();
            }
        }
    }

    fn take(&mut self, used: usize) {
        self.start += used;
        self.taken_bytes += used;
        self.scanned = 0;
    }

    /// What is allocated, by capacity.
    #[cfg(test)]
    fn held_bytes(&self) -> usize {
        let items: usize = self.open.iter().map(|one| one.items.capacity() * size_of::<Reply>()).sum();
        self.buf.capacity() + items
    }
}

/// Why no element was read.
enum Stop {
    /// The bytes end inside it; the first `scanned` hold no line end.
    Incomplete { scanned: usize },
    /// It is none, seen `at` bytes after its start.
    Malformed { at: usize, what: String },
    /// It is beyond the limits.
    TooLarge { what: String },
}

const INCOMPLETE: Stop = Stop::Incomplete { scanned: 0 };

fn malformed<T>(at: usize, what: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Malformed { at, what: what.into() })
}

enum Element {
    Whole(Reply),
    /// An aggregate that misses this many elements, at least one.
    Open(Shape, usize),
}

/// Bytes that begin with an element. Every function that reads returns how many bytes it used.
#[derive(Clone, Copy)]
struct Input<'a> {
    bytes: &'a [u8],
    scanned: usize,
}

impl Input<'_> {
    fn element(self, limits: &Limits) -> Result<(Element, usize), Stop> {
        let whole = |(reply, used)| (Element::Whole(reply), used);
        let Some(&marker) = self.bytes.first() else { return Err(INCOMPLETE) };
        match marker {
            b'+' => self.line(limits, Reply::Simple).map(whole),
            b'$' => self.blob(limits, Reply::Bulk, Reply::NullBulk).map(whole),
            b':' => self.integer().map(|(value, used)| (Element::Whole(Reply::Int(value)), used)),
            b'*' => self.aggregate(Shape::Array, limits),
            b'-' => self.line(limits, Reply::Error).map(whole),
            b'_' => self.fixed(b"_\r\n", Reply::Null).map(whole),
            b'#' if self.bytes.get(1) == Some(&b'f') => self.fixed(b"#f\r\n", Reply::Bool(false)).map(whole),
            b'#' => self.fixed(b"#t\r\n", Reply::Bool(true)).map(whole),
            b',' => self.line(limits, Reply::Double).map(whole),
            b'(' => self.line(limits, Reply::BigNumber).map(whole),
            b'!' => self.present_blob(limits, Reply::BulkError).map(whole),
            b'=' => self.verbatim(limits).map(whole),
            b'%' => self.aggregate(Shape::Map, limits),
            b'~' => self.aggregate(Shape::Set, limits),
            b'>' => self.aggregate(Shape::Push, limits),
            b'|' => self.aggregate(Shape::Attribute, limits),
            b';' | b'.' => malformed(0, "a part of a streamed reply, which dst does not read"),
            other => malformed(0, format!("expected a type such as '+', '$' or '*', found {}", show(other))),
        }
    }

    /// `+text\r\n`
    fn line(self, limits: &Limits, reply: fn(Vec<u8>) -> Reply) -> Result<(Reply, usize), Stop> {
        let from = self.scanned.max(1);
        let found = self.bytes[from..].iter().position(|&b| b == b'\r' || b == b'\n').map(|at| from + at);
        let end = found.unwrap_or(self.bytes.len());
        if end - 1 > limits.bulk_bytes_max {
            return Err(Stop::TooLarge { what: format!("a line longer than {} bytes", limits.bulk_bytes_max) });
        }
        match (self.bytes.get(end), self.bytes.get(end + 1)) {
            (None, _) | (Some(b'\r'), None) => Err(Stop::Incomplete { scanned: end }),
            (Some(b'\r'), Some(b'\n')) => Ok((reply(self.bytes[1..end].to_vec()), end + 2)),
            _ => malformed(end, "a line that does not end in \\r\\n"),
        }
    }

    fn fixed(self, want: &'static [u8], reply: Reply) -> Result<(Reply, usize), Stop> {
        match self.bytes.iter().zip(want).position(|(got, want)| got != want) {
            Some(at) => malformed(at, format!("expected \"{}\"", want.escape_ascii())),
            None if self.bytes.len() < want.len() => Err(INCOMPLETE),
            None => Ok((reply, want.len())),
        }
    }

    /// The number that follows the marker, as far as `\r\n`.
    fn integer(self) -> Result<(i64, usize), Stop> {
        let (negative, first) = match self.bytes.get(1) {
            Some(b'-') => (true, 2),
            Some(b'+') => (false, 2),
            _ => (false, 1),
        };
        let mut at = first;
        let mut value: i64 = 0;
        loop {
            match self.bytes.get(at) {
                None => return Err(INCOMPLETE),
                Some(b'\r') if at > first => break,
                Some(b'?') if at == 1 => return malformed(1, "a streamed reply, which dst does not read"),
                Some(digit @ b'0'..=b'9') => {
                    let digit = i64::from(digit - b'0');
                    // Towards the sign, so that the least integer does not overflow on its way.
                    let next = value
                        .checked_mul(10)
                        .and_then(|tens| if negative { tens.checked_sub(digit) } else { tens.checked_add(digit) });
                    match next {
                        Some(next) if at - first < INTEGER_DIGITS_MAX => value = next,
                        _ => return malformed(1, "an integer that does not fit 64 bits"),
                    }
                }
                Some(&other) => return malformed(at, format!("expected a digit, found {}", show(other))),
            }
            at += 1;
        }
        match self.bytes.get(at + 1) {
            None => Err(INCOMPLETE),
            Some(b'\n') => Ok((value, at + 2)),
            Some(_) => malformed(at + 1, "a line that does not end in \\r\\n"),
        }
    }

    /// A length, `None` for -1.
    fn length(self, max: usize, unit: &str) -> Result<(Option<usize>, usize), Stop> {
        let (value, used) = self.integer()?;
        match usize::try_from(value) {
            Ok(len) if len <= max => Ok((Some(len), used)),
            Ok(len) => Err(Stop::TooLarge { what: format!("{len} {unit}") }),
            Err(_) if value == -1 => Ok((None, used)),
            Err(_) => malformed(1, format!("a length of {value}")),
        }
    }

    /// `$5\r\nhello\r\n`, or what stands for `$-1\r\n`.
    fn blob(self, limits: &Limits, reply: fn(Vec<u8>) -> Reply, null: Reply) -> Result<(Reply, usize), Stop> {
        let (len, head) = self.length(limits.bulk_bytes_max, "bytes")?;
        let Some(len) = len else { return Ok((null, head)) };
        let end = head + len;
        match self.bytes.get(end..).unwrap_or_default() {
            [b'\r', b'\n', ..] => Ok((reply(self.bytes[head..end].to_vec()), end + 2)),
            [] | [b'\r'] => Err(INCOMPLETE),
            _ => malformed(end, format!("expected \\r\\n after a string of {len} bytes")),
        }
    }

    /// A blob that cannot be null.
    fn present_blob(self, limits: &Limits, reply: fn(Vec<u8>) -> Reply) -> Result<(Reply, usize), Stop> {
        match self.blob(limits, reply, Reply::Null)? {
            (Reply::Null, _) => malformed(1, "a length of -1"),
            present => Ok(present),
        }
    }

    /// `=15\r\ntxt:Some string\r\n`
    fn verbatim(self, limits: &Limits) -> Result<(Reply, usize), Stop> {
        let (reply, used) = self.present_blob(limits, Reply::Bulk)?;
        match reply.as_bytes() {
            Some([a, b, c, b':', text @ ..]) => {
                Ok((Reply::Verbatim { format: [*a, *b, *c], text: text.to_vec() }, used))
            }
            _ => malformed(0, "a verbatim string that does not begin with three bytes and a colon"),
        }
    }

    fn aggregate(self, shape: Shape, limits: &Limits) -> Result<(Element, usize), Stop> {
        let (len, used) = self.length(limits.elements_max, "elements")?;
        let missing = match (shape, len) {
            (Shape::Array, None) => return Ok((Element::Whole(Reply::NullArray), used)),
            (_, None) => return malformed(1, "a length of -1"),
            (Shape::Array | Shape::Set | Shape::Push, Some(len)) => len,
            (Shape::Map, Some(len)) => len.saturating_mul(2),
            (Shape::Attribute, Some(len)) => len.saturating_mul(2).saturating_add(1),
        };
        if missing == 0 {
            let empty = Aggregate { shape, missing, items: Vec::new() };
            return Ok((Element::Whole(empty.finish()), used));
        }
        Ok((Element::Open(shape, missing), used))
    }
}

/// Enough for any 64-bit integer, with a few zeros in front.
const INTEGER_DIGITS_MAX: usize = 24;

fn show(byte: u8) -> String {
    format!("'{}'", byte.escape_ascii())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{arbitrary, encode_reply};
    use super::*;

    const SMALL: Limits = Limits { bulk_bytes_max: 64, elements_max: 16, depth_max: 3, reply_bytes_max: 256 };

    #[test]
    fn a_first_byte_that_begins_no_reply_is_told_and_no_other() {
        let check = |input: &str, expected: bool| {
            let mut decoder = Decoder::new(SMALL);
            decoder.feed(b"*1\r\n+a\r\n");
            assert!(decoder.next_reply().is_ok_and(|reply| reply.is_some()));
            decoder.feed(input.as_bytes());
            assert_eq!(decoder.begins_malformed().is_some(), expected, "{input:?}");
        };
        check("", false);
        "+-:$*_#,(!=%~>|".chars().for_each(|sign| check(&sign.to_string(), false));
        check("but a string\r\n", true);
        check("b", true);
        check("*1\r\n", false);
    }

    /// Feeds `input` whole and then byte by byte; both give `expected`, one line a reply.
    #[track_caller]
    fn check(input: &str, expected: &str) {
        let read = |portion: usize| {
            let mut decoder = Decoder::new(SMALL);
            let mut lines = Vec::new();
            for bytes in input.as_bytes().chunks(portion) {
                decoder.feed(bytes);
                loop {
                    match decoder.next_reply() {
                        Ok(Some(reply)) => lines.push(format!("{reply:?}")),
                        Ok(None) => break,
                        Err(error) => {
                            assert_eq!(decoder.next_reply(), Err(error.clone()), "it stays in error");
                            lines.push(error.to_string());
                            return lines.join("\n");
                        }
                    }
                }
            }
            if decoder.buffered_bytes() > 0 {
                lines.push(format!("{} bytes wait", decoder.buffered_bytes()));
            }
            lines.join("\n")
        };
        assert_eq!(read(input.len().max(1)), expected, "{input:?} in one portion");
        assert_eq!(read(1), expected, "{input:?} byte by byte");
    }

    #[test]
    fn the_kinds_of_null_stay_apart() {
        check("$-1\r\n*-1\r\n_\r\n$0\r\n\r\n*0\r\n", "NullBulk\nNullArray\nNull\nBulk([])\nArray([])");
    }

    #[test]
    fn scalars() {
        check("+\r\n-E x\r\n:-42\r\n", "Simple([])\nError([69, 32, 120])\nInt(-42)");
        check(
            ":9223372036854775807\r\n:-9223372036854775808\r\n:+7\r\n",
            &format!("Int({})\nInt({})\nInt(7)", i64::MAX, i64::MIN),
        );
        check("#t\r\n#f\r\n,1.0\r\n(12\r\n", "Bool(true)\nBool(false)\nDouble([49, 46, 48])\nBigNumber([49, 50])");
        check("$2\r\n\r\n\r\n!1\r\nE\r\n", "Bulk([13, 10])\nBulkError([69])");
        check("=5\r\ntxt:a\r\n", "Verbatim { format: [116, 120, 116], text: [97] }");
    }

    #[test]
    fn aggregates() {
        check("*2\r\n:1\r\n*1\r\n$-1\r\n", "Array([Int(1), Array([NullBulk])])");
        check(
            "%1\r\n:1\r\n:2\r\n~1\r\n:3\r\n>1\r\n:4\r\n%0\r\n",
            "Map([(Int(1), Int(2))])\nSet([Int(3)])\nPush([Int(4)])\nMap([])",
        );
        check("|1\r\n:1\r\n:2\r\n:3\r\n", "Attribute([(Int(1), Int(2))], Int(3))");
        check("*1\r\n|0\r\n:3\r\n", "Array([Attribute([], Int(3))])");
    }

    #[test]
    fn what_is_unfinished_waits() {
        check("+OK\r\n*2\r\n:1\r\n:", "Simple([79, 75])\n9 bytes wait");
        check("$5\r\nhel", "7 bytes wait");
        check("|0\r\n", "4 bytes wait");
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        check(
            "+OK\r\nGET\r\n",
            "Simple([79, 75])\nbyte 5 of the stream is not RESP: expected a type such as '+', '$' or '*', found 'G'",
        );
        check("+a\rb", "byte 2 of the stream is not RESP: a line that does not end in \\r\\n");
        check("+a\n", "byte 2 of the stream is not RESP: a line that does not end in \\r\\n");
        check(":\r\n", "byte 1 of the stream is not RESP: expected a digit, found '\\r'");
        check(":9223372036854775808\r\n", "byte 1 of the stream is not RESP: an integer that does not fit 64 bits");
        check("$1\r\nab\r\n", "byte 5 of the stream is not RESP: expected \\r\\n after a string of 1 bytes");
        check("#x\r\n", "byte 1 of the stream is not RESP: expected \"#t\\r\\n\"");
        check("$-2\r\n", "byte 1 of the stream is not RESP: a length of -2");
        check("%-1\r\n", "byte 1 of the stream is not RESP: a length of -1");
        check("!-1\r\n", "byte 1 of the stream is not RESP: a length of -1");
        check(
            "=3\r\ntxt\r\n",
            "byte 0 of the stream is not RESP: a verbatim string that does not begin with three bytes and a colon",
        );
        check("$?\r\n", "byte 1 of the stream is not RESP: a streamed reply, which dst does not read");
        check("*?\r\n", "byte 1 of the stream is not RESP: a streamed reply, which dst does not read");
        check("*1\r\n.\r\n", "byte 4 of the stream is not RESP: a part of a streamed reply, which dst does not read");
    }

    #[test]
    fn what_is_beyond_the_limits_is_an_error() {
        check("$65\r\n", "byte 0 of the stream announces 65 bytes, more than the limit allows");
        check("*1\r\n~17\r\n", "byte 4 of the stream announces 17 elements, more than the limit allows");
        check(
            "*1\r\n*1\r\n*1\r\n*1\r\n",
            "byte 12 of the stream announces nesting deeper than 3, more than the limit allows",
        );
        check(
            &format!("+{}\r\n", "x".repeat(65)),
            "byte 0 of the stream announces a line longer than 64 bytes, more than the limit allows",
        );
        let bulk = format!("$60\r\n{}\r\n", "x".repeat(60));
        check(
            &format!("*16\r\n{}", bulk.repeat(16)),
            "byte 206 of the stream announces a reply of too many bytes, more than the limit allows",
        );
    }

    #[test]
    fn an_announced_length_reserves_nothing() {
        let mut decoder = Decoder::new(Limits { elements_max: usize::MAX, ..Limits::default() });
        decoder.feed(b"*1000000000\r\n%1000000000\r\n$500000000\r\nx");
        assert_eq!(decoder.next_reply(), Ok(None));
        assert!(decoder.held_bytes() < 4096, "{} bytes for 40 that arrived", decoder.held_bytes());
    }

    #[test]
    fn a_large_reply_in_small_portions_is_read_once() {
        let elements = 200_000;
        let mut wire = format!("*{elements}\r\n").into_bytes();
        for value in 0..elements {
            encode_reply(&Reply::Int(value), &mut wire);
        }
        let mut decoder = Decoder::new(Limits::default());
        let mut held_bytes_max = 0;
        let mut replies = Vec::new();
        for portion in wire.chunks(100) {
            decoder.feed(portion);
            replies.extend(decoder.next_reply().expect("it is an array"));
            held_bytes_max = held_bytes_max.max(decoder.buf.capacity());
        }
        assert_eq!(replies, [Reply::Array((0..elements).map(Reply::Int).collect())]);
        assert!(held_bytes_max < 4096, "read elements leave the buffer, which grew to {held_bytes_max} bytes");
    }

    proptest! {
        #[test]
        fn replies_round_trip_under_any_chunking(
            replies in proptest::collection::vec(arbitrary::reply(), 1..6),
            portions in proptest::collection::vec(1usize..40, 1..40),
        ) {
            let mut wire = Vec::new();
            replies.iter().for_each(|reply| encode_reply(reply, &mut wire));
            let mut decoder = Decoder::new(Limits::default());
            let mut read = Vec::new();
            let mut rest = &wire[..];
            for portion in portions.iter().cycle() {
                let (now, later) = rest.split_at(rest.len().min(*portion));
                decoder.feed(now);
                while let Some(reply) = decoder.next_reply().map_err(|e| TestCaseError::fail(e.to_string()))? {
                    read.push(reply);
                }
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(decoder.buffered_bytes(), 0);
            prop_assert_eq!(read, replies);
        }

        #[test]
        fn any_bytes_are_refused_or_read_in_bounded_memory(
            bytes in proptest::collection::vec(
                prop_oneof![3 => proptest::sample::select(&b"+-:$*_#,(!=%~>|0129?\r\nx"[..]), 1 => any::<u8>()],
                0..200,
            ),
            portion in 1usize..50,
        ) {
            let mut decoder = Decoder::new(Limits::default());
            for bytes in bytes.chunks(portion) {
                decoder.feed(bytes);
                while let Ok(Some(_)) = decoder.next_reply() {}
                prop_assert!(decoder.held_bytes() <= 32 * 200 + 4096, "{} bytes held", decoder.held_bytes());
            }
        }
    }
}
