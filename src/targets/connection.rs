//! One connection to a RESP server: many requests out, as many replies in, neither side ever stuck.

use std::fmt;
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};

use super::pace::Pace;
use resp::{Argv, DecodeError, Decoder, Limits, Reply};

/// How many bytes of requests are encoded before they are sent.
const WRITE_BYTES: usize = 64 << 10;
/// How many bytes are read at once.
const READ_BYTES_MAX: usize = 64 << 10;
/// Room for the first read of a connection: most are short, and the room is zeroed first.
const READ_BYTES_MIN: usize = 4 << 10;
/// What a write buffer may keep after a large request.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// A socket in the file system.
    Unix(PathBuf),
    /// A host and a port.
    Tcp(String, u16),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Unix(path) => write!(f, "unix:{}", path.display()),
            Endpoint::Tcp(host, port) => write!(f, "redis://{host}:{port}"),
        }
    }
}

/// Why a reply did not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing came within the deadline.
    Hung,
    /// The peer closed the connection, or it could not be opened.
    Closed,
    /// What came is no RESP. To a client that is as good as a closed connection.
    Malformed(DecodeError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Hung => f.write_str("no reply came in time"),
            Failure::Closed => f.write_str("the connection was closed"),
            Failure::Malformed(error) => write!(f, "the reply is no RESP: {error}"),
        }
    }
}

impl Failure {
    /// What stands in the trace for the reply that did not come.
    pub fn reply(&self) -> Reply {
        match self {
            Failure::Hung => Reply::Hung,
            Failure::Closed | Failure::Malformed(_) => Reply::Closed,
        }
    }
}

/// An exchange that did not come to its end.
#[derive(Debug)]
pub(super) struct Broken {
    /// What happened.
    pub failure: Failure,
    /// How many requests were under way: with one, it is known which one the failure belongs to.
    pub in_flight: usize,
}

/// The two sides of an exchange.
pub(super) trait Dialogue {
    /// Appends the next request and says how many replies it has; 0 where there is none left.
    fn encode_next(&mut self, out: &mut Vec<u8>) -> usize;

    /// Takes the next frame; true where it is a reply that [`Dialogue::encode_next`] spoke of.
    fn take(&mut self, frame: Reply) -> bool;
}

/// Requests with one reply each.
struct Batch<'a> {
    left: &'a [Argv],
    replies: &'a mut Vec<Reply>,
}

impl Dialogue for Batch<'_> {
    fn encode_next(&mut self, out: &mut Vec<u8>) -> usize {
        let Some((request, left)) = self.left.split_first() else { return 0 };
        request.encode(out);
        self.left = left;
        1
    }

    fn take(&mut self, frame: Reply) -> bool {
        self.replies.push(frame);
        true
    }
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    fn set_read_timeout(&self, deadline: Duration) -> io::Result<()> {
        match self {
            Stream::Unix(stream) => stream.set_read_timeout(Some(deadline)),
            Stream::Tcp(stream) => stream.set_read_timeout(Some(deadline)),
        }
    }

    /// Has what has come acknowledged at once, up to the next few packets. A server that writes a reply in pieces waits
    /// for that before each piece, unless it has asked for TCP_NODELAY: 40 ms where the acknowledgement is delayed.
    fn acknowledge_at_once(&self) {
        #[cfg(target_os = "linux")]
        if let Stream::Tcp(stream) = self {
            // Without it all goes on, but slowly.
            let _ = rustix::net::sockopt::set_tcp_quickack(stream, true);
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Unix(stream) => stream.as_fd(),
            Stream::Tcp(stream) => stream.as_fd(),
        }
    }
}

/// What is done where nothing has arrived.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Nothing: there are requests left to encode.
    No,
    /// The socket waits by itself: all is sent.
    Read,
    /// Until the peer has sent something, or takes more.
    ReadOrWrite,
}

/// An open connection.
pub(super) struct Connection {
    stream: Stream,
    decoder: Decoder,
    /// Encoded requests, of which `sent` bytes are sent.
    out: Vec<u8>,
    sent: usize,
    /// How far the requests may be sent: all of them, or up to the end of the one in hand.
    released: usize,
    /// True where the next request waits for something to come for the one before it.
    one_by_one: bool,
    /// True where nothing has come for the request in hand.
    unanswered: bool,
    deadline: Duration,
    /// Told how long replies take.
    pace: Option<Arc<Pace>>,
    /// Room for the next read.
    read_bytes: usize,
}

impl Connection {
    /// Connects. A reply that takes longer than `deadline` counts as hung.
    pub fn open(endpoint: &Endpoint, deadline: Duration) -> io::Result<Self> {
        let stream = match endpoint {
            Endpoint::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
            Endpoint::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port))?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
        };
        stream.set_read_timeout(deadline)?;
        Ok(Self {
            stream,
            decoder: Decoder::new(Limits::default()),
            out: Vec::new(),
            sent: 0,
            released: 0,
            one_by_one: false,
            unanswered: false,
            deadline,
            pace: None,
            read_bytes: READ_BYTES_MIN,
        })
    }

    /// Sends one request at a time from now on: the next one when something has come for the one before it.
    pub fn set_one_by_one(&mut self) {
        self.one_by_one = true;
    }

    /// Tells `pace` how long replies take.
    pub fn set_pace(&mut self, pace: Arc<Pace>) {
        self.pace = Some(pace);
    }

    /// A reply that takes longer than `deadline`, which is not zero, counts as hung from now on.
    pub fn set_deadline(&mut self, deadline: Duration) {
        if self.deadline != deadline && self.stream.set_read_timeout(deadline).is_ok() {
            self.deadline = deadline;
        }
    }

    /// Sends requests and takes their replies, in any overlap, so that neither side waits on the other's full
    /// buffer.
    ///
    /// A reply is hung where the deadline has passed since the one before it; it may be noticed as late as
    /// twice the deadline where the server trickles.
    pub fn exchange(&mut self, dialogue: &mut impl Dialogue) -> Result<(), Broken> {
        let mut awaited = 0;
        let mut more = true;
        let mut last_reply = Instant::now();
        loop {
            if self.sent == self.out.len() && !self.holds_back() {
                self.start_buffer();
                while more && self.out.len() < WRITE_BYTES {
                    let replies = dialogue.encode_next(&mut self.out);
                    more = replies > 0;
                    awaited += replies;
                }
            }
            self.release();
            self.send_some();
            let sent = self.sent == self.out.len();
            if sent && !more && awaited == 0 {
                return Ok(());
            }
            let wait = match (sent, more) {
                _ if self.holds_back() => Wait::Read,
                (true, true) => Wait::No,
                (true, false) => Wait::Read,
                (false, _) => Wait::ReadOrWrite,
            };
            let awaited_before = awaited;
            let outcome = self.receive(wait, last_reply).and_then(|()| self.take_replies(&mut awaited, dialogue));
            outcome.map_err(|failure| Broken { failure, in_flight: awaited })?;
            if awaited < awaited_before {
                let now = Instant::now();
                self.pace.iter().for_each(|pace| pace.note(now - last_reply));
                last_reply = now;
            }
        }
    }

    fn take_replies(&mut self, awaited: &mut usize, dialogue: &mut impl Dialogue) -> Result<(), Failure> {
        while *awaited > 0
            && let Some(frame) = self.decoder.next_reply().map_err(Failure::Malformed)?
        {
            self.unanswered = false;
            *awaited -= usize::from(dialogue.take(frame));
        }
        Ok(())
    }

    /// Runs `requests` in one pipeline and returns a reply for each.
    pub fn run(&mut self, requests: &[Argv]) -> Result<Vec<Reply>, Failure> {
        let mut replies = Vec::with_capacity(requests.len());
        self.run_into(requests, &mut replies)?;
        Ok(replies)
    }

    /// Runs `requests` and adds one reply for each, those that came before a failure included.
    pub fn run_into(&mut self, requests: &[Argv], replies: &mut Vec<Reply>) -> Result<(), Failure> {
        let mut batch = Batch { left: requests, replies };
        self.exchange(&mut batch).map_err(|broken| broken.failure)
    }

    /// Runs one request.
    pub fn run_one(&mut self, request: &Argv) -> Result<Reply, Failure> {
        let replies = self.run(std::slice::from_ref(request))?;
        replies.into_iter().next().ok_or(Failure::Closed)
    }

    /// Sends `bytes` and hands every frame that comes to `take`, until that is true for one.
    pub fn exchange_until(&mut self, bytes: &[u8], mut take: impl FnMut(Reply) -> bool) -> Result<(), Failure> {
        let started = Instant::now();
        self.start_buffer();
        self.out.extend_from_slice(bytes);
        loop {
            self.release();
            self.send_some();
            while let Some(frame) = self.decoder.next_reply().map_err(Failure::Malformed)? {
                self.unanswered = false;
                if take(frame) {
                    return Ok(());
                }
            }
            if self.sent < self.out.len() && self.sent == self.released && !self.holds_back() {
                continue;
            }
            let wait = if self.sent == self.released { Wait::Read } else { Wait::ReadOrWrite };
            self.receive(wait, started)?;
        }
    }

    /// Sends all of `bytes`. What comes meanwhile is kept for whoever asks next.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let started = Instant::now();
        self.start_buffer();
        self.out.extend_from_slice(bytes);
        self.released = self.out.len();
        loop {
            self.send_some();
            if self.sent == self.out.len() {
                return Ok(());
            }
            self.receive(Wait::ReadOrWrite, started)?;
        }
    }

    /// Appends every frame that has arrived, and returns how many bytes were read for that. Waits for nothing.
    pub fn take_arrived(&mut self, frames: &mut Vec<Reply>) -> Result<usize, Failure> {
        let (mut bytes, mut end) = (0, None);
        while end.is_none() {
            match recv(&self.stream, self.decoder.spare(self.read_bytes), RecvFlags::DONTWAIT) {
                Ok((_, 0)) => end = Some(Err(Failure::Closed)),
                Ok((_, count)) => {
                    self.feed(count);
                    bytes += count;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => end = Some(Ok(bytes)),
                Err(_) => end = Some(Err(Failure::Closed)),
            }
        }
        while let Some(frame) = self.decoder.next_reply().map_err(Failure::Malformed)? {
            frames.push(frame);
        }
        end.unwrap_or(Ok(bytes))
    }

    /// Waits for whatever comes next, reads no more than `bytes_max` bytes of it, and appends the frames that are whole
    /// with them.
    pub fn read_part(&mut self, bytes_max: usize, frames: &mut Vec<Reply>) -> Result<(), Failure> {
        let room = self.decoder.spare(bytes_max);
        let most = bytes_max.min(room.len());
        match recv(&self.stream, &mut room[..most], RecvFlags::empty()) {
            Ok((_, 0)) => return Err(Failure::Closed),
            Ok((_, count)) => self.decoder.advance(count),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Err(Failure::Hung),
            Err(_) => return Err(Failure::Closed),
        }
        while let Some(frame) = self.decoder.next_reply().map_err(Failure::Malformed)? {
            frames.push(frame);
        }
        Ok(())
    }

    /// Tells the peer that nothing more is sent; what it sends still arrives.
    pub fn finish_sending(&self) {
        // An error says that the peer is gone, which is told to whoever reads.
        let _ = shutdown(&self.stream, Shutdown::Write);
    }

    /// Closes the connection with a TCP reset: what is still under way either way is thrown away. On a unix socket it
    /// is closed as ever.
    pub fn reset(self) {
        // As above.
        let _ = set_socket_linger(&self.stream, Some(Duration::ZERO));
    }

    /// What has come behind the last reply that was asked for, where it is no RESP: whoever reads next would be blamed
    /// for it.
    pub fn stray(&mut self) -> Option<Failure> {
        self.decoder.begins_malformed().map(Failure::Malformed)
    }

    /// True where something to read comes within `wait`, or the peer's end of the connection.
    pub fn is_readable_within(&self, wait: Duration) -> bool {
        if self.decoder.has_bytes() {
            return true;
        }
        let mut fds = [PollFd::new(&self.stream, PollFlags::IN)];
        poll(&mut fds, Timespec::try_from(wait).ok().as_ref()).is_ok_and(|ready| ready > 0)
    }

    fn start_buffer(&mut self) {
        if self.out.capacity() > KEPT_BYTES_MAX {
            self.out = Vec::new();
        }
        self.out.clear();
        (self.sent, self.released, self.unanswered) = (0, 0, false);
    }

    /// Lets go of what may be sent next.
    fn release(&mut self) {
        if !self.one_by_one {
            self.released = self.out.len();
        } else if self.sent == self.released && self.sent < self.out.len() && !self.unanswered {
            self.released += request_len(&self.out[self.sent..]);
            self.unanswered = true;
        }
    }

    /// True where the next request waits for something to come.
    fn holds_back(&self) -> bool {
        self.one_by_one && self.unanswered && self.sent == self.released
    }

    /// Sends what the peer takes now.
    fn send_some(&mut self) {
        while self.sent < self.released {
            match send(&self.stream, &self.out[self.sent..self.released], SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(count) => self.sent += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                // The peer is gone. What it sent before is still to be read; the end of it tells the rest.
                Err(_) => (self.sent, self.released) = (self.out.len(), self.out.len()),
            }
        }
    }

    /// Takes what was just read. A read that filled its room is followed by a larger one.
    fn feed(&mut self, count: usize) {
        self.decoder.advance(count);
        if count >= self.read_bytes {
            self.read_bytes = (self.read_bytes * 4).min(READ_BYTES_MAX);
        }
    }

    /// Reads once into the decoder, waiting as `wait` says.
    fn receive(&mut self, wait: Wait, last_reply: Instant) -> Result<(), Failure> {
        let flags = if wait == Wait::Read { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
        if wait == Wait::Read {
            self.stream.acknowledge_at_once();
        }
        match recv(&self.stream, self.decoder.spare(self.read_bytes), flags) {
            Ok((_, 0)) => return Err(Failure::Closed),
            Ok((_, count)) => {
                self.feed(count);
                return Ok(());
            }
            Err(Errno::AGAIN) if wait == Wait::No => return Ok(()),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => return Err(Failure::Closed),
        }
        let left = self.deadline.saturating_sub(last_reply.elapsed());
        if left.is_zero() {
            return Err(Failure::Hung);
        }
        if wait == Wait::ReadOrWrite {
            let mut fds = [PollFd::new(&self.stream, PollFlags::IN | PollFlags::OUT)];
            let timeout = Timespec::try_from(left).ok();
            match poll(&mut fds, timeout.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return Err(Failure::Closed),
            }
        }
        Ok(())
    }
}

/// The length of the request that `bytes` begin with; all of them where they do not begin with one.
fn request_len(bytes: &[u8]) -> usize {
    fn number(bytes: &[u8], at: &mut usize, sign: u8) -> Option<usize> {
        let line = bytes.get(*at..)?.strip_prefix(&[sign])?;
        let end = line.windows(2).position(|pair| pair == b"\r\n")?;
        *at += 1 + end + 2;
        std::str::from_utf8(&line[..end]).ok()?.parse().ok()
    }
    let whole = || {
        let mut at = 0;
        for _ in 0..number(bytes, &mut at, b'*')? {
            let len = number(bytes, &mut at, b'$')?;
            at = at.checked_add(len)?.checked_add(2)?;
        }
        Some(at).filter(|&at| at <= bytes.len())
    };
    whole().unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: usize) {
        assert_eq!(request_len(bytes), expected, "{}", bytes.escape_ascii());
    }

    #[test]
    fn a_request_ends_where_its_last_argument_does() {
        let mut two = Vec::new();
        Argv::from(["SET", "k", "a\r\nb"]).encode(&mut two);
        let first = two.len();
        Argv::from(["PING"]).encode(&mut two);
        check(&two, first);
        check(&two[first..], two.len() - first);
        check(b"PING\r\nPING\r\n", 12);
        check(b"*1\r\n$9\r\nPING\r\n", 14);
        check(b"", 0);
    }
}
