//! What has arrived on every connection: run as one batch, committed, and then answered.
//!
//! A connection's task appends what it reads to its [`Peer`] and queues the peer here. The executor's own task comes to
//! its turn when every task that was ready has had its own, as a runtime takes them in their order: then whatever
//! arrived at about the same time is in one batch, which is one transaction of SQLite. So it is with Redis, whose
//! `beforeSleep` writes the replies of all that one turn of its loop has read. Where the commit has to wait for a disk,
//! the batch first takes in what has arrived while it ran.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::request::{RequestError, RequestParser};
use crate::clients::Addresses;
use crate::engine::{Batch, Client, Redlite, State};
use crate::points::{Point, Points};
use resp::{Argv, Reply, encode_reply};

/// How much is read at once.
const READ_BYTES: usize = 64 << 10;
/// Buffers with more room are given back when they are empty.
const BUFFER_BYTES_KEPT: usize = 16 << 10;
/// How often the clock is looked at while somebody waits until some time. It may be set meanwhile.
const TICK: Duration = Duration::from_millis(100);
/// How often a batch that has to be synced to disk takes in what has arrived since.
const GATHERINGS_MAX: usize = 8;

/// What a server allows.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many connections there may be at once.
    pub clients_max: usize,
    /// A subscriber for which more is waiting to be sent is closed, in bytes.
    pub subscriber_bytes_max: usize,
    /// As `subscriber_bytes_max`, where so much waits for longer than `subscriber_patience_ms`.
    pub subscriber_bytes_tolerated: usize,
    /// How long a subscriber may be behind by `subscriber_bytes_tolerated`, in milliseconds.
    pub subscriber_patience_ms: i64,
}

impl Default for Settings {
    /// Redis' `maxclients 10000` and `client-output-buffer-limit pubsub 32mb 8mb 60`.
    fn default() -> Self {
        Self {
            clients_max: 10_000,
            subscriber_bytes_max: 32 << 20,
            subscriber_bytes_tolerated: 8 << 20,
            subscriber_patience_ms: 60_000,
        }
    }
}

/// Runs the commands of every connection to one store.
#[derive(Debug)]
pub struct Executor {
    store: Redlite,
    settings: Settings,
    queue: Mutex<Queue>,
    /// Whatever is read is first read to here: a connection without input has no buffer of its own.
    scratch: Mutex<Vec<u8>>,
    pub(super) points: Points,
}

#[derive(Debug, Default)]
struct Queue {
    /// By the slots of their clients.
    peers: Vec<Option<Arc<Peer>>>,
    open: usize,
    /// Those that have something to run.
    ready: Vec<Arc<Peer>>,
    /// Subscribers that are behind by more than is tolerated for long.
    late: Vec<Arc<Peer>>,
    /// Of the executor's task.
    waker: Option<Waker>,
    /// Of the task that waits until no connection is left.
    closed_waker: Option<Waker>,
    is_stopping: bool,
    /// True from where a batch begins until all have what it answers them.
    is_in_batch: bool,
}

/// A connection, as its task and the executor share it.
#[derive(Debug)]
pub(super) struct Peer {
    pub client: Client,
    buffers: Mutex<Buffers>,
}

/// What has arrived and what is to be sent.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// What has arrived and is not run yet.
    pub input: Vec<u8>,
    /// What is to be sent, of which `sent` bytes are.
    pub output: Vec<u8>,
    pub sent: usize,
    /// True from the time that the executor is told of input until what it answers is there.
    pub is_queued: bool,
    /// True while a command waits: what comes after it waits, too.
    pub is_blocked: bool,
    /// True where the connection is to be closed once its output is sent.
    pub is_closing: bool,
    /// True where it is to be closed at once.
    pub is_dropped: bool,
    /// Of the connection's task.
    pub waker: Option<Waker>,
    parser: RequestParser,
    /// Since when it has been behind by more than is tolerated, in milliseconds since 1970.
    late_since_ms: Option<i64>,
}

impl Peer {
    pub fn lock(&self) -> MutexGuard<'_, Buffers> {
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffers {
    /// How much is still to be sent, in bytes.
    fn unsent(&self) -> usize {
        self.output.len() - self.sent
    }

    /// Notes that `bytes` more of the output are sent.
    pub fn note_sent(&mut self, bytes: usize) {
        self.sent += bytes;
        if self.sent == self.output.len() {
            self.sent = 0;
            empty(&mut self.output);
        }
    }

    fn wake(&self) {
        self.waker.iter().for_each(Waker::wake_by_ref);
    }
}

/// Empties a buffer; much room is given back.
fn empty(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.shrink_to(BUFFER_BYTES_KEPT);
}

impl Executor {
    /// For the connections to this store.
    pub fn new(store: Redlite, settings: Settings) -> Self {
        let (points, scratch) = (store.points(), Mutex::new(Vec::with_capacity(READ_BYTES)));
        Self { store, settings, queue: Mutex::default(), scratch, points }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new connection; none where there are as many as are allowed.
    pub(super) fn join(&self, addresses: Addresses) -> Option<Arc<Peer>> {
        if self.lock().open >= self.settings.clients_max {
            return None;
        }
        let client = self.store.client();
        client.set_addresses(addresses);
        let peer = Arc::new(Peer { client, buffers: Mutex::default() });
        let slot = peer.client.slot();
        let mut queue = self.lock();
        queue.open += 1;
        if queue.peers.len() <= slot {
            queue.peers.resize(slot + 1, None);
        }
        queue.peers[slot] = Some(Arc::clone(&peer));
        Some(peer)
    }

    /// The end of a connection.
    pub(super) fn leave(&self, peer: &Arc<Peer>) {
        peer.lock().is_dropped = true;
        let mut queue = self.lock();
        // Whoever still holds the peer keeps its client.
        queue.late.retain(|late| !Arc::ptr_eq(late, peer));
        let left = queue.peers.get_mut(peer.client.slot()).and_then(Option::take);
        queue.open -= 1;
        if queue.open == 0 {
            queue.closed_waker.take().into_iter().for_each(Waker::wake);
        }
        drop(queue);
        // It may be the last handle of its client, which takes the engine's lock.
        drop(left);
    }

    /// Lends an empty buffer with room.
    pub(super) fn with_scratch<T>(&self, read: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        scratch.clear();
        read(&mut scratch)
    }

    /// Has what arrived for `peer` run.
    pub(super) fn enqueue(&self, peer: &Arc<Peer>) {
        let mut queue = self.lock();
        queue.ready.push(Arc::clone(peer));
        if queue.ready.len() == 1 {
            queue.waker.iter().for_each(Waker::wake_by_ref);
        }
    }

    /// True from [`Executor::stop`] on, but for the middle of a batch: it may have something for those who wait.
    pub(super) fn lets_go(&self) -> bool {
        let queue = self.lock();
        queue.is_stopping && !queue.is_in_batch
    }

    /// Has every connection closed as soon as it is answered what has arrived.
    pub fn stop(&self) {
        self.lock().is_stopping = true;
        self.wake_all();
    }

    fn wake_all(&self) {
        let peers: Vec<Arc<Peer>> = self.lock().peers.iter().flatten().cloned().collect();
        peers.iter().for_each(|peer| peer.lock().wake());
    }

    /// Ends when there is no connection.
    pub async fn closed(&self) {
        poll_fn(|context| {
            let mut queue = self.lock();
            queue.closed_waker = Some(context.waker().clone());
            if queue.open == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Serves the connections; never ends. `sleep` is that of the runtime, and so is `pause`: it ends when every task
    /// that can go on has had its turn, those for which something has arrived meanwhile, too.
    pub async fn run<S: Future, P: Future>(&self, sleep: impl Fn(Duration) -> S, pause: impl Fn() -> P) {
        loop {
            let is_clock_watched = self.store.next_timeout_ms().is_some() || !self.lock().late.is_empty();
            let mut tick = pin!(is_clock_watched.then(|| sleep(TICK)));
            poll_fn(|context| {
                let tick_is_over = tick.as_mut().as_pin_mut().is_some_and(|tick| tick.poll(context).is_ready());
                if tick_is_over { Poll::Ready(()) } else { self.poll_ready(context) }
            })
            .await;
            self.points.hold(Point::Turn).await;
            let mut ran = self.run_ready();
            for _ in 0..GATHERINGS_MAX {
                if !self.store.has_to_sync() {
                    break;
                }
                self.points.hold(Point::Gather).await;
                pause().await;
                if self.lock().ready.is_empty() {
                    break;
                }
                ran.append(&mut self.run_ready());
            }
            self.points.hold(Point::Commit).await;
            self.store.batch().commit();
            self.points.hold(Point::Reply).await;
            self.answer(&ran);
            self.end_batch();
        }
    }

    /// Has those closed whom the batch has kept from it.
    fn end_batch(&self) {
        let is_stopping = {
            let mut queue = self.lock();
            queue.is_in_batch = false;
            queue.is_stopping
        };
        if is_stopping {
            self.wake_all();
        }
    }

    /// Ready where a connection has something to run.
    fn poll_ready(&self, context: &Context<'_>) -> Poll<()> {
        let mut queue = self.lock();
        if !queue.ready.is_empty() {
            return Poll::Ready(());
        }
        if !queue.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            queue.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    /// Runs what is there; whose it was.
    fn run_ready(&self) -> Vec<Arc<Peer>> {
        let ready = {
            let mut queue = self.lock();
            queue.is_in_batch = true;
            std::mem::take(&mut queue.ready)
        };
        let mut batch = self.store.batch();
        batch.expire_waits();
        ready.iter().for_each(|peer| run_input(&mut batch, peer, &self.points));
        ready
    }

    /// Hands the connections what these have been answered, and what others have been sent by it.
    fn answer(&self, ran: &[Arc<Peer>]) {
        // Peers outlive the batch: the last handle of a client takes the engine's lock when it goes.
        let mut stirred = Vec::new();
        let mut batch = self.store.batch();
        {
            let mut queue = self.lock();
            stirred.extend(batch.take_stirred().iter().filter_map(|&slot| queue.peers.get(slot).cloned().flatten()));
            stirred.append(&mut queue.late);
        }
        for peer in ran {
            peer.lock().is_queued = false;
        }
        for peer in ran.iter().chain(&stirred) {
            self.deliver(&mut batch, peer);
        }
        drop(batch);
        let is_runnable = |buffers: &Buffers| !buffers.is_queued && !buffers.is_blocked && !buffers.input.is_empty();
        for peer in stirred {
            let mut buffers = peer.lock();
            if buffers.late_since_ms.is_some() && !buffers.is_dropped {
                self.lock().late.push(Arc::clone(&peer));
            }
            if is_runnable(&buffers) && self.points.passes(Point::Requeue, b"") {
                buffers.is_queued = true;
                self.enqueue(&peer);
            }
        }
    }

    /// Hands a connection what is to be sent to it, and looks at how far behind it is.
    fn deliver(&self, batch: &mut Batch<'_>, peer: &Peer) {
        let mut buffers = peer.lock();
        let buffers = &mut *buffers;
        batch.take_frames(&peer.client, |frame| encode_reply(&frame, &mut buffers.output));
        let state = batch.state(&peer.client);
        buffers.is_blocked = state.is_blocked;
        buffers.is_closing |= state.is_closing;
        let now_ms = batch.now_ms();
        let is_late = state.is_subscriber && buffers.unsent() > self.settings.subscriber_bytes_tolerated;
        buffers.late_since_ms = if is_late { buffers.late_since_ms.or(Some(now_ms)) } else { None };
        let late_ms = buffers.late_since_ms.map_or(0, |since_ms| now_ms - since_ms);
        let is_flooded = state.is_subscriber && buffers.unsent() > self.settings.subscriber_bytes_max;
        buffers.is_dropped |= is_flooded || late_ms > self.settings.subscriber_patience_ms;
        buffers.wake();
    }
}

/// Runs the requests that are there in full, until one waits or closes the connection.
fn run_input(batch: &mut Batch<'_>, peer: &Peer, points: &Points) {
    let mut buffers = peer.lock();
    let Buffers { input, parser, is_dropped, .. } = &mut *buffers;
    let mut at = 0;
    let mut state = batch.state(&peer.client);
    let is_held = |state: State| state.is_blocked && points.passes(Point::Blocked, b"");
    while !(state.is_closing || *is_dropped || is_held(state)) {
        match parser.next(input, &mut at, state.is_stranger) {
            Ok(false) => break,
            Ok(true) if is_of_the_web(parser.argv()) => *is_dropped = true,
            Ok(true) => state = batch.run(&peer.client, parser.argv()),
            Err(RequestError::TooLarge) => *is_dropped = true,
            Err(RequestError::Protocol(text)) => {
                let text = [b"ERR Protocol error: ", &text[..]].concat();
                state = batch.refuse(&peer.client, Reply::Error(text));
            }
        }
    }
    if at == input.len() || !points.passes(Point::Keep, b"") {
        empty(input);
    } else {
        input.drain(..at);
    }
}

/// A request of HTTP: a page in a browser may be made to send one to a port of its user's own machine. Redis closes
/// the connection, too.
fn is_of_the_web(argv: &Argv) -> bool {
    // Redis compares the word as a C string.
    let word = argv[0].split(|&byte| byte == 0).next().unwrap_or_default();
    word.eq_ignore_ascii_case(b"host:") || word.eq_ignore_ascii_case(b"post")
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::task::{LocalSet, spawn_local, yield_now};

    use super::super::connection::serve_connection;
    use super::*;
    use crate::Options;
    use crate::vfs::{CallKind, Injection, SimulatedDisk};

    /// Clients of a store on this disk that each push to a list: the first one, and another one each time that the
    /// executor pauses. The first words that they are answered, and how often the disk synced for it.
    async fn push(disk: SimulatedDisk, clients: usize) -> (Vec<String>, u64) {
        let store = Options::new().open_on(Arc::new(disk.clone()), "store.db");
        let executor = Arc::new(Executor::new(store.expect("an empty disk"), Settings::default()));
        let syncs = || disk.counts().calls.get(&CallKind::Sync).copied().unwrap_or(0);
        let before = syncs();
        let (waiting, sent) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(Vec::new())));
        for _ in 0..clients {
            let (ours, theirs) = duplex(1 << 10);
            let executor = Arc::clone(&executor);
            spawn_local(async move { serve_connection(&executor, theirs, Addresses::default()).await });
            waiting.borrow_mut().push(ours);
        }
        let (next, done) = (Rc::clone(&waiting), Rc::clone(&sent));
        let send_one = move || {
            let (next, done) = (Rc::clone(&next), Rc::clone(&done));
            async move {
                let stream: Option<DuplexStream> = next.borrow_mut().pop();
                if let Some(mut stream) = stream {
                    stream.write_all(b"LPUSH list item\r\n").await.expect("it is taken");
                    done.borrow_mut().push(stream);
                }
                yield_now().await;
            }
        };
        send_one().await;
        spawn_local(async move { executor.run(|_| std::future::pending::<()>(), send_one).await });
        let mut replies = Vec::new();
        while replies.len() < clients {
            yield_now().await;
            for mut stream in sent.take() {
                let mut reply = [0; 64];
                let bytes = stream.read(&mut reply).await.expect("a reply");
                let text = String::from_utf8_lossy(&reply[..bytes]);
                replies.push(text.split_whitespace().next().unwrap_or_default().to_owned());
            }
        }
        (replies, syncs() - before)
    }

    fn check(disk: SimulatedDisk, clients: usize, expected: (&[&str], u64)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (replies, syncs) = runtime.block_on(LocalSet::new().run_until(push(disk, clients)));
        assert_eq!((replies.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), syncs), expected);
    }

    #[test]
    fn what_arrives_before_a_sync_is_synced_with_it() {
        check(SimulatedDisk::default(), 4, (&[":1", ":2", ":3", ":4"], 1));
    }

    #[test]
    fn a_sync_that_fails_fails_all_that_it_was_for() {
        let disk = SimulatedDisk::default();
        drop(Options::new().open_on(Arc::new(disk.clone()), "store.db"));
        disk.set_hook(|call, _| if call.kind == CallKind::Sync { Injection::Io } else { Injection::None });
        // The second one is of what takes the transaction back.
        check(disk, 3, (&["-MISCONF"; 3], 2));
    }
}
