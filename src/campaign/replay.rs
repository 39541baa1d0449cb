//! Traces on a subject, one after the other, against a live reference or the replies that they hold.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::differential::{self, Comparison, Outcome};
use super::{CampaignError, CommandLine, Progress, files, sequence};
use crate::corpus::Known;
use crate::diff::{Keyspace, Settings};
use crate::generate::Group;
use crate::report::{Check, Finding, Flaky, Report, Verdict};
use crate::resp::Reply;
use crate::seed::Seed;
use crate::targets::{Session, Target, TargetError};
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
    reference: Option<Box<dyn Session>>,
    report: Report,
    started: Instant,
}

impl<'a> Replays<'a> {
    /// Opens the sessions. Without a reference, the replies in the traces are what is right.
    ///
    /// # Errors
    /// Where a target cannot be used.
    pub fn start(
        options: Options<'a>,
        subject: &dyn Target,
        reference: Option<&dyn Target>,
    ) -> Result<Self, CampaignError> {
        let header = Header::default();
        let report = Report {
            campaign: "replay",
            subject: subject.info().to_string(),
            reference: reference.map(|it| it.info().to_string()).unwrap_or_default(),
            ..Report::default()
        };
        Ok(Self {
            options,
            subject: subject.open(&header)?,
            reference: reference.map(|it| it.open(&header)).transpose()?,
            report,
            started: Instant::now(),
        })
    }

    /// Replays one trace. `name` is for people, `file` is what a line to paste calls it.
    /// `None` where the user stopped it.
    ///
    /// # Errors
    /// [`CampaignError::NoReference`], a trace that cannot be read, and errors of the infrastructure.
    pub fn trace(&mut self, name: &str, file: &str, reader: Reader) -> Result<Option<Check>, CampaignError> {
        let started = Instant::now();
        self.note_reference(reader.header());
        let outcome = self.compare(name, reader);
        if self.options.stop.load(Ordering::Relaxed) {
            self.report.interrupted = true;
            return Ok(None);
        }
        let outcome = outcome?;
        let replay = self.options.command.with(&format!("replay {}", files::quote(file)));
        Ok(Some(self.note(name.to_owned(), &outcome, started, replay)))
    }

    /// Runs the first `count` operations of a seed. `None` where the user stopped it.
    ///
    /// # Errors
    /// [`CampaignError::NoReference`] without a live reference, and errors of the infrastructure.
    pub fn seed(&mut self, seed: Seed, group: &'static Group, count: u64) -> Result<Option<Check>, CampaignError> {
        let started = Instant::now();
        if self.options.stop.load(Ordering::Relaxed) {
            self.report.interrupted = true;
            return Ok(None);
        }
        let name = format!("seed {seed} of {}", group.name);
        let Some(reference) = &mut self.reference else { return Err(CampaignError::NoReference { name }) };
        let (header, ops) = sequence(seed, group, count);
        let options =
            differential::Options { settings: self.options.settings, ..differential::Options::new(self.options.known) };
        let (right, tested) = (reference.as_mut(), self.subject.as_mut());
        let outcome = differential::compare(&header, &ops, right, tested, &options, &mut |_, _| ())?;
        self.report.totals.seeds += 1;
        let replay = self.options.command.seed(seed, group, count);
        Ok(Some(self.note(name, &outcome, started, replay)))
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

    fn note(&mut self, name: String, outcome: &Outcome, started: Instant, replay: String) -> Check {
        self.report.totals.add(outcome);
        self.options.progress.step(0, outcome.divergence.is_some());
        let mut check = Check {
            name,
            verdict: Verdict::Agree,
            ops: outcome.ops,
            seconds: started.elapsed().as_secs_f64(),
            detail: String::new(),
        };
        if let Some(divergence) = &outcome.divergence {
            check.detail = format!("op {}: {}", divergence.at, divergence.class);
            check.verdict = if outcome.flaky { Verdict::Flaky } else { Verdict::Diverge };
            let found_in = check.name.clone();
            if outcome.flaky {
                self.report.flaky.push(Flaky { found_in, class: divergence.class.clone() });
            } else if let Some(seen) = self.report.findings.iter_mut().find(|it| it.class == divergence.class) {
                seen.count += 1;
            } else {
                let finding = Finding::new(found_in, divergence, outcome.excerpt.as_ref());
                self.report.findings.push(Finding { replay, ..finding });
            }
        }
        self.report.checks.push(check.clone());
        check
    }

    fn compare(&mut self, name: &str, mut reader: Reader) -> Result<Outcome, CampaignError> {
        let damaged = |source: TraceError| CampaignError::Trace { name: name.to_owned(), source };
        let header = reader.header().clone();
        let tape = Tape::default();
        let mut recorded = tape.clone();
        let recording = self.reference.is_none();
        let reference: &mut dyn Session = match &mut self.reference {
            Some(reference) => reference.as_mut(),
            None => &mut recorded,
        };
        let load = |block: &mut Block| match block.replies.take() {
            _ if !recording => Ok(()),
            Some(replies) => Ok(tape.feed(replies)),
            None => Err(CampaignError::NoReference { name: name.to_owned() }),
        };
        let options = differential::Options {
            settings: self.options.settings,
            keyspace: !recording,
            ..differential::Options::new(self.options.known)
        };

        let (mut ops, mut bytes) = (Vec::new(), 0);
        while ops.len() < WHOLE_OPS_MAX && bytes < WHOLE_BYTES_MAX {
            let Some(mut block) = reader.next_block().map_err(damaged)? else {
                let subject = self.subject.as_mut();
                return Ok(differential::compare(&header, &ops, reference, subject, &options, &mut |_, _| ())?);
            };
            load(&mut block)?;
            self.options.progress.ops.fetch_add(block.ops.len() as u64, Ordering::Relaxed);
            bytes += block.ops.iter().filter_map(Op::argv).map(|argv| argv.bytes_len()).sum::<usize>();
            ops.append(&mut block.ops);
        }
        tape.forget_on_replay();
        let options = differential::Options { parallel: !recording, ..options };
        let mut comparison = Comparison::start(&header, reference, self.subject.as_mut(), &options)?;
        let mut goes_on = comparison.block(&ops, &mut |_, _| ())?;
        drop(ops);
        while goes_on && !self.options.stop.load(Ordering::Relaxed) {
            let Some(mut block) = reader.next_block().map_err(damaged)? else { break };
            load(&mut block)?;
            self.options.progress.ops.fetch_add(block.ops.len() as u64, Ordering::Relaxed);
            goes_on = comparison.block(&block.ops, &mut |_, _| ())?;
        }
        Ok(comparison.finish()?)
    }
}

/// The replies of a trace as a session: fed with them as they are read, it answers with them in their order.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<TapeState>>);

#[derive(Default)]
struct TapeState {
    replies: VecDeque<Reply>,
    /// How many were played since the start; counts only where they are kept.
    played: usize,
    /// True where a played reply is dropped, so that no more than a block is held: it cannot be reset any more.
    forgets: bool,
}

impl Tape {
    fn state(&self) -> MutexGuard<'_, TapeState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn feed(&self, replies: Vec<Reply>) {
        self.state().replies.extend(replies);
    }

    fn forget_on_replay(&self) {
        self.state().forgets = true;
    }
}

impl Session for Tape {
    fn replay(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError> {
        let mut state = self.state();
        if state.forgets {
            let count = ops.len().min(state.replies.len());
            replies.extend(state.replies.drain(..count));
        } else {
            let from = state.played;
            replies.extend(state.replies.iter().skip(from).take(ops.len()).cloned());
            state.played += ops.len();
        }
        Ok(())
    }

    fn keyspace(&mut self) -> Result<Keyspace, TargetError> {
        Ok(Keyspace::default())
    }

    fn out_of_step(&mut self) -> Result<Option<Reply>, TargetError> {
        Ok(None)
    }

    fn reset(&mut self, _header: &Header) -> Result<(), TargetError> {
        self.state().played = 0;
        Ok(())
    }
}
