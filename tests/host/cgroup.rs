//! Cgroups of the machine's own: what hosts leave in them goes with the host.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where cgroup v2 is mounted on this machine.
///
/// # Panics
/// Nowhere.
#[must_use]
pub fn mount() -> PathBuf {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mounted = mounts.lines().find(|line| line.contains(" - cgroup2 ")).and_then(|line| line.split(' ').nth(4));
    PathBuf::from(mounted.expect("cgroup v2 is mounted somewhere"))
}

/// Removes a cgroup and those below it, and says whether that went well.
pub fn remove(cgroup: &Path) -> bool {
    let inner = Command::new("find").arg(cgroup).args(["-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]).status();
    inner.is_ok_and(|status| status.success())
}

/// Removes the folders that a jitd has said to be its own: the modules of a host have made them where its processes were.
pub fn remove_folders(said: &str) {
    let Some(folder) = said.split(' ').find(|word| word.starts_with("jit-")) else { return };
    let found = Command::new("find").arg(mount()).args(["-type", "d", "-name", folder, "-prune"]).output().unwrap();
    String::from_utf8_lossy(&found.stdout).lines().for_each(|folder| _ = remove(Path::new(folder)));
}
