//! One line on somebody's terminal, as wall(1) writes it: for what they must know now.
//!
//! jitd's group is tty's, which may write there. Nobody waits: a terminal that is full, stopped, or gone is not told.

use jit_core::name::Uid;
use jit_core::session::Process;
use jit_core::text::printable;
use jit_host::process::stat;
use nix::fcntl::OFlag;
use std::collections::BTreeSet;
use std::fs::{Metadata, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where pseudo-terminals are.
pub const TERMINALS: &str = "/dev/pts";
/// The first and the last major number of pseudo-terminals (Linux, Documentation/admin-guide/devices.txt).
const PTS: std::ops::RangeInclusive<u64> = 136..=143;
/// The most processes of a session that are looked at for a terminal: its shell is among the first.
const MOST: usize = 100;
/// The longest line, in bytes.
const LONGEST: usize = 400;

/// A pseudo-terminal, by its device number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Terminal(u64);

impl Terminal {
    /// Of a device number as `/proc/PID/stat` has it, if it is a pseudo-terminal's.
    fn of(device: u64) -> Option<Self> {
        PTS.contains(&major(device)).then_some(Self(device))
    }

    /// Those on which a session is seen: that of its own process (sudo's and su's caller sits there), else those of the
    /// processes in it (sshd's has none).
    pub fn of_session(process: Option<Process>, members: impl IntoIterator<Item = u32>) -> BTreeSet<Self> {
        let of = |pid: u32| stat(pid).and_then(|stat| Self::of(stat.terminal));
        match process.and_then(Self::of_process) {
            Some(own) => BTreeSet::from([own]),
            None => members.into_iter().take(MOST).filter_map(of).collect(),
        }
    }

    /// That of a process, if it has one.
    pub fn of_process(process: Process) -> Option<Self> {
        stat(process.pid).filter(|stat| stat.process == process).and_then(|stat| Self::of(stat.terminal))
    }

    /// Writes a line there, if it is still the same one, and this user's.
    pub fn say(self, owner: Uid, line: &str) -> bool {
        let path = Path::new(TERMINALS).join(index(self.0).to_string());
        write(&path, line, |about| about.rdev() == self.0 && about.uid() == owner.0).is_some()
    }
}

/// Who has a terminal that takes lines from others.
#[must_use]
pub fn owners() -> BTreeSet<Uid> {
    all().filter(|(_, about)| takes_lines(about)).map(|(_, about)| Uid(about.uid())).collect()
}

/// Writes a line to all terminals of these users, but for those that are not to be written on when it comes to that; answers
/// whom it reached.
#[must_use]
pub fn tell(uids: &BTreeSet<Uid>, line: &str, but: impl Fn(Terminal) -> bool) -> BTreeSet<Uid> {
    let is_right = |about: &Metadata| uids.contains(&Uid(about.uid())) && !but(Terminal(about.rdev()));
    // None is opened that is not to be written to.
    all().filter(|(_, about)| is_right(about)).filter_map(|(path, _)| write(&path, line, is_right)).collect()
}

/// All pseudo-terminals, as they are named now.
fn all() -> impl Iterator<Item = (PathBuf, Metadata)> {
    let entries = std::fs::read_dir(TERMINALS).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
}

/// Whether it is a terminal on which others may write: `mesg n` says that they may not.
fn takes_lines(about: &Metadata) -> bool {
    about.file_type().is_char_device() && about.mode() & 0o020 != 0
}

/// Writes a line to a terminal that is right and takes lines from others; answers whose it is.
fn write(path: &Path, line: &str, is_right: impl FnOnce(&Metadata) -> bool) -> Option<Uid> {
    let flags = (OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW).bits();
    let mut terminal = OpenOptions::new().write(true).custom_flags(flags).open(path).ok()?;
    // What was opened is looked at, not what is named.
    let about = terminal.metadata().ok()?;
    if !takes_lines(&about) || !is_right(&about) {
        return None;
    }
    terminal.write_all(format!("\r\n{}\r\n", printable(line, LONGEST)).as_bytes()).ok()?;
    Some(Uid(about.uid()))
}

fn major(device: u64) -> u64 {
    (device >> 8) & 0xfff
}

/// The number in the name of the device's file: 256 a major, or all below the first one, as the kernel has them now.
fn index(device: u64) -> u64 {
    let minor = (device & 0xff) | ((device >> 12) & 0xfff00);
    minor.saturating_add(major(device).saturating_sub(*PTS.start()) << 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::pty::openpty;
    use std::os::fd::AsFd;

    #[test]
    fn a_device_number_is_a_pseudo_terminal_or_none() {
        let of = |device| Terminal::of(device).map(|terminal| index(terminal.0));
        assert_eq!(of(136 << 8 | 7), Some(7));
        assert_eq!(of(136 << 8 | 0x10_0000 | 3), Some(259));
        assert_eq!(of(137 << 8 | 2), Some(258));
        assert_eq!(of(4 << 8 | 1), None, "the console");
        assert_eq!(of(0), None);
    }

    #[test]
    fn however_many_processes_a_session_has_some_of_them_are_looked_at() {
        let looked_at = std::cell::Cell::new(0);
        let members = std::iter::repeat_with(|| {
            looked_at.set(looked_at.get() + 1);
            u32::MAX
        });
        assert!(Terminal::of_session(None, members.take(30_000)).is_empty());
        assert!(looked_at.get() <= 100, "{looked_at:?}");
    }

    #[test]
    fn a_line_arrives_as_one_line_and_only_at_its_owner_who_takes_lines() {
        let pty = openpty(None, None).unwrap();
        let about = nix::sys::stat::fstat(pty.slave.as_fd()).unwrap();
        let terminal = Terminal::of(about.st_rdev).unwrap();
        let mode = |bits| nix::sys::stat::fchmod(pty.slave.as_fd(), nix::sys::stat::Mode::from_bits_truncate(bits)).unwrap();
        mode(0o620);
        assert!(!terminal.say(Uid(about.st_uid + 1), "not yours"));
        assert!(terminal.say(Uid(about.st_uid), "it ends\u{1b}[2J\nsoon"));
        mode(0o600);
        assert!(!terminal.say(Uid(about.st_uid), "mesg n"));
        let mut said = [0; 256];
        let length = nix::unistd::read(pty.master.as_fd(), &mut said).unwrap();
        let said = String::from_utf8_lossy(&said[..length]);
        let lines: Vec<_> = said.split("\r\n").map(|line| line.trim_matches('\r')).filter(|line| !line.is_empty()).collect();
        assert_eq!(lines.len(), 1, "{said:?}");
        assert!(lines[0].starts_with("it ends") && !said.contains('\u{1b}'), "{said:?}");
    }
}
