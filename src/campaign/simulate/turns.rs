//! Whose turn it is: drawn anew each time, or by priorities, as the seed has it.
//!
//! By priorities: each client has as many turns, the one with the highest priority that has some left has the next, and at
//! a few moments, drawn before, whoever has the turn falls behind all others. An order that fails only where `d` things
//! come in one order is found with a probability of at least `1/(n·k^(d-1))`, of `n` clients and `k` turns: Burckhardt,
//! Kothari, Musuvathi, Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", ASPLOS 2010.

use crate::seed::Stream;

/// How turns are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sampling {
    /// Each client as likely as any.
    #[default]
    Uniform,
    /// By priorities.
    Priority,
}

impl Sampling {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Sampling::Uniform => "uniform turns",
            Sampling::Priority => "turns by priority",
        }
    }
}

/// One seed in so many has priorities.
const PRIORITY_MEAN: u32 = 3;
/// So often at most whoever has the turn falls behind.
const FALLS_MAX: u32 = 4;

/// Whose turn it is.
pub(super) struct Turns {
    draws: Stream,
    clients: u32,
    /// None where turns are uniform.
    priorities: Option<Priorities>,
}

struct Priorities {
    /// The clients, the highest priority last, with how many turns each has left.
    order: Vec<(u32, u64)>,
    /// The turns at which one falls behind, the next last.
    falls: Vec<u64>,
    turn: u64,
}

impl Turns {
    /// The turns of so many clients.
    pub fn new(mut draws: Stream, swarm: &mut Stream, clients: u32, turns: u64) -> Self {
        let priorities = swarm.chance(1, PRIORITY_MEAN).then(|| Priorities::draw(&mut draws, clients, turns));
        Self { draws, clients, priorities }
    }

    /// How they are drawn.
    pub fn sampling(&self) -> Sampling {
        if self.priorities.is_some() { Sampling::Priority } else { Sampling::Uniform }
    }

    /// Who is next.
    pub fn next(&mut self) -> u32 {
        match &mut self.priorities {
            Some(priorities) => priorities.next(),
            None => self.draws.below(self.clients),
        }
    }
}

impl Priorities {
    fn draw(draws: &mut Stream, clients: u32, turns: u64) -> Self {
        let each = turns.div_ceil(u64::from(clients));
        let mut order: Vec<(u32, u64)> = Vec::new();
        for client in 0..clients {
            let at = draws.below(client + 1) as usize;
            order.insert(at, (client, each));
        }
        let bound = u32::try_from(turns).unwrap_or(u32::MAX).max(1);
        let mut falls: Vec<u64> = (0..draws.between(1, FALLS_MAX)).map(|_| u64::from(draws.below(bound))).collect();
        falls.sort_unstable_by(|one, other| other.cmp(one));
        Self { order, falls, turn: 0 }
    }

    fn next(&mut self) -> u32 {
        while self.falls.pop_if(|fall| *fall <= self.turn).is_some() {
            let falling = self.order.pop();
            self.order.splice(0..0, falling);
        }
        self.turn += 1;
        while self.order.len() > 1 && self.order.last().is_some_and(|(_, left)| *left == 0) {
            self.order.pop();
        }
        let Some((client, left)) = self.order.last_mut() else { return 0 };
        *left = left.saturating_sub(1);
        *client
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    /// The turns of a seed whose turns are drawn so.
    fn draw(sampling: Sampling, clients: u32, turns: u64) -> Vec<u32> {
        let mut seeds = (0..).map(|seed| {
            let stream = |name| Seed(seed).stream(name);
            Turns::new(stream("turns"), &mut stream("swarm"), clients, turns)
        });
        let mut drawn = seeds.find(|drawn| drawn.sampling() == sampling).expect("there are both");
        (0..turns).map(|_| drawn.next()).collect()
    }

    #[test]
    fn by_priority_each_has_its_turns_and_few_interrupt_another() {
        let turns = draw(Sampling::Priority, 4, 200);
        (0..4).for_each(|client| assert_eq!(turns.iter().filter(|turn| **turn == client).count(), 50, "{turns:?}"));
        let changes = turns.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!((3..=3 + 2 * FALLS_MAX as usize).contains(&changes), "{changes} changes: {turns:?}");
    }

    #[test]
    fn uniform_turns_are_everybodys() {
        let turns = draw(Sampling::Uniform, 4, 200);
        (0..4).for_each(|client| assert!(turns.iter().filter(|turn| **turn == client).count() > 20, "{turns:?}"));
    }
}
