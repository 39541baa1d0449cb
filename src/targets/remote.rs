//! `redis://…` and `unix:PATH`: a server that dst did not start, and whose data are not dst's.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use redis::{ConnectionAddr, IntoConnectionInfo};

use super::clock::Clock;
use super::connection::{Endpoint, Failure};
use super::keyspace::Requests;
use super::real_time::RealTime;
use super::server::{Lease, Server};
use super::wire::WireSession;
use super::{Session, Target, TargetError, TargetOptions, describe_count};
use crate::trace::{Header, TargetInfo};
use resp::{Argv, Reply};

/// A running server.
struct Remote {
    info: TargetInfo,
    endpoint: Endpoint,
    setup: Vec<Argv>,
    options: TargetOptions,
    /// True while a session holds it.
    in_use: Arc<AtomicBool>,
}

/// `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`
pub(super) fn redis_url(rest: &str, options: &TargetOptions) -> Result<Box<dyn Target>, TargetError> {
    // Errors must not show a password.
    let shown = format!("redis://{}", rest.rsplit_once('@').map_or(rest, |(_, host)| host));
    let bad = |why: String| TargetError::BadUrl { url: shown.clone(), why };
    let info = format!("redis://{rest}").into_connection_info().map_err(|error| bad(error.to_string()))?;
    let ConnectionAddr::Tcp(host, port) = info.addr() else { return Err(bad("it names no host".to_owned())) };
    let settings = info.redis_settings();
    let mut setup = Vec::new();
    match (settings.username(), settings.password()) {
        (Some(user), Some(password)) => setup.push(Argv::from(["AUTH", user, password])),
        (None, Some(password)) => setup.push(Argv::from(["AUTH", password])),
        (_, None) => {}
    }
    if settings.db() != 0 {
        setup.push(Argv::from(["SELECT", &settings.db().to_string()]));
    }
    Ok(Box::new(Remote::new(Endpoint::Tcp(host.clone(), *port), setup, options)?))
}

/// `rediss://…`
pub(super) fn tls_url(rest: &str, _: &TargetOptions) -> Result<Box<dyn Target>, TargetError> {
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let why = "TLS is not built in; connect through a tunnel (such as stunnel) and name its plain port as redis://…";
    Err(TargetError::BadUrl { url: format!("rediss://{host}"), why: why.to_owned() })
}

/// `unix:PATH`
pub(super) fn unix_socket(path: &str, options: &TargetOptions) -> Result<Box<dyn Target>, TargetError> {
    let path = path.strip_prefix("//").unwrap_or(path);
    Ok(Box::new(Remote::new(Endpoint::Unix(PathBuf::from(path)), Vec::new(), options)?))
}

impl Remote {
    /// Asks the server what it is.
    fn new(endpoint: Endpoint, setup: Vec<Argv>, options: &TargetOptions) -> Result<Self, TargetError> {
        let in_use = Arc::default();
        let mut remote = Self { info: TargetInfo::default(), endpoint, setup, options: options.clone(), in_use };
        let info = Argv::from(["INFO", "server"]);
        let replies = remote.server()?.run(&[info]).map_err(|failure| remote.unreachable(&failure))?;
        remote.info = parse_server_info(replies.first().and_then(Reply::as_bytes).unwrap_or_default());
        Ok(remote)
    }

    /// The server, for this session only.
    fn server(&self) -> Result<Server, TargetError> {
        let lease = Lease::take(&self.in_use).ok_or_else(|| TargetError::InUse { store: self.endpoint.to_string() })?;
        let TargetOptions { allow_flush, reply_deadline: deadline, .. } = self.options;
        Ok(Server::of_other(self.endpoint.clone(), self.setup.clone(), deadline, allow_flush, lease))
    }

    fn unreachable(&self, failure: &Failure) -> TargetError {
        let auth = if self.setup.is_empty() { "" } else { " (is the password or the database right?)" };
        let why = match failure {
            Failure::Closed => format!("it cannot be connected to, or closes the connection{auth}"),
            other => other.to_string(),
        };
        TargetError::Unreachable { server: self.endpoint.to_string(), why }
    }
}

impl Target for Remote {
    fn info(&self) -> TargetInfo {
        self.info.clone()
    }

    fn open(&self, header: &Header) -> Result<Box<dyn Session>, TargetError> {
        let mut server = self.server()?;
        if !self.options.allow_flush {
            let keys = server.count_keys().map_err(|failure| self.unreachable(&failure))?;
            if keys != Some(0) {
                return Err(TargetError::NotEmpty { store: self.endpoint.to_string(), keys: describe_count(keys) });
            }
        }
        let clock = Clock::Real(RealTime::new(header.start_ms));
        Ok(Box::new(WireSession::open(server, clock, header)?))
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn has_real_clock(&self) -> bool {
        true
    }
}

/// The name and the version from INFO's section `server`. Valkey also tells the Redis version it is compatible with.
fn parse_server_info(info: &[u8]) -> TargetInfo {
    let info = String::from_utf8_lossy(info);
    let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
    let valkey = field("valkey_version:");
    if !valkey.is_empty() {
        return TargetInfo { name: "valkey".to_owned(), version: valkey };
    }
    let version = field("redis_version:");
    let name = if version.is_empty() { "server" } else { "redis" };
    TargetInfo { name: name.to_owned(), version }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(info: &str, name: &str, version: &str) {
        let expected = TargetInfo { name: name.to_owned(), version: version.to_owned() };
        assert_eq!(parse_server_info(info.as_bytes()), expected, "{info}");
    }

    #[test]
    fn servers_tell_what_they_are() {
        check("# Server\r\nredis_version:7.0.15\r\nredis_git_sha1:0\r\n", "redis", "7.0.15");
        check("# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.0.1\r\n", "valkey", "8.0.1");
        check("nonsense", "server", "");
    }

    #[test]
    fn tls_is_refused_without_showing_the_password() {
        let Err(error) = tls_url("me:secret@host:6380", &TargetOptions::default()) else {
            panic!("a TLS URL must be refused");
        };
        assert!(error.to_string().starts_with("rediss://host:6380: TLS is not built in"), "{error}");
    }
}
