//! Facts about every Redis command: its arity, its syntax, where its keys are, and what of its reply is exact.
//!
//! One table a family, one row a command. Generator, diff rules, shrinker and Redlite all read these rows; none has
//! facts of its own. Source: <https://redis.io/docs/latest/commands/> and the answers of redis-server 7.0.15, which
//! `tests/it/spec.rs` compares with every row.

mod bitmaps;
mod blocking;
mod connection;
mod expiry;
mod geo;
mod hashes;
mod hyperloglog;
mod keys;
pub mod left_out;
mod lists;
mod pubsub;
mod registry;
mod search;
mod server;
mod sets;
mod sorted_sets;
mod streams;
mod strings;
pub mod syntax;
mod transactions;

use resp::Argv;
use syntax::Node;

pub use registry::{commands, is_container, lookup, lookup_request, position};

/// What a command is about. The generator's groups of the same names draw from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // the families are Redis' own
pub enum Family {
    Strings,
    Lists,
    Hashes,
    Sets,
    SortedSets,
    Bitmaps,
    HyperLogLog,
    Geo,
    Streams,
    Keys,
    Expiry,
    Transactions,
    PubSub,
    Blocking,
    Search,
    Connection,
    Server,
}

impl Family {
    /// The module that a server must have for these commands; `None` where every Redis knows them.
    pub fn module(self) -> Option<&'static Module> {
        (self == Family::Search).then_some(&SEARCH_MODULE)
    }

    /// As the command line and reports name it.
    pub fn name(self) -> &'static str {
        match self {
            Family::Strings => "strings",
            Family::Lists => "lists",
            Family::Hashes => "hashes",
            Family::Sets => "sets",
            Family::SortedSets => "sorted-sets",
            Family::Bitmaps => "bitmaps",
            Family::HyperLogLog => "hyperloglog",
            Family::Geo => "geo",
            Family::Streams => "streams",
            Family::Keys => "keys",
            Family::Expiry => "expiry",
            Family::Transactions => "transactions",
            Family::PubSub => "pubsub",
            Family::Blocking => "blocking",
            Family::Search => "search",
            Family::Connection => "connection",
            Family::Server => "server",
        }
    }
}

/// An extension that not every Redis has.
#[derive(Debug, PartialEq, Eq)]
pub struct Module {
    /// As people call it.
    pub name: &'static str,
    /// A command without arguments that a server with the module answers with something else than an error.
    pub probe: &'static str,
}

const SEARCH_MODULE: Module = Module { name: "RediSearch", probe: "FT._LIST" };

/// Where a command's keys are among its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// It has none.
    None,
    /// From `first` to `last` by `step`; a negative `last` counts from the end (-1 is the last argument).
    Range {
        /// Index of the first key; the command's name is 0.
        first: usize,
        /// Index of the last key.
        last: isize,
        /// 2 where keys and values alternate.
        step: usize,
    },
    /// The argument at `count_at` says how many keys follow it; `destination` is a key before that.
    Counted {
        /// Index of the number of keys.
        count_at: usize,
        /// Index of a key before it, where there is one.
        destination: Option<usize>,
    },
    /// The first argument, and among SORT's options behind it the value of the last STORE.
    Sorted,
    /// A key, and behind it keys that are the values of options.
    Named {
        /// Index of the key that is always there.
        first: usize,
        /// Index from which on options are looked for.
        from: usize,
        /// What follows the first of each of these words is a key.
        words: [&'static str; 2],
    },
    /// Behind the first word `STREAMS`: the first half of the arguments, of which the second half are ids.
    Streams {
        /// Index from which on the word is looked for.
        from: usize,
    },
}

impl Keys {
    /// One key, the first argument.
    const ONE: Keys = Keys::Range { first: 1, last: 1, step: 1 };
    /// Two keys, the first two arguments.
    const TWO: Keys = Keys::Range { first: 1, last: 2, step: 1 };
    /// Every argument is a key.
    const ALL: Keys = Keys::Range { first: 1, last: -1, step: 1 };
    /// Keys and values alternate.
    const PAIRS: Keys = Keys::Range { first: 1, last: -1, step: 2 };
    /// The first argument says how many keys follow.
    const COUNTED: Keys = Keys::Counted { count_at: 1, destination: None };
    /// A destination, then a number of keys and the keys.
    const STORED: Keys = Keys::Counted { count_at: 2, destination: Some(1) };

    /// The first key's place, the last one's and the step, as far as they do not depend on an argument: what
    /// COMMAND INFO tells. Three zeros where there is no such key.
    pub fn fixed_range(self) -> [i64; 3] {
        match self {
            Keys::Range { first, last, step } => [first as i64, last as i64, step as i64],
            Keys::Counted { destination: Some(at), .. } => [at as i64, at as i64, 1],
            Keys::Counted { destination: None, .. } | Keys::Streams { .. } | Keys::None => [0, 0, 0],
            Keys::Named { first, .. } => [first as i64, first as i64, 1],
            Keys::Sorted => [1, 1, 1],
        }
    }
}

/// What of a command's reply two correct servers share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fidelity {
    /// Every byte.
    Exact,
    /// The elements in any order (`SMEMBERS`).
    Unordered,
    /// Field and value pairs in any order, flat in RESP2 (`HGETALL`).
    UnorderedPairs,
    /// As `Exact`, but the order where the request leaves it open (`SORT key BY nosort`).
    Sorted,
    /// As `Exact`, but the order where the request asks for none (`GEOSEARCH` without ASC or DESC).
    Nearby,
    /// One step of an iteration: only the elements of the whole iteration (`SCAN`).
    Cursor,
    /// Elements picked at random (`SRANDMEMBER`): their number, and that each is one that was there.
    RandomPick,
    /// As `RandomPick`, and they are removed (`SPOP`).
    RandomPop,
    /// A time left, exact only where the clock is dst's (`TTL`).
    TimeLeft,
    /// A time since 1970, moved where the clock is not dst's (`EXPIRETIME`).
    UnixTime,
    /// Exact where the clock is dst's; elsewhere the times in it, and the ids of entries made of times, may differ
    /// (`XADD`).
    Clocked,
    /// A fact about the server itself (`INFO`, `TIME`): only the kind of the reply.
    ServerFact,
}

/// One command.
#[derive(Debug)]
pub struct Command {
    /// In capitals: `LRANGE`. A subcommand's row has both words: `XGROUP CREATE`.
    pub name: &'static str,
    /// As `COMMAND INFO` gives it: the exact number of arguments with the name, or minus the least number.
    pub arity: i32,
    /// Its family.
    pub family: Family,
    /// Its arguments, in the notation of [`syntax`].
    pub syntax: &'static str,
    /// Where its keys are.
    pub keys: Keys,
    /// What of its reply is exact.
    pub fidelity: Fidelity,
    /// True where it may change the keyspace.
    pub writes: bool,
}

impl Command {
    /// What most rows of a family's table share: it reads the key that is its first argument.
    const fn reading(family: Family) -> Command {
        Command { name: "", arity: 0, family, syntax: "", keys: Keys::ONE, fidelity: Fidelity::Exact, writes: false }
    }

    /// As [`Command::reading`], for commands that may change the keyspace.
    const fn writing(family: Family) -> Command {
        Command { writes: true, ..Command::reading(family) }
    }

    /// Its syntax as a tree, parsed once in a process.
    pub fn tree(&self) -> &'static [Node] {
        registry::tree(self.name)
    }

    /// True where a request of `args` arguments (with the name) has the right number of them.
    pub fn accepts(&self, args: usize) -> bool {
        if self.arity >= 0 { args == self.arity as usize } else { args >= self.arity.unsigned_abs() as usize }
    }

    /// The keys that a request names, as far as it is well formed.
    pub fn keys<'a>(&self, argv: &'a Argv) -> Vec<&'a [u8]> {
        self.key_positions(argv).map(|at| &argv[at]).collect()
    }

    /// The indexes in `argv` of the keys that a request names, in rising order. Of a malformed request, those that
    /// are there: a number of keys that is none gives none, one that is too high ends at the last argument.
    pub fn key_positions(&self, argv: &Argv) -> impl Iterator<Item = usize> + use<> {
        let mut stored = None;
        let mut named = [None; 2];
        let (destination, range) = match self.keys {
            Keys::None => (None, (0..0).step_by(1)),
            Keys::Range { first, last, step } => {
                let whole = if last < 0 { argv.len() } else { 0 };
                let end = whole.saturating_add_signed(last.saturating_add(1)).min(argv.len());
                (None, (first..end).step_by(step))
            }
            Keys::Counted { count_at, destination } => {
                let count = argv.get(count_at).and_then(parse_count).unwrap_or(0);
                let first = count_at + 1;
                let end = first.saturating_add(count).min(argv.len());
                (destination.filter(|&at| at < argv.len()), (first..end).step_by(1))
            }
            Keys::Streams { from } => {
                let is_word = |&at: &usize| argv[at].eq_ignore_ascii_case(b"STREAMS");
                let first = (from..argv.len()).find(is_word).map_or(argv.len(), |at| at + 1);
                (None, (first..first + (argv.len() - first) / 2).step_by(1))
            }
            Keys::Named { first, from, words } => {
                named = words.map(|word| value_of(argv, from, word));
                named.sort_unstable();
                (None, (first..argv.len().min(first + 1)).step_by(1))
            }
            Keys::Sorted => {
                stored = stored_at(argv);
                (None, (1..argv.len().min(2)).step_by(1))
            }
        };
        destination.into_iter().chain(range).chain(stored).chain(named.into_iter().flatten())
    }
}

/// The index of the cursor where `argv` starts an iteration (`SCAN 0`), and `None` for any other request.
pub fn start_of_iteration(argv: &Argv) -> Option<usize> {
    // Cheaper than looking up every command: only these two places hold a cursor.
    let zero = |at: usize| argv.get(at).is_some_and(reads_as_zero);
    if !zero(1) && !zero(2) {
        return None;
    }
    let command = lookup_request(argv).filter(|command| command.fidelity == Fidelity::Cursor)?;
    let at = match command.keys {
        Keys::Range { first, .. } | Keys::Named { first, .. } => first + 1,
        Keys::None | Keys::Counted { .. } | Keys::Sorted | Keys::Streams { .. } => 1,
    };
    zero(at).then_some(at)
}

/// True where the request may make its client wait for what others do. In a transaction none does.
pub fn may_block(argv: &Argv) -> bool {
    // Cheaper than looking up every command: no other begins so.
    if !argv.get(0).and_then(<[u8]>::first).is_some_and(|first| matches!(first | 0x20, b'b' | b'x' | b'w')) {
        return false;
    }
    lookup_request(argv).is_some_and(|command| match command.name {
        "XREAD" | "XREADGROUP" => argv.iter().any(|arg| arg.eq_ignore_ascii_case(b"BLOCK")),
        "WAIT" => true,
        _ => command.family == Family::Blocking,
    })
}

/// True for a cursor that Redis reads as 0: with C's `strtoul`, so `-0` and `00` are 0, nothing at all too, and a
/// zero byte ends the number.
fn reads_as_zero(arg: &[u8]) -> bool {
    let number = arg.split(|&byte| byte == 0).next().unwrap_or_default();
    match number {
        [] => true,
        [b'+' | b'-', digits @ ..] | digits => !digits.is_empty() && digits.iter().all(|&digit| digit == b'0'),
    }
}

/// Where the destination of a SORT is: behind its last STORE. The values of other options are none of its words.
fn stored_at(argv: &Argv) -> Option<usize> {
    let (mut at, mut stored) = (2, None);
    while let Some(word) = argv.get(at) {
        let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
        if is(b"STORE") && at + 1 < argv.len() {
            stored = Some(at + 1);
        }
        at += match () {
            () if is(b"LIMIT") => 3,
            () if is(b"GET") || is(b"BY") => 2,
            () => 1,
        };
    }
    stored
}

/// Where the value of the first option `word` is, from the argument `from` on.
fn value_of(argv: &Argv, from: usize, word: &str) -> Option<usize> {
    let at = (from..argv.len()).find(|&at| argv[at].eq_ignore_ascii_case(word.as_bytes()))?;
    (at + 1 < argv.len()).then_some(at + 1)
}

/// A number of keys as a request gives it.
fn parse_count(arg: &[u8]) -> Option<usize> {
    std::str::from_utf8(arg).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(request: &str, keys: &[&str]) {
        let argv: Argv = request.split(' ').collect();
        let command = lookup_request(&argv).unwrap_or_else(|| panic!("{request}: unknown command"));
        let want: Vec<&[u8]> = keys.iter().map(|key| key.as_bytes()).collect();
        assert_eq!(command.keys(&argv), want, "{request}");
    }

    #[test]
    fn keys_of_well_formed_requests() {
        check("GET a", &["a"]);
        check("rename a b", &["a", "b"]);
        check("DEL a b c", &["a", "b", "c"]);
        check("MSET a 1 b 2", &["a", "b"]);
        check("SINTERCARD 2 a b LIMIT 3", &["a", "b"]);
        check("ZUNIONSTORE d 2 a b WEIGHTS 1 2", &["d", "a", "b"]);
        check("ZRANGESTORE d s 0 -1", &["d", "s"]);
        check("KEYS *", &[]);
        check("XREAD COUNT 1 STREAMS a b 0 $", &["a", "b"]);
        check("XREADGROUP GROUP streams streams NOACK STREAMS a >", &["a"]);
        check("SORT l BY STORE STORE x STORE y LIMIT 1 STORE GET STORE", &["l", "y"]);
        check("OBJECT ENCODING k", &["k"]);
        check("GEORADIUS k 1 2 3 m COUNT 2", &["k"]);
        check("GEORADIUS k 1 2 3 m ASC storedist d", &["k", "d"]);
    }

    #[test]
    fn keys_of_malformed_requests() {
        check("GET", &[]);
        check("RENAME a", &["a"]);
        check("MSET a 1 b", &["a", "b"]);
        check("SINTERCARD 3 a", &["a"]);
        check("SINTERCARD 18446744073709551615 a b", &["a", "b"]);
        check("SINTERCARD 99999999999999999999 a b", &[]);
        check("SINTERCARD -1 a b", &[]);
        check("ZUNIONSTORE d", &["d"]);
        check("ZUNIONSTORE d x a b", &["d"]);
        check("ZUNIONSTORE", &[]);
        check("XREAD STREAMS", &[]);
        check("XREAD STREAMS a b 0", &["a"]);
        check("XREADGROUP GROUP STREAMS STREAMS a >", &[]);
        check("XREADGROUP GROUP g g c STREAMS a >", &["a"]);
        // Found by COMMAND GETKEYS where no well-formed request has them.
        check("GEORADIUS k 1 2 3 m STOREDIST a STORE b STORE c", &["k", "a", "b"]);
        check("GEORADIUS k 1 2 3 STORE x", &["k"]);
        check("GEORADIUSBYMEMBER k m 3 STORE x", &["k"]);
        check("GEORADIUS k 1 2 3 m STORE", &["k"]);
        check("GEORADIUS", &[]);
    }

    #[test]
    fn an_iteration_starts_at_whatever_reads_as_zero() {
        let check = |args: &[&[u8]], expected: Option<usize>| {
            assert_eq!(start_of_iteration(&args.iter().collect()), expected, "{args:?}");
        };
        check(&[b"SCAN", b"0"], Some(1));
        check(&[b"hscan", b"k", b"0", b"COUNT", b"3"], Some(2));
        check(&[b"HSCAN", b"0", b""], Some(2));
        check(&[b"SSCAN", b"k", b"-0"], Some(2));
        check(&[b"ZSCAN", b"k", b"00\0x"], Some(2));
        check(&[b"SCAN", b"17"], None);
        check(&[b"SCAN", b"+"], None);
        check(&[b"HSCAN", b"0", b"17"], None);
        check(&[b"LRANGE", b"k", b"0", b"0"], None);
    }

    #[test]
    fn arity_is_exact_or_the_least() {
        let accepted = |name: &str| -> Vec<usize> {
            let command = lookup(name.as_bytes()).unwrap_or_else(|| panic!("{name}: unknown command"));
            (1..6).filter(|&args| command.accepts(args)).collect()
        };
        assert_eq!(accepted("GET"), [2]);
        assert_eq!(accepted("SET"), [3, 4, 5]);
    }
}
