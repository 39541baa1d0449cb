//! The error of a transaction of which a command was refused before EXEC.
//!
//! It lists those commands, and the crate makes it nowhere but in its own connections. So one of these is given the
//! replies to read, from memory.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisConnectionInfo, RedisError, ServerError, ServerErrorKind};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The error for these refusals; each has the place of its command among MULTI, the commands, and EXEC.
pub(super) fn error(refusals: Vec<(usize, ServerError)>) -> RedisError {
    relay(&refusals).unwrap_or_else(|| {
        let list: Vec<String> = refusals.iter().map(|(at, error)| format!("{at}: {error}")).collect();
        let kind = ErrorKind::Server(ServerErrorKind::ExecAbort);
        RedisError::from((kind, "transaction aborted", list.join(", ")))
    })
}

/// What one of the crate's connections says; nothing, where it says something else. It knows no place for a MULTI that
/// was refused itself.
fn relay(refusals: &[(usize, ServerError)]) -> Option<RedisError> {
    let last = refusals.last()?.0;
    if refusals.first()?.0 == 0 {
        return None;
    }
    let mut wire = Vec::new();
    for at in 0..=last {
        match refusals.iter().find(|(refused, _)| *refused == at) {
            None => wire.extend_from_slice(b"+QUEUED\r\n"),
            Some((_, error)) => {
                let detail = error.details().map(|detail| format!(" {detail}")).unwrap_or_default();
                wire.extend_from_slice(format!("-{}{detail}\r\n", error.code()).as_bytes());
            }
        }
    }
    wire.extend_from_slice(b"*0\r\n");
    let mut pipeline = redis::pipe();
    pipeline.atomic();
    for _ in 0..last {
        pipeline.cmd("PING");
    }
    let asked = async {
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let info = RedisConnectionInfo::default().set_skip_set_lib_name();
        let replayed = Replayed { wire, read: 0, is_asked: false };
        let (mut connection, driver) = MultiplexedConnection::new_with_config(&info, replayed, config).await.ok()?;
        let mut driver = pin!(driver);
        let mut answer = pin!(connection.send_packed_commands(&pipeline, last + 1, 1));
        std::future::poll_fn(|context| {
            let is_over = driver.as_mut().poll(context).is_ready();
            match answer.as_mut().poll(context) {
                Poll::Pending if is_over => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
                Poll::Ready(answer) => Poll::Ready(answer.err()),
            }
        })
        .await
    };
    let mut asked = pin!(asked);
    // All is in memory: the question goes out and the answer comes in within a few turns.
    let turns = (0..TURNS_MAX).map(|_| asked.as_mut().poll(&mut Context::from_waker(Waker::noop())));
    let answer = turns.filter_map(|turn| if let Poll::Ready(answer) = turn { Some(answer) } else { None }).next();
    answer.flatten().filter(|error| error.kind() == ErrorKind::Server(ServerErrorKind::ExecAbort))
}

/// So often the connection has its turn.
const TURNS_MAX: usize = 100;

/// Takes whatever is sent, and then gives what is to be read.
struct Replayed {
    wire: Vec<u8>,
    read: usize,
    is_asked: bool,
}

impl AsyncRead for Replayed {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let rest = &self.wire[self.read..];
        let bytes = rest.len().min(buf.remaining());
        if !self.is_asked || bytes == 0 {
            return Poll::Pending;
        }
        buf.put_slice(&rest[..bytes]);
        self.read += bytes;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Replayed {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.is_asked = true;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
