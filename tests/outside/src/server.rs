//! A `redis-server` in a folder of its own, which ends with this program.

use std::error::Error;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

pub struct Server {
    process: Child,
    folder: PathBuf,
}

/// How often the server is asked whether it is there, and how long is waited in between.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);

impl Server {
    /// Redlite has no scripts: those commands are taken away from Redis, too.
    pub fn start() -> Result<Self, Box<dyn Error>> {
        let folder = std::env::temp_dir().join(format!("outside-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let mut command = Command::new("redis-server");
        command.current_dir(&folder).args(["--port", "0", "--unixsocket", "socket", "--save", ""]);
        for name in ["EVAL", "EVALSHA", "SCRIPT"] {
            command.args(["--rename-command", name, ""]);
        }
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let server = Self { process, folder };
        let client = redis::Client::open(server.url())?;
        for _ in 0..TRIES {
            if client.get_connection().is_ok() {
                return Ok(server);
            }
            sleep(PAUSE);
        }
        Err("redis-server does not start".into())
    }

    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.folder.join("socket").display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, and the folder be gone.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
