//! What was injected in a campaign of faults, and what came of it.

use std::io::{self, Write};

use serde::Serialize;

use super::console::group_digits;
use super::style::{FAINT, STRONG};

/// Sums over a campaign of faults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Injections {
    /// How often each fault struck, and where.
    pub faults: Vec<Injected>,
    /// How often the store was opened again after it had gone away.
    pub recoveries: u64,
    /// How often a command was told that the storage failed.
    pub failed: u64,
    /// How often damage was told in place of data.
    pub told: u64,
    /// Ops that were lost where that is allowed.
    pub lost: u64,
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
    pub calls: Vec<(String, u64)>,
}

impl Injections {
    /// How often faults struck in all.
    pub fn count(&self) -> u64 {
        self.faults.iter().map(|fault| fault.count).sum()
    }
}

/// Tells them for people.
pub(super) fn write(injections: &Injections, out: &mut dyn Write) -> io::Result<()> {
    let width = injections.faults.iter().map(|fault| fault.fault.len()).max().unwrap_or(0);
    for fault in &injections.faults {
        let calls: Vec<String> = fault.calls.iter().map(|(call, n)| format!("{call} {}", group_digits(*n))).collect();
        let (name, count, calls) = (&fault.fault, group_digits(fault.count), calls.join(", "));
        writeln!(out, "{STRONG}{name:width$}{STRONG:#}  {count:>8}×  {FAINT}{calls}{FAINT:#}")?;
    }
    writeln!(out, "{}\n", sentence(injections))
}

/// What came of them, in one sentence.
pub(super) fn sentence(injections: &Injections) -> String {
    let Injections { recoveries, failed, told, lost, exhausted, .. } = injections;
    let count = |number: &u64| group_digits(*number);
    let mut parts = vec![format!("{} faults", count(&injections.count()))];
    if let Some(Exhausted { crashes, complete, losses, struck }) = exhausted {
        parts.push(format!(
            "the power lost at {} points in {} ways (at {} in every way)",
            count(crashes),
            count(losses),
            count(complete)
        ));
        parts.push(format!("{} calls struck in runs of the whole", count(struck)));
    }
    parts.push(format!("{} recoveries", count(recoveries)));
    parts.push(format!("{} commands told that the storage failed", count(failed)));
    if *told > 0 {
        parts.push(format!("damage told {} times", count(told)));
    }
    if *lost > 0 {
        parts.push(format!("{} ops lost as the disk lied or the durability allows", count(lost)));
    }
    parts.join(", ")
}
