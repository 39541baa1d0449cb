//! What a store does between commands, for faults to strike in.

use super::{CHECKPOINT, Fault, Invariant, Param, Plan, Upkeep};
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
    PAGE_SIZE,
];

/// Stands before the first op of a trace.
pub(super) const PAGE_SIZE: Fault = Fault {
    name: "page_size",
    about: "the store, which is empty, is made anew with pages of 512 bytes times two to the power of this",
    invariant: Invariant::KeepsAll,
    params: &[Param { name: "power", range: 0..=7 }],
    plan: |args| Plan::Upkeep(Upkeep::PageSize { bytes: 512 << args[0] }),
    draw: |stream| vec![i64::from(stream.below(8))],
    needs_crash: false,
};

/// One that may stand anywhere in a trace.
pub(super) fn draw_anywhere(stream: &mut Stream) -> &'static Fault {
    stream.pick(&ROWS[..ROWS.len() - 1])
}
