//! Makes a trace that shows a divergence as short and plain as it gets, always for the same class.
//!
//! A table of passes is gone through until none of them helps: first those that leave out ops, then those that make
//! what is left plainer. After every success the shorter trace is what counts. A candidate that shows another class
//! is no success: a shrink that slides to another bug loses the one that was found.

mod args;
mod faults;
mod names;
mod ops;
mod search;

use crate::diff::Class;
use crate::trace::Op;

use search::{Search, Stop};

/// Bounds on shrinking.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most runs of a candidate.
    pub evaluations_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { evaluations_max: 2000 }
    }
}

/// What a run of a candidate showed: its class, and the index of the op that diverged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What the divergence is.
    pub class: Class,
    /// The op that diverged.
    pub at: usize,
}

/// Runs a candidate and says what it shows: `None` where all agree, an error where it cannot be run.
pub type Evaluate<'a, E> = dyn FnMut(&[Op]) -> Result<Option<Found>, E> + 'a;

/// A shrunk trace, and what it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The ops that are left.
    pub ops: Vec<Op>,
    /// Which of them diverges.
    pub at: usize,
    /// How many candidates were run; one that was seen before is not run again.
    pub evaluations: usize,
    /// How many ops there were.
    pub before: usize,
    /// How many ops are left.
    pub after: usize,
    /// True where no single op can be left out; false where the evaluations ran out before that was sure.
    pub minimal: bool,
}

/// One way of making a trace plainer: tries it everywhere, and says whether it helped.
type Pass = fn(&mut Search) -> Result<bool, Stop>;

/// The table of passes: what leaves out most comes first.
const PASSES: &[Pass] = &[
    ops::keep_related,
    ops::delete_chunks,
    ops::delete_singles,
    ops::merge,
    ops::delete_pairs,
    ops::join_connections,
    ops::shorten_raw,
    names::rename_keys,
    names::rename_values,
    names::capitalize,
    args::delete,
    args::shrink_numbers,
    args::shorten,
    args::shrink_clock_moves,
    faults::lower_arguments,
];

/// Shrinks `ops`, which show a divergence of `class` when `evaluate` runs them.
///
/// `evaluate` says what a run of its ops shows, `None` where all agree. Returns `None` where `ops` do not show
/// `class` to begin with.
///
/// # Errors
/// The first error of `evaluate`.
pub fn shrink<E>(
    ops: &[Op],
    class: &Class,
    limits: &Limits,
    evaluate: &mut Evaluate<'_, E>,
) -> Result<Option<Shrunk>, E> {
    let mut error = None;
    let mut run = |candidate: &[Op]| {
        evaluate(candidate).map_err(|failed| {
            error = Some(failed);
            Stop::Failed
        })
    };
    let mut search = Search::new(class, limits.evaluations_max, &mut run);
    let shown = search.accept(ops.to_vec());
    let stopped = match &shown {
        Ok(true) => go_through_passes(&mut search).err(),
        Ok(false) => None,
        Err(stop) => Some(*stop),
    };
    let Search { best, at, evaluations, minimal, .. } = search;
    if let (Some(Stop::Failed), Some(error)) = (stopped, error) {
        return Err(error);
    }
    let after = best.len();
    Ok(matches!(shown, Ok(true)).then_some(Shrunk { ops: best, at, evaluations, before: ops.len(), after, minimal }))
}

fn go_through_passes(search: &mut Search) -> Result<(), Stop> {
    loop {
        let mut helped = false;
        for pass in PASSES {
            helped |= pass(search)?;
        }
        if !helped {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
