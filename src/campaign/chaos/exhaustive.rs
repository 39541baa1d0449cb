//! A short trace that fails at every point there is: the power goes at every call of the files, with what was pending
//! kept, lost or torn, and every call fails once.

use std::sync::atomic::{AtomicBool, Ordering};

use super::round::{Outcome, Pair, difference};
use super::verdict::{Breach, Violation};
use crate::diff::{Keyspace, Settings as DiffSettings};
use crate::faults::{self, Fates, Fault};
use crate::resp::Reply;
use crate::targets::TargetError;
use crate::targets::faulty::{FaultySession, Model, Point, Recovered, Settings};
use crate::trace::{Act, FaultSpec, Header, Op};

/// The longest trace that is run so: each op takes some thousand runs.
pub const OPS_MAX: usize = 50;

/// What a trace came to.
#[derive(Debug, Default)]
pub struct Points {
    /// Calls before which the power went, each in several ways.
    pub crashes: u64,
    /// Power losses in all.
    pub outcomes: u64,
    /// Calls that failed.
    pub errors: u64,
    /// The sums of those runs that went through a whole trace, and the first violation.
    pub whole: Outcome,
    /// The trace with the fault that showed the violation.
    pub shown_by: Vec<Op>,
}

/// Runs `ops`, which hold no faults but upkeep, at every point. Stops at the first violation, and where the user asks.
///
/// # Errors
/// Infrastructure only.
pub fn run(
    header: &Header,
    ops: &[Op],
    subject: &str,
    settings: Settings,
    pair: &mut Pair,
    stop: &AtomicBool,
) -> Result<Points, TargetError> {
    let mut points = Points::default();
    let kept = keyspaces(header, ops)?;
    let mut session = FaultySession::named(subject, settings, header)?;
    let mut clock = header.clone();
    for (at, op) in ops.iter().enumerate() {
        if let Act::Advance { ms } = op.act {
            clock.start_ms = clock.start_ms.saturating_add_unsigned(ms);
        }
        let (_, found) = session.points(op)?;
        for point in found {
            if stop.load(Ordering::Relaxed) {
                return Ok(points);
            }
            points.crashes += 1;
            for fates in point.outcomes() {
                points.outcomes += 1;
                let recovered = point.recover(fates, settings, &clock)?;
                if let Some(violation) = judge(at, recovered, &kept[at..=at + 1]) {
                    points.whole.violation = Some(violation);
                    points.shown_by = ops.to_vec();
                    let (place, act) = show(at, &point, fates);
                    points.shown_by.insert(place, Op { conn: 0, act });
                    return Ok(points);
                }
            }
        }
    }
    for fault in [FAULT_IO, FAULT_CRASH] {
        fail_every_call(header, ops, fault, pair, stop, &mut points)?;
    }
    Ok(points)
}

/// Fails with EIO, once.
const FAULT_IO: (&str, &[i64]) = ("io_error", &[1, 0]);
/// Loses all that is pending: what comes after a recovery is judged, too.
const FAULT_CRASH: (&str, &[i64]) = ("crash_mid_write", &[0]);

/// Runs the trace once for every call, which a fault strikes; its arguments stand behind which call that is.
fn fail_every_call(
    header: &Header,
    ops: &[Op],
    (name, args): (&str, &[i64]),
    pair: &mut Pair,
    stop: &AtomicBool,
    points: &mut Points,
) -> Result<(), TargetError> {
    for at in 0..ops.len() {
        for nth in 0.. {
            if points.whole.violation.is_some() || stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let args = std::iter::once(nth).chain(args.iter().copied()).collect();
            let fault = Op { conn: 0, act: Act::Fault(FaultSpec { name: name.to_owned(), args }) };
            let mut faulty = ops.to_vec();
            faulty.insert(at, fault);
            let outcome = pair.run(header, &faulty)?;
            // Where the fault struck a later op, this one has no more calls.
            if !outcome.strikes.iter().any(|strike| strike.struck_at == at + 1) {
                break;
            }
            points.errors += 1;
            if outcome.violation.is_some() {
                points.shown_by = faulty;
            }
            points.whole.add(outcome);
        }
    }
    Ok(())
}

/// What the store holds before the first op, and after each.
fn keyspaces(header: &Header, ops: &[Op]) -> Result<Vec<Keyspace>, TargetError> {
    let mut model = Model::open(header)?;
    let mut kept = vec![model.read()?];
    for op in ops {
        model.perform(op)?;
        kept.push(model.read()?);
    }
    Ok(kept)
}

/// What a trace has to hold, and where, for the power to go at this point.
fn show(at: usize, point: &Point, fates: Fates) -> (usize, Act) {
    // After a sync nothing is pending: it is as if the power went at the end.
    if point.is_synced { (at + 1, Act::Crash) } else { (at, Act::Fault(Fault::power_loss(point.nth, fates))) }
}

/// A recovered store must hold what it held before the op in flight, or after it; be sound; and go on.
fn judge(at: usize, recovered: Recovered, kept: &[Keyspace]) -> Option<Violation> {
    let violation = |breach, want, got, note: String| {
        Some(Violation { at, breach, fault: faults::CRASH, want, got, note: format!("after a power loss: {note}") })
    };
    let (keyspace, damage, write) = match recovered {
        Recovered::Refused(why) => {
            return violation(Breach::FailedRecovery, Reply::ok(), Reply::error(why), "it is refused".to_owned());
        }
        Recovered::Open { keyspace, damage, write } => (keyspace, damage, write),
    };
    let settings = DiffSettings::default();
    let differs = kept.iter().map(|kept| difference(&settings, kept, &keyspace));
    if let Some(found) = differs.collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().next()) {
        return violation(Breach::Torn, found.want, found.got, format!("key \"{}\"", found.key.escape_ascii()));
    }
    if let Some(line) = damage.first() {
        return violation(Breach::Damage, Reply::ok(), Reply::error(line), "the file is not sound".to_owned());
    }
    if write != Reply::ok() {
        return violation(Breach::Stuck, Reply::ok(), write, "a write afterwards".to_owned());
    }
    None
}
