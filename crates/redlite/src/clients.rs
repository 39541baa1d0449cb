//! The connections: what each remembers, and what waits to be sent to it.

use std::collections::{BTreeSet, VecDeque};
use std::task::Waker;

use super::channels::Channels;
use super::config::Config;
use super::points::{Point, Points};
use super::store::Store;
use super::waits::{Wait, Waits};
use resp::{Argv, Reply};

/// Where a connection stands in the table of connections. Another one may get it once this one is gone.
pub(crate) type Slot = usize;

/// What a connection remembers.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Where it stands.
    pub slot: Slot,
    /// What CLIENT ID answers: never given twice.
    pub id: i64,
    /// The selected database.
    pub db: u32,
    /// 2 or 3: the protocol of its replies.
    pub protocol: u8,
    /// True where it came or sent RESET while there was no password, or has said the one that there was. One that has
    /// not has to send AUTH or HELLO first, as long as there is a password.
    pub is_authenticated: bool,
    /// What CLIENT SETNAME gave it; empty without.
    pub name: Vec<u8>,
    /// What it is connected from and to.
    pub addresses: Addresses,
    /// When it came, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it sent its last command, in milliseconds since 1970.
    pub active_ms: i64,
    /// The last command that it sent.
    pub last_command: Option<&'static str>,
    /// What CLIENT NO-EVICT said.
    pub is_spared: bool,
    /// What CLIENT REPLY said.
    pub reply_mode: ReplyMode,
    /// Its open transaction, between MULTI and EXEC.
    pub transaction: Option<Transaction>,
    /// What WATCH named.
    pub watches: Vec<Watch>,
    /// True where a watched key has changed.
    pub is_dirty: bool,
    /// What it is subscribed to.
    pub subscriptions: Subscriptions,
    /// What it waits for, where it is blocked.
    pub wait: Option<Wait>,
    /// Of whoever waits for something to arrive: woken when the connection is stirred.
    pub waker: Option<Waker>,
    /// True where it is listed as stirred.
    is_stirred: bool,
    /// True where it is to be closed once its outbox is sent.
    pub is_closing: bool,
    /// What is to be sent to it.
    pub outbox: VecDeque<Reply>,
}

/// Both ends of a connection, as CLIENT LIST shows them.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The client's end, such as `127.0.0.1:50000`.
    pub peer: String,
    /// The server's end.
    pub local: String,
}

impl Default for Addresses {
    /// Those of a connection within a process.
    fn default() -> Self {
        Self { peer: "?:0".to_owned(), local: "?:0".to_owned() }
    }
}

/// Whether a connection gets replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReplyMode {
    /// It does.
    #[default]
    On,
    /// It does not.
    Off,
    /// Not to this command, nor to the next.
    SkipNext,
    /// Not to this command.
    Skip,
}

/// Commands that wait for EXEC.
#[derive(Debug, Default)]
pub(crate) struct Transaction {
    pub queue: Vec<Argv>,
    /// True where a command was refused when it was to be queued: EXEC aborts.
    pub is_broken: bool,
}

/// A watched key, and the key's id when it was, where it was there.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub db: u32,
    pub name: Vec<u8>,
    pub key_id: Option<i64>,
}

impl Watch {
    /// True where it is of the key of this name.
    pub fn is_of(&self, db: u32, name: &[u8]) -> bool {
        self.db == db && self.name == name
    }
}

/// What a connection is subscribed to.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    pub channels: BTreeSet<Vec<u8>>,
    /// In the order in which they were subscribed to.
    pub patterns: Vec<Vec<u8>>,
    pub shard_channels: BTreeSet<Vec<u8>>,
}

impl Subscriptions {
    /// True where the connection may get messages.
    pub fn is_any(&self) -> bool {
        !(self.channels.is_empty() && self.patterns.is_empty() && self.shard_channels.is_empty())
    }
}

impl Connection {
    fn new(slot: Slot, id: i64, now_ms: i64) -> Self {
        Self {
            slot,
            id,
            db: 0,
            protocol: 2,
            is_authenticated: false,
            name: Vec::new(),
            addresses: Addresses::default(),
            created_ms: now_ms,
            active_ms: now_ms,
            last_command: None,
            is_spared: false,
            reply_mode: ReplyMode::On,
            transaction: None,
            watches: Vec::new(),
            is_dirty: false,
            subscriptions: Subscriptions::default(),
            wait: None,
            waker: None,
            is_stirred: false,
            is_closing: false,
            outbox: VecDeque::new(),
        }
    }

    /// A message that the client did not ask for, in the form of its protocol.
    pub fn push_form(&self, items: Vec<Reply>) -> Reply {
        if self.protocol >= 3 { Reply::Push(items) } else { Reply::Array(items) }
    }
}

/// Every connection but the one whose command runs, and what they have in common.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    slots: Vec<Option<Box<Connection>>>,
    free: Vec<Slot>,
    /// The id of the newest connection: as many there have been.
    pub last_id: i64,
    /// How many commands were run.
    pub commands_run: u64,
    /// The parameters that CONFIG tells; the password is one of them.
    pub config: Config,
    /// Who is subscribed to what.
    pub channels: Channels,
    /// Who waits for what.
    pub waits: Waits,
    /// Connections that were sent something by a command of another, or were closed by it, since this was last taken.
    stirred: Vec<Slot>,
    /// Wakers of connections that were stirred: woken as soon as the engine's lock is free, as a task that goes away
    /// when it is woken may end a connection.
    pub woken: Vec<Waker>,
    /// Replies since the last commit, by connection and place in its outbox: they are errors where the commit fails.
    uncommitted: Vec<(Slot, usize)>,
    /// What connections that were told of changes since the last commit watched before: where the commit fails, nothing
    /// has changed.
    watched_before: Vec<(Slot, bool, Vec<Watch>)>,
    /// The connections that watch keys.
    watching: BTreeSet<Slot>,
    pub points: Points,
}

impl Clients {
    /// A new connection.
    pub fn add(&mut self, now_ms: i64) -> Slot {
        self.last_id += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let mut connection = Connection::new(slot, self.last_id, now_ms);
        connection.is_authenticated = self.config.password().is_none();
        self.slots[slot] = Some(Box::new(connection));
        slot
    }

    /// Ends a connection and everything that it waits for, watches and is subscribed to.
    pub fn remove(&mut self, slot: Slot) {
        let Some(mut connection) = self.take(slot) else { return };
        self.forget_interests(&mut connection);
        self.free.push(slot);
        if connection.is_stirred {
            self.stirred.retain(|stirred| *stirred != slot);
        }
        self.uncommitted.retain(|(issued, _)| *issued != slot);
    }

    /// Takes back what a connection waits for, watches and is subscribed to.
    pub fn forget_interests(&mut self, connection: &mut Connection) {
        if let Some(wait) = connection.wait.take() {
            self.waits.remove(connection.slot, &wait);
            if !self.points.passes(Point::Unwait, b"") {
                self.waits.add(connection.slot, &Wait { until_ms: None, ..wait });
            }
        }
        self.unwatch(connection);
        connection.transaction = None;
        if self.points.passes(Point::Unsubscribe, b"") {
            self.channels.forget(connection.slot, &connection.subscriptions);
        }
        connection.subscriptions = Subscriptions::default();
    }

    /// Takes a connection out of the table, for a command to run on it.
    pub fn take(&mut self, slot: Slot) -> Option<Box<Connection>> {
        self.slots.get_mut(slot)?.take()
    }

    /// Puts it back.
    pub fn put_back(&mut self, connection: Box<Connection>) {
        let slot = connection.slot;
        self.slots[slot] = Some(connection);
    }

    /// True where the connection has to say the password before anything else.
    pub fn is_stranger(&self, connection: &Connection) -> bool {
        !connection.is_authenticated && self.config.password().is_some()
    }

    /// A connection other than the one whose command runs.
    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut Connection> {
        self.slots.get_mut(slot)?.as_deref_mut()
    }

    /// As [`Clients::get_mut`], to look at it.
    pub fn get(&self, slot: Slot) -> Option<&Connection> {
        self.slots.get(slot)?.as_deref()
    }

    /// Every connection but the one whose command runs.
    pub fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.slots.iter().filter_map(Option::as_deref)
    }

    /// Sends a message to another connection, unless that is closed once it has its replies: Redis sends it nothing more.
    pub fn send(&mut self, slot: Slot, items: Vec<Reply>) {
        if !self.points.passes(Point::Publish, b"") {
            return;
        }
        let Some(connection) = self.get_mut(slot).filter(|connection| !connection.is_closing) else { return };
        let frame = connection.push_form(items);
        connection.outbox.push_back(frame);
        self.stir(slot);
    }

    /// Closes another connection: what it has not been sent yet, it does not get.
    pub fn close(&mut self, slot: Slot) {
        let Some(mut connection) = self.take(slot) else { return };
        self.forget_interests(&mut connection);
        connection.outbox.clear();
        connection.is_closing = true;
        self.uncommitted.retain(|(issued, _)| *issued != slot);
        self.put_back(connection);
        self.stir(slot);
    }

    /// Ends the wait of another connection with this reply, or with the one to a wait that was too long; false where it
    /// does not wait.
    pub fn unblock(&mut self, slot: Slot, reply: Option<Reply>) -> bool {
        let Some(mut connection) = self.take(slot) else { return false };
        let wait = connection.wait.take();
        if let Some(wait) = &wait {
            self.waits.remove(slot, wait);
            self.answer(&mut connection, reply.unwrap_or_else(|| wait.timed_out.clone()));
        }
        self.put_back(connection);
        self.stir(slot);
        wait.is_some()
    }

    /// Notes that there is something to do for a connection.
    pub fn stir(&mut self, slot: Slot) {
        if !self.points.passes(Point::Stir, b"") {
            return;
        }
        let Some(connection) = self.get_mut(slot) else { return };
        let waker = connection.waker.take();
        if !std::mem::replace(&mut connection.is_stirred, true) {
            self.stirred.push(slot);
        }
        self.woken.extend(waker);
    }

    /// The connections that were stirred since this was last asked.
    #[cfg(any(feature = "server", test))]
    pub fn take_stirred(&mut self) -> Vec<Slot> {
        let stirred = std::mem::take(&mut self.stirred);
        stirred.iter().for_each(|&slot| self.get_mut(slot).into_iter().for_each(|it| it.is_stirred = false));
        stirred
    }

    /// Puts a reply into a connection's outbox. The connection may be out of the table.
    pub fn answer(&mut self, connection: &mut Connection, reply: Reply) {
        match connection.reply_mode {
            ReplyMode::On => {}
            ReplyMode::Off => return,
            ReplyMode::SkipNext => return connection.reply_mode = ReplyMode::Skip,
            ReplyMode::Skip => return connection.reply_mode = ReplyMode::On,
        }
        let mut issue = |frame| {
            self.uncommitted.push((connection.slot, connection.outbox.len()));
            connection.outbox.push_back(frame);
        };
        match reply {
            Reply::Frames(frames) => frames.into_iter().for_each(issue),
            frame => issue(frame),
        }
    }

    /// Notes that what was run is committed: its replies stay.
    pub fn note_commit(&mut self) {
        self.uncommitted.clear();
        self.watched_before.clear();
    }

    /// Makes every reply of the batch this error, as nothing of it was kept.
    pub fn fail_batch(&mut self, error: &Reply) {
        for (slot, at) in std::mem::take(&mut self.uncommitted) {
            if let Some(frame) = self.get_mut(slot).and_then(|connection| connection.outbox.get_mut(at)) {
                *frame = error.clone();
            }
        }
        for (slot, is_dirty, watches) in std::mem::take(&mut self.watched_before) {
            if !self.watching.contains(&slot) {
                continue;
            }
            if let Some(connection) = self.get_mut(slot) {
                (connection.is_dirty, connection.watches) = (is_dirty, watches);
            }
        }
    }

    /// Ends what WATCH began.
    pub fn unwatch(&mut self, connection: &mut Connection) {
        if !connection.watches.is_empty() {
            connection.watches.clear();
            self.watching.remove(&connection.slot);
        }
        connection.is_dirty = false;
    }

    /// Watches a key, which is not watched yet.
    pub fn watch(&mut self, connection: &mut Connection, watch: Watch) {
        self.watching.insert(connection.slot);
        connection.watches.push(watch);
    }

    /// How many connections watch keys.
    #[cfg(feature = "testing")]
    pub fn watching(&self) -> usize {
        self.watching.len()
    }

    /// True where any connection watches keys: then the store must say what is touched.
    pub fn is_watching(&self) -> bool {
        !self.watching.is_empty()
    }

    /// Tells those that watch them of the keys that were touched.
    pub fn mark_dirty(&mut self, store: &mut Store) {
        let touched = store.take_touched();
        if touched.is_empty() {
            return;
        }
        for &slot in &self.watching {
            if let Some(connection) = self.slots[slot].as_deref_mut() {
                if !self.watched_before.iter().any(|(known, ..)| *known == slot) {
                    self.watched_before.push((slot, connection.is_dirty, connection.watches.clone()));
                }
                for watch in &mut connection.watches {
                    connection.is_dirty |= touched.tell(watch);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where nobody takes the stirred ones, as without a server, there are no more of them than connections.
    #[test]
    fn a_connection_that_is_gone_is_not_stirred() {
        let mut clients = Clients::default();
        for _ in 0..3 {
            let slot = clients.add(0);
            clients.stir(slot);
            clients.remove(slot);
        }
        assert_eq!(clients.take_stirred(), []);
    }
}
