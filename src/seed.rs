//! Seeds and the named streams of randomness that are drawn from them.
//!
//! Every decision of this project comes from a [`Stream`]. Streams of one seed are independent: a draw in one
//! never moves another, so a new decision in one place leaves every other as it was.

use std::fmt;
use std::str::FromStr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// What a run is generated from. The same seed gives the same run on every machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// The stream of this name, from its start.
    pub fn stream(self, name: &str) -> Stream {
        self.numbered(fnv1a(FNV_START, name.as_bytes()))
    }

    /// As [`Seed::stream`] of `room/name`.
    pub fn stream_in(self, room: &str, name: &str) -> Stream {
        let room = fnv1a(fnv1a(FNV_START, room.as_bytes()), b"/");
        self.numbered(fnv1a(room, name.as_bytes()))
    }

    fn numbered(self, number: u64) -> Stream {
        let mut rng = ChaCha8Rng::seed_from_u64(self.0);
        rng.set_stream(number);
        Stream { rng }
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Seed {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16),
            None => text.parse(),
        }
        .map(Seed)
    }
}

/// What [`fnv1a`] starts from.
pub const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, 64 bits, of `bytes` behind those that gave `start`: names a stream, or whatever else is not secret, by a
/// number. <https://www.rfc-editor.org/rfc/rfc9923.html>
pub fn fnv1a(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// A sequence of draws: ChaCha with 8 rounds, named by a seed and a name.
#[derive(Clone, Debug)]
pub struct Stream {
    rng: ChaCha8Rng,
}

impl Stream {
    /// 32 uniform bits.
    #[inline]
    pub fn bits32(&mut self) -> u32 {
        self.rng.next_u32()
    }

    /// 64 uniform bits.
    #[inline]
    pub fn bits64(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// A number from 0 to `bound - 1`, by Lemire's multiplication without rejection: the bias is below
    /// `bound / 2^32`, and every draw costs the same. `bound` 0 gives 0.
    #[inline]
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.rng.next_u32()) * u64::from(bound)) >> 32) as u32
    }

    /// A number from `low` to `high`, both included.
    #[inline]
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high - low + 1)
    }

    /// True `numerator` times in `denominator`.
    #[inline]
    pub fn chance(&mut self, numerator: u32, denominator: u32) -> bool {
        self.below(denominator) < numerator
    }

    /// One of `items`, which is not empty.
    #[inline]
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u32) as usize]
    }

    /// Fills `bytes` with uniform bits.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.rng.fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_named_by_its_seed_and_its_name() {
        let draw = |seed: u64, name: &str| Seed(seed).stream(name).bits64();
        assert_eq!(draw(5, "ops"), draw(5, "ops"));
        assert_ne!(draw(5, "ops"), draw(5, "keys"));
        assert_ne!(draw(5, "ops"), draw(6, "ops"));
        assert_eq!(draw(5, "room/ops"), Seed(5).stream_in("room", "ops").bits64());
    }

    #[test]
    fn below_reaches_every_number_and_no_other() {
        let mut stream = Seed(1).stream("test");
        let mut seen = [0; 5];
        for _ in 0..1000 {
            seen[stream.below(5) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| n > 150), "{seen:?}");
    }
}
