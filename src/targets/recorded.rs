//! The replies in a trace, as a target: what a server answered when the trace was recorded, and what it then held.
//!
//! A trace is streamed, so whoever reads it hands over the replies of each block with [`Recorded::feed`], and then
//! replays the block's ops. What is held in the end is handed over behind the last of them, with [`Recorded::hold`]:
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
    tape: Arc<Mutex<Tape>>,
}

/// What is still to be told.
#[derive(Debug, Default)]
struct Tape {
    replies: VecDeque<Reply>,
    /// What was held once all of them were given, where that is known.
    keyspace: Option<Keyspace>,
}

impl Recorded {
    /// An empty recording of the target that a header names in `recorded_by`.
    pub fn new(recorded_by: TargetInfo) -> Self {
        Self { info: recorded_by, tape: Arc::default() }
    }

    /// Appends the replies to the ops that are replayed next.
    pub fn feed(&self, replies: Vec<Reply>) {
        self.tape().replies.extend(replies);
    }

    /// Says what is held once all the replies are given, where that is known.
    pub fn hold(&self, keyspace: Option<Keyspace>) {
        self.tape().keyspace = keyspace;
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        // It is sound after every one of its calls.
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut tape = self.recording.tape();
        if tape.replies.len() < ops.len() {
            return Err(TargetError::NotRecorded);
        }
        replies.extend(tape.replies.drain(..ops.len()));
        Ok(())
    }

    fn keyspace(&mut self) -> Result<Option<Keyspace>, TargetError> {
        Ok(self.recording.tape().keyspace.clone())
    }

    /// Only behind the last op, and where it was recorded.
    fn holds_data(&self) -> bool {
        let tape = self.recording.tape();
        tape.replies.is_empty() && tape.keyspace.is_some()
    }

    fn out_of_step(&mut self) -> Result<Option<Reply>, TargetError> {
        Ok(None)
    }

    /// Drops what is left of the trace before.
    fn reset(&mut self, _: &Header) -> Result<(), TargetError> {
        *self.recording.tape() = Tape::default();
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
    fn what_is_held_is_told_behind_the_last_op() {
        let recorded = Recorded::new(TargetInfo::default());
        let mut session = recorded.open(&Header::default()).expect("a recording opens");
        recorded.feed(vec![Reply::ok()]);
        recorded.hold(Some(Keyspace::default()));
        assert!(!session.holds_data(), "its only op is still to come");
        session.replay(&[Op::call(0, ["PING"])], &mut Vec::new()).expect("it is recorded");
        assert!(session.holds_data());
        assert_eq!(session.keyspace().expect("it is recorded"), Some(Keyspace::default()));
        session.reset(&Header::default()).expect("a reset");
        assert!(!session.holds_data(), "that was of the trace before");
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
