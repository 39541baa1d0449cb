//! Faults where they happen in life, and what must hold after them.

pub mod kill;
