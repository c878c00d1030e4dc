//! `jit audit log` and `jit audit verify`.

use super::{Context, Ended};
use crate::chain::{self, Chain, Known};
use crate::cli::LogArgs;
use crate::failing::{Exit, Failing};
use crate::out::Form;
use crate::show::{full, json, words};
use crate::talk::Pace;
use jit_proto::user::{Act, EventFilter};
use jit_proto::view::EventView;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The longest line of an export that is read, in bytes.
const LONGEST_LINE: u64 = 1024 * 1024;
/// How a store of SQLite's begins.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// Prints events.
pub fn log(context: &Context, args: LogArgs) -> Ended {
    let clock = context.out.clock();
    let LogArgs { since, until, user, kind, id, follow } = args;
    let since = since.map(|when| when.begins(clock));
    let until = until.map(|when| when.ends(clock));
    let conversation = context.talk.ask(Act::Events(EventFilter { since, until, user, kind, id, follow }))?;
    if follow {
        conversation.events(Pace::AsTheyCome, |events| events.iter().try_for_each(|event| say_event(context, event)))?;
        return Ok(Exit::Done);
    }
    // All of it before a word is printed: a pager that is not read would keep jitd waiting.
    let mut all = Vec::new();
    conversation.events(Pace::Prompt, |events| {
        all.extend(events);
        Ok(())
    })?;
    match context.out.form() {
        Form::Json => context.out.json_events(&all)?,
        Form::Human => all.iter().try_for_each(|event| say_event(context, event))?,
    }
    Ok(Exit::Done)
}

fn say_event(context: &Context, event: &EventView) -> Result<(), Failing> {
    let clock = context.out.clock();
    match context.out.form() {
        Form::Json => context.out.json_event(event),
        Form::Human => context.out.say(&full::event(event, |moment| clock.full(moment))),
    }
}

/// Follows the chain of events, jitd's or a file's.
pub fn verify(context: &Context, file: Option<&Path>, head: Option<Known>) -> Ended {
    let mut chain = Chain::new(head);
    let followed = match file {
        Some(file) => follow_file(&mut chain, file)?,
        None => follow_daemon(&mut chain, context)?,
    };
    let broken = followed.and_then(|()| chain.end()).err();
    let (events, head) = (chain.head().seq, chain::written(chain.head()));
    let valid = broken.is_none();
    match (context.out.form(), broken) {
        (Form::Json, broken) => context.out.json(&json::Verified { valid, events, head, broken })?,
        (Form::Human, None) => context.out.say(&format!("{events} events, chain whole, head {head}"))?,
        (Form::Human, Some(broken)) => {
            context.out.say(&format!("The chain is broken: {}\nWhole up to there: {events} events, head {head}", words::safe(&broken)))?;
        }
    }
    Ok(if valid { Exit::Done } else { Exit::Refused })
}

/// What does not fit in a chain, in words.
type Followed = Result<(), String>;

fn follow_daemon(chain: &mut Chain, context: &Context) -> Result<Followed, Failing> {
    let conversation = context.talk.ask(Act::Events(EventFilter::default()))?;
    let mut followed = Ok(());
    conversation.events(Pace::Prompt, |events| {
        // What comes after the first break says nothing; it is read to the end to leave in good order.
        if followed.is_ok() {
            followed = events.iter().try_for_each(|event| chain.follow(event));
        }
        Ok(())
    })?;
    Ok(followed)
}

fn follow_file(chain: &mut Chain, path: &Path) -> Result<Followed, Failing> {
    let name = path.to_string_lossy().into_owned();
    let unread = |why: String| Failing::refused(format!("{} cannot be read: {why}", words::safe(&name)), "name an export in JSON lines");
    let mut file = BufReader::new(File::open(path).map_err(|error| unread(error.to_string()))?);
    if file.fill_buf().map_err(|error| unread(error.to_string()))?.starts_with(SQLITE) {
        return Err(unread("it is a store, not an export".to_owned()));
    }
    let mut number = 0_u64;
    loop {
        let mut line = Vec::new();
        let read = Read::by_ref(&mut file).take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(|error| unread(error.to_string()))?;
        if read == 0 {
            return Ok(Ok(()));
        }
        number = number.saturating_add(1);
        let followed = match event(&line) {
            Some(event) => chain.follow(&event),
            None => Err(format!("line {number} is not an event")),
        };
        if followed.is_err() {
            return Ok(followed);
        }
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

fn event(line: &[u8]) -> Option<EventView> {
    let Line { seq, at, event, data, prev, hash } = serde_json::from_slice(line).ok()?;
    Some(EventView { seq, at, event, data: data.get().to_owned(), prev, hash })
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
