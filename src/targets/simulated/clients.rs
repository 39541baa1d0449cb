//! A client's connection: sends what the world has for it, and notes every frame that comes.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use madsim::runtime::Handle;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::network::{End, Line};
use super::world::{Log, What, lock};
use resp::{Decoder, Limits};

/// How much is read at once.
const READ_BYTES: usize = 4 << 10;

/// A client's connection, as the world handles it.
pub(super) struct Client {
    /// How often this number was connected before.
    pub nth: u32,
    pub line: Line,
    port: Arc<Mutex<Port>>,
}

/// What the world has for a client's task.
#[derive(Default)]
pub(super) struct Port {
    /// What is to be sent.
    pub out: Vec<u8>,
    /// Nothing more will be sent.
    pub is_half_closed: bool,
    /// It sends what there is, and goes.
    pub is_closed: bool,
    /// It reads nothing.
    pub is_asleep: bool,
    /// How many bytes of `out` are sent.
    sent: usize,
    has_shut_down: bool,
    is_over: bool,
    waker: Option<Waker>,
}

impl Client {
    /// Begins a client's task.
    pub fn spawn(conn: u16, nth: u32, end: End, line: Line, log: Log) -> Self {
        let port: Arc<Mutex<Port>> = Arc::default();
        let node = Handle::current().create_node().name(format!("client {conn}")).build();
        let mut task = Task { conn, nth, end, log, port: Arc::clone(&port), decoder: Decoder::new(Limits::default()) };
        node.spawn(async move { poll_fn(|context| task.poll(context)).await });
        Self { nth, line, port }
    }

    /// True where the connection has ended.
    pub fn is_over(&self) -> bool {
        lock(&self.port).is_over
    }

    /// Changes what there is to do, and has it done.
    pub fn edit(&self, change: impl FnOnce(&mut Port)) {
        let mut port = lock(&self.port);
        change(&mut port);
        port.waker.iter().for_each(Waker::wake_by_ref);
    }
}

struct Task {
    conn: u16,
    nth: u32,
    end: End,
    log: Log,
    port: Arc<Mutex<Port>>,
    decoder: Decoder,
}

impl Task {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let port = Arc::clone(&self.port);
        let mut port = lock(&port);
        port.waker = Some(context.waker().clone());
        let ended = match self.poll_send(&mut port, context) {
            Some(ended) => Some(ended),
            None if port.is_asleep => None,
            None => self.poll_receive(context),
        };
        let Some(how) = ended else { return Poll::Pending };
        port.is_over = true;
        self.log.note(self.conn, self.nth, how);
        Poll::Ready(())
    }

    /// Sends what can be sent; how the connection has ended, where it has.
    fn poll_send(&mut self, port: &mut Port, context: &mut Context<'_>) -> Option<What> {
        while port.sent < port.out.len() {
            match Pin::new(&mut self.end).poll_write(context, &port.out[port.sent..]) {
                Poll::Pending => return None,
                Poll::Ready(Ok(count)) => port.sent += count,
                Poll::Ready(Err(_)) => return Some(What::Reset),
            }
        }
        port.out.clear();
        port.sent = 0;
        if port.is_closed {
            return Some(What::Closed);
        }
        if port.is_half_closed && !port.has_shut_down {
            // It is always done at once.
            let _ = pin!(tokio::io::AsyncWriteExt::shutdown(&mut self.end)).poll(context);
            port.has_shut_down = true;
        }
        None
    }

    fn poll_receive(&mut self, context: &mut Context<'_>) -> Option<What> {
        loop {
            let mut bytes = [0; READ_BYTES];
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.end).poll_read(context, &mut buffer) {
                Poll::Pending => return None,
                Poll::Ready(Err(_)) => return Some(What::Reset),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Some(What::Ended),
                Poll::Ready(Ok(())) => self.decoder.feed(buffer.filled()),
            }
            loop {
                match self.decoder.next_reply() {
                    Ok(None) => break,
                    Ok(Some(reply)) => self.log.note(self.conn, self.nth, What::Received(reply)),
                    Err(error) => return Some(What::Malformed(error.to_string())),
                }
            }
        }
    }
}
