//! The shortest trace that shows a divergence, with all that is told and kept of it.

use super::CampaignError;
use super::differential::{self, Options};
use super::recording;
use super::sessions::Sessions;
use crate::diff::{Divergence, Excerpt};
use crate::shrink::{Limits, Shrunk};
use crate::trace::{Header, Op, TargetInfo, Trace};

/// A shrunk trace, and what it shows.
#[derive(Debug)]
pub struct Minimal {
    /// The ops that are left, with the replies of the reference, and what it then holds.
    pub trace: Trace,
    /// What they show.
    pub divergence: Divergence,
    /// The replies around it.
    pub excerpt: Option<Excerpt>,
    /// What no reply can say, such as how a server died.
    pub notes: Vec<String>,
    /// What shrinking took.
    pub shrunk: Shrunk,
}

impl Minimal {
    /// Ops, then bytes of arguments: less is simpler.
    pub fn size(&self) -> (usize, usize) {
        let bytes = self.trace.ops.iter().filter_map(Op::argv).map(|argv| argv.len() + argv.bytes_len()).sum();
        (self.trace.ops.len(), bytes)
    }
}

/// Shrinks `ops`, which show `divergence`, and records what the reference answers to what is left and then holds.
/// `note` is for people, and goes into the trace. `None` where `ops` do not show the divergence again.
///
/// # Errors
/// [`CampaignError::NoTruth`] where the divergence is that the reference gave no reply, and errors of the infrastructure.
pub fn minimize(
    header: &Header,
    ops: &[Op],
    divergence: &Divergence,
    reference: &TargetInfo,
    sessions: &mut Sessions,
    options: &Options,
    note: String,
) -> Result<Option<Minimal>, CampaignError> {
    if differential::reference_failure(&divergence.want).is_some() {
        return Err(CampaignError::NoTruth { class: divergence.class.clone() });
    }
    let shrunk = differential::shrink(header, ops, divergence, &mut sessions.sides(), options, &Limits::default())?;
    let Some(shrunk) = shrunk else { return Ok(None) };
    let header = Header { seed: None, generator: 0, note, ..header.clone() };
    let outcome = sessions.compare(&header, &shrunk.ops, options, &mut |_| {})?;
    let Some(divergence) = outcome.divergence else { return Ok(None) };
    let recorded = recording::record(&header, &shrunk.ops, reference.clone(), sessions.reference.as_mut())?;
    let Some(trace) = recorded else { return Ok(None) };
    Ok(Some(Minimal { trace, divergence, excerpt: outcome.excerpt, notes: outcome.notes, shrunk }))
}
