//! The integration tests: one binary, one module for each part of the library.

mod generate;
mod house;
mod reference;
mod simulator;
//! Integration tests: one binary, one file a module.

mod generate;
mod reference;
mod spec;
mod trace;
mod targets;
