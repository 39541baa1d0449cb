//! Histories made by hand that are linearizable, and that are not.

use super::history::History;
use super::linearizable::{TRIES_MAX, Verdict, judge};
use super::model::Model;

/// What a history of the table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Right,
    Wrong,
    Unknown,
}
use Is::{Right, Unknown, Wrong};

fn judged(text: &str, tries_max: usize) -> Verdict {
    let history = History::parse(text).unwrap_or_else(|error| panic!("{error} of\n{text}"));
    let mut model = Model::new().expect("a model");
    judge(&history, &mut model, tries_max).unwrap_or_else(|error| panic!("{error} of\n{text}"))
}

#[track_caller]
fn check(table: &[(&str, Is, &str)]) {
    for (name, expected, text) in table {
        let verdict = judged(text, TRIES_MAX);
        let found = match &verdict {
            Verdict::Linearizable => Right,
            Verdict::Violation { .. } => Wrong,
            Verdict::Unknown { .. } => Unknown,
        };
        assert_eq!(found, *expected, "{name}: {verdict:?} of\n{text}");
    }
}

#[test]
fn strings() {
    check(&[
        ("one after the other", Right, "1 [0..1] SET k 1  -> OK\n2 [2..3] GET k  -> \"1\""),
        ("a stale read", Wrong, "1 [0..1] SET k 1  -> OK\n2 [2..3] GET k  -> nil"),
        ("a read at the same time sees the old", Right, "1 [0..9] SET k 1  -> OK\n2 [2..3] GET k  -> nil"),
        ("a read at the same time sees the new", Right, "1 [0..9] SET k 1  -> OK\n2 [2..3] GET k  -> \"1\""),
        (
            "the new, and then the old",
            Wrong,
            "1 [0..9] SET k 1  -> OK\n2 [2..3] GET k  -> \"1\"\n3 [4..5] GET k  -> nil",
        ),
        (
            "the old, and then the new",
            Right,
            "1 [0..9] SET k 1  -> OK\n2 [2..3] GET k  -> nil\n3 [4..5] GET k  -> \"1\"",
        ),
        ("what nobody wrote", Wrong, "1 [0..9] SET k 1  -> OK\n2 [2..3] GET k  -> \"2\""),
        (
            "two writes in the order that reads tell",
            Right,
            "1 [0..9] SET k 1  -> OK\n2 [0..9] SET k 2  -> OK\n3 [1..2] GET k  -> \"2\"\n3 [3..4] GET k  -> \"1\"",
        ),
        (
            "two readers who see two writes in two orders",
            Wrong,
            "1 [0..9] SET k 1  -> OK\n2 [0..9] SET k 2  -> OK\n3 [10..11] GET k  -> \"1\"\n4 [12..13] GET k  -> \"2\"",
        ),
        ("keys that have nothing to do with each other", Right, "1 [0..1] SET a 1  -> OK\n2 [2..3] GET b  -> nil"),
        (
            "a wrong key beside a right one",
            Wrong,
            "1 [0..1] SET a 1  -> OK\n2 [2..3] GET a  -> \"1\"\n1 [4..5] SET b 1  -> OK\n2 [6..7] GET b  -> nil",
        ),
        (
            "a client's own order holds where times are the same",
            Wrong,
            "1 [0..0] SET k 1  -> OK\n1 [0..0] GET k  -> nil\n2 [0..0] GET x  -> nil",
        ),
        (
            "GETDEL gives a value to one",
            Right,
            "1 [0..1] SET k 1  -> OK\n2 [2..9] GETDEL k  -> \"1\"\n3 [2..9] GETDEL k  -> nil",
        ),
        (
            "GETDEL gives a value to two",
            Wrong,
            "1 [0..1] SET k 1  -> OK\n2 [2..9] GETDEL k  -> \"1\"\n3 [2..9] GETDEL k  -> \"1\"",
        ),
        ("SETNX lets one in", Right, "1 [0..9] SETNX k 1  -> 1\n2 [0..9] SETNX k 2  -> 0\n2 [10..11] GET k  -> \"1\""),
        ("SETNX lets two in", Wrong, "1 [0..9] SETNX k 1  -> 1\n2 [0..9] SETNX k 2  -> 1"),
        ("half of an MSET", Wrong, "1 [0..9] MSET a 1 b 1  -> OK\n2 [1..2] MGET a b  -> [\"1\" nil]"),
        (
            "an MSET seen by one key first",
            Wrong,
            "1 [0..9] MSET a 1 b 1  -> OK\n2 [1..2] GET a  -> \"1\"\n2 [3..4] GET b  -> nil",
        ),
        (
            "a wrong type is told at its time",
            Right,
            "1 [0..9] RPUSH k a  -> 1\n2 [0..9] GET k  -> !\"WRONGTYPE Operation against a key holding the wrong kind of value\"",
        ),
    ]);
}

#[test]
fn counters() {
    check(&[
        ("each number once", Right, "1 [0..9] INCR n  -> 2\n2 [0..9] INCR n  -> 1\n3 [10..11] GET n  -> \"2\""),
        ("a number twice", Wrong, "1 [0..9] INCR n  -> 1\n2 [0..9] INCR n  -> 1"),
        ("a number left out", Wrong, "1 [0..9] INCR n  -> 1\n2 [0..9] INCR n  -> 3"),
        ("numbers against the clock", Wrong, "1 [0..1] INCR n  -> 2\n2 [2..3] INCR n  -> 1"),
        ("a lost update", Wrong, "1 [0..9] INCR n  -> 1\n2 [0..9] INCR n  -> 2\n3 [10..11] GET n  -> \"1\""),
        ("one was not answered, and counts", Right, "1 [0..] INCR n\n2 [1..2] INCR n  -> 2\n3 [3..4] GET n  -> \"2\""),
        (
            "one was not answered, and does not",
            Right,
            "1 [0..] INCR n\n2 [1..2] INCR n  -> 1\n3 [3..4] GET n  -> \"1\"",
        ),
        ("one that was not answered counts twice", Wrong, "1 [0..] INCR n\n2 [1..2] INCR n  -> 3"),
    ]);
}

#[test]
fn unanswered() {
    check(&[
        ("seen later", Right, "1 [0..] SET k 1\n2 [1..2] GET k  -> nil\n2 [30..40] GET k  -> \"1\""),
        ("never seen", Right, "1 [0..] SET k 1\n2 [1..2] GET k  -> nil\n2 [30..40] GET k  -> nil"),
        ("seen and then unseen", Wrong, "1 [0..] SET k 1\n2 [1..2] GET k  -> \"1\"\n2 [30..40] GET k  -> nil"),
        ("seen before it was sent", Wrong, "2 [1..2] GET k  -> \"1\"\n1 [3..] SET k 1"),
        ("nothing was answered", Right, "1 [0..] SET k 1\n2 [0..] GET k"),
        ("what a pop took is not known", Unknown, "1 [0..1] SADD t a b  -> 2\n2 [2..] SPOP t"),
    ]);
}

#[test]
fn lists() {
    check(&[
        ("pops in order", Right, "1 [0..1] RPUSH l a b  -> 2\n2 [2..3] LPOP l  -> \"a\"\n2 [4..5] LPOP l  -> \"b\""),
        (
            "pops out of order",
            Wrong,
            "1 [0..1] RPUSH l a b  -> 2\n2 [2..3] LPOP l  -> \"b\"\n2 [4..5] LPOP l  -> \"a\"",
        ),
        (
            "an element is served twice",
            Wrong,
            "1 [0..1] RPUSH l a  -> 1\n2 [2..9] LPOP l  -> \"a\"\n3 [2..9] LPOP l  -> \"a\"",
        ),
        (
            "an element is lost",
            Wrong,
            "1 [0..9] RPUSH l a  -> 1\n2 [0..9] RPUSH l b  -> 2\n3 [10..11] LRANGE l 0 -1  -> [\"a\"]",
        ),
        (
            "an element is in one list at a time",
            Wrong,
            "1 [0..1] RPUSH a x  -> 1\n1 [2..9] LMOVE a b LEFT RIGHT  -> \"x\"\n2 [3..4] LLEN b  -> 1\n2 [5..6] LLEN a  -> 1",
        ),
    ]);
}

#[test]
fn waits() {
    check(&[
        (
            "a wait is served",
            Right,
            "1 [0..9] BLPOP l 0  -> [\"l\" \"a\"]\n2 [5..6] RPUSH l a  -> 1\n2 [7..8] LLEN l  -> 0",
        ),
        ("a wait is served before the push", Wrong, "1 [0..3] BLPOP l 0  -> [\"l\" \"a\"]\n2 [5..6] RPUSH l a  -> 1"),
        (
            "two waits get one element",
            Wrong,
            "1 [0..9] BLPOP l 0  -> [\"l\" \"a\"]\n3 [0..9] BLPOP l 0  -> [\"l\" \"a\"]\n2 [5..6] RPUSH l a  -> 1",
        ),
        (
            "a wait ends with nothing",
            Right,
            "1 [0..1000005] BLPOP l 1  -> nil-array\n2 [1000003..1000006] RPUSH l a  -> 1",
        ),
        ("a wait ends with nothing a moment before its time", Right, "1 [0..999000] BLPOP l 1  -> nil-array"),
        ("a wait ends before its time", Wrong, "1 [0..9] BLPOP l 1  -> nil-array"),
        ("a wait is not served", Wrong, "1 [0..1000005] BLPOP l 1  -> nil-array\n2 [5..6] RPUSH l a  -> 1"),
        (
            "another was served",
            Right,
            "1 [0..1000005] BLPOP l 1  -> nil-array\n3 [2..7] BLPOP l 0  -> [\"l\" \"a\"]\n2 [5..6] RPUSH l a  -> 1",
        ),
        (
            "a wait begins though there is something",
            Wrong,
            "2 [0..1] RPUSH l a  -> 1\n1 [2..1000005] BLPOP l 1  -> nil-array\n2 [500000..500001] LPOP l  -> \"a\"",
        ),
        (
            "a wait for a stream is not served",
            Wrong,
            "1 [0..90005] XREAD BLOCK 90 STREAMS x 0  -> nil-array\n2 [5..6] XADD x 1-1 f v  -> \"1-1\"",
        ),
        (
            "a wait is for a list, and a string comes",
            Right,
            "1 [0..90005] BLPOP k 0.09  -> nil-array\n2 [5..6] SET k a  -> OK",
        ),
        (
            "a wait is for any of its keys",
            Right,
            "1 [0..9] BLPOP a b 0  -> [\"b\" \"y\"]\n2 [1..8] MULTI  -> OK\n2 [8..8] RPUSH b y  -> QUEUED\n\
             2 [8..8] RPUSH a x  -> QUEUED\n2 [8..9] EXEC  -> [1 1]",
        ),
    ]);
}

#[test]
fn other_types() {
    check(&[
        (
            "fields in any order",
            Right,
            "1 [0..1] HSET h a 1 b 2  -> 2\n2 [2..3] HGETALL h  -> [\"b\" \"2\" \"a\" \"1\"]",
        ),
        ("half of an HSET", Wrong, "1 [0..9] HSET h a 1 b 2  -> 2\n2 [2..3] HGETALL h  -> [\"a\" \"1\"]"),
        ("a field counts twice the same", Wrong, "1 [0..9] HINCRBY h c 1  -> 1\n2 [0..9] HINCRBY h c 1  -> 1"),
        ("a member is new once", Right, "1 [0..9] SADD t a  -> 1\n2 [0..9] SADD t a  -> 0"),
        ("a member is new twice", Wrong, "1 [0..9] SADD t a  -> 1\n2 [0..9] SADD t a  -> 1"),
        (
            "pops take either",
            Right,
            "1 [0..1] SADD t a b  -> 2\n2 [2..3] SPOP t  -> \"b\"\n2 [4..5] SMEMBERS t  -> [\"a\"]",
        ),
        (
            "a popped member is still there",
            Wrong,
            "1 [0..1] SADD t a b  -> 2\n2 [2..3] SPOP t  -> \"b\"\n2 [4..5] SCARD t  -> 2",
        ),
        ("nothing is picked of something", Wrong, "1 [0..1] SADD t a  -> 1\n2 [2..3] SRANDMEMBER t  -> nil"),
        (
            "a member in two sets",
            Wrong,
            "1 [0..1] SADD a m  -> 1\n1 [2..9] SMOVE a b m  -> 1\n2 [3..4] SINTER a b  -> [\"m\"]",
        ),
        ("scores add up", Right, "1 [0..9] ZINCRBY z 1 m  -> \"2\"\n2 [0..9] ZINCRBY z 1 m  -> \"1\""),
        ("a score is lost", Wrong, "1 [0..9] ZINCRBY z 1 m  -> \"1\"\n2 [0..9] ZINCRBY z 1 m  -> \"1\""),
        ("the least is popped", Right, "1 [0..1] ZADD z 1 a 2 b  -> 2\n2 [2..3] ZPOPMIN z  -> [\"a\" \"1\"]"),
        (
            "the greatest is popped as the least",
            Wrong,
            "1 [0..1] ZADD z 1 a 2 b  -> 2\n2 [2..3] ZPOPMIN z  -> [\"b\" \"2\"]",
        ),
        (
            "ids of a stream ascend",
            Right,
            "1 [0..9] XADD x 1-* f v  -> \"1-1\"\n2 [0..9] XADD x 1-* f w  -> \"1-0\"\n2 [10..11] XLEN x  -> 2",
        ),
        ("an id is given twice", Wrong, "1 [0..9] XADD x 1-* f v  -> \"1-0\"\n2 [0..9] XADD x 1-* f w  -> \"1-0\""),
        (
            "an id of the server's choice",
            Right,
            "1 [0..1] XADD x * f v  -> \"7-0\"\n2 [2..3] XRANGE x - +  -> [[\"7-0\" [\"f\" \"v\"]]]",
        ),
        ("such an id goes back", Wrong, "1 [0..1] XADD x * f v  -> \"7-0\"\n1 [2..3] XADD x * f w  -> \"6-0\""),
        (
            "all keys are joined by FLUSHALL",
            Wrong,
            "1 [0..1] SET k 1  -> OK\n2 [2..3] FLUSHALL  -> OK\n2 [4..5] GET k  -> \"1\"",
        ),
        ("DBSIZE counts all", Wrong, "1 [0..1] SET a 1  -> OK\n1 [2..3] SET b 1  -> OK\n2 [4..5] DBSIZE  -> 1"),
    ]);
}

/// MULTI, these requests queued, and EXEC with this reply, all of client 1 at these moments.
fn transaction(from: u64, until: u64, requests: &[&str], reply: &str) -> String {
    let queued: String = requests.iter().map(|request| format!("1 [{from}..{from}] {request}  -> QUEUED\n")).collect();
    format!("1 [{from}..{from}] MULTI  -> OK\n{queued}1 [{from}..{until}] EXEC  -> {reply}\n")
}

#[test]
fn transactions() {
    let both = transaction(0, 9, &["INCR a", "INCR b"], "[1 1]");
    let text = |parts: &[&str]| parts.concat();
    check(&[
        ("seen whole", Right, &text(&[&both, "2 [1..2] MGET a b  -> [\"1\" \"1\"]"])),
        ("not seen yet", Right, &text(&[&both, "2 [1..2] MGET a b  -> [nil nil]"])),
        ("seen in part", Wrong, &text(&[&both, "2 [1..2] MGET a b  -> [\"1\" nil]"])),
        (
            "seen in part, one key after the other",
            Wrong,
            &text(&[&both, "2 [1..2] GET a  -> \"1\"\n2 [3..4] GET b  -> nil"]),
        ),
        (
            "a stranger in between",
            Wrong,
            &text(&[&transaction(0, 9, &["INCR a", "INCR a"], "[1 3]"), "2 [1..2] INCR a  -> 2"]),
        ),
        (
            "a stranger before",
            Right,
            &text(&[&transaction(0, 9, &["INCR a", "INCR a"], "[2 3]"), "2 [1..2] INCR a  -> 1"]),
        ),
        ("too few replies", Wrong, &transaction(0, 9, &["INCR a", "INCR a"], "[1]")),
        ("not queued but done", Wrong, "1 [0..1] MULTI  -> OK\n1 [2..3] INCR a  -> 1"),
        (
            "discarded",
            Right,
            "1 [0..1] MULTI  -> OK\n1 [2..3] INCR a  -> QUEUED\n1 [4..5] DISCARD  -> OK\n2 [6..7] GET a  -> nil",
        ),
        (
            "discarded and done",
            Wrong,
            "1 [0..1] MULTI  -> OK\n1 [2..3] INCR a  -> QUEUED\n1 [4..5] DISCARD  -> OK\n2 [6..7] GET a  -> \"1\"",
        ),
        ("refused and done", Wrong, "1 [0..1] MULTI  -> OK\n1 [2..3] GET  -> !\"ERR wrong\"\n1 [4..5] EXEC  -> []"),
        (
            "refused",
            Right,
            "1 [0..1] MULTI  -> OK\n1 [2..3] GET  -> !\"ERR wrong\"\n1 [4..5] EXEC  -> !\"EXECABORT no\"",
        ),
        (
            "an EXEC without an answer",
            Right,
            "1 [0..1] MULTI  -> OK\n1 [2..3] INCR a  -> QUEUED\n1 [4..] EXEC\n2 [6..7] GET a  -> \"1\"",
        ),
    ]);
}

#[test]
fn watches() {
    let watch = "1 [0..1] WATCH k  -> OK\n1 [2..3] GET k  -> nil\n";
    let set = transaction(10, 19, &["SET k 1"], "[OK]");
    let given_up = transaction(10, 19, &["SET k 1"], "nil-array");
    let text = |parts: &[&str]| parts.concat();
    check(&[
        ("a watched key stays the same", Right, &text(&[watch, &set])),
        (
            "a watched key is written before EXEC",
            Wrong,
            &text(&[watch, "2 [4..5] SET k 2  -> OK\n", &set, "2 [20..21] GET k  -> \"1\""]),
        ),
        (
            "a watched key is written after EXEC",
            Right,
            &text(&[watch, "2 [4..25] SET k 2  -> OK\n", &set, "3 [26..27] GET k  -> \"2\""]),
        ),
        (
            "given up with a reason",
            Right,
            &text(&[watch, "2 [4..5] SET k 2  -> OK\n", &given_up, "2 [20..21] GET k  -> \"2\""]),
        ),
        ("given up without a reason", Wrong, &text(&[watch, "2 [4..5] GET k  -> nil\n", &given_up])),
        (
            "given up because of what was over before",
            Wrong,
            &text(&["2 [0..0] SET o 1  -> OK\n", "1 [1..2] WATCH o  -> OK\n", &given_up]),
        ),
        ("given up without a WATCH", Wrong, &given_up),
        (
            "given up and done",
            Wrong,
            &text(&[watch, "2 [4..5] SET k 2  -> OK\n", &given_up, "2 [20..21] GET k  -> \"1\""]),
        ),
        (
            "a WATCH ends with its EXEC",
            Right,
            &text(&[watch, "2 [4..5] SET k 2  -> OK\n", &given_up, &transaction(20, 29, &["SET k 3"], "[OK]")]),
        ),
        (
            "UNWATCH ends it, too",
            Right,
            &text(&[watch, "1 [4..4] UNWATCH  -> OK\n", "2 [4..5] SET k 2  -> OK\n", &set]),
        ),
    ]);
}

#[test]
fn what_cannot_be_judged_is_no_pass() {
    check(&[
        ("a key that expires", Unknown, "1 [0..1] SET k 1 EX 10  -> OK"),
        ("a time left", Unknown, "1 [0..1] TTL k  -> -2"),
        ("an iteration", Unknown, "1 [0..1] SCAN 0  -> [\"0\" []]"),
        ("another database", Unknown, "1 [0..1] SELECT 1  -> OK"),
        ("no command", Unknown, "1 [0..1] BREW tea  -> OK"),
        ("what no key holds", Right, "1 [0..1] PING  -> PONG\n1 [2..3] ECHO a  -> \"a\""),
    ]);
    let text = "1 [0..9] INCR n  -> 1\n2 [0..9] INCR n  -> 2\n3 [0..9] INCR n  -> 3";
    assert_eq!(judged(text, 100), Verdict::Linearizable);
    assert!(matches!(judged(text, 2), Verdict::Unknown { .. }), "two tries are too few");
}

#[test]
fn a_violation_is_told_by_the_calls_that_it_takes() {
    let text = "1 [0..1] SET k 1  -> OK\n2 [0..1] SET o 1  -> OK\n2 [2..3] GET k  -> \"1\"\n1 [4..5] SET k 2  -> OK\n\
                3 [6..7] GET k  -> \"1\"\n2 [8..9] GET k  -> \"2\"\n1 [10..11] SET k 3  -> OK";
    let Verdict::Violation { calls, last, .. } = judged(text, TRIES_MAX) else { panic!("a stale read is no order") };
    assert_eq!((calls, last), (vec![0, 3, 4], 4), "the writes, and the stale read");
}

/// What the model takes in and out again is the same to the byte: a write that changes nothing is seen as none.
#[test]
fn a_write_that_changes_nothing_disturbs_no_watch() {
    let cases = [
        ("SADD k c a b x 7", "SADD k a", 5, "0"),
        ("HSET k b 1 a 2", "HSETNX k a 3", 2, "0"),
        ("ZADD k 2 b 1 a 3.5 c", "ZADD k NX 9 a", 3, "0"),
        ("RPUSH k c b a", "LREM k 0 zz", 3, "0"),
    ];
    for (fill, write, count, reply) in cases {
        let transaction = transaction(6, 9, &["EXISTS k"], "[1]");
        let text = format!(
            "2 [0..0] {fill}  -> {count}\n1 [1..2] WATCH k  -> OK\n2 [3..4] {write}  -> {reply}\n{transaction}"
        );
        assert_eq!(judged(&text, TRIES_MAX), Verdict::Linearizable, "{text}");
    }
}
