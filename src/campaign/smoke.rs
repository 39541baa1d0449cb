//! Everything, small, in a few seconds.

use std::path::Path;

use super::{CampaignError, Pair, Progress, files, oracle, replay};
use crate::generate;
use crate::report::{Check, Report, Verdict};
use crate::seed::Seed;

/// Seeds of each group, and operations of each seed.
const SEEDS: u64 = 20;
const OPS: u64 = 100;

/// What to run.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// How seeds are run; group, seeds and ops are smoke's own.
    pub oracle: oracle::Options<'a>,
    /// How traces are replayed.
    pub replay: replay::Options<'a>,
    /// The folder of recorded traces.
    pub traces: &'a Path,
    /// The folder of shrunk divergences.
    pub corpus: &'a Path,
}

/// A part of the smoke: pushes its checks and what they found.
type Part = fn(&Options, Pair, &mut dyn FnMut(Report)) -> Result<(), CampaignError>;

/// The table of parts, in their order.
const PARTS: &[Part] = &[run_groups, replay_traces, replay_corpus];

/// Runs every part. `tell` gets each check as soon as it is done.
///
/// # Errors
/// Infrastructure only.
pub fn run(options: &Options, pair: Pair, tell: &mut dyn FnMut(&Check)) -> Result<Report, CampaignError> {
    let mut whole = Report {
        campaign: "smoke",
        subject: pair.subject.info().to_string(),
        reference: pair.reference.info().to_string(),
        ..Report::default()
    };
    for part in PARTS {
        part(options, pair, &mut |report| {
            report.checks.iter().for_each(&mut *tell);
            whole.absorb(report);
        })?;
    }
    whole.scope = format!("{} checks", whole.checks.len());
    Ok(whole)
}

fn run_groups(options: &Options, pair: Pair, push: &mut dyn FnMut(Report)) -> Result<(), CampaignError> {
    for group in generate::groups() {
        let options = oracle::Options { first_seed: Seed(0), seeds: SEEDS, ops: OPS, group, ..options.oracle };
        let mut report = oracle::run(&options, pair, &Progress::default())?;
        report.checks.push(Check {
            name: format!("seeds of {}", group.name),
            verdict: if report.agrees() { Verdict::Agree } else { Verdict::Diverge },
            ops: report.totals.ops,
            seconds: report.timing.comparing_seconds,
            detail: report.findings.first().map(|first| first.class.to_string()).unwrap_or_default(),
        });
        push(report);
    }
    Ok(())
}

fn replay_traces(options: &Options, pair: Pair, push: &mut dyn FnMut(Report)) -> Result<(), CampaignError> {
    replay_folder(options.traces, options, pair, push)
}

fn replay_corpus(options: &Options, pair: Pair, push: &mut dyn FnMut(Report)) -> Result<(), CampaignError> {
    replay_folder(options.corpus, options, pair, push)
}

/// Replays every trace below a folder against the replies in it. No folder, no checks: the report shows it.
fn replay_folder(
    folder: &Path,
    options: &Options,
    pair: Pair,
    push: &mut dyn FnMut(Report),
) -> Result<(), CampaignError> {
    if !folder.exists() {
        return Ok(());
    }
    let mut replays = replay::Replays::start(options.replay, pair.subject, None)?;
    for path in files::list(folder)? {
        let name = path.display().to_string();
        if replays.trace(&name, &name, files::open(&path)?)?.is_none() {
            break;
        }
    }
    push(replays.finish());
    Ok(())
}
