//! `jit enable`, `jit confirm`, `jit disable`, and the roll-back behind them: the way a careful engineer changes a router.

mod disable;

pub use disable::disable;

use super::{Context, Ended};
use crate::cli::EnableArgs;
use crate::doctor::Check;
use crate::failing::{Exit, Failing};
use crate::gate::lock::{self, NotLocked};
use crate::gate::pending::{self, Changed, Pending, PutBack};
use crate::gate::plan::{Asked, Edit, Observe, plan};
use crate::gate::stack::{self, Found};
use crate::gate::{Places, family, files, sound};
use crate::out::Form;
use crate::show::words;
use chrono::Utc;
use jit_core::span::Span;
use jit_host::process;
use jit_proto::place;
use nix::fcntl::Flock;
use serde::Serialize;
use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The unit that watches for changes that wait, and starts what puts them back.
const UNIT: &str = "jit-rollback.path";
/// How long somebody has, unless they say so.
const CONFIRM_WITHIN_S: u64 = 300;
/// How often, and how far apart, the lock is tried by what puts back. Then it goes on without: a jit that was stopped, or
/// hangs, must not keep everybody out.
const TRIES: u32 = 50;
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// What was done to files, as JSON.
#[derive(Debug, Serialize)]
struct Told<'a> {
    service: &'a str,
    files: Vec<String>,
    confirm_within_s: Option<u64>,
}

fn root_only() -> Result<(), Failing> {
    if nix::unistd::geteuid().is_root() { Ok(()) } else { Err(Failing::refused("only root changes the files of PAM", "run it as root")) }
}

fn io(what: &str) -> impl Fn(std::io::Error) -> Failing + '_ {
    move |error| Failing::refused(format!("{what}: {error}"), "nothing else was changed")
}

/// One change at a time.
fn lock(places: &Places) -> Result<Flock<File>, Failing> {
    lock::take(&places.lock).map_err(|not| not_locked(&not))
}

fn not_locked(not: &NotLocked) -> Failing {
    Failing::refused(not.to_string(), "wait for it, or end it")
}

fn show(context: &Context, places: &Places, edits: &[Edit]) -> Result<(), Failing> {
    for Edit { file, lines: (top, bottom), .. } in edits {
        context.out.say(&format!("{}:", places.pam.join(file).display()))?;
        top.iter().try_for_each(|line| context.out.say(&format!("  first:  {line}")))?;
        bottom.iter().try_for_each(|line| context.out.say(&format!("  last:   {line}")))?;
    }
    Ok(())
}

/// Puts our lines in.
pub fn enable(context: &Context, args: &EnableArgs) -> Ended {
    root_only()?;
    let places = Places::default();
    let _lock = lock(&places)?;
    if let Some(over) = pending::read(&places).map_err(io("what waits to be confirmed"))?.filter(Pending::is_due) {
        pending::put_back(&places, &over).map_err(io("what was not confirmed"))?;
    }
    if let Some(waiting) = pending::read(&places).map_err(io("what waits to be confirmed"))? {
        let help = "jit confirm keeps it, jit disable takes it out; then enable again";
        return Err(Failing::refused(format!("a change for {} waits to be confirmed", words::safe(&waiting.service)), help));
    }
    let today = Utc::now().date_naive();
    let asked = Asked { observe: Observe::read(args.observe, today)?, ask: args.ask, today };
    let edits = plan(&places, &args.service, &asked)?;
    let within_s = args.confirm_within.map_or(CONFIRM_WITHIN_S, Span::as_secs);
    let told =
        |within| Told { service: &args.service, files: edits.iter().map(|edit| edit.file.clone()).collect(), confirm_within_s: within };
    if edits.is_empty() {
        return match context.out.form() {
            Form::Json => context.out.json(&told(None)).map(|()| Exit::Done),
            Form::Human => context.out.say(&format!("{} has our lines already.", args.service)).map(|()| Exit::Done),
        };
    }
    if context.out.form() == Form::Human {
        show(context, &places, &edits)?;
    }
    if args.print {
        return match context.out.form() {
            Form::Json => context.out.json(&told(None)).map(|()| Exit::Done),
            Form::Human => Ok(Exit::Done),
        };
    }
    let gated = family(&args.service).first().copied().unwrap_or_default();
    must_hold(&sound::before(&context.talk, gated, context.out.clock().now()))?;
    change(&places, &args.service, &edits, within_s)?;
    match context.out.form() {
        Form::Json => context.out.json(&told(Some(within_s)))?,
        Form::Human => {
            let door = if matches!(args.service.as_str(), "ssh" | "sshd") { "ssh log-in" } else { args.service.as_str() };
            let done = if trials(&args.service).is_empty() { "Done." } else { "Done, and tried." };
            let within = Span::from_secs(within_s);
            context.out.say(&match asked.observe {
                Observe::No => format!(
                    "{done} Now come in anew through it, in another window, and run: jit confirm\n\
                     Without that from a new {door} session everything is put back in {within}."
                ),
                Observe::Until(day) | Observe::AWhile(day) => format!(
                    "{done} Until {day} it only observes: come in anew through it, in another window, and then run: {INSISTS}\n\
                     Without that everything is put back in {within}."
                ),
            })?;
            if !sound::has_systemd() {
                context.out.say(NO_SYSTEMD)?;
            }
            for said in [sound::door_that_shuts(), sound::reservation()].into_iter().flatten() {
                context.out.say(&said)?;
            }
        }
    }
    Ok(Exit::Done)
}

/// What nobody else would tell whoever restarts such a host to get in again.
const NO_SYSTEMD: &str =
    "There is no systemd here: a restart of this host puts nothing back, unless what starts services runs: jit roll-back --when-due";

/// All of it, or a refusal that names everything that does not hold.
fn must_hold(checks: &[Check]) -> Result<(), Failing> {
    let wrong: Vec<_> = checks.iter().filter(|check| !check.ok).collect();
    let Some(first) = wrong.first() else { return Ok(()) };
    let found: Vec<_> = wrong.iter().map(|check| format!("{}: {}", check.name, check.found)).collect();
    Err(Failing::refused(
        format!("nothing was changed: {}", found.join("; ")),
        first.remedy.as_ref().map(|remedy| format!("do this: {remedy}")).unwrap_or_default(),
    ))
}

/// Changes the files, with the way back made first; what fails is put back at once.
fn change(places: &Places, service: &str, edits: &[Edit], within_s: u64) -> Result<(), Failing> {
    let files_of =
        |edit: &Edit| Changed { file: edit.file.clone(), before: pending::digest(&edit.before), after: pending::digest(&edit.after) };
    let until = pending::boot_seconds().saturating_add(i64::try_from(within_s).unwrap_or(i64::MAX));
    let pending = Pending {
        service: service.to_owned(),
        files: edits.iter().map(files_of).collect(),
        boot_id: pending::boot_id(),
        made: Utc::now().timestamp_millis(),
        until,
    };
    let before: Vec<_> = edits.iter().map(|edit| (edit.file.clone(), edit.before.clone())).collect();
    pending::write(places, &pending, &before).map_err(io("the way back"))?;
    if let Err(failing) = start_roll_back() {
        pending::settle(places).map_err(io("the way back"))?;
        return Err(failing);
    }
    let mut edited = edits.iter().map(|edit| files::replace(&places.pam.join(&edit.file), &edit.after).map_err(io(&edit.file)));
    let done = edited.try_for_each(|edited| edited).and_then(|()| tried(service)).and_then(|()| in_time(places, &pending));
    done.map_err(|failing| taken_back(places, &pending, failing))
}

/// Puts back a change that failed, and says with why it did whether the new lines are out: where one stays, nobody may come in by it.
fn taken_back(places: &Places, pending: &Pending, failing: Failing) -> Failing {
    let outcomes = pending::put_back(places, pending);
    let Failing::Failed(why) = failing else { return failing };
    let outcomes = match outcomes {
        Ok(outcomes) => outcomes,
        Err(error) => {
            let message = format!("{}; the new lines are out again, and it cannot be noted that nothing waits: {error}", why.message);
            return Failing::refused(message, "what puts back does so once more, which changes nothing; look at the disk");
        }
    };
    let stuck = outcomes.iter().filter_map(|(file, outcome)| match outcome {
        PutBack::Failed(why) => Some(format!("pam.d/{file} ({})", words::safe(why))),
        PutBack::Done | PutBack::Untouched | PutBack::LinesOut => None,
    });
    let stuck: Vec<_> = stuck.collect();
    if stuck.is_empty() {
        return Failing::refused(format!("{}; the new lines are out again", why.message), why.help.unwrap_or_default());
    }
    let message = format!("{}; and what could not be put back may have the new lines still: {}", why.message, stuck.join(", "));
    let help =
        format!("jit disable {}, once the file can be written: mount -o remount,rw / where that is why", words::safe(&pending.service));
    Failing::refused(message, help)
}

/// Whether this change waits on: what puts back goes on without the lock in the end.
fn waits_on(places: &Places, pending: &Pending) -> Result<bool, Failing> {
    Ok(pending::read(places).map_err(io("what waits to be confirmed"))?.as_ref() == Some(pending))
}

fn in_time(places: &Places, pending: &Pending) -> Result<(), Failing> {
    if waits_on(places, pending)? {
        return Ok(());
    }
    Err(Failing::refused("its time was over before it was tried", "see what takes so long, or give it more: --confirm-within 10m"))
}

/// Sees to it that everything will be put back unless it is confirmed, once that is noted and before anything is changed: a
/// shipped unit watches for that, or a process of our own where there is no systemd.
fn start_roll_back() -> Result<(), Failing> {
    if sound::has_systemd() {
        let watched = Command::new("systemctl").args(["start", UNIT]).output().map_err(io("systemctl"))?;
        if watched.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&watched.stderr).trim().to_owned();
        return Err(Failing::refused(
            format!("nothing was changed: {UNIT} cannot be started: {}", words::safe(&said)),
            "install the package again",
        ));
    }
    if is_in_a_session() {
        return Err(Failing::refused(
            "nothing was changed: a grant let you in, and what puts back would end with it, as there is no systemd",
            "run it as root at the console, or from a shell that needed no grant",
        ));
    }
    let this = std::env::current_exe().map_err(io("our own program"))?;
    let mut detached = Command::new("setsid");
    detached.arg("--fork").arg(this).args(["roll-back", "--when-due"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = detached.current_dir("/").status().map_err(io("setsid"))?;
    if started.success() { Ok(()) } else { Err(Failing::refused("nothing was changed: setsid failed", "install util-linux")) }
}

/// Whether this process is in the cgroup of a session of jitd's: what is in it ends with its grant, detached or not.
fn is_in_a_session() -> bool {
    let own = jit_host::kernel::read("/proc/self/cgroup").unwrap_or_default();
    let own = String::from_utf8_lossy(&own);
    let parts: Vec<_> = own.lines().filter_map(|line| line.strip_prefix("0::")).flat_map(|path| path.split('/')).collect();
    parts.windows(2).any(|pair| matches!(pair, [folder, session] if place::is_folder(folder) && place::is_session(session)))
}

/// Root's own calls of the real programs, where there are any: they are not ours to decide, so they must still work.
fn trials(service: &str) -> &'static [&'static [&'static str]] {
    match service {
        "sudo" => &[&["sudo", "-n", "true"], &["sudo", "-n", "-i", "true"]],
        "su" => &[&["su", "root", "-c", "true"], &["su", "-", "root", "-c", "true"]],
        _ => &[],
    }
}

/// Through the new lines.
fn tried(service: &str) -> Result<(), Failing> {
    for call in trials(service) {
        let (Some(program), arguments) = (call.first(), call.get(1..).unwrap_or_default()) else { continue };
        let tried = Command::new(program).args(arguments).stdin(Stdio::null()).output().map_err(io(program))?;
        if !tried.status.success() {
            let said = String::from_utf8_lossy(&tried.stderr).trim().to_owned();
            return Err(Failing::refused(format!("{} failed through the new lines: {}", call.join(" "), words::safe(&said)), "jit doctor"));
        }
    }
    Ok(())
}

/// The change stays, if whoever says so came in through it.
pub fn confirm(context: &Context, unproven: bool) -> Ended {
    root_only()?;
    let places = Places::default();
    let _lock = lock(&places)?;
    let waiting = pending::read(&places).map_err(io("what waits to be confirmed"))?;
    let nothing = || Failing::refused("nothing waits to be confirmed", "jit enable sudo; or it was put back because the time was over");
    let waiting = waiting.ok_or_else(nothing)?;
    if !unproven && !came_in_through(context, &waiting)? {
        let message = format!("you did not come in through the new lines of {}", words::safe(&waiting.service));
        let help = if observes(&places, &waiting) {
            format!("once a new session got in: {INSISTS} (lines that only observe open no session that proves it)")
        } else {
            "open another session through them and confirm there; --unproven insists".to_owned()
        };
        return Err(Failing::refused(message, help));
    }
    if !waits_on(&places, &waiting)? {
        return Err(nothing());
    }
    must_be_in_place(&places, &waiting)?;
    pending::settle(&places).map_err(io("the confirmation"))?;
    let files = waiting.files.iter().map(|changed| changed.file.clone()).collect();
    match context.out.form() {
        Form::Json => context.out.json(&Told { service: &waiting.service, files, confirm_within_s: None })?,
        Form::Human => context.out.say(&format!("It stays. Undo: jit disable {}", words::safe(&waiting.service)))?,
    }
    Ok(Exit::Done)
}

/// Whether what is to stay is what was made, or whole all the same: whoever made it may have been ended halfway, and so may a
/// roll-back.
fn must_be_in_place(places: &Places, waiting: &Pending) -> Result<(), Failing> {
    let read = |name: &str| std::fs::read(places.pam.join(name)).ok();
    let is_in_place = |changed: &&Changed| {
        read(&changed.file).is_some_and(|now| pending::digest(&now) == changed.after)
            || stack::find(&changed.file, &read).is_ok_and(|found| found == Found::WHOLE)
    };
    let missing = waiting.files.iter().find(|changed| !is_in_place(changed));
    missing.map_or(Ok(()), |changed| {
        let message = format!("nothing was confirmed: pam.d/{} has not the lines that were to be in it", words::safe(&changed.file));
        let service = words::safe(&waiting.service);
        Err(Failing::refused(message, format!("jit disable {service}; jit enable {service}")))
    })
}

/// What keeps a change without proof.
const INSISTS: &str = "jit confirm --unproven";

/// Whether what waits to be confirmed only observes.
fn observes(places: &Places, waiting: &Pending) -> bool {
    let texts = waiting.files.iter().filter_map(|changed| std::fs::read_to_string(places.pam.join(&changed.file)).ok());
    let ours = |line: &str| line.contains("pam_jit.so") && line.contains(" observe=");
    texts.into_iter().any(|text| text.lines().any(ours))
}

/// Whether this process is in a session that jitd opened, through one of these services, after the change.
fn came_in_through(context: &Context, waiting: &Pending) -> Result<bool, Failing> {
    let jit_core::actor::Ancestry::Known(above) = process::ancestry(std::process::id()) else { return Ok(false) };
    let sessions = context.talk.list(jit_proto::user::Which::Active)?.sessions;
    Ok(sessions.iter().any(|session| {
        let ours = session.pid.is_some_and(|pid| above.iter().any(|process| process.pid == pid));
        let through = waiting.files.iter().any(|changed| changed.file == session.service)
            || family(&waiting.service).contains(&session.service.as_str());
        ours && through && session.opened.0 >= waiting.made
    }))
}

/// Puts back what waits: at once, or when its time is over. After a boot at once: nobody could confirm through a
/// session of before.
pub fn roll_back(context: &Context, when_due: bool) -> Ended {
    root_only()?;
    let places = Places::default();
    loop {
        let Some(seen) = pending::read(&places).map_err(io("what waits to be confirmed"))? else { return Ok(Exit::Done) };
        if when_due && !seen.is_due() {
            // A sleep does not count the time of a suspend; what is left is asked anew.
            std::thread::sleep(Duration::from_secs(seen.left_s().clamp(1, 30)));
            continue;
        }
        let _lock = if when_due { lock_or_go_on(&places) } else { Some(lock(&places)?) };
        // Whoever had the lock may have confirmed what was seen.
        if pending::read(&places).map_err(io("what waits to be confirmed"))?.as_ref() == Some(&seen) {
            return put_back(context, &places, &seen);
        }
    }
}

/// The lock, or none after a while: what is put back is what a file is by its digest, whoever is at work.
fn lock_or_go_on(places: &Places) -> Option<Flock<File>> {
    for _ in 0..TRIES {
        match lock::take(&places.lock) {
            Ok(lock) => return Some(lock),
            Err(NotLocked::Held(_)) => std::thread::sleep(BETWEEN_TRIES),
            Err(NotLocked::Failed(_)) => return None,
        }
    }
    None
}

fn put_back(context: &Context, places: &Places, waiting: &Pending) -> Ended {
    let done = pending::put_back(places, waiting).map_err(io("the roll-back"))?;
    for (file, outcome) in &done {
        let what = match outcome {
            PutBack::Done => "is what it was before".to_owned(),
            PutBack::Untouched => "was not changed".to_owned(),
            PutBack::LinesOut => "was edited meanwhile: our lines are out, the rest stays".to_owned(),
            PutBack::Failed(why) => format!("could not be put back: {}", words::safe(why)),
        };
        context.out.say(&format!("pam.d/{file} {what}"))?;
    }
    let failed = done.iter().any(|(_, outcome)| matches!(outcome, PutBack::Failed(_)));
    Ok(if failed { Exit::Refused } else { Exit::Done })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_trial_that_failed_it_is_said_which_files_have_the_new_lines_still() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let places = Places { pam: at("pam.d"), state: at("state"), lock: at("lock") };
        std::fs::create_dir(&places.pam).unwrap();
        let before = b"auth required pam_unix.so\n".to_vec();
        let after = stack::add("sudo", &before, Found::default(), &stack::Behind::default()).unwrap();
        let changed = |file: &str| Changed { file: file.to_owned(), before: pending::digest(&before), after: pending::digest(&after) };
        let files = ["sudo", "sudo-i"].map(changed).to_vec();
        let pending = Pending { service: "sudo".to_owned(), files, boot_id: pending::boot_id(), made: 0, until: 0 };
        let said = || {
            pending::write(&places, &pending, &["sudo", "sudo-i"].map(|file| (file.to_owned(), before.clone()))).unwrap();
            std::fs::write(places.pam.join("sudo"), &after).unwrap();
            let failing = Failing::refused("sudo -n true failed through the new lines: no", "jit doctor");
            let Failing::Failed(said) = taken_back(&places, &pending, failing) else { panic!("not a failure") };
            (said.message, said.help.unwrap())
        };
        std::fs::write(places.pam.join("sudo-i"), &after).unwrap();
        let out = "sudo -n true failed through the new lines: no; the new lines are out again";
        assert_eq!(said(), (out.to_owned(), "jit doctor".to_owned()));
        assert_eq!(std::fs::read(places.pam.join("sudo")).unwrap(), before);
        // A folder cannot be read as the file that it was.
        std::fs::remove_file(places.pam.join("sudo-i")).unwrap();
        std::fs::create_dir(places.pam.join("sudo-i")).unwrap();
        let (message, help) = said();
        assert!(message.contains("may have the new lines still: pam.d/sudo-i (") && !message.contains("out again"), "{message}");
        assert!(help.starts_with("jit disable sudo, once the file can be written"), "{help}");
        assert_eq!(pending::read(&places).unwrap(), Some(pending));
    }
}
