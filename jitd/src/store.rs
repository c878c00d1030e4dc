//! The record on disk: a SQLite database that only ever gains rows.
//!
//! WAL with `synchronous=FULL`: a commit that returned survives a power cut.

mod read;

pub use read::{Filter, events, ids_beginning, open_to_read};

use jit_core::record::{Head, Record};
use jit_core::time::WallTime;
use rusqlite::{Connection, OpenFlags, params};
use std::fmt;
use std::path::{Path, PathBuf};

/// The layout of the tables; it grows with each change of them.
const SCHEMA: i64 = 1;
/// `jitd` in ASCII: what SQLite stores as the application's mark.
const APPLICATION: i64 = 0x6a69_7464;

/// How many events are read at a time.
const PAGE: u32 = 1000;

/// Why the store cannot be used.
#[derive(Debug)]
pub enum StoreTrouble {
    /// SQLite or the disk under it failed.
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// What it said.
        error: rusqlite::Error,
    },
    /// It is another program's, or a newer jitd's.
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// An event is not what was written.
    Broken {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl fmt::Display for StoreTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path, error } => write!(f, "{}: {error}; look at the disk and at who owns the file", path.display()),
            Self::Foreign { path, what } => {
                write!(f, "{} is {what}; it was left untouched: move it away, or run the jitd that wrote it", path.display())
            }
            Self::Broken { path, why } => write!(
                f,
                "{}: {why}; nothing is granted from a record that was changed: keep the file, and restore a backup",
                path.display()
            ),
        }
    }
}

impl std::error::Error for StoreTrouble {}

/// The store, open for writing. There is one in a process, and one process on a store.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    head: Head,
}

/// An event on its way to the store.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// When it happened.
    pub at: WallTime,
    /// Its name.
    pub event: &'static str,
    /// Its data, as JSON.
    pub data: String,
}

/// The file in the state directory.
#[must_use]
pub fn file_in(state: &Path) -> PathBuf {
    state.join("events.db")
}

impl Store {
    /// Opens the store, makes it if it is not there, and gives every event to `each`, in order, checked
    /// against the chain.
    ///
    /// # Errors
    /// The disk, a store of somebody else's, or an event that was changed.
    pub fn open(path: &Path, mut each: impl FnMut(&Record) -> Result<(), String>) -> Result<Self, StoreTrouble> {
        let sqlite = |error| StoreTrouble::Sqlite { path: path.to_owned(), error };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
        recognise(&connection, path)?;
        connection.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-512;").map_err(sqlite)?;
        make_tables(&connection).map_err(sqlite)?;
        let mut head = Head::NONE;
        loop {
            let page = events(&connection, &Filter { after: head.seq, ..Filter::default() }, PAGE).map_err(sqlite)?;
            for record in &page {
                let broken = |why: String| StoreTrouble::Broken { path: path.to_owned(), why };
                head = head.follow(record).map_err(|why| broken(why.to_string()))?;
                each(record).map_err(broken)?;
            }
            if page.is_empty() {
                break;
            }
        }
        Ok(Self { connection, head })
    }

    /// Stores a batch, whole or not at all, and returns it as it stands in the chain.
    ///
    /// # Errors
    /// The disk: then nothing of it is stored.
    pub fn append(&mut self, batch: &[Fresh]) -> Result<Vec<Record>, rusqlite::Error> {
        let transaction = self.connection.transaction()?;
        let mut head = self.head;
        let mut records = Vec::with_capacity(batch.len());
        for fresh in batch {
            let record = Record::chained(head, fresh.at, fresh.event, fresh.data.clone());
            head = record.head();
            insert(&transaction, &record)?;
            records.push(record);
        }
        transaction.commit()?;
        self.head = head;
        Ok(records)
    }

    /// Where the chain stands.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }
}

fn insert(transaction: &rusqlite::Transaction<'_>, record: &Record) -> Result<(), rusqlite::Error> {
    let mut event = transaction.prepare_cached("INSERT INTO events (seq, at, event, data, prev, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    let seq = i64::try_from(record.seq).unwrap_or(i64::MAX);
    event.execute(params![seq, record.at.as_millis(), record.event, record.data, read::Digest(record.prev), read::Digest(record.hash)])?;
    let mut about = transaction.prepare_cached("INSERT OR IGNORE INTO about (id, seq) VALUES (?1, ?2)")?;
    for id in ids_in(&record.data) {
        about.execute(params![id, seq])?;
    }
    Ok(())
}

/// The ids that an event is about.
fn ids_in(data: &str) -> Vec<String> {
    let data: serde_json::Map<String, serde_json::Value> = serde_json::from_str(data).unwrap_or_default();
    let ids = ["id", "grant", "request"].iter().filter_map(|key| data.get(*key)?.as_str());
    ids.filter(|id| id.parse::<jit_core::id::IdPrefix>().is_ok()).map(str::to_owned).collect()
}

/// Whether the file is a store that this program knows, before anything is written to it.
fn recognise(connection: &Connection, path: &Path) -> Result<(), StoreTrouble> {
    let sqlite = |error| StoreTrouble::Sqlite { path: path.to_owned(), error };
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let application = pragma("application_id").map_err(sqlite)?;
    let schema = pragma("user_version").map_err(sqlite)?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(sqlite)?;
    let foreign = |what: String| Err(StoreTrouble::Foreign { path: path.to_owned(), what });
    match (tables, application, schema) {
        (0, 0, 0) | (_, APPLICATION, SCHEMA) => Ok(()),
        (_, APPLICATION, newer) if newer > SCHEMA => {
            foreign(format!("the store of a newer jitd (layout {newer}; this one knows {SCHEMA})"))
        }
        _ => foreign("a database, but not jitd's".to_owned()),
    }
}

fn make_tables(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE;
         PRAGMA application_id={APPLICATION};
         PRAGMA user_version={SCHEMA};
         CREATE TABLE IF NOT EXISTS events (
             seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, event TEXT NOT NULL, data TEXT NOT NULL, prev BLOB NOT NULL, hash BLOB NOT NULL
         ) STRICT;
         CREATE TABLE IF NOT EXISTS about (id TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (id, seq)) STRICT, WITHOUT ROWID;
         COMMIT;"
    ))
}

#[cfg(test)]
mod tests;
