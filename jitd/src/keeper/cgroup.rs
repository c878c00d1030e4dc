//! The cgroup of a session: what is in it, and how that ends.

use jit_core::id::SessionId;
use jit_host::kernel;
use jit_host::process::Pinned;
use jit_proto::place::{Hierarchy, is_session};
use nix::sys::signal::Signal;
use nix::sys::statvfs::{FsFlags, statvfs};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often processes are listed and killed one by one, where the kernel cannot do it at once.
const ROUNDS: usize = 100;

/// How often writing is tried while a process is between two cgroups.
const PAUSE: Duration = Duration::from_millis(1);

/// Where cgroups of version 2 are, for this process, and which of them are this jitd's.
#[derive(Debug, Clone)]
pub struct Cgroups {
    hierarchy: Hierarchy,
    folder: String,
}

impl Cgroups {
    /// Those of this host, if it has any that we can write to. The folders of one jitd are told from another's by its state
    /// directory.
    pub fn find(state: &Path) -> Option<Self> {
        let hierarchy = Hierarchy::find(&kernel::read_text("/proc/self/mountinfo").ok()?)?;
        let read_only = statvfs(&hierarchy.mount).ok()?.flags().contains(FsFlags::ST_RDONLY);
        let state = fs::metadata(state).ok()?;
        let number = fingerprint(&[state.dev(), state.ino()]);
        (!read_only).then(|| Self { hierarchy, folder: format!("{}{number:016x}", jit_proto::place::FOLDER) })
    }

    /// The name of this jitd's folders.
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// Where the hierarchy is mounted.
    pub fn mount(&self) -> &Path {
        &self.hierarchy.mount
    }

    /// The cgroup of this session, if this process is in it: the kernel's word.
    pub fn of_process(&self, pid: u32, session: SessionId) -> Option<Cgroup> {
        let path = self.hierarchy.directory(&kernel::read_text(format!("/proc/{pid}/cgroup")).ok()?)?;
        (path.ends_with(Path::new(&self.folder).join(session.to_string()))).then_some(Cgroup { path })
    }

    /// The sessions that this process is in: of its own cgroup, and of those above it. None: it cannot be read.
    pub fn sessions_above(&self, pid: u32) -> Option<Vec<SessionId>> {
        let text = kernel::read_text(format!("/proc/{pid}/cgroup")).ok()?;
        // One outside of what is mounted here is in no cgroup of ours.
        let Some(path) = self.hierarchy.directory(&text) else { return Some(Vec::new()) };
        let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        let in_ours = parts.windows(2).filter(|pair| pair.first().is_some_and(|folder| *folder == self.folder));
        Some(in_ours.filter_map(|pair| pair.get(1)?.parse().ok()).collect())
    }

    /// All cgroups of this jitd's sessions that there are.
    pub fn all(&self) -> Vec<(SessionId, Cgroup)> {
        let mut found = Vec::new();
        let mut places = vec![self.hierarchy.mount.clone()];
        while let Some(place) = places.pop() {
            for below in directories(&place) {
                if place.ends_with(&self.folder)
                    && let Some(id) = id_of(&below)
                {
                    found.push((id, Cgroup { path: below.clone() }));
                }
                places.push(below);
            }
        }
        found
    }
}

/// FNV-1a: the same in every version of this program, which a hasher of the standard library need not be.
fn fingerprint(numbers: &[u64]) -> u64 {
    let bytes = numbers.iter().flat_map(|number| number.to_be_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn directories(place: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

fn id_of(directory: &Path) -> Option<SessionId> {
    directory.file_name()?.to_str().filter(|name| is_session(name))?.parse().ok()
}

/// The cgroup of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// The file whose change says that the last process has gone.
    pub fn events(&self) -> PathBuf {
        self.path.join("cgroup.events")
    }

    /// Whether no process is in it, or below it.
    pub fn is_empty(&self) -> bool {
        match kernel::read_text(self.events()) {
            Ok(events) => !events.lines().any(|line| line == "populated 1"),
            // It is gone.
            Err(_) => true,
        }
    }

    /// The processes in it and in those below it.
    pub fn processes(&self) -> Vec<u32> {
        let mut all = Vec::new();
        let mut places = vec![self.path.clone()];
        while let Some(place) = places.pop() {
            all.extend(listed(&place));
            places.extend(directories(&place));
        }
        all
    }

    /// The processes in it alone, without those of sessions inside.
    pub fn own_processes(&self) -> Vec<u32> {
        listed(&self.path)
    }

    /// The sessions inside this one.
    pub fn inner(&self) -> Vec<(SessionId, Self)> {
        let mut found = Vec::new();
        let mut places = directories(&self.path);
        while let Some(place) = places.pop() {
            found.extend(id_of(&place).map(|id| (id, Self { path: place.clone() })));
            places.extend(directories(&place));
        }
        found
    }

    /// Sends all of them a signal. A number that has passed to a process elsewhere is let alone: each is held first, and then
    /// looked at again.
    pub fn signal(&self, signal: Signal) {
        for pid in self.processes() {
            let Some(process) = Pinned::by_number(pid) else { continue };
            let still_in = kernel::read_text(format!("/proc/{pid}/cgroup")).is_ok_and(|text| self.holds(&text));
            if still_in && process.is_alive() {
                // The kernel refuses it for none that we may end.
                let _ = process.signal(signal);
            }
        }
    }

    /// Whether the text of a `/proc/PID/cgroup` is of a process in here. Its folder and its session's id are nobody else's.
    fn holds(&self, text: &str) -> bool {
        let mut ours = self.path.components().rev().take(2);
        let (session, folder) = (ours.next(), ours.next());
        let path = text.lines().find_map(|line| line.strip_prefix("0::")).map(Path::new);
        path.is_some_and(|path| {
            let parts: Vec<_> = path.components().collect();
            parts.windows(2).any(|pair| pair.first().copied() == folder && pair.get(1).copied() == session)
        })
    }

    /// Kills all of them.
    pub fn kill(&self) {
        if fs::write(self.path.join("cgroup.kill"), "1").is_ok() {
            return;
        }
        // Before kernel 5.14: held still, none can start others while they are killed.
        let freeze = self.path.join("cgroup.freeze");
        let _ = fs::write(&freeze, "1");
        for _ in 0..ROUNDS {
            if self.processes().is_empty() {
                break;
            }
            self.signal(Signal::SIGKILL);
            std::thread::sleep(PAUSE);
        }
        let _ = fs::write(&freeze, "0");
    }

    /// Removes it, with what is below it. Nothing is in it any more.
    pub fn remove(&self) {
        remove(&self.path);
    }
}

fn remove(place: &Path) {
    for below in directories(place) {
        remove(&below);
    }
    // What somebody has just entered stays, and is met again at the next start.
    let _ = fs::remove_dir(place);
}

fn listed(place: &Path) -> Vec<u32> {
    let text = kernel::read_text(place.join("cgroup.procs")).unwrap_or_default();
    // A process of another pid namespace is listed as 0.
    text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid != 0).collect()
}
