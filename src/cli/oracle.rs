use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::options::{
    AgainstArgs, CorpusArgs, DEFAULT_OPS, GroupsArgs, PairArgs, ReportArgs, SeedsArgs, pair, parse_duration,
};
use super::progress::Bar;
use super::{Outcome, interrupt};
use crate::campaign::{Progress, oracle};
use crate::corpus::Baseline;
use crate::report::Report;

/// Random operations on subject and reference: finds, confirms, shrinks and files what differs
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    dst oracle --seeds 10000\n  \
    dst oracle --group lists --seeds 500 --subject 'exec:my-server --port {port}'\n  \
    dst oracle --budget 10m --subject 'exec:my-server --port {port}'   all that is wrong with it\n  \
    dst oracle --seeds 1 --first-seed 4711          one seed again\n  \
    dst oracle --group all --seeds 100 --matrix     what each command came to\n  \
    dst oracle --against redis --against redis:7.2  right is what either answers\n\n\
    After Ctrl-C it reports what was done so far and exits 1 where that holds a divergence, else 2.")]
pub(super) struct Args {
    #[command(flatten)]
    seeds: SeedsArgs,

    #[command(flatten)]
    groups: GroupsArgs,

    #[command(flatten)]
    against: AgainstArgs,

    #[command(flatten)]
    pair: PairArgs,

    /// How many suspected bugs to shrink at most
    #[arg(long, value_name = "N", default_value_t = 300, help_heading = "Corpus")]
    shrinks: usize,

    /// How long the whole may take, as 30s, 10m or 1h: seeds are run and what they show is shrunk in turns
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    budget: Option<Duration>,

    /// Take the differences that are listed in FILE as accepted: only others fail the run
    #[arg(long, value_name = "FILE", help_heading = "Corpus")]
    baseline: Option<PathBuf>,

    /// Add all that is found to the accepted differences in FILE, which --baseline reads
    #[arg(long, value_name = "FILE", help_heading = "Corpus")]
    accept: Option<PathBuf>,

    /// Generate also commands and options that the subject was found to lack
    #[arg(long)]
    generate_all: bool,

    /// Tell every command of a systemic difference as a finding of its own
    #[arg(long, help_heading = "Report")]
    unfold: bool,

    #[command(flatten)]
    corpus: CorpusArgs,

    /// Print what each command came to: how often it was sent, what it answered, which options were never seen
    #[arg(long, help_heading = "Report")]
    matrix: bool,

    #[command(flatten)]
    report: ReportArgs,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let subject = args.pair.subject()?;
    let references = args.pair.references(&args.against.against, subject.as_ref())?;
    let known = args.corpus.known(subject.as_ref())?;
    let baseline = args.baseline.as_deref().map(Baseline::load).transpose()?.unwrap_or_default();
    let options = oracle::Options {
        first_seed: args.seeds.first_seed,
        seeds: args.seeds.seeds(args.budget.is_some())?,
        ops: args.seeds.ops.unwrap_or(DEFAULT_OPS),
        groups: &args.groups.groups(),
        jobs: if args.budget.is_some() { args.seeds.jobs_that_wait() } else { args.seeds.jobs() },
        settings: args.pair.settings(),
        known: &known,
        shrinks_max: args.shrinks,
        budget: args.budget,
        generate_all: args.generate_all,
        // Each is accepted for itself.
        unfold: args.unfold || args.accept.is_some(),
        baseline: &baseline,
        store: &args.corpus.store(),
        matrix: args.matrix,
        command: &args.pair.command(&args.against.against),
        stop: interrupt::flag(),
    };
    let mut out = args.report.open()?;
    let progress = Arc::new(Progress::default());
    let bar = Bar::follow(Arc::clone(&progress), "seeds");
    let report = oracle::run(&options, pair(&references, subject.as_ref())?, &progress);
    drop(bar);
    let mut report = report?;
    if let Some(path) = &args.baseline {
        tell_unseen(&baseline, path);
    }
    if let Some(path) = &args.accept {
        accept(&mut report, path)?;
    }
    args.report.finish(&report, out.as_mut())
}

/// Says how many accepted differences did not show: the list can get shorter.
fn tell_unseen(baseline: &Baseline, path: &Path) {
    let unseen = baseline.unseen();
    if let Some(first) = unseen.first() {
        let (count, class, shape) = (unseen.len(), &first.class, &first.shape);
        eprintln!("{}: {count} listed and not seen, the first of them {class} ({shape})", path.display());
    }
}

/// Writes what was found to a baseline; it is no failure of this run then.
fn accept(report: &mut Report, path: &Path) -> anyhow::Result<()> {
    let mut baseline = if path.exists() { Baseline::load(path)? } else { Baseline::default() };
    let day = today();
    for finding in std::mem::take(&mut report.findings) {
        baseline.accept(finding.class, &finding.shape, &day)?;
        report.accepted += 1;
    }
    Ok(baseline.save(path)?)
}

/// The day in UTC, as `2026-11-30`: the calendar's eras of 400 years begin in March.
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
