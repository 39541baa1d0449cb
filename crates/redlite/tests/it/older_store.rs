//! A store that an older version wrote: `golden/store-v1.db` and its log were left behind by the last version without
//! checksums, when it was killed. The tests of `dst serve` read this file, too.

use std::fs;
use std::path::{Path, PathBuf};

/// The store's file.
pub const NAME: &str = "store.db";
/// The file and its log, packed.
pub const FILES: [(&str, &[u8]); 2] =
    [(NAME, include_bytes!("golden/store-v1.db.zst")), ("store.db-wal", include_bytes!("golden/store-v1.db-wal.zst"))];

/// Puts the old store into a folder; its path.
pub fn write_old_store(folder: &Path) -> PathBuf {
    for (name, packed) in FILES {
        fs::write(folder.join(name), zstd::decode_all(packed).expect("a golden file")).expect("it is written");
    }
    folder.join(NAME)
}
