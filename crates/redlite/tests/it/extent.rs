//! How much the longest tests run. The tests of the root package read this file, too.

/// True where everything is run: `tools/test --full`. Otherwise the longest tests run a part of what they are for, in which
/// every slip that they were seen to catch is still caught.
pub fn is_full() -> bool {
    std::env::var_os("DST_TEST_FULL").is_some()
}
