//! Redlite's server in simulation, as a subject: `sim` and `sim:SEED`.

use redlite_dst::diff::Keyspace;
use redlite_dst::targets::{self, Session};
use redlite_dst::trace::{Act, FaultSpec, Op};
use resp::Reply;

use crate::cli::Place;
use crate::targets::{header, op, open, options};

/// Replays these on simulations of several seeds: each is an op, ` => `, and its reply.
#[track_caller]
fn check(lines: &[&str]) {
    for spec in ["sim", "sim:1", "sim:0xffffffffffffffff"] {
        crate::targets::check(&mut *open(spec), lines);
    }
}

#[test]
fn requests_of_a_pipeline_are_answered_in_their_order() {
    check(&[
        "SET k v => +OK",
        "get k => \"v\"",
        "LPUSH k a => -WRONGTYPE Operation against a key holding the wrong kind of value",
        "APPEND k w => 2",
        "SCAN 0 => [\"0\" [\"k\"]]",
        "SELECT 3 => +OK",
        "GET k => nil",
        "1> GET k => \"vw\"",
        "DBSIZE => 0",
    ]);
}

#[test]
fn a_transaction_is_one_connections_and_what_it_watches_ends_it() {
    check(&[
        "WATCH k => +OK",
        "MULTI => +OK",
        "INCR n => +QUEUED",
        "1> INCR n => 1",
        "EXEC => [2]",
        "WATCH k => +OK",
        "MULTI => +OK",
        "1> SET k w => +OK",
        "EXEC => NullArray",
    ]);
}

#[test]
fn a_blocked_client_is_served_by_another_or_its_time_is_over() {
    check(&[
        "1> BLPOP l 0 => Pending",
        "2> BLPOP l 5 => Pending",
        "RPUSH l a => 1",
        "1> await => [\"l\" \"a\"]",
        "2> await => Pending",
        "advance 5000 => +OK",
        "2> await => Pending",
        "advance 1 => +OK",
        "2> await => NullArray",
        "1> BLPOP l 1 => Pending",
        "advance 86400000000 => +OK",
        "1> await => NullArray",
    ]);
}

#[test]
fn a_subscriber_gets_what_is_published_meanwhile() {
    check(&[
        "1> SUBSCRIBE a b => [\"subscribe\" \"a\" 1] + [\"subscribe\" \"b\" 2]",
        "PUBLISH a x => 1",
        "PUBLISH b y => 1",
        "1> await => [\"message\" \"a\" \"x\"] + [\"message\" \"b\" \"y\"]",
        "1> close => +OK",
        "PUBLISH a x => 0",
    ]);
}

#[test]
fn the_clock_moves_by_the_trace_alone() {
    check(&[
        "SET k v PX 1500 => +OK",
        "TIME => [\"1700000000\" \"0\"]",
        "1> BLPOP l 0.5 => Pending",
        "advance 600 => +OK",
        "1> await => NullArray",
        "TIME => [\"1700000000\" \"600000\"]",
        "PTTL k => 900",
        "restart => +OK",
        "TIME => [\"1700000000\" \"600000\"]",
        "advance 901 => +OK",
        "GET k => nil",
    ]);
}

#[test]
fn what_was_answered_outlasts_a_restart_and_a_crash() {
    check(&[
        "SET k v => +OK",
        "MULTI => +OK",
        "SET l w => +QUEUED",
        "1> BLPOP m 0 => Pending",
        "restart => +OK",
        "1> await => ",
        "EXEC => -ERR EXEC without MULTI",
        "RPUSH m a => 1",
        "crash => +OK",
        "GET k => \"v\"",
        "LRANGE m 0 -1 => [\"a\"]",
        "GET l => nil",
    ]);
}

#[test]
fn a_connection_that_the_server_closes_is_opened_anew() {
    check(&[
        "raw PI => ",
        "raw NG\\r\\n*x\\r\\n => +PONG + -ERR Protocol error: invalid multibulk length + Closed",
        "GET k => nil",
        "QUIT => +OK",
        "SET k v => +OK",
        "1> CLIENT KILL TYPE normal => 1",
        "GET k => Closed",
        "GET k => \"v\"",
    ]);
}

#[test]
fn a_session_tells_its_keyspace_and_begins_anew() {
    let mut session = open("sim:3");
    let keys = |session: &mut dyn Session| session.keyspace().expect("a keyspace").unwrap_or_default().entries.len();
    crate::targets::check(
        &mut *session,
        &["SET k v => +OK", "1> MULTI => +OK", "2> SUBSCRIBE c => [\"subscribe\" \"c\" 1]"],
    );
    assert_eq!(session.out_of_step().expect("the simulation runs"), None);
    assert_eq!(keys(&mut *session), 1);
    crate::targets::check(&mut *session, &["1> EXEC => []", "advance 5 => +OK"]);
    session.reset(&header()).expect("a reset");
    assert_eq!(session.keyspace().expect("a keyspace"), Some(Keyspace::default()));
    crate::targets::check(&mut *session, &["TIME => [\"1700000000\" \"0\"]", "GET k => nil"]);
}

#[test]
fn what_it_cannot_do_is_told() {
    let fault = FaultSpec { name: "io_error".to_owned(), args: vec![0, 1, 0] };
    let ops = [op("SET k v"), Op { conn: 0, act: Act::Fault(fault) }];
    let error = open("sim").replay(&ops, &mut Vec::<Reply>::new()).expect_err("it injects no faults").to_string();
    assert!(error.contains("cannot inject the fault \"io_error\""), "{error}");
    for spec in ["sim:", "sim:x", "sim:18446744073709551616"] {
        let Err(error) = targets::parse(spec, &options()) else { panic!("{spec} must be refused") };
        assert!(error.to_string().contains("as in sim:7"), "{spec}: {error}");
    }
}

#[test]
fn it_answers_as_embedded_redlite_and_as_redis_did() {
    let place = Place::new();
    place.run("dst oracle --group all --seeds 5 --against redlite --subject sim:2").check(0, &["all agree"]);
    let traces = format!("{}/traces", env!("CARGO_MANIFEST_DIR"));
    let groups = ["blocking", "mixed", "protocol", "pubsub", "expiry", "streams", "transactions"];
    let named: Vec<String> = groups.iter().map(|group| format!("'{traces}/{group}-1.trace'")).collect();
    place.run(&format!("dst replay {} --subject sim", named.join(" "))).check(0, &["all agree", "7 traces"]);
}
