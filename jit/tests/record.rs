//! The record: printing it, and proving it whole.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod common;

use common::{Fake, Step, command, directory, is_harmless, jit, on_terminal, sample};
use jit_proto::time::Moment;
use jit_proto::user::{Act, EventFilter, UserAnswer};
use jit_proto::view::EventView;
use std::path::{Path, PathBuf};

fn events(events: Vec<EventView>) -> Fake {
    let first = events.iter().take(2).cloned().collect();
    let rest = events.into_iter().skip(2).collect();
    Fake::new(vec![vec![
        Step::Say(UserAnswer::Events { events: first, more: true }),
        Step::Say(UserAnswer::Events { events: rest, more: true }),
        Step::Say(UserAnswer::Events { events: vec![], more: false }),
    ]])
}

fn export(events: Vec<EventView>) -> PathBuf {
    let lines = self::events(events).jit(&["audit", "log", "--follow", "--json"]).stdout;
    let file = directory().join("export.jsonl");
    std::fs::write(&file, lines).unwrap();
    file
}

fn verify(file: &Path, more: &[&str]) -> common::Ran {
    let mut arguments = vec!["audit", "verify", "--file", file.to_str().unwrap()];
    arguments.extend(more);
    jit(Path::new("/nonexistent"), &arguments)
}

#[test]
fn the_log_is_a_line_an_event_for_people() {
    let fake = events(sample::events(3));
    let ran = fake.jit(&["audit", "log", "--since", "2026-11-23T14:00:00Z", "--until", "2026-11-24T00:00:00Z", "--kind", "request"]);
    assert_eq!((ran.code, ran.stdout.lines().count()), (0, 3));
    assert!(ran.stdout.starts_with("2026-11-23 14:04:05  request.cancelled id=R-7F3KQ2ZD user=alice seq=1 hash="), "{}", ran.stdout);
    let filter = EventFilter {
        since: Some(Moment(1_795_442_400_000)),
        until: Some(Moment(1_795_478_400_000)),
        kind: Some("request".to_owned()),
        ..EventFilter::default()
    };
    assert_eq!(fake.acts(), [Act::Events(filter)]);
}

#[test]
fn the_log_is_one_object_in_json_and_one_a_line_when_it_is_followed() {
    let one = sample::events(1).remove(0);
    let line = format!(
        r#"{{"seq":1,"at":"{}","event":"request.cancelled","data":{{"id":"R-7F3KQ2ZD","user":"alice"}},"prev":"{}","hash":"{}"}}"#,
        one.at,
        "0".repeat(64),
        one.hash
    );
    assert_eq!(events(vec![one.clone()]).jit(&["audit", "log", "--json"]).stdout, format!("{{\"events\":[{line}]}}\n"));
    assert_eq!(events(vec![one]).jit(&["audit", "log", "--json", "--follow"]).stdout, format!("{line}\n"));
}

#[test]
fn a_whole_chain_is_proved_with_its_head() {
    let all = sample::events(5);
    let head = format!("5:{}", all[4].hash);
    let ran = events(all.clone()).jit(&["audit", "verify"]);
    assert_eq!((ran.code, ran.stdout), (0, format!("5 events, chain whole, head {head}\n")));
    let short = format!("4:{}", &all[3].hash[..16]);
    let ran = events(all.clone()).jit(&["audit", "verify", "--json", "--head", &short]);
    assert_eq!(
        (ran.code, ran.stdout),
        (0, format!("{{\"valid\":true,\"events\":5,\"head\":\"{head}\",\"broken\":null,\"begins\":null}}\n"))
    );
    let ran = events(all).jit(&["audit", "verify", "--head", "9:0000000000000000"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("its end was removed"), "{}", ran.stdout);
}

#[test]
fn the_first_event_that_was_tampered_with_is_named() {
    let mut all = sample::events(5);
    all[2].data = r#"{"id":"R-7F3KQ2ZD","user":"mallory"}"#.to_owned();
    let ran = events(all.clone()).jit(&["audit", "verify"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.starts_with("The chain is broken: event 3 was altered"), "{}", ran.stdout);
    assert!(ran.stdout.contains("2 events, head 2:"), "{}", ran.stdout);
    let ran = events(all).jit(&["audit", "verify", "--json"]);
    assert!(ran.stdout.starts_with("{\"valid\":false,\"events\":2,\"head\":\"2:"), "{}", ran.stdout);
    assert!(ran.stdout.contains("\"broken\":\"event 3 was altered"), "{}", ran.stdout);
}

#[test]
fn an_export_proves_itself_without_jitd() {
    let file = export(sample::events(4));
    let ran = verify(&file, &[]);
    assert_eq!((ran.code, ran.stdout.starts_with("4 events, chain whole, head 4:")), (0, true), "{ran:?}");
    let text = std::fs::read_to_string(&file).unwrap();
    for (altered, what) in [
        (text.replacen("alice", "mallory", 1), "event 1 was altered"),
        (text.lines().skip(1).map(|line| format!("{line}\n")).collect(), "event 1 is missing"),
        (text.replacen("\"seq\":3", "\"seq\":3,\"x\":0", 1), "line 3 is not an event"),
        (format!("{text}\n"), "line 5 is not an event"),
        (text.replacen("\"alice\"}", "\"alice\" }", 1), "event 1 was altered"),
    ] {
        std::fs::write(&file, altered).unwrap();
        let ran = verify(&file, &[]);
        assert!(ran.code == 1 && ran.stdout.contains(what), "{what}: {ran:?}");
    }
}

#[test]
fn a_file_that_is_no_export_is_refused_with_the_reason() {
    let ran = verify(Path::new("/nonexistent/export"), &["--json"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.starts_with(r#"{"error":{"code":"refused","message":"/nonexistent/export cannot be read: "#), "{}", ran.stdout);
    let store = directory().join("store");
    std::fs::write(&store, b"SQLite format 3\0...").unwrap();
    assert!(verify(&store, &[]).stderr.contains("store cannot be read: "));
}

#[test]
fn a_bidi_override_in_an_event_keeps_its_bytes_in_a_file_and_is_escaped_on_a_terminal() {
    let mut head = jit_core::record::Head::NONE;
    let data = "{\"reason\":\"a\u{202e}b\"}".to_owned();
    let record = jit_core::record::Record::chained(head, jit_core::time::WallTime::from_millis(0), "request.submitted", data.clone());
    head = record.head();
    let view = EventView {
        seq: head.seq,
        at: record.at.with_millis(),
        event: record.event,
        data,
        prev: record.prev.to_string(),
        hash: record.hash.to_string(),
    };
    assert_eq!(verify(&export(vec![view.clone()]), &[]).code, 0, "the export still proves itself");
    for arguments in [&["audit", "log"][..], &["audit", "log", "--json"], &["audit", "log", "--json", "--follow"]] {
        let fake = events(vec![view.clone()]);
        let (code, shown) = on_terminal(command(arguments).env("JIT_SOCKET", &fake.socket).env("NO_COLOR", "1"), "");
        assert_eq!(code, 0);
        assert!(is_harmless(&shown.replace("\r\n", "\n")) && shown.contains("202e"), "{shown:?}");
    }
}
