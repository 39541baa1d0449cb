//! Rows of `keys` that were used last, kept so that a command on one of them does not look it up again.
//!
//! Here is also where a key's length and head wait to be stored: a push changes them each time, and the row is written
//! once, before the commit or before a statement that reads or changes it. Whatever else changes a row forgets it here
//! first; a rollback forgets all. Strings are not kept: their rows are their values.

use super::{Key, Store, Type};
use crate::failure::Failure;

/// So many rows are kept. All are looked at to find one.
const ROWS_MAX: usize = 16;

/// The row of a key with a longer name is not kept.
const NAME_BYTES_MAX: usize = 512;

/// A row, as the database has it apart from what waits.
#[derive(Debug)]
struct Row {
    db: u32,
    name: Vec<u8>,
    key: Key,
    /// True where the length and the head are still to be stored.
    waits: bool,
}

/// The rows that are kept.
#[derive(Debug, Default)]
pub(super) struct Rows {
    rows: Vec<Row>,
    /// Which one makes way for the next.
    next: usize,
}

impl Rows {
    /// The key of this name, where its row is kept.
    pub fn get(&self, db: u32, name: &[u8]) -> Option<&Key> {
        self.find(db, name).map(|row| &row.key)
    }

    fn find(&self, db: u32, name: &[u8]) -> Option<&Row> {
        self.rows.iter().find(|row| row.db == db && row.name == name)
    }

    /// Forgets every row, and what waits.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.next = 0;
    }

    /// Forgets a row, as its key is about to go.
    pub fn forget(&mut self, id: i64) {
        self.rows.retain(|row| row.key.id != id);
    }

    fn of(&mut self, id: i64) -> Option<&mut Row> {
        self.rows.iter_mut().find(|row| row.key.id == id)
    }
}

impl Store {
    /// Keeps the row of a key, which is not kept.
    pub(super) fn keep_row(&mut self, db: u32, name: &[u8], key: &Key) -> Result<(), Failure> {
        if key.kind == Type::String || name.len() > NAME_BYTES_MAX {
            return Ok(());
        }
        if self.rows.rows.len() < ROWS_MAX {
            self.rows.rows.push(Row { db, name: name.to_vec(), key: key.clone(), waits: false });
            return Ok(());
        }
        let at = self.rows.next;
        self.store_row(at)?;
        self.rows.next = (at + 1) % ROWS_MAX;
        let row = &mut self.rows.rows[at];
        row.name.clear();
        row.name.extend_from_slice(name);
        (row.db, row.key) = (db, key.clone());
        Ok(())
    }

    /// True where the row that is kept for this name is what the database has, as far as it does not wait.
    ///
    /// # Errors
    /// Where the database cannot be asked: SQLite may have ended the transaction for that.
    pub(super) fn is_row_sound(&self, db: u32, name: &[u8]) -> Result<bool, Failure> {
        let Some(row) = self.rows.find(db, name) else { return Ok(true) };
        let has = |found: Key| {
            let is_extent_same = row.waits || (found.length, found.head) == (row.key.length, row.key.head);
            found.id == row.key.id
                && found.kind == row.key.kind
                && found.expires_ms == row.key.expires_ms
                && is_extent_same
        };
        Ok(self.select(db, name)?.is_some_and(has))
    }

    /// Stores a key's length and head: at once, or where its row is kept before they matter.
    pub(super) fn write_extent(&mut self, key: &Key) -> Result<(), Failure> {
        self.begin()?;
        match self.rows.of(key.id) {
            Some(row) => {
                (row.key.length, row.key.head) = (key.length, key.head);
                row.waits = true;
            }
            None => self.update_row(key)?,
        }
        Ok(())
    }

    /// Stores what waits for a key, and forgets its row: a statement is about to read or change it.
    pub(super) fn release_row(&mut self, id: i64) -> rusqlite::Result<()> {
        if let Some(at) = self.rows.rows.iter().position(|row| row.key.id == id) {
            self.store_row(at)?;
            self.rows.forget(id);
        }
        Ok(())
    }

    /// Stores what waits, of every key.
    pub(super) fn store_rows(&mut self) -> rusqlite::Result<()> {
        (0..self.rows.rows.len()).try_for_each(|at| self.store_row(at))
    }

    fn store_row(&mut self, at: usize) -> rusqlite::Result<()> {
        let row = &mut self.rows.rows[at];
        if std::mem::take(&mut row.waits) {
            let key = row.key.clone();
            self.update_row(&key)?;
        }
        Ok(())
    }

    fn update_row(&mut self, key: &Key) -> rusqlite::Result<()> {
        const UPDATE: &str = "UPDATE keys SET length = ?2, head = ?3 WHERE id = ?1";
        self.write(UPDATE, [key.id, key.length, key.head]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{End, FileOptions};
    use super::*;

    /// How many lists are pushed to: more than rows are kept.
    const LISTS: u8 = ROWS_MAX as u8 + 4;

    fn push(store: &mut Store, list: u8) {
        let mut key = store.find_or_create(0, &[list], Type::List).expect("a list");
        store.push_item(&mut key, End::Head, b"v").expect("an item");
        store.update_extent(&key).expect("its extent");
    }

    /// The lengths of the lists as their rows have them, and as they are found.
    fn check(store: &mut Store, expected: impl Fn(u8) -> (i64, i64)) {
        for list in 0..LISTS {
            let length = |key: Option<Key>| key.map_or(0, |key| key.length);
            let stored = length(store.select(0, &[list]).expect("it is read"));
            let found = length(store.find(0, &[list]).expect("it is found"));
            assert_eq!((stored, found), expected(list), "list {list}");
        }
    }

    #[test]
    fn a_length_waits_until_its_row_makes_way_or_the_commit_and_goes_with_a_rollback() {
        let mut store = Store::open_memory(FileOptions::default()).expect("a store");
        (0..LISTS).for_each(|list| push(&mut store, list));
        store.commit().expect("a commit");
        check(&mut store, |_| (1, 1));
        (0..4).for_each(|list| push(&mut store, list));
        check(&mut store, |list| if list < 4 { (1, 2) } else { (1, 1) });
        store.rollback();
        check(&mut store, |_| (1, 1));
        (0..LISTS).for_each(|list| push(&mut store, list));
        store.commit().expect("a commit");
        check(&mut store, |_| (2, 2));
    }

    #[test]
    fn a_row_that_goes_takes_along_what_waits() {
        let mut store = Store::open_memory(FileOptions::default()).expect("a store");
        push(&mut store, 0);
        let key = store.find(0, &[0]).expect("it is read").expect("it is there");
        store.relocate(&key, 0, &[1]).expect("another name");
        store.copy(&key, 0, &[2]).expect("a copy");
        push(&mut store, 1);
        store.swap(0, 1).expect("other databases");
        store.swap(0, 1).expect("and back");
        store.commit().expect("a commit");
        check(&mut store, |list| [(0, 0), (2, 2), (1, 1)].get(usize::from(list)).copied().unwrap_or_default());
    }
}
