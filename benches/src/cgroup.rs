//! A cgroup of the benchmark's own.

use jit_tests::cgroup::{mount, remove};
use std::path::PathBuf;

/// A cgroup of the benchmark's own, in which it is; it goes back with this.
pub struct Own {
    before: PathBuf,
    /// Where it is.
    pub cgroup: PathBuf,
}

impl Own {
    /// Makes it, and moves there.
    pub fn enter() -> Self {
        let (mount, cgroups) = (mount(), std::fs::read_to_string("/proc/self/cgroup").unwrap());
        let path = cgroups.lines().find_map(|line| line.strip_prefix("0::/")).unwrap();
        let (before, cgroup) = (mount.join(path), mount.join(format!("jit-bench-{}", std::process::id())));
        std::fs::create_dir(&cgroup).unwrap();
        std::fs::write(cgroup.join("cgroup.procs"), "0").unwrap();
        Self { before, cgroup }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        std::fs::write(self.before.join("cgroup.procs"), "0").unwrap();
        // jitd has ended, and everything else below it.
        assert!(remove(&self.cgroup), "{} stays", self.cgroup.display());
    }
}
