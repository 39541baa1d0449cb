use std::io::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use super::options::{AgainstArgs, CorpusArgs, PairArgs, ReportArgs, pair};
use super::progress::Bar;
use super::{Outcome, interrupt};
use crate::campaign::{Progress, smoke};

/// Wide enough for the names of most checks.
const NAME_WIDTH: usize = 32;

/// Everything, small, in a few seconds: seeds of every group, the traces, the corpus, and a bug that must be found
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    against: AgainstArgs,

    #[command(flatten)]
    pair: PairArgs,

    /// The directory of recorded traces
    #[arg(long, value_name = "DIR", default_value = "traces")]
    traces: PathBuf,

    #[command(flatten)]
    corpus: CorpusArgs,

    #[command(flatten)]
    report: ReportArgs,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let subject = args.pair.subject()?;
    let references = args.pair.references(&args.against.against, subject.as_ref())?;
    let known = args.corpus.known(subject.as_ref())?;
    let command = args.pair.command(&args.against.against);
    let progress = Arc::new(Progress::default());
    let options = smoke::Options {
        settings: args.pair.settings(),
        known: &known,
        jobs: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        traces: &args.traces,
        corpus: &args.corpus.corpus,
        command: &command,
        progress: &progress,
        stop: interrupt::flag(),
    };
    let mut out = args.report.open()?;
    let bar = Bar::follow(Arc::clone(&progress), "checks");
    let pair = pair(&references, subject.as_ref())?;
    let mut told = Ok(());
    let report = smoke::run(&options, pair, &mut |check| {
        let line = bar.suspend(|| args.report.format.check(check, NAME_WIDTH, out.as_mut()).and_then(|()| out.flush()));
        if told.is_ok() {
            told = line;
        }
    });
    drop(bar);
    told?;
    args.report.finish(&report?, out.as_mut())
}
