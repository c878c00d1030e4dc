//! A line on people's terminals: for what they must know now.
//!
//! A terminal is one of `/dev/pts` that belongs to them; jitd's group is tty's, which may write there. Nothing is waited
//! for: a terminal that is full, or gone, is not told.

use jit_core::name::Uid;
use jit_core::text::printable;
use nix::fcntl::OFlag;
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

const TERMINALS: &str = "/dev/pts";
/// The longest line, in bytes.
const LONGEST: usize = 300;

/// Writes a line to the terminals of these users; answers whom it reached.
#[must_use]
pub fn tell(uids: &BTreeSet<Uid>, line: &str) -> BTreeSet<Uid> {
    let Ok(entries) = std::fs::read_dir(TERMINALS) else { return BTreeSet::new() };
    let line = format!("\r\n{}\r\n", printable(line, LONGEST));
    entries.flatten().filter_map(|entry| reach(&entry.path(), uids, &line)).collect()
}

fn reach(path: &Path, uids: &BTreeSet<Uid>, line: &str) -> Option<Uid> {
    let flags = (OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW).bits();
    let mut terminal = OpenOptions::new().write(true).custom_flags(flags).open(path).ok()?;
    // What was opened is looked at, not what is named.
    let about = terminal.metadata().ok()?;
    let owner = Uid(about.uid());
    if !about.file_type().is_char_device() || !uids.contains(&owner) {
        return None;
    }
    terminal.write_all(line.as_bytes()).ok()?;
    Some(owner)
}
