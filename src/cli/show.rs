use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;

use super::inputs::Input;
use super::{Outcome, output};
use crate::trace::text;

/// Print a trace in its readable form
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dst show traces/lists.trace | head -20")]
pub(super) struct Args {
    /// The trace: a file, or `-` for stdin
    #[arg(value_name = "TRACE", default_value = "-", hide_default_value = true)]
    trace: PathBuf,

    /// Leave out the recorded replies, which stand under their operations, and what was held in the end
    #[arg(long)]
    no_replies: bool,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let input = Input::one(&args.trace);
    let mut reader = input.open()?;
    let mut next = reader.next_block().with_context(|| input.name())?;
    let replies = !args.no_replies && next.as_ref().is_some_and(|block| block.replies.is_some());
    let mut writer = text::Writer::new(output::open_text(None)?, reader.header(), replies)?;
    while let Some(block) = next {
        for (at, op) in block.ops.iter().enumerate() {
            writer.write(op, block.replies.as_ref().filter(|_| replies).map(|all| &all[at]))?;
        }
        next = reader.next_block().with_context(|| input.name())?;
    }
    if let Some(keyspace) = reader.take_keyspace().filter(|_| !args.no_replies) {
        writer.write_keyspace(&keyspace)?;
    }
    writer.finish()?.flush()?;
    Ok(Outcome::Agree)
}
