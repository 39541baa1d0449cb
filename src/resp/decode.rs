use super::Reply;

/// Bounds on what a peer may make the decoder hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest string, in bytes.
    pub bulk_bytes_max: usize,
    /// The most elements of one array, map, set or push.
    pub elements_max: usize,
    /// How deep aggregates may nest.
    pub depth_max: usize,
    /// The most bytes of one whole reply.
    pub reply_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bulk_bytes_max: 512 << 20, elements_max: 16 << 20, depth_max: 32, reply_bytes_max: 1 << 30 }
    }
}

/// Why bytes are not a reply.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes at the reply's start say what it would be, and it is none.
    #[error("byte {at} of the stream is not RESP: {what}")]
    Malformed {
        /// Offset from the first byte that was ever fed.
        at: u64,
        /// What was expected and what stood there.
        what: String,
    },
    /// A length beyond the [`Limits`].
    #[error("byte {at} of the stream announces {what}, more than the limit allows")]
    TooLarge {
        /// Offset from the first byte that was ever fed.
        at: u64,
        /// What was announced.
        what: String,
    },
}

/// Reads replies from bytes that arrive in any portions.
///
/// It never allocates more than the bytes that have arrived justify, whatever lengths they announce.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
}

impl Decoder {
    /// A decoder of an empty stream.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }

    /// Appends bytes that the peer sent.
    pub fn feed(&mut self, _bytes: &[u8]) {
        todo!("{:?}", self.limits)
    }

    /// The next whole reply, or `None` until more bytes are fed.
    ///
    /// # Errors
    /// [`DecodeError`] where the stream is not RESP; the decoder stays in error.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, DecodeError> {
        todo!()
    }

    /// How many bytes are fed and not yet returned in a reply.
    pub fn buffered_bytes(&self) -> usize {
        todo!()
    }
}
