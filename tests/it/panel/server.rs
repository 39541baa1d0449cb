//! The panel's process: a redis-server of its own, and a port where wrong answers are to be had.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use super::bugs::{self, Bug};
use super::exchange::Exchange;

/// How long the real server may take to listen.
const READY_WITHIN: Duration = Duration::from_secs(10);
/// How long a server lives that kills itself once a minute, unless `DST_PANEL_LIFETIME_S` says it.
const LIFETIME_S: u64 = 60;

/// How the process ends where it crashes.
pub const CRASHED: i32 = 9;

/// The bugs that are planted, for all clients.
pub struct Panel {
    bugs: RwLock<Arc<Vec<Bug>>>,
    memory: Mutex<BTreeSet<Vec<u8>>>,
}

impl Panel {
    fn new(bugs: Vec<Bug>) -> Self {
        Self { bugs: RwLock::new(Arc::new(bugs)), memory: Mutex::default() }
    }

    /// What is planted now.
    pub fn bugs(&self) -> Arc<Vec<Bug>> {
        Arc::clone(&self.bugs.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Plants others in place of them.
    pub fn swap(&self, text: &str) -> Result<(), String> {
        let bugs = Arc::new(bugs::parse(text)?);
        *self.bugs.write().unwrap_or_else(PoisonError::into_inner) = bugs;
        self.memory().clear();
        Ok(())
    }

    /// What bugs remember.
    pub fn memory(&self) -> MutexGuard<'_, BTreeSet<Vec<u8>>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the real server with its files in `dir`, and returns the socket that it listens on. It dies with the thread
/// that calls this, and this process with it.
fn start_redis(dir: &Path) -> io::Result<PathBuf> {
    let socket = dir.join("socket");
    // With a frozen clock the shim sees to it that the server dies with this thread; without, setpriv does.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", "redis-server", "--port", "0", "--save", "", "--appendonly", "no"]);
    command.arg("--unixsocket").arg(&socket).arg("--dir").arg(dir);
    // Its background thread spins where the clock stands still.
    command.args(["--latency-tracking", "no", "--jemalloc-bg-thread", "no"]).env("LC_ALL", "C");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
    let started = Instant::now();
    while UnixStream::connect(&socket).is_err() {
        if let Some(status) = child.try_wait()? {
            return Err(io::Error::other(format!("redis-server ended: {status}")));
        }
        if started.elapsed() > READY_WITHIN {
            return Err(io::Error::other("redis-server does not listen"));
        }
        thread::sleep(Duration::from_millis(1));
    }
    thread::spawn(move || {
        let status = child.wait();
        eprintln!("redis-server ended: {status:?}");
        process::exit(CRASHED);
    });
    Ok(socket)
}

/// Serves on `port` until the process is killed. At the socket `control`, where there is one, it can be told to plant
/// others: a line that names bugs, answered by `ok` or by what is wrong with it.
///
/// # Errors
/// Bugs that do not exist, and what the system refuses.
pub fn serve(port: u16, text: &str, control: Option<PathBuf>) -> io::Result<()> {
    // One that is started again in place of one that crashed has its bugs.
    let planted = control.as_ref().and_then(|control| fs::read_to_string(control.with_extension("bugs")).ok());
    let bugs = bugs::parse(planted.as_deref().unwrap_or(text)).map_err(io::Error::other)?;
    let panel = Arc::new(Panel::new(bugs));
    if let Some(control) = control {
        obey(&control, &panel)?;
    }
    let dir = tempfile::Builder::new().prefix("redis-").tempdir()?;
    let socket = start_redis(dir.path())?;
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    if panel.bugs().iter().any(|bug| bug.name() == "dies-once-a-minute") {
        let lifetime_s = env::var("DST_PANEL_LIFETIME_S").ok().and_then(|text| text.parse().ok()).unwrap_or(LIFETIME_S);
        thread::spawn(move || {
            thread::sleep(Duration::from_secs(lifetime_s));
            process::exit(CRASHED)
        });
    }
    for client in listener.incoming() {
        let (client, panel, socket) = (client?, Arc::clone(&panel), socket.clone());
        thread::spawn(move || {
            // A client or a server that is gone ends the exchange, and nothing else.
            if let Ok(mut exchange) = Exchange::open(client, &socket, panel) {
                exchange.serve();
            }
        });
    }
    Ok(())
}

/// Plants what is asked for at the socket `control`, in a thread.
fn obey(control: &Path, panel: &Arc<Panel>) -> io::Result<()> {
    // The one before this process may have been killed.
    if let Err(why) = fs::remove_file(control)
        && why.kind() != io::ErrorKind::NotFound
    {
        return Err(why);
    }
    let (listener, panel) = (UnixListener::bind(control)?, Arc::clone(panel));
    let planted = control.with_extension("bugs");
    thread::spawn(move || {
        for asker in listener.incoming().flatten() {
            let mut line = String::new();
            if BufReader::new(&asker).read_line(&mut line).is_ok() {
                let swapped = panel.swap(line.trim());
                let noted = swapped.and_then(|()| fs::write(&planted, line.trim()).map_err(|why| why.to_string()));
                let answer = noted.map_or_else(|why| why, |()| "ok".to_owned());
                // Whoever asks may be gone.
                let _ = writeln!(&asker, "{answer}");
            }
        }
    });
    Ok(())
}

/// Asks the panel at the socket `control` to plant these bugs.
///
/// # Errors
/// What is wrong with them, and a panel that is not there.
pub fn plant(control: &Path, bugs: &str) -> io::Result<()> {
    let stream = UnixStream::connect(control)?;
    writeln!(&stream, "{bugs}")?;
    let mut answer = String::new();
    BufReader::new(&stream).read_line(&mut answer)?;
    if answer.trim() == "ok" { Ok(()) } else { Err(io::Error::other(answer.trim().to_owned())) }
}

/// The target spec that starts a panel with these bugs, by `exec` or `frozen`. Its files lie in the folder that dst gives
/// every server, so that they are gone with it.
pub fn spec(kind: &str, exe: &Path, bugs: &str, control: Option<&Path>) -> String {
    let control = control.map(|path| format!("DST_PANEL_CONTROL='{}' ", path.display())).unwrap_or_default();
    let test = "--exact panel::serve --nocapture";
    format!("{kind}:env TMPDIR={{dir}} {control}DST_PANEL={{port}}:{bugs} '{}' {test}", exe.display())
}

#[test]
fn the_real_server_dies_with_the_panel() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr()).expect("a free port").port();
    let mut panel = Command::new(std::env::current_exe().expect("the test knows its file"))
        .args(["--exact", "panel::serve", "--nocapture"])
        .env("DST_PANEL", format!("{port}:none"))
        .env("TMPDIR", dir.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("the panel starts");
    let within = |what: &str, is_so: &dyn Fn() -> bool| {
        let started = Instant::now();
        while !is_so() {
            assert!(started.elapsed() < READY_WITHIN, "{what}");
            thread::sleep(Duration::from_millis(5));
        }
    };
    within("the panel listens", &|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let folder = fs::read_dir(dir.path()).expect("a folder").flatten().next().expect("the real server's").path();
    let socket = folder.join("socket");
    assert!(UnixStream::connect(&socket).is_ok(), "the real server listens at {}", socket.display());
    panel.kill().and_then(|()| panel.wait()).expect("the panel is killed");
    within("the real server is gone", &|| UnixStream::connect(&socket).is_err());
}

#[test]
fn time_stands_still_through_a_panel() {
    let exe = std::env::current_exe().expect("the test knows its file");
    crate::targets::check(
        &mut *crate::targets::open(&spec("frozen", &exe, "ttl-short@command=TTL", None)),
        &[
            "TIME => [\"1700000000\" \"0\"]",
            "SET k v PX 1500 => +OK",
            "TTL k => 1",
            "advance 1499 => +OK",
            "TIME => [\"1700000001\" \"499000\"]",
            "PTTL k => 1",
            "advance 2 => +OK",
            "GET k => nil",
        ],
    );
}
