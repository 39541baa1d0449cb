//! What a reference answers to a trace, and what it then holds, as a trace that needs no reference any more.

use super::differential::reference_failure;
use crate::diff::Keyspace;
use crate::faults::ends_process;
use crate::targets::{Session, TargetError};
use crate::trace::{Header, Op, TargetInfo, Trace};

/// Runs `ops` on `reference`, whose session this is. `None` where it gives no reply to some of them: what is right is
/// unknown then. What it holds in the end is no truth where it was restarted, and is not recorded then.
///
/// # Errors
/// Infrastructure only.
pub fn record(
    header: &Header,
    ops: &[Op],
    reference: TargetInfo,
    session: &mut dyn Session,
) -> Result<Option<Trace>, TargetError> {
    let mut replies = Vec::with_capacity(ops.len());
    session.reset(header)?;
    session.replay(ops, &mut replies)?;
    if replies.iter().any(|reply| reference_failure(reply).is_some()) {
        return Ok(None);
    }
    let keyspace = if has_restarts(ops) { None } else { read_keyspace(session)? };
    let header = Header { recorded_by: Some(reference), ..header.clone() };
    Ok(Some(Trace { header, ops: ops.to_vec(), replies: Some(replies), keyspace }))
}

/// What is held now, as far as it may be recorded: `None` where it is not told, and where the clock is real, so that
/// times are only near.
///
/// # Errors
/// Infrastructure only.
pub fn read_keyspace(session: &mut dyn Session) -> Result<Option<Keyspace>, TargetError> {
    if !(session.exact_clock() && session.holds_data()) {
        return Ok(None);
    }
    Ok(session.keyspace()?.filter(|keyspace| keyspace.instead().is_none()))
}

/// True where a trace restarts the store: what is held then depends on what the store keeps over that.
pub fn has_restarts(ops: &[Op]) -> bool {
    ops.iter().any(|op| ends_process(&op.act))
}
