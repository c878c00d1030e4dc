//! A change that waits to be confirmed, and how it is put back.
//!
//! First everything that is needed to put it back is made durable, then the files are changed. So whatever happens in
//! between, a power cut too, the roll-back finds either nothing to do or all that it needs.

use super::{Places, files, stack};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};

/// One file of the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Its name below pam.d.
    pub file: String,
    /// SHA-256 of what it was, in hexadecimal.
    pub before: String,
    /// SHA-256 of what it was made.
    pub after: String,
}

/// A change that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The service that was named.
    pub service: String,
    /// The files, in the order in which they are changed.
    pub files: Vec<Changed>,
    /// The boot that it was made in: after another one it is put back at once.
    pub boot_id: String,
    /// When it was made, in milliseconds since 1970.
    pub made: i64,
    /// When it is put back, in seconds of boot time (CLOCK_BOOTTIME): nobody can set that clock.
    pub until: i64,
}

impl Pending {
    /// Whether its time is over. After a boot it is: nobody could confirm through a session of before.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.left_s() == 0
    }

    /// How many seconds of its time are left.
    #[must_use]
    pub fn left_s(&self) -> u64 {
        let left = if self.boot_id == boot_id() { self.until.saturating_sub(boot_seconds()) } else { 0 };
        u64::try_from(left).unwrap_or(0)
    }
}

/// What became of a file that was to be put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutBack {
    /// It is what it was before.
    Done,
    /// It was never changed.
    Untouched,
    /// Somebody has edited it since: our lines are out, the rest stays.
    LinesOut,
    /// It could not be done.
    Failed(String),
}

/// The boot that runs now.
#[must_use]
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// Seconds since boot.
#[must_use]
pub fn boot_seconds() -> i64 {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(i64::MAX, |now| now.tv_sec())
}

/// SHA-256, in hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where it is noted.
#[must_use]
pub fn note(places: &Places) -> PathBuf {
    places.state.join("pending.json")
}

fn backup(places: &Places, file: &str) -> PathBuf {
    places.state.join(format!("{file}.before"))
}

/// The change that waits, if there is one.
///
/// # Errors
/// There is one, and it cannot be read.
pub fn read(places: &Places) -> io::Result<Option<Pending>> {
    match files::read(&note(places)) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The folder of what waits: root's alone.
fn make_folder(places: &Places) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&places.state)?;
    let about = std::fs::symlink_metadata(&places.state)?;
    let ours = about.is_dir() && about.uid() == nix::unistd::geteuid().as_raw() && about.mode() & 0o077 == 0;
    if ours { Ok(()) } else { Err(io::Error::other(format!("{} is not root's alone", places.state.display()))) }
}

/// Makes it durable that these files are about to be changed, with what they are now.
///
/// # Errors
/// It could not be made durable; then nothing may be changed.
pub fn write(places: &Places, pending: &Pending, before: &[(String, Vec<u8>)]) -> io::Result<()> {
    make_folder(places)?;
    for (file, bytes) in before {
        files::put(&backup(places, file), bytes)?;
    }
    files::put(&note(places), &serde_json::to_vec_pretty(pending).map_err(io::Error::other)?)
}

/// The change stays.
///
/// # Errors
/// It could not be made durable; then it still waits.
pub fn settle(places: &Places) -> io::Result<()> {
    files::remove(&note(places))
}

/// The change is over if all of its files are among these, which have no line of ours any more. Else it waits on, and is
/// returned: what is still in place must still be put back.
///
/// # Errors
/// What waits cannot be read, or it could not be made durable that it does not wait any more.
pub fn settle_without(places: &Places, without: &[String]) -> io::Result<Option<Pending>> {
    let Some(waiting) = read(places)? else { return Ok(None) };
    if waiting.files.iter().all(|changed| without.contains(&changed.file)) {
        settle(places)?;
        return Ok(None);
    }
    Ok(Some(waiting))
}

/// Puts everything back, as far as that is possible, and then nothing waits any more. If a file could not be put back,
/// the change goes on waiting, for the next try.
///
/// # Errors
/// It could not be noted that nothing waits any more.
pub fn put_back(places: &Places, pending: &Pending) -> io::Result<Vec<(String, PutBack)>> {
    let done: Vec<_> = pending.files.iter().map(|changed| (changed.file.clone(), put_one_back(places, changed))).collect();
    if !done.iter().any(|(_, outcome)| matches!(outcome, PutBack::Failed(_))) {
        settle(places)?;
    }
    Ok(done)
}

fn put_one_back(places: &Places, changed: &Changed) -> PutBack {
    let path = places.pam.join(&changed.file);
    let outcome = || -> Result<PutBack, String> {
        let now = files::read(&path).map_err(|error| error.to_string())?;
        let (is, before) = (digest(&now), files::read(&backup(places, &changed.file)));
        if is == changed.before {
            return Ok(PutBack::Untouched);
        }
        match before {
            Ok(before) if is == changed.after && digest(&before) == changed.before => replace(&path, &before, PutBack::Done),
            // Edited since, or the backup is not what it was: our lines go, and nothing else.
            Ok(_) | Err(_) => {
                let without = stack::take_out(&changed.file, &now).map_err(|not| not.to_string())?;
                replace(&path, &without, PutBack::LinesOut)
            }
        }
    };
    outcome().unwrap_or_else(PutBack::Failed)
}

fn replace(path: &Path, bytes: &[u8], outcome: PutBack) -> Result<PutBack, String> {
    files::replace(path, bytes).map(|()| outcome).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUDO: &[u8] = b"#%PAM-1.0\nauth required pam_unix.so\n";

    fn change() -> (tempfile::TempDir, Places, Pending, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let places = Places { pam: folder.path().join("pam.d"), state: folder.path().join("state"), lock: folder.path().join("lock") };
        std::fs::create_dir(&places.pam).unwrap();
        std::fs::write(places.pam.join("sudo"), SUDO).unwrap();
        let after = stack::add("sudo", SUDO, stack::Found::default(), &stack::Behind::default()).unwrap();
        let changed = Changed { file: "sudo".to_owned(), before: digest(SUDO), after: digest(&after) };
        let pending = Pending { service: "sudo".to_owned(), files: vec![changed], boot_id: boot_id(), made: 0, until: 0 };
        write(&places, &pending, &[("sudo".to_owned(), SUDO.to_vec())]).unwrap();
        (folder, places, pending, after)
    }

    #[test]
    fn what_was_changed_is_put_back_byte_for_byte_and_then_nothing_waits() {
        let (_folder, places, pending, after) = change();
        assert_eq!(read(&places).unwrap().as_ref(), Some(&pending));
        files::replace(&places.pam.join("sudo"), &after).unwrap();
        assert_eq!(put_back(&places, &pending).unwrap(), [("sudo".to_owned(), PutBack::Done)]);
        assert_eq!(std::fs::read(places.pam.join("sudo")).unwrap(), SUDO);
        assert_eq!(read(&places).unwrap(), None);
    }

    #[test]
    fn a_crash_before_the_edit_leaves_nothing_to_do() {
        let (_folder, places, pending, _) = change();
        assert_eq!(put_back(&places, &pending).unwrap(), [("sudo".to_owned(), PutBack::Untouched)]);
        assert_eq!(std::fs::read(places.pam.join("sudo")).unwrap(), SUDO);
    }

    #[test]
    fn what_somebody_edited_since_keeps_their_edit_and_loses_our_lines() {
        let (_folder, places, pending, after) = change();
        let edited = [&after[..], b"session optional pam_motd.so\n"].concat();
        files::replace(&places.pam.join("sudo"), &edited).unwrap();
        assert_eq!(put_back(&places, &pending).unwrap(), [("sudo".to_owned(), PutBack::LinesOut)]);
        assert_eq!(std::fs::read(places.pam.join("sudo")).unwrap(), [SUDO, b"session optional pam_motd.so\n"].concat());
    }

    #[test]
    fn a_lost_or_forged_backup_is_not_used_and_our_lines_go_all_the_same() {
        let (_folder, places, pending, after) = change();
        files::replace(&places.pam.join("sudo"), &after).unwrap();
        std::fs::write(backup(&places, "sudo"), "auth sufficient pam_permit.so\n").unwrap();
        assert_eq!(put_back(&places, &pending).unwrap(), [("sudo".to_owned(), PutBack::LinesOut)]);
        assert_eq!(std::fs::read(places.pam.join("sudo")).unwrap(), SUDO);
    }

    #[test]
    fn a_change_is_over_only_if_all_of_its_files_are_without_our_lines() {
        let (_folder, places, pending, _) = change();
        for other in [vec![], vec!["sshd".to_owned(), "sudo-i".to_owned()]] {
            assert_eq!(settle_without(&places, &other).unwrap(), Some(pending.clone()));
            assert_eq!(read(&places).unwrap(), Some(pending.clone()));
        }
        assert_eq!(settle_without(&places, &["sudo-i".to_owned(), "sudo".to_owned()]).unwrap(), None);
        assert_eq!(read(&places).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_put_back_goes_on_waiting() {
        let (_folder, places, pending, _) = change();
        std::fs::remove_file(places.pam.join("sudo")).unwrap();
        assert!(matches!(put_back(&places, &pending).unwrap().as_slice(), [(_, PutBack::Failed(_))]));
        assert_eq!(read(&places).unwrap(), Some(pending));
    }
}
