//! The break-glass file: who comes in while jitd is proved away. Nothing else opens a dead gate, and each entry is
//! written down, for jitd to take into its record.

use crate::host::{Host, Priority};
use crate::report::{printable, quoted};
use crate::subject::Phase;
use chrono::{DateTime, SecondsFormat};
pub use jit_proto::breakglass::lets_in;
use jit_proto::breakglass::{self, Written};
use jit_proto::pam::{Entry, Who};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::time::{ClockId, clock_gettime};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Where the exceptions stand, and where entries are written down.
pub trait Keyhole {
    /// The text of the exceptions; none if there is no such file.
    ///
    /// # Errors
    /// The file is not one that root alone could have written and read.
    fn exceptions(&self) -> Result<Option<String>, String>;

    /// The account of somebody, if they have one: the name that leads back to its number, and the number.
    fn account(&self, who: &Who) -> Option<(String, u32)>;

    /// Writes an entry down.
    ///
    /// # Errors
    /// It could not be written.
    fn write_down(&self, line: &str) -> Result<(), Unwritten>;
}

/// Why an entry is not written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unwritten {
    /// The host cannot: a full disk, perhaps, which may be why jitd is away.
    ByHost(String),
    /// The caller has set limits under which it cannot be: nobody comes in unwritten by their own doing.
    ByCaller(String),
}

impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EFBIG | Errno::EMFILE) => Self::ByCaller(error.to_string()),
            Some(_) | None => Self::ByHost(error.to_string()),
        }
    }
}

/// The files of this system.
pub struct Files<'a> {
    exceptions: &'a str,
    log: &'a str,
}

/// Where they are; no argument and no environment moves them.
pub const SYSTEM: Files<'static> = Files { exceptions: breakglass::FILE, log: breakglass::LOG };

impl Keyhole for Files<'_> {
    fn exceptions(&self) -> Result<Option<String>, String> {
        breakglass::read(Path::new(self.exceptions))
    }

    fn account(&self, who: &Who) -> Option<(String, u32)> {
        breakglass::account(who)
    }

    fn write_down(&self, line: &str) -> Result<(), Unwritten> {
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).custom_flags(flags).open(Path::new(self.log))?;
        // jitd's group may read it: so an entry is on record without a restart of jitd's.
        breakglass::private(&file, 0o037).map_err(Unwritten::ByHost)?;
        // What a limit or a full disk has cut off is no beginning of this line.
        let begins = if ends_within_a_line(&file)? { "\n" } else { "" };
        file.write_all(format!("{begins}{line}\n").as_bytes())?;
        Ok(file.sync_data()?)
    }
}

fn ends_within_a_line(file: &File) -> io::Result<bool> {
    let mut last = [b'\n'];
    if let Some(place) = file.metadata()?.len().checked_sub(1) {
        file.read_exact_at(&mut last, place)?;
    }
    Ok(last != [b'\n'])
}

/// Whether the file lets this entry in; then it has been logged and written down.
pub(crate) fn opens(host: &mut dyn Host, keyhole: &dyn Keyhole, entry: &Entry, phase: Phase, away: &str) -> bool {
    let text = match keyhole.exceptions() {
        Ok(Some(text)) => text,
        Ok(None) => return false,
        Err(why) => {
            host.log(Priority::Warning, &format!("the break-glass file lets nobody in: {}", printable(&why, 200)));
            return false;
        }
    };
    // A name that was typed may be spelt otherwise than the account that it leads to, which is whoever comes in.
    let Some((user, uid)) = keyhole.account(&entry.who) else { return false };
    if !lets_in(&text, &user, &entry.service) {
        return false;
    }
    // Whoever logs in comes in as that account too, however the name was typed.
    let run_as = entry.run_as.as_ref().map(|target| if matches!(entry.who, Who::Name(_)) { &user } else { target });
    let (service, run_as, from) = (entry.service.clone(), run_as.cloned(), entry.from);
    let about = Written { when: String::new(), user, uid: Some(uid), service, run_as, from, phase: phase.word().to_owned() };
    let written = line_of(&about).map_err(Unwritten::ByHost).and_then(|line| keyhole.write_down(&line));
    let and = match &written {
        Ok(()) => String::new(),
        Err(Unwritten::ByHost(why)) => {
            format!("; it could not be written down for jitd, so this line is the only record: {}", printable(why, 200))
        }
        Err(Unwritten::ByCaller(why)) => {
            let line = format!(
                "the break-glass file lets nobody in under limits of their own: it cannot be written down: {}",
                printable(why, 200)
            );
            host.log(Priority::Warning, &line);
            return false;
        }
    };
    host.log(Priority::Alert, &format!("access.breakglass {} why={}{and}", keys(&about), quoted(&format!("jitd is away: {away}"))));
    true
}

/// The keys of the line in syslog, as jitd's own lines have them.
fn keys(about: &Written) -> String {
    let Written { when: _, user, uid, service, run_as, from, phase } = about;
    let keys = [
        ("user", Some(quoted(user))),
        ("uid", uid.map(|uid| uid.to_string())),
        ("service", Some(quoted(service))),
        ("as", run_as.as_deref().map(quoted)),
        ("from", from.map(|from| from.to_string())),
        ("phase", Some(phase.clone())),
    ];
    let said = keys.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value?)));
    said.collect::<Vec<_>>().join(" ")
}

fn line_of(about: &Written) -> Result<String, String> {
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).map_err(|error| error.to_string())?;
    let now = clock_gettime(ClockId::CLOCK_REALTIME).map_err(|errno| errno.desc().to_owned())?;
    let when = DateTime::from_timestamp(now.tv_sec(), 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true);
    Ok(Written { when, ..about.clone() }.line(u64::from_ne_bytes(nonce)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_off_is_no_beginning_of_the_next_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let log = path.to_str().unwrap();
        let files = Files { exceptions: "", log };
        files.write_down("a user=alice").unwrap();
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"b user=alice serv").unwrap();
        files.write_down("c user=bob").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a user=alice\nb user=alice serv\nc user=bob\n");
    }
}
