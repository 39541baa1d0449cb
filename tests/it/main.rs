//! Integration tests: one binary, one file a module.

mod generate;
mod reference;
mod spec;
mod trace;
