//! What replays things one after the other: `replay`, `corpus test` and `seeds test`.

use std::sync::Arc;

use anyhow::ensure;

use super::options::{CorpusArgs, PairArgs, ReportArgs};
use super::progress::Bar;
use super::{Outcome, describe, interrupt};
use crate::campaign::replay::{self, Replays};
use crate::campaign::{CampaignError, Progress};
use crate::corpus::Known;
use crate::report::{Check, Report};
use crate::targets::Target;

/// Arguments of all of them.
#[derive(Debug, clap::Args)]
pub(super) struct ReplaysArgs {
    #[command(flatten)]
    pair: PairArgs,

    #[command(flatten)]
    pub corpus: CorpusArgs,

    #[command(flatten)]
    pub report: ReportArgs,
}

/// Both sides, and which differences between them are known.
pub(super) struct Stage<'a> {
    args: &'a ReplaysArgs,
    against: &'a [String],
    subject: Box<dyn Target>,
    references: Vec<Box<dyn Target>>,
    known: Known,
}

/// What is done to how many of what, and how wide their names are printed.
pub(super) struct Round {
    pub verb: &'static str,
    pub count: usize,
    pub unit: &'static str,
    pub width: usize,
}

impl ReplaysArgs {
    /// The subject and what is right for it; no references where the replies in the traces are. Nothing is started yet.
    pub fn stage<'a>(&'a self, against: &'a [String]) -> anyhow::Result<Stage<'a>> {
        let subject = self.pair.subject()?;
        let references = self.pair.references(against, subject.as_ref())?;
        let known = self.corpus.known(subject.as_ref())?;
        Ok(Stage { args: self, against, subject, references, known })
    }
}

impl Stage<'_> {
    /// Replays each of `items` and prints what it came to, until `replay` says that the user stopped. `end` sees the
    /// report before it is printed. One of several that cannot be replayed is told in its place, by its `name`, and the
    /// others are replayed; where a target fails, they are not.
    ///
    /// # Errors
    /// Where something could not be replayed: when there is more, at the end of the report.
    pub fn run<T>(
        &self,
        round: &Round,
        items: impl IntoIterator<Item = T>,
        name: impl Fn(&T) -> String,
        mut replay: impl FnMut(&mut Replays, T) -> anyhow::Result<Option<Check>>,
        end: impl FnOnce(&mut Report, &Known),
    ) -> anyhow::Result<Outcome> {
        let Stage { args: ReplaysArgs { pair, report, .. }, against, subject, references, known } = self;
        let progress = Arc::new(Progress::default());
        let options = replay::Options {
            settings: pair.settings(),
            known,
            command: &pair.command(against),
            progress: &progress,
            stop: interrupt::flag(),
        };
        let mut out = report.open()?;
        let mut replays = Replays::start(options, subject.as_ref(), references)?;
        progress.start(round.verb, round.count as u64);
        let bar = Bar::follow(Arc::clone(&progress), round.unit);
        for (at, item) in items.into_iter().enumerate() {
            let name = name(&item);
            let (check, goes_on) = match replay(&mut replays, item) {
                Ok(Some(check)) => (check, true),
                Ok(None) => break,
                Err(error) if round.count > 1 => (replays.fail(&name, &describe(&error)), is_of_item(&error)),
                Err(error) => return Err(error),
            };
            bar.suspend(|| report.format.check(&check, round.width, out.as_mut()).and_then(|()| out.flush()))?;
            if !goes_on {
                let left = round.count - at - 1;
                replays.leave_unchecked(format!("the {left} {} behind {name}, where a target failed", round.unit));
                break;
            }
        }
        drop(bar);
        let mut whole = replays.finish();
        end(&mut whole, known);
        let (failed, count) = (whole.failed(), round.count);
        let outcome = report.finish(&whole, out.as_mut())?;
        ensure!(failed == 0, "{failed} of {count} {} could not be replayed", round.unit);
        Ok(outcome)
    }
}

/// True where an error says nothing about what is replayed next.
fn is_of_item(error: &anyhow::Error) -> bool {
    error.downcast_ref::<CampaignError>().is_none_or(CampaignError::is_of_trace)
}
