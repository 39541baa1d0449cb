//! Holds what a connection was answered, and what is left of its keys, against a model: an embedded Redlite in memory
//! to which nothing happens.

use std::collections::BTreeSet;

use super::load::Run;
use super::verdict::{CounterFault, Verdict};
use crate::diff::keyspace::{Difference, differences};
use crate::diff::{ClockSkew, Entry, Keyspace, Settings, rules, transactions};
use crate::targets::{self, Session, TargetError, TargetOptions};
use crate::trace::{Header, Op};
use resp::{Argv, Reply};
use spec::{self, Family};

/// Times of deliveries are those of the machine's clock; there are no other times in what is sent.
pub(super) const SETTINGS: Settings = Settings {
    errors: crate::diff::ErrorMode::Text,
    clock: ClockSkew::Real { ahead_ms: 0, tolerance_ms: 0 },
    simple_bulks: false,
};

/// The kind of a [`Difference`] that is not in a key's value.
const DETAILS: &str = "details";

/// What is to be said of a lane.
pub(super) enum Judged {
    /// All is as it should be.
    Holds {
        /// The least number of its ops, no fewer than were acknowledged, after which the keys are as they were found.
        prefix: usize,
    },
    /// Something is not.
    Wrong {
        /// The index of the op at which it shows.
        at: usize,
        /// What it is.
        verdict: Verdict,
    },
}

/// How the keys of the model are to those that were found.
enum Match {
    Same,
    /// In their values, but not in what else is told of a stream.
    Details(Difference),
    Differs(Keys),
}

/// The keys that are not as they were found.
struct Keys {
    count: usize,
    first: Difference,
}

/// The keys that differ after so many ops.
struct Differing {
    after: usize,
    keys: Keys,
}

impl Match {
    fn is_in_values(&self) -> bool {
        !matches!(self, Match::Differs(_))
    }
}

/// The model, used for one lane after another.
pub(super) struct Judge {
    model: Box<dyn Session>,
}

impl Judge {
    pub fn new() -> Result<Self, TargetError> {
        let model = targets::parse("redlite", &TargetOptions::default())?.open(&Header::default())?;
        Ok(Self { model })
    }

    /// Judges the replies and the keys of a lane. `found` is what the server holds of its keys.
    pub fn lane(&mut self, run: &Run, found: &Keyspace) -> Result<Judged, TargetError> {
        let ops = model_ops(run);
        let acknowledged = run.acknowledged();
        let wrong = |at, verdict| Ok(Judged::Wrong { at, verdict });
        self.model.reset(&Header::default())?;
        if let Some((at, verdict)) = self.wrong_reply(run, &ops[..acknowledged])? {
            return wrong(at, verdict);
        }
        if run.replies.len() > run.sent {
            return wrong(run.sent, Verdict::HalfRequest);
        }
        let (mut nearest, mut details) = (None::<Differing>, None);
        for at in acknowledged..=run.sent {
            if at > acknowledged && !self.step(&ops[at - 1])? {
                continue;
            }
            match self.compare(found)? {
                Match::Same => return Ok(Judged::Holds { prefix: at }),
                Match::Details(differs) => details = details.or(Some((at, differs))),
                Match::Differs(keys) if nearest.as_ref().is_none_or(|nearest| keys.count <= nearest.keys.count) => {
                    nearest = Some(Differing { after: at, keys });
                }
                Match::Differs(_) => {}
            }
        }
        if let Some((at, difference)) = details {
            return wrong(at, Verdict::LostDetails { difference });
        }
        let Some(Differing { after, keys: Keys { first: difference, .. } }) = nearest else {
            return Ok(Judged::Holds { prefix: run.sent });
        };
        if self.is_as_after(&ops, Argv::from(["EXEC"]), found)? {
            return wrong(run.sent, Verdict::UnsentExec);
        }
        if let Some(half) = run.lane.loss.as_ref().and_then(|loss| loss.half_request())
            && self.is_as_after(&ops, half.clone(), found)?
        {
            return wrong(run.sent, Verdict::HalfRequest);
        }
        match self.fewer_ops(&ops[..acknowledged], found)? {
            Some(found) => wrong(found, Verdict::LostWrite { acknowledged, found }),
            None => wrong(after, Verdict::Torn { acknowledged, sent: run.sent, nearest: after, difference }),
        }
    }

    /// Runs the acknowledged ops and returns the first reply that is not what it should have been.
    fn wrong_reply(&mut self, run: &Run, ops: &[Op]) -> Result<Option<(usize, Verdict)>, TargetError> {
        let mut wants = Vec::with_capacity(ops.len());
        self.model.replay(ops, &mut wants)?;
        let mut queues = transactions::Queues::default();
        for (at, (op, (want, got))) in ops.iter().zip(wants.into_iter().zip(&run.replies)).enumerate() {
            let queue = queues.note(op, &want);
            if want == *got || run.lane.counts(at) {
                continue;
            }
            let class = match queue {
                Some(queue) => transactions::compare(&SETTINGS, op, &queue, &want, got),
                None => rules::compare(&SETTINGS, op, &want, got),
            };
            if let Some(class) = class {
                return Ok(Some((at, Verdict::WrongData { class, want, got: got.clone() })));
            }
        }
        Ok(None)
    }

    /// Runs one op; false where it cannot have changed a key.
    fn step(&mut self, op: &Op) -> Result<bool, TargetError> {
        self.model.replay(std::slice::from_ref(op), &mut Vec::new())?;
        let command = op.argv().and_then(spec::lookup_request);
        Ok(command.is_none_or(|command| command.writes || command.family == Family::Transactions))
    }

    /// Whether the model holds its keys as they were found.
    fn compare(&mut self, found: &Keyspace) -> Result<Match, TargetError> {
        let held = self.model.keyspace()?.unwrap_or_else(|| Keyspace::unreadable(Reply::NullArray));
        let (details, others): (Vec<_>, Vec<_>) =
            differences(&SETTINGS, &held, found).into_iter().partition(|difference| difference.kind == DETAILS);
        let count = others.len();
        Ok(match (others.into_iter().next(), details.into_iter().next()) {
            (Some(first), _) => Match::Differs(Keys { count, first }),
            (None, Some(difference)) => Match::Details(difference),
            (None, None) => Match::Same,
        })
    }

    /// True where the keys are as after `ops` and then `last`.
    fn is_as_after(&mut self, ops: &[Op], last: Argv, found: &Keyspace) -> Result<bool, TargetError> {
        self.model.reset(&Header::default())?;
        self.model.replay(ops, &mut Vec::new())?;
        self.model.replay(&[Op::call(0, last)], &mut Vec::new())?;
        Ok(self.compare(found)?.is_in_values())
    }

    /// The greatest number of ops, fewer than all, after which the keys are as they were found.
    fn fewer_ops(&mut self, ops: &[Op], found: &Keyspace) -> Result<Option<usize>, TargetError> {
        self.model.reset(&Header::default())?;
        let mut fewer = found.entries.is_empty().then_some(0);
        for (at, op) in ops.iter().enumerate() {
            if self.step(op)? && self.compare(found)?.is_in_values() {
                fewer = Some(at + 1);
            }
        }
        Ok(fewer)
    }
}

/// The ops of a lane that the server may have seen, as the model runs them: without the counter.
fn model_ops(run: &Run) -> Vec<Op> {
    let request = |at: usize| if run.lane.counts(at) { Argv::from(["PING"]) } else { run.lane.requests[at].clone() };
    (0..run.sent).map(|at| Op::call(0, request(at))).collect()
}

/// What is wrong with the counter of all `runs`, of which the server holds `found`.
pub(super) fn counter_fault(runs: &[Run], found: Option<&Entry>) -> Option<CounterFault> {
    let (mut sent, mut acknowledged, mut least) = (0, 0, 0);
    let mut seen = BTreeSet::new();
    for run in runs {
        for at in (0..run.sent).filter(|&at| run.lane.counts(at)) {
            sent += 1;
            match run.replies.get(at) {
                None => {}
                Some(Reply::Int(number)) if seen.insert(*number) => {
                    acknowledged += 1;
                    least = least.max(*number);
                }
                Some(Reply::Int(number)) => return Some(CounterFault::Twice(*number)),
                Some(other) => return Some(CounterFault::NoNumber(other.clone())),
            }
        }
    }
    let text = found.map_or(Some("0"), |entry| entry.value.as_bytes().and_then(|text| std::str::from_utf8(text).ok()));
    let Some(found) = text.and_then(|text| text.parse().ok()) else {
        return found.map(|entry| CounterFault::NoNumber(entry.value.clone()));
    };
    let least = least.max(acknowledged);
    if found < least {
        return Some(CounterFault::Low { acknowledged: least, found });
    }
    (found > sent).then_some(CounterFault::High { sent, found })
}

#[cfg(test)]
mod tests {
    use super::super::load::End;
    use super::super::script::Lane;
    use super::*;

    const COUNT: &str = "INCR counter";

    fn argv(line: &str) -> Argv {
        line.split(' ').collect()
    }

    /// A lane that sent `lines`, of which the first `acknowledged` were answered as they should be.
    fn run(lines: &[&str], acknowledged: usize) -> Run {
        let requests: Vec<Argv> = lines.iter().map(|line| argv(line)).collect();
        let sent = requests.len();
        let lane =
            Lane { conn: 0, prefix: String::new(), requests, bursts: vec![sent], loss: None, count: argv(COUNT) };
        let mut run = Run { lane, sent, last_burst: sent, replies: Vec::new(), end: End::Killed };
        let ops = model_ops(&run);
        let mut judge = Judge::new().expect("a model");
        judge.model.replay(&ops[..acknowledged], &mut run.replies).expect("the model runs");
        run
    }

    /// Judges it where the server holds what it would hold after `held`.
    #[track_caller]
    fn check_run(run: &Run, held: &[&str], expected: &str) {
        let mut judge = Judge::new().expect("a model");
        let ops: Vec<Op> = held.iter().map(|line| Op::call(0, argv(line))).collect();
        judge.model.replay(&ops, &mut Vec::new()).expect("the model runs");
        let found = judge.model.keyspace().expect("it is read").expect("it tells its keys");
        let judged = match judge.lane(run, &found).expect("the model runs") {
            Judged::Holds { prefix } => format!("holds {prefix}"),
            Judged::Wrong { at, verdict } => format!("{} {at}", verdict.name()),
        };
        assert_eq!(judged, expected, "{:?}, found {held:?}", run.lane.requests);
    }

    #[track_caller]
    fn check(lines: &[&str], acknowledged: usize, held: &[&str], expected: &str) {
        check_run(&run(lines, acknowledged), held, expected);
    }

    #[test]
    fn keys_are_as_after_some_ops_that_include_all_acknowledged() {
        let lines = ["SET a 1", "GET a", "SET b 2", "APPEND a x"];
        check(&lines, 1, &lines[..1], "holds 1");
        check(&lines, 1, &lines[..3], "holds 3");
        check(&lines, 1, &lines, "holds 4");
        check(&lines, 3, &lines[..1], "lost-write 1");
        check(&lines, 3, &[], "lost-write 0");
        check(&lines, 2, &["SET a 1", "APPEND a x"], "torn-write 4");
        check(&lines, 4, &["SET b 2"], "torn-write 4");
    }

    #[test]
    fn a_transaction_is_there_whole_or_not_at_all() {
        let lines = ["SET a 1", "MULTI", "SET b 2", "SET c 3", "EXEC"];
        check(&lines, 1, &["SET a 1"], "holds 1");
        check(&lines, 1, &["SET a 1", "SET b 2", "SET c 3"], "holds 5");
        check(&lines, 1, &["SET a 1", "SET b 2"], "torn-write 5");
        check(&lines, 4, &["SET a 1"], "holds 4");
        check(&lines[..4], 4, &["SET a 1", "SET b 2", "SET c 3"], "unsent-exec 4");
        check(&["MSET a 1 b 2"], 0, &["SET a 1"], "torn-write 1");
    }

    #[test]
    fn replies_are_those_of_the_model_but_for_the_counter() {
        let mut answered = run(&["SADD s a b", COUNT, "SMEMBERS s", "GET k"], 4);
        answered.replies[1] = Reply::Int(17);
        answered.replies[2] = Reply::Array(vec![Reply::bulk("b"), Reply::bulk("a")]);
        check_run(&answered, &["SADD s a b"], "holds 4");
        answered.replies[3] = Reply::bulk("x");
        check_run(&answered, &["SADD s a b"], "wrong-data 3");
        answered.replies[3] = Reply::NullBulk;
        answered.replies.push(Reply::ok());
        check_run(&answered, &["SADD s a b"], "half-request 4");
    }

    #[test]
    fn details_of_a_stream_are_told_apart_from_its_entries() {
        let lines = ["XADD s 1-1 f v", "XGROUP CREATE s g 0", "XGROUP CREATECONSUMER s g c"];
        check(&lines, 3, &lines, "holds 3");
        check(&lines, 3, &lines[..2], "lost-details 3");
        check(&lines, 3, &lines[1..], "lost-write 0");
    }

    #[test]
    fn every_increment_counts_once() {
        #[track_caller]
        fn check(numbers: &[i64], sent: usize, found: &str, expected: Option<CounterFault>) {
            let mut run = run(&vec![COUNT; sent], 0);
            run.replies = numbers.iter().copied().map(Reply::Int).collect();
            let entry = Entry {
                db: 0,
                key: b"counter".to_vec(),
                kind: "string".to_owned(),
                value: Reply::bulk(found),
                details: None,
                expires_ms: None,
            };
            assert_eq!(counter_fault(&[run], Some(&entry)), expected, "{numbers:?} of {sent}, found {found}");
        }
        check(&[1, 2, 3], 5, "3", None);
        check(&[1, 2, 3], 5, "5", None);
        check(&[1, 2, 4], 5, "3", Some(CounterFault::Low { acknowledged: 4, found: 3 }));
        check(&[1, 2, 3], 5, "6", Some(CounterFault::High { sent: 5, found: 6 }));
        check(&[1, 2, 2], 5, "5", Some(CounterFault::Twice(2)));
        check(&[1], 1, "x", Some(CounterFault::NoNumber(Reply::bulk("x"))));
    }
}
