//! The last moment, the last use, the longest reason: what holds there, and what does beside it.

use super::fixture::{World, actor, entry, wish};
use super::refused_tests::{MINUTE, POLICY, as_user, held, refused};
use super::{Command, Wish};
use crate::id::GrantId;
use crate::refusal::Refusal;
use crate::session::Bound;
use crate::span::Span;
use crate::time::{BootTime, Now, WallTime};

#[test]
fn a_clock_that_is_set_brings_an_escalation_no_later() {
    let escalates = POLICY.replacen("approve = [", "escalate = { after = \"15m\", to = [\"group:managers\"] }\napprove = [", 1);
    for by_s in [-7200, -60] {
        let mut world = World::with(&escalates);
        let id = world.request("alice").unwrap();
        world.step_wall(by_s);
        world.pass(Span::from_secs(899));
        assert!(world.approve("erin", id).is_err(), "it has not waited for a quarter of an hour");
        world.pass(Span::from_secs(1));
        assert_eq!(world.approve("erin", id), Ok(()));
    }
    let mut world = World::with(&escalates);
    let id = world.request("alice").unwrap();
    world.step_wall(900);
    assert_eq!(world.approve("erin", id), Ok(()), "by the clock on the wall it has");
}

#[test]
fn a_session_that_ends_while_its_grant_lives_ended_with_the_one_around_it() {
    let mut world = World::with(POLICY);
    held(&mut world, wish());
    let (session, _) = world.open(entry("alice", "sudo", Some("root")), 7).unwrap();
    let ended = Command::Ended(session, crate::session::Tally { processes: 1, killed: 0, left: 0 });
    world.command(ended.clone()).map(drop).unwrap();
    assert!(matches!(world.log.last(), Some((_, crate::event::Event::SessionEnded(ended))) if ended.because == "around it ended"));
    let before = world.log.len();
    for again in [ended, Command::Close(session), Command::Unbound(session, "no cgroup".to_owned())] {
        world.command(again).map(drop).unwrap();
    }
    assert_eq!(world.log.len(), before, "of one that is over there is nothing more to say");
}

#[test]
fn who_holds_a_grant_with_a_use_left_has_it_and_who_has_used_it_up_may_ask_again() {
    let mut world = World::with(POLICY);
    let grant = held(&mut world, Wish { uses: Some(2), ..wish() });
    let asks = || Command::Request(actor("alice"), wish());
    assert_eq!(refused(&mut world, asks()), Refusal::AlreadyHeld { id: grant });
    for uses_taken in 1..=2 {
        world.open(entry("alice", "sudo", Some("root")), uses_taken).unwrap();
        if uses_taken < 2 {
            assert_eq!(refused(&mut world, asks()), Refusal::AlreadyHeld { id: grant }, "one is left");
        }
    }
    assert!(world.command(asks()).is_ok(), "both sessions run, and no third can be opened");
}

#[test]
fn a_reason_of_a_thousand_letters_is_taken_and_what_begins_now_begins_at_once() {
    let mut world = World::with(POLICY);
    let longest = Wish { reason: Some("é".repeat(1000)), start: Some(world.now.wall), ..wish() };
    let id = world.request_of(&actor("alice"), longest).unwrap();
    assert_eq!(world.state.request(id).unwrap().ask().start, None);
    let later = Wish { start: Some(world.now.wall.plus(MINUTE)), ..as_user("mail") };
    let id = world.request_of(&actor("alice"), later).unwrap();
    assert_eq!(world.state.request(id).unwrap().ask().start.map(|start| start.wall), Some(world.now.wall.plus(MINUTE)));
    let endless = Wish { reason: Some("é".repeat(1001)), ..as_user("postgres") };
    assert_eq!(refused(&mut world, Command::Request(actor("alice"), endless)), Refusal::ReasonLong { most: 1000 });
}

#[test]
fn what_was_for_later_and_is_over_when_somebody_looks_again_never_began() {
    let mut world = World::with(POLICY);
    let later = held_later(&mut world);
    world.pass(Span::from_secs(3600 + 1800));
    let names: Vec<_> = world.log.iter().map(|(_, event)| event.name()).collect();
    assert_eq!((names.last(), names.contains(&"grant.started")), (Some(&"grant.expired"), false));
    assert_eq!(world.grant_word(later), "expired");
    let mut world = World::with(POLICY);
    let later = held_later(&mut world);
    world.pass(Span::from_secs(3600));
    assert_eq!(world.grant_word(later), "active", "in the first moment of it");
}

/// A grant for half an hour that begins in an hour.
fn held_later(world: &mut World) -> GrantId {
    let start = Some(world.now.wall.plus(Span::from_secs(3600)));
    held(world, Wish { start, ..wish() })
}

#[test]
fn neither_a_clock_that_is_set_back_nor_a_reboot_nor_both_in_turn_give_a_request_more_time() {
    let escalates = POLICY.replacen("approve = [", "escalate = { after = \"15m\", to = [\"group:managers\"] }\napprove = [", 1);
    let mut world = World::with(&escalates);
    let id = world.request("alice").unwrap();
    world.step_wall(-7200);
    world.now = Now { wall: world.now.wall, boot: BootTime::from_millis(5000) };
    world.start("boot-2");
    world.step_wall(-7200);
    world.pass(Span::from_secs(899));
    let is_escalated = |world: &World| world.log.iter().any(|(_, event)| event.name() == "request.escalated");
    assert!(!is_escalated(&world));
    world.pass(Span::from_secs(1));
    assert!(is_escalated(&world));
    world.pass(Span::from_secs(3600 - 900 - 1));
    assert_eq!(world.outcome(id), "pending");
    world.pass(Span::from_secs(1));
    assert_eq!(world.outcome(id), "lapsed");
    assert_eq!(world.log.iter().filter(|(_, event)| event.name() == "request.escalated").count(), 1, "that is said once");
}

#[test]
fn neither_gives_a_reviewer_more_time_and_a_clock_that_was_set_is_where_it_is() {
    let mut world = World::with(POLICY);
    let _ = world.command(Command::Emergency(actor("alice"), wish())).unwrap();
    world.step_wall(-7200);
    assert_eq!(world.state.stepped_by(world.now), None, "it is on record that it was set");
    world.now = Now { wall: world.now.wall, boot: BootTime::from_millis(5000) };
    world.start("boot-2");
    world.step_wall(-7200);
    let is_overdue = |world: &World| world.log.iter().any(|(_, event)| event.name() == "optout.overdue");
    world.pass(Span::from_secs(86_399));
    assert!(!is_overdue(&world));
    world.pass(Span::from_secs(1));
    assert!(is_overdue(&world));
}

#[test]
fn a_session_that_came_into_no_cgroup_is_known_by_its_processes() {
    let mut world = World::with(POLICY);
    held(&mut world, wish());
    let (session, _) = world.open(entry("alice", "sudo", Some("root")), 7).unwrap();
    let bound = |world: &World| world.state.session(session).unwrap().facts().bound;
    assert_eq!(bound(&world), Bound::Cgroup);
    world.command(Command::Unbound(session, "no cgroup v2".to_owned())).map(drop).unwrap();
    assert_eq!(bound(&world), Bound::Tree);
}

#[test]
fn what_was_approved_for_later_begins_at_that_time_though_the_clock_was_wrong_in_between() {
    let wrong_for_a_while: [fn(&mut World); 3] = [
        |world| {
            world.step_wall(-3600);
            world.step_wall(3600);
        },
        // A battery that is empty: the clock is right again once the network is.
        |world| {
            let right = world.now.wall;
            world.now = Now { wall: WallTime::from_millis(0), boot: BootTime::from_millis(5000) };
            world.start("boot-2");
            world.step_wall(right.as_millis() / 1000);
        },
        |world| {
            world.now = Now { wall: world.now.wall.minus(Span::from_secs(1800)), boot: BootTime::from_millis(5000) };
            world.start("boot-2");
            world.step_wall(1800);
        },
    ];
    for be_wrong in wrong_for_a_while {
        let mut world = World::with(POLICY);
        let later = held_later(&mut world);
        let begins = world.now.wall.plus(Span::from_secs(3600));
        be_wrong(&mut world);
        world.pass(Span::from_millis(begins.as_millis().abs_diff(world.now.wall.as_millis()) - 1000));
        assert_eq!(world.grant_word(later), "waiting", "it is not yet the time that somebody approved");
        world.pass(Span::from_secs(1));
        assert_eq!(world.grant_word(later), "active");
        world.pass(Span::from_secs(1799));
        assert_eq!(world.grant_word(later), "active");
        world.pass(Span::from_secs(1));
        assert_eq!(world.grant_word(later), "expired");
    }
}

#[test]
fn what_was_asked_for_later_and_approved_after_the_clock_was_wrong_begins_no_earlier() {
    let mut world = World::with(POLICY);
    let start = world.now.wall.plus(Span::from_secs(1800));
    let id = world.request_of(&actor("alice"), Wish { start: Some(start), ..wish() }).unwrap();
    world.step_wall(-3000);
    world.pass(Span::from_secs(1801));
    world.approve("carol", id).unwrap();
    assert_eq!(world.grant_word(world.grant_of(id)), "waiting", "by the clock on the wall there are fifty minutes left");
    world.pass(Span::from_secs(3000 - 1));
    assert_eq!(world.grant_word(world.grant_of(id)), "active");
}
