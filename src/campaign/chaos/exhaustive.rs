//! A short trace that fails at every point there is, or at every one from some op on: the power goes at every call of the
//! files, with what was pending kept, lost or torn, and every call fails once.

use std::sync::atomic::{AtomicBool, Ordering};

use super::round::{Outcome, Pair, difference};
use super::verdict::{Breach, Violation};
use crate::diff::{Keyspace, Settings as DiffSettings};
use crate::faults::{self, Fates, Fault};
use crate::targets::TargetError;
use crate::targets::faulty::{FaultySession, Model, Point, Recovered, Settings, Strike};
use crate::trace::{Act, FaultSpec, Header, Op};
use resp::Reply;

/// The longest trace that is run so: each op takes some thousand runs.
pub const OPS_MAX: usize = 50;

/// What a trace came to.
#[derive(Debug, Default)]
pub struct Points {
    /// Calls after which the power went.
    pub crashes: u64,
    /// Of these, those with so little pending that every part of it was kept and lost.
    pub complete: u64,
    /// Power losses there, in all ways that were tried.
    pub losses: u64,
    /// Calls that were struck in a run of the whole trace: that failed, or were the last before a power loss.
    pub struck: u64,
    /// The sums of those runs, and the first violation.
    pub whole: Outcome,
    /// The trace with the fault that showed the violation.
    pub shown_by: Vec<Op>,
    /// True where no point was left out: it was not interrupted.
    pub is_whole: bool,
}

/// What a run of every point needs.
pub struct Bench<'a> {
    /// The store that is tested, by its name.
    pub subject: &'a str,
    /// How it is opened.
    pub settings: Settings,
    /// Runs whole traces.
    pub pair: &'a mut Pair,
    /// Set where the user asks to stop.
    pub stop: &'a AtomicBool,
}

impl Bench<'_> {
    /// Runs `ops`, which hold no faults but upkeep, at every point of those from `first` on. Stops at the first violation,
    /// and where the user asks.
    ///
    /// # Errors
    /// Infrastructure only.
    pub fn run(&mut self, header: &Header, ops: &[Op], first: usize) -> Result<Points, TargetError> {
        let mut points = Points::default();
        let go_on = self.lose_power(header, ops, first, &mut points)?
            && self.strike_every_call(header, ops, first, FAULT_IO, &mut points)?
            && self.strike_every_call(header, ops, first, FAULT_CRASH, &mut points)?;
        points.is_whole = go_on || points.whole.violation.is_some();
        Ok(points)
    }

    /// Loses power after every call, in many ways. False where it stopped.
    fn lose_power(
        &mut self,
        header: &Header,
        ops: &[Op],
        first: usize,
        points: &mut Points,
    ) -> Result<bool, TargetError> {
        let held = keyspaces(header, ops)?;
        let mut session = FaultySession::named(self.subject, self.settings, header)?;
        let mut clock = header.clone();
        for (at, op) in ops.iter().enumerate() {
            if let Act::Advance { ms } = op.act {
                clock.start_ms = clock.start_ms.saturating_add_unsigned(ms);
            }
            if at < first {
                session.perform(op)?;
                continue;
            }
            for point in session.points(op)? {
                if self.stop.load(Ordering::Relaxed) {
                    return Ok(false);
                }
                points.crashes += 1;
                points.complete += u64::from(point.is_complete());
                for fates in point.outcomes() {
                    points.losses += 1;
                    let recovered = point.recover(fates, self.settings, &clock)?;
                    if let Some(violation) = judge(at, recovered, &held[at..=at + 1]) {
                        points.whole.violation = Some(violation);
                        points.shown_by = show(ops, at, &point, fates);
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    /// Runs the trace once for every call, which a fault strikes; its arguments stand behind which call that is. False
    /// where it stopped.
    fn strike_every_call(
        &mut self,
        header: &Header,
        ops: &[Op],
        first: usize,
        (name, args): (&str, &[i64]),
        points: &mut Points,
    ) -> Result<bool, TargetError> {
        for at in first..ops.len() {
            for nth in 0.. {
                if self.stop.load(Ordering::Relaxed) {
                    return Ok(false);
                }
                let args = std::iter::once(nth).chain(args.iter().copied()).collect();
                let mut faulty = ops.to_vec();
                faulty.insert(at, fault(FaultSpec { name: name.to_owned(), args }));
                let mut outcome = self.pair.run(header, &faulty)?;
                let is_struck = |strike: &Strike| strike.armed_at == at && strike.struck_at == at + 1;
                if let Some(violation) = outcome.violation.take() {
                    points.whole.violation = Some(violation);
                    points.shown_by = faulty;
                    return Ok(false);
                }
                // Where the fault struck a later op, this one has no more calls.
                if !outcome.strikes.iter().any(is_struck) {
                    break;
                }
                points.struck += 1;
                points.whole.add(outcome);
            }
        }
        Ok(true)
    }
}

/// Fails with EIO, once.
const FAULT_IO: (&str, &[i64]) = ("io_error", &[1, 0]);
/// Loses all that is pending: what comes after a recovery is judged, too.
const FAULT_CRASH: (&str, &[i64]) = (faults::CRASH, &[0]);

fn fault(spec: FaultSpec) -> Op {
    Op { conn: 0, act: Act::Fault(spec) }
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

/// The trace in which the power goes at this point. A power loss in a sync would be one before it: there it goes before
/// the next call, which may be one of a later op, and at the end of the trace it just goes.
fn show(ops: &[Op], at: usize, point: &Point, fates: Fates) -> Vec<Op> {
    let mut faulty = ops.to_vec();
    let nth = if point.is_synced { point.nth + 1 } else { point.nth };
    faulty.insert(at, fault(Fault::power_loss(nth, point.is_synced, fates)));
    if point.is_synced {
        faulty.push(Op { conn: 0, act: Act::Crash });
    }
    faulty
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
        Recovered::Panicked => {
            return violation(Breach::Panic, Reply::ok(), Reply::Closed, "it panicked as it was opened".to_owned());
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
        let breach = if write == Reply::Closed { Breach::Panic } else { Breach::Stuck };
        return violation(breach, Reply::ok(), write, "a write afterwards".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_recovered_store_shows_is_told() {
        let check = |recovered, expected: &str| {
            let found = judge(0, recovered, &[Keyspace::default()]);
            assert_eq!(found.map_or("", |found| found.breach.name()), expected);
        };
        let open = |damage: &[&str], write| Recovered::Open {
            keyspace: Keyspace::default(),
            damage: damage.iter().map(|line| (*line).to_owned()).collect(),
            write,
        };
        check(open(&[], Reply::ok()), "");
        check(open(&["page 2"], Reply::ok()), "damage");
        check(open(&[], Reply::error("ERR storage: no")), "stuck");
        check(open(&[], Reply::Closed), "panic");
        check(Recovered::Refused("damaged".to_owned()), "failed-recovery");
        check(Recovered::Panicked, "panic");
    }
}
