//! What is right: Redlite in memory, which no fault strikes.

use std::sync::Arc;

use super::hash;
use crate::diff::Keyspace;
use crate::faults;
use crate::targets::embedded::{EmbeddedSession, Place};
use crate::targets::{Session as _, TargetError};
use crate::trace::{Act, Header, Op};
use redlite::Client;
use redlite::env::Random;
use resp::Reply;

/// Runs what a [`FaultySession`](super::FaultySession) did, and keeps its data when that is restarted.
pub struct Model {
    inner: EmbeddedSession,
}

impl Model {
    /// A model of an empty store, at the header's clock.
    ///
    /// # Errors
    /// Where the store cannot be made.
    pub fn open(header: &Header) -> Result<Self, TargetError> {
        Ok(Self { inner: EmbeddedSession::open(Place::Memory, Arc::new(Client::execute), header)? })
    }

    /// Back to an empty store, at the header's clock.
    ///
    /// # Errors
    /// Where the store does not become empty.
    pub fn reset(&mut self, header: &Header) -> Result<(), TargetError> {
        self.inner.forget_clients();
        self.inner.reset(header)
    }

    /// Runs one op. A restart keeps the data and nothing else; faults do nothing.
    ///
    /// # Errors
    /// Infrastructure only.
    pub fn perform(&mut self, op: &Op) -> Result<Reply, TargetError> {
        match &op.act {
            act if faults::ends_process(act) => self.inner.forget_clients(),
            Act::Fault(_) => {}
            _ => {
                self.inner.store.set_random(Random::seeded(hash(op)));
                return self.inner.perform(op);
            }
        }
        Ok(Reply::ok())
    }

    /// Everything that is stored.
    ///
    /// # Errors
    /// Infrastructure only.
    pub fn read(&mut self) -> Result<Keyspace, TargetError> {
        self.inner.keyspace_and_indexes()
    }

    /// How each key is kept, in the order of the keys.
    pub fn encodings(&mut self) -> Vec<Reply> {
        self.inner.encodings()
    }
}
