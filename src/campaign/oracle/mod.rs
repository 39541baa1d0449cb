//! Random operations on two targets: finds, heals, confirms, shrinks and files what differs.
//!
//! A pipeline, one stage a file:
//!
//! | stage | file |
//! |---|---|
//! | what the subject lacks: told once, and not generated for it | `lacking` |
//! | which cases there are, and in which order | `schedule` |
//! | one case: fast, then op by op past every divergence | `judge` |
//! | what the cases showed, by suspected bug | `gather` |
//! | how often the subject ended by itself | `ends` |
//! | which of these are shrunk next | `select` |
//! | with a budget of time: a seed or a shrink, job by job | `spending` |
//! | one of them: shown again, shrunk, filed | `describe` |
//! | systemic differences, told as one | `fold` |
//!
//! Seeds are run by several jobs, each with sessions of its own that it resets between two seeds. Without a budget of
//! time, what is reported does not depend on the number of jobs.

mod describe;
mod ends;
mod fold;
mod gather;
mod judge;
mod lacking;
mod schedule;
mod select;
mod spending;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::coverage::Coverage;
use super::differential;
use super::preflight::{self, Preflight};
use super::sessions::{Lease, Pool, in_parallel};
use super::{CampaignError, CommandLine, Pair, Progress, require_module};
use crate::corpus::{Baseline, Known, Store};
use crate::diff::{Class, Settings};
use crate::generate::Group;
use crate::report::{Drift, Finding, Flaky, Report, Timing};
use crate::seed::Seed;
use crate::trace::TargetInfo;

use describe::Description;
use gather::Bucket;
use gather::{Occurrences, Tally};
use schedule::{Case, Steering, Turns};
use select::Selection;

/// What to run.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The first seed.
    pub first_seed: Seed,
    /// How many seeds of each group; they end at the largest there is.
    pub seeds: u64,
    /// Operations a seed.
    pub ops: u64,
    /// What they are about; one group at least.
    pub groups: &'a [&'static Group],
    /// Seeds run at a time.
    pub jobs: NonZeroUsize,
    /// What counts as the same reply.
    pub settings: Settings,
    /// Divergences that do not fail the run.
    pub known: &'a Known,
    /// How many suspected bugs are shrunk at most.
    pub shrinks_max: usize,
    /// How long the run may take, shrinking included; the seeds may end before.
    pub budget: Option<Duration>,
    /// Generates also what the subject lacks.
    pub generate_all: bool,
    /// Tells every command of a systemic difference as a finding of its own.
    pub unfold: bool,
    /// Findings that are accepted: they are only counted.
    pub baseline: &'a Baseline,
    /// Where minimal traces are kept.
    pub store: &'a Store,
    /// Counts what each command came to.
    pub matrix: bool,
    /// For lines to paste.
    pub command: &'a CommandLine,
    /// Set where the user asks to stop.
    pub stop: &'a AtomicBool,
}

impl Options<'_> {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// How long it may take to try what the subject has.
const PREFLIGHT_MAX: Duration = Duration::from_secs(6);
/// The part of what is left of a budget that one shrink may take, and how long it may take anyway.
const SHRINK_SHARE: u32 = 16;
const SHRINK_MIN: Duration = Duration::from_secs(2);
/// So many suspected bugs are shrunk before the next are chosen, where there is no budget of time.
const CHOSEN_MAX: usize = 16;
/// So often is a case tried on sessions that were opened anew.
const ATTEMPTS_MAX: usize = 3;
/// After so many cases that could not be run, no more are tried.
const FAILURES_MAX: usize = 8;

/// Runs every seed, and shrinks what they show. Stops early where the user asks to, and reports what was done.
///
/// # Errors
/// Infrastructure only, before anything was compared.
pub fn run(options: &Options, pair: Pair, progress: &Progress) -> Result<Report, CampaignError> {
    for (group, reference) in options.groups.iter().flat_map(|group| pair.references().map(move |it| (group, it))) {
        require_module(group, reference)?;
    }
    let started = Instant::now();
    let pool = Pool::new(pair);
    let mut lease = pool.take()?;
    let preflight = match pair.subject.has_all_commands() {
        true => Preflight::default(),
        false => preflight::probe(lease.get()?, PREFLIGHT_MAX)?,
    };
    if !preflight.is_whole() {
        preflight.describe().into_iter().for_each(|line| progress.say(line));
    }
    let lacking = lacking::file(&preflight, options, pair, lease.get()?)?;
    drop(lease);
    // Told above, and worked with from here on.
    let settings =
        Settings { simple_bulks: options.settings.simple_bulks || preflight.sends_simple_bulks(), ..options.settings };
    let command = options.command.with_simple_bulks(settings.simple_bulks);
    let options = &Options { settings, command: &command, ..*options };
    let mut campaign = Campaign {
        preflight: &preflight,
        lacking,
        options,
        pair,
        pool: &pool,
        progress,
        turns: Turns::new(options),
        tally: Tally { coverage: options.matrix.then(Coverage::new), ..Tally::default() },
        selection: Selection::new(options.budget.is_some()),
        comparing: Duration::ZERO,
        end: options.budget.map(|budget| started + budget),
    };
    let ran = campaign.suspect().and_then(|()| match options.budget {
        None => campaign.compare_seeds().and_then(|()| campaign.shrink_buckets()),
        Some(_) => campaign.spend(),
    });
    match ran {
        // What was found until then is told all the same.
        Err(error) if campaign.tally.totals.seeds > 0 => campaign.tally.failures.push(error.to_string()),
        ran => ran?,
    }
    Ok(campaign.into_report(started))
}

/// A run in progress.
struct Campaign<'a> {
    preflight: &'a Preflight,
    /// Findings for what the subject lacks.
    lacking: Vec<Finding>,
    options: &'a Options<'a>,
    pair: Pair<'a>,
    pool: &'a Pool<'a>,
    progress: &'a Progress,
    turns: Turns,
    tally: Tally,
    selection: Selection,
    /// How long cases were compared.
    comparing: Duration,
    /// When the budget of time is over.
    end: Option<Instant>,
}

impl Campaign<'_> {
    /// Takes in what the preflight suspects.
    fn suspect(&mut self) -> Result<(), CampaignError> {
        let mut lease = self.pool.take()?;
        let settings = self.differential_options(None);
        let suspects = lacking::suspects(self.preflight, self.options, lease.get()?, &settings)?;
        suspects.into_iter().for_each(|(bucket, seen)| self.tally.suspect(bucket, seen));
        Ok(())
    }

    /// Runs every case.
    fn compare_seeds(&mut self) -> Result<(), CampaignError> {
        let options = self.options;
        self.progress.start("comparing", options.cases());
        let started = Instant::now();
        let asked = self.pair.jobs(options.jobs);
        let jobs = usize::try_from(options.cases()).unwrap_or(usize::MAX).min(asked.get());
        let (this, turns) = (&*self, &self.turns);
        let tallies = in_parallel(
            asked,
            jobs,
            || this.pool.take(),
            |_, sessions| {
                let mut tally = this.new_tally();
                while !options.is_stopped() {
                    let Some(case) = turns.take(options) else { break };
                    if !this.run_case(case, None, sessions, &mut tally)? {
                        turns.end(options);
                        break;
                    }
                }
                Ok(tally)
            },
        )?;
        self.comparing += started.elapsed();
        tallies.into_iter().for_each(|tally| self.tally.merge(tally));
        Ok(())
    }

    fn new_tally(&self) -> Tally {
        Tally { coverage: self.options.matrix.then(Coverage::new), ..Tally::default() }
    }

    /// Runs a case, on sessions that are opened anew where they fail; false where that does not help.
    fn run_case(
        &self,
        case: Case,
        steering: Option<&Steering>,
        sessions: &mut Lease,
        tally: &mut Tally,
    ) -> Result<bool, CampaignError> {
        let (header, ops) = self.options.sequence(case, self.preflight, steering);
        let settings = self.differential_options(self.end);
        let mut failure = None;
        for _ in 0..ATTEMPTS_MAX {
            let judged = sessions.get().and_then(|sessions| {
                sessions.subject.set_haste(true);
                tally.ends.add_shrinks(case, sessions.subject.take_ends());
                let coverage = &mut tally.coverage;
                let judgement = judge::judge(case, &header, &ops, sessions, &settings, coverage)?;
                Ok((judgement, sessions.subject.take_ends()))
            });
            match judged {
                Ok((judgement, ends)) => {
                    let is_clean = judgement.found.is_empty() && judgement.outcome.unsupported.is_empty();
                    self.progress.step(judgement.outcome.ops, !is_clean);
                    // One that was cut short was not looked through for what made it end.
                    if !settings.is_over() {
                        tally.ends.add(case, &judgement, ends);
                    }
                    tally.add(case, &ops, judgement);
                    return Ok(true);
                }
                Err(_) if self.options.is_stopped() => return Ok(false),
                Err(error) => {
                    sessions.end();
                    failure = Some(error);
                }
            }
        }
        let failure = failure.map(|error| error.to_string()).unwrap_or_default();
        tally.failures.push(format!("{} could not be run: {failure}", self.options.describe_case(Some(case))));
        Ok(tally.failures.len() < FAILURES_MAX)
    }

    /// Shrinks what was found, the most promising first. Which are chosen does not depend on the number of jobs.
    fn shrink_buckets(&mut self) -> Result<(), CampaignError> {
        let options = self.options;
        let reference = self.pair.reference.info();
        self.progress.start("shrinking", 0);
        while !options.is_stopped() {
            let left = options.shrinks_max.saturating_sub(self.selection.shrinks());
            let chosen = self.selection.choose(&self.tally.buckets, left.min(CHOSEN_MAX));
            if chosen.is_empty() {
                break;
            }
            let this = &*self;
            let described = in_parallel(
                this.pair.jobs(options.jobs),
                chosen.len(),
                || this.pool.take(),
                |at, sessions| {
                    if options.is_stopped() {
                        return Ok(None);
                    }
                    let (bucket, seen) = &chosen[at];
                    let described = this.shrink(bucket, seen, &reference, sessions);
                    this.progress.step(0, false);
                    Ok(Some(described))
                },
            )?;
            let Self { selection, tally, progress, .. } = self;
            for ((bucket, seen), described) in chosen.into_iter().zip(described) {
                if let Some(described) = described {
                    selection.take(bucket, seen, described, tally, progress);
                }
            }
        }
        Ok(())
    }

    /// Shrinks one.
    fn shrink(
        &self,
        bucket: &Bucket,
        seen: &Occurrences,
        reference: &TargetInfo,
        sessions: &mut Lease,
    ) -> Result<Description, CampaignError> {
        // None takes more than its share of what is left.
        let left = self.end.map(|end| end.saturating_duration_since(Instant::now()));
        let share = left.map(|left| Instant::now() + (left / SHRINK_SHARE).max(SHRINK_MIN));
        let settings = self.differential_options(share.into_iter().chain(self.end).min());
        let described = match describe::describe(self.options, bucket, seen, reference, sessions, &settings) {
            Err(CampaignError::Target(_) | CampaignError::NoTruth { .. }) => {
                sessions.end();
                None
            }
            described => described?,
        };
        Ok(match described {
            Some(described) => Description::Whole(Box::new(described)),
            None if settings.is_over() || self.options.is_stopped() => Description::Cut,
            None => Description::Unseen,
        })
    }

    fn differential_options(&self, until: Option<Instant>) -> differential::Options<'_> {
        differential::Options {
            settings: self.options.settings,
            past_unsupported: true,
            stop: Some(self.options.stop),
            until,
            ..differential::Options::new(self.options.known)
        }
    }

    fn into_report(self, started: Instant) -> Report {
        let Self { options, preflight, lacking, pair, tally, selection, comparing, .. } = self;
        let compared = tally.totals.seeds;
        let is_cut = options.is_stopped() && (compared < options.cases() || !tally.buckets.is_empty());
        let (mut findings, shrunk_flaky) = selection.into_findings(options, &tally.buckets);
        findings.splice(0..0, lacking);
        findings.extend(tally.ends.tell(options));
        let found = findings.len();
        findings.retain(|finding| !options.baseline.matches(&finding.class, &finding.shape));
        let accepted = (found - findings.len()) as u64;
        let mut flaky: Vec<_> = tally.flaky.into_iter().chain(shrunk_flaky).collect();
        flaky.sort();
        let findings = if options.unfold { findings } else { fold::fold_systemic(findings) };
        let ran = if options.budget.is_some() { compared } else { options.cases() };
        let stale = if is_cut || options.budget.is_some() { Vec::new() } else { stale_entries(options, preflight) };
        let mut failures = tally.failures;
        failures.truncate(FAILURES_MAX);
        failures.extend(stale);
        Report {
            campaign: "oracle",
            subject: pair.subject.info().to_string(),
            reference: pair.describe_references(),
            scope: options.describe_scope(ran),
            findings,
            accepted,
            preflight: if preflight.is_whole() { Vec::new() } else { preflight.describe() },
            drift: tell_drift(options, tally.drift),
            matrix: tally.coverage.map(Coverage::into_matrix),
            flaky: flaky
                .into_iter()
                .map(|(case, class)| Flaky { found_in: options.describe_case(case), class })
                .collect(),
            totals: tally.totals,
            failures,
            interrupted: is_cut,
            real_clock: pair.has_real_clock(),
            timing: Timing { seconds: started.elapsed().as_secs_f64(), comparing_seconds: comparing.as_secs_f64() },
            ..Report::default()
        }
    }
}

/// Known divergences that did not occur although their commands did: the list must not rot.
fn stale_entries(options: &Options, preflight: &Preflight) -> Vec<String> {
    let unused = options.known.unused();
    if unused.is_empty() {
        return Vec::new();
    }
    let ops = options.all_cases().flat_map(|case| options.sequence(case, preflight, None).1.to_vec());
    let ran: BTreeSet<Vec<u8>> = ops.filter_map(|op| op.argv()?.get(0).map(<[u8]>::to_ascii_uppercase)).collect();
    let stale = unused.into_iter().filter(|entry| ran.contains(entry.class.command.as_bytes()));
    stale
        .map(|entry| format!("{} is listed as known, and did not occur: delete it from known.toml", entry.class))
        .collect()
}

/// Where the references differ, by class.
fn tell_drift(options: &Options, drift: BTreeMap<(Class, String), Occurrences>) -> Vec<Drift> {
    let tell = |((class, agrees_with), seen): ((Class, String), Occurrences)| {
        let case = seen.first_case();
        Drift { class, agrees_with, count: seen.count, found_in: options.describe_case(case) }
    };
    drift.into_iter().map(tell).collect()
}

/// In the order of their first seeds, and then of their classes.
fn sort_findings(findings: &mut [Finding]) {
    findings.sort_by(|a, b| (a.first_seed, &a.class, &a.trace).cmp(&(b.first_seed, &b.class, &b.trace)));
}
