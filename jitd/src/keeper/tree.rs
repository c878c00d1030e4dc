//! The processes of a session without a cgroup: whoever was started by its process, by who started whom.
//!
//! One that detached itself, and whose starter is gone, is not found: that is what cgroups are for.

use jit_core::session::Process;
use jit_host::process::{Pinned, Stat, is_running, stat};
use nix::sys::signal::Signal;
use std::collections::{BTreeMap, BTreeSet};

/// A process and those that it started. None is held open: they are as many as somebody likes, and our descriptors are for
/// those who are at the door.
#[derive(Debug)]
pub struct Tree {
    alive: BTreeMap<u32, Process>,
    /// All that there ever were.
    seen: BTreeSet<Process>,
}

impl Tree {
    /// The tree of this process, if it is still there.
    pub fn of(root: Process) -> Self {
        let mut tree = Self { alive: BTreeMap::new(), seen: BTreeSet::new() };
        if is_running(root) {
            tree.add(root);
        }
        tree.grow();
        tree
    }

    fn add(&mut self, process: Process) {
        self.seen.insert(process);
        self.alive.insert(process.pid, process);
    }

    /// Forgets those that have ended, and finds those that were started meanwhile.
    pub fn grow(&mut self) {
        loop {
            let all = everybody();
            let is_alive = |process: &Process| match all.get(&process.pid) {
                Some(found) => found.process == *process && !found.has_ended,
                None => is_running(*process),
            };
            self.alive.retain(|_, process| is_alive(process));
            let before = self.seen.len();
            loop {
                let is_new = |found: &&Stat| self.alive.contains_key(&found.parent) && !self.alive.contains_key(&found.process.pid);
                let new: Vec<_> = all.values().filter(is_new).filter(|found| !found.has_ended).map(|found| found.process).collect();
                if new.is_empty() {
                    break;
                }
                new.into_iter().for_each(|process| self.add(process));
            }
            if self.seen.len() == before {
                return;
            }
        }
    }

    /// How many there ever were.
    pub fn seen(&self) -> usize {
        self.seen.len()
    }

    /// Those that were alive when it last grew.
    pub fn alive(&self) -> impl ExactSizeIterator<Item = u32> {
        self.alive.keys().copied()
    }

    /// Sends each these signals. A number that has passed to another process is let alone: each is held, and then looked at again.
    pub fn signal(&self, signals: &[Signal]) {
        for process in self.alive.values() {
            let Some(pinned) = Pinned::by_number(process.pid) else { continue };
            if stat(process.pid).is_some_and(|found| found.process == *process) && pinned.is_alive() {
                // The kernel refuses it for none that we may end.
                signals.iter().for_each(|signal| drop(pinned.signal(*signal)));
            }
        }
    }
}

/// All processes, by their numbers.
fn everybody() -> BTreeMap<u32, Stat> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let found = entries.filter_map(|entry| stat(entry.file_name().to_str()?.parse().ok()?));
    found.map(|found| (found.process.pid, found)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_host::process::identify;
    use std::io::BufRead;

    /// Whether a descriptor of ours is this process's.
    fn is_held_open(pid: u32) -> bool {
        let own = std::fs::read_dir("/proc/self/fdinfo").unwrap().flatten();
        let says = |text: String| text.lines().any(|line| line.strip_prefix("Pid:").is_some_and(|of| of.trim() == pid.to_string()));
        own.into_iter().any(|entry| std::fs::read_to_string(entry.path()).is_ok_and(says))
    }

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
        let tree = Tree::of(identify(root.id()).unwrap());
        assert_eq!((tree.seen(), tree.alive().len()), (3, 3));
        assert!(!tree.alive().any(|pid| pid == stranger.id()));
        assert!(tree.alive().all(|pid| !is_held_open(pid)), "descriptors are for others");
        tree.signal(&[Signal::SIGKILL]);
        let mut tree = tree;
        while tree.alive().len() > 0 {
            // The first is not waited for yet: that it has ended is enough.
            std::thread::yield_now();
            tree.grow();
        }
        assert_eq!(tree.seen(), 3);
        root.wait().unwrap();
        assert!(stranger.try_wait().unwrap().is_none(), "somebody else's");
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        let other = Process { pid: std::process::id(), started: 1 };
        assert_eq!(Tree::of(other).seen(), 0, "its number has passed to another process");
    }
}
