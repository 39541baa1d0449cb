//! What a store did, run again one command after the other: what that is answered is what every client has to have got.

use std::collections::{BTreeMap, BTreeSet};

use super::process::{Ended, Life, store_options};
use super::world::name_peer;
use crate::diff::Keyspace;
use crate::targets::embedded::read_store;
use crate::trace::Header;
use redlite::env::{Clock, Random};
use redlite::journal::{Entry, Stage};
use redlite::{Addresses, Client, OpenError, Redlite};
use resp::{Argv, Decoder, Limits, Reply, encode_reply};

/// A client's connection: its number, and how often that was connected before.
pub type Place = (u16, u32);

/// What the store did, and what that has to come to.
#[derive(Debug, Default)]
pub struct Order {
    /// Every request that ran, in the order of the store.
    pub turns: Vec<Turn>,
    /// What each connection has to get.
    pub expected: BTreeMap<Place, Vec<Expected>>,
    /// Connections that waited when they ended.
    pub waiting: Vec<Place>,
    /// Connections that ended with the server's process, which may not have sent all.
    pub cut: BTreeSet<Place>,
    /// True where the storage failed in the middle of what cannot be done in the same way again: nothing can be said then.
    pub is_unknown: bool,
    /// The first time that what was found after a process ended was neither what it had committed, nor that and what it
    /// was just committing.
    pub lost: Option<Lost>,
}

/// See [`Order::lost`].
#[derive(Clone, Debug)]
pub struct Lost {
    /// Which of the processes ended.
    pub life: usize,
    /// What had to be there.
    pub committed: Keyspace,
}

/// A request that the store ran.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Whose it was.
    pub place: Place,
    /// What it was.
    pub argv: Argv,
}

/// A frame that a connection has to get.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The last request of the connection before it, by its index among the turns; none before the first.
    pub turn: Option<usize>,
    /// What it is.
    pub frame: Reply,
}

/// Runs what journals hold on a new store. `clients` are the connections that were opened.
///
/// # Errors
/// Where SQLite has no memory.
pub fn in_order(header: &Header, lives: &[Life], clients: impl IntoIterator<Item = Place>) -> Result<Order, OpenError> {
    let peers: BTreeMap<String, Place> =
        clients.into_iter().map(|(conn, nth)| (name_peer(conn, nth), (conn, nth))).collect();
    let mut returned = BTreeSet::new();
    loop {
        let order = run_lives(header, lives, &peers, &returned)?;
        // A commit that failed, and could not be taken back, is tried as one that was there again.
        let lost = order.lost.as_ref().map(|lost| lost.life);
        let may_return = |life: &usize| lives[*life].ended.as_ref().is_some_and(|ended| ended.may_return);
        match lost.filter(may_return) {
            Some(life) if returned.insert(life) => {}
            _ => return Ok(order),
        }
    }
}

/// See [`in_order`]. `returned` are the lives whose last commit that failed was there when the next began.
fn run_lives(
    header: &Header,
    lives: &[Life],
    peers: &BTreeMap<String, Place>,
    returned: &BTreeSet<usize>,
) -> Result<Order, OpenError> {
    let clock = Clock::manual(header.start_ms);
    let store = store_options(clock.clone()).open_in_memory()?;
    let mut replay =
        Replay { store, clock, peers, connections: BTreeMap::new(), returns: false, order: Order::default() };
    for (nth, life) in lives.iter().enumerate() {
        match &life.ended {
            None => replay.run_all(&life.journal, false),
            Some(ended) => replay.end(nth, &life.journal, ended, returned.contains(&nth)),
        }
    }
    Ok(replay.order)
}

struct Connection {
    client: Client,
    place: Option<Place>,
    /// The requests since frames were last taken, each with how many frames there were before it, and the last one before
    /// them.
    turns: Vec<(usize, Option<usize>)>,
}

struct Replay<'a> {
    store: Redlite,
    clock: Clock,
    peers: &'a BTreeMap<String, Place>,
    /// By what the first store called them, which this one calls them, too.
    connections: BTreeMap<i64, Connection>,
    /// True where the commit that fails now is there again later.
    returns: bool,
    order: Order,
}

fn is_undone_commit(entry: &Entry) -> bool {
    matches!(entry, Entry::Undone { stage: Stage::Commit, .. })
}

impl Replay<'_> {
    /// Runs what a process did that has ended, and begins anew with what was found then.
    fn end(&mut self, life: usize, journal: &[Entry], ended: &Ended, returns: bool) {
        let is_sent = |entry: &Entry| *entry == Entry::Committed || is_undone_commit(entry);
        let committed = journal.iter().rposition(is_sent).map_or(0, |last| last + 1);
        let (committed, in_flight) = journal.split_at(committed);
        self.run_all(committed, returns);
        self.clock.set(ended.now_ms);
        let kept = read_store(&self.store);
        if let Ok(found) = &ended.found
            && kept != *found
        {
            self.run_all(in_flight, false);
            self.store.batch().commit();
            self.take_sent();
            self.clock.set(ended.now_ms);
            if read_store(&self.store) != *found && self.order.lost.is_none() {
                self.order.lost = Some(Lost { life, committed: kept });
            }
        }
        self.order.cut.extend(std::mem::take(&mut self.connections).into_values().filter_map(|it| it.place));
        self.store.forget_clients();
        self.store.set_random(Random::seeded(0));
    }

    /// Does what entries say. Where the last commit that failed `returns`, its changes stay.
    fn run_all(&mut self, entries: &[Entry], returns: bool) {
        let returning = entries.iter().rposition(is_undone_commit).filter(|_| returns);
        for (at, entry) in entries.iter().enumerate() {
            self.returns = returning == Some(at);
            let stopped = match entries.get(at + 1) {
                Some(Entry::Undone { error, stage: Stage::Command, .. }) => Some(error),
                _ => None,
            };
            self.step(entry, stopped);
        }
    }

    /// Does what an entry says; a command is stopped where there is an error.
    fn step(&mut self, entry: &Entry, stopped: Option<&Reply>) {
        match entry {
            Entry::Joined { id, now_ms } => {
                self.clock.set(*now_ms);
                self.connections
                    .insert(*id, Connection { client: self.store.client(), place: None, turns: vec![(0, None)] });
            }
            Entry::Named { id, peer } => {
                if let Some(connection) = self.connections.get_mut(id) {
                    connection.place = self.peers.get(peer).copied();
                    let addresses = Addresses { peer: peer.clone(), local: super::process::SERVER.to_owned() };
                    connection.client.set_addresses(addresses);
                }
            }
            Entry::Ran { id, now_ms, argv } => self.run(*id, *now_ms, argv, stopped),
            Entry::Expired { now_ms } => {
                self.clock.set(*now_ms);
                self.store.batch().expire_waits();
            }
            Entry::Committed => {
                self.store.batch().commit();
                self.take_sent();
            }
            Entry::Undone { error, stage, nth } => {
                if *stage == Stage::Commit {
                    self.store.batch().undo(error, self.returns);
                    self.take_sent();
                }
                self.order.is_unknown |= *stage == Stage::Waiters;
                self.store.set_random(Random::seeded(*nth));
            }
            Entry::Left { id } => {
                let Some(left) = self.connections.remove(id) else { return };
                if self.store.batch().state(&left.client).is_blocked {
                    self.order.waiting.extend(left.place);
                }
            }
            Entry::Refused { .. } => {}
        }
    }

    fn run(&mut self, id: i64, now_ms: i64, argv: &Argv, stopped: Option<&Reply>) {
        self.clock.set(now_ms);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let mut batch = self.store.batch();
        if let Some(place) = connection.place {
            connection.turns.push((batch.waiting_frames(&connection.client), Some(self.order.turns.len())));
            self.order.turns.push(Turn { place, argv: argv.clone() });
        }
        match stopped {
            Some(error) => batch.run_stopped(&connection.client, argv, error),
            None => drop(batch.run(&connection.client, argv)),
        }
    }

    /// Takes what is to be sent.
    fn take_sent(&mut self) {
        let mut batch = self.store.batch();
        for Connection { client, place, turns } in self.connections.values_mut() {
            let Some(place) = *place else { continue };
            let expected = self.order.expected.entry(place).or_default();
            let mut nth = 0;
            batch.take_frames(client, |frame| {
                let turn = turns.iter().rev().find(|(before, _)| *before <= nth).and_then(|(_, turn)| *turn);
                expected.extend(as_received(frame).into_iter().map(|frame| Expected { turn, frame }));
                nth += 1;
            });
            let last = turns.last().and_then(|(_, turn)| *turn);
            *turns = vec![(0, last)];
        }
    }
}

/// What a client reads of a frame: a subscription inside of EXEC is one reply to its transaction, and on the line as many
/// as it has channels.
fn as_received(frame: Reply) -> Vec<Reply> {
    if frame.as_elements().is_none() {
        return vec![frame];
    }
    let (mut bytes, mut decoder) = (Vec::new(), Decoder::new(Limits::default()));
    encode_reply(&frame, &mut bytes);
    decoder.feed(&bytes);
    std::iter::from_fn(|| decoder.next_reply().ok().flatten()).collect()
}
