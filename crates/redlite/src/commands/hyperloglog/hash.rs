//! Where an element goes.

use super::sketch::REGISTERS;

/// MurmurHash64A, by Austin Appleby: <https://github.com/aappleby/smhasher>.
fn murmur64a(bytes: &[u8], seed: u64) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    const R: u32 = 47;
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(M);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let mut word = u64::from_le_bytes(*word).wrapping_mul(M);
        word ^= word >> R;
        hash = (hash ^ word.wrapping_mul(M)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        hash ^= rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ hash >> R).wrapping_mul(M);
    hash ^ hash >> R
}

/// The element's register, and the value that it asks for there: 1 more than the zeros at the end of its hash's other
/// 50 bits, at most 51.
pub(super) fn locate(element: &[u8]) -> (usize, u8) {
    /// Redis' own.
    const SEED: u64 = 0xadc8_3b19;
    let hash = murmur64a(element, SEED);
    let others = hash >> REGISTERS.trailing_zeros() | 1 << (64 - REGISTERS.trailing_zeros());
    (hash as usize % REGISTERS, others.trailing_zeros() as u8 + 1)
}
