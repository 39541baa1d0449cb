//! Integration tests: one binary, one file a subject.

mod house;
mod simulator;
