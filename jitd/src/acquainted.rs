//! Which uids have an account, as far as that is known without asking anybody.
//!
//! Somebody with a user namespace is 65,536 uids to everybody else, none of which has an account. What is one user's share
//! must not be theirs as often as that, so a uid gets a share once it is known to be an account's.

use jit_core::name::Uid;
use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The most accounts of a directory that are remembered; whoever is forgotten is looked up again.
const MOST: usize = 100_000;

/// The uids that have an account.
#[derive(Debug, Clone)]
pub struct Acquainted(Arc<Mutex<Uids>>);

#[derive(Debug)]
struct Uids {
    /// The local accounts' file.
    passwd: PathBuf,
    /// What it was like when it was read: its device, number, length, and time of change in seconds and nanoseconds.
    read: Option<(u64, u64, u64, i64, i64)>,
    local: HashSet<Uid>,
    found: HashSet<Uid>,
}

impl Acquainted {
    /// With the accounts of such a file, as they are at each moment.
    #[must_use]
    pub fn with(passwd: PathBuf) -> Self {
        Self(Arc::new(Mutex::new(Uids { passwd, read: None, local: HashSet::new(), found: HashSet::new() })))
    }

    /// Whether it has an account, or had one when it was last seen: whoever acts is looked up again.
    #[must_use]
    pub fn knows(&self, uid: Uid) -> bool {
        let mut uids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if uids.found.contains(&uid) {
            return true;
        }
        uids.read_again();
        uids.local.contains(&uid)
    }

    /// An account was found.
    pub fn add(&self, uid: Uid) {
        let mut uids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if uids.found.len() >= MOST {
            uids.found.clear();
        }
        uids.found.insert(uid);
    }
}

impl Uids {
    fn read_again(&mut self) {
        let about = std::fs::metadata(&self.passwd).ok();
        let now = about.map(|about| (about.dev(), about.ino(), about.size(), about.ctime(), about.ctime_nsec()));
        if now == self.read {
            return;
        }
        self.read = now;
        // passwd(5): the third of a line's fields.
        let text = std::fs::read(&self.passwd).unwrap_or_default();
        let uid = |line: &[u8]| std::str::from_utf8(line.split(|byte| *byte == b':').nth(2)?).ok()?.parse().ok().map(Uid);
        self.local = text.split(|byte| *byte == b'\n').filter_map(uid).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::Acquainted;
    use jit_core::name::Uid;

    #[test]
    fn local_accounts_are_known_as_the_file_changes_and_others_once_they_were_found() {
        let directory = tempfile::tempdir().unwrap();
        let passwd = directory.path().join("passwd");
        let acquainted = Acquainted::with(passwd.clone());
        assert!(!acquainted.knows(Uid(1001)), "there is no file");
        std::fs::write(&passwd, b"root:x:0:0::/root:/bin/sh\nx\xff:x:1001:1001::/:/bin/sh\n+::::::\nbad:x:-1:\n").unwrap();
        assert!(acquainted.knows(Uid(0)) && acquainted.knows(Uid(1001)) && !acquainted.knows(Uid(100_001)));
        acquainted.add(Uid(20_000));
        std::fs::write(&passwd, "root:x:0:0::/root:/bin/sh\n").unwrap();
        assert!(!acquainted.knows(Uid(1001)) && acquainted.knows(Uid(20_000)));
    }
}
