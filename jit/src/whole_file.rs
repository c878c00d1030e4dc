//! A file that appears as a whole, or not at all: whoever reads it meanwhile sees the one before.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What is said of a device, a pipe or a link in whose place no file is put.
const NOT_REPLACED: &str = "it is no plain file, so it is not replaced by one";

/// A file that is being written. It takes its name when it is finished; dropped before, it leaves nothing.
#[derive(Debug)]
pub struct WholeFile {
    file: BufWriter<File>,
    made: PathBuf,
    path: PathBuf,
    finished: bool,
}

impl WholeFile {
    /// Begins one that will have this name and mode.
    ///
    /// # Errors
    /// It cannot be made there; or something else than a file has the name, a device for instance, and would be gone.
    pub fn create(path: &Path, mode: u32) -> io::Result<Self> {
        match path.symlink_metadata() {
            Ok(there) if !there.is_file() => return Err(io::Error::other(NOT_REPLACED)),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(_) | Err(_) => {}
        }
        let name = path.file_name().ok_or_else(|| io::Error::other("it has no name"))?.to_string_lossy();
        let made = path.with_file_name(format!(".{name}.jit-{}", std::process::id()));
        // Never through a link that somebody else has put there.
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&made)?;
        Ok(Self { file: BufWriter::new(file), made, path: path.to_owned(), finished: false })
    }

    /// Gives it its name. Durable when it returns.
    ///
    /// # Errors
    /// It could not be written; then what had the name before still has it.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        std::fs::rename(&self.made, &self.path)?;
        self.finished = true;
        sync_directory_of(&self.path);
        Ok(())
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if !self.finished {
            // Half a file is none.
            let _ = std::fs::remove_file(&self.made);
        }
    }
}

/// Makes a name in a directory durable.
pub fn sync_directory_of(file: &Path) {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    // A file system that cannot do this does it by itself.
    let _ = File::open(directory).and_then(|directory| directory.sync_all());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_there_as_a_whole_or_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.html");
        std::fs::write(&path, "old").unwrap();
        let mut half = WholeFile::create(&path, 0o600).unwrap();
        half.write_all(b"ne").unwrap();
        drop(half);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        let mut whole = WholeFile::create(&path, 0o600).unwrap();
        whole.write_all(b"new").unwrap();
        whole.finish().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_plain_file_is_not_replaced_by_one() {
        let directory = tempfile::tempdir().unwrap();
        let [file, link, pipe] = ["file", "link", "pipe"].map(|name| directory.path().join(name));
        std::fs::write(&file, "old").unwrap();
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for path in [&pipe, &link, directory.path()] {
            let refused = WholeFile::create(path, 0o600).unwrap_err();
            assert_eq!(refused.to_string(), NOT_REPLACED, "{}", path.display());
        }
        assert!(link.is_symlink() && std::fs::read_dir(directory.path()).unwrap().count() == 3);
    }
}
