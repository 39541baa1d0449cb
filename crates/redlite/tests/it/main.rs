//! Integration tests that need nothing but Redlite: one binary, one file a subject.

mod extent;
mod memory;
mod migration;
mod older_store;
#[cfg(feature = "redis")]
mod redis_crate;
mod vfs;
mod vfs_log;
mod waiting;

pub use extent::is_full;
