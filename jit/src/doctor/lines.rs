//! Our lines in the files of PAM, and sshd's word that it asks PAM at all.

use super::{Check, daemon, sshd};
use crate::gate::{LAST_DOOR, OPEN_WITHOUT_THE_MODULE, Places, sound, stack};
use crate::paths::Paths;
use chrono::{DateTime, Days, NaiveDate};
use jit_core::name::Service;
use jit_core::policy::{Policy, Require, Scope, SessionRule};
use jit_core::time::WallTime;
use jit_proto::pam::OBSERVE_DAYS;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Services that people come in by, and what they are without lines of ours while the other has them.
const PAIRS: [(&str, Option<&str>); 5] = [("sudo", None), ("sudo-i", Some("sudo")), ("su", None), ("su-l", Some("su")), ("sshd", None)];
/// What is in the names of files that packages and editors leave behind: no service asks by those.
const LEFT_BEHIND: [&str; 4] = [".dpkg-", ".rpm", ".ucf-", "~"];
/// The arguments that take no value.
const WORDS: [&str; 4] = ["enter", "quiet", "debug", "ask"];

/// So many days before observing ends by itself, it is said what comes.
const ENDS_SOON: i64 = 7;

type Read<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// One check for each service that has a line of ours, or should.
pub fn checks(now: WallTime) -> Vec<Check> {
    let places = Places::default();
    let read = |name: &str| std::fs::read(places.pam.join(name)).ok();
    let policy = daemon::policy(now).unwrap_or_default();
    let ours = Paths::of_this_host().map(|paths| paths.pam_socket()).ok();
    // Whether jitd is up is another check's.
    let answers = |socket: &Path| ours.as_deref().is_none_or(|ours| ours == socket) || sound::asked(socket).is_ok();
    let mut checks = Vec::new();
    let names = names(&places.pam);
    let gated = gated(&names, &read);
    for service in &gated {
        checks.push(of(service, &read, &policy, now, &answers));
        if service == "sshd" {
            checks.extend(sshd::checks());
        }
    }
    if checks.is_empty() {
        checks.push(Check::wrong("lines", "no service has our lines: nothing is gated".to_owned(), "jit enable sudo"));
    } else {
        checks.extend(open(&names, &gated, &policy));
    }
    checks.extend(last_door(&read));
    checks
}

/// Root's log-in at a text console, if that is a service here: it must open where the module is gone, too. A file that is not
/// understood is found where it names the module.
pub fn last_door(read: Read<'_>) -> Option<Check> {
    const NAME: &str = "root's last door";
    let shut = stack::need_the_module(LAST_DOOR, read).ok()?;
    if shut.is_empty() {
        return Some(Check::fine(NAME, "log-ins at a text console do not need the module"));
    }
    let found = format!("with {} in its lines nobody, not even root, comes in by {LAST_DOOR} where the module is gone", shut.join(", "));
    let mut remedies = in_shared_files(LAST_DOOR, read);
    remedies.push(format!("jit disable {LAST_DOOR} # else {OPEN_WITHOUT_THE_MODULE} in each of these lines"));
    Some(Check::wrong(NAME, found, &remedies.join("; ")))
}

/// The usual services without a line of ours that the policy has rules for. A package's upgrade or a template may have put another
/// file in the place of theirs, and nobody else would notice: the module is not asked any more.
fn open(names: &[String], gated: &[String], policy: &Policy) -> Vec<Check> {
    let heads = PAIRS.iter().filter(|(_, with)| with.is_none()).map(|(service, _)| *service);
    let is_open = |service: &&str| names.iter().any(|name| name == service) && gated.iter().all(|gated| gated != service);
    let ruled = heads.filter(is_open).map(Service::new).filter(|service| policy.names_service(service));
    let check = |service: Service| {
        let found = "it has no lines of ours, and the policy has rules for it: who comes in by it needs no grant, and is not on record";
        let remedy = format!("jit enable {} # then, from a new session: sudo jit confirm", service.spoken());
        Check::wrong(format!("pam.d/{service}"), found.to_owned(), &remedy)
    };
    ruled.map(check).collect()
}

/// Whether any service has a line of ours.
pub fn is_any(places: &Places) -> bool {
    !gated(&names(&places.pam), &|name: &str| std::fs::read(places.pam.join(name)).ok()).is_empty()
}

/// The files of pam.d.
fn names(pam: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(pam).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str().map(str::to_owned)).collect()
}

/// The services that have a line of ours, or should, first those that people come in by. What others include is looked at with
/// those.
fn gated(names: &[String], read: Read<'_>) -> Vec<String> {
    let has = |service: &str| match stack::find(service, read) {
        Ok(found) => found != stack::Found::default(),
        Err(_) => read(service).is_some_and(|bytes| stack::names_ours(&bytes)),
    };
    let is_there = |service: &str| names.iter().any(|name| name == service);
    let usual = PAIRS.iter().filter(|(service, with)| is_there(service) && (has(service) || with.is_some_and(has)));
    let parts: BTreeSet<String> = names.iter().filter_map(|name| Some(stack::includes(name, &read(name)?))).flatten().collect();
    let is_other = |name: &&String| {
        let is_usual = PAIRS.iter().any(|(service, _)| *name == service);
        !is_usual && !parts.contains(*name) && !LEFT_BEHIND.iter().any(|left| name.contains(left))
    };
    let mut others: Vec<_> = names.iter().filter(is_other).filter(|name| has(name)).cloned().collect();
    others.sort();
    usual.map(|(service, _)| (*service).to_owned()).chain(others).collect()
}

/// Where a line asks that names no socket.
fn usual_socket() -> PathBuf {
    Paths::default().pam_socket()
}

/// What a line of ours says.
struct Says {
    /// Whether it is the last one, which puts a session where it can be ended.
    enters: bool,
    /// For how many more days it only observes, if it does.
    observes: Option<i64>,
}

fn of(service: &str, read: Read<'_>, policy: &Policy, now: WallTime, answers: &dyn Fn(&Path) -> bool) -> Check {
    let name = format!("pam.d/{service}");
    let looked = stack::disorder(service, read).and_then(|wrong| Ok((wrong, stack::arguments(service, read)?)));
    let (mut wrong, calls) = match looked {
        Ok(looked) => looked,
        Err(not) => return Check::wrong(name, not.to_string(), "mend the file, or put our lines in by hand"),
    };
    let today = DateTime::from_timestamp_millis(now.as_millis()).unwrap_or_default().date_naive();
    let mut lines = Vec::new();
    for call in &calls {
        let mut says = Says { enters: call.iter().any(|argument| argument == "enter"), observes: None };
        let socket = call.iter().find_map(|argument| argument.strip_prefix("socket=")).map_or_else(usual_socket, PathBuf::from);
        if !answers(&socket) {
            wrong.push(format!("it asks at {}, where no jitd answers: nobody is let in", socket.display()));
        }
        for argument in call {
            match understood(argument, today) {
                Ok(None) => {}
                Ok(Some(days)) => says.observes = Some(days),
                Err(why) => wrong.push(why),
            }
        }
        lines.push(says);
    }
    wrong.extend(half_observed(&lines));
    wrong.extend(unbound(&lines, policy, &Service::new(service)));
    wrong.dedup();
    let ends = lines.iter().filter_map(|line| line.observes).min().filter(|days| *days <= ENDS_SOON);
    wrong.extend(ends.map(|days| {
        let day = u64::try_from(days).ok().and_then(|days| today.checked_add_days(Days::new(days))).unwrap_or(today);
        let again = format!("jit disable {service}; jit enable {service}");
        format!("it only observes, and enforces when {day} (UTC) is over: now ({again}) or on a later day ({again} --observe=DAY)")
    }));
    let fine = match lines.iter().find_map(|line| line.observes) {
        None => "our lines are where they must be".to_owned(),
        Some(days) => format!("our lines are where they must be, and only observe, for {days} more days: everybody is let in"),
    };
    let put_right = format!("jit disable {service}; jit enable {service}");
    if let Some(remedy) = stack::ends_the_session(service, read).ok().flatten() {
        return Check::all(name, &fine, &wrong, &remedy);
    }
    let remedy = match in_shared_files(service, read) {
        // Those are put in by hand alone.
        shared if service == LAST_DOOR => shared.into_iter().chain([format!("jit disable {service}")]).collect::<Vec<_>>().join("; "),
        shared if shared.is_empty() => format!("{put_right} # then, from a new session: sudo jit confirm"),
        shared => format!("{}; {put_right} # what others include is in the stacks of all of them", shared.join("; ")),
    };
    Check::all(name, &fine, &wrong, &remedy)
}

/// What takes our lines out of files that are none of a service's own: in those they are lines of every service that includes them.
fn in_shared_files(service: &str, read: Read<'_>) -> Vec<String> {
    let files = stack::files_of_ours(service, read).unwrap_or_default();
    let shared = files.iter().filter(|file| *file != service && PAIRS.iter().all(|(usual, _)| file != usual));
    shared
        .map(|file| if file.contains('/') { format!(r"sed -i '/^[^#]*pam_jit\.so/d' {file}") } else { format!("jit disable {file}") })
        .collect()
}

/// Lines of which some only observe: who is let in by one is turned away by another, or is in and never ended.
fn half_observed(lines: &[Says]) -> Option<String> {
    let observing = lines.iter().filter(|line| line.observes.is_some()).count();
    (observing > 0 && observing < lines.len()).then(|| "not all of our lines have the same observe=: the others enforce".to_owned())
}

/// A rule that lets nobody in who cannot be ended for sure rests on the last line: without it nobody is put into a cgroup.
fn unbound(lines: &[Says], policy: &Policy, service: &Service) -> Option<String> {
    let enforces = |enters| lines.iter().any(|line| line.enters == enters && line.observes.is_none());
    if !enforces(false) || enforces(true) {
        return None;
    }
    let wants = |scope: &Scope, session: &SessionRule| session.require == Require::Cgroup && scope.on.iter().any(|on| on.covers(service));
    let rules = policy.grants.iter().map(|rule| (&rule.name, &rule.scope, &rule.session));
    let emergencies = policy.emergencies.iter().map(|rule| (&rule.name, &rule.scope, &rule.session));
    let repetitive = policy.repetitive.iter().map(|rule| (&rule.name, &rule.scope, &rule.session));
    let (name, ..) = rules.chain(emergencies).chain(repetitive).find(|(_, scope, session)| wants(scope, session))?;
    Some(format!("rule {name} wants a cgroup (require), and without a last session line that enforces nobody's session gets one"))
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
            Ok(day) if day < today => Err(format!("observe={day} is over, and a clock that falls back would let everybody in by it again")),
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
    use jit_core::policy::load;
    use std::collections::BTreeMap;

    const WHOLE: &str =
        "account required pam_jit.so\nsession required pam_jit.so\nauth required pam_unix.so\nsession required pam_jit.so enter\n";

    fn pam(files: &[(&str, &str)]) -> (Vec<String>, impl Fn(&str) -> Option<Vec<u8>> + use<>) {
        let files: BTreeMap<_, _> = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        (files.keys().cloned().collect(), move |name: &str| files.get(name).cloned())
    }

    #[test]
    fn every_service_with_a_line_of_ours_is_looked_at_and_what_others_include_with_those() {
        let (names, read) = pam(&[
            ("cockpit", WHOLE),
            ("cockpit.dpkg-old", WHOLE),
            ("common-account", "account required pam_jit.so\n"),
            ("cron", "@include common-account\n"),
            ("odd", "account required pam_jit.so \\\n"),
            ("other", "account required pam_unix.so # not pam_jit.so\n"),
            ("sudo", WHOLE),
            ("sudo-i", "auth required pam_unix.so\n"),
        ]);
        assert_eq!(gated(&names, &read), ["sudo", "sudo-i", "cockpit", "cron", "odd"]);
    }

    #[test]
    fn a_usual_service_that_the_policy_has_rules_for_and_whose_file_lost_our_lines_is_found() {
        let text = "version = 1\n[[grant]]\nname = \"r\"\nwho = [\"user:a\"]\non = [\"sudo\", \"su\", \"sshd\", \"login\"]\napprove = []\n";
        let now = WallTime::parse("2026-11-23T12:00:00Z").unwrap();
        let file = load::PolicyFile { file: "p".to_owned(), text: text.to_owned() };
        let policy = load::load(&[file], load::Around { now, zone: None }).unwrap().0;
        let stock = "account required pam_unix.so\n";
        let found = |files: &[(&str, &str)], policy: &Policy| {
            let (names, read) = pam(files);
            open(&names, &gated(&names, &read), policy).into_iter().map(|check| check.name.into_owned()).collect::<Vec<_>>()
        };
        let lost = [("login", stock), ("sshd", stock), ("sudo", stock), ("sudo-i", stock), ("su", WHOLE), ("su-l", stock)];
        assert_eq!(found(&lost, &policy), ["pam.d/sudo", "pam.d/sshd"]);
        assert_eq!(found(&lost, &Policy::default()), [""; 0]);
        assert_eq!(found(&[("sudo", WHOLE), ("sudo-i", stock)], &policy), [""; 0]);
    }

    #[test]
    fn a_line_in_a_file_that_others_include_is_taken_out_of_that_file() {
        let (_, read) = pam(&[
            ("common-account", "account required pam_jit.so\n"),
            ("cron", "@include common-account\naccount include /etc/mine\n"),
            ("/etc/mine", "account required pam_jit.so\n"),
            ("su", "account required pam_jit.so\n"),
            ("su-l", "account include su\n"),
        ]);
        let remedy = |service: &str| of(service, &read, &Policy::default(), WallTime::from_millis(0), &|_| true).remedy.unwrap();
        let taken_out =
            r"jit disable common-account; sed -i '/^[^#]*pam_jit\.so/d' /etc/mine; jit disable cron; jit enable cron # what others include";
        assert!(remedy("cron").starts_with(taken_out), "{}", remedy("cron"));
        assert!(remedy("su-l").starts_with("jit disable su-l; jit enable su-l # then"), "{}", remedy("su-l"));
    }

    #[test]
    fn what_would_end_the_session_phase_before_our_last_line_is_mended_by_hand() {
        let look = |text: &str| {
            let (_, read) = pam(&[("sudo", text)]);
            of("sudo", &read, &Policy::default(), WallTime::from_millis(0), &|_| true)
        };
        let ends = "session sufficient pam_keyinit.so revoke\n";
        let between = WHOLE.replace("auth ", &format!("{ends}auth "));
        // Behind them all it ends nothing yet, and would, once ours are put in anew.
        for text in [format!("{ends}{WHOLE}"), between, format!("{WHOLE}{ends}")] {
            let check = look(&text);
            let wrong = ["line, which is then not always run", "stands behind our last session line"];
            assert!(!check.ok && wrong.iter().any(|wrong| check.found.contains(wrong)), "{}", check.found);
            assert!(check.remedy.unwrap().starts_with("write another control for \"sufficient pam_keyinit.so revoke\" in sudo, "));
        }
        assert!(look(&format!("session optional pam_keyinit.so revoke\n{WHOLE}")).ok && look(WHOLE).ok);
        let jumps = look(&format!("session [success=1 default=ignore] pam_keyinit.so\n{WHOLE}"));
        assert!(!jumps.ok && jumps.remedy.unwrap().starts_with("jit disable sudo; jit enable sudo #"));
    }

    #[test]
    fn a_line_of_any_kind_by_which_roots_last_door_needs_the_module_is_found() {
        let look = |files: &[(&str, &str)]| last_door(&pam(files).1);
        for line in ["account required pam_jit.so\n", "auth [default=die ignore=ignore] pam_jit.so\n"] {
            let check = look(&[("login", "@include common\n"), ("common", line)]).unwrap();
            assert!(!check.ok && check.remedy.unwrap().starts_with("jit disable common; jit disable login # else [success=ok"), "{line}");
        }
        let open = format!("account {OPEN_WITHOUT_THE_MODULE} pam_jit.so\n");
        assert!(look(&[("login", &open)]).unwrap().ok && look(&[("login", "auth required pam_unix.so\n")]).unwrap().ok);
        assert!(look(&[("sudo", WHOLE)]).is_none());
    }

    #[test]
    fn a_rule_that_wants_a_cgroup_is_named_where_the_last_line_is_missing_or_only_observes() {
        let text = "version = 1\n[[grant]]\nname = \"strict\"\nwho = [\"user:a\"]\non = [\"sudo\"]\napprove = []\nsession = { require = \"cgroup\" }\n";
        let now = WallTime::parse("2026-11-23T12:00:00Z").unwrap();
        let file = load::PolicyFile { file: "p".to_owned(), text: text.to_owned() };
        let policy = load::load(&[file], load::Around { now, zone: None }).unwrap().0;
        let found = |service: &str, text: &str, policy: &Policy| {
            let (_, read) = pam(&[(service, text)]);
            of(service, &read, policy, now, &|_| true).found
        };
        let named = "rule strict wants a cgroup";
        let (missing, observed) =
            (WHOLE.replace("session required pam_jit.so enter\n", ""), WHOLE.replace("enter", "enter observe=2026-12-01"));
        assert!(found("sudo", &missing, &policy).contains(named) && found("sudo-i", &missing, &policy).contains(named));
        let said = found("sudo", &observed, &policy);
        assert!(said.contains(named) && said.contains("not all of our lines have the same observe="), "{said}");
        for (service, text, policy) in [
            ("sudo", WHOLE, &policy),
            ("su", missing.as_str(), &policy),
            ("sudo", missing.as_str(), &Policy::default()),
            ("sudo", &WHOLE.replace("pam_jit.so", "pam_jit.so observe=2026-12-01"), &policy),
            ("sudo", &observed.replace("2026-12-01", "2026-11-22"), &policy),
        ] {
            assert!(!found(service, text, policy).contains(named), "{service}: {text}");
        }
    }

    #[test]
    fn the_end_of_observing_is_foretold_from_seven_days_before_with_both_choices() {
        let now = WallTime::parse("2026-11-23T12:00:00Z").unwrap();
        let look = |day: &str| {
            let (_, read) = pam(&[("sudo", &WHOLE.replace("pam_jit.so", &format!("pam_jit.so observe={day}")))]);
            of("sudo", &read, &Policy::default(), now, &|_| true)
        };
        for day in ["2026-11-23", "2026-11-30"] {
            let found = look(day).found;
            let said = format!(
                "enforces when {day} (UTC) is over: now (jit disable sudo; jit enable sudo) or on a later day (jit disable sudo; jit enable sudo --observe=DAY)"
            );
            assert!(!look(day).ok && found.contains(&said), "{found}");
        }
        assert!(look("2026-12-01").found.contains("for 8 more days") && !look("2026-12-01").found.contains("enforces"));
        assert!(look("2026-11-22").found.contains("observe=2026-11-22 is over, and a clock that falls back"));
    }

    #[test]
    fn an_argument_that_the_module_would_not_take_is_named() {
        let today = "2026-11-23".parse().unwrap();
        for fine in ["enter", "quiet", "debug", "socket=/run/jit/pam.sock", "timeout=2s", "ask", "wait=90s"] {
            assert_eq!(understood(fine, today), Ok(None), "{fine}");
        }
        assert!(understood("observe=2026-11-22", today).unwrap_err().contains("observe=2026-11-22 is over"));
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
