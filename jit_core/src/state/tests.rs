use super::{KEPT, State};
use crate::engine::fixture::{World, actor, entry, wish};
use crate::engine::{Command, Wish};
use crate::event::GrantIssued;
use crate::name::{RunAs, Uid, UserName};
use crate::subject::{Groups, Subject};
use crate::time::WallTime;
use std::sync::Arc;

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
    approved_as(state, account, "root", day);
}

fn approved_as(state: &mut State, account: usize, run_as: &str, day: i64) {
    let issued = format!(
        r#"{{"id":"G-{:08}","user":"user-{account}","uid":{account},"service":"sudo","as":"{run_as}","until":"2026-11-23T12:00:00Z","by":["carol"],
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
    let mut few = State::default();
    (1..KEPT).for_each(|account| approved(&mut few, account, 1));
    approved(&mut few, KEPT, 40);
    assert_eq!(few.bases().count(), KEPT, "there is room for them");
}

#[test]
fn of_each_run_as_user_the_newest_approval_is_kept_in_the_order_of_their_names() {
    let mut state = State::default();
    for (day, run_as) in (1..).zip(["self", "root", "postgres", "www", "root"]) {
        approved_as(&mut state, 1, run_as, day);
        approved_as(&mut state, 2, run_as, day);
    }
    let subject = |name: &str| Subject { uid: Uid(1), name: UserName::new(name), groups: Groups::unknown() };
    let alice = subject("user-1");
    let kept: Vec<_> = state.bases_of(&alice).map(|basis| (basis.terms.common.run_as.to_string(), basis.terms.issued.wall.day())).collect();
    let day = |day: i64| WallTime::from_millis(day * 86_400_000).day();
    assert_eq!(kept, [("postgres", 3), ("root", 5), ("www", 4), ("self", 1)].map(|(name, number)| (name.to_owned(), day(number))));
    assert_eq!((state.bases().count(), state.at_hand()), (8, 18), "two grants, and eight approvals with their requests");
    assert_eq!(state.bases_of(&subject("bob")).count(), 0, "the number has passed to another name");
}

#[test]
fn the_grants_of_an_account_hold_its_name_and_what_they_have_in_common_once() {
    let mut state = State::default();
    (1..4).for_each(|day| approved(&mut state, 1, day));
    approved_as(&mut state, 1, "postgres", 4);
    approved(&mut state, 2, 5);
    let terms: Vec<_> = state.bases().map(|basis| &basis.terms).collect();
    let [postgres, root, others] = terms.as_slice() else { panic!("{terms:?}") };
    assert!(std::ptr::eq(postgres.user.as_str(), root.user.as_str()) && !std::ptr::eq(root.user.as_str(), others.user.as_str()));
    assert!(Arc::ptr_eq(&root.common, &others.common) && !Arc::ptr_eq(&postgres.common, &root.common));
}

#[test]
fn a_grant_is_at_hand_and_admits_its_account_by_number_and_name_and_nobody_who_shares_one_of_them() {
    let mut world = World::new();
    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    let grant = world.state.live().next().unwrap().clone();
    assert_eq!(world.state.grants().map(|grant| grant.terms().id).collect::<Vec<_>>(), [grant.terms.id]);
    let her = entry("alice", "sudo", Some("root"));
    assert!(grant.admits(&her, world.now));
    let (mut renamed, mut renumbered) = (her.clone(), her);
    renamed.subject.name = UserName::new("alicia");
    renumbered.subject.uid = Uid(4711);
    assert!(!grant.admits(&renamed, world.now) && !grant.admits(&renumbered, world.now));
}

#[test]
fn a_session_is_open_until_it_closes() {
    let mut world = World::new();
    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    let (session, _) = world.open(entry("alice", "sudo", Some("root")), 7).unwrap();
    assert!(world.state.has_open_session(session));
    world.command(Command::Close(session)).map(drop).unwrap();
    assert!(!world.state.has_open_session(session));
    let sessions = world.state.live().next().map(|grant| (world.state.let_in(grant.terms.id).count(), grant.open));
    assert_eq!(sessions, Some((1, 0)), "its grant has not forgotten it");
}

#[test]
fn what_is_at_hand_is_listed_by_its_ids_from_behind_any_of_them() {
    let mut world = World::new();
    for (name, pid) in [("alice", 7), ("bob", 8)] {
        let id = world.request(name).unwrap();
        world.approve("carol", id).unwrap();
        world.open(entry(name, "sudo", Some("root")), pid).unwrap();
    }
    let waits = world.request_of(&actor("alice"), Wish { run_as: RunAs::as_typed("postgres"), ..wish() }).unwrap();
    let state = &world.state;
    let requests: Vec<_> = state.requests().map(|request| request.ask().id).collect();
    let grants: Vec<_> = state.grants().map(|grant| grant.terms().id).collect();
    let sessions: Vec<_> = state.sessions().map(|session| session.facts().id).collect();
    assert_eq!((requests.len(), grants.len(), sessions.len()), (3, 2, 2));
    assert!(requests.is_sorted() && grants.is_sorted() && sessions.is_sorted());
    assert_eq!(state.pending().map(|pending| pending.ask.id).collect::<Vec<_>>(), [waits]);
    assert!(state.requests_after(None).map(|request| request.ask().id).eq(requests.iter().copied()));
    assert!(state.requests_after(Some(requests[0])).map(|request| request.ask().id).eq(requests[1..].iter().copied()));
    assert!(state.grants_after(None).map(|grant| grant.terms().id).eq(grants.iter().copied()));
    assert!(state.grants_after(Some(grants[0])).map(|grant| grant.terms().id).eq(grants[1..].iter().copied()));
    assert!(state.sessions_after(None).map(|session| session.facts().id).eq(sessions.iter().copied()));
    assert!(state.sessions_after(Some(sessions[0])).map(|session| session.facts().id).eq(sessions[1..].iter().copied()));
}
