//! `dst serve`, as its users meet it: real clients, many connections, malformed requests, and how it starts and stops.

mod clients;
mod connections;
mod life;
mod malformed;
mod oracle;

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A reply that takes longer is lost. The half a second that the `redis` crate waits by itself may pass on a machine that
/// does much else.
const REPLY_WITHIN: Duration = Duration::from_secs(60);

/// A `dst serve` on a socket and on a free port of 127.0.0.1. It is killed when dropped.
pub struct Server {
    child: Child,
    log: BufReader<ChildStderr>,
    /// Its socket, and what else it keeps.
    folder: TempDir,
    pub port: u16,
}

impl Server {
    /// Starts one with these arguments, in which `{dir}` is a folder of its own, and waits until it listens.
    pub fn start(args: &[&str]) -> Self {
        Self::start_as(Command::new(env!("CARGO_BIN_EXE_dst")), args)
    }

    /// As [`Server::start`], where `dst` runs `dst` with the arguments that are added.
    pub fn start_as(mut dst: Command, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().display().to_string();
        let mut child = dst
            .args(["serve", "--listen", "127.0.0.1:0", "--unix", &format!("{dir}/socket")])
            .args(args.iter().map(|arg| arg.replace("{dir}", &dir)))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("dst runs");
        let log = BufReader::new(child.stderr.take().expect("its errors are read"));
        let mut server = Self { child, log, folder, port: 0 };
        let socket = server.socket().display().to_string();
        loop {
            let mut line = String::new();
            server.log.read_line(&mut line).expect("its errors are text");
            let address = line.strip_prefix("listening on ").and_then(|rest| rest.split("  ").next());
            match address.and_then(|address| address.rsplit(':').next()) {
                Some(path) if path == socket => return server,
                Some(port) if server.port == 0 => server.port = port.parse().expect("a port"),
                Some(_) => {}
                None => panic!("dst serve {args:?} does not listen: {line}"),
            }
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Asks it to stop, and waits until it has; its exit code and what it said.
    pub fn stop(mut self, signal: Signal) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
        let status = self.child.wait().expect("it ends");
        let mut said = String::new();
        self.log.read_to_string(&mut said).expect("its errors are text");
        (status.code(), said)
    }

    /// The memory that it occupies, in KiB.
    fn resident_kib(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the system tells");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error says that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
