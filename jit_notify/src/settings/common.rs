//! What every target has.

use super::Target;
use crate::filter::{Filter, Kinds};
use crate::retry::Retry;
use crate::template::Template;
use crate::way::Way;
use jit_core::policy::reader::{Table, Value};
use jit_core::span::Span;
use std::path::PathBuf;
use std::time::Duration;

/// The longest name of a target.
const LONGEST_NAME: usize = 32;
/// How long one try may take, unless one says otherwise, and at most.
const TIMEOUT: Span = Span::from_secs(10);
const LONGEST_TIMEOUT: Span = Span::from_secs(600);

/// A path.
pub fn path(table: &mut Table<'_>, key: &'static str, into: &mut PathBuf) {
    let Some(value) = table.take(key) else { return };
    let absolute = |text: &str| if text.starts_with('/') { Ok(PathBuf::from(text)) } else { Err("not an absolute path".to_owned()) };
    if let Some(path) = table.parsed(key, &value, absolute, "begin it with /") {
        *into = path;
    }
}

/// A template, or the usual one.
pub fn template(table: &mut Table<'_>, key: &'static str, usual: &str) -> Option<Template> {
    match table.take(key) {
        Some(value) => template_in(table, key, &value),
        None => Template::parse(usual).ok(),
    }
}

/// A template.
pub fn template_in<'a>(table: &mut Table<'a>, key: &'static str, value: &Value<'a>) -> Option<Template> {
    table.parsed(key, value, Template::parse, "words in braces stand for what the event says: {user}, {reason}, {summary}")
}

/// A target that is told in this way: its name, what it wants, how often it is tried.
pub fn target<'a>(table: &mut Table<'a>, way: impl FnOnce(&mut Table<'a>, Duration) -> Option<Way>) -> Option<Target> {
    let name = name(table);
    let events = table.require("events", "events = [\"request.*\", \"optout.taken\"]");
    let kinds = |table: &mut Table<'a>, key, value: &Value<'a>| {
        table.list(key, value, Kinds::parse, "names as `jit audit log` shows them, grant.* for all of a kind, * for all")
    };
    let events = events.map(|value| kinds(table, "events", &value));
    let not = table.take("not").map(|value| kinds(table, "not", &value)).unwrap_or_default();
    let names = |table: &mut Table<'a>, key| {
        let value = table.take(key);
        value.map(|value| table.list(key, &value, |text| Ok(text.to_owned()), "")).unwrap_or_default()
    };
    let (users, rules) = (names(table, "users"), names(table, "rules"));
    let timeout = span(table, "timeout", TIMEOUT, LONGEST_TIMEOUT);
    let retry = retry(table);
    let way = way(table, Duration::from_millis(timeout.as_millis()))?;
    Some(Target { name: name?, filter: Filter { events: events?, not, users, rules }, retry, way })
}

fn name(table: &mut Table<'_>) -> Option<String> {
    let value = table.require("name", "name = \"chat\"")?;
    let read = |text: &str| {
        let fits = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
        let good = !text.is_empty() && text.len() <= LONGEST_NAME && !text.starts_with('-') && text.bytes().all(fits);
        if good { Ok(text.to_owned()) } else { Err("not a name".to_owned()) }
    };
    table.parsed("name", &value, read, "small letters, digits and hyphens, at most 32")
}

fn retry(table: &mut Table<'_>) -> Retry {
    let usual = Retry::default();
    let Some(value) = table.take("retry") else { return usual };
    let read = |inner: &mut Table<'_>| Retry {
        first: span(inner, "first", usual.first, Span::from_secs(3600)),
        most: span(inner, "most", usual.most, Span::from_secs(86_400)),
        give_up: span(inner, "give_up", usual.give_up, jit_core::span::LONGEST),
    };
    table.table("retry", "retry", &value, read).unwrap_or(usual)
}

fn span(table: &mut Table<'_>, key: &'static str, usual: Span, most: Span) -> Span {
    let Some(value) = table.take(key) else { return usual };
    let read = |text: &str| {
        let span: Span = text.parse().map_err(|wrong: jit_core::span::NotASpan| wrong.to_string())?;
        if span <= most { Ok(span) } else { Err(format!("at most {most} are possible")) }
    };
    table.parsed(key, &value, read, "for example \"10s\" or \"5m\"").unwrap_or(usual)
}
