//! What the fold of events remembers, forgets and passes over.

use super::{KEPT, State};
use crate::engine::fixture::{World, entry};
use crate::event::Event;
use crate::grant::Grant;
use crate::span::Span;
use crate::time::WallTime;

/// An emergency that was taken on that day, and reviewed on the next if somebody did.
fn taken(state: &mut State, number: usize, day: i64, is_reviewed: bool) {
    let id = format!("G-{number:08}");
    let taken = format!(
        r#"{{"id":"{id}","user":"alice","uid":1001,"service":"sudo","as":"root","rule":"oncall","kind":"emergency","until":"2026-11-23T12:00:00Z",
        "reason":"x","grant":null,"request":null,"alert":[],"review_by":["group:leads"],"review_due":"2026-11-24T12:00:00Z",
        "humans":["uid:1001","user:alice"],"review_due_boot_ms":1}}"#
    );
    let reviewed = format!(r#"{{"id":"{id}","user":"alice","by":"carol","by_uid":1003,"verdict":"fine","note":null}}"#);
    let events = [Some(("optout.taken", taken, day)), is_reviewed.then_some(("optout.reviewed", reviewed, day + 1))];
    for (name, data, day) in events.into_iter().flatten() {
        state.begin();
        state.apply(WallTime::from_millis(day * 86_400_000), &Event::read(name, &data).unwrap());
        state.keep();
    }
}

#[test]
fn emergencies_that_no_limit_counts_any_more_are_forgotten_and_none_that_waits_for_its_review() {
    let mut state = State::default();
    (0..KEPT).for_each(|number| taken(&mut state, number, 10, true));
    taken(&mut state, KEPT, 10, false);
    taken(&mut state, KEPT + 1, 300, true);
    taken(&mut state, KEPT + 2, 10 + 366, false);
    assert_eq!(state.emergencies().count(), KEPT + 3, "the longest limit reaches back that far");
    taken(&mut state, KEPT + 3, 10 + 367, false);
    let left: Vec<_> = state.emergencies().map(|taken| taken.grant.to_string()).collect();
    let expected: Vec<_> = (KEPT..KEPT + 4).map(|number| format!("G-{number:08}")).collect();
    assert_eq!(left, expected, "the reviewed ones are gone");
    let mut few = State::default();
    (1..KEPT).for_each(|number| taken(&mut few, number, 10, true));
    taken(&mut few, KEPT, 10 + 367, false);
    assert_eq!(few.emergencies().count(), KEPT, "there is room for them");
}

#[test]
fn which_policy_was_loaded_last_and_which_entries_are_on_record_is_known_from_events() {
    let mut state = State::default();
    assert_eq!((state.newest(), state.policy_files().len(), state.knows_breakglass("a")), (None, 0, false));
    let loaded = |digest: &str| {
        let data = format!(r#"{{"files":[{{"file":"policy.toml","sha256":"{digest}"}}],"rules":1,"by":"root","became":[],"ceased":[]}}"#);
        Event::read("policy.loaded", &data).unwrap()
    };
    let entry = r#"{"user":"alice","service":"sudo","phase":"account","when":"2026-11-23T12:00:00Z","line":"a"}"#;
    state.begin();
    state.apply(WallTime::from_millis(1000), &loaded("aa"));
    state.apply(WallTime::from_millis(2000), &loaded("bb"));
    state.apply(WallTime::from_millis(3000), &Event::read("access.breakglass", entry).unwrap());
    assert_eq!((state.newest(), state.policy_files()[0].sha256.as_str()), (Some(WallTime::from_millis(3000)), "bb"));
    assert!(state.knows_breakglass("a") && !state.knows_breakglass("b"));
    state.take_back();
    assert_eq!((state.policy_files().len(), state.knows_breakglass("a")), (0, false), "as if it had never been said");
}

#[test]
fn an_event_that_does_not_fit_what_is_known_changes_nothing() {
    let mut world = World::new();
    world.request("alice").unwrap();
    let at = world.now.wall;
    let before = world.replayed();
    let mut state = world.replayed();
    let (request, grant, session) =
        (r#""id":"R-00000009","user":"x""#, r#""id":"G-00000009","user":"x""#, r#""id":"S-00000009","user":"x""#);
    for (name, data) in [
        ("request.escalated", format!(r#"{{{request},"to":["any"]}}"#)),
        ("request.approved", format!(r#"{{{request},"by":"y","by_uid":7,"stage":0,"for_s":null,"note":null,"humans":[]}}"#)),
        ("request.granted", format!(r#"{{{request},"grant":"G-00000009","by":[]}}"#)),
        ("request.denied", format!(r#"{{{request},"by":"y","note":null}}"#)),
        ("request.cancelled", format!("{{{request}}}")),
        ("request.lapsed", format!("{{{request}}}")),
        ("grant.started", format!(r#"{{{grant},"until":"2026-11-23T12:00:00Z","until_boot_ms":1}}"#)),
        ("grant.extended", format!(r#"{{{grant},"until":"2026-11-23T12:00:00Z","by":[],"request":"R-00000009","until_boot_ms":1}}"#)),
        ("grant.expired", format!(r#"{{{grant},"service":"sudo","as":"root"}}"#)),
        ("grant.used-up", format!(r#"{{{grant},"service":"sudo","as":"root"}}"#)),
        ("grant.dropped", format!(r#"{{{grant},"service":"sudo","as":"root"}}"#)),
        ("grant.revoked", format!(r#"{{{grant},"service":"sudo","as":"root","by":"y","note":null,"now":false}}"#)),
        ("optout.reviewed", format!(r#"{{{grant},"by":"y","by_uid":7,"verdict":"fine","note":null}}"#)),
        ("session.warned", format!(r#"{{{session},"grant":"G-00000009","service":"sudo","left_s":60}}"#)),
        ("session.closed", format!(r#"{{{session},"grant":"G-00000009","service":"sudo"}}"#)),
        ("session.unbound", format!(r#"{{{session},"grant":"G-00000009","service":"sudo","why":"z"}}"#)),
        (
            "session.ended",
            format!(
                r#"{{{session},"grant":"G-00000009","service":"sudo","because":"z","processes":1,"killed":0,"left":0,"bound":"tree"}}"#
            ),
        ),
    ] {
        state.apply(at, &Event::read(name, &data).unwrap());
        assert_eq!(state, before, "{name}");
    }
}

#[test]
fn a_grant_that_was_over_is_taken_away_in_the_moment_in_which_somebody_does() {
    let outlives = crate::engine::fixture::POLICY.replacen("lapse = \"1h\"", "lapse = \"1h\"\nsession = { at_expiry = \"keep\" }", 1);
    let mut world = World::with(&outlives);
    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    let (_, grant) = world.open(entry("alice", "sudo", Some("root")), 7).unwrap();
    let ended = |world: &World| match world.state.grant(grant) {
        Some(Grant::Ended(grant)) => (grant.word(), grant.at),
        other => panic!("{other:?}"),
    };
    world.pass(Span::from_secs(1800));
    assert_eq!(ended(&world), ("expired", world.now.wall));
    world.pass(Span::from_secs(60));
    world.revoke("carol", grant).unwrap();
    assert_eq!(ended(&world), ("revoked", world.now.wall));
}
