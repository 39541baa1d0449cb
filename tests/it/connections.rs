//! Connections with more than one reply a request, or none: on a server, and embedded.

use crate::targets::{check, header, open};

/// What has more than one reply at once, or none, on a server and embedded alike.
fn check_on_both(lines: &[&str]) {
    for spec in ["redis", "redlite"] {
        check(&mut *open(spec), lines);
    }
}

#[test]
fn a_subscriber_takes_all_that_came_until_its_own_reply() {
    check_on_both(&[
        "1> SUBSCRIBE a b => [\"subscribe\" \"a\" 1] + [\"subscribe\" \"b\" 2]",
        "PUBLISH a x => 1",
        "PUBLISH b y => 1",
        "1> await => [\"message\" \"a\" \"x\"] + [\"message\" \"b\" \"y\"]",
        "1> await => ",
        "PUBLISH a z => 1",
        "1> UNSUBSCRIBE b => [\"message\" \"a\" \"z\"] + [\"unsubscribe\" \"b\" 1]",
        "1> RESET => +RESET",
        "PUBLISH a z => 0",
        "1> SET k v => +OK",
    ]);
}

#[test]
fn messages_reach_a_subscriber_in_a_transaction() {
    check_on_both(&[
        "1> HELLO 3 SETNAME a => Map",
        "1> SUBSCRIBE a => >[\"subscribe\" \"a\" 1]",
        "1> MULTI => +OK",
        "PUBLISH a x => 1",
        "1> await => >[\"message\" \"a\" \"x\"]",
        "PUBLISH a y => 1",
        "1> PING => >[\"message\" \"a\" \"y\"] + +QUEUED",
        "1> EXEC => [+PONG]",
    ]);
}

#[test]
fn a_blocked_client_is_pending_until_it_is_served_or_its_time_is_over() {
    check_on_both(&[
        "1> BLPOP l 0 => Pending",
        "1> await => Pending",
        "1> GET k => Pending",
        "2> BLPOP l 0 => Pending",
        "RPUSH l a => 1",
        "2> await => Pending",
        "1> await => [\"l\" \"a\"]",
        "1> BLPOP m 1 => Pending",
        "advance 1000 => +OK",
        "1> await => Pending",
        "advance 1 => +OK",
        "1> await => NullArray",
        "1> BLPOP l 0 => Pending",
        "2> close => +OK",
        "RPUSH l b => 1",
        "LLEN l => 0",
        "1> await => [\"l\" \"b\"]",
        "MULTI => +OK",
        "BLPOP l 0 => +QUEUED",
        "EXEC => [NullArray]",
    ]);
}

#[test]
fn a_client_that_is_gone_takes_nothing_in_the_next_trace() {
    for spec in ["redis", "redlite"] {
        let mut session = open(spec);
        for _ in 0..20 {
            check(
                &mut *session,
                &["1> BLPOP l 0 => Pending", "2> SUBSCRIBE a => [\"subscribe\" \"a\" 1]", "BLPOP l 0 => Pending"],
            );
            session.reset(&header()).expect("a reset");
            check(&mut *session, &["RPUSH l a => 1", "LLEN l => 1", "PUBLISH a x => 0"]);
            session.reset(&header()).expect("a reset");
        }
    }
}

#[test]
fn raw_bytes_are_answered_by_all_that_they_bring() {
    check_on_both(&[
        "raw PING\\r\\nPING\\r\\n => +PONG + +PONG",
        "raw PI => ",
        "raw NG\\r\\n => +PONG",
        "PING => +PONG",
        "raw *1\\r\\n$x\\r\\n => -ERR Protocol error: invalid bulk length + Closed",
        "PING => +PONG",
    ]);
}
