//! Whatever a trace can be replayed on.
//!
//! A [`Target`] opens [`Session`]s; a session always starts on an empty store at the header's clock. Errors of a
//! session are errors of the infrastructure only: whatever a server says, or fails to say, is a reply.

use crate::diff::Keyspace;
use crate::resp::Reply;
use crate::trace::{Header, Op, TargetInfo};

/// Something that traces can be replayed on.
pub trait Target: Send + Sync {
    /// What it says it is.
    fn info(&self) -> TargetInfo;

    /// A session on an empty store, at the header's clock. Sessions of one target share nothing.
    ///
    /// # Errors
    /// [`TargetError`] where it cannot be reached, may not be used, or does not become empty.
    fn open(&self, header: &Header) -> Result<Box<dyn Session>, TargetError>;
}

/// A replay in progress.
pub trait Session: Send {
    /// Runs `ops` and appends exactly one reply for each. Consecutive ops on a connection are pipelined.
    ///
    /// # Errors
    /// Infrastructure only. A reply that does not come is [`Reply::Hung`], a dropped connection
    /// [`Reply::Closed`]; where dst started the server it is restarted before the next op.
    fn replay(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError>;

    /// Everything that is stored, in canonical order.
    ///
    /// # Errors
    /// Infrastructure only.
    fn keyspace(&mut self) -> Result<Keyspace, TargetError>;

    /// `Some` with what came instead where a connection is no longer in step: every connection is asked to
    /// ECHO a nonce, and must answer just that.
    ///
    /// # Errors
    /// Infrastructure only.
    fn out_of_step(&mut self) -> Result<Option<Reply>, TargetError>;

    /// Back to an empty store at the header's clock with no connection open, so that a session serves many
    /// traces. That the store is empty is verified.
    ///
    /// # Errors
    /// As [`Target::open`].
    fn reset(&mut self, header: &Header) -> Result<(), TargetError>;
}

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Reading or writing failed in a way that says nothing about the target.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}
