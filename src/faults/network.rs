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
    make: fn(&[u64]) -> Happening,
    draw: fn(&mut Stream) -> Vec<i64>,
}

/// The event after which a client only reads.
pub const HALF_CLOSE: &str = "half_close";

const LATENCY_MS_MAX: i64 = 60_000;
const BYTES_MAX: i64 = 1 << 30;

/// Every event.
pub const EVENTS: &[Event] = &[
    Event {
        name: "latency",
        about: "requests and replies that are sent from here on take so long",
        params: &[("request_ms", LATENCY_MS_MAX), ("reply_ms", LATENCY_MS_MAX)],
        make: |args| Happening::Latency { request_ms: args[0], reply_ms: args[1] },
        draw: |stream| {
            let mut ms = || i64::from(if stream.chance(1, 8) { stream.below(400) } else { stream.below(12) });
            vec![ms(), ms()]
        },
    },
    Event {
        name: "clog",
        about: "nothing arrives any more, in either direction",
        params: &[],
        make: |_| Happening::Clog,
        draw: |_| Vec::new(),
    },
    Event {
        name: "heal",
        about: "what a clogged connection held back arrives",
        params: &[],
        make: |_| Happening::Heal,
        draw: |_| Vec::new(),
    },
    Event {
        name: "reset",
        about: "the connection is reset: what is under way is lost",
        params: &[],
        make: |_| Happening::Reset,
        draw: |_| Vec::new(),
    },
    Event {
        name: "cut",
        about: "the connection is reset once so many more bytes were sent to the server",
        params: &[("bytes", BYTES_MAX)],
        make: |args| Happening::Cut { bytes: size(args[0]) },
        draw: |stream| vec![i64::from(stream.between(1, 60))],
    },
    Event {
        name: HALF_CLOSE,
        about: "the client sends nothing any more, and reads on",
        params: &[],
        make: |_| Happening::HalfClose,
        draw: |_| Vec::new(),
    },
    Event {
        name: "room",
        about: "no more than so many bytes of replies are taken that the client has not read",
        params: &[("bytes", BYTES_MAX)],
        make: |args| Happening::Room { bytes: size(args[0]) },
        draw: |stream| vec![i64::from(stream.between(1, 200))],
    },
    Event {
        name: "sleep",
        about: "the client reads no more",
        params: &[],
        make: |_| Happening::Sleep,
        draw: |_| Vec::new(),
    },
    Event {
        name: "wake",
        about: "the client reads again",
        params: &[],
        make: |_| Happening::Wake,
        draw: |_| Vec::new(),
    },
    Event {
        name: "schedule",
        about: "as the first op: in which order tasks run that can go on at the same moment",
        params: &[("seed", i64::MAX)],
        make: |args| Happening::Schedule { seed: args[0] },
        draw: |stream| vec![i64::from(stream.bits32())],
    },
];

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX).max(1)
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
    Ok((event.make)(&args))
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
