//! What several clients asked of one server at the same time, and what each was answered when.
//!
//! ```text
//! 1  [0..5]  SET k 1  -> OK
//! 2  [3..9]  GET k  -> "1"
//! 2  [11..]  INCR k
//! ```
//!
//! A line is a call: the client, when it was sent and when its answer had come (in microseconds), the request, and the
//! reply ([`super::replies`]). A call without an answer may have happened at any time after it was sent, or not at all.

use super::replies;
use crate::trace::Op;
use crate::trace::text::{format_op, parse_op};
use resp::{Argv, Reply};

/// The most calls of a history: it is held in memory, and a file comes from a stranger.
const CALLS_MAX: usize = 100_000;

/// What stands between a request and its reply. In both, it is written with an escape.
const ARROW: &str = "  -> ";
const ARROW_ESCAPED: &str = "  -\\x3e ";

/// A request of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which client.
    pub client: u16,
    /// What it asked.
    pub argv: Argv,
    /// When it was sent, in microseconds from some moment on.
    pub invoked_us: u64,
    /// When the answer had come, and which; `None` where none came.
    pub answered: Option<(u64, Reply)>,
}

impl Call {
    /// The reply, where one came.
    pub fn reply(&self) -> Option<&Reply> {
        self.answered.as_ref().map(|(_, reply)| reply)
    }

    /// When the answer had come.
    pub fn answered_us(&self) -> Option<u64> {
        self.answered.as_ref().map(|(at_us, _)| *at_us)
    }
}

/// The calls of all clients, in the order in which they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    calls: Vec<Call>,
}

impl History {
    /// These calls; each client's stand in its own order.
    pub fn new(mut calls: Vec<Call>) -> Self {
        calls.sort_by_key(|call| call.invoked_us);
        Self { calls }
    }

    /// The calls.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// The text form. Blank lines and those that begin with `#` are skipped.
    ///
    /// # Errors
    /// The line that is wrong, and what was expected there.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut calls: Vec<Call> = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if calls.len() == CALLS_MAX {
                return Err(format!("line {}: a history has at most {CALLS_MAX} calls", at + 1));
            }
            let call = parse_call(line).and_then(|call| follows(&calls, call));
            calls.push(call.map_err(|what| format!("line {}: {what}", at + 1))?);
        }
        Ok(Self::new(calls))
    }

    /// The text form.
    pub fn format(&self) -> String {
        self.calls.iter().map(|call| format!("{}\n", format_call(call))).collect()
    }
}

/// A call as its line.
pub(super) fn format_call(call: &Call) -> String {
    let request = format_op(&Op::call(0, call.argv.clone())).replace(ARROW, ARROW_ESCAPED);
    let Call { client, invoked_us, .. } = call;
    match &call.answered {
        None => format!("{client}  [{invoked_us}..]  {request}"),
        Some((answered_us, reply)) => {
            let reply = replies::format(reply).replace(ARROW, ARROW_ESCAPED);
            format!("{client}  [{invoked_us}..{answered_us}]  {request}{ARROW}{reply}")
        }
    }
}

fn parse_call(line: &str) -> Result<Call, String> {
    let form = "expected a client, an interval and a request, such as `1  [0..5]  SET k 1  -> OK`";
    let (client, rest) = line.split_once(char::is_whitespace).ok_or(form)?;
    let client = client.parse().map_err(|_| form)?;
    let rest = rest.trim_start().strip_prefix('[').ok_or(form)?;
    let (interval, rest) = rest.split_once(']').ok_or(form)?;
    let (invoked, answered) = interval.split_once("..").ok_or(form)?;
    let invoked_us = invoked.parse().map_err(|_| form)?;
    let (request, reply) = match rest.trim().split_once(ARROW) {
        Some((request, reply)) => (request, Some(replies::parse(reply.trim())?)),
        None => (rest.trim(), None),
    };
    let argv = parse_op(request.as_bytes())?.argv().cloned().ok_or("expected a command")?;
    let answered = match (answered, reply) {
        ("", None) => None,
        ("", Some(_)) => return Err("a call without the time of its answer has no reply".to_owned()),
        (_, None) => return Err("expected `  -> ` and the reply behind an answered request".to_owned()),
        (answered, Some(reply)) => Some((answered.parse().map_err(|_| form)?, reply)),
    };
    if answered.as_ref().is_some_and(|(at_us, _)| *at_us < invoked_us) {
        return Err("the answer cannot come before the request".to_owned());
    }
    Ok(Call { client, argv, invoked_us, answered })
}

/// A client waits for its answer before it asks again.
fn follows(calls: &[Call], call: Call) -> Result<Call, String> {
    let before = calls.iter().rev().find(|before| before.client == call.client);
    let is_over = before.is_none_or(|before| before.answered_us().unwrap_or(before.invoked_us) <= call.invoked_us);
    is_over.then_some(call).ok_or_else(|| "this client still waits for the answer above".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_text_and_back() {
        let text = "1  [0..5]  SET k 1  -> OK\n2  [3..9]  GET \"a  -\\x3e b\"  -> \"x  -\\x3e y\"\n2  [11..]  INCR k\n";
        let history = History::parse(text).expect("it is a history");
        assert_eq!(history.calls()[1].argv.get(1), Some(&b"a  -> b"[..]));
        assert_eq!(history.format(), text);
    }

    #[test]
    fn a_wrong_line_is_named() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            let error = History::parse(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
        check("\nSET k 1", "line 2: expected a client, an interval and a request");
        check("1 [5..3] GET k  -> nil", "line 1: the answer cannot come before the request");
        check("1 [0..3] GET k", "line 1: expected `  -> ` and the reply");
        check("1 [0..] GET k  -> nil", "line 1: a call without the time of its answer has no reply");
        check("1 [0..5] GET k  -> nil\n1 [3..] GET k", "line 2: this client still waits");
        check("1 [0..5] GET k  -> what", "line 1: \"what\" is no reply");
        check("1 [0..5] !close  -> OK", "line 1: expected a command");
    }
}
