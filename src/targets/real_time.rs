//! Traces on a server whose clock is the machine's.
//!
//! The trace's clock stands still between its moves, the server's does not, so times cannot be exact; here they
//! are brought as close as can be. Absolute times in requests are moved from the trace's time to the server's,
//! those in replies are moved back, and a move of the clock shortens the time that every key has left.

mod lives;
pub(super) mod waits;

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use super::connection::Failure;
use super::keyspace::{Known, Requests, expiries};
use super::ways::{Expiry as Told, Move, Ways};
use lives::{End, Life, Lives, Name};
use resp::{Argv, Reply};

/// How much longer than it shall a key lives that has less than this left, in milliseconds: until the clock is moved
/// again.
const KEPT_MS: i64 = 1000;

/// The trace's time against the machine's.
pub(super) struct RealTime {
    trace_ms: i64,
    /// The server's time when the trace began.
    started_ms: i64,
    lives: Lives,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
}

impl Unit {
    /// One of it, in milliseconds.
    fn ms(self) -> i64 {
        match self {
            Self::Seconds => 1000,
            Self::Milliseconds => 1,
        }
    }
}

/// How far the time that a server tells may be from the one that it was asked for, in milliseconds.
const TIME_SLACK_MS: i64 = 1;
/// How far a time that is told as what is left may be from the time that was set, in milliseconds: the question takes a
/// while.
const LEFT_SLACK_MS: i64 = 50;
/// The same where it is told in seconds.
const SECONDS_SLACK_MS: i64 = 1000;

/// Where a request names a time since 1970.
#[derive(Debug)]
enum Place {
    /// Always this argument.
    At(usize),
    /// The argument after one of these options.
    After(&'static [(&'static str, &'static str, Unit)]),
    /// This argument, where the option is given.
    AtWith(usize, &'static str),
}

/// A command that takes or gives a time since 1970, and the one of the same meaning in milliseconds: a time in
/// seconds cannot be moved by less than one.
#[derive(Debug)]
struct Row {
    name: &'static str,
    in_ms: &'static str,
    unit: Unit,
    place: Option<Place>,
    /// True where it is the end of a key.
    is_end: bool,
}

const EX_OPTIONS: Place = Place::After(&[("EXAT", "PXAT", Unit::Seconds), ("PXAT", "PXAT", Unit::Milliseconds)]);

/// Every command with a time since 1970. Source: <https://redis.io/docs/latest/commands/>.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { name: "EXPIREAT", in_ms: "PEXPIREAT", unit: Unit::Seconds, place: Some(Place::At(2)), is_end: true },
    Row { name: "PEXPIREAT", in_ms: "PEXPIREAT", unit: Unit::Milliseconds, place: Some(Place::At(2)), is_end: true },
    Row { name: "SET", in_ms: "SET", unit: Unit::Milliseconds, place: Some(EX_OPTIONS), is_end: true },
    Row { name: "GETEX", in_ms: "GETEX", unit: Unit::Milliseconds, place: Some(EX_OPTIONS), is_end: true },
    Row { name: "RESTORE", in_ms: "RESTORE", unit: Unit::Milliseconds, place: Some(Place::AtWith(2, "ABSTTL")), is_end: true },
    Row { name: "XCLAIM", in_ms: "XCLAIM", unit: Unit::Milliseconds, place: Some(Place::After(&[("TIME", "TIME", Unit::Milliseconds)])), is_end: false },
    Row { name: "EXPIRETIME", in_ms: "PEXPIRETIME", unit: Unit::Seconds, place: None, is_end: false },
    Row { name: "PEXPIRETIME", in_ms: "PEXPIRETIME", unit: Unit::Milliseconds, place: None, is_end: false },
];

/// A request as it goes out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Moved {
    /// What is sent instead.
    pub argv: Argv,
    /// How its reply is brought back, where it is a time.
    pub reply: Option<ReplyTime>,
}

/// The reply to a moved request is a time, in milliseconds of the server's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReplyTime {
    shift_ms: i64,
    unit: Unit,
}

impl ReplyTime {
    /// The reply in the trace's time and in the unit that was asked for. What is no time stays (-1, -2, errors).
    pub fn bring_back(self, reply: Reply) -> Reply {
        match reply {
            Reply::Int(ms) if ms >= 0 => {
                let ms = ms.saturating_sub(self.shift_ms);
                Reply::Int(match self.unit {
                    Unit::Milliseconds => ms,
                    // As Redis rounds.
                    Unit::Seconds => ms.saturating_add(500) / 1000,
                })
            }
            other => other,
        }
    }
}

impl RealTime {
    /// The trace's clock stands at `trace_ms`.
    pub fn new(trace_ms: i64) -> Self {
        Self { trace_ms, started_ms: system_ms(), lives: Lives::default() }
    }

    /// Sets the trace's clock to its start, in milliseconds since 1970.
    pub fn set(&mut self, trace_ms: i64) {
        *self = Self::new(trace_ms);
    }

    /// The server's time, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        system_ms()
    }

    /// Milliseconds from the trace's time to the server's, now.
    pub fn shift_ms(&self) -> i64 {
        self.now_ms().saturating_sub(self.trace_ms)
    }

    /// Moves the trace's clock by shortening the time that each key on the server has left; keys whose time is
    /// over go.
    ///
    /// In the trace's time a key stays while `now <= expiry`, and between two moves no time passes. On the server some
    /// does: what the trace took so far may have ended a key, and what it will take may. Such keys are given time until
    /// the next move. False where the server does not tell the times or refuses to change them.
    pub fn advance(
        &mut self,
        ms: u64,
        server: &mut impl Requests,
        known: &Known,
        ways: &Ways,
    ) -> Result<bool, Failure> {
        let trace_before_ms = self.trace_ms;
        self.trace_ms = trace_before_ms.saturating_add_unsigned(ms);
        let mut requests = Vec::new();
        let (mut selected, mut given) = (None, BTreeMap::new());
        let now_ms = self.now_ms();
        let Some(expiries) = expiries(server, known, now_ms)? else { return Ok(false) };
        for expiry in expiries {
            if selected.replace(expiry.db) != Some(expiry.db) && ways.select {
                requests.push(Argv::from(["SELECT", &expiry.db.to_string()]));
            }
            let name = (expiry.db, expiry.key);
            let ends_ms = self.end_of(&name, expiry.expires_ms, now_ms, trace_before_ms, ways);
            let left_ms = ends_ms.saturating_sub(self.trace_ms);
            let expires_ms = match left_ms {
                // Long over, and never refused as a time below 0 might be.
                ..0 => 1,
                0..KEPT_MS => now_ms.saturating_add(left_ms + KEPT_MS),
                _ => now_ms.saturating_add(left_ms),
            };
            let key = name.1.as_slice();
            requests.push(match ways.moves {
                Move::To => Argv::from([b"PEXPIREAT", key, expires_ms.to_string().as_bytes()]),
                Move::By => Argv::from([b"PEXPIRE", key, (expires_ms - now_ms).to_string().as_bytes()]),
                Move::Never => return Ok(false),
            });
            given.insert(name, End { server_ms: expires_ms, trace_ms: ends_ms });
        }
        self.lives.give(given);
        let replies = server.run(&requests)?;
        // SELECT of database 0 may be unknown. PEXPIREAT answers 0 where the key has expired in between.
        let is_moved =
            |(request, reply): (&Argv, &Reply)| &request[0] == b"SELECT" || matches!(reply, Reply::Int(0 | 1));
        Ok(requests.iter().zip(&replies).all(is_moved))
    }

    /// When a key expires in the trace's time, of which the server said at `now_ms` that it does at `expires_ms`; it was
    /// `trace_before_ms` in the trace's.
    fn end_of(&self, name: &Name, expires_ms: i64, now_ms: i64, trace_before_ms: i64, ways: &Ways) -> i64 {
        let slack_ms = match (ways.expiry, ways.moves) {
            (Told::Time, Move::To | Move::Never) => TIME_SLACK_MS,
            (Told::Time, Move::By) | (Told::Left, _) => LEFT_SLACK_MS,
            (Told::SecondsLeft | Told::Untold, _) => SECONDS_SLACK_MS,
        };
        let late_ms = now_ms - self.started_ms;
        self.lives.find(name, expires_ms, slack_ms, late_ms).unwrap_or_else(|| {
            // The server's clock has gone on by no more than that since it was set.
            let least_ms = expires_ms.saturating_sub(now_ms).saturating_add(trace_before_ms);
            self.trace_ms.clamp(least_ms, least_ms.saturating_add(late_ms))
        })
    }

    /// The request in the server's time, or `None` where it goes out as it is. One that `is_queued` for EXEC is answered
    /// there: a time that it asks for stays the server's.
    pub fn move_request(&mut self, argv: &Argv, is_queued: bool) -> Option<Moved> {
        let name = argv.get(0)?;
        if name.eq_ignore_ascii_case(b"XADD") {
            return Some(Moved { argv: name_entry(self.trace_ms, argv)?, reply: None });
        }
        let (key, now_ms) = (argv.get(1)?, self.now_ms());
        if let Some(life) = Life::of(argv) {
            let lasts_ms = life.fit(self.trace_ms, now_ms)?;
            let (server_ms, trace_ms) = (now_ms.saturating_add(lasts_ms), self.trace_ms.saturating_add(life.lasts_ms));
            self.lives.ask(key, End { server_ms, trace_ms });
            return (lasts_ms != life.lasts_ms).then(|| Moved { argv: life.write(argv, lasts_ms), reply: None });
        }
        if let Some(argv) = waits::prolong(argv) {
            return Some(Moved { argv, reply: None });
        }
        let row = ROWS.iter().find(|row| name.eq_ignore_ascii_case(row.name.as_bytes()))?;
        if is_queued && row.place.is_none() {
            return None;
        }
        let (moved, end) = move_by(self.trace_ms, now_ms, row, argv)?;
        end.into_iter().for_each(|end| self.lives.ask(key, end));
        Some(moved)
    }
}

/// The machine's time, in milliseconds since 1970.
fn system_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// XADD with the id of the trace's clock in the place of `*`, which would take that of the server's. Where the stream's
/// last id is of a later time, `*` follows it and this is refused: no request does both.
fn name_entry(trace_ms: i64, argv: &Argv) -> Option<Argv> {
    let mut at = 2;
    loop {
        at += match () {
            () if argv.says(at, "*") => break,
            () if argv.says(at, "NOMKSTREAM") => 1,
            () if argv.says(at, "LIMIT") => 2,
            () if (argv.says(at, "MAXLEN") || argv.says(at, "MINID"))
                && (argv.says(at + 1, "~") || argv.says(at + 1, "=")) =>
            {
                3
            }
            () if argv.says(at, "MAXLEN") || argv.says(at, "MINID") => 2,
            () => return None,
        };
    }
    let id = format!("{trace_ms}-*");
    Some(argv.iter().enumerate().map(|(here, arg)| if here == at { id.as_bytes() } else { arg }).collect())
}

/// Moves a request from the trace's time to the server's; also the end that it gives a key, in both.
fn move_by(trace_ms: i64, now_ms: i64, row: &Row, argv: &Argv) -> Option<(Moved, Option<End>)> {
    let mut args: Vec<Vec<u8>> = argv.iter().map(<[u8]>::to_vec).collect();
    let Some(place) = &row.place else {
        // With any other number of arguments the reply is an error that names the command.
        return (args.len() == 2).then(|| {
            args[0] = row.in_ms.into();
            let reply = ReplyTime { shift_ms: now_ms.saturating_sub(trace_ms), unit: row.unit };
            (Moved { argv: args.iter().collect(), reply: Some(reply) }, None)
        });
    };
    let is = |arg: &[u8], option: &str| arg.eq_ignore_ascii_case(option.as_bytes());
    let (at, unit) = match *place {
        Place::At(at) => {
            args[0] = row.in_ms.into();
            (at, row.unit)
        }
        Place::AtWith(at, option) => {
            args.iter().skip(at + 1).find(|arg| is(arg, option))?;
            (at, row.unit)
        }
        Place::After(options) => {
            // Behind the command, the key and what else comes first, which may look like an option.
            let first = match &args[0] {
                name if is(name, "SET") => 3,
                name if is(name, "XCLAIM") => 5,
                _ => 2,
            };
            let find = |at: usize| options.iter().find(|(name, ..)| is(&args[at], name)).map(|option| (at, option));
            let (at, (_, in_ms, unit)) = (first..args.len().checked_sub(1)?).find_map(find)?;
            args[at] = (*in_ms).into();
            (at + 1, *unit)
        }
    };
    let time = args.get_mut(at)?;
    let mut end = move_time(time, unit, trace_ms, now_ms)?;
    if row.is_end && (1..KEPT_MS).contains(&end.trace_ms.saturating_sub(trace_ms)) {
        end.server_ms = end.server_ms.saturating_add(KEPT_MS);
    }
    *time = end.server_ms.to_string().into_bytes();
    Some((Moved { argv: args.iter().collect(), reply: None }, row.is_end.then_some(end)))
}

/// A time in milliseconds, by the trace's clock and the server's. `None` where it is no valid time, or so far away that
/// moving it could change whether the server refuses it.
fn move_time(text: &[u8], unit: Unit, trace_ms: i64, now_ms: i64) -> Option<End> {
    let time: i64 = std::str::from_utf8(text).ok()?.parse().ok().filter(|&time| time > 0)?;
    let ms = time.checked_mul(unit.ms())?;
    let server_ms = ms.saturating_add(now_ms.saturating_sub(trace_ms)).max(1);
    (ms < i64::MAX / 2).then_some(End { server_ms, trace_ms: ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moves a request by 1,500 ms; `expected` is empty where it stays as it is.
    fn check(request: &str, expected: &str) {
        let argv: Argv = request.split(' ').collect();
        let row = ROWS.iter().find(|row| argv[0].eq_ignore_ascii_case(row.name.as_bytes()));
        let moved = row.and_then(|row| move_by(-1_000_000, -998_500, row, &argv)).map(|(moved, _)| moved.argv);
        let expected = (!expected.is_empty()).then(|| expected.split(' ').collect::<Argv>());
        assert_eq!(moved, expected, "{request}");
    }

    /// A server with one key, `k`, which has 9 s left.
    struct OneKey {
        knows: &'static [&'static str],
        moved_to: Option<i64>,
    }

    impl Requests for OneKey {
        fn run(&mut self, requests: &[Argv]) -> Result<Vec<Reply>, Failure> {
            let mut answer = |argv: &Argv| {
                let name = String::from_utf8_lossy(&argv[0]).into_owned();
                match name.as_str() {
                    "INFO" => Reply::bulk("# Keyspace\r\ndb0:keys=1,expires=1\r\n"),
                    name if !self.knows.contains(&name) => Reply::error("ERR unknown command"),
                    "KEYS" => Reply::Array(vec![Reply::bulk("k")]),
                    "PTTL" => Reply::Int(9000),
                    _ => {
                        self.moved_to = String::from_utf8_lossy(&argv[2]).parse().ok();
                        Reply::Int(1)
                    }
                }
            };
            Ok(requests.iter().map(&mut answer).collect())
        }
    }

    #[test]
    fn a_move_of_the_clock_reaches_every_key_or_is_refused() {
        let advance = |knows| {
            let mut server = OneKey { knows, moved_to: None };
            let mut clock = RealTime::new(0);
            let moved = clock.advance(5000, &mut server, &Known::new(), &Ways::all()).expect("the server answers");
            (moved, server.moved_to.map(|at_ms| at_ms - clock.now_ms()))
        };
        let (moved, left_ms) = advance(&["KEYS", "PTTL", "PEXPIREAT"]);
        assert!(moved && left_ms.is_some_and(|left_ms| (3000..=4000).contains(&left_ms)), "{moved} {left_ms:?}");
        assert_eq!(advance(&["KEYS", "PTTL"]), (false, None), "PEXPIREAT is refused");
        assert_eq!(advance(&["KEYS", "PEXPIREAT"]), (false, None), "no time is told");
        assert_eq!(advance(&["PTTL", "PEXPIREAT"]), (false, None), "no key is told");
    }

    #[test]
    fn times_in_requests_are_moved_in_milliseconds() {
        check("EXPIREAT k 100 NX", "PEXPIREAT k 101500 NX");
        check("pexpireat k 100", "PEXPIREAT k 1600");
        check("SET k v EXAT 100 NX", "SET k v PXAT 101500 NX");
        check("SET k exat GET pxat 100", "SET k exat GET PXAT 1600");
        check("GETEX k PXAT 100", "GETEX k PXAT 1600");
        check("RESTORE k 100 payload ABSTTL", "RESTORE k 1600 payload ABSTTL");
        check("XCLAIM k TIME 100 0 1-1 TIME 100", "XCLAIM k TIME 100 0 1-1 TIME 1600");
    }

    #[test]
    fn entries_get_ids_of_the_clock_of_the_trace() {
        let check = |request: &str, expected: &str| {
            let named = name_entry(7, &request.split(' ').collect());
            let expected = (!expected.is_empty()).then(|| expected.split(' ').collect::<Argv>());
            assert_eq!(named, expected, "{request}");
        };
        check("XADD k * f v", "XADD k 7-* f v");
        check("XADD k nomkstream MAXLEN ~ 5 LIMIT 3 * * *", "XADD k nomkstream MAXLEN ~ 5 LIMIT 3 7-* * *");
        check("XADD k MINID * 1-1 f v", "");
        check("XADD k 1-1 * *", "");
        check("XADD k MAXLEN", "");
    }

    #[test]
    fn what_is_no_time_stays() {
        check("EXPIREAT k", "");
        check("EXPIREAT k nonsense", "");
        check("EXPIREAT k -1", "");
        check("EXPIREAT k 0", "");
        check("EXPIREAT k 9223372036854775807", "");
        check("SET k v EX 100", "");
        check("SET k v EXAT", "");
        check("RESTORE k 100 payload", "");
        check("EXPIRETIME", "");
        check("GET k", "");
    }

    #[test]
    fn a_time_that_exec_answers_stays_the_servers() {
        let mut clock = RealTime::new(0);
        let argv = Argv::from(["EXPIRETIME", "k"]);
        assert_eq!(clock.move_request(&argv, true), None);
        assert!(clock.move_request(&argv, false).is_some());
    }

    #[test]
    fn times_in_replies_are_brought_back() {
        check("EXPIRETIME k", "PEXPIRETIME k");
        let seconds = ReplyTime { shift_ms: 1500, unit: Unit::Seconds };
        assert_eq!(seconds.bring_back(Reply::Int(101_500)), Reply::Int(100));
        let milliseconds = ReplyTime { shift_ms: 1500, unit: Unit::Milliseconds };
        assert_eq!(milliseconds.bring_back(Reply::Int(101_500)), Reply::Int(100_000));
        assert_eq!(milliseconds.bring_back(Reply::Int(-2)), Reply::Int(-2));
    }
}
