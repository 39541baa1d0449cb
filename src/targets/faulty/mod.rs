//! `faulty`: Redlite on a simulated disk, which injects the faults of a trace.
//!
//! Nothing survives of a process that lost its power or was killed but its files: every connection is gone, and the
//! op that was in flight is answered [`Reply::Closed`]. The store is opened again at once, also where faults strike
//! that, too. A power loss ends what the disk lied about: nothing of it is kept.
//!
//! Random picks follow from the op alone, so that two sessions that ran other ops before pick the same.

mod board;
mod model;
mod points;
mod requests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(super) use board::{Board, Loss};
pub use board::{Injected, Strike};
pub use model::Model;
pub use points::{Point, Recovered};
pub use requests::split;

use super::canary::canaries;
use super::canary::storage::{STORAGE_CANARIES, Slip, Slipping};
use super::embedded::{EmbeddedSession, Execute, Place, caught};
use super::{Session, Target, TargetError, TargetOptions};
use crate::diff::Keyspace;
use crate::faults::{self, Drop as ConnectionDrop, Fault, PENDING_LOST, Plan, Upkeep};
use crate::seed::{FNV_START, fnv1a};
use crate::trace::text::format_op;
use crate::trace::{Act, FaultSpec, Header, Op, TargetInfo};
use redlite::env::Random;
use redlite::vfs::{
    AllocationPlan, AllocatorInUse, Call as DiskCall, Fate, Image, SimulatedDisk, Storage, allocations,
    fail_allocations,
};
use redlite::{Client, Durability, OpenError, Options};
use resp::Reply;

/// The database's file on the simulated disk.
const FILE: &str = "store.db";

/// Bytes of a page of a store where a trace does not say something else.
pub(super) const PAGE_BYTES: u32 = 4096;

/// How often a store is opened while faults strike that; then they are lifted.
const REOPENS_MAX: usize = 16;
/// How often while the disk is full: it does not get room by itself, and what else is armed is to strike, too.
const REOPENS_FULL_MAX: usize = 4;

/// What of a write outlasts a power loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// Everything that was acknowledged.
    #[default]
    Full,
    /// The last writes may be lost.
    Normal,
    /// Nothing is promised.
    Off,
}

/// How the store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What outlasts a power loss.
    pub sync: Sync,
    /// Pages are held to their checksums.
    pub verify: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { sync: Sync::Full, verify: true }
    }
}

/// What an op came to.
#[derive(Debug)]
pub struct Step {
    /// The reply.
    pub reply: Reply,
    /// What became of the store and the connection.
    pub end: End,
}

/// What became of the store, or of the op's connection, with an op.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// They are as before.
    Runs,
    /// The connection ended in the middle of the op: with the reply that was not read, where the request arrived.
    Dropped(Option<Reply>),
    /// The connection ended behind the reply.
    HalfClosed,
    /// The store went away, by a fault or as the op says, and was opened again.
    Reopened {
        /// True where the power went, and with it what was not synced.
        lost_power: bool,
    },
    /// It panicked. Where that was in the op, the store is there again, also where it had gone away besides.
    Panicked {
        /// When, for people: `as it was opened`.
        when: &'static str,
    },
    /// It went away and cannot be opened again.
    Refused {
        /// What opening it came to.
        why: String,
        /// True where the attempt changed the files.
        is_changed: bool,
    },
}

/// `faulty`
pub(super) fn faulty(_: &str, _: &TargetOptions) -> Result<Box<dyn Target>, TargetError> {
    Ok(durable())
}

/// Redlite on a disk that loses nothing unless a trace says so.
pub(super) fn durable() -> Box<dyn Target> {
    Box::new(Faulty)
}

struct Faulty;

impl Target for Faulty {
    fn info(&self) -> TargetInfo {
        FaultySession::info()
    }

    fn open(&self, header: &Header) -> Result<Box<dyn Session>, TargetError> {
        Ok(Box::new(FaultySession::named("redlite", Settings::default(), header)?))
    }

    fn injects_faults(&self) -> bool {
        true
    }
}

/// A replay in progress.
pub struct FaultySession {
    inner: EmbeddedSession,
    disk: SimulatedDisk,
    slip: Slip,
    settings: Settings,
    /// Bytes of a page of the store.
    page_bytes: u32,
    board: Arc<Mutex<Board>>,
    /// How many ops there were.
    ops: usize,
    /// True until the first op that is no fault.
    is_fresh: bool,
    is_lying: bool,
    lists_calls: bool,
    /// How much of the disk's delay was told, in microseconds.
    told_delay_us: u64,
    /// Why the store cannot be opened any more.
    refused: Option<String>,
}

impl FaultySession {
    /// A session on an empty store, at the header's clock: of `redlite`, or of a wrong one.
    ///
    /// # Errors
    /// Where the store cannot be made, or no store has that name.
    pub fn named(name: &str, settings: Settings, header: &Header) -> Result<Self, TargetError> {
        let canary = name.strip_prefix("canary:");
        if let Some(found) = STORAGE_CANARIES.iter().find(|found| canary == Some(found.name)) {
            return Self::open(settings, Arc::new(found.execute), found.files, header);
        }
        if let Some(found) = canaries().find(|found| canary == Some(found.name)) {
            return Self::open(settings, Arc::new(|client, argv| found.execute(client, argv)), Slip::NONE, header);
        }
        match name {
            "redlite" => Self::open(settings, Arc::new(Client::execute), Slip::NONE, header),
            _ => {
                let slips = STORAGE_CANARIES.iter().map(|row| format!("  canary:{:<36} {}", row.name, row.slip));
                let forms: Vec<String> = std::iter::once("  redlite".to_owned()).chain(slips).collect();
                Err(TargetError::Unknown { spec: name.to_owned(), forms: forms.join("\n") })
            }
        }
    }

    /// What it is.
    pub fn info() -> TargetInfo {
        TargetInfo { name: "redlite".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }

    /// The same with `execute` between a trace and the store, and `slip` between the store and its files.
    fn open(settings: Settings, execute: Execute, slip: Slip, header: &Header) -> Result<Self, TargetError> {
        let board = Arc::new(Mutex::new(Board::default()));
        let page_bytes = PAGE_BYTES;
        let options = file_options(settings, page_bytes);
        let disk = SimulatedDisk::from(empty_image(page_bytes)?);
        let inner = EmbeddedSession::open(place(&disk, slip, options), execute, header)?;
        hook(&disk, &board);
        let (is_fresh, is_lying, lists_calls) = (true, false, false);
        Ok(Self {
            inner,
            disk,
            slip,
            settings,
            page_bytes,
            board,
            ops: 0,
            is_fresh,
            is_lying,
            lists_calls,
            told_delay_us: 0,
            refused: None,
        })
    }

    /// Back to an empty store with no fault armed, at the header's clock. Where `ops`, which are to come, begin with the
    /// size of a page, the store has it already: it is not made twice.
    ///
    /// # Errors
    /// Where the store cannot be made.
    pub fn restart_empty(&mut self, header: &Header, ops: &[Op]) -> Result<(), TargetError> {
        *self.board() = Board::default();
        (self.ops, self.is_fresh, self.is_lying, self.refused) = (0, true, false, None);
        self.inner.clock.set(header.start_ms);
        self.make(first_page_bytes(ops).unwrap_or(PAGE_BYTES))
    }

    /// A new disk with an empty store.
    fn make(&mut self, page_bytes: u32) -> Result<(), TargetError> {
        let options = file_options(self.settings, page_bytes);
        // Nobody reads the old one any more: what its store would write as it is closed is not to be struck, either.
        self.disk.kill();
        self.disk = SimulatedDisk::from(empty_image(page_bytes)?);
        self.page_bytes = page_bytes;
        self.disk.set_trace(self.lists_calls);
        self.told_delay_us = 0;
        self.inner.place = place(&self.disk, self.slip, options);
        self.inner.reopen().map_err(|source| failed(&source))?;
        hook(&self.disk, &self.board);
        Ok(())
    }

    /// Runs the next op.
    ///
    /// # Errors
    /// As [`FaultySession::perform_at`].
    pub fn perform(&mut self, op: &Op) -> Result<Step, TargetError> {
        let at = self.ops;
        self.ops += 1;
        self.perform_at(at, op)
    }

    /// Runs one op, which is told as the one at `at`.
    ///
    /// # Errors
    /// A fault that is none; infrastructure.
    pub fn perform_at(&mut self, at: usize, op: &Op) -> Result<Step, TargetError> {
        self.board().start_op(at);
        if self.board().quota_ends() {
            self.disk.set_quota(None);
        }
        if let Some(why) = &self.refused {
            let end = End::Refused { why: why.clone(), is_changed: false };
            return Ok(Step { reply: Reply::Closed, end });
        }
        let step = match &op.act {
            Act::Fault(spec) => self.fault(spec),
            Act::Crash => {
                let end = self.lose(Loss::Power(PENDING_LOST))?;
                Ok(Step { reply: Reply::ok(), end })
            }
            Act::Restart => self.restart(),
            _ => self.run(op),
        };
        self.is_fresh &= matches!(op.act, Act::Fault(_));
        self.settle();
        step
    }

    /// True where the last op has put an older version's file in the store's place: all that was stored was durable then,
    /// and nothing of it damaged.
    pub fn is_replaced(&self) -> bool {
        self.board().is_unchecked
    }

    /// What struck in the last op.
    pub fn strikes(&self) -> Vec<Strike> {
        self.board().strikes().to_vec()
    }

    /// By how many milliseconds the files were slower than they are since this was last asked.
    pub fn take_delay_ms(&mut self) -> u64 {
        let delay_us = self.disk.delay_us();
        let ms = (delay_us - self.told_delay_us) / 1000;
        self.told_delay_us += ms * 1000;
        ms
    }

    /// Disarms every fault.
    pub fn lift_faults(&mut self) {
        self.board().lift();
        self.lift_quota();
    }

    fn lift_quota(&mut self) {
        self.board().end_quota();
        self.disk.set_quota(None);
    }

    /// What was injected since this was last asked.
    pub fn take_injected(&mut self) -> Injected {
        self.board().take_injected()
    }

    /// Lists the calls of the files from the next [`FaultySession::restart_empty`] on.
    pub fn list_calls(&mut self) {
        self.lists_calls = true;
    }

    /// The calls since this was last asked, one line each.
    pub fn take_calls(&mut self) -> Vec<String> {
        self.disk.take_trace().iter().map(DiskCall::to_string).collect()
    }

    /// Closes one connection.
    pub fn disconnect(&mut self, conn: u16) {
        self.inner.disconnect(conn);
    }

    /// Everything that is stored, or what came instead. No fault strikes this.
    ///
    /// # Errors
    /// Infrastructure only.
    pub fn read(&mut self) -> Result<Keyspace, TargetError> {
        self.unstruck(EmbeddedSession::keyspace_and_indexes)
    }

    /// How each key is kept, in the order of the keys. No fault strikes this.
    pub fn encodings(&mut self) -> Vec<Reply> {
        self.unstruck(EmbeddedSession::encodings)
    }

    /// What is wrong with the file as a whole: nothing where it is sound. No fault strikes this.
    pub fn find_damage(&mut self) -> Vec<String> {
        self.unstruck(|inner| inner.store.find_damage()).unwrap_or_else(|error| vec![error.to_string()])
    }

    /// Looks at the store while no fault strikes.
    fn unstruck<T>(&mut self, look: impl FnOnce(&mut EmbeddedSession) -> T) -> T {
        self.board().is_paused = true;
        let seen = look(&mut self.inner);
        self.board().is_paused = false;
        self.disk.take_struck();
        seen
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        lock(&self.board)
    }

    fn run(&mut self, op: &Op) -> Result<Step, TargetError> {
        let drop = if matches!(op.act, Act::Call(_)) { self.board().drop_connection() } else { None };
        if drop == Some(ConnectionDrop::InRequest) {
            self.inner.disconnect(op.conn);
            return Ok(Step { reply: Reply::Closed, end: End::Dropped(None) });
        }
        self.inner.store.set_random(Random::seeded(hash(op)));
        let (reply, _) = self.under_pressure(|session| session.inner.perform(op))?;
        let reply = reply?;
        let end = self.recover_from_loss()?;
        // Only a panic is answered so. One in an op in which the power went is one, too.
        if reply == Reply::Closed {
            return Ok(panicked("in the op"));
        }
        if let Some(end) = end {
            return Ok(Step { reply: Reply::Closed, end });
        }
        if drop.is_none() {
            return Ok(Step { reply, end: End::Runs });
        }
        self.inner.disconnect(op.conn);
        Ok(match drop {
            Some(ConnectionDrop::HalfClosed) => Step { reply, end: End::HalfClosed },
            _ => Step { reply: Reply::Closed, end: End::Dropped(Some(reply)) },
        })
    }

    fn restart(&mut self) -> Result<Step, TargetError> {
        let Some(closed) = caught(|| self.inner.close()) else { return Ok(panicked("as it was closed")) };
        closed.map_err(|source| failed(&source))?;
        let end = match self.recover_from_loss()? {
            Some(end) => end,
            None => self.reopen(false)?,
        };
        Ok(Step { reply: Reply::ok(), end })
    }

    fn fault(&mut self, spec: &FaultSpec) -> Result<Step, TargetError> {
        let (fault, plan) = Fault::of(spec).map_err(|source| TargetError::BadFault { source })?;
        let done = match plan {
            Plan::OlderFile => match self.put_older_file() {
                Ok(()) => return Ok(Step { reply: Reply::ok(), end: self.reopen(false)? }),
                Err(error) => Err(error),
            },
            Plan::Upkeep(upkeep) => {
                let kept = self.under_pressure(|session| caught(|| session.keep_up(upkeep)))?.0;
                let Some(kept) = kept else {
                    self.recover_from_loss()?;
                    return Ok(panicked("in its upkeep"));
                };
                kept?
            }
            Plan::Quota { room_bytes, ops } => {
                self.disk.set_quota(Some(self.disk.image().size().saturating_add(room_bytes)));
                self.board().set_quota(ops);
                Ok(())
            }
            Plan::Calls { .. } | Plan::Memory { .. } | Plan::Connection { .. } => {
                self.board().arm(fault, plan);
                Ok(())
            }
        };
        if let Some(end) = self.recover_from_loss()? {
            return Ok(Step { reply: Reply::Closed, end });
        }
        let reply = done.map_or_else(|error| Reply::error(format!("ERR storage: {error}")), |()| Reply::ok());
        Ok(Step { reply, end: End::Runs })
    }

    fn keep_up(&mut self, upkeep: Upkeep) -> Result<Result<(), OpenError>, TargetError> {
        Ok(match upkeep {
            Upkeep::Checkpoint => self.inner.store.checkpoint(),
            Upkeep::Vacuum => self.inner.store.vacuum(),
            Upkeep::OpenTwice => match self.inner.place.open(&self.inner.clock) {
                Err(OpenError::InUse) => Ok(()),
                Err(other) => Err(other),
                Ok(_) => Err(OpenError::Storage("it was opened while it is open".to_owned())),
            },
            Upkeep::PageSize { bytes } => {
                if self.is_fresh && self.page_bytes != bytes {
                    self.make(bytes)?;
                }
                Ok(())
            }
        })
    }

    /// Kills the store, and puts what it holds on the disk as the version without checksums left it. No fault strikes
    /// this.
    fn put_older_file(&mut self) -> Result<(), OpenError> {
        let older = SimulatedDisk::default();
        self.unstruck(|inner| inner.store.write_unchecked(Arc::new(older.clone()), FILE))?;
        older.crash(|_| Fate::Keep);
        self.disk.kill();
        self.disk.edit(|image| *image = older.image());
        // What dst has read for it is no call of the op.
        self.disk.take_trace();
        self.board().is_unchecked = true;
        Ok(())
    }

    /// Opens the store again where a fault of this op took it away.
    fn recover_from_loss(&mut self) -> Result<Option<End>, TargetError> {
        let loss = self.board().take_loss();
        loss.map(|loss| self.lose(loss)).transpose()
    }

    /// Runs something while memory runs out as is planned. Also returns how often it did.
    fn under_pressure<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> Result<(T, u64), TargetError> {
        let Some((nth, times)) = self.board().memory_plan() else { return Ok((run(self), 0)) };
        let before = allocations().map_err(no_pressure)?;
        let guard = fail_allocations(AllocationPlan { nth, times }).map_err(no_pressure)?;
        let result = run(self);
        let failed = guard.failed();
        drop(guard);
        let asked = allocations().map_err(no_pressure)? - before;
        self.board().note_memory(asked, failed);
        Ok((result, failed))
    }

    fn lose(&mut self, loss: Loss) -> Result<End, TargetError> {
        self.settle();
        self.cut_off(loss);
        self.reopen(matches!(loss, Loss::Power(_)))
    }

    fn cut_off(&mut self, loss: Loss) {
        cut_off(&self.disk, if self.is_lying { loss.with_all_pending() } else { loss });
        if let Loss::Power(_) = loss {
            self.is_lying = false;
            self.board().end_lies();
        }
    }

    /// Opens the store, and again where a fault strikes that.
    fn reopen(&mut self, mut lost_power: bool) -> Result<End, TargetError> {
        let mut attempts = 0;
        loop {
            match attempts {
                REOPENS_FULL_MAX => self.lift_quota(),
                REOPENS_MAX => self.lift_faults(),
                _ => {}
            }
            attempts += 1;
            let before = self.disk.image();
            self.inner.place.set_storage(storage(&self.disk, self.slip));
            let (opened, unserved) = self.under_pressure(|session| caught(|| session.inner.reopen()))?;
            let error = match opened {
                Some(Ok(())) => return Ok(End::Reopened { lost_power }),
                Some(Err(error)) => error,
                None => {
                    self.refused = Some("it panicked".to_owned());
                    return Ok(End::Panicked { when: "as it was opened" });
                }
            };
            let loss = self.board().take_loss();
            let struck = self.settle();
            if let Some(loss) = loss {
                self.cut_off(loss);
                lost_power |= matches!(loss, Loss::Power(_));
            } else if struck == 0 && unserved == 0 {
                let why = error.to_string();
                self.refused = Some(why.clone());
                return Ok(End::Refused { why, is_changed: holds_other(&before, &self.disk.image()) });
            }
        }
    }

    /// Takes in what the disk says went wrong. Returns how many calls that were.
    fn settle(&mut self) -> usize {
        let struck = self.disk.take_struck();
        let mut board = lock(&self.board);
        let aimed = board.settle(&struck);
        board.note_quota(struck.len().saturating_sub(aimed) as u64);
        self.is_lying |= board.strikes().iter().any(|strike| strike.fault == faults::LIE);
        struck.len()
    }
}

impl Session for FaultySession {
    fn replay(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError> {
        for op in ops {
            let step = self.perform(op)?;
            // The client sees the end of its connection behind the reply.
            replies.push(match step.end {
                End::HalfClosed => Reply::Frames(vec![step.reply, Reply::Closed]),
                _ => step.reply,
            });
        }
        Ok(())
    }

    fn keyspace(&mut self) -> Result<Option<Keyspace>, TargetError> {
        if self.refused.is_some() {
            return Ok(Some(Keyspace::unreadable(Reply::Closed)));
        }
        self.read().map(Some)
    }

    fn out_of_step(&mut self) -> Result<Option<Reply>, TargetError> {
        Ok(None)
    }

    fn reset(&mut self, header: &Header) -> Result<(), TargetError> {
        self.restart_empty(header, &[])
    }

    fn take_notes(&mut self) -> Vec<String> {
        let mut notes = self.inner.take_notes();
        notes.extend(self.refused.iter().map(|why| format!("the store cannot be opened again: {why}")));
        notes
    }
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes a disk away from the process that uses it.
pub(super) fn cut_off(disk: &SimulatedDisk, loss: Loss) {
    match loss {
        Loss::Process => disk.kill(),
        Loss::Power(fates) => disk.crash(points::choose(fates)),
    }
}

/// Has the faults of a board strike a disk.
pub(super) fn hook(disk: &SimulatedDisk, board: &Arc<Mutex<Board>>) {
    let board = Arc::clone(board);
    disk.set_hook(move |call, _| lock(&board).decide(call));
}

fn place(disk: &SimulatedDisk, slip: Slip, options: Options) -> Place {
    let (storage, name, options) = (storage(disk, slip), PathBuf::from(FILE), Box::new(options));
    Place::Storage { storage, name, options, open: slip.open }
}

/// The disk as one process has it.
fn storage(disk: &SimulatedDisk, slip: Slip) -> Arc<dyn Storage> {
    Arc::new(Slipping { inner: Arc::new(disk.for_process()), slip: slip.file })
}

fn file_options(settings: Settings, page_bytes: u32) -> Options {
    let durability = match settings.sync {
        Sync::Full => Durability::Full,
        Sync::Normal => Durability::Normal,
        Sync::Off => Durability::Off,
    };
    Options::new().durability(durability).verify(settings.verify).page_bytes(page_bytes)
}

/// The size of a page that ops begin with.
fn first_page_bytes(ops: &[Op]) -> Option<u32> {
    let Act::Fault(spec) = &ops.first()?.act else { return None };
    match Fault::of(spec) {
        Ok((_, Plan::Upkeep(Upkeep::PageSize { bytes }))) => Some(bytes),
        _ => None,
    }
}

/// A disk with an empty store and nothing pending: made once, as that takes longer than opening it.
pub(super) fn empty_image(page_bytes: u32) -> Result<Image, TargetError> {
    static MADE: Mutex<BTreeMap<u32, Image>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(image) = made.get(&page_bytes) {
        return Ok(image.clone());
    }
    let disk = SimulatedDisk::default();
    let options = Options::new().page_bytes(page_bytes);
    drop(options.open_on(Arc::new(disk.clone()), FILE).map_err(|source| failed(&source))?);
    disk.crash(|_| Fate::Keep);
    made.insert(page_bytes, disk.image());
    Ok(disk.image())
}

fn panicked(when: &'static str) -> Step {
    Step { reply: Reply::Closed, end: End::Panicked { when } }
}

fn failed(source: &OpenError) -> TargetError {
    TargetError::Redlite { store: "redlite".to_owned(), source: source.to_string().into() }
}

fn no_pressure(source: AllocatorInUse) -> TargetError {
    TargetError::Redlite { store: "redlite".to_owned(), source: source.into() }
}

fn holds_other(before: &Image, after: &Image) -> bool {
    let files = |image: &Image| -> Vec<(PathBuf, Option<Vec<u8>>)> {
        image.files().map(|file| (file.to_owned(), image.bytes(file))).collect()
    };
    files(before) != files(after)
}

/// The same for an op in every build.
fn hash(op: &Op) -> u64 {
    fnv1a(FNV_START, format_op(op).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Trace;

    /// Runs a trace whose ops are known before or not: for each op, how many bytes it reads or writes at once at most,
    /// and what struck it.
    fn check(text: &str, are_known: bool, expected: &[&str]) {
        let ops = Trace::parse(text).expect("a trace").ops;
        let header = Header::default();
        let mut session = FaultySession::named("redlite", Settings::default(), &header).expect("a store");
        session.list_calls();
        session.restart_empty(&header, if are_known { &ops } else { &[] }).expect("an empty store");
        session.take_calls();
        let mut run = |op: &Op| {
            session.perform(op).expect("no failure of the session");
            let bytes = session.disk.take_trace().iter().map(|call| call.len).max().unwrap_or(0);
            session.strikes().iter().fold(bytes.to_string(), |told, strike| format!("{told} {}", strike.fault))
        };
        assert_eq!(ops.iter().map(&mut run).collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn a_store_has_the_pages_that_its_trace_begins_with() {
        let small = "!fault page_size 0\nSET k v\n";
        check(small, true, &["0", "536"]);
        check(small, false, &["512", "536"]);
        check("SET k v\n!fault page_size 0\n", true, &["4120", "0"]);
    }

    #[test]
    fn what_comes_before_a_store_is_made_anew_is_not_struck() {
        check("!fault io_error 0 1 0\n!fault page_size 0\nSET k v\n", false, &["0", "512", "0 io_error"]);
    }
}
