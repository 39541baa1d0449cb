//! Threads and tasks of a program that wait until something arrives for their connection.
//!
//! Whoever waits leaves a waker with the connection, which is woken when the connection is stirred: a thread's unparks
//! it, a task's is that of its runtime, whichever that is. Time is looked at by those who wait until some time: a
//! thread parks no longer than until then, and a task has an [`Alarm`].

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use super::clients::{ReplyMode, Slot};
use super::engine::{Client, Engine, lock};
use super::env::Deadline;
use resp::Reply;

/// How often the clock is looked at while somebody waits until some time. It may be set meanwhile.
const TICK: Duration = Duration::from_millis(100);

impl Client {
    /// Blocks the thread until something has arrived: the reply to the command that the client is blocked by, or a
    /// message of a channel. Where the time is over before, the answer is that of [`Client::poll`]: [`Reply::Pending`]
    /// while the client is blocked still, and no frames otherwise. [`Reply::Closed`] where another client has closed
    /// this one.
    ///
    /// Waits that are over end meanwhile, this client's and others': nobody needs to call
    /// [`Redlite::expire_waits`](super::Redlite::expire_waits). Without a timeout, and where nothing can arrive, as the
    /// client is neither blocked nor subscribed to anything, this returns no frames at once.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Reply {
        let is_patient = timeout.is_none();
        let arrived = self.wait_for(timeout, |engine, slot| take_arrived(engine, slot, is_patient));
        arrived.unwrap_or_else(|| self.poll())
    }

    /// As [`Client::wait`] without a timeout, of a task. Where the future is dropped, nothing is lost: what arrives is
    /// there to be taken, and a blocked client is blocked until then, or until [`Client::cancel_wait`].
    pub async fn wait_async(&mut self) -> Reply {
        let watch = Watch(self);
        poll_fn(|context| watch.0.poll_wait(context)).await
    }

    /// As [`Client::wait_async`], polled by hand: the task is woken when it should be polled again. The last waker
    /// counts. While the client is blocked until some time, a thread wakes the task now and then.
    pub fn poll_wait(&mut self, context: &mut Context<'_>) -> Poll<Reply> {
        self.poll_for(context, |engine, slot| take_arrived(engine, slot, true))
    }

    /// Ends the wait of a blocked client, so that its next command is run; false where it was not blocked. The command
    /// has done nothing then, and its reply does not come.
    pub fn cancel_wait(&mut self) -> bool {
        self.forget_waker();
        let mut engine = lock(&self.engine);
        // What was answered before has its place in the outbox for good.
        engine.commit();
        let Some(connection) = engine.clients.get_mut(self.slot) else { return false };
        let Some(wait) = connection.wait.take() else { return false };
        if connection.reply_mode != ReplyMode::Off {
            connection.reply_mode = ReplyMode::On;
        }
        engine.clients.waits.remove(self.slot, &wait);
        true
    }

    /// Blocks the thread until `look` finds something; `None` where the time is over before.
    pub(super) fn wait_for<T>(
        &mut self,
        timeout: Option<Duration>,
        look: impl Fn(&mut Engine, Slot) -> Option<T>,
    ) -> Option<T> {
        let deadline = Deadline::after(timeout);
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            let tick = match self.look(&waker, &look) {
                Ok(found) => return Some(found),
                Err(tick) => tick,
            };
            let left = deadline.left();
            if left.is_some_and(|left| left.is_zero()) {
                self.forget_waker();
                return None;
            }
            match [tick, left].into_iter().flatten().min() {
                Some(longest) => thread::park_timeout(longest),
                None => thread::park(),
            }
        }
    }

    /// Ready where `look` finds something; otherwise the task is woken when it is worth to look again.
    pub(super) fn poll_for<T>(
        &mut self,
        context: &Context<'_>,
        look: impl Fn(&mut Engine, Slot) -> Option<T>,
    ) -> Poll<T> {
        let tick = match self.look(context.waker(), look) {
            Ok(found) => {
                self.alarm = None;
                return Poll::Ready(found);
            }
            Err(tick) => tick,
        };
        match tick {
            None => self.alarm = None,
            Some(delay) => {
                let set = match self.alarm.take() {
                    Some(alarm) => Ok(alarm),
                    None => Alarm::start(),
                };
                // Where there can be no thread, the task looks again and again by itself.
                self.alarm = set.inspect_err(|_| context.waker().wake_by_ref()).ok();
                self.alarm.iter().for_each(|alarm| alarm.set(context.waker(), delay));
            }
        }
        Poll::Pending
    }

    /// What `look` finds, once the waits that are over have ended. Otherwise `waker` is left with the connection, and
    /// this says after which time it is worth to look again, too.
    fn look<T>(&mut self, waker: &Waker, look: impl Fn(&mut Engine, Slot) -> Option<T>) -> Result<T, Option<Duration>> {
        // Wakers go away when the lock is free: a task that goes with the last of them may end a connection.
        let (found, _former) = {
            let mut engine = lock(&self.engine);
            let now_ms = engine.clock.now_ms();
            if engine.clients.waits.next_timeout_ms().is_some_and(|at_ms| at_ms <= now_ms) {
                engine.expire_waits();
            }
            // What others of the same batch have sent is seen once it is committed.
            engine.commit();
            match (look(&mut engine, self.slot), engine.clients.get_mut(self.slot)) {
                (Some(found), connection) => (Ok(found), connection.and_then(|it| it.waker.take())),
                (None, None) => (Err(None), None),
                (None, Some(connection)) => {
                    let until_ms = connection.wait.as_ref().and_then(|wait| wait.until_ms);
                    let tick = until_ms.map(|until_ms| {
                        let left_ms = until_ms.saturating_sub(now_ms).saturating_add(1);
                        TICK.min(Duration::from_millis(left_ms.max(1).unsigned_abs()))
                    });
                    let is_known = connection.waker.as_ref().is_some_and(|known| known.will_wake(waker));
                    let former = if is_known { None } else { connection.waker.replace(waker.clone()) };
                    (Err(tick), former)
                }
            }
        };
        found
    }

    /// Wakes nobody from now on.
    pub(super) fn forget_waker(&mut self) {
        self.alarm = None;
        let _waker = {
            let mut engine = lock(&self.engine);
            engine.clients.get_mut(self.slot).and_then(|connection| connection.waker.take())
        };
    }
}

/// What has arrived, where something has. For those who wait for ever, that nothing can come is something, too.
fn take_arrived(engine: &mut Engine, slot: Slot, is_patient: bool) -> Option<Reply> {
    let Some(connection) = engine.clients.get_mut(slot) else { return Some(Reply::Closed) };
    if !connection.outbox.is_empty() {
        return Some(engine.take_reply(slot));
    }
    if connection.is_closing {
        return Some(Reply::Closed);
    }
    let is_expectant = connection.wait.is_some() || connection.subscriptions.is_any();
    (is_patient && !is_expectant).then(|| Reply::Frames(Vec::new()))
}

/// Wakes nobody any more when it goes.
struct Watch<'a>(&'a mut Client);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.0.forget_waker();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A thread that wakes a task after some time. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Alarm {
    orders: Sender<(Waker, Duration)>,
}

impl Alarm {
    fn start() -> io::Result<Self> {
        let (orders, receiver) = channel();
        thread::Builder::new().name("redlite-alarm".to_owned()).spawn(move || serve_alarm(&receiver))?;
        Ok(Self { orders })
    }

    /// Wakes this task, and no other, after `delay`.
    fn set(&self, waker: &Waker, delay: Duration) {
        // The thread is there as long as the sender is.
        let _ = self.orders.send((waker.clone(), delay));
    }
}

/// Until the sender is dropped.
fn serve_alarm(orders: &Receiver<(Waker, Duration)>) {
    let mut next = orders.recv().ok();
    while let Some((waker, delay)) = next {
        next = match orders.recv_timeout(delay) {
            Ok(order) => Some(order),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                waker.wake();
                orders.recv().ok()
            }
        };
    }
}
