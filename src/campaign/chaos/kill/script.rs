//! What each connection sends: requests of the generator on keys of its own. All of it follows from the seed.

use super::Options;
use super::loss::Loss;
use crate::generate::{self, Generator};
use crate::seed::{Seed, Stream};
use resp::Argv;
use spec::syntax::{Node, Slot};
use spec::{self, Command, Family, Fidelity, Keys};

/// The longest pipeline, in requests.
const BURST_MAX: u32 = 32;
/// One request in so many begins a transaction, beside those of the group.
const TRANSACTION_MEAN: u32 = 12;
/// The longest of these transactions, in requests.
const TRANSACTION_MAX: u32 = 8;
/// One of these transactions in so many is discarded.
const DISCARD_MEAN: u32 = 8;
/// One request in so many counts on the counter that all connections share.
const COUNT_MEAN: u32 = 10;
/// A connection is lost so many times in a seed, at most.
const LOSSES_MAX: u32 = 2;
/// How often the generator is asked for a request that can be judged: a group may have few of them.
const DRAWS_MAX: usize = 500;

/// What one connection sends from its start to its end, on keys that nobody else writes.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    /// The place of the connection among those of its seed. It is opened again for its next lane.
    pub conn: u16,
    /// What the names of its keys begin with; it ends with the only `:` in it.
    pub prefix: String,
    /// Its requests in their order.
    pub requests: Vec<Argv>,
    /// How many of them each pipeline holds.
    pub bursts: Vec<usize>,
    /// How the connection is lost with its last pipeline, where it is.
    pub loss: Option<Loss>,
    /// The request that counts: what it answers depends on the other connections.
    pub count: Argv,
}

impl Lane {
    /// True where the request at `at` counts.
    pub fn counts(&self, at: usize) -> bool {
        self.requests[at] == self.count
    }
}

/// What the names of all keys of a seed begin with.
fn seed_prefix(seed: Seed) -> String {
    format!("s{seed}")
}

/// The key on which all connections of a seed count.
pub(super) fn counter(seed: Seed) -> String {
    format!("{}:counter", seed_prefix(seed))
}

/// The lanes of one connection, one after another.
pub(super) fn lanes(options: &Options, seed: Seed, conn: u16) -> Vec<Lane> {
    let stream = |what: &str| seed.stream(&format!("kill/{conn}/{what}"));
    let mut losses = stream("losses");
    let count = if options.drops { losses.below(LOSSES_MAX + 1).max(u32::from(conn == 0)) } else { 0 };
    let mut source = Source {
        generator: Generator::new(&generate::Options {
            seed: Seed(stream("generator").bits64()),
            group: options.group,
        }),
        transactions: stream("transactions"),
        counts: stream("counts"),
        count: Argv::from(["INCR", &counter(seed)]),
    };
    let mut bursts = stream("bursts");
    let ops = u32::try_from(options.ops).unwrap_or(u32::MAX);
    let mut cuts: Vec<u32> = (0..count).map(|_| losses.below(ops)).chain([ops]).collect();
    cuts.sort_unstable();
    let mut from = 0;
    let mut draw = |(at, to): (usize, u32)| {
        let mut prefix = format!("{}c{conn}", seed_prefix(seed));
        if at > 0 {
            prefix += &format!("r{at}");
        }
        prefix.push(':');
        let loss = (at < count as usize).then_some(&mut losses);
        let lane = source.lane(conn, prefix, to - from, &mut bursts, loss);
        from = to;
        lane
    };
    cuts.into_iter().enumerate().map(&mut draw).collect()
}

/// Where requests come from.
struct Source {
    generator: Generator,
    transactions: Stream,
    counts: Stream,
    count: Argv,
}

impl Source {
    /// A lane of about `count` requests; with `losses` it ends with a loss.
    fn lane(
        &mut self,
        conn: u16,
        prefix: String,
        count: u32,
        bursts: &mut Stream,
        losses: Option<&mut Stream>,
    ) -> Lane {
        let mut requests = self.requests(&prefix, count as usize);
        let mut lens = Vec::new();
        let mut left = requests.len();
        while left > 0 {
            let len = left.min(bursts.between(1, BURST_MAX) as usize);
            lens.push(len);
            left -= len;
        }
        let loss = losses.and_then(|losses| {
            // Half of the connections are lost with a transaction open.
            if losses.chance(1, 2) {
                let queued = self.take(&prefix, 1 + losses.below(4) as usize);
                lens.push(1 + queued.len());
                requests.push(Argv::from(["MULTI"]));
                requests.extend(queued);
            }
            let next = self.take(&prefix, 1).pop()?;
            Some(Loss::draw(next, losses))
        });
        if lens.is_empty() && loss.is_some() {
            lens.push(0);
        }
        Lane { conn, prefix, requests, bursts: lens, loss, count: self.count.clone() }
    }

    /// Requests on keys with this prefix, some of them in transactions, and between them some that count.
    fn requests(&mut self, prefix: &str, count: usize) -> Vec<Argv> {
        let mut requests: Vec<Argv> = Vec::with_capacity(count + 1);
        let mut is_open = false;
        let mut until_end = None;
        while requests.len() < count {
            let request = match until_end {
                None if !is_open && self.transactions.chance(1, TRANSACTION_MEAN) => {
                    until_end = Some(self.transactions.between(1, TRANSACTION_MAX));
                    Argv::from(["MULTI"])
                }
                Some(0) => {
                    until_end = None;
                    Argv::from([if self.transactions.chance(1, DISCARD_MEAN) { "DISCARD" } else { "EXEC" }])
                }
                None if !is_open && self.counts.chance(1, COUNT_MEAN) => self.count.clone(),
                _ => {
                    until_end = until_end.map(|left| left - 1);
                    let Some(request) = self.take(prefix, 1).pop() else { break };
                    request
                }
            };
            is_open = begins_or_ends(&request).unwrap_or(is_open);
            requests.push(request);
        }
        requests
    }

    /// The generator's next requests that can be judged; fewer where the group has none.
    fn take(&mut self, prefix: &str, count: usize) -> Vec<Argv> {
        let mut draw = || {
            (0..DRAWS_MAX).find_map(|_| {
                let op = self.generator.next_op();
                // What its other connections send would come at other moments here.
                op.argv().filter(|argv| op.conn == 0 && is_certain(argv)).map(|argv| on_own_keys(argv, prefix))
            })
        };
        (0..count).map_while(|_| draw()).collect()
    }
}

/// True for a request that begins a transaction, false for one that ends it.
fn begins_or_ends(argv: &Argv) -> Option<bool> {
    let command = spec::lookup_request(argv).filter(|command| command.accepts(argv.len()))?;
    match command.name {
        "MULTI" => Some(true),
        "EXEC" | "DISCARD" => Some(false),
        _ => None,
    }
}

/// True where the reply and the effect follow from the requests before it on the same connection and keys: not from
/// chance, the clock, the server, or other keys.
fn is_certain(argv: &Argv) -> bool {
    let Some(command) = spec::lookup_request(argv) else { return false };
    if command.family == Family::Transactions {
        return true;
    }
    let by_chance = matches!(
        command.fidelity,
        Fidelity::RandomPick | Fidelity::RandomPop | Fidelity::Cursor | Fidelity::ServerFact
    );
    let names_keys = command.key_positions(argv).next().is_some();
    names_keys
        && !by_chance
        && !names_keys_in_doubt(command, argv)
        && !spec::may_block(argv)
        && !asks_clock(command, argv)
}

/// True where an option that names a key is given more than once: which one counts is the server's own.
fn names_keys_in_doubt(command: &Command, argv: &Argv) -> bool {
    let Keys::Named { words, .. } = command.keys else { return false };
    argv.iter().filter(|arg| words.iter().any(|word| arg.eq_ignore_ascii_case(word.as_bytes()))).count() > 1
}

/// True where an argument is a time, or is made of one by the server.
fn asks_clock(command: &Command, argv: &Argv) -> bool {
    let mut words = Vec::new();
    let always = collect_times(command.tree(), &mut words);
    let has = |word: &str| argv.iter().skip(1).any(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
    always || words.iter().any(|word| has(word)) || (command.fidelity == Fidelity::Clocked && has("*"))
}

/// Adds the options of which the value is a time; true where a time stands behind no word.
fn collect_times(nodes: &[Node], words: &mut Vec<&'static str>) -> bool {
    let mut always = false;
    let mut word = None;
    for node in nodes {
        match node {
            Node::Token(token) => word = Some(*token),
            Node::Slot(slot) if is_time(*slot) => match word {
                Some(word) => words.push(word),
                None => always = true,
            },
            Node::Slot(_) => word = None,
            Node::Options(parts) | Node::Choice(parts) => {
                parts.iter().for_each(|part| always |= collect_times(part, words));
            }
            Node::Repeat(part) | Node::Counted(part) => always |= collect_times(part, words),
        }
    }
    always
}

fn is_time(slot: Slot) -> bool {
    matches!(
        slot,
        Slot::Seconds
            | Slot::Milliseconds
            | Slot::UnixSeconds
            | Slot::UnixMilliseconds
            | Slot::PastUnixMilliseconds
            | Slot::MinIdle
            | Slot::Idle
            | Slot::Timeout
            | Slot::Block
    )
}

/// The same request on keys that begin with `prefix`.
fn on_own_keys(argv: &Argv, prefix: &str) -> Argv {
    let keys: Vec<usize> =
        spec::lookup_request(argv).map(|command| command.key_positions(argv).collect()).unwrap_or_default();
    let mut own = Argv::with_capacity(argv.bytes_len() + keys.len() * prefix.len());
    for (at, arg) in argv.iter().enumerate() {
        own.push_with(|bytes| {
            if keys.contains(&at) {
                bytes.extend_from_slice(prefix.as_bytes());
            }
            bytes.extend_from_slice(arg);
        });
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request as it is sent, `dropped` where it is not.
    #[track_caller]
    fn check(request: &str, expected: &str) {
        let argv: Argv = request.split(' ').collect();
        let sent = if is_certain(&argv) { on_own_keys(&argv, "c1:") } else { Argv::from(["dropped"]) };
        let words: Vec<_> = sent.iter().map(String::from_utf8_lossy).collect();
        assert_eq!(words.join(" "), expected, "{request}");
    }

    #[test]
    fn requests_go_to_own_keys_and_what_cannot_be_judged_is_dropped() {
        check("MSET a 1 b 2", "MSET c1:a 1 c1:b 2");
        check("ZUNIONSTORE d 2 a b WEIGHTS 1 2", "ZUNIONSTORE c1:d 2 c1:a c1:b WEIGHTS 1 2");
        check("XREADGROUP GROUP g c STREAMS a >", "XREADGROUP GROUP g c STREAMS c1:a >");
        check("WATCH a b", "WATCH c1:a c1:b");
        check("EXEC", "EXEC");
        check("XADD s 1-1 f v", "XADD c1:s 1-1 f v");
        check("GEORADIUS k 1 2 3 m STORE d", "GEORADIUS c1:k 1 2 3 m STORE c1:d");
        check("SET k v NX", "SET c1:k v NX");
        for dropped in [
            "XADD s * f v",
            "SET k v EX 10",
            "EXPIRE k 10",
            "SETEX k 10 v",
            "GETEX k PXAT 7",
            "XCLAIM s g c 0 1-1",
            "SPOP k",
            "SSCAN k 0",
            "BLPOP k 0",
            "XREAD BLOCK 0 STREAMS s 0",
            "FLUSHALL",
            "KEYS *",
            "SELECT 1",
            "MEMORY USAGE k",
            "OBJECT IDLETIME k",
            "GEORADIUS k 1 2 3 m STORE d STORE e",
            "PUBLISH c m",
            "QUIT",
            "FT.CREATE i",
        ] {
            check(dropped, "dropped");
        }
    }

    #[test]
    fn the_same_seed_sends_the_same_and_every_lane_has_keys_of_its_own() {
        let group = generate::group("mixed").expect("a group");
        let stop = std::sync::atomic::AtomicBool::new(false);
        let (first_seed, seeds, connections) = (Seed(0), 1, 3);
        let options =
            Options { first_seed, seeds, ops: 200, group, connections, drops: true, kills: true, stop: &stop };
        let draw = |conn| lanes(&options, Seed(7), conn);
        let all: Vec<Lane> = (0..3).flat_map(draw).collect();
        let again: Vec<Lane> = (0..3).flat_map(draw).collect();
        assert_eq!(format!("{all:?}"), format!("{again:?}"));
        let prefixes: std::collections::BTreeSet<&str> = all.iter().map(|lane| lane.prefix.as_str()).collect();
        assert_eq!(prefixes.len(), all.len());
        assert!(all.iter().any(|lane| lane.loss.is_some()));
        for lane in &all {
            assert_eq!(lane.bursts.iter().sum::<usize>(), lane.requests.len());
            assert!(lane.bursts.iter().all(|&len| len <= BURST_MAX as usize));
        }
        let names: std::collections::BTreeSet<&str> = all
            .iter()
            .flat_map(|lane| &lane.requests)
            .filter_map(|argv| spec::lookup_request(argv).map(|command| command.name))
            .collect();
        assert!(["MULTI", "EXEC", "DISCARD", "INCR"].iter().all(|name| names.contains(name)), "{names:?}");
    }
}
