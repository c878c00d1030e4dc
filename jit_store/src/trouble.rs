//! Why the store cannot be used.

use crate::read::Stopped;
use jit_core::record::Trace;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why the store cannot be used.
#[derive(Debug)]
pub enum StoreTrouble {
    /// The disk under it failed, or is full: it may work again.
    Disk {
        /// Which file.
        path: PathBuf,
        /// What SQLite said.
        error: rusqlite::Error,
        /// What it may hold of what was to be written.
        trace: Trace,
    },
    /// It is another program's, or a newer jitd's.
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// It is damaged, or was changed: it is not what was written.
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl StoreTrouble {
    /// Why not all events were given, sorted likewise.
    pub(crate) fn stopped(path: PathBuf, stopped: Stopped) -> Self {
        match stopped {
            Stopped::Read(error) => Self::of(path, error),
            Stopped::Said(why) => Self::Damaged { path, why },
        }
    }

    /// What SQLite said, sorted: a damaged file stays damaged, a disk may recover.
    pub(crate) fn of(path: PathBuf, error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::Damaged { path, why: error.to_string() }
            }
            Some(_) => Self::Disk { path, error, trace: Trace::None },
            // A value of another type than jitd writes.
            None => Self::Damaged { path, why: error.to_string() },
        }
    }

    /// What the kernel said of a file beside the store.
    pub(crate) fn beside(path: PathBuf, error: &io::Error) -> Self {
        let failed = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
        Self::Disk { path, error: rusqlite::Error::SqliteFailure(failed, Some(error.to_string())), trace: Trace::None }
    }
}

impl fmt::Display for StoreTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk { path, error, .. } => write!(f, "{}: {error}; look at the disk and at who owns the file", path.display()),
            Self::Foreign { path, what } => {
                write!(f, "{} is {what}; it was left untouched: move it away, or run the jitd that wrote it", path.display())
            }
            Self::Damaged { path, why } => {
                // SQLite cites what it found, and that can be anything.
                let why = jit_core::text::printable(why, 500);
                write!(f, "{} is damaged: {why}; nothing is granted by it. Restore a backup (see operations.md)", path.display())
            }
        }
    }
}

impl std::error::Error for StoreTrouble {}
