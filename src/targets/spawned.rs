//! `redis` and `valkey`: an ephemeral server that dst starts on a unix socket, with its clock frozen.

use std::env;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};

use super::clock::{Clock, FrozenClock, tells};
use super::process::{Launch, ServerDir};
use super::real_time::RealTime;
use super::server::Server;
use super::wire::WireSession;
use super::{Session, Target, TargetError, TargetOptions};
use crate::trace::{Header, TargetInfo};

/// Nothing is kept, and nothing but the trace's commands happens.
///
/// jemalloc's background thread waits by the clock: it spins where the clock is frozen in the past (measured: half of
/// all time on two cores).
const EPHEMERAL: [&str; 6] = ["--save", "", "--appendonly", "no", "--jemalloc-bg-thread", "no"];

/// No histogram of each command's latency. They took a tenth of Redis' time in a campaign (measured), as every CONFIG
/// RESETSTAT throws them away.
const UNTRACKED: [&str; 2] = ["--latency-tracking", "no"];

/// True for a server that knows the setting: from 7.0 on.
fn tracks_latency(info: &TargetInfo) -> bool {
    let major = info.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    matches!(info.name.as_str(), "redis" | "valkey") && major.is_some_and(|major| major >= 7)
}

/// A kind of server and where it is looked for.
struct Kind {
    name: &'static str,
    /// Names on PATH, in order.
    programs: &'static [&'static str],
    /// The image for Docker.
    image: &'static str,
}

const REDIS: Kind = Kind { name: "Redis", programs: &["redis-server", "valkey-server"], image: "redis:7.0" };
const VALKEY: Kind = Kind { name: "Valkey", programs: &["valkey-server"], image: "valkey/valkey:8.0" };

/// `redis`
pub(super) fn redis(_: &str, options: &TargetOptions) -> Result<Box<dyn Target>, TargetError> {
    match &options.redis {
        Some(given) if given.contains("://") || given.starts_with("unix:") => super::parse(given, options),
        Some(given) => redis_named(given, options),
        None => find(&REDIS, options),
    }
}

/// `valkey`
pub(super) fn valkey(_: &str, options: &TargetOptions) -> Result<Box<dyn Target>, TargetError> {
    find(&VALKEY, options)
}

/// `redis:PATH` or `redis:7.0`
pub(super) fn redis_named(name: &str, options: &TargetOptions) -> Result<Box<dyn Target>, TargetError> {
    find_named(&REDIS, name, options)
}

/// `valkey:PATH` or `valkey:8.0`
pub(super) fn valkey_named(name: &str, options: &TargetOptions) -> Result<Box<dyn Target>, TargetError> {
    find_named(&VALKEY, name, options)
}

fn find(kind: &Kind, options: &TargetOptions) -> Result<Box<dyn Target>, TargetError> {
    if let Some(program) = kind.programs.iter().find_map(|name| find_program(name, options)) {
        return Ok(Box::new(Spawned::program(program, options)?));
    }
    if let Some(docker) = find_docker(options) {
        return Ok(Box::new(Spawned::image(docker, kind, kind.image, options)));
    }
    Err(not_found(kind.name, kind.programs.join(" or "), kind.image))
}

/// Looks for a path, for a name on PATH, and for a version of `kind` on PATH and at Docker.
fn find_named(kind: &Kind, name: &str, options: &TargetOptions) -> Result<Box<dyn Target>, TargetError> {
    let server = kind.programs[0];
    let names = [name.to_owned(), format!("{server}-{name}"), format!("{server}{name}")];
    if let Some(program) = names.iter().find_map(|name| find_program(name, options)) {
        return Ok(Box::new(Spawned::program(program, options)?));
    }
    let repository = kind.image.split(':').next().unwrap_or(kind.image);
    let image = format!("{repository}:{name}");
    match find_docker(options) {
        Some(docker) if !name.contains('/') => Ok(Box::new(Spawned::image(docker, kind, &image, options))),
        _ => Err(not_found(&format!("{} at {name}", kind.name), names.join(" or "), &image)),
    }
}

fn not_found(wanted: &str, programs: String, image: &str) -> TargetError {
    TargetError::NotFound { wanted: wanted.to_owned(), programs, image: image.to_owned() }
}

/// The executable file at this path, or of this name on PATH.
pub(super) fn find_program(name: &str, options: &TargetOptions) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| is_executable(path));
    }
    let search_path = options.search_path.clone().or_else(|| env::var_os("PATH"))?;
    env::split_paths(&search_path).map(|dir| dir.join(name)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// Docker, where its daemon answers.
fn find_docker(options: &TargetOptions) -> Option<PathBuf> {
    let docker = find_program("docker", options)?;
    let mut ask = Command::new(&docker);
    ask.arg("version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    ask.status().is_ok_and(|status| status.success()).then_some(docker)
}

/// A server that dst starts for each session.
struct Spawned {
    info: TargetInfo,
    launch: Launch,
    /// False in a container, where the shim would need to fit another system, and where a real clock is asked for.
    frozen: bool,
    options: TargetOptions,
}

impl Spawned {
    fn program(program: PathBuf, options: &TargetOptions) -> Result<Self, TargetError> {
        let info = ask_version(&program)?;
        let place = ["--port", "0", "--unixsocket", "{socket}", "--dir", "{dir}"];
        let untracked = if tracks_latency(&info) { &UNTRACKED[..] } else { &[] };
        let args = place.iter().chain(&EPHEMERAL).chain(untracked).map(|&arg| arg.to_owned()).collect();
        // The shim sees to it that the server dies with dst; without it, setpriv does.
        let setpriv = if options.real_clock { find_program("setpriv", options) } else { None };
        let launch = Launch { program: program.into(), args, setpriv, clean_up: None, env: Vec::new() };
        Ok(Self { info, launch, frozen: !options.real_clock, options: options.clone() })
    }

    fn image(docker: PathBuf, kind: &Kind, image: &str, options: &TargetOptions) -> Self {
        let container = format!("dst-{}-{{port}}", process::id());
        let ports = "127.0.0.1:{port}:6379";
        let run = ["run", "--rm", "--name", &container, "--publish", ports, image, kind.programs[0]];
        let args = run.iter().chain(&EPHEMERAL).map(|&arg| arg.to_owned()).collect();
        let clean_up = Some(["rm", "--force", &container].map(str::to_owned).to_vec());
        let version = image.split_once(':').map_or("", |(_, tag)| tag).to_owned();
        let launch = Launch { program: docker.into(), args, setpriv: None, clean_up, env: Vec::new() };
        let info = TargetInfo { name: kind.name.to_lowercase(), version };
        Self { info, launch, frozen: false, options: options.clone() }
    }
}

impl Target for Spawned {
    fn info(&self) -> TargetInfo {
        self.info.clone()
    }

    /// It is started without snapshots and without a log.
    fn loses_data(&self) -> bool {
        true
    }

    fn open(&self, header: &Header) -> Result<Box<dyn Session>, TargetError> {
        let dir = ServerDir::new()?;
        let mut launch = self.launch.clone();
        // SORT ALPHA sorts in the order of the locale.
        launch.env.push(("LC_ALL".to_owned(), "C".into()));
        let frozen = match self.frozen {
            true => FrozenClock::new(&dir, header.start_ms, &mut launch.env)?,
            false => None,
        };
        let mut clock = frozen.map_or_else(|| Clock::Real(RealTime::new(header.start_ms)), Clock::Frozen);
        let mut server = Server::start(launch, dir, self.options.reply_deadline)?;
        server.set_answers_in_rounds();
        // On a port another's may answer; the socket is in a directory of dst's own.
        if !self.frozen && !self.options.allow_flush {
            server.refuse_data()?;
        }
        // A server that is linked statically does not load the shim.
        if matches!(clock, Clock::Frozen(_)) && !tells(&mut server, header.start_ms) {
            clock = Clock::Real(RealTime::new(header.start_ms));
        }
        clock.try_request(&mut server)?;
        Ok(Box::new(WireSession::open(server, clock, header)?))
    }

    fn has_real_clock(&self) -> bool {
        !self.frozen
    }
}

/// The name and the version, from `Redis server v=7.0.15 sha=…`. A program that says something else is named
/// after its file.
fn ask_version(program: &Path) -> Result<TargetInfo, TargetError> {
    let what = format!("cannot run {} --version", program.display());
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    let text = String::from_utf8_lossy(&output.map_err(TargetError::io(what))?.stdout).into_owned();
    Ok(parse_version(&text).unwrap_or_else(|| TargetInfo {
        name: program.file_name().unwrap_or(OsStr::new("redis")).display().to_string(),
        version: String::new(),
    }))
}

fn parse_version(text: &str) -> Option<TargetInfo> {
    let mut words = text.split_whitespace();
    let name = words.next()?.to_lowercase();
    let version = words.find_map(|word| word.strip_prefix("v="))?.to_owned();
    Some(TargetInfo { name, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(&str, &str)>) {
        let found = parse_version(text).map(|info| (info.name, info.version));
        assert_eq!(found, expected.map(|(name, version)| (name.to_owned(), version.to_owned())), "{text}");
    }

    #[test]
    fn versions_are_read_as_servers_print_them() {
        check("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", Some(("redis", "7.0.15")));
        check("Valkey server v=8.0.1 sha=00000000:0", Some(("valkey", "8.0.1")));
        check("redlite 1.0", None);
        check("", None);
    }
}
