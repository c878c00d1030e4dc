//! Asking inside the prompt: what somebody at the door, who is not let in, may ask for there.

use crate::name::RunAs;
use crate::policy::judge::{EmergencyRuling, Question, RequestRuling, Wanted, from_allowed};
use crate::policy::{EmergencyRule, GrantRule, Policy};
use crate::request::PendingRequest;
use crate::state::State;
use crate::subject::Entry;
use crate::time::Now;

/// What may be asked for.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Askable<'a> {
    /// They have asked already.
    Pending(&'a PendingRequest),
    /// By one of these rules, or by either.
    By {
        /// A request.
        request: Option<&'a GrantRule>,
        /// An emergency.
        emergency: Option<&'a EmergencyRule>,
    },
}

/// What somebody may ask for as that user. A rule that would give a grant which is no good from where they are is not
/// one of them.
pub fn askable<'a>(state: &'a State, policy: Option<&'a Policy>, entry: &'a Entry, run_as: &'a RunAs, now: Now) -> Askable<'a> {
    let service = entry.service.family();
    let same = |request: &&PendingRequest| request.ask.service == service && request.ask.run_as == *run_as && request.ask.is_a_way_in(now);
    if let Some(request) = state.pending_of(&entry.subject).find(same) {
        return Askable::Pending(request);
    }
    let question = Question { subject: &entry.subject, service: &entry.service, run_as: Some(run_as), at: now.wall };
    let Some(policy) = policy.filter(|policy| policy.denied_by(question, Some(entry.remote)).is_none()) else {
        return Askable::By { request: None, emergency: None };
    };
    let good_here = |from: &[ipnet::IpNet]| from_allowed(from, entry.remote).is_ok();
    let request = match policy.rule_for_request(question, Wanted::default()) {
        RequestRuling::By(rule) => Some(rule).filter(|rule| good_here(&rule.scope.from)),
        RequestRuling::TooLong { .. } | RequestRuling::TooManyUses { .. } | RequestRuling::Unknown(_) | RequestRuling::None => None,
    };
    let emergency = match policy.rule_for_emergency(question, None) {
        EmergencyRuling::By(rule) => Some(rule).filter(|rule| good_here(&rule.scope.from)),
        EmergencyRuling::TooLong { .. } | EmergencyRuling::None => None,
    };
    Askable::By { request, emergency }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{POLICY, World, actor, entry, wish};
    use super::*;
    use crate::engine::Command;
    use crate::name::Service;
    use crate::subject::Remote;

    const EMERGENCY: &str = "[[emergency]]\nname = \"oncall\"\nwho = [\"group:ops\"]\non = [\"sshd\"]\nfrom = [\"10.0.0.0/8\"]\n\
        limit = { times = 3, per = \"7d\" }\nreview = { by = [\"group:leads\"], within = \"24h\" }\n";
    const DENY: &str = "[[deny]]\nname = \"no\"\nwho = [\"user:bob\"]\non = [\"sudo\", \"sshd\"]\n";

    /// The names of the rules by which they may request, and take an emergency.
    fn by(world: &World, entry: &Entry, run_as: &RunAs) -> [Option<String>; 2] {
        match askable(&world.state, world.policy.as_ref(), entry, run_as, world.now) {
            Askable::By { request, emergency } => [request.map(|rule| rule.name.to_string()), emergency.map(|rule| rule.name.to_string())],
            Askable::Pending(request) => [Some(request.ask.id.to_string()), None],
        }
    }

    fn some(names: [&str; 2]) -> [Option<String>; 2] {
        names.map(|name| (!name.is_empty()).then(|| name.to_owned()))
    }

    #[test]
    fn at_the_door_one_may_ask_for_what_would_be_good_there_and_nothing_else() {
        let mut world = World::with(&format!("{POLICY}{EMERGENCY}{DENY}"));
        let (root, oneself) = (RunAs::root(), RunAs::Oneself);
        assert_eq!(by(&world, &entry("alice", "sudo", None), &root), some(["ops-root", ""]));
        assert_eq!(by(&world, &entry("alice", "sudo-i", None), &root), some(["ops-root", ""]));
        assert_eq!(by(&world, &entry("alice", "sudo", None), &RunAs::as_typed("mail")), some(["", ""]), "as nobody that a rule names");
        assert_eq!(by(&world, &entry("alice", "sshd", None), &oneself), some(["ops-ssh", "oncall"]));
        let elsewhere = Entry { remote: Remote::from_address("192.0.2.1".parse().ok()), ..entry("alice", "sshd", None) };
        assert_eq!(by(&world, &elsewhere, &oneself), some(["", ""]), "a grant would be no good from there");
        assert_eq!(by(&world, &Entry { remote: Remote::Unknown, ..elsewhere }, &oneself), some(["", ""]));
        assert_eq!(by(&world, &entry("bob", "sudo", None), &root), some(["", ""]), "a rule forbids it");
        world.policy = None;
        assert_eq!(by(&world, &entry("alice", "sudo", None), &root), some(["", ""]), "there is no policy");
    }

    #[test]
    fn who_has_asked_waits_for_that_one_for_the_same_service_and_user_alone() {
        let mut world = World::new();
        let id = world.request("alice").unwrap();
        let waits = some([&id.to_string(), ""]);
        assert_eq!(by(&world, &entry("alice", "sudo", None), &RunAs::root()), waits);
        assert_eq!(by(&world, &entry("alice", "sudo-i", None), &RunAs::root()), waits);
        assert_eq!(by(&world, &entry("alice", "sudo", None), &RunAs::as_typed("postgres")), some(["ops-root", ""]));
        assert_eq!(by(&world, &entry("bob", "sudo", None), &RunAs::root()), some(["ops-root", ""]));
        let ssh = crate::engine::Wish { service: Service::new("sshd"), run_as: RunAs::Oneself, ..wish() };
        assert_eq!(by(&world, &entry("alice", "sshd", None), &RunAs::Oneself), some(["ops-ssh", ""]));
        let ssh = world.request_of(&actor("alice"), ssh).unwrap();
        assert_eq!(by(&world, &entry("alice", "sshd", None), &RunAs::Oneself), some([&ssh.to_string(), ""]));
        world.command(Command::Cancel(actor("alice"), Some(id))).map(drop).unwrap();
        assert_eq!(by(&world, &entry("alice", "sudo", None), &RunAs::root()), some(["ops-root", ""]));
    }
}
