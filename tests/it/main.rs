//! Integration tests: one binary, one file a subject.

mod generate;
mod house;
mod reference;
mod simulator;
//! Integration tests: one binary, one file a module.

mod generate;
mod reference;
mod spec;
mod trace;
mod house;
mod simulator;
mod targets;
