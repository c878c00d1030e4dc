//! A copy of the store while jitd writes to it.

use crate::layout;
use crate::read;
use jit_core::record::Head;
use jit_core::record::chain::Chain;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Why there is no copy.
#[derive(Debug)]
pub struct NotCopied {
    path: PathBuf,
    why: String,
}

impl fmt::Display for NotCopied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for NotCopied {}

/// Writes a copy to a file that is not there yet, follows its chain, and returns where that stands.
///
/// # Errors
/// The store cannot be read, the copy cannot be written, or its chain breaks. Then nothing is left of it.
pub fn copy(store: &Path, to: &Path) -> Result<Head, NotCopied> {
    let failed = |path: &Path, why: String| NotCopied { path: path.to_owned(), why };
    let reader = read::open_to_read(store).map_err(|error| failed(store, error.to_string()))?;
    layout::recognise(&reader, store).map_err(|trouble| failed(store, trouble.to_string()))?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    file.map_err(|error| failed(to, error.to_string()))?;
    let written = write(&reader, to).map_err(|why| failed(to, why));
    if written.is_err() {
        // Half a copy is none.
        let _ = fs::remove_file(to);
    }
    written
}

fn write(reader: &rusqlite::Connection, to: &Path) -> Result<Head, String> {
    // SQLite writes into a file that is empty, and keeps its mode.
    reader.execute("VACUUM INTO ?1", [to.to_string_lossy()]).map_err(|error| error.to_string())?;
    File::open(to).and_then(|file| file.sync_all()).map_err(|error| error.to_string())?;
    let copy = read::open_to_read(to).map_err(|error| error.to_string())?;
    let mut chain = Chain::new(read::checkpoint(&copy).map_err(|error| error.to_string())?, None);
    read::each_after(&copy, 0, |record| chain.follow(record).map(|()| true).map_err(|broken| broken.to_string()))
        .map_err(|stopped| stopped.to_string())?;
    chain.end().map_err(|broken| broken.to_string())?;
    Ok(chain.head())
}
