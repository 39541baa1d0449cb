//! Every point at which the power could go in an op: the disk as it was after each call, and what a power loss may have
//! made of it.

use std::sync::{Arc, Mutex, PoisonError};

use super::{FaultySession, PAGE_BYTES, Settings, file_options, hook, lock, place};
use crate::diff::Keyspace;
use crate::faults::Fates;
use crate::targets::TargetError;
use crate::targets::canary::storage::Slip;
use crate::targets::embedded::{EmbeddedSession, Execute, caught};
use crate::trace::{Header, Op};
use redlite::env::Random;
use redlite::vfs::{self, CallKind, Fate, Image, Injection, Pending, SECTOR, SimulatedDisk, draw_fates};
use resp::Reply;

/// Up to how many pending changes every subset of them is tried.
const SUBSETS_PENDING_MAX: u64 = 6;
/// How many outcomes of one point are tried where there are more pending changes than that.
const OUTCOMES_MAX: usize = 64;
/// The same where an older version's file is copied and the copy is pending: none of it is the store's before it is
/// whole.
const OUTCOMES_OF_COPY_MAX: usize = 12;

/// The disk after one call.
pub struct Point {
    execute: Execute,
    slip: Slip,
    /// Which of the op's calls it comes after: 0 is the first.
    pub nth: u64,
    /// True after a sync that was done: a power loss in that call would be one before it.
    pub is_synced: bool,
    image: Image,
}

/// A store after a power loss.
#[derive(Debug)]
pub enum Recovered {
    /// It can be opened.
    Open {
        /// What it holds.
        keyspace: Keyspace,
        /// What is wrong with its file.
        damage: Vec<String>,
        /// What it answers to a write.
        write: Reply,
    },
    /// It cannot.
    Refused(String),
    /// It panics instead.
    Panicked,
}

impl FaultySession {
    /// Runs one op, and returns every point in it at which the power could have gone. Calls that change nothing make no
    /// point of their own.
    ///
    /// # Errors
    /// As [`FaultySession::perform`].
    pub fn points(&mut self, op: &Op) -> Result<Vec<Point>, TargetError> {
        /// The points, how many calls there were, and what the last one was.
        type Seen = (Vec<Point>, u64, Option<CallKind>);
        let (execute, slip) = (self.inner.execute(), self.slip);
        let note = move |(points, calls, last): &mut Seen, image: &Image| {
            if let Some(kind) = last.filter(|kind| changes(*kind)) {
                let (nth, is_synced, image) = (*calls - 1, kind == CallKind::Sync, image.clone());
                points.push(Point { execute: Arc::clone(&execute), slip, nth, is_synced, image });
            }
        };
        let note_end = note.clone();
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let noted = Arc::clone(&seen);
        let board = Arc::clone(&self.board);
        self.disk.set_hook(move |call, image| {
            // What dst itself asks is no call of the op.
            if lock(&board).is_paused {
                return Injection::None;
            }
            let mut seen = noted.lock().unwrap_or_else(PoisonError::into_inner);
            note(&mut seen, image);
            (seen.1, seen.2) = (seen.1 + 1, Some(call.kind));
            Injection::None
        });
        let step = self.perform(op);
        hook(&self.disk, &self.board);
        let mut seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
        note_end(&mut seen, &self.disk.image());
        step?;
        Ok(seen.0)
    }
}

fn changes(kind: CallKind) -> bool {
    !matches!(kind, CallKind::Read | CallKind::Size | CallKind::Exists)
}

/// What becomes of each pending change, in their order.
pub(super) fn choose(fates: Fates) -> Box<dyn FnMut(&Pending) -> Fate> {
    let by_place = |fate: Box<dyn Fn(u64) -> Fate>| -> Box<dyn FnMut(&Pending) -> Fate> {
        let mut at = 0;
        Box::new(move |_| {
            at += 1;
            fate(at - 1)
        })
    };
    let kept_if = |kept: bool| if kept { Fate::Keep } else { Fate::Drop };
    let all_but = |place: u64, fate: Fate| by_place(Box::new(move |at| if at == place { fate } else { Fate::Keep }));
    match fates {
        Fates::Drawn(0) => Box::new(|_| Fate::Drop),
        Fates::Drawn(1) => Box::new(|_| Fate::Keep),
        Fates::Drawn(seed) => Box::new(draw_fates(Random::seeded(seed))),
        Fates::KeptFirst(kept) => by_place(Box::new(move |at| kept_if(at < kept))),
        Fates::Mask(mask) => by_place(Box::new(move |at| kept_if(at < 64 && mask & (1 << at) != 0))),
        Fates::AllBut(place) => all_but(place, Fate::Drop),
        Fates::TornHead(place) => all_but(place, Fate::TornHead(SECTOR / 2)),
        Fates::TornTail(place) => all_but(place, Fate::TornTail(SECTOR / 2)),
    }
}

impl Point {
    /// True where [`Point::outcomes`] are all that there are, torn sectors apart.
    pub fn is_complete(&self) -> bool {
        self.image.pending().len() as u64 <= SUBSETS_PENDING_MAX
    }

    /// What a power loss may come to here: every subset of what is pending, and each change torn at both ends, where
    /// there is little of it; otherwise a choice of them. Always in the same order.
    pub fn outcomes(&self) -> Vec<Fates> {
        let changes = self.image.pending();
        let pending = changes.len() as u64;
        let torn = (0..pending).flat_map(|at| [Fates::TornHead(at), Fates::TornTail(at)]);
        if pending <= SUBSETS_PENDING_MAX {
            return (0..1 << pending).map(Fates::Mask).chain(torn).collect();
        }
        let cut = (0..pending).flat_map(|at| [Fates::KeptFirst(at), Fates::AllBut(at)]);
        let outcomes: Vec<Fates> = cut.chain(torn).collect();
        let outcomes_max =
            if changes.iter().any(|change| vfs::is_copy(change.file())) { OUTCOMES_OF_COPY_MAX } else { OUTCOMES_MAX };
        let count = outcomes.len().min(outcomes_max - 1);
        // Evenly over all of them, and not always the same one of a pair.
        let mut chosen: Vec<Fates> =
            (0..count).map(|at| outcomes[(at * outcomes.len() + at % 2) / count % outcomes.len()]).collect();
        chosen.push(Fates::KeptFirst(pending));
        chosen
    }

    /// Loses power so, and opens the store again at `header`'s clock.
    ///
    /// # Errors
    /// Infrastructure only.
    pub fn recover(&self, fates: Fates, settings: Settings, header: &Header) -> Result<Recovered, TargetError> {
        let mut image = self.image.clone();
        image.crash(&mut choose(fates));
        let options = file_options(settings, PAGE_BYTES);
        let place = place(&SimulatedDisk::from(image), self.slip, options);
        let mut session = match caught(|| EmbeddedSession::open(place, Arc::clone(&self.execute), header)) {
            Some(Ok(session)) => session,
            Some(Err(error)) => return Ok(Recovered::Refused(error.to_string())),
            None => return Ok(Recovered::Panicked),
        };
        let keyspace = session.keyspace_and_indexes()?;
        let damage = session.store.find_damage().unwrap_or_else(|error| vec![error.to_string()]);
        let write = session.perform(&Op::call(0, ["SET", "dst:probe", "1"]))?;
        Ok(Recovered::Open { keyspace, damage, write })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Act, FaultSpec};

    /// Each point of an upkeep comes after the call that an error of its number strikes: a sync by both or by none, and one
    /// that changes something.
    fn check(upkeep: &str) {
        let header = Header::default();
        let fault = |name: &str, args| Op { conn: 0, act: Act::Fault(FaultSpec { name: name.to_owned(), args }) };
        let open = || {
            let mut session = FaultySession::named("redlite", Settings::default(), &header).expect("a store");
            session.list_calls();
            session.restart_empty(&header, &[]).expect("an empty store");
            session.perform(&Op::call(0, ["SET", "k", "v"])).expect("no failure of the session");
            session
        };
        let points = open().points(&fault(upkeep, Vec::new())).expect("no failure of the session");
        assert!(points.len() > 10, "{upkeep}: {} points", points.len());
        for point in points {
            let mut session = open();
            let nth = i64::try_from(point.nth).expect("few calls");
            session.take_calls();
            for op in [fault("io_error", vec![nth, 1, 0]), fault(upkeep, Vec::new())] {
                session.perform(&op).expect("no failure of the session");
            }
            let calls = session.take_calls();
            let struck = calls.iter().find(|call| call.ends_with('✗')).expect("a call is struck");
            assert_eq!(struck.contains(" sync "), point.is_synced, "{upkeep}, call {nth}: {struck}");
            let changes = [" open ", " write ", " truncate ", " sync ", " unlink "];
            assert!(changes.iter().any(|kind| struck.contains(kind)), "{upkeep}, call {nth}: {struck}");
        }
    }

    #[test]
    fn a_point_counts_the_calls_that_a_fault_counts() {
        check("older_file");
        check("vacuum");
    }
}
