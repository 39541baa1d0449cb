use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{bail, ensure};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::inputs::Input;
use super::options::{CorpusArgs, GroupsArgs, ReportArgs, SeedsArgs, program};
use super::progress::Bar;
use super::{Outcome, interrupt, output};
use crate::campaign::chaos::{self, Source, exhaustive, kill};
use crate::campaign::{CommandLine, Progress, files};
use crate::corpus::Store;
use crate::faults::{self, Fault};
use crate::generate::Group;
use crate::report::style::{FAINT, STRONG};
use crate::targets::TargetOptions;
use crate::targets::faulty::{Settings, Sync};
use crate::trace::Trace;
use crate::trace::text::format_op;

/// Faults under the store: full disks, lost power, damage, kills. Nothing acknowledged may be lost, nothing wrong served
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    dst chaos --seeds 1000                            every fault, on Redlite\n  \
    dst chaos --faults disk_full,crash_mid_write --seeds 200 --group lists\n  \
    dst chaos found.trace                             a trace that holds its faults, again\n  \
    dst chaos --exhaustive --ops 20 --seeds 10        every point at which each trace may fail\n  \
    dst chaos --seeds 100 --faults kill --subject 'exec:redis-server --port {port} --dir {dir} --appendonly yes'\n  \
    dst chaos --seeds 1 --first-seed 7 --trace-io     what each op asks of the files\n\n\
    A trace's faults are its lines `!fault NAME ARGS…`, `!crash` and `!restart`; see dst chaos --faults help.")]
pub(super) struct Args {
    /// Traces to run in place of seeds: files, folders, or `-` for stdin
    #[arg(value_name = "TRACE")]
    traces: Vec<PathBuf>,

    /// What is injected, separated by commas; `help` lists them with their arguments and what must hold
    #[arg(long, value_name = "FAULT", default_value = "all", value_delimiter = ',', value_parser = faults_parser())]
    faults: Vec<Named>,

    #[command(flatten)]
    seeds: SeedsArgs,

    #[command(flatten)]
    groups: GroupsArgs,

    /// What is tested: `redlite` on a simulated disk, or `exec:COMMAND`, a server on {port} with its files in {dir}, which
    /// is killed, and loses connections, under load
    #[arg(long, value_name = "SUBJECT", default_value = DEFAULT_SUBJECT, help_heading = "Store")]
    subject: String,

    /// How many connections write to a server at once
    #[arg(long, value_name = "N", default_value_t = kill::CONNECTIONS, help_heading = "Store")]
    connections: u16,

    /// What of a write outlasts a power loss
    #[arg(long, value_name = "SYNC", default_value = "full", help_heading = "Store")]
    sync: SyncArg,

    /// Serve pages whose checksum does not match, to see that this is found
    #[arg(long, help_heading = "Store")]
    no_checksums: bool,

    /// Let each trace, of 50 ops at most, fail at every point there is: the power goes at every call, with every part of
    /// what was not synced kept, lost and torn; and every call fails once
    #[arg(long, conflicts_with = "faults")]
    exhaustive: bool,

    /// List what each op asks of the files, and run nothing else
    #[arg(long, help_heading = "Report")]
    trace_io: bool,

    /// How many classes of violation to shrink at most
    #[arg(long, value_name = "N", default_value_t = 20, help_heading = "Corpus")]
    shrinks: usize,

    #[command(flatten)]
    corpus: CorpusArgs,

    #[command(flatten)]
    report: ReportArgs,
}

const DEFAULT_SUBJECT: &str = "redlite";

/// The values of `--sync`.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum SyncArg {
    /// All that was acknowledged
    Full,
    /// What was there at some moment before: the last writes may be lost
    Normal,
    /// Nothing, to see that this is found
    Off,
}

/// A value of `--faults`.
#[derive(Clone, Debug)]
enum Named {
    One(&'static Fault),
    All,
    Help,
}

const ALL: &str = "all";
const HELP: &str = "help";

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    if args.faults.iter().any(|named| matches!(named, Named::Help)) {
        return list_faults();
    }
    let faults = if args.exhaustive { Vec::new() } else { faults_named(&args.faults) };
    let groups = args.groups.groups();
    if let Some(command) = args.subject.strip_prefix("exec:") {
        return kill(&args, command, &faults, &groups);
    }
    let traces = read(&args.traces)?;
    let source = if args.traces.is_empty() {
        let (first_seed, seeds, ops) = (args.seeds.first_seed, args.seeds.seeds, args.seeds.ops);
        Source::Seeds { first_seed, seeds, ops, groups: &groups, faults: &faults }
    } else {
        Source::Traces(&traces)
    };
    if args.trace_io {
        return list_calls(&args, &source);
    }
    if args.exhaustive {
        let longest = source.longest();
        let most = exhaustive::OPS_MAX;
        ensure!(
            longest <= most as u64,
            "--exhaustive takes traces of up to {most} ops, not {longest}: say --ops {most}"
        );
    }
    let options = chaos::Options {
        source,
        jobs: args.seeds.jobs(),
        subject: &args.subject,
        settings: args.settings(),
        is_exhaustive: args.exhaustive,
        shrinks_max: args.shrinks,
        store: &args.store(),
        command: &args.command(),
        stop: interrupt::flag(),
    };
    let mut out = args.report.open()?;
    let progress = Arc::new(Progress::default());
    let bar = Bar::follow(Arc::clone(&progress), "traces");
    let report = chaos::run(&options, &progress);
    drop(bar);
    args.report.finish(&report?, out.as_mut())
}

/// Kills a server, and drops its connections, under load.
fn kill(args: &Args, command: &str, faults: &[&'static Fault], groups: &[&'static Group]) -> anyhow::Result<Outcome> {
    let is_named = |name: &str| faults.iter().any(|fault| fault.name == name);
    let (kills, drops) = (is_named("kill"), is_named("connection_drop"));
    ensure!(
        kills || drops,
        "into a server of its own process dst injects kill and connection_drop only; the others take --subject redlite"
    );
    let on_redlite = args.exhaustive || args.trace_io || args.no_checksums || !args.traces.is_empty();
    ensure!(
        !on_redlite && matches!(args.sync, SyncArg::Full),
        "traces, --sync, --no-checksums, --exhaustive and --trace-io take --subject redlite"
    );
    let [group] = groups else { bail!("a server is loaded with one --group at a time") };
    let options = kill::Options {
        first_seed: args.seeds.first_seed,
        seeds: args.seeds.seeds,
        ops: args.seeds.ops,
        group,
        connections: args.connections,
        drops,
        kills,
        stop: interrupt::flag(),
    };
    let mut out = args.report.open()?;
    let progress = Arc::new(Progress::default());
    let bar = Bar::follow(Arc::clone(&progress), "seeds");
    let started = Instant::now();
    let outcome = kill::run(&options, command, &TargetOptions::default(), &progress);
    drop(bar);
    let told = kill::report::Told {
        options: &options,
        command,
        store: &args.store(),
        line: &args.command(),
        took: started.elapsed(),
    };
    let report = kill::report::report(&outcome?, &told)?;
    for check in &report.checks {
        args.report.format.check(check, check.name.chars().count(), out.as_mut())?;
    }
    args.report.finish(&report, out.as_mut())
}

impl Args {
    fn store(&self) -> Store {
        Store::new(self.corpus.corpus.join("chaos"))
    }

    fn settings(&self) -> Settings {
        let sync = match self.sync {
            SyncArg::Full => Sync::Full,
            SyncArg::Normal => Sync::Normal,
            SyncArg::Off => Sync::Off,
        };
        Settings { sync, verify: !self.no_checksums }
    }

    /// The words that lead to the same run again, for lines to paste.
    fn command(&self) -> CommandLine {
        let mut flags = Vec::new();
        if self.subject != DEFAULT_SUBJECT {
            flags.push(format!("--subject {}", files::quote(&self.subject)));
        }
        match self.sync {
            SyncArg::Full => {}
            SyncArg::Normal => flags.push("--sync normal".to_owned()),
            SyncArg::Off => flags.push("--sync off".to_owned()),
        }
        if self.no_checksums {
            flags.push("--no-checksums".to_owned());
        }
        CommandLine { program: program(), flags: flags.join(" ") }
    }
}

fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<(String, Trace)>> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    Input::many(paths)?.iter().map(|input| Ok((input.name(), input.read()?))).collect()
}

/// The table of faults, each once.
fn list_faults() -> anyhow::Result<Outcome> {
    let mut out = output::open_text(None)?;
    for fault in faults::all() {
        writeln!(out, "{STRONG}{}{STRONG:#}  {}", fault.name, fault.about)?;
        writeln!(out, "  {FAINT}takes {}{FAINT:#}", fault.describe_params())?;
        writeln!(out, "  {FAINT}{}{FAINT:#}", fault.invariant.describe())?;
    }
    out.flush()?;
    Ok(Outcome::Agree)
}

fn list_calls(args: &Args, source: &Source) -> anyhow::Result<Outcome> {
    ensure!(source.len() == 1, "--trace-io lists one trace: name a file, or say --seeds 1");
    let mut out = output::open_text(None)?;
    for (op, calls) in chaos::list_calls(&args.subject, args.settings(), source)? {
        writeln!(out, "{STRONG}{}{STRONG:#}", format_op(&op))?;
        for call in calls {
            writeln!(out, "  {FAINT}{call}{FAINT:#}")?;
        }
    }
    out.flush()?;
    Ok(Outcome::Agree)
}

fn faults_named(named: &[Named]) -> Vec<&'static Fault> {
    let is_named = |fault: &Fault| {
        named.iter().any(|named| match named {
            Named::One(one) => one.name == fault.name,
            Named::All => true,
            Named::Help => false,
        })
    };
    faults::faults().filter(|fault| is_named(fault)).collect()
}

fn faults_parser() -> impl TypedValueParser<Value = Named> {
    let names = faults::faults().map(|fault| PossibleValue::new(fault.name).help(fault.about));
    let others = [PossibleValue::new(ALL).help("every fault"), PossibleValue::new(HELP).help("list them")];
    PossibleValuesParser::new(names.chain(others)).try_map(|name| match faults::fault(&name) {
        Some(fault) => Ok(Named::One(fault)),
        None if name == ALL => Ok(Named::All),
        None if name == HELP => Ok(Named::Help),
        None => Err(format!("there is no fault {name}")),
    })
}
