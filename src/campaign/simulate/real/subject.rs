//! What `--real` loads: a server that dst starts, or the simulation.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use super::history::History;
use super::script::Rows;
use super::{drive, script, within};
use crate::campaign::{CampaignError, files};
use crate::diff::rules;
use crate::report::Report;
use crate::seed::Seed;
use crate::targets::live::{Address, LiveServer};
use crate::targets::simulated::Canary;
use crate::targets::{TargetError, TargetOptions};
use resp::{Argv, Reply};

/// What is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A server, by the command that starts it.
    Command(String),
    /// Redlite in simulation.
    Simulation,
}

impl Subject {
    /// The one that the command line names. A server that dst may not empty is none.
    ///
    /// # Errors
    /// What is wrong with another, and what to name instead.
    pub fn parse(subject: &str) -> Result<Self, String> {
        if subject == "sim" {
            return Ok(Self::Simulation);
        }
        let redis = |program: &str| {
            format!("{} --port {{port}} --dir {{dir}} --save '' --appendonly no", files::quote(program))
        };
        let program = |kind: &str, server: &'static str| match subject.strip_prefix(kind)? {
            "" => Some(server),
            rest => rest.strip_prefix(':').filter(|path| !path.starts_with("//")),
        };
        if let Some(command) = subject.strip_prefix("exec:") {
            return Ok(Self::Command(command.to_owned()));
        }
        let program = program("redis", "redis-server").or_else(|| program("valkey", "valkey-server"));
        program.map(|program| Self::Command(redis(program))).ok_or_else(|| {
            "--real takes a server that dst starts, as it empties it for each seed: name exec:COMMAND, redis, \
             redis:PATH, valkey, valkey:PATH or sim after --subject"
                .to_owned()
        })
    }
}

/// A subject at work.
pub(super) enum Running {
    Server(Box<LiveServer>),
    Simulation(Option<&'static Canary>),
}

impl Running {
    /// `canary` is the slip that the simulation has.
    ///
    /// # Errors
    /// Where the server does not start.
    pub fn start(
        subject: &Subject,
        targets: &TargetOptions,
        canary: Option<&'static Canary>,
    ) -> Result<Self, CampaignError> {
        Ok(match subject {
            Subject::Command(command) => Self::Server(Box::new(LiveServer::start(command, targets)?)),
            Subject::Simulation => Self::Simulation(canary),
        })
    }

    /// What it is, for people.
    pub fn name(&self) -> String {
        match self {
            Self::Server(server) => server.info().to_string(),
            Self::Simulation(_) => crate::campaign::simulate::SUBJECT.to_owned(),
        }
    }

    /// The rows of which it knows every command.
    ///
    /// # Errors
    /// Where it does not answer.
    pub fn answered_rows(&mut self, report: &mut Report) -> Result<Vec<Rows>, CampaignError> {
        match self {
            Self::Server(server) => rows_of(&server.address(), report),
            Self::Simulation(_) => script::known(|_| Ok(true)),
        }
    }

    /// Runs the requests of each client at the same time, and `reads` when all are done, on an empty store.
    ///
    /// # Errors
    /// Infrastructure only.
    pub fn drive(
        &mut self,
        seed: Seed,
        clients: &[Vec<Argv>],
        reads: &[Argv],
        stop: &AtomicBool,
    ) -> Result<History, CampaignError> {
        self.renew()?;
        match self {
            Self::Simulation(canary) => within::drive(seed, clients, reads, *canary),
            Self::Server(server) => {
                let history = drive::drive(&server.address(), clients, reads, stop);
                if history.calls().iter().any(|call| call.answered.is_none()) {
                    // What it is in the middle of must not reach the next seed.
                    server.start_empty()?;
                }
                Ok(history)
            }
        }
    }

    /// Empties it.
    ///
    /// # Errors
    /// Where a server does not start again.
    pub fn renew(&mut self) -> Result<(), CampaignError> {
        match self {
            Self::Server(server) => renew(server),
            Self::Simulation(_) => Ok(()),
        }
    }
}

/// The rows of which the server knows every command: what it lacks is told, and is no matter of order.
fn rows_of(address: &Address, report: &mut Report) -> Result<Vec<Rows>, CampaignError> {
    let connect = || address.connect().map_err(|failure| unreachable(report, &failure));
    let mut connection = connect()?;
    let (mut lacks, mut closes) = (BTreeSet::new(), BTreeSet::new());
    let families = script::known(|requests: &[Argv]| {
        let mut knows = true;
        for argv in requests {
            let mut replies = Vec::new();
            let is_answered = connection.exchange(std::slice::from_ref(argv), |reply| replies.push(reply)).is_ok();
            let name = String::from_utf8_lossy(argv.get(0).unwrap_or_default()).into_owned();
            if !is_answered {
                connection = connect()?;
                closes.insert(name);
                return Ok(false);
            }
            if replies.iter().any(rules::is_unknown_command) {
                lacks.insert(name);
                knows = false;
            }
        }
        Ok::<_, CampaignError>(knows)
    })?;
    for (names, what) in [(lacks, "lacks"), (closes, "does not answer a form of")] {
        if !names.is_empty() {
            let names: Vec<String> = names.into_iter().collect();
            report.preflight.push(format!("{what} {}: what takes them is left out", names.join(", ")));
        }
    }
    if families.is_empty() {
        report.unchecked.push("the server lacks every command that would be sent".to_owned());
    }
    Ok(families)
}

fn unreachable(report: &Report, failure: &crate::targets::Failure) -> TargetError {
    TargetError::Unreachable { server: report.subject.clone(), why: failure.to_string() }
}

/// Empties the server, by starting it anew where it does not do so by itself.
fn renew(server: &mut LiveServer) -> Result<(), CampaignError> {
    let mut replies = Vec::new();
    let emptied = server.address().connect().and_then(|mut connection| {
        connection.exchange(&[Argv::from(["FLUSHALL"]), Argv::from(["DBSIZE"])], |reply| replies.push(reply))
    });
    if emptied.is_err() || replies != [Reply::ok(), Reply::Int(0)] {
        server.start_empty()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_that_dst_starts_is_taken() {
        #[track_caller]
        fn check(subject: &str, expected: &str) {
            let outcome = match Subject::parse(subject) {
                Ok(Subject::Command(command)) => command,
                Ok(Subject::Simulation) => "sim".to_owned(),
                Err(error) => error,
            };
            assert!(outcome.starts_with(expected), "{subject}: {outcome}");
        }
        check("sim", "sim");
        check("exec:server {port}", "server {port}");
        check("redis", "redis-server --port {port}");
        check("valkey:/opt/valkey-server", "/opt/valkey-server --port {port}");
        for refused in ["redis://localhost:6379", "unix:/tmp/socket", "redlite", "redisx"] {
            check(refused, "--real takes a server that dst starts");
        }
    }
}
