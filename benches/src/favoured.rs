//! The hierarchy of cgroups mounted as it is here, and mounted with `favordynmods`.
//!
//! Moving a process into a cgroup waits for an RCU grace period of the kernel, some 10 ms, unless another one was moved just before or
//! the hierarchy is mounted so (cgroups(7); Documentation/admin-guide/cgroup-v2.rst, "Mounting").

use jit_tests::cgroup::mount;
use nix::mount::MsFlags;
use std::path::{Path, PathBuf};

/// Measures both ways: what it is given is how the hierarchy is mounted, in words.
pub fn with_and_without(measure: impl Fn(&str)) {
    measure("as it is mounted here");
    match Favoured::begin() {
        Some(favoured) => {
            measure("mounted with favordynmods");
            drop(favoured);
        }
        None => eprintln!("the hierarchy cannot be mounted with favordynmods here"),
    }
}

/// The hierarchy mounted with `favordynmods`. It is one for all mounts, so it goes back with this.
struct Favoured {
    mount: PathBuf,
    before: String,
}

/// The options of the hierarchy's own.
fn options() -> String {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let of_all = mounts.lines().find_map(|line| line.split_once(" - cgroup2 ")).and_then(|(_, rest)| rest.split(' ').nth(1));
    let options = of_all.unwrap().split(',').filter(|option| !["rw", "ro"].contains(option));
    options.collect::<Vec<_>>().join(",")
}

/// The system call and not mount(8), which keeps what is not named.
fn remount(mount: &Path, options: &str) -> bool {
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RELATIME;
    nix::mount::mount(Some("none"), mount, None::<&str>, flags, Some(options)).is_ok()
}

impl Favoured {
    fn begin() -> Option<Self> {
        let favoured = Self { mount: mount(), before: options() };
        let with = format!("{},favordynmods", favoured.before);
        (!favoured.before.contains("favordynmods") && remount(&favoured.mount, with.trim_start_matches(','))).then_some(favoured)
    }
}

impl Drop for Favoured {
    fn drop(&mut self) {
        assert!(remount(&self.mount, &self.before) && options() == self.before, "the hierarchy stays mounted with favordynmods");
    }
}
