//! How the server starts, whom it lets in, and how it stops.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use redlite::RedliteClient;
use resp::Reply;
use rustix::process::Signal;

use super::Server;
use crate::older_store::write_old_store;

/// Runs `dst serve` with arguments that it refuses; what it says.
fn refused(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_dst")).arg("serve").args(args).output().expect("dst runs");
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}

/// Sends `request` on a connection, and reads until the server closes it or `expected` has arrived.
fn check(mut stream: impl Read + Write, request: &str, expected: &str) {
    stream.write_all(request.as_bytes()).expect("the server takes it");
    let mut answer = vec![0; expected.len()];
    stream.read_exact(&mut answer).unwrap_or_else(|error| panic!("{request:?}: {error}"));
    assert_eq!(String::from_utf8_lossy(&answer), expected, "{request:?}");
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", server.port)).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    stream
}

#[test]
fn what_it_cannot_do_it_says_and_what_to_do() {
    let server = Server::start(&["--file", "{dir}/data.db"]);
    let address = format!("127.0.0.1:{}", server.port);
    assert_eq!(
        refused(&["--listen", &address]),
        format!(
            "dst: cannot listen on {address}: another process does already; stop that one, or choose another with \
             --listen or --unix"
        )
    );
    assert_eq!(
        refused(&["--listen", "0.0.0.0:0"]),
        "dst: 0.0.0.0:0 can be reached from other machines, and no password protects the data; set --password (or \
         DST_PASSWORD), listen on 127.0.0.1, or allow it with --unprotected"
    );
    let socket = server.socket().display().to_string();
    assert!(refused(&["--unix", &socket]).contains("another process does already"));
    let file = server.folder.path().join("data.db").display().to_string();
    assert_eq!(
        refused(&["--file", &file, "--listen", "127.0.0.1:0"]),
        format!(
            "dst: {file}: the store is open already, in this process or another; stop that one, or name another file"
        )
    );
    assert_eq!(
        refused(&["--unix", &file]),
        format!("dst: {file} is there already, and is not a socket; choose another path with --unix")
    );
    let foreign = env!("CARGO_MANIFEST_DIR").to_owned() + "/Cargo.toml";
    assert_eq!(
        refused(&["--file", &foreign]),
        format!(
            "dst: {foreign}: the file is something else than a store of Redlite; name another, or one that is not there yet"
        )
    );
}

#[test]
fn who_does_not_say_the_password_is_not_let_in() {
    let server = Server::start(&["--password", "secret", "--listen", "0.0.0.0:0"]);
    check(connect(&server), "GET k\r\n", "-NOAUTH Authentication required.\r\n");
    check(connect(&server), "AUTH wrong\r\n", "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    check(connect(&server), "AUTH secret\r\nGET k\r\nRESET\r\nGET k\r\n", "+OK\r\n$-1\r\n+RESET\r\n-NOAUTH ");
    check(connect(&server), "HELLO 3 AUTH default secret\r\nGET k\r\n", "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n");
    check(connect(&server), "*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n");
    // After the password in one pipeline.
    let eleven = format!("AUTH secret\r\n*11\r\n$3\r\nDEL\r\n{}", "$1\r\nk\r\n".repeat(10));
    check(connect(&server), &eleven, "+OK\r\n:0\r\n");
}

#[test]
fn a_password_can_be_changed_and_taken_away() {
    let server = Server::start(&["--password", "secret"]);
    let insider = connect(&server);
    check(&insider, "AUTH secret\r\nCONFIG GET requirepass\r\n", "+OK\r\n*2\r\n$11\r\nrequirepass\r\n$6\r\nsecret\r\n");
    check(&insider, "CONFIG SET requirepass other\r\nPING\r\n", "+OK\r\n+PONG\r\n");
    check(connect(&server), "AUTH secret\r\nAUTH other\r\n", "-WRONGPASS invalid username-password pair or user is ");
    check(connect(&server), "AUTH other\r\nPING\r\n", "+OK\r\n+PONG\r\n");
    check(&insider, "CONFIG SET requirepass \"\"\r\n", "+OK\r\n");
    check(connect(&server), "PING\r\n", "+PONG\r\n");
}

#[test]
fn there_are_no_more_clients_than_are_allowed() {
    let server = Server::start(&["--maxclients", "2"]);
    let (first, second) = (connect(&server), connect(&server));
    check(&first, "PING\r\n", "+PONG\r\n");
    check(&second, "PING\r\n", "+PONG\r\n");
    check(connect(&server), "", "-ERR max number of clients reached\r\n");
    drop(first);
    check(&second, "PING\r\n", "+PONG\r\n");
    check(connect(&server), "PING\r\n", "+PONG\r\n");
}

#[test]
fn what_has_arrived_is_answered_and_kept_when_it_stops() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("data.db");
        let server = Server::start(&["--file", &file.display().to_string()]);
        let socket = server.socket();
        let mut waiting = connect(&server);
        waiting.write_all(b"BLPOP none 0\r\n").expect("it takes it");
        let mut writing = UnixStream::connect(server.socket()).expect("it listens");
        let requests: String = (0..1000).map(|at| format!("RPUSH list {at}\r\n")).collect();
        writing.write_all(requests.as_bytes()).expect("it takes it");
        let (code, said) = server.stop(signal);
        assert_eq!((code, said.as_str()), (Some(0), ""), "{signal:?}");
        let mut answers = String::new();
        writing.read_to_string(&mut answers).expect("it is closed in good order");
        assert_eq!(answers.lines().last(), Some(":1000"), "{signal:?}");
        assert_eq!(waiting.read(&mut [0]).expect("it is closed in good order"), 0);
        assert!(!socket.exists(), "the socket is removed");
        let mut kept = RedliteClient::new_file(&file).expect("nobody has it open");
        assert_eq!(kept.execute(["LLEN", "list"]), Reply::Int(1000), "{signal:?}");
    }
}

#[test]
fn a_file_of_an_older_version_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write_old_store(folder.path());
    let server = Server::start(&["--file", &file.display().to_string()]);
    check(connect(&server), "GET string\r\nLLEN list\r\nINCR n\r\n", "$5\r\nhello\r\n:4\r\n:1\r\n");
    assert_eq!(server.stop(Signal::TERM), (Some(0), String::new()));
    assert_eq!(std::fs::read(&file).expect("the file")[20], 8, "its pages have checksums now");
}

#[test]
fn a_request_costs_no_more_memory_than_has_arrived() {
    let server = Server::start(&[]);
    let before_kib = server.resident_kib();
    let requests = ["*1\r\n$536870912\r\n", "*2147483647\r\n", "*2147483647\r\n$536870912\r\n"];
    let mut held = Vec::new();
    for request in requests.iter().cycle().take(90) {
        let mut stream = connect(&server);
        stream.write_all(request.as_bytes()).expect("it takes it");
        held.push(stream);
    }
    check(connect(&server), "PING\r\n", "+PONG\r\n");
    let grown_kib = server.resident_kib() - before_kib;
    assert!(grown_kib < 4096, "90 connections of a few bytes each take {grown_kib} KiB");
}

#[test]
fn a_subscriber_that_does_not_read_is_closed() {
    let server = Server::start(&[]);
    // The system holds little for a socket of this sort.
    let mut slow = UnixStream::connect(server.socket()).expect("it listens");
    check(&slow, "SUBSCRIBE news\r\n", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    let publisher = connect(&server);
    // 48 MB: more than a subscriber may be behind by.
    let publish = format!("*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$1000000\r\n{}\r\n", "x".repeat(1_000_000));
    let mut receivers = Vec::new();
    for _ in 0..48 {
        (&publisher).write_all(publish.as_bytes()).expect("it takes it");
        let mut answer = [0; 4];
        (&publisher).read_exact(&mut answer).expect("an answer");
        receivers.push(answer[1]);
    }
    assert!(receivers.starts_with(&[b'1'; 32]) && receivers.ends_with(b"0"), "{receivers:?}");
    let mut rest = Vec::new();
    // Cut off in the middle of a message, in whatever way the system says so.
    let _ = slow.read_to_end(&mut rest);
    assert!(rest.len() < 48_000_000, "{} bytes arrived", rest.len());
    assert!(server.resident_kib() < 128 << 10, "{} KiB", server.resident_kib());
}
