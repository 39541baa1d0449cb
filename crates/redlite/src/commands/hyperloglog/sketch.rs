//! A sketch: 16384 registers, each the highest value that an element asked for.
//!
//! The string starts with a header of 16 bytes: `HYLL`, the encoding, three bytes unused, and the count that was
//! estimated last, in 8 bytes whose highest bit says that it is out of date. Then come the registers: dense, with 6
//! bits each from the lowest bit of the first byte on, or sparse, see [`super::sparse`].

use super::estimate::{Histogram, estimate};
use super::hash;
use super::sparse::{self, Runs};

/// How many registers there are.
pub(super) const REGISTERS: usize = 1 << 14;

/// Where the registers start.
pub(super) const HEADER_BYTES: usize = 16;

const DENSE_BYTES: usize = HEADER_BYTES + REGISTERS * REGISTER_BITS / 8;
const REGISTER_BITS: usize = 6;
const REGISTER_MAX: u16 = (1 << REGISTER_BITS) - 1;

const ENCODING_AT: usize = 4;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;

const COUNT_AT: usize = 8;
/// Of the count's last byte: it is out of date.
const OUT_OF_DATE: u8 = 1 << 7;

/// The string says that it is a sketch, but its registers are broken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Corrupted;

/// A sketch as its string.
#[derive(Clone, Debug)]
pub(super) struct Sketch {
    bytes: Vec<u8>,
}

impl Sketch {
    /// A sketch of nothing, sparse, whose count is known to be 0.
    pub fn new() -> Self {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[..ENCODING_AT].copy_from_slice(b"HYLL");
        bytes[ENCODING_AT] = SPARSE;
        sparse::push_run(&mut bytes, 0, REGISTERS);
        Self { bytes }
    }

    /// The sketch that `bytes` is, by its header.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let is_sketch = bytes.len() >= HEADER_BYTES && bytes.starts_with(b"HYLL");
        let is_whole = is_sketch
            && match bytes[ENCODING_AT] {
                DENSE => bytes.len() == DENSE_BYTES,
                SPARSE => true,
                _ => false,
            };
        is_whole.then(|| Self { bytes: bytes.to_vec() })
    }

    /// Its string.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// True where every register has its own bits.
    pub fn is_dense(&self) -> bool {
        self.bytes[ENCODING_AT] == DENSE
    }

    /// The count that was estimated last, unless it is out of date.
    pub fn remembered_count(&self) -> Option<u64> {
        let count = self.bytes[COUNT_AT..].first_chunk::<8>()?;
        (count[7] & OUT_OF_DATE == 0).then(|| u64::from_le_bytes(*count))
    }

    /// Keeps the count for the next time.
    pub fn remember_count(&mut self, count: u64) {
        self.bytes[COUNT_AT..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
    }

    /// Says that the count is out of date.
    pub fn forget_count(&mut self) {
        self.bytes[HEADER_BYTES - 1] |= OUT_OF_DATE;
    }

    /// Adds an element; true where a register rose.
    pub fn add(&mut self, element: &[u8]) -> Result<bool, Corrupted> {
        let (register, value) = hash::locate(element);
        self.raise_one(register, value, &mut sparse::Place::start())
    }

    /// Raises every register to that of `union`.
    pub fn raise(&mut self, union: &Registers) -> Result<(), Corrupted> {
        let mut place = sparse::Place::start();
        for (register, &value) in union.0.iter().enumerate().filter(|(_, value)| **value > 0) {
            self.raise_one(register, value, &mut place)?;
        }
        Ok(())
    }

    /// Raises a register, from `place` on, which is not behind it.
    fn raise_one(&mut self, register: usize, value: u8, place: &mut sparse::Place) -> Result<bool, Corrupted> {
        if self.is_dense() {
            return Ok(self.raise_dense(register, value));
        }
        match sparse::raise(&mut self.bytes, place, register, value)? {
            sparse::Raised::Kept => Ok(false),
            sparse::Raised::Changed => Ok(true),
            sparse::Raised::Full => {
                self.make_dense()?;
                Ok(self.raise_dense(register, value))
            }
        }
    }

    fn raise_dense(&mut self, register: usize, value: u8) -> bool {
        let rises = value > self.dense(register);
        if rises {
            let (at, shift) = place(register);
            let mask = REGISTER_MAX << shift;
            let [low, high] = (self.window(at) & !mask | u16::from(value) << shift).to_le_bytes();
            self.bytes[at] = low;
            // The last register ends with the string.
            if let Some(byte) = self.bytes.get_mut(at + 1) {
                *byte = high;
            }
        }
        rises
    }

    /// A register of a dense sketch.
    fn dense(&self, register: usize) -> u8 {
        let (at, shift) = place(register);
        (self.window(at) >> shift & REGISTER_MAX) as u8
    }

    /// Every register of a dense sketch: three bytes hold four.
    fn dense_registers(&self) -> impl Iterator<Item = u8> {
        let four = |bytes: &[u8]| {
            let bits = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
            [0, 1, 2, 3].map(|at| (bits >> (at * REGISTER_BITS)) as u8 & REGISTER_MAX as u8)
        };
        self.bytes[HEADER_BYTES..].chunks_exact(3).flat_map(four)
    }

    /// Two bytes, which hold the whole of a register that starts in the first.
    fn window(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.bytes[at], self.bytes.get(at + 1).copied().unwrap_or(0)])
    }

    /// Gives every register its own bits.
    pub fn make_dense(&mut self) -> Result<(), Corrupted> {
        if self.is_dense() {
            return Ok(());
        }
        let mut registers = Registers::new();
        self.merge_into(&mut registers)?;
        self.bytes.truncate(HEADER_BYTES);
        self.bytes.resize(DENSE_BYTES, 0);
        self.bytes[ENCODING_AT] = DENSE;
        self.raise(&registers)
    }

    /// Raises every register of `union` to that of the sketch.
    pub fn merge_into(&self, union: &mut Registers) -> Result<(), Corrupted> {
        if self.is_dense() {
            let raise = |(highest, value): (&mut u8, u8)| *highest = value.max(*highest);
            union.0.iter_mut().zip(self.dense_registers()).for_each(raise);
            return Ok(());
        }
        let mut first = 0;
        for run in Runs::of(&self.bytes) {
            let end = first + run.length;
            if run.value > 0 {
                let raised = union.0.get_mut(first..end).ok_or(Corrupted)?;
                raised.iter_mut().for_each(|highest| *highest = run.value.max(*highest));
            }
            first = end;
        }
        if first == REGISTERS { Ok(()) } else { Err(Corrupted) }
    }

    /// Estimates how many elements were added.
    pub fn count(&self) -> Result<u64, Corrupted> {
        let mut histogram: Histogram = [0; 64];
        if self.is_dense() {
            self.dense_registers().for_each(|value| histogram[usize::from(value)] += 1);
            return Ok(estimate(&histogram));
        }
        let mut length = 0;
        for run in Runs::of(&self.bytes) {
            histogram[usize::from(run.value)] += run.length as u32;
            length += run.length;
        }
        if length == REGISTERS { Ok(estimate(&histogram)) } else { Err(Corrupted) }
    }
}

/// The byte of a dense sketch in which a register starts, and from which bit on.
fn place(register: usize) -> (usize, usize) {
    let bit = register * REGISTER_BITS;
    (HEADER_BYTES + bit / 8, bit % 8)
}

/// The registers of a union, a byte each.
#[derive(Debug)]
pub(super) struct Registers(Box<[u8]>);

impl Registers {
    /// The registers of nothing.
    pub fn new() -> Self {
        Self(vec![0; REGISTERS].into())
    }

    /// Estimates how many elements were added to any of the sketches.
    pub fn count(&self) -> u64 {
        let mut histogram: Histogram = [0; 64];
        self.0.iter().for_each(|&value| histogram[usize::from(value)] += 1);
        estimate(&histogram)
    }
}
