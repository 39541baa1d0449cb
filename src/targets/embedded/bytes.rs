//! Raw bytes for an embedded store: read by Redlite's own parser, as its server reads them.

use redlite::server::{RequestError, RequestParser};
use resp::{Argv, Reply};

/// The bytes of one connection.
#[derive(Default)]
pub(super) struct ByteStream {
    parser: RequestParser,
    input: Vec<u8>,
    buffer: Buffer,
    is_blocked: bool,
}

/// What came of bytes.
pub(super) struct Outcome {
    /// What a server would have sent.
    pub frames: Vec<Reply>,
    /// True where it would have closed the connection then.
    pub closed: bool,
}

impl ByteStream {
    /// Takes in what a command that blocked has come to.
    pub fn note(&mut self, mut reply: Reply, frames: &mut Vec<Reply>) {
        match &mut reply {
            Reply::Frames(arrived) => frames.append(arrived),
            _ => frames.push(reply),
        }
        self.is_blocked = frames.pop_if(|last| *last == Reply::Pending).is_some();
    }

    /// Takes in `bytes` and runs every request that is whole, until one blocks or ends the connection.
    pub fn run<E>(
        &mut self,
        mut bytes: &[u8],
        mut frames: Vec<Reply>,
        mut execute: impl FnMut(&Argv) -> Result<Reply, E>,
    ) -> Result<Outcome, E> {
        let mut closed = false;
        loop {
            let (read, rest) = bytes.split_at(bytes.len().min(self.buffer.room(self.input.len())));
            bytes = rest;
            self.input.extend_from_slice(read);
            closed = closed || self.run_whole(&mut frames, &mut execute)?;
            if closed || bytes.is_empty() {
                break;
            }
        }
        if closed {
            frames.push(Reply::Closed);
        }
        Ok(Outcome { frames, closed })
    }

    /// Runs every request that is whole; true where the connection ends thereby.
    fn run_whole<E>(
        &mut self,
        frames: &mut Vec<Reply>,
        execute: &mut impl FnMut(&Argv) -> Result<Reply, E>,
    ) -> Result<bool, E> {
        let mut at = 0;
        let mut closed = false;
        while !self.is_blocked && !closed {
            match self.parser.next(&self.input, &mut at, false) {
                Ok(false) => break,
                Ok(true) => {
                    let argv = self.parser.argv().clone();
                    let reply = execute(&argv)?;
                    self.note(reply, frames);
                    closed = is_quit(&argv);
                }
                Err(RequestError::Protocol(text)) => {
                    // As an encoder writes it: an error is one line.
                    let text = text.into_iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte });
                    frames.push(Reply::Error(b"ERR Protocol error: ".iter().copied().chain(text).collect()));
                    closed = true;
                }
                Err(RequestError::TooLarge) => closed = true,
            }
        }
        self.input.drain(..at);
        Ok(closed)
    }
}

/// What Redis reads into, of a client that has sent nothing long before. A line that is too long is refused after the
/// read that shows it, though its end may be in the next one. Source: `readQueryFromClient` of Redis 7.0.
#[derive(Default)]
struct Buffer {
    bytes: usize,
}

impl Buffer {
    /// So many bytes are read next, where `held` are there that are no whole request yet.
    fn room(&mut self, held: usize) -> usize {
        const READ_BYTES: usize = 16 * 1024;
        const DOUBLED_BYTES_MAX: usize = 1024 * 1024;
        let wanted = held + READ_BYTES;
        if self.bytes < READ_BYTES {
            self.bytes = allocated(wanted);
        } else if self.bytes < wanted {
            self.bytes = allocated(if wanted < DOUBLED_BYTES_MAX { wanted * 2 } else { wanted + DOUBLED_BYTES_MAX });
        }
        self.bytes - held
    }
}

/// How long a string is that Redis gets where it asks for one of so many bytes: jemalloc has four sizes between two
/// powers of two, and a string's header and end take their part.
fn allocated(bytes: usize) -> usize {
    let around = if bytes < 1 << 16 { 6 } else { 10 };
    let all = bytes + around;
    all.next_multiple_of(1 << ((all - 1).ilog2() - 2)) - around
}

/// True for the request that ends its connection.
pub(in crate::targets) fn is_quit(argv: &Argv) -> bool {
    argv.get(0).is_some_and(|name| name.eq_ignore_ascii_case(b"QUIT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_in_pieces_as_redis_reads_them() {
        // As strace shows it of redis-server 7.0.15: `read(8, …, 20474)`.
        let check = |buffer: &mut Buffer, held: usize, expected: usize| assert_eq!(buffer.room(held), expected);
        let mut buffer = Buffer::default();
        check(&mut buffer, 0, 20_474);
        check(&mut buffer, 20_474, 61_436);
        check(&mut buffer, 65_001, 16_909);
        check(&mut buffer, 0, 81_910);
    }
}
