use std::io::{BufRead, Read};

use super::keyspace::{Line, begins_keyspace, parse_line};
use super::parse_reply::parse_reply;
use super::quote::split_words;
use super::{MAGIC, answers_ok};
use crate::trace::codec::{FORMAT, entry_bytes};
use crate::trace::{Act, Block, FaultSpec, Header, Keyspace, Limits, Op, TargetInfo, TraceError};
use resp::{Argv, Reply};
use spec::left_out::LEFT_OUT;

/// A block ends at this many ops,
const BLOCK_OPS: usize = 8192;
/// or at this many bytes of text.
const BLOCK_BYTES: usize = 1 << 20;

/// Reads a trace from text, line by line.
pub struct Reader<R> {
    lines: Lines<R>,
    limits: Limits,
    header: Header,
    /// Where there was a head; without one, only commands that Redis has are accepted.
    headed: bool,
    /// `None` until the header or an op decides.
    with_replies: Option<bool>,
    /// The first block, read ahead because it decides whether there are replies.
    ahead: Option<Block>,
    ops: u64,
    /// What is held in the end, once it is read.
    keyspace: Option<Keyspace>,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header and the first ops.
    ///
    /// # Errors
    /// [`TraceError`] where they cannot be read.
    pub fn open(source: R, limits: Limits) -> Result<Self, TraceError> {
        let mut reader = Self {
            lines: Lines { source, text: Vec::new(), number: 0, held: false, bytes_max: limits.block_bytes_max },
            limits,
            header: Header::default(),
            headed: false,
            with_replies: None,
            ahead: None,
            ops: 0,
            keyspace: None,
        };
        reader.read_header()?;
        let first = reader.read_block()?;
        reader.with_replies.get_or_insert(false);
        reader.ahead = first;
        Ok(reader)
    }

    /// What the trace says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether every op has its reply.
    pub fn has_replies(&self) -> bool {
        self.with_replies == Some(true)
    }

    /// The next ops, or `None` at the end.
    ///
    /// # Errors
    /// [`TraceError`] with the line that cannot be read.
    pub fn next_block(&mut self) -> Result<Option<Block>, TraceError> {
        match self.ahead.take() {
            Some(block) => Ok(Some(block)),
            None => self.read_block(),
        }
    }

    /// What is held in the end, where the trace says so: behind its last op, and once.
    pub fn take_keyspace(&mut self) -> Option<Keyspace> {
        self.keyspace.take()
    }

    fn read_header(&mut self) -> Result<(), TraceError> {
        if !self.lines.advance()? {
            return Err(TraceError::Unrecognized("it is empty".into()));
        }
        let Some(format) = self.lines.text.strip_prefix(MAGIC.as_bytes()) else {
            self.lines.held = true;
            return Ok(());
        };
        match std::str::from_utf8(format).ok().and_then(|number| number.trim().parse::<u16>().ok()) {
            Some(1..=FORMAT) => {}
            Some(format) if format > FORMAT => {
                return Err(TraceError::FutureFormat { format, reads: FORMAT, needs: "a newer dst".into() });
            }
            _ => return self.lines.wrong(format!("expected `{MAGIC}{FORMAT}`")),
        }
        self.headed = true;
        while self.lines.advance()? && !self.lines.text.is_empty() {
            if let Err(what) = self.read_header_line() {
                return self.lines.wrong(what);
            }
        }
        Ok(())
    }

    /// One line `key: value …` of the header.
    fn read_header_line(&mut self) -> Result<(), String> {
        let words = split_words(&self.lines.text)?;
        let words: Result<Vec<&str>, _> = words.iter().map(std::str::from_utf8).collect();
        let words = words.map_err(|_| "the header is not UTF-8")?;
        let header = &mut self.header;
        match words[..] {
            ["seed:", seed] => header.seed = Some(seed.parse().map_err(|_| "expected a 64-bit number after seed:")?),
            ["generator:", version] => {
                header.generator = version.parse().map_err(|_| "expected a 16-bit number after generator:")?;
            }
            ["profile:", profile] => header.profile = profile.into(),
            ["start_ms:", ms] => header.start_ms = ms.parse().map_err(|_| "expected milliseconds after start_ms:")?,
            ["recorded_by:", name, version] => {
                header.recorded_by = Some(TargetInfo { name: name.into(), version: version.into() });
            }
            ["note:", note] => header.note = note.into(),
            ["replies:", "yes"] => self.with_replies = Some(true),
            ["replies:", "no"] => self.with_replies = Some(false),
            _ => {
                return Err("expected a header line (seed: N, generator: N, profile: NAME, start_ms: N, recorded_by: \
                            NAME VERSION, note: \"TEXT\", replies: yes) or a blank line before the first op"
                    .into());
            }
        }
        Ok(())
    }

    fn read_block(&mut self) -> Result<Option<Block>, TraceError> {
        let mut ops = Vec::new();
        let mut replies = Vec::new();
        let mut bytes = 0;
        while ops.len() < BLOCK_OPS && bytes < BLOCK_BYTES {
            let Some((op, reply, len)) = self.read_op()? else { break };
            bytes += len;
            ops.push(op);
            replies.push(reply);
        }
        if ops.is_empty() {
            return Ok(None);
        }
        let replies = if self.has_replies() { Some(replies) } else { None };
        Ok(Some(Block { ops, replies }))
    }

    /// One op with its reply (`OK` where the trace has none), and how many bytes of text they took.
    fn read_op(&mut self) -> Result<Option<(Op, Reply, usize)>, TraceError> {
        if !self.find_line()? {
            return Ok(None);
        }
        if begins_keyspace(&self.lines.text) {
            self.keyspace = Some(self.read_keyspace()?);
            return Ok(None);
        }
        let op = match parse_op(&self.lines.text) {
            Ok(op) => op,
            Err(what) => return self.refuse_op(what),
        };
        if !self.headed
            && let Some(name) = op.argv().and_then(|argv| argv.get(0))
            && spec::lookup(name).is_none()
        {
            let left_out = LEFT_OUT.iter().find(|row| name.eq_ignore_ascii_case(row.command.as_bytes()));
            let name = name.escape_ascii();
            let what = match left_out {
                Some(row) => format!("dst leaves `{name}` out: {}", row.reason),
                None => format!("`{name}` is no command of Redis"),
            };
            return self.refuse_op(format!("{what} (a text of other commands begins with the line `{MAGIC}{FORMAT}`)"));
        }
        let longest = match &op.act {
            Act::Call(argv) => argv.iter().map(<[u8]>::len).max().unwrap_or(0),
            Act::Raw(bytes) => bytes.len(),
            _ => 0,
        };
        if longest > self.limits.arg_bytes_max {
            return Err(TraceError::TooLarge(format!("line {} has an argument of {longest} bytes", self.lines.number)));
        }
        self.ops += 1;
        if self.ops > self.limits.ops_max {
            return Err(TraceError::TooLarge(format!("more than {} ops", self.limits.ops_max)));
        }
        let op_bytes = self.lines.text.len();
        let (reply, reply_bytes) = self.read_reply(answers_ok(&op))?;
        Ok(Some((op, reply, op_bytes + reply_bytes)))
    }

    /// Goes to the next line that is neither blank nor a comment; false at the end.
    fn find_line(&mut self) -> Result<bool, TraceError> {
        while self.lines.advance()? {
            match self.lines.text.first() {
                None | Some(b'#') => {}
                Some(b' ' | b'\t') => {
                    let what = "an indented line is a reply or a value, and nothing stands above it that has one";
                    return self.lines.wrong(what);
                }
                Some(_) => return Ok(true),
            }
        }
        Ok(false)
    }

    /// What is held in the end, from this line on: nothing else follows.
    fn read_keyspace(&mut self) -> Result<Keyspace, TraceError> {
        let mut keyspace = Keyspace::default();
        let (mut bytes, mut is_empty) = (0, false);
        let bytes_max = self.limits.block_bytes_max;
        loop {
            match parse_line(&self.lines.text) {
                Err(what) => return self.lines.wrong(what),
                Ok(Line::Nothing) if keyspace.entries.is_empty() && !is_empty => is_empty = true,
                Ok(Line::Entry(mut entry)) if !is_empty => {
                    if entry.key.len() > self.limits.arg_bytes_max {
                        let (line, len) = (self.lines.number, entry.key.len());
                        return Err(TraceError::TooLarge(format!("line {line} has a key of {len} bytes")));
                    }
                    entry.value = self.read_value()?;
                    bytes += entry_bytes(&entry);
                    keyspace.entries.push(entry);
                }
                Ok(Line::Nothing | Line::Entry(_)) => return self.lines.wrong("something is held, and nothing"),
                Ok(Line::Details) => {
                    let Some(entry) = keyspace.entries.last_mut().filter(|entry| entry.details.is_none()) else {
                        return self.lines.wrong("expected the details below an entry, and once");
                    };
                    bytes -= entry_bytes(entry);
                    entry.details = Some(self.read_value()?);
                    bytes += entry_bytes(entry);
                }
            }
            if bytes > bytes_max {
                let what = format!("what is held in the end takes more than {bytes_max} bytes");
                return Err(TraceError::TooLarge(what));
            }
            if !self.find_line()? {
                return Ok(keyspace);
            }
        }
    }

    /// The value below the line that was just read.
    fn read_value(&mut self) -> Result<Reply, TraceError> {
        let line = self.lines.number;
        match self.read_lines_below()? {
            (lines, _) if lines.is_empty() => {
                let what = "expected what is held, indented by two spaces, below this line".into();
                Err(TraceError::Text { line, what })
            }
            (lines, _) => self.parse_below(line, lines),
        }
    }

    /// The reply below the op that was just read; `ok_by_default` where it may be left out.
    fn read_reply(&mut self, ok_by_default: bool) -> Result<(Reply, usize), TraceError> {
        let op_line = self.lines.number;
        let (lines, bytes) = self.read_lines_below()?;
        if lines.is_empty() {
            if !ok_by_default && *self.with_replies.get_or_insert(false) {
                return Err(TraceError::Text { line: op_line, what: "expected a reply below this op".into() });
            }
            return Ok((Reply::ok(), 0));
        }
        if !*self.with_replies.get_or_insert(true) {
            let what = "expected no reply: the ops above have none, or the header says so".into();
            return Err(TraceError::Text { line: op_line + 1, what });
        }
        Ok((self.parse_below(op_line, lines)?, bytes))
    }

    /// The indented lines that follow, and how many bytes they have.
    fn read_lines_below(&mut self) -> Result<(Vec<Vec<u8>>, usize), TraceError> {
        let mut lines = Vec::new();
        let mut bytes = 0;
        while self.lines.advance()? {
            if !matches!(self.lines.text.first(), Some(b' ' | b'\t')) {
                self.lines.held = true;
                break;
            }
            if !self.lines.text.starts_with(b"  ") {
                return self.lines.wrong("expected a reply, indented by two spaces");
            }
            bytes += self.lines.text.len();
            if bytes > self.limits.reply.reply_bytes_max {
                return Err(TraceError::TooLarge(format!("line {}: a reply of too many bytes", self.lines.number)));
            }
            lines.push(std::mem::take(&mut self.lines.text));
        }
        Ok((lines, bytes))
    }

    /// The reply that the lines below `line` are.
    fn parse_below(&self, line: u64, lines: Vec<Vec<u8>>) -> Result<Reply, TraceError> {
        let reply = parse_reply(lines, &self.limits.reply);
        reply.map_err(|(at, what)| TraceError::Text { line: line + 1 + at as u64, what })
    }

    /// The error for a line that is no op. Where nothing before it showed a trace, it is likely none at all.
    fn refuse_op<T>(&self, what: String) -> Result<T, TraceError> {
        if self.headed || self.ops > 0 {
            return self.lines.wrong(what);
        }
        Err(TraceError::Unrecognized(format!("line {}: {what}", self.lines.number)))
    }
}

/// The op that a line of text says.
///
/// # Errors
/// What was expected, for a person.
pub fn parse_op(line: &[u8]) -> Result<Op, String> {
    let (conn, rest) = match line.strip_prefix(b"@") {
        None => (0, line),
        Some(rest) => {
            let (number, rest) = split_word(rest);
            let number = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
            (number.ok_or("expected a connection from @0 to @65535")?, rest)
        }
    };
    let act = match rest.strip_prefix(b"!") {
        None => match split_words(rest)? {
            none if none.is_empty() => return Err("expected a command".into()),
            argv => Act::Call(argv),
        },
        Some(rest) => {
            let (name, rest) = split_word(rest);
            parse_act(name, &split_words(rest)?)?
        }
    };
    Ok(Op { conn, act })
}

/// What stands before the first space, and what behind it.
fn split_word(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().position(|&b| b == b' ').unwrap_or(line.len());
    (&line[..end], line[end..].trim_ascii_start())
}

fn parse_act(name: &[u8], words: &Argv) -> Result<Act, String> {
    let act = match name {
        b"call" => return Ok(Act::Call(words.clone())),
        b"raw" => match (words.len(), words.get(0)) {
            (1, Some(bytes)) => return Ok(Act::Raw(bytes.to_vec())),
            _ => return Err("expected `!raw` and one word".into()),
        },
        b"advance" => return parse_advance(words).ok_or("expected `!advance` and a time such as 1500ms".into()),
        b"fault" => return parse_fault(words).ok_or("expected `!fault`, a name, and integers".into()),
        b"open" => Act::Open,
        b"close" => Act::Close,
        b"await" => Act::Await,
        b"restart" => Act::Restart,
        b"crash" => Act::Crash,
        other => {
            let other = other.escape_ascii();
            return Err(format!(
                "`!{other}` is none of !advance, !await, !call, !close, !crash, !fault, !open, !raw, !restart"
            ));
        }
    };
    if words.is_empty() { Ok(act) } else { Err(format!("nothing may follow !{}", name.escape_ascii())) }
}

fn parse_advance(words: &Argv) -> Option<Act> {
    let time = std::str::from_utf8(words.get(0)?).ok()?;
    let ms = time.strip_suffix("ms")?.parse().ok()?;
    (words.len() == 1).then_some(Act::Advance { ms })
}

fn parse_fault(words: &Argv) -> Option<Act> {
    let mut words = words.iter().map(std::str::from_utf8);
    let name = words.next()?.ok()?.to_owned();
    let args = words.map(|word| word.ok()?.parse().ok()).collect::<Option<Vec<i64>>>()?;
    Some(Act::Fault(FaultSpec { name, args }))
}

/// The lines of a text, one at a time, without their ends.
struct Lines<R> {
    source: R,
    text: Vec<u8>,
    /// Of the line in `text`, counted from 1.
    number: u64,
    /// True where the line in `text` is to be read again.
    held: bool,
    bytes_max: usize,
}

impl<R: BufRead> Lines<R> {
    /// Reads the next line into `text`; false at the end.
    fn advance(&mut self) -> Result<bool, TraceError> {
        if std::mem::take(&mut self.held) {
            return Ok(true);
        }
        self.text.clear();
        self.number += 1;
        let mut bounded = (&mut self.source).take(self.bytes_max as u64 + 1);
        if bounded.read_until(b'\n', &mut self.text)? == 0 {
            return Ok(false);
        }
        if self.text.len() > self.bytes_max {
            let Self { number, bytes_max, .. } = self;
            return Err(TraceError::TooLarge(format!("line {number} is longer than {bytes_max} bytes")));
        }
        self.text.truncate(self.text.trim_ascii_end().len());
        Ok(true)
    }

    fn wrong<T>(&self, what: impl Into<String>) -> Result<T, TraceError> {
        Err(TraceError::Text { line: self.number, what: what.into() })
    }
}
