//! One trace on two sessions: the reference, which is right, and the subject, which is tested.

use crate::corpus::Known;
use crate::diff::{Divergence, Excerpt, Settings};
use crate::resp::Reply;
use crate::shrink::{Limits, Shrunk};
use crate::targets::{Session, TargetError};
use crate::trace::{Header, Op};

/// How two sessions are compared.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// What counts as the same reply.
    pub settings: Settings,
    /// Divergences that do not end the run.
    pub known: &'a Known,
    /// True where what both hold is compared in the end; false where the reference holds nothing (recorded replies).
    pub keyspace: bool,
    /// Compares what both hold also after so many ops; 0 only in the end.
    pub checkpoint_ops: usize,
    /// How many ops go to a session at once; the most that is held in memory of a streamed trace.
    pub block_ops: usize,
    /// Runs the reference on a thread of its own where a block is long enough to pay for that.
    pub parallel: bool,
    /// Runs a trace that diverges again; see [`Outcome::flaky`].
    pub confirm: bool,
}

impl<'a> Options<'a> {
    /// Exact replies, the keyspaces in the end, confirmation, blocks of 512 ops, one thread.
    pub fn new(known: &'a Known) -> Self {
        Self {
            settings: Settings::default(),
            known,
            keyspace: true,
            checkpoint_ops: 0,
            block_ops: 512,
            parallel: false,
            confirm: true,
        }
    }
}

/// What the run of one trace on two sessions found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Ops that both sessions ran.
    pub ops: u64,
    /// Replies that were compared.
    pub replies: u64,
    /// Replies that were not compared, because a known divergence had left other data under their keys.
    pub skipped: u64,
    /// How often known divergences occurred.
    pub known: u64,
    /// The first divergence that is not known.
    pub divergence: Option<Divergence>,
    /// The ops and replies around the divergence, for [`crate::diff::render`].
    pub excerpt: Option<Excerpt>,
    /// True where a second run of the same trace did not show the same class.
    pub flaky: bool,
    /// True where the keyspaces were compared in the end.
    pub keyspace_compared: bool,
}

/// Sees every op with the reference's reply, for counters by command.
pub type Observer<'a> = &'a mut dyn FnMut(&Op, &Reply);

/// Resets both sessions, runs `ops` on both and compares every reply, then what both hold.
///
/// A difference of the keyspaces is laid to the first op after which they differ, found by running prefixes
/// again. Stops at the first divergence that is not known.
///
/// # Errors
/// Infrastructure only.
pub fn compare(
    _header: &Header,
    _ops: &[Op],
    _reference: &mut dyn Session,
    _subject: &mut dyn Session,
    _options: &Options,
    _observer: Observer,
) -> Result<Outcome, TargetError> {
    todo!()
}

/// A comparison of a trace that is too long to hold: its ops come block by block.
///
/// A divergence is not confirmed, and one of the keyspaces in the end is laid to the last op.
pub struct Comparison<'a> {
    _reference: &'a mut dyn Session,
    _subject: &'a mut dyn Session,
    _options: &'a Options<'a>,
}

impl<'a> Comparison<'a> {
    /// Resets both sessions.
    ///
    /// # Errors
    /// Infrastructure only.
    pub fn start(
        _header: &Header,
        _reference: &'a mut dyn Session,
        _subject: &'a mut dyn Session,
        _options: &'a Options<'a>,
    ) -> Result<Self, TargetError> {
        todo!()
    }

    /// Runs the next ops; false where a divergence has been found and nothing more should be sent.
    ///
    /// # Errors
    /// Infrastructure only.
    pub fn block(&mut self, _ops: &[Op], _observer: Observer) -> Result<bool, TargetError> {
        todo!()
    }

    /// Compares what must hold in the end, and says what was found.
    ///
    /// # Errors
    /// Infrastructure only.
    pub fn finish(self) -> Result<Outcome, TargetError> {
        todo!()
    }
}

/// The shortest trace found that still shows the divergence; `None` where `ops` do not show its class.
///
/// # Errors
/// Infrastructure only.
pub fn shrink(
    _header: &Header,
    _ops: &[Op],
    _divergence: &Divergence,
    _reference: &mut dyn Session,
    _subject: &mut dyn Session,
    _options: &Options,
    _limits: &Limits,
) -> Result<Option<Shrunk>, TargetError> {
    todo!()
}
