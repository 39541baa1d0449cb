use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};

use super::inputs::Input;
use super::options::{AccessArgs, GroupArgs, redact};
use super::{Outcome, interrupt, output};
use crate::campaign::differential::reference_failure;
use crate::campaign::recording;
use crate::diff::Keyspace;
use crate::generate::{self, Generator, Sequence};
use crate::seed::Seed;
use crate::targets::{self, Session};
use crate::trace::{Header, Op, Reader, TraceError, Writer, text};
use resp::Reply;

/// Generate a trace from a seed, and record a target's replies to it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    dst record --seed 5 | dst replay --against redis\n  \
    dst record --seed 5 --group lists --ops 20 --text\n  \
    dst record --seed 5 --from redis --output lists.trace\n  \
    dst record by-hand.txt --from redis            what a Redis answers to a trace that you wrote")]
pub(super) struct Args {
    /// Take the operations from this trace and not from a seed
    #[arg(value_name = "TRACE", conflicts_with_all = ["seed", "group", "ops"])]
    trace: Option<PathBuf>,

    /// Everything follows from it: the same seed gives the same trace on every machine
    #[arg(long, value_name = "N", default_value = "0")]
    seed: Seed,

    #[command(flatten)]
    group: GroupArgs,

    /// How many operations
    #[arg(long, value_name = "N", default_value_t = 1000)]
    ops: u64,

    /// Record the replies of this target with the operations, and at the end all that it holds
    #[arg(long, value_name = "TARGET")]
    from: Option<String>,

    /// A line for people, kept in the trace
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    note: String,

    /// Write the readable form instead of the binary one
    #[arg(long)]
    text: bool,

    /// Write to a file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    access: AccessArgs,
}

/// How many ops are held in memory and go to the target at once.
const BLOCK_OPS: usize = 512;

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let path = args.output.as_deref();
    ensure!(
        args.text || !output::is_terminal(path),
        "a binary trace does not belong on a terminal: add --text, or --output FILE, or pipe it into `dst replay`"
    );
    let mut source = match &args.trace {
        Some(path) => Source::Trace(Box::new(Input::one(path).open()?)),
        None => {
            let options = generate::Options { seed: args.seed, group: args.group.group };
            Source::Seed(Box::new(Generator::new(&options).sequence(args.ops)))
        }
    };
    let mut header = source.header();
    if !args.note.is_empty() {
        header.note = args.note;
    }
    let mut session = None;
    if let Some(name) = &args.from {
        let target = args.access.target(name)?;
        session = Some(target.open(&header).with_context(|| format!("cannot record from {}", redact(name)))?);
        header.recorded_by = Some(target.info());
    }

    let mut trace = Output::open(output::open_bytes(path)?, &header, session.is_some(), args.text)?;
    let (mut written, mut has_restarts) = (0, false);
    while let Some(ops) = source.next_block()? {
        interrupt::check()?;
        has_restarts |= recording::has_restarts(&ops);
        trace.write(&ops, &ask(session.as_deref_mut(), &ops, written)?)?;
        written += ops.len() as u64;
    }
    if let Some(session) = session.as_deref_mut() {
        write_keyspace(&mut trace, session, written, has_restarts)?;
    }
    trace.finish()?;
    Ok(Outcome::Agree)
}

/// Adds what the target holds in the end. Where its clock is real, or it was restarted, that is no truth for every
/// other store: there it is what the target answers to commands that read it, whose replies are compared by their
/// rules.
fn write_keyspace(
    trace: &mut Output,
    session: &mut (dyn Session + 'static),
    written: u64,
    has_restarts: bool,
) -> anyhow::Result<()> {
    let Some(keyspace) = session.keyspace()? else { return Ok(()) };
    let notes = session.take_notes();
    ensure!(notes.is_empty(), "what the target holds in the end cannot be read: {}", notes.join("; "));
    if session.exact_clock() && !has_restarts {
        return Ok(trace.write_keyspace(&keyspace)?);
    }
    let ops = targets::reading_ops(&keyspace);
    let replies = ask(Some(session), &ops, written)?;
    Ok(trace.write(&ops, &replies)?)
}

/// Where the operations come from.
enum Source {
    Seed(Box<Sequence>),
    Trace(Box<Reader>),
}

impl Source {
    /// Of a trace to be written: replies that were there are not taken over.
    fn header(&self) -> Header {
        match self {
            Source::Seed(sequence) => sequence.header(),
            Source::Trace(reader) => Header { recorded_by: None, ..reader.header().clone() },
        }
    }

    fn next_block(&mut self) -> anyhow::Result<Option<Vec<Op>>> {
        match self {
            Source::Seed(sequence) => {
                let ops: Vec<Op> = sequence.take(BLOCK_OPS).collect();
                Ok((!ops.is_empty()).then_some(ops))
            }
            Source::Trace(reader) => Ok(reader.next_block()?.map(|block| block.ops)),
        }
    }
}

/// The replies to `ops`, the first of which is `first` in the trace; none without a session. A reply that does not
/// come is an error: it would be recorded as what is right.
fn ask(session: Option<&mut (dyn Session + 'static)>, ops: &[Op], first: u64) -> anyhow::Result<Vec<Reply>> {
    let mut replies = Vec::new();
    if let Some(session) = session {
        session.replay(ops, &mut replies)?;
        if let Some(at) = replies.iter().position(|reply| reference_failure(reply).is_some()) {
            bail!(
                "the target gave no reply to op {}, `{}`, so there is no truth to record (give it longer with \
                 --timeout, or see why it fails): {}",
                first + at as u64,
                text::format_op(&ops[at]),
                session.take_notes().join("; ")
            );
        }
    }
    Ok(replies)
}

/// A trace being written in either form.
enum Output {
    Binary(Box<Writer<Box<dyn Write>>>),
    Text(text::Writer<Box<dyn Write>>),
}

impl Output {
    fn open(out: Box<dyn Write>, header: &Header, with_replies: bool, text: bool) -> Result<Self, TraceError> {
        Ok(if text {
            Output::Text(text::Writer::new(out, header, with_replies)?)
        } else {
            Output::Binary(Box::new(Writer::new(out, header, with_replies)?))
        })
    }

    fn write(&mut self, ops: &[Op], replies: &[Reply]) -> Result<(), TraceError> {
        for (at, op) in ops.iter().enumerate() {
            match self {
                Output::Binary(writer) => writer.write(op, replies.get(at))?,
                Output::Text(writer) => writer.write(op, replies.get(at))?,
            }
        }
        Ok(())
    }

    fn write_keyspace(&mut self, keyspace: &Keyspace) -> Result<(), TraceError> {
        match self {
            Output::Binary(writer) => writer.write_keyspace(keyspace),
            Output::Text(writer) => writer.write_keyspace(keyspace),
        }
    }

    fn finish(self) -> Result<(), TraceError> {
        let mut out = match self {
            Output::Binary(writer) => writer.finish()?,
            Output::Text(writer) => writer.finish()?,
        };
        Ok(out.flush()?)
    }
}
