use super::{KEPT, State};
use crate::engine::Command;
use crate::engine::fixture::{World, actor};
use crate::event::GrantIssued;
use crate::time::WallTime;

#[test]
fn what_is_over_for_longest_is_forgotten_and_what_is_live_is_not() {
    let mut world = World::new();
    let live = world.request("bob").unwrap();
    let first = world.request("alice").unwrap();
    let _ = world.command(Command::Cancel(actor("alice"), None)).unwrap();
    for _ in 0..KEPT {
        world.now.wall = world.now.wall.plus(crate::span::Span::from_secs(1));
        world.state.begin();
        world.request("alice").unwrap();
        let _ = world.command(Command::Cancel(actor("alice"), None)).unwrap();
        world.state.keep();
    }
    assert_eq!(world.outcome(first), "none");
    assert_eq!(world.outcome(live), "pending");
    assert_eq!(world.state.requests().count(), KEPT + 1);
}

/// An approval of that account's, given on that day.
fn approved(state: &mut State, account: usize, day: i64) {
    let issued = format!(
        r#"{{"id":"G-{:08}","user":"user-{account}","uid":{account},"service":"sudo","as":"root","until":"2026-11-23T12:00:00Z","by":["carol"],
        "reason":"x","rule":"ops","kind":"approved","request":null,"uses":null,"from":[],"hours":null,"session":{{"at_expiry":"end","warn":[],
        "require":"any"}},"stages":[],"waits_for_s":null,"until_boot_ms":1,"starts":null,"starts_boot_ms":null,"extend":null,"boot_ms":1}}"#,
        account
    );
    let issued: GrantIssued = serde_json::from_str(&issued).unwrap();
    state.begin();
    state.apply(WallTime::from_millis(day * 86_400_000), &issued.into());
    state.keep();
}

#[test]
fn approvals_that_nobody_can_repeat_any_more_are_forgotten_and_no_others() {
    let mut state = State::default();
    (0..KEPT).for_each(|account| approved(&mut state, account, 1));
    approved(&mut state, KEPT, 20);
    approved(&mut state, KEPT + 1, 32);
    assert_eq!(state.bases().count(), KEPT + 2, "a month has not passed");
    approved(&mut state, KEPT + 2, 33);
    assert_eq!(state.bases().count(), 3, "those of the first day are too old");
    (0..KEPT).for_each(|account| approved(&mut state, account, 51));
    assert_eq!(state.bases().count(), KEPT + 3);
    approved(&mut state, 0, 52);
    assert_eq!(state.bases().count(), KEPT + 2, "that of the twentieth day too");
}
