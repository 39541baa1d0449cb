//! How many elements the registers speak of.
//!
//! Source: Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", <https://arxiv.org/abs/1702.01284>,
//! with every sum in Redis' order, so that every bit is the same.

use super::sketch::REGISTERS;

/// How many registers have each value. Beyond 51 there are only those of a broken sketch, which do not count.
pub(super) type Histogram = [u32; 64];

/// How many bits of a hash are not the register's number.
const Q: usize = 50;

/// 1 / (2 ln 2)
const ALPHA: f64 = 0.721_347_520_444_481_7;

/// The estimate.
pub(super) fn estimate(histogram: &Histogram) -> u64 {
    let count = |value: usize| f64::from(histogram[value]);
    let all = REGISTERS as f64;
    let mut sum = all * tau((all - count(Q + 1)) / all);
    for value in (1..=Q).rev() {
        sum += count(value);
        sum *= 0.5;
    }
    sum += all * sigma(count(0) / all);
    let elements = (ALPHA * all * all / sum).round();
    /// What does not fit becomes what the processor makes of it for Redis.
    const TOO_MANY: u64 = 1 << 63;
    if elements < TOO_MANY as f64 { elements as u64 } else { TOO_MANY }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut sum, mut weight) = (x, 1.0);
    loop {
        x *= x;
        let before = sum;
        sum += x * weight;
        weight += weight;
        if sum == before {
            return sum;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut sum, mut weight) = (1.0 - x, 1.0);
    loop {
        x = x.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - x) * (1.0 - x) * weight;
        if sum == before {
            return sum / 3.0;
        }
    }
}
