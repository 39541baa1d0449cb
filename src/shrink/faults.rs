//! Passes that make faults plainer: they strike earlier, fewer times, and do less.

use crate::faults;
use crate::trace::{Act, FaultSpec, Op};

use super::search::{Search, Stop};

/// Gives each argument of each fault the least value that still shows the class: the lowest, then halves of the way, then
/// one less.
pub(super) fn lower_arguments(search: &mut Search) -> Result<bool, Stop> {
    let mut helped = false;
    for at in (0..search.best.len()).rev() {
        let mut arg = 0;
        while let Some(spec) = spec(search, at)
            && arg < spec.args.len()
        {
            let lowest = lowest(&spec, arg);
            helped |= lower(search, at, arg, lowest)?;
            arg += 1;
        }
    }
    Ok(helped)
}

fn lower(search: &mut Search, at: usize, arg: usize, lowest: i64) -> Result<bool, Stop> {
    let mut helped = false;
    loop {
        let Some(value) = spec(search, at).map(|spec| spec.args[arg]) else { return Ok(helped) };
        let halfway = lowest + (value - lowest) / 2;
        let mut lowered = false;
        for candidate in [lowest, lowest + 1, halfway, value - 1] {
            if candidate >= lowest && candidate < value && set(search, at, arg, candidate)? {
                lowered = true;
                break;
            }
        }
        helped |= lowered;
        if !lowered {
            return Ok(helped);
        }
    }
}

fn set(search: &mut Search, at: usize, arg: usize, value: i64) -> Result<bool, Stop> {
    let Some(mut spec) = spec(search, at) else { return Ok(false) };
    spec.args[arg] = value;
    let conn = search.best[at].conn;
    search.replace(at, Op { conn, act: Act::Fault(spec) })
}

fn spec(search: &Search, at: usize) -> Option<FaultSpec> {
    match search.best.get(at).map(|op| &op.act) {
        Some(Act::Fault(spec)) => Some(spec.clone()),
        _ => None,
    }
}

fn lowest(spec: &FaultSpec, arg: usize) -> i64 {
    faults::fault(&spec.name).and_then(|fault| fault.params.get(arg)).map_or(0, |param| *param.range.start())
}
