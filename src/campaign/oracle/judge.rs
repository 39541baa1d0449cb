//! One case: fast first, and where that does not agree whole, op by op past every divergence.

use std::sync::Arc;

use super::gather::Candidate;
use super::schedule::Case;
use crate::campaign::coverage::Coverage;
use crate::campaign::differential::{self, Observation, Outcome, Pace, Seen};
use crate::campaign::sessions::Sessions;
use crate::targets::TargetError;
use crate::trace::{Header, Op};

/// What a case came to.
pub(super) struct Judgement {
    /// What was counted, by the run that counts.
    pub(super) outcome: Outcome,
    /// Every divergence, with what shows it again.
    pub(super) found: Vec<(Seen, Candidate)>,
}

/// Runs a case. `coverage` counts what each command came to, once.
pub(super) fn judge(
    case: Case,
    header: &Header,
    ops: &Arc<[Op]>,
    sessions: &mut Sessions,
    options: &differential::Options,
    coverage: &mut Option<Coverage>,
) -> Result<Judgement, TargetError> {
    let mut scratch = coverage.is_some().then(Coverage::new);
    // Where errors end connections, no run of all ops at once comes to its end.
    let fast = match sessions.subject.closes_behind_errors() && sessions.others.is_empty() {
        true => Outcome::default(),
        false => differential::skim(header, ops, &mut sessions.sides(), options, &mut count_into(&mut scratch))?,
    };
    if fast.is_whole(ops.len()) {
        keep(coverage, scratch, &fast);
        return Ok(Judgement { outcome: fast, found: Vec::new() });
    }
    if !sessions.others.is_empty() {
        return judge_once(case, header, ops, sessions, options, coverage);
    }
    let mut scratch = coverage.is_some().then(Coverage::new);
    // Each op is to be counted once.
    let pace = if coverage.is_some() { Pace::StepByStep } else { Pace::Together };
    let examined =
        differential::examine(header, ops, &mut sessions.sides(), options, pace, &mut count_into(&mut scratch))?;
    if examined.seen.is_empty() && (fast.divergence.is_some() || fast.differs_in_the_end) {
        // It differs only where the ops are sent together.
        return judge_once(case, header, ops, sessions, options, coverage);
    }
    keep(coverage, scratch, &examined.outcome);
    if let Some(coverage) = coverage {
        examined.seen.iter().for_each(|seen| coverage.add_divergence(&seen.divergence.class));
    }
    let diverged: Vec<usize> = examined.seen.iter().map(|seen| seen.divergence.at).collect();
    let candidate = |seen: &Seen| {
        let at = seen.divergence.at;
        let left_out = diverged.iter().copied().filter(|&before| before < at).collect();
        Candidate { case: Some(case), at, end: at + 1, left_out, ops: Arc::clone(ops) }
    };
    let found = examined.seen.into_iter().map(|seen| {
        let candidate = candidate(&seen);
        (seen, candidate)
    });
    Ok(Judgement { found: found.collect(), outcome: examined.outcome })
}

/// The first divergence alone, laid to its op by running prefixes again.
fn judge_once(
    case: Case,
    header: &Header,
    ops: &Arc<[Op]>,
    sessions: &mut Sessions,
    options: &differential::Options,
    coverage: &mut Option<Coverage>,
) -> Result<Judgement, TargetError> {
    let mut scratch = coverage.is_some().then(Coverage::new);
    let mut outcome =
        differential::compare(header, ops, &mut sessions.sides(), options, &mut count_into(&mut scratch))?;
    keep(coverage, scratch, &outcome);
    outcome.skipped += (ops.len() as u64).saturating_sub(outcome.ops);
    let found = outcome.divergence.clone().filter(|_| !outcome.flaky).map(|divergence| {
        let candidate = Candidate {
            case: Some(case),
            at: divergence.at,
            end: ops.len(),
            left_out: Vec::new(),
            ops: Arc::clone(ops),
        };
        (Seen { divergence, excerpt: outcome.excerpt.clone(), notes: outcome.notes.clone() }, candidate)
    });
    Ok(Judgement { found: found.into_iter().collect(), outcome })
}

/// Counts what a run shows, where it is counted.
fn count_into(scratch: &mut Option<Coverage>) -> impl FnMut(&Observation) {
    move |seen| scratch.iter_mut().for_each(|scratch| scratch.observe(seen))
}

fn keep(coverage: &mut Option<Coverage>, seen: Option<Coverage>, outcome: &Outcome) {
    if let (Some(coverage), Some(mut seen)) = (coverage.as_mut(), seen) {
        seen.add(outcome);
        coverage.merge(seen);
    }
}
