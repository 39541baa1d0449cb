//! Makes a trace that shows a divergence as short and plain as it gets, always for the same class.

use crate::diff::Class;
use crate::trace::Op;

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

/// Shrinks `ops`, which show a divergence of `class` when `evaluate` runs them.
///
/// `evaluate` says what a run of its ops shows, `None` where all agree. Returns `None` where `ops` do not show
/// `class` to begin with.
///
/// # Errors
/// The first error of `evaluate`.
pub fn shrink<E>(
    _ops: &[Op],
    _class: &Class,
    _limits: &Limits,
    _evaluate: &mut dyn FnMut(&[Op]) -> Result<Option<Found>, E>,
) -> Result<Option<Shrunk>, E> {
    todo!()
}
