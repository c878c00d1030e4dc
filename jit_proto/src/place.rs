//! Where a session's processes are put: how the module, which makes the cgroup, and the daemon, which ends what is in it,
//! name it.
//!
//! Below some cgroup that root owns lies a folder of jitd's, and in it one cgroup a session, named by the session's id:
//! `/sys/fs/cgroup/.../jit-7F3KQ2ZD/S-0A1B2C3D`. Folder and cgroup belong to jitd, so that it can remove them; the files
//! in them by which processes are moved belong to root.

use std::path::{Path, PathBuf};

/// What every folder's name begins with.
pub const FOLDER: &str = "jit-";

/// The cgroup v2 hierarchy, as a process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Where it is mounted.
    pub mount: PathBuf,
    /// Which cgroup is mounted there, as the process's cgroup namespace names it.
    root: String,
}

impl Hierarchy {
    /// Finds it in the text of `/proc/self/mountinfo` (proc(5)): mounted anywhere, unified or beside version 1.
    #[must_use]
    pub fn find(mountinfo: &str) -> Option<Self> {
        mountinfo.lines().find_map(|line| {
            let (place, kind) = line.split_once(" - ")?;
            let mut fields = place.split(' ');
            let (root, mount) = (fields.nth(3)?, fields.next()?);
            let is_v2 = kind.split(' ').next() == Some("cgroup2");
            is_v2.then(|| Self { mount: PathBuf::from(unescaped(mount)), root: unescaped(root) })
        })
    }

    /// The directory of the cgroup that a process is in, by the text of its `/proc/PID/cgroup` (cgroups(7)). None where it
    /// is outside of what is mounted.
    #[must_use]
    pub fn directory(&self, cgroup: &str) -> Option<PathBuf> {
        let path = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
        let below = Path::new(path).strip_prefix(&self.root).ok()?;
        let plain = below.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        // One that was removed while the process was in it cannot be used any more.
        (plain && !path.ends_with(" (deleted)")).then(|| self.mount.join(below))
    }
}

/// The kernel writes blanks and backslashes of a path as three octal digits.
fn unescaped(text: &str) -> String {
    text.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

/// Whether this can be a folder's name: nothing that leads elsewhere.
#[must_use]
pub fn is_folder(name: &str) -> bool {
    is_name(name, FOLDER)
}

/// Whether this can be the name of a session's cgroup.
#[must_use]
pub fn is_session(name: &str) -> bool {
    is_name(name, "S-")
}

fn is_name(name: &str, prefix: &str) -> bool {
    let plain = |rest: &str| !rest.is_empty() && rest.len() <= 16 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    name.strip_prefix(prefix).is_some_and(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
        40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n";

    #[test]
    fn it_is_found_wherever_it_is_mounted() {
        let hybrid = Hierarchy::find(HYBRID).unwrap();
        assert_eq!(hybrid.mount, Path::new("/sys/fs/cgroup/unified"));
        let odd = Hierarchy::find("9 1 0:9 / /mnt/my\\040own rw - cgroup2 none rw\n").unwrap();
        assert_eq!(odd.directory("0::/a/b\n").unwrap(), Path::new("/mnt/my own/a/b"));
        assert_eq!(Hierarchy::find("40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw\n"), None);
        assert_eq!(Hierarchy::find(""), None);
    }

    #[test]
    fn a_cgroup_is_a_directory_below_it_and_nothing_else() {
        let hybrid = Hierarchy::find(HYBRID).unwrap();
        let own = |text: &str| hybrid.directory(text);
        assert_eq!(own("9:name=systemd:/x\n0::/user.slice/s.scope\n").unwrap(), Path::new("/sys/fs/cgroup/unified/user.slice/s.scope"));
        assert_eq!(own("0::/\n").unwrap(), Path::new("/sys/fs/cgroup/unified/"));
        assert_eq!(own("0::/../other\n"), None, "outside of the cgroup namespace");
        assert_eq!(own("0::/gone (deleted)\n"), None);
        assert_eq!(own("1:cpu:/x\n"), None, "version 1 alone");
        let part = Hierarchy::find("9 1 0:9 /part /cg rw - cgroup2 none rw\n").unwrap();
        assert_eq!(part.directory("0::/part/x").unwrap(), Path::new("/cg/x"));
        assert_eq!(part.directory("0::/elsewhere"), None);
    }

    #[test]
    fn names_lead_nowhere_else() {
        assert!(is_folder("jit-7F3KQ2ZD") && is_session("S-0A1B2C3D"));
        for name in ["jit-", "jit-../x", "jit-a/b", "S-..", "S-", "x", "", "jit-00000000000000000"] {
            assert!(!is_folder(name) && !is_session(name), "{name}");
        }
    }

    #[test]
    fn a_line_that_is_no_mount_is_passed_over() {
        let odd = format!("nonsense\n - cgroup2 cgroup2 rw\n1 2 3 / - cgroup2 cgroup2 rw\n{HYBRID}");
        assert_eq!(Hierarchy::find(&odd), Hierarchy::find(HYBRID));
        assert_eq!(Hierarchy::find("nonsense\n - cgroup2\n"), None);
    }
}
