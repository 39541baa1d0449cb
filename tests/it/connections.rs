//! Connections with more than one reply a request, or none: on a server, embedded, and in simulation.

use redlite_dst::targets::{self, Session, TargetOptions};
use resp::Reply;

use crate::cli::Place;
use crate::targets::{Foreign, check, header, op, open, options};

/// What has more than one reply at once, or none: on a server, embedded, and in simulation alike.
fn check_on_each(lines: &[&str]) {
    for spec in ["redis", "redlite", "sim", "sim:7"] {
        check(&mut *open(spec), lines);
    }
}

#[test]
fn a_subscriber_takes_all_that_came_until_its_own_reply() {
    check_on_each(&[
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
    check_on_each(&[
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
    check_on_each(&[
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
    for spec in ["redis", "redlite", "sim", "sim:7"] {
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
fn a_password_is_demanded_until_the_trace_is_over() {
    for spec in ["redis", "redlite", "sim", "sim:7"] {
        let mut session = open(spec);
        for _ in 0..2 {
            check(
                &mut *session,
                &[
                    "1> PING => +PONG",
                    "CONFIG SET requirepass pw => +OK",
                    "CONFIG GET requirepass => [\"requirepass\" \"pw\"]",
                    "1> PING => +PONG",
                    "2> PING => -NOAUTH Authentication required.",
                    "2> AUTH other pw => -WRONGPASS invalid username-password pair or user is disabled.",
                    "2> HELLO 3 AUTH default pw => Map",
                    "2> SET k v => +OK",
                    "RESET => +RESET",
                    "GET k => -NOAUTH Authentication required.",
                ],
            );
            assert_eq!(session.out_of_step().expect("it runs"), None, "{spec}: who is refused is in step");
            let held = session.keyspace().expect("a keyspace").expect("it tells its keys");
            assert_eq!(held.entries.len(), 1, "{spec} holds {held:?}");
            session.reset(&header()).expect("a reset");
            check(&mut *session, &["GET k => nil", "CONFIG GET requirepass => [\"requirepass\" \"\"]"]);
            session.reset(&header()).expect("a reset");
        }
    }
}

/// Who may do what while there is a password, while there is none, and while there is one again.
const PASSWORDS: &str = "# dst trace 3

CONFIG SET requirepass pw
@1 PING
@1 NOSUCH
@1 HELLO 3
@1 MULTI
@1 HELLO 3 AUTH default pw
@1 SET k v
@2 AUTH bad
@2 AUTH default pw
@2 RESET
@2 GET k
AUTH bad
GET k
CONFIG SET requirepass \"\"
CONFIG GET requirepass
@2 GET k
@3 GET k
@2 HELLO 3
@2 AUTH x
CONFIG SET requirepass \"\\xff \"
@2 GET k
@3 GET k
@4 QUIT
@5 AUTH \"\\xff \"
@5 CONFIG GET requirepass
";

#[test]
fn a_password_does_on_redlite_what_it_does_on_redis() {
    let place = Place::new();
    place.write("passwords.text", PASSWORDS);
    let line = "dst replay passwords.text --against redis --subject";
    place.run(&format!("{line} redlite")).check(0, &["all agree", "25 ops"]);
    place.run(&format!("{line} 'exec:dst serve --listen 127.0.0.1:{{port}}'")).check(0, &["all agree", "25 ops"]);
}

#[test]
fn what_a_trace_sets_is_as_it_was_for_the_next() {
    for spec in ["redis", "redlite", "sim", "sim:7"] {
        let mut session = open(spec);
        for _ in 0..2 {
            check(
                &mut *session,
                &[
                    "CONFIG SET hash-max-listpack-entries 0 MaxMemory-Samples 64 => +OK",
                    "raw *4\\r\\n$6\\r\\nCONFIG\\r\\n$3\\r\\nSET\\r\\n$7\\r\\ntimeout\\r\\n$1\\r\\n7\\r\\n => +OK",
                    "1> MULTI => +OK",
                    "1> CONFIG SET zset-max-listpack-value 0 => +QUEUED",
                    "1> EXEC => [+OK]",
                    "2> CONFIG GET hash-max-listpack-entries => [\"hash-max-listpack-entries\" \"0\"]",
                ],
            );
            session.reset(&header()).expect("a reset");
            check(
                &mut *session,
                &[
                    "CONFIG GET hash-max-listpack-entries => [\"hash-max-listpack-entries\" \"512\"]",
                    "CONFIG GET maxmemory-samples => [\"maxmemory-samples\" \"5\"]",
                    "CONFIG GET timeout => [\"timeout\" \"0\"]",
                    "CONFIG GET zset-max-listpack-value => [\"zset-max-listpack-value\" \"64\"]",
                ],
            );
            session.reset(&header()).expect("a reset");
        }
    }
}

/// Nobody may put back what this sets.
const STAYS: &[&str] = &["CONFIG SET timeout 7", "ACL SETUSER default -config|set"];

fn set_for_good(session: &mut dyn Session) {
    let mut replies = Vec::new();
    session.replay(&STAYS.iter().map(|line| op(line)).collect::<Vec<_>>(), &mut replies).expect("a replay");
    assert_eq!(replies, [Reply::ok(), Reply::ok()]);
}

#[test]
fn a_server_that_takes_no_setting_back_is_started_again() {
    let mut session = open("redis");
    for _ in 0..2 {
        set_for_good(&mut *session);
        session.reset(&header()).expect("a reset");
        check(&mut *session, &["SET k v => +OK", "CONFIG GET timeout => [\"timeout\" \"0\"]"]);
        session.reset(&header()).expect("a reset");
    }
}

#[test]
fn the_settings_of_a_server_that_was_given_over_are_put_back_or_it_says_which_are_not() {
    let foreign = Foreign::start();
    let options = TargetOptions { allow_flush: true, ..options() };
    let target = targets::parse(&foreign.spec(), &options).expect("it is given over");
    let mut session = target.open(&header()).expect("a session");
    check(&mut *session, &["CONFIG SET timeout 7 => +OK"]);
    session.reset(&header()).expect("a reset");
    assert_eq!(
        foreign.run(&["CONFIG", "GET", "timeout"]),
        Reply::Array(vec![Reply::bulk("timeout"), Reply::bulk("0")])
    );
    set_for_good(&mut *session);
    let error = session.reset(&header()).expect_err("nobody may put it back").to_string();
    assert!(error.contains("does not take its setting timeout back") && error.contains("set it to \"0\""), "{error}");
}

#[test]
fn raw_bytes_are_answered_by_all_that_they_bring() {
    check_on_each(&[
        "raw PING\\r\\nPING\\r\\n => +PONG + +PONG",
        "raw PI => ",
        "raw NG\\r\\n => +PONG",
        "PING => +PONG",
        "raw *1\\r\\n$x\\r\\n => -ERR Protocol error: invalid bulk length + Closed",
        "PING => +PONG",
    ]);
}
