//! What was injected in a campaign of faults, and what came of it.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use super::console::{counted, group_digits};
use super::style::{FAINT, STRONG};
use super::wrap::{WIDTH, wrap};

/// Sums over a campaign of faults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Injections {
    /// How often each fault struck, and where.
    pub faults: Vec<Injected>,
    /// How often each point of the code was reached, where that is counted.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_object")]
    pub points: Vec<(String, u64)>,
    /// How often the store was opened again after it had gone away.
    pub recoveries: u64,
    /// How often a command was told that the storage failed.
    pub failed: u64,
    /// How often damage was told in place of data.
    pub told: u64,
    /// Ops that were lost where that is allowed.
    pub lost: u64,
    /// Faults of the run that stand in none of its traces.
    pub unplanned: Vec<String>,
    /// Faults that stand in its traces, and never struck.
    pub unstruck: Vec<String>,
    /// What else there is to know, a few words each.
    pub notes: Vec<String>,
    /// At how many points traces were made to fail one by one, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exhausted: Option<Exhausted>,
}

/// Points at which traces were made to fail, each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Exhausted {
    /// Calls of the files after which the power went.
    pub crashes: u64,
    /// Of these, those at which every part of what was not synced was kept and lost.
    pub complete: u64,
    /// Power losses there, in all ways that were tried.
    pub losses: u64,
    /// Calls that were struck in a run of the whole trace: once with EIO, once with a power loss.
    pub struck: u64,
}

/// How often one fault struck.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Injected {
    /// The fault.
    pub fault: String,
    /// How often in all.
    pub count: u64,
    /// Which calls it struck, by their names; what struck no call of the files is left out.
    #[serde(serialize_with = "as_object")]
    pub calls: Vec<(String, u64)>,
}

fn as_object<S: Serializer>(calls: &[(String, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(calls.iter().map(|(call, count)| (call, count)))
}

/// The rows of what struck, in the order of these names.
pub fn rows<'a>(names: impl Iterator<Item = &'a str>, struck: &crate::targets::faulty::Injected) -> Vec<Injected> {
    let row = |wanted: &str| {
        let of_fault = || struck.iter().filter(|((name, _), _)| *name == wanted);
        let count = of_fault().map(|(_, count)| count).sum();
        let calls = of_fault().filter_map(|((_, call), count)| Some((call.as_ref()?.name().to_owned(), *count)));
        (count > 0).then(|| Injected { fault: wanted.to_owned(), count, calls: calls.collect() })
    };
    names.filter_map(row).collect()
}

impl Injections {
    /// How often faults struck in all.
    pub fn count(&self) -> u64 {
        self.faults.iter().map(|fault| fault.count).sum()
    }
}

/// Tells them for people.
pub(super) fn write(injections: &Injections, out: &mut dyn Write) -> io::Result<()> {
    let counts: Vec<String> = injections.faults.iter().map(|fault| group_digits(fault.count)).collect();
    let name_width = injections.faults.iter().map(|fault| fault.fault.len()).max().unwrap_or(0);
    let count_width = counts.iter().map(String::len).max().unwrap_or(0);
    let indent = name_width + count_width + 5;
    for (fault, count) in injections.faults.iter().zip(&counts) {
        write!(out, "{STRONG}{:name_width$}{STRONG:#}  {count:>count_width$}×", fault.fault)?;
        let calls: Vec<String> = fault.calls.iter().map(|(call, n)| format!("{call} {}", group_digits(*n))).collect();
        for (at, line) in wrap(&calls, ", ", WIDTH.saturating_sub(indent)).iter().enumerate() {
            let before = if at == 0 { 2 } else { indent };
            write!(out, "{}{:before$}{FAINT}{line}{FAINT:#}", if at == 0 { "" } else { "\n" }, "")?;
        }
        writeln!(out)?;
    }
    if !injections.points.is_empty() {
        let points: Vec<String> =
            injections.points.iter().map(|(name, n)| format!("{name} {}", group_digits(*n))).collect();
        let (before, after) = ("points reached  ", WIDTH.saturating_sub(16));
        for (at, line) in wrap(&points, ", ", after).iter().enumerate() {
            writeln!(out, "{:16}{FAINT}{line}{FAINT:#}", if at == 0 { before } else { "" })?;
        }
    }
    if !(injections.faults.is_empty() && injections.points.is_empty()) {
        writeln!(out)?;
    }
    for line in wrap(&parts(injections), " · ", WIDTH) {
        writeln!(out, "{line}")?;
    }
    for absence in absences(injections) {
        let words: Vec<&str> = absence.split(' ').collect();
        wrap(&words, " ", WIDTH).iter().try_for_each(|line| writeln!(out, "{FAINT}{line}{FAINT:#}"))?;
    }
    writeln!(out)
}

/// Which faults were not injected although the run is no less for it, one sentence each reason.
pub(super) fn absences(injections: &Injections) -> impl Iterator<Item = String> {
    let Injections { unplanned, unstruck, .. } = injections;
    [("planned in no seed", unplanned), ("planned, and struck nothing", unstruck)]
        .into_iter()
        .filter(|(_, faults)| !faults.is_empty())
        .map(|(why, faults)| format!("{why}: {}", faults.join(", ")))
}

/// What came of them, in one sentence.
pub(super) fn sentence(injections: &Injections) -> String {
    parts(injections).join(" · ")
}

fn parts(injections: &Injections) -> Vec<String> {
    let Injections { recoveries, failed, told, lost, exhausted, notes, .. } = injections;
    let mut parts = vec![counted(injections.count(), "fault")];
    parts.push(counted(*recoveries, "recovery"));
    if *failed > 0 {
        parts.push(format!("{} told that the storage failed", counted(*failed, "command")));
    }
    if *told > 0 {
        parts.push(format!("damage told {}", counted(*told, "time")));
    }
    if *lost > 0 {
        parts.push(format!("{} lost where that is allowed", counted(*lost, "op")));
    }
    if let Some(Exhausted { crashes, complete, losses, struck }) = exhausted {
        let (ways, complete) = (counted(*losses, "way"), group_digits(*complete));
        parts.push(format!(
            "the power lost at {} in {ways}, at {complete} of them in every way",
            counted(*crashes, "point")
        ));
        parts.push(format!("{} struck in runs of whole traces", counted(*struck, "call")));
    }
    parts.extend_from_slice(notes);
    parts
}
