//! What the preflight found: a trace for each command that the subject lacks, and what else it suspects.

use super::Options;
use super::gather::{Bucket, Candidate, Occurrences};
use crate::campaign::differential::{Pace, Seen};
use crate::campaign::preflight::{self, Preflight};
use crate::campaign::sessions::Sessions;
use crate::campaign::{CampaignError, Pair, differential, files, recording};
use crate::diff::shape;
use crate::report::Finding;
use crate::trace::{Header, Op};

/// Files a trace for each command that is lacking, or answers in a form of its own.
pub(super) fn file(
    preflight: &Preflight,
    options: &Options,
    pair: Pair,
    sessions: &mut Sessions,
) -> Result<Vec<Finding>, CampaignError> {
    // What comes before a request only serves it: its own reply is what is told.
    let settings = differential::Options {
        settings: options.settings,
        confirm: false,
        keyspace: false,
        ..differential::Options::new(options.known)
    };
    let mut findings = Vec::new();
    for ops in preflight.lacking().chain(preflight.oddities()) {
        let outcome = sessions.compare(&options.header(None), ops, &settings, &mut |_| {})?;
        let Some(divergence) = outcome.divergence else { continue };
        let header = Header { note: format!("{}, found by trying it", divergence.class), ..options.header(None) };
        let reference = pair.reference.info();
        let Some(trace) = recording::record(&header, ops, reference, sessions.reference.as_mut())? else { continue };
        let path = options.store.add(&divergence.class, &trace)?.item().path.display().to_string();
        let mut finding = Finding::new("the preflight".to_owned(), &divergence, outcome.excerpt.as_ref());
        finding.replay = options.command.with(&format!("replay {}", files::quote(&path)));
        finding.shape = shape::of_trace(ops, &divergence);
        finding.trace = Some(path);
        findings.push(finding);
    }
    Ok(findings)
}

/// What else diverges of what the preflight tried, to be shrunk as what a seed shows.
pub(super) fn suspects(
    preflight: &Preflight,
    options: &Options,
    sessions: &mut Sessions,
    settings: &differential::Options,
) -> Result<Vec<(Bucket, Occurrences)>, CampaignError> {
    let settings = differential::Options { confirm: false, past_unsupported: false, ..*settings };
    let mut found = Vec::new();
    // What hangs is waited for as long as it takes where it is shrunk.
    sessions.subject.set_reply_deadline(Some(preflight::REPLY_WITHIN));
    for ops in preflight.suspects().flat_map(|ops| [&ops[ops.len() - 1..], ops]) {
        let seen = see(&options.header(None), ops, sessions, &settings)?;
        let at = ops.len() - 1;
        let left_out = seen.iter().map(|seen| seen.divergence.at).filter(|&before| before < at).collect();
        // What comes before a request only serves it.
        let Some(seen) = seen.into_iter().find(|seen| seen.divergence.at == at) else { continue };
        let bucket = (seen.divergence.class.clone(), shape::of_divergent(&ops[at], &seen.divergence));
        let candidate = Candidate { case: None, at, end: ops.len(), left_out, ops: ops.into() };
        found.push((bucket, Occurrences::one(candidate, Some(seen))));
    }
    sessions.subject.set_reply_deadline(None);
    Ok(found)
}

/// What diverges of a few ops. With several references, the first that no other of them agrees with.
fn see(
    header: &Header,
    ops: &[Op],
    sessions: &mut Sessions,
    settings: &differential::Options,
) -> Result<Vec<Seen>, CampaignError> {
    if sessions.others.is_empty() {
        let sides = &mut sessions.sides();
        return Ok(differential::examine(header, ops, sides, settings, Pace::StepByStep, &mut |_| {})?.seen);
    }
    let outcome = sessions.compare(header, ops, settings, &mut |_| {})?;
    let seen = |divergence| Seen { divergence, excerpt: outcome.excerpt, notes: outcome.notes };
    Ok(outcome.divergence.map(seen).into_iter().collect())
}
