//! The table of faults that a trace may schedule: what each does, what its arguments mean, and what holds all the same.
//!
//! A trace holds a fault as [`Act::Fault`]: the row's name and its arguments. It is armed
//! where it stands and strikes later, at the `nth` call of the store's files from there on: 0 is the next one. What
//! the arguments come to is a [`Plan`]; the target that injects it knows plans, not names, so a row here is all that a
//! new fault takes.
//!
//! | file | what it holds |
//! |---|---|
//! | `disk` | what goes wrong with the files |
//! | [`network`] | what happens between clients and a server in simulation |
//! | `process` | what goes wrong with the process, its memory and its connections |
//! | `upkeep` | no faults, but what a store does between commands: a fault is to strike there, too |
//! | [`schedule`] | where the faults of a seed stand in its trace |
//! | [`written`] | whether a trace that is given, perhaps written by hand, can be run under faults |

mod disk;
pub mod network;
mod process;
pub mod schedule;
mod upkeep;
pub mod written;

use std::ops::RangeInclusive;

use crate::seed::Stream;
use crate::trace::{Act, FaultSpec};

/// What a store asks of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// A file is opened.
    Open,
    /// Bytes are read.
    Read,
    /// Bytes are written.
    Write,
    /// A file is cut.
    Truncate,
    /// A file is made durable.
    Sync,
    /// A file's size is asked for.
    Size,
    /// A file is removed.
    Unlink,
    /// It is asked whether a file is there.
    Exists,
}

impl Call {
    /// Every kind of call.
    pub const ALL: &[Call] =
        &[Call::Open, Call::Read, Call::Write, Call::Truncate, Call::Sync, Call::Size, Call::Unlink, Call::Exists];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Call::Open => "open",
            Call::Read => "read",
            Call::Write => "write",
            Call::Truncate => "truncate",
            Call::Sync => "sync",
            Call::Size => "size",
            Call::Unlink => "unlink",
            Call::Exists => "exists",
        }
    }
}

/// What becomes of a call that a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It fails with EIO.
    Io,
    /// It fails with ENOSPC.
    Full,
    /// It is the last one before the power goes.
    PowerLoss(Fates),
    /// The power goes before it.
    PowerGone(Fates),
    /// It is the last one of the process; what was written stays.
    Kill,
    /// It ends early.
    Short {
        /// After so many bytes.
        bytes: u64,
    },
    /// One bit of its bytes is turned over.
    FlipBit {
        /// Which.
        bit: u64,
    },
    /// One sector of its bytes is zeros.
    ZeroSector {
        /// Which.
        sector: u64,
    },
    /// One sector that it reads is as it was before the last sync.
    StaleSector {
        /// Which.
        sector: u64,
    },
    /// It says that it was done, and was not.
    Lie,
    /// It takes longer.
    Delay {
        /// By so many microseconds.
        us: u64,
    },
}

/// The upkeep after which everything before it is in the database file.
pub const CHECKPOINT: &str = "checkpoint";
/// The upkeep that leaves an older version's file behind, whose pages get checksums as it is opened.
pub const OLDER_FILE: &str = "older_file";
/// The fault that takes the power away in the middle of an op.
pub const CRASH: &str = "crash_mid_write";
/// The fault after which a power loss loses what the disk said was durable.
pub const LIE: &str = "lost_fsync";
/// The fault that damages what is read.
pub const MISREADING: &str = "corrupt_read";
/// The fault that leaves damage on the disk.
pub const DAMAGE: &str = "corrupt_write";

/// What becomes in a power loss of what was not synced: of each name, length and sector that was changed, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fates {
    /// 0: all is lost. 1: all is kept. Otherwise each is kept, lost or torn, as is drawn from this seed.
    Drawn(u64),
    /// So many of the first are kept, and the others lost.
    KeptFirst(u64),
    /// All are kept but this one.
    AllBut(u64),
    /// All are kept, and of this one only the first half.
    TornHead(u64),
    /// All are kept, and of this one only the second half.
    TornTail(u64),
    /// Those are kept whose bit is set; beyond the 64th, none.
    Mask(u64),
}

/// Everything that was not synced is lost.
pub const PENDING_LOST: Fates = Fates::Drawn(0);

/// The ways of `power_loss`, in the order of its argument.
const EXACT_FATES: &[fn(u64) -> Fates] =
    &[Fates::KeptFirst, Fates::AllBut, Fates::TornHead, Fates::TornTail, Fates::Mask];

/// How a connection ends in the middle of an op.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drop {
    /// A part of the request is sent: nothing of it may be done.
    InRequest,
    /// All of it is sent, and the reply never read: it is done.
    InReply,
    /// All of it is sent, and nothing will be sent any more: it is done, the reply is read, and with it the connection
    /// ends.
    HalfClosed,
}

/// What a store does between commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upkeep {
    /// It moves its log into the database file.
    Checkpoint,
    /// It writes its file anew.
    Vacuum,
    /// It is opened a second time while it is open: this must be refused, and do no harm.
    OpenTwice,
    /// An empty store is made anew with pages of this size.
    PageSize {
        /// Bytes: a power of two from 512 to 65536.
        bytes: u32,
    },
}

/// What a fault comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Calls are struck.
    Calls {
        /// Calls of these kinds count.
        kinds: &'static [Call],
        /// How many of them go well first.
        nth: u64,
        /// How many of them are struck then.
        times: u64,
        /// What becomes of them.
        effect: Effect,
    },
    /// The files may not grow beyond what they are now and a little more.
    Quota {
        /// By how many bytes they may.
        room_bytes: u64,
        /// After how many ops that is over.
        ops: u64,
    },
    /// Memory cannot be had.
    Memory {
        /// How many times it can be had first.
        nth: u64,
        /// How many times it cannot then.
        times: u64,
    },
    /// The connection of an op ends.
    Connection {
        /// How many ops go well first.
        nth: u64,
        /// How it ends.
        drop: Drop,
    },
    /// Nothing goes wrong.
    Upkeep(Upkeep),
    /// What is stored is in a file as the version without checksums left it when it was killed, and is opened.
    OlderFile,
}

impl Plan {
    /// True where calls of the files fail and are told so, and nothing else goes wrong.
    pub fn fails_calls(self) -> bool {
        matches!(self, Plan::Calls { effect: Effect::Io | Effect::Full, .. })
    }

    /// True where what it strikes is the last call of its process.
    pub fn ends_process(self) -> bool {
        let Plan::Calls { effect, .. } = self else { return false };
        matches!(effect, Effect::PowerLoss(_) | Effect::PowerGone(_) | Effect::Kill)
    }
}

/// What holds although the fault struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// Every acknowledged write is there. A command that fails says so and has changed nothing; one that was in flight
    /// when the store went away is there whole or not at all.
    KeepsAll,
    /// After a power loss the store is as it was at some moment before: the last writes may be lost, and nothing is
    /// torn.
    KeepsPrefix,
    /// What is damaged is told as an error and never served.
    TellsDamage,
}

impl Invariant {
    /// In words, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Invariant::KeepsAll => "every acknowledged write is there; what failed has changed nothing",
            Invariant::KeepsPrefix => "after a power loss the store is as it was at some moment before, nothing torn",
            Invariant::TellsDamage => "what is damaged is told as an error, and never served",
        }
    }
}

/// An argument of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it may be; the lowest is the simplest.
    pub range: RangeInclusive<i64>,
    /// What its numbers mean, for those who write a trace by hand.
    pub about: &'static str,
}

impl Param {
    /// It as a placeholder: `NTH`.
    pub fn word(&self) -> String {
        self.name.to_uppercase()
    }

    /// What it may be: `0 to 3`, or `from 0` where no end matters.
    pub fn describe_range(&self) -> String {
        match (self.range.start(), self.range.end()) {
            (first, &i64::MAX) => format!("from {first}"),
            (first, last) => format!("{first} to {last}"),
        }
    }
}

/// A row of the table.
#[derive(Debug)]
pub struct Fault {
    /// As traces and the command line name it.
    pub name: &'static str,
    /// One line for the help.
    pub about: &'static str,
    /// What holds all the same.
    pub invariant: Invariant,
    /// Its arguments.
    pub params: &'static [Param],
    /// What the arguments, which are in their ranges, come to.
    plan: fn(&[i64]) -> Plan,
    /// Draws arguments.
    draw: fn(&mut Stream) -> Vec<i64>,
    /// True where it shows once the power goes, or seldom before: a schedule sees to that.
    needs_crash: bool,
}

/// Faults, by what they strike.
const FAULTS: &[&[Fault]] = &[disk::FAULTS, process::FAULTS];

/// The table of faults.
pub fn faults() -> impl Iterator<Item = &'static Fault> {
    FAULTS.iter().copied().flatten()
}

/// All that a trace may name: the faults, then the upkeep.
pub fn all() -> impl Iterator<Item = &'static Fault> {
    faults().chain(upkeep())
}

/// What a store does between commands, which a trace may name and nobody asks for by name.
pub fn upkeep() -> impl Iterator<Item = &'static Fault> {
    upkeep::ROWS.iter()
}

/// The fault, or the upkeep, of this name.
pub fn fault(name: &str) -> Option<&'static Fault> {
    all().find(|fault| fault.name == name)
}

/// True for what a store's process does not outlast, and no connection to it.
pub fn ends_process(act: &Act) -> bool {
    match act {
        Act::Restart | Act::Crash => true,
        Act::Fault(spec) => spec.name == OLDER_FILE,
        _ => false,
    }
}

/// Why a fault of a trace cannot be injected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// No row has its name.
    #[error("there is no fault {name:?}; there are {names}")]
    Unknown {
        /// Its name.
        name: String,
        /// Those of the table.
        names: String,
    },
    /// It has not as many arguments as its row says, or one that is none.
    #[error("the fault {name} takes {params}, not {args:?}")]
    Args {
        /// Its name.
        name: &'static str,
        /// What it takes.
        params: String,
        /// What it was given.
        args: Vec<i64>,
    },
}

impl Fault {
    /// A fault of a trace: its row, and what its arguments come to.
    ///
    /// # Errors
    /// [`FaultError`] where there is no such row, or the arguments are not in its ranges.
    pub fn of(spec: &FaultSpec) -> Result<(&'static Fault, Plan), FaultError> {
        let Some(row) = fault(&spec.name) else {
            let names: Vec<&str> = all().map(|fault| fault.name).collect();
            return Err(FaultError::Unknown { name: spec.name.clone(), names: names.join(", ") });
        };
        let fits = |(param, arg): (&Param, &i64)| param.range.contains(arg);
        if row.params.len() != spec.args.len() || !row.params.iter().zip(&spec.args).all(fits) {
            let params = row.describe_params();
            return Err(FaultError::Args { name: row.name, params, args: spec.args.clone() });
        }
        Ok((row, (row.plan)(&spec.args)))
    }

    /// Its arguments with what they may be: `NTH (0 to 100000) TIMES (1 to 100000)`.
    pub fn describe_params(&self) -> String {
        let params = self.params.iter().map(|param| format!("{} ({})", param.word(), param.describe_range()));
        let params: Vec<String> = params.collect();
        if params.is_empty() { "no arguments".to_owned() } else { params.join(" ") }
    }

    /// Which of its arguments says how many calls, ops or allocations go well first.
    pub fn nth_at(&self) -> Option<usize> {
        self.params.iter().position(|param| param.name == NTH.name)
    }

    /// True where it waits for what it strikes; otherwise it takes place where it stands.
    pub fn is_armed(&self) -> bool {
        self.nth_at().is_some()
    }

    /// What its lowest arguments come to.
    fn simplest(&self) -> Plan {
        let lowest: Vec<i64> = self.params.iter().map(|param| *param.range.start()).collect();
        (self.plan)(&lowest)
    }

    /// True where what it strikes may fail: an error is to be expected then.
    pub fn fails_calls(&self) -> bool {
        match self.simplest() {
            Plan::Calls { effect: Effect::Delay { .. } | Effect::Lie, .. } => false,
            Plan::Calls { .. } | Plan::Quota { .. } | Plan::Memory { .. } => true,
            Plan::Connection { .. } | Plan::Upkeep(_) | Plan::OlderFile => false,
        }
    }

    /// True where it fills the disk.
    pub fn fills_disk(&self) -> bool {
        matches!(self.simplest(), Plan::Calls { effect: Effect::Full, .. } | Plan::Quota { .. })
    }

    /// True where it takes place between commands, and nothing goes wrong.
    pub fn is_upkeep(&self) -> bool {
        upkeep::ROWS.iter().any(|row| row.name == self.name)
    }

    /// What leaves an older version's file behind.
    pub fn older_file() -> FaultSpec {
        FaultSpec { name: OLDER_FILE.to_owned(), args: Vec::new() }
    }

    /// What makes an empty store have the smallest pages there are.
    pub fn small_pages() -> FaultSpec {
        FaultSpec { name: upkeep::PAGE_SIZE.name.to_owned(), args: vec![0] }
    }

    /// The power loss in the `nth` call, or before it, with exactly these fates, none of which are drawn.
    pub fn power_loss(nth: u64, is_before: bool, fates: Fates) -> FaultSpec {
        let (manner, place) = match fates {
            Fates::Drawn(_) => (0, 0),
            Fates::KeptFirst(place) => (0, place),
            Fates::AllBut(place) => (1, place),
            Fates::TornHead(place) => (2, place),
            Fates::TornTail(place) => (3, place),
            Fates::Mask(place) => (4, place),
        };
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        FaultSpec {
            name: disk::POWER_LOSS.to_owned(),
            args: vec![number(nth), i64::from(is_before), manner, number(place)],
        }
    }

    /// The fault with arguments that are drawn.
    pub fn draw(&self, stream: &mut Stream) -> FaultSpec {
        FaultSpec { name: self.name.to_owned(), args: (self.draw)(stream) }
    }
}

/// How many calls go well first.
const NTH: Param = Param { name: "nth", range: 0..=100_000, about: "how many such calls go well first" };
/// How many are struck; a hundred are more than any store takes.
const TIMES: Param = Param { name: "times", range: 1..=100_000, about: "how many are struck then" };

/// Draws a value of [`NTH`]: a command that writes makes about five calls, and one that reads none.
fn draw_nth(stream: &mut Stream) -> i64 {
    let below = *stream.pick(&[2, 8, 8, 24, 80]);
    i64::from(stream.below(below))
}

/// Draws a value of [`TIMES`].
fn draw_times(stream: &mut Stream) -> i64 {
    let below = *stream.pick(&[1, 1, 3, 20]);
    1 + i64::from(stream.below(below))
}

/// An argument as what it counts: ranges hold no negative numbers.
fn count(arg: i64) -> u64 {
    arg.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn what_a_row_draws_is_what_it_takes() {
        for row in all() {
            let mut stream = Seed(1).stream(row.name);
            for _ in 0..1000 {
                let spec = row.draw(&mut stream);
                assert_eq!(Fault::of(&spec).map(|(found, _)| found.name), Ok(row.name), "{spec:?}");
            }
        }
    }

    #[test]
    fn the_numbers_of_a_manner_are_told_one_by_one() {
        for (row, param) in all().flat_map(|row| row.params.iter().map(move |param| (row, param))) {
            let is_told = |number: i64| param.about.split([' ', ',', ':']).any(|word| word == number.to_string());
            let is_list = matches!(param.name, "manner" | "kind" | "power");
            assert!(!is_list || param.range.clone().all(is_told), "{} {}: {}", row.name, param.name, param.about);
        }
        let kinds: Vec<String> = (1..).zip(Call::ALL).map(|(at, call)| format!("{at} {}", call.name())).collect();
        let row = fault("io_error").expect("a row of the table");
        assert_eq!(row.params[2].about, format!("0 any call, {}", kinds.join(", ")));
    }

    #[test]
    fn a_fault_that_is_none_is_told() {
        let check = |name: &str, args: &[i64], expected: &str| {
            let error = Fault::of(&FaultSpec { name: name.to_owned(), args: args.to_vec() }).map(|_| ());
            assert_eq!(error.map_err(|error| error.to_string()), Err(expected.to_owned()));
        };
        check("kill", &[-1], "the fault kill takes NTH (0 to 100000), not [-1]");
        check("vacuum", &[1], "the fault vacuum takes no arguments, not [1]");
        check("crash_mid_write", &[0], "the fault crash_mid_write takes NTH (0 to 100000) FATES (from 0), not [0]");
        check(
            "fire",
            &[],
            "there is no fault \"fire\"; there are disk_full, disk_quota, corrupt_read, corrupt_write, slow_write, \
             crash_mid_write, power_loss, lost_fsync, io_error, kill, connection_drop, memory_pressure, checkpoint, vacuum, \
             open_twice, older_file, page_size",
        );
    }
}
