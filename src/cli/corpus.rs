use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Subcommand;

use super::inputs::Input;
use super::options::{AgainstOrRecordedArgs, CorpusArgs, PairArgs};
use super::replays::{ReplaysArgs, Round};
use super::{Outcome, output};
use crate::campaign::replay::Replays;
use crate::campaign::sessions::Sessions;
use crate::campaign::{Pair, differential, files};
use crate::corpus::{Added, Item, Known, KnownEntry};
use crate::report::style::{FAINT, STRONG};
use crate::trace::{Header, Limits, TargetInfo, Trace};

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
        #[command(flatten)]
        against: AgainstOrRecordedArgs,

        #[command(flatten)]
        args: ReplaysArgs,
    },
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    match args.command {
        Command::List { corpus } => list(&corpus),
        Command::Add { trace, against, pair, corpus } => add(&Input::one(&trace), &against, &pair, &corpus),
        Command::Test { against, args } => test(&against.against, &args),
    }
}

fn list(corpus: &CorpusArgs) -> anyhow::Result<Outcome> {
    let store = corpus.store();
    let mut out = output::open_text(None)?;
    for item in store.list()? {
        let trace = store.load(&item, Limits::default())?;
        let ops = trace.ops.len();
        writeln!(
            out,
            "{STRONG}{}{STRONG:#}  {ops} op{}  {FAINT}{}{FAINT:#}",
            item.path.display(),
            if ops == 1 { "" } else { "s" },
            trace.header.note
        )?;
    }
    out.flush()?;
    Ok(Outcome::Agree)
}

fn add(input: &Input, against: &str, pair: &PairArgs, corpus: &CorpusArgs) -> anyhow::Result<Outcome> {
    let trace = input.read()?;
    let subject = pair.subject()?;
    let reference = pair.reference(against, subject.as_ref())?;
    let mut sessions = Sessions::open(Pair::new(reference.as_ref(), subject.as_ref()))?;
    let known = Known::none();
    let options = differential::Options { settings: pair.settings(), ..differential::Options::new(&known) };
    let outcome = sessions.compare(&trace.header, &trace.ops, &options, &mut |_| {})?;
    let divergence = outcome.divergence.filter(|_| !outcome.flaky).with_context(|| {
        format!("{} does not diverge (or not every time): the corpus keeps divergences", input.name())
    })?;
    let trace = record(trace, reference.info(), &mut sessions)?;
    let mut out = output::open_text(None)?;
    match corpus.store().add(&divergence.class, &trace)? {
        Added::New(item) => writeln!(out, "added {}", item.path.display())?,
        Added::Known(item) => writeln!(out, "{} holds the same operations already", item.path.display())?,
    }
    out.flush()?;
    Ok(Outcome::Agree)
}

/// The trace with the replies of this reference.
fn record(trace: Trace, reference: TargetInfo, sessions: &mut Sessions) -> anyhow::Result<Trace> {
    let mut replies = Vec::with_capacity(trace.ops.len());
    sessions.reference.reset(&trace.header)?;
    sessions.reference.replay(&trace.ops, &mut replies)?;
    ensure!(
        !replies.iter().any(|reply| differential::reference_failure(reply).is_some()),
        "{reference} does not answer every operation: a reply that did not come is no truth to keep; see --timeout"
    );
    let header = Header { recorded_by: Some(reference), ..trace.header };
    Ok(Trace { header, replies: Some(replies), ..trace })
}

fn test(against: &[String], args: &ReplaysArgs) -> anyhow::Result<Outcome> {
    let stage = args.stage(against)?;
    let items = args.corpus.store().list()?;
    ensure!(!items.is_empty(), "{} holds no traces: there is nothing to test", args.corpus.corpus.display());
    let width = items.iter().map(|item| item.path.display().to_string().chars().count()).max().unwrap_or(0);
    let round = Round { verb: "replaying", count: items.len(), unit: "traces", width };
    let replay = |replays: &mut Replays, item: &Item| {
        let name = item.path.display().to_string();
        Ok(replays.trace(&name, &name, files::open(&item.path)?)?)
    };
    stage.run(&round, &items, replay, |whole, known| {
        if !whole.interrupted {
            let stale =
                |entry: &KnownEntry| format!("the known divergence {} no longer occurs: remove it", entry.class);
            whole.failures.extend(known.unused().into_iter().map(stale));
        }
    })
}
