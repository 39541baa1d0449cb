//! Back to an empty store: in one round trip where the server goes along, step by step where it does not, by a restart
//! where nothing proves it to be empty.

use super::{Stop, WireSession};
use crate::targets::clock::Clock;
use crate::targets::emptying::Purge;
use crate::targets::keyspace::Named;
use crate::targets::link::Link;
use crate::targets::ways::Emptying;
use crate::targets::{TargetError, describe_count};
use crate::trace::Header;

impl WireSession {
    /// Back to an empty store at the header's clock, with no connection open.
    pub(super) fn begin_anew(&mut self, header: &Header) -> Result<(), TargetError> {
        self.start_ms = header.start_ms;
        self.listed = None;
        self.untouched = true;
        self.set_clock(header.start_ms)?;
        if self.settings.restore(&mut self.server)? {
            self.links.clear();
            self.purge = None;
        }
        let closed = self.links.extract_if(.., |&conn, link| conn != 0 || !link.is_plain());
        let closed: Vec<Link> = closed.map(|(_, link)| link).collect();
        let gone = self.await_gone(closed).is_ok();
        self.moves_clock = matches!(&self.clock, Clock::Frozen(clock) if clock.moved().is_some());
        self.blame.begin();
        if let Some((_, named)) = self.purge.take() {
            self.known.named.join(named);
        }
        let ways = self.server.ways();
        // Where there is no such proof, or no such reset, all is done anew.
        let can_be_at_once = ways.reset && ways.emptying != Emptying::Never && !ways.closes_behind_flush;
        let at_once = gone && can_be_at_once && (self.known.named.is_whole() || ways.info);
        let purge = Purge::of_connection(ways, &self.known, self.server.setup());
        if at_once
            && self.server.is_own()
            && let Some(link) = self.links.get_mut(&0)
        {
            link.forget();
            self.purge = Some((purge, std::mem::take(&mut self.known.named)));
            return Ok(());
        }
        let emptied = at_once
            && self.run_purge(&purge)
            && (self.server.is_at_disposal() || matches!(self.server.count_keys(), Ok(Some(0))));
        if !emptied {
            self.reset_step_by_step()?;
        }
        self.known.named = Named::default();
        Ok(())
    }

    /// Brings connection 0 back to its start and empties the store, in one round trip. False where the server does not
    /// go along.
    fn run_purge(&mut self, purge: &Purge) -> bool {
        let Ok(link) = self.link(0) else { return false };
        let Ok(replies) = link.connection.run(purge.requests()) else { return false };
        link.forget();
        purge.is_proved_by(&replies)
    }

    /// Empties the store, where that is still to be done.
    pub(super) fn empty_now(&mut self) -> Result<(), TargetError> {
        match self.purge.take() {
            Some((purge, named)) if !self.run_purge(&purge) => {
                self.known.named.join(named);
                self.reset_step_by_step()
            }
            _ => Ok(()),
        }
    }

    fn reset_step_by_step(&mut self) -> Result<(), TargetError> {
        self.purge = None;
        self.links.clear();
        if self.server.is_own() && self.server.is_fresh() {
            return Ok(());
        }
        if self.server.is_own() && self.server.ways().emptying == Emptying::Never {
            return self.server.restart_empty();
        }
        let server = self.server.endpoint().to_string();
        match self.server.empty(&self.known) {
            Ok(true) => Ok(()),
            _ if self.server.is_own() => self.restart_to_empty(),
            Ok(false) => {
                let keys = self.server.count_keys().ok().flatten();
                Err(TargetError::NotEmptied { server, keys: describe_count(keys) })
            }
            Err(failure) => Err(TargetError::Unreachable { server, why: failure.to_string() }),
        }
    }

    /// Restarts a server that cannot be proved to be empty.
    fn restart_to_empty(&mut self) -> Result<(), TargetError> {
        if !std::mem::replace(&mut self.restart_noted, true) {
            let note = "it is restarted between traces where nothing proves it to be empty after its keys are removed";
            self.note(note.to_owned());
        }
        self.server.restart_empty()
    }

    /// Back to an empty store, and to where it stood before the ops in hand: all before them is run again.
    pub(super) fn start_over(&mut self) -> Result<(), TargetError> {
        self.suspects = false;
        let before = self.blame.before().to_vec();
        self.set_clock(self.start_ms)?;
        self.reset_step_by_step()?;
        self.server.set_used();
        let mut unheard = Vec::with_capacity(before.len());
        match self.replay_pipelined(&before, &mut unheard) {
            Ok(()) => Ok(()),
            Err(Stop::Target(error)) => Err(error),
            Err(Stop::Astray) => Err(self.clock_lost()),
            Err(Stop::Broken(broken, _)) => {
                self.recover(0, &broken.failure)?;
                self.set_clock(self.start_ms)?;
                self.reset_step_by_step()?;
                unheard.clear();
                self.replay_in_step(&before, &mut unheard)
            }
        }
    }
}
