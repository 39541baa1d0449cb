//! What goes wrong: as a store is opened, and as a command runs.

use std::io;

use rusqlite::ErrorCode;

use super::failure::{self, texts};
use resp::Reply;

/// Why a store cannot be opened, read as a whole or written back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// SQLite refuses the file.
    #[error("cannot open the store: {0}")]
    Sqlite(rusqlite::Error),
    /// The file is not as it was written. It is left as it is.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// The disk, or whatever else holds the file, fails.
    #[error("cannot open the store: {0}")]
    Storage(String),
    /// The file is a database of another program, or none.
    #[error("the file is something else than a store of Redlite")]
    Foreign,
    /// A store is open once at a time.
    #[error("the store is open already, in this process or another")]
    InUse,
    /// The file is from before there were checksums, and the copy of it that has some needs room: about this many bytes
    /// beside the file, until it takes the file's place. The file is left as it is.
    #[error(
        "the store in the file has no checksums yet: a copy that has some takes about {bytes} bytes, and the disk has \
         no room for them"
    )]
    NoRoom {
        /// That many.
        bytes: u64,
    },
    /// The file holds a store of another version.
    #[error("the store in the file has schema version {found}, and this version reads {expected}")]
    Version {
        /// What the file says.
        found: i64,
        /// What this version writes.
        expected: i64,
    },
    /// The file holds indexes of search, and this build cannot keep them up to date. The file is left as it is.
    #[error("the store in the file has indexes of search: it is opened by a build with redlite's feature `search`")]
    NeedsSearch,
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => OpenError::Foreign,
            Some(ErrorCode::DatabaseBusy) => OpenError::InUse,
            Some(ErrorCode::OutOfMemory) => OpenError::Storage("out of memory".to_owned()),
            _ => OpenError::Sqlite(error),
        }
    }
}

impl OpenError {
    /// As this, with the reason that the storage gave.
    pub(super) fn with_cause(self, cause: Option<io::Error>) -> Self {
        let OpenError::Sqlite(error) = &self else { return self };
        let is_damage = error.sqlite_error().is_some_and(|sqlite| failure::is_damage(*sqlite));
        match cause {
            Some(cause) if is_damage => OpenError::Damaged(cause.to_string()),
            None if is_damage => OpenError::Damaged(error.to_string()),
            Some(cause) => OpenError::Storage(cause.to_string()),
            None => self,
        }
    }
}

/// Why a command did not do what it was asked: each with the text that Redis answers, of which the first word is the
/// code that clients know.
///
/// ```
/// use redlite::{Error, Redlite};
///
/// let mut client = Redlite::open_in_memory()?.client();
/// client.request(["SET", "greeting", "hello"])?;
/// match client.request(["INCR", "greeting"]) {
///     Err(Error::NotAnInteger(text)) => assert_eq!(text, "ERR value is not an integer or out of range"),
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The key holds another type of value (`WRONGTYPE`).
    #[error("{0}")]
    WrongType(String),
    /// An argument, or what is stored, is no integer; or it is one that does not fit.
    #[error("{0}")]
    NotAnInteger(String),
    /// An argument, or what is stored, is no number.
    #[error("{0}")]
    NotAFloat(String),
    /// An argument is beyond what is allowed, or a result would be.
    #[error("{0}")]
    OutOfRange(String),
    /// What the command is about is not there: a key, a group of consumers (`NOGROUP`).
    #[error("{0}")]
    NotFound(String),
    /// What the command would make is there already (`BUSYGROUP`, `BUSYKEY`).
    #[error("{0}")]
    Busy(String),
    /// The request is not of the command's syntax, or has too few or too many arguments.
    #[error("{0}")]
    Syntax(String),
    /// There is no such command, or no such subcommand.
    #[error("{0}")]
    UnknownCommand(String),
    /// The connection has to send AUTH first, or what it sent is wrong (`NOAUTH`, `WRONGPASS`).
    #[error("{0}")]
    NotAllowed(String),
    /// The transaction was discarded (`EXECABORT`).
    #[error("{0}")]
    Aborted(String),
    /// The wait of a blocked command was ended from elsewhere (`UNBLOCKED`).
    #[error("{0}")]
    Unblocked(String),
    /// The disk is full, or cannot be written (`MISCONF`): nothing of the command was done.
    #[error("{0}")]
    DiskFull(String),
    /// The disk, or whatever else holds the data, fails: nothing of the command was done.
    #[error("{0}")]
    Storage(String),
    /// What is stored is not what was written: nothing of the command was done.
    #[error("{0}")]
    Damaged(String),
    /// There is no memory: nothing of the command was done.
    #[error("{0}")]
    OutOfMemory(String),
    /// Any other error that Redis answers.
    #[error("{0}")]
    Refused(String),
    /// The store answered with something that a typed call does not expect.
    #[error("unexpected reply: {0:?}")]
    Unexpected(Reply),
}

/// What the text of an error says.
enum Says {
    /// Its first word is this.
    Code(&'static str),
    /// It starts with this.
    Start(&'static str),
    /// This is somewhere in it.
    Part(&'static str),
}

/// One of [`Error`]'s variants.
type Make = fn(String) -> Error;

/// The errors by their texts: the first row that fits is it.
const ERRORS: &[(Says, Make)] = &[
    (Says::Code("WRONGTYPE"), Error::WrongType),
    (Says::Code("BUSYGROUP"), Error::Busy),
    (Says::Code("BUSYKEY"), Error::Busy),
    (Says::Code("BUSY"), Error::Busy),
    (Says::Code("NOGROUP"), Error::NotFound),
    (Says::Code("NOAUTH"), Error::NotAllowed),
    (Says::Code("WRONGPASS"), Error::NotAllowed),
    (Says::Code("EXECABORT"), Error::Aborted),
    (Says::Code("UNBLOCKED"), Error::Unblocked),
    (Says::Code("MISCONF"), Error::DiskFull),
    (Says::Start(texts::DAMAGED), Error::Damaged),
    (Says::Start(texts::OUT_OF_MEMORY), Error::OutOfMemory),
    (Says::Start(texts::STORAGE), Error::Storage),
    (Says::Start("ERR unknown "), Error::UnknownCommand),
    (Says::Start("ERR syntax error"), Error::Syntax),
    (Says::Start("ERR wrong number of arguments"), Error::Syntax),
    (Says::Start(texts::NO_SUCH_KEY), Error::NotFound),
    (Says::Part("not an integer"), Error::NotAnInteger),
    (Says::Part("not a float"), Error::NotAFloat),
    (Says::Part("not a valid float"), Error::NotAFloat),
    (Says::Part("not a number"), Error::NotAFloat),
    (Says::Part("out of range"), Error::OutOfRange),
    (Says::Part("would overflow"), Error::OutOfRange),
    (Says::Part("would produce NaN or Infinity"), Error::OutOfRange),
    (Says::Part("exceeds maximum allowed size"), Error::OutOfRange),
    (Says::Part("invalid expire time"), Error::OutOfRange),
    (Says::Part("is negative"), Error::OutOfRange),
];

impl Error {
    /// The error that this text of Redis tells, as it stands in [`Reply::Error`].
    pub fn from_text(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text).into_owned();
        let code = text.split(' ').next().unwrap_or_default();
        let fits = |says: &Says| match says {
            Says::Code(known) => code == *known,
            Says::Start(start) => text.starts_with(start),
            Says::Part(part) => text.contains(part),
        };
        let make = ERRORS.iter().find(|(says, _)| fits(says)).map_or(Error::Refused as Make, |row| row.1);
        make(text)
    }

    /// A reply that is no error.
    ///
    /// # Errors
    /// The error that `reply` is. One inside of an array, as EXEC answers it, stays where it is.
    pub fn check(reply: Reply) -> Result<Reply, Self> {
        match reply {
            Reply::Error(text) | Reply::BulkError(text) => Err(Self::from_text(&text)),
            reply => Ok(reply),
        }
    }

    /// Redis' text; for [`Error::Unexpected`] what there was.
    pub fn text(&self) -> String {
        self.to_string()
    }

    /// The first word of Redis' text, such as `WRONGTYPE` or `ERR`; empty for [`Error::Unexpected`].
    pub fn code(&self) -> String {
        match self {
            Error::Unexpected(_) => String::new(),
            other => other.to_string().split(' ').next().unwrap_or_default().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Redlite;

    /// What the last of these commands comes to.
    #[track_caller]
    fn check(commands: &str, expected: fn(String) -> Error, text: &str) {
        let mut client = Redlite::open_in_memory().expect("memory").client();
        let mut last = Ok(Reply::ok());
        for line in commands.lines() {
            last = client.request(line.split_whitespace().collect::<Vec<_>>());
        }
        assert_eq!(last, Err(expected(text.to_owned())), "{commands}");
    }

    #[test]
    fn errors_can_be_told_apart() {
        let wrong_type = "WRONGTYPE Operation against a key holding the wrong kind of value";
        check("SET k v\nLPUSH k a", Error::WrongType, wrong_type);
        check("SET k v\nINCR k", Error::NotAnInteger, "ERR value is not an integer or out of range");
        check("HSET h f v\nHINCRBY h f 1", Error::NotAnInteger, "ERR hash value is not an integer");
        check("SET k v\nINCRBYFLOAT k 1", Error::NotAFloat, "ERR value is not a valid float");
        check("ZADD z x m", Error::NotAFloat, "ERR value is not a valid float");
        check("SET k 9223372036854775807\nINCR k", Error::OutOfRange, "ERR increment or decrement would overflow");
        check("SELECT 16", Error::OutOfRange, "ERR DB index is out of range");
        check("SET k v EX 0", Error::OutOfRange, "ERR invalid expire time in 'set' command");
        check("RENAME k l", Error::NotFound, "ERR no such key");
        let no_group = "NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option";
        check("XREADGROUP GROUP g c STREAMS s >", Error::NotFound, no_group);
        let group = "XGROUP CREATE s g $ MKSTREAM";
        check(&format!("{group}\n{group}"), Error::Busy, "BUSYGROUP Consumer Group name already exists");
        check("SET k v XX NX", Error::Syntax, "ERR syntax error");
        check("GET", Error::Syntax, "ERR wrong number of arguments for 'get' command");
        let unknown = "ERR unknown command 'NONE', with args beginning with: 'a' ";
        check("NONE a", Error::UnknownCommand, unknown);
        let aborted = "EXECABORT Transaction discarded because of previous errors.";
        check("MULTI\nGET\nEXEC", Error::Aborted, aborted);
        let no_password = "ERR AUTH <password> called without any password configured for the default user. Are you \
                           sure your configuration is correct?";
        check("AUTH x", Error::Refused, no_password);
    }

    #[test]
    fn the_texts_of_storage_errors_are_known() {
        let of = |text: &str| Error::from_text(text.as_bytes());
        assert!(matches!(of("MISCONF Errors writing to the store: full"), Error::DiskFull(_)));
        assert!(matches!(of("ERR storage: data is damaged: page 3"), Error::Damaged(_)));
        assert!(matches!(of("ERR storage: out of memory"), Error::OutOfMemory(_)));
        assert!(matches!(of("ERR storage: Input/output error"), Error::Storage(_)));
        assert_eq!(of("WRONGTYPE x").code(), "WRONGTYPE");
    }
}
