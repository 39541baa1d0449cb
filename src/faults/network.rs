//! What happens between clients and a server in simulation, and when: each is an event of the trace, on the connection of
//! its op, from there on. Without any, what is sent arrives at once.

use super::FaultError;
use crate::seed::Stream;
use crate::trace::FaultSpec;

/// What is done to a connection, or to the simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// What is sent takes so long, in milliseconds.
    Latency {
        /// To the server.
        request_ms: u64,
        /// From it.
        reply_ms: u64,
    },
    /// Nothing arrives any more.
    Clog,
    /// What was held back arrives, and all that comes later.
    Heal,
    /// It is reset: what is under way is lost.
    Reset,
    /// It is reset once so many more bytes were sent to the server.
    Cut {
        /// How many; 1 at least.
        bytes: usize,
    },
    /// The client sends nothing any more, and goes on reading.
    HalfClose,
    /// No more than so many bytes of replies are taken that the client has not read.
    Room {
        /// How many; 1 at least.
        bytes: usize,
    },
    /// The client reads no more, until it does again.
    Sleep,
    /// The client reads again.
    Wake,
    /// The server's task that reaches a point of its code goes on later.
    Hold {
        /// The point's name.
        point: &'static str,
        /// How many are not held before, of those that reach it from here on.
        nth: u64,
        /// How long it is held, in milliseconds.
        ms: u64,
    },
    /// Tasks that can go on at the same moment do so in the order of this number, of the whole simulation. It counts where
    /// it is the first op.
    Schedule {
        /// Any number.
        seed: u64,
    },
}

/// A row of the table: one kind of [`Happening`].
#[derive(Debug)]
pub struct Event {
    /// Its name in a trace.
    pub name: &'static str,
    /// What it does, in one line for people.
    pub about: &'static str,
    /// Its arguments, and the largest that each may be; none is below 0.
    pub params: &'static [(&'static str, i64)],
    make: Make,
    draw: fn(&mut Stream) -> Vec<i64>,
}

/// What an event's arguments come to.
#[derive(Debug)]
enum Make {
    /// It has none.
    Plain(Happening),
    /// This.
    From(fn(&[u64]) -> Happening),
}

/// One without arguments.
const fn plain(name: &'static str, about: &'static str, happening: Happening) -> Event {
    Event { name, about, params: &[], make: Make::Plain(happening), draw: |_| Vec::new() }
}

/// One that holds a task of the server.
const fn hold(name: &'static str, about: &'static str, make: fn(&[u64]) -> Happening) -> Event {
    let draw: fn(&mut Stream) -> Vec<i64> = |stream| {
        let ms = if stream.chance(1, 8) { stream.between(1, 400) } else { stream.between(1, 12) };
        vec![i64::from(stream.below(4)), i64::from(ms)]
    };
    Event { name, about, params: &[("nth", HOLD_NTH_MAX), ("ms", HOLD_MS_MAX)], make: Make::From(make), draw }
}

fn held(point: &'static str, args: &[u64]) -> Happening {
    Happening::Hold { point, nth: args[0], ms: args[1] }
}

/// The event after which a client only reads.
pub const HALF_CLOSE: &str = "half_close";

const LATENCY_MS_MAX: i64 = 60_000;
const BYTES_MAX: i64 = 1 << 30;
const HOLD_NTH_MAX: i64 = 1 << 30;
/// Shorter than the time that clients have when all is healed.
const HOLD_MS_MAX: i64 = 5_000;

/// Every event.
pub const EVENTS: &[Event] = &[
    Event {
        name: "latency",
        about: "requests and replies that are sent from here on take so long",
        params: &[("request_ms", LATENCY_MS_MAX), ("reply_ms", LATENCY_MS_MAX)],
        make: Make::From(|args| Happening::Latency { request_ms: args[0], reply_ms: args[1] }),
        draw: |stream| {
            let mut ms = || i64::from(if stream.chance(1, 8) { stream.below(400) } else { stream.below(12) });
            vec![ms(), ms()]
        },
    },
    plain("clog", "nothing arrives any more, in either direction", Happening::Clog),
    plain("heal", "what a clogged connection held back arrives", Happening::Heal),
    plain("reset", "the connection is reset: what is under way is lost", Happening::Reset),
    Event {
        name: "cut",
        about: "the connection is reset once so many more bytes were sent to the server",
        params: &[("bytes", BYTES_MAX)],
        make: Make::From(|args| Happening::Cut { bytes: size(args[0]) }),
        draw: |stream| vec![i64::from(stream.between(1, 60))],
    },
    plain(HALF_CLOSE, "the client sends nothing any more, and reads on", Happening::HalfClose),
    Event {
        name: "room",
        about: "no more than so many bytes of replies are taken that the client has not read",
        params: &[("bytes", BYTES_MAX)],
        make: Make::From(|args| Happening::Room { bytes: size(args[0]) }),
        draw: |stream| vec![i64::from(stream.between(1, 200))],
    },
    plain("sleep", "the client reads no more", Happening::Sleep),
    plain("wake", "the client reads again", Happening::Wake),
    hold("hold_join", "the nth connection from here on waits so long before it has joined", |args| held("join", args)),
    hold("hold_read", "what comes for the nth time waits so long before it can be run", |args| held("read", args)),
    hold("hold_turn", "the nth batch waits so long before it begins", |args| held("turn", args)),
    hold("hold_gather", "the nth batch takes in for so long what comes meanwhile", |args| held("gather", args)),
    hold("hold_commit", "the nth batch that has run waits so long for its commit", |args| held("commit", args)),
    hold("hold_reply", "the nth batch that is committed waits so long before it is answered", |args| {
        held("reply", args)
    }),
    hold("hold_send", "the nth connection with replies waits so long before it sends them", |args| held("send", args)),
    hold("hold_leave", "the nth connection that has ended stays so long among the others", |args| held("leave", args)),
    Event {
        name: "schedule",
        about: "as the first op: in which order tasks run that can go on at the same moment",
        params: &[("seed", i64::MAX)],
        make: Make::From(|args| Happening::Schedule { seed: args[0] }),
        draw: |stream| vec![i64::from(stream.bits32())],
    },
];

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX).max(1)
}

/// What the names of events begin with that hold a task of the server.
const HOLD: &str = "hold_";

/// The events that hold a task of the server.
pub fn holds() -> impl Iterator<Item = &'static str> {
    EVENTS.iter().map(|event| event.name).filter(|name| name.starts_with(HOLD))
}

/// The event of this name.
pub fn event(name: &str) -> Option<&'static Event> {
    EVENTS.iter().find(|event| event.name == name)
}

impl Event {
    /// One of its kind, as it stands in a trace.
    pub fn draw(&self, stream: &mut Stream) -> FaultSpec {
        FaultSpec { name: self.name.to_owned(), args: (self.draw)(stream) }
    }
}

/// What an event of a trace comes to.
///
/// # Errors
/// [`FaultError`] where no row has its name, or its arguments are none.
pub fn happening(spec: &FaultSpec) -> Result<Happening, FaultError> {
    let Some(event) = event(&spec.name) else {
        let names = EVENTS.iter().map(|event| event.name).collect::<Vec<_>>().join(", ");
        return Err(FaultError::Unknown { name: spec.name.clone(), names });
    };
    let fits = |(&arg, &(_, max)): (&i64, &(&str, i64))| (0..=max).contains(&arg);
    if spec.args.len() != event.params.len() || !spec.args.iter().zip(event.params).all(fits) {
        let params = event.params.iter().map(|(name, max)| format!("{name} (0 to {max})")).collect::<Vec<_>>();
        let params = if params.is_empty() { "no arguments".to_owned() } else { params.join(", ") };
        return Err(FaultError::Args { name: event.name, params, args: spec.args.clone() });
    }
    let args: Vec<u64> = spec.args.iter().map(|arg| arg.unsigned_abs()).collect();
    Ok(match event.make {
        Make::Plain(happening) => happening,
        Make::From(make) => make(&args),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[track_caller]
    fn check(name: &str, args: &[i64], expected: Result<Happening, &str>) {
        let spec = FaultSpec { name: name.to_owned(), args: args.to_vec() };
        let found = happening(&spec).map_err(|error| error.to_string());
        match expected {
            Ok(expected) => assert_eq!(found, Ok(expected), "{name} {args:?}"),
            Err(words) => assert!(found.as_ref().is_err_and(|text| text.contains(words)), "{name} {args:?}: {found:?}"),
        }
    }

    #[test]
    fn an_event_of_a_trace_is_checked() {
        check("latency", &[3, 0], Ok(Happening::Latency { request_ms: 3, reply_ms: 0 }));
        check("cut", &[0], Ok(Happening::Cut { bytes: 1 }));
        check("latency", &[3], Err("request_ms (0 to 60000)"));
        check("latency", &[3, -1], Err("latency takes"));
        check("hold_reply", &[1, 20], Ok(Happening::Hold { point: "reply", nth: 1, ms: 20 }));
        check("hold_reply", &[1, 20_000], Err("ms (0 to 5000)"));
        check("clog", &[1], Err("no arguments"));
        check("rain", &[], Err("there is no fault \"rain\""));
    }

    #[test]
    fn what_is_drawn_is_valid() {
        let mut stream = Seed(1).stream("test");
        for event in EVENTS {
            for _ in 0..100 {
                happening(&event.draw(&mut stream)).expect("a valid event");
            }
        }
    }
}
