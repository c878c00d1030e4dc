//! The processes of a session without a cgroup: whoever was started by its process, by who started whom.
//!
//! One that detached itself, and whose starter is gone, is not found: that is what cgroups are for.

use jit_core::session::Process;
use jit_host::kernel;
use jit_host::process::{Pinned, Stat, is_running, stat};
use nix::sys::signal::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How often all processes are looked at for those that were started meanwhile, at most.
const STOPS: usize = 32;
/// How long it may take until all stand still, and so until those that do are killed: on a busy machine one that waits for its turn
/// stops when that comes.
const PATIENCE: Duration = Duration::from_millis(500);

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

    /// Forgets those that have ended, and finds those that were started meanwhile: by one look at all processes. Whoever starts
    /// some all the time would never be looked at to the end; those that it starts during this look are found by the next.
    pub fn grow(&mut self) {
        let all = everybody();
        let is_alive = |process: &Process| match all.get(&process.pid) {
            Some(found) => found.process == *process && !found.has_ended,
            None => is_running(*process),
        };
        self.alive.retain(|_, process| is_alive(process));
        loop {
            let is_new = |found: &&Stat| self.alive.contains_key(&found.parent) && !self.alive.contains_key(&found.process.pid);
            let new: Vec<_> = all.values().filter(is_new).filter(|found| !found.has_ended).map(|found| found.process).collect();
            if new.is_empty() {
                return;
            }
            new.into_iter().for_each(|process| self.add(process));
        }
    }

    /// Kills all of it. They are stopped before: none can start another one then, which nobody would know of once its parent has gone.
    /// Of each it is asked whom it has started, and those are stopped too, until all stand still: so whoever starts one after the
    /// other is caught up with, which looks at all processes are too slow for. What does not stand still for long is killed as it is.
    pub fn kill(&mut self) {
        let began = Instant::now();
        let mut stopped = BTreeSet::new();
        for _ in 0..STOPS {
            let mut moving: Vec<_> = self.alive.values().copied().filter(|process| stopped.insert(*process)).collect();
            if moving.is_empty() || began.elapsed() > PATIENCE {
                break;
            }
            moving.iter().for_each(|process| signal(*process, &[Signal::SIGSTOP]));
            while !moving.is_empty() && began.elapsed() <= PATIENCE {
                let still = moving.len();
                let mut children = Vec::new();
                // One that stands still has all its children by then.
                moving.retain(|process| {
                    let moves = moves(*process);
                    children.extend(children_of(*process));
                    moves
                });
                children.retain(|child| stopped.insert(*child));
                children.iter().for_each(|child| {
                    signal(*child, &[Signal::SIGSTOP]);
                    self.add(*child);
                });
                if moving.len() == still && children.is_empty() {
                    std::thread::yield_now();
                }
                moving.extend(children);
            }
            self.grow();
        }
        self.signal(&[Signal::SIGKILL]);
    }

    /// How many there ever were.
    pub fn seen(&self) -> usize {
        self.seen.len()
    }

    /// Those that were alive when it last grew.
    pub fn alive(&self) -> impl ExactSizeIterator<Item = u32> {
        self.alive.keys().copied()
    }

    /// Sends each these signals.
    pub fn signal(&self, signals: &[Signal]) {
        self.alive.values().for_each(|process| signal(*process, signals));
    }
}

/// A number that has passed to another process is let alone: each is held, and then looked at again.
fn signal(process: Process, signals: &[Signal]) {
    let Some(pinned) = Pinned::by_number(process.pid) else { return };
    if stat(process.pid).is_some_and(|found| found.process == process) && pinned.is_alive() {
        // The kernel refuses it for none that we may end.
        signals.iter().for_each(|signal| drop(pinned.signal(*signal)));
    }
}

/// Whether a process that was told to stop goes on: on another processor it may be in the middle of starting one.
fn moves(process: Process) -> bool {
    stat(process.pid).is_some_and(|found| found.process == process && !found.has_ended && !found.stands_still)
}

/// Whom a process has started, as the kernel lists them (proc(5), `children`): none where it does not, and they are looked for. Where
/// its number has passed to another, that one's are nobody's here.
fn children_of(process: Process) -> Vec<Process> {
    let threads = std::fs::read_dir(format!("/proc/{}/task", process.pid)).into_iter().flatten().flatten();
    let listed = threads.filter_map(|thread| kernel::read_text(thread.path().join("children")).ok()).collect::<String>();
    let found = listed.split_ascii_whitespace().filter_map(|child| stat(child.parse().ok()?));
    let children = found.filter(|found| found.parent == process.pid && !found.has_ended).map(|found| found.process).collect();
    if stat(process.pid).is_some_and(|found| found.process == process) { children } else { Vec::new() }
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
    use std::os::unix::process::CommandExt;

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

    /// How many of a process group have not ended.
    fn alive_in_group(group: u32) -> usize {
        let stats =
            std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
        let is_of_it = |stat: &String| {
            let mut fields = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace();
            fields.next() != Some("Z") && fields.nth(1) == Some(group.to_string().as_str())
        };
        stats.filter(is_of_it).count()
    }

    #[test]
    fn whoever_starts_processes_all_the_time_is_found_and_killed_with_all_of_them() {
        // Some come and go; of others each starts the next one, and stays: for longer than all processes could be looked at so often.
        let chain = "for (1..6000) { fork ? do { sleep 60; exit } : next }";
        let script = "perl -e \"$0\" & echo started; while :; do /bin/true & /bin/true; done";
        let mut root = std::process::Command::new("sh");
        root.args(["-c", script, chain]).stdout(std::process::Stdio::piped()).process_group(0);
        let mut root = root.spawn().unwrap();
        let mut started = String::new();
        std::io::BufReader::new(root.stdout.as_mut().unwrap()).read_line(&mut started).unwrap();
        while alive_in_group(root.id()) < 100 {
            std::thread::yield_now();
        }
        let mut tree = Tree::of(identify(root.id()).unwrap());
        tree.kill();
        root.wait().unwrap();
        while tree.alive().len() > 0 {
            std::thread::yield_now();
            tree.grow();
        }
        assert_eq!(alive_in_group(root.id()), 0, "none was started behind our back");
    }
}
