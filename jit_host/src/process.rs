//! Processes, as `/proc` describes them.
//!
//! A number in `/proc` may pass to another process while it is read. Whoever asks must hold the process
//! by a pidfd and look, before and after, whether it is still alive.

use crate::kernel;
use jit_core::actor::Ancestry;
use jit_core::name::Uid;
use jit_core::session::Process;
use nix::errno::Errno;
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;

/// More ancestors than any process has.
const MOST_ANCESTORS: usize = 4096;
/// How often a chain of parents that changes while it is read is read again.
const TRIES: usize = 5;
/// What an unset login uid reads as.
const UNSET: u32 = u32::MAX;

/// A process that was held by a descriptor.
#[derive(Debug)]
pub struct Pinned {
    pidfd: OwnedFd,
    pid: u32,
}

impl Pinned {
    /// A process that the kernel gave a descriptor for (SO_PEERPIDFD).
    #[must_use]
    pub fn new(pidfd: OwnedFd, pid: u32) -> Self {
        Self { pidfd, pid }
    }

    /// The process that has this number now. Whoever uses this must get proof, afterwards, that the one
    /// they mean was still alive.
    #[must_use]
    pub fn by_number(pid: u32) -> Option<Self> {
        let number = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw)?;
        let pidfd = rustix::process::pidfd_open(number, rustix::process::PidfdFlags::empty()).ok()?;
        Some(Self { pidfd, pid })
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends it a signal. One that is gone gets none.
    ///
    /// # Errors
    /// The kernel does not let us.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let Some(signal) = rustix::process::Signal::from_named_raw(signal as i32) else { return Ok(()) };
        match rustix::process::pidfd_send_signal(&self.pidfd, signal) {
            Err(rustix::io::Errno::SRCH) => Ok(()),
            sent => Ok(sent?),
        }
    }

    /// Whether it is still alive: then its number has not passed to another one.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        use std::os::fd::AsFd;
        poll(&mut [PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO) == Ok(0)
    }
}

/// What `/proc/PID/stat` says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// The process.
    pub process: Process,
    /// The number of the one that started it, or took it over.
    pub parent: u32,
    /// The device of its terminal, as stat(2) numbers them; 0: it has none.
    pub terminal: u64,
    /// Whether it has ended, and only waits for somebody to hear of it.
    pub has_ended: bool,
    /// Whether it was stopped, by SIGSTOP or by who traces it: its first thread, which the others follow.
    pub stands_still: bool,
}

/// Parses `/proc/PID/stat`. The name in it, in brackets, can hold anything, brackets too: the last one counts.
fn parse_stat(pid: u32, stat: &str) -> Option<Stat> {
    let after_name = stat.rsplit_once(')')?.1;
    let mut fields = after_name.split_ascii_whitespace();
    // After the name: 3 state, 4 parent, 7 terminal, 20 the number of threads, and 22 the start time (proc(5)).
    let state = fields.next()?;
    let (first_has_ended, stands_still) = (matches!(state, "Z" | "X" | "x"), matches!(state, "T" | "t"));
    let parent = fields.next()?.parse().ok()?;
    let terminal: i32 = fields.nth(2)?.parse().ok()?;
    let threads: u32 = fields.nth(12)?.parse().ok()?;
    let started = fields.nth(1)?.parse().ok()?;
    // The state is that of its first thread, which counts until all have ended.
    let has_ended = first_has_ended && threads <= 1;
    // The kernel writes a device in 32 bits there, as stat(2) does for small numbers.
    let terminal = u64::from(terminal.cast_unsigned());
    Some(Stat { process: Process { pid, started }, parent, terminal, has_ended, stands_still })
}

/// A process, who started it, and its terminal, if it is there.
#[must_use]
pub fn stat(pid: u32) -> Option<Stat> {
    look(pid).ok()
}

fn look(pid: u32) -> io::Result<Stat> {
    let bytes = kernel::read(format!("/proc/{pid}/stat"))?;
    parse_stat(pid, &String::from_utf8_lossy(&bytes)).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// A process with the time that it started, if it is there.
#[must_use]
pub fn identify(pid: u32) -> Option<Process> {
    stat(pid).map(|stat| stat.process)
}

/// Whether this very process is still there, and not another one with its number. Where `/proc` hides it (`hidepid`), one that
/// has its number is taken for it; and one that we lack the means to look at has not been seen to be gone.
#[must_use]
pub fn is_there(process: Process) -> bool {
    look(process.pid).map_or_else(|error| is_unknown(&error) || is_taken(process.pid), |found| found.process == process)
}

/// The same, and it has not ended.
#[must_use]
pub fn is_running(process: Process) -> bool {
    stat(process.pid).map_or_else(|| is_there(process), |found| found.process == process && !found.has_ended)
}

/// Whether somebody has this number.
fn is_taken(pid: u32) -> bool {
    let number = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let opened = number.map(|number| rustix::process::pidfd_open(number, rustix::process::PidfdFlags::empty()));
    opened.is_some_and(|opened| opened.map_or_else(|error| is_unknown(&error.into()), |_| true))
}

/// Whether we lack descriptors or memory, so that this says nothing.
fn is_unknown(error: &io::Error) -> bool {
    [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM].iter().any(|lack| error.raw_os_error() == Some(*lack as i32))
}

/// The process and those above it, up to the first of all.
#[must_use]
pub fn ancestry(pid: u32) -> Ancestry {
    let read = (0..TRIES).find_map(|_| chain(pid, |_| Some(())));
    read.map_or(Ancestry::Unreadable, Ancestry::Known)
}

/// The same; and every uid that one of them runs with, real or not, root's aside.
#[must_use]
pub fn lineage(pid: u32) -> (Ancestry, BTreeSet<Uid>) {
    let read = (0..TRIES).find_map(|_| {
        let mut uids = BTreeSet::new();
        let chain = chain(pid, |pid| {
            uids.extend(uids_of(pid)?.into_iter().filter(|uid| !uid.is_root()));
            Some(())
        });
        chain.map(|chain| (chain, uids))
    });
    read.map_or((Ancestry::Unreadable, BTreeSet::new()), |(chain, uids)| (Ancestry::Known(chain), uids))
}

/// One reading of the chain, in which each is looked at too while it is sure to be this one; none if it changed meanwhile, or one
/// could not be looked at.
fn chain(pid: u32, mut look_at: impl FnMut(u32) -> Option<()>) -> Option<Vec<Process>> {
    let mut chain = Vec::new();
    let mut child = stat(pid)?;
    while chain.len() < MOST_ANCESTORS {
        chain.push(child.process);
        look_at(child.process.pid)?;
        if child.parent == 0 {
            return Some(chain);
        }
        let parent = stat(child.parent)?;
        let still_its_child = stat(child.process.pid).is_some_and(|again| again == child);
        if parent.process.started > child.process.started || !still_its_child {
            return None;
        }
        child = parent;
    }
    None
}

/// The login uid: one, none, or not to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginUid {
    /// This one.
    Set(Uid),
    /// None was set.
    Unset,
    /// It could not be read.
    Unreadable,
}

/// The login uid of a process. A kernel without the audit system has none.
#[must_use]
pub fn login_uid(pid: u32) -> LoginUid {
    match kernel::read_text(format!("/proc/{pid}/loginuid")) {
        Ok(text) => match text.trim().parse() {
            Ok(UNSET) => LoginUid::Unset,
            Ok(uid) => LoginUid::Set(Uid(uid)),
            Err(_) => LoginUid::Unreadable,
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !std::path::Path::new("/proc/self/loginuid").exists() => {
            LoginUid::Unset
        }
        Err(_) => LoginUid::Unreadable,
    }
}

/// The real uid of a process: of a setuid program, who started it.
#[must_use]
pub fn real_uid(pid: u32) -> Option<Uid> {
    uids_of(pid).map(|[real, ..]| real)
}

/// The uids of a process: real, effective, saved, and for files.
fn uids_of(pid: u32) -> Option<[Uid; 4]> {
    let status = kernel::read(format!("/proc/{pid}/status")).ok()?;
    let status = String::from_utf8_lossy(&status);
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    let uids: Option<Vec<_>> = line.split_ascii_whitespace().map(|uid| uid.parse().ok().map(Uid)).collect();
    uids?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_shift_the_fields() {
        let stat = "7 (a) 1 (b) S 3 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 1";
        assert_eq!(
            parse_stat(7, stat),
            Some(Stat { process: Process { pid: 7, started: 4711 }, parent: 3, terminal: 0, has_ended: false, stands_still: false })
        );
    }

    #[test]
    fn a_process_has_ended_when_its_last_thread_has() {
        let ended = |state: &str, threads: u32| {
            let stat = format!("7 (a) {state} 3 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 {threads} 0 4711 1 1");
            parse_stat(7, &stat).map(|found| found.has_ended)
        };
        assert_eq!(ended("S", 1), Some(false));
        assert_eq!((ended("Z", 1), ended("X", 0)), (Some(true), Some(true)));
        assert_eq!(ended("Z", 2), Some(false), "its first thread has, and another one goes on");
    }

    #[test]
    fn ones_own_ancestry_begins_with_oneself_and_ends_with_the_first_process() {
        let (Ancestry::Known(chain), _) = lineage(std::process::id()) else { panic!("unreadable") };
        assert_eq!(chain[0], identify(std::process::id()).unwrap());
        assert_eq!(chain.last().unwrap().pid, 1);
        assert_eq!(lineage(std::process::id()).0, ancestry(std::process::id()));
        assert_eq!([lineage(u32::MAX).0, ancestry(u32::MAX)], [Ancestry::Unreadable, Ancestry::Unreadable]);
    }

    #[test]
    fn a_pinned_process_is_known_to_be_alive_until_it_is_not() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pinned = Pinned::by_number(child.id()).unwrap();
        assert!(pinned.is_alive());
        assert_eq!(real_uid(child.id()), Some(Uid(nix::unistd::getuid().as_raw())));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!pinned.is_alive());
    }
}
