//! Named places in the engine and its server at which a tester may step in: to hold a task there while others go on, or to
//! have what stands there left out, as a slip of its author would. Without the feature `testing` there is nothing to ask,
//! and all of it compiles to nothing.

#[cfg(feature = "testing")]
use std::{fmt, pin::Pin, sync::Arc};

/// What is asked there.
#[cfg(feature = "testing")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ask {
    /// Whether the task is to be held.
    Hold,
    /// Whether what stands there is to be left out.
    LeaveOut,
}

/// Every point: its name, what is asked there, and what stands there.
macro_rules! points {
    ($($point:ident, $name:literal, $ask:ident, $about:literal;)*) => {
        /// A place in the engine or its server.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(not(any(feature = "server", feature = "testing")), expect(dead_code, reason = "those of the server"))]
        pub enum Point {
            $(#[doc = $about] $point,)*
        }

        #[cfg(feature = "testing")]
        impl Point {
            /// Every point.
            pub const ALL: &[Point] = &[$(Point::$point,)*];

            /// Its name in traces and reports.
            pub fn name(self) -> &'static str {
                match self { $(Point::$point => $name,)* }
            }

            /// What is asked there.
            pub fn ask(self) -> Ask {
                match self { $(Point::$point => Ask::$ask,)* }
            }
        }
    };
}

points! {
    Join, "join", Hold, "a connection is there, and has not joined the others";
    Read, "read", Hold, "bytes have come, and the executor does not know of them";
    Turn, "turn", Hold, "the executor was woken, and has run nothing of what there is";
    Gather, "gather", Hold, "a batch has run, and takes in what has come meanwhile";
    Commit, "commit", Hold, "a batch has run, and is not committed";
    Reply, "reply", Hold, "a batch is committed, and nobody has its replies";
    Send, "send", Hold, "a connection has replies, and has not sent them";
    Leave, "leave", Hold, "a connection's stream has ended, and it is still among the others";
    Commits, "commits", LeaveOut, "what has run is committed, before it is answered";
    Whole, "whole", LeaveOut, "a command of EXEC is committed with the others, not by itself";
    Touch, "touch", LeaveOut, "those who watch what a command changed are told";
    Dirty, "dirty", LeaveOut, "EXEC heeds that a watched key has changed";
    Gone, "gone", LeaveOut, "EXEC heeds that a watched key's time is over";
    Unwatch, "unwatch", LeaveOut, "EXEC ends what WATCH began";
    Release, "release", LeaveOut, "UNWATCH ends what WATCH began";
    Discard, "discard", LeaveOut, "DISCARD ends the transaction";
    Broken, "broken", LeaveOut, "EXEC heeds that a request before it was refused";
    Queue, "queue", LeaveOut, "what is sent behind MULTI waits for EXEC";
    Wake, "wake", LeaveOut, "those who wait for keys that have become ready are served";
    Rotate, "rotate", LeaveOut, "of those who wait for a key the first is served first";
    Served, "served", LeaveOut, "who was served waits no more";
    EndWaits, "end_waits", LeaveOut, "waits end whose time is over";
    Overdue, "overdue", LeaveOut, "whose wait has ended by its time waits no more";
    Expire, "expire", LeaveOut, "a key is gone whose time is over";
    Stir, "stir", LeaveOut, "a connection is told that another has sent it something";
    Publish, "publish", LeaveOut, "a message goes to this one of its subscribers";
    Unsubscribe, "unsubscribe", LeaveOut, "who has gone is subscribed to nothing";
    Unwait, "unwait", LeaveOut, "who has gone waits for nothing";
    Blocked, "blocked", LeaveOut, "what stands behind a command that waits is not run yet";
    Keep, "keep", LeaveOut, "what was not run of a connection's input is kept";
    Requeue, "requeue", LeaveOut, "who waits no more has its input run that came meanwhile";
    Fail, "fail", LeaveOut, "what was answered in a batch that failed becomes its error";
}

/// What a tester says of a point.
#[cfg(feature = "testing")]
pub enum Passage {
    /// To go on.
    Go,
    /// To go on when this has ended: at a point that asks for [`Ask::Hold`].
    Hold(Pin<Box<dyn Future<Output = ()> + Send>>),
    /// To leave out what stands there: at a point that asks for [`Ask::LeaveOut`].
    LeaveOut,
}

/// A tester.
#[cfg(feature = "testing")]
pub trait Observer: Send + Sync {
    /// A point is reached. `about` is what is done there: a command's name, a key or a channel, where there is one.
    fn reach(&self, point: Point, about: &[u8]) -> Passage;
}

/// Who is asked.
#[derive(Clone, Default)]
pub(crate) struct Points {
    #[cfg(feature = "testing")]
    observer: Option<Arc<dyn Observer>>,
}

#[cfg(feature = "testing")]
impl Points {
    /// Asks this one.
    pub fn of(observer: Arc<dyn Observer>) -> Self {
        Self { observer: Some(observer) }
    }

    /// True where there is somebody to ask.
    pub fn is_observed(&self) -> bool {
        self.observer.is_some()
    }

    /// False where what stands there is to be left out.
    pub fn passes(&self, point: Point, about: &[u8]) -> bool {
        self.observer.as_ref().is_none_or(|observer| !matches!(observer.reach(point, about), Passage::LeaveOut))
    }
}

#[cfg(feature = "testing")]
impl fmt::Debug for Points {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Points").field("is_observed", &self.is_observed()).finish()
    }
}

#[cfg(not(feature = "testing"))]
impl std::fmt::Debug for Points {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Points").finish()
    }
}

#[cfg(not(feature = "testing"))]
impl Points {
    /// False: there is nobody to ask.
    #[inline(always)]
    pub fn is_observed(&self) -> bool {
        false
    }

    /// True: there is nobody to ask.
    #[inline(always)]
    pub fn passes(&self, _: Point, _: &[u8]) -> bool {
        true
    }
}

#[cfg(feature = "server")]
pub(crate) use held::Hold;

#[cfg(feature = "server")]
mod held {
    use std::task::{Context, Poll};

    use super::{Point, Points};

    /// Whether a task is held at a point.
    #[derive(Default)]
    pub(crate) struct Hold {
        #[cfg(feature = "testing")]
        until: Option<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>>,
    }

    #[cfg(feature = "testing")]
    impl Hold {
        /// The point is reached: true where the task is held there.
        pub fn reach(&mut self, points: &Points, point: Point) -> bool {
            let passage = points.observer.as_ref().map(|observer| observer.reach(point, b""));
            if let Some(super::Passage::Hold(until)) = passage {
                self.until = Some(until);
            }
            self.until.is_some()
        }

        /// Ready where nothing holds the task.
        pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
            if let Some(until) = &mut self.until {
                std::task::ready!(until.as_mut().poll(context));
                self.until = None;
            }
            Poll::Ready(())
        }
    }

    #[cfg(not(feature = "testing"))]
    impl Hold {
        /// False: nobody holds it.
        #[inline(always)]
        pub fn reach(&mut self, _: &Points, _: Point) -> bool {
            false
        }

        /// Ready.
        #[inline(always)]
        pub fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }

    impl Points {
        /// Waits as long as a task is to be held at a point.
        pub async fn hold(&self, point: Point) {
            let mut hold = Hold::default();
            if hold.reach(self, point) {
                std::future::poll_fn(|context| hold.poll(context)).await;
            }
        }
    }
}
