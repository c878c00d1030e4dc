//! What the module wrote down while it took jitd for away, brought into the record: when jitd starts, and whenever there is
//! more. The module needs no restart of jitd's to take it for away: `/run/jit` may be writable by others, or the host too busy.

use crate::engine::Handle;
use crate::meter::Meter;
use crate::writer::{back, failed};
use jit_core::engine::Command;
use jit_core::event::AccessBreakglass;
use jit_core::name::{RunAs, Service, Uid, UserName};
use jit_proto::breakglass::{LOG, Written};
use nix::fcntl::OFlag;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked whether there is more.
const LOOK: Duration = Duration::from_secs(1);
/// How many lines are recorded at once. The log has no limit, as the module has none; it is read on from here.
const AT_ONCE: usize = if cfg!(test) { 3 } else { 500 };
/// The longest line, in bytes: the module's have about a hundred, and never as many. What is longer comes in pieces.
const LONGEST: u64 = 4096;

/// How far the log was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Place {
    /// Which file it was.
    file: u64,
    /// Up to which byte.
    upto: u64,
}

/// The log, and what of it is in the record.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    /// Whose it must be: nobody else can have written it.
    owner: u32,
    place: Place,
    /// The last line that was handed over: a record that does not have it is another one, an older backup perhaps.
    last: Option<String>,
    /// Where it is said that it cannot be read.
    meter: Arc<Meter>,
}

impl Log {
    /// The module's.
    #[must_use]
    pub fn of_the_module(meter: Arc<Meter>) -> Self {
        Self::new(LOG, 0, meter)
    }

    /// One of which nothing was read.
    pub(crate) fn new(path: impl Into<PathBuf>, owner: u32, meter: Arc<Meter>) -> Self {
        Self { path: path.into(), owner, place: Place::default(), last: None, meter }
    }

    /// Hands over what is there, and then whatever comes to it.
    pub async fn follow(mut self, engine: Handle) {
        loop {
            self.hand_over(&engine).await;
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Hands over what is there.
    pub(crate) async fn hand_over(&mut self, engine: &Handle) {
        if let Some(last) = self.last.clone() {
            match engine.query(move |snapshot| snapshot.state.knows_breakglass(&last)).await {
                Ok(true) => {}
                Ok(false) => (self.place, self.last) = (Place::default(), None),
                Err(_) => return,
            }
        }
        loop {
            let (path, owner, place) = (self.path.clone(), self.owner, self.place.clone());
            // A disk that hangs must hold up nobody at the door.
            let read = tokio::task::spawn_blocking(move || read_on(&open(&path, owner)?, place)).await;
            let read = read.unwrap_or_else(|failed| Err(io::Error::other(failed)));
            self.say(read.as_ref().err(), engine).await;
            let Ok((lines, place)) = read else { return };
            if place == self.place {
                return;
            }
            let entries = lines.iter().map(|line| entry(line)).collect();
            if engine.command(Command::BrokeGlass(entries)).await.is_err() {
                // The next look finds the same.
                return;
            }
            self.place = place;
            self.last = lines.last().cloned().or(self.last.take());
        }
    }
}

impl Log {
    /// Says why nothing of it reaches the record, once, and again when that changes. One that is not there has nothing in it.
    async fn say(&self, error: Option<&io::Error>, engine: &Handle) {
        let path = self.path.display();
        let why = error.filter(|error| error.kind() != io::ErrorKind::NotFound).map(|error| format!("{path}: {error}"));
        if self.meter.breakglass_unread() == why {
            return;
        }
        // Said where it can be recorded: what is said to no record is not said again.
        if engine.query(|snapshot| snapshot.no_record.is_some()).await.unwrap_or(true) {
            return;
        }
        self.meter.breakglass_is(why.clone());
        let Some(why) = why else {
            eprintln!("jitd: {path} is read again");
            return engine.record(back()).await;
        };
        let why = format!("who comes in by the break-glass file is not on record: {why}");
        eprintln!("jitd: warning: {why}");
        engine.record(failed(why)).await;
    }
}

/// The next lines. One that is still being written is left for later.
fn read_on(mut file: &File, mut place: Place) -> io::Result<(Vec<String>, Place)> {
    let about = file.metadata()?;
    if about.ino() != place.file || about.len() < place.upto {
        place = Place { file: about.ino(), upto: 0 };
    }
    file.seek(SeekFrom::Start(place.upto))?;
    let mut file = BufReader::new(file);
    let mut lines = Vec::new();
    while lines.len() < AT_ONCE {
        let mut line = Vec::new();
        let read = u64::try_from(Read::by_ref(&mut file).take(LONGEST).read_until(b'\n', &mut line)?).unwrap_or(LONGEST);
        if read < LONGEST && line.last() != Some(&b'\n') {
            break;
        }
        place.upto = place.upto.saturating_add(read);
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches('\n');
        if !text.is_empty() {
            lines.push(text.to_owned());
        }
    }
    Ok((lines, place))
}

/// Opens a file that only its owner can have written.
fn open(path: &Path, owner: u32) -> io::Result<File> {
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let about = file.metadata()?;
    let is_theirs = about.is_file() && about.uid() == owner && about.mode() & 0o022 == 0;
    if is_theirs { Ok(file) } else { Err(io::Error::other("others could have written it")) }
}

/// What a line says.
#[must_use]
pub fn entry(line: &str) -> AccessBreakglass {
    let Written { when, user, uid, service, run_as, from, phase } = Written::read(line);
    let (user, service) = (UserName::new(user), Service::new(service));
    // As it reads back from the record, where an account that is called `self` is oneself.
    let run_as = run_as.map(|target| if target == user.as_str() { RunAs::Oneself } else { RunAs::as_typed(&target) });
    AccessBreakglass { user, uid: uid.map(Uid), service, run_as, from, phase, when, line: line.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn log(text: &str) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    /// All lines, as they are handed over in turns.
    fn all(file: &File, mut place: Place) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let (lines, next) = read_on(file, place.clone()).unwrap();
            if next == place {
                return all;
            }
            all.extend(lines);
            place = next;
        }
    }

    #[test]
    fn each_whole_line_is_read_however_many_there_are() {
        let lines: Vec<_> =
            (0..70_000).map(|n| format!("2026-11-23T12:00:00Z user=alice service=sudo phase=account nonce={n:016x}")).collect();
        let mut file = log(&(lines.join("\n") + "\n\nhalf a li"));
        assert!(file.metadata().unwrap().len() > 5 * 1024 * 1024);
        assert!(all(&file, Place::default()) == lines, "each of them, in order");
        // What is cut off is ended before the next one begins, and is then a line.
        file.write_all(b"\nmore\n").unwrap();
        assert_eq!(all(&file, Place::default())[70_000..], ["half a li", "more"]);
    }

    #[test]
    fn another_file_and_a_shorter_one_are_read_from_their_beginning_and_a_line_without_an_end_in_pieces() {
        let first = log("a\nb\n");
        let (lines, place) = read_on(&first, Place::default()).unwrap();
        assert_eq!((lines.as_slice(), place.upto), (["a".to_owned(), "b".to_owned()].as_slice(), 4));
        assert_eq!(all(&log("c\nd\ne\n"), place.clone()), ["c", "d", "e"]);
        first.set_len(2).unwrap();
        assert_eq!(all(&first, place), ["a"]);
        let endless = "x".repeat(9000);
        assert_eq!(all(&log(&endless), Place::default()).iter().map(String::len).collect::<Vec<_>>(), [4096, 4096]);
    }

    #[test]
    fn a_log_that_others_could_have_written_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        std::fs::write(&path, "a\n").unwrap();
        let mine = path.metadata().unwrap().uid();
        let mode = |mode| std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        mode(0o640);
        assert!(open(&path, mine).is_ok() && open(&path, mine.wrapping_add(1)).is_err());
        mode(0o660);
        assert!(open(&path, mine).is_err());
        mode(0o640);
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(open(&link, mine).is_err());
    }

    #[test]
    fn a_line_says_who_came_in_by_what_as_whom_and_from_where() {
        let before = "2026-11-23T12:00:00Z user=alice service=sudo phase=session nonce=00";
        let older = entry(before);
        let said = (older.user.as_str(), older.service.as_str(), older.phase.as_str(), older.when.as_str(), older.line.as_str());
        assert_eq!(said, ("alice", "sudo", "session", "2026-11-23T12:00:00Z", before));
        assert_eq!((older.uid, older.run_as, older.from), (None, None, None));
        let now =
            entry(r"2026-11-23T12:00:00Z user=alice\x{40}example.com uid=1001 service=sudo as=root from=10.1.2.3 phase=session nonce=00");
        assert_eq!((now.user.as_str(), now.uid), ("alice@example.com", Some(Uid(1001))));
        assert_eq!((now.run_as, now.from), (Some(RunAs::root()), "10.1.2.3".parse().ok()));
        assert_eq!(entry(r"w user=a\x{20}b service=sshd as=a\x{20}b phase=account nonce=00").run_as, Some(RunAs::Oneself));
        assert_eq!(entry("w user=a service=sudo as=self phase=session nonce=00").run_as, Some(RunAs::Oneself));
    }
}
