//! A repetition is what was approved, once more, and no more than that.

use super::fixture::{World, actor, entry, wish};
use super::{Admission, Wish};
use crate::name::{RunAs, Service};
use crate::span::Span;
use crate::subject::{Entry, Remote};

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
