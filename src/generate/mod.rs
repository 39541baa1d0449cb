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
//! | `pools` | names of keys, fields and members, and values; which are hot |
//! | `walk` | options and repetitions, by the syntax |
//! | `arguments` | one argument of each kind |
//! | `search` | documents, queries and expressions |
//! | `mistakes` | what is wrong with a request that a server must refuse |

mod arguments;
mod groups;
mod mistakes;
mod numbers;
mod pools;
mod search;
mod swarm;
mod walk;
mod weights;

use crate::resp::Argv;
use crate::seed::{Seed, Stream};
use crate::spec::Fidelity;
use crate::trace::{Act, Header, Op, START_MS};

use arguments::Arguments;
use pools::{Gap, Wheel};
use swarm::Swarm;
use walk::Plan;

pub use groups::{Group, group, groups};

/// The version of what a seed means. It rises with every change that gives a seed other operations.
pub const GENERATOR: u16 = 1;

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
    /// Draws commands and connections.
    choices: Stream,
    conn: u16,
    until_switch: Gap,
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
        let mut choices = stream(group, seed, "commands");
        let mut clock = stream(group, seed, "clock");
        let mut spoiler = stream(group, seed, "mistakes");
        Self {
            options: options.clone(),
            wheel: Wheel::new(&weights),
            plans,
            arguments: Arguments::new(group, &swarm, seed),
            until_switch: Gap::new(SWITCH_MEAN, &mut choices),
            choices,
            conn: 0,
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
        format!("seed {} group {}: {}", self.options.seed, self.options.group.name, self.swarm)
    }

    /// The next operation.
    pub fn next_op(&mut self) -> Op {
        if self.swarm.conns > 1 && self.until_switch.is_over(&mut self.choices) {
            self.conn = self.choices.below(self.swarm.conns.into()) as u16;
        }
        let conn = self.conn;
        if self.until_advance.is_over(&mut self.clock) {
            let ms = advance_ms(&mut self.clock);
            self.arguments.now_ms += ms as i64;
            return Op { conn, act: Act::Advance { ms } };
        }
        let plan = self.plans[self.wheel.pick(&mut self.choices)];
        let mut argv = Argv::with_capacity(REQUEST_BYTES);
        self.arguments.write_request(plan, &mut argv);
        if self.until_mistake.is_over(&mut self.spoiler) {
            // An iteration must not get a cursor that no server gave, nor a sorted set of one score another.
            let may_move = plan.command.fidelity != Fidelity::Cursor && !(plan.scores && self.swarm.one_score);
            argv = mistakes::spoil(&argv, plan.command, may_move, &mut self.spoiler);
        }
        Op { conn, act: Act::Call(argv) }
    }
}

/// The stream of this name for a group: one seed says something else in each group.
fn stream(group: &Group, seed: Seed, name: &str) -> Stream {
    seed.stream(&format!("{}/{name}", group.name))
}

/// Room for all but long requests, in bytes.
const REQUEST_BYTES: usize = 64;

/// The connection may change once in so many operations: a replay cannot pipeline across a change.
const SWITCH_MEAN: u32 = 20;

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
