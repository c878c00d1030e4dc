//! Where a session's processes are put: how the module, which makes the cgroup, and the daemon, which ends what is in it,
//! name it.
//!
//! Below some cgroup that root owns lies a folder of jitd's, and in it one cgroup a session, named by the session's id:
//! `/sys/fs/cgroup/.../jit-7F3KQ2ZD/S-0A1B2C3D`. Folder and cgroup belong to jitd, so that it can remove them; the files
//! in them by which processes are moved belong to root.
//!
//! Names alone prove nothing: whoever owns a cgroup makes others in it, and names them as they like. A cgroup counts where it
//! and all above it are root's or jitd's own, and module and daemon ask that here.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// What every folder's name begins with.
pub const FOLDER: &str = "jit-";

/// The cgroup v2 hierarchy, as a process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Where it is mounted.
    pub mount: PathBuf,
    /// Which cgroup is mounted there, as the process's cgroup namespace names it.
    root: PathBuf,
}

impl Hierarchy {
    /// Finds it in what `/proc/self/mountinfo` holds (proc(5)): mounted anywhere, unified or beside version 1. Others' mount
    /// points stand there too, and any byte in them.
    #[must_use]
    pub fn find(mountinfo: &[u8]) -> Option<Self> {
        lines(mountinfo).find_map(|line| {
            let mut fields = line.split(|byte| *byte == b' ');
            let (root, mount) = (fields.nth(3)?, fields.next()?);
            let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
            (kind == b"cgroup2").then(|| Self { mount: unescaped(mount), root: unescaped(root) })
        })
    }

    /// The directory of the cgroup that a process is in, by what its `/proc/PID/cgroup` holds (cgroups(7)). None where it is
    /// outside of what is mounted.
    #[must_use]
    pub fn directory(&self, cgroup: &[u8]) -> Option<PathBuf> {
        // The kernel writes its name as it is; one that was removed meanwhile looks like one of another name, that is not there.
        let path = lines(cgroup).find_map(|line| line.strip_prefix(b"0::"))?;
        let path = PathBuf::from(OsString::from_vec(path.to_vec()));
        let below = path.strip_prefix(&self.root).ok()?;
        let plain = below.components().all(|part| matches!(part, Component::Normal(_)));
        plain.then(|| self.mount.join(below))
    }

    /// The nearest cgroup, of this one and those above it, that like all above it belongs to root, or to this keeper of
    /// sessions. None: not even the first is.
    #[must_use]
    pub fn trusted(&self, cgroup: &Path, keeper: u32) -> Option<PathBuf> {
        let below = cgroup.strip_prefix(&self.mount).ok()?;
        let mut place = is_trusted(&self.mount, keeper).then(|| self.mount.clone())?;
        for part in below.components() {
            let next = place.join(part);
            if !is_trusted(&next, keeper) {
                break;
            }
            place = next;
        }
        Some(place)
    }

    /// Whether this cgroup and all above it belong to root, or to this keeper of sessions.
    #[must_use]
    pub fn trusts(&self, cgroup: &Path, keeper: u32) -> bool {
        self.trusted(cgroup, keeper).as_deref() == Some(cgroup)
    }
}

/// Whether nobody but root and this keeper of sessions may change what is below a cgroup, and nobody but root move processes
/// in it.
#[must_use]
pub fn is_trusted(cgroup: &Path, keeper: u32) -> bool {
    let closed = |about: &Metadata| about.mode() & 0o022 == 0;
    let moves = fs::metadata(cgroup.join("cgroup.procs"));
    fs::metadata(cgroup).is_ok_and(|about| [0, keeper].contains(&about.uid()) && closed(&about))
        && moves.is_ok_and(|about| about.uid() == 0 && closed(&about))
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

/// The kernel writes blanks and backslashes of a path as three octal digits.
fn unescaped(text: &[u8]) -> PathBuf {
    let (mut path, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((first, behind)) = rest.split_first() {
        let escaped =
            if *first == b'\\' { behind.split_at_checked(3).and_then(|(digits, behind)| Some((octal(digits)?, behind))) } else { None };
        let (byte, behind) = escaped.unwrap_or((*first, behind));
        path.push(byte);
        rest = behind;
    }
    PathBuf::from(OsString::from_vec(path))
}

fn octal(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
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
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, chown};

    const HYBRID: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
        40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw\n";

    #[test]
    fn it_is_found_wherever_it_is_mounted() {
        let hybrid = Hierarchy::find(HYBRID.as_bytes()).unwrap();
        assert_eq!(hybrid.mount, Path::new("/sys/fs/cgroup/unified"));
        let odd = Hierarchy::find(b"9 1 0:9 / /mnt/my\\040own\\134040 rw - cgroup2 none rw\n").unwrap();
        assert_eq!(odd.directory(b"0::/a/b\n").unwrap(), Path::new("/mnt/my own\\040/a/b"));
        assert_eq!(Hierarchy::find(b"40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw\n"), None);
        assert_eq!(Hierarchy::find(b"40 31 0:37 / /mnt rw - cgroup2"), Hierarchy::find(b"40 31 0:37 / /mnt rw shared:1 - cgroup2 x rw\n"));
        assert_eq!(Hierarchy::find(b""), None);
    }

    #[test]
    fn a_mount_point_of_anybodys_is_any_bytes_and_hides_nothing() {
        let theirs = [b"39 31 0:36 / /home/x/\xff rw - fuse.sshfs \xfe rw\n".as_slice(), HYBRID.as_bytes()].concat();
        assert_eq!(Hierarchy::find(&theirs), Hierarchy::find(HYBRID.as_bytes()));
    }

    #[test]
    fn a_cgroup_is_a_directory_below_it_whatever_its_name_and_nothing_else() {
        let hybrid = Hierarchy::find(HYBRID.as_bytes()).unwrap();
        let own = |text: &str| hybrid.directory(text.as_bytes());
        assert_eq!(own("9:name=systemd:/x\n0::/user.slice/s.scope\n").unwrap(), Path::new("/sys/fs/cgroup/unified/user.slice/s.scope"));
        assert_eq!(own("0::/\n").unwrap(), Path::new("/sys/fs/cgroup/unified/"));
        assert_eq!(own("0::/../other\n"), None, "outside of the cgroup namespace");
        assert_eq!(own("0::/a (deleted)\n").unwrap(), Path::new("/sys/fs/cgroup/unified/a (deleted)"), "a name like others");
        let bytes = hybrid.directory(b"0::/a\xff\n").unwrap();
        assert_eq!(bytes.as_os_str().as_encoded_bytes(), b"/sys/fs/cgroup/unified/a\xff");
        assert_eq!(own("1:cpu:/x\n"), None, "version 1 alone");
        let part = Hierarchy::find(b"9 1 0:9 /part /cg rw - cgroup2 none rw\n").unwrap();
        assert_eq!(part.directory(b"0::/part/x").unwrap(), Path::new("/cg/x"));
        assert_eq!(part.directory(b"0::/elsewhere"), None);
    }

    const KEEPER: u32 = 990;

    /// A hierarchy with one cgroup in another.
    fn made() -> (tempfile::TempDir, Hierarchy) {
        let mount = tempfile::tempdir().unwrap();
        for place in ["", "a", "a/b"] {
            let place = mount.path().join(place);
            fs::create_dir_all(&place).unwrap();
            fs::set_permissions(&place, Permissions::from_mode(0o755)).unwrap();
            fs::write(place.join("cgroup.procs"), "").unwrap();
            fs::set_permissions(place.join("cgroup.procs"), Permissions::from_mode(0o644)).unwrap();
        }
        let hierarchy = Hierarchy { mount: mount.path().to_owned(), root: PathBuf::from("/") };
        (mount, hierarchy)
    }

    /// The place of a session whose process is in `a/b`, once something about a file of the hierarchy has been changed.
    fn nearest(change: impl FnOnce(&Path)) -> Option<PathBuf> {
        let (mount, hierarchy) = made();
        change(mount.path());
        let own = mount.path().join("a/b");
        let place = hierarchy.trusted(&own, KEEPER);
        assert_eq!(hierarchy.trusts(&own, KEEPER), place.as_ref() == Some(&own));
        Some(place?.strip_prefix(mount.path()).unwrap().to_owned())
    }

    #[test]
    fn a_place_counts_where_nobody_but_root_and_jitd_can_touch_it_or_one_above_it() {
        assert!(nix::unistd::geteuid().is_root(), "owners are changed here: run this as root");
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
        assert_eq!(nearest(|mount| fs::remove_dir_all(mount.join("a/b")).unwrap()), place("a"), "one that was removed meanwhile");
        assert_eq!(nearest(owned("", 1001)), None, "none at all");
        let ((one, hierarchy), (another, _)) = (made(), made());
        assert_eq!(hierarchy.trusted(another.path(), KEEPER), None, "a cgroup of another hierarchy");
        assert!(is_trusted(one.path(), KEEPER) && !is_trusted(&one.path().join("none"), KEEPER));
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
        assert_eq!(Hierarchy::find(odd.as_bytes()), Hierarchy::find(HYBRID.as_bytes()));
        assert_eq!(Hierarchy::find(b"nonsense\n - cgroup2\n"), None);
    }
}
