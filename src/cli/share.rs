use std::io::Write;
use std::path::PathBuf;

use super::inputs::Input;
use super::{Outcome, output};
use crate::trace::armor;

/// Print a trace as a block of text to paste in an issue
#[derive(Debug, clap::Args)]
#[command(after_help = "Every command that reads a trace accepts such a block, with the issue's text around it.\n\n\
    Example:\n  dst share bug.trace | dst replay - --against redis")]
pub(super) struct Args {
    /// The trace: a file, or `-` for stdin
    #[arg(value_name = "TRACE", default_value = "-", hide_default_value = true)]
    trace: PathBuf,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let trace = Input::one(&args.trace).read()?;
    armor::write(&trace, output::open_text(None)?)?.flush()?;
    Ok(Outcome::Agree)
}
