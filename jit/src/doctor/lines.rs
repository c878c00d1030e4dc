//! Our lines in the files of PAM, and sshd's word that it asks PAM at all.

use super::Check;
use crate::gate::{Places, sound, stack};
use chrono::{DateTime, Days, NaiveDate};
use jit_core::time::WallTime;
use jit_proto::pam::OBSERVE_DAYS;

/// Services that people come in by, and what they are without lines of ours while the other has them.
const PAIRS: [(&str, Option<&str>); 5] = [("sudo", None), ("sudo-i", Some("sudo")), ("su", None), ("su-l", Some("su")), ("sshd", None)];
/// The arguments that take no value.
const WORDS: [&str; 4] = ["enter", "quiet", "debug", "ask"];

/// One check for each service that has a line of ours, or should.
pub fn checks(now: WallTime) -> Vec<Check> {
    let places = Places::default();
    let read = |name: &str| std::fs::read(places.pam.join(name)).ok();
    let has = |service: &str| stack::find(service, &read).is_ok_and(|found| found != stack::Found::default());
    let mut checks = Vec::new();
    for (service, with) in PAIRS {
        if !places.pam.join(service).exists() || !(has(service) || with.is_some_and(has)) {
            continue;
        }
        checks.push(of(service, &read, now));
        if service == "sshd" {
            checks.push(sound::use_pam());
        }
    }
    if checks.is_empty() {
        checks.push(Check::wrong("lines", "no service has our lines: nothing is gated".to_owned(), "jit enable sudo"));
    }
    checks
}

fn of(service: &'static str, read: &dyn Fn(&str) -> Option<Vec<u8>>, now: WallTime) -> Check {
    let name = match service {
        "sudo-i" => "pam.d/sudo-i",
        "su" => "pam.d/su",
        "su-l" => "pam.d/su-l",
        "sshd" => "pam.d/sshd",
        _ => "pam.d/sudo",
    };
    let looked = stack::disorder(service, read).and_then(|wrong| Ok((wrong, stack::arguments(service, read)?)));
    let (mut wrong, calls) = match looked {
        Ok(looked) => looked,
        Err(not) => return Check::wrong(name, not.to_string(), "mend the file, or put our lines in by hand"),
    };
    let today = DateTime::from_timestamp_millis(now.as_millis()).unwrap_or_default().date_naive();
    let mut observing = None;
    for argument in calls.iter().flatten() {
        match understood(argument, today) {
            Ok(None) => {}
            Ok(Some(days)) => observing = Some(days),
            Err(why) => wrong.push(why),
        }
    }
    wrong.dedup();
    let fine = match observing {
        None => "our lines are where they must be".to_owned(),
        Some(days) => format!("our lines are where they must be, and only observe, for {days} more days: everybody is let in"),
    };
    Check::all(name, &fine, &wrong, &format!("jit disable {service}; jit enable {service} # then, from a new session: sudo jit confirm"))
}

/// Whether the module takes this argument; and if it observes, for how many more days.
fn understood(argument: &str, today: NaiveDate) -> Result<Option<i64>, String> {
    let unknown = || Err(format!("\"{argument}\" is no argument of ours: everybody is denied"));
    match argument.split_once('=') {
        None if WORDS.contains(&argument) => Ok(None),
        Some(("socket", path)) if path.starts_with('/') => Ok(None),
        Some(("timeout", time)) if seconds(time).is_some_and(|time| (1..=60).contains(&time)) => Ok(None),
        Some(("wait", time)) if seconds(time).is_some_and(|time| (1..=3600).contains(&time)) => Ok(None),
        Some(("observe", day)) => match day.parse::<NaiveDate>() {
            Ok(day) if today.checked_add_days(Days::new(OBSERVE_DAYS)).is_some_and(|latest| day > latest) => {
                Err(format!("observe={day} is more than {OBSERVE_DAYS} days ahead: everybody is denied"))
            }
            Ok(day) if day < today => Ok(None),
            Ok(day) => Ok(Some(day.signed_duration_since(today).num_days())),
            Err(_) => unknown(),
        },
        Some(_) | None => unknown(),
    }
}

fn seconds(time: &str) -> Option<u64> {
    time.strip_suffix('s')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_that_the_module_would_not_take_is_named() {
        let today = "2026-11-23".parse().unwrap();
        for fine in ["enter", "quiet", "debug", "socket=/run/jit/pam.sock", "timeout=2s", "ask", "wait=90s", "observe=2026-11-22"] {
            assert_eq!(understood(fine, today), Ok(None), "{fine}");
        }
        assert_eq!(understood("observe=2026-12-03", today), Ok(Some(10)));
        for wrong in [
            "quite",
            "ask=1",
            "wait=0s",
            "wait=2m",
            "timeout=2",
            "timeout=0s",
            "timeout=61s",
            "socket=run/x",
            "observe=soon",
            "observe=2027-03-01",
            "observe",
            "enter=1",
        ] {
            assert!(understood(wrong, today).is_err(), "{wrong}");
        }
    }
}
