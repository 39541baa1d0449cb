//! What runs traces: one file a campaign, and the run of one trace on two targets that they share.

pub mod chaos;
pub mod coverage;
pub mod differential;
pub mod files;
pub mod minimal;
pub mod oracle;
pub mod preflight;
mod rebuild;
pub mod recording;
pub mod replay;
pub mod sessions;
#[cfg(madsim)]
pub mod simulate;
pub mod smoke;

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::corpus::CorpusError;
use crate::diff::Class;
use crate::generate::{self, Generator, Group};
use crate::report::{Finding, Totals};
use crate::seed::Seed;
use crate::targets::{Target, TargetError};
use crate::trace::{Act, Header, Op, TraceError};
use resp::Reply;

/// The targets of a campaign.
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    /// What is right.
    pub reference: &'a dyn Target,
    /// What is right as well: a subject that agrees with one of them does not diverge.
    pub others: &'a [Box<dyn Target>],
    /// What is tested.
    pub subject: &'a dyn Target,
}

impl<'a> Pair<'a> {
    /// One reference and a subject.
    pub fn new(reference: &'a dyn Target, subject: &'a dyn Target) -> Self {
        Self { reference, others: &[], subject }
    }

    /// Several references, the first first, and a subject; `None` without a reference.
    pub fn against(references: &'a [Box<dyn Target>], subject: &'a dyn Target) -> Option<Self> {
        let (reference, others) = references.split_first()?;
        Some(Self { reference: reference.as_ref(), others, subject })
    }

    /// All that is right, the first first.
    pub fn references(&self) -> impl Iterator<Item = &'a dyn Target> {
        std::iter::once(self.reference).chain(self.others.iter().map(|other| other.as_ref()))
    }

    /// True where a clock is the machine's.
    pub fn has_real_clock(&self) -> bool {
        self.subject.has_real_clock() || self.references().any(|reference| reference.has_real_clock())
    }

    /// The references for people: `redis 7.0.15 or redis 6.2.14`.
    pub fn describe_references(&self) -> String {
        self.references().map(|reference| reference.info().to_string()).collect::<Vec<_>>().join(" or ")
    }

    /// As many jobs as asked for, or one where a store cannot be had twice.
    pub fn jobs(&self, asked: NonZeroUsize) -> NonZeroUsize {
        let shared = self.subject.is_shared() || self.references().any(|reference| reference.is_shared());
        if shared { NonZeroUsize::MIN } else { asked }
    }
}

/// The words of a command to paste that are the same for every finding.
#[derive(Clone, Debug, Default)]
pub struct CommandLine {
    /// How the user called this program.
    pub program: String,
    /// The targets and how they are compared: `--against redis`.
    pub flags: String,
}

impl CommandLine {
    /// The whole line that runs `words`.
    pub fn with(&self, words: &str) -> String {
        format!("{} {words} {}", self.program, self.flags).trim_end().to_owned()
    }

    /// The same command for a subject that sends bulk strings as simple strings, where it does.
    pub fn with_simple_bulks(&self, simple_bulks: bool) -> Self {
        let said = " --simple-bulks";
        let is_to_say = simple_bulks && !self.flags.contains(said);
        Self { flags: format!("{}{}", self.flags, if is_to_say { said } else { "" }), ..self.clone() }
    }

    /// The line that runs one seed again.
    pub fn seed(&self, seed: Seed, group: &Group, ops: u64) -> String {
        self.with(&format!("oracle --seeds 1 --first-seed {seed} --group {} --ops {ops}", group.name))
    }
}

/// Why a campaign cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    /// A trace cannot be simulated.
    #[error("{why}")]
    Simulation {
        /// Why not.
        why: String,
    },
    /// A target cannot be used.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The corpus cannot be read or written.
    #[error(transparent)]
    Corpus(#[from] CorpusError),
    /// A trace cannot be read.
    #[error("{name}: {source}")]
    Trace {
        /// The trace's file.
        name: String,
        /// What is wrong with it.
        source: TraceError,
    },
    /// A folder of traces cannot be read.
    #[error("{path}: {source}")]
    Folder {
        /// Which.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The reference did not answer.
    #[error(
        "{class}: the reference gave no reply, so there is no truth to keep; give it longer with --timeout, or see \
        why it fails"
    )]
    NoTruth {
        /// What was found.
        class: Class,
    },
    /// The reference does not know the commands of the group.
    #[error(
        "the group {group} is about {module}, which {reference} does not have: name a server that has it, such as \
         --against redis://localhost:6379 or --against 'exec:redis-server --loadmodule redisearch.so --port {{port}}'"
    )]
    NoModule {
        /// The group.
        group: &'static str,
        /// What its commands need.
        module: &'static str,
        /// The reference.
        reference: String,
    },
    /// There is nothing to compare with.
    #[error("{name} holds no replies to compare with; name what is right, such as --against redis")]
    NoReference {
        /// The trace's file.
        name: String,
    },
}

impl CampaignError {
    /// True where it is due to the trace that was replayed: another one may still be.
    pub fn is_of_trace(&self) -> bool {
        use TargetError::{BadFault, Harmful, NoFaults, NotOurs, NotRecorded};
        match self {
            CampaignError::Trace { .. } | CampaignError::NoReference { .. } => true,
            CampaignError::Target(error) => {
                matches!(error, NoFaults { .. } | BadFault { .. } | Harmful { .. } | NotOurs { .. } | NotRecorded)
            }
            _ => false,
        }
    }
}

/// How far a campaign is, for whoever watches it. Nothing in its results depends on this.
#[derive(Debug, Default)]
pub struct Progress {
    /// What is being done, such as `comparing`.
    pub phase: Mutex<&'static str>,
    /// Seeds or traces that are done in this phase.
    pub done: AtomicU64,
    /// How many there are in this phase; 0 where that is not known.
    pub total: AtomicU64,
    /// Ops that both sides ran.
    pub ops: AtomicU64,
    /// Seeds or traces that diverged.
    pub divergent: AtomicU64,
    /// Lines about what was found since they were last taken.
    pub told: Mutex<Vec<String>>,
}

impl Progress {
    /// Starts a phase of `total` steps.
    pub fn start(&self, phase: &'static str, total: u64) {
        self.total.store(total, Ordering::Relaxed);
        self.done.store(0, Ordering::Relaxed);
        *self.phase.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = phase;
    }

    /// Tells a finding as soon as there is one.
    pub fn tell(&self, finding: &Finding) {
        let trace = finding.trace.as_deref().unwrap_or(&finding.found_in);
        let line = format!("found  {}  {trace}", finding.class);
        self.say(line);
    }

    /// Tells a line.
    pub fn say(&self, line: String) {
        self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line);
    }

    /// Counts one step.
    pub fn step(&self, ops: u64, diverged: bool) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.ops.fetch_add(ops, Ordering::Relaxed);
        self.divergent.fetch_add(u64::from(diverged), Ordering::Relaxed);
    }
}

/// Looks whether the reference knows the commands of `group`: where it does not, every reply would differ for one and
/// the same reason.
///
/// # Errors
/// [`CampaignError::NoModule`] where it does not, and where the target cannot be used.
pub fn require_module(group: &'static Group, reference: &dyn Target) -> Result<(), CampaignError> {
    let Some(module) = group.module() else { return Ok(()) };
    let mut session = reference.open(&Header::default())?;
    let probe = Op { conn: 0, act: Act::Call([module.probe].into()) };
    let mut replies = Vec::new();
    session.replay(&[probe], &mut replies)?;
    match replies.first().and_then(Reply::as_error) {
        None => Ok(()),
        Some(_) => {
            let reference = reference.info().to_string();
            Err(CampaignError::NoModule { group: group.name, module: module.name, reference })
        }
    }
}

/// Seeds for people: `seed 7, 1 op each`, or `seeds 0 to 19, 50 ops each`.
pub fn describe_seeds(first: Seed, count: u64, ops: u64) -> String {
    let last = first.0.saturating_add(count.saturating_sub(1));
    let seeds = if last == first.0 { format!("seed {first}") } else { format!("seeds {first} to {last}") };
    format!("{seeds}, {ops} op{} each", if ops == 1 { "" } else { "s" })
}

/// The first `count` operations of a seed, and the header of their trace.
pub fn sequence(seed: Seed, group: &'static Group, count: u64) -> (Header, Vec<Op>) {
    let sequence = Generator::new(&generate::Options { seed, group }).sequence(count);
    (sequence.header(), sequence.collect())
}

impl Totals {
    /// Adds what the run of one trace counted.
    pub fn add(&mut self, outcome: &differential::Outcome) {
        self.ops += outcome.ops;
        self.replies += outcome.replies;
        self.skipped += outcome.skipped;
        self.known += outcome.known;
        self.drift += outcome.drift.len() as u64;
        self.divergent += u64::from(outcome.divergence.is_some() && !outcome.flaky || !outcome.unsupported.is_empty());
    }

    /// Adds the sums of another part of the campaign.
    pub fn merge(&mut self, other: &Totals) {
        self.seeds += other.seeds;
        self.ops += other.ops;
        self.replies += other.replies;
        self.skipped += other.skipped;
        self.known += other.known;
        self.drift += other.drift;
        self.divergent += other.divergent;
    }
}
