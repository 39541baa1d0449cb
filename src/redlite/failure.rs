//! What stops a command.

use super::waits::Wait;
use crate::resp::Reply;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// The request is at fault: the error that the client gets. What the command changed so far stays, as in Redis.
    Refused(Vec<u8>),
    /// The storage is at fault: everything that the command changed is undone.
    Storage(rusqlite::Error),
    /// There is nothing to take: the client waits. Only a command that may block says this, see
    /// [`Context::may_block`].
    ///
    /// [`Context::may_block`]: super::commands::Context::may_block
    Blocked(Box<Wait>),
}

impl Failure {
    /// The reply that tells the client.
    pub fn into_reply(self) -> Reply {
        match self {
            // An error is one line: Redis sends its line ends as spaces.
            Failure::Refused(mut text) => {
                text.iter_mut().filter(|byte| matches!(byte, b'\r' | b'\n')).for_each(|byte| *byte = b' ');
                Reply::Error(text)
            }
            Failure::Storage(error) => Reply::error(format!("ERR storage: {error}")),
            Failure::Blocked(wait) => wait.timed_out,
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Failure::Storage(error)
    }
}

/// Refuses with this text.
pub(super) fn refuse<T>(text: impl Into<Vec<u8>>) -> Result<T, Failure> {
    Err(Failure::Refused(text.into()))
}

/// Redis' shared error texts (`shared` in its server.c).
pub(super) mod texts {
    pub const SYNTAX: &str = "ERR syntax error";
    pub const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
    pub const NOT_INTEGER: &str = "ERR value is not an integer or out of range";
    pub const NOT_FLOAT: &str = "ERR value is not a valid float";
    pub const NO_SUCH_KEY: &str = "ERR no such key";
    pub const INDEX_OUT_OF_RANGE: &str = "ERR index out of range";
    pub const MUST_BE_POSITIVE: &str = "ERR value is out of range, must be positive";
    pub const SAME_OBJECT: &str = "ERR source and destination objects are the same";
}
