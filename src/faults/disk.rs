//! What goes wrong with the files under a store.

use super::{
    CRASH, Call, DAMAGE, EXACT_FATES, Effect, Fates, Fault, Invariant, LIE, MISREADING, NTH, Param, Plan, TIMES, count,
    draw_nth, draw_times,
};
use crate::seed::Stream;

/// The power loss that says exactly what is kept.
pub(super) const POWER_LOSS: &str = "power_loss";

/// The rows.
pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "disk_full",
        about: "the disk is full at the nth write, for so many writes",
        invariant: Invariant::KeepsAll,
        params: &[NTH, TIMES],
        plan: |args| {
            let kinds = &[Call::Open, Call::Write, Call::Truncate];
            Plan::Calls { kinds, nth: count(args[0]), times: count(args[1]), effect: Effect::Full }
        },
        draw: |stream| vec![draw_nth(stream) / 2, draw_times(stream)],
        needs_crash: false,
    },
    Fault {
        name: "disk_quota",
        about: "the files may grow by so many bytes only, for so many ops",
        invariant: Invariant::KeepsAll,
        params: &[ROOM, OPS],
        plan: |args| Plan::Quota { room_bytes: count(args[0]), ops: count(args[1]) },
        draw: |stream| vec![i64::from(*stream.pick(&[0, 512, 5_000, 20_000])), 1 + i64::from(stream.below(10))],
        needs_crash: false,
    },
    Fault {
        name: MISREADING,
        about: "the nth read, and perhaps the next, brings a flipped bit, a sector of zeros, an old one, or too few bytes",
        invariant: Invariant::TellsDamage,
        params: &[NTH, TIMES, READ_DAMAGE, PLACE],
        plan: |args| {
            let place = count(args[3]);
            let effect = match args[2] {
                0 => Effect::FlipBit { bit: place },
                1 => Effect::ZeroSector { sector: place },
                2 => Effect::StaleSector { sector: place },
                _ => Effect::Short { bytes: place },
            };
            Plan::Calls { kinds: &[Call::Read], nth: count(args[0]), times: count(args[1]), effect }
        },
        draw: |stream| {
            let times = 1 + i64::from(stream.below(3));
            vec![draw_nth(stream) / 4, times, i64::from(stream.below(4)), draw_place(stream)]
        },
        needs_crash: true,
    },
    Fault {
        name: DAMAGE,
        about: "the nth write brings a flipped bit, or a sector of zeros, to the disk",
        invariant: Invariant::TellsDamage,
        params: &[NTH, WRITE_DAMAGE, PLACE],
        plan: |args| {
            let place = count(args[2]);
            let effect =
                if args[1] == 0 { Effect::FlipBit { bit: place } } else { Effect::ZeroSector { sector: place } };
            Plan::Calls { kinds: &[Call::Write], nth: count(args[0]), times: 1, effect }
        },
        draw: |stream| vec![draw_nth(stream) / 2, i64::from(stream.below(2)), draw_place(stream)],
        needs_crash: true,
    },
    Fault {
        name: "slow_write",
        about: "the nth write or sync, and some after it, take longer",
        invariant: Invariant::KeepsAll,
        params: &[NTH, TIMES, DELAY],
        plan: |args| {
            let effect = Effect::Delay { us: count(args[2]) };
            Plan::Calls { kinds: &[Call::Write, Call::Sync], nth: count(args[0]), times: count(args[1]), effect }
        },
        draw: |stream| vec![draw_nth(stream), draw_times(stream), 1 + i64::from(stream.below(2_000_000))],
        needs_crash: false,
    },
    Fault {
        name: CRASH,
        about: "the power goes at the nth call: what was not synced is kept, lost or torn",
        invariant: Invariant::KeepsAll,
        params: &[NTH, FATES],
        plan: |args| {
            let effect = Effect::PowerLoss(Fates::Drawn(count(args[1])));
            Plan::Calls { kinds: Call::ALL, nth: count(args[0]), times: 1, effect }
        },
        draw: |stream| vec![draw_nth(stream), draw_fates(stream)],
        needs_crash: false,
    },
    Fault {
        name: POWER_LOSS,
        about: "the power goes at the nth call, and exactly this is kept of what was not synced",
        invariant: Invariant::KeepsAll,
        params: &[NTH, BEFORE, KEPT, KEPT_PLACE],
        plan: |args| {
            let manner = usize::try_from(args[2]).ok().and_then(|manner| EXACT_FATES.get(manner));
            let fates = manner.map_or(Fates::KeptFirst(0), |fates| fates(count(args[3])));
            let effect = if args[1] == 0 { Effect::PowerLoss(fates) } else { Effect::PowerGone(fates) };
            Plan::Calls { kinds: Call::ALL, nth: count(args[0]), times: 1, effect }
        },
        draw: |stream| {
            let (before, manner, place) = (stream.below(2), stream.below(5), stream.below(40));
            vec![draw_nth(stream), i64::from(before), i64::from(manner), i64::from(place)]
        },
        needs_crash: false,
    },
    Fault {
        name: LIE,
        about: "from the nth sync on the disk lies: it keeps nothing of what it says is durable",
        invariant: Invariant::KeepsPrefix,
        params: &[NTH],
        plan: |args| Plan::Calls { kinds: &[Call::Sync], nth: count(args[0]), times: u64::MAX, effect: Effect::Lie },
        draw: |stream| vec![i64::from(stream.below(6))],
        needs_crash: true,
    },
    Fault {
        name: "io_error",
        about: "the nth call, or the nth of one kind, fails with EIO, and perhaps more after it",
        invariant: Invariant::KeepsAll,
        params: &[NTH, TIMES, KIND],
        plan: |args| {
            let of_kind = usize::try_from(args[2]).ok().and_then(|at| at.checked_sub(1)).map(|at| &Call::ALL[at..=at]);
            let kinds = of_kind.unwrap_or(Call::ALL);
            Plan::Calls { kinds, nth: count(args[0]), times: count(args[1]), effect: Effect::Io }
        },
        draw: |stream| {
            let kind = i64::from(stream.below(9));
            // Of any one kind there are fewer calls than of all.
            let nth = if kind == 0 { draw_nth(stream) } else { draw_nth(stream) / 4 };
            vec![nth, draw_times(stream), kind]
        },
        needs_crash: false,
    },
];

const ROOM: Param =
    Param { name: "room_bytes", range: 0..=1 << 30, about: "by how much the files may still grow, all together" };
const OPS: Param = Param { name: "ops", range: 1..=100_000, about: "for how many ops" };
const DELAY: Param =
    Param { name: "delay_us", range: 1..=60_000_000, about: "by how many microseconds; no real time passes" };
const READ_DAMAGE: Param = Param {
    name: "manner",
    range: 0..=3,
    about: "0 a flipped bit, 1 a sector of zeros, 2 a sector as before the last sync, 3 too few bytes",
};
const WRITE_DAMAGE: Param = Param { name: "manner", range: 0..=1, about: "0 a flipped bit, 1 a sector of zeros" };
/// Beyond the end of a call it starts again.
const PLACE: Param =
    Param { name: "place", range: 0..=1 << 40, about: "which bit, or which sector; or how many bytes there are" };
/// As [`Fates::Drawn`] has it.
const FATES: Param = Param {
    name: "fates",
    range: 0..=i64::MAX,
    about: "of what was not synced: 0 all is lost, 1 all is kept, else each part is kept, lost or torn by this seed",
};
const BEFORE: Param = Param { name: "before", range: 0..=1, about: "0 after the call, 1 before it" };
/// In the order of [`EXACT_FATES`].
const KEPT: Param = Param {
    name: "manner",
    range: 0..=4,
    about: "0 the first PLACE changes, 1 all but change PLACE, 2 all, of PLACE the first half, 3 all, of PLACE the second \
            half, 4 those whose bit is set in PLACE",
};
const KEPT_PLACE: Param = Param {
    name: "place",
    range: 0..=i64::MAX,
    about: "changes since the last sync, counted from 0: each name, length and sector is one",
};
/// 0, or one more than the place in [`Call::ALL`].
const KIND: Param = Param {
    name: "kind",
    range: 0..=8,
    about: "0 any call, 1 open, 2 read, 3 write, 4 truncate, 5 sync, 6 size, 7 unlink, 8 exists",
};

fn draw_place(stream: &mut Stream) -> i64 {
    i64::from(stream.below(1 << 19))
}

/// Everything lost, everything kept, or some of it.
fn draw_fates(stream: &mut Stream) -> i64 {
    match stream.below(4) {
        0 => 0,
        1 => 1,
        _ => 2 + i64::from(stream.bits32() >> 1),
    }
}
