use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;

use super::inputs::Input;
use super::{Outcome, output};
use crate::trace::text;

/// Print a trace in its readable form
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dst show traces/lists.trace | head -20\n  \
    dst show --timeline corpus/simulate/CLASS/FILE.trace   a run of dst simulate: who did what, and when")]
pub(super) struct Args {
    /// The trace: a file, or `-` for stdin
    #[arg(value_name = "TRACE", default_value = "-", hide_default_value = true)]
    trace: PathBuf,

    /// Leave out the recorded replies, which stand under their operations, and what was held in the end
    #[arg(long)]
    no_replies: bool,

    /// Run the trace in simulation, and draw what happened: a column for the server and one for each client
    #[arg(long, conflicts_with = "no_replies")]
    timeline: bool,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let input = Input::one(&args.trace);
    if args.timeline {
        return draw(&input);
    }
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

#[cfg(not(madsim))]
fn draw(_: &Input) -> anyhow::Result<Outcome> {
    anyhow::bail!("{}", crate::targets::NO_SIMULATOR)
}

#[cfg(madsim)]
fn draw(input: &Input) -> anyhow::Result<Outcome> {
    use crate::campaign::simulate::{FINDING_WIDTH, tell};

    let trace = input.read()?;
    let width = rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    let mut out = output::open_text(None)?;
    let width = if width == 0 { FINDING_WIDTH } else { width };
    tell(&trace.header, &trace.ops, width)?.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    out.flush()?;
    Ok(Outcome::Agree)
}
