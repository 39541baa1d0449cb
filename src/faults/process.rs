//! What goes wrong with the process of a store, its memory, and those who speak with it.

use super::{Call, Drop, Effect, Fault, Invariant, NTH, Param, Plan, TIMES, count, draw_nth, draw_times};

/// The rows.
pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "kill",
        about: "the process is killed at the nth call: what it wrote stays, synced or not",
        invariant: Invariant::KeepsAll,
        params: &[NTH],
        plan: |args| Plan::Calls { kinds: Call::ALL, nth: count(args[0]), times: 1, effect: Effect::Kill },
        draw: |stream| vec![draw_nth(stream)],
        needs_crash: false,
    },
    Fault {
        name: "connection_drop",
        about: "the connection of the nth op ends in the middle of the request, before its reply is read, or right behind it",
        invariant: Invariant::KeepsAll,
        params: &[NTH_OP, ENDING],
        plan: |args| {
            let drop = match args[1] {
                0 => Drop::InRequest,
                1 => Drop::InReply,
                _ => Drop::HalfClosed,
            };
            Plan::Connection { nth: count(args[0]), drop }
        },
        draw: |stream| vec![i64::from(stream.below(8)), i64::from(stream.below(3))],
        needs_crash: false,
    },
    Fault {
        name: "memory_pressure",
        about: "the nth time that SQLite asks for memory there is none, and perhaps more times after it",
        invariant: Invariant::KeepsAll,
        params: &[NTH_ALLOCATION, TIMES],
        plan: |args| Plan::Memory { nth: count(args[0]), times: count(args[1]) },
        draw: |stream| vec![draw_nth(stream), draw_times(stream)],
        needs_crash: false,
    },
];

const NTH_OP: Param = Param { about: "how many ops go well first", ..NTH };
const NTH_ALLOCATION: Param = Param { about: "how many times there is memory first", ..NTH };
const ENDING: Param = Param {
    name: "manner",
    range: 0..=2,
    about: "0 in the middle of the request, which is not done; 1 before the reply is read; 2 behind the reply, as the \
            client has closed its half",
};
