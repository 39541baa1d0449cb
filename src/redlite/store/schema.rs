//! The tables.

use rusqlite::Connection;

use crate::redlite::engine::OpenError;

/// Written to `user_version` of every file.
const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE keys (
        id         INTEGER PRIMARY KEY,
        db         INTEGER NOT NULL,
        name       BLOB    NOT NULL,
        type       INTEGER NOT NULL,
        length     INTEGER NOT NULL,  -- elements; of a string 0
        head       INTEGER NOT NULL,  -- of a list: the position of its first element
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
";

/// Makes the tables of a new file; checks the version of an old one.
pub(super) fn prepare(sqlite: &Connection) -> Result<(), OpenError> {
    let found: i64 = sqlite.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = sqlite.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (found, tables) {
        (VERSION, _) => Ok(()),
        (0, 0) => {
            sqlite.execute_batch(&format!("BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;"))?;
            Ok(())
        }
        _ => Err(OpenError::Version { found, expected: VERSION }),
    }
}
