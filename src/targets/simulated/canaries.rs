//! Deliberately wrong servers for the simulation, each with one slip of concurrency or recovery. A simulator that does not
//! find them all is broken.
//!
//! A slip leaves out what stands at a point of the server ([`redlite::points`]), or skips a sync of its files. What the
//! server does is judged by a store without slips.

use std::collections::BTreeMap;
use std::sync::Mutex;

use redlite::points::{Ask, Observer, Passage, Point};
use redlite::vfs::{Call, CallKind};

use super::world::lock;

/// Whether what stands at a point is left out: told what is done there, and how often it was reached before.
type LeavesOut = fn(Point, &[u8], u64) -> bool;

/// A wrong server: a row of the table.
pub struct Canary {
    /// What it is called.
    pub name: &'static str,
    /// What is wrong with it.
    pub slip: &'static str,
    /// The scenario that finds it.
    pub scenario: &'static str,
    /// The fewest ops that can show it, those that are events among them.
    pub ops_min: usize,
    /// True where the replies that clients get show it, with nothing known of the server's own order.
    pub is_seen_outside: bool,
    /// True where what stands at a point is left out as it is reached for the nth time, from 0 on.
    leaves_out: Option<LeavesOut>,
    /// True where a sync of a file is skipped, before which so many writes were made since the last one.
    skips: Option<fn(&Call, u64) -> bool>,
}

impl Canary {
    /// What is said to who reaches a point for the nth time.
    pub(super) fn pass(&self, point: Point, about: &[u8], nth: u64) -> Passage {
        let is_left_out = self.leaves_out.is_some_and(|leaves_out| leaves_out(point, about, nth));
        if is_left_out { Passage::LeaveOut } else { Passage::Go }
    }

    /// True where this sync is skipped, before which so many writes were made since the last one.
    pub(super) fn skips(&self, call: &Call, writes: u64) -> bool {
        self.skips.is_some_and(|skips| skips(call, writes))
    }
}

const fn leaving(
    name: &'static str,
    scenario: &'static str,
    ops_min: usize,
    slip: &'static str,
    leaves_out: LeavesOut,
) -> Canary {
    Canary { name, slip, scenario, ops_min, is_seen_outside: false, leaves_out: Some(leaves_out), skips: None }
}

/// Of those that the replies of clients show.
const fn seen(canary: Canary) -> Canary {
    Canary { is_seen_outside: true, ..canary }
}

const fn skipping(name: &'static str, ops_min: usize, slip: &'static str, skips: fn(&Call, u64) -> bool) -> Canary {
    Canary {
        name,
        slip,
        scenario: "crash_recovery",
        ops_min,
        is_seen_outside: false,
        leaves_out: None,
        skips: Some(skips),
    }
}

/// True for a call of SQLite's log.
fn is_log(call: &Call) -> bool {
    call.file.to_string_lossy().ends_with("-wal")
}

/// A batch of more writes is a large one.
const LARGE_WRITES: u64 = 4;

/// Every canary.
#[rustfmt::skip]
pub const CANARIES: &[Canary] = &[
    seen(leaving("watch-misses-push", "concurrent_operations", 3, "WATCH does not see LPUSH and RPUSH", |point, about, _| {
        point == Point::Touch && (about.eq_ignore_ascii_case(b"LPUSH") || about.eq_ignore_ascii_case(b"RPUSH"))
    })),
    leaving("watch-misses-expiry", "expiry_under_load", 5, "EXEC runs though the time of a watched key is over", |point, _, _| point == Point::Gone),
    seen(leaving("watch-unheeded", "concurrent_operations", 4, "EXEC runs though a watched key has changed", |point, _, _| point == Point::Dirty)),
    seen(leaving("watch-outlives-exec", "concurrent_operations", 5, "EXEC does not end what WATCH began", |point, _, _| point == Point::Unwatch)),
    seen(leaving("unwatch-does-nothing", "concurrent_operations", 5, "UNWATCH does not end what WATCH began", |point, _, _| point == Point::Release)),
    seen(leaving("discard-leaves-open", "concurrent_operations", 3, "DISCARD does not end the transaction", |point, _, _| point == Point::Discard)),
    seen(leaving("refused-runs", "concurrent_operations", 3, "EXEC runs though a request before it was refused", |point, _, _| point == Point::Broken)),
    seen(leaving("queue-runs-at-once", "concurrent_operations", 2, "what is sent behind MULTI runs at once", |point, _, _| point == Point::Queue)),
    leaving("exec-torn", "crash_recovery", 5, "each command of EXEC is committed by itself", |point, _, _| point == Point::Whole),
    leaving("reply-before-commit", "crash_recovery", 1, "a batch is answered, and committed with the next", |point, _, nth| point == Point::Commits && nth % 2 == 0),
    seen(leaving("wake-up-lost", "concurrent_operations", 2, "who waits for a key is not served when it becomes ready", |point, _, _| point == Point::Wake)),
    seen(leaving("wake-up-lost-now-and-then", "concurrent_operations", 4, "every third time who waits for a key is not served", |point, _, nth| point == Point::Wake && nth % 3 == 2)),
    leaving("waiters-out-of-order", "concurrent_operations", 3, "of those who wait for a key the last is served first", |point, _, _| point == Point::Rotate),
    seen(leaving("waiter-served-twice", "concurrent_operations", 2, "who was served is served again", |point, _, _| point == Point::Served)),
    leaving("waits-beyond-its-time", "concurrent_operations", 1, "a wait does not end by its time", |point, _, _| point == Point::EndWaits),
    leaving("served-after-its-time", "concurrent_operations", 2, "whose wait has ended by its time is served all the same", |point, _, _| point == Point::Overdue),
    leaving("wait-left-behind", "connection_storm", 1, "who has gone goes on waiting, and takes what others push", |point, _, _| point == Point::Unwait),
    leaving("subscription-left-behind", "connection_storm", 1, "who has gone stays subscribed", |point, _, _| point == Point::Unsubscribe),
    leaving("message-not-told", "concurrent_operations", 2, "a connection is not woken when another sends it something", |point, _, _| point == Point::Stir),
    leaving("message-lost", "slow_consumer", 4, "every fourth message of a channel is lost", |point, _, nth| point == Point::Publish && nth % 4 == 3),
    leaving("expired-seen", "expiry_under_load", 3, "every third time a key is seen though its time is over", |point, _, nth| point == Point::Expire && nth % 3 == 2),
    leaving("runs-while-waiting", "concurrent_operations", 2, "what stands behind a command that waits is lost", |point, _, _| point == Point::Blocked),
    leaving("pipeline-cut", "concurrent_operations", 2, "what is pipelined behind a command that waits is thrown away", |point, _, _| point == Point::Keep),
    leaving("pipeline-asleep", "concurrent_operations", 2, "what is pipelined behind a command that waited is not run until more comes", |point, _, _| point == Point::Requeue),
    leaving("failed-batch-answered", "disk_trouble", 2, "what a batch answered before it failed is sent", |point, _, _| point == Point::Fail),
    skipping("sync-skipped", 3, "nothing is synced", |call, _| call.kind == CallKind::Sync),
    skipping("sync-of-large-skipped", 3, "a large batch is not synced", |call, writes| call.kind == CallKind::Sync && writes > LARGE_WRITES && is_log(call)),
    skipping("sync-of-database-skipped", 4, "what a checkpoint has written is not synced before the log is gone", |call, _| {
        call.kind == CallKind::Sync && !is_log(call)
    }),
];

/// The canary of this name.
pub fn canary(name: &str) -> Option<&'static Canary> {
    CANARIES.iter().find(|canary| canary.name == name)
}

/// Has the slip of a canary on any server: leaves out what it leaves out, and holds nobody.
pub struct Slips {
    canary: &'static Canary,
    reached: Mutex<BTreeMap<Point, u64>>,
}

impl Slips {
    /// Of this canary; `None` where its slip is one of the simulated disk.
    pub fn of(canary: &'static Canary) -> Option<Self> {
        canary.leaves_out.map(|_| Self { canary, reached: Mutex::default() })
    }
}

impl Observer for Slips {
    fn reach(&self, point: Point, about: &[u8]) -> Passage {
        if point.ask() == Ask::Hold {
            return Passage::Go;
        }
        let mut reached = lock(&self.reached);
        let nth = reached.entry(point).or_default();
        *nth += 1;
        self.canary.pass(point, about, *nth - 1)
    }
}
