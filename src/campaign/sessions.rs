//! A session on each side, and one such pair for each job of a campaign.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::differential::{self, Observer, Other, Outcome, Sides};
use super::{CampaignError, Pair};
use crate::targets::{Session, Target, TargetError};
use crate::trace::{Header, Op};

/// A session on each side.
pub struct Sessions {
    /// Of what is right.
    pub reference: Box<dyn Session>,
    /// Of the references behind the first.
    pub others: Vec<Other>,
    /// Of what is tested.
    pub subject: Box<dyn Session>,
}

impl Sessions {
    /// Opens them all.
    ///
    /// # Errors
    /// Where a target cannot be used.
    pub fn open(pair: Pair) -> Result<Self, CampaignError> {
        let header = Header::default();
        Ok(Self {
            reference: pair.reference.open(&header)?,
            others: open_others(pair.others, &header)?,
            subject: pair.subject.open(&header)?,
        })
    }

    /// Runs `ops` on them and compares; see [`differential::compare`].
    ///
    /// # Errors
    /// Infrastructure only.
    pub fn compare(
        &mut self,
        header: &Header,
        ops: &[Op],
        options: &differential::Options,
        observer: Observer,
    ) -> Result<Outcome, TargetError> {
        differential::compare(header, ops, &mut self.sides(), options, observer)
    }

    /// The same, borrowed.
    pub fn sides(&mut self) -> Sides<'_> {
        let Sessions { reference, others, subject } = self;
        Sides { reference: reference.as_mut(), others, subject: subject.as_mut() }
    }
}

/// Sessions that are lent to one job after another: opening them may start servers.
pub struct Pool<'a> {
    pair: Pair<'a>,
    free: Mutex<Vec<Sessions>>,
}

impl<'a> Pool<'a> {
    /// None are open yet.
    pub fn new(pair: Pair<'a>) -> Self {
        Self { pair, free: Mutex::default() }
    }

    /// Lends sessions that are free, or opens some.
    ///
    /// # Errors
    /// Where a target cannot be used.
    pub fn take(&self) -> Result<Lease<'_>, CampaignError> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let sessions = free.map_or_else(|| Sessions::open(self.pair), Ok)?;
        Ok(Lease { pool: self, sessions: Some(sessions) })
    }
}

/// Sessions that go back to their pool.
pub struct Lease<'a> {
    pool: &'a Pool<'a>,
    /// `None` only while they are opened anew.
    sessions: Option<Sessions>,
}

impl Lease<'_> {
    /// The sessions.
    ///
    /// # Errors
    /// Where they had to be opened anew and a target cannot be used.
    pub fn get(&mut self) -> Result<&mut Sessions, CampaignError> {
        let sessions = self.sessions.take().map_or_else(|| Sessions::open(self.pool.pair), Ok)?;
        Ok(self.sessions.insert(sessions))
    }

    /// Ends them: the next that are asked for are on stores, and servers, of their own.
    pub fn end(&mut self) {
        self.sessions = None;
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(sessions) = self.sessions.take() {
            self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).push(sessions);
        }
    }
}

/// A session on each of the references behind the first.
///
/// # Errors
/// Where a target cannot be used.
pub fn open_others(targets: &[Box<dyn Target>], header: &Header) -> Result<Vec<Other>, TargetError> {
    let open = |target: &dyn Target| Ok(Other { name: target.info().to_string(), session: target.open(header)? });
    targets.iter().map(|target| open(target.as_ref())).collect()
}

/// Runs `step` for 0 to `count - 1` on several threads, each with what `open` gives (sessions of its own), and returns
/// what the steps gave in their order. The first error ends them all.
///
/// # Errors
/// That of a step, or of opening the sessions.
pub fn in_parallel<S, T: Send>(
    jobs: NonZeroUsize,
    count: usize,
    open: impl Fn() -> Result<S, CampaignError> + Sync,
    step: impl Fn(usize, &mut S) -> Result<T, CampaignError> + Sync,
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
                None => sessions.insert(open()?),
            };
            let result = step(at, sessions).inspect_err(|_| next.store(count, Ordering::Relaxed))?;
            done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs.get().min(count)).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}
