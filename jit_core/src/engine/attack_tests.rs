//! What somebody tries who means no good, or is only in a hurry: and what stands in the way.

use super::fixture::{World, actor, entry, subject, wish};
use super::{Command, Reply, Wish};
use crate::id::{GrantId, RequestId};
use crate::name::{GroupName, Service, UserName};
use crate::refusal::Refusal;
use crate::span::Span;
use crate::subject::Groups;
use crate::time::WallTime;

const POLICY: &str = r#"
version = 1
[[person]]
accounts = ["alice", "alice-adm"]
[[grant]]
name = "ops-root"
who = ["group:ops"]
on = ["sudo"]
approve = [ { by = ["group:leads"] } ]
hours = ["mon-fri 08:00-19:00"]
zone = "UTC"
extend = { times = 3, max = "4h" }
[[grant]]
name = "self-su"
who = ["group:ops"]
on = ["su"]
approve = []
extend = { times = 2, max = "1h" }
[[emergency]]
name = "oncall"
who = ["group:ops", "user:alice-adm"]
on = ["sudo"]
limit = { times = 9, per = "7d" }
review = { by = ["group:leads"], within = "24h" }
[[emergency]]
name = "oncall-ssh"
who = ["any"]
on = ["sshd"]
limit = { times = 9, per = "7d" }
review = { by = ["group:leads"], within = "24h" }
"#;
const AGAIN: &str = "[[repetitive]]\nname = \"again\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\nafter = { within = \"6h\", times = 4 }\nfor = { default = \"10m\" }\n";

fn hours(hours: u64) -> Span {
    Span::from_secs(hours * 3600)
}

fn lets_in(world: &World) -> bool {
    world.lets_in("alice", "sudo", Some("root"))
}

fn approved(world: &mut World, wish: Wish) -> GrantId {
    let id = world.request_of(&actor("alice"), wish).unwrap();
    world.approve("carol", id).unwrap();
    world.grant_of(id)
}

fn extend(world: &mut World, who: &str, by: Span) -> Result<RequestId, Refusal> {
    let command = Command::Extend { actor: actor(who), id: None, by, reason: Some("longer".to_owned()) };
    world.command(command).map(|reply| match reply {
        Reply::Request(id) => id,
        other => panic!("{other:?}"),
    })
}

#[test]
fn a_clock_that_is_set_and_set_back_makes_no_time_of_what_was_to_begin_later() {
    let mut world = World::new();
    let later = Wish { start: Some(world.now.wall.plus(hours(8))), ..wish() };
    let id = world.request_of(&actor("alice"), later).unwrap();
    world.approve("carol", id).unwrap();
    world.step_wall(8 * 3600);
    assert!(lets_in(&world), "it begins by the clock on the wall");
    world.step_wall(-6 * 3600);
    world.pass(hours(2));
    assert!(!lets_in(&world), "and lasts no longer than it may by the other one");
}

#[test]
fn what_was_approved_for_later_is_not_repeated_before_it_begins() {
    let mut world = World::with(&format!("{POLICY}{AGAIN}"));
    let later = Wish { start: Some(world.now.wall.plus(hours(2))), ..wish() };
    approved(&mut world, later);
    assert!(!lets_in(&world), "it was approved for two hours from now");
    world.pass(hours(2));
    assert!(lets_in(&world));
    world.pass(hours(1));
    assert!(lets_in(&world), "now it is the same again");
}

#[test]
fn what_was_approved_and_never_used_in_its_time_is_not_repeated_after_it() {
    let first_use =
        format!("{POLICY}{AGAIN}").replace("extend = { times = 3", "starts = \"first-use\"\nuse_within = \"1h\"\nextend = { times = 3");
    let mut world = World::with(&first_use);
    approved(&mut world, wish());
    world.pass(hours(2));
    assert!(!lets_in(&world), "it had to be used within the hour");
    let mut used = World::with(&first_use);
    approved(&mut used, wish());
    used.open(entry("alice", "sudo", Some("root")), 7).unwrap();
    used.pass(hours(2));
    assert!(lets_in(&used));
}

#[test]
fn whoever_approved_takes_away_what_repeats_it_while_it_runs_and_when_the_first_is_over() {
    let repeated = || {
        let mut world = World::with(&format!("{POLICY}{AGAIN}"));
        let first = approved(&mut world, wish());
        world.pass(hours(1));
        (world, first)
    };
    let (mut world, _) = repeated();
    let (_, again) = world.open(entry("alice", "sudo", Some("root")), 7).unwrap();
    assert!(world.revoke("alice-adm", again).is_err() || !lets_in(&world), "alice may as well: she only loses by it");
    let (mut world, first) = repeated();
    let (_, again) = world.open(entry("alice", "sudo", Some("root")), 7).unwrap();
    assert!(matches!(world.revoke("bob", again), Err(Refusal::NoSuch { .. })));
    assert_eq!(world.revoke("carol", again), Ok(()));
    assert!(!lets_in(&world));
    assert!(matches!(world.revoke("carol", first), Err(Refusal::Over { .. })), "nothing of it is left");
    let (mut world, first) = repeated();
    assert!(lets_in(&world));
    assert_eq!(world.revoke("dave", first), Ok(()), "its time is over, what could be repeated is not");
    assert!(!lets_in(&world));
    let (mut world, _) = repeated();
    let command = Command::Revoke {
        actor: actor("carol"),
        target: super::Target::User(UserName::new("alice")),
        note: None,
        grace: super::Grace::Some,
    };
    assert!(world.command(command).is_ok());
    assert!(!lets_in(&world));
}

#[test]
fn what_can_be_repeated_can_be_taken_away_however_many_grants_are_over_since_the_first() {
    for by_user in [false, true] {
        let mut world = World::with(&format!("{POLICY}{AGAIN}"));
        let first = approved(&mut world, wish());
        world.pass(hours(1));
        for _ in 0..20 {
            world.state.begin();
            world.request_of(&actor("bob"), Wish { service: Service::new("su"), ..wish() }).unwrap();
            let _ = world.command(Command::Drop(actor("bob"), None)).unwrap();
            world.pass(Span::from_secs(1));
            world.state.keep();
        }
        assert!(world.state.grant(first).is_none() && lets_in(&world));
        assert!(matches!(world.revoke("bob", first), Err(Refusal::NoSuch { .. })), "who may not see it learns nothing");
        let another = "G-7F3KQ2ZD".parse().unwrap();
        assert!(matches!(world.revoke("carol", another), Err(Refusal::NoSuch { .. })), "it is that one, and no other");
        let target = if by_user { super::Target::User(UserName::new("alice")) } else { super::Target::Grant(first) };
        let command = Command::Revoke { actor: actor("carol"), target, note: None, grace: super::Grace::Some };
        assert!(world.command(command).is_ok());
        assert!(!lets_in(&world));
        assert!(matches!(world.revoke("carol", first), Err(Refusal::NoSuch { .. })), "nothing of it is left");
    }
}

#[test]
fn a_grant_for_tomorrow_is_made_longer_in_its_own_window() {
    let mut world = World::with(POLICY);
    let tomorrow = WallTime::parse("2026-11-24T10:00:00Z").unwrap();
    let id = approved(&mut world, Wish { start: Some(tomorrow), ..wish() });
    let longer = extend(&mut world, "alice", hours(1)).unwrap();
    world.approve("carol", longer).unwrap();
    let ends = world.state.live().find(|grant| grant.terms.id == id).unwrap().validity.ends();
    assert_eq!(ends.wall, WallTime::parse("2026-11-24T11:30:00Z").unwrap());
}

#[test]
fn no_grant_is_stretched_over_the_end_of_its_window() {
    let mut world = World::with(POLICY);
    world.now.wall = WallTime::parse("2026-11-23T18:20:00Z").unwrap();
    approved(&mut world, wish());
    let longer = extend(&mut world, "alice", hours(4)).unwrap();
    world.approve("carol", longer).unwrap();
    let ends = world.state.live().next().unwrap().validity.ends();
    assert_eq!(ends.wall, WallTime::parse("2026-11-23T19:00:00Z").unwrap());
    assert!(matches!(extend(&mut world, "alice", hours(1)), Err(Refusal::WindowEnds { .. })), "there is nothing to gain");
    world.pass(Span::from_secs(2401));
    assert!(!lets_in(&world));
}

#[test]
fn whoever_left_the_group_makes_nothing_longer_by_themselves() {
    let mut world = World::with(POLICY);
    let su = Wish { service: Service::new("su"), ..wish() };
    world.request_of(&actor("alice"), su).unwrap();
    assert!(extend(&mut world, "alice", hours(1)).is_ok());
    let mut left = actor("alice");
    left.subject.groups = Groups::Known([GroupName::new("interns")].into());
    let command = Command::Extend { actor: left, id: None, by: hours(1), reason: Some("longer".to_owned()) };
    assert!(matches!(world.command(command), Err(Refusal::NoRule { .. })));
    world.policy = World::with(&POLICY.replace("approve = []", "approve = [ { by = [\"group:leads\"] } ]")).policy;
    assert!(matches!(extend(&mut world, "alice", hours(1)), Err(Refusal::NoRule { .. })), "now somebody has to approve it");
}

#[test]
fn who_may_not_approve_learns_nothing_by_granting_and_who_may_is_told_what_there_is() {
    let mut world = World::with(POLICY);
    let id = world.request("alice").unwrap();
    let grant = |world: &mut World, who: &str| world.command(Command::GrantTo(actor(who), subject("alice"), wish())).map(drop);
    let leads = vec!["group:leads".to_owned()];
    assert_eq!(grant(&mut world, "bob"), Err(Refusal::NotApprover { id: None, approvers: leads }));
    assert_eq!(grant(&mut world, "carol"), Err(Refusal::TheyAsked { user: UserName::new("alice"), id }));
    world.approve("carol", id).unwrap();
    let id = world.grant_of(id);
    assert_eq!(grant(&mut world, "carol"), Err(Refusal::TheyHold { user: UserName::new("alice"), id }));
    assert!(matches!(grant(&mut world, "alice-adm"), Err(Refusal::Own { .. })));
}

#[test]
fn an_approver_who_left_the_group_before_they_said_yes_is_none() {
    let mut world = World::with(POLICY);
    let id = world.request("alice").unwrap();
    let mut carol = actor("carol");
    for groups in [Groups::Known([GroupName::new("interns")].into()), Groups::unknown()] {
        carol.subject.groups = groups;
        assert!(world.approve_of(carol.clone(), id).is_err());
    }
    assert_eq!(world.outcome(id), "pending");
}

#[test]
fn a_second_emergency_without_review_is_refused_by_whatever_name_rule_service_or_clock() {
    let take = |world: &mut World, who: &crate::actor::Actor, wish: Wish| match world.command(Command::Emergency(who.clone(), wish))? {
        Reply::Grants(_) => Ok(()),
        Reply::Refused(refusal) => Err(refusal),
        other => panic!("{other:?}"),
    };
    let mut world = World::with(POLICY);
    take(&mut world, &actor("alice"), wish()).unwrap();
    let ssh = Wish { service: Service::new("sshd"), run_as: crate::name::RunAs::Oneself, ..wish() };
    let mut renamed = actor("alice");
    renamed.subject.name = UserName::new("alicia");
    let mut renumbered = actor("alice");
    renumbered.subject.uid = crate::name::Uid(4711);
    let refused = |world: &mut World| {
        for (who, wish) in
            [(&actor("alice"), &ssh), (&actor("alice-adm"), &wish()), (&actor("alice-adm"), &ssh), (&renamed, &ssh), (&renumbered, &ssh)]
        {
            let said = take(world, who, wish.clone());
            assert!(matches!(said, Err(Refusal::Unreviewed { .. })), "{}: {said:?}", who.subject.name);
        }
    };
    refused(&mut world);
    world.command(Command::Drop(actor("alice"), None)).map(drop).unwrap();
    refused(&mut world);
    world.pass(hours(48));
    refused(&mut world);
    world.step_wall(-40 * 3600);
    world.start("boot-2");
    refused(&mut world);
    assert!(take(&mut world, &actor("bob"), wish()).is_ok());
}
