use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow, ensure};

use super::inputs::{Input, Spool, free_name};
use super::options::{AgainstOrRecordedArgs, CorpusArgs, PairArgs, ReportArgs};
use super::progress::Bar;
use super::{Outcome, interrupt};
use crate::campaign::replay::{self, Replays};
use crate::campaign::{CampaignError, Progress, files};
use crate::report::{Check, Verdict};
use crate::targets::TargetError;

/// Replay traces on a subject and compare its replies with the reference's
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    dst replay traces/                             against the replies recorded in the traces\n  \
    dst replay bug.trace --subject redis://:6380   test your own server (it must be empty)\n  \
    dst record --seed 5 | dst replay --against redis\n  \
    dst replay t.trace --subject faulty --against redis   what restarts and faults keep\n  \
    dst replay issue.txt                           an armored trace, with the text around it")]
pub(super) struct Args {
    /// Trace files, directories of *.trace files, or `-` for stdin [default: stdin]
    #[arg(value_name = "TRACE")]
    traces: Vec<PathBuf>,

    #[command(flatten)]
    against: AgainstOrRecordedArgs,

    #[command(flatten)]
    pair: PairArgs,

    #[command(flatten)]
    corpus: CorpusArgs,

    #[command(flatten)]
    report: ReportArgs,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let inputs = Input::many(&args.traces)?;
    ensure!(
        !args.report.output.as_ref().is_some_and(|output| args.traces.contains(output)),
        "the report would overwrite the trace that it is about: name another file after --output"
    );
    let subject = args.pair.subject()?;
    let references = args.pair.references(&args.against.against, subject.as_ref())?;
    let known = args.corpus.known(subject.as_ref())?;
    let progress = Arc::new(Progress::default());
    let options = replay::Options {
        settings: args.pair.settings(),
        known: &known,
        command: &args.pair.command(&args.against.against),
        progress: &progress,
        stop: interrupt::flag(),
    };
    let mut out = args.report.open()?;
    let mut replays = Replays::start(options, subject.as_ref(), &references)?;
    progress.start("replaying", inputs.len() as u64);
    let bar = Bar::follow(Arc::clone(&progress), "traces");
    let width = inputs.iter().map(|input| input.name().chars().count()).max().unwrap_or(0);
    for input in &inputs {
        let Some(check) = replay_one(&mut replays, input)? else { break };
        bar.suspend(|| args.report.format.check(&check, width, out.as_mut()).and_then(|()| out.flush()))?;
    }
    drop(bar);
    args.report.finish(&replays.finish(), out.as_mut())
}

/// Replays one trace. One from a pipe is kept in a file where it diverges, so that it can be replayed.
fn replay_one(replays: &mut Replays, input: &Input) -> anyhow::Result<Option<Check>> {
    match input {
        Input::File(path) => {
            let name = path.display().to_string();
            let check = replays.trace(&name, &name, input.open()?);
            check.map_err(|error| point_to_chaos(error, &name))
        }
        Input::Stdin => {
            let (spool, reader) = Spool::open()?;
            let file = free_name();
            let check = replays.trace(&input.name(), &file.display().to_string(), reader)?;
            if let Some(Check { verdict: Verdict::Diverge, diverged_at: Some(at), .. }) = check {
                spool.save(&file, at).with_context(|| format!("cannot keep the trace in {}", file.display()))?;
            }
            Ok(check)
        }
    }
}

/// A trace with faults is for another command.
fn point_to_chaos(error: CampaignError, file: &str) -> anyhow::Error {
    match error {
        CampaignError::Target(TargetError::NoFaults { fault }) => {
            anyhow!(
                "{file} holds the fault {fault}, which no target but faulty injects: run dst chaos {}",
                files::quote(file)
            )
        }
        other => other.into(),
    }
}
