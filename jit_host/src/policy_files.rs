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
/// Every file that is not there, cannot be read, or that somebody else could have written, or put there or taken away.
pub fn read(main: &Path) -> Result<Vec<PolicyFile>, Vec<Mistake>> {
    let mut files = Vec::new();
    let mut mistakes = Vec::new();
    if let Some(directory) = main.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        mistakes.extend(check_directory(directory, 0o1000).and_then(|()| check_links(directory)).err());
    }
    for path in std::iter::once(main.to_owned()).chain(parts(main, &mut mistakes)) {
        match check_links(&path).and_then(|()| read_one(&path)) {
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
    let mistake = |message: String, help: &str| mistaken(path, message, help);
    let open = OpenOptions::new().read(true).custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits()).open(path);
    let mut opened =
        open.map_err(|error| mistake(format!("the file cannot be read: {error}"), "create it, readable for all: chmod 0644"))?;
    check(&opened).map_err(|why| mistake(why, "make it root's and writable by root alone: chown root, chmod 0644"))?;
    let mut bytes = Vec::new();
    let read = Read::by_ref(&mut opened).take(MOST.saturating_add(1)).read_to_end(&mut bytes);
    let length = read.map_err(|error| mistake(format!("the file cannot be read: {error}"), "look at the disk that it lies on"))?;
    // The end of it may be what forbids something.
    if u64::try_from(length).is_ok_and(|length| length > MOST) {
        return Err(mistake("the file is longer than 16 MiB".to_owned(), "divide it into several in policy.d"));
    }
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

/// A mistake that is the whole file's, or the whole directory's.
fn mistaken(path: &Path, message: String, help: &str) -> Mistake {
    Mistake::new(Place { file: path.to_string_lossy().into_owned(), line: 1, column: 1 }, message, help.to_owned())
}

/// Whether nobody else could take a file of the policy away, or put one there by a link: what forbids something may stand in a
/// file of its own. A mode with one of these bits lets nobody do so.
fn check_directory(directory: &Path, safe: u32) -> Result<(), Mistake> {
    let Ok(about) = std::fs::metadata(directory) else { return Ok(()) };
    let others = if about.uid() != 0 && about.uid() != geteuid().as_raw() {
        format!("the directory belongs to uid {}, who could change what is in it", about.uid())
    } else if about.mode() & 0o022 != 0 && about.mode() & safe == 0 {
        format!("others can write to the directory: its mode is {:04o}", about.mode() & 0o7777)
    } else {
        return Ok(());
    };
    Err(mistaken(directory, others, "make it root's and writable by root alone: chown root, chmod 0755"))
}

/// Whether nobody else could put something in the place of what a link leads to: wherever in the path it stands, each folder on the way
/// from it on is looked at, as the kernel goes through them. It follows as many links.
fn check_links(path: &Path) -> Result<(), Mistake> {
    const MOST_LINKS: usize = 40;
    let (mut done, mut links) = (PathBuf::new(), 0_usize);
    let mut to_go: Vec<PathBuf> = steps(path);
    while let Some(step) = to_go.pop() {
        // What follows more links is not opened by anybody.
        let target = std::fs::read_link(done.join(&step)).ok().filter(|_| links < MOST_LINKS);
        links = links.saturating_add(usize::from(target.is_some()));
        if links > 0 {
            check_directory(&done, 0o1000)?;
        }
        match target {
            Some(target) => to_go.extend(steps(&target)),
            None => done.push(step),
        }
    }
    Ok(())
}

/// The steps of a path, the last one first. `..` is one: it leads on from where a link has led.
fn steps(path: &Path) -> Vec<PathBuf> {
    path.components().rev().map(|step| PathBuf::from(step.as_os_str())).collect()
}

fn parts(main: &Path, mistakes: &mut Vec<Mistake>) -> Vec<PathBuf> {
    let directory = main.with_file_name("policy.d");
    let unreadable = |error: &std::io::Error| {
        mistaken(&directory, format!("the directory cannot be read: {error}"), "make it readable for all: chmod 0755")
    };
    let entries = match std::fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            // A link to what is not mounted yet is there: what it leads to may hold what forbids something.
            if std::fs::symlink_metadata(&directory).is_ok() {
                let help = "make or mount what it leads to, or take the link away";
                mistakes.push(mistaken(&directory, "the directory is a link to what is not there".to_owned(), help));
            }
            return Vec::new();
        }
        Err(error) => {
            mistakes.push(unreadable(&error));
            return Vec::new();
        }
    };
    mistakes.extend(check_directory(&directory, 0).and_then(|()| check_links(&directory)).err());
    let is_part = |path: &PathBuf| {
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        !hidden && path.extension().is_some_and(|extension| extension == "toml")
    };
    let mut paths = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => paths.extend(Some(entry.path()).filter(is_part)),
            // A disk that fails in the middle of it: what was not named is not known to be nothing.
            Err(error) => mistakes.push(unreadable(&error)),
        }
    }
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn files_are_read_in_name_order_and_one_that_others_can_write_is_refused() {
        let directory = Directory::new("order");
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
    }

    #[test]
    fn a_directory_that_others_can_write_to_holds_no_policy() {
        let directory = Directory::new("writable");
        let main = directory.join("policy.toml");
        let chmod = |name: &str, mode: u32| std::fs::set_permissions(directory.join(name), PermissionsExt::from_mode(mode)).unwrap();
        std::fs::write(&main, "version = 1\n").unwrap();
        chmod("policy.toml", 0o644);
        let wrong = |mode: u32| -> Vec<String> { read(&main).err().into_iter().flatten().map(|why| format!("{mode:o} {why}")).collect() };
        for (name, mode, is_fine) in [
            ("policy.d", 0o777, false),
            ("policy.d", 0o775, false),
            ("policy.d", 0o1777, false),
            ("policy.d", 0o755, true),
            ("", 0o775, false),
            ("", 0o777, false),
            ("", 0o1777, true),
            ("", 0o755, true),
        ] {
            chmod(name, mode);
            let wrong = wrong(mode);
            assert_eq!(wrong.is_empty(), is_fine, "{name} {wrong:?}");
            assert!(wrong.iter().all(|why| why.contains("others can write to the directory: its mode is")), "{wrong:?}");
        }
    }

    #[test]
    fn a_directory_that_is_a_link_to_nowhere_is_not_one_that_is_not_there() {
        let directory = Directory::new("nowhere");
        let main = directory.join("policy.toml");
        std::fs::write(&main, "version = 1\n").unwrap();
        std::fs::set_permissions(&main, PermissionsExt::from_mode(0o644)).unwrap();
        std::fs::remove_dir(directory.join("policy.d")).unwrap();
        assert_eq!(read(&main).map(|files| files.len()), Ok(1), "there need not be one");
        std::os::unix::fs::symlink("/nonexistent/jit.d", directory.join("policy.d")).unwrap();
        let wrong = read(&main).unwrap_err();
        assert!(wrong[0].message == "the directory is a link to what is not there", "{wrong:?}");
        assert!(wrong[0].place.file.ends_with("/policy.d"), "{wrong:?}");
    }

    #[test]
    fn what_a_link_leads_to_lies_where_nobody_else_could_put_another_in_its_place() {
        let directory = Directory::new("links");
        let folder = |name: &str, mode: u32| {
            std::fs::create_dir_all(directory.join(name)).unwrap();
            std::fs::set_permissions(directory.join(name), PermissionsExt::from_mode(mode)).unwrap();
        };
        let file = |name: &str| {
            std::fs::write(directory.join(name), "version = 1\n").unwrap();
            std::fs::set_permissions(directory.join(name), PermissionsExt::from_mode(0o644)).unwrap();
        };
        let link = |name: &str, to: &str| {
            let _ = std::fs::remove_file(directory.join(name));
            std::os::unix::fs::symlink(to, directory.join(name)).unwrap();
        };
        let main = directory.join("policy.toml");
        let wrong = || -> Vec<String> { read(&main).err().into_iter().flatten().map(|why| why.to_string()).collect() };
        for (name, mode) in
            [("open", 0o777), ("open/jit.d", 0o755), ("open/within", 0o755), ("own", 0o755), ("own/jit.d", 0o755), ("own/within", 0o755)]
        {
            folder(name, mode);
        }
        for name in ["plain", "own/policy", "open/policy", "open/within/policy", "own/within/policy"] {
            file(name);
        }
        std::fs::remove_dir(directory.join("policy.d")).unwrap();
        link("open/policy-too", "../own/policy");
        link("open/current", "../own/within");
        link("own/current", "../own/within/../within");
        for (policy, parts, is_fine) in [
            ("own/policy", "own/jit.d", true),
            ("plain", "own/jit.d", true),
            ("open/policy", "own/jit.d", false),
            // Two links, of which anybody could turn the second elsewhere.
            ("open/policy-too", "own/jit.d", false),
            ("own/policy", "open/jit.d", false),
            ("own/current/policy", "own/jit.d", true),
            // A link in the middle of the path, and a folder that anybody could move away.
            ("open/current/policy", "own/jit.d", false),
            ("open/within/policy", "own/jit.d", false),
        ] {
            link("policy.toml", policy);
            link("policy.d", parts);
            let wrong = wrong();
            assert_eq!(wrong.is_empty(), is_fine, "{policy} {parts} {wrong:?}");
            let said = |why: &String| why.contains("/open:1:1: others can write to the directory: its mode is 0777");
            assert!(wrong.iter().all(said), "{wrong:?}");
        }
    }

    #[test]
    fn a_file_is_read_to_its_end_or_not_at_all() {
        let directory = Directory::new("long");
        let file = directory.join("policy.toml");
        let of = |length: u64| {
            std::fs::write(&file, vec![b'#'; usize::try_from(length).unwrap()]).unwrap();
            std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
            read_one(&file)
        };
        assert_eq!(of(MOST).unwrap().text.len() as u64, MOST);
        assert_eq!(of(MOST + 1).unwrap_err().message, "the file is longer than 16 MiB");
    }

    /// A directory of a test, with a `policy.d` in it, gone when this is.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("jit-policy-{name}-{}", std::process::id()));
            for directory in [path.clone(), path.join("policy.d")] {
                std::fs::create_dir_all(&directory).unwrap();
                std::fs::set_permissions(&directory, PermissionsExt::from_mode(0o755)).unwrap();
            }
            Self(path)
        }

        fn join(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
