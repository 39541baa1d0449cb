//! A reference for a subject under faults: what a trace does to the subject's disk and process does not happen to it.
//!
//! Where the subject goes away and comes back, clients lose their connections, and no data: on the reference they are
//! closed. What CONFIG has set is gone on the subject as well, and stays here. A fault that the subject's clients see, an
//! error or a connection that ends, is a divergence, which ends the comparison: whether it is allowed is what the campaign
//! of faults says.

use std::collections::BTreeSet;

use super::{Session, Target, TargetError};
use crate::diff::Keyspace;
use crate::faults;
use crate::trace::{Act, Header, Op, TargetInfo};
use resp::Reply;

/// A target that no fault strikes, and that is never restarted.
pub struct Spared(Box<dyn Target>);

impl Spared {
    /// `target`, without what a trace does to a store from outside.
    pub fn new(target: Box<dyn Target>) -> Self {
        Self(target)
    }
}

impl Target for Spared {
    fn info(&self) -> TargetInfo {
        self.0.info()
    }

    fn open(&self, header: &Header) -> Result<Box<dyn Session>, TargetError> {
        Ok(Box::new(SparedSession { inner: self.0.open(header)?, connections: BTreeSet::new() }))
    }

    fn is_shared(&self) -> bool {
        self.0.is_shared()
    }

    fn has_real_clock(&self) -> bool {
        self.0.has_real_clock()
    }
}

struct SparedSession {
    inner: Box<dyn Session>,
    /// Those that were used since the last restart.
    connections: BTreeSet<u16>,
}

impl Session for SparedSession {
    fn replay(&mut self, ops: &[Op], replies: &mut Vec<Reply>) -> Result<(), TargetError> {
        let spares = |op: &Op| matches!(op.act, Act::Fault(_) | Act::Crash | Act::Restart);
        for part in ops.split_inclusive(spares) {
            let (sent, spared) = match part.split_last() {
                Some((last, before)) if spares(last) => (before, Some(&last.act)),
                _ => (part, None),
            };
            self.connections.extend(sent.iter().map(|op| op.conn));
            if !sent.is_empty() {
                self.inner.replay(sent, replies)?;
            }
            if spared.is_some_and(faults::ends_process) {
                let closes = std::mem::take(&mut self.connections).into_iter();
                let closes: Vec<Op> = closes.map(|conn| Op { conn, act: Act::Close }).collect();
                self.inner.replay(&closes, &mut Vec::new())?;
            }
            replies.extend(spared.map(|_| Reply::ok()));
        }
        Ok(())
    }

    fn keyspace(&mut self) -> Result<Option<Keyspace>, TargetError> {
        self.inner.keyspace()
    }

    fn expect(&mut self, keyspace: &Keyspace) {
        self.inner.expect(keyspace);
    }

    fn holds_data(&self) -> bool {
        self.inner.holds_data()
    }

    fn out_of_step(&mut self) -> Result<Option<Reply>, TargetError> {
        self.inner.out_of_step()
    }

    fn reset(&mut self, header: &Header) -> Result<(), TargetError> {
        self.connections.clear();
        self.inner.reset(header)
    }

    fn exact_clock(&self) -> bool {
        self.inner.exact_clock()
    }

    fn take_notes(&mut self) -> Vec<String> {
        self.inner.take_notes()
    }

    fn take_ends(&mut self) -> Vec<String> {
        self.inner.take_ends()
    }
}
