//! What the host must have: syslog, room for the record, cgroup v2, and a /proc in which processes can be seen.

use super::Check;
use crate::paths::{self, Paths};
use nix::sys::statvfs::{FsFlags, statvfs};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Less room than this for the record is too little, in bytes.
const LEAST_ROOM: u64 = 64 * 1024 * 1024;

/// One check after the other.
pub fn checks() -> Vec<Check> {
    vec![syslog(), room(), cgroup(), processes(), selinux()]
}

fn syslog() -> Check {
    const NAME: &str = "syslog";
    let remedy = "start the syslog daemon, or journald";
    let is_socket = std::fs::metadata("/dev/log").is_ok_and(|about| about.file_type().is_socket());
    match UnixDatagram::unbound().and_then(|socket| socket.connect("/dev/log")) {
        Ok(()) => Check::fine(NAME, "/dev/log takes messages"),
        Err(error) if is_socket => Check::wrong(NAME, format!("/dev/log: {error}"), remedy),
        Err(_) => Check::wrong(NAME, "/dev/log is no socket".to_owned(), remedy),
    }
}

fn room() -> Check {
    const NAME: &str = "room for the record";
    let state = match Paths::of_this_host() {
        Ok(paths) => paths.state,
        Err(mistakes) => return Check::wrong(NAME, paths::in_words(&mistakes), paths::REMEDY),
    };
    let shown = state.display();
    match statvfs(&state) {
        Ok(about) if about.flags().contains(FsFlags::ST_RDONLY) => {
            Check::wrong(NAME, format!("the disk under {shown} is read-only"), "mount it so that it can be written")
        }
        Ok(about) => {
            let free = about.blocks_available().saturating_mul(about.fragment_size());
            if free < LEAST_ROOM {
                Check::wrong(NAME, format!("{} MB are left under {shown}", free.checked_div(1024 * 1024).unwrap_or(0)), "make room")
            } else {
                Check::fine(NAME, &format!("there is room under {shown}"))
            }
        }
        Err(errno) => Check::wrong(NAME, format!("{shown}: {}", errno.desc()), "install the package again"),
    }
}

/// Others' mount points are in it too, and any byte can be in their names.
fn mounts() -> String {
    std::fs::read("/proc/self/mountinfo").map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
}

fn cgroup() -> Check {
    const NAME: &str = "cgroup v2";
    if mounts().lines().any(|line| line.contains(" - cgroup2 ")) {
        Check::fine(NAME, "it is mounted")
    } else {
        Check::wrong(NAME, "it is not mounted: sessions cannot be bound to one".to_owned(), "boot with systemd.unified_cgroup_hierarchy=1")
    }
}

/// What is said of the sources of groups.
pub const SOURCES: &str = "sources of groups";

/// What a source of groups cannot tell counts against everybody whom a rule excepts or denies by group.
pub fn group_sources() -> Check {
    let mut silent = jit_host::accounts::silent_group_sources();
    silent.extend(jit_host::accounts::silent_account_source().map(str::to_owned));
    silent.dedup();
    let wrong: Vec<_> = silent.iter().map(|source| format!("the source {source} does not answer")).collect();
    let remedy = "start it, or take it out of the lines \"passwd\" and \"group\" of /etc/nsswitch.conf";
    Check::all(SOURCES, "each one answers", &wrong, remedy)
}

/// With hidepid jitd cannot see whose processes act: nobody can approve, and nobody comes in.
pub fn processes() -> Check {
    const NAME: &str = "/proc";
    let hidden = mounts().lines().any(|line| {
        let mut fields = line.split(' ');
        fields.nth(4) == Some("/proc")
            && ["hidepid=1", "hidepid=2", "hidepid=invisible", "hidepid=noaccess", "hidepid=ptraceable"]
                .iter()
                .any(|option| line.contains(option))
    });
    if hidden {
        Check::wrong(
            NAME,
            "it is mounted with hidepid: jitd cannot see who acts, so nobody comes in and nobody can approve".to_owned(),
            "mount -o remount,hidepid=0 /proc # and take it out of /etc/fstab",
        )
    } else {
        Check::fine(NAME, "jitd can see who acts")
    }
}

/// Whether SELinux is in use: 1 where it enforces (selinux(8)).
fn mode() -> Option<String> {
    std::fs::read_to_string("/sys/fs/selinux/enforce").ok()
}

fn selinux() -> Check {
    selinux_in(mode().as_deref(), Path::new("/"))
}

/// The same where it refuses at once what it does not know: before sshd may depend on us.
pub fn selinux_that_enforces() -> Option<Check> {
    mode().filter(|mode| enforces(mode)).map(|mode| selinux_in(Some(&mode), Path::new("/")))
}

fn enforces(mode: &str) -> bool {
    mode.trim() == "1"
}

/// In this mode, where it is in use; on the host whose root is here.
fn selinux_in(mode: Option<&str>, root: &Path) -> Check {
    const NAME: &str = "SELinux";
    let Some(mode) = mode else { return Check::fine(NAME, "it is not in use") };
    if module_is_loaded(root) {
        return Check::fine(NAME, "our module is loaded");
    }
    let found = if enforces(mode) {
        "it is enforcing, and our module is not loaded: sshd may not ask jitd"
    } else {
        "it is permissive, and our module is not loaded: nothing is refused yet, but sshd may not ask jitd once it enforces"
    };
    let Paths { run, state, .. } = Paths::of_this_host().unwrap_or_default();
    Check::wrong(
        NAME,
        found.to_owned(),
        &format!(
            "semodule -i /usr/share/selinux/packages/jit.pp; {}restorecon -R {} {} /usr/sbin/jitd; systemctl restart jitd.socket jitd-user.socket",
            labelled_alike(&run, &state),
            run.display(),
            state.display(),
        ),
    )
}

/// What has places other than the usual ones labelled like those.
fn labelled_alike(run: &Path, state: &Path) -> String {
    let usual = Paths::default();
    let pairs = [(usual.run.as_path(), run), (usual.state.as_path(), state)];
    let others = pairs.into_iter().filter(|(usual, place)| usual != place);
    others.map(|(usual, place)| format!("semanage fcontext -a -e {} {}; ", usual.display(), place.display())).collect()
}

/// Whether the store of modules, whose folder is named after the policy, has ours, at whatever priority.
fn module_is_loaded(root: &Path) -> bool {
    let entries = |path: &Path| {
        std::fs::read_dir(path).map(|entries| entries.flatten().map(|entry| entry.path()).collect::<Vec<_>>()).unwrap_or_default()
    };
    ["var/lib/selinux", "etc/selinux"]
        .iter()
        .flat_map(|store| entries(&root.join(store)))
        .any(|policy| entries(&policy.join("active/modules")).iter().any(|priority| priority.join("jit").is_dir()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_ones_own_are_labelled_like_the_usual_ones() {
        assert_eq!(labelled_alike(Path::new("/run/jit"), Path::new("/var/lib/jit")), "");
        let said = labelled_alike(Path::new("/run/jit"), Path::new("/srv/jit"));
        assert_eq!(said, "semanage fcontext -a -e /var/lib/jit /srv/jit; ");
    }

    #[test]
    fn our_selinux_module_is_found_where_either_kind_of_host_keeps_it() {
        for store in ["var/lib/selinux/targeted", "etc/selinux/targeted"] {
            let root = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(root.path().join(store).join("active/modules/100/sshd")).unwrap();
            assert!(!module_is_loaded(root.path()));
            std::fs::create_dir_all(root.path().join(store).join("active/modules/400/jit")).unwrap();
            assert!(module_is_loaded(root.path()), "{store}");
        }
    }

    #[test]
    fn our_selinux_module_is_missed_where_selinux_is_permissive_too() {
        let root = tempfile::tempdir().unwrap();
        assert!(selinux_in(None, root.path()).ok);
        for (mode, said) in [("1\n", "it is enforcing, and"), ("0\n", "nothing is refused yet, but sshd may not ask jitd once it enforces")]
        {
            let check = selinux_in(Some(mode), root.path());
            assert!(!check.ok && check.found.contains(said), "{}", check.found);
            assert!(check.remedy.unwrap().starts_with("semodule -i "));
        }
        std::fs::create_dir_all(root.path().join("var/lib/selinux/targeted/active/modules/400/jit")).unwrap();
        assert!(["0", "1"].into_iter().all(|mode| selinux_in(Some(mode), root.path()).ok));
    }
}
