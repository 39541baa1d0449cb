//! The replies in a trace, as a target: what a server answered when the trace was recorded.
//!
//! A trace is streamed, so whoever reads it hands over the replies of each block with [`Recorded::feed`], and then
//! replays the block's ops:
//!
//! ```
//! use redlite_dst::resp::Reply;
//! use redlite_dst::targets::{Target, recorded::Recorded};
//! use redlite_dst::trace::{Header, Op, TargetInfo};
//!
//! let recorded = Recorded::new(TargetInfo::default());
//! let mut session = recorded.open(&Header::default())?;
//! recorded.feed(vec![Reply::ok()]); // a block's replies …
//! let mut replies = Vec::new();
//! session.replay(&[Op::call(0, ["SET", "k", "v"])], &mut replies)?; // … answer its ops
//! assert_eq!(replies, [Reply::ok()]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Session, Target, TargetError};
use crate::diff::Keyspace;
use crate::trace::{Header, Op, TargetInfo};
use resp::Reply;

/// A recording. Its clones are the same one, and it is replayed once.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    info: TargetInfo,
    replies: Arc<Mutex<VecDeque<Reply>>>,
}

impl Recorded {
    /// An empty recording of the target that a header names in `recorded_by`.
    pub fn new(recorded_by: TargetInfo) -> Self {
        Self { info: recorded_by, replies: Arc::default() }
    }

    /// Appends the replies to the ops that are replayed next.
    pub fn feed(&self, replies: Vec<Reply>) {
        self.queue().extend(replies);
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Reply>> {
        // A queue is sound after every one of its calls.
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Target for Recorded {
    fn info(&self) -> TargetInfo {
        self.info.clone()
    }

    fn open(&self, _: &Header) -> Result<Box<dyn Session>, TargetError> {
        Ok(Box::new(RecordedSession { recording: self.clone() }))
    }
}

struct RecordedSession {
    recording: Recorded,
}

impl Session for RecordedSession {
    fn replay(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError> {
        let mut recorded = self.recording.queue();
        if recorded.len() < ops.len() {
            return Err(TargetError::NotRecorded);
        }
        replies.extend(recorded.drain(..ops.len()));
        Ok(())
    }

    fn keyspace(&mut self) -> Result<Option<Keyspace>, TargetError> {
        Ok(None)
    }

    fn holds_data(&self) -> bool {
        false
    }

    fn out_of_step(&mut self) -> Result<Option<Reply>, TargetError> {
        Ok(None)
    }

    /// Drops what is left of the trace before.
    fn reset(&mut self, _: &Header) -> Result<(), TargetError> {
        self.recording.queue().clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `fed` replies and replays `ops` ops; `Err` with the error's text.
    fn check(fed: usize, ops: usize, expected: Result<usize, &str>) {
        let recorded = Recorded::new(TargetInfo::default());
        let mut session = recorded.open(&Header::default()).expect("a recording opens");
        recorded.feed(vec![Reply::ok(); fed]);
        let mut replies = Vec::new();
        let outcome = session.replay(&vec![Op::call(0, ["PING"]); ops], &mut replies);
        let outcome = outcome.map(|()| replies.len()).map_err(|error| error.to_string());
        assert_eq!(outcome, expected.map_err(str::to_owned), "{ops} ops on {fed} replies");
    }

    #[test]
    fn ops_are_answered_while_there_are_replies() {
        check(3, 3, Ok(3));
        check(3, 2, Ok(2));
        let none_left =
            "the recording holds no reply to this op: only the ops that it was made of can be replayed on it";
        check(3, 4, Err(none_left));
    }
}
