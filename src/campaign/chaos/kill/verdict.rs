//! What may be wrong after a kill or a lost connection.

use std::fmt;

use crate::diff::Class;
use crate::diff::keyspace::Difference;
use crate::seed::Seed;
use crate::targets::Failure;
use crate::trace::Trace;
use crate::trace::text::format_reply;
use resp::Reply;

/// A broken invariant, with all that is needed to see it again.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The seed that showed it.
    pub seed: Seed,
    /// The connection whose keys show it; `None` where it is not about one.
    pub conn: Option<u16>,
    /// The op of the trace at which it shows.
    pub at: usize,
    /// What is wrong.
    pub verdict: Verdict,
    /// What that connection sent from its start on, with the crash or the close that ended it; where `conn` is `None`
    /// all connections, in turns. What the server saw of different connections came in another order.
    pub trace: Trace,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}", self.seed)?;
        if let Some(conn) = self.conn {
            write!(f, ", connection {conn}, op {}", self.at)?;
        }
        write!(f, ": {}", self.verdict)
    }
}

/// What is wrong. The indexes are those of the connection's ops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The keys are as after fewer ops than were acknowledged.
    LostWrite {
        /// So many ops were acknowledged.
        acknowledged: usize,
        /// The keys are as after so many.
        found: usize,
    },
    /// The keys are not as after any number of ops: a transaction or a request was done in part.
    Torn {
        /// So many ops were acknowledged.
        acknowledged: usize,
        /// So many ops were sent.
        sent: usize,
        /// After so many ops the fewest keys differ.
        nearest: usize,
        /// The first of these keys.
        difference: Difference,
    },
    /// The values of the keys are as after some number of ops that includes every acknowledged one, but what a server
    /// tells of a stream beside its entries is not: its groups, their consumers and what those have read.
    LostDetails {
        /// The first stream of which that is so.
        difference: Difference,
    },
    /// A request was answered wrongly.
    WrongData {
        /// How the replies differ.
        class: Class,
        /// What is right.
        want: Reply,
        /// What came.
        got: Reply,
    },
    /// A request of which only a part was sent was executed.
    HalfRequest,
    /// A transaction was executed whose EXEC was never sent.
    UnsentExec,
    /// The counter of all connections is not as their increments say.
    Counter {
        /// What is wrong with it.
        what: CounterFault,
    },
    /// Data of an earlier seed, found intact after an earlier recovery, has changed.
    OldDataChanged {
        /// The first key that has.
        difference: Difference,
    },
    /// A key that nobody wrote.
    StrayKey {
        /// Its database.
        db: u32,
        /// Its name.
        key: Vec<u8>,
    },
    /// The server did not come up again on its files, or did not tell what it holds.
    FailedRecovery {
        /// What happened, with the end of the server's log.
        why: String,
    },
    /// A connection ended or fell silent, though nobody had killed the server.
    Unserved {
        /// What the connection saw.
        failure: Failure,
        /// How the server ended and what it said last; empty where it lived on.
        last_words: String,
    },
}

impl Verdict {
    /// Its short name, for tables.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::LostWrite { .. } => "lost-write",
            Verdict::Torn { .. } => "torn-write",
            Verdict::LostDetails { .. } => "lost-details",
            Verdict::WrongData { .. } => "wrong-data",
            Verdict::HalfRequest => "half-request",
            Verdict::UnsentExec => "unsent-exec",
            Verdict::Counter { .. } => "counter",
            Verdict::OldDataChanged { .. } => "old-data-changed",
            Verdict::StrayKey { .. } => "stray-key",
            Verdict::FailedRecovery { .. } => "failed-recovery",
            Verdict::Unserved { .. } => "unserved",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::LostWrite { acknowledged, found } => {
                write!(f, "lost write: {acknowledged} ops were acknowledged, and the keys are as after {found} of them")
            }
            Verdict::Torn { acknowledged, sent, nearest, difference } => write!(
                f,
                "torn: {acknowledged} ops were acknowledged and {sent} sent, and the keys are not as after any number \
                 of these; as after {nearest} but for the {}",
                Shown(difference)
            ),
            Verdict::LostDetails { difference } => write!(f, "lost details of a stream: {}", Shown(difference)),
            Verdict::WrongData { class, want, got } => {
                write!(f, "wrong data: {class}: {}", Pair(want, got))
            }
            Verdict::HalfRequest => f.write_str("a request was executed of which only a part was sent"),
            Verdict::UnsentExec => f.write_str("a transaction was executed whose EXEC was never sent"),
            Verdict::Counter { what } => write!(f, "counter: {what}"),
            Verdict::OldDataChanged { difference } => {
                write!(f, "data of an earlier seed has changed: {}", Shown(difference))
            }
            Verdict::StrayKey { db, key } => {
                write!(f, "a key that nobody wrote: \"{}\" in database {db}", key.escape_ascii())
            }
            Verdict::FailedRecovery { why } => write!(f, "failed recovery: {why}"),
            Verdict::Unserved { failure, last_words } => {
                write!(f, "{failure}, though nobody had killed the server")?;
                if last_words.is_empty() { Ok(()) } else { write!(f, ": {last_words}") }
            }
        }
    }
}

/// What is wrong with the counter that all connections share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CounterFault {
    /// It is lower than an increment that was acknowledged, or than their number.
    Low {
        /// What it must be at least.
        acknowledged: i64,
        /// What it is.
        found: i64,
    },
    /// It is higher than all increments that were sent.
    High {
        /// How many were sent.
        sent: i64,
        /// What it is.
        found: i64,
    },
    /// Two increments were answered with the same number.
    Twice(i64),
    /// An increment was answered with something else than a number, or it holds something else.
    NoNumber(Reply),
}

impl fmt::Display for CounterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CounterFault::Low { acknowledged, found } => {
                write!(f, "increments up to {acknowledged} were acknowledged, and it is {found}")
            }
            CounterFault::High { sent, found } => write!(f, "{sent} increments were sent, and it is {found}"),
            CounterFault::Twice(number) => write!(f, "two increments were answered with {number}"),
            CounterFault::NoNumber(reply) => write!(f, "{} is no number", part(&on_one_line(reply), 0)),
        }
    }
}

/// How much of a reply is shown, in characters.
const SHOWN_MAX: usize = 160;
/// How much of it is shown before the first difference.
const SHOWN_BEFORE: usize = 40;

/// A reply on one line.
fn on_one_line(reply: &Reply) -> String {
    format_reply(reply).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The part of `text` from shortly before the character `from` on.
fn part(text: &str, from: usize) -> String {
    let skipped = from.saturating_sub(SHOWN_BEFORE);
    let shown: String = text.chars().skip(skipped).take(SHOWN_MAX).collect();
    let before = if skipped > 0 { "…" } else { "" };
    let after = if text.chars().count() > skipped + SHOWN_MAX { "…" } else { "" };
    format!("{before}{shown}{after}")
}

/// Two replies that differ, with the place where they do.
struct Pair<'a>(&'a Reply, &'a Reply);

impl fmt::Display for Pair<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (want, got) = (on_one_line(self.0), on_one_line(self.1));
        let same = want.chars().zip(got.chars()).take_while(|(want, got)| want == got).count();
        write!(f, "want {}, got {}", part(&want, same), part(&got, same))
    }
}

/// A difference of two keyspaces, for people.
struct Shown<'a>(&'a Difference);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { db, key, kind, want, got } = self.0;
        write!(f, "{kind} of \"{}\" in database {db}: {}", key.escape_ascii(), Pair(want, got))
    }
}
