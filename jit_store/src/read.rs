//! Reading the record: all of it, or the part that somebody asks for.

pub use jit_core::record::chain::Checkpoint;
use jit_core::record::{Hash, Head, Record};
use jit_core::time::WallTime;
use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, ToSql};
use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Numbers above this one.
    pub after: u64,
    /// Numbers up to this one.
    pub upto: Option<u64>,
    /// From this moment on.
    pub since: Option<WallTime>,
    /// Up to this moment.
    pub until: Option<WallTime>,
    /// About this user.
    pub user: Option<String>,
    /// Of this name, or this family: `grant`.
    pub kind: Option<String>,
    /// About this request, grant, session or denial.
    pub id: Option<String>,
}

/// Opens a store for reading alone; the daemon may be writing to it.
///
/// # Errors
/// It is not there, or cannot be read.
pub fn open_to_read(path: &Path) -> Result<Connection, rusqlite::Error> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// The same of a copy that nobody writes to, wherever it lies: on a disk that is read-only, in somebody else's folder. It is read as
/// it is in one moment, as it can be jitd's own all the same.
///
/// # Errors
/// It is not there, or cannot be read.
pub fn open_copy(path: &Path) -> Result<Connection, rusqlite::Error> {
    let is_readable = |connection: &Connection| connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0)).map(drop);
    let opened = open_to_read(path).and_then(|connection| is_readable(&connection).map(|()| connection));
    let has_wal = path.with_file_name([path.file_name().unwrap_or_default(), "-wal".as_ref()].join(OsStr::new(""))).exists();
    let connection = match opened {
        Ok(connection) => connection,
        Err(error) if has_wal => return Err(error),
        // SQLite wants to write beside it, so that others may write to it meanwhile.
        Err(error) => {
            let escaped = path.to_str().map(|path| path.replace('%', "%25").replace('?', "%3f").replace('#', "%23")).ok_or(error)?;
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)?
        }
    };
    connection.execute_batch("BEGIN").map(|()| connection)
}

/// The next events that a filter lets through, in order, at most so many.
///
/// # Errors
/// The disk.
pub fn events(connection: &Connection, filter: &Filter, most: u32) -> Result<Vec<Record>, rusqlite::Error> {
    let mut wanted = vec!["seq > ?1".to_owned()];
    let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(i64::try_from(filter.after).unwrap_or(i64::MAX))];
    let mut want = |condition: &str, value: Box<dyn ToSql>| {
        values.push(value);
        wanted.push(condition.replace('?', &format!("?{}", values.len())));
    };
    if let Some(upto) = filter.upto {
        want("seq <= ?", Box::new(i64::try_from(upto).unwrap_or(i64::MAX)));
    }
    if let Some(since) = filter.since {
        want("at >= ?", Box::new(since.as_millis()));
    }
    if let Some(until) = filter.until {
        want("at <= ?", Box::new(until.as_millis()));
    }
    if let Some(user) = &filter.user {
        want("json_extract(data, '$.user') = ?", Box::new(user.clone()));
    }
    if let Some(kind) = &filter.kind {
        want("(event = ? OR substr(event, 1, length(?) + 1) = ? || '.')", Box::new(kind.clone()));
    }
    if let Some(id) = &filter.id {
        want("seq IN (SELECT seq FROM about WHERE id = ?)", Box::new(id.clone()));
    }
    let query = format!("SELECT seq, at, event, data, prev, hash FROM events WHERE {} ORDER BY seq LIMIT {most}", wanted.join(" AND "));
    let mut statement = connection.prepare_cached(&query)?;
    let values: Vec<&dyn ToSql> = values.iter().map(AsRef::as_ref).collect();
    statement.query_map(values.as_slice(), record)?.collect()
}

/// Some of the events that a filter lets through, and up to where it has been looked for them.
#[derive(Debug)]
pub struct Page {
    /// The events, in order.
    pub records: Vec<Record>,
    /// The next ones are behind this number: what was looked through and not let through need not be again.
    pub read_to: u64,
}

/// The same, so that it can be gone on with.
///
/// # Errors
/// The disk.
pub fn page(connection: &Connection, filter: &Filter, most: u32) -> Result<Page, rusqlite::Error> {
    let records = events(connection, filter, most)?;
    let is_full = u32::try_from(records.len()).is_ok_and(|found| found >= most);
    let last = records.last().map_or(filter.after, |last| last.seq);
    Ok(Page { read_to: filter.upto.filter(|_| !is_full).map_or(last, |upto| upto.max(last)), records })
}

/// The event of this number.
///
/// # Errors
/// The disk.
pub fn one(connection: &Connection, seq: u64) -> Result<Option<Record>, rusqlite::Error> {
    let mut statement = connection.prepare_cached("SELECT seq, at, event, data, prev, hash FROM events WHERE seq = ?1")?;
    statement.query_row([i64::try_from(seq).unwrap_or(i64::MAX)], record).optional()
}

/// Gives each event after this number, in order, to a function until that says that it is enough.
///
/// # Errors
/// What cannot be read, or what the function says.
pub fn each_after(connection: &Connection, after: u64, mut each: impl FnMut(&Record) -> Result<bool, String>) -> Result<(), Stopped> {
    let query = "SELECT seq, at, event, data, prev, hash FROM events WHERE seq > ?1 ORDER BY seq";
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query([i64::try_from(after).unwrap_or(i64::MAX)])?;
    while let Some(row) = rows.next()? {
        let found = record(row).map_err(|error| match error.sqlite_error_code() {
            Some(_) => Stopped::Read(error),
            None => {
                Stopped::Said(format!("event {} was altered: it is not written as jitd writes events", row.get::<_, i64>(0).unwrap_or(0)))
            }
        })?;
        if !each(&found).map_err(Stopped::Said)? {
            break;
        }
    }
    Ok(())
}

/// Why not all events were given.
#[derive(Debug)]
pub enum Stopped {
    /// They cannot be read.
    Read(rusqlite::Error),
    /// The function said so, in words.
    Said(String),
}

impl From<rusqlite::Error> for Stopped {
    fn from(error: rusqlite::Error) -> Self {
        Self::Read(error)
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Said(words) => f.write_str(words),
        }
    }
}

impl std::error::Error for Stopped {}

/// The last event before a moment, of those up to a number: all up to it are from before. None: there is none.
///
/// # Errors
/// The disk.
pub fn last_before(connection: &Connection, before: WallTime, most: u64) -> Result<Option<Head>, rusqlite::Error> {
    let first_after: Option<i64> =
        connection.query_row("SELECT min(seq) FROM events WHERE at >= ?1", [before.as_millis()], |row| row.get(0))?;
    let end = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
    let end = first_after.map_or(end, |first| first.min(end));
    let last: Option<i64> = connection.query_row("SELECT max(seq) FROM events WHERE seq < ?1", [end], |row| row.get(0))?;
    let last = last.and_then(|last| u64::try_from(last).ok());
    Ok(match last {
        Some(last) => one(connection, last)?.map(|record| record.head()),
        None => None,
    })
}

/// Whether every page of the file is what SQLite would have written, the index too, which a start does not read.
///
/// # Errors
/// The disk; inside, the first thing that is wrong.
pub fn check_pages(connection: &Connection) -> Result<Result<(), String>, rusqlite::Error> {
    let first: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    // It can be several lines: which database, then what.
    Ok(if first == "ok" { Ok(()) } else { Err(first.trim_start_matches("*** in database main ***").trim().replace('\n', "; ")) })
}

/// Where the record begins, if older events were archived.
///
/// # Errors
/// The disk.
pub fn checkpoint(connection: &Connection) -> Result<Option<Checkpoint>, rusqlite::Error> {
    // A store of the first layout, on which nothing was ever archived, has no such table.
    let has = connection.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'checkpoint'", [], |row| row.get::<_, i64>(0))?;
    if has == 0 { Ok(None) } else { crate::replay::checkpoint_row(connection) }
}

/// The ids that begin so, at most two: enough to know whether it is one.
///
/// # Errors
/// The disk.
pub fn ids_beginning(connection: &Connection, prefix: &str) -> Result<Vec<String>, rusqlite::Error> {
    let mut statement = connection.prepare_cached("SELECT DISTINCT id FROM about WHERE id >= ?1 AND id < ?1 || '~' LIMIT 2")?;
    statement.query_map([prefix], |row| row.get(0))?.collect()
}

fn record(row: &Row<'_>) -> Result<Record, rusqlite::Error> {
    let seq: i64 = row.get(0)?;
    Ok(Record {
        seq: u64::try_from(seq).unwrap_or(0),
        at: WallTime::from_millis(row.get(1)?),
        event: row.get(2)?,
        data: row.get(3)?,
        prev: Hash(row.get(4)?),
        hash: Hash(row.get(5)?),
    })
}

/// A digest as it is stored.
pub(crate) struct Digest(pub Hash);

impl ToSql for Digest {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, rusqlite::Error> {
        Ok(ToSqlOutput::from(self.0.0.as_slice()))
    }
}
