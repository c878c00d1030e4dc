//! A repetition is what was approved, once more, and no more than that.

use super::fixture::{World, actor, entry, wish};
use super::{Admission, Arrival, Command, Reply, Wish, must_bind};
use crate::actor::Inside;
use crate::name::{RunAs, Service};
use crate::policy::Require;
use crate::refusal::Refusal;
use crate::session::{Bound, Process};
use crate::span::Span;
use crate::subject::{Entry, Groups, Remote};

const POLICY: &str = r#"
version = 1
[[grant]]
name = "ops-root"
who = ["group:ops"]
on = ["sudo"]
approve = [ { by = ["group:leads"] } ]
[[grant]]
name = "ops-ssh"
who = ["group:ops"]
on = ["sshd"]
from = ["10.0.0.0/8", "192.0.2.0/24"]
approve = [ { by = ["group:leads"] } ]
"#;

fn again(on: &str, more: &str) -> String {
    format!("[[repetitive]]\nname = \"again\"\nwho = [\"group:ops\"]\non = [{on}]\nafter = {{ within = \"8h\", times = 4 }}\n{more}\n")
}

fn ssh() -> Wish {
    Wish { service: Service::new("sshd"), run_as: RunAs::Oneself, ..wish() }
}

/// alice was given it, and its time is over.
fn approved(policy: &str, wish: Wish) -> World {
    let mut world = World::with(policy);
    let id = world.request_of(&actor("alice"), wish).unwrap();
    world.approve("carol", id).unwrap();
    world.pass(Span::from_secs(3600));
    world
}

fn from(address: &str) -> Entry {
    Entry { remote: Remote::from_address(address.parse().ok()), ..entry("alice", "sshd", Some("alice")) }
}

fn comes_in(world: &World, entry: &Entry) -> bool {
    !matches!(world.check(entry), Admission::Denied(_))
}

#[test]
fn a_repetition_lets_in_from_where_the_approval_did_and_from_nowhere_else() {
    for (on, more, good, bad) in [
        ("\"sudo\", \"sshd\"", "", ["10.1.2.3", "192.0.2.1"], ["203.0.113.9", "198.51.100.1"]),
        ("\"sshd\"", "from = [\"10.1.0.0/16\", \"0.0.0.0/1\"]", ["10.1.2.3", "10.9.9.9"], ["192.0.2.1", "11.1.1.1"]),
        ("\"sshd\"", "from = [\"10.1.0.0/16\"]", ["10.1.2.3", "10.1.9.9"], ["192.0.2.1", "10.9.9.9"]),
    ] {
        let mut world = approved(&format!("{POLICY}{}", again(on, more)), ssh());
        assert!(bad.iter().all(|address| !comes_in(&world, &from(address))), "{on} {more}");
        let (_, repeated) = world.open(from(good[0]), 7).unwrap();
        for address in good {
            assert_eq!(world.check(&from(address)), Admission::Grant(repeated), "{address}");
        }
        for address in bad {
            assert!(!comes_in(&world, &from(address)), "a session of it runs, and lets nobody in from {address}: {on} {more}");
        }
    }
}

fn root_again(more: &str) -> String {
    format!("{POLICY}{}", again("\"sudo\"", more))
}

fn arrives(world: &mut World, bound: Bound) -> Option<Require> {
    let entry = entry("alice", "sudo", Some("root"));
    let process = Some(Process { pid: 7, started: 1 });
    match world.command(Command::Open(Arrival { entry, process, bound, auth: None, inside: Inside::nothing() })).unwrap() {
        Reply::Session(_, grant, require) => {
            assert_eq!(must_bind(&world.state, grant), require == Require::Cgroup);
            Some(require)
        }
        Reply::Denied(_) => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_must_be_bound_by_what_was_approved_must_be_by_what_repeats_it() {
    let session = "session = { require = \"cgroup\" }\n";
    let strict = |policy: String| policy.replacen("approve =", &format!("{session}approve ="), 1);
    for policy in [strict(root_again("")), root_again(session), strict(root_again(session))] {
        let mut world = World::with(&policy);
        let id = world.request("alice").unwrap();
        world.approve("carol", id).unwrap();
        let approved = arrives(&mut world, Bound::Tree);
        assert_eq!(approved, (!policy.contains(&format!("{session}approve"))).then_some(Require::Any), "nor by its repetition beside it");
        world.pass(Span::from_secs(3600));
        assert_eq!(arrives(&mut world, Bound::Tree), None, "{policy}");
        assert_eq!(arrives(&mut world, Bound::Cgroup), Some(Require::Cgroup), "{policy}");
        assert_eq!(arrives(&mut world, Bound::Tree), None, "nor by the grant that runs: {policy}");
    }
    let mut world = approved(&root_again(""), wish());
    assert_eq!(arrives(&mut world, Bound::Tree), Some(Require::Any));
}

#[test]
fn what_was_approved_for_so_many_sessions_is_not_repeated() {
    let root = entry("alice", "sudo", Some("root"));
    let counted = |wish: Wish, policy: &str| {
        let mut world = World::with(policy);
        let id = world.request_of(&actor("alice"), wish).unwrap();
        world.approve("carol", id).unwrap();
        let (session, _) = world.open(root.clone(), 7).unwrap();
        assert!(!comes_in(&world, &root), "beside the one session that was approved");
        let _ = world.command(Command::Close(session)).unwrap();
        assert!(!comes_in(&world, &root), "and behind it");
        world
    };
    counted(Wish { uses: Some(1), ..wish() }, &root_again(""));
    let mut world = counted(wish(), &root_again("").replacen("approve =", "uses = { max = 1 }\napprove =", 1));
    let first = world.state.bases().next().unwrap().terms.id;
    assert!(matches!(world.revoke("carol", first), Err(Refusal::Over { .. })), "there is nothing to take away");
}

#[test]
fn what_the_policy_gives_nobody_any_more_is_not_repeated() {
    let policy = root_again("");
    let root = entry("alice", "sudo", Some("root"));
    let mut world = approved(&policy, wish());
    assert!(comes_in(&world, &root));
    for other in [
        policy.replacen("who = [\"group:ops\"]\non = [\"sudo\"]", "who = [\"user:bob\"]\non = [\"sudo\"]", 1),
        policy.replacen("on = [\"sudo\"]", "on = [\"su\"]", 1),
        policy.replacen("approve =", "as = [\"mail\"]\napprove =", 1),
        policy.replacen("approve =", "hours = [\"01:00-02:00\"]\nzone = \"UTC\"\napprove =", 1),
    ] {
        world.policy = World::with(&other).policy;
        assert!(!comes_in(&world, &root), "{other}");
    }
    world.policy = World::with(&policy.replace("ops-root", "all-root")).policy;
    assert!(comes_in(&world, &root), "by whatever rule");
    // Nor from where it would be no good.
    let mut world = approved(&format!("{POLICY}{}", again("\"sshd\"", "")), ssh());
    world.policy = World::with(&format!("{POLICY}{}", again("\"sshd\"", "")).replace("\"10.0.0.0/8\", ", "")).policy;
    assert!(!comes_in(&world, &from("10.1.2.3")) && comes_in(&world, &from("192.0.2.1")));
    world.open(from("192.0.2.1"), 7).unwrap();
    assert!(!comes_in(&world, &from("10.1.2.3")));
}

#[test]
fn what_takes_more_to_get_now_than_was_approved_is_not_repeated() {
    let policy = root_again("");
    let root = entry("alice", "sudo", Some("root"));
    let mut world = approved(&policy, wish());
    let mut repeats = |policy: &str| {
        world.policy = World::with(policy).policy;
        comes_in(&world, &root)
    };
    let two = "[ { by = [\"group:leads\", \"group:managers\"], count = 2 } ]";
    let stages = "[ { by = [\"group:leads\"] }, { by = [\"group:managers\"] } ]";
    let one = "approve = [ { by = [\"group:leads\"] } ]";
    let before = |more: &str| {
        policy.replacen("[[grant]]", &format!("[[grant]]\nname = \"first\"\nwho = [\"any\"]\non = [\"sudo\"]\n{more}\n[[grant]]"), 1)
    };
    for stricter in [two, stages] {
        let stricter = format!("approve = {stricter}");
        assert!(!repeats(&policy.replacen(one, &stricter, 1)), "{stricter}");
        assert!(!repeats(&before(&stricter)), "before it: {stricter}");
        assert!(
            repeats(&before(&format!("{stricter}\nfor = {{ default = \"5m\", max = \"10m\" }}"))),
            "who asks for an hour comes to the other"
        );
        assert!(repeats(&before(&stricter).replace("[\"any\"]", "[\"user:bob\"]")), "it is not theirs");
    }
    assert!(!repeats(&policy.replacen(one, &format!("uses = {{ max = 1 }}\n{one}"), 1)));
    assert!(!repeats(&before(&format!("uses = {{ max = 9 }}\n{one}"))));
    assert!(repeats(&policy.replacen(one, &one.replace("leads", "managers"), 1)), "who must approve is not compared");
    assert!(repeats(&policy.replacen(one, "approve = []", 1)));
}

#[test]
fn a_rule_that_wants_more_and_cannot_be_known_is_in_the_way_of_a_repetition() {
    let mut root = entry("alice", "sudo", Some("root"));
    root.subject.groups = match root.subject.groups {
        Groups::Known(groups) => Groups::Partly(groups),
        other => other,
    };
    let contractors = |approve: &str| {
        let rule = format!(
            "[[grant]]\nname = \"far\"\nwho = [\"group:contractors\"]\non = [\"sudo\"]\napprove = [ {{ by = [\"group:leads\"]{approve} }} ]"
        );
        root_again("").replacen("[[grant]]", &format!("{rule}\n[[grant]]"), 1)
    };
    for (approve, repeats) in [("", true), (", count = 2", false)] {
        let world = approved(&contractors(approve), wish());
        assert_eq!(comes_in(&world, &root), repeats, "{approve}");
        assert!(comes_in(&world, &entry("alice", "sudo", Some("root"))), "whose groups are known");
    }
}

#[test]
fn what_is_repeated_is_bound_and_ends_as_the_policy_in_force_has_it() {
    let policy = root_again("for = { default = \"8h\" }");
    let mut world = approved(&policy, wish());
    let stricter = "session = { require = \"cgroup\" }\nhours = [\"08:00-14:00\"]\nzone = \"UTC\"\napprove =";
    world.policy = World::with(&policy.replacen("approve =", stricter, 1)).policy;
    assert_eq!(arrives(&mut world, Bound::Tree), None);
    assert_eq!(arrives(&mut world, Bound::Cgroup), Some(Require::Cgroup));
    let ends: Vec<_> = world.state.live().map(|grant| grant.validity.ends().wall.to_string()).collect();
    assert_eq!(ends, ["2026-11-23T14:00:00Z"], "and not hours behind its window");
}
