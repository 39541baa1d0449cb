//! `dst serve` on disks that are full for real.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::older_store::write_old_store;
use crate::serve::Server;

/// A small file system in memory, mounted as long as this lives.
struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Why there is none, where it cannot be mounted. Under CI that is a failure.
    fn mount(kib: u32) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"])
            .arg(folder.path())
            .output()
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(Self { folder });
        }
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.folder.path()).status();
    }
}

/// A connection that sends inline commands.
struct Connection {
    stream: TcpStream,
    replies: BufReader<TcpStream>,
}

impl Connection {
    fn new(server: &Server) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", server.port)).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        let replies = BufReader::new(stream.try_clone().expect("a handle"));
        Self { stream, replies }
    }

    /// The first line of the reply, and for a bulk its bytes.
    fn ask(&mut self, line: &str) -> String {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).expect("it takes it");
        let mut read = || {
            let mut line = String::new();
            self.replies.read_line(&mut line).expect("an answer");
            line.trim_end().to_owned()
        };
        match read() {
            head if head.starts_with('$') && head != "$-1" => read(),
            head => head,
        }
    }
}

/// What was acknowledged: key `k0`, `k1` and so on hold values of this many bytes.
struct Held {
    keys: usize,
    value: String,
}

impl Held {
    /// Writes keys until one is refused; the refusal.
    fn fill(&mut self, connection: &mut Connection) -> String {
        loop {
            let reply = connection.ask(&format!("SET k{} {}", self.keys, self.value));
            if reply != "+OK" {
                return reply;
            }
            self.keys += 1;
            assert!(self.keys < 10_000, "it is not full");
        }
    }

    fn check(&self, connection: &mut Connection, when: &str) {
        assert_eq!(connection.ask("DBSIZE"), format!(":{}", self.keys), "{when}");
        for key in 0..self.keys {
            assert!(connection.ask(&format!("GET k{key}")) == self.value, "{when}: k{key}");
        }
    }
}

fn server_on(file: &Path) -> (Server, Connection) {
    let server = Server::start(&["--file", &file.display().to_string()]);
    let connection = Connection::new(&server);
    (server, connection)
}

const NO_SPACE: &str = "-MISCONF Errors writing to the store: No space left on device (os error 28)";

#[test]
fn a_full_disk_stops_writes_until_there_is_room() {
    let disk = match SmallDisk::mount(2048) {
        Ok(disk) => disk,
        Err(reason) => {
            assert!(std::env::var_os("CI").is_none(), "no small disk can be mounted: {reason}");
            return println!("NOT TESTED, as no small disk can be mounted, which takes root: {reason}");
        }
    };
    let (file, other) = (disk.path("store.db"), disk.path("other"));
    fs::write(&other, vec![1; 256 << 10]).expect("there is room");
    let (server, mut connection) = server_on(&file);
    let mut held = Held { keys: 0, value: "v".repeat(3000) };
    assert_eq!(held.fill(&mut connection), NO_SPACE);
    assert!(held.keys > 200, "the disk is full after {} keys of 3000 bytes", held.keys);
    held.check(&mut connection, "full");
    assert_eq!(connection.ask(&format!("MSET k0 w other {}", "v".repeat(100_000))), NO_SPACE);
    held.check(&mut connection, "a write was refused");

    // What is deleted makes room.
    for _ in 0..20 {
        held.keys -= 1;
        assert_eq!(connection.ask(&format!("DEL k{}", held.keys)), ":1", "k{}", held.keys);
    }
    let before = held.keys;
    assert_eq!(held.fill(&mut connection), NO_SPACE);
    assert!(held.keys > before + 10, "{before} keys became {}", held.keys);

    // So does what others take away.
    fs::remove_file(&other).expect("it is there");
    let before = held.keys;
    assert_eq!(held.fill(&mut connection), NO_SPACE);
    assert!(held.keys > before + 30, "{before} keys became {}", held.keys);

    // Killed and started again while the disk is full.
    drop(server);
    let (server, mut connection) = server_on(&file);
    held.check(&mut connection, "after SIGKILL");
    assert_eq!(connection.ask("FLUSHALL"), "+OK");
    held.keys = 0;
    assert_eq!(held.fill(&mut connection), NO_SPACE);
    assert!(held.keys > 200, "{} keys", held.keys);
    assert_eq!(server.stop(rustix::process::Signal::TERM), (Some(0), String::new()));
    let (_server, mut connection) = server_on(&file);
    held.check(&mut connection, "after it was stopped");
}

/// `dst` with files of no more than so many units of 512 bytes.
fn limited_to(units: u32) -> Command {
    let mut limited = Command::new("sh");
    // Whoever runs the tests may have the signal ignored already, and a shell cannot take that back.
    let script = format!(
        "ulimit -f {units}; env --default-signal=XFSZ true && exec env --default-signal=XFSZ \"$0\" \"$@\"; \
         exec \"$0\" \"$@\""
    );
    limited.args(["-c", &script, env!("CARGO_BIN_EXE_dst")]);
    limited
}

#[test]
fn a_file_that_may_not_grow_stops_writes_and_not_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("store.db");
    // A copy with checksums does not fit: it says so, where the system's signal would end it.
    let other_folder = tempfile::tempdir().expect("a folder");
    let old = write_old_store(other_folder.path());
    let refused = limited_to(100).args(["serve", "--file"]).arg(&old).output().expect("dst runs");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{:?} {said}", refused.status);
    assert!(said.ends_with("the disk has no room for them; make room, and start again\n"), "{said}");
    let server = Server::start_as(limited_to(2000), &["--file", &file.display().to_string()]);
    let mut connection = Connection::new(&server);
    let mut held = Held { keys: 0, value: "v".repeat(3000) };
    let refusal = "-MISCONF Errors writing to the store: File too large (os error 27)";
    assert_eq!(held.fill(&mut connection), refusal);
    held.check(&mut connection, "no file may grow");
    for _ in 0..20 {
        held.keys -= 1;
        assert_eq!(connection.ask(&format!("DEL k{}", held.keys)), ":1", "k{}", held.keys);
    }
    assert_eq!(held.fill(&mut connection), refusal);
    drop(server);
    let (_server, mut connection) = server_on(&file);
    held.check(&mut connection, "after SIGKILL");
    assert_eq!(connection.ask(&format!("SET k{} {}", held.keys, held.value)), "+OK", "there is no limit any more");
}
