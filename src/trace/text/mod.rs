//! The text form: lossless, one op a line, made to be read in a terminal and reviewed in a diff.
//!
//! ```text
//! # dst trace 3
//! seed: 5
//! profile: mixed
//! start_ms: 1700000000000
//! recorded_by: redis 7.0.15
//! replies: yes
//!
//! SET k1 "a\x00b"
//!   OK
//! @1 LRANGE l 0 -1
//!   - "a"
//!   - "b"
//! !advance 1500ms
//! GET k1
//!   (nil)
//! !holds 0 l list
//!   - "a"
//!   - "b"
//! ```
//!
//! - Words are quoted as in redis-cli. `@1` names the connection; connection 0 has none. Blank lines and lines that
//!   begin with `#` are skipped.
//! - Acts that are no command begin with `!`: `!raw "PING\r\n"`, `!open`, `!close`, `!await`, `!advance 1500ms`,
//!   `!restart`, `!crash`, `!fault disk_full 3`, and `!call` for a request with no words at all.
//! - Replies stand below their op, indented by two spaces. Those of acts that are always `OK` may be left out.
//!   Elements begin with `- ` (array), `~ ` (set), `> ` (push), `* ` (frames: all that arrived, where that is not one
//!   reply; `(nothing)` where nothing did); a map has `% key` and `= value`; attributes are
//!   `(attribute)`, `| key`, `= value` and `: reply`. A nested reply goes on behind its mark. No line holds an
//!   index, so that one element more is one line more in a diff.
//! - What is held in the end stands behind the last op: `!holds 0 k1 string until 1700000060000ms` is a database, a
//!   key, its type and when it expires, with the value below; details of it, where there are any, stand below a line
//!   `!details`. `!holds nothing` is an empty store. Without any of these, the trace does not tell.
//! - With no head (`# dst trace 3`) every line is an op of a command that Redis has. So prose is no trace.

mod keyspace;
mod parse;
mod parse_reply;
mod print;
mod quote;

pub use parse::{Reader, parse_op};
pub(super) use print::write_op;
pub use print::{Writer, format_op, format_reply};

use super::{Act, Op};

/// How the first line begins; the format's number follows.
pub const MAGIC: &str = "# dst trace ";

/// True for acts that always answer `+OK`: their reply is not printed.
fn answers_ok(op: &Op) -> bool {
    !matches!(op.act, Act::Call(_) | Act::Raw(_) | Act::Await)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trace::{Limits, Trace, TraceError, arbitrary};

    fn read(text: &[u8]) -> Result<Trace, TraceError> {
        let mut reader = Reader::open(text, Limits::default())?;
        let mut trace = Trace { header: reader.header().clone(), ..Trace::default() };
        trace.replies = reader.has_replies().then(Vec::new);
        while let Some(block) = reader.next_block()? {
            trace.ops.extend(block.ops);
            if let (Some(all), Some(replies)) = (&mut trace.replies, block.replies) {
                all.extend(replies);
            }
        }
        trace.keyspace = reader.take_keyspace();
        Ok(trace)
    }

    fn print(trace: &Trace) -> Result<String, TraceError> {
        let mut writer = Writer::new(Vec::new(), &trace.header, trace.replies.is_some())?;
        for (at, op) in trace.ops.iter().enumerate() {
            writer.write(op, trace.replies.as_ref().map(|replies| &replies[at]))?;
        }
        trace.keyspace.iter().try_for_each(|keyspace| writer.write_keyspace(keyspace))?;
        Ok(String::from_utf8_lossy(&writer.finish()?).into_owned())
    }

    /// Reads `input` and prints it again, without the head that printing adds.
    #[track_caller]
    fn check(input: &str, expected: &str) {
        let got = match read(input.as_bytes()).and_then(|trace| print(&trace)) {
            Ok(text) => text.split_once("\n\n").map_or(text.clone(), |(_, ops)| ops.to_owned()),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expected, "{input}");
    }

    /// As `check`, for a text that is already as dst prints it.
    #[track_caller]
    fn check_same(text: &str) {
        check(text, text);
    }

    #[test]
    fn plain_commands_are_a_trace() {
        check("SET a 1\nget  'a'\r\n\n# a comment\n@2 DEL \"a\" ''", "SET a 1\nget a\n@2 DEL a \"\"\n");
    }

    #[test]
    fn acts() {
        check_same(
            "!open\n!raw \"PI NG\\r\\n\"\n!close\n@7 !await\n!advance 1500ms\n!restart\n!crash\n!fault disk_full 3 -1\n!call\n",
        );
        check("!call SET a\n!advance  0ms\n", "SET a\n!advance 0ms\n");
    }

    #[test]
    fn replies_of_every_kind() {
        check_same(
            r#"GET a
  OK
GET a
  (simple) 1 + 1
GET a
  (error) ERR unknown command 'x', with args beginning with: 'y'
GET a
  (error) "ends in a space "
GET a
  (bulk error) "\x00"
GET a
  (integer) -42
GET a
  "a\r\n"
GET a
  (nil)
GET a
  (nil array)
GET a
  (null)
GET a
  (double) 1.50
GET a
  (big number) 123456789012345678901234567890
GET a
  (true)
GET a
  (false)
GET a
  (verbatim) txt "some text"
GET a
  (pending)
!await
  (hung)
!await
  (nothing)
!raw "x"
  (closed)
"#,
        );
    }

    #[test]
    fn nested_replies() {
        check_same(
            r#"GET a
  - "a"
  - - (integer) 1
    - (nil)
  - - - (empty array)
  - ~ (empty set)
    ~ > (empty push)
GET a
  % "k"
  = - "v"
    - (empty map)
  % "l"
  = % (null)
    = (true)
GET a
  (attribute)
  | "ttl"
  = (integer) 3
  : - (attribute)
      : "x"
SUBSCRIBE c d
  * > "subscribe"
    > "c"
  * > "subscribe"
    > "d"
"#,
        );
    }

    #[test]
    fn the_reply_of_an_act_may_be_left_out() {
        check(
            "!open\n!close\n  (closed)\nGET a\n  OK\n!crash\n  OK\n",
            "!open\n!close\n  (closed)\nGET a\n  OK\n!crash\n",
        );
    }

    #[test]
    fn what_is_held_in_the_end() {
        check_same("SET a 1\n!holds nothing\n");
        check_same("!holds 0 a string\n  \"1\"\n!holds 15 \"b c\" list until -5ms\n  - \"x\"\n  - \"y\"\n");
        check_same("SET a 1\n  OK\n!holds 0 \"\" stream\n  (empty array)\n!details\n  - \"length\"\n  - (integer) 0\n");
        check(
            "SET a 1\n# a comment\n\n!holds  0 a string\n  \"1\"\n\n# more\n",
            "SET a 1\n!holds 0 a string\n  \"1\"\n",
        );
    }

    #[test]
    fn a_wrong_line_of_what_is_held_is_named() {
        let form = "expected `!holds nothing`, or `!holds`, a database, a key, its type, and perhaps `until` and a \
                    time such as 1700000000000ms";
        check("!holds", &format!("line 1: {form}"));
        check("SET a 1\n!holds x a string\n  \"1\"\n", &format!("line 2: {form}"));
        check("SET a 1\n!holds 0 a string until 5s\n  \"1\"\n", &format!("line 2: {form}"));
        check("SET a 1\n!holds 0 a string\n", "line 2: expected what is held, indented by two spaces, below this line");
        check("SET a 1\n!holds nothing\n!holds 0 a string\n  \"1\"\n", "line 3: something is held, and nothing");
        check("SET a 1\n!holds nothing\n!details\n  OK\n", "line 3: expected the details below an entry, and once");
        check(
            "!holds 0 a string\n  \"1\"\nGET a\n",
            "line 3: expected `!holds` or `!details`: no op may follow what is held in the end",
        );
        check(
            "!holds nothing\n  \"1\"\n",
            "line 2: an indented line is a reply or a value, and nothing stands above it that has one",
        );
    }

    #[test]
    fn the_head_is_read() {
        let head = "# dst trace 3\nseed: 5\ngenerator: 2\nprofile: mixed\nstart_ms: -7\nrecorded_by: redis 7.0.15\nnote: \"two\\nlines\"\nreplies: yes\n\nNOCOMMAND\n  OK\n";
        let trace = read(head.as_bytes()).expect("it is a trace");
        assert_eq!(print(&trace).expect("memory does not fail"), head);
        assert_eq!((trace.header.generator, trace.header.note.as_str()), (2, "two\nlines"));
    }

    #[test]
    fn a_wrong_line_is_named() {
        check("SET a 1\nSET \"a", "line 2: a quoted word has no closing quote");
        check("SET a 1\n!advance 5s\n", "line 2: expected `!advance` and a time such as 1500ms");
        check("SET a 1\n!fault x 1.5\n", "line 2: expected `!fault`, a name, and integers");
        check("SET a 1\n!open now\n", "line 2: nothing may follow !open");
        check("SET a 1\n@x GET a\n", "line 2: expected a connection from @0 to @65535");
        check(
            "SET a 1\n\n!fly\n",
            "line 3: `!fly` is none of !advance, !await, !call, !close, !crash, !fault, !open, !raw, !restart",
        );
        check("SET a 1\n  OK\nGET a\n", "line 3: expected a reply below this op");
        check("SET a 1\nGET a\n  OK\n", "line 3: expected no reply: the ops above have none, or the header says so");
        check("SET a 1\n  OK\n  OK\n", "line 3: the reply above is complete: expected an op, which is not indented");
        check(
            "SET a 1\n  - \"a\"\n    - \"b\"\n",
            "line 3: the reply above is complete: expected an op, which is not indented",
        );
        check("SET a 1\n  (integer) x\n", "line 2: expected a 64-bit integer after (integer)");
        check("SET a 1\n  (maybe)\n", "line 2: (maybe) is no kind of reply");
        check("SET a 1\n OK\n", "line 2: expected a reply, indented by two spaces");
        check("SET a 1\n  % OK\n", "line 3: expected `= ` and a value below its key, behind 2 spaces");
        check(
            "SET a 1\nBREW tea\n",
            "line 2: `BREW` is no command of Redis (a text of other commands begins with the line `# dst trace 3`)",
        );
        check(
            "SET a 1\nlastsave\n",
            "line 2: dst leaves `lastsave` out: it ends the server, or is about the files of its persistence (a text of other commands begins with the line `# dst trace 3`)",
        );
        check(
            "# dst trace 1\nSET a 1\n",
            "line 2: expected a header line (seed: N, generator: N, profile: NAME, start_ms: N, recorded_by: NAME VERSION, note: \"TEXT\", replies: yes) or a blank line before the first op",
        );
        check("# dst trace 7\n\n", "the trace is in format 7; this dst reads up to format 3: use a newer dst");
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = format!("GET a\n  {}OK\n", "- ".repeat(100));
        check(&deep, "line 2: replies nest deeper than 32");
    }

    proptest! {
        #[test]
        fn any_trace_round_trips(trace in arbitrary::trace()) {
            let text = print(&trace).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert!(text.is_ascii());
            let again = read(text.as_bytes()).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
            prop_assert_eq!(again, trace, "{}", text);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "([!@#\"'(-~>%=|: a-zA\n]|  ){0,60}") {
            let _ = read(format!("# dst trace 1\n\n{text}").as_bytes());
        }
    }
}
