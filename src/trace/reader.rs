use std::io::{self, BufReader, Cursor, Read};

use super::armor::{self, Unarmored};
use super::{Header, Keyspace, Limits, Op, Trace, TraceError, codec, text};
use resp::Reply;

/// How far into a text the armored block may begin, in bytes.
const PROSE_BYTES_MAX: usize = 1 << 20;

/// What was read ahead to tell the form, and then the rest.
type Source = BufReader<io::Chain<Cursor<Vec<u8>>, Box<dyn Read + Send>>>;

/// Reads a trace in any of its forms, block by block, in bounded memory.
pub struct Reader {
    form: Form,
    limits: Limits,
}

enum Form {
    Binary(Box<codec::Reader<Source>>),
    Armor(Box<codec::Reader<BufReader<Unarmored<Source>>>>),
    Text(Box<text::Reader<Source>>),
}

/// Consecutive ops of a trace with their replies, where it has them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The ops.
    pub ops: Vec<Op>,
    /// One reply for each op, or none at all.
    pub replies: Option<Vec<Reply>>,
}

impl Block {
    /// What it takes in memory, in bytes, as [`Limits::block_bytes_max`] counts.
    pub fn bytes(&self) -> usize {
        let replies = self.replies.iter().flatten().map(codec::reply_bytes).sum::<usize>();
        self.ops.iter().map(codec::op_bytes).sum::<usize>() + replies
    }
}

impl Reader {
    /// Looks at the first bytes, tells the form, and reads the header.
    ///
    /// # Errors
    /// [`TraceError`] where it is no trace, or one that this version cannot read.
    pub fn open(mut source: Box<dyn Read + Send>, limits: Limits) -> Result<Self, TraceError> {
        let mut start = Vec::new();
        read_ahead(&mut source, &mut start, text::MAGIC.len())?;
        let binary = start.first() == codec::MAGIC.first();
        let headed = start.starts_with(text::MAGIC.as_bytes());
        let mut armored = false;
        if !binary && !headed {
            armored = find_block(&mut source, &mut start)?;
            if !armored && !is_text(&start) {
                return Err(TraceError::Unrecognized("its first bytes are neither a binary trace nor text".into()));
            }
        }
        let source = BufReader::with_capacity(1 << 16, Cursor::new(start).chain(source));
        let form = if binary {
            Form::Binary(Box::new(codec::Reader::open(source, limits)?))
        } else if armored {
            let bytes = BufReader::with_capacity(1 << 16, Unarmored::new(source));
            Form::Armor(Box::new(codec::Reader::open(bytes, limits)?))
        } else {
            Form::Text(Box::new(text::Reader::open(source, limits)?))
        };
        Ok(Self { form, limits })
    }

    /// What the trace says of itself.
    pub fn header(&self) -> &Header {
        match &self.form {
            Form::Binary(reader) => reader.header(),
            Form::Armor(reader) => reader.header(),
            Form::Text(reader) => reader.header(),
        }
    }

    /// Whether every op has its reply; if not, none has.
    pub fn has_replies(&self) -> bool {
        match &self.form {
            Form::Binary(reader) => reader.has_replies(),
            Form::Armor(reader) => reader.has_replies(),
            Form::Text(reader) => reader.has_replies(),
        }
    }

    /// The next ops, or `None` at the end.
    ///
    /// # Errors
    /// [`TraceError`] where the file is damaged or beyond the limits; it says how far the trace is good.
    pub fn next_block(&mut self) -> Result<Option<Block>, TraceError> {
        match &mut self.form {
            Form::Binary(reader) => reader.next_block(),
            Form::Armor(reader) => reader.next_block(),
            Form::Text(reader) => reader.next_block(),
        }
    }

    /// What the target that gave the replies held in the end, where the trace says so: once [`Reader::next_block`] has
    /// said that there are no more ops, and once.
    pub fn take_keyspace(&mut self) -> Option<Keyspace> {
        match &mut self.form {
            Form::Binary(reader) => reader.take_keyspace(),
            Form::Armor(reader) => reader.take_keyspace(),
            Form::Text(reader) => reader.take_keyspace(),
        }
    }

    /// Reads all that is left into memory.
    ///
    /// # Errors
    /// As [`Reader::next_block`], and where that takes more than [`Limits::whole_bytes_max`].
    pub fn read_all(mut self) -> Result<Trace, TraceError> {
        let mut ops = Vec::new();
        let mut replies = self.has_replies().then(Vec::new);
        let (mut bytes, bytes_max) = (0, self.limits.whole_bytes_max);
        let mut hold = |more: usize| {
            bytes += more;
            let too_large = || TraceError::TooLarge(format!("it takes more than {bytes_max} bytes of memory"));
            if bytes > bytes_max { Err(too_large()) } else { Ok(()) }
        };
        while let Some(block) = self.next_block()? {
            hold(block.bytes())?;
            ops.extend(block.ops);
            if let (Some(all), Some(more)) = (&mut replies, block.replies) {
                all.extend(more);
            }
        }
        let keyspace = self.take_keyspace();
        hold(keyspace.iter().flat_map(|keyspace| &keyspace.entries).map(codec::entry_bytes).sum())?;
        Ok(Trace { header: self.header().clone(), ops, replies, keyspace })
    }
}

/// Reads until `start` has `len` bytes or the source ends; false where it ended.
fn read_ahead(source: &mut dyn Read, start: &mut Vec<u8>, len: usize) -> io::Result<bool> {
    let missing = len.saturating_sub(start.len());
    Ok(source.take(missing as u64).read_to_end(start)? == missing)
}

/// Reads ahead until an armored block begins, as far as prose may reach.
fn find_block(source: &mut dyn Read, start: &mut Vec<u8>) -> io::Result<bool> {
    let mut searched = 0;
    loop {
        let more = start.len() < PROSE_BYTES_MAX && read_ahead(source, start, start.len() + 4096)?;
        // A line that is cut off is searched again with the next portion.
        let whole = if more { start.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1) } else { start.len() };
        if start[searched..whole.max(searched)].split(|&b| b == b'\n').any(armor::begins_block) {
            return Ok(true);
        }
        if !more {
            return Ok(false);
        }
        searched = whole;
    }
}

/// True where the bytes are UTF-8, possibly cut off, with no control characters but those of lines.
fn is_text(bytes: &[u8]) -> bool {
    let utf8 = std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true);
    utf8 && !bytes.iter().any(|b| b.is_ascii_control() && !matches!(b, b'\t' | b'\n' | b'\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(bytes: &[u8]) -> Result<Trace, TraceError> {
        Reader::open(Box::new(Cursor::new(bytes.to_vec())), Limits::default())?.read_all()
    }

    /// `input` is a trace of these ops, as text without its head, or an error.
    #[track_caller]
    fn check(input: &[u8], expected: &str) {
        let got = open(input).map_or_else(
            |error| error.to_string(),
            |trace| trace.ops.iter().map(text::format_op).collect::<Vec<_>>().join("\n"),
        );
        assert_eq!(got, expected, "\"{}\"", input.escape_ascii());
    }

    const ADVICE: &str =
        "A trace is a file that `dst record` wrote, a text of commands, or a block that `dst share` printed";

    #[test]
    fn every_form_is_recognized() {
        let trace = open(b"SET a 1\nGET a\n").expect("it is a text");
        let ops = "SET a 1\nGET a";
        check(&trace.write_text(Vec::new()).expect("memory does not fail"), ops);
        check(&trace.write_binary(Vec::new()).expect("memory does not fail"), ops);
        check(&armor::write(&trace, Vec::new()).expect("memory does not fail"), ops);
    }

    #[test]
    fn what_is_no_trace_is_one_clear_error() {
        check(b"", &format!("this is no trace: it is empty. {ADVICE}"));
        check(b"\x89PNG\r\n\x1a\n", &format!("this is no trace: it does not begin as one. {ADVICE}"));
        let garbage = format!("this is no trace: its first bytes are neither a binary trace nor text. {ADVICE}");
        check(b"\x00\x01\x02", &garbage);
        check(b"\xff\xfe\xfd and more", &garbage);
        check(
            b"Hello,\n\nLRANGE is wrong.\n",
            &format!(
                "this is no trace: line 1: `Hello,` is no command of Redis (a text of other commands begins with the \
                 line `# dst trace 3`). {ADVICE}"
            ),
        );
    }

    #[test]
    fn a_trace_that_is_read_whole_is_bounded() {
        let read = |whole_bytes_max| {
            let text = "# dst trace 1\nreplies: yes\n\nGET a\n  \"0123456789\"\n".as_bytes();
            let limits = Limits { whole_bytes_max, ..Limits::default() };
            Reader::open(Box::new(Cursor::new(text)), limits)?.read_all()
        };
        let whole = read(usize::MAX).expect("it is a trace");
        let block = Block { ops: whole.ops, replies: whole.replies };
        assert!(read(block.bytes()).is_ok());
        let error = read(block.bytes() - 1).expect_err("it is too large");
        assert!(error.to_string().contains("bytes of memory"), "{error}");
        let ops_only = Block { ops: block.ops.clone(), replies: None };
        assert!(block.bytes() >= ops_only.bytes() + 10, "replies count");
    }

    #[test]
    fn a_block_is_found_behind_much_prose() {
        let trace = open(b"SET a 1\n").expect("it is a text");
        let block = armor::write(&trace, Vec::new()).expect("memory does not fail");
        for prose in [0, 1, 4095, 4096, 4097, 50_000] {
            let text = [&b"x".repeat(prose), &b"\n"[..], &block].concat();
            assert_eq!(open(&text).map(|trace| trace.ops.len()).ok(), Some(1), "behind {prose} bytes");
        }
    }
}
