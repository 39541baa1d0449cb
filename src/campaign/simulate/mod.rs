//! Many clients of Redlite's server in simulation, seed by seed: each run is judged, and one that fails becomes the
//! shortest trace that fails in the same way.
//!
//! | stage | file |
//! |---|---|
//! | what clients do and what happens to them: the table | `scenarios` |
//! | the trace of a seed, in which every decision is | `script` |
//! | whose turn it is | `turns` |
//! | the run | [`crate::targets::simulated`] |
//! | what was right of it | `judge` |
//! | what failed, shrunk, filed and told | `describe` |
//! | what happened, drawn for people | `timeline` |
//! | whether it is the same again, and in another process | `determinism` |
//! | a real server in place of all this, which has no commit order | [`real`] |

mod describe;
mod determinism;
mod judge;
pub mod real;
mod scenarios;
mod script;
mod timeline;
mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::sessions::in_parallel;
use super::{CampaignError, CommandLine, Progress, describe_seeds};
use crate::corpus::Store;
use crate::diff::{Class, Divergence};
use crate::faults::network::event as event_named;
use crate::report::injections::{self, Injections};
use crate::report::{Check, Report, Timing, Totals, Verdict};
use crate::seed::Seed;
use crate::targets::faulty::Injected;
use crate::targets::simulated::{self, Canary, Point, Reached, Story, What, WorldError};
use crate::trace::{Act, Header, Op, Trace};

pub use describe::{FINDING_WIDTH, tell};
pub use determinism::{Print, print};
use scenarios::RESTART;
pub use scenarios::{SCENARIOS, Scenario, scenario};
use script::Script;
use turns::Sampling;

/// What to run.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The first seed.
    pub first_seed: Seed,
    /// How many seeds of each scenario.
    pub seeds: u64,
    /// Turns a seed.
    pub turns: u64,
    /// How many clients; `None` draws it.
    pub clients: Option<u16>,
    /// One at least.
    pub scenarios: &'a [&'static Scenario],
    /// Seeds run at a time.
    pub jobs: NonZeroUsize,
    /// Runs each seed twice, and once more in another process, and tells the first event that differs.
    pub check_determinism: bool,
    /// The server has this slip: to see that it is found.
    pub canary: Option<&'static Canary>,
    /// Where minimal traces are kept.
    pub store: &'a Store,
    /// For lines to paste.
    pub command: &'a CommandLine,
    /// Set where the user asks to stop.
    pub stop: &'a AtomicBool,
}

impl Options<'_> {
    /// How many runs there are.
    fn runs(&self) -> u64 {
        self.seeds.saturating_mul(self.scenarios.len() as u64)
    }

    /// The scenario, by its index, and the seed of a run.
    fn run_at(&self, at: usize) -> (usize, Seed) {
        let seed = Seed(self.first_seed.0.saturating_add((at / self.scenarios.len()) as u64));
        (at % self.scenarios.len(), seed)
    }

    /// A run, in words.
    fn describe_run(&self, at: usize) -> String {
        let (scenario, seed) = self.run_at(at);
        format!("seed {seed} of {}", self.scenarios[scenario].name)
    }
}

/// What became of one seed of a scenario.
#[derive(Default)]
struct Ran {
    /// Which run it was.
    at: usize,
    sampling: Sampling,
    virtual_ms: u64,
    happened: Injected,
    reached: Reached,
    recoveries: u64,
    /// The largest files that a process has left behind, in bytes, and the most memory that SQLite had for one.
    stored_bytes: u64,
    memory_bytes: i64,
    found: Option<Divergence>,
    /// True where it could not be told whether it was right.
    is_unknown: bool,
    /// Of every event, where that is asked for.
    hash: Option<u64>,
    /// The first event that a second run had otherwise.
    differs: Option<String>,
}

/// Runs every seed of every scenario. Stops early where the user asks to, and reports what was done.
///
/// # Errors
/// Infrastructure only.
pub fn run(options: &Options, progress: &Progress) -> Result<Report, CampaignError> {
    let started = Instant::now();
    let count = options.runs();
    progress.start("simulating", count);
    let told = Mutex::new(BTreeSet::new());
    let is_new = |class: &Class| told.lock().unwrap_or_else(PoisonError::into_inner).insert(class.clone());
    let tell = |ran: &Ran, class: &Class| progress.say(format!("found  {class}  {}", options.describe_run(ran.at)));
    let ran = in_parallel(
        options.jobs,
        usize::try_from(count).unwrap_or(usize::MAX),
        || Ok(()),
        |at, ()| {
            if options.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let ran = run_seed(options, at)?;
            progress.step(options.turns, ran.found.is_some());
            ran.found.iter().filter(|found| is_new(&found.class)).for_each(|found| tell(&ran, &found.class));
            Ok(Some(ran))
        },
    )?;
    let ran: Vec<Ran> = ran.into_iter().flatten().collect();
    let hashes: Vec<_> = ran.iter().filter_map(|ran| Some((ran.at, ran.hash?))).collect();
    let elsewhere = determinism::differ_elsewhere(options, &hashes)?;
    let findings = describe::describe_all(options, &ran, progress)?;
    let mut report = report(options, ran, count, started);
    report.findings = findings;
    report.failures.extend(elsewhere);
    Ok(report)
}

/// Runs traces that were written down, each once.
///
/// # Errors
/// Infrastructure, and a trace that is none of a simulation.
pub fn replay(options: &Options, traces: &[(String, Trace)]) -> Result<Report, CampaignError> {
    let started = Instant::now();
    let mut report = Report {
        campaign: "simulate",
        subject: SUBJECT.to_owned(),
        reference: REFERENCE.to_owned(),
        scope: describe_count(traces.len()),
        ..Report::default()
    };
    for (name, trace) in traces {
        if options.stop.load(Ordering::Relaxed) {
            report.interrupted = true;
            break;
        }
        let began = Instant::now();
        let judged = examine(&trace.header, &trace.ops, options.canary)?;
        let ops = trace.ops.len() as u64;
        report.totals.ops += ops;
        report.checks.push(Check {
            name: name.clone(),
            verdict: match judged.divergence {
                Some(_) => Verdict::Diverge,
                None if judged.is_unknown => Verdict::Failed,
                None => Verdict::Agree,
            },
            ops,
            seconds: began.elapsed().as_secs_f64(),
            detail: judged.divergence.as_ref().map(|it| it.class.to_string()).unwrap_or_default(),
            diverged_at: judged.divergence.as_ref().map(|it| it.at),
        });
        if judged.is_unknown {
            report.unchecked.push(format!("{name}: {UNTOLD}"));
        }
        if let Some(divergence) = judged.divergence {
            let lines =
                describe::tell_run(options.canary, &trace.header, &trace.ops, judged.story.as_ref(), &divergence)?;
            report.findings.push(describe::finding_of(options, name.clone(), lines, &divergence, name));
        }
    }
    report.timing.seconds = started.elapsed().as_secs_f64();
    report.timing.comparing_seconds = report.timing.seconds;
    Ok(report)
}

fn describe_count(traces: usize) -> String {
    format!("{traces} trace{}", if traces == 1 { "" } else { "s" })
}

/// With so many seeds of each scenario everything happens that may: what does not fails the run.
const SEEDS_FOR_ALL: u64 = 100;
/// With so many every point is reached.
const SEEDS_FOR_ALL_POINTS: u64 = 1000;

/// What is tested, for people.
const SUBJECT: &str = "redlite in simulation";
/// Why a run is not judged.
const UNTOLD: &str = "the storage failed while those who wait were served";
/// What is right.
const REFERENCE: &str = "the same one after the other";

fn run_seed(options: &Options, at: usize) -> Result<Ran, CampaignError> {
    let (scenario, seed) = options.run_at(at);
    let Script { header, ops, sampling } =
        script::write(options.scenarios[scenario], seed, options.clients, options.turns);
    let mut ran = Ran { at, sampling, ..Ran::default() };
    let judged = examine(&header, &ops, options.canary)?;
    if let (Some(story), true) = (&judged.story, options.check_determinism) {
        let again =
            examine(&header, &ops, options.canary)?.story.map(|again| determinism::lines(&again)).unwrap_or_default();
        let lines = determinism::lines(story);
        ran.differs = determinism::first_difference(&lines, &again);
        ran.hash = Some(determinism::hash(&lines));
    }
    if let Some(story) = judged.story {
        ran.virtual_ms = story.took_ms;
        ran.recoveries = story.lives.len() as u64 - 1;
        ran.happened = happened(&ops, &story);
        ran.reached = story.reached;
        let ended = story.lives.iter().filter_map(|life| life.ended.as_ref());
        ran.stored_bytes = ended.map(|ended| ended.stored_bytes).max().unwrap_or(0);
        ran.memory_bytes = story.memory_bytes.iter().copied().max().unwrap_or(0);
    }
    ran.found = judged.divergence;
    ran.is_unknown = judged.is_unknown;
    Ok(ran)
}

/// How often each event and fault happened in a run.
fn happened(ops: &[Op], story: &Story) -> Injected {
    let mut happened = story.struck.clone();
    for event in &story.events {
        if let What::Network { op } | What::Held { op } = event.what
            && let Act::Fault(spec) = &ops[op].act
            && let Some(event) = event_named(&spec.name)
        {
            *happened.entry((event.name, None)).or_default() += 1;
        }
    }
    let restarts = story.lives.iter().filter_map(|life| life.ended.as_ref()).filter(|ended| ended.is_restart);
    let restarts = restarts.count() as u64;
    if restarts > 0 {
        *happened.entry((RESTART, None)).or_default() += restarts;
    }
    happened
}

/// A run, and what was wrong with it.
struct Judged {
    story: Option<Story>,
    divergence: Option<Divergence>,
    /// True where nothing can be said of it.
    is_unknown: bool,
}

fn examine(header: &Header, ops: &[Op], canary: Option<&'static Canary>) -> Result<Judged, CampaignError> {
    match simulated::run_on(header, ops, canary) {
        Ok(story) => {
            let (divergence, is_unknown) = match judge::judge(header, ops, &story)? {
                judge::Verdict::Right => (None, false),
                judge::Verdict::Wrong(divergence) => (Some(*divergence), false),
                judge::Verdict::Unknown => (None, true),
            };
            Ok(Judged { story: Some(story), divergence, is_unknown })
        }
        Err(WorldError::Panic(text)) => {
            Ok(Judged { story: None, divergence: Some(judge::panicked(ops, &text)), is_unknown: false })
        }
        Err(error) => Err(CampaignError::Simulation { why: error.to_string() }),
    }
}

fn report(options: &Options, ran: Vec<Ran>, count: u64, started: Instant) -> Report {
    let names: Vec<&str> = options.scenarios.iter().map(|scenario| scenario.name).collect();
    let mut totals = Totals { seeds: ran.len() as u64, ..Totals::default() };
    let (mut failures, mut virtual_ms): (Vec<String>, u64) = Default::default();
    let mut samplings: BTreeMap<Sampling, (u64, u64)> = BTreeMap::new();
    let (mut happened, mut reached, mut recoveries) = (Injected::new(), Reached::new(), 0);
    let (mut stored_bytes, mut memory_bytes, mut unknown) = (0, 0, 0u64);
    for ran in ran {
        let (runs, found) = samplings.entry(ran.sampling).or_default();
        *runs += 1;
        *found += u64::from(ran.found.is_some());
        recoveries += ran.recoveries;
        unknown += u64::from(ran.is_unknown);
        stored_bytes = stored_bytes.max(ran.stored_bytes);
        memory_bytes = memory_bytes.max(ran.memory_bytes);
        ran.reached.iter().for_each(|(point, count)| *reached.entry(point).or_default() += count);
        ran.happened.iter().for_each(|(what, count)| *happened.entry(*what).or_default() += count);
        totals.ops += options.turns;
        totals.divergent += u64::from(ran.found.is_some());
        virtual_ms += ran.virtual_ms;
        let run = options.describe_run(ran.at);
        failures.extend(ran.differs.map(|differs| format!("{run} is not the same twice: {differs}")));
    }
    let interrupted = options.stop.load(Ordering::Relaxed) && totals.seeds < count;
    let faults = injections::rows(events_of(options), &happened);
    if options.seeds >= SEEDS_FOR_ALL && !interrupted {
        let is_there = |name: &&str| faults.iter().any(|row| row.fault == **name);
        failures.extend(events_of(options).filter(|name| !is_there(name)).map(|name| format!("{name} never happened")));
    }
    if options.seeds >= SEEDS_FOR_ALL_POINTS && !interrupted {
        failures.extend(unreached(options, &reached).map(|point| format!("the point {point} was never reached")));
    }
    let points = reached.into_iter().map(|(point, count)| (point.to_owned(), count)).collect();
    let tell = |(sampling, (runs, found)): (Sampling, (u64, u64))| {
        let failed = if found > 0 { format!(", {found} of them wrong") } else { String::new() };
        format!("{runs} runs with {}{failed}", sampling.name())
    };
    let tell_sizes =
        || format!("files of up to {} kB, SQLite's memory {} kB", stored_bytes / 1000, memory_bytes / 1000);
    let files = (stored_bytes > 0).then(tell_sizes);
    let untold = (unknown > 0).then(|| format!("{unknown} runs were not judged: {UNTOLD}"));
    let notes = samplings.into_iter().map(tell).chain(files).chain(untold).collect();
    let injections = Injections { faults, points, recoveries, notes, ..Default::default() };
    let seconds = started.elapsed().as_secs_f64();
    let seeds = describe_seeds(options.first_seed, options.seeds, options.turns);
    Report {
        campaign: "simulate",
        subject: SUBJECT.to_owned(),
        reference: REFERENCE.to_owned(),
        scope: format!("{}, {seeds}, {} s of virtual time", names.join(", "), virtual_ms / 1000),
        failures,
        injections: Some(injections),
        interrupted,
        totals,
        timing: Timing { seconds, comparing_seconds: seconds },
        ..Report::default()
    }
}

/// The points of the server that no run came to, where those of all scenarios come to each of them.
fn unreached<'a>(options: &Options, reached: &'a Reached) -> impl Iterator<Item = &'static str> + 'a {
    let points = if options.scenarios.len() == SCENARIOS.len() { Point::ALL } else { &[] };
    points.iter().map(|point| point.name()).filter(|name| !reached.contains_key(name))
}

/// What may happen in the scenarios, each once.
fn events_of<'a>(options: &Options<'a>) -> impl Iterator<Item = &'a str> {
    let names: BTreeSet<&str> = options.scenarios.iter().flat_map(|scenario| scenario.happenings()).collect();
    names.into_iter()
}
