//! The table of faults that a trace may schedule.
//!
//! It is empty: no target injects faults yet, and a trace that names one is refused by every target
//! ([`crate::targets::TargetError::NoFaults`]).
