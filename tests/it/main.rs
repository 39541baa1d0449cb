//! The integration tests: one binary, one module for each part of the library.
//! Integration tests: one binary, one file a subject.

mod generate;
mod house;
mod reference;
mod simulator;
mod spec;
//! Integration tests: one binary, one file a module.

mod generate;
mod house;
mod reference;
mod simulator;
mod spec;
mod targets;
mod trace;
mod house;
mod simulator;
mod targets;
mod trace;
