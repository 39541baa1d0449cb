use std::sync::Arc;
use std::time::Duration;

use super::options::{
    AgainstArgs, CorpusArgs, DEFAULT_OPS, GroupsArgs, PairArgs, ReportArgs, SeedsArgs, pair, parse_duration,
};
use super::progress::Bar;
use super::{Outcome, interrupt};
use crate::campaign::{Progress, oracle};

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
    let options = oracle::Options {
        first_seed: args.seeds.first_seed,
        seeds: args.seeds.seeds(args.budget.is_some())?,
        ops: args.seeds.ops.unwrap_or(DEFAULT_OPS),
        groups: &args.groups.groups(),
        jobs: args.seeds.jobs(),
        settings: args.pair.settings(),
        known: &known,
        shrinks_max: args.shrinks,
        budget: args.budget,
        generate_all: args.generate_all,
        unfold: args.unfold,
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
    args.report.finish(&report?, out.as_mut())
}
