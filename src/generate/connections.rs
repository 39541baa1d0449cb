//! Who speaks: which connection an operation goes out on, and what it does there that is no plain request.
//!
//! Each connection is a small machine: it opens in RESP2 or RESP3, queues a transaction for a few operations,
//! subscribes, waits, and ends. Like every decision these depend on no reply, so a connection that is said to wait may
//! have been answered long ago.

use std::fmt;

use smallvec::SmallVec;

use crate::seed::Stream;
use crate::trace::{Act, Op};
use spec::{self, Command, Family};

use super::groups::Group;
use super::pools::Gap;

/// How often things happen on connections: one operation in so many, 0 is never. A group has the usual numbers, a seed
/// its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rates {
    /// The connection changes.
    pub switch: u32,
    /// A transaction begins.
    pub transaction: u32,
    /// A connection subscribes.
    pub subscription: u32,
    /// A connection waits.
    pub wait: u32,
    /// A connection ends.
    pub end: u32,
}

impl Rates {
    /// Connections that only take turns. They do so rarely: a replay cannot pipeline across a change.
    pub const TURNS: Rates = Rates { switch: 20, transaction: 0, subscription: 0, wait: 0, end: 0 };

    fn each(&mut self) -> [&mut u32; 4] {
        [&mut self.transaction, &mut self.subscription, &mut self.wait, &mut self.end]
    }
}

/// What one seed does with its connections.
#[derive(Clone, Debug)]
pub(super) struct Habits {
    /// How many there are.
    pub conns: u16,
    /// So many in 4 speak RESP3.
    pub resp3_in_4: u32,
    pub rates: Rates,
}

impl Habits {
    /// Draws the habits of a seed with `conns` connections.
    pub fn draw(group: &Group, conns: u16, stream: &mut Stream) -> Self {
        let mut rates = group.rates;
        for rate in rates.each() {
            // Some seeds do without, the others more often or less often.
            *rate = match stream.below(8) {
                0 => 0,
                1..4 => rate.div_ceil(2),
                4..7 => *rate,
                _ => *rate * 2,
            };
        }
        Self { conns, resp3_in_4: *stream.pick(&[0, 0, 0, 0, 2, 3, 4]), rates }
    }
}

impl fmt::Display for Habits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} connections", self.conns)?;
        if self.resp3_in_4 > 0 {
            write!(f, ", RESP3 on {}/4", self.resp3_in_4)?;
        }
        let Rates { transaction, subscription, wait, end, .. } = self.rates;
        for (mean, what) in [(transaction, "transaction"), (subscription, "subscription"), (wait, "wait"), (end, "end")]
        {
            if mean > 0 {
                write!(f, ", {what} 1/{mean}")?;
            }
        }
        Ok(())
    }
}

/// What the next operation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A request from the group's commands.
    Any,
    /// As `Any`, of those whose replies can be compared inside EXEC's.
    Queued {
        /// True where messages would come between the replies.
        listens: bool,
    },
    /// A request of this command.
    Command(&'static str),
    /// As `Command`, for one that waits.
    Wait {
        /// Which.
        command: &'static str,
        /// True where its first key is the one that the last operation emptied.
        drained: bool,
    },
    /// Removes a key that this command is then to wait for.
    Drain(&'static str),
    /// Adds to a key that is waited for.
    Feed,
    /// This request.
    Words(&'static [&'static str]),
    /// What is no request.
    Act(Act),
}

/// A connection.
#[derive(Clone, Debug, Default)]
struct State {
    /// True once it has said which protocol it speaks.
    greeted: bool,
    resp3: bool,
    /// Operations until MULTI, behind a WATCH.
    until_multi: Option<u32>,
    /// Requests that are still to be queued.
    queue_left: Option<u32>,
    /// True from SUBSCRIBE until all is unsubscribed.
    listens: bool,
    /// True from SUBSCRIBE on, as messages may still be on their way.
    listened: bool,
    /// Requests until all is unsubscribed.
    leaving: u32,
    waits: Option<Wait>,
    /// The command that is to wait for the key that was just emptied.
    drained_for: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    /// Operations until somebody looks after it.
    left: u32,
    stage: Stage,
}

/// How a wait comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Others are at work.
    Open,
    /// The clock has moved so far that it must be over.
    Over,
    /// It may last for ever, so the connection is closed.
    Hopeless,
}

/// Longer than any time to wait that is not for ever, in milliseconds.
const TIMEOUT_MS_MAX: u64 = 6000;

const SUBSCRIBE: &[&str] = &["SUBSCRIBE", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"];
const UNSUBSCRIBE: &[&str] = &["UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"];
const LEAVE: [&[&str]; 3] = [&["UNSUBSCRIBE"], &["PUNSUBSCRIBE"], &["SUNSUBSCRIBE"]];
/// Of a connection that stays in RESP2.
const GREETINGS_2: &[&[&str]] = &[&["HELLO", "2"], &["HELLO"], &["AUTH", "default", "pw"], &["HELLO", "4"]];
const GREETINGS: &[&[&str]] = &[
    &["HELLO", "3"],
    &["HELLO", "3"],
    &["HELLO", "3"],
    &["HELLO", "3"],
    &["HELLO", "3"],
    &["hello", "3", "SETNAME", "c1"],
    &["HELLO", "3", "AUTH", "default", "pw"],
    &["HELLO", "3", "AUTH", "default", "", "setname", ""],
];
/// What does not belong where it comes: MULTI inside MULTI, EXEC outside.
const MISPLACED_INSIDE: &[&str] = &["MULTI", "WATCH", "UNWATCH"];
const MISPLACED_OUTSIDE: &[&str] = &["EXEC", "DISCARD", "UNWATCH", "WATCH"];

/// All connections of a sequence.
#[derive(Debug)]
pub(super) struct Connections {
    stream: Stream,
    conns: u16,
    resp3_in_4: u32,
    of: SmallVec<[State; 4]>,
    current: u16,
    until_switch: Gap,
    until_transaction: Gap,
    until_subscription: Gap,
    until_wait: Gap,
    until_end: Gap,
    /// The commands that wait for what the group is about.
    waiting: &'static [&'static Command],
    /// True where nothing but plain requests on one connection comes.
    idle: bool,
    /// How many connections wait.
    waits: u32,
    /// The connection that was at work before one that waits was looked after.
    resume: Option<u16>,
}

impl Connections {
    pub fn new(habits: &Habits, mut stream: Stream) -> Self {
        let Habits { conns, resp3_in_4, rates } = habits;
        let mut gap = |mean: u32| Gap::new(mean, &mut stream);
        Self {
            of: (0..*conns).map(|_| State::default()).collect(),
            conns: *conns,
            resp3_in_4: *resp3_in_4,
            current: 0,
            until_switch: gap(if *conns > 1 { rates.switch } else { 0 }),
            until_transaction: gap(rates.transaction),
            until_subscription: gap(rates.subscription),
            until_wait: gap(if *conns > 1 { rates.wait } else { 0 }),
            until_end: gap(rates.end),
            waiting: waiting_commands(),
            idle: false,
            waits: 0,
            resume: None,
            stream,
        }
    }

    /// The connection of the last operation.
    pub fn current(&self) -> u16 {
        self.current
    }

    /// What comes next, on [`Connections::current`].
    #[inline]
    pub fn next(&mut self) -> Step {
        if self.idle { Step::Any } else { self.step() }
    }

    /// Takes note of a request that may wait; true `for_ever` where it says so.
    pub fn note_wait(&mut self, for_ever: bool) {
        let state = &mut self.of[usize::from(self.current)];
        if state.queue_left.is_some() || state.waits.is_some() {
            return;
        }
        let stage = if for_ever { Stage::Hopeless } else { Stage::Open };
        state.waits = Some(Wait { left: self.stream.between(1, 6), stage });
        self.waits += 1;
        self.idle = false;
        self.move_on();
    }

    /// What must be said in the end, so that nothing that has arrived stays unseen.
    pub fn ending(&self) -> Vec<Op> {
        let open = |state: &State| state.waits.is_some() || state.listened;
        let conns = self.of.iter().zip(0u16..).filter(|(state, _)| open(state));
        conns.map(|(_, conn)| Op { conn, act: Act::Await }).collect()
    }

    /// Makes a connection current that does not wait, if there is one.
    fn move_on(&mut self) {
        let first = self.stream.below(self.conns.into()) as u16;
        let others = (0..self.conns).map(|at| (first + at) % self.conns);
        let free = others.into_iter().find(|&conn| self.of[usize::from(conn)].waits.is_none());
        self.current = free.unwrap_or(first);
    }

    fn step(&mut self) -> Step {
        if let Some(busy) = self.resume.take() {
            self.current = busy;
        }
        if self.until_switch.is_over(&mut self.stream) {
            self.move_on();
        }
        if self.waits > 0
            && let Some(step) = self.tend()
        {
            return step;
        }
        let at = usize::from(self.current);
        if !self.of[at].greeted {
            self.of[at].greeted = true;
            if self.stream.chance(self.resp3_in_4, 4) {
                self.of[at].resp3 = true;
                return Step::Words(pick(&mut self.stream, GREETINGS));
            }
            if self.stream.chance(1, 32) {
                return Step::Words(pick(&mut self.stream, GREETINGS_2));
            }
        }
        if let Some(command) = self.of[at].drained_for.take() {
            return Step::Wait { command, drained: true };
        }
        if self.of[at].queue_left.is_some() {
            return self.queue();
        }
        if self.of[at].listens
            && let Some(step) = self.listen()
        {
            return step;
        }
        if let Some(step) = self.start() {
            return step;
        }
        self.idle = self.has_nothing_to_do();
        if self.waits > 0 && self.stream.chance(1, 4) { Step::Feed } else { Step::Any }
    }

    fn has_nothing_to_do(&self) -> bool {
        let never = |gap: &Gap| gap.is_never();
        let gaps = [&self.until_switch, &self.until_transaction, &self.until_subscription, &self.until_wait];
        gaps.into_iter().all(never) && never(&self.until_end) && self.waits == 0 && self.conns == 1
    }

    /// Looks after the connections that wait; `None` where none needs it.
    fn tend(&mut self) -> Option<Step> {
        let all_wait = self.waits >= self.conns.into();
        let mut due = None;
        for (state, conn) in self.of.iter_mut().zip(0u16..) {
            let Some(wait) = &mut state.waits else { continue };
            wait.left = wait.left.saturating_sub(1);
            if wait.left == 0 || (all_wait && due.is_none()) {
                due = Some(conn);
            }
        }
        let conn = due?;
        let busy = std::mem::replace(&mut self.current, conn);
        let again = self.stream.chance(3, 8) && !all_wait;
        let left = self.stream.between(1, 6);
        let state = &mut self.of[usize::from(conn)];
        let wait = state.waits.as_mut()?;
        let act = match wait.stage {
            _ if again => {
                wait.left = left;
                Act::Await
            }
            Stage::Open => {
                *wait = Wait { left: 1, stage: Stage::Over };
                return Some(Step::Act(Act::Advance { ms: TIMEOUT_MS_MAX }));
            }
            Stage::Over => {
                state.waits = None;
                self.waits -= 1;
                Act::Await
            }
            Stage::Hopeless => {
                self.waits -= 1;
                *state = State::default();
                Act::Close
            }
        };
        self.resume = Some(busy).filter(|&busy| self.of[usize::from(busy)].waits.is_none());
        Some(Step::Act(act))
    }

    /// Inside a transaction.
    fn queue(&mut self) -> Step {
        let stream = &mut self.stream;
        let state = &mut self.of[usize::from(self.current)];
        match state.queue_left {
            Some(left @ 1..) => {
                state.queue_left = Some(left - 1);
                match stream.below(32) {
                    0 => Step::Command(pick(stream, MISPLACED_INSIDE)),
                    1..3 => Step::Command(pick(stream, self.waiting).name),
                    _ => Step::Queued { listens: state.listens },
                }
            }
            _ => {
                state.queue_left = None;
                match stream.below(32) {
                    0 => self.end(),
                    1..7 => Step::Words(&["DISCARD"]),
                    _ => Step::Words(&["EXEC"]),
                }
            }
        }
    }

    /// On a connection that has subscribed; `None` where it goes on as any other.
    fn listen(&mut self) -> Option<Step> {
        let stream = &mut self.stream;
        let state = &mut self.of[usize::from(self.current)];
        if state.leaving > 0 {
            state.leaving -= 1;
            state.listens = state.leaving > 0;
            return Some(Step::Words(LEAVE[state.leaving as usize]));
        }
        if state.resp3 && stream.chance(2, 3) {
            return None;
        }
        Some(match stream.below(32) {
            0..10 => Step::Act(Act::Await),
            10..17 => Step::Command(pick(stream, SUBSCRIBE)),
            17..24 => Step::Command(pick(stream, UNSUBSCRIBE)),
            24..28 => Step::Command("PING"),
            28 => Step::Any,
            29 => {
                state.leaving = 3;
                return self.listen();
            }
            _ => return Some(self.end()),
        })
    }

    /// Something new on a connection that is free for it.
    fn start(&mut self) -> Option<Step> {
        let stream = &mut self.stream;
        let state = &mut self.of[usize::from(self.current)];
        if let Some(left) = state.until_multi {
            state.until_multi = left.checked_sub(1);
            if left == 0 {
                state.queue_left = Some(stream.below(7));
                return Some(Step::Words(&["MULTI"]));
            }
        } else if self.until_transaction.is_over(stream) {
            state.until_multi = Some(stream.below(4));
            return match stream.below(16) {
                0 => {
                    state.until_multi = None;
                    Some(Step::Command(pick(stream, MISPLACED_OUTSIDE)))
                }
                1..9 => Some(Step::Command("WATCH")),
                _ => {
                    state.until_multi = None;
                    state.queue_left = Some(stream.below(7));
                    Some(Step::Words(&["MULTI"]))
                }
            };
        }
        if self.until_subscription.is_over(stream) {
            (state.listens, state.listened) = (true, true);
            return Some(Step::Command(pick(stream, SUBSCRIBE)));
        }
        if self.until_wait.is_over(stream) && self.waits + 1 < self.conns.into() {
            let command = pick(stream, self.waiting).name;
            if stream.chance(1, 2) {
                state.drained_for = Some(command);
                return Some(Step::Drain(command));
            }
            return Some(Step::Wait { command, drained: false });
        }
        self.until_end.is_over(stream).then(|| self.end())
    }

    /// Ends the current connection in one of the ways; the next operation opens it again.
    fn end(&mut self) -> Step {
        self.of[usize::from(self.current)] = State::default();
        match self.stream.below(8) {
            0 => Step::Command("QUIT"),
            1 | 2 => Step::Words(&["RESET"]),
            _ => Step::Act(Act::Close),
        }
    }
}

/// One of `items`.
fn pick<T: Copy>(stream: &mut Stream, items: &[T]) -> T {
    *stream.pick(items)
}

/// The commands of which each may wait.
fn waiting_commands() -> &'static [&'static Command] {
    static COMMANDS: std::sync::LazyLock<Vec<&'static Command>> =
        std::sync::LazyLock::new(|| spec::commands().filter(|command| command.family == Family::Blocking).collect());
    &COMMANDS
}
