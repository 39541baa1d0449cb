//! `sim` and `sim:SEED`: Redlite's server in simulation, as a subject. Each trace is a simulation of its own, on a thread
//! of its own: one seed and one trace are the same replies, whatever was replayed before.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use madsim::runtime::Runtime;

use super::replay::{Played, Replay, Request};
use super::world::{WorldError, describe_panic};
use crate::diff::Keyspace;
use crate::seed::Seed;
use crate::targets::blame::Blame;
use crate::targets::embedded::iterate;
use crate::targets::faulty::{PAGE_BYTES, empty_image};
use crate::targets::{Session, Target, TargetError};
use crate::trace::{Header, Op, TargetInfo};
use redlite::env::Clock;
use redlite::vfs::SimulatedDisk;
use resp::{Argv, Reply};

/// How many notes a session keeps.
const NOTES_MAX: usize = 100;
/// How long an answer may take before it is looked whether the simulation is there at all.
const LOOK_AFTER: Duration = Duration::from_millis(20);

/// See the module.
struct Simulated {
    seed: Seed,
}

/// The target of this seed.
///
/// # Errors
/// Where `text` is none.
pub fn by_seed(text: &str) -> Result<Box<dyn Target>, TargetError> {
    let seed = text.parse().map_err(|_| TargetError::BadSeed { text: text.to_owned() })?;
    Ok(Box::new(Simulated { seed }))
}

impl Target for Simulated {
    fn info(&self) -> TargetInfo {
        TargetInfo { name: "redlite".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }

    fn open(&self, header: &Header) -> Result<Box<dyn Session>, TargetError> {
        Ok(Box::new(SimulatedSession::open(self.seed, Simulation::start, header)?))
    }

    fn has_all_commands(&self) -> bool {
        true
    }
}

/// Starts a simulation of this seed, with an empty store at this clock.
type Start = fn(Seed, Clock) -> Result<Simulation, TargetError>;

/// A simulation on its thread, which ends when nothing more can be asked.
struct Simulation {
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<Result<(), WorldError>>>,
}

impl Simulation {
    fn start(seed: Seed, clock: Clock) -> Result<Self, TargetError> {
        // Made outside, as whoever makes the image draws more than whoever finds it.
        let disk = SimulatedDisk::from(empty_image(PAGE_BYTES)?);
        Self::spawn(move |requests| {
            let runtime = Runtime::with_seed_and_config(seed.0, madsim::Config::default());
            runtime.block_on(async {
                Replay::open(seed, disk, clock)?.serve(requests).await;
                Ok(())
            })
        })
    }

    fn spawn(
        run: impl FnOnce(Receiver<Request>) -> Result<(), WorldError> + Send + 'static,
    ) -> Result<Self, TargetError> {
        let (requests, received) = channel();
        let thread = thread::Builder::new().name("simulation".to_owned()).spawn(move || run(received));
        let thread = thread.map_err(TargetError::io("no thread for the simulation"))?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    /// Asks and waits for the answer; `None` where the thread has ended.
    fn ask<T>(&self, request: impl FnOnce(Sender<T>) -> Request) -> Option<T> {
        let (answer, answered) = channel();
        self.requests.as_ref()?.send(request(answer)).ok()?;
        loop {
            match answered.recv_timeout(LOOK_AFTER) {
                Ok(told) => return Some(told),
                Err(RecvTimeoutError::Disconnected) => return None,
                // A runtime that panics keeps its tasks, and with them the other end of this channel.
                Err(RecvTimeoutError::Timeout) if self.thread.as_ref().is_none_or(JoinHandle::is_finished) => {
                    return answered.try_recv().ok();
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Why it has ended before it was to; with the text of its panic where it panicked.
    fn end(&mut self) -> Result<String, TargetError> {
        self.requests = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(panic)) => Ok(describe_panic(&*panic)),
            Some(Ok(Err(error))) => Err(TargetError::Simulation(error.to_string())),
            _ => Err(TargetError::Simulation("its thread is gone".to_owned())),
        }
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        // What it has come to is told by [`Simulation::end`]; nobody has asked.
        let _ = self.end();
    }
}

/// A replay in progress.
struct SimulatedSession {
    seed: Seed,
    start: Start,
    simulation: Simulation,
    clock: Clock,
    start_ms: i64,
    blame: Blame,
    /// True where something has been asked of the simulation.
    is_used: bool,
    /// True from a panic on, until the next trace: ops are asked for one by one, so that it is known which one panics.
    is_in_step: bool,
    notes: Vec<String>,
}

impl SimulatedSession {
    fn open(seed: Seed, start: Start, header: &Header) -> Result<Self, TargetError> {
        let clock = Clock::manual(header.start_ms);
        Ok(Self {
            seed,
            start,
            simulation: start(seed, clock.clone())?,
            clock,
            start_ms: header.start_ms,
            blame: Blame::default(),
            is_used: false,
            is_in_step: false,
            notes: Vec::new(),
        })
    }

    /// An empty store at this clock, and no connection.
    fn begin(&mut self, now_ms: i64) -> Result<(), TargetError> {
        self.clock = Clock::manual(now_ms);
        self.simulation = (self.start)(self.seed, self.clock.clone())?;
        Ok(())
    }

    /// Asks for something; `None` where the simulation panicked: then it begins anew, as a server does that dst started.
    fn ask<T>(&mut self, request: impl FnOnce(Sender<T>) -> Request) -> Result<Option<T>, TargetError> {
        self.is_used = true;
        let answer = self.simulation.ask(request);
        if answer.is_none() {
            let panic = self.simulation.end()?;
            self.note(format!("Redlite panicked, and begins anew with an empty store: {panic}"));
            self.begin(self.clock.now_ms())?;
        }
        Ok(answer)
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(note);
        }
    }

    /// Runs `ops`; false where it panicked. Then those of the last request have no replies.
    fn play(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<bool, TargetError> {
        let mut left = ops;
        while !left.is_empty() {
            let Some(mut played) = self.ask_to_play(left)? else { return Ok(false) };
            let (ran, rest) = left.split_at(played.len().min(left.len()));
            left = rest;
            let (Some(op), Some(last)) = (ran.last(), played.pop()) else { return Err(no_reply()) };
            replies.append(&mut played);
            let Some(reply) = self.iterate_on(op, last)? else { return Ok(false) };
            replies.push(reply);
        }
        Ok(true)
    }

    fn ask_to_play(&mut self, ops: &[Op]) -> Result<Option<Vec<Reply>>, TargetError> {
        let ops = ops.to_vec();
        let Some(played) = self.ask(|answer| Request::Play { ops, answer })? else { return Ok(None) };
        let Played { replies, notes } = played?;
        notes.into_iter().for_each(|note| self.note(note));
        Ok(Some(replies))
    }

    /// Drives an iteration to its end where `op` has started one. `None` where it panicked.
    fn iterate_on(&mut self, op: &Op, first: Reply) -> Result<Option<Reply>, TargetError> {
        let started = op.argv().and_then(|argv| Some((argv, spec::start_of_iteration(argv)?)));
        let Some((argv, cursor_at)) = started else { return Ok(Some(first)) };
        let step = |next: &Argv| match self.ask_to_play(&[Op::call(op.conn, next.clone())]) {
            Ok(Some(replies)) => replies.into_iter().next().ok_or_else(|| Some(no_reply())),
            Ok(None) => Err(None),
            Err(error) => Err(Some(error)),
        };
        match iterate(argv, cursor_at, first, step) {
            Ok(reply) => Ok(Some(reply)),
            Err(None) => Ok(None),
            Err(Some(error)) => Err(error),
        }
    }

    /// Runs `ops` one by one, through every panic.
    fn play_in_step(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError> {
        for op in ops {
            let before = replies.len();
            if !self.play(std::slice::from_ref(op), replies)? {
                replies.truncate(before);
                replies.push(Reply::Closed);
            }
        }
        Ok(())
    }

    /// Runs `ops`, which panicked when they went out together, so that the op is known that does: all since the store was
    /// empty again, one by one. Where that is too much, the panic is laid to the first op without a reply.
    fn play_again(&mut self, ops: &[Op], first: usize, replies: &mut Vec<Reply>) -> Result<(), TargetError> {
        self.is_in_step = true;
        if self.blame.can_repeat(ops) {
            replies.truncate(first);
            self.begin(self.start_ms)?;
            let before = self.blame.before().to_vec();
            self.play_in_step(&before, &mut Vec::new())?;
        } else {
            replies.push(Reply::Closed);
        }
        self.play_in_step(&ops[replies.len() - first..], replies)
    }
}

fn no_reply() -> TargetError {
    TargetError::Simulation("an op was not answered".to_owned())
}

impl Session for SimulatedSession {
    fn replay(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError> {
        let first = replies.len();
        if self.is_in_step {
            self.play_in_step(ops, replies)?;
        } else if !self.play(ops, replies)? {
            self.play_again(ops, first, replies)?;
        }
        self.blame.add(ops);
        Ok(())
    }

    fn keyspace(&mut self) -> Result<Option<Keyspace>, TargetError> {
        let read = self.ask(|answer| Request::Read { answer })?;
        Ok(Some(read.flatten().unwrap_or_else(|| Keyspace::unreadable(Reply::Closed))))
    }

    fn out_of_step(&mut self) -> Result<Option<Reply>, TargetError> {
        let instead = self.ask(|answer| Request::AskForNonce { answer })?;
        Ok(instead.unwrap_or(Some(Reply::Closed)))
    }

    /// A new simulation. What is there for that already is kept.
    fn reset(&mut self, header: &Header) -> Result<(), TargetError> {
        self.blame.begin();
        self.is_in_step = false;
        if self.is_used || self.start_ms != header.start_ms {
            self.is_used = false;
            self.start_ms = header.start_ms;
            self.begin(header.start_ms)?;
        }
        Ok(())
    }

    fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replays on what answers each request by its name, and panics at `DIE`, in one request or op by op; the notes are of
    /// the panics.
    #[track_caller]
    fn check(ops: &[&[&str]], expected: &[&str], panics: usize) {
        let start: Start = |_, _| {
            Simulation::spawn(|requests| {
                while let Ok(Request::Play { ops, answer }) = requests.recv() {
                    let name = |op: &Op| op.argv().map(|argv| String::from_utf8_lossy(&argv[0]).into_owned());
                    let names: Vec<String> = ops.iter().filter_map(name).collect();
                    if names.iter().any(|name| name == "DIE") {
                        // As a runtime does that panics.
                        std::mem::forget(answer);
                        panic!("DIE is among {names:?}");
                    }
                    let replies = names.into_iter().map(|name| Reply::Simple(name.into_bytes())).collect();
                    let _ = answer.send(Ok(Played { replies, notes: Vec::new() }));
                }
                Ok(())
            })
        };
        let mut session = SimulatedSession::open(Seed(0), start, &Header::default()).expect("a thread");
        let mut replies = Vec::new();
        for ops in ops {
            let ops: Vec<Op> = ops.iter().map(|name| Op::call(0, [*name])).collect();
            session.replay(&ops, &mut replies).expect("a replay");
        }
        let told = |reply: &Reply| match reply {
            Reply::Simple(name) => String::from_utf8_lossy(name).into_owned(),
            other => format!("{other:?}"),
        };
        assert_eq!(replies.iter().map(told).collect::<Vec<_>>(), expected, "{ops:?}");
        let notes = session.take_notes();
        assert_eq!(notes.iter().filter(|note| note.contains("DIE is among")).count(), panics, "{ops:?}: {notes:?}");
    }

    #[test]
    fn a_panic_is_laid_to_its_op_and_the_replay_goes_on() {
        check(&[&["A", "B"], &["C"]], &["A", "B", "C"], 0);
        check(&[&["A"], &["B", "DIE", "C"]], &["A", "B", "Closed", "C"], 2);
        check(&[&["DIE", "A", "DIE"], &["DIE", "B"]], &["Closed", "A", "Closed", "Closed", "B"], 4);
        // What pops at random is not run again.
        check(&[&["SPOP"], &["B", "DIE", "C"]], &["SPOP", "Closed", "Closed", "C"], 2);
    }
}
