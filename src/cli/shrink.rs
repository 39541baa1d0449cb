use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;

use super::inputs::Input;
use super::options::{AgainstArgs, CorpusArgs, PairArgs, pair};
use super::{Outcome, interrupt, output};
use crate::campaign::minimal::{Minimal, minimize};
use crate::campaign::sessions::Sessions;
use crate::campaign::{differential, files};
use crate::corpus::Known;
use crate::diff;
use crate::report::style::{BAD, FAINT, PASTE};

/// Reduce a divergent trace to the fewest and simplest operations that show the same divergence
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dst shrink found.trace --against redis --output minimal.trace")]
pub(super) struct Args {
    /// The trace: a file, or `-` for stdin
    #[arg(value_name = "TRACE")]
    trace: PathBuf,

    #[command(flatten)]
    against: AgainstArgs,

    #[command(flatten)]
    pair: PairArgs,

    /// Write the minimal trace to this file instead of the corpus
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    corpus: CorpusArgs,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let input = Input::one(&args.trace);
    let trace = input.read()?;
    let subject = args.pair.subject()?;
    let references = args.pair.references(&args.against.against, subject.as_ref())?;
    let pair = pair(&references, subject.as_ref())?;
    let mut sessions = Sessions::open(pair)?;
    let known = Known::none();
    let options = differential::Options {
        settings: args.pair.settings(),
        stop: Some(interrupt::flag()),
        ..differential::Options::new(&known)
    };

    let whole = sessions.compare(&trace.header, &trace.ops, &options, &mut |_| {})?;
    let Some(divergence) = &whole.divergence else {
        anstream::eprintln!("{} agrees: there is nothing to shrink", input.name());
        return Ok(Outcome::Agree);
    };
    let note = format!("{}, shrunk from {}", divergence.class, input.name());
    let minimal =
        minimize(&trace.header, &trace.ops, divergence, &pair.reference.info(), &mut sessions, &options, note)?
            .with_context(|| format!("{}: {} did not show again: it is flaky", input.name(), divergence.class))?;
    let path = file(&args, &minimal)?;
    tell(&minimal);
    minimal.trace.write_text(output::open_text(None)?)?.flush()?;
    let line = args.pair.command(&args.against.against).with(&format!("replay {}", files::quote(&path)));
    anstream::eprintln!("\nTo replay it:\n  {PASTE}{line}{PASTE:#}");
    Ok(Outcome::Diverge)
}

/// Writes the minimal trace where the user wants it, or into the corpus.
fn file(args: &Args, minimal: &Minimal) -> anyhow::Result<String> {
    let Some(path) = &args.output else {
        let added = args.corpus.store().add(&minimal.divergence.class, &minimal.trace)?;
        return Ok(added.item().path.display().to_string());
    };
    minimal.trace.write_binary(output::open_bytes(Some(path))?)?.flush()?;
    Ok(path.display().to_string())
}

/// What shrinking came to, for people: the trace alone goes to stdout.
fn tell(minimal: &Minimal) {
    let shrunk = &minimal.shrunk;
    let sure = if shrunk.minimal { "yes" } else { "not proven: the evaluations ran out, or it was stopped" };
    anstream::eprintln!("{BAD}✗ {}{BAD:#}", minimal.divergence.class);
    anstream::eprintln!(
        "  {} → {} ops, {} evaluations, 1-minimal: {sure}\n",
        shrunk.before,
        shrunk.after,
        shrunk.evaluations
    );
    if let Some(excerpt) = &minimal.excerpt {
        for line in diff::render(excerpt, &minimal.divergence, true).lines() {
            anstream::eprintln!("  {line}");
        }
    }
    for note in &minimal.notes {
        anstream::eprintln!("  {}", note.escape_debug());
    }
    anstream::eprintln!("\n{FAINT}The trace with the reference's replies:{FAINT:#}");
}
