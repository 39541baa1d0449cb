//! Connections of the simulated network, as sockets behave: what is sent arrives later and in its order, no more is taken
//! than there is room for, each direction ends by itself, and a reset loses what was under way.
//!
//! The time is the simulation's. Whatever a connection does besides is done to it by a [`Line`].

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use madsim::time::{Instant, Sleep, sleep_until};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much may be under way in one direction, or not be read yet, before no more is taken: what the buffers of two
/// sockets hold by default on Linux, about.
const ROOM_BYTES: usize = 256 << 10;

/// One direction of a connection.
#[derive(Debug)]
struct Direction {
    /// What was sent and is not read, with the time when it arrives.
    pieces: VecDeque<(Instant, Vec<u8>)>,
    /// How many bytes of the first are read.
    taken: usize,
    /// How many bytes that is.
    held: usize,
    room: usize,
    /// How long what is sent takes.
    latency: Duration,
    /// Nothing that is sent later arrives before this.
    last_arrival: Instant,
    /// When something was last sent or read.
    moved_at: Instant,
    /// When the end arrives, where the sender has sent all.
    end: Option<Instant>,
    /// True where the end is a reset: the sender is gone, and has left something unread.
    is_torn: bool,
    /// True while nothing arrives.
    is_clogged: bool,
    /// True where the connection was reset.
    is_reset: bool,
    /// The connection is reset when so many more bytes were sent.
    cut_after: Option<usize>,
    /// True where the reader is gone.
    is_unread: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Direction {
    fn new() -> Self {
        Self {
            pieces: VecDeque::new(),
            taken: 0,
            held: 0,
            room: ROOM_BYTES,
            latency: Duration::ZERO,
            last_arrival: Instant::now(),
            moved_at: Instant::now(),
            end: None,
            is_torn: false,
            is_clogged: false,
            is_reset: false,
            cut_after: None,
            is_unread: false,
            reader: None,
            writer: None,
        }
    }

    /// When what is sent now arrives.
    fn arrival(&mut self) -> Instant {
        self.last_arrival = self.last_arrival.max(Instant::now() + self.latency);
        self.last_arrival
    }

    fn wake(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }

    fn reset(&mut self) {
        self.moved_at = Instant::now();
        self.is_reset = true;
        self.pieces.clear();
        self.wake();
    }

    fn write(&mut self, bytes: &[u8], context: &Context<'_>) -> Poll<io::Result<usize>> {
        if self.is_reset || self.is_unread {
            return Poll::Ready(Err(reset()));
        }
        let room = self.room.saturating_sub(self.held);
        if room == 0 && !bytes.is_empty() {
            self.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        let count = bytes.len().min(room).min(self.cut_after.unwrap_or(usize::MAX));
        let arrival = self.arrival();
        match self.pieces.back_mut() {
            Some((at, last)) if *at == arrival => last.extend_from_slice(&bytes[..count]),
            _ if count > 0 => self.pieces.push_back((arrival, bytes[..count].to_vec())),
            _ => {}
        }
        self.held += count;
        self.moved_at = Instant::now();
        if let Some(left) = &mut self.cut_after {
            *left -= count;
            if *left == 0 {
                self.reset();
                return Poll::Ready(Err(reset()));
            }
        }
        self.reader.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(count))
    }

    /// Reads what is there; otherwise when it is worth to look again, where that is known.
    fn read(
        &mut self,
        buffer: &mut ReadBuf<'_>,
        context: &Context<'_>,
    ) -> Result<Poll<io::Result<()>>, Option<Instant>> {
        if self.is_reset {
            return Ok(Poll::Ready(Err(reset())));
        }
        let now = Instant::now();
        let before = buffer.filled().len();
        while let Some((at, bytes)) = self.pieces.front()
            && *at <= now
            && !self.is_clogged
            && buffer.remaining() > 0
        {
            let left = &bytes[self.taken..];
            let count = left.len().min(buffer.remaining());
            buffer.put_slice(&left[..count]);
            self.taken += count;
            if self.taken == bytes.len() {
                self.pieces.pop_front();
                self.taken = 0;
            }
        }
        let count = buffer.filled().len() - before;
        if count > 0 {
            self.held -= count;
            self.moved_at = now;
            self.writer.take().into_iter().for_each(Waker::wake);
            return Ok(Poll::Ready(Ok(())));
        }
        let has_ended = self.pieces.is_empty() && !self.is_clogged && self.end.is_some_and(|at| at <= now);
        if has_ended && self.is_torn {
            return Ok(Poll::Ready(Err(reset())));
        }
        if has_ended || buffer.remaining() == 0 {
            return Ok(Poll::Ready(Ok(())));
        }
        self.reader = Some(context.waker().clone());
        let next = self.pieces.front().map(|(at, _)| *at).or(self.end);
        Err(next.filter(|_| !self.is_clogged))
    }

    fn finish(&mut self) {
        let arrival = self.arrival();
        self.moved_at = Instant::now();
        self.end.get_or_insert(arrival);
        self.reader.take().into_iter().for_each(Waker::wake);
    }
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

type Shared = Arc<Mutex<Direction>>;

fn lock(direction: &Shared) -> MutexGuard<'_, Direction> {
    direction.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct End {
    inbound: Shared,
    outbound: Shared,
    timer: Option<Pin<Box<Sleep>>>,
    /// False where whoever writes is gone, and does not know yet.
    is_alive: Option<Arc<AtomicBool>>,
}

/// What is done to a connection.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// From the client to the server.
    requests: Shared,
    replies: Shared,
}

/// A connection: the client's end, the server's, and what lies between them.
pub(super) fn connect() -> (End, End, Line) {
    let (requests, replies) = (Arc::new(Mutex::new(Direction::new())), Arc::new(Mutex::new(Direction::new())));
    let end = |inbound: &Shared, outbound: &Shared| End {
        inbound: Arc::clone(inbound),
        outbound: Arc::clone(outbound),
        timer: None,
        is_alive: None,
    };
    let (client, server) = (end(&replies, &requests), end(&requests, &replies));
    (client, server, Line { requests, replies })
}

impl End {
    /// Nothing that is written arrives from the moment on that this is false.
    pub fn die_with(&mut self, is_alive: Arc<AtomicBool>) {
        self.is_alive = Some(is_alive);
    }
}

impl Line {
    /// How long requests and replies that are sent from now on take.
    pub fn set_latency(&self, request: Duration, reply: Duration) {
        lock(&self.requests).latency = request;
        lock(&self.replies).latency = reply;
    }

    /// Nothing arrives until this is undone; then what was sent meanwhile does.
    pub fn clog(&self, is_clogged: bool) {
        for direction in [&self.requests, &self.replies] {
            let mut direction = lock(direction);
            direction.is_clogged = is_clogged;
            direction.wake();
        }
    }

    /// Resets the connection: what is under way is lost, on both sides.
    pub fn reset(&self) {
        lock(&self.requests).reset();
        lock(&self.replies).reset();
    }

    /// Resets it once the client has sent so many more bytes.
    pub fn cut_after(&self, bytes: usize) {
        lock(&self.requests).cut_after = Some(bytes);
    }

    /// Undoes all that was done to it but a reset.
    pub fn heal(&self) {
        self.clog(false);
        self.set_latency(Duration::ZERO, Duration::ZERO);
        self.set_reply_room(ROOM_BYTES);
        lock(&self.requests).cut_after = None;
    }

    /// True where neither side has sent or read anything for so long.
    pub fn is_quiet_for(&self, time: Duration) -> bool {
        [&self.requests, &self.replies].iter().all(|direction| lock(direction).moved_at.elapsed() >= time)
    }

    /// No more replies are taken than so many bytes.
    pub fn set_reply_room(&self, bytes: usize) {
        let mut replies = lock(&self.replies);
        replies.room = bytes;
        replies.wake();
    }
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let at = match lock(&self.inbound).read(buffer, context) {
                Ok(done) => return done,
                Err(None) => return Poll::Pending,
                Err(Some(at)) => at,
            };
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
            if timer.deadline() != at {
                *timer = Box::pin(sleep_until(at));
            }
            if timer.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_alive.as_ref().is_some_and(|is_alive| !is_alive.load(Ordering::Relaxed)) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = lock(&self.outbound).write(bytes, context);
        if matches!(written, Poll::Ready(Err(_))) {
            lock(&self.inbound).reset();
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.outbound).finish();
        Poll::Ready(Ok(()))
    }
}

/// As the system closes a socket: what was sent arrives, and where something was not read, a reset behind it. Source: TCP
/// sockets of Linux 6, probed.
impl Drop for End {
    fn drop(&mut self) {
        let mut inbound = lock(&self.inbound);
        inbound.is_unread = true;
        let is_unread = inbound.held > 0;
        inbound.wake();
        drop(inbound);
        let mut outbound = lock(&self.outbound);
        outbound.is_torn |= is_unread && outbound.end.is_none();
        outbound.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use madsim::time::sleep;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Runs a test of a connection; whatever it reads comes back as text, an error as its kind.
    fn run<T: Send + 'static, F: Future<Output = T>>(test: impl FnOnce(End, End, Line) -> F + Send + 'static) -> T {
        let simulate = move || {
            let runtime = madsim::runtime::Runtime::with_seed_and_config(0, madsim::Config::default());
            runtime.block_on(async {
                let (client, server, line) = connect();
                test(client, server, line).await
            })
        };
        std::thread::spawn(simulate).join().expect("the simulation ends")
    }

    async fn read(end: &mut End) -> String {
        let mut buffer = [0; 64];
        match end.read(&mut buffer).await {
            Ok(count) => String::from_utf8_lossy(&buffer[..count]).into_owned(),
            Err(error) => error.kind().to_string(),
        }
    }

    /// The same, where it does not take a second.
    async fn read_soon(end: &mut End) -> String {
        madsim::time::timeout(Duration::from_secs(1), read(end)).await.unwrap_or_else(|_| "nothing".to_owned())
    }

    #[test]
    fn what_is_sent_arrives_later_and_in_its_order() {
        let took = run(|mut client, mut server, line| async move {
            let started = Instant::now();
            line.set_latency(Duration::from_millis(30), Duration::ZERO);
            client.write_all(b"ab").await.expect("there is room");
            line.set_latency(Duration::ZERO, Duration::ZERO);
            client.write_all(b"c").await.expect("there is room");
            assert_eq!(read(&mut server).await, "abc");
            started.elapsed().as_millis()
        });
        assert_eq!(took, 30);
    }

    #[test]
    fn each_direction_ends_by_itself() {
        run(|mut client, mut server, _| async move {
            client.write_all(b"bye").await.expect("there is room");
            client.shutdown().await.expect("it ends");
            assert_eq!((read(&mut server).await, read(&mut server).await), ("bye".into(), String::new()));
            server.write_all(b"still").await.expect("the other direction is open");
            assert_eq!(read(&mut client).await, "still");
        });
    }

    #[test]
    fn a_reset_loses_what_is_under_way() {
        run(|mut client, mut server, line| async move {
            line.set_latency(Duration::from_millis(5), Duration::ZERO);
            client.write_all(b"lost").await.expect("there is room");
            line.reset();
            assert_eq!(read(&mut server).await, "connection reset");
            assert!(client.write_all(b"more").await.is_err());
        });
    }

    #[test]
    fn an_end_passes_no_clogged_line() {
        run(|mut client, mut server, line| async move {
            line.clog(true);
            client.write_all(b"a").await.expect("there is room");
            drop(client);
            assert_eq!(read_soon(&mut server).await, "nothing");
            line.clog(false);
            assert_eq!((read(&mut server).await, read(&mut server).await), ("a".into(), String::new()));
        });
    }

    #[test]
    fn who_does_not_read_is_not_written_to_for_ever() {
        run(|mut client, mut server, line| async move {
            line.set_reply_room(3);
            let write = madsim::time::timeout(Duration::from_secs(1), server.write_all(b"abcdef"));
            assert!(write.await.is_err(), "three bytes have no room");
            assert_eq!(read(&mut client).await, "abc");
            server.write_all(b"def").await.expect("there is room again");
            assert_eq!(read(&mut client).await, "def");
        });
    }

    #[test]
    fn a_connection_is_cut_in_the_middle_of_a_frame() {
        run(|mut client, mut server, line| async move {
            line.cut_after(2);
            assert!(client.write_all(b"abc").await.is_err());
            assert_eq!(read(&mut server).await, "connection reset");
        });
    }

    #[test]
    fn who_is_gone_resets_what_he_did_not_read() {
        run(|mut client, mut server, _| async move {
            server.write_all(b"reply").await.expect("there is room");
            client.write_all(b"bye").await.expect("there is room");
            drop(client);
            assert_eq!((read(&mut server).await, read(&mut server).await), ("bye".into(), "connection reset".into()));
            assert!(server.write_all(b"more").await.is_err());
            let (_, mut gone, _) = connect();
            sleep(Duration::from_millis(1)).await;
            assert_eq!(read(&mut gone).await, "");
        });
    }
}
