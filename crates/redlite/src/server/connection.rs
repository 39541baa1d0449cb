//! One connection's bytes, in and out: read as long as there is something to read, also while replies are waiting to be
//! sent, as a client may write a long pipeline before it reads the first reply.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::executor::{Buffers, Executor, Peer};
use crate::clients::Addresses;
use crate::points::{Hold, Point};

/// How much may arrive behind a command that waits before no more is read.
const BLOCKED_INPUT_BYTES_MAX: usize = 1 << 20;

/// Serves a connection until either side closes it. `executor` must be running. `addresses` are what CLIENT LIST shows.
pub async fn serve_connection<S>(executor: &Executor, mut stream: S, addresses: Addresses)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    executor.points.hold(Point::Join).await;
    let Some(peer) = executor.join(addresses) else {
        // An error says that the client has gone, which is what it was told to do.
        let _ = stream.write_all(b"-ERR max number of clients reached\r\n").await;
        return;
    };
    let mut link = Link { executor, peer, stream, hold: Hold::default(), is_untold: false, may_send: false };
    let end = poll_fn(|context| link.poll(context)).await;
    if end == End::Orderly {
        let _ = link.stream.shutdown().await;
    }
    executor.points.hold(Point::Leave).await;
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All that is to be sent is sent.
    Orderly,
    /// The client is gone, or is to be dropped.
    Torn,
}

struct Link<'a, S> {
    executor: &'a Executor,
    peer: Arc<Peer>,
    stream: S,
    /// What holds it at a point.
    hold: Hold,
    /// It was held before the executor was told of what has come.
    is_untold: bool,
    /// It was held before it sent what there is.
    may_send: bool,
}

impl<S> Drop for Link<'_, S> {
    fn drop(&mut self) {
        self.executor.leave(&self.peer);
    }
}

/// Pending, and polled again at once.
fn wait_again<T>(context: &Context<'_>) -> Poll<T> {
    context.waker().wake_by_ref();
    Poll::Pending
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<'_, S> {
    /// Sends what can be sent and reads what can be read.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        ready!(self.hold.poll(context));
        let peer = Arc::clone(&self.peer);
        let mut buffers = peer.lock();
        if !buffers.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            buffers.waker = Some(context.waker().clone());
        }
        if buffers.is_dropped {
            return Poll::Ready(End::Torn);
        }
        if !(buffers.output.is_empty() || std::mem::replace(&mut self.may_send, true))
            && self.hold.reach(&self.executor.points, Point::Send)
        {
            return wait_again(context);
        }
        if self.poll_send(&mut buffers, context).is_err() {
            return Poll::Ready(End::Torn);
        }
        self.may_send &= !buffers.output.is_empty();
        if std::mem::take(&mut self.is_untold) {
            self.tell(&mut buffers);
        }
        if buffers.is_closing {
            return if buffers.output.is_empty() { Poll::Ready(End::Orderly) } else { Poll::Pending };
        }
        // The executor wakes this task when it has run what is queued.
        while !(buffers.is_queued || buffers.is_blocked && buffers.input.len() >= BLOCKED_INPUT_BYTES_MAX) {
            match self.poll_read(&mut buffers, context) {
                Poll::Ready(Ok(1..)) if buffers.is_blocked => {}
                Poll::Ready(Ok(1..)) if self.hold.reach(&self.executor.points, Point::Read) => {
                    self.is_untold = true;
                    return wait_again(context);
                }
                Poll::Ready(Ok(1..)) => self.tell(&mut buffers),
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(End::Torn),
                Poll::Pending if self.executor.lets_go() && buffers.output.is_empty() => {
                    return Poll::Ready(End::Orderly);
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Pending
    }

    /// Tells the executor that there is something to run.
    fn tell(&self, buffers: &mut Buffers) {
        buffers.is_queued = true;
        self.executor.enqueue(&self.peer);
    }

    fn poll_send(&mut self, buffers: &mut Buffers, context: &mut Context<'_>) -> io::Result<()> {
        while !buffers.output.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, &buffers.output[buffers.sent..]) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(bytes)) => buffers.note_sent(bytes),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => return Ok(()),
            }
        }
        Ok(())
    }

    fn poll_read(&mut self, buffers: &mut Buffers, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.executor.with_scratch(|scratch| {
            let read = pin!(self.stream.read_buf(scratch)).poll(context);
            buffers.input.extend_from_slice(scratch);
            read
        })
    }
}
