//! Who is subscribed to which channels and patterns.

use std::collections::BTreeMap;

use super::clients::{Slot, Subscriptions};
use super::glob;

/// Subscribers by name, each list in the order of subscription.
type Names = BTreeMap<Vec<u8>, Vec<Slot>>;

/// One of the three spaces of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    /// SUBSCRIBE and PUBLISH.
    Channels,
    /// PSUBSCRIBE.
    Patterns,
    /// SSUBSCRIBE and SPUBLISH.
    ShardChannels,
}

/// All subscriptions.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    channels: Names,
    patterns: Names,
    shard_channels: Names,
}

impl Channels {
    fn names(&mut self, space: Space) -> &mut Names {
        match space {
            Space::Channels => &mut self.channels,
            Space::Patterns => &mut self.patterns,
            Space::ShardChannels => &mut self.shard_channels,
        }
    }

    /// Adds a subscription, which is not there yet.
    pub fn subscribe(&mut self, space: Space, name: &[u8], slot: Slot) {
        self.names(space).entry(name.to_vec()).or_default().push(slot);
    }

    /// Takes a subscription away.
    pub fn unsubscribe(&mut self, space: Space, name: &[u8], slot: Slot) {
        let names = self.names(space);
        if let Some(subscribers) = names.get_mut(name) {
            subscribers.retain(|&subscriber| subscriber != slot);
            if subscribers.is_empty() {
                names.remove(name);
            }
        }
    }

    /// Takes all of a connection's subscriptions away.
    pub fn forget(&mut self, slot: Slot, subscriptions: &Subscriptions) {
        let Subscriptions { channels, patterns, shard_channels } = subscriptions;
        channels.iter().for_each(|name| self.unsubscribe(Space::Channels, name, slot));
        patterns.iter().for_each(|name| self.unsubscribe(Space::Patterns, name, slot));
        shard_channels.iter().for_each(|name| self.unsubscribe(Space::ShardChannels, name, slot));
    }

    /// How many subscriptions there are.
    #[cfg(feature = "testing")]
    pub fn count(&self) -> usize {
        [&self.channels, &self.patterns, &self.shard_channels].into_iter().flat_map(Names::values).map(Vec::len).sum()
    }

    /// The subscribers of a channel; of none, none.
    pub fn subscribers(&self, space: Space, channel: &[u8]) -> &[Slot] {
        let names = match space {
            Space::Channels => &self.channels,
            Space::Patterns => &self.patterns,
            Space::ShardChannels => &self.shard_channels,
        };
        names.get(channel).map_or(&[], Vec::as_slice)
    }

    /// Each pattern that the channel matches, with its subscribers.
    pub fn matching(&self, channel: &[u8]) -> impl Iterator<Item = (&[u8], &[Slot])> {
        let matching = self.patterns.iter().filter(|(pattern, _)| glob::matches(pattern, channel));
        matching.map(|(pattern, subscribers)| (pattern.as_slice(), subscribers.as_slice()))
    }

    /// The channels of a space that have subscribers.
    pub fn active(&self, space: Space) -> impl Iterator<Item = &[u8]> {
        let names = if space == Space::ShardChannels { &self.shard_channels } else { &self.channels };
        names.keys().map(Vec::as_slice)
    }

    /// How many different patterns are subscribed to.
    pub fn count_patterns(&self) -> usize {
        self.patterns.len()
    }
}
