//! A trace on Redlite's server in virtual time, op by op: each is answered by all that has come when nothing goes on any
//! more, and only then the next one is sent.
//!
//! The store's clock stands while the virtual time goes: only an op moves it. So a reply needs no deadline, and what the
//! network and the order of tasks are to a run is in how requests of one pipeline are taken together.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use madsim::time::{Instant, sleep};

use super::clients::Client;
use super::points::Tester;
use super::process::Process;
use super::world::{Log, Timekeeper, What, WorldError, connect, name_peer};
use crate::diff::Keyspace;
use crate::seed::{Seed, Stream};
use crate::targets::TargetError;
use crate::targets::embedded::read_store;
use crate::targets::link::{Need, need_of};
use crate::targets::settings::is_locked_out;
use crate::trace::{Act, Op};
use redlite::Redlite;
use redlite::env::Clock;
use redlite::vfs::SimulatedDisk;
use resp::{Argv, Reply};

/// How long what is sent takes, at most, in milliseconds.
const LATENCY_MS_MAX: u32 = 1;
/// One request of so many in a pipeline is sent later than the one before it.
const GAP_OF: u32 = 16;
/// What is sent arrives within this, and whoever it arrives at answers at once.
const QUIET: Duration = Duration::from_millis(2);
/// The way to the server and back, and as long a silence.
const SETTLE: Duration = Duration::from_millis(5);
/// How soon the server looks at its clock, where a client waits until some time: it does ten times a second.
const LOOK: Duration = Duration::from_millis(200);
/// The most requests that go out together.
const PIPELINE_OPS_MAX: usize = 256;

/// What is asked of a replay, and where the answer goes to.
pub(super) enum Request {
    /// To run these ops, up to the first start of an iteration.
    Play { ops: Vec<Op>, answer: Sender<Result<Played, TargetError>> },
    /// To read the store.
    Read { answer: Sender<Option<Keyspace>> },
    /// Whether every connection is in step.
    AskForNonce { answer: Sender<Option<Reply>> },
}

/// What ops came to.
#[derive(Default)]
pub(super) struct Played {
    /// A reply for each that ran.
    pub replies: Vec<Reply>,
    /// What no reply can say, for people.
    pub notes: Vec<String>,
}

/// How ops on a connection are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Each by one reply.
    Plain,
    /// Each by whatever has come: messages do, too.
    Listens,
    /// The same, which may be nothing.
    Settled,
}

/// A connection of the trace.
struct Link {
    client: Client,
    manner: Manner,
    in_multi: bool,
    /// True from a command that blocked until an await has taken its reply.
    waits: bool,
    /// What has come and was not told.
    inbox: Vec<Reply>,
    has_ended: bool,
}

impl Link {
    fn new(client: Client) -> Self {
        Self { client, manner: Manner::Plain, in_multi: false, waits: false, inbox: Vec::new(), has_ended: false }
    }

    /// True where what is sent next is answered by one reply, and nothing else is there.
    fn is_plain(&self) -> bool {
        self.manner == Manner::Plain && !self.waits && !self.has_ended && self.inbox.is_empty()
    }

    /// Takes note of what a request and its reply make of the connection.
    fn note_transaction(&mut self, argv: &Argv, reply: &Reply) {
        if argv.is_word("MULTI") {
            self.in_multi |= *reply == Reply::ok();
        } else if argv.is_word("EXEC") || argv.is_word("DISCARD") {
            self.in_multi = false;
        } else if argv.is_word("RESET") && self.manner != Manner::Settled {
            (self.in_multi, self.manner) = (false, Manner::Plain);
        }
    }

    fn close(&self) {
        self.client.edit(|port| port.is_closed = true);
    }
}

/// A replay in progress.
pub(super) struct Replay {
    process: Process,
    clock: Clock,
    log: Log,
    links: BTreeMap<u16, Link>,
    /// How often each connection was opened.
    opened: BTreeMap<u16, u32>,
    /// What the network draws.
    network: Stream,
    nonces: u64,
    notes: Vec<String>,
}

impl Replay {
    /// Of the store on this disk, with this clock.
    pub fn open(seed: Seed, disk: SimulatedDisk, clock: Clock) -> Result<Self, WorldError> {
        let log = Log::new(Instant::now());
        let tester = Tester::new(log.clone(), None);
        Ok(Self {
            process: Process::start_on(disk, Timekeeper::of_standing(clock.clone()), tester)?,
            clock,
            log,
            links: BTreeMap::new(),
            opened: BTreeMap::new(),
            network: seed.stream_in("session", "network"),
            nonces: 0,
            notes: Vec::new(),
        })
    }

    /// Does what is asked, until nobody asks any more. While nothing is, the virtual time stands, too.
    pub async fn serve(mut self, requests: Receiver<Request>) {
        while let Ok(request) = requests.recv() {
            // An error says that whoever asked is gone, which the next turn of the loop finds.
            let _ = match request {
                Request::Play { ops, answer } => answer.send(self.play(&ops).await).is_ok(),
                Request::Read { answer } => answer.send(self.process.store().map(read_store)).is_ok(),
                Request::AskForNonce { answer } => answer.send(self.ask_for_nonce().await).is_ok(),
            };
        }
        self.links.values().for_each(Link::close);
        sleep(SETTLE).await;
        self.process.finish().await;
    }

    async fn play(&mut self, ops: &[Op]) -> Result<Played, TargetError> {
        // Nobody reads what the store writes down: it does not grow with the trace.
        self.process.store().map(Redlite::take_journal);
        let mut replies = Vec::with_capacity(ops.len());
        while let Some(op) = ops.get(replies.len()) {
            let run = self.ops_at_start(&ops[replies.len()..]);
            if run > 0 {
                let at = replies.len();
                self.call_together(&ops[at..at + run], &mut replies).await;
            } else {
                replies.push(self.perform(op).await?);
            }
            let last = ops[..replies.len()].last().and_then(Op::argv);
            if last.is_some_and(|argv| spec::start_of_iteration(argv).is_some()) {
                break;
            }
        }
        Ok(Played { replies, notes: std::mem::take(&mut self.notes) })
    }

    /// How many ops at the start of `ops` can go out together; none where the first needs care. An iteration needs the
    /// replies before its next step, so it comes last.
    fn ops_at_start(&self, ops: &[Op]) -> usize {
        let conn = ops[0].conn;
        if self.links.get(&conn).is_some_and(|link| !link.is_plain()) {
            return 0;
        }
        let mut count = 0;
        for op in &ops[..ops.len().min(PIPELINE_OPS_MAX)] {
            match op.argv().filter(|argv| op.conn == conn && need_of(argv) == Need::Nothing) {
                Some(argv) if spec::start_of_iteration(argv).is_some() => return count + 1,
                Some(_) => count += 1,
                None => break,
            }
        }
        count
    }

    /// The connection of this number, opened where it is not yet.
    fn link(&mut self, conn: u16) -> &mut Link {
        let Self { process, log, opened, network, .. } = self;
        self.links.entry(conn).or_insert_with(|| {
            let nth = opened.entry(conn).or_default();
            let client = connect(conn, *nth, log, process);
            *nth += 1;
            let mut draw = || Duration::from_millis(u64::from(network.between(0, LATENCY_MS_MAX)));
            client.line.set_latency(draw(), draw());
            Link::new(client)
        })
    }

    /// Runs calls that go out together, see [`Replay::ops_at_start`]. Where one is not answered, those behind it are left.
    async fn call_together(&mut self, ops: &[Op], replies: &mut Vec<Reply>) {
        let conn = ops[0].conn;
        for (at, argv) in ops.iter().filter_map(Op::argv).enumerate() {
            if at > 0 && self.network.chance(1, GAP_OF) {
                sleep(Duration::from_millis(1)).await;
            }
            self.link(conn).client.edit(|port| argv.encode(&mut port.out));
        }
        self.settle().await;
        let link = self.link(conn);
        let count = link.inbox.len().min(ops.len());
        let frames: Vec<Reply> = link.inbox.drain(..count).collect();
        for (argv, reply) in ops.iter().filter_map(Op::argv).zip(frames) {
            link.note_transaction(argv, &reply);
            replies.push(reply);
        }
        if count < ops.len() {
            let has_ended = link.has_ended;
            replies.push(self.lose(conn, has_ended));
        }
    }

    /// Gives up a connection on which a reply did not come; what stands for that.
    fn lose(&mut self, conn: u16, has_ended: bool) -> Reply {
        self.drop_link(conn);
        let (note, reply) = match has_ended {
            true => ("the server closed a connection", Reply::Closed),
            false => ("the server has nothing to do, and did not reply", Reply::Hung),
        };
        self.notes.push(note.to_owned());
        reply
    }

    fn drop_link(&mut self, conn: u16) {
        self.links.remove(&conn).iter().for_each(Link::close);
    }

    /// Runs one op.
    async fn perform(&mut self, op: &Op) -> Result<Reply, TargetError> {
        match &op.act {
            Act::Call(argv) => return Ok(self.call(op.conn, argv).await),
            Act::Raw(bytes) => return Ok(self.send(op.conn, bytes).await),
            Act::Await => return Ok(self.take(op.conn)),
            Act::Open => {
                self.link(op.conn);
            }
            Act::Close => {
                self.drop_link(op.conn);
                self.settle().await;
            }
            Act::Advance { ms } => {
                self.clock.set(self.clock.now_ms().saturating_add_unsigned(*ms));
                if self.process.store().is_some_and(|store| store.next_timeout_ms().is_some()) {
                    sleep(LOOK).await;
                }
                self.settle().await;
            }
            Act::Restart => {
                self.process.restart().await;
                self.begin_process()?;
            }
            Act::Crash => {
                self.process.crash().await;
                self.begin_process()?;
            }
            Act::Fault(fault) => return Err(TargetError::NoFaults { fault: fault.name.clone() }),
        }
        Ok(Reply::ok())
    }

    /// The process is another one: every connection is gone.
    fn begin_process(&mut self) -> Result<(), TargetError> {
        std::mem::take(&mut self.links).values().for_each(Link::close);
        match self.process.lives.pop().and_then(|life| life.ended).map(|ended| ended.found) {
            Some(Err(why)) => Err(TargetError::Redlite { store: "redlite".to_owned(), source: why.into() }),
            _ => Ok(()),
        }
    }

    /// Runs one call where it may have more than one reply at once, or none.
    async fn call(&mut self, conn: u16, argv: &Argv) -> Reply {
        let need = need_of(argv);
        let link = self.link(conn);
        if link.waits {
            return Reply::Pending;
        }
        if need == Need::Silence {
            link.manner = Manner::Settled;
        } else if need == Need::Messages && link.manner == Manner::Plain {
            link.manner = Manner::Listens;
        }
        link.client.edit(|port| argv.encode(&mut port.out));
        self.settle().await;
        let reply = self.answer(conn, need == Need::End);
        if let Some(link) = self.links.get_mut(&conn)
            && let Some(last) = reply.frames().last()
        {
            link.note_transaction(argv, last);
        }
        reply
    }

    /// Sends raw bytes.
    async fn send(&mut self, conn: u16, bytes: &[u8]) -> Reply {
        let link = self.link(conn);
        if link.waits {
            return Reply::Pending;
        }
        if !link.has_ended {
            link.manner = Manner::Settled;
        }
        link.client.edit(|port| port.out.extend_from_slice(bytes));
        self.settle().await;
        self.answer(conn, false)
    }

    /// What has come on a connection; `is_end` says that the op has asked for its end.
    fn answer(&mut self, conn: u16, is_end: bool) -> Reply {
        let waits = self.waits(conn);
        let link = self.link(conn);
        let mut frames = std::mem::take(&mut link.inbox);
        let (manner, has_ended) = (link.manner, link.has_ended);
        link.waits = waits && manner != Manner::Settled;
        if has_ended && manner == Manner::Settled {
            // The end is the answer, as to bytes that are no request.
            self.drop_link(conn);
            frames.push(Reply::Closed);
            return Reply::Frames(frames);
        }
        if has_ended && is_end && !frames.is_empty() {
            self.drop_link(conn);
        } else if link.waits {
            frames.push(Reply::Pending);
        } else if has_ended || (frames.is_empty() && manner == Manner::Plain) {
            frames.push(self.lose(conn, has_ended));
        }
        Reply::from_frames(frames)
    }

    /// What has come since the last op.
    fn take(&mut self, conn: u16) -> Reply {
        match self.links.get(&conn) {
            Some(link) if link.manner != Manner::Plain || link.waits => self.answer(conn, false),
            _ => Reply::Frames(Vec::new()),
        }
    }

    /// True where the last command of a connection waits.
    fn waits(&self, conn: u16) -> bool {
        let Some(link) = self.links.get(&conn) else { return false };
        self.process.store().is_some_and(|store| store.waits(&name_peer(conn, link.client.nth)))
    }

    /// Lets the time go until nothing is under way and nobody does anything any more.
    async fn settle(&mut self) {
        loop {
            sleep(SETTLE).await;
            if self.links.values().all(|link| link.client.line.is_quiet_for(QUIET)) {
                break;
            }
        }
        for event in self.log.take() {
            let Some(link) = self.links.get_mut(&event.conn).filter(|link| link.client.nth == event.nth) else {
                continue;
            };
            match event.what {
                What::Received(frame) => link.inbox.push(frame),
                What::Ended | What::Reset => link.has_ended = true,
                What::Malformed(why) => {
                    link.has_ended = true;
                    self.notes.push(format!("the server sent what is no RESP: {why}"));
                }
                _ => {}
            }
        }
    }

    /// What came in place of a nonce, on the first connection that does not answer just that.
    async fn ask_for_nonce(&mut self) -> Option<Reply> {
        self.nonces += 1;
        let nonce = Reply::bulk(format!("dst-{}", self.nonces));
        let echo = Argv::from([b"ECHO", nonce.as_bytes().unwrap_or_default()]);
        let mut asked = Vec::new();
        for (&conn, link) in &self.links {
            if link.manner == Manner::Plain && !link.waits && !link.in_multi && !link.has_ended {
                link.client.edit(|port| echo.encode(&mut port.out));
                asked.push(conn);
            }
        }
        self.settle().await;
        let mut instead = None;
        for conn in asked {
            let Some(link) = self.links.get_mut(&conn) else { continue };
            let mut frames = std::mem::take(&mut link.inbox);
            let is_in_step = matches!(&frames[..], [only] if *only == nonce || is_locked_out(only));
            let stray = if frames.is_empty() { Reply::Closed } else { frames.swap_remove(0) };
            instead = instead.or((!is_in_step).then_some(stray));
        }
        instead
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use madsim::runtime::Runtime;
    use redlite::journal::Entry;

    /// In how many batches a pipeline of requests runs with this seed, by how many are in each.
    fn batches(seed: u64) -> Vec<usize> {
        let run = move || {
            let runtime = Runtime::with_seed_and_config(seed, madsim::Config::default());
            runtime.block_on(async {
                let mut replay =
                    Replay::open(Seed(seed), SimulatedDisk::default(), Clock::manual(0)).expect("an empty store");
                let ops: Vec<Op> = (0..64).map(|nth| Op::call(0, ["SET", &format!("k{nth}"), "v"])).collect();
                let played = replay.play(&ops).await.expect("they run");
                assert_eq!(played.replies, vec![Reply::ok(); ops.len()], "seed {seed}");
                let journal = replay.process.store().expect("it runs").take_journal();
                let batches = journal.split(|entry| *entry == Entry::Committed);
                batches.map(|batch| batch.iter().filter(|entry| matches!(entry, Entry::Ran { .. })).count()).collect()
            })
        };
        std::thread::spawn(run).join().expect("the simulation ends")
    }

    #[test]
    fn a_seed_says_what_is_taken_together() {
        assert_eq!(batches(1), batches(1));
        let all: std::collections::BTreeSet<Vec<usize>> = (0..8).map(batches).collect();
        assert!(all.len() > 4, "eight seeds and only these batches: {all:?}");
    }
}
