//! A redis-server of a test's own, gone when the test is.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use resp::{Argv, Decoder, Limits, Reply};
use tempfile::TempDir;

/// A running server on a unix socket in a temporary directory, with nothing in it.
pub struct Reference {
    child: Child,
    dir: TempDir,
}

impl Reference {
    /// Starts it and waits until it answers.
    pub fn start() -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket", "redis.sock"])
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("redis-server does not start ({error}): install Debian's redis-server"));
        let server = Self { child, dir };
        for _ in 0..500 {
            if server.client().get_connection().is_ok() {
                return server;
            }
            sleep(Duration::from_millis(10));
        }
        panic!("redis-server did not answer within 5 s");
    }

    /// A new connection.
    pub fn connect(&self) -> redis::Connection {
        self.client().get_connection().expect("redis-server accepts a connection")
    }

    /// A new connection that takes every reply: the `redis` crate refuses errors whose text is no UTF-8.
    pub fn connect_plain(&self) -> PlainConnection {
        let stream =
            UnixStream::connect(self.dir.path().join("redis.sock")).expect("redis-server accepts a connection");
        PlainConnection { stream, decoder: Decoder::new(Limits::default()) }
    }

    fn client(&self) -> redis::Client {
        let url = format!("unix://{}/redis.sock", self.dir.path().display());
        redis::Client::open(url).expect("a valid URL")
    }
}

/// See [`Reference::connect_plain`].
pub struct PlainConnection {
    stream: UnixStream,
    decoder: Decoder,
}

impl PlainConnection {
    /// Sends a request and returns its reply.
    pub fn call(&mut self, argv: &Argv) -> Reply {
        let mut request = Vec::new();
        argv.encode(&mut request);
        self.stream.write_all(&request).expect("redis-server reads");
        let mut bytes = [0; 64 * 1024];
        loop {
            if let Some(reply) = self.decoder.next_reply().expect("RESP") {
                return reply;
            }
            let count = self.stream.read(&mut bytes).expect("redis-server answers");
            assert!(count > 0, "redis-server closes the connection after {argv:?}");
            self.decoder.feed(&bytes[..count]);
        }
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        assert!(killed.is_ok(), "redis-server {} stays behind: {killed:?}", self.child.id());
    }
}
