use std::path::PathBuf;

use super::Outcome;

/// Print a trace in its readable form
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dst show traces/lists.trace | head -20")]
pub(super) struct Args {
    /// The trace: a file, or `-` for stdin
    #[arg(value_name = "TRACE", default_value = "-", hide_default_value = true)]
    trace: PathBuf,

    /// Print the recorded replies under their operations
    #[arg(long)]
    replies: bool,
}

pub(super) fn run(_args: Args) -> anyhow::Result<Outcome> {
    todo!()
}
