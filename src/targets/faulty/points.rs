//! Every point at which an op could have been the last: the disk as it was before each call, and what a power loss may
//! have made of it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::{FILE, FaultySession, Settings, file_options, hook};
use crate::diff::Keyspace;
use crate::redlite::vfs::{CallKind, Fate, Image, Injection, SECTOR, SimulatedDisk};
use crate::redlite::{Client, FileOptions};
use crate::resp::{Argv, Reply};
use crate::targets::embedded::{EmbeddedSession, Place};
use crate::targets::{Session, TargetError};
use crate::trace::{Header, Op};

/// Up to how many pending changes every subset of them is tried.
const SUBSETS_PENDING_MAX: usize = 4;
/// How many outcomes of one point are tried where there are more pending changes than that.
const OUTCOMES_MAX: usize = 48;

/// The disk before one call.
#[derive(Debug)]
pub struct Point {
    /// The call, for people.
    pub call: String,
    image: Image,
}

/// What becomes of each pending change of a [`Point`], in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome(Vec<Fate>);

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
}

impl FaultySession {
    /// Runs one op, and returns every point in it at which the power could have gone, the end of it last. Calls that
    /// change nothing make no point of their own.
    ///
    /// # Errors
    /// As [`FaultySession::perform`].
    pub fn points(&mut self, op: &Op) -> Result<(Reply, Vec<Point>), TargetError> {
        let seen: Arc<Mutex<Vec<Point>>> = Arc::default();
        let noted = Arc::clone(&seen);
        self.disk.set_hook(move |call, image| {
            if !matches!(call.kind, CallKind::Read | CallKind::Size | CallKind::Exists) {
                let point = Point { call: call.to_string(), image: image.clone() };
                noted.lock().unwrap_or_else(PoisonError::into_inner).push(point);
            }
            Injection::None
        });
        let step = self.perform(op);
        hook(&self.disk, &self.board);
        let mut points = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
        points.push(Point { call: "the end".to_owned(), image: self.disk.image() });
        Ok((step?.reply, points))
    }
}

impl Point {
    /// What a power loss may come to here: every subset of what is pending, and each sector torn at both ends, where
    /// there is little of it; otherwise a choice of them. Always in the same order.
    pub fn outcomes(&self) -> Vec<Outcome> {
        let pending = self.image.pending().len();
        let of = |fate: &dyn Fn(usize) -> Fate| Outcome((0..pending).map(fate).collect());
        let torn = |at: usize| {
            [Fate::TornHead(SECTOR / 2), Fate::TornTail(SECTOR / 2)].map(|torn| {
                let fate = move |here: usize| if here == at { torn } else { Fate::Keep };
                of(&fate)
            })
        };
        let mut outcomes: Vec<Outcome> = Vec::new();
        if pending <= SUBSETS_PENDING_MAX {
            outcomes.extend((0..1_u32 << pending).map(|kept| {
                of(&|at| if kept & (1 << at) == 0 { Fate::Drop } else { Fate::Keep })
            }));
            outcomes.extend((0..pending).flat_map(torn));
            return outcomes;
        }
        for at in 0..pending {
            outcomes.push(of(&|here| if here < at { Fate::Keep } else { Fate::Drop }));
            outcomes.push(of(&|here| if here == at { Fate::Drop } else { Fate::Keep }));
            outcomes.extend(torn(at));
        }
        let stride = outcomes.len().div_ceil(OUTCOMES_MAX - 1);
        // One that is no multiple of what an entry makes, so that all sorts come.
        let mut chosen: Vec<Outcome> = outcomes.into_iter().step_by(stride | 1).collect();
        chosen.push(of(&|_| Fate::Keep));
        chosen
    }

    /// Loses power so, and opens the store again at `header`'s clock.
    ///
    /// # Errors
    /// Infrastructure only.
    pub fn recover(&self, outcome: &Outcome, settings: Settings, header: &Header) -> Result<Recovered, TargetError> {
        let mut fates = outcome.0.iter().copied();
        let mut image = self.image.clone();
        image.crash(&mut |_| fates.next().unwrap_or(Fate::Drop));
        let options = file_options(settings, FileOptions::default().page_bytes);
        let storage = Arc::new(SimulatedDisk::from(image));
        let place = Place::Storage { storage, name: PathBuf::from(FILE), options };
        let mut session = match EmbeddedSession::open(place, Arc::new(Client::execute), header) {
            Ok(session) => session,
            Err(error) => return Ok(Recovered::Refused(error.to_string())),
        };
        let keyspace = session.keyspace()?.unwrap_or_else(|| Keyspace::unreadable(Reply::NullBulk));
        let damage = session.store.find_damage().unwrap_or_else(|error| vec![error.to_string()]);
        let write = session.store.client().execute(&Argv::from(["SET", "dst:probe", "1"]));
        Ok(Recovered::Open { keyspace, damage, write })
    }
}
