//! The policy's files: `policy.toml`, then `policy.d/*.toml` beside it, in name order.

use jit_core::policy::Place;
use jit_core::policy::load::{Mistake, PolicyFile};
use nix::unistd::geteuid;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The longest file that is read, in bytes.
const MOST: u64 = 16 * 1024 * 1024;

/// Reads all files of a policy.
///
/// # Errors
/// Every file that is not there, cannot be read, or that somebody else could have written.
pub fn read(main: &Path) -> Result<Vec<PolicyFile>, Vec<Mistake>> {
    let mut files = Vec::new();
    let mut mistakes = Vec::new();
    for path in std::iter::once(main.to_owned()).chain(parts(main, &mut mistakes)) {
        match read_one(&path) {
            Ok(file) => files.push(file),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(files) } else { Err(mistakes) }
}

/// Reads one file alone.
///
/// # Errors
/// What is wrong with it.
pub fn read_one(path: &Path) -> Result<PolicyFile, Mistake> {
    let file = path.to_string_lossy().into_owned();
    let mistake = |message: String, help: &str| {
        let place = Place { file: file.clone(), line: 1, column: 1 };
        Mistake::new(place, message, help.to_owned())
    };
    let open = OpenOptions::new().read(true).custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits()).open(path);
    let mut opened =
        open.map_err(|error| mistake(format!("the file cannot be read: {error}"), "create it, readable for all: chmod 0644"))?;
    check(&opened).map_err(|why| mistake(why, "make it root's and writable by root alone: chown root, chmod 0644"))?;
    let mut bytes = Vec::new();
    let read = Read::by_ref(&mut opened).take(MOST).read_to_end(&mut bytes);
    read.map_err(|error| mistake(format!("the file cannot be read: {error}"), "look at the disk that it lies on"))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(PolicyFile { file, text }),
        Err(error) => {
            let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
            let mut wrong = mistake("a letter that is not UTF-8".to_owned(), "save the file as UTF-8");
            (wrong.place.line, wrong.place.column) = place_after(&String::from_utf8_lossy(good));
            Err(wrong)
        }
    }
}

/// Line and column of what follows this text.
fn place_after(text: &str) -> (u32, u32) {
    let (before, last) = text.rsplit_once('\n').map_or((0, text), |(lines, last)| (lines.matches('\n').count().saturating_add(1), last));
    let count = |number: usize| u32::try_from(number.saturating_add(1)).unwrap_or(u32::MAX);
    (count(before), count(last.chars().count()))
}

/// Whether nobody else could have written the file: what is open is looked at, not what is named.
fn check(file: &File) -> Result<(), String> {
    let about = file.metadata().map_err(|error| format!("the file cannot be looked at: {error}"))?;
    if !about.is_file() {
        return Err("this is not a file".to_owned());
    }
    if about.uid() != 0 && about.uid() != geteuid().as_raw() {
        return Err(format!("the file belongs to uid {}, who could change it", about.uid()));
    }
    if about.mode() & 0o022 != 0 {
        return Err(format!("others can write to the file: its mode is {:04o}", about.mode() & 0o7777));
    }
    Ok(())
}

fn parts(main: &Path, mistakes: &mut Vec<Mistake>) -> Vec<PathBuf> {
    let directory = main.with_file_name("policy.d");
    let entries = match std::fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            let place = Place { file: directory.to_string_lossy().into_owned(), line: 1, column: 1 };
            mistakes.push(Mistake::new(
                place,
                format!("the directory cannot be read: {error}"),
                "make it readable for all: chmod 0755".to_owned(),
            ));
            return Vec::new();
        }
    };
    let is_part = |path: &PathBuf| {
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        !hidden && path.extension().is_some_and(|extension| extension == "toml")
    };
    let mut paths: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).filter(is_part).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn files_are_read_in_name_order_and_one_that_others_can_write_is_refused() {
        let directory = std::env::temp_dir().join(format!("jit-policy-{}", std::process::id()));
        std::fs::create_dir_all(directory.join("policy.d")).unwrap();
        let write = |name: &str, mode: u32| {
            let path = directory.join(name);
            std::fs::write(&path, "version = 1\n").unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        };
        let main = directory.join("policy.toml");
        assert!(read(&main).unwrap_err()[0].message.contains("cannot be read"));
        for name in ["policy.toml", "policy.d/20-b.toml", "policy.d/10-a.toml", "policy.d/.hidden.toml", "policy.d/note.txt"] {
            write(name, 0o644);
        }
        let names: Vec<_> = read(&main).unwrap().iter().map(|file| file.file.rsplit('/').next().unwrap().to_owned()).collect();
        assert_eq!(names, ["policy.toml", "10-a.toml", "20-b.toml"]);
        std::fs::write(&main, b"version = 1\n# caf\xe9\n").unwrap();
        let odd = read_one(&main).unwrap_err();
        assert_eq!((odd.place.line, odd.place.column, odd.message.as_str()), (2, 6, "a letter that is not UTF-8"));
        write("policy.toml", 0o644);
        write("policy.d/10-a.toml", 0o664);
        assert!(read(&main).unwrap_err()[0].message.contains("others can write"));
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
