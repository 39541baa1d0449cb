//! The tables.

use rusqlite::{Connection, MAIN_DB};

use crate::error::OpenError;

/// Written to `application_id` of every file: "Redl". <https://www.sqlite.org/pragma.html#pragma_application_id>
const APPLICATION: i64 = 0x5265_646c;

/// Written to `user_version` of every file. Version 1 had the same tables, in pages without checksums.
const VERSION: i64 = 2;

/// Its pages have no room for checksums: see `migration`.
const VERSION_UNCHECKED: i64 = 1;

const TABLES: &str = "
    CREATE TABLE keys (
        id         INTEGER PRIMARY KEY,
        db         INTEGER NOT NULL,
        name       BLOB    NOT NULL,
        type       INTEGER NOT NULL,
        length     INTEGER NOT NULL,  -- elements; of a string and of a stream 0
        head       INTEGER NOT NULL,  -- of a list: the position of its first element; else its encoding
        expires_ms INTEGER,
        value      BLOB               -- of a string
    );
    CREATE UNIQUE INDEX keys_by_name ON keys (db, name);

    -- Positions of a list are contiguous from its head: LINDEX is one search.
    CREATE TABLE list_items (
        key_id   INTEGER NOT NULL,
        position INTEGER NOT NULL,
        value    BLOB    NOT NULL,
        PRIMARY KEY (key_id, position)
    ) WITHOUT ROWID;

    -- Ordinals of a hash and of a set are 0 to length - 1 without a gap, in no order that means anything: a
    -- random pick is one search, and an iteration is a walk down the ordinals.
    CREATE TABLE hash_fields (
        key_id  INTEGER NOT NULL,
        field   BLOB    NOT NULL,
        value   BLOB    NOT NULL,
        ordinal INTEGER NOT NULL,
        PRIMARY KEY (key_id, field)
    ) WITHOUT ROWID;
    CREATE INDEX hash_ordinals ON hash_fields (key_id, ordinal);

    CREATE TABLE set_members (
        key_id  INTEGER NOT NULL,
        member  BLOB    NOT NULL,
        ordinal INTEGER NOT NULL,
        PRIMARY KEY (key_id, member)
    ) WITHOUT ROWID;
    CREATE INDEX set_ordinals ON set_members (key_id, ordinal);

    -- SQLite keeps -0.0 as 0: `negative_zero` is 1 where the score is -0.0.
    CREATE TABLE zset_members (
        key_id        INTEGER NOT NULL,
        member        BLOB    NOT NULL,
        score         REAL    NOT NULL,
        negative_zero INTEGER NOT NULL,
        PRIMARY KEY (key_id, member)
    ) WITHOUT ROWID;
    CREATE INDEX zset_scores ON zset_members (key_id, score, member, negative_zero);

    CREATE TABLE search_indexes (
        id            INTEGER PRIMARY KEY,
        name          BLOB    NOT NULL UNIQUE,
        definition    BLOB    NOT NULL,  -- msgpack
        documents     INTEGER NOT NULL,
        last_document INTEGER NOT NULL,  -- the highest id that a document of it ever had
        failures      INTEGER NOT NULL   -- hashes that could not be indexed
    );
    -- Ids of entries are 16 bytes in the order of the ids.
    CREATE TABLE streams (
        key_id         INTEGER PRIMARY KEY,
        length         INTEGER NOT NULL,  -- may be 0: a stream without entries stays
        last_id        BLOB    NOT NULL,
        max_deleted_id BLOB    NOT NULL,
        entries_added  INTEGER NOT NULL
    );

    CREATE TABLE stream_entries (
        key_id INTEGER NOT NULL,
        id     BLOB    NOT NULL,
        items  BLOB    NOT NULL,  -- fields and values in turn
        PRIMARY KEY (key_id, id)
    ) WITHOUT ROWID;

    -- How Redis packs entries together, which shows where it trims approximately. A node holds the entries from its
    -- id to its last_id.
    CREATE TABLE stream_nodes (
        key_id  INTEGER NOT NULL,
        id      BLOB    NOT NULL,
        last_id BLOB    NOT NULL,  -- of an entry that may be deleted
        live    INTEGER NOT NULL,
        deleted INTEGER NOT NULL,
        bytes   INTEGER NOT NULL,
        fields  BLOB    NOT NULL,  -- the fields of its first entry
        PRIMARY KEY (key_id, id)
    ) WITHOUT ROWID;

    CREATE TABLE stream_groups (
        key_id       INTEGER NOT NULL,
        name         BLOB    NOT NULL,
        last_id      BLOB    NOT NULL,
        entries_read INTEGER NOT NULL,  -- -1 where it is not known
        PRIMARY KEY (key_id, name)
    ) WITHOUT ROWID;

    CREATE TABLE stream_consumers (
        key_id     INTEGER NOT NULL,
        group_name BLOB    NOT NULL,
        name       BLOB    NOT NULL,
        seen_ms    INTEGER NOT NULL,
        PRIMARY KEY (key_id, group_name, name)
    ) WITHOUT ROWID;

    -- Entries that a consumer got and did not acknowledge.
    CREATE TABLE stream_pending (
        key_id       INTEGER NOT NULL,
        group_name   BLOB    NOT NULL,
        id           BLOB    NOT NULL,
        consumer     BLOB    NOT NULL,
        delivered_ms INTEGER NOT NULL,
        deliveries   INTEGER NOT NULL,
        PRIMARY KEY (key_id, group_name, id)
    ) WITHOUT ROWID;
    CREATE INDEX stream_pending_by_consumer ON stream_pending (key_id, group_name, consumer, id);
";

/// What indexes hold of documents. These tables are made with the first index: few stores have one, and every table
/// that there is makes opening a store take longer, as SQLite reads what tables there are.
const SEARCH_TABLES: &str = "
    CREATE TABLE search_documents (
        index_id      INTEGER NOT NULL,
        id            INTEGER NOT NULL,  -- rises with each change of the hash
        key_id        INTEGER NOT NULL,
        expires_ms    INTEGER,           -- the key's
        frequency_max INTEGER NOT NULL,  -- of its terms
        PRIMARY KEY (index_id, id)
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX search_keys ON search_documents (key_id, index_id);
    CREATE INDEX search_expiries ON search_documents (expires_ms) WHERE expires_ms IS NOT NULL;

    CREATE TABLE search_terms (
        index_id    INTEGER NOT NULL,
        term        BLOB    NOT NULL,
        document_id INTEGER NOT NULL,
        field       INTEGER NOT NULL,
        frequency   INTEGER NOT NULL,
        positions   BLOB    NOT NULL,    -- four bytes each
        PRIMARY KEY (index_id, term, document_id, field)
    ) WITHOUT ROWID;
    CREATE INDEX search_terms_of ON search_terms (index_id, document_id);
    CREATE TABLE search_tags (
        index_id    INTEGER NOT NULL,
        field       INTEGER NOT NULL,
        tag         BLOB    NOT NULL,
        document_id INTEGER NOT NULL,
        PRIMARY KEY (index_id, field, tag, document_id)
    ) WITHOUT ROWID;
    CREATE INDEX search_tags_of ON search_tags (index_id, document_id);
    CREATE TABLE search_numbers (
        index_id    INTEGER NOT NULL,
        field       INTEGER NOT NULL,
        number      REAL    NOT NULL,
        document_id INTEGER NOT NULL,
        PRIMARY KEY (index_id, field, number, document_id)
    ) WITHOUT ROWID;
    CREATE INDEX search_numbers_of ON search_numbers (index_id, document_id);
";

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing yet.
    Nothing,
    /// A store whose pages carry checksums.
    Store,
    /// A store from before there were checksums.
    Unchecked,
}

/// What the file holds. Changes nothing.
///
/// # Errors
/// [`OpenError::Foreign`] for a file of something else, [`OpenError::Version`] for a store of another version.
pub(super) fn check(sqlite: &Connection) -> Result<Found, OpenError> {
    let number = |pragma: &str| sqlite.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables = || sqlite.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
    match (application, version) {
        (APPLICATION, VERSION) => Ok(Found::Store),
        (APPLICATION, VERSION_UNCHECKED) => Ok(Found::Unchecked),
        (APPLICATION, found) => Err(OpenError::Version { found, expected: VERSION }),
        (0, 0) if tables()? == 0 => Ok(Found::Nothing),
        _ => Err(OpenError::Foreign),
    }
}

/// Makes the tables.
pub(super) fn create(sqlite: &Connection) -> rusqlite::Result<()> {
    sqlite.execute_batch(&format!(
        "BEGIN; {TABLES} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;"
    ))
}

/// Says of new tables that they are from before there were checksums.
#[cfg(feature = "testing")]
pub(super) fn date_back(sqlite: &Connection) -> rusqlite::Result<()> {
    sqlite.pragma_update(None, "user_version", VERSION_UNCHECKED)
}

/// True where the tables of search are there: they come with the first index, or from an earlier version.
pub(super) fn has_search(sqlite: &Connection) -> rusqlite::Result<bool> {
    sqlite.table_exists(Some(MAIN_DB), c"search_documents")
}

/// Makes the tables of search, in the transaction that is open.
pub(super) fn create_search(sqlite: &Connection) -> rusqlite::Result<()> {
    sqlite.execute_batch(SEARCH_TABLES)
}

/// The names of the tables.
pub(super) fn tables(sqlite: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = sqlite.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// The names of a table's columns: none, where there is no such table.
pub(super) fn columns(sqlite: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = sqlite.prepare("SELECT name FROM pragma_table_info(?1)")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

/// What SQLite finds wrong with a file: nothing, where it is sound.
pub(super) fn find_damage(sqlite: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = sqlite.prepare("PRAGMA integrity_check")?;
    let found: Vec<String> = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Redlite;

    /// Opens a file that `sql` was run on; what is said of it, and that it is left as it was.
    fn check_file(sql: &str, expected: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file.db");
        Connection::open(&path).and_then(|sqlite| sqlite.execute_batch(sql)).expect("a file");
        let before = std::fs::read(&path).expect("the file");
        let error = Redlite::open(&path).map(drop).expect_err("the file is refused");
        assert_eq!(error.to_string(), expected);
        assert!(before == std::fs::read(&path).expect("the file"), "a refused file stays as it is: {sql}");
    }

    #[test]
    fn a_file_of_something_else_is_refused_and_left_as_it_is() {
        let foreign = "the file is something else than a store of Redlite";
        check_file("CREATE TABLE keys (id)", foreign);
        check_file("CREATE TABLE keys (id); PRAGMA user_version = 1", foreign);
        check_file(
            &format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = 9"),
            "the store in the file has schema version 9, and this version reads 2",
        );
    }
}

#[cfg(all(test, feature = "search"))]
mod search_tests {
    use super::*;
    use crate::Redlite;
    use resp::Reply;

    /// Runs requests on a file, and opens it again; whether there are tables of search then, and what indexes there are.
    fn check_search(requests: &[&str], expected: (bool, &[&str])) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file.db");
        let open = || Redlite::open(&path).expect("a store").client();
        let mut client = open();
        for request in requests {
            let reply = client.execute(&request.split(' ').collect());
            assert!(reply.as_error().is_none(), "{request}: {reply:?}");
        }
        drop(client);
        let listed = open().execute(&["FT._LIST"].into_iter().collect());
        let names = listed.as_elements().expect("a list").iter().filter_map(Reply::as_bytes);
        let names: Vec<&str> = names.map(|name| std::str::from_utf8(name).expect("a name")).collect();
        let has_tables = Connection::open(&path).and_then(|sqlite| has_search(&sqlite)).expect("a database");
        assert_eq!((has_tables, &*names), expected, "{requests:?}");
    }

    #[test]
    fn the_tables_of_search_are_made_with_the_first_index() {
        let create = "FT.CREATE i SCHEMA t TEXT";
        check_search(&["HSET h t word"], (false, &[]));
        check_search(&["HSET h t word", create, "FT.CREATE j SCHEMA t TEXT"], (true, &["i", "j"]));
        check_search(&[create, "FLUSHALL"], (true, &[]));
        check_search(&[create, "FLUSHALL", create, "HSET h t word", "FT.SEARCH i word"], (true, &["i"]));
    }
}
