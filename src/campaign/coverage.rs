//! Counts what each command came to: the data of `dst oracle --matrix`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::differential::{Judged, Observation, Outcome};
use crate::diff::kind::UNSUPPORTED;
use crate::report::matrix::{Counts, Matrix, Row};
use crate::resp::{Argv, Reply};
use crate::spec::{self, Command, is_container, left_out, syntax};
use crate::trace::Act;

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
            Act::Await => {
                if let Some(request) = self.waiting.get_mut(&op.conn).and_then(|waiting| waiting.blocked.take()) {
                    self.answer(op.conn, request, want);
                }
            }
            Act::Open | Act::Close => {
                self.waiting.remove(&op.conn);
            }
            Act::Restart | Act::Crash => self.waiting.clear(),
            Act::Raw(_) | Act::Advance { .. } | Act::Fault(_) => {}
        }
    }

    fn observe_call(&mut self, conn: u16, argv: &Argv, want: &Reply, judged: &Judged) {
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
            if let (Some(queued), Some(replies)) = (queued, want.as_elements()) {
                queued.into_iter().zip(replies).for_each(|(request, reply)| self.answer(conn, request, reply));
            }
        }
    }

    /// Counts what a request came to.
    fn answer(&mut self, conn: u16, request: Request, reply: &Reply) {
        let Cells { counts, words } = &mut self.cells[request.at];
        *counts.replies.entry(reply.kind()).or_default() += 1;
        match reply {
            Reply::Pending => self.waiting.entry(conn).or_default().blocked = Some(request),
            Reply::Simple(text) if text == b"QUEUED" => self.waiting.entry(conn).or_default().queued.push(request),
            Reply::Hung | Reply::Closed => {}
            _ => match reply.as_error() {
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
        if let Some(divergence) = outcome.divergence.as_ref().filter(|_| !outcome.flaky)
            && let Some(counts) = self.counts_of(&divergence.class.command)
        {
            match divergence.class.kind == UNSUPPORTED {
                true => counts.unsupported += 1,
                false => counts.diverged += 1,
            }
        }
        for found in &outcome.drift {
            if let Some(counts) = self.counts_of(&found.class.command) {
                counts.drift += 1;
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
