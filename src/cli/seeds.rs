use clap::Subcommand;

use super::Outcome;
use super::options::{CorpusArgs, GroupArgs, PairArgs, ReportArgs};
use crate::seed::Seed;

/// The seed bank, corpus/seeds.txt: list, add, run
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    dst seeds add 17 --group lists \"LPOS with a negative RANK\"\n  \
    dst seeds test")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the bank
    List {
        #[command(flatten)]
        corpus: CorpusArgs,
    },
    /// Add a seed
    Add {
        /// The seed
        seed: Seed,

        /// Why it is worth keeping
        description: String,

        #[command(flatten)]
        group: GroupArgs,

        #[command(flatten)]
        corpus: CorpusArgs,
    },
    /// Run every seed of the bank
    Test {
        /// What is right
        #[arg(long, value_name = "TARGET", default_value = "redis", help_heading = "Targets")]
        against: String,

        #[command(flatten)]
        pair: PairArgs,

        /// Operations for each seed
        #[arg(long, value_name = "N", default_value_t = 100)]
        ops: u64,

        #[command(flatten)]
        corpus: CorpusArgs,

        #[command(flatten)]
        report: ReportArgs,
    },
}

pub(super) fn run(_args: Args) -> anyhow::Result<Outcome> {
    todo!()
}
