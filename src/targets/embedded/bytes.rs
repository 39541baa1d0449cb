//! Raw bytes for an embedded store: read by Redlite's own parser, as its server reads them.

use crate::redlite::server::{RequestError, RequestParser};
use crate::resp::{Argv, Reply};

/// The bytes of one connection.
#[derive(Default)]
pub(super) struct ByteStream {
    parser: RequestParser,
    input: Vec<u8>,
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

    /// Appends `bytes` and runs every request that is whole, until one blocks or ends the connection.
    pub fn run<E>(
        &mut self,
        bytes: &[u8],
        mut frames: Vec<Reply>,
        mut execute: impl FnMut(&Argv) -> Result<Reply, E>,
    ) -> Result<Outcome, E> {
        self.input.extend_from_slice(bytes);
        let mut at = 0;
        let mut closed = false;
        while !self.is_blocked && !closed {
            match self.parser.next(&self.input, &mut at, false) {
                Ok(false) => break,
                Ok(true) => {
                    let argv = self.parser.argv().clone();
                    let reply = execute(&argv)?;
                    self.note(reply, &mut frames);
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
        if closed {
            frames.push(Reply::Closed);
        }
        Ok(Outcome { frames, closed })
    }
}

/// True for the request that ends its connection.
pub(in crate::targets) fn is_quit(argv: &Argv) -> bool {
    argv.get(0).is_some_and(|name| name.eq_ignore_ascii_case(b"QUIT"))
}
