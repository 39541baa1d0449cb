//! A run in the form of every campaign's results.

use std::time::Duration;

use super::super::verdict::{RULE, describe_model};
use super::{Options, Outcome, Violation};
use crate::campaign::{CampaignError, CommandLine, describe_seeds, files};
use crate::corpus::Store;
use crate::diff::{Class, Divergence, Excerpt};
use crate::report::injections::{Injected, Injections};
use crate::report::{Finding, Report, Timing, Totals};
use crate::trace::Act;
use resp::Reply;

/// The fault of a server that is killed, as the table of faults names it.
const KILL: &str = "kill";
/// The fault of a connection that its client loses.
const CONNECTION_DROP: &str = "connection_drop";
/// How many ops a finding shows.
const EXCERPT_OPS: usize = 12;

/// What is needed beside the outcome.
pub struct Told<'a> {
    /// What was run.
    pub options: &'a Options<'a>,
    /// What starts the server: what follows `exec:`.
    pub command: &'a str,
    /// Where traces of violations are kept.
    pub store: &'a Store,
    /// For lines to paste: its flags name the subject.
    pub line: &'a CommandLine,
    /// How long it took.
    pub took: Duration,
}

impl Violation {
    /// What it is, without its data.
    pub fn class(&self) -> Class {
        let is_killed = self.trace.ops.last().is_some_and(|op| op.act == Act::Crash);
        let fault = if is_killed { KILL } else { CONNECTION_DROP };
        Class { command: fault.to_owned(), rule: RULE.to_owned(), kind: self.verdict.name().to_owned() }
    }
}

/// Files the first trace of each class of violation, and tells the rest.
///
/// # Errors
/// Where a trace cannot be written.
pub fn report(outcome: &Outcome, told: &Told) -> Result<Report, CampaignError> {
    let mut findings = Vec::new();
    for (class, count) in &outcome.classes {
        if let Some(first) = outcome.violations.iter().find(|violation| violation.class() == *class) {
            findings.push(finding(class, first, *count, told)?);
        }
    }
    findings.sort_by_key(|finding| finding.first_seed);
    let options = told.options;
    let unchecked = if outcome.interrupted { None } else { outcome.emptiness(options) };
    let seconds = told.took.as_secs_f64();
    Ok(Report {
        campaign: "chaos",
        subject: outcome.server.to_string(),
        reference: describe_model(),
        scope: format!(
            "{}, {} on {} connection{}",
            options.group.name,
            describe_seeds(options.first_seed, options.seeds, options.ops),
            options.connections,
            if options.connections == 1 { "" } else { "s" }
        ),
        findings,
        unchecked: unchecked.map(|why| format!("{why}: run more --seeds, or more --ops")).into_iter().collect(),
        totals: Totals {
            seeds: outcome.seeds,
            ops: outcome.requests,
            divergent: outcome.violated_seeds,
            ..Totals::default()
        },
        injections: Some(injections(outcome)),
        interrupted: outcome.interrupted,
        real_clock: true,
        timing: Timing { seconds, comparing_seconds: seconds },
        ..Report::default()
    })
}

fn finding(class: &Class, violation: &Violation, count: u64, told: &Told) -> Result<Finding, CampaignError> {
    let added = told.store.add(class, &violation.trace)?;
    let path = added.item().path.display().to_string();
    let Options { group, ops, connections, .. } = told.options;
    let (seed, name) = (violation.seed, group.name);
    let note = violation.verdict.to_string();
    let (want, got) = (Reply::NullBulk, Reply::NullBulk);
    let fault = &class.command;
    let divergence = Divergence { at: violation.at, class: class.clone(), want, got, key: None, note };
    let end = (violation.at + 1).min(violation.trace.ops.len());
    let first = end.saturating_sub(EXCERPT_OPS);
    let ops_around = violation.trace.ops[first..end].to_vec();
    let excerpt = Excerpt { first, ops: ops_around, want: Vec::new(), got: Vec::new() };
    let mut finding = Finding::new(format!("seed {seed} of {name}"), &divergence, Some(&excerpt));
    finding.first_seed = Some(seed);
    finding.count = count;
    finding.replay = told.line.with(&format!(
        "chaos --faults {fault} --seeds 1 --first-seed {seed} --group {name} --ops {ops} --connections {connections}"
    ));
    // In a file, as a crash takes all that is in memory.
    let subject = files::quote(&format!("exec:{}", told.command));
    finding.shrink = Some(format!(
        "{} shrink {} --against redlite:model.db --subject {subject}",
        told.line.program,
        files::quote(&path)
    ));
    finding.trace = Some(path);
    Ok(finding)
}

/// What no other campaign has to tell.
fn notes(outcome: &Outcome) -> Vec<String> {
    let Outcome { kills, acknowledged, in_flight, landed, cut_in_burst, .. } = outcome;
    let mut notes = vec![format!("{acknowledged} writes acknowledged")];
    if *kills > 0 {
        let (mean, slowest) = (outcome.mean_recovery().as_millis(), outcome.slowest_recovery().as_millis());
        notes.push(format!("{in_flight} requests in flight when it was killed, of which {landed} had taken effect"));
        notes.push(format!("pipelines cut in the middle by {cut_in_burst} of {kills} kills"));
        notes.push(format!("up again in {mean} ms on average, {slowest} ms at most"));
    }
    notes
}

fn injections(outcome: &Outcome) -> Injections {
    let row = |fault: &str, count, calls: Vec<(String, u64)>| Injected { fault: fault.to_owned(), count, calls };
    let ways = outcome.drops_by_kind.iter().map(|(way, count)| ((*way).to_owned(), *count)).collect();
    let times = [("under load", outcome.kills), ("while it came up", outcome.second_kills)];
    let times = times.iter().filter(|(_, count)| *count > 0).map(|(time, count)| ((*time).to_owned(), *count));
    let kills = outcome.kills + outcome.second_kills;
    let rows = [row(KILL, kills, times.collect()), row(CONNECTION_DROP, outcome.drops, ways)];
    Injections {
        faults: rows.into_iter().filter(|row| row.count > 0).collect(),
        recoveries: outcome.recovered,
        notes: notes(outcome),
        ..Injections::default()
    }
}
