//! Integration tests: one binary, one file a subject.

mod beginners;
mod canary;
mod chaos;
mod chaos_cli;
mod chaos_kill;
mod cli;
mod connections;
mod corpus;
mod coverage;
mod deferral;
mod evening;
#[path = "../../crates/redlite/tests/it/extent.rs"]
mod extent;
mod full_disk;
mod generate;
mod healing;
mod house;
#[path = "../../crates/redlite/tests/it/older_store.rs"]
mod older_store;
mod panel;
mod proxy;
#[cfg(madsim)]
mod real;
mod reference;
mod search;
mod serve;
#[cfg(madsim)]
mod simulated_canaries;
mod simulated_subject;
mod simulator;
mod spec;
mod targets;
mod tools;
mod trace;

pub use extent::is_full;
