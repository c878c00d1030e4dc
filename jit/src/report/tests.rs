mod quarter;

use super::csv::{Row, Sink, heading};
use super::facts::{Facts, Held};
use super::html::{About, page};
use super::{Fold, Period};
use crate::failing::Failing;
use crate::show::sample;
use crate::show::times::Clock;
use jit_proto::view::{EventView, OptoutView};

/// Ninety days before the samples' now.
fn period() -> Period {
    sample::moment("2026-08-25T14:34:00Z").0..sample::moment(sample::NOW).0
}

struct Lines(Vec<String>);

impl Sink for Lines {
    fn row(&mut self, row: &Row) -> Result<(), Failing> {
        self.0.push(row.line());
        Ok(())
    }
}

fn event(seq: u64, at: &str, event: &str, data: &str) -> EventView {
    EventView { seq, at: at.to_owned(), event: event.to_owned(), data: data.to_owned(), ..sample::events(1).remove(0) }
}

fn issued(id: &str, user: &str, kind: &str, until: &str) -> String {
    format!(
        r#"{{"id":"{id}","user":"{user}","uid":1001,"service":"sudo","as":"root","until":"{until}","by":["carol"],"reason":"INC-42","rule":"r","kind":"{kind}","waits_for_s":null,"starts":null}}"#
    )
}

fn ended(id: &str, user: &str) -> String {
    format!(r#"{{"id":"{id}","user":"{user}","service":"sudo","as":"root"}}"#)
}

fn taken(id: &str, user: &str, due: &str) -> String {
    format!(
        r#"{{"id":"{id}","user":"{user}","service":"sudo","as":"root","rule":"oncall","kind":"emergency","reason":"db down","review_due":"{due}"}}"#
    )
}

fn fold(events: &[EventView], live: Vec<Held>, optouts: Vec<OptoutView>) -> (Facts, String) {
    let mut lines = Lines(vec![heading()]);
    let mut lookup = |id: &str| {
        let before = sample::moment("2026-08-20T00:00:00Z").0;
        let over = match id {
            "G-BEF0RE00" => None,
            "G-0VER0000" => Some(before + 1_800_000),
            "G-00000001" => return Some(Held::shown(sample::grant(), events)),
            _ => return None,
        };
        Some(Held { issued: before, from: Some(before), over, ..Held::from(sample::grant()) })
    };
    let mut fold = Fold::new(period(), &mut lookup, &mut lines);
    events.iter().for_each(|event| fold.event(event).unwrap());
    let facts = fold.finish(live, optouts, "7:9f2c41d07be1a355".to_owned()).unwrap();
    (facts, lines.0.concat())
}

fn shown(facts: &Facts) -> String {
    page(facts, &About { host: "web1", by: "erin", clock: Clock::standing(sample::NOW) })
}

#[test]
fn who_held_what_how_long_and_how_it_ended() {
    let until = "2026-11-01T11:00:00Z";
    let events = [
        event(1, "2026-11-01T10:00:00.000Z", "grant.issued", &issued("G-00000001", "alice", "approved", until)),
        event(2, "2026-11-01T10:01:00.000Z", "session.opened", r#"{"id":"S-1","grant":"G-00000001","user":"alice"}"#),
        event(3, "2026-11-01T10:02:00.000Z", "session.opened", r#"{"id":"S-2","grant":"G-00000001","user":"alice"}"#),
        event(
            4,
            "2026-11-01T10:30:00.000Z",
            "grant.revoked",
            &ended("G-00000001", "alice").replace('}', r#","by":"dave","note":"wrong host"}"#),
        ),
        event(5, "2026-11-02T10:00:00.000Z", "grant.issued", &issued("G-00000002", "bob", "login", "2026-11-02T12:00:00Z")),
        event(6, "2026-11-02T12:00:00.000Z", "grant.expired", &ended("G-00000002", "bob")),
    ];
    let (facts, table) = fold(&events, Vec::new(), Vec::new());
    let alice = &facts.people["alice"];
    assert_eq!((alice.grants, alice.held_ms, alice.sessions), (1, 1_800_000, 2));
    assert_eq!(facts.deciders["dave"].revoked, 1);
    assert_eq!(facts.longest.iter().map(|past| past.grant.user.as_str()).collect::<Vec<_>>(), ["bob", "alice"]);
    assert_eq!(facts.most_used.iter().map(|past| past.grant.sessions).collect::<Vec<_>>(), [2]);
    assert!(table.contains("grant,G-00000001,alice,sudo,root,approved,r,2026-11-01T10:00:00Z,2026-11-01T10:00:00Z,2026-11-01T10:30:00Z,1800,revoked by dave,carol,INC-42,2,,wrong host,\r\n"), "{table}");
}

#[test]
fn a_grant_from_before_the_time_counts_from_its_beginning_and_one_that_lives_to_its_end() {
    let events = [event(9, "2026-08-26T14:34:00.000Z", "grant.expired", &ended("G-BEF0RE00", "alice"))];
    let live = Held { id: "G-L1VE0000".to_owned(), user: "bob".to_owned(), ..Held::from(sample::grant()) };
    let (facts, table) = fold(&events, vec![live], Vec::new());
    assert_eq!(facts.people["alice"].held_ms, 86_400_000);
    assert_eq!(facts.people["bob"].held_ms, 240_000, "from 14:30 to now, 14:34");
    assert!(table.contains("grant,G-L1VE0000,bob") && table.contains(",active,"), "{table}");
    let page = shown(&facts);
    assert!(page.contains("<span class=\"tag ok\">open</span>"), "{page}");
}

/// An approval is revoked after its grant is over, so that nobody repeats it; and what a standing exemption left running.
#[test]
fn a_grant_that_is_revoked_after_its_end_is_counted_once_and_no_longer_than_it_was_held() {
    let revoked = |id: &str| ended(id, "alice").replace('}', r#","by":"carol","note":"no more"}"#);
    let events = [
        event(1, "2026-11-01T10:00:00.000Z", "grant.issued", &issued("G-00000001", "alice", "approved", "2026-11-01T10:30:00Z")),
        event(2, "2026-11-01T10:30:00.000Z", "grant.expired", &ended("G-00000001", "alice")),
        event(3, "2026-11-01T15:00:00.000Z", "grant.revoked", &revoked("G-00000001")),
        event(4, "2026-11-01T15:00:00.000Z", "grant.revoked", &revoked("G-0VER0000")),
        event(5, "2026-11-01T15:00:00.000Z", "grant.revoked", &revoked("G-F0RG0T00")),
    ];
    let (facts, table) = fold(&events, Vec::new(), Vec::new());
    assert_eq!((facts.people["alice"].held_ms, facts.deciders["carol"].revoked), (1_800_000, 3), "{table}");
    assert_eq!(facts.longest.iter().count(), 1);
    assert_eq!(table.matches("\r\ngrant,").count(), 1, "{table}");
    for id in ["G-00000001", "G-0VER0000", "G-F0RG0T00"] {
        let row = format!("\r\nrevocation,{id},alice,sudo,root,,,2026-11-01T15:00:00Z,,,,revoked by carol,,,,,no more,\r\n");
        assert!(table.contains(&row), "{row}\n{table}");
    }
}

#[test]
fn whatever_is_odd_has_a_row_in_the_table() {
    let events = [
        event(1, "2026-11-01T10:00:00.000Z", "optout.limit-reached", r#"{"user":"bob","uid":2,"rule":"oncall","times":3,"per_s":604800}"#),
        event(
            2,
            "2026-11-01T10:00:00.000Z",
            "access.breakglass",
            r#"{"user":"alice","uid":1,"service":"sshd","as":"self","from":"10.1.2.3","phase":"account","when":"2026-11-01T09:00:00Z","line":"l"}"#,
        ),
    ];
    let (facts, table) = fold(&events, Vec::new(), Vec::new());
    assert_eq!(facts.odd.len(), 2);
    for row in ["\r\nlimit,,bob,", "rule oncall", "\r\nbreak-glass,,alice,", "sshd as self from 10.1.2.3 at 2026-11-01T09:00:00Z"] {
        assert!(table.contains(row), "{row}\n{table}");
    }
}

#[test]
fn reviews_are_fine_misuse_due_or_overdue_and_what_is_overdue_stands_first() {
    let events = [
        event(1, "2026-11-01T10:00:00.000Z", "optout.taken", &taken("G-00000001", "frank", "2026-11-02T10:00:00Z")),
        event(2, "2026-11-01T10:00:00.000Z", "optout.taken", &taken("G-00000002", "alice", "2026-11-02T10:00:00Z")),
        event(3, "2026-11-23T14:00:00.000Z", "optout.taken", &taken("G-00000003", "bob", "2026-11-24T14:00:00Z")),
        event(
            4,
            "2026-11-01T12:00:00.000Z",
            "optout.reviewed",
            r#"{"id":"G-00000002","user":"alice","by":"carol","by_uid":1,"verdict":"misuse","note":"no ticket"}"#,
        ),
        event(
            5,
            "2026-11-03T12:00:00.000Z",
            "optout.overdue",
            r#"{"id":"G-BEF0RE00","user":"dora","rule":"oncall","review_by":[],"due":"2026-08-21T00:00:00Z","next":"2026-11-04T12:00:00Z"}"#,
        ),
    ];
    let (facts, table) = fold(&events, Vec::new(), Vec::new());
    assert_eq!(facts.overdue().map(|it| it.user.as_str()).collect::<Vec<_>>(), ["frank", "dora"]);
    assert_eq!((facts.sums.emergencies, facts.sums.misuse), (3, 1));
    for row in [
        "G-00000001,frank,sudo,root,emergency,oncall,2026-11-01T10:00:00Z,,,,overdue",
        "G-00000003,bob,",
        "misuse,carol,db down,,,no ticket",
    ] {
        assert!(table.contains(row), "{row}\n{table}");
    }
    let page = shown(&facts);
    let look = page.split("To look at").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(look.contains("<b>frank</b> took the emergency") && look.contains("<b>dora</b>") && look.contains(">misuse<"), "{look}");
    assert!(!look.contains("<b>bob</b>"), "what is due in time is no alarm\n{look}");
}

#[test]
fn denials_are_told_with_what_was_asked_and_checks_are_counted() {
    let asked = r#"{"id":"R-00000001","user":"bob","uid":2,"service":"sudo","as":"postgres","reason":"please"}"#;
    let events = [
        event(1, "2026-11-01T10:00:00.000Z", "request.submitted", asked),
        event(2, "2026-11-01T10:05:00.000Z", "request.denied", r#"{"id":"R-00000001","user":"bob","by":"carol","note":"use staging"}"#),
        event(3, "2026-11-01T10:06:00.000Z", "access.denied", r#"{"id":"D-1","user":"bob","service":"sudo","why":"no grant","count":41}"#),
        event(4, "2026-11-01T10:07:00.000Z", "access.denied", r#"{"id":"D-1","user":"bob","service":"sudo","why":"no grant","count":1}"#),
        event(5, "2026-11-01T10:07:00.000Z", "access.denied", "{"),
    ];
    let (facts, _) = fold(&events, Vec::new(), Vec::new());
    assert_eq!((facts.sums.refused, facts.people["bob"].denied, facts.sums.events), (42, 1, 5));
    let page = shown(&facts);
    assert!(
        page.contains("sudo as postgres") && page.contains("“please”") && page.contains("“use staging”") && page.contains(">42<"),
        "{page}"
    );
}

#[test]
fn names_and_reasons_are_hostile_and_nothing_of_them_is_markup_or_a_formula() {
    let evil = "<script>alert(1)</script>'\\\"&\\u202e\\u001b[2J";
    let events = [
        event(
            1,
            "2026-11-01T10:00:00.000Z",
            "grant.issued",
            &issued("G-00000001", evil, "approved", "2026-11-01T11:00:00Z").replace("INC-42", evil).replace("carol", evil),
        ),
        event(2, "2026-11-01T10:30:00.000Z", "grant.expired", &ended("G-00000001", "x")),
        event(
            3,
            "2026-11-01T10:00:00.000Z",
            "optout.taken",
            &taken("G-00000002", evil, "2026-11-02T10:00:00Z").replace("db down", evil).replace("oncall", evil),
        ),
        event(
            4,
            "2026-11-01T10:00:00.000Z",
            "request.denied",
            &format!(r#"{{"id":"R-{evil}","user":"{evil}","by":"{evil}","note":"=cmd|' /C calc'!A0{evil}"}}"#),
        ),
        event(
            5,
            "2026-11-01T10:00:00.000Z",
            "access.denied",
            &format!(r#"{{"id":"D-1","user":"{evil}","service":"{evil}","why":"{evil}","count":1}}"#),
        ),
        event(
            6,
            "2026-11-01T10:00:00.000Z",
            "access.breakglass",
            &format!(r#"{{"user":"{evil}","service":"{evil}","phase":"p","when":"{evil}","line":"l"}}"#),
        ),
    ];
    let optout = OptoutView {
        rule: evil.to_owned(),
        kind: "legacy".to_owned(),
        owner: Some(evil.to_owned()),
        until: None,
        days_left: Some(3),
        uses: 0,
        last_used: None,
        stale: true,
        reviews_due: 0,
        overdue: 0,
    };
    let (facts, table) = fold(&events, Vec::new(), vec![optout]);
    let page = page(&facts, &About { host: evil, by: evil, clock: Clock::standing(sample::NOW) });
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&#39;"), "{page}");
    assert!(!page.contains("<script") && !page.to_lowercase().contains("javascript:"));
    for text in [&page, &table] {
        let unsafe_one = text.chars().find(|letter| !matches!(letter, '\n' | '\r') && jit_core::text::is_unsafe(*letter));
        assert_eq!(unsafe_one, None, "{text}");
    }
    assert!(table.contains("'=cmd|"), "{table}");
    let cells = table.lines().flat_map(|line| line.split(','));
    assert!(cells.into_iter().all(|cell| !cell.trim_start_matches('"').starts_with(['=', '+', '-', '@'])), "{table}");
}

#[test]
fn the_page_stands_alone_in_light_dark_and_print() {
    let (facts, _) = fold(&[], Vec::new(), Vec::new());
    let page = shown(&facts);
    for words in ["prefers-color-scheme:dark", "@media print", "No review is overdue", "Nobody held anything", "default-src 'none'"] {
        assert!(page.contains(words), "{words}");
    }
    for away in ["http://", "https://", "src=", "url(", "@import", "<link", "<script"] {
        assert!(!page.contains(away), "{away}");
    }
    for (open, close) in [("<section>", "</section>"), ("<div", "</div>"), ("<span", "</span>"), ("<table", "</table>"), ("<p", "</p>")] {
        assert_eq!(
            page.matches(open).count() - usize::from(open == "<p") * page.matches("<path").count(),
            page.matches(close).count(),
            "{open}"
        );
    }
}

#[test]
fn a_million_events_leave_no_more_than_their_sums() {
    let mut lines = Discarded;
    let mut lookup = |_: &str| None;
    let mut fold = Fold::new(period(), &mut lookup, &mut lines);
    for number in 0..20_000 {
        let (id, user) = (format!("G-{number:08}"), format!("user{number}"));
        let evil = issued(&id, &user, "approved", "2026-11-01T11:00:00Z");
        fold.event(&event(1, "2026-11-01T10:00:00.000Z", "grant.issued", &evil)).unwrap();
        let denied = format!(r#"{{"id":"D-1","user":"{user}","service":"sudo","why":"no","count":1}}"#);
        fold.event(&event(1, "2026-11-01T10:00:00.000Z", "access.denied", &denied)).unwrap();
        fold.event(&event(1, "2026-11-01T10:30:00.000Z", "grant.expired", &ended(&id, &user))).unwrap();
    }
    let facts = fold.finish(Vec::new(), Vec::new(), String::new()).unwrap();
    assert!(facts.people.len() <= 10_001 && facts.refused.len() <= 10_001);
    assert_eq!(facts.people["(others)"].grants, 10_000);
    assert!(shown(&facts).len() < 1_000_000);
}

struct Discarded;

impl Sink for Discarded {
    fn row(&mut self, _: &Row) -> Result<(), Failing> {
        Ok(())
    }
}
