use std::path::PathBuf;

use clap::Subcommand;

use super::Outcome;
use super::options::{CorpusArgs, PairArgs, ReportArgs};

/// The shrunk divergences: list, add, replay
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    dst corpus test                    every divergence ever found must stay fixed\n  \
    dst corpus add minimal.trace")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the traces by class
    List {
        #[command(flatten)]
        corpus: CorpusArgs,
    },
    /// Add a trace that diverges
    Add {
        /// The trace: a file, or `-` for stdin
        #[arg(value_name = "TRACE")]
        trace: PathBuf,

        /// What is right
        #[arg(long, value_name = "TARGET", default_value = "redis", help_heading = "Targets")]
        against: String,

        #[command(flatten)]
        pair: PairArgs,

        #[command(flatten)]
        corpus: CorpusArgs,
    },
    /// Replay every trace: what was once fixed must agree, what is known must still diverge
    Test {
        /// What is right [default: the replies recorded in the traces]
        #[arg(long, value_name = "TARGET", help_heading = "Targets")]
        against: Option<String>,

        #[command(flatten)]
        pair: PairArgs,

        #[command(flatten)]
        corpus: CorpusArgs,

        #[command(flatten)]
        report: ReportArgs,
    },
}

pub(super) fn run(_args: Args) -> anyhow::Result<Outcome> {
    todo!()
}
