//! Connections to the file: the first, and another one after the disk has failed.

use super::take_out_after;
use crate::StoreTrouble;
use crate::layout::{self, Found};
use crate::read;
use jit_core::record::Head;
use nix::unistd::geteuid;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The event of older events that were archived.
const PRUNED: &str = "audit.pruned";

/// After it the WAL is empty, where nobody reads.
const SETTLE_ALL: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// How long others who write are waited for: `sqlite3` in somebody's hands.
const BUSY: Duration = Duration::from_secs(5);

/// How long those who read are waited for when the disk has failed.
const READERS: Duration = Duration::from_millis(500);

pub(super) fn keep_wal(connection: &Connection, keep: bool) -> Result<(), rusqlite::Error> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep).map(drop)
}

/// What SQLite keeps beside the record.
pub(super) fn beside(path: &Path, tail: &str) -> PathBuf {
    PathBuf::from(format!("{}{tail}", path.display()))
}

/// Whether the record, and what SQLite keeps beside it, are files that nobody else can write: who could, could write a grant.
fn must_be_ours(path: &Path) -> Result<(), rusqlite::Error> {
    for tail in ["", "-wal", "-shm"] {
        let file = beside(path, tail);
        let why = match std::fs::metadata(&file) {
            Ok(about) if !about.is_file() => "it is not a file".to_owned(),
            Ok(about) if about.uid() != geteuid().as_raw() => format!("it belongs to uid {}", about.uid()),
            Ok(about) if about.mode() & 0o022 != 0 => "others can write it".to_owned(),
            // SQLite says what else there is to say.
            Ok(_) | Err(_) => continue,
        };
        let cannot_open = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
        return Err(rusqlite::Error::SqliteFailure(cannot_open, Some(format!("{}: {why}", file.display()))));
    }
    Ok(())
}

/// Opens the file, and says what it holds. What is not ours is left as it is: even closing it would move what lies in its WAL.
pub(super) fn connect(path: &Path, create: OpenFlags) -> Result<(Connection, Found), StoreTrouble> {
    let failed = |error| StoreTrouble::of(path.to_owned(), error);
    must_be_ours(path).map_err(failed)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    keep_wal(&connection, true).map_err(failed)?;
    let found = layout::recognise(&connection, path)?;
    if found == Found::Empty {
        // On a store that is there it would write, which a full disk does not let it.
        connection.execute_batch("PRAGMA auto_vacuum=INCREMENTAL").map_err(failed)?;
    }
    let settings = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-512;
        PRAGMA wal_autocheckpoint=256; PRAGMA journal_size_limit=2097152; PRAGMA temp_store=MEMORY;";
    connection.execute_batch(settings).map_err(failed)?;
    Ok((connection, found))
}

/// Another connection to a store that was open. What stands in the file after the last event that was acknowledged is of a
/// commit that failed, and is taken out, unless it is the archiving of older events: those cannot be brought back. That it
/// can be written is proved by writing: SQLite is content with reading.
pub(super) fn reconnect(path: &Path, head: Head) -> Result<(Connection, Head), StoreTrouble> {
    let failed = |error| StoreTrouble::of(path.to_owned(), error);
    let (mut connection, found) = connect(path, OpenFlags::empty())?;
    let exchanged = || StoreTrouble::Foreign { path: path.to_owned(), what: "not the record that jitd had open".to_owned() };
    if found != Found::Store(layout::LAYOUT) {
        return Err(exchanged());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    if head.seq > 0 && read::one(&transaction, head.seq).map_err(failed)?.is_none_or(|newest| newest.head() != head) {
        return Err(exchanged());
    }
    let next = read::one(&transaction, head.seq.saturating_add(1)).map_err(failed)?;
    let head = next.filter(|next| next.event == PRUNED && next.prev == head.hash).map_or(head, |pruned| pruned.head());
    take_out_after(&transaction, head.seq).map_err(failed)?;
    transaction.pragma_update(None, "user_version", layout::LAYOUT).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    // What was acknowledged before the disk failed, and this, go to the file itself, and the WAL begins anew: SQLite appends, and
    // what failed may be a hole in the WAL that nobody sees before the machine stops. An error is said once; then the pages that
    // were not written count as written.
    settle_all(&connection, path, READERS).map_err(failed)?;
    keep_wal(&connection, false).map_err(failed)?;
    Ok((connection, head))
}

/// Moves all that is stored to the file itself, and empties the WAL. Those who read it are waited for so long.
pub(super) fn settle_all(connection: &Connection, path: &Path, readers: Duration) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(readers)?;
    let is_busy = connection.query_row(SETTLE_ALL, [], |row| row.get::<_, i64>(0));
    connection.busy_timeout(BUSY)?;
    let failed = |code, why: String| rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), Some(why));
    if is_busy? != 0 {
        let why = "what was stored before cannot be moved to the file while somebody reads it";
        return Err(failed(rusqlite::ffi::SQLITE_BUSY, why.to_owned()));
    }
    // SQLite leaves that to the next commit. Until then a WAL that is read up to a hole would be read over the file.
    let emptied = File::open(beside(path, "-wal")).and_then(|wal| wal.sync_all());
    emptied.map_err(|error| failed(rusqlite::ffi::SQLITE_IOERR, error.to_string()))
}

/// Whether it is no more than that somebody else uses the file, or that there is no space.
pub(super) fn is_for_now(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}
