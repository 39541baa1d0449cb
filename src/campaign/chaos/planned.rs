//! Whether what was asked for was injected: what was not, was not tested.

use std::collections::{BTreeMap, BTreeSet};

use super::Source;
use crate::faults;
use crate::targets::faulty::Injected;
use crate::trace::{Act, Op, Trace};

/// From how many plans on a fault of which none struck is one that was not tested. Fewer may all come too late in
/// their traces: of the fault that is met least often, one plan in four strikes in 100 ops, so that 20 strike nothing
/// once in 250 runs.
const PLANS_MANY: u64 = 20;

/// How often each fault stands in the traces of a run.
#[derive(Debug, Default)]
pub(super) struct Planned(BTreeMap<&'static str, u64>);

impl Planned {
    /// Counts the faults of one trace.
    pub fn note(&mut self, ops: &[Op]) {
        for op in ops {
            let Act::Fault(spec) = &op.act else { continue };
            if let Some(fault) = faults::fault(&spec.name).filter(|fault| !fault.is_upkeep()) {
                *self.0.entry(fault.name).or_default() += 1;
            }
        }
    }

    /// Adds the traces of another part of the run.
    pub fn merge(&mut self, other: Planned) {
        other.0.into_iter().for_each(|(fault, count)| *self.0.entry(fault).or_default() += count);
    }
}

/// What of the faults of a run was not injected.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Missing {
    /// Why the run is no pass.
    pub unchecked: Option<String>,
    /// Faults of the run that stand in none of its traces.
    pub unplanned: Vec<String>,
    /// Faults that stand in its traces, and never struck.
    pub unstruck: Vec<String>,
}

/// Compares what a run planned with what it injected.
///
/// One seed plans a few faults only, and half of all seeds one that comes too late in their trace to strike: neither
/// fails a run that was to inject whatever there is, as it could not be had otherwise by asking for that seed again.
pub(super) fn missing(source: &Source, planned: &Planned, injected: &Injected) -> Missing {
    let struck: BTreeSet<&str> = injected.keys().map(|(fault, _)| *fault).collect();
    let (faults, named) = match source {
        Source::Seeds { faults, named, .. } => (faults, named),
        Source::Traces(traces) => return missing_in_traces(traces, planned, &struck),
    };
    let mut missing = Missing::default();
    let mut untested = Vec::new();
    for fault in faults.iter().filter(|fault| !struck.contains(fault.name)) {
        let plans = planned.0.get(fault.name).copied().unwrap_or(0);
        if named.iter().any(|named| named.name == fault.name) || plans >= PLANS_MANY {
            untested.push(fault.name);
        } else if plans == 0 {
            missing.unplanned.push(fault.name.to_owned());
        } else {
            missing.unstruck.push(fault.name.to_owned());
        }
    }
    let is_nothing = injected.is_empty() && !faults.is_empty();
    missing.unchecked = match untested[..] {
        [] if is_nothing => Some("no fault struck anything; more --seeds or --ops may meet one".to_owned()),
        [] => None,
        _ => Some(format!("never injected: {}; more --seeds or --ops may meet it", untested.join(", "))),
    };
    missing
}

fn missing_in_traces(traces: &[(String, Trace)], planned: &Planned, struck: &BTreeSet<&str>) -> Missing {
    let has_crash = traces.iter().any(|(_, trace)| trace.ops.iter().any(|op| op.act == Act::Crash));
    let is_nothing = struck.is_empty() && !has_crash;
    let unstruck = planned.0.keys().filter(|fault| !struck.contains(*fault));
    Missing {
        unchecked: is_nothing.then(|| "no fault of the traces struck anything".to_owned()),
        unplanned: Vec::new(),
        unstruck: unstruck.map(|fault| (*fault).to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    /// The faults `disk_full, kill, io_error`, of which the user named some: what stands in the traces, and what struck.
    fn check(named: &[&str], plans: &[(&str, usize)], struck: &[&'static str], expected: (&str, &[&str], &[&str])) {
        let faults = |names: &[&str]| names.iter().filter_map(|name| faults::fault(name)).collect::<Vec<_>>();
        let (faults, named) = (faults(&["disk_full", "kill", "io_error"]), faults(named));
        let source =
            Source::Seeds { first_seed: Seed(0), seeds: 1, ops: 1, groups: &[], faults: &faults, named: &named };
        let lines: String = plans.iter().map(|(line, times)| format!("!fault {line}\n").repeat(*times)).collect();
        let mut planned = Planned::default();
        planned.note(&Trace::parse(&lines).expect("a trace").ops);
        let injected = struck.iter().map(|fault| ((*fault, None), 1)).collect();
        let missing = missing(&source, &planned, &injected);
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (unchecked, unplanned, unstruck) = expected;
        assert_eq!(missing.unchecked.unwrap_or_default(), unchecked, "{named:?} {plans:?} {struck:?}");
        assert_eq!((missing.unplanned, missing.unstruck), (owned(unplanned), owned(unstruck)), "{plans:?} {struck:?}");
    }

    #[test]
    fn a_fault_that_was_asked_for_or_planned_often_must_strike() {
        let (kill, full, io) = ("kill 0", "disk_full 0 1", "io_error 0 1 0");
        // Nobody named any.
        check(&[], &[(kill, 1)], &["kill"], ("", &["disk_full", "io_error"], &[]));
        check(&[], &[(kill, 1), (full, 1)], &["kill"], ("", &["io_error"], &["disk_full"]));
        check(&[], &[(kill, 1), (full, 19), (io, 1)], &["kill", "io_error"], ("", &[], &["disk_full"]));
        let never = "never injected: disk_full; more --seeds or --ops may meet it";
        check(&[], &[(kill, 1), (full, 20), (io, 1)], &["kill", "io_error"], (never, &[], &[]));
        let nothing = "no fault struck anything; more --seeds or --ops may meet one";
        check(&[], &[(kill, 1), ("vacuum", 30)], &[], (nothing, &["disk_full", "io_error"], &["kill"]));
        // Somebody did.
        check(&["disk_full"], &[(kill, 1)], &["kill"], (never, &["io_error"], &[]));
        check(&["disk_full"], &[(kill, 1), (full, 1)], &["kill"], (never, &["io_error"], &[]));
        check(&["kill"], &[(kill, 1), (full, 1)], &["kill"], ("", &["io_error"], &["disk_full"]));
    }
}
