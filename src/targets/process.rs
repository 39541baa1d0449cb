//! Server processes that dst starts, and the directories they live in: none outlives its [`Process`].

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::net::{TcpListener, TcpStream};
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

use super::TargetError;
use super::connection::{Connection, Endpoint, Failure};
use resp::Argv;

/// How long a server may take until it answers PING.
const READY_WITHIN: Duration = Duration::from_secs(10);
/// How long a server may take to stop in good order.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// How much of a server's last words an error quotes.
const LOG_TAIL_BYTES: u64 = 2048;
/// How often a server is started that does not come up: another process may have been faster to take its port, or it
/// fails now and then.
const START_TRIES: u32 = 3;
/// How long it is waited after the first start that failed; twice as long after the next.
const START_PAUSE: Duration = Duration::from_millis(50);
/// How long a server may close each connection that PING comes on, until it counts as one that is up and knows no PING.
/// Docker does so for a container that is not up yet.
const REFUSES_WITHIN: Duration = Duration::from_secs(2);
/// How often a free port is asked for until it is one that nobody uses or is about to.
const PORT_CHOICES: usize = 100;

/// How to start a server. In its arguments `{dir}` stands for its data directory, `{socket}` for the socket it
/// shall listen on, and `{port}` for a free port on 127.0.0.1; where there is no `{socket}` it listens on the port.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    /// What to run.
    pub program: OsString,
    /// With these arguments.
    pub args: Vec<String>,
    /// util-linux's `setpriv`, where the system shall kill the server when dst itself is killed and can no longer do
    /// it. Processes that the server starts are not covered.
    pub setpriv: Option<PathBuf>,
    /// What to run with these arguments once the server is killed, where killing it leaves something.
    pub clean_up: Option<Vec<String>>,
    /// Variables for its environment.
    pub env: Vec<(String, OsString)>,
}

impl Launch {
    /// The command without its arguments.
    fn command(&self) -> Command {
        let Some(setpriv) = &self.setpriv else { return Command::new(&self.program) };
        let mut command = Command::new(setpriv);
        command.args(["--pdeathsig", "KILL", "--"]).arg(&self.program);
        command
    }
}

/// A directory for a server: its socket, its log, and `data/` for itself. Removed when dropped.
pub(super) struct ServerDir {
    dir: TempDir,
}

impl ServerDir {
    /// Makes the directory where the system keeps temporary files.
    pub fn new() -> Result<Self, TargetError> {
        let make = || {
            let dir = tempfile::Builder::new().prefix("dst-").tempdir()?;
            fs::create_dir(dir.path().join("data"))?;
            Ok(Self { dir })
        };
        make().map_err(TargetError::io("cannot make a temporary directory for the server"))
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Where the server keeps its files.
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    fn socket(&self) -> PathBuf {
        self.path().join("socket")
    }

    fn log(&self) -> PathBuf {
        self.path().join("log")
    }

    /// Removes every file of the server.
    pub fn clear_data(&self) -> Result<(), TargetError> {
        fs::remove_dir_all(self.data())
            .and_then(|()| fs::create_dir(self.data()))
            .map_err(TargetError::io("cannot empty the server's temporary directory"))
    }

    /// The end of what the server printed.
    pub fn last_words(&self) -> String {
        let read = || -> io::Result<String> {
            let mut log = File::open(self.log())?;
            let len = log.metadata()?.len();
            log.seek(SeekFrom::Start(len.saturating_sub(LOG_TAIL_BYTES)))?;
            let mut tail = Vec::new();
            log.take(LOG_TAIL_BYTES).read_to_end(&mut tail)?;
            Ok(String::from_utf8_lossy(&tail).trim().to_owned())
        };
        read().unwrap_or_default()
    }
}

/// The process groups of the servers that run.
static RUNNING: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn running() -> MutexGuard<'static, BTreeSet<i32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills every server that dst started, with all that it started, for a dst that ends at once. Their directories and
/// containers stay.
pub fn kill_all() {
    for group in running().iter().filter_map(|&group| Pid::from_raw(group)) {
        // An error says that the group is gone.
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Set where the user asked to stop: no server is started any more.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Kills every server that dst started, and lets none be started again: who waits for one goes on at once, with an
/// error.
pub fn end_all() {
    ENDING.store(true, Ordering::SeqCst);
    kill_all();
}

/// A server that has come up.
pub(super) struct Started {
    pub process: Process,
    pub endpoint: Endpoint,
    /// The starts that failed before, with the last words of each.
    pub failed: Vec<String>,
}

/// A running server. It is killed, with all that it started, and reaped when dropped.
pub(super) struct Process {
    child: Child,
    program: OsString,
    clean_up: Option<Vec<String>>,
    /// Given back last of all.
    _port: Option<Port>,
}

impl Process {
    /// Starts a server and waits until it answers. A start that fails is tried again, a few times.
    pub fn start(launch: &Launch, dir: &ServerDir) -> Result<Started, TargetError> {
        let start = || {
            if launch.args.iter().any(|arg| arg.contains("{socket}")) {
                // One that was killed has left its socket.
                let _ = fs::remove_file(dir.socket());
                return Self::start_at(Endpoint::Unix(dir.socket()), None, launch, dir);
            }
            let port = Port::take()?;
            Self::start_at(port.endpoint(), Some(port), launch, dir)
        };
        let mut failed = Vec::new();
        loop {
            match start() {
                Err(error @ TargetError::Start { .. }) if failed.len() + 1 < START_TRIES as usize => {
                    failed.push(format!("a start failed and was tried again: {error}"));
                    thread::sleep(START_PAUSE * failed.len() as u32);
                }
                outcome => return outcome.map(|(process, endpoint)| Started { process, endpoint, failed }),
            }
        }
    }

    /// Starts a server and kills it after `lived`, whatever it has come to by then.
    pub fn start_briefly(launch: &Launch, dir: &ServerDir, lived: Duration) -> Result<(), TargetError> {
        let process = if launch.args.iter().any(|arg| arg.contains("{socket}")) {
            Self::spawn_at(&Endpoint::Unix(dir.socket()), None, launch, dir)?
        } else {
            let port = Port::take()?;
            Self::spawn_at(&port.endpoint(), Some(port), launch, dir)?
        };
        thread::sleep(lived);
        drop(process);
        Ok(())
    }

    fn start_at(
        endpoint: Endpoint,
        port: Option<Port>,
        launch: &Launch,
        dir: &ServerDir,
    ) -> Result<(Self, Endpoint), TargetError> {
        if ENDING.load(Ordering::SeqCst) {
            return Err(TargetError::Ending);
        }
        let mut process = Self::spawn_at(&endpoint, port, launch, dir)?;
        process.await_ready(&endpoint, dir)?;
        Ok((process, endpoint))
    }

    fn spawn_at(
        endpoint: &Endpoint,
        port: Option<Port>,
        launch: &Launch,
        dir: &ServerDir,
    ) -> Result<Self, TargetError> {
        let fill = |arg: &String| fill_in(arg, dir, endpoint);
        let log = File::create(dir.log()).map_err(TargetError::io("cannot write the server's log"))?;
        let errors = log.try_clone().map_err(TargetError::io("cannot write the server's log"))?;
        let mut command = launch.command();
        command
            .args(launch.args.iter().map(fill))
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            // A group of its own: Ctrl-C must not end it before its last replies, and its children end with it.
            .process_group(0);
        let what = format!("cannot run {}", launch.program.display());
        let child = spawn(command).map_err(TargetError::io(what))?;
        running().insert(Pid::from_child(&child).as_raw_nonzero().get());
        let clean_up = launch.clean_up.as_ref().map(|args| args.iter().map(fill).collect());
        Ok(Self { child, program: launch.program.clone(), clean_up, _port: port })
    }

    fn await_ready(&mut self, endpoint: &Endpoint, dir: &ServerDir) -> Result<(), TargetError> {
        let started = Instant::now();
        let command = self.program.display().to_string();
        let mut refuses_since = None;
        loop {
            let left = READY_WITHIN.saturating_sub(started.elapsed());
            let greeting = greet(endpoint, left.max(Duration::from_millis(1)));
            // Also where something answers: it is another's server, where dst's own has ended.
            if let Some(status) = self.exited() {
                let why = format!("it ended at once ({status})");
                return Err(TargetError::Start { command, why, log: dir.last_words() });
            }
            if greeting == Greeting::Answered {
                return Ok(());
            }
            if greeting != Greeting::Closed || self.clean_up.is_some() {
                refuses_since = None;
            } else if refuses_since.get_or_insert_with(Instant::now).elapsed() > REFUSES_WITHIN {
                return Ok(());
            }
            if left.is_zero() {
                let why = format!("it did not answer PING on {endpoint} within {} s", READY_WITHIN.as_secs());
                return Err(TargetError::Unready { command, why, log: dir.last_words() });
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// How it ended, where it has.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to end, and kills it where it does not.
    pub fn stop(mut self) {
        // An error says that it has ended.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let asked = Instant::now();
        while self.exited().is_none() && asked.elapsed() < STOP_WITHIN {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Errors say that the group or the process is gone, which is what is wanted.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        // Once it is reaped, the number may be another's.
        running().remove(&Pid::from_child(&self.child).as_raw_nonzero().get());
        let _ = self.child.wait();
        if let Some(args) = &self.clean_up {
            let _ = Command::new(&self.program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
    }
}

/// True where a server at `endpoint` answers PING, with whatever it may be, but that it is still loading its data:
/// until then its store looks empty.
pub(super) fn answers(endpoint: &Endpoint, within: Duration) -> bool {
    greet(endpoint, within) == Greeting::Answered
}

/// What came of a PING.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Greeting {
    Answered,
    /// It let the client in, and closed the connection.
    Closed,
    Nothing,
}

fn greet(endpoint: &Endpoint, within: Duration) -> Greeting {
    let Ok(mut connection) = Connection::open(endpoint, within) else { return Greeting::Nothing };
    match connection.run_one(&Argv::from(["PING"])) {
        Ok(reply) if reply.error_code() != Some(b"LOADING") => Greeting::Answered,
        Err(Failure::Closed) => Greeting::Closed,
        _ => Greeting::Nothing,
    }
}

fn fill_in(arg: &str, dir: &ServerDir, endpoint: &Endpoint) -> String {
    let (socket, port) = match endpoint {
        Endpoint::Unix(path) => (path.display().to_string(), String::new()),
        Endpoint::Tcp(_, port) => (String::new(), port.to_string()),
    };
    arg.replace("{dir}", &dir.data().display().to_string()).replace("{socket}", &socket).replace("{port}", &port)
}

/// A port on 127.0.0.1 for one server: no other session is given it before it is dropped, and on Linux none of another dst
/// either. A server that is late to bind it would find that of another there, and dst take that one for its own.
struct Port {
    number: u16,
    #[cfg(target_os = "linux")]
    _claim: UnixListener,
}

impl Port {
    /// A port on which nothing listens.
    fn take() -> Result<Self, TargetError> {
        let failed = TargetError::io("cannot find a free port");
        let choose = || -> io::Result<Option<Self>> {
            let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            let is_free = TcpStream::connect(("127.0.0.1", port)).is_err() && Self::taken().insert(port);
            Ok(if is_free { Self::claim(port) } else { None })
        };
        let found = (0..PORT_CHOICES).find_map(|_| choose().transpose());
        found.unwrap_or_else(|| Err(io::ErrorKind::AddrInUse.into())).map_err(failed)
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Tcp("127.0.0.1".to_owned(), self.number)
    }

    /// Claims a port by a name of the machine's, which goes with the process that has it. `None` where another has.
    #[cfg(target_os = "linux")]
    fn claim(number: u16) -> Option<Self> {
        let name = SocketAddr::from_abstract_name(format!("redlite-dst/port/{number}"));
        let claim = name.and_then(|name| UnixListener::bind_addr(&name));
        if claim.is_err() {
            Self::taken().remove(&number);
        }
        claim.ok().map(|_claim| Self { number, _claim })
    }

    #[cfg(not(target_os = "linux"))]
    fn claim(number: u16) -> Option<Self> {
        Some(Self { number })
    }

    fn taken() -> MutexGuard<'static, BTreeSet<u16>> {
        static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
        // A set is sound after every one of its calls.
        TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        Self::taken().remove(&self.number);
    }
}

/// Spawns from a thread that lives as long as dst: a server asks to be killed when the thread that started it
/// ends (see `shim.c`), and the caller's thread may end before its session does.
fn spawn(command: Command) -> io::Result<Child> {
    type Job = (Command, Sender<io::Result<Child>>);
    static SPAWNER: OnceLock<Sender<Job>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (jobs, inbox) = channel::<Job>();
        thread::spawn(move || {
            for (mut command, answer) in inbox {
                // Where nobody waits for the answer, nobody wants the child either.
                if let Err(unsent) = answer.send(command.spawn())
                    && let Ok(mut child) = unsent.0
                {
                    let _ = child.kill().and_then(|()| child.wait());
                }
            }
        });
        jobs
    });
    let (answer, outcome) = channel();
    let gone = |_| io::Error::other("the thread that starts servers is gone");
    spawner.send((command, answer)).map_err(|_| gone(()))?;
    outcome.recv().map_err(|_| gone(()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_to_two_servers() {
        let ports: Vec<Port> = (0..300).map(|_| Port::take().expect("a free port")).collect();
        let distinct: BTreeSet<u16> = ports.iter().map(|port| port.number).collect();
        assert_eq!(distinct.len(), ports.len());
        let first = ports[0].number;
        assert!(Port::taken().contains(&first));
        #[cfg(target_os = "linux")]
        assert!(Port::claim(first).is_none(), "no other process can have it");
        drop(ports);
        assert!(!Port::taken().contains(&first), "a dropped port is free again");
        assert!(Port::claim(first).is_some(), "for others, too");
    }

    #[test]
    fn a_server_of_another_is_not_taken_for_one_that_ended() {
        let dir = ServerDir::new().expect("a directory");
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let other = thread::spawn(move || {
            use std::io::Write;
            // It answers only once dst's own server is gone, as one that is late to bind its port would be.
            let (mut client, _) = listener.accept()?;
            thread::sleep(Duration::from_millis(300));
            client.write_all(b"+PONG\r\n")
        });
        let launch =
            Launch { program: "false".into(), args: Vec::new(), setpriv: None, clean_up: None, env: Vec::new() };
        let outcome = Process::start_at(Endpoint::Tcp("127.0.0.1".to_owned(), port), None, &launch, &dir);
        let Err(error) = outcome.map(drop) else { panic!("another's server is adopted") };
        assert!(matches!(error, TargetError::Start { .. }), "{error}");
        other.join().expect("a thread ends").expect("the other server answers");
    }
}
