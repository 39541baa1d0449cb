use super::Outcome;
use super::options::{CorpusArgs, PairArgs, ReportArgs};

/// Everything, small, in a few seconds: seeds of every group, the traces, the corpus, and a bug that must be found
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What is right
    #[arg(long, value_name = "TARGET", default_value = "redis", help_heading = "Targets")]
    against: String,

    #[command(flatten)]
    pair: PairArgs,

    /// The directory of recorded traces
    #[arg(long, value_name = "DIR", default_value = "traces")]
    traces: std::path::PathBuf,

    #[command(flatten)]
    corpus: CorpusArgs,

    #[command(flatten)]
    report: ReportArgs,
}

pub(super) fn run(_args: Args) -> anyhow::Result<Outcome> {
    todo!()
}
