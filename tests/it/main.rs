//! Integration tests: one binary, one file a subject.

mod house;
mod simulator;
mod generate;
mod reference;
mod spec;
//! Integration tests: one binary, one file a module.

mod trace;
