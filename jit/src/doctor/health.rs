//! What jitd itself says of its policy, its record and syslog: whether root could write or connect there says little of it.

use super::{Check, breakglass};
use crate::paths::Paths;
use crate::show::times::{Clock, about};
use crate::talk::Talk;
use jit_core::time::WallTime;
use jit_host::settings::Settings;
use jit_proto::view::MetricsView;
use std::time::Duration;

/// How often a record that cannot be written is looked at, and how long is waited between: three seconds in all. A disk that is
/// busy for a moment, as after a start, is no finding; jitd itself raises an alarm after two.
const LOOKS: u32 = 15;
const BETWEEN: Duration = Duration::from_millis(200);

/// What jitd says, or what is wrong where it does not.
pub fn view(talk: &Talk) -> Result<MetricsView, Check> {
    let view = lasting(|| talk.metrics(), |view| view.store_failing, || std::thread::sleep(BETWEEN));
    view.map_err(|failing| Check::wrong("health", failing.to_string(), "systemctl restart jitd"))
}

/// One check after the other.
pub fn checks(view: &MetricsView, now: WallTime) -> Vec<Check> {
    let mut checks = vec![record(view), syslog(view), breakglass::check(view.breakglass_unread.as_deref())];
    checks.extend(view.policy_in_force.then(|| age(view, now)));
    checks
}

/// What is so when it is asked, or what is so still when it was asked often.
fn lasting<T, E>(mut ask: impl FnMut() -> Result<T, E>, is_wrong: impl Fn(&T) -> bool, mut wait: impl FnMut()) -> Result<T, E> {
    let mut found = ask()?;
    for _ in 1..LOOKS {
        if !is_wrong(&found) {
            break;
        }
        wait();
        found = ask()?;
    }
    Ok(found)
}

fn age(view: &MetricsView, now: WallTime) -> Check {
    let age = now.as_millis().saturating_sub(view.policy_since.0).checked_div(1000).and_then(|age| u64::try_from(age).ok());
    let since = Clock::local().minute(view.policy_since);
    Check::fine("policy's age", &format!("in force since {since}, for {}", about(age.unwrap_or(0))))
}

fn record(view: &MetricsView) -> Check {
    const NAME: &str = "writing the record";
    let state = Paths::of_this_host().unwrap_or_default().state;
    let state = state.display();
    if let Some(why) = &view.no_record {
        let elsewhere =
            "one that is damaged or gone: \"The record is damaged\" in docs/operations.md; one that is being read needs time alone";
        let found = format!("there is no record that can be used, so nobody is let in: {why}");
        return Check::wrong(NAME, found, &format!("df -h {state}; df -i {state} # {elsewhere}"));
    }
    if !view.store_failing {
        return Check::fine(NAME, "jitd can");
    }
    let found =
        format!("jitd cannot, so nothing is granted; {} events wait, and {} acts were refused", view.store_waiting, view.store_refused);
    Check::wrong(NAME, found, &format!("jit status; df -h {state}; df -i {state} # jit status says why"))
}

fn syslog(view: &MetricsView) -> Check {
    const NAME: &str = "jitd's lines in syslog";
    let socket = Settings::read(None).unwrap_or_default().syslog;
    let socket = socket.display();
    if !view.syslog_lost {
        return Check::fine(NAME, &format!("{socket} takes them"));
    }
    let found = format!("{socket} does not take them; {} wait, and {} never came", view.syslog_waiting, view.syslog_undelivered);
    Check::wrong(NAME, found, "systemctl status systemd-journald.socket rsyslog syslog-ng # the record has them all")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found, and how often it was asked, where it is wrong so many times.
    fn asked(wrong: u32) -> (Result<bool, ()>, u32) {
        let mut times = 0;
        let mut waited = 0;
        let found = lasting(
            || {
                times += 1;
                Ok(times <= wrong)
            },
            |is_wrong| *is_wrong,
            || waited += 1,
        );
        assert_eq!(times, waited + 1);
        (found, times)
    }

    #[test]
    fn what_is_wrong_for_a_moment_alone_is_no_finding() {
        assert_eq!(asked(0), (Ok(false), 1));
        assert_eq!(asked(3), (Ok(false), 4));
        assert_eq!(asked(100), (Ok(true), LOOKS));
    }
}
