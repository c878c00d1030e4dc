//! Lines to syslog, over a socket of our own.
//!
//! The syslog crate says what priorities are; it does not send: it never reconnects after syslogd restarts,
//! and blocks when the reader stalls. Here nothing blocks. What cannot be delivered waits in a queue; what
//! the queue cannot hold is counted, and said once syslog is back. The record has all of it anyway.

use chrono::{DateTime, Local, TimeZone};
use std::collections::VecDeque;
use std::fmt::Display;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use syslog::{Facility, Severity};

/// The most lines that wait.
const MOST_WAITING: usize = 10_000;

/// How urgent a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody must look now.
    Alert,
    /// Something is not as it should be.
    Warning,
    /// It happened.
    Notice,
    /// It happened, and happens often.
    Info,
}

/// What changed about syslog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It takes no more lines.
    Lost(String),
    /// It takes lines again; so many were not delivered.
    Back(u64),
}

/// The way to syslog.
#[derive(Debug)]
pub struct Syslog {
    path: PathBuf,
    socket: Option<UnixDatagram>,
    waiting: VecDeque<Vec<u8>>,
    undelivered: u64,
    dropped: u64,
    lost: bool,
    /// It is there, and took no more lines when it was last offered some.
    slow: bool,
    pid: u32,
}

impl Syslog {
    /// To the socket at this path.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        let (waiting, pid) = (VecDeque::new(), std::process::id());
        Self { path, socket: None, waiting, undelivered: 0, dropped: 0, lost: false, slow: false, pid }
    }

    /// Sends a line now, or as soon as syslog takes it.
    pub fn send(&mut self, urgency: Urgency, line: &str) -> Option<Turn> {
        self.waiting.push_back(self.written(urgency, line));
        if self.waiting.len() > MOST_WAITING {
            self.waiting.pop_front();
            self.undelivered = self.undelivered.saturating_add(1);
            self.dropped = self.dropped.saturating_add(1);
        }
        self.flush()
    }

    /// Tries again what waits.
    pub fn flush(&mut self) -> Option<Turn> {
        self.slow = false;
        while let Some(line) = self.waiting.front() {
            let delivered = deliver(&mut self.socket, &self.path, line);
            self.slow = matches!(&delivered, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
            match delivered {
                Ok(()) => drop(self.waiting.pop_front()),
                // It is there, and slow: that is no loss yet.
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && self.undelivered == 0 => return None,
                Err(_) if self.lost => return None,
                Err(error) => {
                    self.lost = true;
                    return Some(Turn::Lost(error.to_string()));
                }
            }
        }
        std::mem::take(&mut self.lost).then(|| Turn::Back(std::mem::take(&mut self.undelivered)))
    }

    /// Whether it is there, and takes its time.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        self.slow
    }

    /// How many lines wait to be delivered.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many lines it has not taken that nobody was told of: those that wait, and those that could not.
    #[must_use]
    pub fn owed(&self) -> u64 {
        self.undelivered.saturating_add(u64::try_from(self.waiting.len()).unwrap_or(u64::MAX))
    }

    /// How many lines were never delivered, since the daemon began.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether it takes no lines.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    fn written(&self, urgency: Urgency, line: &str) -> Vec<u8> {
        let severity = match urgency {
            Urgency::Alert => Severity::LOG_ALERT,
            Urgency::Warning => Severity::LOG_WARNING,
            Urgency::Notice => Severity::LOG_NOTICE,
            Urgency::Info => Severity::LOG_INFO,
        };
        format!("{} jitd[{}]: {line}", header(severity, &Local::now()), self.pid).into_bytes()
    }
}

/// What syslog(3) begins a line with, and RFC 3164: the priority, and the host's own time, whose day has a blank where it has one
/// digit. (The crate's formatters have UTC there, hours beside sshd's lines.)
fn header<Zone: TimeZone<Offset: Display>>(severity: Severity, at: &DateTime<Zone>) -> String {
    format!("<{}>{}", Facility::LOG_AUTHPRIV as u8 | severity as u8, at.format("%b %e %H:%M:%S"))
}

fn deliver(socket: &mut Option<UnixDatagram>, path: &std::path::Path, line: &[u8]) -> std::io::Result<()> {
    let connect = || {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect(path)?;
        Ok::<_, std::io::Error>(socket)
    };
    if let Some(connected) = socket {
        match connected.send(line) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Err(error),
            // syslogd was restarted: its old socket is gone.
            Err(_) => *socket = None,
        }
    }
    let connected = connect()?;
    connected.send(line)?;
    *socket = Some(connected);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place(PathBuf);
    impl Place {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("jit-syslog-{}-{name}", std::process::id()));
            let _ = std::fs::remove_file(&path);
            Self(path)
        }
        fn listen(&self) -> UnixDatagram {
            let _ = std::fs::remove_file(&self.0);
            UnixDatagram::bind(&self.0).unwrap()
        }
    }
    impl Drop for Place {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn next(listener: &UnixDatagram) -> String {
        let mut buffer = [0; 4096];
        let length = listener.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn a_line_is_of_authpriv_and_names_jitd() {
        let place = Place::new("line");
        let listener = place.listen();
        assert_eq!(Syslog::new(place.0.clone()).send(Urgency::Notice, "grant.issued id=G-1"), None);
        let line = next(&listener);
        assert!(line.starts_with("<85>"), "authpriv.notice: {line}");
        assert!(line.contains(&format!("jitd[{}]: grant.issued id=G-1", std::process::id())), "{line}");
    }

    #[test]
    fn a_line_has_the_hosts_own_time_as_those_of_other_programs_have() {
        let at = DateTime::parse_from_rfc3339("2026-11-03T15:04:05+01:00").unwrap();
        assert_eq!(header(Severity::LOG_ALERT, &at), "<81>Nov  3 15:04:05");
        assert_eq!(header(Severity::LOG_INFO, &at), "<86>Nov  3 15:04:05");
    }

    #[test]
    #[ignore = "says a line in the zone that another test gives it"]
    fn a_line() {
        println!("{}", String::from_utf8_lossy(&Syslog::new(PathBuf::new()).written(Urgency::Info, "x")));
    }

    #[test]
    fn it_is_the_zone_of_the_host() {
        let hour = |zone: &str| {
            let mut own = std::process::Command::new(std::env::current_exe().unwrap());
            own.args(["--ignored", "--exact", "--nocapture", "syslog::tests::a_line"]).env("TZ", zone);
            let said = String::from_utf8(own.output().unwrap().stdout).unwrap();
            let line = said.lines().find(|line| line.starts_with("<86>")).unwrap_or_else(|| panic!("{said}"));
            line.split_once(':').unwrap().0.split(' ').next_back().unwrap().to_owned()
        };
        assert_ne!(hour("UTC0"), hour("EAST-5"));
    }

    #[test]
    fn lines_wait_for_a_syslog_that_is_missing_or_restarts_and_nothing_is_lost() {
        let place = Place::new("restart");
        let mut syslog = Syslog::new(place.0.clone());
        assert!(matches!(syslog.send(Urgency::Info, "one"), Some(Turn::Lost(_))));
        assert_eq!(syslog.send(Urgency::Info, "two"), None, "the loss is said once");
        let listener = place.listen();
        assert_eq!(syslog.send(Urgency::Info, "three"), Some(Turn::Back(0)));
        for word in ["one", "two", "three"] {
            assert!(next(&listener).ends_with(word));
        }
        drop(listener);
        let listener = place.listen();
        assert_eq!(syslog.send(Urgency::Info, "four"), None);
        assert!(next(&listener).ends_with("four"));
    }

    #[test]
    fn a_syslog_that_stalls_blocks_nothing_and_what_overflows_is_counted() {
        let place = Place::new("stall");
        let listener = place.listen();
        let mut syslog = Syslog::new(place.0.clone());
        let turns: Vec<_> = (0..MOST_WAITING + 1000).filter_map(|number| syslog.send(Urgency::Info, &number.to_string())).collect();
        assert!(matches!(turns.as_slice(), [Turn::Lost(_)]), "{turns:?}");
        let mut back = None;
        while back.is_none() {
            next(&listener);
            back = syslog.flush();
        }
        let Some(Turn::Back(undelivered)) = back else { panic!("{back:?}") };
        assert!((1..=1000).contains(&undelivered), "{undelivered}");
    }
}
