//! A server that a campaign starts by a command, loads over connections of its own, kills, and starts again on its
//! files. A [`Session`](super::Session) is one trace in one thread; here many threads talk while one kills.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::connection::{Connection, Endpoint, Failure};
use super::keyspace::{self, Known};
use super::server::Server;
use super::{TargetError, TargetOptions, exec};
use crate::diff::Keyspace;
use crate::trace::TargetInfo;
use resp::{Argv, Reply};

/// The server of an `exec:` command in a temporary directory. It is killed and reaped, and the directory removed, when
/// this is dropped; [`kill_all`](super::kill_all) reaches it too.
pub struct LiveServer {
    server: Server,
    info: TargetInfo,
    known: Known,
}

impl LiveServer {
    /// Starts the server with an empty data directory and waits until it answers. `command` is what follows `exec:`.
    ///
    /// # Errors
    /// As for the target `exec:COMMAND`.
    pub fn start(command: &str, options: &TargetOptions) -> Result<Self, TargetError> {
        let (server, info) = exec::start(command, options)?;
        Ok(Self { server, info, known: Known::new() })
    }

    /// What it is: the program's name.
    pub fn info(&self) -> &TargetInfo {
        &self.info
    }

    /// Where it listens until it is started again.
    pub fn address(&self) -> Address {
        Address { endpoint: self.server.endpoint().clone(), deadline: self.server.deadline() }
    }

    /// Sends SIGKILL to the process and all that it started, and reaps it. False where it had ended by itself.
    pub fn kill(&mut self) -> bool {
        self.server.kill()
    }

    /// Starts it again on its files and waits until it answers; a server that runs is killed first. It is given another
    /// port.
    ///
    /// # Errors
    /// [`TargetError::Start`] and [`TargetError::Unready`] where it does not come up, with the end of its log.
    pub fn start_again(&mut self) -> Result<(), TargetError> {
        self.server.restart(false)
    }

    /// Starts a killed server on its files and kills it after `lived`: perhaps while it comes up.
    ///
    /// # Errors
    /// Where the program cannot be run.
    pub fn start_briefly(&self, lived: Duration) -> Result<(), TargetError> {
        self.server.start_briefly(lived)
    }

    /// As [`LiveServer::start_again`], without its files.
    ///
    /// # Errors
    /// As [`LiveServer::start_again`], and where the files cannot be removed.
    pub fn start_empty(&mut self) -> Result<(), TargetError> {
        self.server.restart_empty()
    }

    /// Everything that it holds; [`Keyspace::unreadable`] with what came instead where it fails or does not tell.
    pub fn keyspace(&mut self) -> Keyspace {
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
        match keyspace::read(&mut self.server, &mut self.known, now_ms) {
            Ok(Some(keyspace)) => {
                // It is read until it stays the same.
                self.known.expect(&keyspace);
                keyspace
            }
            Ok(None) => Keyspace::unreadable(Reply::NullArray),
            Err(failure) => Keyspace::unreadable(failure.reply()),
        }
    }

    /// How it ended by itself and what it said last, for people; empty where it runs, or was killed.
    pub fn last_words(&mut self) -> String {
        self.server.last_words()
    }

    /// As [`LiveServer::last_words`], of one that has dropped a connection, and perhaps ends just now.
    pub fn await_last_words(&mut self) -> String {
        self.server.await_last_words()
    }
}

/// Where a [`LiveServer`] listens, for threads of their own.
#[derive(Clone, Debug)]
pub struct Address {
    endpoint: Endpoint,
    deadline: Duration,
}

impl Address {
    /// Opens a connection.
    ///
    /// # Errors
    /// [`Failure::Closed`] where nothing listens.
    pub fn connect(&self) -> Result<LiveConnection, Failure> {
        let connection = Connection::open(&self.endpoint, self.deadline).map_err(|_| Failure::Closed)?;
        Ok(LiveConnection(connection))
    }
}

/// An open connection, which is closed when dropped.
pub struct LiveConnection(Connection);

impl LiveConnection {
    /// Sends `requests` in one pipeline and hands over every reply as it arrives.
    ///
    /// # Errors
    /// [`Failure`] where not all replies come. Every request may have arrived at the server.
    pub fn exchange(&mut self, requests: &[Argv], take: impl FnMut(Reply)) -> Result<(), Failure> {
        let mut pipeline = Pipeline { left: requests, take };
        self.0.exchange(&mut pipeline).map_err(|broken| broken.failure)
    }

    /// Sends `bytes` as they are.
    ///
    /// # Errors
    /// [`Failure`] where the server does not take them. A connection that it has closed is only seen by reading.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.0.send(bytes)
    }

    /// Waits for what comes next, reads at most `bytes_max` bytes of it, and appends the replies that are whole then.
    ///
    /// # Errors
    /// [`Failure`] where nothing comes.
    pub fn read_part(&mut self, bytes_max: usize, replies: &mut Vec<Reply>) -> Result<(), Failure> {
        self.0.read_part(bytes_max, replies)
    }

    /// Closes one direction: the server reads the end of the stream, and can still send.
    pub fn finish_sending(&self) {
        self.0.finish_sending();
    }

    /// Closes with a TCP reset instead of in good order.
    pub fn reset(self) {
        self.0.reset();
    }
}

/// Requests with one reply each, which goes to `take`.
struct Pipeline<'a, F> {
    left: &'a [Argv],
    take: F,
}

impl<F: FnMut(Reply)> super::connection::Dialogue for Pipeline<'_, F> {
    fn encode_next(&mut self, out: &mut Vec<u8>) -> usize {
        let Some((request, left)) = self.left.split_first() else { return 0 };
        request.encode(out);
        self.left = left;
        1
    }

    fn take(&mut self, reply: Reply) -> bool {
        (self.take)(reply);
        true
    }
}
