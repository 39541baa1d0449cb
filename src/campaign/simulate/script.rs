//! The trace of a seed: what each client asks and when, and what happens meanwhile. Everything that a run decides is in it.

use super::scenarios::{RESTART, RESTART_MS, Scenario};
use super::turns::{Sampling, Turns};
use crate::faults::fault;
use crate::faults::network::{event, holds};
use crate::generate::{self, Generator, group};
use crate::seed::{Seed, Stream};
use crate::trace::{Act, Header, Op};
use resp::Argv;

/// As many clients as there may be without being asked for.
const CLIENTS_MAX: u32 = 8;

/// The trace of a seed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Script {
    pub header: Header,
    pub ops: Vec<Op>,
    /// How it was drawn whose turn it is.
    pub sampling: Sampling,
}

/// Writes the trace of a seed, of about so many turns. `clients` of `None` draws how many.
pub(super) fn write(scenario: &'static Scenario, seed: Seed, clients: Option<u16>, turns: u64) -> Script {
    Writer::new(scenario, seed, clients, turns).write(turns)
}

struct Writer {
    scenario: &'static Scenario,
    seed: Seed,
    turns: Turns,
    /// Draws how much time goes by.
    gaps: Stream,
    /// Draws what happens.
    happens: Stream,
    events: Vec<&'static str>,
    holds: Vec<&'static str>,
    gap_ms_max: u32,
    /// One turn in so many is at another moment than the one before.
    gap_mean: u32,
    clients: Vec<Generator>,
    /// What the key of each client is called, where it has but one.
    keys: Vec<&'static str>,
}

impl Writer {
    fn new(scenario: &'static Scenario, seed: Seed, clients: Option<u16>, turns: u64) -> Self {
        let stream = |name: &str| seed.stream_in(scenario.name, name);
        let mut swarm = stream("swarm");
        let count = clients.unwrap_or_else(|| swarm.between(2, CLIENTS_MAX) as u16);
        let generator = |conn: u16| {
            let mut draws = stream(&format!("client {conn}"));
            // A scenario names groups that there are, which a test holds.
            let name: &str = draws.pick::<&str>(scenario.groups);
            let group = group(name).unwrap_or(&generate::groups()[0]);
            (Generator::new(&generate::Options { seed: Seed(draws.bits64()), group }), group.name)
        };
        let (clients, keys) = (0..count).map(generator).unzip();
        Self {
            clients,
            keys,
            events: scenario.events.iter().copied().filter(|_| swarm.chance(2, 3)).collect(),
            holds: holds().filter(|_| swarm.chance(1, 3)).collect(),
            gap_ms_max: swarm.between(1, scenario.gap_ms_max.max(1)),
            gap_mean: swarm.between(1, 6),
            turns: Turns::new(stream("turns"), &mut swarm, u32::from(count), turns),
            gaps: stream("gaps"),
            happens: stream("events"),
            scenario,
            seed,
        }
    }

    fn write(mut self, turns: u64) -> Script {
        let header = Header {
            seed: Some(self.seed),
            generator: generate::GENERATOR,
            profile: format!("simulate {}", self.scenario.name),
            ..Header::default()
        };
        let mut ops = Vec::new();
        self.happen("schedule", 0, &mut ops);
        for turn in 0..turns {
            match self.scenario.duration_ms {
                Some(duration_ms) => self.spread(duration_ms, turn, turns, &mut ops),
                None if self.gaps.chance(1, self.gap_mean) => {
                    let ms = u64::from(self.gaps.below(self.gap_ms_max + 1));
                    ops.push(Op { conn: 0, act: Act::Advance { ms } });
                }
                None => {}
            }
            self.take_turn(&mut ops);
        }
        Script { header, ops, sampling: self.turns.sampling() }
    }

    /// Goes on to the time of a turn, of those that are spread over a duration, past the restarts before it.
    fn spread(&self, duration_ms: u64, turn: u64, turns: u64, ops: &mut Vec<Op>) {
        let at_ms = |turn: u64| duration_ms / turns * turn;
        let (mut now_ms, until_ms) = (at_ms(turn), at_ms(turn + 1));
        let advance = |ms| Op { conn: 0, act: Act::Advance { ms } };
        while now_ms / RESTART_MS < until_ms / RESTART_MS {
            let next_ms = (now_ms / RESTART_MS + 1) * RESTART_MS;
            ops.extend([advance(next_ms - now_ms), Op { conn: 0, act: Act::Restart }]);
            now_ms = next_ms;
        }
        ops.push(advance(until_ms - now_ms));
    }

    fn take_turn(&mut self, ops: &mut Vec<Op>) {
        let conn = self.turns.next() as u16;
        let Scenario { event_mean, hold_mean, close_mean, half_mean, .. } = *self.scenario;
        let mut is_due = |mean: u32| mean > 0 && self.happens.chance(1, mean);
        if is_due(event_mean) && !self.events.is_empty() {
            let name = *self.happens.pick(&self.events);
            return self.happen(name, conn, ops);
        }
        if is_due(hold_mean) && !self.holds.is_empty() {
            let name = *self.happens.pick(&self.holds);
            return self.happen(name, conn, ops);
        }
        if is_due(close_mean) {
            return ops.push(Op { conn, act: Act::Close });
        }
        let leaves = is_due(half_mean);
        let argv = self.next_request(usize::from(conn));
        if !leaves {
            return ops.push(Op { conn, act: Act::Call(argv) });
        }
        let mut bytes = Vec::new();
        argv.encode(&mut bytes);
        let sent = self.happens.below(bytes.len() as u32) as usize;
        ops.push(Op { conn, act: Act::Raw(bytes[..sent].to_vec()) });
        ops.push(Op { conn, act: Act::Close });
    }

    fn happen(&mut self, name: &str, conn: u16, ops: &mut Vec<Op>) {
        let drawn = event(name).map(|event| event.draw(&mut self.happens));
        let drawn = drawn.or_else(|| fault(name).map(|fault| fault.draw(&mut self.happens)));
        let act = match (name, drawn) {
            (RESTART, _) => Act::Restart,
            (_, Some(spec)) => Act::Fault(spec),
            (_, None) => return,
        };
        ops.push(Op { conn, act });
    }

    fn next_request(&mut self, client: usize) -> Argv {
        loop {
            if let Act::Call(argv) = self.clients[client].next_op().act {
                return if self.scenario.has_one_key { on_one_key(&argv, self.keys[client]) } else { argv };
            }
        }
    }
}

/// The same request of this key, whichever it names.
fn on_one_key(argv: &Argv, key: &str) -> Argv {
    let places: Vec<usize> =
        spec::lookup_request(argv).map(|command| command.key_positions(argv).collect()).unwrap_or_default();
    let mut changed = Argv::new();
    for (at, arg) in argv.iter().enumerate() {
        changed.push(if places.contains(&at) { key.as_bytes() } else { arg });
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::super::scenarios::SCENARIOS;
    use super::*;
    use crate::faults::network::happening;

    #[test]
    fn every_scenario_names_what_there_is() {
        for scenario in SCENARIOS {
            scenario.groups.iter().for_each(|name| assert!(group(name).is_some(), "{name} of {}", scenario.name));
            let is_known = |name: &str| name == RESTART || event(name).is_some() || fault(name).is_some();
            scenario.happenings().for_each(|name| assert!(is_known(name), "{name} of {}", scenario.name));
        }
    }

    #[test]
    fn a_key_that_all_share_takes_the_place_of_each() {
        let check = |request: &str, expected: &str| {
            let argv = |text: &str| Argv::from(text.split(' ').collect::<Vec<_>>().as_slice());
            assert_eq!(on_one_key(&argv(request), "hot"), argv(expected), "{request}");
        };
        check("SET k v", "SET hot v");
        check("MSET a 1 b 2", "MSET hot 1 hot 2");
        check("XREAD STREAMS s 0", "XREAD STREAMS hot 0");
        check("MULTI", "MULTI");
        check("NONE a", "NONE a");
    }

    #[test]
    fn a_seed_is_a_trace() {
        for scenario in SCENARIOS {
            let write = |seed| write(scenario, Seed(seed), None, 200);
            let script = write(1);
            assert_eq!(script, write(1));
            assert_ne!(script.ops, write(2).ops);
            let ops = script.ops;
            assert!(ops.len() >= 200, "{} has {} ops", scenario.name, ops.len());
            for op in &ops {
                if let Act::Fault(spec) = &op.act
                    && event(&spec.name).is_some()
                {
                    happening(spec).unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
                }
            }
        }
    }
}
