use std::path::PathBuf;

use super::Outcome;
use super::options::{PairArgs, ReportArgs};

/// Replay traces on a subject and compare its replies with the reference's
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    dst replay traces/                             against the replies recorded in the traces\n  \
    dst replay bug.trace --subject redis://:6380   test your own server (it must be empty)\n  \
    dst record --seed 5 | dst replay --against redis\n  \
    dst replay issue.txt                           an armored trace, with the text around it")]
pub(super) struct Args {
    /// Trace files, directories of *.trace files, or `-` for stdin [default: stdin]
    #[arg(value_name = "TRACE")]
    traces: Vec<PathBuf>,

    /// What is right [default: the replies recorded in the trace]
    #[arg(long, value_name = "TARGET", help_heading = "Targets")]
    against: Option<String>,

    #[command(flatten)]
    pair: PairArgs,

    #[command(flatten)]
    report: ReportArgs,
}

pub(super) fn run(_args: Args) -> anyhow::Result<Outcome> {
    todo!()
}
