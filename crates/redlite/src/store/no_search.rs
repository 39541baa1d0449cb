//! In the place of `search.rs` in a build without the feature `search`: there are no indexes, and a store that has some
//! is not opened, as its hashes would no longer be found as they are.

use super::{Key, Store, schema};
use crate::error::OpenError;

/// What there is to remember about indexes: nothing.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    /// True where the file has some.
    are_there: bool,
}

impl Indexes {
    pub(super) fn forget_changes(&mut self) {}
}

impl Store {
    pub(super) fn load_indexes(&mut self) -> rusqlite::Result<()> {
        let first = || self.row("SELECT 1 FROM search_indexes LIMIT 1", [], |_| Ok(()));
        self.indexes.are_there = schema::has_search(&self.sqlite)? && first()?.is_some();
        Ok(())
    }

    pub(super) fn check_indexes(&self) -> Result<(), OpenError> {
        if self.indexes.are_there { Err(OpenError::NeedsSearch) } else { Ok(()) }
    }

    #[cfg(feature = "testing")]
    pub(super) fn has_indexes(&self) -> bool {
        self.indexes.are_there
    }

    pub(super) fn drop_indexes(&mut self) -> rusqlite::Result<()> {
        Ok(())
    }

    pub(super) fn mark_document(&mut self, _: i64) {}

    pub(super) fn mark_renamed(&mut self, _: &Key) {}

    pub(super) fn mark_all_changed(&mut self) {}

    pub(super) fn forget_document(&mut self, _: &Key) -> rusqlite::Result<()> {
        Ok(())
    }

    pub(super) fn set_document_expiry(&mut self, _: &Key, _: Option<i64>) -> rusqlite::Result<()> {
        Ok(())
    }

    pub fn refresh_indexes(&mut self) -> rusqlite::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Redlite;

    #[test]
    fn a_store_with_indexes_is_not_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("store.db");
        let store = Redlite::open(&path).expect("a store");
        store.client().request(["HSET", "h", "f", "v"]).expect("it is written");
        let index = "INSERT INTO search_indexes VALUES (1, 'i', x'', 0, 0, 0)";
        let made = crate::engine::lock(&store.engine).store.make_search_tables(index);
        made.expect("they are made");
        drop(store);
        let opened = Redlite::open(&path).map(drop);
        assert!(matches!(opened, Err(OpenError::NeedsSearch)), "{opened:?}");
    }

    impl Store {
        fn make_search_tables(&mut self, index: &'static str) -> rusqlite::Result<()> {
            self.begin()?;
            schema::create_search(&self.sqlite)?;
            self.sqlite.execute_batch(index)?;
            self.commit()
        }
    }
}
