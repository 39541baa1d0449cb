//! What a server says of its clients: which of them it knows, and which are blocked.

use std::time::{Duration, Instant};

use super::connection::Failure;
use super::keyspace::Requests;
use super::server::Server;
use resp::{Argv, Reply};

/// How long a closed connection may stay known.
const GONE_WITHIN: Duration = Duration::from_secs(1);

/// How long a server that does not tell its clients may take for what others answer at once, at least.
const UNTOLD_WAIT_MIN: Duration = Duration::from_millis(50);
/// The same in haste.
const UNTOLD_WAIT_HASTY: Duration = Duration::from_millis(5);
/// And at most.
const UNTOLD_WAIT_MAX: Duration = Duration::from_secs(1);
/// Between them it is so many times as long as its slowest reply of late.
const UNTOLD_FACTOR: u32 = 4;

/// How long a server that does not tell its clients may take for what others answer at once.
pub(super) fn untold_wait(server: &Server) -> Duration {
    let min = if server.is_hasty() { UNTOLD_WAIT_HASTY } else { UNTOLD_WAIT_MIN };
    (server.pace().slowest() * UNTOLD_FACTOR).clamp(min, UNTOLD_WAIT_MAX)
}

/// How a client stands with its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Its last command waits.
    Blocked,
    /// It is there and does not wait.
    Free,
    /// The server knows no such client.
    Gone,
    /// The server does not tell.
    Untold,
}

/// How client `id` stands.
pub(super) fn standing(server: &mut Server, id: Option<i64>) -> Result<Standing, Failure> {
    let Some(id) = id.filter(|_| server.ways().clients) else { return Ok(Standing::Untold) };
    let replies = server.run(&[Argv::from(["CLIENT", "LIST"])])?;
    let list = match &replies[..] {
        [Reply::Bulk(list) | Reply::Verbatim { text: list, .. }] => String::from_utf8_lossy(list),
        _ => return Ok(Standing::Untold),
    };
    Ok(parse_standing(&list, id))
}

/// Looks for client `id` in what CLIENT LIST answers: a line a client, `id=5 addr=… flags=b …`.
/// Source: <https://redis.io/docs/latest/commands/client-list/>.
fn parse_standing(list: &str, id: i64) -> Standing {
    let field = |line: &str, name: &str| -> Option<String> {
        line.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    };
    let own = list.lines().find(|line| field(line, "id").is_some_and(|found| found.parse() == Ok(id)));
    match own.map(|line| field(line, "flags")) {
        None => Standing::Gone,
        Some(Some(flags)) if flags.contains('b') => Standing::Blocked,
        Some(_) => Standing::Free,
    }
}

/// Waits until the server has noticed that a connection is closed: a client that is gone must take no element, and
/// counts as no subscriber. A server that does not notice is not waited for any longer.
pub(super) fn await_gone(server: &mut Server, id: Option<i64>) -> Result<(), Failure> {
    let started = Instant::now();
    while started.elapsed() < GONE_WITHIN {
        match standing(server, id)? {
            Standing::Gone => break,
            Standing::Untold => {
                settle(server, 2)?;
                break;
            }
            Standing::Blocked | Standing::Free => {}
        }
    }
    Ok(())
}

/// Makes the server go round its event loop so many times.
///
/// Redis answers at the end of a round what it has read in that round. So when it has answered a request on one
/// connection, it has also read what was sent before that on another, and when it has answered the next one, it has
/// written the answers to that. A timeout that is over by its clock has fired, too. Source: `beforeSleep` of Redis 7.0.
pub(super) fn settle(server: &mut Server, rounds: usize) -> Result<(), Failure> {
    for _ in 0..rounds {
        server.run(&[Argv::from(["PING"])])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: i64, expected: Standing) {
        let list =
            "id=3 addr=/s:0 name= db=0 flags=N cmd=get\nid=31 addr=/s:0 name=id=7 flags=b\nid=5 flags=bP resp=3\n";
        assert_eq!(parse_standing(list, id), expected, "client {id}");
    }

    #[test]
    fn a_client_is_found_by_its_id() {
        check(3, Standing::Free);
        check(31, Standing::Blocked);
        check(5, Standing::Blocked);
        check(1, Standing::Gone);
        check(7, Standing::Gone);
    }
}
