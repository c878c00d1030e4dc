//! How much a state rests on of what its grants have let in.

use crate::engine::fixture::{World, actor, entry};
use crate::engine::invariants::{folded, the_picked_events_make_the_same};
use crate::engine::{Command, left_to_end};
use crate::event::Event;
use crate::grant::Grant;
use crate::id::{GrantId, SessionId};
use crate::session::Tally;
use crate::span::Span;
use crate::state::let_in::NEWEST;
use crate::state::{KEPT, State};

/// alice's grant for half an hour, and the first session by it.
fn granted(world: &mut World) -> (SessionId, GrantId) {
    let id = world.request("alice").unwrap();
    world.approve("carol", id).unwrap();
    world.open(entry("alice", "sudo", Some("root")), 1).unwrap()
}

/// So many more come in by it, each before the one before has gone.
fn come_and_go(world: &mut World, first: SessionId, sessions: u32) -> SessionId {
    (0..sessions).fold(first, |before, pid| {
        let (next, _) = world.open(entry("alice", "sudo", Some("root")), 100 + pid).unwrap();
        let _ = world.command(Command::Close(before)).unwrap();
        next
    })
}

/// So many others by another grant that all before them are forgotten.
fn others_come_and_go(world: &mut World) {
    for pid in 0..2 * KEPT {
        world.pass(Span::from_secs(1));
        let (session, _) = world.open(entry("carol", "sshd", Some("carol")), u32::try_from(pid).unwrap()).unwrap();
        let _ = world.command(Command::Close(session)).unwrap();
    }
}

fn picked(world: &World) -> usize {
    the_picked_events_make_the_same(world);
    let mut picker = folded(&world.log).picker();
    (1..).zip(&world.log).for_each(|(seq, (_, event))| picker.look(seq, event.name(), &event.data().unwrap()));
    picker.picked().len()
}

#[test]
fn a_grant_by_which_a_thousand_came_in_rests_on_no_more_events_than_one_by_which_a_hundred_did() {
    let rests_on = |sessions: u32| {
        let mut world = World::new();
        let (first, grant) = granted(&mut world);
        let last = come_and_go(&mut world, first, sessions);
        let live = picked(&world);
        world.pass(Span::from_secs(26 * 60));
        let last = come_and_go(&mut world, last, sessions);
        let warned = picked(&world);
        world.pass(Span::from_secs(3 * 60 + 30));
        world.pass(Span::from_secs(60));
        assert_eq!(world.grant_word(grant), "expired");
        let _ = world.command(Command::Ended(last, Tally { processes: 1, killed: 0, left: 0 })).unwrap();
        let whole = folded(&world.log);
        let Some(Grant::Ended(ended)) = whole.grant(grant) else { panic!("{:?}", whole.grant(grant)) };
        assert_eq!(ended.taken, 2 * sessions + 1);
        assert!(whole.let_in(grant).count() <= KEPT + NEWEST && whole.at_hand() <= 5 * KEPT, "{} at hand", whole.at_hand());
        (live, warned, picked(&world))
    };
    assert_eq!(rests_on(50), rests_on(500));
}

#[test]
fn what_the_newest_of_a_grant_left_running_is_known_however_many_others_have_closed_by_other_grants() {
    let mut world = World::new();
    let (first, grant) = granted(&mut world);
    let last = come_and_go(&mut world, first, 3);
    let _ = world.command(Command::Close(last)).unwrap();
    others_come_and_go(&mut world);
    let whole = folded(&world.log);
    assert!(whole.session(last).is_none(), "it is forgotten");
    assert_eq!((whole.grant_of(last), whole.grant_of(first)), (Some(grant), None), "of {NEWEST}");
    assert_eq!(whole.let_in(grant).count(), NEWEST);
    let _ = world.command(Command::Drop(actor("alice"), Some(grant))).unwrap();
    assert_eq!(left_to_end(&folded(&world.log), &[last]).len(), 1);
    the_picked_events_make_the_same(&world);
}

#[test]
fn one_who_came_in_and_could_not_be_stored_has_not_pushed_out_another() {
    let mut world = World::new();
    let (first, grant) = granted(&mut world);
    let last = come_and_go(&mut world, first, 3);
    let _ = world.command(Command::Close(last)).unwrap();
    others_come_and_go(&mut world);
    let (before, mut state) = (folded(&world.log), folded(&world.log));
    let _ = world.open(entry("alice", "sudo", Some("root")), 5).unwrap();
    let (at, opened) = world.log.last().unwrap();
    let known = |state: &State| state.let_in(grant).map(|id| state.session(id).is_some()).collect::<Vec<_>>();
    state.begin();
    state.apply(*at, opened);
    assert_eq!((known(&before), known(&state)), (vec![false; NEWEST], vec![false, false, true]));
    state.take_back();
    assert_eq!(state, before);
}

/// As an older jitd wrote it.
fn of_an_older(event: &Event) -> Event {
    match event.clone() {
        Event::SessionOpened(opened) => Event::SessionOpened(crate::event::SessionOpened { taken: None, alone: None, ..opened }),
        other => other,
    }
}

#[test]
fn sessions_that_an_older_jitd_recorded_are_counted_one_by_one() {
    let mut world = World::new();
    let (first, grant) = granted(&mut world);
    let last = come_and_go(&mut world, first, 30);
    world.log.iter_mut().for_each(|(_, event)| *event = of_an_older(event));
    the_picked_events_make_the_same(&world);
    let _ = come_and_go(&mut world, last, 30);
    the_picked_events_make_the_same(&world);
    let taken = |state: &State| match state.grant(grant) {
        Some(Grant::Live(grant)) => (grant.taken, grant.open),
        other => panic!("{other:?}"),
    };
    assert_eq!((taken(&folded(&world.log)), taken(&world.state)), ((61, 1), (61, 1)));
}
