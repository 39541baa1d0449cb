//! Counts what each command came to: the data of `dst oracle --matrix`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::differential::{Judged, Observation, Outcome};
use crate::diff::Class;
use crate::diff::kind::UNSUPPORTED;
use crate::report::matrix::{Counts, Matrix, Row};
use crate::trace::Act;
use resp::{Argv, Reply};
use spec::{self, Command, is_container, left_out, syntax};

/// Of each command, so many distinct error texts are kept: the first in the order of their bytes.
const ERROR_TEXTS_MAX: usize = 64;

/// The option words of each command, in the order of [`spec::commands`], each once.
static WORDS: LazyLock<Vec<Vec<&'static str>>> = LazyLock::new(|| spec::commands().map(option_words).collect());

fn option_words(command: &Command) -> Vec<&'static str> {
    let mut words = Vec::new();
    for word in syntax::words(command.tree()) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// What was seen of every command so far.
#[derive(Debug)]
pub struct Coverage {
    /// In the order of [`spec::commands`].
    cells: Vec<Cells>,
    /// What waits for its reply, by the number of its connection.
    waiting: BTreeMap<u16, Waiting>,
}

/// What was seen of one command.
#[derive(Clone, Debug, Default)]
struct Cells {
    counts: Counts,
    /// How often each option word was in a request that succeeded, in the order of [`WORDS`].
    words: Vec<u64>,
}

/// A request, as far as it is counted.
#[derive(Debug)]
struct Request {
    /// Its command's place in the table.
    at: usize,
    /// The indexes of its option words.
    words: Vec<usize>,
}

/// Requests whose reply comes with another op.
#[derive(Debug, Default)]
struct Waiting {
    /// The one that blocks.
    blocked: Option<Request>,
    /// Those of the transaction that is open.
    queued: Vec<Request>,
}

impl Default for Coverage {
    fn default() -> Self {
        Self::new()
    }
}

impl Coverage {
    /// Nothing was seen.
    pub fn new() -> Self {
        let cells = |words: &Vec<&str>| Cells { words: vec![0; words.len()], ..Cells::default() };
        Self { cells: WORDS.iter().map(cells).collect(), waiting: BTreeMap::new() }
    }

    /// No connection of the trace before waits any more.
    pub fn start_trace(&mut self) {
        self.waiting.clear();
    }

    /// Counts one op. What its request came to is by the reference's reply: of one that blocks, by the reply that
    /// wakes it, and of one in a transaction, by the reply to EXEC.
    pub fn observe(&mut self, seen: &Observation) {
        let Observation { op, want, judged } = *seen;
        match &op.act {
            Act::Call(argv) => self.observe_call(op.conn, argv, want, judged),
            Act::Await => self.wake(op.conn, want),
            Act::Open | Act::Close => {
                self.waiting.remove(&op.conn);
            }
            Act::Restart | Act::Crash => self.waiting.clear(),
            Act::Raw(_) | Act::Advance { .. } | Act::Fault(_) => {}
        }
    }

    /// Counts the reply to what a connection was blocked with; none where it still is.
    fn wake(&mut self, conn: u16, want: &Reply) {
        if telling(want) == Some(&Reply::Pending) {
            return;
        }
        if let Some(request) = self.waiting.get_mut(&conn).and_then(|waiting| waiting.blocked.take()) {
            self.answer(conn, request, want);
        }
    }

    fn observe_call(&mut self, conn: u16, argv: &Argv, want: &Reply, judged: &Judged) {
        if self.waiting.get(&conn).is_some_and(|waiting| waiting.blocked.is_some()) {
            if telling(want) == Some(&Reply::Pending) {
                return;
            }
            self.wake(conn, want.frames().first().unwrap_or(want));
        }
        let Some(at) = spec::position(argv) else { return };
        let Some((cells, command)) = self.cells.get_mut(at).zip(spec::commands().nth(at)) else { return };
        cells.counts.requests += 1;
        match judged {
            Judged::Agrees => cells.counts.agreed += 1,
            Judged::Skipped => cells.counts.not_compared += 1,
            Judged::Known => cells.counts.known += 1,
            Judged::Unsupported => cells.counts.unsupported += 1,
            // Counted by what the whole trace came to: the cause may be an op before it.
            Judged::Diverges(_) => {}
        }
        self.answer(conn, Request { at, words: words_in(at, command, argv) }, want);
        if matches!(command.name, "EXEC" | "DISCARD" | "RESET") && want.as_error().is_none() {
            let queued = self.waiting.get_mut(&conn).map(|waiting| std::mem::take(&mut waiting.queued));
            let replies = want.frames().iter().filter_map(Reply::as_elements).next_back();
            if let (Some(queued), Some(replies)) = (queued, replies) {
                queued.into_iter().zip(replies).for_each(|(request, reply)| self.answer(conn, request, reply));
            }
        }
    }

    /// Counts what a request came to.
    fn answer(&mut self, conn: u16, request: Request, reply: &Reply) {
        let Cells { counts, words } = &mut self.cells[request.at];
        *counts.replies.entry(reply.kind()).or_default() += 1;
        match telling(reply) {
            Some(Reply::Pending) => self.waiting.entry(conn).or_default().blocked = Some(request),
            Some(reply) if is_queued(reply) => self.waiting.entry(conn).or_default().queued.push(request),
            Some(Reply::Hung | Reply::Closed) | None => {}
            Some(reply) => match reply.as_error() {
                Some(text) => {
                    *counts.errors.entry(String::from_utf8_lossy(text).into_owned()).or_default() += 1;
                    drop_surplus(&mut counts.errors);
                }
                None => {
                    counts.succeeded += 1;
                    request.words.iter().for_each(|&word| words[word] += 1);
                }
            },
        }
    }

    /// Counts what a whole trace came to.
    pub fn add(&mut self, outcome: &Outcome) {
        if let Some(divergence) = outcome.divergence.as_ref().filter(|_| !outcome.flaky) {
            self.add_divergence(&divergence.class);
        }
        for found in &outcome.drift {
            if let Some(counts) = self.counts_of(&found.class.command) {
                counts.drift += 1;
            }
        }
    }

    /// Counts a divergence, by the command that it is laid to.
    pub fn add_divergence(&mut self, class: &Class) {
        if let Some(counts) = self.counts_of(&class.command) {
            match class.kind == UNSUPPORTED {
                true => counts.unsupported += 1,
                false => counts.diverged += 1,
            }
        }
    }

    /// The counts of the command of this name, if it is one.
    fn counts_of(&mut self, name: &str) -> Option<&mut Counts> {
        let at = spec::commands().position(|command| command.name == name)?;
        Some(&mut self.cells[at].counts)
    }

    /// Adds what another part of the campaign saw.
    pub fn merge(&mut self, other: Coverage) {
        for (cells, more) in self.cells.iter_mut().zip(other.cells) {
            cells.counts.merge(more.counts);
            drop_surplus(&mut cells.counts.errors);
            cells.words.iter_mut().zip(more.words).for_each(|(sum, more)| *sum += more);
        }
    }

    /// The matrix of it all.
    pub fn into_matrix(self) -> Matrix {
        let rows = spec::commands().zip(self.cells).zip(WORDS.iter());
        let rows = rows.filter(|((command, cells), _)| !is_container(command) || cells.counts.requests > 0);
        let row = |((command, Cells { counts, words: seen }), words): ((&Command, Cells), &Vec<&'static str>)| Row {
            command: command.name,
            family: command.family,
            counts,
            options: words.iter().copied().zip(seen).collect(),
        };
        Matrix { rows: rows.map(row).collect(), left_out: left_out::LEFT_OUT.to_vec() }
    }
}

/// Of all that arrived, the frame that tells what the request came to; messages of channels may stand around it.
fn telling(reply: &Reply) -> Option<&Reply> {
    let frames = reply.frames();
    let tells = |frame: &&Reply| frame.as_error().is_some() || **frame == Reply::Pending || is_queued(frame);
    frames.iter().find(tells).or_else(|| frames.last())
}

fn is_queued(reply: &Reply) -> bool {
    matches!(reply, Reply::Simple(text) if text == b"QUEUED")
}

/// Drops the last texts where there are too many: which are kept does not depend on the order in which they came.
fn drop_surplus(errors: &mut BTreeMap<String, u64>) {
    while errors.len() > ERROR_TEXTS_MAX {
        errors.pop_last();
    }
}

/// The indexes of the option words that a request holds. What stands before the first word of its syntax is none.
fn words_in(at: usize, command: &Command, argv: &Argv) -> Vec<usize> {
    let words = &WORDS[at];
    if words.is_empty() {
        return Vec::new();
    }
    let values = command.tree().iter().take_while(|node| matches!(node, syntax::Node::Slot(_))).count();
    let first = command.name.split(' ').count() + values;
    let is_there = |word: &str| argv.iter().skip(first).any(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
    (0..words.len()).filter(|&word| is_there(words[word])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Op;
    use crate::trace::text::parse_op;

    fn op(line: &str) -> Op {
        parse_op(line.as_bytes()).expect("a line of a trace")
    }

    /// Ops with the reference's replies; then `COMMAND requests/succeeded words` of each command that was sent.
    #[track_caller]
    fn check(ops: &[(&str, Reply)], expected: &[&str]) {
        let mut coverage = Coverage::new();
        for (line, want) in ops {
            coverage.observe(&Observation { op: &op(line), want, judged: &Judged::Agrees });
        }
        let rows = coverage.into_matrix().rows;
        let told = rows.iter().filter(|row| row.counts.requests > 0).map(|row| {
            let words: Vec<&str> = row.options.iter().filter(|(_, seen)| **seen > 0).map(|(word, _)| *word).collect();
            format!("{} {}/{} {}", row.command, row.counts.succeeded, row.counts.requests, words.join(" "))
        });
        assert_eq!(told.map(|line| line.trim_end().to_owned()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn options_count_where_the_request_succeeds() {
        check(
            &[
                ("SET xx get NX", Reply::ok()),
                ("set k v get KEEPTTL", Reply::NullBulk),
                ("SET k v EX 0", Reply::error("ERR invalid expire time in 'set' command")),
                ("GET k", Reply::NullBulk),
                ("NOSUCH", Reply::error("ERR unknown command")),
            ],
            &["GET 1/1", "SET 2/3 GET KEEPTTL NX"],
        );
    }

    #[test]
    fn what_waits_counts_by_the_reply_that_comes_later() {
        let pushed = Reply::Array(vec![Reply::bulk("k"), Reply::bulk("v")]);
        check(
            &[
                ("@1 BLMPOP 0 1 k LEFT", Reply::Pending),
                ("@1 !await", Reply::Pending),
                ("@2 BLPOP k 0", Reply::Pending),
                ("RPUSH k v", Reply::Int(1)),
                ("@1 !await", pushed),
            ],
            &["RPUSH 1/1", "BLMPOP 1/1 LEFT", "BLPOP 0/1"],
        );
        let queued = || Reply::Simple(b"QUEUED".to_vec());
        let replies = Reply::Array(vec![Reply::ok(), Reply::error("WRONGTYPE a")]);
        check(
            &[
                ("MULTI", Reply::ok()),
                ("SET k v XX", queued()),
                ("LLEN k", queued()),
                ("EXEC", Reply::Frames(vec![Reply::Push(Vec::new()), replies])),
                ("MULTI", Reply::ok()),
                ("GET k", queued()),
                ("DISCARD", Reply::ok()),
            ],
            &["GET 0/1", "SET 1/1 XX", "LLEN 0/1", "DISCARD 1/1", "EXEC 1/1", "MULTI 2/2"],
        );
    }
}
