//! Integration tests that need nothing but Redlite: one binary, one file a subject.

mod memory;
mod migration;
mod older_store;
#[cfg(feature = "redis")]
mod redis_crate;
mod vfs;
mod vfs_log;
mod waiting;

/// True where everything is run: `tools/test --full`. Otherwise the longest tests run a part of what they are for, in which
/// every slip that they were seen to catch is still caught.
pub fn is_full() -> bool {
    std::env::var_os("DST_TEST_FULL").is_some()
}
