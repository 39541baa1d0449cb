//! `exec:COMMAND`: any server that a command starts. Its clock is real; with `frozen:COMMAND` it is dst's, where the
//! server takes the time from the C library and is linked dynamically.

use std::path::Path;

use super::clock::{Clock, FrozenClock, tells};
use super::process::{Launch, ServerDir};
use super::real_time::RealTime;
use super::server::Server;
use super::spawned::find_program;
use super::wire::WireSession;
use super::{Session, Target, TargetError, TargetOptions};
use crate::trace::{Header, TargetInfo};

/// A server that dst starts for each session.
struct Exec {
    launch: Launch,
    is_frozen: bool,
    options: TargetOptions,
}

/// `exec:COMMAND`
pub(super) fn command(text: &str, options: &TargetOptions) -> Result<Box<dyn Target>, TargetError> {
    Ok(Box::new(Exec::new(text, false, options)?))
}

/// `frozen:COMMAND`
pub(super) fn frozen(text: &str, options: &TargetOptions) -> Result<Box<dyn Target>, TargetError> {
    Ok(Box::new(Exec::new(text, true, options)?))
}

/// Programs that write to their working directory, which may be the user's, unless they are told another.
const WRITE_WHERE_THEY_ARE: &[&str] = &["redis-server", "valkey-server"];

/// Tells such a program to keep its files in the directory that dst makes for it, where nothing else is said.
fn keep_files_in_dir(program: &str, args: &mut Vec<String>) {
    let name = Path::new(program).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_told = args.iter().any(|arg| arg == "--dir" || arg.contains("{dir}") || arg.ends_with(".conf"));
    if WRITE_WHERE_THEY_ARE.contains(&name) && !is_told {
        args.extend(["--dir".to_owned(), "{dir}".to_owned()]);
    }
}

impl Exec {
    /// Splits the command as a shell does; no shell runs it.
    fn new(text: &str, is_frozen: bool, options: &TargetOptions) -> Result<Self, TargetError> {
        let bad = |why| TargetError::BadCommand { command: text.to_owned(), why };
        let mut words = shlex::split(text).ok_or_else(|| bad("a quote is not closed"))?;
        if words.is_empty() {
            return Err(bad("there is no command"));
        }
        let program = words.remove(0);
        if !words.iter().any(|word| word.contains("{port}") || word.contains("{socket}")) {
            return Err(bad("it must hold {port} or {socket}, where the server shall listen"));
        }
        // A program that is not there is named in the error only where it is run directly.
        keep_files_in_dir(&program, &mut words);
        let setpriv = find_program(&program, options).and_then(|_| find_program("setpriv", options));
        let launch = Launch { program: program.into(), args: words, setpriv, clean_up: None, env: Vec::new() };
        Ok(Self { launch, is_frozen, options: options.clone() })
    }

    /// Starts it in `dir`. What it holds from elsewhere is refused, unless the user gave it over.
    fn start(&self, launch: Launch, dir: ServerDir) -> Result<Server, TargetError> {
        let mut server = Server::start(launch, dir, self.options.reply_deadline)?;
        server.learn_pipelining();
        if !self.options.allow_flush {
            server.refuse_data()?;
        }
        Ok(server)
    }
}

/// Starts the server of `exec:COMMAND` in a directory of its own, and says what it is.
pub(super) fn start(text: &str, options: &TargetOptions) -> Result<(Server, TargetInfo), TargetError> {
    let exec = Exec::new(text, false, options)?;
    let server = exec.start(exec.launch.clone(), ServerDir::new()?)?;
    Ok((server, exec.info()))
}

impl Target for Exec {
    fn info(&self) -> TargetInfo {
        let program = Path::new(&self.launch.program);
        let name = program.file_name().unwrap_or(program.as_os_str()).display().to_string();
        TargetInfo { name, version: String::new() }
    }

    fn open(&self, header: &Header) -> Result<Box<dyn Session>, TargetError> {
        let dir = ServerDir::new()?;
        let mut launch = self.launch.clone();
        let frozen = if self.is_frozen { FrozenClock::new(&dir, header.start_ms, &mut launch.env)? } else { None };
        let mut server = self.start(launch, dir)?;
        if self.is_frozen && !tells(&mut server, header.start_ms) {
            return Err(TargetError::OwnClock { server: self.info().name });
        }
        let mut clock = frozen.map_or_else(|| Clock::Real(RealTime::new(header.start_ms)), Clock::Frozen);
        clock.try_request(&mut server)?;
        Ok(Box::new(WireSession::open(server, clock, header)?))
    }

    fn has_real_clock(&self) -> bool {
        !self.is_frozen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let outcome = command(text, &TargetOptions::default()).map(|target| target.info().name);
        assert_eq!(outcome.unwrap_or_else(|error| error.to_string()), expected, "{text}");
    }

    #[test]
    fn a_redis_writes_where_dst_says() {
        let check = |text: &str, expected: &str| {
            let exec = Exec::new(text, false, &TargetOptions::default()).expect("a command");
            assert_eq!(exec.launch.args.join(" "), expected, "{text}");
        };
        check("/opt/bin/redis-server --port {port}", "--port {port} --dir {dir}");
        check("valkey-server --port {port} --dir /data", "--port {port} --dir /data");
        check("redis-server my.conf --port {port}", "my.conf --port {port}");
        check("my-server {port}", "{port}");
    }

    #[test]
    fn commands_are_split_as_a_shell_does() {
        check("'/opt/my server/bin/store' --port {port}", "store");
        check("store --socket={socket}", "store");
        check("store 'oops {port}", "exec:store 'oops {port}: a quote is not closed");
        check("", "exec:: there is no command");
        check("store --port 7", "exec:store --port 7: it must hold {port} or {socket}, where the server shall listen");
    }
}
