//! What failed: of each class a few runs are shrunk, the shortest is filed, and told as what happened in it.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::script::{self, Script};
use super::{Judged, Options, Ran, examine, timeline};
use crate::campaign::sessions::in_parallel;
use crate::campaign::{CampaignError, Progress, files};
use crate::diff::{Class, Divergence};
use crate::report::{Finding, Shrinking};
use crate::shrink::{self, Found, Limits, Shrunk};
use crate::targets::simulated::{Canary, Story};
use crate::trace::text::{format_op, format_reply};
use crate::trace::{Act, Header, Op, Trace};

/// So many runs of a class are shrunk, those of the lowest seeds: the shortest is kept.
const SHRUNK_MAX: usize = 3;
/// How wide a finding is told.
pub const FINDING_WIDTH: usize = 100;
/// A run of more lines is not told in a finding.
const FINDING_LINES_MAX: usize = 40;
/// In a trace of more ops it is not looked for what has to come before what.
const PAIR_OPS_MAX: usize = 40;

/// Every class that was found, in the order of its first seeds.
pub(super) fn describe_all(options: &Options, ran: &[Ran], progress: &Progress) -> Result<Vec<Finding>, CampaignError> {
    let mut classes: Vec<&Class> = Vec::new();
    let mut runs: BTreeMap<&Class, Vec<(usize, &Divergence)>> = BTreeMap::new();
    for ran in ran {
        let Some(divergence) = &ran.found else { continue };
        let found = runs.entry(&divergence.class).or_default();
        if found.is_empty() {
            classes.push(&divergence.class);
        }
        found.push((ran.at, divergence));
    }
    if !classes.is_empty() {
        progress.start("shrinking", classes.len() as u64);
    }
    in_parallel(
        options.jobs,
        classes.len(),
        || Ok(()),
        |at, ()| {
            let found = &runs[classes[at]];
            let mut shortest: Option<Shortened> = None;
            for &(at, divergence) in found.iter().take(SHRUNK_MAX) {
                let short = shorten(options, at, divergence)?;
                if shortest.as_ref().is_none_or(|known| short.ops.len() < known.ops.len()) {
                    shortest = Some(short);
                }
            }
            let finding = shortest.map(|shortest| describe(options, shortest)).transpose()?;
            progress.step(0, true);
            Ok(finding.map(|finding| Finding { count: found.len() as u64, ..finding }))
        },
    )
    .map(|findings| findings.into_iter().flatten().collect())
}

/// A run that fails, as short as it was made.
struct Shortened {
    at: usize,
    header: Header,
    ops: Vec<Op>,
    divergence: Divergence,
    shrinking: Option<Shrinking>,
}

fn shorten(options: &Options, at: usize, divergence: &Divergence) -> Result<Shortened, CampaignError> {
    let (scenario, seed) = options.run_at(at);
    let Script { header, ops, .. } = script::write(options.scenarios[scenario], seed, options.clients, options.turns);
    let shrunk = shrink(options, &header, &ops, &divergence.class)?;
    let shrinking = shrunk.as_ref().map(Shrinking::from);
    let ops = shrunk.map_or(ops, |shrunk| shrunk.ops);
    Ok(Shortened { at, header, ops, divergence: divergence.clone(), shrinking })
}

fn shrink(options: &Options, header: &Header, ops: &[Op], class: &Class) -> Result<Option<Shrunk>, CampaignError> {
    shrink::shrink(ops, class, &Limits::default(), &mut |candidate: &[Op]| {
        if options.stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        // Numbers that no event takes are tried as well.
        let judged = match examine(header, candidate, options.canary) {
            Err(CampaignError::Simulation { .. }) => return Ok(None),
            judged => judged?,
        };
        Ok(judged.divergence.map(|it| Found { class: it.class, at: it.at }))
    })
}

/// Files a run that fails, and tells it.
fn describe(options: &Options, shortened: Shortened) -> Result<Finding, CampaignError> {
    let Shortened { at, header, ops, divergence, shrinking } = shortened;
    let (class, found_in) = (divergence.class.clone(), options.describe_run(at));
    let judged = examine(&header, &ops, options.canary)?;
    let divergence = judged.divergence.filter(|it| it.class == class).unwrap_or(divergence);
    let lines = tell_run(options.canary, &header, &ops, judged.story.as_ref(), &divergence)?;
    let note = format!("{class}, shrunk from {found_in}");
    let header = Header { seed: None, generator: 0, note, ..header };
    let trace = Trace { header, ops, ..Trace::default() };
    let path = options.store.add(&class, &trace)?.item().path.display().to_string();
    let mut finding = finding_of(options, found_in, lines, &divergence, &path);
    finding.first_seed = Some(options.run_at(at).1);
    finding.shrunk = shrinking;
    finding.trace = Some(path);
    Ok(finding)
}

/// What is wrong with a trace, which is in this file.
pub(super) fn finding_of(
    options: &Options,
    found_in: String,
    lines: Vec<String>,
    divergence: &Divergence,
    file: &str,
) -> Finding {
    let mut finding = Finding::new(found_in, divergence, None);
    finding.diff = lines.join("\n");
    finding.diff_coloured.clone_from(&finding.diff);
    finding.replay = options.command.with(&format!("simulate {}", files::quote(file)));
    finding
}

/// Runs a trace, and tells what happened and what was wrong with it, in lines of up to `width` characters.
///
/// # Errors
/// Infrastructure, and a trace that is none of a simulation.
pub fn tell(header: &Header, ops: &[Op], width: usize) -> Result<Vec<String>, CampaignError> {
    let Judged { story, divergence, .. } = examine(header, ops, None)?;
    let pair = divergence.as_ref().map(|found| find_pair(None, header, ops, found)).transpose()?.flatten();
    let mut lines = story.map(|story| timeline::draw(header, ops, &story, width, pair)).unwrap_or_default();
    lines.extend(divergence.iter().flat_map(|divergence| tell_divergence(ops, divergence)));
    Ok(lines)
}

/// What a finding tells: what happened, or what was done where that is too much.
pub(super) fn tell_run(
    canary: Option<&'static Canary>,
    header: &Header,
    ops: &[Op],
    story: Option<&Story>,
    divergence: &Divergence,
) -> Result<Vec<String>, CampaignError> {
    let pair = find_pair(canary, header, ops, divergence)?;
    let drawn = story.map(|story| timeline::draw(header, ops, story, FINDING_WIDTH, pair));
    let mut lines = match drawn {
        Some(lines) if lines.len() <= FINDING_LINES_MAX => lines,
        _ => ops.iter().map(format_op).collect(),
    };
    lines.extend(tell_divergence(ops, divergence));
    Ok(lines)
}

/// The last two ops of different clients, one behind the other but for the clock's moves, that have to be in this order
/// for the trace to fail as it does.
fn find_pair(
    canary: Option<&'static Canary>,
    header: &Header,
    ops: &[Op],
    divergence: &Divergence,
) -> Result<Option<(usize, usize)>, CampaignError> {
    if ops.len() > PAIR_OPS_MAX {
        return Ok(None);
    }
    let deeds: Vec<usize> = (0..ops.len()).filter(|&at| !matches!(ops[at].act, Act::Advance { .. })).collect();
    for pair in deeds.windows(2).rev() {
        let (first, second) = (pair[0], pair[1]);
        if ops[first].conn == ops[second].conn {
            continue;
        }
        let mut swapped = ops.to_vec();
        swapped.swap(first, second);
        let class = examine(header, &swapped, canary)?.divergence.map(|found| found.class);
        if class.as_ref() != Some(&divergence.class) {
            return Ok(Some((first, second)));
        }
    }
    Ok(None)
}

/// What is wrong.
fn tell_divergence(ops: &[Op], divergence: &Divergence) -> Vec<String> {
    let Divergence { at, class, want, got, note, .. } = divergence;
    let mut lines = vec![class.to_string()];
    lines.extend(ops.get(*at).map(|op| format!("        {}", format_op(op))));
    lines.extend((!note.is_empty()).then(|| format!("        {note}")));
    if want != got {
        for (sign, reply) in [("-", want), ("+", got)] {
            lines.push(format!("  {sign}     {}", format_reply(reply)));
        }
    }
    lines
}
