//! `dst simulate`

use std::path::PathBuf;
use std::time::Duration;

use super::Outcome;
use super::options::{CorpusArgs, DEFAULT_TIMEOUT_SECONDS, ReportArgs, SeedsArgs, parse_seconds};

/// Many clients, one seed, the same run to the byte: Redlite's server and storage in virtual time
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    dst simulate --seeds 1000                              every scenario\n  \
    dst simulate --scenario connection_storm --seeds 100\n  \
    dst simulate --seeds 100 --check-determinism           each seed three times: the same events\n  \
    dst simulate --seeds 100 --print hashes                for another build to compare with\n  \
    dst simulate found.trace                               a run that failed, again\n  \
    dst simulate --real --clients 8 --seeds 100 --subject 'exec:redis-server --port {port}'\n\n\
    A run is a trace: who sends what and when, and what happens on the network, are its ops,\n\
    `!advance`, `!close` and `!fault NAME ARGS…`. See dst simulate --scenario help.\n\n\
    With --real, a server that dst starts is loaded by clients at the same time, over real sockets, and\n\
    there must be an order of their requests that gives each the replies that it got. What each client\n\
    saw is kept below simulate/real/ of the corpus where it is wrong; --real FILE judges it again.\n\n\
    Exit codes: 0 every run was right, 1 one was not, 2 wrong usage or a check that was not made.")]
pub(super) struct Args {
    /// Traces to run in place of seeds: files, folders, or `-` for stdin
    #[arg(value_name = "TRACE", conflicts_with_all = ["scenario", "seeds", "first_seed", "ops", "clients"])]
    pub traces: Vec<PathBuf>,

    /// Loads a real server by many clients at once, and judges whether their replies have an order
    #[arg(long, conflicts_with_all = ["scenario", "check_determinism", "print"])]
    pub real: bool,

    /// The server for --real, which dst starts: exec:COMMAND with {port} in it, redis, redis:PATH, valkey or valkey:PATH;
    /// or sim, Redlite in simulation, of which no more is known than of a real one
    #[arg(long, value_name = "SUBJECT", requires = "real", conflicts_with = "traces")]
    pub subject: Option<String>,

    /// How long a reply of that server may take
    #[arg(long, value_name = "SECONDS", requires = "real", default_value = DEFAULT_TIMEOUT_SECONDS, value_parser = parse_seconds)]
    pub timeout: Duration,

    /// What clients do and what happens to them, separated by commas; `help` lists the scenarios
    #[arg(long, value_name = "SCENARIO", default_value = "all", value_delimiter = ',')]
    pub scenario: Vec<String>,

    /// How many clients there are [default: 2 to 8, as the seed draws; with --real 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub clients: Option<u16>,

    /// Runs each seed twice, and once more in another process, and fails where any event is not the same
    #[arg(long)]
    pub check_determinism: bool,

    /// Prints a hash of every event of each run, or the events, and judges nothing: for another build to compare with
    #[arg(long, value_name = "hashes|events", conflicts_with_all = ["check_determinism", "traces"],
          value_parser = ["hashes", "events"])]
    pub print: Option<String>,

    /// Runs a server that is wrong on purpose, to see how that is found; `help` lists them
    #[arg(long, value_name = "NAME", conflicts_with = "check_determinism")]
    pub canary: Option<String>,

    #[command(flatten)]
    pub seeds: SeedsArgs,

    #[command(flatten)]
    pub corpus: CorpusArgs,

    #[command(flatten)]
    pub report: ReportArgs,
}

#[cfg(not(madsim))]
pub(super) fn run(_: Args) -> anyhow::Result<Outcome> {
    anyhow::bail!("{}", crate::targets::NO_SIMULATOR)
}

#[cfg(madsim)]
pub(super) use with_simulator::{named, run};

#[cfg(madsim)]
mod with_simulator {
    use std::io::Write;
    use std::sync::Arc;

    use anyhow::{Context, bail};

    use super::{Args, Outcome};
    use crate::campaign::simulate::{self, Print, SCENARIOS, Scenario, real, scenario};
    use crate::campaign::{CommandLine, Progress};
    use crate::cli::inputs::Input;
    use crate::cli::options::program;
    use crate::cli::progress::Bar;
    use crate::cli::{interrupt, output};
    use crate::corpus::Store;
    use crate::report::Report;
    use crate::report::style::STRONG;
    use crate::targets::TargetOptions;
    use crate::targets::simulated::{CANARIES, Canary, canary};

    /// Turns a seed.
    const DEFAULT_TURNS: u64 = 200;

    /// Seeds of a real server.
    const DEFAULT_REAL_SEEDS: u64 = 100;

    pub(in crate::cli) fn run(args: Args) -> anyhow::Result<Outcome> {
        if args.canary.as_deref() == Some("help") {
            return list(CANARIES.iter().map(|Canary { name, slip, .. }| (*name, *slip)).collect());
        }
        if args.real {
            return run_real(&args);
        }
        if args.scenario.iter().any(|name| name == "help") {
            let rows = SCENARIOS.iter().map(|Scenario { name, about, .. }| (*name, *about));
            return list(rows.collect());
        }
        let scenarios = scenarios_named(&args.scenario)?;
        let flags = args.canary.as_ref().map(|name| format!("--canary {name}")).unwrap_or_default();
        let options = simulate::Options {
            first_seed: args.seeds.first_seed,
            seeds: args.seeds.seeds(false)?,
            turns: args.seeds.ops.unwrap_or(DEFAULT_TURNS),
            clients: args.clients,
            scenarios: &scenarios,
            jobs: args.seeds.jobs(),
            check_determinism: args.check_determinism,
            canary: args.canary.as_deref().map(named).transpose()?,
            // They are run by this campaign alone, and those of a wrong server by nobody else.
            store: &Store::new(args.corpus.corpus.join(if args.canary.is_some() { "canaries" } else { "simulate" })),
            command: &CommandLine { program: program(), flags },
            stop: interrupt::flag(),
        };
        let mut out = args.report.open()?;
        if let Some((_, print)) = Print::NAMED.iter().find(|(name, _)| args.print.as_deref() == Some(*name)) {
            simulate::print(&options, *print, out.as_mut())??;
            out.flush()?;
            return Ok(Outcome::Agree);
        }
        let report = if args.traces.is_empty() {
            let progress = Arc::new(Progress::default());
            let bar = Bar::follow(Arc::clone(&progress), "seeds");
            let report = simulate::run(&options, &progress);
            drop(bar);
            report?
        } else {
            let read = |input: &Input| Ok((input.name(), input.read()?));
            let traces = Input::many(&args.traces)?.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
            simulate::replay(&options, &traces)?
        };
        finish(&args, &report, out.as_mut())
    }

    /// The canary of this name.
    pub(in crate::cli) fn named(name: &str) -> anyhow::Result<&'static Canary> {
        canary(name).with_context(|| format!("there is no canary {name:?}: see dst simulate --canary help"))
    }

    /// A real server, or what was written down of one.
    fn run_real(args: &Args) -> anyhow::Result<Outcome> {
        let seeds = args.seeds.seeds.is_none().then_some(DEFAULT_REAL_SEEDS);
        let options = real::Options {
            first_seed: args.seeds.first_seed,
            seeds: seeds.map_or_else(|| args.seeds.seeds(false), Ok)?,
            clients: args.clients.unwrap_or(real::CLIENTS),
            ops: args.seeds.ops.unwrap_or(real::OPS),
            corpus: &args.corpus.corpus.join("simulate").join("real"),
            canary: args.canary.as_deref().map(named).transpose()?,
            command: &CommandLine { program: program(), flags: String::new() },
            stop: interrupt::flag(),
        };
        if args.seeds.jobs.is_some() {
            bail!("--real runs one seed after the other, on one server: leave --jobs out");
        }
        let report = match &args.subject {
            None if args.traces.is_empty() => {
                bail!("--real takes --subject, the server to load, or a file of what one was seen to do")
            }
            None => real::judge_files(&options, &args.traces)?,
            Some(subject) => {
                let subject = real::Subject::parse(subject).map_err(anyhow::Error::msg)?;
                if args.canary.is_some() && subject != real::Subject::Simulation {
                    bail!("--canary is for --subject sim: dst serve --canary NAME is a server that has it");
                }
                let targets = TargetOptions { reply_deadline: args.timeout, ..TargetOptions::default() };
                let progress = Arc::new(Progress::default());
                let bar = Bar::follow(Arc::clone(&progress), "seeds");
                let report = real::run(&options, &subject, &targets, &progress);
                drop(bar);
                report?
            }
        };
        finish(args, &report, args.report.open()?.as_mut())
    }

    fn finish(args: &Args, report: &Report, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let width = report.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
        report.checks.iter().try_for_each(|check| args.report.format.check(check, width, out))?;
        args.report.finish(report, out)
    }

    fn scenarios_named(names: &[String]) -> anyhow::Result<Vec<&'static Scenario>> {
        let mut found: Vec<&Scenario> = Vec::new();
        for name in names {
            let more: Vec<&Scenario> = match name.as_str() {
                "all" => SCENARIOS.iter().collect(),
                name => vec![scenario(name).with_context(|| {
                    let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
                    format!("there is no scenario {name:?}; there are all, {}", names.join(", "))
                })?],
            };
            found.extend(more);
        }
        let mut names = std::collections::BTreeSet::new();
        found.retain(|scenario| names.insert(scenario.name));
        if found.is_empty() {
            bail!("no scenario is named: see dst simulate --scenario help");
        }
        Ok(found)
    }

    /// A table: names, and a line for each.
    fn list(rows: Vec<(&str, &str)>) -> anyhow::Result<Outcome> {
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let mut out = output::open_report(None)?;
        for (name, about) in rows {
            writeln!(out, "  {STRONG}{name:width$}{STRONG:#}  {about}")?;
        }
        out.flush()?;
        Ok(Outcome::Agree)
    }
}
