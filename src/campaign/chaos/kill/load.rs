//! Many connections at work on one server, and the moment at which it is killed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use super::script::Lane;
use crate::seed::Stream;
use crate::targets::Failure;
use crate::targets::live::{Address, LiveServer};
use resp::Reply;

/// How often the killer looks whether the user asks to stop.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// When the server is killed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// When so many requests are acknowledged …
    pub after_acks: u64,
    /// … and this has passed.
    pub delay: Duration,
}

impl Moment {
    /// A moment while `requests` are sent: anywhere in the first nine tenths of them, and then within a commit or
    /// a few.
    pub fn draw(requests: u64, stream: &mut Stream) -> Self {
        let last = u32::try_from(requests / 10 * 9).unwrap_or(u32::MAX).max(1);
        let after_acks = u64::from(stream.between(1, last));
        let delay_us = match stream.below(4) {
            0 => 0,
            1 | 2 => stream.below(300),
            _ => stream.below(5000),
        };
        Self { after_acks, delay: Duration::from_micros(delay_us.into()) }
    }
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All was sent and answered, or the user asked to stop.
    Done,
    /// It was lost by the client's own hand.
    Lost,
    /// The server was killed.
    Killed,
    /// The server dropped it or fell silent, and nobody had killed it.
    Failed(Failure),
}

/// What became of a lane.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// What was to be sent.
    pub lane: Lane,
    /// How many of its requests the server may have seen.
    pub sent: usize,
    /// How many of them were in the last pipeline.
    pub last_burst: usize,
    /// The replies that came, to the first requests.
    pub replies: Vec<Reply>,
    /// How it ended.
    pub end: End,
}

impl Run {
    /// How many requests were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.replies.len().min(self.sent)
    }

    /// How many requests had been sent and not answered.
    pub fn in_flight(&self) -> usize {
        self.sent - self.acknowledged()
    }

    /// True where the server was killed when it had answered a part of a pipeline.
    pub fn is_cut_in_burst(&self) -> bool {
        self.end == End::Killed && (1..self.last_burst).contains(&self.in_flight())
    }
}

/// What the connections of one seed did.
pub(super) struct Load {
    /// Every lane that was begun, the lanes of a connection in their order.
    pub runs: Vec<Run>,
    /// How many requests were acknowledged at the kill; `None` where there was none.
    pub killed_after: Option<u64>,
    /// How the server ended by itself and what it said last; empty where it did not.
    pub last_words: String,
}

/// Sends the lanes of every connection at once, each connection from a thread of its own, and kills the server at
/// `moment`. The order in which the server sees the requests of different connections is chance.
pub(super) fn put(
    server: &mut LiveServer,
    connections: Vec<Vec<Lane>>,
    moment: Option<Moment>,
    stop: &AtomicBool,
) -> Load {
    let address = server.address();
    let (alarm, killer) = sync_channel(1);
    let gauge = Gauge {
        acks: AtomicU64::new(0),
        is_killed: AtomicBool::new(false),
        alarm_at: moment.map_or(u64::MAX, |moment| moment.after_acks),
        stop,
    };
    thread::scope(|scope| {
        let threads: Vec<_> = connections
            .into_iter()
            .map(|lanes| {
                let (address, alarm, gauge) = (&address, alarm.clone(), &gauge);
                scope.spawn(move || drive(lanes, address, gauge, &alarm))
            })
            .collect();
        drop(alarm);
        let mut load = Load { runs: Vec::new(), killed_after: None, last_words: String::new() };
        if let Some(moment) = moment {
            wait(&killer, stop);
            thread::sleep(moment.delay);
            load.last_words = server.last_words();
            gauge.is_killed.store(load.last_words.is_empty(), Ordering::Release);
            if server.kill() {
                load.killed_after = Some(gauge.acks.load(Ordering::Acquire));
            }
        }
        for thread in threads {
            load.runs.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        if moment.is_none() && load.runs.iter().any(|run| matches!(run.end, End::Failed(_))) {
            load.last_words = server.await_last_words();
        }
        load
    })
}

/// Returns when the alarm is raised, every connection has ended, or the user asks to stop.
fn wait(killer: &Receiver<()>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) && killer.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {}
}

/// What all connections share.
struct Gauge<'a> {
    /// Requests acknowledged.
    acks: AtomicU64,
    /// Set right before the server is killed.
    is_killed: AtomicBool,
    /// At so many acknowledged requests the alarm is raised.
    alarm_at: u64,
    stop: &'a AtomicBool,
}

impl Gauge<'_> {
    fn count(&self, alarm: &SyncSender<()>) {
        if self.acks.fetch_add(1, Ordering::AcqRel) + 1 == self.alarm_at {
            // Nobody waits where the user has asked to stop.
            let _ = alarm.try_send(());
        }
    }

    fn end(&self, failure: Failure) -> End {
        if self.is_killed.load(Ordering::Acquire) { End::Killed } else { End::Failed(failure) }
    }
}

/// Sends the lanes of one connection until it cannot go on.
fn drive(lanes: Vec<Lane>, address: &Address, gauge: &Gauge, alarm: &SyncSender<()>) -> Vec<Run> {
    let mut runs = Vec::new();
    for lane in lanes {
        let run = drive_lane(lane, address, gauge, alarm);
        let goes_on = run.end == End::Lost;
        runs.push(run);
        if !goes_on {
            break;
        }
    }
    runs
}

fn drive_lane(lane: Lane, address: &Address, gauge: &Gauge, alarm: &SyncSender<()>) -> Run {
    let mut run = Run { sent: 0, last_burst: 0, replies: Vec::new(), end: End::Done, lane };
    let mut connection = match address.connect() {
        Ok(connection) => connection,
        Err(failure) => return Run { end: gauge.end(failure), ..run },
    };
    for (at, &len) in run.lane.bursts.iter().enumerate() {
        if gauge.stop.load(Ordering::Relaxed) {
            break;
        }
        let burst = &run.lane.requests[run.sent..run.sent + len];
        run.sent += len;
        run.last_burst = len;
        let take = |reply| {
            run.replies.push(reply);
            gauge.count(alarm);
        };
        let is_last = at + 1 == run.lane.bursts.len();
        if let (true, Some(loss)) = (is_last, &run.lane.loss) {
            loss.inflict(connection, burst, take);
            run.end = End::Lost;
            break;
        }
        if let Err(failure) = connection.exchange(burst, take) {
            run.end = gauge.end(failure);
            break;
        }
    }
    run
}
