use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::inputs::Input;
use super::options::{CorpusArgs, DEFAULT_OPS, GroupsArgs, ReportArgs, SeedsArgs, program};
use super::progress::Bar;
use super::{Outcome, interrupt, output};
use crate::campaign::chaos::{self, Asked, DEFAULT_SUBJECT, Source, exhaustive, kill};
use crate::campaign::{CommandLine, Progress, files};
use crate::corpus::Store;
use crate::faults::{self, Fault};
use crate::generate::Group;
use crate::report::style::{FAINT, STRONG, WARN};
use crate::report::wrap::{WIDTH, wrap};
use crate::targets::TargetOptions;
use crate::targets::canary::canaries;
use crate::targets::canary::storage::STORAGE_CANARIES;
use crate::targets::faulty::{Settings, Sync};
use crate::trace::Trace;
use crate::trace::text::format_op;

/// Faults under the store: full disks, lost power, damage, kills. Nothing acknowledged may be lost, nothing wrong served
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    dst chaos --seeds 1000              every fault, on Redlite\n  \
    dst chaos --faults disk_full,kill --seeds 200 --group lists\n  \
    dst chaos found.trace               a trace that holds its faults, again\n  \
    dst chaos --exhaustive --seeds 10   every point at which a trace may fail\n  \
    dst chaos --seeds 100 --faults kill --subject 'exec:my-server {port} {dir}'\n  \
    dst chaos --seeds 1 --trace-io      what each op asks of the files\n\n\
    A trace's faults are its lines `!fault NAME ARGS…`, `!crash` and `!restart`:\n\
    see dst chaos --faults help.\n\n\
    Exit codes: 0 every invariant held, 1 a violation, 2 wrong usage or a check that\n\
    was not made: a fault that --faults names and that never struck is one.")]
pub(super) struct Args {
    /// Traces to run in place of seeds: files, folders, or `-` for stdin
    #[arg(value_name = "TRACE", conflicts_with_all = ["faults", "seeds", "first_seed", "ops", "named"])]
    traces: Vec<PathBuf>,

    /// What is injected, separated by commas; `help` lists them with their arguments and what must hold
    #[arg(long, value_name = "FAULT", default_value = "all", value_delimiter = ',', value_parser = faults_parser())]
    faults: Vec<Named>,

    #[command(flatten)]
    seeds: SeedsArgs,

    #[command(flatten)]
    groups: GroupsArgs,

    /// What is tested: `redlite` or `canary:NAME` on a simulated disk, or `exec:COMMAND`
    ///
    /// COMMAND starts a server on {port} with its files in {dir}. It is killed, and loses connections, under load.
    #[arg(long, value_name = "SUBJECT", default_value = DEFAULT_SUBJECT, help_heading = "Store")]
    subject: String,

    /// How many connections write at once to a server that `exec:` starts [default: 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Store")]
    connections: Option<u16>,

    /// What of a write outlasts a power loss [default: full]
    #[arg(long, value_name = "SYNC", help_heading = "Store")]
    sync: Option<SyncArg>,

    /// Serve pages whose checksum does not match, to see that this is found
    #[arg(long, help_heading = "Store")]
    no_checksums: bool,

    /// Let each trace fail at every point there is: 20 ops unless --ops says otherwise, 50 at most
    ///
    /// The power goes at every call of the files, with every part of what was not synced kept, lost and torn; and every
    /// call fails once. With pages of the usual size, of the smallest, and as an older version's file is opened.
    #[arg(long, conflicts_with = "faults", help_heading = "Seeds")]
    exhaustive: bool,

    /// List what each op of one trace asks of the files, and what was struck; run nothing else
    #[arg(
        long, conflicts_with_all = ["exhaustive", "format", "shrinks", "corpus", "jobs"], help_heading = "Report"
    )]
    trace_io: bool,

    /// How many classes of violation to shrink at most [default: 20]
    #[arg(long, value_name = "N", help_heading = "Corpus")]
    shrinks: Option<usize>,

    #[command(flatten)]
    corpus: CorpusArgs,

    #[command(flatten)]
    report: ReportArgs,
}

/// What of the faults dst can inject into a process that is not its own.
const SERVER_FAULTS: [&str; 2] = ["kill", "connection_drop"];
/// How many ops a trace has that fails at every point: each takes hundreds of runs.
const EXHAUSTIVE_OPS: u64 = 20;
/// How many classes are shrunk unless the user says otherwise.
const SHRINKS: usize = 20;

/// The values of `--sync`.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum SyncArg {
    /// All that was acknowledged
    #[default]
    Full,
    /// What was there at some moment before: the last writes may be lost
    Normal,
    /// Nothing, to see that this is found
    Off,
}

impl SyncArg {
    fn name(self) -> &'static str {
        match self {
            SyncArg::Full => "full",
            SyncArg::Normal => "normal",
            SyncArg::Off => "off",
        }
    }
}

/// A value of `--faults`.
#[derive(Clone, Debug)]
enum Named {
    One(&'static Fault),
    All,
    Help,
}

impl Named {
    fn one(&self) -> Option<&'static Fault> {
        if let Named::One(fault) = self { Some(fault) } else { None }
    }
}

const ALL: &str = "all";
const HELP: &str = "help";

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    if args.faults.iter().any(|named| matches!(named, Named::Help)) {
        return list_faults();
    }
    let groups = args.groups.groups();
    if let Some(command) = args.subject.strip_prefix("exec:") {
        return kill(&args, command, &groups);
    }
    args.check_simulated()?;
    let faults = if args.exhaustive { Vec::new() } else { faults_named(&args.faults) };
    let named: Vec<&Fault> = args.faults.iter().filter_map(Named::one).collect();
    let traces = read(&args.traces, args.exhaustive)?;
    let source = if args.traces.is_empty() {
        let (first_seed, seeds, ops) = (args.seeds.first_seed, args.seeds.seeds(false)?, args.ops());
        Source::Seeds { first_seed, seeds, ops, groups: &groups, faults: &faults, named: &named }
    } else {
        Source::Traces(&traces)
    };
    if args.trace_io {
        return list_calls(&args, &source);
    }
    if args.exhaustive {
        let longest = source.longest();
        let most = exhaustive::OPS_MAX;
        ensure!(longest <= most as u64, "--exhaustive takes traces of up to {most} ops, not {longest}");
    }
    let options = chaos::Options {
        source,
        jobs: args.seeds.jobs(),
        subject: &args.subject,
        settings: args.settings(),
        is_exhaustive: args.exhaustive,
        shrinks_max: args.shrinks.unwrap_or(SHRINKS),
        store: &args.store(),
        command: &args.command(),
        stop: interrupt::flag(),
    };
    let mut out = args.report.open()?;
    let progress = Arc::new(Progress::default());
    let bar = Bar::follow(Arc::clone(&progress), "traces");
    let report = chaos::run(&options, &progress);
    drop(bar);
    let mut report = report?;
    report.scope = format!("{}; {}", report.scope, args.describe_simulated(&faults));
    args.report.finish(&report, out.as_mut())
}

/// Kills a server, and drops its connections, under load.
fn kill(args: &Args, command: &str, groups: &[&'static Group]) -> anyhow::Result<Outcome> {
    let faults = args.server_faults()?;
    let is_named = |name: &str| faults.iter().any(|fault| fault.name == name);
    let [group] = groups else { bail!("a server is loaded with one --group at a time") };
    if group.sends_raw_bytes() {
        bail!("a server is loaded with whole requests: --group {} is raw bytes", group.name);
    }
    let options = kill::Options {
        first_seed: args.seeds.first_seed,
        seeds: args.seeds.seeds(false)?,
        ops: args.ops(),
        group,
        connections: args.connections.unwrap_or(kill::CONNECTIONS),
        drops: is_named("connection_drop"),
        kills: is_named("kill"),
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
    let mut report = kill::report::report(&outcome?, &told)?;
    report.scope = format!("{}; {}", report.scope, join(&faults));
    args.report.finish(&report, out.as_mut())
}

fn join(faults: &[&Fault]) -> String {
    faults.iter().map(|fault| fault.name).collect::<Vec<_>>().join(", ")
}

impl Args {
    fn store(&self) -> Store {
        Store::new(self.corpus.corpus.join("chaos"))
    }

    fn ops(&self) -> u64 {
        self.seeds.ops.unwrap_or(if self.exhaustive { EXHAUSTIVE_OPS } else { DEFAULT_OPS })
    }

    /// What is injected into a server of its own process: what was named, or all that there is.
    fn server_faults(&self) -> anyhow::Result<Vec<&'static Fault>> {
        let given = [
            ("TRACE", !self.traces.is_empty()),
            ("--exhaustive", self.exhaustive),
            ("--trace-io", self.trace_io),
            ("--sync", self.sync.is_some()),
            ("--no-checksums", self.no_checksums),
            ("--jobs", self.seeds.jobs.is_some()),
            ("--shrinks", self.shrinks.is_some()),
        ];
        let given: Vec<&str> = given.iter().filter(|(_, is_given)| *is_given).map(|(name, _)| *name).collect();
        ensure!(
            given.is_empty(),
            "{} cannot be used with --subject exec:…, a server of its own process; --subject redlite takes it",
            given.join(", ")
        );
        let is_possible = |fault: &Fault| SERVER_FAULTS.contains(&fault.name);
        let named = self.faults.iter().filter_map(Named::one).map(|fault| fault.name);
        let others: Vec<&str> = named.filter(|name| !SERVER_FAULTS.contains(name)).collect();
        ensure!(
            others.is_empty(),
            "into a server of its own process dst injects {} only, not {}; --subject redlite takes every fault",
            SERVER_FAULTS.join(" and "),
            others.join(", ")
        );
        Ok(faults_named(&self.faults).into_iter().filter(|fault| is_possible(fault)).collect())
    }

    /// That the subject is one on the simulated disk, and nothing is said that is not for these.
    fn check_simulated(&self) -> anyhow::Result<()> {
        let canary = |name: &str| {
            STORAGE_CANARIES.iter().any(|canary| canary.name == name) || canaries().any(|canary| canary.name == name)
        };
        let is_known = self.subject == DEFAULT_SUBJECT || self.subject.strip_prefix("canary:").is_some_and(canary);
        if !is_known {
            let names = STORAGE_CANARIES.iter().map(|row| format!("    canary:{:<36} {}", row.name, row.slip));
            bail!(
                "there is no subject {:?}; there are:\n  \
                 redlite       Redlite on a simulated disk\n  \
                 exec:COMMAND  a server that COMMAND starts on {{port}} with its files in {{dir}}\n  \
                 canary:NAME   a Redlite that is wrong, on the same disk, such as:\n{}",
                self.subject,
                names.collect::<Vec<_>>().join("\n")
            );
        }
        ensure!(self.connections.is_none(), "--connections takes --subject exec:COMMAND: a group has its own");
        Ok(())
    }

    /// What was asked for, behind which traces.
    fn describe_simulated(&self, faults: &[&Fault]) -> String {
        let faults = match () {
            () if self.exhaustive => "at every point".to_owned(),
            () if !self.traces.is_empty() => "the faults that it holds".to_owned(),
            () if faults.len() == faults::faults().count() => "every fault".to_owned(),
            () => join(faults),
        };
        let checksums = if self.no_checksums { "no checksums" } else { "checksums" };
        format!("{faults}; sync {}, {checksums}", self.sync.unwrap_or_default().name())
    }

    fn settings(&self) -> Settings {
        let sync = match self.sync.unwrap_or_default() {
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
        match self.sync.unwrap_or_default() {
            SyncArg::Full => {}
            other => flags.push(format!("--sync {}", other.name())),
        }
        if self.no_checksums {
            flags.push("--no-checksums".to_owned());
        }
        CommandLine { program: program(), flags: flags.join(" ") }
    }
}

/// Reads the traces, and looks whether each can be run as is asked.
fn read(paths: &[PathBuf], fails_everywhere: bool) -> anyhow::Result<Vec<(String, Trace)>> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let read = |input: &Input| {
        let trace = input.read()?;
        faults::written::check(&trace.ops, fails_everywhere).with_context(|| input.name())?;
        Ok((input.name(), trace))
    };
    Input::many(paths)?.iter().map(read).collect()
}

/// The table of faults, each once.
fn list_faults() -> anyhow::Result<Outcome> {
    let mut out = output::open_text(None)?;
    writeln!(out, "Faults, for --faults and for the lines `!fault NAME ARGS…` of a trace:\n")?;
    for fault in faults::faults() {
        list_fault(fault, out.as_mut())?;
        write_wrapped("holds  ", 7, fault.invariant.describe(), out.as_mut())?;
        writeln!(out)?;
    }
    writeln!(out, "In traces only: no faults, but what a store does between commands:\n")?;
    for row in faults::upkeep() {
        list_fault(row, out.as_mut())?;
        writeln!(out)?;
    }
    writeln!(out, "Besides, `!crash` takes the power away between two ops, and `!restart` closes")?;
    writeln!(out, "the store and opens it again.")?;
    out.flush()?;
    Ok(Outcome::Agree)
}

fn list_fault(fault: &Fault, out: &mut dyn Write) -> anyhow::Result<()> {
    let words: Vec<String> = fault.params.iter().map(|param| format!(" {}", param.word())).collect();
    writeln!(out, "{STRONG}{}{STRONG:#}{}", fault.name, words.concat())?;
    write_wrapped("", 0, fault.about, out)?;
    let word_width = fault.params.iter().map(|param| param.name.len()).max().unwrap_or(0);
    let range_width = fault.params.iter().map(|param| param.describe_range().len()).max().unwrap_or(0);
    for param in fault.params {
        let (word, range) = (param.word(), param.describe_range());
        let label = format!("{word:word_width$}  {FAINT}{range:range_width$}{FAINT:#}  ");
        write_wrapped(&label, word_width + range_width + 4, param.about, out)?;
    }
    Ok(())
}

/// A text behind its label, which is `width` characters wide, with the lines below it in line.
fn write_wrapped(label: &str, width: usize, text: &str, out: &mut dyn Write) -> anyhow::Result<()> {
    let words: Vec<&str> = text.split(' ').collect();
    for (at, line) in wrap(&words, " ", WIDTH.saturating_sub(width + 2)).iter().enumerate() {
        if at == 0 {
            writeln!(out, "  {label}{line}")?;
        } else {
            writeln!(out, "  {:width$}{line}", "")?;
        }
    }
    Ok(())
}

fn list_calls(args: &Args, source: &Source) -> anyhow::Result<Outcome> {
    ensure!(source.len() == 1, "--trace-io lists one trace: name a file, or say --seeds 1");
    let mut out = output::open_text(args.report.output.as_deref())?;
    for Asked { op, calls, faults } in chaos::list_calls(&args.subject, args.settings(), source)? {
        write!(out, "{STRONG}{}{STRONG:#}", format_op(&op))?;
        if !faults.is_empty() {
            let faults: Vec<&str> = faults.into_iter().collect();
            write!(out, "  {WARN}✗ {}{WARN:#}", faults.join(", "))?;
        }
        writeln!(out)?;
        for call in calls {
            let style = if call.ends_with('✗') { WARN } else { FAINT };
            writeln!(out, "  {style}{call}{style:#}")?;
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
