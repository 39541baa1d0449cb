//! Whether every connection has had one reply for each of its requests.

use super::WireSession;
use crate::targets::TargetError;
use crate::targets::keyspace;
use crate::targets::link::Link;
use crate::targets::settings::is_locked_out;
use crate::targets::ways::Echo;
use resp::{Argv, Reply};

impl WireSession {
    /// What came in place of a nonce, on the first connection that does not answer just that.
    pub(super) fn ask_for_nonce(&mut self) -> Result<Option<Reply>, TargetError> {
        self.empty_now()?;
        self.nonces += 1;
        let nonce = format!("dst-{}", self.nonces);
        let way = self.server.ways().echo;
        let echo = match way {
            Echo::Text => Argv::from(["ECHO", &nonce]),
            Echo::Ping => Argv::from(["PING", &nonce]),
            Echo::Get => Argv::from(["GET", &nonce]),
            Echo::Nothing => return Ok(None),
        };
        let answers = |reply: &Reply| match way {
            Echo::Get => matches!(reply, Reply::NullBulk | Reply::Null),
            // Some send it as a simple string: a finding of its own.
            _ => matches!(reply, Reply::Bulk(text) | Reply::Simple(text) if text == nonce.as_bytes()),
        };
        let mut bytes = Vec::new();
        echo.encode(&mut bytes);
        let in_step = |link: &&mut Link| link.is_plain() && !link.in_multi;
        // All is sent before anything is waited for; the keys are asked for, too, as they come next.
        let listing = if self.server.answers_in_rounds() { keyspace::listing(&self.known) } else { Vec::new() };
        let mut sent = Vec::new();
        let mut failed = None;
        for (&conn, link) in &mut self.links {
            if let Some(link) = Some(link).filter(in_step) {
                sent.push(conn);
                failed = failed.or(link.connection.send(&bytes).err().map(|failure| (conn, failure)));
            }
        }
        let is_listed = !listing.is_empty() && self.server.send(&listing).is_ok();
        let mut instead = None;
        for conn in &sent {
            let Some(link) = self.links.get_mut(conn) else { continue };
            let mut reply = None;
            let taken = link.connection.exchange_until(&[], |frame| {
                reply = Some(frame);
                true
            });
            failed = failed.or(taken.err().map(|failure| (*conn, failure)));
            instead = instead.or(reply.filter(|reply| !answers(reply) && !is_locked_out(reply)));
        }
        if is_listed {
            self.listed = self.server.take_replies(listing.len()).ok();
        }
        if let Some((conn, failure)) = failed {
            self.listed = None;
            sent.iter().for_each(|conn| drop(self.links.remove(conn)));
            self.recover(conn, &failure)?;
            return Ok(Some(failure.reply()));
        }
        Ok(instead)
    }
}
