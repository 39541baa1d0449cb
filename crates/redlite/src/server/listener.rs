//! Where connections come from, and how the server stops.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, lookup_host};
use tokio::time;

use super::connection::serve_connection;
use super::executor::Executor;
use crate::clients::Addresses;

/// How long clients may take to receive what is to be sent to them when the server stops.
const STOP_WITHIN: Duration = Duration::from_secs(3);
/// How long connections are accepted and requests read after the server was asked to stop.
const LAST_TURN: Duration = Duration::from_millis(10);
/// How long no connection is accepted where the system has no room for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How many files the process may have open beside its clients. Redis: `CONFIG_MIN_RESERVED_FDS`.
const OTHER_FILES: u64 = 32;

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// There is no such address, or it is another machine's.
    #[error("cannot listen on {address}: {source}")]
    Address {
        /// As it was asked for.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// Another process listens there.
    #[error("cannot listen on {address}: another process does already")]
    InUse {
        /// As it was asked for.
        address: String,
    },
    /// Other machines could connect, and there is no password.
    #[error("{address} can be reached from other machines, and no password protects the data")]
    Unprotected {
        /// As it was asked for.
        address: String,
    },
    /// What is there is not a socket, and may be somebody's data.
    #[error("{} is there already, and is not a socket", .path.display())]
    NotASocket {
        /// As it was asked for.
        path: PathBuf,
    },
}

/// A place where clients connect.
#[derive(Debug)]
pub enum Listener {
    /// An address and a port.
    Tcp(TcpListener),
    /// A socket in the file system, which is removed when this is dropped.
    Unix(UnixSocket),
}

/// A listening socket, and its file.
#[derive(Debug)]
pub struct UnixSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        // An error says that somebody else has removed it.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Listener {
    /// Listens on `HOST:PORT`; port 0 is any free one.
    ///
    /// # Errors
    /// [`ListenError::Unprotected`] where `is_protected` is false and the address is not the machine's own.
    pub async fn tcp(address: &str, is_protected: bool) -> Result<Self, ListenError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse { address: address.to_owned() },
            _ => ListenError::Address { address: address.to_owned(), source },
        };
        let addresses: Vec<SocketAddr> = lookup_host(address).await.map_err(failed)?.collect();
        if !is_protected && !addresses.iter().all(|address| is_loopback(address.ip())) {
            return Err(ListenError::Unprotected { address: address.to_owned() });
        }
        TcpListener::bind(&addresses[..]).await.map(Listener::Tcp).map_err(failed)
    }

    /// Listens on a socket at `path`. One that a server left behind is replaced.
    ///
    /// # Errors
    /// [`ListenError::InUse`] where a server answers there, [`ListenError::NotASocket`] where something else is there.
    pub fn unix(path: &Path) -> Result<Self, ListenError> {
        let address = || path.display().to_string();
        let failed = |source| ListenError::Address { address: address(), source };
        if let Ok(found) = path.symlink_metadata() {
            if !found.file_type().is_socket() {
                return Err(ListenError::NotASocket { path: path.to_owned() });
            }
            if UnixStream::connect(path).is_ok() {
                return Err(ListenError::InUse { address: address() });
            }
            std::fs::remove_file(path).map_err(failed)?;
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        Ok(Listener::Unix(UnixSocket { listener, path: path.to_owned() }))
    }

    /// Where clients connect to: `127.0.0.1:6380`, or a path.
    pub fn address(&self) -> String {
        match self {
            Listener::Tcp(listener) => {
                listener.local_addr().map_or_else(|error| error.to_string(), |it| it.to_string())
            }
            Listener::Unix(socket) => socket.path.display().to_string(),
        }
    }

    /// Accepts connections; never ends.
    async fn accept(&self, executor: &Arc<Executor>) {
        loop {
            let accepted = match self {
                Listener::Tcp(listener) => listener.accept().await.map(|(stream, peer)| {
                    // A connection without these options is served no worse than that it is slow, or stays when its
                    // client's machine has vanished.
                    let _ = stream.set_nodelay(true);
                    let _ = sockopt::set_socket_keepalive(&stream, true);
                    let local = stream.local_addr().map_or_else(|_| String::new(), |local| local.to_string());
                    spawn(executor, stream, Addresses { peer: peer.to_string(), local });
                }),
                Listener::Unix(socket) => socket.listener.accept().await.map(|(stream, _)| {
                    // As Redis shows a socket.
                    let address = format!("{}:0", socket.path.display());
                    spawn(executor, stream, Addresses { peer: address.clone(), local: address });
                }),
            };
            if accepted.is_err() {
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves a connection as a task of its own.
fn spawn<S>(executor: &Arc<Executor>, stream: S, addresses: Addresses)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let executor = Arc::clone(executor);
    tokio::spawn(async move { serve_connection(&executor, stream, addresses).await });
}

/// Makes room for so many clients among the files that this process may open, as far as the system lets it; how many
/// there may be then.
pub fn allow_clients(clients: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let wanted = (clients as u64).saturating_add(OTHER_FILES);
    let Some(current) = limit.current.filter(|&current| current < wanted) else { return clients };
    let raised = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let is_raised = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum }).is_ok();
    let allowed = if is_raised { raised } else { current };
    clients.min(allowed.saturating_sub(OTHER_FILES).max(1) as usize)
}

/// True for the machine's own address, also in the form that an IPv6 socket gives it.
fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Serves clients until `stop` ends; then answers what has arrived, and closes every connection. To be run on tokio's
/// runtime of one thread.
pub async fn serve(executor: Arc<Executor>, listeners: Vec<Listener>, stop: impl Future<Output = ()>) {
    let runner = Arc::clone(&executor);
    let running = tokio::spawn(async move { runner.run(time::sleep, tokio::task::yield_now).await });
    let accepting: Vec<_> = listeners
        .into_iter()
        .map(|listener| {
            let executor = Arc::clone(&executor);
            tokio::spawn(async move { listener.accept(&executor).await })
        })
        .collect();
    stop.await;
    // What the system has received already gets its turn.
    time::sleep(LAST_TURN).await;
    for task in accepting {
        task.abort();
        // An error says that it was aborted. Its listener is gone now.
        let _ = task.await;
    }
    executor.stop();
    // Who does not take its replies in time is cut off.
    let _ = time::timeout(STOP_WITHIN, executor.closed()).await;
    running.abort();
}
