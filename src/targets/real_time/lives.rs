//! When keys expire in the trace's time, on a server whose clock is the machine's.
//!
//! What a server says of a key's end is by its own clock, and how much of that has gone by since the key was given its
//! time to live depends on how fast the server is. So the ends that requests ask for are kept, in both times, and a key
//! is known by the end that it has.

use std::collections::{BTreeMap, VecDeque};

use super::{KEPT_MS, Unit};
use resp::Argv;

/// So many of the last ends that were asked for are kept.
const ASKED_MAX: usize = 10_000;

/// When a key expires, in milliseconds since 1970 by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub server_ms: i64,
    pub trace_ms: i64,
}

/// A key by its database and name.
pub(super) type Name = (u32, Vec<u8>);

/// The ends of keys.
#[derive(Debug, Default)]
pub(super) struct Lives {
    /// Of keys that were given theirs when the clock was moved last.
    given: BTreeMap<Name, End>,
    /// As requests have asked for them since, for keys of these names; the last at the end.
    asked: VecDeque<(Vec<u8>, End)>,
}

impl Lives {
    /// A request asks for this end; on the server it is no earlier.
    pub fn ask(&mut self, key: &[u8], end: End) {
        if self.asked.len() == ASKED_MAX {
            self.asked.pop_front();
        }
        self.asked.push_back((key.to_vec(), end));
    }

    /// The clock was moved: the keys that expire were given these ends.
    pub fn give(&mut self, given: BTreeMap<Name, End>) {
        self.given = given;
        self.asked.clear();
    }

    /// When this key expires in the trace's time: the server says at `server_ms`, give or take `slack_ms`, and no
    /// request took longer than `late_ms`. `None` where no end fits.
    pub fn find(&self, name: &Name, server_ms: i64, slack_ms: i64, late_ms: i64) -> Option<i64> {
        let fits = |end: &End, late_ms: i64| {
            (-slack_ms..=late_ms.saturating_add(slack_ms)).contains(&server_ms.saturating_sub(end.server_ms))
        };
        let asked = || self.asked.iter().rev().filter(|(_, end)| fits(end, late_ms));
        let own = || asked().find(|(key, _)| *key == name.1).map(|(_, end)| end);
        let given = || self.given.get(name).filter(|end| fits(end, 0));
        // It may have been renamed, or be a copy.
        let others = || asked().map(|(_, end)| end).max_by_key(|end| end.server_ms);
        let givens = || self.given.values().find(|end| fits(end, 0));
        own().or_else(given).or_else(others).or_else(givens).map(|end| end.trace_ms)
    }
}

/// Commands with a time to live, and where it is: this argument, or that behind one of the options EX and PX.
#[rustfmt::skip]
const LASTING: &[(&str, Option<usize>, Unit)] = &[
    ("EXPIRE", Some(2), Unit::Seconds),
    ("PEXPIRE", Some(2), Unit::Milliseconds),
    ("SETEX", Some(2), Unit::Seconds),
    ("PSETEX", Some(2), Unit::Milliseconds),
    ("SET", None, Unit::Seconds),
    ("GETEX", None, Unit::Seconds),
];

/// How much room is left on the server's clock, which goes on until the request is there.
const ROOM_LEFT_MS: i64 = 60_000;

/// The time to live that a request gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Life {
    /// The argument that says it.
    at: usize,
    unit: Unit,
    pub lasts_ms: i64,
    /// True where it depends on what the key has left.
    is_compared: bool,
}

impl Life {
    /// That of this request; `None` where it gives none that is valid.
    pub fn of(argv: &Argv) -> Option<Self> {
        let (_, place, unit) = LASTING.iter().find(|(name, ..)| argv.says(0, name))?;
        let (at, unit) = match place {
            Some(at) => (*at, *unit),
            None => {
                // A value may look like an option.
                let first = if argv.says(0, "SET") { 3 } else { 2 };
                let option = (first..argv.len()).find(|&at| argv.says(at, "EX") || argv.says(at, "PX"))?;
                (option + 1, if argv.says(option, "EX") { Unit::Seconds } else { Unit::Milliseconds })
            }
        };
        let lasts: i64 = std::str::from_utf8(argv.get(at)?).ok()?.parse().ok()?;
        let lasts_ms = lasts.checked_mul(unit.ms())?;
        let is_compared = (at + 1..argv.len()).any(|at| argv.says(at, "GT") || argv.says(at, "LT"));
        Some(Self { at, unit, lasts_ms, is_compared })
    }

    /// How long the key is to live on the server: longer where it could end before the trace's clock is moved, and no
    /// longer than the server's clock has room for, where the trace's has. `None` where neither has.
    pub fn fit(&self, trace_ms: i64, now_ms: i64) -> Option<i64> {
        trace_ms.checked_add(self.lasts_ms)?;
        let room_ms = i64::MAX - now_ms - ROOM_LEFT_MS;
        Some(match self.lasts_ms {
            1..KEPT_MS if self.unit == Unit::Milliseconds && !self.is_compared => self.lasts_ms + KEPT_MS,
            lasts_ms if lasts_ms > room_ms => room_ms / self.unit.ms() * self.unit.ms(),
            lasts_ms => lasts_ms,
        })
    }

    /// The request with another time to live.
    pub fn write(&self, argv: &Argv, lasts_ms: i64) -> Argv {
        let text = (lasts_ms / self.unit.ms()).to_string();
        argv.iter().enumerate().map(|(at, arg)| if at == self.at { text.as_bytes() } else { arg }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_fits_between_two_moves_of_the_clock_and_the_end_of_time() {
        let check = |request: &str, expected: &str| {
            let argv: Argv = request.split(' ').collect();
            let fitted = Life::of(&argv).and_then(|life| Some(life.write(&argv, life.fit(1_000_000, 3_000_000)?)));
            assert_eq!(fitted, (!expected.is_empty()).then(|| expected.split(' ').collect::<Argv>()), "{request}");
        };
        check("SETEX k 9223372036853775 v", "SETEX k 9223372036851715 v");
        check("set k px PX 9223372036853775807", "set k px PX 9223372036851715807");
        check("PEXPIRE k 9223372036853775808", "");
        check("PEXPIRE k 9223372036851715807", "PEXPIRE k 9223372036851715807");
        check("SET k 9223372036853775", "");
        check("SETEX k nonsense v", "");
        check("PERSIST k", "");
        check("PEXPIRE k 5", "PEXPIRE k 1005");
        check("PEXPIRE k 5 lt", "PEXPIRE k 5 lt");
        check("PEXPIRE k 1000", "PEXPIRE k 1000");
        check("EXPIRE k 0", "EXPIRE k 0");
        check("SET k v PX -5", "SET k v PX -5");
    }

    /// The end of `k`, which the server says to be at `server_ms`.
    #[track_caller]
    fn check(lives: &Lives, server_ms: i64, expected: Option<i64>) {
        assert_eq!(lives.find(&(0, b"k".to_vec()), server_ms, 1, 50), expected, "{server_ms} of {lives:?}");
    }

    #[test]
    fn a_key_is_known_by_its_end() {
        let end = |server_ms, trace_ms| End { server_ms, trace_ms };
        let mut lives = Lives::default();
        lives.ask(b"a", end(1000, 10));
        lives.ask(b"b", end(1020, 20));
        check(&lives, 1000, Some(10));
        check(&lives, 1018, Some(10));
        check(&lives, 1030, Some(20));
        check(&lives, 1100, None);
        check(&lives, 900, None);
        lives.ask(b"k", end(1010, 30));
        check(&lives, 1030, Some(30));
        lives.give(BTreeMap::from([((0, b"k".to_vec()), end(1015, 40)), ((0, b"a".to_vec()), end(1025, 50))]));
        check(&lives, 1015, Some(40));
        check(&lives, 1025, Some(50));
        check(&lives, 1017, None);
        lives.ask(b"k", end(1015, 60));
        check(&lives, 1015, Some(60));
    }
}
