//! What a server holds is read rightly although its reading commands are wrong.

use std::time::{Duration, Instant};

use redlite_dst::targets::Session;

use super::server::spec;
use crate::targets::{op, open};

/// Panels with these bugs, which give the replies of Redis to these ops, and hold the same.
fn check(bugs: &str, lines: &[&str]) -> Box<dyn Session> {
    let exe = std::env::current_exe().expect("the test knows its file");
    let (mut reference, mut subject) = (open("redis"), open(&spec("frozen", &exe, bugs, None)));
    let ops: Vec<_> = lines.iter().map(|line| op(line)).collect();
    for session in [&mut reference, &mut subject] {
        session.reset(&crate::targets::header()).expect("a reset");
    }
    let run = |session: &mut dyn Session| {
        let mut replies = Vec::new();
        session.replay(&ops, &mut replies).expect("it runs");
        (replies, session.keyspace().expect("a keyspace").expect("what it holds"))
    };
    let (want, got) = (run(reference.as_mut()), run(subject.as_mut()));
    assert_eq!(got.0, want.0, "{bugs}: replies");
    assert_eq!(got.1.entries.len(), want.1.entries.len(), "{bugs}: {got:?}");
    for (want, got) in want.1.entries.iter().zip(&got.1.entries) {
        // What only one command tells is not read in another way.
        assert_eq!(
            (got.kind.as_str(), &got.value, got.expires_ms),
            (want.kind.as_str(), &want.value, want.expires_ms),
            "{bugs}"
        );
    }
    subject
}

/// One key of each type, in two databases.
const KEYS: [&str; 9] = [
    "SET s v PX 5000",
    "RPUSH l a b c d e",
    "HSET h f v g w",
    "SADD u a b c d e",
    "ZADD z 1 a 2 b 3 c 4 d 5 e",
    "XADD x 1-1 f v",
    "SELECT 3",
    "SET s w",
    "SELECT 0",
];

#[test]
fn type_may_call_things_otherwise() {
    check("type-name@answer=string", &KEYS);
    check("type-name@answer=zset", &KEYS);
    check("type-name@answer=none", &KEYS);
}

#[test]
fn values_may_be_read_wrongly() {
    check("lrange-long@threshold=2", &KEYS);
    check("smembers-long@threshold=2", &KEYS);
    check("zrange-long@threshold=2", &KEYS);
    check("hgetall-long@threshold=1", &KEYS);
}

#[test]
fn times_may_be_told_wrongly() {
    check("ttl-short@command=PEXPIRETIME", &KEYS);
}

#[test]
fn a_connection_may_end_behind_each_error() {
    check("closes-after-errors", &KEYS);
    check("closes-after-errors,type-name@answer=none,no-key-command@command=SCAN,no-keys", &KEYS);
}

#[test]
fn a_listener_is_not_waited_for_where_ping_is_wrong() {
    let started = Instant::now();
    let lines: Vec<&str> = ["SUBSCRIBE c", "1> PUBLISH c x", "await", "PSUBSCRIBE d*", "1> PUBLISH d y"].repeat(20);
    check("ping-argument", &lines);
    // 100 ops, each of which would be waited for 50 ms on the subject.
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}
