//! What stops a command.

use std::io;

use rusqlite::ErrorCode;
use rusqlite::ffi;

use super::waits::Wait;
use resp::Reply;

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
            Failure::Storage(error) => storage_reply(&error, None),
            Failure::Blocked(wait) => wait.timed_out,
        }
    }
}

/// The reply where the storage failed, with why it did where that is known.
///
/// Redis answers MISCONF where it cannot write to its append-only file (`writeCommandsDeniedByDiskError`); here nothing
/// of the command was done.
pub(super) fn storage_reply(error: &rusqlite::Error, cause: Option<io::Error>) -> Reply {
    let Some(sqlite) = error.sqlite_error() else { return Reply::error(format!("{}: {error}", texts::STORAGE)) };
    let cause = cause.map_or_else(|| error.to_string(), |cause| cause.to_string());
    let cause = cause.replace(['\r', '\n'], " ");
    let is_write = matches!(
        sqlite.extended_code,
        ffi::SQLITE_IOERR_WRITE
            | ffi::SQLITE_IOERR_FSYNC
            | ffi::SQLITE_IOERR_DIR_FSYNC
            | ffi::SQLITE_IOERR_TRUNCATE
            | ffi::SQLITE_IOERR_DELETE
    );
    Reply::error(match sqlite.code {
        ErrorCode::DiskFull => format!("MISCONF Errors writing to the store: {cause}"),
        _ if is_write => format!("MISCONF Errors writing to the store: {cause}"),
        _ if is_damage(*sqlite) => format!("{}: {cause}", texts::DAMAGED),
        ErrorCode::OutOfMemory => texts::OUT_OF_MEMORY.to_owned(),
        ErrorCode::SystemIoFailure | ErrorCode::CannotOpen => format!("{}: {cause}", texts::STORAGE),
        _ => format!("{}: {error}", texts::STORAGE),
    })
}

/// True where what is stored is not what was written.
pub(super) fn is_damage(error: ffi::Error) -> bool {
    error.extended_code == ffi::SQLITE_IOERR_DATA
        || matches!(error.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
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
    pub const STRING_TOO_LONG: &str = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    pub const INDEX_OUT_OF_RANGE: &str = "ERR index out of range";
    pub const MUST_BE_POSITIVE: &str = "ERR value is out of range, must be positive";
    /// How the errors of the storage begin: Redis has none of these.
    pub const STORAGE: &str = "ERR storage";
    pub const DAMAGED: &str = "ERR storage: data is damaged";
    pub const OUT_OF_MEMORY: &str = "ERR storage: out of memory";
    pub const SAME_OBJECT: &str = "ERR source and destination objects are the same";
}
