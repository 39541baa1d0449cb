use std::path::PathBuf;

use anyhow::{Context, anyhow, ensure};

use super::Outcome;
use super::inputs::{Input, Spool, free_name};
use super::options::AgainstOrRecordedArgs;
use super::replays::{ReplaysArgs, Round};
use crate::campaign::replay::Replays;
use crate::campaign::{CampaignError, files};
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
    replays: ReplaysArgs,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let inputs = Input::many(&args.traces)?;
    ensure!(
        !args.replays.report.output.as_ref().is_some_and(|output| args.traces.contains(output)),
        "the report would overwrite the trace that it is about: name another file after --output"
    );
    let stage = args.replays.stage(&args.against.against)?;
    let width = inputs.iter().map(|input| input.name().chars().count()).max().unwrap_or(0);
    let round = Round { verb: "replaying", count: inputs.len(), unit: "traces", width };
    stage.run(&round, &inputs, |input| input.name(), replay_one, |_, _| {})
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
