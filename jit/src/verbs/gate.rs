//! `jit enable`, `jit confirm`, `jit disable`, and the roll-back behind them: the way a careful engineer changes a router.

use super::{Context, Ended};
use crate::cli::EnableArgs;
use crate::doctor::Check;
use crate::failing::{Exit, Failing};
use crate::gate::pending::{self, Changed, Pending, PutBack};
use crate::gate::plan::{Asked, Edit, Observe, not_understood, plan};
use crate::gate::{Places, family, files, sound, stack};
use crate::out::Form;
use crate::show::words;
use chrono::Utc;
use jit_core::span::Span;
use jit_host::process;
use nix::fcntl::{Flock, FlockArg};
use serde::Serialize;
use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The unit that watches for changes that wait, and starts what puts them back.
const UNIT: &str = "jit-rollback.path";
/// How long somebody has, unless they say so.
const CONFIRM_WITHIN_S: u64 = 300;
/// How often, and how far apart, one looks for a change that is about to be noted.
const LOOKS: u32 = 20;
const LOOK: Duration = Duration::from_millis(100);
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
    let folder = File::open(&places.pam).map_err(io("the folder of PAM files"))?;
    Flock::lock(folder, FlockArg::LockExclusiveNonblock)
        .map_err(|(_, errno)| Failing::refused(format!("another jit changes the files of PAM: {}", errno.desc()), "wait for it"))
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
    if let Some(over) = pending::read(&places).map_err(io("what waits to be confirmed"))?.filter(is_due) {
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
            context.out.say(&format!(
                "{done} Now come in anew through it, in another window, and run: jit confirm\n\
                 Without that from a new {door} session everything is put back in {}.",
                Span::from_secs(within_s)
            ))?;
        }
    }
    Ok(Exit::Done)
}

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
    prepare_roll_back()?;
    pending::write(places, &pending, &before).map_err(io("the way back"))?;
    let mut edited = edits.iter().map(|edit| files::replace(&places.pam.join(&edit.file), &edit.after).map_err(io(&edit.file)));
    let done = edited.try_for_each(|edited| edited).and_then(|()| tried(service));
    if done.is_err() {
        pending::put_back(places, &pending).map_err(io("the way back"))?;
    }
    done
}

/// Sees to it that everything will be put back unless it is confirmed, before anything waits: a shipped unit watches for
/// that, or a process of our own where there is no systemd.
fn prepare_roll_back() -> Result<(), Failing> {
    if std::path::Path::new("/run/systemd/system").exists() {
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
    let this = std::env::current_exe().map_err(io("our own program"))?;
    let mut detached = Command::new("setsid");
    detached.arg("--fork").arg(this).args(["roll-back", "--when-due"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = detached.current_dir("/").status().map_err(io("setsid"))?;
    if started.success() { Ok(()) } else { Err(Failing::refused("nothing was changed: setsid failed", "install util-linux")) }
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
            return Err(Failing::refused(
                format!("{} failed through the new lines, so they are out again: {}", call.join(" "), words::safe(&said)),
                "jit doctor",
            ));
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
    let Some(waiting) = waiting else {
        return Err(Failing::refused("nothing waits to be confirmed", "jit enable sudo; or it was put back because the time was over"));
    };
    if !unproven && !came_in_through(context, &waiting)? {
        let message = format!("you did not come in through the new lines of {}", words::safe(&waiting.service));
        return Err(Failing::refused(message, "open another session through them and confirm there; --unproven insists"));
    }
    pending::settle(&places).map_err(io("the confirmation"))?;
    let files = waiting.files.iter().map(|changed| changed.file.clone()).collect();
    match context.out.form() {
        Form::Json => context.out.json(&Told { service: &waiting.service, files, confirm_within_s: None })?,
        Form::Human => context.out.say(&format!("It stays. Undo: jit disable {}", words::safe(&waiting.service)))?,
    }
    Ok(Exit::Done)
}

/// Whether this process is in a session that jitd opened, through one of these services, after the change.
fn came_in_through(context: &Context, waiting: &Pending) -> Result<bool, Failing> {
    let (jit_core::actor::Ancestry::Known(above), _) = process::lineage(std::process::id()) else { return Ok(false) };
    let sessions = context.talk.list(jit_proto::user::Which::Active)?.sessions;
    Ok(sessions.iter().any(|session| {
        let ours = session.pid.is_some_and(|pid| above.iter().any(|process| process.pid == pid));
        let through = waiting.files.iter().any(|changed| changed.file == session.service)
            || family(&waiting.service).contains(&session.service.as_str());
        ours && through && session.opened.0 >= waiting.made
    }))
}

/// Takes our lines out: of one service, or of all files.
pub fn disable(context: &Context, service: Option<&str>) -> Ended {
    root_only()?;
    let places = Places::default();
    let _lock = lock(&places)?;
    let names: Vec<String> = match service {
        Some(service) => family(service).into_iter().map(str::to_owned).collect(),
        None => every_file(&places)?,
    };
    let mut changed = Vec::new();
    for name in names {
        let path = places.pam.join(&name);
        let Ok(before) = std::fs::read(&path) else { continue };
        if !before.windows(b"pam_jit.so".len()).any(|window| window == b"pam_jit.so") && !before.windows(5).any(|window| window == b">>> p")
        {
            continue;
        }
        let after = stack::take_out(&name, &before).map_err(|not| not_understood(&not))?;
        if after != before {
            files::replace(&path, &after).map_err(io(&path.display().to_string()))?;
            changed.push(name);
        }
    }
    pending::settle(&places).map_err(io("what waited to be confirmed"))?;
    match context.out.form() {
        Form::Json => context.out.json(&Told { service: service.unwrap_or("--all"), files: changed, confirm_within_s: None })?,
        Form::Human if changed.is_empty() => context.out.say("No file of pam.d had our lines.")?,
        Form::Human => context.out.say(&format!("Our lines are out of {}.", changed.join(", ")))?,
    }
    Ok(Exit::Done)
}

fn every_file(places: &Places) -> Result<Vec<String>, Failing> {
    let entries = std::fs::read_dir(&places.pam).map_err(io("the folder of PAM files"))?;
    let mut names: Vec<_> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| !name.starts_with('.')).collect();
    names.sort();
    Ok(names)
}

/// Whether the time of a change is over. After a boot it is.
fn is_due(waiting: &Pending) -> bool {
    waiting.until <= pending::boot_seconds() || waiting.boot_id != pending::boot_id()
}

/// Puts back what waits: at once, or when its time is over. After a boot at once: nobody could confirm through a
/// session of before.
pub fn roll_back(context: &Context, when_due: bool) -> Ended {
    root_only()?;
    let places = Places::default();
    let mut looks = 0_u32;
    loop {
        let Some(waiting) = pending::read(&places).map_err(io("what waits to be confirmed"))? else {
            // Without systemd this is started just before the change is noted.
            looks = looks.saturating_add(1);
            if !when_due || looks > LOOKS {
                return Ok(Exit::Done);
            }
            std::thread::sleep(LOOK);
            continue;
        };
        looks = LOOKS;
        if when_due && !is_due(&waiting) {
            let left = waiting.until.saturating_sub(pending::boot_seconds());
            // A sleep does not count the time of a suspend; what is left is asked anew.
            std::thread::sleep(Duration::from_secs(u64::try_from(left.min(30)).unwrap_or(1)));
            continue;
        }
        let _lock = match lock(&places) {
            Ok(lock) => lock,
            Err(_) if when_due => {
                std::thread::sleep(Duration::from_millis(200));
                continue;
            }
            Err(failing) => return Err(failing),
        };
        let done = pending::put_back(&places, &waiting).map_err(io("the roll-back"))?;
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
        return Ok(if failed { Exit::Refused } else { Exit::Done });
    }
}
