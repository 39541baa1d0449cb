//! The integration tests: one binary, one module for each part of the library.

mod cli;
mod generate;
mod house;
mod reference;
mod simulator;
mod spec;
mod targets;
mod trace;
