//! The server's process and its disk: started, struck by what a trace arms, and started again.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use madsim::runtime::{Handle, NodeHandle};
use madsim::time::sleep;

use super::network::End;
use super::points::Tester;
use super::world::{Timekeeper, WorldError, lock};
use crate::diff::Keyspace;
use crate::faults::{Fault, PENDING_LOST, Plan};
use crate::targets::embedded::read_store;
use crate::targets::faulty::{Board, Injected, Loss, cut_off, hook};
use redlite::env::{Clock, Random};
use redlite::journal::Entry;
use redlite::points::Observer;
use redlite::server::{Executor, Settings, serve_connection};
use redlite::testing::Holdings;
use redlite::vfs::{CallKind, Injection, SimulatedDisk, allocated_bytes};
use redlite::{Addresses, Durability, OpenError, Options, Redlite};

/// The store's file.
const FILE: &str = "store.db";
/// What the server's end is called.
pub(super) const SERVER: &str = "server:6379";
/// What the server calls its process.
const PROCESS_ID: u32 = 1;
/// How long the tasks of a process have to go, once it was killed; and how long one that is stopped has to answer.
const END_MS: u64 = 1;
const STOP_MS: u64 = 1_000;
/// How often a store is opened while faults strike that; then they are lifted.
const REOPENS_MAX: usize = 16;

/// What the store of one process did, and how that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// In its order.
    pub journal: Vec<Entry>,
    /// `None` where it ran to the end.
    pub ended: Option<Ended>,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// In words, for people.
    pub how: &'static str,
    /// True where it was stopped in its order, and nothing struck it.
    pub is_restart: bool,
    /// When that was seen, in microseconds from the start.
    pub at_us: u64,
    /// When the next one looked at what is stored, in milliseconds since 1970.
    pub now_ms: i64,
    /// How large the files were then, in bytes.
    pub stored_bytes: u64,
    /// True where the last commit that failed may be there all the same: it could not be taken back.
    pub may_return: bool,
    /// What it found; or why the store cannot be opened any more.
    pub found: Result<Keyspace, String>,
}

/// All that processes did; see [`super::Story`].
pub(super) struct Finished {
    pub lives: Vec<Life>,
    pub struck: Injected,
    pub held: Holdings,
    pub memory_bytes: Vec<i64>,
}

/// A process, and the disk that outlasts it.
pub(super) struct Process {
    disk: SimulatedDisk,
    board: Arc<Mutex<Board>>,
    timekeeper: Timekeeper,
    tester: Arc<Tester>,
    /// None where its store cannot be opened any more.
    running: Option<Running>,
    /// Those that have ended.
    pub lives: Vec<Life>,
    /// How much memory SQLite had for each of them before it ended, in bytes. The names of its files are part of that, which
    /// differ.
    memory_bytes: Vec<i64>,
}

/// What ends with a process.
struct Running {
    store: Redlite,
    executor: Arc<Executor>,
    node: NodeHandle,
    pulse: Pulse,
}

/// Whether a process lives.
#[derive(Clone)]
struct Pulse {
    is_alive: Arc<AtomicBool>,
    /// How much is in its journal.
    journaled: Arc<AtomicUsize>,
    /// How much was in the journal when it died.
    died_after: Arc<AtomicUsize>,
}

impl Pulse {
    fn new(journaled: Arc<AtomicUsize>) -> Self {
        Self { is_alive: Arc::new(AtomicBool::new(true)), journaled, died_after: Arc::default() }
    }

    fn stop(&self) {
        if self.is_alive.swap(false, Ordering::Relaxed) {
            self.died_after.store(self.journaled.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}

impl Process {
    /// The first, with an empty store.
    pub fn start(timekeeper: Timekeeper, tester: Arc<Tester>) -> Result<Self, WorldError> {
        Self::start_on(SimulatedDisk::default(), timekeeper, tester)
    }

    /// The first, with what is on this disk.
    pub fn start_on(disk: SimulatedDisk, timekeeper: Timekeeper, tester: Arc<Tester>) -> Result<Self, WorldError> {
        let board = Arc::<Mutex<Board>>::default();
        let store = open(&disk, &timekeeper)?;
        let mut process =
            Self { disk, board, timekeeper, tester, running: None, lives: Vec::new(), memory_bytes: Vec::new() };
        process.run(store);
        Ok(process)
    }

    /// Runs a server of a store, which ends where a fault takes the disk away.
    fn run(&mut self, store: Redlite) {
        store.start_journal();
        store.observe(Arc::clone(&self.tester) as Arc<dyn Observer>);
        let executor = Arc::new(Executor::new(store.clone(), Settings::default()));
        let node = Handle::current().create_node().name("server").build();
        let (runner, keeper) = (Arc::clone(&executor), self.timekeeper.clone());
        node.spawn(async move { keeper.keep(runner.run(sleep, madsim::task::yield_now)).await });
        let pulse = Pulse::new(store.journal_count());
        let (board, heart, canary) = (Arc::clone(&self.board), pulse.clone(), self.tester.canary);
        let mut writes = 0;
        self.disk.set_hook(move |call, _| {
            let mut board = lock(&board);
            let injection = board.decide(call);
            if board.has_loss() {
                heart.stop();
            }
            let is_skipped = canary.is_some_and(|canary| canary.skips(call, writes));
            match call.kind {
                CallKind::Write => writes += 1,
                CallKind::Sync => writes = 0,
                _ => {}
            }
            if is_skipped && injection == Injection::None { Injection::Lie } else { injection }
        });
        self.running = Some(Running { store, executor, node, pulse });
    }

    /// True until the store cannot be opened any more.
    pub fn runs(&self) -> bool {
        self.running.is_some()
    }

    /// The store of the one that runs.
    pub fn store(&self) -> Option<&Redlite> {
        self.running.as_ref().map(|running| &running.store)
    }

    /// Serves a connection.
    pub fn serve(&self, mut end: End, peer: String) {
        let Some(Running { executor, node, pulse, .. }) = &self.running else { return };
        let addresses = Addresses { peer, local: SERVER.to_owned() };
        end.die_with(Arc::clone(&pulse.is_alive));
        let (executor, keeper) = (Arc::clone(executor), self.timekeeper.clone());
        node.spawn(async move { keeper.keep(serve_connection(&executor, end, addresses)).await });
    }

    /// Arms a fault, which the op at `at` says.
    pub fn arm(&self, at: usize, fault: &'static Fault, plan: Plan) {
        let mut board = lock(&self.board);
        board.start_op(at);
        board.arm(fault, plan);
    }

    /// Disarms every fault.
    pub fn lift_faults(&self) {
        lock(&self.board).lift();
    }

    /// Starts another where a fault has ended the process.
    pub async fn revive(&mut self) {
        let loss = lock(&self.board).take_loss();
        if loss.is_some() {
            self.end(loss).await;
        }
    }

    /// The power goes, and with it all that was not synced.
    pub async fn crash(&mut self) {
        self.end(Some(Loss::Power(PENDING_LOST))).await;
    }

    /// Ends the process in its order, and starts another.
    pub async fn restart(&mut self) {
        if let Some(running) = &self.running {
            running.executor.stop();
        }
        sleep(Duration::from_millis(STOP_MS)).await;
        let loss = lock(&self.board).take_loss();
        self.end(loss).await;
    }

    /// Ends the process, in its order where nothing is lost, and starts another.
    async fn end(&mut self, mut loss: Option<Loss>) {
        let Some(Running { store, executor, node, pulse }) = self.running.take() else { return };
        pulse.stop();
        let at_us = self.timekeeper.now_us();
        Handle::current().kill(node.id());
        if loss.is_some() {
            self.disk.clear_hook();
            self.disk.kill();
        }
        sleep(Duration::from_millis(END_MS)).await;
        self.memory_bytes.push(allocated_bytes().unwrap_or_default());
        let may_return = store.owes_retraction();
        let mut journal = store.take_journal();
        journal.truncate(pulse.died_after.load(Ordering::Relaxed));
        // Closing it may be struck.
        drop((executor, store));
        loss = lock(&self.board).take_loss().or(loss);
        let how = match loss {
            Some(Loss::Power(_)) => "the power went",
            Some(Loss::Process) => "the process was killed",
            None => "the process was restarted",
        };
        let opened = self.reopen(loss);
        self.timekeeper.tick();
        let now_ms = self.timekeeper.clock.now_ms();
        let found = opened.as_ref().map(look).map_err(ToString::to_string);
        let (is_restart, stored_bytes) = (loss.is_none(), self.disk.edit(|image| image.size()));
        let ended = Ended { how, is_restart, at_us, now_ms, stored_bytes, may_return, found };
        self.lives.push(Life { journal, ended: Some(ended) });
        opened.into_iter().for_each(|store| self.run(store));
    }

    /// Opens the store, and again where a fault strikes that.
    fn reopen(&self, mut loss: Option<Loss>) -> Result<Redlite, OpenError> {
        let mut attempts = 0;
        loop {
            if attempts == REOPENS_MAX {
                self.lift_faults();
            }
            attempts += 1;
            loss.into_iter().for_each(|loss| cut_off(&self.disk, loss));
            hook(&self.disk, &self.board);
            let opened = open(&self.disk, &self.timekeeper);
            self.disk.clear_hook();
            loss = lock(&self.board).take_loss();
            // What fails only now and then is tried again.
            if loss.is_none() && (opened.is_ok() || attempts > REOPENS_MAX) {
                return opened;
            }
        }
    }

    /// All that it did, how often what struck it, and what it holds. Ends it: a runtime that is dropped keeps its tasks.
    pub async fn finish(mut self) -> Finished {
        let struck = self.disk.take_struck();
        lock(&self.board).settle(&struck);
        let mut held = Holdings::default();
        if let Some(Running { store, node, .. }) = &self.running {
            self.lives.push(Life { journal: store.take_journal(), ended: None });
            held = store.holdings();
            Handle::current().kill(node.id());
            sleep(Duration::from_millis(END_MS)).await;
        }
        let injected = lock(&self.board).take_injected();
        Finished { lives: self.lives, struck: injected, held, memory_bytes: self.memory_bytes }
    }
}

/// What a store takes from its process is the same in every one.
pub(super) fn store_options(clock: Clock) -> Options {
    Options::new().clock(clock).random(Random::seeded(0)).process_id(PROCESS_ID)
}

fn open(disk: &SimulatedDisk, timekeeper: &Timekeeper) -> Result<Redlite, OpenError> {
    store_options(timekeeper.clock.clone()).durability(Durability::Full).open_on(Arc::new(disk.for_process()), FILE)
}

/// What a store holds, which has no client yet and has had none afterwards.
pub(super) fn look(store: &Redlite) -> Keyspace {
    let found = read_store(store);
    store.forget_clients();
    found
}

#[cfg(test)]
mod tests {
    use crate::faults::network::event;
    use crate::targets::simulated::run;
    use crate::trace::Trace;

    /// How each process of a run ended, and what struck it.
    #[track_caller]
    fn check(ops: &str, ends: &[&str], struck: &[&str]) {
        let trace = Trace::parse(ops).expect("a trace");
        let story = run(&trace.header, &trace.ops).expect("a run");
        let ended = story.lives.iter().filter_map(|life| life.ended.as_ref());
        assert_eq!(ended.map(|ended| ended.how).collect::<Vec<_>>(), ends, "{ops}");
        let mut names: Vec<&str> = story.struck.keys().map(|(name, _)| *name).collect();
        names.dedup();
        assert_eq!(names, struck, "{ops}");
    }

    #[test]
    fn a_process_ends_where_the_trace_says() {
        let (power, kill, restart) = ("the power went", "the process was killed", "the process was restarted");
        check("SET k v\n!advance 5ms\n", &[], &[]);
        check("SET k v\n!crash\n", &[power], &[]);
        check("SET k v\n!restart\nGET k\n", &[restart], &[]);
        check("!fault kill 0\nSET k v\n!advance 5ms\nGET k\n", &[kill], &["kill"]);
        check("!fault power_loss 1 0 0 0\nSET k v\n!advance 5ms\n", &[power], &["power_loss"]);
        // The second strikes as the store is opened again.
        check("!fault kill 0\n!fault kill 3\nSET k v\n!advance 5ms\n", &[kill], &["kill"]);
        check("!fault crash_mid_write 0 1\n!fault kill 40\nSET k v\n!advance 5ms\n", &[power], &["crash_mid_write"]);
        assert!(event("kill").is_none(), "a fault of the process is no event of the network");
    }
}
