//! Puts the process into a cgroup of its own, so that whatever it starts can be ended with it.
//!
//! The place matters. Whoever owns a cgroup can move processes out of those below it, freeze them, or forbid them (seen). A
//! desktop's terminals and `systemd-run --user` live in trees that the user owns. So the session goes below the nearest
//! ancestor that, like all above it, root owns; there nobody but root and jitd can touch it.

use jit_proto::pam::Keeper;
use jit_proto::place::{Hierarchy, is_folder, is_session, is_trusted};
use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// What jitd writes to, to end the processes and to hold them still while it does: `cgroup.kill` since kernel 5.14,
/// `cgroup.freeze` since 5.2.
const HANDED_OVER: [&str; 2] = ["cgroup.kill", "cgroup.freeze"];

/// Nobody else's than root's.
const ROOT: u32 = 0;

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
        nix::unistd::geteuid().is_root() && hierarchy().is_ok_and(|hierarchy| is_trusted(&hierarchy.mount, ROOT))
    }

    fn enter(&self, session: &str, keeper: &Keeper) -> Result<(), Unbound> {
        if !is_session(session) || !is_folder(&keeper.folder) {
            return Err(Unbound("jitd names no cgroup that can be".to_owned()));
        }
        let hierarchy = hierarchy()?;
        let own = own(&hierarchy);
        let nearest = hierarchy.trusted(&own, keeper.uid);
        let nearest = nearest.ok_or_else(|| Unbound("no cgroup above this process is root's".to_owned()))?;
        if nearest == own && own.ends_with(Path::new(&keeper.folder).join(session)) {
            // The line runs twice.
            return Ok(());
        }
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
fn read(path: &str) -> Result<Vec<u8>, Unbound> {
    let mut bytes = Vec::with_capacity(LONG);
    let read = fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|error| Unbound(format!("{path}: {error}")))
}

fn hierarchy() -> Result<Hierarchy, Unbound> {
    Hierarchy::find(&read("/proc/self/mountinfo")?).ok_or_else(|| Unbound("cgroup v2 is not mounted".to_owned()))
}

/// The cgroup of this process. Whoever can make cgroups can nest them so deep that the kernel says no more where a process
/// is: then it is somewhere below all that is mounted.
fn own(hierarchy: &Hierarchy) -> PathBuf {
    let own = read("/proc/self/cgroup").ok().and_then(|text| hierarchy.directory(&text));
    own.unwrap_or_else(|| hierarchy.mount.clone())
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
    if own(hierarchy) == cgroup { Ok(()) } else { Err((cgroup.to_owned(), io::Error::other("the process is not in it"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEPER: u32 = 990;

    #[test]
    fn what_jitd_names_must_be_a_session_and_a_folder() {
        let keeper = |folder: &str| Keeper { uid: KEEPER, folder: folder.to_owned() };
        let none = Unbound("jitd names no cgroup that can be".to_owned());
        assert_eq!(Kernels.enter("../S-7F3KQ2ZD", &keeper("jit-X")), Err(none.clone()));
        assert_eq!(Kernels.enter("S-7F3KQ2ZD", &keeper("../x")), Err(none));
    }
}
