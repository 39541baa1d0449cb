//! The server of a beginner, to test what dst makes of one: see `servers/evening.py`.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

struct Beginner {
    child: Child,
    port: u16,
}

impl Beginner {
    fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/servers/evening.py");
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr()).expect("a free port").port();
        let mut command = Command::new("python3");
        let child = command.arg(script).arg(port.to_string()).stdin(Stdio::null()).spawn().expect("python3 on PATH");
        let beginner = Self { child, port };
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < Duration::from_secs(10), "the server does not come up");
            thread::sleep(Duration::from_millis(5));
        }
        beginner
    }

    /// What is answered to one packet.
    fn check(&self, requests: &[&str], expected: &str) {
        let mut client = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let mut packet = Vec::new();
        for request in requests {
            request.split(' ').collect::<resp::Argv>().encode(&mut packet);
        }
        client.write_all(&packet).expect("it reads");
        client.shutdown(std::net::Shutdown::Write).expect("it is connected");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("it answers in ASCII");
        assert_eq!(answer, expected, "{requests:?}");
    }
}

impl Drop for Beginner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_knows_six_commands_and_gets_three_wrong() {
    let beginner = Beginner::start();
    beginner.check(&["PING"], "+PONG\r\n");
    beginner.check(&["PING hello"], "+PONG\r\n");
    beginner.check(&["ECHO a"], "-ERR unknown command\r\n");
    beginner.check(&["SET a v"], "+OK\r\n");
    beginner.check(&["GET a"], "$1\r\nv\r\n");
    beginner.check(&["GET"], "-ERR wrong number of arguments for 'get' command\r\n");
    // One request a packet: the second is lost.
    beginner.check(&["SET b w", "GET b"], "+OK\r\n");
    // The three bugs.
    beginner.check(&["INCR a"], ":1\r\n");
    beginner.check(&["DEL a b"], ":2\r\n");
    beginner.check(&["GET b"], "$1\r\nw\r\n");
    beginner.check(&["LPUSH l x"], ":1\r\n");
    beginner.check(&["LPUSH l y"], ":1\r\n");
    beginner.check(&["GET l"], "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    beginner.check(&["DEL l"], ":1\r\n");
    beginner.check(&["GET l"], "$-1\r\n");
}

/// What dst makes of it: the classes that it tells within 15 s.
#[test]
fn all_three_bugs_are_told() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/servers/evening.py");
    let subject = format!("exec:python3 '{}' {{port}}", script.display());
    let run = assert_cmd::Command::cargo_bin("dst")
        .expect("dst is built")
        .current_dir(place.path())
        .args(["oracle", "--budget", "15s", "--subject", &subject])
        .output()
        .expect("dst runs");
    let told = String::from_utf8_lossy(&run.stdout);
    let names = [
        "subject: 6 of ",
        "it answers one request a packet",
        "PING: it ignores its argument",
        "INCR exact error/int",
        "DEL keyspace extra-key",
        "LPUSH exact int-value",
    ];
    for name in names {
        assert!(told.contains(name), "{name} is missing in\n{told}");
    }
    assert!(!told.contains("LPUSH keyspace"), "no list can be read, so nothing is known of what it holds\n{told}");
}
