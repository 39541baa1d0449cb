#[cfg(feature = "serde")]
use serde::{Deserialize, Serialize};

/// One reply, with everything that RESP2 and RESP3 can say about it.
///
/// Two replies are equal only where a client could not tell them apart: a null bulk is not a null array, a
/// simple string is not a bulk string, and a double is its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
pub enum Reply {
    /// `+OK`
    Simple(#[cfg_attr(feature = "serde", serde(with = "serde_bytes"))] Vec<u8>),
    /// `-ERR unknown command`
    Error(#[cfg_attr(feature = "serde", serde(with = "serde_bytes"))] Vec<u8>),
    /// `!21\r\n…`, RESP3's error of any bytes
    BulkError(#[cfg_attr(feature = "serde", serde(with = "serde_bytes"))] Vec<u8>),
    /// `:1`
    Int(i64),
    /// `$5\r\nhello`
    Bulk(#[cfg_attr(feature = "serde", serde(with = "serde_bytes"))] Vec<u8>),
    /// `$-1`, RESP2's missing string
    NullBulk,
    /// `*-1`, RESP2's missing array
    NullArray,
    /// `_`, RESP3's only null
    Null,
    /// `,1.5` with its text as it was sent
    Double(#[cfg_attr(feature = "serde", serde(with = "serde_bytes"))] Vec<u8>),
    /// `#t`
    Bool(bool),
    /// `(3492890328409238509324850943850943825024385` with its text as it was sent
    BigNumber(#[cfg_attr(feature = "serde", serde(with = "serde_bytes"))] Vec<u8>),
    /// `=15\r\ntxt:Some string`
    Verbatim {
        /// Three bytes that name the text's format, such as `txt` or `mkd`.
        format: [u8; 3],
        /// What follows the colon.
        #[cfg_attr(feature = "serde", serde(with = "serde_bytes"))]
        text: Vec<u8>,
    },
    /// `*2`
    Array(Vec<Reply>),
    /// `%1`: its pairs in the order in which they were sent
    Map(Vec<(Reply, Reply)>),
    /// `~2`: its members in the order in which they were sent
    Set(Vec<Reply>),
    /// `>3`: out of band data
    Push(Vec<Reply>),
    /// `|1`: attributes, and the reply that they belong to
    Attribute(Vec<(Reply, Reply)>, Box<Reply>),
    /// What arrived on the connection, in its order, where that is not exactly one reply: pushes before or after it,
    /// one for each channel, or nothing. [`Reply::Closed`] stands last where the peer then closed.
    Frames(Vec<Reply>),
    /// No reply yet: the client is blocked, and must be.
    Pending,
    /// No reply came within the deadline.
    Hung,
    /// The connection was closed before the reply.
    Closed,
}

/// What sort of reply a [`Reply`] is, without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(Serialize, Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[allow(missing_docs)] // each is the variant of `Reply` of the same name
pub enum Kind {
    Simple,
    Error,
    BulkError,
    Int,
    Bulk,
    NullBulk,
    NullArray,
    Null,
    Double,
    Bool,
    BigNumber,
    Verbatim,
    Array,
    Map,
    Set,
    Push,
    Attribute,
    Frames,
    Pending,
    Hung,
    Closed,
}

impl Reply {
    /// `+OK`, the commonest reply.
    pub fn ok() -> Self {
        Reply::Simple(b"OK".to_vec())
    }

    /// A simple error with this text.
    pub fn error(text: impl Into<String>) -> Self {
        Reply::Error(text.into().into_bytes())
    }

    /// A bulk string.
    pub fn bulk(bytes: impl Into<Vec<u8>>) -> Self {
        Reply::Bulk(bytes.into())
    }

    /// What arrived on a connection as the reply to one op: a single frame is the reply itself.
    pub fn from_frames(mut frames: Vec<Reply>) -> Self {
        match frames.pop() {
            Some(frame) if frames.is_empty() => frame,
            last => {
                frames.extend(last);
                Reply::Frames(frames)
            }
        }
    }

    /// Every frame that arrived: the reply itself where it is one.
    pub fn frames(&self) -> &[Reply] {
        match self {
            Reply::Frames(frames) => frames,
            one => std::slice::from_ref(one),
        }
    }

    /// True where no reply came.
    pub fn is_none(&self) -> bool {
        matches!(self, Reply::Hung | Reply::Closed)
    }

    /// True where no reply came, or not all of it.
    pub fn is_lost(&self) -> bool {
        self.frames().iter().any(Reply::is_none)
    }

    /// What sort of reply this is.
    pub fn kind(&self) -> Kind {
        match self {
            Reply::Simple(_) => Kind::Simple,
            Reply::Error(_) => Kind::Error,
            Reply::BulkError(_) => Kind::BulkError,
            Reply::Int(_) => Kind::Int,
            Reply::Bulk(_) => Kind::Bulk,
            Reply::NullBulk => Kind::NullBulk,
            Reply::NullArray => Kind::NullArray,
            Reply::Null => Kind::Null,
            Reply::Double(_) => Kind::Double,
            Reply::Bool(_) => Kind::Bool,
            Reply::BigNumber(_) => Kind::BigNumber,
            Reply::Verbatim { .. } => Kind::Verbatim,
            Reply::Array(_) => Kind::Array,
            Reply::Map(_) => Kind::Map,
            Reply::Set(_) => Kind::Set,
            Reply::Push(_) => Kind::Push,
            Reply::Attribute(..) => Kind::Attribute,
            Reply::Frames(_) => Kind::Frames,
            Reply::Pending => Kind::Pending,
            Reply::Hung => Kind::Hung,
            Reply::Closed => Kind::Closed,
        }
    }

    /// The text of either kind of error.
    pub fn as_error(&self) -> Option<&[u8]> {
        match self {
            Reply::Error(text) | Reply::BulkError(text) => Some(text),
            _ => None,
        }
    }

    /// An error's first word (`ERR`, `WRONGTYPE`), which programs look at.
    pub fn error_code(&self) -> Option<&[u8]> {
        self.as_error().and_then(|text| text.split(|&b| b == b' ').next())
    }

    /// The bytes of a simple or bulk string.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Reply::Simple(bytes) | Reply::Bulk(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The elements of an array, a set or a push.
    pub fn as_elements(&self) -> Option<&[Reply]> {
        match self {
            Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => Some(items),
            _ => None,
        }
    }
}
