//! Elements of HyperLogLogs.
//!
//! Which register an element raises, and how high, follows from its hash, MurmurHash64A. The hash can be undone: so
//! there are elements for neighbouring registers, for the same one, and for values that no one meets by chance.

use resp::Argv;

use super::arguments::Arguments;
use super::numbers::write_int;

/// How many low bits of a hash name a register.
const REGISTER_BITS: u32 = 14;

impl Arguments {
    /// An element: one of the pool of members, one that is made for a register, or now and then so many new ones that
    /// a sparse HyperLogLog has no room for them.
    pub(super) fn write_distinct(&mut self, argv: &mut Argv) {
        if self.until_flood.is_over(&mut self.values) {
            for _ in 0..self.values.between(50, 1600) {
                let number = self.values.bits32();
                argv.push_with(|out| write_int(number.into(), out));
            }
            return;
        }
        match self.values.below(16) {
            0..7 => self.write_member(argv),
            7 => self.write_value(argv),
            _ => self.write_made(argv),
        }
    }

    /// An element for a register: mostly one of the first, where the runs of a sparse HyperLogLog are split and joined
    /// again.
    fn write_made(&mut self, argv: &mut Argv) {
        let register = match self.values.below(16) {
            0..8 => self.values.below(16),
            8..12 => self.values.below(200),
            12..15 => self.values.below(1 << REGISTER_BITS),
            _ => (1 << REGISTER_BITS) - 1 - self.values.below(4),
        };
        let value = match self.values.below(256) {
            0..200 => self.values.between(1, 3),
            200..254 => self.values.between(1, 32),
            254 => self.values.between(31, 34),
            // The greatest that there is.
            _ => self.values.between(35, 51),
        };
        let above = self.values.bits64();
        argv.push(&element(register, value, above));
    }
}

/// The element of 8 bytes whose hash asks for `value` (1 to 51) in `register`; `above` decides what of the hash is left.
fn element(register: u32, value: u32, above: u64) -> [u8; 8] {
    // The value is 1 more than the zeros above the register's number, of which there are at most 50.
    let one = REGISTER_BITS + value - 1;
    let rest = above.checked_shl(one + 1).unwrap_or(0) | 1u64.checked_shl(one).unwrap_or(0);
    unhash(rest | u64::from(register)).to_le_bytes()
}

/// The word whose MurmurHash64A, with Redis' seed, is `hash`.
fn unhash(hash: u64) -> u64 {
    const SEED: u64 = 0xadc8_3b19;
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    /// `M * M_INVERSE` is 1 in 64 bits.
    const M_INVERSE: u64 = 0x5f7a_0ea7_e59b_19bd;
    // This is its own inverse, since twice 47 is more than 64.
    let mix = |word: u64| word ^ word >> 47;
    let mixed = mix(mix(hash).wrapping_mul(M_INVERSE)).wrapping_mul(M_INVERSE) ^ (SEED ^ M.wrapping_mul(8));
    mix(mixed.wrapping_mul(M_INVERSE)).wrapping_mul(M_INVERSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hash of a word, by the steps of MurmurHash64A.
    fn hash(word: u64) -> u64 {
        const M: u64 = 0xc6a4_a793_5bd1_e995;
        let word = word.wrapping_mul(M);
        let word = (word ^ word >> 47).wrapping_mul(M);
        let hash = (0xadc8_3b19 ^ M.wrapping_mul(8) ^ word).wrapping_mul(M);
        let hash = (hash ^ hash >> 47).wrapping_mul(M);
        hash ^ hash >> 47
    }

    #[test]
    fn an_element_goes_to_its_register_with_its_value() {
        for (register, value) in [(0, 1), (16_383, 2), (77, 33), (5, 50), (5, 51)] {
            for above in [0, 0x1234_5678_9abc_def0, u64::MAX] {
                let hash = hash(u64::from_le_bytes(element(register, value, above)));
                let got = ((hash & 0x3fff) as u32, (hash >> 14).trailing_zeros().min(50) + 1);
                assert_eq!(got, (register, value), "with {above:#x} above");
            }
        }
    }
}
