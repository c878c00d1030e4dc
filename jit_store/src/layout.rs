//! The tables, and how those of older versions become today's.

use crate::StoreTrouble;
use rusqlite::Connection;
use std::path::Path;

/// The layout of the tables; it grows with each change of them.
pub const LAYOUT: i64 = 2;
/// `jitd` in ASCII: what SQLite stores as the application's mark.
const APPLICATION: i64 = 0x6a69_7464;

/// Layout 1: the events, and which ids each is about.
const FIRST: &str = "
    CREATE TABLE IF NOT EXISTS events (
        seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, event TEXT NOT NULL, data TEXT NOT NULL, prev BLOB NOT NULL, hash BLOB NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS about (id TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (id, seq)) STRICT, WITHOUT ROWID;";
/// Layout 2: the events that the state rests on, from where a start reads; and where the record begins after archiving.
const SECOND: &str = "
    CREATE TABLE base (one INTEGER PRIMARY KEY CHECK (one = 1), upto INTEGER NOT NULL, hash BLOB NOT NULL, seqs TEXT NOT NULL) STRICT;
    CREATE TABLE checkpoint (
        one INTEGER PRIMARY KEY CHECK (one = 1), upto INTEGER NOT NULL, hash BLOB NOT NULL, kept INTEGER NOT NULL, kept_digest TEXT NOT NULL
    ) STRICT;";

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing yet.
    Empty,
    /// A store of this layout, which is today's or an older one.
    Store(i64),
}

/// Whether the file is a store that this program knows, before anything is written to it.
///
/// # Errors
/// It is not, or it cannot be read.
pub fn recognise(connection: &Connection, path: &Path) -> Result<Found, StoreTrouble> {
    let failed = |error| StoreTrouble::of(path.to_owned(), error);
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let application = pragma("application_id").map_err(failed)?;
    let layout = pragma("user_version").map_err(failed)?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    let foreign = |what: String| Err(StoreTrouble::Foreign { path: path.to_owned(), what });
    match (tables, application, layout) {
        (0, 0, 0) => Ok(Found::Empty),
        (_, APPLICATION, known @ 1..=LAYOUT) => Ok(Found::Store(known)),
        (_, APPLICATION, newer) if newer > LAYOUT => {
            foreign(format!("the store of a newer jitd (layout {newer}; this one knows {LAYOUT})"))
        }
        _ => foreign("a database, but not jitd's".to_owned()),
    }
}

/// Makes the tables, or brings those of an older version up to date, all or nothing.
///
/// # Errors
/// The disk.
pub(crate) fn bring_up_to_date(connection: &Connection, found: Found) -> Result<(), rusqlite::Error> {
    let steps = match found {
        Found::Empty => [FIRST, SECOND].concat(),
        Found::Store(1) => SECOND.to_owned(),
        Found::Store(_) => return Ok(()),
    };
    let all = format!("BEGIN IMMEDIATE; PRAGMA application_id={APPLICATION}; PRAGMA user_version={LAYOUT}; {steps} COMMIT;");
    connection.execute_batch(&all).inspect_err(|_| {
        // What is left of the transaction ends with the connection at the latest.
        let _ = connection.execute_batch("ROLLBACK");
    })
}
