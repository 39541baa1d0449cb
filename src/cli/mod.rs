//! The command line: one file a subcommand, with its arguments, a thin call into the library, and its printing.
//!
//! stdout carries the result (or the trace), stderr the progress and the errors. Exit codes: [`Outcome`].
//! To add a subcommand: a file here with `Args` and `run`, and its row in `Command`.

mod chaos;
mod corpus;
mod inputs;
mod interrupt;
mod options;
mod oracle;
mod output;
mod progress;
mod record;
mod replay;
mod replays;
mod seeds;
mod serve;
mod share;
mod show;
mod shrink;
mod simulate;
mod smoke;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::report::style;

/// What a command came to, where it could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Exit code 0: everything agreed, or there was nothing to compare.
    Agree,
    /// Exit code 1: a divergence.
    Diverge,
}

/// The exit code of wrong usage and of anything that kept a check from being done: a skipped check is no pass.
const EXIT_TROUBLE: u8 = 2;

#[derive(Debug, Parser)]
#[command(
    name = "dst",
    version,
    about = "Record, replay and compare what stores that speak the Redis protocol answer",
    long_about = "Record, replay and compare what stores that speak the Redis protocol answer.\n\n\
        A trace holds operations and, once recorded, the replies of a server. Replayed on another server, the replies \
        are compared exactly. The reference is what is right: a real Redis, or its recorded replies. The subject is \
        what is tested: Redlite, or any server.",
    after_help = "Examples:\n  \
        dst replay traces/                             every recorded trace, no Redis needed\n  \
        dst record --seed 5 | dst replay --against redis\n  \
        dst oracle --seeds 1000                        random operations, Redlite against Redis\n\n\
        Exit codes: 0 all agree, 1 a divergence, 2 wrong usage or a check that could not be done.",
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// The subcommands, in the order of the help.
#[derive(Debug, Subcommand)]
enum Command {
    Record(record::Args),
    Replay(replay::Args),
    Shrink(shrink::Args),
    Show(show::Args),
    Share(share::Args),
    Corpus(corpus::Args),
    Seeds(seeds::Args),
    Smoke(smoke::Args),
    Oracle(oracle::Args),
    Chaos(chaos::Args),
    Simulate(simulate::Args),
    Serve(serve::Args),
}

impl Command {
    fn run(self) -> anyhow::Result<Outcome> {
        match self {
            Command::Record(args) => record::run(args),
            Command::Replay(args) => replay::run(args),
            Command::Shrink(args) => shrink::run(args),
            Command::Show(args) => show::run(args),
            Command::Share(args) => share::run(args),
            Command::Corpus(args) => corpus::run(args),
            Command::Seeds(args) => seeds::run(args),
            Command::Smoke(args) => smoke::run(args),
            Command::Oracle(args) => oracle::run(args),
            Command::Chaos(args) => chaos::run(args),
            Command::Simulate(args) => simulate::run(args),
            Command::Serve(args) => serve::run(args),
        }
    }
}

/// Parses the arguments of this process, does what they say, and says how it went.
pub fn main() -> ExitCode {
    let matches = Cli::command().styles(style::help()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let done = interrupt::install().and_then(|()| cli.command.run());
    match done {
        Ok(Outcome::Agree) => ExitCode::SUCCESS,
        Ok(Outcome::Diverge) => ExitCode::from(1),
        Err(error) if output::is_pipe_closed(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let (bad, reset) = (style::BAD, style::BAD.render_reset());
            anstream::eprintln!("{bad}dst:{reset} {}", describe(&error));
            ExitCode::from(EXIT_TROUBLE)
        }
    }
}

/// The error and its causes on one line. Many of the library's errors tell their cause themselves: it is not repeated.
fn describe(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if told.is_empty() {
            told = cause;
        } else if !told.ends_with(&cause) {
            told.push_str(": ");
            told.push_str(&cause);
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_well_formed() {
        Cli::command().debug_assert();
    }
}
