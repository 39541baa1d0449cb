//! Integration tests: one binary, one file a module.

mod trace;
