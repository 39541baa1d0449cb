//! A server as a session sees it: where it listens, how a client introduces itself, and whether dst may restart it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::connection::{Connection, Endpoint, Failure};
use super::emptying::Purge;
use super::keyspace::{self, Known, Requests};
use super::pace::Pace;
use super::process::{Launch, Process, ServerDir, Started, answers};
use super::ways::Ways;
use super::{TargetError, describe_count};
use resp::{Argv, Reply};

/// How long a reply may take to what dst asks of its own to find out what a server can be asked.
const TRIED_WITHIN: Duration = Duration::from_secs(1);

/// How long what nobody has asked for may take to follow a reply.
const UNASKED_WITHIN: Duration = Duration::from_millis(2);

/// How long a server that ends by itself may take from its last connection on.
const ENDS_WITHIN: Duration = Duration::from_secs(2);
/// How many ends of a server are kept until they are asked for.
const ENDS_MAX: usize = 16;

/// A running server.
pub(super) struct Server {
    endpoint: Endpoint,
    /// What every connection starts with (AUTH, SELECT); each must answer `+OK`.
    setup: Vec<Argv>,
    deadline: Duration,
    deadline_max: Option<Duration>,
    /// True where what it may send unasked is not waited for as long as it takes to be sure.
    is_hasty: bool,
    /// A connection of dst's own: the trace's connections and what they have selected stay untouched.
    admin: Option<Connection>,
    answers_in_rounds: bool,
    /// True where it answers no request that comes together with the one before it; unknown until it was tried.
    one_by_one: Option<bool>,
    /// How long its replies take.
    pace: Arc<Pace>,
    /// What it can be asked.
    ways: Ways,
    /// What has happened to it, for people.
    notes: Vec<String>,
    ends: Vec<String>,
    /// True from a start without files until something is sent to it.
    is_fresh: bool,
    owner: Owner,
}

enum Owner {
    /// dst started it. The process comes first, as it ends before its directory does.
    Dst { process: Option<Process>, launch: Box<Launch>, dir: ServerDir },
    /// Somebody else did; the lease says that one session at a time uses it.
    Other {
        /// The user has given all that is there over to dst.
        given_over: bool,
        #[expect(dead_code, reason = "held until it is dropped")]
        lease: Lease,
    },
}

/// What comes behind the last reply on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follows {
    Nothing,
    /// The connection is closed.
    End,
    /// More than was asked for.
    More,
}

fn what_follows(connection: &mut Connection) -> Follows {
    let mut frames = Vec::new();
    if !connection.is_readable_within(UNASKED_WITHIN) {
        return Follows::Nothing;
    }
    match connection.take_arrived(&mut frames) {
        Err(Failure::Closed) if frames.is_empty() => Follows::End,
        _ => Follows::More,
    }
}

/// The right to use a server that dst did not start: what one session writes, another must not find.
pub(super) struct Lease(Arc<AtomicBool>);

impl Lease {
    /// Takes the lease, or `None` where another session holds it.
    pub fn take(in_use: &Arc<AtomicBool>) -> Option<Self> {
        let taken = in_use.swap(true, Ordering::AcqRel);
        (!taken).then(|| Self(Arc::clone(in_use)))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Server {
    /// Starts a server in `dir`.
    pub fn start(launch: Launch, dir: ServerDir, deadline: Duration) -> Result<Self, TargetError> {
        let Started { process, endpoint, failed } = Process::start(&launch, &dir)?;
        let owner = Owner::Dst { process: Some(process), launch: Box::new(launch), dir };
        Ok(Self { notes: failed, ..Self::new(endpoint, Vec::new(), deadline, owner) })
    }

    fn new(endpoint: Endpoint, setup: Vec<Argv>, deadline: Duration, owner: Owner) -> Self {
        Self {
            endpoint,
            setup,
            deadline,
            deadline_max: None,
            is_hasty: false,
            admin: None,
            answers_in_rounds: false,
            one_by_one: None,
            pace: Arc::default(),
            ways: Ways::all(),
            notes: Vec::new(),
            ends: Vec::new(),
            is_fresh: false,
            owner,
        }
    }

    /// A server that somebody else started; `given_over` where dst may do there as it likes.
    pub fn of_other(endpoint: Endpoint, setup: Vec<Argv>, deadline: Duration, given_over: bool, lease: Lease) -> Self {
        Self::new(endpoint, setup, deadline, Owner::Other { given_over, lease })
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What every connection starts with.
    pub fn setup(&self) -> &[Argv] {
        &self.setup
    }

    /// True where dst started it.
    pub fn is_own(&self) -> bool {
        matches!(self.owner, Owner::Dst { .. })
    }

    /// True where nobody's data can be lost: dst started it, or it was given over to dst.
    pub fn is_at_disposal(&self) -> bool {
        matches!(self.owner, Owner::Dst { .. } | Owner::Other { given_over: true, .. })
    }

    /// How many keys there are, where the server tells: with all the care that a server with others' data is due.
    pub fn count_keys(&mut self) -> Result<Option<u64>, Failure> {
        if self.is_at_disposal() { keyspace::count_keys(self) } else { keyspace::count_keys_for_sure(self) }
    }

    /// Refuses a server that holds keys, though dst has only just started it: it is another's that was faster to
    /// take the port, or it reads files that are not dst's.
    pub fn refuse_data(&mut self) -> Result<(), TargetError> {
        match self.count_keys() {
            Ok(Some(keys)) if keys > 0 => {
                Err(TargetError::NotEmpty { store: self.endpoint.to_string(), keys: describe_count(Some(keys)) })
            }
            // One that does not tell, or fails, is found out by the reset.
            _ => Ok(()),
        }
    }

    /// Opens a connection and introduces it.
    pub fn connect(&self) -> Result<Connection, Failure> {
        let mut connection = Connection::open(&self.endpoint, self.deadline()).map_err(|_| Failure::Closed)?;
        connection.set_pace(Arc::clone(&self.pace));
        if self.one_by_one == Some(true) {
            connection.set_one_by_one();
        }
        let replies = connection.run(&self.setup)?;
        if replies.iter().any(|reply| *reply != Reply::ok()) {
            return Err(Failure::Closed);
        }
        Ok(connection)
    }

    /// True where it still answers a new client.
    pub fn is_alive(&self) -> bool {
        answers(&self.endpoint, self.deadline())
    }

    /// Says that it reads and answers all its clients in rounds of one event loop, as Redis does.
    pub fn set_answers_in_rounds(&mut self) {
        self.answers_in_rounds = true;
    }

    /// Finds out whether it answers a request that comes together with the one before it, where that is not known yet:
    /// two PINGs go out in one packet.
    pub fn learn_pipelining(&mut self) {
        if self.one_by_one.is_some() || self.answers_in_rounds {
            return;
        }
        let ping = || Argv::from(["PING"]);
        let try_within = |server: &mut Self, requests: &[Argv], deadline: Duration| {
            let Ok(mut connection) = server.connect() else { return Err(Failure::Closed) };
            connection.set_deadline(server.deadline().min(deadline));
            connection.run(requests)
        };
        // How long one takes says how long two may.
        let answers_one = try_within(self, &[ping()], TRIED_WITHIN).is_ok();
        let patience = self.pace().suspicious_after().min(TRIED_WITHIN);
        let mut is_hung = |deadline| try_within(self, &[ping(), ping()], deadline) == Err(Failure::Hung);
        self.one_by_one = Some(answers_one && is_hung(patience) && is_hung(patience * 2));
        if self.one_by_one == Some(true) {
            self.admin = None;
            self.notes.push("it answers one request a packet: requests are sent one at a time".to_owned());
        }
    }

    /// Finds out what it can be asked, where it is no Redis. It must be empty, or at dst's disposal.
    pub fn learn_ways(&mut self) {
        if !self.answers_in_rounds {
            self.ways = Ways::find(self);
            self.notes.extend(self.ways.describe(self.is_own()));
        }
    }

    /// What it can be asked.
    pub fn ways(&self) -> &Ways {
        &self.ways
    }

    /// How long its replies take.
    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// What has happened since this was asked last, for people.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// See [`super::Session::take_ends`].
    pub fn take_ends(&mut self) -> Vec<String> {
        std::mem::take(&mut self.ends)
    }

    /// Asks each of these, and gives the replies that came: none for a request that was answered more than once. One that
    /// hangs, dies or closes the connection does not keep the others from being asked; it may have lost what it held.
    pub fn ask_each(&mut self, requests: &[Argv]) -> Vec<Option<Reply>> {
        if let Ok(mut admin) = self.connect_briefly()
            && let Ok(replies) = admin.run(requests)
            && (requests.len() == 1 || what_follows(&mut admin) != Follows::More)
        {
            return replies.into_iter().map(Some).collect();
        }
        let (mut heard, mut kept) = (Vec::with_capacity(requests.len()), None);
        for request in requests {
            let asked = kept.take().map_or_else(|| self.connect_briefly(), Ok).and_then(|mut admin| {
                let reply = admin.run_one(request)?;
                Ok(match what_follows(&mut admin) {
                    Follows::Nothing => (Some(reply), Some(admin)),
                    Follows::End => (Some(reply), None),
                    Follows::More => (None, None),
                })
            });
            if asked.is_err() && !answers(&self.endpoint, self.deadline().min(TRIED_WITHIN)) {
                // An error comes again when it is used.
                let _ = self.restart_empty();
            }
            let (reply, connection) = asked.unwrap_or_default();
            heard.push(reply);
            kept = connection;
        }
        heard
    }

    fn connect_briefly(&self) -> Result<Connection, Failure> {
        let mut admin = self.connect()?;
        admin.set_deadline(self.deadline().min(TRIED_WITHIN));
        Ok(admin)
    }

    /// True where that is known of it, see [`super::clients::settle`].
    pub fn answers_in_rounds(&self) -> bool {
        self.answers_in_rounds
    }

    /// How long a reply may take.
    pub fn deadline(&self) -> Duration {
        let max = self.deadline_max.map_or(Duration::MAX, |max| max.max(self.pace.suspicious_after()));
        self.deadline.min(max)
    }

    /// Sets how long a reply may take at most, whatever the deadline is; one that is slow may take longer.
    pub fn limit_deadline(&mut self, deadline_max: Option<Duration>) {
        if std::mem::replace(&mut self.deadline_max, deadline_max) != deadline_max {
            self.admin = None;
        }
    }

    /// See [`super::Session::set_haste`].
    pub fn set_haste(&mut self, is_hasty: bool) {
        self.is_hasty = is_hasty;
    }

    /// True where what it may send unasked is not waited for as long as it takes to be sure.
    pub fn is_hasty(&self) -> bool {
        self.is_hasty
    }

    /// Sends requests on dst's own connection; [`Server::take_replies`] takes the replies to them. What
    /// comes meanwhile is read; what is answered later has to fit into the connection's buffers, unless the server keeps it.
    pub fn send(&mut self, requests: &[Argv]) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        requests.iter().for_each(|request| request.encode(&mut bytes));
        let mut admin = match self.admin.take() {
            Some(admin) => admin,
            None => self.connect()?,
        };
        admin.send(&bytes)?;
        self.admin = Some(admin);
        Ok(())
    }

    /// Takes so many replies to what [`Server::send`] has sent.
    pub fn take_replies(&mut self, count: usize) -> Result<Vec<Reply>, Failure> {
        let mut admin = self.admin.take().ok_or(Failure::Closed)?;
        let mut replies = Vec::with_capacity(count);
        if count > 0 {
            admin.exchange_until(&[], |reply| {
                replies.push(reply);
                replies.len() == count
            })?;
        }
        self.admin = Some(admin);
        Ok(replies)
    }

    /// Removes every key. True where it is proved that none is left.
    pub fn empty(&mut self, known: &Known) -> Result<bool, Failure> {
        let purge = Purge::of_store(&self.ways, known);
        let replies = self.run(purge.requests())?;
        // The connection is in any database by now.
        self.admin = None;
        let is_proved = known.named.is_whole() || self.ways.info;
        if purge.is_proved_by(&replies) && is_proved {
            return Ok(self.is_at_disposal() || self.count_keys()? == Some(0));
        }
        keyspace::delete_all(self, known)?;
        self.admin = None;
        let replies = self.run(purge.requests())?;
        self.admin = None;
        Ok(purge.is_proved_by(&replies) && is_proved && (self.is_at_disposal() || self.count_keys()? == Some(0)))
    }

    /// Forgets the connection of dst's own: it is opened anew where it is needed.
    pub fn forget_admin(&mut self) {
        self.admin = None;
    }

    /// Kills the server and starts it again with no files. Does nothing to a server that dst did not start.
    pub fn restart_empty(&mut self) -> Result<(), TargetError> {
        self.admin = None;
        let words = self.last_words();
        if !words.is_empty() && self.ends.len() < ENDS_MAX {
            self.ends.push(words);
        }
        if let Owner::Dst { process, launch, dir } = &mut self.owner {
            *process = None;
            dir.clear_data()?;
            let Started { process: started, endpoint, failed } = Process::start(launch, dir)?;
            *process = Some(started);
            self.endpoint = endpoint;
            self.notes.extend(failed);
            self.is_fresh = true;
        }
        Ok(())
    }

    /// True where it was started without files, and nothing has been sent to it since that changes anything.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Says that something is sent to it.
    pub fn set_used(&mut self) {
        self.is_fresh = false;
    }

    /// Kills the server by SIGKILL and reaps it. False where dst did not start it, or it had ended by itself.
    pub fn kill(&mut self) -> bool {
        self.admin = None;
        let Owner::Dst { process, .. } = &mut self.owner else { return false };
        process.take().is_some_and(|mut process| process.exited().is_none())
    }

    /// Starts a killed server on its files and kills it after `lived`, whatever it has come to by then. Does nothing to
    /// a server that runs, or that dst did not start.
    pub fn start_briefly(&self, lived: Duration) -> Result<(), TargetError> {
        match &self.owner {
            Owner::Dst { process: None, launch, dir } => Process::start_briefly(launch, dir, lived),
            _ => Ok(()),
        }
    }

    /// Ends the server where it runs, in good order or by SIGKILL, and starts it again on its files.
    ///
    /// # Errors
    /// [`TargetError::NotOurs`] where dst did not start it.
    pub fn restart(&mut self, in_order: bool) -> Result<(), TargetError> {
        self.admin = None;
        let Owner::Dst { process, launch, dir } = &mut self.owner else {
            return Err(TargetError::NotOurs { server: self.endpoint.to_string() });
        };
        match process.take() {
            Some(process) if in_order => process.stop(),
            process => drop(process),
        }
        let Started { process: started, endpoint, failed } = Process::start(launch, dir)?;
        *process = Some(started);
        self.endpoint = endpoint;
        self.notes.extend(failed);
        Ok(())
    }

    /// How the server ended and what it said last, for people; empty where it runs or is not dst's.
    pub fn last_words(&mut self) -> String {
        let Owner::Dst { process: Some(process), dir, .. } = &mut self.owner else { return String::new() };
        process.exited().map(|status| format!("{status}\n{}", dir.last_words())).unwrap_or_default()
    }

    /// The last words of a server that has dropped a connection. One that ends closes its sockets first; one that lives
    /// on, or is not dst's, has none.
    pub fn await_last_words(&mut self) -> String {
        let asked = Instant::now();
        loop {
            let last_words = self.last_words();
            if !last_words.is_empty() || !self.is_own() || asked.elapsed() > ENDS_WITHIN {
                return last_words;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Requests for Server {
    /// A server that closes a connection behind an error is asked on with another. What it answers by nothing but that
    /// is [`Reply::Closed`].
    fn run(&mut self, requests: &[Argv]) -> Result<Vec<Reply>, Failure> {
        let mut replies = Vec::with_capacity(requests.len());
        let (mut admin, mut is_new) = match self.admin.take() {
            Some(admin) => (admin, false),
            None => (self.connect()?, true),
        };
        loop {
            let answered = replies.len();
            match admin.run_into(&requests[answered..], &mut replies) {
                Ok(()) => break,
                Err(Failure::Closed) => {}
                Err(failure) => return Err(failure),
            }
            if replies.len() == answered && is_new {
                replies.push(Reply::Closed);
            }
            (admin, is_new) = (self.connect()?, true);
            let heeded = requests.iter().zip(&replies).filter(|(_, reply)| **reply == Reply::ok());
            let select = heeded.map(|(request, _)| request).rfind(|request| request.get(0) == Some(b"SELECT"));
            if let Some(select) = select
                && admin.run_one(select)? != Reply::ok()
            {
                return Err(Failure::Closed);
            }
        }
        self.admin = Some(admin);
        Ok(replies)
    }
}
