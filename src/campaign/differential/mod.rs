//! One trace on two sessions: the reference, which is right, and the subject, which is tested.
//!
//! [`compare`] runs a trace that is in memory, [`Comparison`] one that streams. Both run it block by block: the
//! reference all of a block at once, the subject up to each op that picks at random, so that the questions about
//! what it picked are put at the right moment ([`crate::diff::random`]).

mod attribution;
mod healing;
mod judge;
mod references;
mod taint;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::corpus::Known;
use crate::diff::keyspace::{self, Difference};
use crate::diff::rules;
use crate::diff::{Class, ClockSkew, Divergence, Excerpt, Keyspace, Settings};
use crate::shrink::{self, Found, Limits, Shrunk};
use crate::targets::{Session, TargetError};
use crate::trace::{Header, Op};
use resp::Reply;

use judge::Judge;

pub use healing::{Examination, Pace, Seen, examine};
pub use references::{Drift, Other, Sides};

/// From how many ops on a thread for the reference pays: below, starting it costs more than it saves.
const PARALLEL_OPS_MIN: usize = 512;

/// The most notes of an outcome: a server that dies of one command may die of many.
const NOTES_MAX: usize = 8;

/// The most candidates of a shrink that hang.
const HUNG_EVALUATIONS_MAX: usize = 20;

/// How two sessions are compared.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// What counts as the same reply.
    pub settings: Settings,
    /// Divergences that do not end the run.
    pub known: &'a Known,
    /// True where what both hold is compared in the end, where both tell it.
    pub keyspace: bool,
    /// Compares what both hold also after so many ops; 0 only in the end.
    pub checkpoint_ops: usize,
    /// How many ops go to a session at once.
    pub block_ops: usize,
    /// Runs the reference on a thread of its own, one block ahead, where there are ops enough to pay for that.
    pub parallel: bool,
    /// Runs a trace that diverges again; see [`Outcome::flaky`].
    pub confirm: bool,
    /// Passes over commands that the subject does not have, and what they write: see [`Outcome::unsupported`]. With
    /// several references, one of them may lack them as well, so each ends the run.
    pub past_unsupported: bool,
    /// Only replies from this op on are judged; those before it agree, whatever they are.
    pub judged_from: usize,
    /// Where the subject is known to agree with another reference: these ops are not judged, nor what they write.
    pub drift: &'a [Drift],
    /// Where the user asks to stop: shrinking then ends with the shortest trace so far.
    pub stop: Option<&'a AtomicBool>,
    /// When shrinking ends in the same way.
    pub until: Option<Instant>,
}

impl<'a> Options<'a> {
    /// Exact replies, the keyspaces in the end, confirmation, blocks of 4,096 ops, one thread.
    pub fn new(known: &'a Known) -> Self {
        Self {
            settings: Settings::default(),
            known,
            keyspace: true,
            checkpoint_ops: 0,
            block_ops: 4096,
            parallel: false,
            confirm: true,
            past_unsupported: false,
            judged_from: 0,
            drift: &[],
            stop: None,
            until: None,
        }
    }

    /// True where shrinking is to end.
    pub fn is_over(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
            || self.until.is_some_and(|until| Instant::now() >= until)
    }
}

/// What the run of one trace on two sessions found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Ops that both sessions ran, up to the divergence.
    pub ops: u64,
    /// Replies that were compared.
    pub replies: u64,
    /// Replies that were not compared, because a known divergence had left other data under their keys.
    pub skipped: u64,
    /// How often known divergences occurred.
    pub known: u64,
    /// Where the subject agrees with another reference and not with the first.
    pub drift: Vec<Drift>,
    /// The first of each command that the subject does not have, where the run went on.
    pub unsupported: Vec<Divergence>,
    /// The first divergence that is not known.
    pub divergence: Option<Divergence>,
    /// The ops and replies around the divergence, for [`mod@crate::diff::render`].
    pub excerpt: Option<Excerpt>,
    /// What no reply can say, where something diverged: how a server died, with its last words.
    pub notes: Vec<String>,
    /// True where a second run of the same trace did not show the same class.
    pub flaky: bool,
    /// True where the keyspaces were compared in the end. Keys that a known divergence left different are passed over.
    pub keyspace_compared: bool,
    /// True where something else than a reply differs in the end; see [`skim`].
    pub differs_in_the_end: bool,
}

impl Outcome {
    /// True where all of a trace of so many ops was judged, and agrees.
    pub fn is_whole(&self, ops: usize) -> bool {
        let differs = self.divergence.is_some() || self.differs_in_the_end || !self.unsupported.is_empty();
        !differs && self.skipped == 0 && self.known == 0 && self.ops == ops as u64
    }
}

/// How the replies to one op compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// They are the same, by the rule for the command.
    Agrees,
    /// A known divergence has left other data under its keys, or another reference answers so.
    Skipped,
    /// They differ in a way that is known.
    Known,
    /// The subject does not have the command, and the run goes on.
    Unsupported,
    /// They differ.
    Diverges(Box<Divergence>),
}

/// An op that both sides have run.
pub struct Observation<'a> {
    /// The op.
    pub op: &'a Op,
    /// The reference's reply.
    pub want: &'a Reply,
    /// How the subject's compares with it.
    pub judged: &'a Judged,
}

/// Sees every op once, for counters by command.
pub type Observer<'a> = &'a mut dyn FnMut(&Observation);

/// Resets the sessions, runs `ops` on both sides and compares every reply, then what both hold.
///
/// A divergence from the first reference is taken to the others; see [`Sides`].
///
/// A difference of the keyspaces is laid to the first op after which they differ, found by running prefixes
/// again; it counts before a reply that shows it later. Stops at the first divergence that is not known.
///
/// # Errors
/// Infrastructure only.
pub fn compare(
    header: &Header,
    ops: &[Op],
    sides: &mut Sides,
    options: &Options,
    observer: Observer,
) -> Result<Outcome, TargetError> {
    let mut outcome = references::run(header, ops, sides, options, observer)?;
    if let Some(divergence) = &outcome.divergence
        && options.confirm
    {
        let again = references::run(header, ops, sides, options, &mut |_| {})?;
        outcome.flaky = again.divergence.map(|again| again.class).as_ref() != Some(&divergence.class);
    }
    Ok(outcome)
}

/// Runs a trace once, on the first reference: a divergence is not laid to its cause, nor is it confirmed.
///
/// # Errors
/// Infrastructure only.
pub fn skim(
    header: &Header,
    ops: &[Op],
    sides: &mut Sides,
    options: &Options,
    observer: Observer,
) -> Result<Outcome, TargetError> {
    let mut comparison = Comparison::start(header, sides.reference, sides.subject, options)?;
    comparison.block(ops, observer)?;
    comparison.compare_end()?;
    let differs_in_the_end = comparison.end.is_some();
    Ok(Outcome { differs_in_the_end, ..comparison.judge.into_outcome() })
}

/// The kind of a divergence where the reference gave no reply; `None` where it gave one. What it would have said is
/// unknown, so nothing agrees with that, and it is no truth to record.
pub fn reference_failure(want: &Reply) -> Option<&'static str> {
    match want {
        Reply::Hung => Some("reference-hung"),
        Reply::Closed => Some("reference-closed"),
        _ => None,
    }
}

/// The shortest trace found that still shows the divergence; `None` where `ops` do not show its class.
///
/// It ends early, with a trace that may not be minimal, where the user asks to stop, and after
/// `HUNG_EVALUATIONS_MAX` candidates that hung: each takes the deadline of a reply at least.
///
/// # Errors
/// Infrastructure only.
pub fn shrink(
    header: &Header,
    ops: &[Op],
    divergence: &Divergence,
    sides: &mut Sides,
    options: &Options,
    limits: &Limits,
) -> Result<Option<Shrunk>, TargetError> {
    let options = Options { confirm: false, parallel: false, ..*options };
    shrink_with(ops, &divergence.class, &options, limits, &mut |candidate| {
        Ok(references::run(header, candidate, sides, &options, &mut |_| {})?.divergence)
    })
}

/// As [`shrink`], for a class that shows behind other divergences, which are healed. Those go as far as they can.
///
/// # Errors
/// Infrastructure only.
pub fn shrink_past(
    header: &Header,
    ops: &[Op],
    class: &Class,
    sides: &mut Sides,
    options: &Options,
    limits: &Limits,
) -> Result<Option<Shrunk>, TargetError> {
    shrink_with(ops, class, options, limits, &mut |candidate| {
        let seen = examine(header, candidate, sides, options, Pace::StepByStep, &mut |_| {})?.seen;
        Ok(seen.into_iter().map(|seen| seen.divergence).find(|it| it.class == *class))
    })
}

/// The divergence that a candidate shows.
type Show<'a> = dyn FnMut(&[Op]) -> Result<Option<Divergence>, TargetError> + 'a;

fn shrink_with(
    ops: &[Op],
    class: &Class,
    options: &Options,
    limits: &Limits,
    run: &mut Show,
) -> Result<Option<Shrunk>, TargetError> {
    let (mut evaluations, mut hung, mut given_up) = (0, 0, false);
    let shrunk = shrink::shrink(ops, class, limits, &mut |candidate| {
        // The first says that there is something to shrink. From where it gives up on, no candidate is better.
        given_up |= evaluations > 0 && (options.is_over() || hung >= HUNG_EVALUATIONS_MAX);
        if given_up {
            return Ok(None);
        }
        evaluations += 1;
        let divergence = run(candidate)?;
        hung += usize::from(divergence.as_ref().is_some_and(|it| [&it.want, &it.got].contains(&&Reply::Hung)));
        Ok(divergence.map(|found| Found { class: found.class, at: found.at }))
    })?;
    Ok(shrunk.map(|shrunk| Shrunk { evaluations, minimal: shrunk.minimal && !given_up, ..shrunk }))
}

/// The rule of a divergence in what both sides hold.
const KEYSPACE: &str = "keyspace";
/// The rule of a divergence where a connection has one reply too many or too few.
const STEP: &str = "step";
/// What stands for the command where a divergence is of the trace as a whole.
const WHOLE_TRACE: &str = "TRACE";

/// How long a difference must last where a clock is the machine's.
const MOMENT: Duration = Duration::from_millis(50);

/// How times are compared where a store has the machine's clock: a trace takes a moment to run.
const REAL_CLOCK: ClockSkew = ClockSkew::Real { ahead_ms: 0, tolerance_ms: 1000 };

/// A comparison of a trace that is too long to hold: its ops come block by block.
///
/// A divergence is not confirmed, and one that only shows in the end is laid to the whole trace.
pub struct Comparison<'a> {
    reference: &'a mut dyn Session,
    judge: Judge<'a>,
    /// How many ops had run when the keyspaces were last seen to be the same.
    agreed_ops: usize,
    /// What differs apart from replies.
    end: Option<End>,
}

/// A difference that no reply showed.
enum End {
    /// A connection is out of step: what came instead of the nonce, from the reference or the subject.
    Step { of_reference: bool, instead: Reply },
    /// The keyspaces differ, in one key at least.
    Keyspace(Vec<Difference>),
}

impl<'a> Comparison<'a> {
    /// Resets both sessions.
    ///
    /// # Errors
    /// Infrastructure only.
    pub fn start(
        header: &Header,
        reference: &'a mut dyn Session,
        subject: &'a mut dyn Session,
        options: &Options<'a>,
    ) -> Result<Self, TargetError> {
        reference.reset(header)?;
        subject.reset(header)?;
        // Those of the trace before this one.
        reference.take_notes();
        subject.take_notes();
        let mut options = *options;
        if !(reference.exact_clock() && subject.exact_clock()) {
            options.settings.clock = REAL_CLOCK;
        }
        Ok(Self { reference, judge: Judge::new(subject, options), agreed_ops: 0, end: None })
    }

    /// Runs the next ops; false where a divergence has been found and nothing more should be sent.
    ///
    /// # Errors
    /// Infrastructure only.
    pub fn block(&mut self, ops: &[Op], observer: Observer) -> Result<bool, TargetError> {
        let every = self.judge.options.checkpoint_ops;
        let mut rest = ops;
        while !rest.is_empty() && self.agrees() {
            let until = if every == 0 { rest.len() } else { every - self.judge.ops() % every };
            let (piece, later) = rest.split_at(until.min(rest.len()));
            self.replay(piece, observer)?;
            rest = later;
            if every > 0 && self.judge.ops().is_multiple_of(every) && self.agrees() {
                self.compare_keyspaces()?;
            }
        }
        Ok(self.agrees())
    }

    /// Compares what must hold in the end, and says what was found.
    ///
    /// # Errors
    /// Infrastructure only.
    pub fn finish(self) -> Result<Outcome, TargetError> {
        self.finish_at(WHOLE_TRACE)
    }

    /// As [`Comparison::finish`], of a trace that was shrunk: what shows in the end only is due to its last op.
    ///
    /// # Errors
    /// Infrastructure only.
    pub fn finish_shrunk(self) -> Result<Outcome, TargetError> {
        let tail = &self.judge.tail;
        let last = tail.ops.last().zip(tail.want.last()).map(|(op, want)| rules::command_name(op, want));
        self.finish_at(last.as_deref().unwrap_or(WHOLE_TRACE))
    }

    /// Lays what shows in the end only to `command`.
    fn finish_at(mut self, command: &str) -> Result<Outcome, TargetError> {
        self.compare_end()?;
        let notes = self.take_notes();
        let Self { mut judge, end, .. } = self;
        let at = judge.ops().saturating_sub(1);
        let divergences = match end {
            None => Vec::new(),
            Some(End::Step { of_reference, instead }) => vec![step_divergence(at, command, of_reference, instead)],
            Some(End::Keyspace(differences)) => {
                differences.into_iter().map(|difference| keyspace_divergence(at, command, difference)).collect()
            }
        };
        judge.settle(divergences);
        let mut outcome = judge.into_outcome();
        if outcome.divergence.is_some() {
            outcome.notes = notes;
        }
        Ok(outcome)
    }

    fn agrees(&self) -> bool {
        self.end.is_none() && self.judge.agrees()
    }

    fn replay(&mut self, ops: &[Op], observer: Observer) -> Result<(), TargetError> {
        let block_ops = self.judge.options.block_ops.max(1);
        let mut blocks = ops.chunks(block_ops);
        let mut want = Vec::new();
        if !self.judge.options.parallel || ops.len() < PARALLEL_OPS_MIN.max(block_ops + 1) {
            for block in blocks {
                want.clear();
                replay_whole(self.reference, block, &mut want)?;
                if !self.judge.block(block, &want, observer)? {
                    break;
                }
            }
            return Ok(());
        }
        let mut ahead = Vec::new();
        let mut next = blocks.next();
        replay_whole(self.reference, next.unwrap_or_default(), &mut want)?;
        while let Some(block) = next {
            next = blocks.next();
            ahead.clear();
            let (reference, judge) = (&mut *self.reference, &mut self.judge);
            let agrees = thread::scope(|scope| {
                let thread = scope.spawn(|| replay_whole(reference, next.unwrap_or_default(), &mut ahead));
                let agrees = judge.block(block, &want, observer);
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                agrees
            })?;
            if !agrees {
                break;
            }
            std::mem::swap(&mut want, &mut ahead);
        }
        Ok(())
    }

    /// What the sessions noted so far, each note once and with whose it is.
    fn take_notes(&mut self) -> Vec<String> {
        let mut notes = Vec::new();
        for (side, session) in [("reference", &mut *self.reference), ("subject", &mut *self.judge.subject)] {
            for note in session.take_notes().into_iter().map(|note| format!("{side}: {note}")) {
                if notes.len() < NOTES_MAX && !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
        notes
    }

    /// Looks for what no reply has shown, where it can still be judged.
    fn compare_end(&mut self) -> Result<(), TargetError> {
        if !self.agrees() || self.judge.taint.is_whole() {
            return Ok(());
        }
        let subject_instead = self.judge.subject.out_of_step()?;
        // The reference is asked for it together with whether it is in step.
        let got = if subject_instead.is_none() { self.expect_subjects()? } else { None };
        if let Some(instead) = self.reference.out_of_step()? {
            self.end = Some(End::Step { of_reference: true, instead });
        } else if let Some(instead) = subject_instead {
            self.end = Some(End::Step { of_reference: false, instead });
        } else {
            self.compare_with(got)?;
        }
        Ok(())
    }

    fn compare_keyspaces(&mut self) -> Result<(), TargetError> {
        let got = self.expect_subjects()?;
        self.compare_with(got)
    }

    /// True where both hold data that is to be compared.
    fn has_keyspaces(&self) -> bool {
        let is_wanted = self.judge.options.keyspace && !self.judge.taint.is_whole();
        is_wanted && self.reference.holds_data() && self.judge.subject.holds_data()
    }

    /// True where both clocks are the trace's.
    fn is_exact(&self) -> bool {
        self.reference.exact_clock() && self.judge.subject.exact_clock()
    }

    /// What the subject holds, which the reference likely does as well. `None` where a clock is real: what was done last
    /// is read last there, so that keys have expired on both sides alike.
    fn expect_subjects(&mut self) -> Result<Option<Keyspace>, TargetError> {
        if !(self.is_exact() && self.has_keyspaces()) {
            return Ok(None);
        }
        if self.judge.subject.wants_hints() {
            let want = read_keyspace(self.reference, "the reference")?;
            self.judge.subject.expect(&want);
        }
        let got = read_keyspace(self.judge.subject, "the subject")?;
        self.reference.expect(&got);
        Ok(Some(got))
    }

    /// Compares what the reference holds with what the subject does: `got`, or what is read now.
    fn compare_with(&mut self, got: Option<Keyspace>) -> Result<(), TargetError> {
        if !self.has_keyspaces() {
            return Ok(());
        }
        let want = read_keyspace(self.reference, "the reference")?;
        if got.is_none() && self.judge.subject.wants_hints() {
            self.judge.subject.expect(&want);
        }
        let got = got.map_or_else(|| read_keyspace(self.judge.subject, "the subject"), Ok)?;
        let mut differences = keyspace::differences(&self.judge.options.settings, &want, &got);
        if !self.is_exact() && differences.iter().any(|found| found.kind != keyspace::UNREADABLE) {
            // A key's time may be over on one side and not yet on the other.
            thread::sleep(MOMENT);
            let want = read_keyspace(self.reference, "the reference")?;
            let got = read_keyspace(self.judge.subject, "the subject")?;
            let again = keyspace::differences(&self.judge.options.settings, &want, &got);
            let is_there = |found: &Difference| again.iter().any(|it| (it.db, &it.key) == (found.db, &found.key));
            differences.retain(is_there);
        }
        let taint = &self.judge.taint;
        differences.retain(|found| found.kind == keyspace::UNREADABLE || !taint.has_key(&found.key));
        self.judge.outcome.keyspace_compared = want.instead().is_none();
        if differences.is_empty() {
            self.agreed_ops = self.judge.ops();
        } else {
            self.end = Some(End::Keyspace(differences));
        }
        Ok(())
    }
}

/// What a live `side` holds. One that does not tell its keys has not been compared, and must not seem to agree.
fn read_keyspace(session: &mut dyn Session, side: &str) -> Result<Keyspace, TargetError> {
    let untold = || Keyspace::unreadable(Reply::error(format!("{side} answers neither KEYS nor SCAN")));
    Ok(session.keyspace()?.unwrap_or_else(untold))
}

/// Replays `ops`; one reply for each is what a session promises.
fn replay_whole(session: &mut dyn Session, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError> {
    let before = replies.len();
    session.replay(ops, replies)?;
    assert_eq!(replies.len() - before, ops.len(), "a session gives one reply for each op");
    Ok(())
}

fn keyspace_divergence(at: usize, command: &str, difference: Difference) -> Divergence {
    let Difference { db, key, kind, want, got } = difference;
    let note = if kind == keyspace::UNREADABLE {
        "what one side holds cannot be read".to_owned()
    } else {
        format!("what both hold differs: {kind} of key \"{}\" in database {db}", key.escape_ascii())
    };
    Divergence {
        at,
        class: Class { command: command.into(), rule: KEYSPACE.into(), kind: kind.into() },
        want,
        got,
        key: (kind != keyspace::UNREADABLE).then_some((db, key)),
        note,
    }
}

fn step_divergence(at: usize, command: &str, of_reference: bool, instead: Reply) -> Divergence {
    let side = if of_reference { "reference" } else { "subject" };
    let (kind, nonce) = (format!("{side}-out-of-step"), Reply::bulk("the nonce"));
    let class = Class { command: command.into(), rule: STEP.into(), kind };
    let note = format!("a connection of the {side} does not answer ECHO with its argument");
    let (want, got) = if of_reference { (instead, nonce) } else { (nonce, instead) };
    Divergence { at, class, want, got, key: None, note }
}

#[cfg(test)]
mod tests;
