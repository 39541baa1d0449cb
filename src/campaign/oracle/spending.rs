//! A budget of time: each job takes what is most worth it, a seed or a suspected bug to shrink, until the time is over.
//! No job waits for another.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::gather::{Bucket, Occurrences, Tally};
use super::schedule::{Case, Steering};
use super::select::Selection;
use super::{Campaign, CampaignError};

/// Shrinking takes as long as the seeds do; so many times as long where classes wait of which nothing is told yet.
const NEW_CLASSES_FACTOR: u32 = 3;
/// The part of all time that goes at most to what takes long each time it is run, while there is something else to do.
const SLOW_SHARE: u32 = 5;
/// How long a job that finds nothing to do waits for what the others bring.
const IDLE_PAUSE: Duration = Duration::from_millis(5);

/// What the jobs share.
struct State {
    tally: Tally,
    selection: Selection,
    /// How long seeds were run, by all jobs together.
    on_seeds: Duration,
    on_shrinks: Duration,
    /// The part of that which went to what is slow.
    on_slow: Duration,
    /// How many jobs are at work.
    at_work: usize,
}

/// What a job does next.
enum Work {
    Case(Case, Steering),
    Shrink(Box<(Bucket, Occurrences)>),
    /// Nothing, until another job has brought something.
    Wait,
    Done,
}

impl Campaign<'_> {
    /// Spends the budget.
    pub(super) fn spend(&mut self) -> Result<(), CampaignError> {
        self.progress.start("searching", 0);
        let state = Mutex::new(State {
            tally: std::mem::take(&mut self.tally),
            selection: std::mem::take(&mut self.selection),
            on_seeds: Duration::ZERO,
            on_shrinks: Duration::ZERO,
            on_slow: Duration::ZERO,
            at_work: 0,
        });
        let jobs = self.pair.jobs(self.options.jobs).get();
        let this = &*self;
        let outcome = thread::scope(|scope| {
            let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(|| this.work(&state))).collect();
            let mut ended =
                threads.into_iter().map(|it| it.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            ended.try_for_each(|outcome| outcome)
        });
        let State { tally, selection, on_seeds, .. } = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        (self.tally, self.selection) = (tally, selection);
        self.comparing += on_seeds / u32::try_from(jobs).unwrap_or(1);
        outcome
    }

    fn work(&self, state: &Mutex<State>) -> Result<(), CampaignError> {
        let reference = self.pair.reference.info();
        let mut sessions = self.pool.take()?;
        while !self.is_over() {
            let work = self.choose(&mut lock(state));
            let started = Instant::now();
            match work {
                Work::Case(case, steering) => {
                    let mut tally = self.new_tally();
                    let goes_on = self.run_case(case, Some(&steering), &mut sessions, &mut tally);
                    let took = started.elapsed();
                    self.turns.note(case, took);
                    let mut state = lock(state);
                    state.tally.merge(tally);
                    state.on_seeds += took;
                    state.at_work -= 1;
                    if !goes_on? {
                        self.turns.end(self.options);
                    }
                }
                Work::Shrink(chosen) => {
                    let (bucket, seen) = *chosen;
                    let described = self.shrink(&bucket, &seen, &reference, &mut sessions);
                    let mut state = lock(state);
                    let took = started.elapsed();
                    state.on_shrinks += took;
                    state.on_slow += if seen.is_slow() { took } else { Duration::ZERO };
                    state.at_work -= 1;
                    let State { tally, selection, .. } = &mut *state;
                    selection.take(bucket, seen, described, tally, self.progress);
                }
                Work::Wait => thread::sleep(IDLE_PAUSE),
                Work::Done => break,
            }
        }
        Ok(())
    }

    fn choose(&self, state: &mut State) -> Work {
        let State { tally, selection, on_seeds, on_shrinks, on_slow, at_work } = state;
        let is_full = selection.shrinks() + *at_work >= self.options.shrinks_max;
        let chosen = if is_full { None } else { selection.choose(&tally.buckets, 1).pop() };
        let is_seeds_turn = chosen.as_ref().is_none_or(|(bucket, seen)| {
            let factor = if selection.is_new(&bucket.0) { NEW_CLASSES_FACTOR } else { 1 };
            *on_shrinks > *on_seeds * factor || seen.is_slow() && *on_slow > (*on_seeds + *on_shrinks) / SLOW_SHARE
        });
        let case = if is_seeds_turn { self.turns.take(self.options) } else { None };
        let work = match (case, chosen) {
            (Some(case), _) => Work::Case(case, selection.steering().clone()),
            (None, Some(chosen)) => {
                selection.begin(&chosen.0);
                Work::Shrink(Box::new(chosen))
            }
            (None, None) if *at_work > 0 => return Work::Wait,
            (None, None) => return Work::Done,
        };
        *at_work += 1;
        work
    }

    fn is_over(&self) -> bool {
        self.options.is_stopped() || self.end.is_some_and(|end| Instant::now() >= end)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
