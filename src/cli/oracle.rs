use std::sync::Arc;

use super::options::{CorpusArgs, GroupArgs, PairArgs, ReportArgs, SeedsArgs};
use super::progress::Bar;
use super::{Outcome, interrupt};
use crate::campaign::{Pair, Progress, oracle};

/// Random operations on subject and reference: finds, confirms, shrinks and files what differs
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    dst oracle --seeds 10000\n  \
    dst oracle --group lists --seeds 500 --subject 'exec:my-server --port {port}'\n  \
    dst oracle --seeds 1 --first-seed 4711          one seed again\n\n\
    After Ctrl-C it reports what was done so far and exits 1 where that holds a divergence, else 2.")]
pub(super) struct Args {
    #[command(flatten)]
    seeds: SeedsArgs,

    #[command(flatten)]
    group: GroupArgs,

    /// What is right
    #[arg(long, value_name = "TARGET", default_value = "redis", help_heading = "Targets")]
    against: String,

    #[command(flatten)]
    pair: PairArgs,

    /// How many classes of divergence to shrink at most
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Corpus")]
    shrinks: usize,

    #[command(flatten)]
    corpus: CorpusArgs,

    #[command(flatten)]
    report: ReportArgs,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let subject = args.pair.subject()?;
    let reference = args.pair.reference(&args.against, subject.as_ref())?;
    let known = args.corpus.known(subject.as_ref())?;
    let options = oracle::Options {
        first_seed: args.seeds.first_seed,
        seeds: args.seeds.seeds,
        ops: args.seeds.ops,
        group: args.group.group,
        jobs: args.seeds.jobs(),
        settings: args.pair.settings(),
        known: &known,
        shrinks_max: args.shrinks,
        store: &args.corpus.store(),
        command: &args.pair.command(Some(&args.against)),
        stop: interrupt::flag(),
    };
    let mut out = args.report.open()?;
    let progress = Arc::new(Progress::default());
    let bar = Bar::follow(Arc::clone(&progress), "seeds");
    let pair = Pair { reference: reference.as_ref(), subject: subject.as_ref() };
    let report = oracle::run(&options, pair, &progress);
    drop(bar);
    args.report.finish(&report?, out.as_mut())
}
