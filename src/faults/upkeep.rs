//! What a store does between commands, for faults to strike in.

use super::{CHECKPOINT, Fault, Invariant, OLDER_FILE, Param, Plan, Upkeep};
use crate::seed::Stream;

/// The rows.
pub(super) const ROWS: &[Fault] = &[
    Fault {
        name: CHECKPOINT,
        about: "the log is moved into the database file",
        invariant: Invariant::KeepsAll,
        params: &[],
        plan: |_| Plan::Upkeep(Upkeep::Checkpoint),
        draw: |_| Vec::new(),
        needs_crash: false,
    },
    Fault {
        name: "vacuum",
        about: "the file is written anew",
        invariant: Invariant::KeepsAll,
        params: &[],
        plan: |_| Plan::Upkeep(Upkeep::Vacuum),
        draw: |_| Vec::new(),
        needs_crash: false,
    },
    Fault {
        name: "open_twice",
        about: "the store is opened while it is open, which must be refused",
        invariant: Invariant::KeepsAll,
        params: &[],
        plan: |_| Plan::Upkeep(Upkeep::OpenTwice),
        draw: |_| Vec::new(),
        needs_crash: false,
    },
    Fault {
        name: OLDER_FILE,
        about: "the file becomes one of version 1, without checksums; opening it gives it some",
        invariant: Invariant::KeepsAll,
        params: &[],
        plan: |_| Plan::OlderFile,
        draw: |_| Vec::new(),
        needs_crash: false,
    },
    PAGE_SIZE,
];

/// Stands before the first op of a trace.
pub(super) const PAGE_SIZE: Fault = Fault {
    name: "page_size",
    about: "the store has pages of another size; stands before all ops that are no faults",
    invariant: Invariant::KeepsAll,
    params: &[Param {
        name: "power",
        range: 0..=7,
        about: "0 512 bytes, 1 1024, 2 2048, 3 4096, 4 8192, 5 16384, 6 32768, 7 65536",
    }],
    plan: |args| Plan::Upkeep(Upkeep::PageSize { bytes: 512 << args[0] }),
    draw: |stream| vec![i64::from(stream.below(8))],
    needs_crash: false,
};

/// One that may stand anywhere in a trace.
pub(super) fn draw_anywhere(stream: &mut Stream) -> &'static Fault {
    stream.pick(&ROWS[..ROWS.len() - 1])
}
