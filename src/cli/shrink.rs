use std::path::PathBuf;

use super::Outcome;
use super::options::{CorpusArgs, PairArgs};

/// Reduce a divergent trace to the fewest and simplest operations that show the same divergence
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dst shrink found.trace --against redis --output minimal.trace")]
pub(super) struct Args {
    /// The trace: a file, or `-` for stdin
    #[arg(value_name = "TRACE")]
    trace: PathBuf,

    /// What is right [default: redis, for the replies in a trace fit only the whole trace]
    #[arg(long, value_name = "TARGET", help_heading = "Targets")]
    against: Option<String>,

    #[command(flatten)]
    pair: PairArgs,

    /// Write the minimal trace to this file instead of the corpus
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    corpus: CorpusArgs,
}

pub(super) fn run(_args: Args) -> anyhow::Result<Outcome> {
    todo!()
}
