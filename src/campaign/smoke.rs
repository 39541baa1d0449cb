//! Everything, small, in a few seconds.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{CampaignError, CommandLine, Pair, Progress, files, oracle, replay};
use crate::corpus::{Baseline, Known, Store};
use crate::diff::Settings;
use crate::generate::{self, Group};
use crate::report::{Check, Report, Verdict};
use crate::seed::Seed;
use crate::targets::{self, TargetOptions};

/// Seeds of each group, and operations of each seed.
const SEEDS: u64 = 20;
const OPS: u64 = 100;

/// A smoke that fails is followed by an oracle run, which shrinks more.
const SHRINKS_MAX: usize = 2;

/// The wrong Redlite that must be found, and the group that finds it.
const CANARY: &str = "canary:lrange-end";
const CANARY_GROUP: &str = "lists";

/// What to run.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// What counts as the same reply.
    pub settings: Settings,
    /// Divergences that do not fail the run.
    pub known: &'a Known,
    /// Seeds run at a time.
    pub jobs: NonZeroUsize,
    /// The folder of recorded traces.
    pub traces: &'a Path,
    /// The folder of shrunk divergences.
    pub corpus: &'a Path,
    /// For lines to paste.
    pub command: &'a CommandLine,
    /// For whoever watches.
    pub progress: &'a Progress,
    /// Set where the user asks to stop.
    pub stop: &'a AtomicBool,
}

/// A part of the smoke: pushes its checks and what they found.
type Part = fn(&Options, Pair, &mut dyn FnMut(Report)) -> Result<(), CampaignError>;

/// The table of parts, in their order.
const PARTS: &[Part] = &[run_groups, replay_traces, replay_corpus, miss_no_canary];

/// Runs every part. `tell` gets each check as soon as it is done.
///
/// # Errors
/// Infrastructure only.
pub fn run(options: &Options, pair: Pair, tell: &mut dyn FnMut(&Check)) -> Result<Report, CampaignError> {
    let mut whole = Report {
        campaign: "smoke",
        subject: pair.subject.info().to_string(),
        reference: pair.describe_references(),
        ..Report::default()
    };
    for part in PARTS {
        if options.stop.load(Ordering::Relaxed) {
            whole.interrupted = true;
            break;
        }
        part(options, pair, &mut |report| {
            report.checks.iter().for_each(&mut *tell);
            whole.absorb(report);
        })?;
    }
    whole.scope = format!("{} checks", whole.checks.len());
    Ok(whole)
}

/// The first seeds of a group, as the oracle runs them.
fn run_seeds(
    options: &Options,
    pair: Pair,
    group: &'static Group,
    shrinks_max: usize,
) -> Result<Report, CampaignError> {
    let oracle = oracle::Options {
        first_seed: Seed(0),
        seeds: SEEDS,
        ops: OPS,
        groups: &[group],
        jobs: options.jobs,
        settings: options.settings,
        known: options.known,
        shrinks_max,
        budget: None,
        baseline: &Baseline::default(),
        generate_all: false,
        unfold: false,
        matrix: false,
        store: &Store::new(options.corpus),
        command: options.command,
        stop: options.stop,
    };
    oracle::run(&oracle, pair, options.progress)
}

fn run_groups(options: &Options, pair: Pair, push: &mut dyn FnMut(Report)) -> Result<(), CampaignError> {
    // What needs a module is for the oracle, and for references that have it.
    for group in generate::groups().iter().filter(|group| group.module().is_none()) {
        let mut report = run_seeds(options, pair, group, SHRINKS_MAX)?;
        report.checks.push(Check {
            name: format!("seeds of {}", group.name),
            verdict: if report.agrees() { Verdict::Agree } else { Verdict::Diverge },
            ops: report.totals.ops,
            seconds: report.timing.comparing_seconds,
            detail: report.findings.first().map(|first| first.class.to_string()).unwrap_or_default(),
            diverged_at: None,
        });
        push(report);
    }
    Ok(())
}

fn replay_traces(options: &Options, pair: Pair, push: &mut dyn FnMut(Report)) -> Result<(), CampaignError> {
    let found = if options.traces.exists() { files::list(options.traces)? } else { Vec::new() };
    if !found.is_empty() {
        return replay_all(&found, options, pair, push);
    }
    let what = if options.traces.exists() { "holds no traces" } else { "is missing" };
    let missing = format!("{} {what}: a skipped check is no pass", options.traces.display());
    push(Report { failures: vec![missing], ..Report::default() });
    Ok(())
}

/// A corpus is there once something was found. What other campaigns keep in folders of their own below it is theirs.
fn replay_corpus(options: &Options, pair: Pair, push: &mut dyn FnMut(Report)) -> Result<(), CampaignError> {
    let paths: Vec<PathBuf> = Store::new(options.corpus).list()?.into_iter().map(|item| item.path).collect();
    if paths.is_empty() { Ok(()) } else { replay_all(&paths, options, pair, push) }
}

/// A wrong Redlite must diverge: a smoke that finds nothing there would find nothing anywhere.
fn miss_no_canary(options: &Options, pair: Pair, push: &mut dyn FnMut(Report)) -> Result<(), CampaignError> {
    let canary = targets::parse(CANARY, &TargetOptions::default())?;
    let pair = Pair::new(pair.reference, canary.as_ref());
    let flown = generate::group(CANARY_GROUP).map(|group| run_seeds(options, pair, group, 0));
    let flown = flown.transpose()?.unwrap_or_default();
    let found = !flown.agrees();
    if flown.interrupted && !found {
        push(Report { interrupted: true, ..Report::default() });
        return Ok(());
    }
    let mut report = Report { totals: flown.totals, ..Report::default() };
    report.totals.divergent = 0;
    report.checks.push(Check {
        name: format!("{CANARY} is found"),
        verdict: if found { Verdict::Agree } else { Verdict::Diverge },
        ops: flown.totals.ops,
        seconds: flown.timing.comparing_seconds,
        detail: String::new(),
        diverged_at: None,
    });
    if !found {
        report.failures.push(format!("{CANARY} is wrong, and no seed showed it: dst is blind"));
    }
    push(report);
    Ok(())
}

/// Replays traces against the replies in them.
fn replay_all(
    paths: &[PathBuf],
    options: &Options,
    pair: Pair,
    push: &mut dyn FnMut(Report),
) -> Result<(), CampaignError> {
    let replay_options = replay::Options {
        settings: options.settings,
        known: options.known,
        command: options.command,
        progress: options.progress,
        stop: options.stop,
    };
    options.progress.start("replaying", 0);
    let mut replays = replay::Replays::start(replay_options, pair.subject, &[])?;
    for path in paths {
        let name = path.display().to_string();
        let replayed = files::open(path).and_then(|reader| replays.trace(&name, &name, reader));
        match replayed {
            Ok(None) => break,
            Ok(Some(_)) => {}
            Err(error) if error.is_of_trace() => drop(replays.fail(&name, &error.to_string())),
            Err(error) => return Err(error),
        }
    }
    push(replays.finish());
    Ok(())
}
