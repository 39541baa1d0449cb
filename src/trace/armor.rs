//! The armored form: a trace as a few lines that survive in an issue or a mail.
//!
//! ```text
//! dst trace: 2 ops, seed 5, profile mixed, replies of redis 7.0.15
//!   SET k1 v1
//!   GET k1
//! dst1:iWRzdA0KAQAAAQAotS/9...
//! ...
//! dst1:end
//! ```
//!
//! The lines from `dst1:` on are the binary form in base64. A reader skips the prose around them, code fences, and
//! what mail and markdown put before lines (`> `). A text with several blocks is refused: which one is meant?

use std::io::{self, BufRead, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Trace, TraceError, text};

const MARK: &[u8] = b"dst1:";
const END: &[u8] = b"end";
/// Characters of base64 in a line.
const WIDTH: usize = 76;
/// How many ops the head shows, and how much of each.
const SHOWN_OPS: usize = 10;
const SHOWN_OP_CHARS: usize = 100;
/// No sound block has a line of so many bytes.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Writes the head and the block, and returns the output.
///
/// # Errors
/// Where `out` fails, or the trace has an op that readers refuse.
pub fn write<W: Write>(trace: &Trace, mut out: W) -> Result<W, TraceError> {
    write_head(trace, &mut out)?;
    let encoded = STANDARD.encode(trace.write_binary(Vec::new())?);
    let (first, rest) = encoded.as_bytes().split_at(encoded.len().min(WIDTH - MARK.len()));
    out.write_all(&[MARK, first, b"\n"].concat())?;
    for line in rest.chunks(WIDTH) {
        out.write_all(&[line, b"\n"].concat())?;
    }
    out.write_all(&[MARK, END, b"\n"].concat())?;
    out.flush()?;
    Ok(out)
}

fn write_head(trace: &Trace, out: &mut impl Write) -> io::Result<()> {
    let header = &trace.header;
    let ops = trace.ops.len();
    write!(out, "dst trace: {ops} op{}", if ops == 1 { "" } else { "s" })?;
    if let Some(seed) = header.seed {
        write!(out, ", seed {seed}")?;
    }
    if !header.profile.is_empty() {
        write!(out, ", profile {}", header.profile.escape_debug())?;
    }
    if let Some(target) = &header.recorded_by {
        write!(out, ", replies of {} {}", target.name.escape_debug(), target.version.escape_debug())?;
    }
    writeln!(out)?;
    for op in trace.ops.iter().take(SHOWN_OPS) {
        let line = text::format_op(op);
        match line.get(..SHOWN_OP_CHARS) {
            Some(start) if line.len() > SHOWN_OP_CHARS => writeln!(out, "  {start}...")?,
            _ => writeln!(out, "  {line}")?,
        }
    }
    if ops > SHOWN_OPS {
        writeln!(out, "  ... and {} more", ops - SHOWN_OPS)?;
    }
    Ok(())
}

/// True where a block begins in this line.
pub(super) fn begins_block(line: &[u8]) -> bool {
    strip(line).strip_prefix(MARK).is_some_and(|first| first != END && !first.is_empty() && is_base64(first))
}

/// The line without what mail and markdown put around it.
fn strip(line: &[u8]) -> &[u8] {
    let is_frame = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'>' | b'|' | b'`' | b'*');
    let start = line.iter().position(|b| !is_frame(b)).unwrap_or(line.len());
    let end = line.iter().rposition(|b| !is_frame(b)).map_or(start, |at| at + 1);
    &line[start..end]
}

fn is_base64(line: &[u8]) -> bool {
    line.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
}

/// Reads the bytes of the first block in a text. Its errors are a [`TraceError`] within an [`io::Error`].
pub(super) struct Unarmored<R> {
    source: R,
    line: Vec<u8>,
    line_number: u64,
    state: State,
    /// Characters that are not yet four.
    carried: Vec<u8>,
    decoded: Vec<u8>,
    /// How much of `decoded` is read.
    taken: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Prose,
    Block,
    Ended,
}

impl<R: BufRead> Unarmored<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            line: Vec::new(),
            line_number: 0,
            state: State::Prose,
            carried: Vec::new(),
            decoded: Vec::new(),
            taken: 0,
        }
    }

    fn read_line(&mut self) -> io::Result<()> {
        self.line.clear();
        self.line_number += 1;
        let read = (&mut self.source).take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut self.line)?;
        if self.state == State::Prose {
            if read == 0 {
                return Err(self.wrong("expected a block that begins with dst1:"));
            }
            if !begins_block(&self.line) {
                return Ok(());
            }
            self.state = State::Block;
        } else if read == 0 {
            return Err(self.wrong("the block ends before its last line, dst1:end; copy all of it"));
        }
        let line = strip(&self.line);
        match line.strip_prefix(MARK) {
            Some(END) => {
                self.state = State::Ended;
                if !self.carried.is_empty() {
                    return Err(self.wrong("characters are missing before it"));
                }
                return Ok(());
            }
            Some(first) => self.carried.extend_from_slice(first),
            None if is_base64(line) => self.carried.extend_from_slice(line),
            None => return Err(self.wrong("expected base64 or dst1:end")),
        }
        let whole = self.carried.len() / 4 * 4;
        self.decoded.clear();
        self.taken = 0;
        if STANDARD.decode_vec(&self.carried[..whole], &mut self.decoded).is_err() {
            return Err(self.wrong("this is not base64"));
        }
        self.carried.drain(..whole);
        Ok(())
    }

    /// Looks for a second block.
    fn read_rest(&mut self) -> io::Result<()> {
        loop {
            self.line.clear();
            self.line_number += 1;
            if (&mut self.source).take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut self.line)? == 0 {
                return Ok(());
            }
            if begins_block(&self.line) {
                return Err(self.wrong("a second block begins; leave one of them"));
            }
        }
    }

    fn wrong(&self, what: &str) -> io::Error {
        io::Error::other(TraceError::Armor { line: self.line_number, what: what.into() })
    }
}

impl<R: BufRead> Read for Unarmored<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.decoded.len() {
            if self.state == State::Ended {
                self.read_rest()?;
                return Ok(0);
            }
            self.read_line()?;
        }
        let len = buf.len().min(self.decoded.len() - self.taken);
        buf[..len].copy_from_slice(&self.decoded[self.taken..self.taken + len]);
        self.taken += len;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;
    use crate::trace::{Limits, Reader, arbitrary};

    fn block() -> String {
        let text = "SET a 1\n  OK\nGET a\n  \"1\"\n";
        let trace = Trace::parse(text).expect("it is a text");
        String::from_utf8(write(&trace, Vec::new()).expect("memory does not fail")).expect("it is ASCII")
    }

    fn read(text: &str) -> Result<Trace, TraceError> {
        Reader::open(Box::new(Cursor::new(text.as_bytes().to_vec())), Limits::default())?.read_all()
    }

    /// A block changed by `change` still reads as its two ops, or as an error.
    #[track_caller]
    fn check(change: impl Fn(&str) -> String, expected: &str) {
        let text = change(&block());
        let got = read(&text).map_or_else(|error| error.to_string(), |trace| format!("{} ops", trace.ops.len()));
        assert_eq!(got, expected, "{text}");
    }

    fn each_line(block: &str, prefix: &str) -> String {
        block.lines().map(|line| format!("{prefix}{line}\n")).collect()
    }

    #[test]
    fn the_head_says_what_it_is() {
        let block = block();
        let lines: Vec<&str> = block.lines().collect();
        assert_eq!(lines[..3], ["dst trace: 2 ops", "  SET a 1", "  GET a"]);
        assert!(lines[3].starts_with("dst1:") && lines.iter().all(|line| line.len() <= 76), "{block}");
        assert_eq!(lines.last(), Some(&"dst1:end"));
    }

    #[test]
    fn a_block_survives_what_issues_do_to_it() {
        check(|block| block.into(), "2 ops");
        check(|block| format!("Hello,\nthe dst1: block:\ndst1: see below\n\n```text\n{block}```\nBye\n"), "2 ops");
        check(|block| each_line(block, "> > "), "2 ops");
        check(|block| each_line(block, "    ").replace('\n', "\r\n"), "2 ops");
        check(|block| block.replace('\n', "\n\n"), "2 ops");
    }

    #[test]
    fn a_broken_block_is_one_clear_error() {
        check(
            |block| format!("{block}{block}"),
            "line 12 of the dst1 block's file: a second block begins; leave one of them",
        );
        check(
            |block| block.replace("dst1:end", ""),
            "line 9 of the dst1 block's file: the block ends before its last line, dst1:end; copy all of it",
        );
        check(
            |block| block.replace("dst1:end", "and so on"),
            "line 8 of the dst1 block's file: expected base64 or dst1:end",
        );
        check(
            |block| block.replace("=\ndst1:end", "\ndst1:end").replace("=\ndst1:end", "\ndst1:end"),
            "line 8 of the dst1 block's file: characters are missing before it",
        );
        check(|block| block.replacen("dst1:", "dst1:====", 1), "line 4 of the dst1 block's file: this is not base64");
        check(
            |block| block.lines().enumerate().filter(|(at, _)| *at != 4).map(|(_, line)| format!("{line}\n")).collect(),
            "the trace is cut off: its first 0 ops are whole, then the file ends",
        );
    }

    proptest! {
        #[test]
        fn any_trace_round_trips(trace in arbitrary::trace()) {
            let text = write(&trace, Vec::new()).map_err(|e| TestCaseError::fail(e.to_string()))?;
            let text = String::from_utf8_lossy(&text);
            let again = read(&text).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
            prop_assert_eq!(again, trace);
        }
    }
}
