//! jitd: whether it answers at both doors, with the policy that is on disk, a record that is whole, and a clock that goes on.

use super::{Check, health};
use crate::chain::Chain;
use crate::gate::sound;
use crate::paths::{self, Paths};
use crate::soon;
use crate::talk::{Pace, Talk};
use jit_core::policy::{Policy, load};
use jit_core::time::WallTime;
use jit_proto::time::Moment;
use jit_proto::user::{Act, EventFilter, UserAnswer};
use nix::unistd::User;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::process::Command;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// One check after the other; where jitd does not answer, what only it can say is left out.
pub fn checks(talk: &Talk, now: WallTime) -> Vec<Check> {
    let mut checks = vec![sound::daemon(), sound::at_boot(), policy_on_disk(now)];
    match version(talk) {
        Ok(version) if version == VERSION => checks.push(Check::fine("version", &format!("jitd and jit are {VERSION}"))),
        Ok(version) => checks.push(Check::wrong("version", format!("jitd is {version}, jit is {VERSION}"), "systemctl restart jitd")),
        Err(why) => {
            checks.push(Check::wrong("version", format!("jitd does not answer people: {why}"), "systemctl restart jitd"));
            return checks;
        }
    }
    match health::view(talk) {
        // Without a record no policy is read, and there is no event to look at.
        Ok(view) if view.no_record.is_some() => checks.extend(health::checks(&view, now)),
        Ok(view) => {
            checks.push(policy_in_force(talk));
            checks.extend(health::checks(&view, now));
            checks.extend([clock(talk, now), chain(talk)]);
        }
        Err(check) => checks.push(check),
    }
    checks
}

fn version(talk: &Talk) -> Result<String, String> {
    let said = || {
        let conversation = talk.ask(Act::Version)?;
        let UserAnswer::Daemon(daemon) = conversation.next()? else { return Err(conversation.unexpected()) };
        Ok(daemon.version)
    };
    said().map_err(|failing| failing.to_string())
}

/// The policy of this host, as it is on disk.
///
/// # Errors
/// All that is wrong with it.
pub fn policy(now: WallTime) -> Result<Policy, Vec<load::Mistake>> {
    let around = load::Around { now, zone: jit_host::zone::host_zone() };
    paths::policy().and_then(|files| load::load(&files, around)).map(|(policy, _)| policy)
}

/// How the policy is looked at as jitd reads it.
const AS_JITD: &str = "setpriv --reuid jitd --regid jitd --init-groups jit policy check";

fn policy_on_disk(now: WallTime) -> Check {
    const NAME: &str = "policy";
    match policy(now) {
        Ok(policy) if policy.lets_nobody_in() => {
            let file = Paths::of_this_host().unwrap_or_default().policy;
            let remedy = format!("write a rule in {}; then jit reload", file.display());
            Check::wrong(NAME, "it is valid, and lets nobody in".to_owned(), &remedy)
        }
        Ok(policy) => match jitd_finds_it_valid() {
            Ok(true) => Check::fine(NAME, &format!("it is valid, with {} rules", policy.rules())),
            Ok(false) => Check::wrong(
                NAME,
                "it is valid for root, and not for the user jitd: at its next start jitd would let nobody in, unless it is in a group that only a directory knows".to_owned(),
                &format!("{AS_JITD} # says why: root's alone to write, and open to jitd or to a group that it is in"),
            ),
            Err(why) => Check::wrong(
                NAME,
                format!("it is valid for root; whether it is for the user jitd, could not be found out: setpriv: {why}"),
                &format!("{AS_JITD} # once the name service answers, which setpriv asks too"),
            ),
        },
        Err(mistakes) => Check::wrong(NAME, format!("it is not valid: {} to mend", mistakes.len()), "jit policy check"),
    }
}

/// Whether it is for whom it is read by: a mode may keep it from jitd, which runs by what it read before. Where there is no such
/// user jitd is somebody else's to start.
///
/// # Errors
/// setpriv did not end, or not start.
fn jitd_finds_it_valid() -> io::Result<bool> {
    let Ok(Some(jitd)) = User::from_name("jitd") else { return Ok(true) };
    let (Ok(jit), groups) = (std::env::current_exe(), groups_of_jitd()) else { return Ok(true) };
    let mut check = Command::new("setpriv");
    check.arg(format!("--reuid={}", jitd.uid)).arg(format!("--regid={}", jitd.gid));
    check.arg(if groups.is_empty() { "--clear-groups".to_owned() } else { format!("--groups={}", groups.join(",")) });
    check.arg(jit).args(["policy", "check"]).env("JIT_SOCKET", "/nonexistent");
    // It takes a number for a name first, and asks every source for that.
    match soon::output(&mut check) {
        Ok(output) => Ok(output.status.success()),
        // Without that program nobody can say.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// The groups that systemd gives jitd beside its own: those of this host's file, as whoever knows others could take its time, and
/// those of its unit.
fn groups_of_jitd() -> Vec<String> {
    let mut groups = groups_in(&std::fs::read_to_string("/etc/group").unwrap_or_default(), "jitd");
    if sound::has_systemd() {
        let unit = Command::new("systemctl").args(["show", "--property=SupplementaryGroups", "--value", "jitd.service"]).output();
        let named = unit.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        groups.extend(named.split_whitespace().map(str::to_owned));
    }
    groups
}

/// The numbers of the groups that a text in the form of group(5) has somebody in.
fn groups_in(text: &str, user: &str) -> Vec<String> {
    let number = |line: &str| {
        let mut fields = line.split(':').skip(2);
        let (number, members) = (fields.next()?, fields.next()?);
        members.split(',').any(|member| member == user).then(|| number.to_owned())
    };
    text.lines().filter_map(number).collect()
}

/// Whether the policy in force is the one on disk: an edit without a reload is an edit that does nothing.
pub fn policy_in_force(talk: &Talk) -> Check {
    const NAME: &str = "policy in force";
    let in_force = || {
        let conversation = talk.ask(Act::PolicyShow)?;
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        loop {
            let UserAnswer::PolicyFile { part, more } = conversation.next()? else { return Err(conversation.unexpected()) };
            // The last part is an empty one.
            if !more {
                return Ok(files);
            }
            files.entry(part.file).or_default().push_str(&part.text);
        }
    };
    let on_disk = paths::policy();
    match (in_force(), on_disk) {
        (Ok(in_force), Ok(on_disk))
            if on_disk.iter().map(|file| (file.file.clone(), file.text.clone())).collect::<BTreeMap<_, _>>() == in_force =>
        {
            Check::fine(NAME, "it is the one on disk")
        }
        (Ok(_), Ok(_)) => Check::wrong(NAME, "it is not the one on disk".to_owned(), "jit policy check && jit reload"),
        (Err(failing), _) => Check::wrong(NAME, format!("there is none: {failing}"), "jit policy check && jit reload"),
        (_, Err(_)) => Check::wrong(NAME, "the files on disk cannot be read".to_owned(), "jit policy check"),
    }
}

/// A clock behind the newest event was set back, or its battery is dead.
fn clock(talk: &Talk, now: WallTime) -> Check {
    const NAME: &str = "clock";
    let minute_ahead = Moment(now.as_millis().saturating_add(60_000));
    let mut ahead = 0_usize;
    let later = || {
        let filter = EventFilter { since: Some(minute_ahead), ..EventFilter::default() };
        let conversation = talk.ask(Act::Events(filter))?;
        conversation.events(Pace::Prompt, |events| {
            ahead = ahead.saturating_add(events.len());
            Ok(())
        })
    };
    let mut later = later;
    match later() {
        Ok(()) if ahead == 0 => Check::fine(NAME, "it is not behind the record"),
        Ok(()) => Check::wrong(
            NAME,
            format!("{ahead} events are from the future: the clock is behind"),
            "set the clock (timedatectl), and see that it is kept",
        ),
        Err(failing) => Check::wrong(NAME, failing.to_string(), "systemctl status jitd"),
    }
}

fn chain(talk: &Talk) -> Check {
    const NAME: &str = "record";
    let mut chain = Chain::new(None);
    let mut broken = None;
    let mut followed = || {
        let conversation = talk.ask(Act::Events(EventFilter::default()))?;
        conversation.record(Pace::Prompt, |part| {
            broken = broken.take().or_else(|| chain.part(&part).err());
            Ok(())
        })
    };
    let followed = followed();
    let broken = broken.or_else(|| chain.end().err());
    match (followed, broken) {
        (Ok(()), None) => Check::fine(NAME, "every event is in its place"),
        (Ok(()), Some(broken)) => {
            Check::wrong(NAME, format!("it is broken: {broken}"), "jit audit verify; keep the file, and compare with the log host")
        }
        (Err(failing), _) => Check::wrong(NAME, failing.to_string(), "systemctl status jitd"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_of_jitd_are_those_that_list_it() {
        let text = "root:x:0:\njitd:x:900:\ntty:x:5:alice,jitd\nops:x:6:jitd2\npolicy:x:7:jitd\n";
        assert_eq!(groups_in(text, "jitd"), ["5", "7"]);
    }
}
