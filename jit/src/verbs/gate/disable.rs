//! `jit disable`: what it takes out, and what it leaves waiting.

use super::{Told, io, not_locked, root_only};
use crate::failing::{Exit, Failing};
use crate::gate::lock::{self, NotLocked};
use crate::gate::{Places, family, files, pending, stack};
use crate::out::Form;
use crate::show::words;
use crate::verbs::{Context, Ended};
use nix::fcntl::Flock;
use std::fs::File;
use std::io::ErrorKind;

/// Takes our lines out: of one service, or of all files.
pub fn disable(context: &Context, service: Option<&str>) -> Ended {
    root_only()?;
    let places = Places::default();
    let _lock = lock_where_it_can_be_made(&places)?;
    let names = match service {
        Some(service) => files_of(&places, service)?,
        None => every_file(&places)?,
    };
    let mut changed = Vec::new();
    let mut without = Vec::new();
    // One that stays as it is keeps none of the others: whoever types this may not get in any more.
    let mut kept = Vec::new();
    for name in names {
        match take_out(&places, &name) {
            Ok(Taken::Out) => changed.push(name.clone()),
            Ok(Taken::None) => {}
            Ok(Taken::Unread) => continue,
            Err(why) => {
                kept.push(words::safe(&why));
                continue;
            }
        }
        without.push(name);
    }
    let waiting = match pending::settle_without(&places, &without) {
        // It cannot be read, so nothing will be put back by it.
        Err(_) if service.is_none() => pending::settle(&places).map(|()| None),
        settled => settled,
    };
    let left = match (kept.is_empty(), service) {
        (false, _) => Err(stay(&places, &kept)),
        (true, None) => nothing_is_left(&places),
        (true, Some(_)) => Ok(Exit::Done),
    };
    match context.out.form() {
        Form::Json if left.is_err() => {}
        Form::Json => context.out.json(&Told { service: service.unwrap_or("--all"), files: changed, confirm_within_s: None })?,
        Form::Human if changed.is_empty() && !kept.is_empty() => {}
        Form::Human if changed.is_empty() => context.out.say("No file of pam.d had our lines.")?,
        Form::Human => context.out.say(&format!("Our lines are out of {}.", changed.join(", ")))?,
    }
    match waiting {
        Ok(Some(waiting)) => {
            let other = words::safe(&waiting.service);
            context.out.aside(&format!(
                "The change for {other} waits on: jit confirm keeps it, jit disable {other} takes it out; else it is put back."
            ));
        }
        Ok(None) => {}
        // What has no line of ours any more is left as it is by what puts back.
        Err(error) => {
            context.out.aside(&format!("What waits to be confirmed could not be settled: {error}. It adds no line; see jit doctor."))
        }
    }
    left
}

/// The lock; or none where it cannot be made, as without /run: the last way back must not hang on it, and nobody else has it then.
fn lock_where_it_can_be_made(places: &Places) -> Result<Option<Flock<File>>, Failing> {
    match lock::take(&places.lock) {
        Ok(lock) => Ok(Some(lock)),
        Err(NotLocked::Failed(_)) => Ok(None),
        Err(held @ NotLocked::Held(_)) => Err(not_locked(&held)),
    }
}

/// Takes our lines and marks out of files that are not understood: a line that goes on behind `\` goes as one, a comment stays and
/// goes on nowhere, as libpam has it, and letters need not be UTF-8. The packages' scripts have it too.
const BY_HAND: &str = r"LC_ALL=C sed -Ezi --follow-symlinks ':a;s/((^|\n)[^#\n]*)\\[ \t]*\n/\1 /;ta;:b;s/(^|\n)([^#\n]*pam_jit\.so|# (>>>|<<<) pam-jit)[^\n]*\n?/\1/;tb'";

/// The files whose lines stay, and why.
fn stay(places: &Places, kept: &[String]) -> Failing {
    let folder = places.pam.display();
    Failing::refused(
        format!("our lines stay in: {}", kept.join("; ")),
        format!("take them out by hand: {BY_HAND} FILE in {folder}; without the module they let nobody in"),
    )
}

/// What became of a file's lines.
enum Taken {
    Out,
    /// There were none.
    None,
    /// Nobody can say: it is a folder, perhaps.
    Unread,
}

/// Takes our lines out of one file; else why they stay.
fn take_out(places: &Places, name: &str) -> Result<Taken, String> {
    // A link stays one: it is what it leads to that has our lines.
    let path = match std::fs::canonicalize(places.pam.join(name)) {
        Ok(path) => path,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Taken::None),
        Err(_) => return Ok(Taken::Unread),
    };
    let Ok(before) = std::fs::read(&path) else { return Ok(Taken::Unread) };
    let holds = |what: &[u8]| before.windows(what.len()).any(|window| window == what);
    if !holds(b"pam_jit.so") && !holds(b">>> p") {
        return Ok(Taken::None);
    }
    let after = stack::take_out(name, &before).map_err(|not| not.to_string())?;
    if after == before {
        return Ok(Taken::None);
    }
    files::replace(&path, &after).map_err(|error| {
        let first = if error.kind() == ErrorKind::ReadOnlyFilesystem { ": first mount -o remount,rw /" } else { "" };
        format!("{}: {error}{first}", path.display())
    })?;
    Ok(Taken::Out)
}

/// The files of a service, of which one at least must be there: a name that was misspelt would else look done.
fn files_of(places: &Places, service: &str) -> Result<Vec<String>, Failing> {
    let names: Vec<String> = family(service).into_iter().map(str::to_owned).collect();
    let is_there = |name: &String| !name.is_empty() && !name.contains('/') && places.pam.join(name).exists();
    if names.iter().any(is_there) {
        return Ok(names);
    }
    Err(Failing::refused(
        format!("{} has no file for {}", places.pam.display(), words::safe(service)),
        "sudo, sshd, su, or another file of pam.d",
    ))
}

/// Refuses where a service still has lines of ours, from a file elsewhere that is included by its whole path.
fn nothing_is_left(places: &Places) -> Ended {
    let read = |name: &str| std::fs::read(places.pam.join(name)).ok();
    let mut left: Vec<_> = every_file(places)?.iter().filter_map(|name| stack::files_of_ours(name, &read).ok()).flatten().collect();
    left.sort();
    left.dedup();
    if left.is_empty() {
        return Ok(Exit::Done);
    }
    let message = format!("lines of ours are left in {}, which files of pam.d include", words::safe(&left.join(", ")));
    Err(Failing::refused(message, "take them out by hand; without the module they let nobody in"))
}

fn every_file(places: &Places) -> Result<Vec<String>, Failing> {
    let entries = std::fs::read_dir(&places.pam).map_err(io("the folder of PAM files"))?;
    let mut names: Vec<_> =
        entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| !name.starts_with('.')).collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::BY_HAND;

    #[test]
    fn the_packages_say_the_same_of_files_that_are_not_understood() {
        let scripts = [include_str!("../../../../packaging/deb/prerm"), include_str!("../../../../packaging/rpm/preun.sh")];
        for script in scripts {
            // As a shell reads it between double quotes.
            assert!(script.replace(r"\\", r"\").contains(BY_HAND), "{script}");
        }
    }
}
