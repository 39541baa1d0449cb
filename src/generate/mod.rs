//! Seeded operations: which commands, on which keys, with which arguments.
//!
//! A [`Group`] says which commands a sequence draws from. The seed decides the rest in two steps: first the
//! swarm options (which commands are off, how large the pools are, how often something goes wrong), then each
//! operation by a walk over its command's syntax tree. Every kind of decision has a stream of randomness of its
//! own, and no decision depends on a reply: the same seed and group give the same operations for ever.
//!
//! | module | decides |
//! |---|---|
//! | `groups` | the table of groups |
//! | `weights` | how often each command comes |
//! | `swarm` | the options of one seed |
//! | `connections` | which connection acts, and what it does there that is no plain request |
//! | `pools` | names of keys, fields and members, and values; which are hot |
//! | `walk` | options and repetitions, by the syntax |
//! | `arguments` | one argument of each kind |
//! | `search` | documents, queries and expressions |
//! | `streams` | arguments of commands on streams |
//! | `bitmaps` | bits, and fields of bits |
//! | `geo` | positions and distances among them |
//! | `sorting` | patterns of SORT |
//! | `server` | what the server and its connections are asked |
//! | `hyperloglog` | elements that go to a chosen register |
//! | `protocol` | raw bytes: requests cut anywhere, and what is none |
//! | `mistakes` | what is wrong with a request that a server must refuse |

mod arguments;
mod bitmaps;
mod connections;
mod geo;
mod groups;
mod hyperloglog;
mod mistakes;
mod numbers;
mod pools;
mod protocol;
mod search;
mod server;
mod sorting;
mod streams;
mod swarm;
mod walk;
mod weights;

use std::collections::VecDeque;

use crate::seed::{Seed, Stream};
use crate::trace::{Act, Header, Op, START_MS};
use resp::Argv;
use spec::{self, Command, Family, Fidelity};

use arguments::Arguments;
use connections::{Connections, Habits, Step};
use pools::{Gap, Wheel};
use protocol::{Protocol, Sent};
use swarm::Swarm;
use walk::Plan;

use groups::plan;
pub use groups::{Group, group, groups};

/// The version of what a seed means. It rises with every change that gives a seed other operations.
pub const GENERATOR: u16 = 4;

/// What to generate.
#[derive(Clone, Debug)]
pub struct Options {
    /// Everything follows from it.
    pub seed: Seed,
    /// A row of [`groups`].
    pub group: &'static Group,
}

/// An endless sequence of operations.
pub struct Generator {
    options: Options,
    swarm: Swarm,
    /// The commands that are on, and how often each comes.
    plans: Vec<&'static Plan>,
    wheel: Wheel,
    arguments: Arguments,
    /// Draws commands.
    choices: Stream,
    habits: Habits,
    connections: Connections,
    /// In a group that is about the protocol.
    protocol: Option<Protocol>,
    /// Draws when the clock moves, and by how much.
    clock: Stream,
    until_advance: Gap,
    /// Draws when a request is spoilt, and how.
    spoiler: Stream,
    until_mistake: Gap,
}

impl Generator {
    /// The sequence that `options` name.
    pub fn new(options: &Options) -> Self {
        let Options { seed, group } = *options;
        let swarm = Swarm::draw(group, seed);
        let (plans, weights): (Vec<_>, Vec<_>) = swarm.plans.iter().copied().unzip();
        let mut clock = stream(group, seed, "clock");
        let mut spoiler = stream(group, seed, "mistakes");
        let mut turns = stream(group, seed, "connections");
        let habits = Habits::draw(group, swarm.conns, &mut turns);
        Self {
            options: options.clone(),
            wheel: Wheel::new(&weights),
            plans,
            arguments: Arguments::new(group, &swarm, seed),
            choices: stream(group, seed, "commands"),
            connections: Connections::new(&habits, turns),
            protocol: group.raw.then(|| Protocol::new(swarm.conns, stream(group, seed, "protocol"))),
            habits,
            until_advance: Gap::new(swarm.advance_mean, &mut clock),
            clock,
            until_mistake: Gap::new(swarm.mistake_mean, &mut spoiler),
            spoiler,
            swarm,
        }
    }

    /// The header of a trace of this sequence.
    pub fn header(&self) -> Header {
        Header {
            seed: Some(self.options.seed),
            generator: GENERATOR,
            profile: self.options.group.name.to_owned(),
            start_ms: START_MS,
            recorded_by: None,
            note: String::new(),
        }
    }

    /// The options that were drawn from the seed, for people.
    pub fn describe(&self) -> String {
        let Options { seed, group } = self.options;
        format!("seed {seed} group {}: {}, {}", group.name, self.habits, self.swarm)
    }

    /// The next operation.
    pub fn next_op(&mut self) -> Op {
        if let Some(protocol) = &mut self.protocol {
            let (conn, sent) = protocol.next();
            let act = match sent {
                Sent::Bytes(bytes) => Act::Raw(bytes),
                Sent::Request(argv) => Act::Call(argv),
                Sent::Close => Act::Close,
            };
            return Op { conn, act };
        }
        let step = self.connections.next();
        let conn = self.connections.current();
        if self.until_advance.is_over(&mut self.clock) && matches!(step, Step::Any | Step::Queued { .. }) {
            let ms = advance_ms(&mut self.clock);
            return Op { conn, act: self.advance(ms) };
        }
        let plan = match step {
            Step::Any => self.plans[self.wheel.pick(&mut self.choices)],
            Step::Queued { listens } => self.pick_to_queue(listens),
            Step::Command(name) => plan(name),
            Step::Wait { command, drained } => {
                self.arguments.use_drained(drained);
                plan(command)
            }
            Step::Feed => plan(self.arguments.use_awaited()),
            Step::Drain(command) => {
                return Op { conn, act: Act::Call(self.arguments.drain(plan(command))) };
            }
            Step::Words(words) => return Op { conn, act: Act::Call(words.iter().collect()) },
            Step::Act(Act::Advance { ms }) => return Op { conn, act: self.advance(ms) },
            Step::Act(act) => return Op { conn, act },
        };
        let mut argv = Argv::with_capacity(REQUEST_BYTES);
        self.arguments.write_request(plan, &mut argv);
        if self.until_mistake.is_over(&mut self.spoiler) {
            // An iteration must not get a cursor that no server gave, nor a sorted set of one score another, nor a
            // string a bit so far away that it grows to hundreds of megabytes.
            let keeps_scores = plan.scores && self.swarm.one_score;
            let may_move = plan.command.fidelity != Fidelity::Cursor && !keeps_scores && !plan.places_bits;
            let spoilt = mistakes::spoil(&argv, plan.command, may_move, &mut self.spoiler);
            if !stores_open_order(plan.command, &spoilt) && !UNSPOILT.contains(&plan.command.name) {
                argv = spoilt;
            }
        }
        if spec::may_block(&argv) {
            let for_ever = self.arguments.note_wait();
            self.connections.note_wait(for_ever);
        }
        Op { conn, act: Act::Call(argv) }
    }

    /// The first `count` operations, of which the last see to it that nothing that has arrived stays unseen.
    pub fn sequence(self, count: u64) -> Sequence {
        Sequence { generator: self, left: count, ending: VecDeque::new() }
    }

    fn advance(&mut self, ms: u64) -> Act {
        self.arguments.now_ms += ms as i64;
        Act::Advance { ms }
    }

    /// A command whose reply can be compared inside EXEC's: what picks at random cannot be asked about there.
    fn pick_to_queue(&mut self, listens: bool) -> &'static Plan {
        for _ in 0..QUEUE_TRIES {
            let plan = self.plans[self.wheel.pick(&mut self.choices)];
            let Command { fidelity, family, .. } = plan.command;
            let loose = matches!(fidelity, Fidelity::RandomPick | Fidelity::RandomPop | Fidelity::Cursor);
            if !(loose || listens && *family == Family::PubSub) {
                return plan;
            }
        }
        plan("PING")
    }
}

/// Operations with an end, see [`Generator::sequence`].
pub struct Sequence {
    generator: Generator,
    left: u64,
    ending: VecDeque<Op>,
}

impl Sequence {
    /// The header of a trace of this sequence.
    pub fn header(&self) -> Header {
        self.generator.header()
    }
}

impl Iterator for Sequence {
    type Item = Op;

    fn next(&mut self) -> Option<Op> {
        self.left = self.left.checked_sub(1)?;
        if let Some(op) = self.ending.pop_front() {
            return Some(op);
        }
        if self.left > u64::from(self.generator.habits.conns) {
            return Some(self.generator.next_op());
        }
        let ending = self.generator.connections.ending();
        if (ending.len() as u64) <= self.left {
            let op = self.generator.next_op();
            if self.generator.connections.ending().len() as u64 <= self.left {
                return Some(op);
            }
        }
        self.ending = ending.into();
        let spare = Op { conn: 0, act: Act::Await };
        self.ending.resize(self.left as usize + 1, spare);
        self.ending.pop_front()
    }
}

/// How often a command is drawn until one can be queued.
const QUEUE_TRIES: usize = 16;

/// Commands that would harm the server for all seeds to come, or wait for ever, if one argument were another.
const UNSPOILT: &[&str] = &["CLIENT KILL", "CONFIG SET", "WAIT"];

/// True where a SORT would store elements in an order that it leaves open: by texts, of which some may be equal.
fn stores_open_order(command: &Command, argv: &Argv) -> bool {
    let has = |word: &str| argv.iter().any(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
    command.fidelity == Fidelity::Sorted && has("STORE") && has("BY") && has("ALPHA")
}

/// The stream of this name for a group: one seed says something else in each group.
fn stream(group: &Group, seed: Seed, name: &str) -> Stream {
    seed.stream_in(group.name, name)
}

/// Room for all but long requests, in bytes.
const REQUEST_BYTES: usize = 64;

/// How far the clock moves: half of the time by whole seconds, so that it also stops right where a key expires.
fn advance_ms(clock: &mut Stream) -> u64 {
    let shape = clock.below(16);
    let ms = match shape / 2 {
        0..=3 => clock.between(1, 1500),
        4..=6 => clock.between(1000, 10_000),
        _ => clock.between(10_000, 60_000),
    };
    u64::from(if shape.is_multiple_of(2) { ms } else { ms / 1000 * 1000 + 1000 })
}

#[cfg(test)]
mod tests;
