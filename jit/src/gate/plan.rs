//! What would be changed for a service, by what is asked for.

use super::stack::{self, Behind, Found, NotUnderstood};
use super::{LAST_DOOR, OPEN_WITHOUT_THE_MODULE, Places, family, files};
use crate::failing::Failing;
use crate::show::words;
use chrono::{Days, NaiveDate};
use jit_proto::pam::OBSERVE_DAYS;
use std::collections::BTreeMap;

/// How far ahead one observes, unless one says so.
const A_WHILE_DAYS: u64 = 30;

/// A file with and without our lines.
#[derive(Debug)]
pub struct Edit {
    /// Its name below pam.d.
    pub file: String,
    /// What it is.
    pub before: Vec<u8>,
    /// What it is to be.
    pub after: Vec<u8>,
    /// The lines that come first, and last.
    pub lines: (Vec<String>, Vec<String>),
}

/// Whether the lines are only to observe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observe {
    /// They enforce.
    No,
    /// Until this day.
    Until(NaiveDate),
    /// For a while, which is until this day where nothing observes yet.
    AWhile(NaiveDate),
}

impl Observe {
    /// As it was typed.
    ///
    /// # Errors
    /// A day on which the module would let nobody in, or would enforce at once.
    pub fn read(typed: Option<Option<NaiveDate>>, today: NaiveDate) -> Result<Self, Failing> {
        let ahead = |days| today.checked_add_days(Days::new(days)).unwrap_or(today);
        let help = format!("a day from {today} to {}, in UTC, or --observe alone: {A_WHILE_DAYS} days", ahead(OBSERVE_DAYS));
        match typed {
            None => Ok(Self::No),
            Some(None) => Ok(Self::AWhile(ahead(A_WHILE_DAYS))),
            Some(Some(day)) if day < today => Err(Failing::usage(format!("{day} is over: nothing would be observed"), help)),
            Some(Some(day)) if day > ahead(OBSERVE_DAYS) => {
                Err(Failing::usage(format!("{day} is more than {OBSERVE_DAYS} days ahead: the module would let nobody in"), help))
            }
            Some(Some(day)) => Ok(Self::Until(day)),
        }
    }

    fn argument(self) -> String {
        match self {
            Self::No => String::new(),
            Self::Until(day) | Self::AWhile(day) => format!(" observe={day}"),
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Whether it only observes.
    pub observe: Observe,
    /// Whether it asks inside the prompt.
    pub ask: bool,
    /// The day.
    pub today: NaiveDate,
}

impl Asked {
    fn behind(&self) -> Behind {
        let account = if self.ask { " ask".to_owned() } else { String::new() };
        Behind { everywhere: self.observe.argument(), account }
    }

    /// How lines that are there, by their arguments, differ from what is asked for.
    fn differs(&self, calls: &[Vec<String>]) -> Option<String> {
        let days: Vec<_> = calls.iter().map(|call| call.iter().find_map(|argument| argument.strip_prefix("observe="))).collect();
        // A day that is over observes nothing; one that cannot be read is not ours to judge.
        let live = |day: &str| day.parse::<NaiveDate>().is_ok_and(|day| day >= self.today);
        let observed = match self.observe {
            Observe::No => days.iter().flatten().find(|day| live(day)).map(|day| format!("they only observe, until {day}")),
            Observe::Until(until) => {
                (!days.iter().all(|day| *day == Some(until.to_string().as_str()))).then(|| format!("they do not observe until {until}"))
            }
            Observe::AWhile(_) => (!days.iter().all(|day| day.is_some_and(live))).then(|| "they enforce".to_owned()),
        };
        let asks = calls.iter().flatten().any(|argument| argument == "ask");
        observed.or_else(|| match (self.ask, asks) {
            (true, false) => Some("they do not ask inside the prompt".to_owned()),
            (false, true) => Some("they ask inside the prompt".to_owned()),
            (true, true) | (false, false) => None,
        })
    }
}

/// Why a file of PAM is left alone.
pub fn not_understood(not: &NotUnderstood) -> Failing {
    Failing::refused(not.to_string(), "put the lines in by hand, as pam_jit(8) shows, or mend the file; it was not changed")
}

/// Whether this is the last door, and does not stay open with what is there, or would be put there: what `jit enable` writes lets
/// nobody in where the module is gone.
fn shuts_the_last_door(file: &str, found: Found, read: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<bool, NotUnderstood> {
    Ok(file == LAST_DOOR && (found != Found::WHOLE || !stack::need_the_module(file, read)?.is_empty()))
}

/// Whether our lines are run first and last in a service, with those that are there: whoever asks for the gate relies on it.
fn in_order(file: &str, read: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<(), Failing> {
    let wrong = stack::disorder(file, read).map_err(|not| not_understood(&not))?;
    let Some(why) = wrong.first().map(|why| words::safe(why)) else { return Ok(()) };
    let files = stack::files_of_ours(file, read).map_err(|not| not_understood(&not))?;
    let by = files.iter().find(|other| *other != file).map(|other| format!(" (by pam.d/{})", words::safe(other))).unwrap_or_default();
    let message = format!("pam.d/{file}: our lines{by} would not all be run where they must be: {why}");
    let ends = stack::ends_the_session(file, read).map_err(|not| not_understood(&not))?.map(|remedy| words::safe(&remedy));
    let help = ends.unwrap_or_else(|| format!("if they are there already, jit disable {file}, then enable again; else mend that by hand"));
    Err(Failing::refused(message, format!("{help}. Nothing was changed")))
}

/// What would be changed for this service.
///
/// # Errors
/// It is no service, a file is not understood, or lines that are there are not what is asked for.
pub fn plan(places: &Places, service: &str, asked: &Asked) -> Result<Vec<Edit>, Failing> {
    let usual = |name: &str| name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter)) && !name.starts_with('.');
    if !usual(service)
        || service.is_empty()
        || service.starts_with("common-")
        || matches!(service, "other" | "system-auth" | "password-auth")
    {
        return Err(Failing::usage(
            format!("{} is no service of its own", words::safe(service)),
            "sudo, sshd, su, or another file of pam.d",
        ));
    }
    let mut made: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut edits = Vec::new();
    let behind = asked.behind();
    for file in family(service) {
        let path = places.pam.join(file);
        if !path.exists() && file != service && !(service == "ssh" && file == "sshd") {
            continue;
        }
        let before =
            files::read(&path).map_err(|error| Failing::refused(format!("{}: {error}", path.display()), "nothing else was changed"))?;
        let read = |name: &str| made.get(name).cloned().or_else(|| std::fs::read(places.pam.join(name)).ok());
        let found = stack::find(file, &read).map_err(|not| not_understood(&not))?;
        if shuts_the_last_door(file, found, &read).map_err(|not| not_understood(&not))? {
            return Err(Failing::usage(
                format!("{LAST_DOOR} is the last door: with our lines nobody, not even root, comes in by it once the module is gone"),
                format!("to gate others there, put the lines in by hand, with {OPEN_WITHOUT_THE_MODULE} for \"required\""),
            ));
        }
        let again = "jit disable, then enable again";
        let twice = Found { account: found.account.max(1), session: found.session.max(1), enter: found.enter.max(1) } != Found::WHOLE;
        if twice {
            return Err(Failing::refused(format!("pam.d/{file} has lines of ours more than once"), again));
        }
        let there = stack::arguments(file, &read).map_err(|not| not_understood(&not))?;
        let wrong = stack::controls(file, &read).map_err(|not| not_understood(&not))?;
        let differs = if there.is_empty() { None } else { asked.differs(&there) };
        if let Some(why) = wrong.into_iter().next().or(differs) {
            let message = format!("pam.d/{file} has lines of ours already, and not as they are asked for: {}", words::safe(&why));
            return Err(Failing::refused(message, again));
        }
        if found == Found::WHOLE {
            in_order(file, &read)?;
            continue;
        }
        let after = stack::add(file, &before, found, &behind).map_err(|not| not_understood(&not))?;
        in_order(file, &|name: &str| if name == file { Some(after.clone()) } else { read(name) })?;
        made.insert(file.to_owned(), after.clone());
        edits.push(Edit { file: file.to_owned(), before, after, lines: stack::block(found, &behind) });
    }
    Ok(edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_that_is_over_or_on_which_nobody_would_come_in_is_refused() {
        let today = day("2026-11-23");
        let read = |text: &str| Observe::read(Some(Some(day(text))), today);
        for fine in ["2026-11-23", "2027-02-21"] {
            assert_eq!(read(fine).unwrap(), Observe::Until(day(fine)));
        }
        for (wrong, why) in [("2026-11-22", "is over"), ("2027-02-22", "more than 90 days ahead"), ("2099-01-01", "nobody in")] {
            let failing = read(wrong).unwrap_err();
            assert!(failing.to_string().contains(why), "{wrong}: {failing}");
        }
        assert_eq!(Observe::read(None, today).unwrap(), Observe::No);
        assert_eq!(Observe::read(Some(None), today).unwrap(), Observe::AWhile(day("2026-12-23")));
    }

    #[test]
    fn the_last_door_is_left_alone_unless_what_is_there_keeps_it_open_without_the_module() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places { pam: folder.path().to_owned(), ..Places::default() };
        let asked = Asked { observe: Observe::No, ask: false, today: day("2026-11-23") };
        let planned = |control: &str| {
            let ours = |kind: &str, more: &str| format!("{kind} {control} pam_jit.so{more}\n");
            let (top, bottom) = (ours("account", "") + &ours("session", ""), ours("session", " enter"));
            let text = if control.is_empty() { "account required pam_unix.so\n".to_owned() } else { top + &bottom };
            std::fs::write(folder.path().join("login"), text).unwrap();
            plan(&places, "login", &asked)
        };
        for shut in ["", "required"] {
            assert!(planned(shut).unwrap_err().to_string().starts_with("login is the last door"), "{shut}");
        }
        assert!(planned(OPEN_WITHOUT_THE_MODULE).unwrap().is_empty());
    }

    #[test]
    fn lines_that_are_there_and_not_run_as_they_must_be_are_no_success() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places { pam: folder.path().to_owned(), ..Places::default() };
        let asked = Asked { observe: Observe::No, ask: false, today: day("2026-11-23") };
        let planned = |sudo: &str, sudo_i: &str| {
            std::fs::write(folder.path().join("sudo"), sudo).unwrap();
            std::fs::write(folder.path().join("sudo-i"), sudo_i).unwrap();
            plan(&places, "sudo", &asked).map(|edits| edits.into_iter().map(|edit| edit.file).collect::<Vec<_>>())
        };
        let (account, session) = ("account required pam_jit.so\n", "session required pam_jit.so\nsession required pam_jit.so enter\n");
        let (whole, stock) = (format!("{account}{session}"), "account required pam_unix.so\nsession required pam_unix.so\n");
        assert_eq!(planned(&whole, &whole).unwrap(), [""; 0]);
        assert_eq!(planned(&whole, stock).unwrap(), ["sudo-i"]);
        let included = |before: &str| format!("{before}account include sudo\nsession include sudo\n");
        assert_eq!(planned(stock, &included("session optional pam_keyinit.so force revoke\n")).unwrap(), ["sudo"]);
        let skipped = "session sufficient pam_keyinit.so\n";
        for (sudo, sudo_i, why, help) in [
            (
                format!("{skipped}{whole}"),
                whole.clone(),
                "which is then not always run",
                "write another control for \"sufficient pam_keyinit.so\"",
            ),
            (format!("{stock}{account}"), whole.clone(), "pam_unix.so stands before our account line", "jit disable sudo, then"),
            (format!("{whole}session optional pam_motd.so\n"), whole, "pam_motd.so stands behind our last", "jit disable sudo, then"),
            (
                format!("{stock}session sufficient pam_x.so\n"),
                stock.to_owned(),
                "pam_x.so stands before our last session line",
                "write another control for \"sufficient pam_x.so\" in sudo",
            ),
            (
                stock.to_owned(),
                included(skipped),
                "pam.d/sudo-i: our lines (by pam.d/sudo) would not",
                "optional, or required. Nothing was",
            ),
        ] {
            let Failing::Failed(failure) = planned(&sudo, &sudo_i).unwrap_err() else { panic!("not a failure") };
            let said = format!("{} {}", failure.message, failure.help.unwrap());
            assert!(said.contains(why) && said.contains(help), "{said}");
        }
    }

    #[test]
    fn lines_that_are_there_are_what_was_asked_for_or_it_is_said() {
        let today = day("2026-11-23");
        let differs = |observe: Observe, ask: bool, calls: &[&str]| {
            let calls: Vec<Vec<String>> = calls.iter().map(|call| call.split_whitespace().map(str::to_owned).collect()).collect();
            Asked { observe, ask, today }.differs(&calls)
        };
        let (soon, later) = (Observe::Until(day("2026-12-01")), Observe::AWhile(day("2026-12-23")));
        let observing = ["observe=2026-12-01", "observe=2026-12-01", "enter observe=2026-12-01"];
        let asking = ["ask quiet", "", "enter"];
        for (observe, ask, calls) in [
            (Observe::No, false, ["quiet", "timeout=1s", "enter"]),
            (Observe::No, false, ["observe=2026-11-22", "observe=2026-11-22", "enter observe=2026-11-22"]),
            (soon, false, observing),
            (later, false, observing),
            (Observe::No, true, asking),
        ] {
            assert_eq!(differs(observe, ask, &calls), None, "{observe:?} {calls:?}");
        }
        for (observe, ask, calls, why) in [
            (Observe::No, false, observing, "they only observe, until 2026-12-01"),
            (Observe::No, false, ["", "", "enter observe=2026-11-23"], "they only observe"),
            (soon, false, asking, "they do not observe until 2026-12-01"),
            (later, true, asking, "they enforce"),
            (later, false, ["observe=2026-11-22", "observe=2026-11-22", "enter"], "they enforce"),
            (Observe::Until(day("2026-12-02")), false, observing, "they do not observe until 2026-12-02"),
            (Observe::No, true, ["", "", "enter"], "they do not ask"),
            (Observe::No, false, asking, "they ask"),
        ] {
            let said = differs(observe, ask, &calls);
            assert!(said.as_ref().is_some_and(|said| said.contains(why)), "{observe:?} {calls:?}: {said:?}");
        }
    }
}
