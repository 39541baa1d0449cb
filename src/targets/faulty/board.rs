//! The faults that are armed, and what they struck: asked before every call of the simulated disk.

use std::collections::BTreeMap;

use crate::faults::{Call, Effect, Fates, Fault, Invariant, PENDING_LOST, Plan};
use redlite::vfs::{self, CallKind, Injection};

/// A fault that struck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strike {
    /// The row's name.
    pub fault: &'static str,
    /// Which op of the trace armed it.
    pub armed_at: usize,
    /// Which op of the trace it struck.
    pub struck_at: usize,
    /// How many calls, ops or allocations of those that count there were within that op before.
    pub nth: u64,
}

/// How the store goes away in the middle of an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::targets) enum Loss {
    /// The power went.
    Power(Fates),
    /// The process was killed.
    Process,
}

impl Loss {
    /// The same, with which all goes that was not synced.
    pub fn with_all_pending(self) -> Self {
        match self {
            Loss::Power(_) => Loss::Power(PENDING_LOST),
            Loss::Process => Loss::Process,
        }
    }
}

/// How often which fault struck which kind of call; `None` where it struck no call of the files.
pub type Injected = BTreeMap<(&'static str, Option<Call>), u64>;

#[derive(Debug)]
struct Armed {
    fault: &'static Fault,
    armed_at: usize,
    plan: Plan,
    /// Of what counts, since it was armed.
    seen: u64,
    /// The same since the op began.
    seen_in_op: u64,
}

impl Armed {
    /// How many allocations still succeed, and how many then do not; `None` where none fails any more.
    fn memory_left(&self) -> Option<(u64, u64)> {
        match self.plan {
            Plan::Memory { nth, times } if self.seen < nth + times => {
                Some((nth.saturating_sub(self.seen), times - self.seen.saturating_sub(nth)))
            }
            _ => None,
        }
    }
}

/// A strike that the disk has yet to say of that it made a difference.
#[derive(Debug)]
struct Aimed {
    /// The disk's number of the call.
    number: u64,
    call: Call,
    strike: Strike,
}

/// See the module.
#[derive(Debug, Default)]
pub(in crate::targets) struct Board {
    armed: Vec<Armed>,
    aimed: Vec<Aimed>,
    /// What struck in the op that runs.
    strikes: Vec<Strike>,
    injected: Injected,
    loss: Option<Loss>,
    /// True while dst itself reads the store.
    pub is_paused: bool,
    /// True in an op in which the store's file has no checksums: only its copy could tell of damage.
    pub is_unchecked: bool,
    /// The op that runs.
    pub op: usize,
    /// Until which op the files may not grow.
    quota_until: Option<usize>,
}

impl Board {
    /// Arms a fault, which the op that runs says.
    pub fn arm(&mut self, fault: &'static Fault, plan: Plan) {
        self.armed.push(Armed { fault, armed_at: self.op, plan, seen: 0, seen_in_op: 0 });
    }

    /// Disarms everything that fails calls. A disk that lies does so until the power goes: if it began to tell the truth
    /// before, what it had lost would be torn.
    pub fn lift(&mut self) {
        self.armed.retain(is_lie);
    }

    /// Ends the quota before its time.
    pub fn end_quota(&mut self) {
        self.quota_until = None;
    }

    /// A new op begins.
    pub fn start_op(&mut self, op: usize) {
        self.op = op;
        self.is_unchecked = false;
        self.strikes.clear();
        self.armed.iter_mut().for_each(|armed| armed.seen_in_op = 0);
    }

    /// Starts a quota, for so many ops.
    pub fn set_quota(&mut self, ops: u64) {
        let ops = usize::try_from(ops).unwrap_or(usize::MAX);
        self.quota_until = Some(self.op.saturating_add(ops));
    }

    /// True once, where the quota's time is over.
    pub fn quota_ends(&mut self) -> bool {
        self.quota_until.take_if(|until| *until < self.op).is_some()
    }

    /// What goes wrong with a call.
    pub fn decide(&mut self, call: &vfs::Call) -> Injection {
        let kind = call_of(call.kind);
        if self.is_paused {
            // A disk that lies does not begin to tell the truth because dst looks.
            return if self.lies_about(kind) { Injection::Lie } else { Injection::None };
        }
        let (op, is_unchecked) = (self.op, self.is_unchecked && !vfs::is_copy(&call.file));
        let mut injection = Injection::None;
        for armed in &mut self.armed {
            let Plan::Calls { kinds, nth, times, effect } = armed.plan else { continue };
            let is_untold = is_unchecked && armed.fault.invariant == Invariant::TellsDamage;
            if is_untold || !kinds.contains(&kind) {
                continue;
            }
            let (seen, seen_in_op) = (armed.seen, armed.seen_in_op);
            armed.seen += 1;
            armed.seen_in_op += 1;
            let strikes = seen >= nth && seen - nth < times;
            if !strikes || injection != Injection::None {
                continue;
            }
            injection = injection_of(effect);
            let strike = Strike { fault: armed.fault.name, armed_at: armed.armed_at, struck_at: op, nth: seen_in_op };
            self.aimed.push(Aimed { number: call.number, call: kind, strike });
            match effect {
                Effect::PowerLoss(fates) | Effect::PowerGone(fates) => self.loss = Some(Loss::Power(fates)),
                Effect::Kill => self.loss = Some(Loss::Process),
                _ => {}
            }
        }
        injection
    }

    fn lies_about(&self, kind: Call) -> bool {
        self.armed.iter().any(|armed| match armed.plan {
            Plan::Calls { kinds, nth, effect: Effect::Lie, .. } => armed.seen > nth && kinds.contains(&kind),
            _ => false,
        })
    }

    /// The connection of the op that runs is to end so.
    pub fn drop_connection(&mut self) -> Option<crate::faults::Drop> {
        let op = self.op;
        let mut dropped = None;
        for armed in &mut self.armed {
            let Plan::Connection { nth, drop } = armed.plan else { continue };
            armed.seen += 1;
            if armed.seen == nth + 1 && dropped.is_none() {
                dropped =
                    Some((drop, Strike { fault: armed.fault.name, armed_at: armed.armed_at, struck_at: op, nth: 0 }));
            }
        }
        let (drop, strike) = dropped?;
        self.note(strike, None);
        Some(drop)
    }

    /// Which of the allocations to come fail: how many succeed before, and how many then do not.
    pub fn memory_plan(&self) -> Option<(u64, u64)> {
        self.armed.iter().find_map(Armed::memory_left)
    }

    /// Counts the allocations of an op, or of a part of it, and those that failed.
    pub fn note_memory(&mut self, asked: u64, failed: u64) {
        let mut armed = self.armed.iter_mut();
        let Some((nth, armed)) = armed.find_map(|armed| Some((armed.memory_left()?.0, armed))) else { return };
        let (fault, armed_at, nth) = (armed.fault.name, armed.armed_at, nth + armed.seen_in_op);
        armed.seen += asked;
        armed.seen_in_op += asked;
        let strike = Strike { fault, armed_at, struck_at: self.op, nth };
        for _ in 0..failed {
            self.note(strike.clone(), None);
        }
    }

    /// Takes in which calls something went wrong with: their numbers, in order. Returns how many of them were aimed at.
    pub fn settle(&mut self, struck: &[u64]) -> usize {
        let mut hit = 0;
        for aimed in std::mem::take(&mut self.aimed) {
            if struck.contains(&aimed.number) {
                self.note(aimed.strike, Some(aimed.call));
                hit += 1;
            }
        }
        hit
    }

    /// The disk lies no more.
    pub fn end_lies(&mut self) {
        self.armed.retain(|armed| !is_lie(armed));
    }

    /// Counts calls that ran into the quota.
    pub fn note_quota(&mut self, calls: u64) {
        if calls > 0 {
            *self.injected.entry(("disk_quota", Some(Call::Write))).or_default() += calls;
            let strike = Strike { fault: "disk_quota", armed_at: self.op, struck_at: self.op, nth: 0 };
            self.strikes.push(strike);
        }
    }

    /// Counts a strike.
    pub fn note(&mut self, strike: Strike, call: Option<Call>) {
        *self.injected.entry((strike.fault, call)).or_default() += 1;
        self.strikes.push(strike);
    }

    /// True where the store went away.
    pub fn has_loss(&self) -> bool {
        self.loss.is_some()
    }

    /// How the store went away, where it did.
    pub fn take_loss(&mut self) -> Option<Loss> {
        self.loss.take()
    }

    /// What struck in the op that runs.
    pub fn strikes(&self) -> &[Strike] {
        &self.strikes
    }

    /// What was injected since this was last asked.
    pub fn take_injected(&mut self) -> Injected {
        std::mem::take(&mut self.injected)
    }
}

fn is_lie(armed: &Armed) -> bool {
    matches!(armed.plan, Plan::Calls { effect: Effect::Lie, .. })
}

fn call_of(kind: CallKind) -> Call {
    match kind {
        CallKind::Open => Call::Open,
        CallKind::Read => Call::Read,
        CallKind::Write => Call::Write,
        CallKind::Truncate => Call::Truncate,
        CallKind::Sync => Call::Sync,
        CallKind::Size => Call::Size,
        CallKind::Delete => Call::Unlink,
        CallKind::Exists => Call::Exists,
    }
}

fn injection_of(effect: Effect) -> Injection {
    match effect {
        Effect::Io => Injection::Io,
        Effect::Full => Injection::Full,
        Effect::PowerLoss(_) | Effect::Kill => Injection::PowerLoss,
        Effect::PowerGone(_) => Injection::PowerGone,
        Effect::Short { bytes } => Injection::Short { len: usize::try_from(bytes).unwrap_or(usize::MAX) },
        Effect::FlipBit { bit } => Injection::FlipBit { bit },
        Effect::ZeroSector { sector } => Injection::ZeroSector { sector },
        Effect::StaleSector { sector } => Injection::StaleSector { sector },
        Effect::Lie => Injection::Lie,
        Effect::Delay { us } => Injection::Delay { us },
    }
}
