//! One jit at a time changes the files of PAM.
//!
//! The lock is a file that root alone can open: whoever can open a file can lock it, and would hold up what puts back.

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Why it was not to be had.
#[derive(Debug)]
pub enum NotLocked {
    /// Another jit has it: this process, where it said so.
    Held(Option<u32>),
    /// It cannot be taken on this host.
    Failed(io::Error),
}

impl fmt::Display for NotLocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(Some(pid)) => write!(f, "another jit, process {pid}, changes the files of PAM"),
            Self::Held(None) => f.write_str("another jit changes the files of PAM"),
            Self::Failed(error) => write!(f, "the lock of the files of PAM: {error}"),
        }
    }
}

/// Takes it, until what is returned is dropped.
///
/// # Errors
/// It is taken, or cannot be.
pub fn take(path: &Path) -> Result<Flock<File>, NotLocked> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK);
    let file = options.open(path).map_err(NotLocked::Failed)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut lock) => {
            // For whoever finds it taken; it holds without.
            let _ = lock.set_len(0).and_then(|()| write!(lock, "{}", std::process::id()));
            Ok(lock)
        }
        Err((file, Errno::EWOULDBLOCK)) => Err(NotLocked::Held(holder(&file))),
        Err((_, errno)) => Err(NotLocked::Failed(errno.into())),
    }
}

fn holder(file: &File) -> Option<u32> {
    let mut said = String::new();
    file.take(16).read_to_string(&mut said).ok()?;
    said.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_taken_once_at_a_time_and_nobody_else_can_open_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        for _ in 0..2 {
            let _held = take(&path).unwrap();
            let NotLocked::Held(who) = take(&path).unwrap_err() else { panic!("it is held") };
            assert_eq!(who, Some(std::process::id()));
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        }
        std::os::unix::fs::symlink(&path, folder.path().join("link")).unwrap();
        assert!(matches!(take(&folder.path().join("link")), Err(NotLocked::Failed(_))));
    }
}
