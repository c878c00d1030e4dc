//! `jit audit verify`: jitd's record, an export of it, or a store, whether jitd runs on it or not.

use super::{Context, Ended, verdict};
use crate::chain::{self, Chain, Known};
use crate::failing::{Exit, Failing};
use crate::out::Form;
use crate::show::{json, words};
use crate::talk::{Pace, Part};
use jit_core::record::chain::Begun;
use jit_proto::user::{Act, EventFilter};
use jit_proto::view::{CheckpointView, EventView};
use jit_store::read::{self, Stopped};
use jit_store::{check_index, layout, open_copy};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The longest line of an export that is read, in bytes: as long as jitd's longest answer, so that no event of its can be longer.
const LONGEST_LINE: u64 = 64 * 1024 * 1024;
/// How a store of SQLite's begins.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// What does not fit in a chain, in words.
pub type Followed = Result<(), String>;

/// Follows the chain of events, jitd's or a file's.
pub fn verify(context: &Context, file: Option<&Path>, head: Option<Known>) -> Ended {
    let mut chain = Chain::new(head);
    let followed = match file {
        Some(file) => follow_file(&mut chain, file)?,
        None => follow_daemon(&mut chain, context)?,
    };
    let broken = followed.err();
    let hidden = match file.filter(|_| broken.is_none()) {
        Some(file) => hidden_in(file)?,
        None => None,
    };
    let (events, head) = (chain.seen(), chain::written(chain.head()));
    let valid = broken.is_none() && hidden.is_none();
    let begins = chain.beginning().filter(|_| valid).map(|(checkpoint, begun)| json::Begins {
        behind: chain::written(checkpoint.upto),
        kept: checkpoint.kept,
        kept_digest: checkpoint.kept_digest.clone(),
        said_by: match begun {
            Begun::Said { seq } => Some(seq),
            Begun::Unsaid => None,
        },
    });
    let said = match (context.out.form(), broken, hidden) {
        (Form::Json, broken, hidden) => context.out.json(&json::Verified { valid, events, head, broken: broken.or(hidden), begins }),
        (Form::Human, None, None) => context.out.say(&in_words(events, &head, begins.as_ref())),
        (Form::Human, Some(broken), _) => {
            context.out.say(&format!("The chain is broken: {}\nWhole up to there: {events} events, head {head}", words::safe(&broken)))
        }
        (Form::Human, None, Some(hidden)) => context.out.say(&format!(
            "The events are whole, but not by what jit show and jit audit log --id find them: {}\n{events} events, head {head}",
            words::safe(&hidden)
        )),
    };
    verdict(if valid { Exit::Done } else { Exit::Refused }, said)
}

/// What is whole, and what only somebody else can say of it.
fn in_words(events: u64, head: &str, begins: Option<&json::Begins>) -> String {
    let Some(json::Begins { behind, kept, kept_digest, said_by }) = begins else {
        return format!("{events} events, chain whole, head {head}");
    };
    let (upto, upto_hash) = behind.split_once(':').unwrap_or((behind, ""));
    let kept_digest = words::safe(kept_digest);
    match said_by {
        Some(seq) => format!(
            "{events} events, chain whole, head {head}\nEvents up to {upto} were archived, and {kept} of them kept here, as event {seq} says."
        ),
        None => format!(
            "{events} events, whole behind event {upto}, head {head}\n\
             Only the first line of the file says that events up to {upto} were archived, and {kept} of them kept here. An archive can end\n\
             before the event that says so too, an export of the whole record cannot. Compare it with the record, a later archive, or syslog:\n\
             audit.pruned with upto={upto} upto_hash={upto_hash} kept={kept} kept_digest={kept_digest}"
        ),
    }
}

fn follow_daemon(chain: &mut Chain, context: &Context) -> Result<Followed, Failing> {
    let conversation = context.talk.ask(Act::Events(EventFilter::default()))?;
    let mut followed = Ok(());
    conversation.record(Pace::Prompt, |part| {
        // What comes after the first break says nothing; it is read to the end to leave in good order.
        if followed.is_ok() {
            followed = chain.part(&part);
        }
        Ok(())
    })?;
    Ok(followed.and_then(|()| chain.end()))
}

fn unread(path: &Path, why: impl std::fmt::Display) -> Failing {
    let name = words::safe(&path.to_string_lossy());
    Failing::refused(format!("{name} cannot be read: {why}"), "name an export in JSON lines, or a store (events.db)")
}

/// Follows the chain of a file to its end.
pub fn follow_file(chain: &mut Chain, path: &Path) -> Result<Followed, Failing> {
    if is_store(path)? {
        return follow_store(chain, path);
    }
    let mut file = BufReader::new(File::open(path).map_err(|error| unread(path, error))?);
    let followed = follow_lines(chain, &mut file).map_err(|error| unread(path, error))?;
    // Lines can be an archive, and nothing in them can be trusted to say whether they are.
    Ok(followed.and_then(|()| chain.end_of_part()))
}

/// Follows the chain of an export or an archive.
pub fn follow_lines(chain: &mut Chain, file: &mut impl BufRead) -> std::io::Result<Followed> {
    let mut number = 0_u64;
    loop {
        let mut line = Vec::new();
        let read = Read::by_ref(file).take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(Ok(()));
        }
        number = number.saturating_add(1);
        let followed = match (event(&line), begins(&line).filter(|_| number == 1)) {
            (Some(event), _) => chain.follow(&event),
            (None, Some(begins)) => chain.begins(&begins),
            (None, None) => Err(format!("line {number} is not an event")),
        };
        if followed.is_err() {
            return Ok(followed);
        }
    }
}

fn is_store(path: &Path) -> Result<bool, Failing> {
    let mut file = BufReader::new(File::open(path).map_err(|error| unread(path, error))?);
    Ok(file.fill_buf().map_err(|error| unread(path, error))?.starts_with(SQLITE))
}

fn follow_store(chain: &mut Chain, path: &Path) -> Result<Followed, Failing> {
    let store = open_copy(path).map_err(|error| unread(path, error))?;
    layout::recognise(&store, path).map_err(|trouble| unread(path, trouble))?;
    if let Some(checkpoint) = read::checkpoint(&store).map_err(|error| unread(path, error))? {
        let (upto, kept_digest) = (checkpoint.upto, checkpoint.kept_digest);
        let view = CheckpointView { upto: upto.seq, hash: upto.hash.to_string(), kept: checkpoint.kept, kept_digest };
        if let Err(why) = chain.begins(&view) {
            return Ok(Err(why));
        }
    }
    let followed = read::each_after(&store, 0, |record| chain.follow_record(record).map(|()| true));
    Ok(followed.map_err(|stopped| stopped.to_string()).and_then(|()| chain.end()))
}

/// What is not found in a store by what it is about. Of lines each is read.
fn hidden_in(path: &Path) -> Result<Option<String>, Failing> {
    if !is_store(path)? {
        return Ok(None);
    }
    let store = open_copy(path).map_err(|error| unread(path, error))?;
    match check_index(&store) {
        Ok(()) => Ok(None),
        Err(Stopped::Said(what)) => Ok(Some(what)),
        Err(Stopped::Read(error)) => Err(unread(path, error)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    seq: u64,
    at: String,
    event: String,
    #[serde(borrow)]
    data: &'a RawValue,
    prev: String,
    hash: String,
}

/// The event of a line.
pub fn event(line: &[u8]) -> Option<EventView> {
    let Line { seq, at, event, data, prev, hash } = serde_json::from_slice(line).ok()?;
    Some(EventView { seq, at, event, data: data.get().to_owned(), prev, hash })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    checkpoint: CheckpointView,
}

/// The first line of an export of a record whose older events were archived.
fn begins(line: &[u8]) -> Option<CheckpointView> {
    let First { checkpoint } = serde_json::from_slice(line).ok()?;
    Some(checkpoint)
}

/// The same line, written.
pub fn first_line(part: &Part) -> Option<String> {
    match part {
        Part::Begins(checkpoint) => serde_json::to_string(&serde_json::json!({ "checkpoint": checkpoint })).ok(),
        Part::Events(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::sample;

    #[test]
    fn an_exported_line_reads_back_as_the_event_that_it_was() {
        for view in sample::events(2) {
            assert_eq!(event(json::event(&view).as_bytes()), Some(view));
        }
    }

    #[test]
    fn a_line_with_a_key_too_many_or_too_few_is_no_event() {
        let line = json::event(&sample::events(1).remove(0));
        assert_eq!(event(line.replace("\"seq\":1", "\"seq\":1,\"x\":1").as_bytes()), None);
        assert_eq!(event(line.replace("\"seq\":1,", "").as_bytes()), None);
        assert_eq!(event(b"\n"), None);
    }
}
