//! Faults under a store: nothing that was acknowledged is lost, nothing that is wrong is served.
//!
//! | file | what it does |
//! |---|---|
//! | `mod.rs` | many seeds, or traces, on the simulated disk: finds, shrinks and files what breaks an invariant |
//! | [`kill`] | real servers killed, and their connections lost, under load |
//! | [`round`] | one trace, in step with a model |
//! | [`exhaustive`] | one short trace, which fails at every point there is |
//! | `planned` | whether what was asked for was injected |
//! | [`verdict`] | what may be found |

pub mod exhaustive;
pub mod kill;
mod planned;
pub mod round;
pub mod verdict;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::sessions::in_parallel;
use super::{CampaignError, CommandLine, Progress, describe_seeds, files, sequence};
use crate::corpus::Store;
use crate::diff::{Class, Excerpt};
use crate::faults::{self, Fault, schedule};
use crate::generate::Group;
use crate::report::injections::{self, Exhausted, Injections};
use crate::report::{Finding, Flaky, Report, Shrinking, Timing, Totals};
use crate::seed::Seed;
use crate::shrink::{self, Found};
use crate::targets::TargetError;
use crate::targets::faulty::{FaultySession, Injected, Model, Settings, Strike, Sync, split};
use crate::trace::{Act, Header, Op, Trace};
use resp::Reply;

use planned::{Missing, Planned};
use round::{Outcome, Pair, Tally, add_injected};

/// What is tested unless the user says otherwise.
pub const DEFAULT_SUBJECT: &str = "redlite";

/// What to run.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The traces.
    pub source: Source<'a>,
    /// Traces run at a time.
    pub jobs: NonZeroUsize,
    /// The store: `redlite`, or a canary.
    pub subject: &'a str,
    /// How it is opened.
    pub settings: Settings,
    /// Each trace fails at every point there is.
    pub is_exhaustive: bool,
    /// How many classes are shrunk at most.
    pub shrinks_max: usize,
    /// Where minimal traces are kept.
    pub store: &'a Store,
    /// For lines to paste.
    pub command: &'a CommandLine,
    /// Set where the user asks to stop.
    pub stop: &'a AtomicBool,
}

/// Where the traces come from.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// They are generated.
    Seeds {
        /// The first seed.
        first_seed: Seed,
        /// How many there are of each group.
        seeds: u64,
        /// Operations a seed, faults apart.
        ops: u64,
        /// What they are about; one group at least.
        groups: &'a [&'static Group],
        /// What is injected; where there is none, only upkeep.
        faults: &'a [&'static Fault],
        /// Of these, those without which the run is incomplete.
        named: &'a [&'static Fault],
    },
    /// They are given, with their names.
    Traces(&'a [(String, Trace)]),
}

/// One trace.
struct Case {
    name: String,
    seed: Option<Seed>,
    header: Header,
    ops: Vec<Op>,
}

impl Source<'_> {
    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        match self {
            Source::Seeds { seeds, groups, .. } => seeds.saturating_mul(groups.len() as u64),
            Source::Traces(traces) => traces.len() as u64,
        }
    }

    /// How many ops the longest has, faults apart, and each request of raw bytes for one where traces are given.
    pub fn longest(&self) -> u64 {
        match self {
            Source::Seeds { ops, .. } => *ops,
            Source::Traces(traces) => traces.iter().map(|(_, trace)| split(&trace.ops).len() as u64).max().unwrap_or(0),
        }
    }

    fn case(&self, at: u64) -> Option<Case> {
        match self {
            Source::Seeds { first_seed, seeds, ops, groups, faults, .. } => {
                let count = groups.len() as u64;
                let (nth, group) = (at.checked_div(count)?, groups.get((at % count) as usize)?);
                let seed = Seed(first_seed.0.checked_add(nth).filter(|_| nth < *seeds)?);
                let (header, ops) = sequence(seed, group, *ops);
                let name = format!("seed {seed} of {}", group.name);
                Some(Case { name, seed: Some(seed), header, ops: schedule::insert(split(&ops), faults, seed) })
            }
            Source::Traces(traces) => {
                let (name, trace) = traces.get(usize::try_from(at).ok()?)?;
                Some(Case { name: name.clone(), seed: None, header: trace.header.clone(), ops: split(&trace.ops) })
            }
        }
    }

    fn describe(&self) -> String {
        match self {
            Source::Seeds { first_seed, seeds, ops, groups, .. } => {
                let groups: Vec<&str> = groups.iter().map(|group| group.name).collect();
                format!("{}, {}", groups.join(", "), describe_seeds(*first_seed, *seeds, *ops))
            }
            Source::Traces([(name, _)]) => name.clone(),
            Source::Traces(traces) => format!("{} traces", traces.len()),
        }
    }
}

/// A subject and a model.
///
/// # Errors
/// Where a store cannot be made, or there is no such subject.
pub fn open(subject: &str, settings: Settings) -> Result<Pair, CampaignError> {
    let header = Header::default();
    Ok(Pair {
        subject: FaultySession::named(subject, settings, &header)?,
        model: Model::open(&header)?,
        may_lose: settings.sync == Sync::Normal,
    })
}

/// Runs every trace, then shrinks the first of each class. Stops early where the user asks to.
///
/// # Errors
/// Infrastructure only.
pub fn run(options: &Options, progress: &Progress) -> Result<Report, CampaignError> {
    let started = Instant::now();
    let count = options.source.len();
    progress.start("injecting", count);
    let open = || open(options.subject, options.settings);
    // Every job takes the next case until there is none: cases are many, and each is short.
    let next = std::sync::atomic::AtomicU64::new(0);
    let jobs = usize::try_from(count).unwrap_or(usize::MAX).min(options.jobs.get());
    let sums = in_parallel(options.jobs, jobs, open, |_, pair| {
        let mut sum = Sum::default();
        while !options.stop.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = options.source.case(at) else { break };
            let injected = options.inject(&case, pair, &mut sum);
            let (outcome, shown_by) = injected.inspect_err(|_| next.store(count, Ordering::Relaxed))?;
            progress.step(outcome.tally.ops, outcome.violation.is_some());
            sum.planned.note(&case.ops);
            sum.take(at, outcome, shown_by);
        }
        Ok(sum)
    })?;
    let mut sum = Sum::default();
    sums.into_iter().for_each(|part| sum.merge(part));
    let comparing_seconds = started.elapsed().as_secs_f64();

    let classes: Vec<(Class, Seen)> = std::mem::take(&mut sum.classes).into_iter().collect();
    progress.start("shrinking", classes.len() as u64);
    let findings = in_parallel(options.jobs, classes.len(), open, |at, pair| {
        let finding = describe(options, &classes[at], at < options.shrinks_max, pair)?;
        progress.step(0, false);
        Ok(finding)
    })?;
    let again = |((class, seen), finding): (&(Class, Seen), &Option<Finding>)| {
        let found_in = options.source.case(seen.first).map_or_else(String::new, |case| case.name);
        finding.is_none().then(|| Flaky { found_in, class: class.clone() })
    };
    let flaky: Vec<Flaky> = classes.iter().zip(&findings).filter_map(again).collect();
    let findings = merge(findings.into_iter().flatten());
    let interrupted = options.stop.load(Ordering::Relaxed) && (sum.seeds < count || sum.is_cut);
    let missing = if interrupted { Missing::default() } else { options.missing(&sum) };
    Ok(Report {
        campaign: "chaos",
        subject: options.describe_subject(),
        reference: verdict::describe_model(),
        scope: options.source.describe(),
        findings,
        flaky,
        unchecked: missing.unchecked.into_iter().collect(),
        totals: Totals {
            seeds: options.source.seeds_of(sum.seeds),
            ops: sum.tally.ops,
            divergent: sum.divergent,
            ..Totals::default()
        },
        injections: Some(Injections {
            exhausted: options.is_exhaustive.then_some(sum.points),
            unplanned: missing.unplanned,
            unstruck: missing.unstruck,
            ..tell(&sum.injected, &sum.tally)
        }),
        interrupted,
        timing: Timing { seconds: started.elapsed().as_secs_f64(), comparing_seconds },
        ..Report::default()
    })
}

impl Options<'_> {
    fn describe_subject(&self) -> String {
        match self.subject {
            DEFAULT_SUBJECT => FaultySession::info().to_string(),
            canary => canary.to_owned(),
        }
    }

    /// What was asked for, and never came about.
    fn missing(&self, sum: &Sum) -> Missing {
        if !self.is_exhaustive {
            return planned::missing(&self.source, &sum.planned, &sum.injected);
        }
        let has_points = sum.points.losses + sum.points.struck > 0;
        let why = "no op asked anything of the files: there was no point to fail at".to_owned();
        Missing { unchecked: (!has_points).then_some(why), ..Missing::default() }
    }

    /// Runs one case. Also returns the ops that show what it found, where these are not the case's own.
    fn inject(&self, case: &Case, pair: &mut Pair, sum: &mut Sum) -> Result<(Outcome, Option<Vec<Op>>), TargetError> {
        if !self.is_exhaustive {
            return Ok((pair.run(&case.header, &case.ops)?, None));
        }
        let mut bench = exhaustive::Bench { subject: self.subject, settings: self.settings, pair, stop: self.stop };
        // Once more with the smallest pages: then a transaction has so few sectors that every part of it can be tried. And
        // what all of it comes to is found in a file of the version before.
        let upkeep = |spec| Op { conn: 0, act: Act::Fault(spec) };
        let mut small = case.ops.clone();
        small.insert(0, upkeep(Fault::small_pages()));
        let mut older = case.ops.clone();
        older.push(upkeep(Fault::older_file()));
        let (mut whole, mut shown_by) = (Outcome::default(), None);
        for (ops, first) in [(&case.ops, 0), (&small, 0), (&older, case.ops.len())] {
            let points = bench.run(&case.header, ops, first)?;
            sum.points.add(&points);
            sum.is_cut |= !points.is_whole;
            *sum.injected.entry((faults::CRASH, None)).or_default() += points.losses;
            whole.add(points.whole);
            if whole.violation.is_some() {
                shown_by = Some(points.shown_by);
                break;
            }
        }
        Ok((whole, shown_by))
    }
}

/// The cases that show a class.
#[derive(Clone)]
struct Seen {
    first: u64,
    count: u64,
    /// The ops of the first, where these are not the case's own.
    ops: Option<Vec<Op>>,
}

#[derive(Default)]
struct Sum {
    seeds: u64,
    divergent: u64,
    /// Points at which traces failed one by one.
    points: Exhausted,
    /// True where a trace was not run at all of its points.
    is_cut: bool,
    tally: Tally,
    planned: Planned,
    injected: Injected,
    classes: BTreeMap<Class, Seen>,
}

impl Sum {
    fn take(&mut self, at: u64, outcome: Outcome, ops: Option<Vec<Op>>) {
        self.seeds += 1;
        self.tally.add(&outcome.tally);
        add_injected(&mut self.injected, outcome.injected);
        if let Some(violation) = outcome.violation {
            self.divergent += 1;
            self.note(violation.class(), Seen { first: at, count: 1, ops });
        }
    }

    fn note(&mut self, class: Class, more: Seen) {
        match self.classes.entry(class) {
            Entry::Vacant(entry) => drop(entry.insert(more)),
            Entry::Occupied(mut entry) => {
                let count = entry.get().count + more.count;
                if more.first < entry.get().first {
                    entry.insert(more);
                }
                entry.get_mut().count = count;
            }
        }
    }

    fn merge(&mut self, other: Sum) {
        self.seeds += other.seeds;
        self.divergent += other.divergent;
        self.points.merge(&other.points);
        self.is_cut |= other.is_cut;
        self.tally.add(&other.tally);
        self.planned.merge(other.planned);
        add_injected(&mut self.injected, other.injected);
        other.classes.into_iter().for_each(|(class, seen)| self.note(class, seen));
    }
}

impl Exhausted {
    fn add(&mut self, points: &exhaustive::Points) {
        let exhaustive::Points { crashes, complete, losses, struck, .. } = *points;
        self.merge(&Exhausted { crashes, complete, losses, struck });
    }

    fn merge(&mut self, other: &Exhausted) {
        self.crashes += other.crashes;
        self.complete += other.complete;
        self.losses += other.losses;
        self.struck += other.struck;
    }
}

impl Source<'_> {
    /// How many of `done` traces were seeds.
    fn seeds_of(&self, done: u64) -> u64 {
        if let Source::Seeds { .. } = self { done } else { 0 }
    }
}

fn tell(injected: &Injected, tally: &Tally) -> Injections {
    Injections {
        faults: injections::rows(faults::faults().map(|fault| fault.name), injected),
        recoveries: tally.recoveries,
        failed: tally.failed,
        told: tally.told,
        lost: tally.lost,
        ..Injections::default()
    }
}

/// Findings whose shrunk traces are of one class are one: the shortest is told. In the order of their first seeds.
fn merge(findings: impl Iterator<Item = Finding>) -> Vec<Finding> {
    let mut merged: BTreeMap<Class, Finding> = BTreeMap::new();
    for finding in findings {
        let Some(known) = merged.get_mut(&finding.class) else {
            merged.insert(finding.class.clone(), finding);
            continue;
        };
        let count = known.count + finding.count;
        let ops = |finding: &Finding| finding.shrunk.as_ref().map_or(usize::MAX, |shrunk| shrunk.after);
        if ops(&finding) < ops(known) {
            *known = finding;
        }
        known.count = count;
    }
    let mut merged: Vec<Finding> = merged.into_values().collect();
    merged.sort_by_key(|finding| finding.first_seed);
    merged
}

/// Runs the first case of a class again, shrinks and files it; `None` where it does not show the class again.
fn describe(
    options: &Options,
    (class, seen): &(Class, Seen),
    shrinks: bool,
    pair: &mut Pair,
) -> Result<Option<Finding>, CampaignError> {
    let Some(mut case) = options.source.case(seen.first) else { return Ok(None) };
    if let Some(ops) = &seen.ops {
        case.ops.clone_from(ops);
    }
    let whole = pair.run(&case.header, &case.ops)?;
    // A point of one trace may be told otherwise once the whole of it is judged.
    let Some(violation) = whole.violation.filter(|found| found.class() == *class || seen.ops.is_some()) else {
        return Ok(None);
    };
    let mut class = violation.class();
    let mut divergence = violation.divergence();
    let (mut ops, mut shrunk) = (case.ops.clone(), None);
    if shrinks && let Some(least) = minimize(&case.header, &case.ops, &whole.strikes, &class, pair)? {
        let again = pair.run(&case.header, &least.ops)?;
        divergence = again.violation.map_or(divergence, |violation| violation.divergence());
        class = divergence.class.clone();
        shrunk = Some(Shrinking::from(&least));
        ops = least.ops;
    }
    let note = format!("{class}, shrunk from {}", case.name);
    let header = Header { seed: None, generator: 0, note, ..case.header };
    let trace = Trace { header, ops, ..Trace::default() };
    let added = options.store.add(&class, &trace)?;
    let path = added.item().path.display().to_string();
    let mut finding = Finding::new(case.name, &divergence, Some(&excerpt(&trace.ops, divergence.at)));
    finding.first_seed = case.seed;
    finding.count = seen.count;
    finding.shrunk = shrunk;
    finding.replay = options.command.with(&format!("chaos {}", files::quote(&path)));
    finding.trace = Some(path);
    Ok(Some(finding))
}

/// The shortest and plainest trace that shows the class.
fn minimize(
    header: &Header,
    ops: &[Op],
    strikes: &[Strike],
    class: &Class,
    pair: &mut Pair,
) -> Result<Option<shrink::Shrunk>, TargetError> {
    let before = ops.len();
    // Which fault struck last is no part of it: otherwise one that has nothing to do with it could not go.
    let any_fault = |class: Class| Class { command: String::new(), ..class };
    let class = &any_fault(class.clone());
    let mut evaluate = |ops: &[Op]| -> Result<Option<Found>, TargetError> {
        let found = pair.run(header, ops)?.violation;
        Ok(found.map(|violation| Found { class: any_fault(violation.class()), at: violation.at }))
    };
    let limits = shrink::Limits::default();
    // Where each fault stands right before what it strikes, leaving out other ops does not lead it elsewhere.
    let drawn_near = draw_near(ops, strikes);
    let near = shrink::shrink(&drawn_near, class, &limits, &mut evaluate)?;
    let shrunk = if near.is_some() { near } else { shrink::shrink(ops, class, &limits, &mut evaluate)? };
    Ok(shrunk.map(|shrunk| shrink::Shrunk { before, ..shrunk }))
}

/// Moves each fault right before the op that it struck first, and leaves out those that struck nothing.
fn draw_near(ops: &[Op], strikes: &[Strike]) -> Vec<Op> {
    let mut near = Vec::with_capacity(ops.len());
    for (at, op) in ops.iter().enumerate() {
        for strike in strikes.iter().filter(|strike| strike.struck_at == at && strike.armed_at != at) {
            let Some(Op { conn, act: Act::Fault(spec) }) = ops.get(strike.armed_at) else { continue };
            let mut spec = spec.clone();
            let nth = faults::fault(&spec.name).and_then(Fault::nth_at);
            if let Some(arg) = nth.and_then(|nth| spec.args.get_mut(nth)) {
                *arg = i64::try_from(strike.nth).unwrap_or(i64::MAX);
            }
            near.push(Op { conn: *conn, act: Act::Fault(spec) });
        }
        let is_armed = matches!(&op.act, Act::Fault(spec) if faults::fault(&spec.name).is_some_and(Fault::is_armed));
        if !is_armed {
            near.push(op.clone());
        }
    }
    near
}

/// The ops that lead to a violation, as many as are told.
fn excerpt(ops: &[Op], at: usize) -> Excerpt {
    const OPS_MAX: usize = 12;
    let end = (at + 1).min(ops.len());
    let first = end.saturating_sub(OPS_MAX);
    Excerpt { first, ops: ops[first..end].to_vec(), want: Vec::<Reply>::new(), got: Vec::new() }
}

/// What an op asked of the files.
#[derive(Debug)]
pub struct Asked {
    /// The op.
    pub op: Op,
    /// The calls, one line each.
    pub calls: Vec<String>,
    /// The faults that struck.
    pub faults: BTreeSet<&'static str>,
}

/// What each op of the first trace asks of the files.
///
/// # Errors
/// A fault that is none; infrastructure.
pub fn list_calls(subject: &str, settings: Settings, source: &Source) -> Result<Vec<Asked>, CampaignError> {
    let Some(case) = source.case(0) else { return Ok(Vec::new()) };
    let mut session = FaultySession::named(subject, settings, &case.header)?;
    session.list_calls();
    session.restart_empty(&case.header, &[])?;
    session.take_calls();
    let mut listed = Vec::with_capacity(case.ops.len());
    for op in case.ops {
        session.perform(&op)?;
        let faults = session.strikes().iter().map(|strike| strike.fault).collect();
        listed.push(Asked { op, calls: session.take_calls(), faults });
    }
    Ok(listed)
}
