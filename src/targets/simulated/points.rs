//! The tester that the server asks at each of its points: holds a task where the trace says so, leaves out what a canary
//! does not do, and counts.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use madsim::time::sleep;
use redlite::points::{Ask, Observer, Passage, Point};

use super::canaries::Canary;
use super::world::{Log, What, lock};

/// How often each point was reached, by its name.
pub type Reached = BTreeMap<&'static str, u64>;

/// A hold that the trace says.
struct Armed {
    /// Index of the op, and its connection.
    op: usize,
    conn: u16,
    point: Point,
    /// How many pass before.
    left: u64,
    ms: u64,
}

/// See the module.
pub(super) struct Tester {
    log: Log,
    /// What the server does not do.
    pub canary: Option<&'static Canary>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    armed: Vec<Armed>,
    reached: BTreeMap<Point, u64>,
}

impl Tester {
    pub fn new(log: Log, canary: Option<&'static Canary>) -> Arc<Self> {
        Arc::new(Self { log, canary, state: Mutex::default() })
    }

    /// Holds who reaches a point when so many have reached it, which the op at `op` says; nobody where there is no such
    /// point.
    pub fn arm(&self, op: usize, conn: u16, point: &str, nth: u64, ms: u64) {
        let armed = |point| Armed { op, conn, point, left: nth, ms };
        lock(&self.state).armed.extend(Point::ALL.iter().find(|it| it.name() == point).copied().map(armed));
    }

    /// Holds nobody any more.
    pub fn lift(&self) {
        lock(&self.state).armed.clear();
    }

    /// How often each point was reached.
    pub fn reached(&self) -> Reached {
        lock(&self.state).reached.iter().map(|(point, count)| (point.name(), *count)).collect()
    }
}

impl Observer for Tester {
    fn reach(&self, point: Point, about: &[u8]) -> Passage {
        let mut state = lock(&self.state);
        let reached = state.reached.entry(point).or_default();
        let nth = *reached;
        *reached += 1;
        if point.ask() == Ask::LeaveOut {
            return self.canary.map_or(Passage::Go, |canary| canary.pass(point, about, nth));
        }
        let is_held = |armed: &mut Armed| {
            let is_next = armed.left == 0;
            if armed.point == point {
                armed.left = armed.left.saturating_sub(1);
            }
            armed.point == point && is_next
        };
        let Some(at) = state.armed.iter_mut().position(is_held) else { return Passage::Go };
        let Armed { op, conn, ms, .. } = state.armed.remove(at);
        self.log.note(conn, 0, What::Held { op });
        Passage::Hold(Box::pin(sleep(Duration::from_millis(ms))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::network::{Happening, event, happening, holds};
    use crate::seed::Seed;

    #[test]
    fn every_hold_is_at_a_point_that_can_be_held_and_every_such_point_has_one() {
        let mut stream = Seed(1).stream("test");
        let mut point_of = |name: &str| {
            let spec = event(name).expect("an event of the table").draw(&mut stream);
            match happening(&spec) {
                Ok(Happening::Hold { point, .. }) => point,
                other => panic!("{name} is {other:?}"),
            }
        };
        let held: Vec<&str> = holds().map(&mut point_of).collect();
        let can_be_held = Point::ALL.iter().filter(|point| point.ask() == Ask::Hold).map(|point| point.name());
        assert_eq!(held, can_be_held.collect::<Vec<_>>());
    }
}
