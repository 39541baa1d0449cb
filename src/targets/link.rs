//! A connection of the trace, and what its ops have made of it.
//!
//! On most connections every request has one reply, and they go out in pipelines. What is here is for the others:
//!
//! | what the trace did | how its ops are answered from then on |
//! |---|---|
//! | a command that blocked | [`Reply::Pending`], until an await finds that the client waits no longer |
//! | `SUBSCRIBE`, `UNSUBSCRIBE` and their kin | each by all that came up to the echo of a barrier that is sent behind it |
//! | raw bytes, `CLIENT REPLY OFF` | each by all that came when the server had gone round its event loop |
//!
//! Between two ops nobody acts: what another connection's op sends here has been sent when that op is answered.

use std::time::{Duration, Instant};

use super::clients::{self, Standing, untold_wait};
use super::connection::{Connection, Failure};
use super::server::Server;
use super::ways::Barrier;
use super::{cursor, keyspace};
use resp::{Argv, Reply};

/// How replies are told apart from what else comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Each request has one reply, and nothing else comes.
    Plain,
    /// Messages come, too; the echo of a barrier says that all before it is there.
    Barrier,
    /// Nothing is known about what comes.
    Settled,
}

/// What a request needs beyond being sent and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Nothing,
    /// It may have several replies, and messages follow.
    Messages,
    /// It may wait.
    Wait,
    /// It says that it and others get no reply.
    Silence,
    /// The connection is closed behind its reply.
    End,
}

/// What a request needs, by its command.
pub(super) fn need_of(argv: &Argv) -> Need {
    let Some(name) = argv.get(0) else { return Need::Nothing };
    let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
    match name.first().map(|first| first | 0x20) {
        Some(b's') if is("SUBSCRIBE") || is("SSUBSCRIBE") || is("SUNSUBSCRIBE") => Need::Messages,
        Some(b'p') if is("PSUBSCRIBE") || is("PUNSUBSCRIBE") => Need::Messages,
        Some(b'u') if is("UNSUBSCRIBE") => Need::Messages,
        Some(b'q') if is("QUIT") => Need::End,
        Some(b'c') if is("CLIENT") && silences(argv) => Need::Silence,
        Some(b'b' | b'x' | b'w') if spec::may_block(argv) => Need::Wait,
        _ => Need::Nothing,
    }
}

fn silences(argv: &Argv) -> bool {
    argv.says(1, "REPLY") && !argv.says(2, "ON")
}

/// True for a request whose reply tells of keys that have expired and are still there: when Redis removes them by
/// itself is a matter of its timer.
pub(super) fn sees_expired(argv: &Argv) -> bool {
    argv.is_word("DBSIZE") || (argv.says(0, "MEMORY") && argv.says(1, "USAGE"))
}

/// What came for one op, and how the connection then ended, if it did.
pub(super) struct Arrival {
    pub frames: Vec<Reply>,
    pub failure: Option<Failure>,
    /// True where the op itself asked for the end.
    pub ended: bool,
}

impl From<Reply> for Arrival {
    fn from(reply: Reply) -> Self {
        Self { frames: vec![reply], failure: None, ended: false }
    }
}

impl From<Failure> for Arrival {
    fn from(failure: Failure) -> Self {
        Self { frames: Vec::new(), failure: Some(failure), ended: false }
    }
}

/// An open connection with its state.
pub(super) struct Link {
    pub connection: Connection,
    /// True between MULTI and EXEC, where every command is queued.
    pub in_multi: bool,
    manner: Manner,
    /// What tells replies from messages.
    barrier: Barrier,
    /// True from a command that blocked until an await has taken its reply.
    waits: bool,
    /// True where it waits, and the server does not say so.
    waits_unsaid: bool,
    /// True where DBSIZE or its like is queued, perhaps.
    counts_keys: bool,
    /// What the server calls it, once that was asked for.
    id: Option<i64>,
}

impl Link {
    pub fn new(connection: Connection, barrier: Barrier) -> Self {
        Self {
            connection,
            barrier,
            in_multi: false,
            manner: Manner::Plain,
            waits: false,
            waits_unsaid: false,
            counts_keys: false,
            id: None,
        }
    }

    /// As after RESET.
    pub fn forget(&mut self) {
        (self.in_multi, self.manner, self.waits, self.counts_keys) = (false, Manner::Plain, false, false);
        self.waits_unsaid = false;
    }

    /// True where each request has one reply at once.
    pub fn is_plain(&self) -> bool {
        self.manner == Manner::Plain && !self.waits
    }

    /// True where messages come, and a barrier tells replies from them.
    pub fn listens(&self) -> bool {
        self.manner == Manner::Barrier && !self.waits
    }

    /// Notes that messages may come from now on.
    pub fn set_listening(&mut self) {
        self.manner = Manner::Barrier;
    }

    /// True where DBSIZE or its like is queued, perhaps.
    pub fn counts_keys(&self) -> bool {
        self.counts_keys
    }

    /// True where its last command waits, as far as is known.
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// What the server calls it, as far as is known.
    pub fn id(&self) -> Option<i64> {
        self.id
    }

    /// Notes what the server calls it.
    pub fn set_id(&mut self, id: Option<i64>) {
        self.id = id;
    }

    /// Runs one call with care. It does not wait until it has waited for longer than `waited_out`.
    pub fn call(&mut self, argv: &Argv, waited_out: Duration, server: &mut Server, nonce: &str) -> Arrival {
        if self.waits {
            return Reply::Pending.into();
        }
        let need = need_of(argv);
        // Without a barrier nothing says which of what comes is the last.
        let is_untold = need == Need::Messages && server.ways().barrier.is_none();
        if self.manner == Manner::Settled || need == Need::Silence || is_untold {
            let mut bytes = Vec::new();
            argv.encode(&mut bytes);
            return self.send_and_settle(&bytes, server);
        }
        let ended = need == Need::End;
        match self.try_call(argv, waited_out, server, nonce) {
            Ok(frames) => Arrival { frames, failure: None, ended },
            Err(Arrival { frames, failure: Some(Failure::Closed), .. }) if ended && !frames.is_empty() => {
                Arrival { frames, failure: None, ended }
            }
            Err(arrival) => arrival,
        }
    }

    fn try_call(
        &mut self,
        argv: &Argv,
        waited_out: Duration,
        server: &mut Server,
        nonce: &str,
    ) -> Result<Vec<Reply>, Arrival> {
        let need = need_of(argv);
        let waits = need == Need::Wait && !self.in_multi;
        if need == Need::Messages {
            self.learn_id(server)?;
            self.manner = Manner::Barrier;
        }
        if waits {
            return self.call_that_waits(argv, waited_out, server, nonce);
        }
        if self.counts_keys && argv.is_word("EXEC") {
            if server.ways().scan {
                keyspace::reap(server)?;
            }
            self.counts_keys = false;
        }
        self.counts_keys |= self.in_multi && sees_expired(argv);
        let mut frames = match self.manner {
            Manner::Barrier => self.call_with_barrier(argv, server.ways().scan, nonce)?,
            _ => vec![self.connection.run_one(argv)?],
        };
        self.note_transaction(argv, frames.last());
        if let Some(cursor_at) = spec::start_of_iteration(argv)
            && let Some(first) = frames.pop()
        {
            let step = |next: &Argv| {
                let mut frames = self.call_with_barrier(next, false, nonce)?;
                frames.pop().ok_or(Arrival::from(Failure::Closed))
            };
            frames.push(cursor::iterate(argv, cursor_at, first, step)?);
        }
        Ok(frames)
    }

    /// Notes whether requests are queued from now on.
    pub fn note_transaction(&mut self, argv: &Argv, reply: Option<&Reply>) {
        if argv.is_word("MULTI") {
            self.in_multi |= reply == Some(&Reply::ok());
        } else if argv.is_word("EXEC") || argv.is_word("DISCARD") {
            self.in_multi = false;
        } else if argv.is_word("RESET") {
            self.forget();
        }
    }

    /// Asks what the server calls this client, where a plain request can ask.
    fn learn_id(&mut self, server: &Server) -> Result<(), Failure> {
        if self.id.is_none()
            && server.ways().clients
            && self.manner == Manner::Plain
            && !self.in_multi
            && let Reply::Int(id) = self.connection.run_one(&Argv::from(["CLIENT", "ID"]))?
        {
            self.id = Some(id);
        }
        Ok(())
    }

    fn call_that_waits(
        &mut self,
        argv: &Argv,
        waited_out: Duration,
        server: &mut Server,
        nonce: &str,
    ) -> Result<Vec<Reply>, Arrival> {
        // What came before must not be taken for the reply.
        let mut frames = match self.manner {
            Manner::Barrier => self.exchange_with_barrier(Vec::new(), &format!("{nonce}-0"))?,
            _ => Vec::new(),
        };
        let mut bytes = Vec::new();
        let asks = self.id.is_none() && self.manner == Manner::Plain && server.ways().clients;
        if asks {
            Argv::from(["CLIENT", "ID"]).encode(&mut bytes);
        }
        argv.encode(&mut bytes);
        if asks {
            self.connection.exchange_until(&bytes, |frame| {
                self.id = if let Reply::Int(id) = frame { Some(id) } else { None };
                true
            })?;
        } else {
            self.connection.send(&bytes)?;
        }
        let started = Instant::now();
        while !waited_out.is_zero() && started.elapsed() < waited_out + untold_wait(server) {
            if self.connection.is_readable_within(waited_out) {
                break;
            }
            // Redis looks for waits that are over where it goes round, by itself only ten times a second.
            clients::settle(server, 1)?;
        }
        loop {
            let standing = clients::standing(server, self.id)?;
            let wait = if standing == Standing::Untold { untold_wait(server) } else { Duration::ZERO };
            if self.connection.is_readable_within(wait) {
                frames.extend(self.take_waited_for(nonce)?);
                return Ok(frames);
            }
            // Others are answered, as CLIENT LIST was, and this one is not: it waits, whatever is said of it.
            let waits_unsaid = !server.answers_in_rounds() && started.elapsed() > server.pace().suspicious_after();
            match standing {
                _ if waits_unsaid || matches!(standing, Standing::Blocked | Standing::Untold) => {
                    self.waits = true;
                    self.waits_unsaid = waits_unsaid;
                    frames.push(Reply::Pending);
                    return Ok(frames);
                }
                Standing::Blocked | Standing::Untold => {}
                _ if started.elapsed() > server.deadline() => return Err(Failure::Hung.into()),
                Standing::Free | Standing::Gone => {}
            }
        }
    }

    /// Takes the reply of a command that waits no longer, with what came before and after it.
    fn take_waited_for(&mut self, nonce: &str) -> Result<Vec<Reply>, Arrival> {
        (self.waits, self.waits_unsaid) = (false, false);
        if self.manner == Manner::Barrier {
            return self.exchange_with_barrier(Vec::new(), nonce);
        }
        let mut reply = None;
        self.connection.exchange_until(&[], |frame| {
            reply = Some(frame);
            true
        })?;
        Ok(reply.into_iter().collect())
    }

    /// What has arrived since the last op.
    pub fn take(&mut self, server: &mut Server, nonce: &str) -> Arrival {
        let taken = match self.manner {
            Manner::Settled => return self.send_and_settle(&[], server),
            _ if self.waits => self.take_if_served(server, nonce),
            Manner::Barrier if !self.in_multi => self.exchange_with_barrier(Vec::new(), nonce),
            // A barrier would be queued.
            Manner::Barrier => return self.settle(&[], server),
            Manner::Plain => Ok(Vec::new()),
        };
        taken.map_or_else(|arrival| arrival, |frames| Arrival { frames, failure: None, ended: false })
    }

    fn take_if_served(&mut self, server: &mut Server, nonce: &str) -> Result<Vec<Reply>, Arrival> {
        let served = match clients::standing(server, self.id)? {
            Standing::Blocked => false,
            Standing::Free | Standing::Gone if !self.waits_unsaid => true,
            _ => self.connection.is_readable_within(untold_wait(server)),
        };
        if served {
            return self.take_waited_for(nonce);
        }
        // Messages reach a blocked client, too.
        let mut frames = Vec::new();
        if self.manner == Manner::Barrier {
            self.connection.take_arrived(&mut frames)?;
        }
        frames.push(Reply::Pending);
        Ok(frames)
    }

    /// Sends a request whose reply is told from messages. What is expired is removed before, where `reaps` says so and
    /// it would be counted.
    fn call_with_barrier(&mut self, argv: &Argv, reaps: bool, nonce: &str) -> Result<Vec<Reply>, Arrival> {
        let mut bytes = Vec::new();
        if argv.is_word("MULTI") && !self.in_multi {
            // A barrier behind it would be queued, so it stands before: what follows its echo is the reply.
            let mut frames = self.exchange_with_barrier(Vec::new(), nonce)?;
            argv.encode(&mut bytes);
            self.exchange_to_reply(&bytes, &mut frames)?;
            return Ok(frames);
        }
        let ends = argv.is_word("EXEC") || argv.is_word("DISCARD") || argv.is_word("RESET");
        if self.in_multi && !ends {
            let mut frames = Vec::new();
            argv.encode(&mut bytes);
            self.exchange_to_reply(&bytes, &mut frames)?;
            return Ok(frames);
        }
        if !reaps || !sees_expired(argv) {
            argv.encode(&mut bytes);
            return self.exchange_with_barrier(bytes, nonce);
        }
        // As in pipelines: what is expired must not be counted. The reply to that is none of the trace.
        keyspace::reaping_request().encode(&mut bytes);
        let mut frames = self.exchange_with_barrier(bytes, &format!("{nonce}-0"))?;
        frames.pop();
        let mut bytes = Vec::new();
        argv.encode(&mut bytes);
        frames.extend(self.exchange_with_barrier(bytes, nonce)?);
        Ok(frames)
    }

    /// Sends `bytes` and a barrier, and takes all that comes before its echo.
    fn exchange_with_barrier(&mut self, mut bytes: Vec<u8>, nonce: &str) -> Result<Vec<Reply>, Arrival> {
        self.barrier.request(nonce).encode(&mut bytes);
        let mut frames = Vec::new();
        let outcome = self.connection.exchange_until(&bytes, |frame| {
            let is_last = Barrier::is_echo(&frame, nonce);
            if !is_last {
                frames.push(frame);
            }
            is_last
        });
        match outcome {
            Ok(()) => Ok(frames),
            Err(failure) => Err(Arrival { frames, failure: Some(failure), ended: false }),
        }
    }

    /// Sends `bytes` and takes what comes, until one is no push.
    fn exchange_to_reply(&mut self, bytes: &[u8], frames: &mut Vec<Reply>) -> Result<(), Arrival> {
        let outcome = self.connection.exchange_until(bytes, |frame| {
            let is_push = matches!(frame, Reply::Push(_));
            frames.push(frame);
            !is_push
        });
        outcome.map_err(|failure| Arrival { frames: std::mem::take(frames), failure: Some(failure), ended: false })
    }

    /// Sends raw bytes.
    pub fn send_raw(&mut self, bytes: &[u8], server: &mut Server) -> Arrival {
        if self.waits {
            return Reply::Pending.into();
        }
        if self.manner != Manner::Settled {
            // Also makes sure that the server has accepted the connection.
            if let Err(failure) = self.learn_id(server) {
                return failure.into();
            }
        }
        self.send_and_settle(bytes, server)
    }

    fn send_and_settle(&mut self, bytes: &[u8], server: &mut Server) -> Arrival {
        self.manner = Manner::Settled;
        self.settle(bytes, server)
    }

    /// Sends `bytes` and takes all that has come when the server has dealt with them.
    fn settle(&mut self, bytes: &[u8], server: &mut Server) -> Arrival {
        let mut frames = Vec::new();
        let mut failure = self.connection.send(bytes).err();
        // Where the server has closed the connection and lives on, it meant to: the bytes were not to its liking.
        let mut lives = clients::settle(server, ROUNDS + bytes.len() / ROUND_BYTES).is_ok();
        while lives && failure.is_none() {
            // A server that answers on several threads is given a moment.
            let more = !server.answers_in_rounds() && self.connection.is_readable_within(untold_wait(server));
            match self.connection.take_arrived(&mut frames) {
                Ok(bytes) if bytes >= LONG_BYTES => lives = clients::settle(server, ROUNDS).is_ok(),
                Ok(_) if more => {}
                Ok(_) => break,
                Err(closed) => failure = Some(closed),
            }
        }
        if !lives {
            failure = failure.or(Some(Failure::Closed));
        }
        Arrival { frames, ended: lives && failure.is_some(), failure }
    }
}

/// How often a server goes round until it has read a few bytes and answered them.
const ROUNDS: usize = 2;
/// It may read no more than this in one round.
const ROUND_BYTES: usize = 8 << 10;
/// Where so much has come, there may be more.
const LONG_BYTES: usize = 16 << 10;
