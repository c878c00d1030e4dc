//! Ways to root that go round the gate. They are outside it, and named.

use super::{Check, lines};
use crate::gate::{Places, sound, stack};
use jit_core::name::GroupName;
use jit_host::accounts::{is_of_a_directory, members_of};
use std::os::unix::fs::MetadataExt;

/// Groups whose members are root in all but name.
const GROUPS: [&str; 9] = ["docker", "podman", "lxd", "incus", "incus-admin", "libvirt", "disk", "shadow", "kmem"];
/// Programs that ask polkit, not sudo.
const PROGRAMS: [&str; 5] = ["/usr/bin/pkexec", "/usr/bin/run0", "/usr/bin/machinectl", "/usr/bin/doas", "/usr/bin/ksu"];

/// By these whoever knows root's password is root.
const SU: [&str; 2] = ["/usr/bin/su", "/bin/su"];

/// Services by which people log in at the host itself.
const CONSOLES: [&str; 10] = ["login", "gdm-password", "lightdm", "sddm", "lxdm", "xdm", "greetd", "ly", "slim", "plasmalogin"];

/// What is said of these groups.
pub const GROUPS_OF_ROOT: &str = "groups that are root";

/// Nobody should be in one of them.
pub fn groups() -> Check {
    let members = GROUPS.iter().filter_map(|group| {
        let members: Vec<_> = members_of(&GroupName::new(*group)).iter().map(ToString::to_string).filter(|name| name != "root").collect();
        let remedies = members.iter().map(|name| format!("gpasswd -d {name} {group}")).collect::<Vec<_>>();
        (!members.is_empty()).then(|| (format!("{} in {group}", members.join(", ")), remedies.join("; ")))
    });
    let (members, remedies): (Vec<_>, Vec<_>) = members.unzip();
    let remedy = format!("{} # whoever is in such a group is root without asking", remedies.join("; "));
    let unlisted: Vec<_> = GROUPS.iter().filter(|group| is_unlisted(&GroupName::new(**group))).copied().collect();
    let nobody = match unlisted.join(", ") {
        none if none.is_empty() => "nobody is in one".to_owned(),
        groups => format!("nobody is listed in one; who is in {groups}, only its directory knows: see there"),
    };
    Check::all(GROUPS_OF_ROOT, &nobody, &members, &remedy)
}

/// Programs, and the console.
pub fn checks() -> Vec<Check> {
    let setuid = |path: &str| std::fs::metadata(path).is_ok_and(|about| about.mode() & 0o4000 != 0 && about.uid() == 0);
    let installed: Vec<_> = PROGRAMS.iter().filter(|path| std::fs::metadata(path).is_ok()).copied().collect();
    let found = if installed.is_empty() {
        "none is installed".to_owned()
    } else {
        let named: Vec<_> =
            installed.iter().map(|path| if setuid(path) { format!("{path} (setuid)") } else { (*path).to_owned() }).collect();
        format!("{}: they ask polkit or a file of their own, not this gate; see who may", named.join(", "))
    };
    let is_open = SU.iter().any(|path| setuid(path)) && sound::root_has_password();
    let places = Places::default();
    vec![Check::fine("other ways to root", &found), su(&places, is_open), consoles(&places)]
}

/// Whether nobody is listed in a group, in which there may be somebody.
pub(super) fn is_unlisted(group: &GroupName) -> bool {
    members_of(group).is_empty() && is_of_a_directory(group)
}

/// Where anything is gated, root's password must not be a way round it.
fn su(places: &Places, is_open: bool) -> Check {
    const NAME: &str = "root by su";
    let read = |name: &str| std::fs::read(places.pam.join(name)).ok();
    let is_ours = stack::find("su", &read).is_ok_and(|found| found.account > 0);
    if is_ours || !places.pam.join("su").exists() {
        return Check::fine(NAME, "it asks, or is not there");
    }
    if !is_open || !lines::is_any(places) {
        return Check::fine(NAME, "root has no password, or nothing is gated");
    }
    let found = "whoever knows root's password is root by su, without a grant and without a record".to_owned();
    Check::wrong(NAME, found, "jit enable su # then, from a new session: sudo jit confirm")
}

/// Root's log-ins by `login` are never ours, so that the last door stays open; other ones are where our lines are.
fn consoles(places: &Places) -> Check {
    let read = |name: &str| std::fs::read(places.pam.join(name)).ok();
    let there = CONSOLES.iter().copied().filter(|service| places.pam.join(service).exists());
    let is_ours = |service: &&str| stack::find(service, &read).is_ok_and(|found| found.account > 0);
    let (ours, others): (Vec<_>, Vec<_>) = there.partition(is_ours);
    let mut said = vec!["root's by login are never asked".to_owned()];
    said.extend((!others.is_empty()).then(|| format!("nobody's are by {}, which have no lines of ours", others.join(", "))));
    said.extend((!ours.is_empty()).then(|| format!("all others are by {}", ours.join(", "))));
    Check::fine("console log-ins", &said.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn su_is_found_fault_with_where_root_has_a_password_and_another_service_is_gated() {
        let folder = std::env::temp_dir().join(format!("jit-around-{}", std::process::id()));
        let places = Places { pam: folder.clone(), ..Places::default() };
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        std::fs::create_dir_all(&folder).unwrap();
        write("su", "account required pam_unix.so\n");
        write("sudo", "account required pam_unix.so\n");
        assert!(su(&places, true).ok);
        write("sudo", "account required pam_jit.so\n");
        assert!(!su(&places, true).ok);
        assert!(su(&places, false).ok);
        write("su", "account required pam_jit.so\n");
        assert!(su(&places, true).ok);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
