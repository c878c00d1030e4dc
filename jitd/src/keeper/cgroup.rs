//! The cgroup of a session: what is in it, and how that ends.

use jit_core::id::SessionId;
use jit_host::kernel;
use jit_host::process::Pinned;
use jit_proto::pam;
use jit_proto::place::{Hierarchy, is_session, is_trusted};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::geteuid;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often processes are listed and killed one by one, where the kernel cannot do it at once.
const ROUNDS: usize = 100;

/// How often writing is tried while a process is between two cgroups.
const PAUSE: Duration = Duration::from_millis(1);

/// Where cgroups of version 2 are, for this process, and which of them are this jitd's.
#[derive(Debug, Clone)]
pub struct Cgroups {
    hierarchy: Hierarchy,
    folder: String,
    /// Whose the folders are, and what lies in them.
    keeper: u32,
}

impl Cgroups {
    /// Those of this host, if it has any that we can write to, in folders of this name.
    pub fn find(folder: String) -> Option<Self> {
        let hierarchy = Hierarchy::find(&kernel::read("/proc/self/mountinfo").ok()?)?;
        let read_only = statvfs(&hierarchy.mount).ok()?.flags().contains(FsFlags::ST_RDONLY);
        (!read_only).then(|| Self { hierarchy, folder, keeper: geteuid().as_raw() })
    }

    /// To whom the module is to hand over the cgroup of a session.
    pub fn for_module(&self) -> pam::Keeper {
        pam::Keeper { uid: self.keeper, folder: self.folder.clone() }
    }

    /// Where the hierarchy is mounted.
    pub fn mount(&self) -> &Path {
        &self.hierarchy.mount
    }

    /// The cgroup of this session, if this process is in it: the kernel's word. Somebody's own of the same name is none.
    pub fn of_process(&self, pid: u32, session: SessionId) -> Option<Cgroup> {
        self.at(self.hierarchy.directory(&kernel::read(format!("/proc/{pid}/cgroup")).ok()?)?, session)
    }

    /// The cgroup of this session, if it is this one.
    fn at(&self, path: PathBuf, session: SessionId) -> Option<Cgroup> {
        let is_named_so = path.ends_with(Path::new(&self.folder).join(session.to_string()));
        (is_named_so && self.hierarchy.trusts(&path, self.keeper)).then_some(Cgroup { path })
    }

    /// The sessions that this process is in: of its own cgroup, and of those above it. None: it cannot be read. The names are
    /// enough: whoever gives them to what they own only adds to those who could be behind it.
    pub fn sessions_above(&self, pid: u32) -> Option<Vec<SessionId>> {
        let text = kernel::read(format!("/proc/{pid}/cgroup")).ok()?;
        // One outside of what is mounted here is in no cgroup of ours.
        let Some(path) = self.hierarchy.directory(&text) else { return Some(Vec::new()) };
        let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        let in_ours = parts.windows(2).filter(|pair| pair.first().is_some_and(|folder| *folder == self.folder));
        Some(in_ours.filter_map(|pair| pair.get(1)?.parse().ok()).collect())
    }

    /// All cgroups of this jitd's sessions that there are.
    pub fn all(&self) -> Vec<(SessionId, Cgroup)> {
        if is_trusted(self.mount(), self.keeper) { self.below(self.mount()) } else { Vec::new() }
    }

    /// The sessions inside this one.
    pub fn inside(&self, session: &Cgroup) -> Vec<(SessionId, Cgroup)> {
        self.below(&session.path)
    }

    /// The cgroups of sessions below a place that is trusted. What somebody owns is not looked into: it can be called anything,
    /// and hold any number of others.
    fn below(&self, place: &Path) -> Vec<(SessionId, Cgroup)> {
        let mut found = Vec::new();
        let mut places = vec![place.to_owned()];
        while let Some(place) = places.pop() {
            for below in directories(&place).into_iter().filter(|below| is_trusted(below, self.keeper)) {
                if place.ends_with(&self.folder)
                    && let Some(id) = id_of(&below)
                {
                    found.push((id, Cgroup { path: below.clone() }));
                }
                places.push(below);
            }
        }
        found
    }
}

fn directories(place: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

fn id_of(directory: &Path) -> Option<SessionId> {
    directory.file_name()?.to_str().filter(|name| is_session(name))?.parse().ok()
}

/// The cgroup of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// The file whose change says that the last process has gone.
    pub fn events(&self) -> PathBuf {
        self.path.join("cgroup.events")
    }

    /// Whether no process is in it, or below it.
    pub fn is_empty(&self) -> bool {
        match kernel::read_text(self.events()) {
            Ok(events) => !events.lines().any(|line| line == "populated 1"),
            // It is gone. What cannot be read for another reason, for want of a descriptor for one, has not been seen empty.
            Err(error) => error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(Errno::ENODEV as i32),
        }
    }

    /// The processes in it and in those below it.
    pub fn processes(&self) -> Vec<u32> {
        let mut all = Vec::new();
        let mut places = vec![self.path.clone()];
        while let Some(place) = places.pop() {
            all.extend(listed(&place));
            places.extend(directories(&place));
        }
        all
    }

    /// The processes in it alone, without those of sessions inside.
    pub fn own_processes(&self) -> Vec<u32> {
        listed(&self.path)
    }

    /// Sends all of them these signals. A number that has passed to a process elsewhere is let alone: each is held first, and then
    /// looked at again.
    pub fn signal(&self, signals: &[Signal]) {
        for pid in self.processes() {
            let Some(process) = Pinned::by_number(pid) else { continue };
            let still_in = kernel::read(format!("/proc/{pid}/cgroup")).is_ok_and(|text| self.holds(&text));
            if still_in && process.is_alive() {
                // The kernel refuses it for none that we may end.
                signals.iter().for_each(|signal| drop(process.signal(*signal)));
            }
        }
    }

    /// Whether what a `/proc/PID/cgroup` holds is of a process in here. Its folder and its session's id are nobody else's.
    fn holds(&self, text: &[u8]) -> bool {
        let mut ours = self.path.components().rev().take(2);
        let (session, folder) = (ours.next(), ours.next());
        let path = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"0::"));
        path.map(OsStr::from_bytes).map(Path::new).is_some_and(|path| {
            let parts: Vec<_> = path.components().collect();
            parts.windows(2).any(|pair| pair.first().copied() == folder && pair.get(1).copied() == session)
        })
    }

    /// Kills all of them.
    pub fn kill(&self) {
        if fs::write(self.path.join("cgroup.kill"), "1").is_ok() {
            return;
        }
        // Before kernel 5.14: held still, none can start others while they are killed.
        let freeze = self.path.join("cgroup.freeze");
        let _ = fs::write(&freeze, "1");
        for _ in 0..ROUNDS {
            if self.processes().is_empty() {
                break;
            }
            self.signal(&[Signal::SIGKILL]);
            std::thread::sleep(PAUSE);
        }
        let _ = fs::write(&freeze, "0");
    }

    /// Removes it, with what is below it. Nothing is in it any more.
    pub fn remove(&self) {
        remove(&self.path);
    }
}

fn remove(place: &Path) {
    for below in directories(place) {
        remove(&below);
    }
    // What somebody has just entered stays, and is met again at the next start.
    let _ = fs::remove_dir(place);
}

fn listed(place: &Path) -> Vec<u32> {
    let text = kernel::read_text(place.join("cgroup.procs")).unwrap_or_default();
    // A process of another pid namespace is listed as 0.
    text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid != 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, chown};

    const SESSION: &str = "S-0A1B2C3D";

    fn make(mount: &Path, place: &str) -> PathBuf {
        for part in mount.join(place).ancestors().take_while(|part| part.starts_with(mount)) {
            fs::create_dir_all(part).unwrap();
            fs::set_permissions(part, Permissions::from_mode(0o755)).unwrap();
            fs::write(part.join("cgroup.procs"), "").unwrap();
            fs::set_permissions(part.join("cgroup.procs"), Permissions::from_mode(0o644)).unwrap();
        }
        mount.join(place)
    }

    #[test]
    fn a_cgroup_that_is_gone_is_empty_and_one_that_cannot_be_read_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let cgroup = Cgroup { path: directory.path().to_owned() };
        assert!(cgroup.is_empty());
        fs::write(cgroup.events(), "populated 1\nfrozen 0\n").unwrap();
        assert!(!cgroup.is_empty());
        fs::write(cgroup.events(), "populated 0\nfrozen 0\n").unwrap();
        assert!(cgroup.is_empty());
        fs::remove_file(cgroup.events()).unwrap();
        fs::create_dir(cgroup.events()).unwrap();
        assert!(!cgroup.is_empty());
    }

    #[test]
    fn what_somebody_has_made_under_a_sessions_name_is_not_looked_into_nor_believed() {
        assert!(geteuid().is_root(), "owners are changed here: run this as root");
        let mount = tempfile::tempdir().unwrap();
        let mountinfo = format!("9 1 0:9 / {} rw - cgroup2 none rw", mount.path().display());
        let hierarchy = Hierarchy::find(mountinfo.as_bytes()).unwrap();
        let cgroups = Cgroups { hierarchy, folder: "jit-7".to_owned(), keeper: 990 };
        let true_one = make(mount.path(), &format!("user.slice/jit-7/{SESSION}"));
        let inside = make(&true_one, "jit-7/S-00000001");
        let false_ones = [
            make(mount.path(), &format!("user.slice/theirs/jit-7/{SESSION}")),
            make(mount.path(), &format!("user.slice/theirs/below/jit-7/{SESSION}")),
            make(&true_one, &format!("theirs/jit-7/{SESSION}")),
        ];
        let elsewhere = make(mount.path(), &format!("jit-8/{SESSION}"));
        for theirs in [mount.path().join("user.slice/theirs"), true_one.join("theirs")] {
            chown(theirs, Some(1001), None).unwrap();
        }
        chown(&true_one, Some(990), None).unwrap();
        let id: SessionId = SESSION.parse().unwrap();
        let expected = [("S-00000001".parse().unwrap(), Cgroup { path: inside }), (id, Cgroup { path: true_one.clone() })];
        let mut found = cgroups.all();
        found.sort_by_key(|(id, _)| *id);
        assert_eq!(found, expected);
        assert_eq!(cgroups.inside(&Cgroup { path: true_one.clone() }), expected[..1]);
        assert!(cgroups.at(true_one, id).is_some());
        for other in false_ones.into_iter().chain([elsewhere]) {
            assert_eq!(cgroups.at(other.clone(), id), None, "{}", other.display());
        }
        chown(mount.path(), Some(1001), None).unwrap();
        assert_eq!(cgroups.all(), []);
    }
}
