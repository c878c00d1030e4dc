//! The processes of a session without a cgroup: whoever was started by its process, by who started whom.
//!
//! One that detached itself, and whose starter is gone, is not found: that is what cgroups are for.

use jit_core::session::Process;
use jit_host::process::{Pinned, Stat, stat};
use nix::sys::signal::Signal;
use std::collections::{BTreeMap, BTreeSet};

/// A process and those that it started, held so that their numbers stay their own.
#[derive(Debug)]
pub struct Tree {
    held: BTreeMap<u32, Pinned>,
    /// All that there ever were.
    seen: BTreeSet<Process>,
}

impl Tree {
    /// The tree of this process, if it is still there.
    pub fn of(root: Process) -> Self {
        let mut tree = Self { held: BTreeMap::new(), seen: BTreeSet::new() };
        tree.hold(root);
        tree.grow();
        tree
    }

    fn hold(&mut self, process: Process) -> bool {
        let pinned = Pinned::by_number(process.pid).filter(|_| stat(process.pid).is_some_and(|found| found.process == process));
        match pinned {
            Some(pinned) if pinned.is_alive() => {
                self.seen.insert(process);
                self.held.insert(process.pid, pinned).is_none()
            }
            Some(_) | None => false,
        }
    }

    /// Finds those that were started meanwhile.
    pub fn grow(&mut self) {
        loop {
            let all = everybody();
            let new: Vec<_> = all
                .iter()
                .filter(|found| self.held.contains_key(&found.parent) && !self.held.contains_key(&found.process.pid))
                .map(|found| found.process)
                .collect();
            let grown = new.into_iter().filter(|process| self.hold(*process)).count();
            if grown == 0 {
                return;
            }
        }
    }

    /// How many there ever were.
    pub fn seen(&self) -> usize {
        self.seen.len()
    }

    /// Those that are alive.
    pub fn alive(&mut self) -> Vec<u32> {
        self.held.retain(|_, pinned| pinned.is_alive());
        self.held.keys().copied().collect()
    }

    /// Sends each a signal.
    pub fn signal(&self, signal: Signal) {
        // The kernel refuses it for none that we may end.
        self.held.values().for_each(|pinned| drop(pinned.signal(signal)));
    }
}

fn everybody() -> Vec<Stat> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| stat(entry.file_name().to_str()?.parse().ok()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_host::process::identify;
    use std::io::BufRead;

    #[test]
    fn a_tree_is_a_process_with_all_that_it_started_and_nobody_else() {
        let mut root = std::process::Command::new("sh")
            .args(["-c", "(sleep 60 & echo started; wait) & wait"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut stranger = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let mut started = String::new();
        std::io::BufReader::new(root.stdout.as_mut().unwrap()).read_line(&mut started).unwrap();
        let mut tree = Tree::of(identify(root.id()).unwrap());
        assert_eq!(tree.seen(), 3);
        assert!(!tree.alive().contains(&stranger.id()));
        tree.signal(Signal::SIGKILL);
        root.wait().unwrap();
        assert!(stranger.try_wait().unwrap().is_none(), "somebody else's");
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        let other = Process { pid: std::process::id(), started: 1 };
        assert_eq!(Tree::of(other).seen(), 0, "its number has passed to another process");
    }
}
