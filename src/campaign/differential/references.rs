//! Several references: a difference is a divergence only where the subject agrees with none of them.
//!
//! A trace runs on the first reference and the subject. Only where they differ is it run on the others: up to that op,
//! which alone is judged there. Where one of them agrees with the subject, the difference is between versions of the
//! reference. The trace is then run again with that op left out of the judgement, as a known divergence is, so that
//! what lies behind it is found.

use crate::corpus::Known;
use crate::diff::{Class, Divergence, keyspace};
use crate::targets::{Session, TargetError};
use crate::trace::{Header, Op};

use super::{Comparison, End, Observer, Options, Outcome, attribution};

/// After so many ops of one trace that only another reference answers as the subject does, the rest is not judged.
const DRIFT_MAX: usize = 32;

/// The sessions that a trace runs on.
pub struct Sides<'a> {
    /// Of what is right.
    pub reference: &'a mut dyn Session,
    /// Of what is right as well.
    pub others: &'a mut [Other],
    /// Of what is tested.
    pub subject: &'a mut dyn Session,
}

impl<'a> Sides<'a> {
    /// One reference and the subject.
    pub fn pair(reference: &'a mut dyn Session, subject: &'a mut dyn Session) -> Self {
        Self { reference, others: &mut [], subject }
    }
}

/// A reference behind the first.
pub struct Other {
    /// What it says it is.
    pub name: String,
    /// Its session.
    pub session: Box<dyn Session>,
}

/// An op at which the subject agrees with another reference and not with the first: two versions differ there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Index of the op.
    pub at: usize,
    /// How the subject differs from the first reference.
    pub class: Class,
    /// The key that the references hold in different ways, with its database, where that is the difference.
    pub key: Option<(u32, Vec<u8>)>,
    /// The reference that agrees with the subject.
    pub agrees_with: String,
}

/// As [`attribution::run`], against every reference.
pub(super) fn run(
    header: &Header,
    ops: &[Op],
    sides: &mut Sides,
    options: &Options,
    observer: Observer,
) -> Result<Outcome, TargetError> {
    if sides.others.is_empty() {
        return attribution::run(header, ops, sides.reference, sides.subject, options, observer);
    }
    let mut drift = options.drift.to_vec();
    let mut observed = 0;
    loop {
        let options = Options { drift: &drift, past_unsupported: false, ..*options };
        let mut at = 0;
        // An op that a run before this one has shown is not shown again.
        let mut outcome = attribution::run(header, ops, sides.reference, sides.subject, &options, &mut |seen| {
            at += 1;
            if at > observed {
                observed = at;
                observer(seen);
            }
        })?;
        let found = match &outcome.divergence {
            Some(divergence) => find_agreement(header, ops, divergence, sides, &options)?,
            None => None,
        };
        let Some(found) = found else {
            return Ok(Outcome { drift, ..outcome });
        };
        drift.push(found);
        if drift.len() >= DRIFT_MAX {
            outcome.skipped += ops.len() as u64 - outcome.ops;
            return Ok(Outcome { drift, divergence: None, excerpt: None, notes: Vec::new(), ..outcome });
        }
    }
}

/// The first of the others that agrees with the subject where the first reference does not.
fn find_agreement(
    header: &Header,
    ops: &[Op],
    divergence: &Divergence,
    sides: &mut Sides,
    options: &Options,
) -> Result<Option<Drift>, TargetError> {
    let Some(prefix) = ops.get(..=divergence.at) else { return Ok(None) };
    for other in sides.others.iter_mut() {
        if agrees(header, prefix, divergence, other.session.as_mut(), sides.subject, options)? {
            let Divergence { at, class, key, .. } = divergence.clone();
            return Ok(Some(Drift { at, class, key, agrees_with: other.name.clone() }));
        }
    }
    Ok(None)
}

/// True where this reference and the subject answer the last of `ops` alike, are in step after it, and hold the same
/// under its keys.
fn agrees(
    header: &Header,
    ops: &[Op],
    divergence: &Divergence,
    reference: &mut dyn Session,
    subject: &mut dyn Session,
    options: &Options,
) -> Result<bool, TargetError> {
    let (judged_from, known) = (ops.len().saturating_sub(1), Known::none());
    let options = Options { known: &known, checkpoint_ops: 0, parallel: false, judged_from, ..*options };
    let mut comparison = Comparison::start(header, reference, subject, &options)?;
    comparison.block(ops, &mut |_| {})?;
    comparison.compare_end()?;
    let Comparison { judge, end, .. } = comparison;
    if !judge.agrees() {
        return Ok(false);
    }
    let differences = match end {
        None => return Ok(true),
        Some(End::Step { .. }) => return Ok(false),
        Some(End::Keyspace(differences)) => differences,
    };
    let argv = ops.last().and_then(Op::argv);
    let mut touched = argv.and_then(|argv| Some(spec::lookup_request(argv)?.keys(argv))).unwrap_or_default();
    touched.extend(divergence.key.as_ref().map(|(_, key)| key.as_slice()));
    Ok(!differences.iter().any(|it| it.kind == keyspace::UNREADABLE || touched.contains(&it.key.as_slice())))
}
