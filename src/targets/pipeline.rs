//! Ops of one connection that go out together: which they are, and how their replies are told apart.
//!
//! | op | sent | answered by |
//! |---|---|---|
//! | a call | it | one reply |
//! | a call from a subscription on | it, and a PING | all that comes before the PING's echo |
//! | a move of the clock between calls | the request that moves it | nothing of the trace |
//! | an await of a connection that is told nothing | | |

use std::collections::{BTreeMap, VecDeque};

use super::clock::FrozenClock;
use super::connection::Dialogue;
use super::keyspace;
use super::link::{Link, Need, need_of, sees_expired};
use super::real_time::{RealTime, ReplyTime};
use super::ways::{Barrier, Ways};
use crate::trace::{Act, Op};
use resp::{Argv, Reply};

/// How many ops at the start of `ops` can go out together on the connection of the first; the last of them is a call.
/// None where the first needs care. An iteration needs the replies before its next step, so it comes last.
///
/// `is_frozen` says that subscriptions can be among them, and `moves_clock` that moves of the clock can. What is `wary`
/// goes alone.
pub(super) fn ops_at_start(
    ops: &[Op],
    links: &BTreeMap<u16, Link>,
    is_frozen: bool,
    moves_clock: bool,
    wary: impl Fn(&Argv) -> bool,
) -> usize {
    let conn = ops[0].conn;
    let link = links.get(&conn);
    let mut listens = link.is_some_and(Link::listens);
    let mut in_multi = link.is_some_and(|link| link.in_multi);
    if link.is_some_and(|link| !link.is_plain()) && (!listens || in_multi || !is_frozen) {
        return 0;
    }
    let mut count = 0;
    for (at, op) in ops.iter().enumerate() {
        match &op.act {
            Act::Call(argv) if op.conn == conn => {
                match need_of(argv) {
                    Need::Nothing => {}
                    Need::Messages if is_frozen && !in_multi => listens = true,
                    _ => break,
                }
                let is_alone = wary(argv);
                if is_alone && count > 0 {
                    break;
                }
                let counts_keys =
                    || sees_expired(argv) || (link.is_some_and(Link::counts_keys) && argv.is_word("EXEC"));
                let iterates = spec::start_of_iteration(argv).is_some();
                if (in_multi && counts_keys()) || (listens && (iterates || sees_expired(argv) || is_bracket(argv))) {
                    break;
                }
                if argv.len() == 1 {
                    in_multi = argv.is_word("MULTI") || (in_multi && !is_bracket(argv));
                }
                count = at + 1;
                if iterates || is_alone {
                    break;
                }
            }
            Act::Advance { .. } if at > 0 && moves_clock && !in_multi && !listens => {}
            Act::Await if at > 0 && !(op.conn == conn && listens) && links.get(&op.conn).is_none_or(Link::is_plain) => {
            }
            _ => break,
        }
    }
    count
}

/// True for what opens or closes a transaction.
fn is_bracket(argv: &Argv) -> bool {
    ["MULTI", "EXEC", "DISCARD", "RESET"].iter().any(|word| argv.is_word(word))
}

/// True where a request between two others would be noticed from this op on, though it only moves the clock.
pub(super) fn notices_requests(op: &Op) -> bool {
    match &op.act {
        Act::Call(argv) => match argv.get(0).and_then(<[u8]>::first).map(|first| first | 0x20) {
            Some(b'c') => argv.says(0, "CLIENT") && (argv.says(1, "CACHING") || argv.says(1, "PAUSE")),
            Some(b'm') => argv.says(0, "MONITOR"),
            _ => false,
        },
        Act::Raw(_) => true,
        _ => false,
    }
}

/// What comes next.
enum Expected {
    /// The reply to a request that empties the store before the first op.
    Emptied,
    /// A reply that is none of the trace.
    Unasked,
    /// What the server calls the client.
    Id,
    /// The reply to a call.
    Reply,
    /// The same, and it is a time of the server's clock.
    Time(ReplyTime),
    /// The reply to the request that moves the clock, and where to.
    Moved { now_ms: i64 },
    /// Anything, up to the echo of this nonce.
    Echo(String),
    /// Nothing, for an await.
    Nothing,
}

/// The world that a run moves in.
pub(super) enum Time<'a> {
    /// A clock that dst moves.
    Frozen(&'a mut FrozenClock),
    /// The machine's.
    Real(&'a mut RealTime),
}

/// Ops of one connection on their way.
pub(super) struct Run<'a> {
    ops: &'a [Op],
    encoded: usize,
    replies: &'a mut Vec<Reply>,
    expected: VecDeque<Expected>,
    in_multi: bool,
    time: Time<'a>,
    nonces: &'a mut u64,
    /// What the server can be asked.
    ways: &'a Ways,
    /// What is sent before the first op to empty the store.
    emptying: &'a [Argv],
    /// The replies to that.
    pub emptied: Vec<Reply>,
    /// True from a subscription on.
    pub listens: bool,
    /// What the server calls the client, where that is known.
    pub id: Option<i64>,
    /// What came for the call in hand.
    pub frames: Vec<Reply>,
    /// Where the clock was moved to by the requests that are answered, if any is.
    pub answered_ms: Option<i64>,
    /// True where a request did not move the clock.
    pub is_clock_lost: bool,
}

impl<'a> Run<'a> {
    /// `ops` on `link`, their replies to `replies`, behind `emptying`.
    pub fn new(
        ops: &'a [Op],
        link: &Link,
        time: Time<'a>,
        nonces: &'a mut u64,
        ways: &'a Ways,
        emptying: &'a [Argv],
        replies: &'a mut Vec<Reply>,
    ) -> Self {
        Self {
            ops,
            encoded: 0,
            replies,
            expected: VecDeque::with_capacity(ops.len()),
            in_multi: link.in_multi,
            time,
            nonces,
            ways,
            emptying,
            emptied: Vec::new(),
            listens: link.listens(),
            id: link.id(),
            frames: Vec::new(),
            answered_ms: None,
            is_clock_lost: false,
        }
    }

    /// Encodes a call with what must go before it; returns the number of replies to both.
    fn encode_call(&mut self, argv: &Argv, out: &mut Vec<u8>) -> usize {
        let mut count = 1;
        if is_bracket(argv) {
            self.in_multi = argv.is_word("MULTI");
        } else if !self.in_multi && self.ways.scan && sees_expired(argv) {
            count += self.encode_reaping(out);
        }
        if !self.listens && need_of(argv) == Need::Messages {
            self.listens = true;
            if self.id.is_none() && self.ways.clients {
                Argv::from(["CLIENT", "ID"]).encode(out);
                self.expected.push_back(Expected::Id);
                count += 1;
            }
        }
        if self.listens {
            argv.encode(out);
            *self.nonces += 1;
            let nonce = format!("dst-{}", self.nonces);
            self.ways.barrier.unwrap_or_default().request(&nonce).encode(out);
            self.expected.push_back(Expected::Echo(nonce));
            return count;
        }
        let moved = match &mut self.time {
            Time::Real(clock) => clock.move_request(argv, self.in_multi),
            Time::Frozen(_) => None,
        };
        match moved {
            None => {
                argv.encode(out);
                self.expected.push_back(Expected::Reply);
            }
            Some(moved) => {
                moved.argv.encode(out);
                self.expected.push_back(moved.reply.map_or(Expected::Reply, Expected::Time));
            }
        }
        count
    }

    /// A SCAN of everything reaps the keys that have expired: DBSIZE counts them, too.
    fn encode_reaping(&mut self, out: &mut Vec<u8>) -> usize {
        keyspace::reaping_request().encode(out);
        self.expected.push_back(Expected::Unasked);
        1
    }

    /// Answers ops that ask nothing, once all before them are answered: also those that are encoded after that.
    fn answer_for_nothing(&mut self) {
        while self.expected.pop_front_if(|next| matches!(next, Expected::Nothing)).is_some() {
            self.replies.push(Reply::Frames(Vec::new()));
        }
    }
}

impl Dialogue for Run<'_> {
    fn encode_next(&mut self, out: &mut Vec<u8>) -> usize {
        let emptying = std::mem::take(&mut self.emptying);
        if !emptying.is_empty() {
            for request in emptying {
                request.encode(out);
                self.expected.push_back(Expected::Emptied);
            }
            return emptying.len();
        }
        loop {
            let Some(op) = self.ops.get(self.encoded) else { return 0 };
            self.encoded += 1;
            match (&op.act, &mut self.time) {
                (Act::Call(argv), _) => return self.encode_call(argv, out),
                (Act::Advance { ms }, Time::Frozen(clock)) => {
                    clock.move_request(*ms).encode(out);
                    self.expected.push_back(Expected::Moved { now_ms: clock.now_ms() });
                    return 1;
                }
                _ => {
                    self.expected.push_back(Expected::Nothing);
                    self.answer_for_nothing();
                }
            }
        }
    }

    fn take(&mut self, reply: Reply) -> bool {
        match self.expected.pop_front() {
            None | Some(Expected::Unasked | Expected::Nothing) => {}
            Some(Expected::Emptied) => self.emptied.push(reply),
            Some(Expected::Id) => self.id = if let Reply::Int(id) = reply { Some(id) } else { None },
            Some(Expected::Reply) => self.replies.push(reply),
            Some(Expected::Time(time)) => self.replies.push(time.bring_back(reply)),
            Some(Expected::Moved { now_ms }) => {
                self.answered_ms = Some(now_ms);
                self.is_clock_lost |= !matches!(&self.time, Time::Frozen(clock) if clock.moved() == Some(&reply));
                self.replies.push(Reply::ok());
            }
            Some(Expected::Echo(nonce)) if Barrier::is_echo(&reply, &nonce) => {
                let frames = std::mem::take(&mut self.frames);
                self.replies.push(Reply::from_frames(frames));
            }
            Some(echo @ Expected::Echo(_)) => {
                self.frames.push(reply);
                self.expected.push_front(echo);
                return false;
            }
        }
        self.answer_for_nothing();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Trace;

    /// How many of these ops go out together, on connections that are not open yet.
    #[track_caller]
    fn check(ops: &str, expected: usize) {
        let trace = Trace::parse(ops).unwrap_or_else(|error| panic!("{ops}: {error}"));
        let wary = |argv: &Argv| argv[0] == *b"DEBUG";
        assert_eq!(ops_at_start(&trace.ops, &BTreeMap::new(), true, true, wary), expected, "{ops}");
    }

    #[test]
    fn ops_go_out_together_up_to_what_needs_care() {
        check("GET a\nGET b\n@1 GET c\n", 2);
        check("GET a\n!advance 5ms\n!await\nGET b\n!advance 5ms\n", 4);
        check("!advance 5ms\nGET a\n", 0);
        check("MULTI\n!advance 5ms\nEXEC\n", 1);
        check("MULTI\nDBSIZE\nEXEC\n", 1);
        check("MULTI\nEXEC\n!advance 5ms\nDBSIZE\n", 4);
        check("SCAN 0\nGET a\n", 1);
        check("GET a\nSUBSCRIBE c\nPUBLISH c x\nPING\nMULTI\n", 4);
        check("SUBSCRIBE c\n!advance 5ms\nPING\n", 1);
        check("SUBSCRIBE c\n!await\nPING\n", 1);
        check("MULTI\nSUBSCRIBE c\n", 1);
        check("GET a\nBLPOP l 0\n", 1);
        check("QUIT\n", 0);
        check("GET a\nDEBUG x\nGET b\n", 1);
        check("DEBUG x\nGET b\n", 1);
    }

    #[test]
    fn what_asks_nothing_is_answered_in_its_place() {
        let check = |encoded_at_once: usize| {
            let ops = Trace::parse("GET a\n!await\nGET b\n!await\n").expect("a trace").ops;
            let (mut nonces, mut replies, mut time, ways) = (0, Vec::new(), RealTime::new(0), Ways::all());
            let mut run = Run {
                ops: &ops,
                encoded: 0,
                replies: &mut replies,
                expected: VecDeque::new(),
                in_multi: false,
                time: Time::Real(&mut time),
                nonces: &mut nonces,
                ways: &ways,
                emptying: &[],
                emptied: Vec::new(),
                listens: false,
                id: None,
                frames: Vec::new(),
                answered_ms: None,
                is_clock_lost: false,
            };
            let (mut out, mut next) = (Vec::new(), 1);
            loop {
                let sent: usize = (0..encoded_at_once).map(|_| run.encode_next(&mut out)).sum();
                if sent == 0 {
                    break;
                }
                for _ in 0..sent {
                    run.take(Reply::Int(next));
                    next += 1;
                }
            }
            let nothing = || Reply::Frames(Vec::new());
            assert_eq!(replies, [Reply::Int(1), nothing(), Reply::Int(2), nothing()], "{encoded_at_once} at once");
        };
        check(1);
        check(2);
        check(4);
    }
}
