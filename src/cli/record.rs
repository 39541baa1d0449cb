use std::path::PathBuf;

use super::Outcome;
use super::options::{AccessArgs, GroupArgs};
use crate::seed::Seed;

/// Generate a trace from a seed, and record a target's replies to it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    dst record --seed 5 | dst replay --against redis\n  \
    dst record --seed 5 --group lists --ops 20 --text\n  \
    dst record --seed 5 --from redis --output lists.trace")]
pub(super) struct Args {
    /// Everything follows from it: the same seed gives the same trace on every machine
    #[arg(long, value_name = "N", default_value = "0")]
    seed: Seed,

    #[command(flatten)]
    group: GroupArgs,

    /// How many operations
    #[arg(long, value_name = "N", default_value_t = 1000)]
    ops: u64,

    /// Record the replies of this target with the operations
    #[arg(long, value_name = "TARGET")]
    from: Option<String>,

    /// A line for people, kept in the trace
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    note: String,

    /// Write the readable form instead of the binary one
    #[arg(long)]
    text: bool,

    /// Write to a file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    access: AccessArgs,
}

pub(super) fn run(_args: Args) -> anyhow::Result<Outcome> {
    todo!()
}
