//! One run in virtual time: Redlite's server on a simulated disk, its clients, and the network between them.
//!
//! What happens follows from the trace alone: an op is sent when its turn has come and the clock stands where the moves
//! of the clock before it have brought it, and what happens on the network stands in the trace. No client waits for a
//! reply before it sends, unless the trace lets time pass.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use madsim::runtime::Runtime;
use madsim::time::{Instant, sleep};

use super::canaries::Canary;
use super::clients::Client;
use super::network::{self, Line};
use super::points::{Reached, Tester};
use super::process::{Finished, Life, Process};
use crate::faults::network::{Happening, happening};
use crate::faults::{Fault, FaultError, Plan, fault};
use crate::targets::faulty::Injected;
use crate::trace::{Act, Header, Op};
use redlite::OpenError;
use redlite::env::Clock;
use redlite::testing::Holdings;
use resp::Reply;

/// How long clients have for what they have asked, once everything is healed, in milliseconds: longer than any wait of a
/// trace.
const SETTLE_MS: u64 = 10_000;
/// How long the server has to forget its clients, once they are gone.
const FORGET_MS: u64 = 1_000;

/// Why a trace cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// What happens on the network is no event.
    #[error("op {at}: {source}")]
    Event {
        /// Index of the op.
        at: usize,
        /// Why not.
        source: FaultError,
    },
    /// The simulation does not do that yet.
    #[error("op {at}: no {what} in a simulation: dst chaos injects that")]
    Unfit {
        /// Index of the op.
        at: usize,
        /// The fault.
        what: &'static str,
    },
    /// The store cannot be opened.
    #[error("the store on the simulated disk does not open: {0}")]
    Open(#[from] OpenError),
    /// No thread can be had.
    #[error("no thread for the simulation: {0}")]
    Thread(#[source] io::Error),
    /// The code under test panicked.
    #[error("the simulation panicked: {0}")]
    Panic(String),
}

/// What happened at one end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in microseconds from the start.
    pub at_us: u64,
    /// The client's connection, as the trace numbers it.
    pub conn: u16,
    /// Which of that number: it may be opened again.
    pub nth: u32,
    /// What.
    pub what: What,
}

/// See [`Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The client opened it.
    Opened,
    /// The client sent what this op says.
    Sent {
        /// Index of the op.
        op: usize,
    },
    /// The client got a frame.
    Received(Reply),
    /// The client got what is none.
    Malformed(String),
    /// The server closed it.
    Ended,
    /// It was reset.
    Reset,
    /// The client closed it.
    Closed,
    /// It was there when the trace was over and every client had its time; then the client closed it.
    Kept,
    /// An event of the network, by its op.
    Network {
        /// Index of the op.
        op: usize,
    },
    /// A task of the server was held at a point, as this op says.
    Held {
        /// Index of the op.
        op: usize,
    },
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// What happened to clients, in its order.
    pub events: Vec<Event>,
    /// What the store did, process by process.
    pub lives: Vec<Life>,
    /// How often which fault struck which kind of call of the files.
    pub struck: Injected,
    /// How often each point of the server was reached.
    pub reached: Reached,
    /// What the server held when every client was gone.
    pub held: Holdings,
    /// How much memory SQLite had for each process that ended, before it did, in bytes: the same to a few bytes only.
    pub memory_bytes: Vec<i64>,
    /// How long it took, in milliseconds of virtual time.
    pub took_ms: u64,
}

/// Runs a trace: on a thread of its own, as the order of hash maps is per thread.
///
/// # Errors
/// [`WorldError`]
pub fn run(header: &Header, ops: &[Op]) -> Result<Story, WorldError> {
    run_on(header, ops, None)
}

/// As [`run`], on a server with this slip.
///
/// # Errors
/// [`WorldError`]
pub fn run_on(header: &Header, ops: &[Op], canary: Option<&'static Canary>) -> Result<Story, WorldError> {
    let deeds = check(ops)?;
    let seed = match deeds.get(&0) {
        Some(Deed::Happening(Happening::Schedule { seed })) => *seed,
        _ => 0,
    };
    let simulate = || {
        let runtime = Runtime::with_seed_and_config(seed, madsim::Config::default());
        runtime.block_on(async { World::open(header, canary)?.play(ops, &deeds).await })
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("simulation".to_owned());
        let thread = thread.spawn_scoped(scope, simulate).map_err(WorldError::Thread)?;
        thread.join().unwrap_or_else(|panic| Err(WorldError::Panic(describe_panic(&*panic))))
    })
}

pub(super) fn describe_panic(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no text").to_owned()
}

/// What an op does to a connection, or to the process.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Happening(Happening),
    Armed(&'static Fault, Plan),
}

/// The events of a trace, by their ops.
fn check(ops: &[Op]) -> Result<BTreeMap<usize, Deed>, WorldError> {
    let mut found = BTreeMap::new();
    for (at, op) in ops.iter().enumerate() {
        let Act::Fault(spec) = &op.act else { continue };
        let deed = if fault(&spec.name).is_some() {
            let (fault, plan) = Fault::of(spec).map_err(|source| WorldError::Event { at, source })?;
            if !plan.ends_process() && !plan.fails_calls() {
                return Err(WorldError::Unfit { at, what: fault.name });
            }
            Deed::Armed(fault, plan)
        } else {
            Deed::Happening(happening(spec).map_err(|source| WorldError::Event { at, source })?)
        };
        found.insert(at, deed);
    }
    Ok(found)
}

/// The events so far.
#[derive(Clone)]
pub(super) struct Log {
    started: Instant,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Log {
    /// None yet.
    pub fn new(started: Instant) -> Self {
        Self { started, events: Arc::default() }
    }

    /// The events since they were last taken.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *lock(&self.events))
    }

    /// Notes what happens now.
    pub fn note(&self, conn: u16, nth: u32, what: What) {
        let at_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        lock(&self.events).push(Event { at_us, conn, nth, what });
    }
}

pub(super) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The store's clock: where it follows the virtual time, it is set whenever the server goes on.
#[derive(Clone)]
pub(super) struct Timekeeper {
    pub clock: Clock,
    started: Instant,
    /// What it shows at the start of the simulation; `None` where it stands until somebody moves it.
    start_ms: Option<i64>,
}

impl Timekeeper {
    /// Of a clock that stands until somebody moves it.
    pub fn of_standing(clock: Clock) -> Self {
        Self { clock, started: Instant::now(), start_ms: None }
    }

    /// How long the simulation runs, in microseconds of virtual time.
    pub fn now_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Sets the clock.
    pub fn tick(&self) {
        let Some(start_ms) = self.start_ms else { return };
        let gone_ms = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.clock.set(start_ms.saturating_add(gone_ms));
    }

    /// Polls `future` with the clock set.
    pub async fn keep<F: Future>(self, future: F) -> F::Output {
        let mut future = pin!(future);
        std::future::poll_fn(|context| {
            self.tick();
            future.as_mut().poll(context)
        })
        .await
    }
}

struct World {
    process: Process,
    tester: Arc<Tester>,
    log: Log,
    clients: BTreeMap<u16, Client>,
    /// Of every connection that was ever opened.
    lines: Vec<Line>,
    opened: BTreeMap<u16, u32>,
}

impl World {
    /// An empty store, and a server of it.
    fn open(header: &Header, canary: Option<&'static Canary>) -> Result<Self, WorldError> {
        let started = Instant::now();
        let clock = Clock::manual(header.start_ms);
        let log = Log::new(started);
        let tester = Tester::new(log.clone(), canary);
        let timekeeper = Timekeeper { clock, started, start_ms: Some(header.start_ms) };
        let process = Process::start(timekeeper, Arc::clone(&tester))?;
        Ok(Self { process, tester, log, clients: BTreeMap::new(), lines: Vec::new(), opened: BTreeMap::new() })
    }

    async fn play(mut self, ops: &[Op], deeds: &BTreeMap<usize, Deed>) -> Result<Story, WorldError> {
        for (at, op) in ops.iter().enumerate() {
            self.process.revive().await;
            if !self.process.runs() {
                break;
            }
            match &op.act {
                Act::Call(argv) => self.send(op.conn, at, |out| argv.encode(out)),
                Act::Raw(bytes) => self.send(op.conn, at, |out| out.extend_from_slice(bytes)),
                Act::Open => drop(self.client(op.conn)),
                Act::Close => self.close(op.conn),
                Act::Advance { ms } => sleep(Duration::from_millis(*ms)).await,
                Act::Fault(_) => match deeds.get(&at) {
                    Some(Deed::Happening(happening)) => self.happen(op.conn, at, *happening),
                    Some(Deed::Armed(fault, plan)) => self.process.arm(at, fault, *plan),
                    None => {}
                },
                Act::Crash => self.process.crash().await,
                Act::Restart => self.process.restart().await,
                Act::Await => {}
            }
        }
        self.settle().await;
        let took_ms = u64::try_from(self.log.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let events = self.log.take();
        let Finished { lives, struck, held, memory_bytes } = self.process.finish().await;
        let reached = self.tester.reached();
        Ok(Story { events, lives, struck, reached, held, memory_bytes, took_ms })
    }

    /// Everything heals, each client gets its time, and then all of them go.
    async fn settle(&mut self) {
        self.process.lift_faults();
        self.tester.lift();
        self.process.revive().await;
        self.lines.iter().for_each(Line::heal);
        self.clients.values().for_each(|client| client.edit(|port| port.is_asleep = false));
        sleep(Duration::from_millis(SETTLE_MS)).await;
        for (&conn, client) in self.clients.iter().filter(|(_, client)| !client.is_over()) {
            self.log.note(conn, client.nth, What::Kept);
            client.edit(|port| port.is_closed = true);
        }
        sleep(Duration::from_millis(FORGET_MS)).await;
    }

    /// The client of this number, connected.
    fn client(&mut self, conn: u16) -> &Client {
        if self.clients.get(&conn).is_none_or(Client::is_over) {
            let nth = self.opened.entry(conn).or_default();
            let client = connect(conn, *nth, &self.log, &self.process);
            *nth += 1;
            self.lines.push(client.line.clone());
            self.clients.insert(conn, client);
        }
        &self.clients[&conn]
    }

    fn send(&mut self, conn: u16, op: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let log = self.log.clone();
        let client = self.client(conn);
        log.note(conn, client.nth, What::Sent { op });
        client.edit(|port| write(&mut port.out));
    }

    fn close(&mut self, conn: u16) {
        if let Some(client) = self.clients.remove(&conn) {
            client.edit(|port| port.is_closed = true);
        }
    }

    fn happen(&mut self, conn: u16, op: usize, happening: Happening) {
        match happening {
            Happening::Schedule { .. } => return,
            Happening::Hold { point, nth, ms } => return self.tester.arm(op, conn, point, nth, ms),
            _ => {}
        }
        let log = self.log.clone();
        let client = self.client(conn);
        let line = &client.line;
        match happening {
            Happening::Latency { request_ms, reply_ms } => {
                line.set_latency(Duration::from_millis(request_ms), Duration::from_millis(reply_ms));
            }
            Happening::Clog => line.clog(true),
            Happening::Heal => line.clog(false),
            Happening::Reset => line.reset(),
            Happening::Cut { bytes } => line.cut_after(bytes),
            Happening::Room { bytes } => line.set_reply_room(bytes),
            Happening::HalfClose => client.edit(|port| port.is_half_closed = true),
            Happening::Sleep => client.edit(|port| port.is_asleep = true),
            Happening::Wake => client.edit(|port| port.is_asleep = false),
            Happening::Schedule { .. } | Happening::Hold { .. } => {}
        }
        log.note(conn, client.nth, What::Network { op });
    }
}

/// Opens a connection: a task for the client, on a node of its own, and one for the server.
pub(super) fn connect(conn: u16, nth: u32, log: &Log, process: &Process) -> Client {
    let (near, far, line) = network::connect();
    process.serve(far, name_peer(conn, nth));
    log.note(conn, nth, What::Opened);
    Client::spawn(conn, nth, near, line, log.clone())
}

/// What the server calls a client's connection.
pub(super) fn name_peer(conn: u16, nth: u32) -> String {
    format!("{conn}.{nth}:0")
}
