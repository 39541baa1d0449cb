//! What SRANDMEMBER and its like have in common: a signed count, and random picks.

use std::collections::BTreeSet;

use super::Context;
use crate::env::Random;
use crate::failure::{Failure, refuse};

/// The most elements that a negative count picks. Redis goes on until it runs out of memory.
const PICKS_MAX: u64 = 1 << 24;

/// The argument at `at` as a count that may be negative, but has an opposite.
pub(super) fn signed_count(context: &Context<'_>, at: usize) -> Result<i64, Failure> {
    match context.integer(at)? {
        i64::MIN => refuse(format!("ERR value is out of range, value must between -{0} and {0}", i64::MAX)),
        count => Ok(count),
    }
}

/// The ordinals, below `length`, of what a signed count asks for: so many different ones, at most all; or where it
/// is negative, so many with repetition.
pub(super) fn ordinals(random: &mut Random, length: i64, signed_count: i64) -> Result<Vec<i64>, Failure> {
    let (bound, count) = (length.unsigned_abs(), signed_count.unsigned_abs());
    if signed_count >= 0 {
        return Ok(sample(random, bound, count.min(bound)).into_iter().map(|ordinal| ordinal as i64).collect());
    }
    if count > PICKS_MAX {
        return refuse("ERR value is out of range");
    }
    Ok((0..count).map(|_| random.below(bound) as i64).collect())
}

/// `count` different numbers below `bound`, which is not less; each such choice is as likely as another.
/// Robert Floyd's algorithm: <https://doi.org/10.1145/30401.315746>.
fn sample(random: &mut Random, bound: u64, count: u64) -> BTreeSet<u64> {
    let mut chosen = BTreeSet::new();
    for last in bound - count..bound {
        let candidate = random.below(last + 1);
        if !chosen.insert(candidate) {
            chosen.insert(last);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_as_likely_as_another() {
        let mut random = Random::seeded(1);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..6000 {
            *counts.entry(sample(&mut random, 4, 2)).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6, "each pair of 4 numbers: {counts:?}");
        assert!(counts.values().all(|&count| (900..1100).contains(&count)), "{counts:?}");
    }

    #[test]
    fn a_negative_count_repeats_and_is_bounded() {
        let check = |length: i64, count: i64, expected: usize| {
            let picked = ordinals(&mut Random::seeded(1), length, count).expect("the count is within bounds");
            assert_eq!(picked.len(), expected, "{count} of {length}");
            assert!(picked.iter().all(|pick| (0..length).contains(pick)), "{picked:?}");
        };
        check(3, 2, 2);
        check(3, 5, 3);
        check(3, -5, 5);
        check(3, 0, 0);
        assert!(ordinals(&mut Random::seeded(1), 3, i64::MIN + 1).is_err());
    }
}
