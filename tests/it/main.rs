//! Integration tests: one binary, one file a subject.

mod canary;
mod chaos;
mod chaos_cli;
mod chaos_kill;
mod cli;
mod connections;
mod coverage;
mod deferral;
mod full_disk;
mod generate;
mod house;
#[path = "../../crates/redlite/tests/it/older_store.rs"]
mod older_store;
mod reference;
mod search;
mod serve;
mod simulator;
mod spec;
mod targets;
mod tools;
mod trace;

/// True where everything is run: `tools/test --full`. Otherwise the longest tests run a part of what they are for, in which
/// every slip that they were seen to catch is still caught.
pub fn is_full() -> bool {
    std::env::var_os("DST_TEST_FULL").is_some()
}
