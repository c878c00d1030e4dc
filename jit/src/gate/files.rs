//! Files that are replaced as a whole, or not at all: a power cut leaves the old one or the new one.

use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

/// The longest file that is read, in bytes: no PAM file comes near it.
const MOST: u64 = 256 * 1024;

/// Reads a file that root alone can have written.
///
/// # Errors
/// It is not there, is a link or no file, is somebody else's, or others can write it.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK).open(path)?;
    let about = file.metadata()?;
    let wrong = |why: &str| Err(io::Error::other(why.to_owned()));
    if !about.is_file() {
        return wrong("it is not a file");
    }
    if about.uid() != nix::unistd::geteuid().as_raw() {
        return wrong("it is not root's");
    }
    if about.mode() & 0o022 != 0 {
        return wrong("others can write it");
    }
    if about.len() > MOST {
        return wrong("it is too long");
    }
    let mut bytes = Vec::new();
    Read::by_ref(&mut file).take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where the new file is made, beside the old one.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::other("it has no name"))?.to_string_lossy();
    Ok(path.with_file_name(format!(".{name}.jit-new")))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("it has no folder"))?;
    File::open(folder)?.sync_all()
}

/// Replaces a file that is there: owner, mode and labels stay. Durable when it returns.
///
/// # Errors
/// It could not be done; then the old file is there as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let old = File::open(path)?;
    let about = old.metadata()?;
    let made = beside(path)?;
    // What a crash left of an earlier try.
    let _ = std::fs::remove_file(&made);
    let result = fill(&made, bytes, about.mode(), |new| {
        fchown(new, Some(about.uid()), Some(about.gid()))?;
        copy_labels(&old, new)
    });
    let result = result.and_then(|()| std::fs::rename(&made, path)).and_then(|()| sync_folder(path));
    if result.is_err() {
        let _ = std::fs::remove_file(&made);
    }
    result
}

/// Makes a file, root's, mode 0600, or replaces it. Durable when it returns.
///
/// # Errors
/// It could not be done.
pub fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let made = beside(path)?;
    let _ = std::fs::remove_file(&made);
    fill(&made, bytes, 0o600, |_| Ok(()))?;
    std::fs::rename(&made, path)?;
    sync_folder(path)
}

/// Removes a file, if it is there. Durable when it returns.
///
/// # Errors
/// It could not be done.
pub fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Ok(()) => sync_folder(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn fill(path: &Path, bytes: &[u8], mode: u32, dress: impl FnOnce(&File) -> io::Result<()>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    dress(&file)?;
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode & 0o7777))?;
    file.sync_all()
}

/// Extended attributes: SELinux's label, ACLs. A file system that has none has none to copy.
fn copy_labels(from: &File, to: &File) -> io::Result<()> {
    let mut names = vec![0_u8; 64 * 1024];
    let length = match flistxattr(from, names.as_mut_slice()) {
        Ok(length) => length,
        Err(rustix::io::Errno::NOTSUP) => return Ok(()),
        Err(errno) => return Err(errno.into()),
    };
    names.truncate(length);
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0_u8; 64 * 1024];
        let length = fgetxattr(from, name, value.as_mut_slice())?;
        value.truncate(length);
        fsetxattr(to, name, &value, XattrFlags::empty())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_replaced_with_its_mode_and_nothing_is_left_beside_it() {
        let folder = std::env::temp_dir().join(format!("jit-files-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("sudo");
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        std::fs::write(beside(&path).unwrap(), "left by a crash").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(read(&path).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        assert!(replace(&folder.join("missing"), b"x").is_err(), "what is not there is not made");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("others can write"));
        std::os::unix::fs::symlink(&path, folder.join("link")).unwrap();
        assert!(read(&folder.join("link")).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
