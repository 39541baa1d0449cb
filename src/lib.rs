//! `redlite_dst`

pub mod campaign;
pub mod cli;
pub mod corpus;
pub mod diff;
pub mod faults;
pub mod generate;
pub mod redlite;
pub mod report;
pub mod resp;
pub mod seed;
pub mod shrink;
pub mod spec;
pub mod targets;
pub mod trace;
