//! The table of scenarios: what clients do at the same time, and what happens to them meanwhile.

use crate::faults::network::holds;

/// A row of the table.
#[derive(Debug)]
pub struct Scenario {
    /// As the command line names it.
    pub name: &'static str,
    /// One line for the help.
    pub about: &'static str,
    /// What clients ask: each draws a group of these.
    pub(super) groups: &'static [&'static str],
    /// What happens: events of [`crate::faults::network`], faults of [`crate::faults`] that end the process, and
    /// [`RESTART`]. Which of them a seed has is drawn.
    pub(super) events: &'static [&'static str],
    /// How often something happens in place of a request, once in so many turns on average; 0 never.
    pub(super) event_mean: u32,
    /// How often a task of the server is held at a point of its code, once in so many turns; 0 never.
    pub(super) hold_mean: u32,
    /// How often a client closes its connection, once in so many turns; 0 never.
    pub(super) close_mean: u32,
    /// How often it leaves in the middle of a request, once in so many turns; 0 never.
    pub(super) half_mean: u32,
    /// The longest time that may go by between two turns, in milliseconds.
    pub(super) gap_ms_max: u32,
    /// True where all clients of a group use one key.
    pub(super) has_one_key: bool,
    /// How long it takes in virtual time, where its turns are spread over that, in milliseconds.
    pub(super) duration_ms: Option<u64>,
}

/// The server is restarted each time that so much of such a duration is over, in milliseconds.
pub(super) const RESTART_MS: u64 = 3_600_000;

/// The process is stopped in its order, and started again.
pub(super) const RESTART: &str = "restart";

const ALL_TYPES: &[&str] = &["strings", "lists", "sets", "hashes", "sorted-sets", "streams", "mixed"];
const TOGETHER: &[&str] =
    &["transactions", "transactions", "blocking", "blocking", "pubsub", "strings", "lists", "streams", "mixed"];

/// Every scenario.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "concurrent_operations",
        about: "hot keys that all share: transactions, WATCH, blocking pops, channels",
        groups: TOGETHER,
        events: &["latency"],
        event_mean: 40,
        hold_mean: 20,
        close_mean: 0,
        half_mean: 0,
        gap_ms_max: 20,
        has_one_key: false,
        duration_ms: None,
    },
    Scenario {
        name: "crash_recovery",
        about: "the process is killed and the power goes, in the middle of requests, transactions and checkpoints",
        groups: &["transactions", "blocking", "strings", "lists", "hashes", "sorted-sets", "streams", "mixed"],
        events: &["kill", "crash_mid_write", "power_loss", RESTART, "latency", "reset"],
        event_mean: 16,
        hold_mean: 30,
        close_mean: 100,
        half_mean: 0,
        gap_ms_max: 20,
        has_one_key: false,
        duration_ms: None,
    },
    Scenario {
        name: "connection_storm",
        about: "connections that open, close, are reset, and leave in the middle of a request",
        groups: TOGETHER,
        events: &["latency", "reset", "cut", "half_close"],
        event_mean: 12,
        hold_mean: 20,
        close_mean: 8,
        half_mean: 16,
        gap_ms_max: 8,
        has_one_key: false,
        duration_ms: None,
    },
    Scenario {
        name: "write_contention",
        about: "all clients on one key of each type",
        groups: &["strings", "lists", "sets", "hashes", "sorted-sets", "streams", "blocking", "transactions"],
        events: &["latency", "reset"],
        event_mean: 40,
        hold_mean: 20,
        close_mean: 0,
        half_mean: 0,
        gap_ms_max: 4,
        has_one_key: true,
        duration_ms: None,
    },
    Scenario {
        name: "partition",
        about: "lines that carry nothing for a while, each by itself and all together",
        groups: TOGETHER,
        events: &["latency", "clog", "heal", "heal"],
        event_mean: 10,
        hold_mean: 0,
        close_mean: 100,
        half_mean: 0,
        gap_ms_max: 200,
        has_one_key: false,
        duration_ms: None,
    },
    Scenario {
        name: "slow_consumer",
        about: "clients that do not read what they asked for, or were subscribed to",
        groups: &["pubsub", "pubsub", "lists", "streams"],
        events: &["sleep", "wake", "room", "latency"],
        event_mean: 10,
        hold_mean: 40,
        close_mean: 60,
        half_mean: 0,
        gap_ms_max: 50,
        has_one_key: false,
        duration_ms: None,
    },
    Scenario {
        name: "expiry_under_load",
        about: "virtual hours in which keys expire while all ask for them",
        groups: &["expiry", "expiry", "transactions", "blocking", "mixed"],
        events: &["latency"],
        event_mean: 60,
        hold_mean: 60,
        close_mean: 0,
        half_mean: 0,
        gap_ms_max: 60_000,
        has_one_key: false,
        duration_ms: None,
    },
    Scenario {
        name: "virtual_day",
        about: "24 virtual hours of all types, and the server is restarted each hour",
        groups: &["strings", "lists", "sets", "hashes", "sorted-sets", "streams", "expiry", "blocking", "mixed"],
        events: &["latency"],
        event_mean: 100,
        hold_mean: 100,
        close_mean: 200,
        half_mean: 0,
        gap_ms_max: 0,
        has_one_key: false,
        duration_ms: Some(24 * RESTART_MS),
    },
    Scenario {
        name: "disk_trouble",
        about: "a disk that fails calls, is full for a while, and loses its power",
        groups: &[
            "transactions",
            "transactions",
            "blocking",
            "strings",
            "lists",
            "hashes",
            "sorted-sets",
            "streams",
            "mixed",
        ],
        events: &["io_error", "io_error", "disk_full", "power_loss", RESTART, "latency"],
        event_mean: 10,
        hold_mean: 40,
        close_mean: 100,
        half_mean: 0,
        gap_ms_max: 20,
        has_one_key: false,
        duration_ms: None,
    },
    Scenario {
        name: "mixed",
        about: "all of it",
        groups: ALL_TYPES,
        events: &[
            "latency",
            "clog",
            "heal",
            "heal",
            "reset",
            "cut",
            "half_close",
            "sleep",
            "wake",
            "room",
            "kill",
            "crash_mid_write",
            "power_loss",
            RESTART,
        ],
        event_mean: 20,
        hold_mean: 20,
        close_mean: 30,
        half_mean: 60,
        gap_ms_max: 100,
        has_one_key: false,
        duration_ms: None,
    },
];

impl Scenario {
    /// All that may happen, some of it perhaps several times.
    pub(super) fn happenings(&self) -> impl Iterator<Item = &'static str> {
        self.events.iter().copied().chain(holds().filter(|_| self.hold_mean > 0))
    }
}

/// The scenario of this name.
pub fn scenario(name: &str) -> Option<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name)
}

#[cfg(test)]
mod tests {
    use super::super::script;
    use super::scenario;
    use crate::seed::Seed;
    use crate::targets::simulated::{Holdings, run};

    /// Turns of the day.
    const TURNS: u64 = 4_800;

    /// A day with a restart each hour: what the last hours need is what those of the morning did.
    #[test]
    fn nothing_grows_in_a_day() {
        let script = script::write(scenario("virtual_day").expect("a row"), Seed(1), Some(8), TURNS);
        let story = run(&script.header, &script.ops).expect("a run");
        let hours = story.lives.iter().filter_map(|life| life.ended.as_ref());
        let files: Vec<i64> = hours.map(|ended| ended.stored_bytes.cast_signed()).collect();
        assert!(files.len() >= 23, "{} hours", files.len());
        assert_eq!(story.held, Holdings::default(), "what is held of clients that are gone");
        for (what, bytes) in [("memory", &story.memory_bytes), ("files", &files)] {
            let most = |hours: &[i64]| hours.iter().copied().max().unwrap_or(0);
            let (morning, evening) = (most(&bytes[2..8]), most(&bytes[bytes.len() - 6..]));
            println!("{what}: {morning} bytes in the morning, {evening} in the evening");
            assert!(evening * 4 <= morning * 5, "{what}: {morning} bytes in the morning, {evening} in the evening");
        }
    }
}
