//! `jit audit prune` and `jit audit backup`: the record on another disk.

use super::{Context, Ended, verify};
use crate::chain::{self, Chain};
use crate::failing::{Exit, Failing};
use crate::out::Form;
use crate::paths::{self, Paths};
use crate::show::times::When;
use crate::show::{json, words};
use crate::talk::{Conversation, Pace, Part};
use crate::whole_file::sync_directory_of;
use jit_proto::time::Moment;
use jit_proto::user::{Act, UserAnswer};
use jit_store::{copy, file_in};
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

#[derive(Serialize)]
struct Archived<'a> {
    file: &'a str,
    events: u64,
    head: &'a str,
}

fn failed(path: &Path, error: impl std::fmt::Display) -> Failing {
    Failing::refused(format!("{}: {error}", words::safe(&path.to_string_lossy())), "name a file that is not there yet, on a disk with room")
}

/// Writes all events before a moment to a file, proves that they are there, and has jitd take them out.
pub fn prune(context: &Context, before: When, to: &Path) -> Ended {
    let before = before.begins(context.out.clock());
    let (upto, events) = write_archive(context, before, to)?;
    let conversation = context.talk.ask(Act::Prune { upto: upto.clone(), before })?;
    let UserAnswer::Archive { upto } = conversation.next()? else { return Err(conversation.unexpected()) };
    let file = to.to_string_lossy();
    match context.out.form() {
        Form::Json => context.out.json(&Archived { file: &file, events, head: &upto })?,
        Form::Human => context.out.say(&format!(
            "{events} events are in {}, up to {upto}, and no longer in the record, but for those that it still rests on.\nKeep the file: jit audit verify --file {0} proves it whole.",
            words::safe(&file)
        ))?,
    }
    Ok(Exit::Done)
}

fn write_archive(context: &Context, before: Moment, to: &Path) -> Result<(String, u64), Failing> {
    let conversation = context.talk.ask(Act::Archive { before })?;
    let UserAnswer::Archive { upto } = conversation.next()? else { return Err(conversation.unexpected()) };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(|error| failed(to, error))?;
    fill_archive(&conversation, file, to, upto).inspect_err(|_| {
        // Half an archive is none, and nothing was taken out. It is this one: a file that was there before was not opened.
        let _ = std::fs::remove_file(to);
    })
}

fn fill_archive(conversation: &Conversation<'_>, file: File, to: &Path, upto: String) -> Result<(String, u64), Failing> {
    let mut file = BufWriter::new(file);
    conversation.record(Pace::Prompt, |part| write_part(&mut file, &part).map_err(|error| failed(to, error)))?;
    let file = file.into_inner().map_err(|error| failed(to, error.error()))?;
    file.sync_all().map_err(|error| failed(to, error))?;
    sync_directory_of(to);
    // What was written is read again: jitd takes out nothing that is not there.
    let mut chain = Chain::new(None);
    verify::follow_file(&mut chain, to)?.map_err(|broken| failed(to, broken))?;
    if chain::written(chain.head()) == upto { Ok((upto, chain.seen())) } else { Err(failed(to, "it does not end where the archive does")) }
}

fn write_part(file: &mut BufWriter<File>, part: &Part) -> std::io::Result<()> {
    if let Some(line) = verify::first_line(part) {
        writeln!(file, "{line}")?;
    }
    if let Part::Events(events) = part {
        for event in events {
            writeln!(file, "{}", json::event(event))?;
        }
    }
    Ok(())
}

fn in_doubt(note: &Path) -> Failing {
    let why = format!("the record's disk fails, and its newest events may be ones that were refused ({})", note.display());
    Failing::refused(why, "mend the disk; jitd takes them out within a second or two, or when it starts; then back up")
}

/// Copies the store while jitd writes to it.
pub fn backup(context: &Context, to: &Path, state: Option<&Path>) -> Ended {
    let (store, note) = match state {
        Some(state) => (file_in(state), None),
        None => {
            let paths = Paths::of_this_host().map_err(|mistakes| paths::not_known(&mistakes))?;
            (file_in(&paths.state), Some(paths.in_doubt()))
        }
    };
    let doubt = || note.as_deref().filter(|note| note.exists()).map(in_doubt);
    if let Some(doubt) = doubt() {
        return Err(doubt);
    }
    let head = copy(&store, to).map_err(|error| failed(to, error))?;
    if let Some(doubt) = doubt() {
        std::fs::remove_file(to).map_err(|error| failed(to, error))?;
        return Err(doubt);
    }
    sync_directory_of(to);
    let (file, head, events) = (to.to_string_lossy(), chain::written(head), head.seq);
    match context.out.form() {
        Form::Json => context.out.json(&Archived { file: &file, events, head: &head })?,
        Form::Human => context.out.say(&format!("{events} events are in {}, head {head}", words::safe(&file)))?,
    }
    Ok(Exit::Done)
}
