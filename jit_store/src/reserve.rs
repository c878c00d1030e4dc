//! Space that is kept for a full disk: a file of nothing, given up when somebody must be kept out and the disk is full.

use nix::fcntl::posix_fallocate;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The most that is kept, in bytes: some 200 acts.
const MOST: u64 = 4 * 1024 * 1024;
/// The least, on a small disk.
const LEAST: u64 = 256 * 1024;

/// The space.
#[derive(Debug)]
pub struct Reserve {
    path: PathBuf,
    size: u64,
    held: bool,
}

impl Reserve {
    /// What is to be kept beside the store: an eighth of a small disk, so much of a large one. It is taken when it is needed to
    /// be there: the disk may not answer.
    #[must_use]
    pub fn beside(store: &Path, disk: u64) -> Self {
        let size = disk.checked_div(8).unwrap_or(0).clamp(LEAST, MOST);
        Self { path: store.with_file_name("reserve"), size, held: false }
    }

    /// Gives up what is kept beside a store that cannot even be opened on its full disk. Says whether anything was.
    #[must_use]
    pub fn free(store: &Path) -> bool {
        let path = store.with_file_name("reserve");
        let was_held = path.metadata().is_ok_and(|about| about.len() > 0);
        Self { path, size: 0, held: was_held }.give_up();
        was_held
    }

    /// Whether there ever was space beside this store, and so a store.
    #[must_use]
    pub fn was_beside(store: &Path) -> bool {
        store.with_file_name("reserve").exists()
    }

    /// Whether the space is there.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Takes the space, if it is not there yet.
    ///
    /// # Errors
    /// The disk has no more.
    pub fn take(&mut self) -> io::Result<()> {
        if self.held {
            return Ok(());
        }
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&self.path)?;
        if file.metadata()?.len() != self.size {
            fill(&file, self.size).inspect_err(|_| {
                // Less than all of it is of no use here, and may be of use elsewhere.
                let _ = file.set_len(0);
            })?;
        }
        self.held = true;
        Ok(())
    }

    /// Gives the space up. Whether that helps is seen when something is written.
    pub fn give_up(&mut self) {
        if let Ok(file) = OpenOptions::new().write(true).open(&self.path) {
            let _ = file.set_len(0);
            let _ = file.sync_all();
        }
        self.held = false;
    }
}

/// Real blocks: a hole would be no space.
fn fill(file: &File, size: u64) -> io::Result<()> {
    file.set_len(0)?;
    posix_fallocate(file, 0, i64::try_from(size).unwrap_or(i64::MAX))?;
    file.sync_all()
}
