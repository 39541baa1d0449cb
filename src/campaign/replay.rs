//! Traces on a subject, one after the other, against a live reference or the replies that they hold.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::differential::{self, Comparison, Other, Outcome, Sides};
use super::sessions::open_others;
use super::{CampaignError, CommandLine, Progress, files, recording, sequence};
use crate::corpus::Known;
use crate::diff::{Keyspace, Settings};
use crate::generate::Group;
use crate::report::{Check, Drift, Finding, Flaky, Report, Verdict};
use crate::seed::Seed;
use crate::targets::recorded::Recorded;
use crate::targets::{Session, Target};
use crate::trace::{Block, Header, Op, Reader, TraceError};

/// A trace of up to so many ops and bytes is held whole: its divergence is confirmed, and one of the keyspaces laid
/// to the op that caused it. A longer one is streamed.
const WHOLE_OPS_MAX: usize = 20_000;
const WHOLE_BYTES_MAX: usize = 64 << 20;

/// How traces are replayed.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// What counts as the same reply.
    pub settings: Settings,
    /// Divergences that do not fail the run.
    pub known: &'a Known,
    /// For lines to paste.
    pub command: &'a CommandLine,
    /// For whoever watches.
    pub progress: &'a Progress,
    /// Set where the user asks to stop.
    pub stop: &'a AtomicBool,
}

/// Replays in progress: the sessions serve one trace after the other.
pub struct Replays<'a> {
    options: Options<'a>,
    subject: Box<dyn Session>,
    restarts: Restarts,
    reference: Option<Box<dyn Session>>,
    /// Of the references behind the first.
    others: Vec<Other>,
    /// True where the last trace does not tell what is held in the end, and there is no reference to ask.
    lacks_keyspace: bool,
    report: Report,
    started: Instant,
}

impl<'a> Replays<'a> {
    /// Opens the sessions. Without references, the replies in the traces are what is right.
    ///
    /// # Errors
    /// Where a target cannot be used.
    pub fn start(
        options: Options<'a>,
        subject: &dyn Target,
        references: &[Box<dyn Target>],
    ) -> Result<Self, CampaignError> {
        let header = Header::default();
        let names: Vec<String> = references.iter().map(|it| it.info().to_string()).collect();
        let (reference, others) = match references.split_first() {
            Some((first, others)) => (Some(first.open(&header)?), open_others(others, &header)?),
            None => (None, Vec::new()),
        };
        let report = Report {
            campaign: "replay",
            subject: subject.info().to_string(),
            reference: names.join(" or "),
            real_clock: subject.has_real_clock() || references.iter().any(|it| it.has_real_clock()),
            ..Report::default()
        };
        let restarts = Restarts { lose_data: subject.loses_data(), durable: subject.durable(), session: None };
        let subject = subject.open(&header)?;
        let started = Instant::now();
        Ok(Self { options, subject, restarts, reference, others, lacks_keyspace: false, report, started })
    }

    /// Replays one trace. `name` is for people, `file` is what a line to paste calls it.
    /// `None` where the user stopped it before its end; a divergence that was found until then is kept.
    ///
    /// # Errors
    /// [`CampaignError::NoReference`], a trace that cannot be read, and errors of the infrastructure.
    pub fn trace(&mut self, name: &str, file: &str, reader: Reader) -> Result<Option<Check>, CampaignError> {
        let started = Instant::now();
        if self.is_stopped() {
            return Ok(None);
        }
        self.note_reference(reader.header());
        let outcome = match self.compare(name, reader) {
            Ok(Some(outcome)) => outcome,
            // Ctrl-C also ends whoever writes our stdin.
            Err(error) if !self.is_stopped() => return Err(error),
            Ok(None) | Err(_) => {
                self.report.interrupted = true;
                return Ok(None);
            }
        };
        let command = |verb| self.options.command.with(&format!("{verb} {}", files::quote(file)));
        let paste = (command("replay"), Some(command("shrink")));
        Ok(Some(self.note(name.to_owned(), &outcome, started, paste)))
    }

    /// Runs the first `count` operations of a seed. `None` where the user stopped it.
    ///
    /// # Errors
    /// [`CampaignError::NoReference`] without a live reference, and errors of the infrastructure.
    pub fn seed(&mut self, seed: Seed, group: &'static Group, count: u64) -> Result<Option<Check>, CampaignError> {
        let started = Instant::now();
        if self.is_stopped() {
            return Ok(None);
        }
        let name = format!("seed {seed} of {}", group.name);
        let Some(reference) = &mut self.reference else { return Err(CampaignError::NoReference { name }) };
        let (header, ops) = sequence(seed, group, count);
        let options =
            differential::Options { settings: self.options.settings, ..differential::Options::new(self.options.known) };
        let (reference, subject) = (reference.as_mut(), self.subject.as_mut());
        let sides = &mut Sides { reference, others: &mut self.others, subject };
        let outcome = differential::compare(&header, &ops, sides, &options, &mut |_| {})?;
        self.report.totals.seeds += 1;
        let paste = (self.options.command.seed(seed, group, count), None);
        Ok(Some(self.note(name, &outcome, started, paste)))
    }

    /// Notes that a trace or a seed could not be replayed, and why, as a check of its own.
    pub fn fail(&mut self, name: &str, why: &str) -> Check {
        let check = Check {
            name: name.to_owned(),
            verdict: Verdict::Failed,
            ops: 0,
            seconds: 0.0,
            detail: why.strip_prefix(name).and_then(|why| why.strip_prefix(": ")).unwrap_or(why).to_owned(),
            diverged_at: None,
        };
        self.options.progress.step(0, false);
        self.report.checks.push(check.clone());
        check
    }

    /// Notes what was asked for and not checked.
    pub fn leave_unchecked(&mut self, what: String) {
        self.report.unchecked.push(what);
    }

    /// True where the last trace does not tell what is held in the end, so that only replies were compared.
    pub fn lacks_keyspace(&self) -> bool {
        self.lacks_keyspace
    }

    /// True where the user asked to stop, which the report then says.
    fn is_stopped(&mut self) -> bool {
        let stopped = self.options.stop.load(Ordering::Relaxed);
        self.report.interrupted |= stopped;
        stopped
    }

    /// What all of them came to.
    pub fn finish(mut self) -> Report {
        let seconds = self.started.elapsed().as_secs_f64();
        self.report.timing.seconds = seconds;
        self.report.timing.comparing_seconds = self.report.checks.iter().map(|check| check.seconds).sum();
        let count = self.report.checks.len();
        let noun = if self.report.totals.seeds > 0 { "seed" } else { "trace" };
        self.report.scope = format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
        self.report
    }

    /// Where replies are recorded, the report names who gave them.
    fn note_reference(&mut self, header: &Header) {
        let Some(by) = header.recorded_by.as_ref().filter(|_| self.reference.is_none()) else { return };
        let by = format!("{by} (recorded)");
        if !self.report.reference.split(", ").any(|known| known == by) {
            if !self.report.reference.is_empty() {
                self.report.reference.push_str(", ");
            }
            self.report.reference.push_str(&by);
        }
    }

    /// Counts what a run came to. `paste` are the lines that replay and shrink it.
    fn note(&mut self, name: String, outcome: &Outcome, started: Instant, paste: (String, Option<String>)) -> Check {
        self.report.totals.add(outcome);
        self.options.progress.step(0, outcome.divergence.is_some());
        let mut check = Check {
            name,
            verdict: Verdict::Agree,
            ops: outcome.ops,
            seconds: started.elapsed().as_secs_f64(),
            detail: String::new(),
            diverged_at: None,
        };
        for differential::Drift { class, agrees_with, .. } in &outcome.drift {
            let same = |seen: &&mut Drift| (&seen.class, &seen.agrees_with) == (class, agrees_with);
            match self.report.drift.iter_mut().find(same) {
                Some(seen) => seen.count += 1,
                None => {
                    let (class, agrees_with) = (class.clone(), agrees_with.clone());
                    self.report.drift.push(Drift { class, agrees_with, count: 1, found_in: check.name.clone() });
                }
            }
        }
        if let Some(divergence) = &outcome.divergence {
            check.diverged_at = Some(divergence.at);
            check.detail = format!("op {}: {}", divergence.at, divergence.class);
            check.verdict = if outcome.flaky { Verdict::Flaky } else { Verdict::Diverge };
            let found_in = check.name.clone();
            if outcome.flaky {
                self.report.flaky.push(Flaky { found_in, class: divergence.class.clone() });
            } else if let Some(seen) = self.report.findings.iter_mut().find(|it| it.class == divergence.class) {
                seen.count += 1;
            } else {
                let finding = Finding::new(found_in, divergence, outcome.excerpt.as_ref());
                let (replay, shrink) = paste;
                let notes = outcome.notes.clone();
                self.report.findings.push(Finding { replay, shrink, notes, ..finding });
            }
        }
        self.report.checks.push(check.clone());
        check
    }

    /// `None` where the user stopped it before its end and nothing diverged until then.
    fn compare(&mut self, name: &str, mut reader: Reader) -> Result<Option<Outcome>, CampaignError> {
        let header = reader.header().clone();
        let damaged = |source: TraceError| CampaignError::Trace { name: name.to_owned(), source };
        let mut held = hold(&mut reader).map_err(damaged)?;
        let options =
            differential::Options { settings: self.options.settings, ..differential::Options::new(self.options.known) };
        let mut subject = self.subject.as_mut();
        let loses_data = self.restarts.lose_data;
        let run = Run { name, header: &header, options, replays: &self.options, loses_data };
        self.lacks_keyspace = self.reference.is_none() && held.is_whole && held.keyspace.is_none();
        let Some(reference) = self.reference.as_mut() else {
            if loses_data && held.keyspace.is_some() && held.has_restarts() {
                match self.restarts.session()? {
                    Some(durable) => subject = durable,
                    None => {
                        held.keyspace = None;
                        self.report.unchecked.push(format!(
                            "{name}: what is held after its restart, as {} keeps nothing over one; name a subject \
                             that does",
                            self.report.subject
                        ));
                    }
                }
            }
            let rest = (!held.is_whole).then_some(&mut reader);
            return run.compare_recorded(&held, rest, subject);
        };
        if held.is_whole {
            let ops: Vec<Op> = held.blocks.into_iter().flat_map(|block| block.ops).collect();
            let sides = &mut Sides { reference: reference.as_mut(), others: &mut self.others, subject };
            let outcome = differential::compare(&header, &ops, sides, &run.options, &mut |_| {})?;
            self.options.progress.ops.fetch_add(outcome.ops, Ordering::Relaxed);
            return Ok(Some(outcome));
        }
        let run = Run { options: differential::Options { parallel: true, ..run.options }, ..run };
        let outcome = run.stream(&held, Some(&mut reader), reference.as_mut(), subject, None)?;
        Ok(outcome.map(|mut outcome| {
            if outcome.divergence.is_some() && !self.others.is_empty() {
                outcome.notes.push(format!(
                    "the trace has more than {WHOLE_OPS_MAX} ops or {} MB, so it was compared with the first reference \
                     only; shorten it to compare it with the others",
                    WHOLE_BYTES_MAX >> 20
                ));
            }
            outcome
        }))
    }
}

/// What a trace that restarts the subject is replayed on.
struct Restarts {
    /// True where the subject's data are gone then.
    lose_data: bool,
    /// The subject's store where they are not.
    durable: Option<Box<dyn Target>>,
    /// Open from the first trace on that needs it.
    session: Option<Box<dyn Session>>,
}

impl Restarts {
    /// A session in which restarts lose nothing; `None` where there is no such store.
    fn session(&mut self) -> Result<Option<&mut (dyn Session + 'static)>, CampaignError> {
        if let (None, Some(durable)) = (&self.session, &self.durable) {
            self.session = Some(durable.open(&Header::default())?);
        }
        Ok(match &mut self.session {
            Some(session) => Some(session.as_mut()),
            None => None,
        })
    }
}

/// A trace as far as it was read.
struct Held {
    blocks: Vec<Block>,
    /// False where more of it follows.
    is_whole: bool,
    /// What the reference held in the end, where that was read and recorded.
    keyspace: Option<Keyspace>,
}

impl Held {
    fn has_restarts(&self) -> bool {
        self.blocks.iter().any(|block| recording::has_restarts(&block.ops))
    }
}

/// Reads until the end, or until a trace is too long to be held.
fn hold(reader: &mut Reader) -> Result<Held, TraceError> {
    let (mut blocks, mut ops, mut bytes) = (Vec::new(), 0, 0);
    while ops < WHOLE_OPS_MAX && bytes < WHOLE_BYTES_MAX {
        let Some(block) = reader.next_block()? else {
            return Ok(Held { blocks, is_whole: true, keyspace: reader.take_keyspace() });
        };
        ops += block.ops.len();
        bytes += block.bytes();
        blocks.push(block);
    }
    Ok(Held { blocks, is_whole: false, keyspace: None })
}

/// The run of one trace.
struct Run<'a> {
    name: &'a str,
    header: &'a Header,
    options: differential::Options<'a>,
    replays: &'a Options<'a>,
    /// True where the subject's data are gone after a restart.
    loses_data: bool,
}

impl Run<'_> {
    /// Compares with the replies in the trace. A divergence of a trace that is held whole is confirmed.
    fn compare_recorded(
        &self,
        held: &Held,
        rest: Option<&mut Reader>,
        subject: &mut dyn Session,
    ) -> Result<Option<Outcome>, CampaignError> {
        let recorded = Recorded::default();
        let mut reference = recorded.open(self.header)?;
        let whole = rest.is_none();
        let outcome = self.stream(held, rest, reference.as_mut(), subject, Some(&recorded))?;
        let Some(mut outcome) = outcome else { return Ok(None) };
        if let Some(divergence) = outcome.divergence.as_ref().filter(|_| whole) {
            // A second run that is stopped says nothing against the first.
            if let Some(again) = self.stream(held, None, reference.as_mut(), subject, Some(&recorded))? {
                outcome.flaky = again.divergence.is_none_or(|again| again.class != divergence.class);
            }
        }
        Ok(Some(outcome))
    }

    /// Compares block by block: those that are held, then the rest of the trace. `None` where the user stopped it
    /// before its end and nothing diverged until then.
    fn stream(
        &self,
        held: &Held,
        rest: Option<&mut Reader>,
        reference: &mut dyn Session,
        subject: &mut dyn Session,
        recorded: Option<&Recorded>,
    ) -> Result<Option<Outcome>, CampaignError> {
        let mut comparison = Comparison::start(self.header, reference, subject, &self.options)?;
        let (mut goes_on, mut stopped) = (true, false);
        let (mut keyspace, mut has_restarts) = (held.keyspace.clone(), held.has_restarts());
        for block in &held.blocks {
            stopped |= goes_on && self.replays.stop.load(Ordering::Relaxed);
            goes_on = goes_on && !stopped && self.step(&mut comparison, block, recorded)?;
        }
        if let Some(reader) = rest {
            while goes_on {
                let block = reader.next_block();
                let block = block.map_err(|source| CampaignError::Trace { name: self.name.to_owned(), source })?;
                let Some(block) = block else { break };
                has_restarts |= recording::has_restarts(&block.ops);
                stopped = self.replays.stop.load(Ordering::Relaxed);
                goes_on = !stopped && self.step(&mut comparison, &block, recorded)?;
            }
            keyspace = reader.take_keyspace().filter(|_| !(has_restarts && self.loses_data));
        }
        let outcome = match recorded {
            // A trace that was stopped does not hold yet what it does in the end.
            Some(recorded) => {
                recorded.hold(keyspace.filter(|_| !stopped));
                // One that a seed does not name was shrunk, or written by hand.
                if self.header.seed.is_none() { comparison.finish_shrunk()? } else { comparison.finish()? }
            }
            None => comparison.finish()?,
        };
        Ok(Some(outcome).filter(|outcome| !stopped || outcome.divergence.is_some()))
    }

    /// Compares one block; false where it diverged.
    fn step(
        &self,
        comparison: &mut Comparison,
        block: &Block,
        recorded: Option<&Recorded>,
    ) -> Result<bool, CampaignError> {
        if let Some(recorded) = recorded {
            let none = || CampaignError::NoReference { name: self.name.to_owned() };
            recorded.feed(block.replies.clone().ok_or_else(none)?);
        }
        self.replays.progress.ops.fetch_add(block.ops.len() as u64, Ordering::Relaxed);
        Ok(comparison.block(&block.ops, &mut |_| {})?)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use super::*;
    use crate::diff::Keyspace;
    use crate::targets::TargetError;
    use crate::trace::{Limits, TargetInfo};
    use resp::Reply;

    /// Answers nil to everything. Once it has run so many ops the user presses Ctrl-C.
    #[derive(Clone)]
    struct Nil {
        stops_after: usize,
        stop: Arc<AtomicBool>,
        ran: usize,
    }

    impl Target for Nil {
        fn info(&self) -> TargetInfo {
            TargetInfo::default()
        }

        fn open(&self, _: &Header) -> Result<Box<dyn Session>, TargetError> {
            Ok(Box::new(self.clone()))
        }
    }

    impl Session for Nil {
        fn replay(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError> {
            self.ran += ops.len();
            self.stop.fetch_or(self.ran >= self.stops_after, Ordering::Relaxed);
            replies.extend(ops.iter().map(|_| Reply::NullBulk));
            Ok(())
        }

        fn keyspace(&mut self) -> Result<Option<Keyspace>, TargetError> {
            Ok(None)
        }

        fn out_of_step(&mut self) -> Result<Option<Reply>, TargetError> {
            Ok(None)
        }

        fn reset(&mut self, _: &Header) -> Result<(), TargetError> {
            Ok(())
        }
    }

    /// Replays a trace of these ops, then another, where Ctrl-C comes after `stops_after` ops.
    fn check(first: &str, stops_after: usize, expected: (&[Verdict], bool)) {
        let stop = Arc::new(AtomicBool::new(false));
        let subject = Nil { stops_after, stop: Arc::clone(&stop), ran: 0 };
        let (known, command, progress) = (Known::none(), CommandLine::default(), Progress::default());
        let options = Options {
            settings: Settings::default(),
            known: &known,
            command: &command,
            progress: &progress,
            stop: &stop,
        };
        let mut replays = Replays::start(options, &subject, &[]).expect("it starts");
        for text in [first, "GET a\n  (nil)\n"] {
            let text = format!("# dst trace 1\nreplies: yes\n\n{text}");
            let reader = Reader::open(Box::new(Cursor::new(text)), Limits::default()).expect("it is a trace");
            replays.trace("a", "a", reader).expect("nothing fails");
        }
        let report = replays.finish();
        let verdicts: Vec<Verdict> = report.checks.iter().map(|check| check.verdict).collect();
        assert_eq!((&verdicts[..], report.interrupted), expected, "{first:?} stopped after {stops_after}");
    }

    #[test]
    fn what_is_done_when_the_user_stops_is_kept() {
        check("GET a\n  (nil)\n", 9, (&[Verdict::Agree, Verdict::Agree], false));
        check("GET a\n  (nil)\n", 1, (&[Verdict::Agree], true));
        check("GET a\n  \"v\"\n", 1, (&[Verdict::Diverge], true));
    }
}
