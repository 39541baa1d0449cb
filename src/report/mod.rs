//! What a campaign found, and the formats in which it is told.
//!
//! To add a format: a file here with a [`Format`], and its row in [`formats`].

mod console;
pub mod injections;
mod json;
mod markdown;
pub mod matrix;
pub mod style;
pub mod wrap;

use std::fmt::Debug;
use std::io::{self, Write};

use serde::Serialize;

use crate::diff::{Class, Divergence, Excerpt};
use crate::seed::Seed;
use crate::shrink::Shrunk;

/// A way to tell a report.
pub trait Format: Debug + Sync {
    /// As the command line names it.
    fn name(&self) -> &'static str;

    /// One line for the help.
    fn about(&self) -> &'static str;

    /// Tells one check as soon as it is done; `name_width` is that of the longest name, in characters.
    ///
    /// # Errors
    /// Where `out` fails.
    fn check(&self, check: &Check, name_width: usize, out: &mut dyn Write) -> io::Result<()>;

    /// Tells the whole report at the end, after its checks. May hold ANSI codes.
    ///
    /// # Errors
    /// Where `out` fails.
    fn finish(&self, report: &Report, out: &mut dyn Write) -> io::Result<()>;
}

/// The table of formats.
pub fn formats() -> &'static [&'static dyn Format] {
    &[&console::Console, &json::Json, &markdown::Markdown]
}

/// The format of this name.
pub fn format(name: &str) -> Option<&'static dyn Format> {
    formats().iter().copied().find(|format| format.name() == name)
}

/// What a campaign did and found. All but `timing` and the `notes` of findings is the same for every run of the same
/// seeds.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The campaign's name: `oracle`, `replay`.
    pub campaign: &'static str,
    /// What was tested.
    pub subject: String,
    /// What was right.
    pub reference: String,
    /// What was run, in words.
    pub scope: String,
    /// What was checked one by one; campaigns of thousands of seeds leave it empty.
    pub checks: Vec<Check>,
    /// What the subject has, lacks and does its own way, a line each; nothing where it has all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub preflight: Vec<String>,
    /// The divergences, by their first seed.
    pub findings: Vec<Finding>,
    /// How many findings are accepted: they are told no more.
    #[serde(skip_serializing_if = "is_zero")]
    pub accepted: u64,
    /// Where the subject agrees with a reference behind the first only. It fails nothing: versions differ there.
    pub drift: Vec<Drift>,
    /// What each command came to, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matrix: Option<matrix::Matrix>,
    /// What was injected, in a campaign of faults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub injections: Option<injections::Injections>,
    /// Divergences that a second run did not show.
    pub flaky: Vec<Flaky>,
    /// What else fails the run, such as a known divergence that no longer occurs.
    pub failures: Vec<String>,
    /// What was asked for and could not be checked. It fails nothing, and is no pass.
    pub unchecked: Vec<String>,
    /// The sums.
    pub totals: Totals,
    /// True where a clock is the machine's: a key may then expire between two replies, so what a second run does not
    /// show is told and does not fail the run.
    pub real_clock: bool,
    /// True where the user stopped it before its end.
    pub interrupted: bool,
    /// How long it took.
    pub timing: Timing,
}

impl Report {
    /// How many checks could not be made.
    pub fn failed(&self) -> usize {
        self.checks.iter().filter(|check| check.verdict == Verdict::Failed).count()
    }

    /// True where nothing failed.
    pub fn agrees(&self) -> bool {
        self.findings.is_empty()
            && (self.flaky.is_empty() || self.real_clock)
            && self.failures.is_empty()
            && self.checks.iter().all(|check| check.verdict == Verdict::Agree)
    }

    /// Adds a part of the campaign to the whole: its checks, findings, sums and times.
    pub fn absorb(&mut self, part: Report) {
        self.checks.extend(part.checks);
        self.findings.extend(part.findings);
        self.drift.extend(part.drift);
        self.flaky.extend(part.flaky);
        self.failures.extend(part.failures);
        self.unchecked.extend(part.unchecked);
        self.totals.merge(&part.totals);
        self.interrupted |= part.interrupted;
        self.timing.seconds += part.timing.seconds;
        self.timing.comparing_seconds += part.timing.comparing_seconds;
    }
}

/// One thing that was checked: a trace, a seed, a canary.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// The trace's file, or what else was checked.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Ops that both sides ran.
    pub ops: u64,
    /// How long that took, in seconds.
    pub seconds: f64,
    /// What there is to know besides, such as the class of the divergence, or why it could not be checked.
    pub detail: String,
    /// Index of the op that diverged first.
    pub diverged_at: Option<usize>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Subject and reference agree.
    Agree,
    /// They differ.
    Diverge,
    /// They differed, and not again in a second run.
    Flaky,
    /// A bug that was put in on purpose was not found.
    Missed,
    /// It could not be checked.
    Failed,
}

/// The divergences of one class, told by the first of them.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// What the divergence is.
    pub class: Class,
    /// What tells it from others of its class: its minimal trace without data; empty where that is not known.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub shape: String,
    /// Where it was found: the seed or the trace.
    pub found_in: String,
    /// The lowest seed that shows it.
    pub first_seed: Option<Seed>,
    /// How many seeds or traces show it first.
    pub count: u64,
    /// Other commands that differ in the same way; such a systemic difference is one finding.
    pub also: Vec<String>,
    /// Their traces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also_traces: Vec<String>,
    /// How many seeds showed the class in other ways that were not shrunk.
    #[serde(skip_serializing_if = "is_zero")]
    pub unshrunk: u64,
    /// Index of the op that diverged, in `trace` where there is one.
    pub at: usize,
    /// What else there is to know.
    pub note: String,
    /// What no reply can say: how a server died, with its last words, which may hold its process id and the time.
    pub notes: Vec<String>,
    /// The replies of both sides around it, as a diff.
    pub diff: String,
    /// The same with ANSI codes.
    #[serde(skip)]
    pub diff_coloured: String,
    /// What shrinking came to.
    pub shrunk: Option<Shrinking>,
    /// The file of its (minimal) trace.
    pub trace: Option<String>,
    /// A line to paste that replays just that.
    pub replay: String,
    /// A line to paste that shrinks its trace, where that is not done yet.
    pub shrink: Option<String>,
}

impl Finding {
    /// All commands that differ so.
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        let mut all: Vec<&str> = self.also.iter().map(String::as_str).chain([self.class.command.as_str()]).collect();
        all.sort_unstable();
        all.into_iter()
    }

    /// A finding of `divergence`, which was seen once.
    pub fn new(found_in: String, divergence: &Divergence, excerpt: Option<&Excerpt>) -> Self {
        let render = |colours| excerpt.map(|it| crate::diff::render(it, divergence, colours)).unwrap_or_default();
        Self {
            class: divergence.class.clone(),
            shape: String::new(),
            found_in,
            first_seed: None,
            count: 1,
            also: Vec::new(),
            also_traces: Vec::new(),
            unshrunk: 0,
            at: divergence.at,
            note: divergence.note.clone(),
            notes: Vec::new(),
            diff: render(false),
            diff_coloured: render(true),
            shrunk: None,
            trace: None,
            replay: String::new(),
            shrink: None,
        }
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What shrinking came to.
#[derive(Clone, Debug, Serialize)]
pub struct Shrinking {
    /// How many ops there were.
    pub before: usize,
    /// How many are left.
    pub after: usize,
    /// How many candidates were run.
    pub evaluations: usize,
    /// True where no single op can be left out.
    pub minimal: bool,
}

impl From<&Shrunk> for Shrinking {
    fn from(shrunk: &Shrunk) -> Self {
        let Shrunk { before, after, evaluations, minimal, .. } = *shrunk;
        Self { before, after, evaluations, minimal }
    }
}

/// A difference from the first reference that another reference shares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// How subject and first reference differ.
    pub class: Class,
    /// The reference that agrees with the subject.
    pub agrees_with: String,
    /// How often that was seen.
    pub count: u64,
    /// Where it was seen first: the seed or the trace.
    pub found_in: String,
}

/// A divergence that a second run did not show.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Flaky {
    /// The seed or the trace.
    pub found_in: String,
    /// What the first run showed.
    pub class: Class,
}

/// Sums over a campaign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Seeds, where seeds were run.
    pub seeds: u64,
    /// Ops that both sides ran.
    pub ops: u64,
    /// Replies that were compared.
    pub replies: u64,
    /// Replies that were not compared, because a divergence had left other data under their keys, or ended the trace.
    pub skipped: u64,
    /// How often known divergences occurred.
    pub known: u64,
    /// How often only a reference behind the first agreed with the subject.
    pub drift: u64,
    /// How many seeds or traces diverged.
    pub divergent: u64,
}

impl Totals {
    /// The share of the replies that were compared, from 0 to 1.
    pub fn judged_share(&self) -> f64 {
        let all = self.replies + self.skipped;
        if all == 0 { 1.0 } else { self.replies as f64 / all as f64 }
    }
}

/// How long a campaign took.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Timing {
    /// From its start to its end, in seconds.
    pub seconds: f64,
    /// From its start until the last op was compared, in seconds: without shrinking.
    pub comparing_seconds: f64,
}
