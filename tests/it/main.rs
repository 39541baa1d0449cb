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
mod memory;
mod migration;
mod reference;
mod search;
mod serve;
mod simulator;
mod spec;
mod targets;
mod tools;
mod trace;
mod vfs;
mod vfs_log;
