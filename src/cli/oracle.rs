use super::Outcome;
use super::options::{CorpusArgs, GroupArgs, PairArgs, ReportArgs, SeedsArgs};

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
    #[arg(long, value_name = "N", default_value_t = 20)]
    shrinks: usize,

    #[command(flatten)]
    corpus: CorpusArgs,

    #[command(flatten)]
    report: ReportArgs,
}

pub(super) fn run(_args: Args) -> anyhow::Result<Outcome> {
    todo!()
}
