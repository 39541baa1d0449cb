//! The integration tests: one binary, one module for each part of the library.

mod generate;
mod house;
mod reference;
mod simulator;
mod spec;
mod targets;
