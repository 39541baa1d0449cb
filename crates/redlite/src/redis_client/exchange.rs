//! Requests of one client, answered in their order, also where some of them wait.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::vec;

use redis::{RedisError, RedisResult, Value};

use super::value::into_value;
use crate::clients::{Connection, Slot};
use crate::engine::{Client, Engine, lock};
use resp::{Argv, Reply};

/// Requests that are run one after the other, and what they are answered.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    client: &'a mut Client,
    requests: vec::IntoIter<Argv>,
    answers: Answers,
    is_over: bool,
}

/// What has become of the requests that were run.
#[derive(Debug)]
struct Answers {
    /// Where in the outbox what each command was answered begins, of those whose replies are not taken yet.
    begins: Vec<usize>,
    /// What was answered; nothing, where there was no reply.
    replies: Vec<Option<Reply>>,
}

/// How the connection stands after some of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Free,
    Blocked,
    Closed,
}

impl Drop for Exchange<'_> {
    /// Where the future was dropped, what waits is not to be done, and what it was answered is nobody's.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        if !self.answers.begins.is_empty() {
            self.client.cancel_wait();
        }
        self.client.forget_waker();
        if let Some(connection) = lock(&self.client.engine).clients.get_mut(self.client.slot) {
            self.answers.collect(connection, false);
        }
    }
}

impl<'a> Exchange<'a> {
    pub fn new(client: &'a mut Client, requests: Vec<Argv>) -> Self {
        let room = requests.len();
        Self {
            client,
            requests: requests.into_iter(),
            answers: Answers { begins: Vec::new(), replies: Vec::with_capacity(room) },
            is_over: false,
        }
    }

    /// Runs every request, and blocks the thread where one waits.
    pub fn run(mut self) -> RedisResult<Vec<RedisResult<Value>>> {
        loop {
            match self.advance() {
                Standing::Blocked => drop(self.client.wait_for(None, is_free)),
                standing => return self.finish(standing),
            }
        }
    }

    /// As [`Exchange::run`], of a task.
    pub async fn run_async(mut self) -> RedisResult<Vec<RedisResult<Value>>> {
        loop {
            match self.advance() {
                Standing::Blocked => poll_fn(|context| self.client.poll_for(context, is_free)).await,
                standing => return self.finish(standing),
            }
        }
    }

    /// Runs the requests until one waits.
    fn advance(&mut self) -> Standing {
        let slot = self.client.slot;
        let mut engine = lock(&self.client.engine);
        let mut standing = stand(&engine, slot);
        while standing == Standing::Free
            && let Some(argv) = self.requests.next()
        {
            self.answers.begins.push(engine.clients.get(slot).map_or(0, |connection| connection.outbox.len()));
            engine.run(slot, &argv);
            standing = stand(&engine, slot);
        }
        engine.commit();
        if let Some(connection) = engine.clients.get_mut(slot) {
            self.answers.collect(connection, standing == Standing::Blocked);
        }
        standing
    }

    /// The values of the replies.
    fn finish(mut self, standing: Standing) -> RedisResult<Vec<RedisResult<Value>>> {
        self.is_over = true;
        let end = || RedisError::from(io::Error::from(io::ErrorKind::UnexpectedEof));
        let is_closed = standing == Standing::Closed;
        if is_closed && self.answers.replies.is_empty() {
            return Err(end());
        }
        let value = |reply: Option<Reply>| match reply {
            Some(reply) => into_value(reply),
            None if is_closed => Err(end()),
            None => Ok(Value::Nil),
        };
        let mut values: Vec<_> = std::mem::take(&mut self.answers.replies).into_iter().map(value).collect();
        // What is not run any more is not answered.
        values.extend(self.requests.by_ref().map(|_| Err(end())));
        Ok(values)
    }
}

impl Answers {
    /// Takes the replies out of the outbox. Where the connection is blocked, that to the last command is not there.
    fn collect(&mut self, connection: &mut Connection, is_blocked: bool) {
        let Some(&first) = self.begins.first() else { return };
        let answered = self.begins.len() - usize::from(is_blocked);
        // Less is there than was where the connection was closed meanwhile.
        let mut came = connection.outbox.split_off(first.min(connection.outbox.len()));
        for at in 0..answered {
            let frames = self.begins.get(at + 1).map_or(came.len(), |next| next - self.begins[at]);
            let rest = came.split_off(frames.min(came.len()));
            let reply = take_own(&mut came);
            self.replies.push(reply);
            connection.outbox.append(&mut came);
            came = rest;
        }
        self.begins.drain(..answered);
        if let Some(begin) = self.begins.first_mut() {
            *begin = connection.outbox.len();
        }
        connection.outbox.append(&mut came);
    }
}

fn stand(engine: &Engine, slot: Slot) -> Standing {
    match engine.clients.get(slot) {
        Some(connection) if connection.is_closing => Standing::Closed,
        Some(connection) if connection.wait.is_some() => Standing::Blocked,
        Some(_) => Standing::Free,
        None => Standing::Closed,
    }
}

/// Something once the connection is not blocked any more.
fn is_free(engine: &mut Engine, slot: Slot) -> Option<()> {
    (stand(engine, slot) != Standing::Blocked).then_some(())
}

/// Takes a command's own reply out of what it was answered, and leaves the messages of channels. In RESP2, nothing but
/// the last frame can be the reply; in RESP3, messages are pushes, and so are the confirmations of subscriptions.
fn take_own(frames: &mut VecDeque<Reply>) -> Option<Reply> {
    let is_push = |frame: &Reply| matches!(frame, Reply::Push(_));
    let reply = frames.iter().rposition(|frame| !is_push(frame)).and_then(|at| frames.remove(at));
    let confirmation = frames.iter().rposition(is_confirmation).and_then(|at| frames.remove(at));
    frames.retain(|frame| !is_confirmation(frame));
    reply.or(confirmation)
}

/// True for what SUBSCRIBE and its kin are answered.
fn is_confirmation(frame: &Reply) -> bool {
    let kind = frame.as_elements().and_then(|items| items.first()).and_then(Reply::as_bytes);
    kind.is_some_and(|kind| kind.ends_with(b"subscribe"))
}
