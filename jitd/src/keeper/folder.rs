//! What the folders are called in which this jitd's sessions have their cgroups.
//!
//! A cgroup cannot be renamed, and sessions outlive the jitd that let them in: so the name is kept for as long as the boot lasts, where
//! jitd writes what only this boot is to know. The state directory alone would not do, from which it is taken at first so that two jitds
//! of one host have two: the record may be put on another disk while sessions run.

use jit_core::time::BootId;
use jit_proto::place::{FOLDER, is_folder};
use nix::fcntl::OFlag;
use nix::unistd::geteuid;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Longer is none of these files.
const LONGEST: u64 = 256;

/// The name for the jitd of this state directory, whose own directory beside its sockets is `own`.
///
/// # Errors
/// The state directory cannot be looked at. That a name cannot be kept is said, and holds nobody up.
pub fn of_this_boot(own: &Path, state: &Path, boot: &BootId) -> io::Result<String> {
    let file = own.join("folder");
    let number = |place: &Path| fs::metadata(place).map(|about| fingerprint(&[about.dev(), about.ino()]));
    // A copy of an image in which it lies is another jitd, also in the same boot.
    let of = number(own).map_or_else(|_| String::new(), |own| format!("{} {own:016x}", boot.0));
    if let Some(kept) = read(&file).as_deref().and_then(|text| kept(text, &of)) {
        return Ok(kept);
    }
    let folder = format!("{FOLDER}{:016x}", number(state)?);
    if let Err(error) = put(&file, &format!("{of} {folder}\n")) {
        eprintln!(
            "jitd: warning: what the cgroups of sessions are called cannot be kept: {}: {error}; while any of them runs, leave the state directory where it is",
            file.display()
        );
    }
    Ok(folder)
}

/// What such a file says, if it is of this boot and this place.
fn kept(text: &str, of: &str) -> Option<String> {
    let (said, folder) = text.trim_end().rsplit_once(' ')?;
    (said == of && !of.is_empty() && is_folder(folder)).then(|| folder.to_owned())
}

/// Its text, if nobody else can have written it.
fn read(file: &Path) -> Option<String> {
    let file = OpenOptions::new().read(true).custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits()).open(file).ok()?;
    let about = file.metadata().ok()?;
    let is_ours = about.is_file() && about.uid() == geteuid().as_raw() && about.mode() & 0o022 == 0;
    let mut text = String::new();
    (is_ours && file.take(LONGEST).read_to_string(&mut text).is_ok()).then_some(text)
}

/// Writes it, whole or not at all.
fn put(file: &Path, text: &str) -> io::Result<()> {
    let fresh: PathBuf = file.with_extension("new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    new.write_all(text.as_bytes())?;
    fs::rename(&fresh, file)
}

/// FNV-1a: the same in every version of this program, which a hasher of the standard library need not be.
fn fingerprint(numbers: &[u64]) -> u64 {
    let bytes = numbers.iter().flat_map(|number| number.to_be_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_boot_has_one_name_wherever_the_record_is_put_and_the_next_boot_and_another_jitd_have_another() {
        let places = tempfile::tempdir().unwrap();
        let place = |name: &str| {
            fs::create_dir_all(places.path().join(name)).unwrap();
            places.path().join(name)
        };
        let boot = |id: &str| BootId(id.to_owned());
        let name = |own: &str, state: &str, of: &str| of_this_boot(&place(own), &place(state), &boot(of)).unwrap();
        let first = name("own", "state", "a");
        assert!(is_folder(&first), "{first}");
        assert_eq!(name("own", "moved", "a"), first);
        assert_eq!(name("own", "state", "a"), first);
        let second = name("other", "moved", "a");
        assert_ne!(second, first, "two jitds of one host");
        fs::copy(places.path().join("own/folder"), places.path().join("other/folder")).unwrap();
        assert_eq!(name("other", "moved", "a"), second, "a copy of the first one's place is another's");
        assert_eq!(name("own", "moved", "b"), second, "of another boot nothing runs");
    }

    #[test]
    fn what_others_may_have_written_or_is_no_name_is_not_believed() {
        let places = tempfile::tempdir().unwrap();
        let (own, boot) = (places.path(), BootId("a".to_owned()));
        let name = || of_this_boot(own, own, &boot).unwrap();
        let (file, first) = (own.join("folder"), name());
        let of_here = fs::read_to_string(&file).unwrap().strip_suffix(&format!(" {first}\n")).unwrap().to_owned();
        let forged = format!("{of_here} jit-0000000000000007\n");
        for text in ["", &of_here, &forged.replace("jit-", "other-"), &forged.replace("7\n", "/"), &forged.replacen('a', "b", 1)] {
            fs::write(&file, text).unwrap();
            assert_eq!(name(), first, "{text:?}");
        }
        fs::write(&file, &forged).unwrap();
        assert_eq!(name(), "jit-0000000000000007", "it is read");
        fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
        assert_eq!(name(), first);
        fs::remove_file(&file).unwrap();
        fs::write(own.join("elsewhere"), forged).unwrap();
        std::os::unix::fs::symlink(own.join("elsewhere"), &file).unwrap();
        assert_eq!(name(), first);
    }
}
