//! A session on each side, and one such pair for each job of a campaign.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::differential::{self, Outcome};
use super::{CampaignError, Pair};
use crate::targets::{Session, TargetError};
use crate::trace::{Header, Op};

/// A session on each side.
pub struct Sessions {
    /// Of what is right.
    pub reference: Box<dyn Session>,
    /// Of what is tested.
    pub subject: Box<dyn Session>,
}

impl Sessions {
    /// Opens both.
    ///
    /// # Errors
    /// Where a target cannot be used.
    pub fn open(pair: Pair) -> Result<Self, CampaignError> {
        let header = Header::default();
        Ok(Self { reference: pair.reference.open(&header)?, subject: pair.subject.open(&header)? })
    }

    /// Runs `ops` on both and compares.
    ///
    /// # Errors
    /// Infrastructure only.
    pub fn compare(
        &mut self,
        header: &Header,
        ops: &[Op],
        options: &differential::Options,
    ) -> Result<Outcome, TargetError> {
        let Sessions { reference, subject } = self;
        differential::compare(header, ops, reference.as_mut(), subject.as_mut(), options, &mut |_, _| ())
    }
}

/// Runs `step` for 0 to `count - 1` on several threads, each with sessions of its own, and returns what the steps
/// gave in their order. The first error ends them all.
///
/// # Errors
/// That of a step, or of opening the sessions.
pub fn in_parallel<T: Send>(
    jobs: NonZeroUsize,
    count: usize,
    pair: Pair,
    step: impl Fn(usize, &mut Sessions) -> Result<T, CampaignError> + Sync,
) -> Result<Vec<T>, CampaignError> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(count));
    let work = || -> Result<(), CampaignError> {
        let mut sessions = None;
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                return Ok(());
            }
            let sessions = match &mut sessions {
                Some(sessions) => sessions,
                None => sessions.insert(Sessions::open(pair)?),
            };
            let result = step(at, sessions).inspect_err(|_| next.store(count, Ordering::Relaxed))?;
            done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((at, result));
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.get().min(count)).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}
