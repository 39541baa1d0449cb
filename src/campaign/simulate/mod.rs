//! Many clients of Redlite's server in simulation, seed by seed: each run is judged, and one that fails becomes the
//! shortest trace that fails in the same way.
//!
//! | stage | file |
//! |---|---|
//! | what clients do and what happens to them: the table | `scenarios` |
//! | the trace of a seed, in which every decision is | `script` |
//! | the run | [`crate::targets::simulated`] |
//! | what was right of it | `judge` |
//! | what happened, drawn for people | `timeline` |
//! | whether it is the same again, and in another process | `determinism` |
//! | a real server in place of all this, which has no commit order | [`real`] |

mod determinism;
mod judge;
pub mod real;
mod scenarios;
mod script;
mod timeline;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::sessions::in_parallel;
use super::{CampaignError, CommandLine, Progress, describe_seeds, files};
use crate::corpus::Store;
use crate::diff::{Class, Divergence};
use crate::faults::network::event as event_named;
use crate::report::injections::{self, Injections};
use crate::report::{Check, Finding, Report, Shrinking, Timing, Totals, Verdict};
use crate::seed::Seed;
use crate::shrink::{self, Found, Limits};
use crate::targets::faulty::Injected;
use crate::targets::simulated::{self, Story, What, WorldError};
use crate::trace::{Act, Header, Op, Trace};

pub use determinism::{Print, print};
use scenarios::RESTART;
pub use scenarios::{SCENARIOS, Scenario, scenario};

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
}

/// What became of one seed of a scenario.
#[derive(Default)]
struct Ran {
    seed: Seed,
    scenario: usize,
    turns: u64,
    virtual_ms: u64,
    happened: Injected,
    recoveries: u64,
    found: Option<Finding>,
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
    let ran = in_parallel(
        options.jobs,
        usize::try_from(count).unwrap_or(usize::MAX),
        || Ok(()),
        |at, ()| {
            if options.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let ran = run_seed(options, at)?;
            progress.step(ran.turns, ran.found.is_some());
            ran.found.iter().filter(|found| is_new(&found.class)).for_each(|found| progress.tell(found));
            Ok(Some(ran))
        },
    )?;
    let ran: Vec<Ran> = ran.into_iter().flatten().collect();
    let hashes: Vec<_> = ran.iter().filter_map(|ran| Some((ran.scenario, ran.seed, ran.hash?))).collect();
    let elsewhere = determinism::differ_elsewhere(options, &hashes)?;
    let mut report = report(options, ran, count, started);
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
        let judged = examine(&trace.header, &trace.ops)?;
        let ops = trace.ops.len() as u64;
        report.totals.ops += ops;
        report.checks.push(Check {
            name: name.clone(),
            verdict: if judged.divergence.is_some() { Verdict::Diverge } else { Verdict::Agree },
            ops,
            seconds: began.elapsed().as_secs_f64(),
            detail: judged.divergence.as_ref().map(|it| it.class.to_string()).unwrap_or_default(),
            diverged_at: judged.divergence.as_ref().map(|it| it.at),
        });
        if let Some(divergence) = judged.divergence {
            let lines = tell_run(&trace.header, &trace.ops, judged.story.as_ref(), &divergence);
            report.findings.push(finding_of(options, name.clone(), lines, &divergence, name));
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

/// What is tested, for people.
const SUBJECT: &str = "redlite in simulation";
/// What is right.
const REFERENCE: &str = "the same one after the other";

fn run_seed(options: &Options, at: usize) -> Result<Ran, CampaignError> {
    let (scenario, seed) = options.run_at(at);
    let (header, ops) = script::write(options.scenarios[scenario], seed, options.clients, options.turns);
    let mut ran = Ran { seed, scenario, turns: options.turns, ..Ran::default() };
    let judged = examine(&header, &ops)?;
    if let (Some(story), true) = (&judged.story, options.check_determinism) {
        let again = examine(&header, &ops)?.story.map(|again| determinism::lines(&again)).unwrap_or_default();
        let lines = determinism::lines(story);
        ran.differs = determinism::first_difference(&lines, &again);
        ran.hash = Some(determinism::hash(&lines));
    }
    if let Some(story) = judged.story {
        ran.virtual_ms = story.took_ms;
        ran.recoveries = story.lives.len() as u64 - 1;
        ran.happened = happened(&ops, &story);
    }
    if let Some(divergence) = judged.divergence {
        ran.found = Some(describe(options, &ran, &header, &ops, divergence)?);
    }
    Ok(ran)
}

/// How often each event and fault happened in a run.
fn happened(ops: &[Op], story: &Story) -> Injected {
    let mut happened = story.struck.clone();
    for event in &story.events {
        if let What::Network { op } = event.what
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
}

fn examine(header: &Header, ops: &[Op]) -> Result<Judged, CampaignError> {
    match simulated::run(header, ops) {
        Ok(story) => {
            let divergence = judge::judge(header, ops, &story)?;
            Ok(Judged { story: Some(story), divergence })
        }
        Err(WorldError::Panic(text)) => Ok(Judged { story: None, divergence: Some(judge::panicked(ops, &text)) }),
        Err(error) => Err(CampaignError::Simulation { why: error.to_string() }),
    }
}

/// Shrinks and files what a seed shows.
fn describe(
    options: &Options,
    ran: &Ran,
    header: &Header,
    ops: &[Op],
    divergence: Divergence,
) -> Result<Finding, CampaignError> {
    let scenario = options.scenarios[ran.scenario].name;
    let found_in = format!("seed {} of {scenario}", ran.seed);
    let class = divergence.class.clone();
    let shrunk = shrink::shrink(ops, &class, &Limits::default(), &mut |candidate: &[Op]| {
        if options.stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        // Numbers that no event takes are tried as well.
        let judged = match examine(header, candidate) {
            Err(CampaignError::Simulation { .. }) => return Ok(None),
            judged => judged?,
        };
        Ok::<_, CampaignError>(judged.divergence.map(|it| Found { class: it.class, at: it.at }))
    })?;
    let (ops, shrinking) = match &shrunk {
        Some(shrunk) => (&shrunk.ops[..], Some(Shrinking::from(shrunk))),
        None => (ops, None),
    };
    let judged = examine(header, ops)?;
    let divergence = judged.divergence.filter(|it| it.class == class).unwrap_or(divergence);
    let lines = tell_run(header, ops, judged.story.as_ref(), &divergence);
    let note = format!("{class}, shrunk from {found_in}");
    let header = Header { seed: None, generator: 0, note, ..header.clone() };
    let trace = Trace { header, ops: ops.to_vec(), ..Trace::default() };
    let path = options.store.add(&class, &trace)?.item().path.display().to_string();
    let mut finding = finding_of(options, found_in, lines, &divergence, &path);
    finding.first_seed = Some(ran.seed);
    finding.shrunk = shrinking;
    finding.trace = Some(path);
    Ok(finding)
}

/// What is wrong with a trace, which is in this file.
fn finding_of(options: &Options, found_in: String, lines: Vec<String>, divergence: &Divergence, file: &str) -> Finding {
    let mut finding = Finding::new(found_in, divergence, None);
    finding.diff = lines.join("\n");
    finding.diff_coloured.clone_from(&finding.diff);
    finding.replay = options.command.with(&format!("simulate {}", files::quote(file)));
    finding
}

/// How wide a finding is told.
pub const FINDING_WIDTH: usize = 100;
/// A run of more lines is not told in a finding.
const FINDING_LINES_MAX: usize = 40;

/// Runs a trace, and tells what happened and what was wrong with it, in lines of up to `width` characters.
///
/// # Errors
/// Infrastructure, and a trace that is none of a simulation.
pub fn tell(header: &Header, ops: &[Op], width: usize) -> Result<Vec<String>, CampaignError> {
    let Judged { story, divergence } = examine(header, ops)?;
    let mut lines = story.map(|story| timeline::draw(header, ops, &story, width)).unwrap_or_default();
    lines.extend(divergence.iter().flat_map(|divergence| tell_divergence(ops, divergence)));
    Ok(lines)
}

/// What a finding tells: what happened, or what was done where that is too much.
fn tell_run(header: &Header, ops: &[Op], story: Option<&Story>, divergence: &Divergence) -> Vec<String> {
    let drawn = story.map(|story| timeline::draw(header, ops, story, FINDING_WIDTH));
    let mut lines = match drawn {
        Some(lines) if lines.len() <= FINDING_LINES_MAX => lines,
        _ => ops.iter().map(crate::trace::text::format_op).collect(),
    };
    lines.extend(tell_divergence(ops, divergence));
    lines
}

/// What is wrong.
fn tell_divergence(ops: &[Op], divergence: &Divergence) -> Vec<String> {
    let Divergence { at, class, want, got, note, .. } = divergence;
    let mut lines = vec![class.to_string()];
    lines.extend(ops.get(*at).map(|op| format!("        {}", crate::trace::text::format_op(op))));
    lines.extend((!note.is_empty()).then(|| format!("        {note}")));
    if want != got {
        for (sign, reply) in [("-", want), ("+", got)] {
            lines.push(format!("  {sign}     {}", crate::trace::text::format_reply(reply)));
        }
    }
    lines
}

fn report(options: &Options, ran: Vec<Ran>, count: u64, started: Instant) -> Report {
    let names: Vec<&str> = options.scenarios.iter().map(|scenario| scenario.name).collect();
    let mut totals = Totals { seeds: ran.len() as u64, ..Totals::default() };
    let (mut findings, mut failures, mut virtual_ms): (Vec<Finding>, Vec<String>, u64) = Default::default();
    let (mut happened, mut recoveries) = (Injected::new(), 0);
    for ran in ran {
        recoveries += ran.recoveries;
        ran.happened.iter().for_each(|(what, count)| *happened.entry(*what).or_default() += count);
        totals.ops += ran.turns;
        totals.divergent += u64::from(ran.found.is_some());
        virtual_ms += ran.virtual_ms;
        failures.extend(
            ran.differs.map(|differs| {
                format!("seed {} of {} is not the same twice: {differs}", ran.seed, names[ran.scenario])
            }),
        );
        if let Some(found) = ran.found {
            merge(&mut findings, found);
        }
    }
    let interrupted = options.stop.load(Ordering::Relaxed) && totals.seeds < count;
    let injections =
        Injections { faults: injections::rows(events_of(options), &happened), recoveries, ..Default::default() };
    if options.seeds >= SEEDS_FOR_ALL && !interrupted {
        let is_there = |name: &&str| injections.faults.iter().any(|row| row.fault == **name);
        failures.extend(events_of(options).filter(|name| !is_there(name)).map(|name| format!("{name} never happened")));
    }
    let seconds = started.elapsed().as_secs_f64();
    let seeds = describe_seeds(options.first_seed, options.seeds, options.turns);
    Report {
        campaign: "simulate",
        subject: SUBJECT.to_owned(),
        reference: REFERENCE.to_owned(),
        scope: format!("{}, {seeds}, {} s of virtual time", names.join(", "), virtual_ms / 1000),
        findings,
        failures,
        injections: Some(injections),
        interrupted,
        totals,
        timing: Timing { seconds, comparing_seconds: seconds },
        ..Report::default()
    }
}

/// What may happen in the scenarios, each once.
fn events_of<'a>(options: &Options<'a>) -> impl Iterator<Item = &'a str> {
    let names: BTreeSet<&str> = options.scenarios.iter().flat_map(|scenario| scenario.events).copied().collect();
    names.into_iter()
}

/// One finding a class: the shortest trace is told.
fn merge(findings: &mut Vec<Finding>, found: Finding) {
    let size = |finding: &Finding| finding.shrunk.as_ref().map_or(usize::MAX, |shrunk| shrunk.after);
    match findings.iter_mut().find(|known| known.class == found.class) {
        None => findings.push(found),
        Some(known) => {
            let count = known.count + found.count;
            if size(&found) < size(known) {
                *known = found;
            }
            known.count = count;
        }
    }
}
