//! An event in one line, as one would say it.

use crate::event::Event;
use jit_core::span::Span;
use serde_json::Value;

/// What the words of a template stand for, beside those that [`word`] makes.
pub const WORDS: &[&str] = &[
    "alert",
    "approvers",
    "as",
    "ask",
    "at",
    "by",
    "count",
    "event",
    "first",
    "for",
    "from",
    "grant",
    "hash",
    "host",
    "id",
    "json",
    "kind",
    "last",
    "note",
    "phase",
    "reason",
    "request",
    "rule",
    "seq",
    "service",
    "start",
    "summary",
    "target",
    "to",
    "tty",
    "uid",
    "until",
    "user",
    "uses",
    "verdict",
    "why",
];

/// What a word stands for in this event; nothing if the event does not say.
pub fn word(event: &Event, word: &str, host: &str) -> String {
    match word {
        "event" => event.name.clone(),
        "seq" => event.seq.to_string(),
        "at" => event.at.to_string(),
        "hash" => event.hash.clone(),
        "host" => host.to_owned(),
        "summary" => summary(event),
        "for" => event.data.get("for_s").and_then(Value::as_u64).map_or_else(String::new, |secs| Span::from_secs(secs).to_string()),
        "approvers" => approvers(event).join(", "),
        key => event.data.get(key).map_or_else(String::new, written),
    }
}

fn written(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(written).collect::<Vec<_>>().join(", "),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// Who may approve, as the policy names them.
fn approvers(event: &Event) -> Vec<String> {
    let stages = event.data.get("stages").and_then(Value::as_array).into_iter().flatten();
    stages.flat_map(|stage| stage.get("by").and_then(Value::as_array).into_iter().flatten()).map(written).collect()
}

fn summary(event: &Event) -> String {
    let say = |key: &str| word(event, key, "");
    let (user, service, run_as, id) = (say("user"), say("service"), say("as"), say("id"));
    let what = if run_as.is_empty() || run_as == "self" { service } else { format!("{service} as {run_as}") };
    match event.name.as_str() {
        "request.submitted" if approvers(event).is_empty() => format!("{user} asks for {what}, {}: {} ({id})", say("for"), say("reason")),
        "request.submitted" => {
            format!("{user} asks for {what}, {}: {} (may approve: {}; jit approve {id})", say("for"), say("reason"), say("approvers"))
        }
        "request.granted" => format!("{user}'s request {id} was granted by {}", say("by")),
        "request.denied" => format!("{user}'s request {id} was denied by {}{}", say("by"), behind(": ", &say("note"))),
        "request.lapsed" => format!("{user}'s request {id} lapsed: nobody answered"),
        "grant.issued" => format!("{user} may use {what} until {}{} ({id})", say("until"), behind(": ", &say("reason"))),
        "grant.revoked" => format!("{} took {what} away from {user}{} ({id})", say("by"), behind(": ", &say("note"))),
        "optout.taken" => {
            format!("{user} took {what} by {} opt-out {} until {}: {} ({id})", say("kind"), say("rule"), say("until"), say("reason"))
        }
        "access.denied" => format!("{user} was refused {what}: {} ({id})", say("why")),
        "access.breakglass" => format!("{user} came in by the break-glass file, {what}"),
        "notify.failed" => format!("{} events did not reach {}: {}", say("count"), say("target"), say("why")),
        _ => generic(event, &user, &what, &id),
    }
}

fn behind(before: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{before}{text}") }
}

/// The name, and what there is to say of whom, what and why.
fn generic(event: &Event, user: &str, what: &str, id: &str) -> String {
    let say = |key: &str| word(event, key, "");
    let parts = [
        user.to_owned(),
        what.to_owned(),
        behind("by ", &say("by")),
        behind("until ", &say("until")),
        behind("rule ", &say("rule")),
        say("why"),
        say("note"),
        id.to_owned(),
    ];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!("{}{}", event.name, behind(": ", &parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_core::time::WallTime;
    use jit_proto::view::EventView;

    fn said(name: &str, data: &str) -> String {
        let (at, event, data) = ("2026-11-23T12:00:00.000Z".to_owned(), name.to_owned(), data.to_owned());
        let view = EventView { seq: 1, at, event, data, prev: "0".repeat(64), hash: "1".repeat(64) };
        summary(&Event::read(&view).unwrap())
    }

    #[test]
    fn an_event_is_said_as_one_would() {
        let sample = Event::sample(WallTime::from_millis(0)).unwrap();
        assert_eq!(
            summary(&sample),
            "sample asks for sudo as root, 30m: this is a test of jit-notify; nobody asked for anything (may approve: group:sample; jit approve R-00000000)"
        );
        let revoked = r#"{"id":"G-1","user":"alice","service":"sudo","as":"root","by":"carol","note":null}"#;
        assert_eq!(said("grant.revoked", revoked), "carol took sudo as root away from alice (G-1)");
        assert_eq!(said("daemon.stopped", r#"{"version":"0.1"}"#), "daemon.stopped");
        assert_eq!(said("optout.overdue", r#"{"id":"G-1","user":"bob","rule":"oncall"}"#), "optout.overdue: bob, rule oncall, G-1");
    }

    #[test]
    fn every_word_is_known_once_and_in_order() {
        assert!(WORDS.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
