//! Puts the process into a cgroup of its own, so that whatever it starts can be ended with it.
//!
//! The place matters. Whoever owns a cgroup can move processes out of those below it, freeze them, or forbid them (seen). A
//! desktop's terminals and `systemd-run --user` live in trees that the user owns. So the session goes below the nearest
//! ancestor that, like all above it, root owns; there nobody but root and jitd can touch it.

use jit_proto::pam::Keeper;
use jit_proto::place::{Hierarchy, is_folder, is_session};
use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// What jitd writes to, to end the processes and to hold them still while it does: `cgroup.kill` since kernel 5.14,
/// `cgroup.freeze` since 5.2.
const HANDED_OVER: [&str; 2] = ["cgroup.kill", "cgroup.freeze"];

/// How long those files usually are at most, in bytes.
const LONG: usize = 16_384;

/// Why there is no cgroup for this session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbound(String);

impl fmt::Display for Unbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
impl Unbound {
    /// For a script of tests.
    pub(crate) fn because(why: &str) -> Self {
        Self(why.to_owned())
    }
}

/// Where cgroups are made.
pub trait Cgroups {
    /// Whether one could be made for this process.
    fn available(&self) -> bool;

    /// Puts this process into one, and hands it over.
    ///
    /// # Errors
    /// It cannot be; the process is where it was.
    fn enter(&self, session: &str, keeper: &Keeper) -> Result<(), Unbound>;
}

/// The kernel's.
pub struct Kernels;

impl Cgroups for Kernels {
    fn available(&self) -> bool {
        // Where in it this process will be by the last session line is not known yet: pam_systemd may move it.
        nix::unistd::geteuid().is_root() && hierarchy().is_ok_and(|hierarchy| is_trusted(&hierarchy.mount, None))
    }

    fn enter(&self, session: &str, keeper: &Keeper) -> Result<(), Unbound> {
        if !is_session(session) || !is_folder(&keeper.folder) {
            return Err(Unbound("jitd names no cgroup that can be".to_owned()));
        }
        let (hierarchy, own) = own()?;
        if own.ends_with(session) {
            // The line runs twice.
            return Ok(());
        }
        let nearest = trusted(&hierarchy.mount, &own, keeper.uid);
        let nearest = nearest.ok_or_else(|| Unbound("no cgroup above this process is root's".to_owned()))?;
        let mut why = Unbound("there is no cgroup above this process".to_owned());
        // One may forbid children, or be of a kind that has none: then the one above it.
        for place in nearest.ancestors().take_while(|place| place.starts_with(&hierarchy.mount)) {
            match make_and_enter(&hierarchy, place, session, keeper) {
                Ok(()) => return Ok(()),
                Err((what, error)) => why = Unbound(format!("{}: {error}", what.display())),
            }
        }
        Err(why)
    }
}

/// A file of the kernel's, in one piece: it says nothing of its length, and would be read in many.
fn read(path: &str) -> Result<String, Unbound> {
    let mut text = String::with_capacity(LONG);
    let read = fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text));
    read.map(|_| text).map_err(|error| Unbound(format!("{path}: {error}")))
}

fn hierarchy() -> Result<Hierarchy, Unbound> {
    Hierarchy::find(&read("/proc/self/mountinfo")?).ok_or_else(|| Unbound("cgroup v2 is not mounted".to_owned()))
}

/// The hierarchy, and the cgroup of this process in it.
fn own() -> Result<(Hierarchy, PathBuf), Unbound> {
    let hierarchy = hierarchy()?;
    let own = own_in(&hierarchy)?;
    Ok((hierarchy, own))
}

/// The cgroup of this process in it.
fn own_in(hierarchy: &Hierarchy) -> Result<PathBuf, Unbound> {
    let own = hierarchy.directory(&read("/proc/self/cgroup")?);
    own.ok_or_else(|| Unbound("this process is in no cgroup that is mounted here".to_owned()))
}

/// The nearest cgroup that, like all above it, is root's, or a session's of this keeper.
fn trusted(mount: &Path, own: &Path, keeper: u32) -> Option<PathBuf> {
    let below = own.strip_prefix(mount).ok()?;
    let mut place = is_trusted(mount, Some(keeper)).then(|| mount.to_owned())?;
    for part in below.components() {
        let next = place.join(part);
        if !is_trusted(&next, Some(keeper)) {
            break;
        }
        place = next;
    }
    Some(place)
}

/// Whether nobody else may change what is below it, or move processes in it.
fn is_trusted(place: &Path, keeper: Option<u32>) -> bool {
    let ours = |uid: u32| uid == 0 || keeper == Some(uid);
    let closed = |about: &fs::Metadata| about.mode() & 0o022 == 0;
    let moves = fs::metadata(place.join("cgroup.procs"));
    fs::metadata(place).is_ok_and(|about| ours(about.uid()) && closed(&about))
        && moves.is_ok_and(|about| about.uid() == 0 && closed(&about))
}

type Failed = (PathBuf, io::Error);

fn make_and_enter(hierarchy: &Hierarchy, place: &Path, session: &str, keeper: &Keeper) -> Result<(), Failed> {
    let folder = place.join(&keeper.folder);
    match make(&folder, keeper) {
        Err((_, error)) if error.kind() == ErrorKind::AlreadyExists => {}
        made => made?,
    }
    let cgroup = folder.join(session);
    make(&cgroup, keeper)?;
    let entered = hand_over(&cgroup, keeper).and_then(|()| move_into(hierarchy, &cgroup));
    if entered.is_err() {
        // It is empty; what cannot be removed now jitd finds at its next start.
        let _ = fs::remove_dir(&cgroup);
    }
    entered
}

/// Makes a cgroup in which jitd can make and remove others, whatever umask the caller has.
fn make(cgroup: &Path, keeper: &Keeper) -> Result<(), Failed> {
    let failed = |error| (cgroup.to_owned(), error);
    fs::create_dir(cgroup).map_err(failed)?;
    fs::set_permissions(cgroup, Permissions::from_mode(0o755)).map_err(failed)?;
    chown(cgroup, Some(keeper.uid), None).map_err(failed)
}

fn hand_over(cgroup: &Path, keeper: &Keeper) -> Result<(), Failed> {
    for name in HANDED_OVER {
        let file = cgroup.join(name);
        match chown(&file, Some(keeper.uid), None) {
            // An older kernel.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            changed => changed.map_err(|error| (file, error))?,
        }
    }
    Ok(())
}

fn move_into(hierarchy: &Hierarchy, cgroup: &Path) -> Result<(), Failed> {
    let file = cgroup.join("cgroup.procs");
    let moved = fs::OpenOptions::new().write(true).open(&file).and_then(|mut procs| procs.write_all(b"0"));
    moved.map_err(|error| (file, error))?;
    let arrived = own_in(hierarchy).is_ok_and(|own| own == cgroup);
    if arrived { Ok(()) } else { Err((cgroup.to_owned(), io::Error::other("the process is not in it"))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::geteuid;

    const KEEPER: u32 = 990;

    /// A hierarchy with one cgroup in another.
    fn made() -> tempfile::TempDir {
        let mount = tempfile::tempdir().unwrap();
        for place in ["", "a", "a/b"] {
            let place = mount.path().join(place);
            fs::create_dir_all(&place).unwrap();
            fs::set_permissions(&place, Permissions::from_mode(0o755)).unwrap();
            fs::write(place.join("cgroup.procs"), "").unwrap();
            fs::set_permissions(place.join("cgroup.procs"), Permissions::from_mode(0o644)).unwrap();
        }
        mount
    }

    /// The place of a session whose process is in `a/b`, once something about a file of the hierarchy has been changed.
    fn nearest(change: impl FnOnce(&Path)) -> Option<PathBuf> {
        let mount = made();
        change(mount.path());
        let place = trusted(mount.path(), &mount.path().join("a/b"), KEEPER)?;
        Some(place.strip_prefix(mount.path()).unwrap().to_owned())
    }

    #[test]
    fn a_session_goes_below_the_nearest_cgroup_that_nobody_but_root_and_jitd_can_touch() {
        assert!(geteuid().is_root(), "owners are changed here: run this as root");
        let owned = |path: &'static str, uid: u32| move |mount: &Path| chown(mount.join(path), Some(uid), None).unwrap();
        let mode = |path: &'static str, mode: u32| {
            move |mount: &Path| fs::set_permissions(mount.join(path), Permissions::from_mode(mode)).unwrap()
        };
        let place = |text: &str| Some(PathBuf::from(text));
        assert_eq!(nearest(|_| ()), place("a/b"));
        assert_eq!(nearest(owned("a/b", KEEPER)), place("a/b"), "a session within a session");
        assert_eq!(nearest(owned("a/b", 1001)), place("a"));
        assert_eq!(nearest(owned("a", 1001)), place(""));
        assert_eq!(nearest(owned("a/b/cgroup.procs", 1001)), place("a"));
        assert_eq!(nearest(owned("a/b/cgroup.procs", KEEPER)), place("a"), "jitd moves no process, and nobody does through it");
        for writable in [0o775, 0o757] {
            assert_eq!(nearest(mode("a/b", writable)), place("a"));
            assert_eq!(nearest(mode("a", writable)), place(""));
        }
        for writable in [0o664, 0o646] {
            assert_eq!(nearest(mode("a/b/cgroup.procs", writable)), place("a"));
        }
        assert_eq!(nearest(|mount| fs::remove_file(mount.join("a/b/cgroup.procs")).unwrap()), place("a"));
        assert_eq!(nearest(owned("", 1001)), None, "none at all");
        let (one, another) = (made(), made());
        assert_eq!(trusted(one.path(), another.path(), KEEPER), None, "a cgroup of another hierarchy");
        assert!(is_trusted(one.path(), None) && !is_trusted(&one.path().join("none"), None));
    }

    #[test]
    fn what_jitd_names_must_be_a_session_and_a_folder() {
        let keeper = |folder: &str| Keeper { uid: KEEPER, folder: folder.to_owned() };
        let none = Unbound("jitd names no cgroup that can be".to_owned());
        assert_eq!(Kernels.enter("../S-7F3KQ2ZD", &keeper("jit-X")), Err(none.clone()));
        assert_eq!(Kernels.enter("S-7F3KQ2ZD", &keeper("../x")), Err(none));
    }
}
