//! What stands behind `pam_jit.so` in a PAM file. A typo there must not weaken the gate: what is not known denies.

use chrono::{Days, NaiveDate};
use jit_proto::pam::OBSERVE_DAYS;
use std::ffi::CStr;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

const SOCKET: &str = "/run/jit/pam.sock";
const TIMEOUT: Duration = Duration::from_secs(2);
/// The daemon answers within 800 ms whatever it has to do; a shorter patience would call it away when it is not.
const TIMEOUTS: RangeInclusive<u64> = 1..=60;
const WAIT: Duration = Duration::from_secs(90);
const WAITS: RangeInclusive<u64> = 1..=3600;

/// The arguments of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    /// `socket=`: where jitd listens.
    pub socket: PathBuf,
    /// `timeout=`: how long one waits for it.
    pub timeout: Duration,
    /// `ask`: whoever may ask is asked, where there is somebody to be asked.
    pub ask: bool,
    /// `wait=`: how long one waits for the answer.
    pub wait: Duration,
    /// `observe=`: until when everybody is let in, and it is only noted what would have been.
    pub observe: Option<NaiveDate>,
    /// `quiet`: the user is not told why they are denied. What `ask` says is said all the same.
    pub quiet: bool,
    /// `debug`: more in the log.
    pub debug: bool,
    /// `enter`: this is the last session line.
    pub enter: bool,
    /// The first argument that is wrong: then nobody is let in.
    pub wrong: Option<Wrong>,
}

/// An argument that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    argument: String,
    why: &'static str,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "argument \"{}\": {}; mend the line in pam.d, until then nobody is let in", self.argument, self.why)
    }
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            socket: PathBuf::from(SOCKET),
            timeout: TIMEOUT,
            ask: false,
            wait: WAIT,
            observe: None,
            quiet: false,
            debug: false,
            enter: false,
            wrong: None,
        }
    }
}

impl Arguments {
    /// Reads the arguments of a line, all of them, even behind a wrong one.
    #[must_use]
    pub fn read(line: &[&CStr]) -> Self {
        let mut arguments = Self::default();
        let mut seen = Vec::new();
        for argument in line {
            let text = argument.to_string_lossy();
            let (key, value) = text.split_once('=').map_or((text.as_ref(), None), |(key, value)| (key, Some(value)));
            let result = if seen.contains(&key.to_owned()) { Err("it stands there twice") } else { arguments.set(key, value) };
            seen.push(key.to_owned());
            if let Err(why) = result
                && arguments.wrong.is_none()
            {
                arguments.wrong = Some(Wrong { argument: crate::report::printable(&text, 100), why });
            }
        }
        arguments
    }

    fn set(&mut self, key: &str, value: Option<&str>) -> Result<(), &'static str> {
        match (key, value) {
            ("quiet", None) => self.quiet = true,
            ("debug", None) => self.debug = true,
            ("enter", None) => self.enter = true,
            ("ask", None) => self.ask = true,
            ("socket", Some(path)) if path.starts_with('/') => self.socket = PathBuf::from(path),
            ("socket", Some(_)) => return Err("not an absolute path"),
            ("timeout", Some(text)) => self.timeout = seconds(text, TIMEOUTS).ok_or("not a time from 1s to 60s")?,
            ("wait", Some(text)) => self.wait = seconds(text, WAITS).ok_or("not a time from 1s to 3600s")?,
            ("observe", Some(text)) => {
                self.observe = Some(date(text).ok_or("not a date, YYYY-MM-DD")?);
            }
            ("socket" | "timeout" | "wait" | "observe", None) => return Err("it needs a value"),
            ("quiet" | "debug" | "enter" | "ask", Some(_)) => return Err("it takes no value"),
            _ => return Err("it is not known"),
        }
        Ok(())
    }

    /// Whether one only observes today, or why that cannot be.
    ///
    /// # Errors
    /// The date is too far ahead: observing must not become the rule.
    pub fn observes(&self, today: NaiveDate) -> Result<bool, Wrong> {
        let Some(until) = self.observe else { return Ok(false) };
        let latest = today.checked_add_days(Days::new(OBSERVE_DAYS)).unwrap_or(today);
        if until > latest {
            return Err(Wrong { argument: format!("observe={until}"), why: "it is more than 90 days ahead" });
        }
        Ok(today <= until)
    }
}

fn seconds(text: &str, possible: RangeInclusive<u64>) -> Option<Duration> {
    let number: u64 = text.strip_suffix('s')?.parse().ok()?;
    (possible.contains(&number) && !text.starts_with('+')).then(|| Duration::from_secs(number))
}

/// `2026-12-01`. chrono's own parser takes a tenth of the module's code.
fn date(text: &str) -> Option<NaiveDate> {
    let number = |range: std::ops::Range<usize>| {
        text.get(range).filter(|digits: &&str| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
    };
    let whole = text.len() == 10 && text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    let (year, month, day): (u32, u32, u32) = (number(0..4)?, number(5..7)?, number(8..10)?);
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day).filter(|_| whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;

    fn read(line: &str) -> Arguments {
        let words: Vec<_> = line.split_whitespace().map(|word| CString::new(word).unwrap()).collect();
        Arguments::read(&words.iter().map(CString::as_c_str).collect::<Vec<_>>())
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn no_argument_gives_the_defaults_and_each_can_be_given() {
        assert_eq!(read(""), Arguments::default());
        let all = read("enter socket=/x/y timeout=5s ask wait=120s observe=2026-12-01 quiet debug");
        let expected = Arguments {
            socket: "/x/y".into(),
            timeout: Duration::from_secs(5),
            ask: true,
            wait: Duration::from_secs(120),
            observe: Some(day("2026-12-01")),
            quiet: true,
            debug: true,
            enter: true,
            wrong: None,
        };
        assert_eq!(all, expected);
    }

    #[test]
    fn an_unknown_or_malformed_argument_is_wrong_and_named() {
        for line in [
            "quite",
            "quiet=yes",
            "debug=1",
            "enter=1",
            "socket",
            "socket=run/jit",
            "timeout=2",
            "timeout=0s",
            "timeout=61s",
            "timeout=-1s",
            "timeout=+2s",
            "timeout=2ms",
            "observe=tomorrow",
            "observe=2026-13-01",
            "observe=2026-02-30",
            "observe=2026-1-1",
            "observe=+026-01-01",
            "observe=2026-01-01x",
            "observe",
            "quiet quiet",
            "socket=/a socket=/b",
            "ask=yes",
            "wait",
            "wait=90",
            "wait=2m",
            "wait=0s",
            "wait=3601s",
            "wait=-1s",
            "Quiet",
            "timeout=99999999999999999999s",
            "=",
            "",
        ] {
            let wrong = read(line).wrong;
            assert_eq!(wrong.is_none(), line.is_empty(), "{line}: {wrong:?}");
            assert!(wrong.is_none_or(|wrong| wrong.to_string().contains(line.split(' ').next_back().unwrap())), "{line}");
        }
        for (line, why) in [
            ("socket=run/jit", "not an absolute path"),
            ("socket", "it needs a value"),
            ("observe", "it needs a value"),
            ("quiet=yes", "it takes no value"),
            ("ask=yes", "it takes no value"),
            ("quite", "it is not known"),
        ] {
            assert_eq!(read(line).wrong.map(|wrong| wrong.why), Some(why), "{line}");
        }
    }

    #[test]
    fn the_manual_page_has_each_of_them() {
        let page = include_str!("../../packaging/man/pam_jit.8");
        for argument in [".B enter", ".BI socket=", ".BI timeout=", ".B ask", ".BI wait=", ".BI observe=", ".B quiet", ".B debug"] {
            assert!(page.lines().any(|line| line == argument || line.starts_with(&format!("{argument} "))), "{argument}");
        }
    }

    #[test]
    fn observing_ends_with_its_day_and_cannot_be_set_far_ahead() {
        let until = |text: &str| read(&format!("observe={text}"));
        let today = day("2026-11-23");
        assert_eq!(until("2026-11-23").observes(today), Ok(true));
        assert_eq!(until("2026-11-22").observes(today), Ok(false));
        assert_eq!(until("2027-02-21").observes(today), Ok(true));
        assert!(until("2027-02-22").observes(today).is_err());
        assert_eq!(read("").observes(today), Ok(false));
    }
}
