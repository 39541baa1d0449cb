//! `exec:COMMAND`: any server that a command starts. Its clock is real.

use std::path::Path;

use super::clock::Clock;
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
    options: TargetOptions,
}

/// Splits the command as a shell does; no shell runs it.
pub(super) fn command(text: &str, options: &TargetOptions) -> Result<Box<dyn Target>, TargetError> {
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
    let setpriv = find_program(&program, options).and_then(|_| find_program("setpriv", options));
    let launch = Launch { program: program.into(), args: words, setpriv, clean_up: None, env: Vec::new() };
    Ok(Box::new(Exec { launch, options: options.clone() }))
}

impl Target for Exec {
    fn info(&self) -> TargetInfo {
        let program = Path::new(&self.launch.program);
        let name = program.file_name().unwrap_or(program.as_os_str()).display().to_string();
        TargetInfo { name, version: String::new() }
    }

    fn open(&self, header: &Header) -> Result<Box<dyn Session>, TargetError> {
        let mut server = Server::start(self.launch.clone(), ServerDir::new()?, self.options.reply_deadline)?;
        if !self.options.allow_flush {
            server.refuse_data()?;
        }
        let clock = Clock::Real(RealTime::new(header.start_ms));
        Ok(Box::new(WireSession::open(server, clock, header)?))
    }

    fn has_real_clock(&self) -> bool {
        true
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
    fn commands_are_split_as_a_shell_does() {
        check("'/opt/my server/bin/store' --port {port}", "store");
        check("store --socket={socket}", "store");
        check("store 'oops {port}", "exec:store 'oops {port}: a quote is not closed");
        check("", "exec:: there is no command");
        check("store --port 7", "exec:store --port 7: it must hold {port} or {socket}, where the server shall listen");
    }
}
