//! A damaged record is kept beside the place of the next one.

use jit_core::time::Now;
use std::path::{Path, PathBuf};

/// Moves a damaged record out of the way, with what SQLite keeps beside it.
pub fn set_aside(path: &Path, now: Now) -> std::io::Result<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let aside = path.with_file_name(format!("{name}.damaged-{}", now.wall.as_millis()));
    // First of all: without its WAL it could pass for a whole record, of an earlier time.
    std::fs::rename(path, &aside)?;
    set_rest_aside(path, &aside);
    Ok(aside)
}

/// The same of what SQLite keeps beside a record. Nothing else may be read with it.
pub fn set_rest_aside(path: &Path, aside: &Path) {
    for tail in ["-wal", "-shm"] {
        let beside = |path: &Path| PathBuf::from(format!("{}{tail}", path.display()));
        // There is none where the record was closed in good order.
        let _ = std::fs::rename(beside(path), beside(aside));
    }
}

/// A damaged record that was set aside.
pub fn damaged_one(state: &Path) -> Option<PathBuf> {
    let is_one = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix("events.db.damaged-").is_some_and(|time| time.bytes().all(|digit| digit.is_ascii_digit()))
    };
    std::fs::read_dir(state).ok()?.flatten().map(|entry| entry.path()).filter(is_one).max()
}

/// How a file looks from outside: whoever copies one into its place changes that until they are done.
pub fn looks(path: &Path) -> Option<(u64, std::time::SystemTime)> {
    let about = path.metadata().ok()?;
    Some((about.len(), about.modified().ok()?))
}
