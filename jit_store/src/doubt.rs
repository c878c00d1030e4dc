//! What was refused and may be on disk all the same, written down where that disk is not needed.
//!
//! A commit can reach the disk and be reported as failed, and a disk that goes on failing lets nobody take it back. Whoever
//! asked was told no, so a start must not take it for a yes. Therefore, before they are told, it is written into a file in
//! memory which events those are, and a start takes them out. It names them by their hashes, and is heeded only where the
//! record ends with exactly these: whatever was acknowledged later ends it otherwise, so no such file can cost an event that
//! anybody was promised. It is of one boot: where memory is lost, so is the file.

use jit_core::record::{Hash, Head};
use jit_core::time::BootId;
use nix::fcntl::OFlag;
use nix::unistd::geteuid;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// More is in none of these files.
const LONGEST: u64 = 1024;

/// Events that were refused: all after the first of these heads, up to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Doubt {
    /// The last event that is so.
    pub so: Head,
    /// The last event that was refused.
    pub end: Head,
}

/// Where that is written down.
#[derive(Debug, Clone)]
pub struct Doubts {
    directory: PathBuf,
    boot: BootId,
}

impl Doubts {
    /// In this directory, which is jitd's alone, in this boot.
    #[must_use]
    pub fn within(directory: PathBuf, boot: BootId) -> Self {
        Self { directory, boot }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.directory.join("in-doubt")
    }

    /// Writes it down, whole or not at all.
    pub(crate) fn put(&self, doubt: &Doubt) -> io::Result<()> {
        let fresh = self.directory.join("in-doubt.new");
        remove(&fresh)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(OFlag::O_NOFOLLOW.bits()).open(&fresh)?;
        let Doubt { so, end } = doubt;
        writeln!(file, "{} {}:{} {}:{}", self.boot.0, so.seq, so.hash, end.seq, end.hash)?;
        file.sync_all()?;
        std::fs::rename(&fresh, self.file())?;
        File::open(&self.directory)?.sync_all()
    }

    /// Nothing is in doubt any more.
    pub(crate) fn clear(&self) -> io::Result<()> {
        remove(&self.file())
    }

    /// What is written down.
    ///
    /// # Errors
    /// Why it is not heeded: anybody else may have written it, or it is of an earlier boot.
    pub(crate) fn read(&self) -> Result<Option<Doubt>, String> {
        let path = self.file();
        let in_words = |why: &str| format!("{}: {why}", path.display());
        let open = OpenOptions::new().read(true).custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits()).open(&path);
        let mut file = match open {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(in_words(&error.to_string())),
        };
        let about = file.metadata().map_err(|error| in_words(&error.to_string()))?;
        if !about.is_file() || about.nlink() != 1 || about.len() > LONGEST || !is_ours(&about) || !is_ours_alone(&self.directory) {
            return Err(in_words("it, or its directory, is not jitd's alone"));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(|error| in_words(&error.to_string()))?;
        let (boot, doubt) = parse(&text).ok_or_else(|| in_words("it makes no sense"))?;
        if boot == self.boot.0 { Ok(Some(doubt)) } else { Err(in_words("it is of another boot")) }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed @ (Ok(()) | Err(_)) => removed,
    }
}

fn is_ours(about: &Metadata) -> bool {
    about.uid() == geteuid().as_raw() && about.mode() & 0o077 == 0
}

fn is_ours_alone(directory: &Path) -> bool {
    directory.symlink_metadata().is_ok_and(|about| about.is_dir() && is_ours(&about))
}

fn parse(text: &str) -> Option<(&str, Doubt)> {
    let head = |text: &str| {
        let (seq, hash) = text.split_once(':')?;
        Some(Head { seq: seq.parse().ok()?, hash: Hash::parse(hash)? })
    };
    let mut words = text.strip_suffix('\n')?.split(' ');
    let (boot, so, end) = (words.next()?, head(words.next()?)?, head(words.next()?)?);
    (words.next().is_none() && so.seq < end.seq).then_some((boot, Doubt { so, end }))
}

#[cfg(test)]
mod tests;
