//! What arguments are drawn from: small pools, so that operations meet on the same keys, fields and members.

use std::fmt;
use std::sync::Arc;

use crate::seed::Stream;

/// Draws indexes with unequal chances at the cost of one draw.
#[derive(Clone, Debug)]
pub(super) struct Wheel {
    slots: Arc<[u16]>,
}

impl Wheel {
    /// About how many slots a wheel of commands has: no share is finer.
    const COMMAND_SLOTS: u32 = 4096;

    /// Index `i` comes in proportion to `weights[i]`; weight 0 never does. Some weight is above 0.
    pub fn new(weights: &[u32]) -> Self {
        Self::with_slots(weights, Self::COMMAND_SLOTS)
    }

    /// An index below `count`, which is not 0; the lower ones come more often, as `skew` says.
    pub fn skewed(count: u32, skew: Skew) -> Self {
        let weights: Vec<u32> = (0..count).map(|rank| skew.weight(rank, count)).collect();
        Self::with_slots(&weights, (count * 8).clamp(64, Self::COMMAND_SLOTS))
    }

    /// Integers only: the same slots on every machine.
    fn with_slots(weights: &[u32], slots_about: u32) -> Self {
        let total: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
        let mut slots = Vec::with_capacity(slots_about as usize + weights.len());
        for (index, &weight) in weights.iter().enumerate() {
            let share = (u64::from(weight) * u64::from(slots_about)).div_ceil(total.max(1));
            slots.extend(std::iter::repeat_n(index as u16, share as usize));
        }
        Self { slots: slots.into() }
    }

    /// An index.
    #[inline]
    pub fn pick(&self, stream: &mut Stream) -> usize {
        usize::from(*stream.pick(&self.slots))
    }
}

/// How unequal the items of a pool are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Skew {
    /// All alike.
    Even,
    /// The item of rank r comes in proportion to 1 / (r + 1).
    Zipf,
    /// One item in eight is hot and comes sixteen times as often as a cold one.
    Hot,
}

impl Skew {
    fn weight(self, rank: u32, count: u32) -> u32 {
        match self {
            Skew::Even => 1 << 12,
            Skew::Zipf => (1 << 12) / (rank + 1),
            Skew::Hot if rank < count.div_ceil(8) => 1 << 12,
            Skew::Hot => 1 << 8,
        }
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Skew::Even => "even",
            Skew::Zipf => "zipf",
            Skew::Hot => "hot",
        })
    }
}

/// Room for all but long items, in bytes.
const ITEM_BYTES: usize = 8;

/// Byte strings to choose from.
#[derive(Debug)]
pub(super) struct Pool {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    wheel: Wheel,
}

impl Pool {
    /// A pool of `items`, of which there is at least one, the hot ones first.
    pub fn new(items: impl IntoIterator<Item = Vec<u8>>, skew: Skew) -> Self {
        let items: Vec<Vec<u8>> = items.into_iter().collect();
        let wheel = Wheel::skewed(items.len() as u32, skew);
        Self::with_wheel(items.len(), |at, bytes| bytes.extend_from_slice(&items[at]), wheel)
    }

    /// A pool of `count` items, each of which `write` appends by its index, drawn by a wheel of as many.
    pub fn with_wheel(count: usize, mut write: impl FnMut(usize, &mut Vec<u8>), wheel: Wheel) -> Self {
        let mut bytes = Vec::with_capacity(count * ITEM_BYTES);
        let ends = (0..count).map(|at| {
            write(at, &mut bytes);
            bytes.len() as u32
        });
        let ends = ends.collect();
        Self { bytes, ends, wheel }
    }

    /// The index of an item.
    #[inline]
    pub fn pick(&self, stream: &mut Stream) -> usize {
        self.wheel.pick(stream)
    }

    /// The item at `index`.
    #[inline]
    pub fn get(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.bytes[start..self.ends[index] as usize]
    }

    /// An item.
    #[inline]
    pub fn draw(&self, stream: &mut Stream) -> &[u8] {
        self.get(self.pick(stream))
    }
}

/// Counts down to a rare event, so that the event costs no draw where it does not happen.
#[derive(Debug)]
pub(super) struct Gap {
    left: u32,
    mean: u32,
}

impl Gap {
    /// An event once in `mean` times on average; 0 means never.
    pub fn new(mean: u32, stream: &mut Stream) -> Self {
        Self { left: stream.below(mean.saturating_mul(2)), mean }
    }

    /// True where the event never comes.
    pub fn is_never(&self) -> bool {
        self.mean == 0
    }

    /// True where the event is now. The next is 1 to `2 * mean - 1` times away.
    #[inline]
    pub fn is_over(&mut self, stream: &mut Stream) -> bool {
        if self.left > 0 {
            self.left -= 1;
            return false;
        }
        if self.mean == 0 {
            return false;
        }
        self.left = stream.below(self.mean * 2 - 1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    /// How often each index came in 10,000 draws.
    fn frequencies(wheel: &Wheel, count: usize) -> Vec<u32> {
        let mut stream = Seed(1).stream("test");
        let mut seen = vec![0; count];
        for _ in 0..10_000 {
            seen[wheel.pick(&mut stream)] += 1;
        }
        seen
    }

    #[test]
    fn a_wheel_keeps_proportions() {
        let seen = frequencies(&Wheel::new(&[300, 0, 100, 1]), 4);
        assert!((7000..8000).contains(&seen[0]) && seen[1] == 0 && seen[3] > 0, "{seen:?}");
    }

    #[test]
    fn low_ranks_are_hot_and_every_rank_comes() {
        for skew in [Skew::Zipf, Skew::Hot] {
            let seen = frequencies(&Wheel::skewed(20, skew), 20);
            assert!(seen[0] > 4 * seen[19] && seen.iter().all(|&n| n > 0), "{skew}: {seen:?}");
        }
        let seen = frequencies(&Wheel::skewed(20, Skew::Even), 20);
        assert!(seen.iter().all(|n| (400..600).contains(n)), "even: {seen:?}");
    }

    #[test]
    fn a_gap_is_over_once_in_its_mean() {
        let mut stream = Seed(1).stream("test");
        for (mean, want) in [(0, 0..1), (1, 9_999..10_001), (10, 950..1050), (1000, 7..14)] {
            let mut gap = Gap::new(mean, &mut stream);
            let over = (0..10_000).filter(|_| gap.is_over(&mut stream)).count();
            assert!(want.contains(&over), "mean {mean}: {over} of 10,000");
        }
    }
}
