use std::io::Write;

use super::keyspace;
use super::quote::{write_quoted, write_word};
use super::{MAGIC, answers_ok};
use crate::trace::codec::FORMAT;
use crate::trace::{Act, Header, Keyspace, Op, TraceError};
use resp::Reply;

/// Writes a trace as text, op by op.
pub struct Writer<W: Write> {
    out: W,
    with_replies: bool,
    line: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the header. `with_replies` says whether every op comes with its reply, or none does.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn new(out: W, header: &Header, with_replies: bool) -> Result<Self, TraceError> {
        let mut writer = Self { out, with_replies, line: Vec::new() };
        write_header(header, with_replies, &mut writer.line);
        writer.out.write_all(&writer.line)?;
        Ok(writer)
    }

    /// Appends an op, with its reply where the trace was opened with replies.
    ///
    /// # Errors
    /// Where the output fails, or a reply is missing.
    pub fn write(&mut self, op: &Op, reply: Option<&Reply>) -> Result<(), TraceError> {
        self.line.clear();
        write_op(op, &mut self.line);
        self.line.push(b'\n');
        if self.with_replies {
            let reply = reply.ok_or_else(|| TraceError::Unwritable("an op of a trace with replies has none".into()))?;
            if !(answers_ok(op) && is_ok(reply)) {
                write_reply_below(reply, &mut self.line);
            }
        }
        Ok(self.out.write_all(&self.line)?)
    }

    /// Appends what is held in the end, behind the last op.
    ///
    /// # Errors
    /// Where the output fails.
    pub fn write_keyspace(&mut self, keyspace: &Keyspace) -> Result<(), TraceError> {
        self.line.clear();
        keyspace::write_keyspace(keyspace, &mut self.line);
        Ok(self.out.write_all(&self.line)?)
    }

    /// Returns the output.
    ///
    /// # Errors
    /// Where it cannot be flushed.
    pub fn finish(mut self) -> Result<W, TraceError> {
        self.out.flush()?;
        Ok(self.out)
    }
}

fn is_ok(reply: &Reply) -> bool {
    matches!(reply, Reply::Simple(text) if text == b"OK")
}

fn write_header(header: &Header, with_replies: bool, out: &mut Vec<u8>) {
    let mut line = |key: &str, words: &[&str]| {
        out.extend_from_slice(key.as_bytes());
        for word in words {
            out.push(b' ');
            write_word(word.as_bytes(), out);
        }
        out.push(b'\n');
    };
    line(&format!("{MAGIC}{FORMAT}"), &[]);
    if let Some(seed) = header.seed {
        line("seed:", &[&seed.to_string()]);
    }
    if header.generator != 0 {
        line("generator:", &[&header.generator.to_string()]);
    }
    if !header.profile.is_empty() {
        line("profile:", &[&header.profile]);
    }
    line("start_ms:", &[&header.start_ms.to_string()]);
    if let Some(target) = &header.recorded_by {
        line("recorded_by:", &[&target.name, &target.version]);
    }
    if !header.note.is_empty() {
        line("note:", &[&header.note]);
    }
    if with_replies {
        line("replies:", &["yes"]);
    }
    out.push(b'\n');
}

/// The op as its line of text, with no line end.
pub fn format_op(op: &Op) -> String {
    let mut out = Vec::new();
    write_op(op, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// The reply as lines of text with no indentation and no line end behind the last.
pub fn format_reply(reply: &Reply) -> String {
    let mut out = Vec::new();
    write_reply(reply, 0, &mut out);
    out.pop();
    String::from_utf8_lossy(&out).into_owned()
}

/// Appends the op's line, with no line end.
pub(in crate::trace) fn write_op(op: &Op, out: &mut Vec<u8>) {
    if op.conn != 0 {
        out.extend_from_slice(format!("@{} ", op.conn).as_bytes());
    }
    match &op.act {
        Act::Call(argv) if argv.is_empty() => out.extend_from_slice(b"!call"),
        Act::Call(argv) => {
            for (at, word) in argv.iter().enumerate() {
                match word {
                    // Bare, these would be an act, a connection, a comment, an armored block.
                    [b'!' | b'@' | b'#', ..] | [b'd', b's', b't', b'1', b':', ..] if at == 0 => write_quoted(word, out),
                    _ => write_word(word, out),
                }
                out.push(b' ');
            }
            out.pop();
        }
        Act::Raw(bytes) => {
            out.extend_from_slice(b"!raw ");
            write_quoted(bytes, out);
        }
        Act::Open => out.extend_from_slice(b"!open"),
        Act::Close => out.extend_from_slice(b"!close"),
        Act::Await => out.extend_from_slice(b"!await"),
        Act::Advance { ms } => out.extend_from_slice(format!("!advance {ms}ms").as_bytes()),
        Act::Restart => out.extend_from_slice(b"!restart"),
        Act::Crash => out.extend_from_slice(b"!crash"),
        Act::Fault(fault) => {
            out.extend_from_slice(b"!fault ");
            write_word(fault.name.as_bytes(), out);
            for arg in &fault.args {
                out.extend_from_slice(format!(" {arg}").as_bytes());
            }
        }
    }
}

/// Appends the reply's lines as they stand below an op.
pub(super) fn write_reply_below(reply: &Reply, out: &mut Vec<u8>) {
    out.extend_from_slice(b"  ");
    write_reply(reply, 2, out);
}

/// Appends the reply's lines; the first goes on at `column`, where the output stands, the others are indented.
fn write_reply(reply: &Reply, column: usize, out: &mut Vec<u8>) {
    match reply {
        Reply::Array(items) if !items.is_empty() => return write_items(b'-', items, column, out),
        Reply::Set(items) if !items.is_empty() => return write_items(b'~', items, column, out),
        Reply::Push(items) if !items.is_empty() => return write_items(b'>', items, column, out),
        Reply::Frames(items) if !items.is_empty() => return write_items(b'*', items, column, out),
        Reply::Map(pairs) if !pairs.is_empty() => {
            for (at, (key, value)) in pairs.iter().enumerate() {
                write_mark(if at == 0 { 0 } else { column }, b'%', out);
                write_reply(key, column + 2, out);
                write_mark(column, b'=', out);
                write_reply(value, column + 2, out);
            }
            return;
        }
        Reply::Attribute(pairs, reply) => {
            out.extend_from_slice(b"(attribute)\n");
            for (key, value) in pairs {
                write_mark(column, b'|', out);
                write_reply(key, column + 2, out);
                write_mark(column, b'=', out);
                write_reply(value, column + 2, out);
            }
            write_mark(column, b':', out);
            return write_reply(reply, column + 2, out);
        }
        scalar => write_scalar(scalar, out),
    }
    out.push(b'\n');
}

fn write_items(mark: u8, items: &[Reply], column: usize, out: &mut Vec<u8>) {
    for (at, item) in items.iter().enumerate() {
        write_mark(if at == 0 { 0 } else { column }, mark, out);
        write_reply(item, column + 2, out);
    }
}

fn write_mark(indent: usize, mark: u8, out: &mut Vec<u8>) {
    out.resize(out.len() + indent, b' ');
    out.extend_from_slice(&[mark, b' ']);
}

fn write_scalar(reply: &Reply, out: &mut Vec<u8>) {
    match reply {
        Reply::Simple(text) if text.first().is_some_and(u8::is_ascii_alphabetic) && is_plain(text) => {
            out.extend_from_slice(text);
        }
        Reply::Simple(text) => write_tagged(b"(simple) ", text, out),
        Reply::Error(text) => write_tagged(b"(error) ", text, out),
        Reply::BulkError(text) => write_tagged(b"(bulk error) ", text, out),
        Reply::Double(text) => write_tagged(b"(double) ", text, out),
        Reply::BigNumber(text) => write_tagged(b"(big number) ", text, out),
        Reply::Int(value) => out.extend_from_slice(format!("(integer) {value}").as_bytes()),
        Reply::Bulk(bytes) => write_quoted(bytes, out),
        Reply::Verbatim { format, text } => {
            out.extend_from_slice(b"(verbatim) ");
            write_word(format, out);
            out.push(b' ');
            write_quoted(text, out);
        }
        Reply::NullBulk => out.extend_from_slice(b"(nil)"),
        Reply::NullArray => out.extend_from_slice(b"(nil array)"),
        Reply::Null => out.extend_from_slice(b"(null)"),
        Reply::Bool(true) => out.extend_from_slice(b"(true)"),
        Reply::Bool(false) => out.extend_from_slice(b"(false)"),
        Reply::Pending => out.extend_from_slice(b"(pending)"),
        Reply::Hung => out.extend_from_slice(b"(hung)"),
        Reply::Closed => out.extend_from_slice(b"(closed)"),
        // The aggregates that come here are empty.
        Reply::Array(_) => out.extend_from_slice(b"(empty array)"),
        Reply::Set(_) => out.extend_from_slice(b"(empty set)"),
        Reply::Push(_) => out.extend_from_slice(b"(empty push)"),
        Reply::Frames(_) => out.extend_from_slice(b"(nothing)"),
        Reply::Map(_) | Reply::Attribute(..) => out.extend_from_slice(b"(empty map)"),
    }
}

fn write_tagged(tag: &[u8], text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(tag);
    if is_plain(text) { out.extend_from_slice(text) } else { write_quoted(text, out) }
}

/// True where the text can stand to the end of its line with no quotes.
fn is_plain(text: &[u8]) -> bool {
    let edges = (text.first(), text.last());
    !matches!(edges, (None | Some(b' ' | b'"'), _) | (_, Some(b' '))) && text.iter().all(|b| matches!(b, b' '..=b'~'))
}
