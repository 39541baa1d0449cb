//! The sparse encoding: runs of registers of the same value.
//!
//! | bytes | registers |
//! |---|---|
//! | `00llllll` | l + 1 zeros |
//! | `01llllll llllllll` | l + 1 zeros, the high bits first |
//! | `1vvvvvll` | l + 1 of the value v + 1 |
//!
//! How a run is split and which are joined again is Redis' own way (`hllSparseSet`), as the string shows it.

use smallvec::SmallVec;

use super::sketch::{Corrupted, HEADER_BYTES};

/// No sparse sketch grows beyond it, in bytes: the default of Redis' `hll-sparse-max-bytes`.
const BYTES_MAX: usize = 3000;
/// The greatest value that a run can have.
const VALUE_MAX: u8 = 32;
/// The most registers of a value in a run.
const VALUES_MAX: usize = 4;
/// The most zeros in a run of one byte.
const SHORT_ZEROS_MAX: usize = 64;
/// How many runs are looked at for two that can be joined, from the one before the change on.
const JOINED_RUNS_MAX: usize = 5;

/// Registers of the same value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Their value.
    pub value: u8,
    /// How many they are.
    pub length: usize,
    /// How many bytes the run takes.
    bytes: usize,
}

impl Run {
    /// The run at `at`, where there is a byte. Where the second is missing, Redis reads the zero behind its strings.
    fn read(string: &[u8], at: usize) -> Self {
        let byte = string[at];
        let low = usize::from(byte & 0x3f);
        match byte >> 6 {
            0 => Self { value: 0, length: low + 1, bytes: 1 },
            1 => {
                let second = string.get(at + 1).copied().map_or(0, usize::from);
                Self { value: 0, length: (low << 8 | second) + 1, bytes: 2 }
            }
            _ => Self { value: (byte >> 2 & 0x1f) + 1, length: (low & 3) + 1, bytes: 1 },
        }
    }
}

/// Appends a run of `length` registers, unless that is 0: at most 4 of a value, at most 16384 zeros.
pub(super) fn push_run(string: &mut impl Extend<u8>, value: u8, length: usize) {
    let Some(last) = length.checked_sub(1) else { return };
    if value > 0 {
        string.extend([0x80 | (value - 1) << 2 | last as u8]);
    } else if length <= SHORT_ZEROS_MAX {
        string.extend([last as u8]);
    } else {
        string.extend([0x40 | (last >> 8) as u8, last as u8]);
    }
}

/// The runs of a sparse sketch.
#[derive(Debug)]
pub(super) struct Runs<'a> {
    string: &'a [u8],
    at: usize,
}

impl<'a> Runs<'a> {
    /// The runs in the string of a sketch, from the first on.
    pub fn of(string: &'a [u8]) -> Self {
        Self { string, at: HEADER_BYTES }
    }
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        let run = (self.at < self.string.len()).then(|| Run::read(self.string, self.at))?;
        self.at += run.bytes;
        Some(run)
    }
}

/// What became of a register that should rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raised {
    /// It was as high before.
    Kept,
    /// It rose.
    Changed,
    /// There is no room for it: nothing was changed, and the sketch must become dense.
    Full,
}

/// Where to start to look for a register: at the run before the one before that of the register raised last. What raising
/// it joined comes later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    at: usize,
    /// The first register of the run.
    first: usize,
}

impl Place {
    /// At the first run.
    pub fn start() -> Self {
        Self { at: HEADER_BYTES, first: 0 }
    }
}

/// Raises a register of the sparse sketch whose string this is. The next one can be looked for from `place` on, where it
/// is a later one.
pub(super) fn raise(string: &mut Vec<u8>, place: &mut Place, register: usize, value: u8) -> Result<Raised, Corrupted> {
    if value > VALUE_MAX {
        return Ok(Raised::Full);
    }
    let Place { mut at, mut first } = *place;
    let mut runs = Runs { string, at };
    let mut before = *place;
    let run = loop {
        let run = runs.next().ok_or(Corrupted)?;
        if register < first + run.length {
            break run;
        }
        (*place, before) = (before, Place { at, first });
        first += run.length;
        at += run.bytes;
    };
    if run.value >= value {
        return Ok(Raised::Kept);
    }
    let mut split = SmallVec::<[u8; 5]>::new();
    push_run(&mut split, run.value, register - first);
    push_run(&mut split, value, 1);
    push_run(&mut split, run.value, first + run.length - register - 1);
    let length = string.len() - run.bytes + split.len();
    if split.len() > run.bytes && length > BYTES_MAX {
        return Ok(Raised::Full);
    }
    string.splice(at..(at + run.bytes).min(string.len()), split);
    // Where the run lacked its second byte, Redis takes it for one that was there.
    string.truncate(length);
    join(string, before.at);
    Ok(Raised::Changed)
}

/// Joins neighbours of the same value, from the run at `at` on.
fn join(string: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOINED_RUNS_MAX {
        if at >= string.len() {
            return;
        }
        let run = Run::read(string, at);
        if run.value > 0 && at + 1 < string.len() {
            let next = Run::read(string, at + 1);
            let length = run.length + next.length;
            if next.value == run.value && length <= VALUES_MAX {
                let mut joined = SmallVec::<[u8; 1]>::new();
                push_run(&mut joined, run.value, length);
                string.splice(at..at + 2, joined);
                continue;
            }
        }
        at += run.bytes;
    }
}
