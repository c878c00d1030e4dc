//! What the module wrote down while jitd was away, brought into the record.

use jit_core::event::{self, Event};
use jit_core::name::{Service, UserName};
use jit_core::state::State;
use nix::fcntl::OFlag;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Where the module writes.
const LOG: &str = "/var/log/jit-breakglass";
/// The most that is read of it, in bytes.
const MOST: u64 = 4 * 1024 * 1024;

/// The lines of the log. A service that is never root gets a copy of it beside its sockets, where root alone writes: the
/// unit makes it at each start. To be called before changing user.
#[must_use]
pub fn written_meanwhile(run: &Path) -> Vec<String> {
    let lines = read(LOG.as_ref());
    if lines.is_empty() { read(&run.join("breakglass")) } else { lines }
}

/// The lines of a file that only root can have written.
fn read(path: &Path) -> Vec<String> {
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let Ok(mut file) = OpenOptions::new().read(true).custom_flags(flags).open(path) else { return Vec::new() };
    let roots = file.metadata().is_ok_and(|about| about.is_file() && about.uid() == 0 && about.mode() & 0o022 == 0);
    if !roots {
        return Vec::new();
    }
    let mut text = Vec::new();
    // What could be read is better than nothing.
    let _ = Read::by_ref(&mut file).take(MOST).read_to_end(&mut text);
    String::from_utf8_lossy(&text).lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The events of those lines that are not in the record yet. A line is known by its whole text: it holds a nonce.
#[must_use]
pub fn events(state: &State, lines: &[String]) -> Vec<Event> {
    let fresh = lines.iter().filter(|line| !state.knows_breakglass(line));
    fresh
        .map(|line| {
            let field = |key: &str| {
                let value = line.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
                value.unwrap_or_default().to_owned()
            };
            let (user, service) = (UserName::new(field("user")), Service::new(field("service")));
            let when = line.split(' ').next().unwrap_or_default().to_owned();
            event::AccessBreakglass { user, service, phase: field("phase"), when, line: line.clone() }.into()
        })
        .collect()
}
