//! Makes a finding of a bucket: runs its first cases again, shrinks them, and files the shortest.

use std::sync::atomic::Ordering;

use super::Options;
use super::gather::{Bucket, Candidate, Occurrences};
use crate::campaign::differential::{self, Pace};
use crate::campaign::minimal::{Minimal, minimize};
use crate::campaign::rebuild::rebuild;
use crate::campaign::sessions::{Lease, Sessions};
use crate::campaign::{CampaignError, files};
use crate::diff::{Class, Divergence, shape};
use crate::report::{Finding, Shrinking};
use crate::shrink::Limits;
use crate::trace::{Header, Op, TargetInfo};
use spec::Family;

/// A trace as short as this is taken as it is: no other case is shrunk in the hope of a shorter one.
const SHORT_OPS: usize = 2;

/// A finding, and what tells it from the others of its class.
pub(super) struct Described {
    pub(super) finding: Finding,
    pub(super) shape: String,
    /// The size of its trace: ops, and bytes of arguments.
    pub(super) size: (usize, usize),
}

/// What a bucket came to.
pub(super) enum Description {
    Whole(Box<Described>),
    /// None of its cases shows it again.
    Unseen,
    /// The time was over, or the user asked to stop, before one was found that does.
    Cut,
}

/// What shows a class by itself.
struct Shown {
    header: Header,
    ops: Vec<Op>,
    divergence: Divergence,
}

impl Shown {
    fn minimize(
        &self,
        reference: &TargetInfo,
        sessions: &mut Sessions,
        settings: &differential::Options,
        note: &str,
    ) -> Result<Option<Minimal>, CampaignError> {
        minimize(&self.header, &self.ops, &self.divergence, reference, sessions, settings, note.to_owned())
    }
}

/// Shrinks and files what the cases of a bucket show; `None` where none of them shows it again.
pub(super) fn describe(
    options: &Options,
    (class, _): &Bucket,
    seen: &Occurrences,
    reference: &TargetInfo,
    lease: &mut Lease,
    settings: &differential::Options,
) -> Result<Option<Described>, CampaignError> {
    let sessions = lease.get()?;
    sessions.subject.set_haste(true);
    let settings = &differential::Options { confirm: false, past_unsupported: false, ..*settings };
    let mut minimal: Option<(Minimal, &Candidate)> = None;
    for candidate in &seen.candidates {
        let is_over = options.stop.load(Ordering::Relaxed) || settings.is_over();
        if is_over || minimal.as_ref().is_some_and(|(least, _)| least.trace.ops.len() <= SHORT_OPS) {
            break;
        }
        let Some(shown) = show(options, class, candidate, sessions, settings)? else { continue };
        let note = format!("{class}, shrunk from {}", describe_origin(options, candidate));
        let Some(mut shorter) = shown.minimize(reference, sessions, settings, &note)? else { continue };
        let before = candidate.behind().len() - candidate.left_out.len();
        if shorter.trace.ops.len() > SHORT_OPS {
            // Not every write can be left out that a plainer one would do in place of.
            let (header, ops, at) = (&shorter.trace.header, &shorter.trace.ops, shorter.divergence.at);
            if let Some(rebuilt) = show_rebuilt(class, header, ops, at, sessions, settings)?
                && let Some(rebuilt) = rebuilt.minimize(reference, sessions, settings, &note)?
                && rebuilt.size() < shorter.size()
            {
                shorter = rebuilt;
            }
        }
        shorter.shrunk.before = before;
        if minimal.as_ref().is_none_or(|(least, _)| shorter.size() < least.size()) {
            minimal = Some((shorter, candidate));
        }
    }
    let Some((minimal, candidate)) = minimal else { return Ok(None) };
    let found_in = options.describe_case(candidate.case);
    let Minimal { trace, divergence, .. } = &minimal;
    let sessions = lease.get()?;
    // From here on nothing is claimed that more patience would not show.
    sessions.subject.set_haste(false);
    if trace.ops.iter().any(may_be_untold) && !shows(class, &minimal, sessions, settings)? {
        return Ok(None);
    }
    let is_hidden = sessions.subject.start_anew()? && !shows(class, &minimal, sessions, settings)?;
    let mut finding = if is_hidden {
        let mut finding = Finding::new(found_in, divergence, minimal.excerpt.as_ref());
        finding.notes.push("a server that has just started does not show it: it needs what came before".to_owned());
        finding.replay = options.replay_line(candidate.case);
        finding
    } else {
        file(&minimal, found_in, options)?
    };
    finding.first_seed = seen.first_case().map(|case| case.seed);
    finding.count = seen.count;
    if is_pipelined_only(&minimal, lease.get()?, settings)? {
        finding.notes.push("pipelined only: sent one by one, the replies agree".to_owned());
    }
    Ok(Some(Described { finding, shape: shape::of_trace(&trace.ops, divergence), size: minimal.size() }))
}

/// A finding of a bucket that is not shrunk: as the first case showed it.
pub(super) fn tell(options: &Options, (class, shape): &Bucket, seen: &Occurrences) -> Option<Finding> {
    let case = seen.first_case();
    let sample = seen.sample.as_ref()?;
    let mut finding = Finding::new(options.describe_case(case), &sample.divergence, sample.excerpt.as_ref());
    finding.class = class.clone();
    finding.shape.clone_from(shape);
    finding.notes.clone_from(&sample.notes);
    if options.budget.is_some() {
        finding.notes.push("not shrunk, as the time was over: the seed run by itself may not show it".to_owned());
    }
    finding.first_seed = case.map(|case| case.seed);
    finding.count = seen.count;
    finding.replay = options.replay_line(case);
    Some(finding)
}

/// What a candidate comes from, also where only one group is run.
fn describe_origin(options: &Options, candidate: &Candidate) -> String {
    let Some(case) = candidate.case else { return options.describe_case(None) };
    format!("seed {} of {}", case.seed, options.groups[case.group].name)
}

/// What a candidate runs, where that shows the class by itself. Where it only shows behind what diverged before, that
/// is left out as far as it can be.
fn show(
    options: &Options,
    class: &Class,
    candidate: &Candidate,
    sessions: &mut Sessions,
    settings: &differential::Options,
) -> Result<Option<Shown>, CampaignError> {
    let header = options.header(candidate.case);
    let ops = candidate.alone();
    let at = candidate.at - candidate.left_out.len();
    if at >= SHORT_OPS && at + 1 == ops.len() {
        // What diverged before may have written what the op met, or have hidden it.
        for (ops, at) in [(candidate.behind(), candidate.at), (&ops, at)] {
            let rebuilt = show_rebuilt(class, &header, ops, at, sessions, settings)?;
            if rebuilt.is_some() {
                return Ok(rebuilt);
            }
            if candidate.left_out.is_empty() {
                break;
            }
        }
    }
    if let Some(divergence) = first_divergence(&header, &ops, sessions, settings)?.filter(|it| it.class == *class) {
        return Ok(Some(Shown { header, ops, divergence }));
    }
    if !sessions.others.is_empty() {
        return Ok(None);
    }
    let (behind, limits) = (candidate.behind(), Limits::default());
    let shrunk = differential::shrink_past(&header, behind, class, &mut sessions.sides(), settings, &limits)?;
    let Some(shrunk) = shrunk else { return Ok(None) };
    let divergence = first_divergence(&header, &shrunk.ops, sessions, settings)?.filter(|it| it.class == *class);
    Ok(divergence.map(|divergence| Shown { header, ops: shrunk.ops, divergence }))
}

/// The op at `at` behind the plainest writes of what it met, where that shows the class.
fn show_rebuilt(
    class: &Class,
    header: &Header,
    ops: &[Op],
    at: usize,
    sessions: &mut Sessions,
    settings: &differential::Options,
) -> Result<Option<Shown>, CampaignError> {
    for (header, ops) in rebuild(header, ops, at, sessions.reference.as_mut())? {
        let divergence = first_divergence(&header, &ops, sessions, settings)?.filter(|it| it.class == *class);
        if let Some(divergence) = divergence {
            return Ok(Some(Shown { header, ops, divergence }));
        }
    }
    Ok(None)
}

fn first_divergence(
    header: &Header,
    ops: &[Op],
    sessions: &mut Sessions,
    settings: &differential::Options,
) -> Result<Option<Divergence>, CampaignError> {
    Ok(sessions.compare(header, ops, settings, &mut |_| {})?.divergence)
}

/// True where the minimal trace shows its class.
fn shows(
    class: &Class,
    minimal: &Minimal,
    sessions: &mut Sessions,
    settings: &differential::Options,
) -> Result<bool, CampaignError> {
    let Minimal { trace, .. } = minimal;
    Ok(first_divergence(&trace.header, &trace.ops, sessions, settings)?.is_some_and(|it| it.class == *class))
}

/// True for an op whose reply, or what follows it, may come at any time.
fn may_be_untold(op: &Op) -> bool {
    let of_family = |argv| spec::lookup_request(argv).is_some_and(|it| UNTOLD_FAMILIES.contains(&it.family));
    op.argv().is_none_or(of_family)
}

/// The families whose commands wait, or send what nobody asked for.
const UNTOLD_FAMILIES: [Family; 2] = [Family::Blocking, Family::PubSub];

/// True where the trace, of two ops or more, agrees when each op waits for the reply to the one before.
fn is_pipelined_only(
    minimal: &Minimal,
    sessions: &mut Sessions,
    settings: &differential::Options,
) -> Result<bool, CampaignError> {
    if minimal.trace.ops.len() < 2 || !sessions.others.is_empty() {
        return Ok(false);
    }
    let (header, ops) = (&minimal.trace.header, &minimal.trace.ops);
    let sides = &mut sessions.sides();
    Ok(differential::examine(header, ops, sides, settings, Pace::StepByStep, &mut |_| {})?.seen.is_empty())
}

/// Puts a minimal trace into the store, and tells it.
fn file(minimal: &Minimal, found_in: String, options: &Options) -> Result<Finding, CampaignError> {
    let added = options.store.add(&minimal.divergence.class, &minimal.trace)?;
    let path = added.item().path.display().to_string();
    let mut finding = Finding::new(found_in, &minimal.divergence, minimal.excerpt.as_ref());
    finding.replay = options.command.with(&format!("replay {}", files::quote(&path)));
    finding.notes.clone_from(&minimal.notes);
    finding.trace = Some(path);
    finding.shrunk = Some(Shrinking::from(&minimal.shrunk));
    Ok(finding)
}
