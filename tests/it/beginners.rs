//! Sessions on servers that are far from right: nothing is needed of one but a reply to one command.

use std::path::Path;
use std::time::{Duration, Instant};

use redlite_dst::campaign::preflight;
use redlite_dst::campaign::sessions::Sessions;
use redlite_dst::diff::{Entry, Keyspace, UNTOLD_KIND, UNTOLD_MS};
use redlite_dst::targets::{self, Session, TargetOptions};
use redlite_dst::trace::Op;
use resp::{Argv, Reply};

use crate::targets::{check, header};

const DEADLINE: Duration = Duration::from_secs(2);

/// The target of the beginner's server with these traits.
pub fn beginner(traits: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/servers/beginner.py");
    format!("exec:python3 '{}' {{port}} {traits}", script.display())
}

fn open(traits: &str) -> Box<dyn Session> {
    let options = TargetOptions { reply_deadline: DEADLINE, ..TargetOptions::default() };
    let target = targets::parse(&beginner(traits), &options).expect("a command");
    target.open(&header()).unwrap_or_else(|error| panic!("{traits}: {error}"))
}

/// What a key holds, as far as such a server tells.
fn entry(db: u32, key: &str, kind: &str, value: Reply) -> Entry {
    Entry { db, key: key.into(), kind: kind.to_owned(), value, details: None, expires_ms: Some(UNTOLD_MS) }
}

/// The keys that are told, without those of which not even that is known.
fn told(session: &mut dyn Session) -> Keyspace {
    let mut keyspace = session.keyspace().expect("a keyspace").expect("the keys that were named");
    keyspace.entries.retain(|entry| entry.kind != UNTOLD_KIND);
    keyspace
}

#[test]
fn six_commands_are_enough() {
    let mut session = open("");
    let notes = session.take_notes().join("\n");
    assert!(notes.contains("the keyspace is read by name") && notes.contains("removed by DEL"), "{notes}");
    check(&mut *session, &["SET s v => +OK", "LPUSH l a b => 2", "SELECT 1 => -ERR unknown command", "GET no => nil"]);
    let list = Reply::Array(vec![Reply::bulk("b"), Reply::bulk("a")]);
    let expected = Keyspace { entries: vec![entry(0, "l", "list", list), entry(0, "s", "string", Reply::bulk("v"))] };
    assert_eq!(told(&mut *session), expected);
    assert_eq!(session.out_of_step().expect("the server runs"), None);
    session.reset(&header()).expect("a reset");
    check(&mut *session, &["GET s => nil", "LRANGE l 0 -1 => []"]);
    assert_eq!(told(&mut *session), Keyspace::default());
}

#[test]
fn databases_are_read_by_name_as_well() {
    let mut session = open("select");
    check(&mut *session, &["SET k a => +OK", "SELECT 2 => +OK", "SET k b => +OK"]);
    let expected = [entry(0, "k", "string", Reply::bulk("a")), entry(2, "k", "string", Reply::bulk("b"))];
    assert_eq!(session.keyspace().expect("a keyspace"), Some(Keyspace { entries: expected.to_vec() }));
    session.reset(&header()).expect("a reset");
    check(&mut *session, &["GET k => nil", "SELECT 2 => +OK", "GET k => nil"]);
}

#[test]
fn a_server_that_keeps_its_keys_is_restarted() {
    let mut session = open("keeps");
    let notes = session.take_notes().join("\n");
    assert!(notes.contains("restarted between traces"), "{notes}");
    for _ in 0..2 {
        check(&mut *session, &["GET k => nil", "SET k v => +OK"]);
        session.reset(&header()).expect("a reset");
    }
}

#[test]
fn replies_in_pieces_are_not_waited_for() {
    let mut session = open("pieces");
    let started = Instant::now();
    for _ in 0..50 {
        check(&mut *session, &["SET k v => +OK", "1> GET k => \"v\"", "GET k => \"v\""]);
    }
    // 40 ms each, where an acknowledgement is delayed.
    assert!(started.elapsed() < Duration::from_secs(2), "150 replies take {:?}", started.elapsed());
}

#[test]
fn requests_go_out_one_by_one_to_a_server_that_forgets_the_others() {
    let mut session = open("one-a-packet");
    let started = Instant::now();
    check(&mut *session, &["SET k v => +OK", "GET k => \"v\"", "LPUSH l a => 1", "PING => +PONG"]);
    assert_eq!(session.keyspace().expect("a keyspace").map(|keyspace| keyspace.entries.len()), Some(2));
    session.reset(&header()).expect("a reset");
    check(&mut *session, &["GET k => nil", "PING => +PONG"]);
    assert!(started.elapsed() < DEADLINE, "nothing hangs");
    let notes = session.take_notes();
    assert_eq!(notes.iter().filter(|note| note.contains("one request a packet")).count(), 1, "{notes:?}");
}

#[test]
fn a_line_too_many_is_laid_to_the_command_that_sent_it() {
    let wrong = "LPUSH s a => -ERR no list + Closed";
    check(&mut *open("crlf pieces"), &["SET s v => +OK", wrong, "GET s => \"v\"", "GET s => \"v\""]);
    let mut session = open("crlf");
    check(&mut *session, &["SET s v => +OK", wrong, "GET s => \"v\"", "GET s => \"v\""]);
    session.reset(&header()).expect("a reset");
    check(&mut *session, &["SET s v => +OK"]);
    check(&mut *session, &[wrong]);
    check(&mut *session, &["GET s => \"v\""]);
    let notes = session.take_notes();
    assert!(notes.iter().any(|note| note.contains("no RESP")), "{notes:?}");
}

#[test]
fn a_hang_is_waited_for_once_a_command() {
    let mut session = open("mute late");
    let started = Instant::now();
    check(&mut *session, &["SET k v => +OK", "MUTE => Hung", "GET k => nil"]);
    assert!(started.elapsed() >= DEADLINE, "{:?} is less than the deadline", started.elapsed());
    let started = Instant::now();
    for _ in 0..3 {
        session.reset(&header()).expect("a reset");
        check(&mut *session, &["SET k v => +OK", "MUTE => Hung", "GET k => nil"]);
    }
    assert!(started.elapsed() < 3 * DEADLINE, "three more take {:?}", started.elapsed());
    session.reset(&header()).expect("a reset");
    // Suspicious, but no hang.
    check(&mut *session, &["SET k v => +OK", "LATE => +OK", "GET k => \"v\""]);
}

#[test]
fn a_server_that_ends_by_itself_is_started_again_and_nothing_is_laid_to_an_op() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    // Ways are found out with more commands than that.
    let mut session = open(&format!("mortal='{}'", dir.path().join("died").display()));
    check(&mut *session, &["SET k 1 => +OK"]);
    std::fs::remove_file(dir.path().join("died")).expect("it has died once");
    check(&mut *session, &["GET k => \"1\""]);
    for at in 0..20 {
        check(&mut *session, &[&format!("SET k {at} => +OK"), "GET other => nil"]);
        check(&mut *session, &[&format!("GET k => \"{at}\"")]);
    }
    assert!(dir.path().join("died").exists(), "it has died again");
    let notes = session.take_notes();
    assert!(notes.iter().any(|note| note.contains("exit status: 9")), "{notes:?}");
}

#[test]
fn a_command_that_kills_the_server_is_found_in_any_part_of_a_trace() {
    let mut session = open("fragile");
    check(&mut *session, &["SET k v => +OK"]);
    check(&mut *session, &["GET k => \"v\"", "FRAGILE => Closed", "GET k => nil"]);
    check(&mut *session, &["SET k v => +OK", "FRAGILE => Closed", "GET k => nil"]);
}

#[test]
fn a_start_that_fails_is_tried_again() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut session = open(&format!("clumsy='{}'", dir.path().join("started").display()));
    check(&mut *session, &["PING => +PONG"]);
    let notes = session.take_notes();
    assert!(notes.iter().any(|note| note.contains("tried again") && note.contains("not yet awake")), "{notes:?}");
}

#[test]
fn a_command_that_waits_is_known_by_its_silence() {
    for traits in ["blpop", "blpop clients"] {
        let mut session = open(traits);
        check(
            &mut *session,
            &[
                "1> BLPOP l 0 => Pending",
                "PING => +PONG",
                "1> await => Pending",
                "LPUSH l a => 1",
                "1> await => [\"l\" \"a\"]",
                "1> PING => +PONG",
            ],
        );
    }
}

/// What is found of the beginner's server with these traits, and how long that took.
fn preflight(traits: &str) -> (preflight::Preflight, Sessions, Duration) {
    let mut sessions = Sessions { reference: crate::targets::open("redis"), others: Vec::new(), subject: open(traits) };
    let started = Instant::now();
    let found = preflight::probe(&mut sessions, DEADLINE).unwrap_or_else(|error| panic!("{traits}: {error}"));
    (found, sessions, started.elapsed())
}

#[test]
fn a_preflight_tells_what_a_server_has() {
    let (found, mut sessions, took) = preflight("");
    let lines = found.describe();
    let commands = found.commands;
    assert!(lines[0].starts_with(&format!("subject: 6 of {commands} commands; no KEYS")), "{lines:?}");
    assert!(found.lacks.contains("FLUSHALL") && found.untried == 0 && found.failures.is_empty(), "{lines:?}");
    assert!(took < DEADLINE, "it takes {took:?}");
    for (request, expected) in [("GET k", true), ("lpush k a", true), ("KEYS *", false), ("NOSUCH k", true)] {
        let op = Op::call(0, request.split(' ').collect::<Argv>());
        assert_eq!(found.admits(&op), expected, "{request}");
    }
    for session in [&mut sessions.reference, &mut sessions.subject] {
        assert_eq!(session.keyspace().expect("a keyspace"), Some(Keyspace::default()));
    }
}

#[test]
fn a_preflight_finds_nothing_missing_in_redis() {
    let redis = || crate::targets::open("redis");
    let mut sessions = Sessions { reference: redis(), others: Vec::new(), subject: redis() };
    let found = preflight::probe(&mut sessions, Duration::from_secs(30)).expect("Redis answers");
    assert_eq!(found.describe(), [format!("subject: {0} of {0} commands", found.commands)]);
    assert!(found.commands > 200, "{} commands are tried", found.commands);
    let mut sessions = Sessions { reference: redis(), others: Vec::new(), subject: crate::targets::open("redlite") };
    let found = preflight::probe(&mut sessions, Duration::from_secs(30)).expect("Redlite answers");
    assert_eq!(found.describe(), [format!("subject: {0} of {0} commands", found.commands)]);
}
