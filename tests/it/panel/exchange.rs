//! One client's connection through the proxy, and the connection to the real server behind it.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use redlite_dst::targets::canary::{arg, is_word};
use resp::{Argv, Decoder, Limits, Reply, encode_reply};
use rustix::event::{PollFd, PollFlags, poll};

use super::bugs::Bug;
use super::requests::{Inbox, Next};
use super::server::Panel;
use super::turn::Turn;

/// How much is read at once.
const READ_BYTES: usize = 64 << 10;
/// What a barrier asks the server to echo.
const NONCE: &str = "dst-panel-barrier";

/// One side has closed its connection.
#[derive(Debug)]
pub struct Gone;

impl From<io::Error> for Gone {
    fn from(_: io::Error) -> Self {
        Gone
    }
}

/// A client, the server behind, and what is known of both.
pub struct Exchange {
    panel: Arc<Panel>,
    client: TcpStream,
    server: UnixStream,
    inbox: Inbox,
    decoder: Decoder,
    to_client: Vec<u8>,
    to_server: Vec<u8>,
    client_ended: bool,
    /// Requests that were passed on and that have one reply each.
    outstanding: usize,
    /// True where it is not known how many replies are to come.
    unsettled: bool,
    /// True where nothing is read any more, only passed on.
    is_raw: bool,
    /// True where a request need not be answered, or anything may come, until RESET.
    is_silent: bool,
    /// What the next frame that is a reply is kept for.
    awaits: Awaits,
    caught: Option<Reply>,
    /// Channels and patterns that it listens to, and shard channels: Redis counts these apart.
    channels: (usize, usize),
    is_resp3: bool,
    in_multi: bool,
    /// What was sent since MULTI.
    queue: Vec<Argv>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaits {
    Nothing,
    Reply,
    Echo,
    /// That of RESET.
    Reset,
}

/// How a request is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// By one reply.
    Plain,
    /// By any number of frames, and more may come later.
    Messages,
    /// By nothing that could be told apart from now on.
    Silent,
}

impl Exchange {
    /// Connects a client to the server at `socket`.
    pub fn open(client: TcpStream, socket: &Path, panel: Arc<Panel>) -> io::Result<Self> {
        client.set_nodelay(true)?;
        Ok(Self {
            panel,
            client,
            server: UnixStream::connect(socket)?,
            inbox: Inbox::default(),
            decoder: Decoder::new(Limits::default()),
            to_client: Vec::new(),
            to_server: Vec::new(),
            client_ended: false,
            outstanding: 0,
            unsettled: false,
            is_raw: false,
            is_silent: false,
            awaits: Awaits::Nothing,
            caught: None,
            channels: (0, 0),
            is_resp3: false,
            in_multi: false,
            queue: Vec::new(),
        })
    }

    /// Passes on requests and replies until one side closes.
    pub fn serve(&mut self) {
        let Err(Gone) = self.run();
        // What is still to be read would make the system throw away what the client has not read yet.
        let _ = self.client.shutdown(Shutdown::Write);
        let mut thrown_away = vec![0; READ_BYTES];
        while self.client.read(&mut thrown_away).is_ok_and(|count| count > 0) {}
    }

    fn run(&mut self) -> Result<Infallible, Gone> {
        loop {
            while !self.is_raw {
                match self.inbox.take_next() {
                    Next::Request(argv, bytes) => self.take(&argv, &bytes)?,
                    Next::Nothing(bytes) => self.to_server.extend(bytes),
                    Next::Incomplete => break,
                    Next::Unreadable => self.is_raw = true,
                }
            }
            if self.is_raw || self.client_ended {
                let rest = self.inbox.take_rest();
                self.to_server.extend(rest);
            }
            self.flush()?;
            if self.client_ended {
                self.server.shutdown(Shutdown::Write)?;
            }
            self.wait()?;
        }
    }

    /// Deals with one request.
    fn take(&mut self, argv: &Argv, bytes: &[u8]) -> Result<(), Gone> {
        if self.is_silent {
            return self.take_silent(argv, bytes);
        }
        let bugs = self.panel.bugs();
        let is_touched = bugs.iter().any(|bug| self.is_planted(bug, argv));
        // Whether it takes effect is seen by its reply.
        let decides = is_word(&argv[0], "HELLO") && !self.in_multi;
        if (is_touched || decides) && self.settle_for(argv)? {
            let planted: Vec<&Bug> = bugs.iter().filter(|bug| self.is_planted(bug, argv)).collect();
            let reply = Turn::new(self, &planted, argv).run();
            return self.answer(reply);
        }
        // Between MULTI and EXEC a barrier would be queued.
        if self.unsettled && argv.len() == 1 && is_word(&argv[0], "MULTI") {
            self.settle()?;
        }
        self.note_sent(argv);
        self.outstanding += usize::from(!self.unsettled);
        self.to_server.extend_from_slice(bytes);
        Ok(())
    }

    /// The same where replies are not counted.
    fn take_silent(&mut self, argv: &Argv, bytes: &[u8]) -> Result<(), Gone> {
        self.to_server.extend_from_slice(bytes);
        if argv.len() == 1 && is_word(&argv[0], "RESET") {
            let reply = self.await_frame(Awaits::Reset)?;
            self.note_sent(argv);
            (self.is_silent, self.unsettled, self.outstanding) = (false, false, 0);
            self.answer(reply)?;
        }
        Ok(())
    }

    /// True where this bug is in the way of this request.
    fn is_planted(&self, bug: &Bug, argv: &Argv) -> bool {
        bug.touches(argv) && (!self.in_multi || bug.works_in_multi())
    }

    /// Makes sure that the next frame is the reply to `argv`; false where it cannot be told.
    fn settle_for(&mut self, argv: &Argv) -> Result<bool, Gone> {
        if flow(argv) == Flow::Messages && !self.in_multi {
            return Ok(true);
        }
        if self.unsettled && (self.in_multi || flow(argv) != Flow::Plain) {
            return Ok(false);
        }
        self.settle()?;
        Ok(!self.unsettled)
    }

    /// Waits for every reply to what was passed on.
    fn settle(&mut self) -> Result<(), Gone> {
        if self.unsettled && !self.in_multi {
            Argv::from(["PING", NONCE]).encode(&mut self.to_server);
            self.await_frame(Awaits::Echo)?;
            self.outstanding = 0;
            self.unsettled = self.channels > (0, 0) && !self.is_resp3;
        }
        while self.outstanding > 0 && !self.unsettled {
            self.flush()?;
            self.wait()?;
        }
        Ok(())
    }

    /// Runs a request on the server, and takes its reply: [`Reply::Closed`] where none comes, and no frame where any
    /// number may.
    pub fn execute(&mut self, argv: &Argv) -> Reply {
        let has_one_reply = flow(argv) == Flow::Plain || self.in_multi;
        argv.encode(&mut self.to_server);
        self.note_sent(argv);
        if !has_one_reply {
            return Reply::Frames(Vec::new());
        }
        match self.await_frame(Awaits::Reply) {
            Ok(reply) => {
                self.note_reply(argv, &reply);
                reply
            }
            Err(Gone) => Reply::Closed,
        }
    }

    fn await_frame(&mut self, awaits: Awaits) -> Result<Reply, Gone> {
        self.awaits = awaits;
        loop {
            self.flush()?;
            self.wait()?;
            if let Some(reply) = self.caught.take() {
                return Ok(reply);
            }
        }
    }

    /// Answers the client.
    fn answer(&mut self, mut reply: Reply) -> Result<(), Gone> {
        if self.is_resp3 {
            translate_nulls(&mut reply);
        }
        encode_reply(&reply, &mut self.to_client);
        match reply.frames().last() {
            Some(Reply::Closed) => {
                self.flush()?;
                Err(Gone)
            }
            Some(Reply::Hung) => {
                self.flush()?;
                self.hang()
            }
            _ => Ok(()),
        }
    }

    /// Answers the client with bytes that need be no reply.
    pub fn answer_raw(&mut self, bytes: &[u8]) {
        self.to_client.extend_from_slice(bytes);
    }

    /// Answers nothing any more, until the client goes.
    fn hang(&mut self) -> Result<(), Gone> {
        let mut thrown_away = vec![0; READ_BYTES];
        while self.client.read(&mut thrown_away)? > 0 {}
        Err(Gone)
    }

    /// The next request, where it has come together with the one before it, and has one reply.
    pub fn take_pipelined(&mut self) -> Option<Argv> {
        let brackets = ["MULTI", "EXEC", "DISCARD", "RESET", "HELLO", "QUIT", "CLIENT", "MONITOR", "SHUTDOWN"];
        match self.inbox.peek()? {
            argv if flow(&argv) != Flow::Plain || spec::may_block(&argv) => None,
            argv if brackets.iter().any(|word| is_word(&argv[0], word)) => None,
            argv => {
                self.inbox.take_next();
                Some(argv)
            }
        }
    }

    /// The version of the protocol that the client has asked for.
    pub fn is_resp3(&self) -> bool {
        self.is_resp3
    }

    /// True between MULTI and EXEC.
    pub fn is_in_multi(&self) -> bool {
        self.in_multi
    }

    /// What was sent since MULTI.
    pub fn queue(&self) -> &[Argv] {
        &self.queue
    }

    /// What planted bugs remember, for all clients.
    pub fn memory(&self) -> std::sync::MutexGuard<'_, BTreeSet<Vec<u8>>> {
        self.panel.memory()
    }

    /// Follows what a request that is sent does to the connection.
    fn note_sent(&mut self, argv: &Argv) {
        let is_alone = |word: &str| argv.len() == 1 && is_word(&argv[0], word);
        match flow(argv) {
            _ if is_alone("EXEC") || is_alone("DISCARD") => {
                self.unsettled |= self.queue.iter().any(|queued| flow(queued) != Flow::Plain);
                self.in_multi = false;
            }
            _ if is_alone("RESET") => {
                self.unsettled |= self.channels > (0, 0);
                (self.in_multi, self.is_resp3, self.channels) = (false, false, (0, 0));
            }
            _ if self.in_multi => self.queue.push(argv.clone()),
            _ if is_alone("MULTI") => {
                self.in_multi = true;
                self.queue.clear();
            }
            Flow::Messages => self.unsettled = true,
            Flow::Silent => self.is_silent = true,
            Flow::Plain => {}
        }
    }

    /// Follows what the reply says of it.
    fn note_reply(&mut self, argv: &Argv, reply: &Reply) {
        if is_word(&argv[0], "HELLO") && reply.as_error().is_none() && !self.in_multi {
            match arg(argv, 1) {
                b"3" => self.is_resp3 = true,
                b"2" => self.is_resp3 = false,
                _ => {}
            }
        }
    }

    /// Deals with one frame of the server.
    fn take_frame(&mut self, frame: Reply) {
        self.note_channels(&frame);
        let is_reply = !matches!(frame, Reply::Push(_));
        match self.awaits {
            Awaits::Reply if is_reply && self.outstanding == 0 => {
                self.awaits = Awaits::Nothing;
                self.caught = Some(frame);
                return;
            }
            Awaits::Reset if matches!(&frame, Reply::Simple(text) if text == b"RESET") => {
                self.awaits = Awaits::Nothing;
                self.caught = Some(frame);
                return;
            }
            Awaits::Echo if is_echo(&frame) => {
                self.awaits = Awaits::Nothing;
                self.caught = Some(frame);
                return;
            }
            _ => {}
        }
        if is_reply && !self.unsettled {
            self.outstanding = self.outstanding.saturating_sub(1);
        }
        encode_reply(&frame, &mut self.to_client);
    }

    /// Counts subscriptions, as the server tells them.
    fn note_channels(&mut self, frame: &Reply) {
        let (Reply::Push(items) | Reply::Array(items)) = frame else { return };
        let [Reply::Bulk(what), _, Reply::Int(count)] = &items[..] else { return };
        let count = usize::try_from(*count).unwrap_or_default();
        match &what[..] {
            b"subscribe" | b"psubscribe" | b"unsubscribe" | b"punsubscribe" => self.channels.0 = count,
            b"ssubscribe" | b"sunsubscribe" => self.channels.1 = count,
            _ => {}
        }
    }

    /// Sends what is to be sent.
    fn flush(&mut self) -> Result<(), Gone> {
        if self.server.write_all(&self.to_server).is_err() {
            self.take_last_words()?;
        }
        self.to_server.clear();
        self.client.write_all(&self.to_client)?;
        self.to_client.clear();
        Ok(())
    }

    /// Passes on what a server has sent that listens no more.
    fn take_last_words(&mut self) -> Result<(), Gone> {
        let mut last_words = Vec::new();
        // Where it ends in an error, what came before that counts.
        let _ = self.server.read_to_end(&mut last_words);
        self.decoder.feed(&last_words);
        while let Some(frame) = self.decoder.next_reply().map_err(|_| Gone)? {
            self.take_frame(frame);
        }
        self.client.write_all(&self.to_client)?;
        Err(Gone)
    }

    /// Reads what comes first, from either side.
    fn wait(&mut self) -> Result<(), Gone> {
        let ended = PollFlags::HUP | PollFlags::ERR;
        let wanted = if self.client_ended { PollFlags::empty() } else { PollFlags::IN };
        let (from_client, from_server) = {
            let mut fds = [PollFd::new(&self.client, wanted), PollFd::new(&self.server, PollFlags::IN)];
            match poll(&mut fds, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(_) => return Err(Gone),
            }
            (fds[0].revents(), fds[1].revents())
        };
        if from_server.intersects(PollFlags::IN | ended) {
            let room = self.decoder.spare(READ_BYTES);
            match self.server.read(&mut room[..READ_BYTES]) {
                Ok(0) | Err(_) => {
                    self.client.write_all(&self.to_client)?;
                    return Err(Gone);
                }
                Ok(count) => self.decoder.advance(count),
            }
            while let Some(frame) = self.decoder.next_reply().map_err(|_| Gone)? {
                self.take_frame(frame);
            }
        }
        if !self.client_ended && from_client.intersects(PollFlags::IN | ended) {
            let mut bytes = vec![0; READ_BYTES];
            match self.client.read(&mut bytes)? {
                0 => {
                    self.client_ended = true;
                    // Whoever waits for a reply waits for what the server does now.
                    if self.awaits != Awaits::Nothing {
                        self.server.shutdown(Shutdown::Write)?;
                    }
                }
                count => self.inbox.feed(&bytes[..count]),
            }
        } else if self.client_ended && from_client.intersects(PollFlags::ERR) {
            return Err(Gone);
        }
        Ok(())
    }
}

fn flow(argv: &Argv) -> Flow {
    let is = |word: &str| is_word(&argv[0], word);
    let messages = ["SUBSCRIBE", "UNSUBSCRIBE", "PSUBSCRIBE", "PUNSUBSCRIBE", "SSUBSCRIBE", "SUNSUBSCRIBE"];
    if messages.iter().any(|word| is(word)) {
        Flow::Messages
    } else if is("MONITOR") || is_silencing(argv) {
        Flow::Silent
    } else {
        Flow::Plain
    }
}

/// True for CLIENT REPLY OFF and SKIP.
fn is_silencing(argv: &Argv) -> bool {
    let is = |at: usize, word: &str| is_word(arg(argv, at), word);
    argv.len() == 3 && is(0, "CLIENT") && is(1, "REPLY") && (is(2, "OFF") || is(2, "SKIP"))
}

/// True for the reply to the barrier's PING, to one that listens or not.
fn is_echo(frame: &Reply) -> bool {
    let is_nonce = |reply: &Reply| reply.as_bytes() == Some(NONCE.as_bytes());
    is_nonce(frame) || frame.as_elements().is_some_and(|items| items.len() == 2 && is_nonce(&items[1]))
}

/// RESP3 has one null.
fn translate_nulls(reply: &mut Reply) {
    match reply {
        Reply::NullBulk | Reply::NullArray => *reply = Reply::Null,
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) | Reply::Frames(items) => {
            items.iter_mut().for_each(translate_nulls);
        }
        Reply::Map(pairs) => pairs.iter_mut().for_each(|(key, value)| {
            translate_nulls(key);
            translate_nulls(value);
        }),
        _ => {}
    }
}
