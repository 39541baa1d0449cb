use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use rustix::process::Signal;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::{Outcome, interrupt};
use crate::report::style::{FAINT, STRONG, WARN};
#[cfg(madsim)]
use crate::targets::simulated::Slips;
use redlite::server::{Executor, ListenError, Listener, Settings, allow_clients, serve};
use redlite::{OpenError, Redlite};

/// Where clients find the server unless they are told otherwise: not Redis' own port.
const DEFAULT_ADDRESS: &str = "127.0.0.1:6380";

/// Serve Redlite to clients of Redis
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    dst serve                                   in memory, on 127.0.0.1:6380\n  \
    dst serve --file shop.db --unix shop.sock   kept in a file, on a socket\n  \
    redis-cli -p 6380 SET greeting hello\n\n\
    SIGTERM or Ctrl-C stops it: what has arrived is answered first.")]
pub(super) struct Args {
    /// Where to listen; port 0 is any free port [default: 127.0.0.1:6380, or only the socket with --unix]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Vec<String>,

    /// Listen on a socket at this path
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,

    /// Keep the data in this file, which is made where it is missing; otherwise it is gone when the server stops
    #[arg(long, value_name = "DB")]
    file: Option<PathBuf>,

    /// Clients have to send AUTH with this password. Others on this machine can see arguments, but not the variable
    #[arg(long, value_name = "PASSWORD", env = "DST_PASSWORD", hide_env_values = true)]
    password: Option<String>,

    /// Listen where other machines can connect, without a password
    #[arg(long)]
    unprotected: bool,

    /// Serve with one slip of concurrency, to try what finds it: see dst simulate --canary help
    #[cfg(madsim)]
    #[arg(long, value_name = "NAME")]
    canary: Option<String>,

    /// How many clients may be connected at once
    #[arg(long, value_name = "N", default_value_t = Settings::default().clients_max)]
    maxclients: usize,
}

pub(super) fn run(args: Args) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.context("cannot start the server")?;
    outlive_file_limit(&runtime).context("cannot start the server")?;
    let store = open(&args)?;
    #[cfg(madsim)]
    if let Some(name) = &args.canary {
        let slips = Slips::of(super::simulate::named(name)?);
        store.observe(Arc::new(
            slips.with_context(|| format!("{name} is a slip of the simulated disk: dst simulate --canary {name}"))?,
        ));
    }
    let password = args.password.as_ref().filter(|password| !password.is_empty());
    store.set_password(password.map(|password| password.clone().into_bytes()));
    let clients_max = allow_clients(args.maxclients);
    if clients_max < args.maxclients {
        anstream::eprintln!("{WARN}the system allows no more than {clients_max} clients{WARN:#} (ulimit -n)");
    }
    let settings = Settings { clients_max, ..Settings::default() };
    runtime.block_on(async {
        let listeners = listen(&args, password.is_some()).await?;
        for listener in &listeners {
            let kept = args.file.as_ref().map_or("in memory".to_owned(), |file| format!("in {}", file.display()));
            anstream::eprintln!("listening on {STRONG}{}{STRONG:#}  {FAINT}{kept}{FAINT:#}", listener.address());
        }
        serve(Arc::new(Executor::new(store, settings)), listeners, interrupt::requested()).await;
        Ok(Outcome::Agree)
    })
}

/// A write that would make a file longer than the system allows (`ulimit -f`) fails from now on. Otherwise the signal
/// that comes with it ends the process.
fn outlive_file_limit(runtime: &Runtime) -> io::Result<()> {
    let _entered = runtime.enter();
    // What listens to it stays when the stream of signals is dropped.
    signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map(drop)
}

fn open(args: &Args) -> anyhow::Result<Redlite> {
    let Some(file) = &args.file else { return Ok(Redlite::open_in_memory()?) };
    Redlite::open(file).map_err(|error| {
        let advice = match &error {
            OpenError::Foreign => "; name another, or one that is not there yet",
            OpenError::Damaged(_) => "; put back a copy of it",
            OpenError::InUse => "; stop that one, or name another file",
            OpenError::NoRoom { .. } => "; make room, and start again",
            _ => "",
        };
        anyhow::anyhow!("{}: {error}{advice}", file.display())
    })
}

async fn listen(args: &Args, has_password: bool) -> anyhow::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    let is_default = args.listen.is_empty() && args.unix.is_none();
    for address in args.listen.iter().map(String::as_str).chain(is_default.then_some(DEFAULT_ADDRESS)) {
        listeners.push(Listener::tcp(address, has_password || args.unprotected).await.map_err(advise)?);
    }
    if let Some(path) = &args.unix {
        listeners.push(Listener::unix(path).map_err(advise)?);
    }
    Ok(listeners)
}

/// The error, and what to do.
fn advise(error: ListenError) -> anyhow::Error {
    let advice = match &error {
        ListenError::InUse { .. } => "; stop that one, or choose another with --listen or --unix",
        ListenError::Unprotected { .. } => {
            "; set --password (or DST_PASSWORD), listen on 127.0.0.1, or allow it with --unprotected"
        }
        ListenError::NotASocket { .. } => "; choose another path with --unix",
        ListenError::Address { .. } => "",
    };
    anyhow::anyhow!("{error}{advice}")
}
