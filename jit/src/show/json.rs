//! JSON objects, key by key as DESIGN.md 6a names them. Most are the views of the protocol as they are.

use crate::talk::Listing;
use jit_core::text;
use jit_proto::time::Moment;
use jit_proto::view::{
    EventView, Failure, FailureCode, GrantView, MistakeView, OptoutView, RequestView, RuleView, SessionView, Shown, StatusView,
};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Any failure.
#[derive(Debug, Serialize)]
pub struct Failed<'a> {
    error: Error<'a>,
}

#[derive(Debug, Serialize)]
struct Error<'a> {
    code: FailureCode,
    message: &'a str,
    help: Option<&'a str>,
    rule: Option<&'a str>,
}

impl<'a> Failed<'a> {
    /// That failure.
    pub fn of(failure: &'a Failure) -> Self {
        let Failure { code, message, help, rule } = failure;
        Self { error: Error { code: *code, message, help: help.as_deref(), rule: rule.as_deref() } }
    }
}

/// What drop and revoke answer.
#[derive(Debug, Serialize)]
pub struct Grants<'a> {
    /// The grants that were ended.
    pub grants: &'a [GrantView],
}

/// What optouts answers.
#[derive(Debug, Serialize)]
pub struct Optouts<'a> {
    optouts: Vec<Optout<'a>>,
}

#[derive(Debug, Serialize)]
struct Optout<'a> {
    rule: &'a str,
    kind: &'a str,
    owner: Option<&'a str>,
    until: Option<Moment>,
    days_left: Option<i64>,
    uses: u32,
    last_used: Option<Moment>,
    stale: bool,
    reviews_due: u32,
}

impl<'a> Optouts<'a> {
    /// Those opt-outs.
    pub fn of(optouts: &'a [OptoutView]) -> Self {
        let one = |optout: &'a OptoutView| Optout {
            rule: &optout.rule,
            kind: &optout.kind,
            owner: optout.owner.as_deref(),
            until: optout.until,
            days_left: optout.days_left,
            uses: optout.uses,
            last_used: optout.last_used,
            stale: optout.stale,
            reviews_due: optout.reviews_due,
        };
        Self { optouts: optouts.iter().map(one).collect() }
    }
}

/// What list answers.
#[derive(Debug, Serialize)]
pub struct Listed<'a> {
    requests: &'a [RequestView],
    grants: &'a [GrantView],
    sessions: &'a [SessionView],
}

impl<'a> Listed<'a> {
    /// All of it.
    pub fn of(listing: &'a Listing) -> Self {
        Self { requests: &listing.requests, grants: &listing.grants, sessions: &listing.sessions }
    }
}

/// What reload and policy check answer.
#[derive(Debug, Serialize)]
pub struct Checked<'a> {
    /// Whether it can be used.
    pub valid: bool,
    /// What is wrong.
    pub errors: &'a [MistakeView],
    /// What is doubtful.
    pub warnings: &'a [MistakeView],
}

/// What policy explain answers.
#[derive(Debug, Serialize)]
pub struct Explained<'a> {
    /// `grant`, `request`, `emergency`, `deny`, `none`, `ignore`.
    pub answer: &'a str,
    /// The rule that decides.
    pub rule: Option<&'a str>,
    /// How each rule fared.
    pub why: &'a [RuleView],
}

/// What policy show answers.
#[derive(Debug, Serialize)]
pub struct Files<'a> {
    /// The files in force.
    pub files: &'a [jit_proto::view::FileView],
}

/// What audit verify answers.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// Whether the chain is whole.
    pub valid: bool,
    /// How many events are.
    pub events: u64,
    /// Where the whole part of it stands: `SEQ:HASH`.
    pub head: String,
    /// Where it breaks.
    pub broken: Option<String>,
    /// Where it begins, if it is whole and older events were archived.
    pub begins: Option<Begins>,
}

/// Where a record begins of which older events were archived.
#[derive(Debug, Serialize)]
pub struct Begins {
    /// The last of the archived part: `SEQ:HASH`.
    pub behind: String,
    /// How many events of that part were kept.
    pub kept: u64,
    /// The SHA-256 of their hashes.
    pub kept_digest: String,
    /// The event in it that says so; none: it is still to be compared with the one that does.
    pub said_by: Option<u64>,
}

/// What version answers.
#[derive(Debug, Serialize)]
pub struct Versions<'a> {
    /// Of this program.
    pub jit: &'a str,
    /// Of the daemon.
    pub jitd: Option<&'a str>,
    /// The protocol that the daemon speaks.
    pub protocol: Option<u8>,
}

/// What status answers. Notices are words to people: they are no key of it.
pub fn status(status: &StatusView) -> Value {
    let mut value = serde_json::to_value(status).unwrap_or_default();
    if let Some(object) = value.as_object_mut() {
        object.shift_remove("notices");
    }
    value
}

/// What show answers.
pub fn shown(shown: &Shown, events: &[EventView]) -> Map<String, Value> {
    let (kind, value) = match shown {
        Shown::Request(request) => ("request", serde_json::to_value(request)),
        Shown::Grant(grant) => ("grant", serde_json::to_value(grant)),
        Shown::Session(session) => ("session", serde_json::to_value(session)),
        Shown::Denial(denial) => ("denial", serde_json::to_value(denial)),
    };
    let events = events.iter().map(|one| serde_json::from_str(&event(one)).unwrap_or_default()).collect();
    Map::from_iter([(kind.to_owned(), value.unwrap_or_default()), ("events".to_owned(), Value::Array(events))])
}

#[derive(Serialize)]
struct Event<'a> {
    seq: u64,
    at: &'a str,
    event: &'a str,
    data: &'a RawValue,
    prev: &'a str,
    hash: &'a str,
}

/// One event. Its data stand as they were stored and hashed, byte by byte, so that whoever has the line can
/// check it; only what is no JSON object on one line is put in quotes.
pub fn event(view: &EventView) -> String {
    let EventView { seq, at, event, data, prev, hash } = view;
    let stored = RawValue::from_string(data.clone()).ok().filter(|_| data.starts_with('{') && !data.contains(['\n', '\r']));
    let quoted = || RawValue::from_string(Value::from(data.as_str()).to_string());
    let Some(data) = stored.or_else(|| quoted().ok()) else { return "null".to_owned() };
    serde_json::to_string(&Event { seq: *seq, at, event, data: &data, prev, hash }).unwrap_or_default()
}

/// Events: `{"events":[...]}`.
pub fn events(views: &[EventView]) -> String {
    let events: Vec<_> = views.iter().map(event).collect();
    format!("{{\"events\":[{}]}}", events.join(","))
}

/// The same JSON with everything escaped that a terminal could take for a command, or that turns text round.
/// Outside of strings JSON has no such character.
pub fn harmless(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for letter in json.chars() {
        if text::is_unsafe(letter) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(letter);
        }
    }
    shown
}

#[cfg(test)]
mod tests;
