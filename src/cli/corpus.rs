use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Subcommand;

use super::inputs::Input;
use super::options::{AccessArgs, AgainstOrRecordedArgs, CorpusArgs, PairArgs, redact};
use super::replays::{ReplaysArgs, Round};
use super::{Outcome, describe, interrupt, output};
use crate::campaign::replay::Replays;
use crate::campaign::sessions::Sessions;
use crate::campaign::{Pair, differential, files, recording};
use crate::corpus::{Added, Item, Known, KnownAdded, KnownEntry, Store, parse_class};
use crate::diff::Class;
use crate::report::style::{BAD, FAINT, STRONG};
use crate::targets::spared::Spared;
use crate::targets::{Session, Target};
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
    /// Add a trace that diverges, up to where it does
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
    /// Complete older traces with what a reference answers, and what it then holds
    Record {
        /// What is right
        #[arg(long, value_name = "TARGET", default_value = "redis", help_heading = "Targets")]
        against: String,

        #[command(flatten)]
        access: AccessArgs,

        #[command(flatten)]
        corpus: CorpusArgs,
    },
    /// The divergences that are known and stay: known.toml
    Known {
        #[command(subcommand)]
        command: KnownCommand,
    },
    /// Replay every trace: what was once fixed must agree, what is known must still diverge
    Test {
        #[command(flatten)]
        against: AgainstOrRecordedArgs,

        #[command(flatten)]
        args: ReplaysArgs,
    },
}

#[derive(Debug, Subcommand)]
enum KnownCommand {
    /// List a divergence as known, with the reason why it stays
    #[command(after_help = "Examples:\n  \
        dst corpus known add corpus/GET.exact.int-vs-bulk/0123456789abcdef.trace --reason 'issue 7'\n  \
        dst corpus known add OBJECT ENCODING exact bulk-value --subject valkey --reason 'its own encodings'")]
    Add {
        /// What is known: a trace of the corpus, or its class as dst prints it, COMMAND RULE KIND
        #[arg(value_name = "FINDING", required = true)]
        finding: Vec<String>,

        /// Why it is not mended
        #[arg(long, value_name = "TEXT")]
        reason: String,

        /// Only for this subject, by the name that reports give it, such as valkey
        #[arg(long, value_name = "NAME")]
        subject: Option<String>,

        #[command(flatten)]
        corpus: CorpusArgs,
    },
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    match args.command {
        Command::List { corpus } => list(&corpus),
        Command::Add { trace, against, pair, corpus } => add(&Input::one(&trace), &against, &pair, &corpus),
        Command::Record { against, access, corpus } => record(&against, &access, &corpus),
        Command::Known { command: KnownCommand::Add { finding, reason, subject, corpus } } => {
            let class = class_of(&finding)?;
            add_known(KnownEntry { class, reason, subject }, &corpus)
        }
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
    // What comes behind the divergence is no part of it, and then it is no seed's trace any more.
    let Trace { header, mut ops, .. } = trace;
    ops.truncate(divergence.at + 1);
    let trace = Trace { header: Header { seed: None, generator: 0, ..header }, ops, ..Trace::default() };
    let trace = record_on(sessions.reference.as_mut(), reference.info(), &trace)?;
    let mut out = output::open_text(None)?;
    match corpus.store().add(&divergence.class, &trace)? {
        Added::New(item) => writeln!(out, "added {}", item.path.display())?,
        Added::Known(item) => writeln!(out, "{} holds the same operations already", item.path.display())?,
    }
    out.flush()?;
    Ok(Outcome::Agree)
}

/// The trace with what this reference answers and then holds.
fn record_on(session: &mut dyn Session, reference: TargetInfo, trace: &Trace) -> anyhow::Result<Trace> {
    let recorded = recording::record(&trace.header, &trace.ops, reference.clone(), session)?;
    recorded.with_context(|| {
        format!(
            "{reference} does not answer every operation: a reply that did not come is no truth to keep; see --timeout"
        )
    })
}

/// Completes the traces that lack replies, or what is held in the end.
fn record(against: &str, access: &AccessArgs, corpus: &CorpusArgs) -> anyhow::Result<Outcome> {
    let store = corpus.store();
    // What a restart of a store that keeps nothing takes is no truth.
    let reference = Spared::new(access.target(against)?);
    let mut session =
        reference.open(&Header::default()).with_context(|| format!("cannot record from {}", redact(against)))?;
    ensure!(
        session.exact_clock(),
        "{} keeps real time, so what it holds is only near: name a reference whose clock dst holds, such as redis",
        reference.info()
    );
    let mut out = output::open_text(None)?;
    let (mut count, mut failed) = (0, 0);
    for item in store.list()? {
        interrupt::check()?;
        count += 1;
        let path = item.path.display();
        match complete(&store, &item, session.as_mut(), reference.info()) {
            Ok(true) => writeln!(out, "completed {path}")?,
            Ok(false) => writeln!(out, "{FAINT}complete  {path}{FAINT:#}")?,
            Err(error) => {
                failed += 1;
                writeln!(out, "{BAD}FAILED{BAD:#}    {path}  {}", describe(&error))?;
            }
        }
    }
    out.flush()?;
    ensure!(failed == 0, "{failed} of {count} traces could not be completed");
    Ok(Outcome::Agree)
}

/// False where there is nothing to complete.
fn complete(store: &Store, item: &Item, session: &mut dyn Session, reference: TargetInfo) -> anyhow::Result<bool> {
    let trace = store.load(item, Limits::default())?;
    if trace.replies.is_some() && trace.keyspace.is_some() {
        return Ok(false);
    }
    let mut recorded = record_on(session, reference, &trace)?;
    if recorded.keyspace.is_none() {
        // It was restarted, which it did not notice.
        recorded.keyspace = recording::read_keyspace(session)?;
    }
    ensure!(recorded.keyspace.is_some(), "the reference does not tell what it holds in the end");
    store.write(item, &recorded)?;
    Ok(true)
}

/// The class that a trace of the corpus is of, or that words say.
fn class_of(finding: &[String]) -> anyhow::Result<Class> {
    if let [path] = finding
        && !path.contains(' ')
    {
        let trace = Input::one(Path::new(path)).read()?;
        let item = Store::item_at(Path::new(path));
        let item =
            item.with_context(|| format!("{path} is no trace of the corpus: give its class, COMMAND RULE KIND"))?;
        return Ok(item.class(&trace.header.note)?);
    }
    parse_class(&finding.join(" ")).map_err(anyhow::Error::msg)
}

fn add_known(entry: KnownEntry, corpus: &CorpusArgs) -> anyhow::Result<Outcome> {
    let path = corpus.known_file();
    let mut out = output::open_text(None)?;
    let class = entry.class.clone();
    match Known::add(&path, entry)? {
        KnownAdded::New => writeln!(out, "{class} is known from now on, in {}", path.display())?,
        KnownAdded::Known(entry) => writeln!(out, "{class} is known already: {}", entry.reason.escape_debug())?,
    }
    out.flush()?;
    Ok(Outcome::Agree)
}

fn test(against: &[String], args: &ReplaysArgs) -> anyhow::Result<Outcome> {
    let stage = args.stage(against)?;
    let items = args.corpus.store().list()?;
    ensure!(!items.is_empty(), "{} holds no traces: there is nothing to test", args.corpus.corpus.display());
    let width = items.iter().map(|item| item.path.display().to_string().chars().count()).max().unwrap_or(0);
    let round = Round { verb: "replaying", count: items.len(), unit: "traces", width };
    let name = |item: &&Item| item.path.display().to_string();
    let replay = |replays: &mut Replays, item: &Item| {
        let name = name(&item);
        let check = replays.trace(&name, &name, files::open(&item.path)?)?;
        if item.is_of_keyspace() && replays.lacks_keyspace() {
            replays.leave_unchecked(format!(
                "{name}: it does not hold what is held in the end, which it is about: `dst corpus record` completes it"
            ));
        }
        Ok(check)
    };
    stage.run(&round, &items, name, replay, |whole, known| {
        if !whole.interrupted && whole.failed() == 0 {
            let stale =
                |entry: &KnownEntry| format!("the known divergence {} no longer occurs: remove it", entry.class);
            whole.failures.extend(known.unused().into_iter().map(stale));
        }
    })
}
