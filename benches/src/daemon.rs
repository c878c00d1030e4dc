//! A jitd of the benchmark's own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

/// A running jitd; it ends with this.
pub struct Daemon {
    child: Child,
}

/// A file that the release build made.
pub fn built(name: &str) -> PathBuf {
    let here = std::env::current_exe().unwrap();
    let path = here.parent().unwrap().join(name);
    assert!(path.exists(), "{} is missing; build first: cargo build --release --workspace", path.display());
    path
}

impl Daemon {
    /// Starts jitd with everything in this directory, and a policy that lets everybody in by the service `bench`.
    pub fn start(place: &Path) -> Self {
        Self::start_with(
            place,
            "version = 1\n[[grant]]\nname = \"bench\"\nwho = [\"any\"]\non = [\"bench\"]\napprove = []\nstarts = \"login\"\nas = [\"self\"]\n",
        )
    }

    /// The same with another policy.
    pub fn start_with(place: &Path, policy: &str) -> Self {
        let text = place.display();
        let settings = format!(
            "user = \"root\"\n[paths]\nrun = \"{text}/run\"\nstate = \"{text}/state\"\npolicy = \"{text}/policy.toml\"\n[syslog]\nsocket = \"{text}/log\"\n"
        );
        std::fs::write(place.join("jitd.toml"), settings).unwrap();
        std::fs::write(place.join("policy.toml"), policy).unwrap();
        let child = Command::new(built("jitd")).arg("--config").arg(place.join("jitd.toml")).spawn().unwrap();
        while !place.join("run/pam.sock").exists() {
            std::thread::yield_now();
        }
        Self { child }
    }

    /// How much memory it holds, in KB.
    pub fn resident_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Daemon {
    /// How long it has run on a core, to a hundredth of a second.
    pub fn busy(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        Duration::from_millis(10 * (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()))
    }

    /// Waits until it has nothing to do.
    pub fn settle(&self) {
        let mut before = self.busy();
        loop {
            std::thread::sleep(Duration::from_secs(2));
            let now = self.busy();
            if now <= before + Duration::from_millis(10) {
                return;
            }
            before = now;
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
