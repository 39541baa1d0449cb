//! How a client loses its connection: at any place of a request or a reply, in good order or not.

use crate::seed::Stream;
use crate::targets::live::LiveConnection;
use resp::{Argv, Reply};

/// The most bytes that are read of a reply that is not read to its end.
const PART_BYTES_MAX: u32 = 32;
/// How much is read at once where all of it is.
const READ_BYTES: usize = 64 << 10;

/// The end of a connection by the client's own hand.
#[derive(Clone, Debug)]
pub(super) struct Loss {
    how: How,
    /// With a TCP reset, which throws away what is under way.
    reset: bool,
}

#[derive(Clone, Debug)]
enum How {
    /// In the middle of a request.
    HalfRequest {
        request: Argv,
        /// How many bytes of it are sent.
        sent: usize,
    },
    /// Before anything is read of the replies.
    Unread,
    /// In the middle of the replies.
    PartRead {
        /// How much of them is read, in bytes.
        bytes: usize,
    },
    /// Nothing more is sent, but the replies are awaited. Redis closes such a connection when it sees it, and may not
    /// have answered by then.
    HalfClosed,
}

impl Loss {
    /// One of the ways; `request` is what the connection would have sent next.
    pub fn draw(request: Argv, stream: &mut Stream) -> Self {
        let how = match stream.below(5) {
            0 | 1 => {
                let len = encode([&request]).len() as u32;
                How::HalfRequest { request, sent: stream.between(1, len - 1) as usize }
            }
            2 => How::Unread,
            3 => How::PartRead { bytes: stream.between(1, PART_BYTES_MAX) as usize },
            _ => How::HalfClosed,
        };
        Self { how, reset: stream.chance(1, 3) }
    }

    /// What it is called in a report.
    pub fn name(&self) -> &'static str {
        match (&self.how, self.reset) {
            (How::HalfRequest { .. }, false) => "mid-request",
            (How::HalfRequest { .. }, true) => "mid-request (reset)",
            (How::Unread, false) => "replies unread",
            (How::Unread, true) => "replies unread (reset)",
            (How::PartRead { .. }, false) => "mid-reply",
            (How::PartRead { .. }, true) => "mid-reply (reset)",
            (How::HalfClosed, false) => "half-closed",
            (How::HalfClosed, true) => "half-closed (reset)",
        }
    }

    /// The request of which a part was sent.
    pub fn half_request(&self) -> Option<&Argv> {
        match &self.how {
            How::HalfRequest { request, .. } => Some(request),
            _ => None,
        }
    }

    /// The bytes of that part.
    pub fn part_sent(&self) -> Option<Vec<u8>> {
        match &self.how {
            How::HalfRequest { request, sent } => Some(encode([request])[..*sent].to_vec()),
            _ => None,
        }
    }

    /// Sends the requests of `burst`, hands over the replies that are read (one too many where a part of a request was
    /// answered), and ends the connection.
    ///
    /// Failures say nothing here: the server may be killed meanwhile. What counts is what it holds afterwards.
    pub fn inflict(&self, mut connection: LiveConnection, burst: &[Argv], mut take: impl FnMut(Reply)) {
        let mut bytes = encode(burst);
        bytes.extend(self.part_sent().unwrap_or_default());
        let is_sent = connection.send(&bytes).is_ok();
        let mut replies = Vec::new();
        match self.how {
            _ if !is_sent => {}
            How::Unread => {}
            How::PartRead { bytes } => {
                let _ = connection.read_part(bytes, &mut replies);
            }
            // When all whole requests are answered, the server has most likely read the part too.
            How::HalfRequest { .. } => {
                while replies.len() < burst.len() && connection.read_part(READ_BYTES, &mut replies).is_ok() {}
            }
            How::HalfClosed => {
                connection.finish_sending();
                while connection.read_part(READ_BYTES, &mut replies).is_ok() {}
            }
        }
        replies.into_iter().for_each(&mut take);
        if self.reset {
            connection.reset();
        }
    }
}

fn encode<'a>(requests: impl IntoIterator<Item = &'a Argv>) -> Vec<u8> {
    let mut bytes = Vec::new();
    requests.into_iter().for_each(|request| request.encode(&mut bytes));
    bytes
}
