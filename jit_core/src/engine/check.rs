//! The PAM question: may this subject come in now?
//!
//! There are four ways in, and no other: a live grant that admits the entry, a rule whose grant starts at
//! login, a legacy rule, and the same again as another person approved before. A deny comes before all of them.

use super::Arrival;
use super::denial::{Denial, Why};
use super::remedy::Remedy;
use super::repetition::Repetition;
use super::session::binds;
use crate::actor::Humans;
use crate::grant::{Kind, LiveGrant};
use crate::id::GrantId;
use crate::name::RuleName;
use crate::policy::judge::{Forbidden, Question, Standing};
use crate::policy::{GrantRule, LegacyRule, Policy, Require};
use crate::state::State;
use crate::subject::Entry;
use crate::time::Now;
use std::iter::once_with;

/// Whether somebody comes in, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Admission {
    /// By this grant.
    Grant(GrantId),
    /// By this rule, which gives a grant when the session opens.
    Rule(RuleName),
    /// Not at all.
    Denied(Denial),
}

/// What lets somebody in: the grant or rule itself.
pub(super) enum Way<'a> {
    /// A live grant.
    Grant(&'a LiveGrant),
    /// A rule whose grant starts at login.
    Login(&'a GrantRule),
    /// A legacy rule.
    Legacy(&'a LegacyRule),
    /// The same again as was approved before.
    Repetitive(Repetition<'a>),
}

/// The way in, or why there is none; and, once it is known how one arrives, for a session that can be bound so and is in no
/// session of an approver's.
pub(super) fn way_in<'a>(
    state: &'a State,
    policy: Option<&'a Policy>,
    entry: &'a Entry,
    arrival: Option<&Arrival>,
    now: Now,
) -> Result<Way<'a>, Denial> {
    let Some(policy) = policy else { return Err(Denial::plain(Why::NoPolicy)) };
    let question = Question { subject: &entry.subject, service: &entry.service, run_as: entry.run_as.as_ref(), at: now.wall };
    if let Some(Forbidden { rule, unknown }) = policy.denied_by(question, Some(entry.remote)) {
        return Err(Denial { rule: Some(rule.name.clone()), ..Denial::plain(Why::Forbidden(rule.name.clone(), unknown)) });
    }
    let ways = || {
        let grant = || best_grant(state, entry, arrival, policy, now).map(Way::Grant);
        let standing = || match policy.standing_unless(question, entry.remote, |rule| state.is_over(rule, now.wall)) {
            Some(Standing::Login(rule)) => Some(Way::Login(rule)),
            Some(Standing::Legacy(rule)) => Some(Way::Legacy(rule)),
            None => None,
        };
        let repeated = || Repetition::of(state, policy, entry, now).map(Way::Repetitive);
        once_with(grant).chain(once_with(standing)).chain(once_with(repeated)).flatten()
    };
    let can_be_bound = |way: &Way<'_>| arrival.is_none_or(|arrival| binds(require(way), arrival.bound));
    let is_own = |way: &Way<'_>| arrival.is_some_and(|arrival| state.is_inside_of(&arrival.inside, &approvers(state, way), policy));
    match ways().find(|way| !is_own(way) && can_be_bound(way)) {
        Some(way) => Ok(way),
        None if ways().any(|way| is_own(&way)) => Err(Denial::plain(Why::OwnApproval)),
        None if ways().next().is_some() => Err(Denial::plain(Why::Unbindable)),
        None => Err(denial(state, policy, question, entry, now)),
    }
}

/// How surely a session that comes in by it must be bound.
pub(super) fn require(way: &Way<'_>) -> Require {
    match way {
        Way::Grant(grant) => grant.terms.common.session.require,
        Way::Login(rule) => rule.session.require,
        Way::Repetitive(again) => again.require(),
        Way::Legacy(_) => Require::Any,
    }
}

/// Upon whose word one comes in.
fn approvers(state: &State, way: &Way<'_>) -> Humans {
    match way {
        Way::Grant(grant) => approvers_of(state, grant),
        Way::Repetitive(again) => state.approvers_of(&again.basis.terms),
        Way::Login(_) | Way::Legacy(_) => Humans::default(),
    }
}

/// Who approved a grant, or what it repeats.
fn approvers_of(state: &State, grant: &LiveGrant) -> Humans {
    let repeats = grant.terms.common.kind == Kind::Repetitive;
    let basis = repeats.then(|| state.basis(grant.terms.key())).flatten();
    state.approvers_of(basis.map_or(&grant.terms, |basis| &basis.terms))
}

/// Of the grants that admit the entry, one by whose approver's own session it does not come, then one whose session can be bound
/// as it wants it, then one whose uses are not counted, and then the one that lasts longest. A legacy grant only records; its rule
/// lets in, so that it stops when the rule does.
fn best_grant<'a>(state: &'a State, entry: &'a Entry, arrival: Option<&Arrival>, policy: &Policy, now: Now) -> Option<&'a LiveGrant> {
    let admitting = state.live_of(&entry.subject).filter(|grant| grant.terms.common.kind != Kind::Legacy && grant.admits(entry, now));
    admitting.max_by_key(|grant| {
        let is_anothers = arrival.is_none_or(|arrival| !state.is_inside_of(&arrival.inside, &approvers_of(state, grant), policy));
        let binds = arrival.is_none_or(|arrival| binds(grant.terms.common.session.require, arrival.bound));
        (is_anothers, binds, grant.terms.common.max_uses.is_none(), grant.validity.ends().left(now))
    })
}

fn denial(state: &State, policy: &Policy, question: Question<'_>, entry: &Entry, now: Now) -> Denial {
    let remedy = Remedy::of(policy, question, entry.remote);
    // What they hold is good, and they would ask for it in vain.
    let mut held = state.live_of(&entry.subject).filter(|grant| grant.terms.common.kind != Kind::Legacy);
    if let Some(grant) = held.find(|grant| grant.admits_elsewhere(entry, now)) {
        let rule = grant.terms.common.rule.clone();
        return Denial { why: Why::OtherAddress(rule.clone()), rule: Some(rule), remedy };
    }
    if let Some(remedy) = remedy {
        return Denial { why: Why::NoGrant, rule: remedy.rule().cloned(), remedy: Some(remedy) };
    }
    if !policy.names_service(&entry.service) {
        return Denial::plain(Why::NoRuleForService);
    }
    if let Some(unknown) = policy.unknown_at_the_door(question, entry.remote) {
        return Denial::plain(Why::Unknown(unknown));
    }
    match policy.good_elsewhere(question, entry.remote) {
        Some(rule) => Denial { rule: Some(rule.clone()), ..Denial::plain(Why::OtherAddress(rule.clone())) },
        None => Denial::plain(Why::NoRule),
    }
}

/// May this subject come in now?
pub(super) fn check(state: &State, policy: Option<&Policy>, entry: &Entry, now: Now) -> Admission {
    match way_in(state, policy, entry, None, now) {
        Ok(Way::Grant(grant)) => Admission::Grant(grant.terms.id),
        Ok(Way::Login(rule)) => Admission::Rule(rule.name.clone()),
        Ok(Way::Legacy(rule)) => Admission::Rule(rule.name.clone()),
        Ok(Way::Repetitive(again)) => Admission::Rule(again.rule.name.clone()),
        Err(denial) => Admission::Denied(denial),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{POLICY, World, actor, entry, wish};
    use super::*;
    use crate::engine::Wish;
    use crate::name::{RunAs, Service};
    use crate::policy::judge::Unknown;
    use crate::subject::Groups;

    fn denied(world: &World, entry: &Entry) -> Denial {
        match world.check(entry) {
            Admission::Denied(denial) => denial,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_to_do_is_said_only_where_it_can_be_done() {
        let free = POLICY.replace("approve = [ { by = [\"group:leads\"] }, { by = [\"group:managers\"] } ]", "approve = []");
        let emergency = "[[emergency]]\nname = \"oncall\"\nwho = [\"user:erin\"]\non = [\"sudo\", \"sshd\"]\n\
            limit = { times = 3, per = \"7d\" }\nreview = { by = [\"group:leads\"], within = \"24h\" }\n";
        let world = World::with(&format!("{free}{emergency}"));
        for (who, service, run_as, said) in [
            ("alice", "sudo", Some("root"), "no grant for sudo. Ask: jit request sudo --reason \"...\". Approves: group leads"),
            (
                "alice",
                "sudo-i",
                Some("postgres"),
                "no grant for sudo as postgres. Ask: jit request sudo --as postgres --reason \"...\". Approves: group leads",
            ),
            ("carol", "su", Some("postgres"), "no grant for su as postgres. Ask: jit request su --as postgres --reason \"...\""),
            ("bob", "sshd", Some("bob"), "no grant for ssh. Request it from a log-in on this host: jit request sshd"),
            ("erin", "sudo", None, "no grant for sudo. In an emergency: jit emergency sudo --reason \"...\""),
            ("erin", "sshd", Some("erin"), "no grant for ssh"),
        ] {
            assert_eq!(world.denial(who, service, run_as), format!("jit: {said}. D-7F3KQ2ZD"));
        }
    }

    #[test]
    fn a_rule_about_a_console_lets_in_whoever_logs_in_there_as_themselves() {
        let console = "[[grant]]\nname = \"console\"\nwho = [\"group:ops\"]\non = [\"login\"]\napprove = [ { by = [\"group:leads\"] } ]\n";
        let jobs = "[[legacy]]\nname = \"jobs\"\nwho = [\"user:postgres\"]\non = [\"cron\"]\nowner = \"group:leads\"\nreason = \"x\"\n\
            until = 2027-03-31\n";
        let mut world = World::with(&format!("{POLICY}{console}{jobs}"));
        let at = |name: &str, service: &str| entry(name, service, Some(name));
        assert_eq!(world.check(&at("postgres", "cron")), Admission::Rule(RuleName::new("jobs")));
        assert_eq!(
            world.denial("alice", "login", Some("alice")),
            "jit: no grant for login. Ask an approver (group leads) to grant it. D-7F3KQ2ZD"
        );
        let wish = Wish { service: Service::new("login"), run_as: RunAs::Oneself, ..wish() };
        let request = world.request_of(&actor("alice"), wish).unwrap();
        world.approve("carol", request).map(drop).unwrap();
        assert!(matches!(world.check(&at("alice", "login")), Admission::Grant(_)));
    }

    #[test]
    fn a_denial_names_the_rule_that_forbids_or_under_which_one_may_ask() {
        let deny = "[[deny]]\nname = \"not-bob\"\nwho = [\"user:bob\"]\non = [\"sudo\"]\n";
        let world = World::with(&format!("{POLICY}{deny}"));
        let rule = |who: &str| denied(&world, &entry(who, "sudo", None)).rule;
        assert_eq!(rule("bob"), Some(RuleName::new("not-bob")));
        assert_eq!(rule("alice"), Some(RuleName::new("ops-root")));
        assert_eq!(rule("erin"), None);
    }

    #[test]
    fn whose_groups_are_not_known_is_told_that_and_not_that_no_rule_fits() {
        let world = World::new();
        let mut unknown = entry("erin", "sudo", None);
        assert_eq!(denied(&world, &unknown).why, Why::NoRule);
        unknown.subject.groups = Groups::unknown();
        assert_eq!(denied(&world, &unknown).why, Why::Unknown(Unknown::Groups));
        unknown.service = Service::new("cron");
        assert_eq!(denied(&world, &unknown).why, Why::NoRuleForService, "which no group would change");
    }

    #[test]
    fn who_is_forbidden_something_for_want_of_knowledge_is_told_that_and_a_rule_that_forbids_it_for_sure_comes_first() {
        let deny = |name: &str, on: &str, more: &str| format!("[[deny]]\nname = \"{name}\"\nwho = [\"any\"]\non = [\"{on}\"]\n{more}\n");
        let contractors = deny("contractors", "sudo", "").replace("any", "group:contractors");
        let night = deny("night", "sudo", "hours = [\"00:00-02:30\"]\nzone = \"Europe/Berlin\"");
        let abroad = deny("abroad", "sshd", "from = [\"192.0.2.0/24\"]");
        let world = World::with(&format!("{POLICY}{contractors}{night}{abroad}"));
        let why = |entry: &Entry| denied(&world, entry).why.to_string();
        let mut alice = entry("alice", "sudo", None);
        assert_eq!(why(&alice), "no grant");
        alice.subject.groups = Groups::unknown();
        assert_eq!(why(&alice), "forbidden, groups unknown");
        assert_eq!(denied(&world, &alice).rule, Some(RuleName::new("contractors")));
        let carol = Entry { remote: crate::subject::Remote::Unknown, ..entry("carol", "sshd", Some("carol")) };
        assert_eq!(why(&carol), "forbidden, address unknown");
        let sure = World::with(&format!("{POLICY}{contractors}{}", deny("nobody", "sudo", "")));
        let denial = denied(&sure, &alice);
        assert_eq!((denial.why.to_string().as_str(), denial.rule), ("forbidden", Some(RuleName::new("nobody"))));
        let mut twice = world;
        twice.now.wall = crate::time::WallTime::parse("2026-10-25T00:30:00Z").unwrap();
        assert_eq!(denied(&twice, &entry("alice", "sudo", None)).why.to_string(), "forbidden, local time unknown");
        let refused = twice.request("alice").unwrap_err();
        assert_eq!(refused.to_string(), "rule night forbids it at some hours, and this one runs twice, as clocks go back");
    }

    #[test]
    fn whom_a_rule_might_let_in_if_something_were_known_is_told_what() {
        let hours = POLICY.replace("name = \"ops-root\"", "name = \"ops-root\"\nhours = [\"00:00-02:30\"]\nzone = \"Europe/Berlin\"");
        let mut world = World::with(&hours);
        let nowhere = |name: &str| Entry { remote: crate::subject::Remote::Unknown, ..entry(name, "sshd", Some(name)) };
        assert_eq!(denied(&world, &nowhere("postgres")).why, Why::Unknown(Unknown::Address));
        assert_eq!(denied(&world, &nowhere("bob")).why, Why::Unknown(Unknown::Address), "no grant would be good from there");
        assert_eq!(denied(&world, &nowhere("erin")).why, Why::NoRule);
        assert_eq!(denied(&world, &entry("alice", "sudo", None)).why, Why::NoRule, "at noon");
        world.now.wall = crate::time::WallTime::parse("2026-10-25T00:30:00Z").unwrap();
        assert_eq!(denied(&world, &entry("alice", "sudo", None)).why, Why::Unknown(Unknown::Time));
        let refused = world.request("alice").unwrap_err();
        assert_eq!(refused.to_string(), "a rule gives this at some hours, and this one runs twice, as clocks go back");
    }

    #[test]
    fn who_comes_from_an_address_of_which_no_rule_speaks_is_told_so_and_not_to_ask() {
        let mut world = World::new();
        let from = |name: &str, from: &str| Entry {
            remote: crate::subject::Remote::from_address(from.parse().ok()),
            ..entry(name, "sshd", Some(name))
        };
        let said = |world: &World, entry: &Entry| denied(world, entry).line(entry, "D-7F3KQ2ZD".parse().unwrap());
        let abroad = from("alice", "203.0.113.9");
        let elsewhere = "jit: rule ops-ssh lets alice in by ssh from other addresses alone. D-7F3KQ2ZD";
        assert_eq!(said(&world, &abroad), elsewhere, "a grant would be no good from there");
        let denial = denied(&world, &abroad);
        assert_eq!((denial.why.to_string().as_str(), denial.rule), ("other address", Some(RuleName::new("ops-ssh"))));
        assert_eq!(denied(&world, &from("postgres", "10.9.9.9")).rule, Some(RuleName::new("db-backup")));
        assert_eq!(denied(&world, &from("erin", "203.0.113.9")).why, Why::NoRule, "from nowhere");
        let ssh = Wish { service: Service::new("sshd"), run_as: RunAs::Oneself, ..wish() };
        let id = world.request_of(&actor("alice"), ssh).unwrap();
        world.approve("carol", id).and_then(|()| world.approve("erin", id)).unwrap();
        assert!(world.lets_in("alice", "sshd", Some("alice")));
        // Another rule would give a grant that is good there, and what they hold is not.
        let loose = POLICY.replacen("from = [\"10.0.0.0/8\"]\n", "", 1);
        world.policy = World::with(&loose).policy;
        assert_eq!(
            said(&world, &abroad),
            "jit: rule ops-ssh lets alice in by ssh from other addresses alone. Ask an approver (group leads) to grant it. D-7F3KQ2ZD"
        );
        assert_eq!(denied(&world, &from("bob", "203.0.113.9")).why, Why::NoGrant);
    }

    #[test]
    fn of_several_grants_an_uncounted_one_is_used_and_of_those_the_one_that_lasts_longest() {
        let mut world = World::new();
        let give = |world: &mut World, wish: Wish| {
            let id = world.request_of(&actor("alice"), wish).unwrap();
            world.approve("carol", id).unwrap();
            world.grant_of(id)
        };
        let hours = |hours: u64| Some(crate::span::Span::from_secs(hours * 3600));
        let used = |world: &World| match world.check(&entry("alice", "sudo", None)) {
            Admission::Grant(id) => id,
            other => panic!("{other:?}"),
        };
        let counted = give(&mut world, Wish { wanted: hours(4), uses: Some(3), ..wish() });
        assert_eq!(used(&world), counted);
        let as_postgres = |wanted| Wish { run_as: RunAs::as_typed("postgres"), wanted, ..wish() };
        let plain = give(&mut world, as_postgres(hours(1)));
        assert_eq!(used(&world), plain, "it lasts less long, and nothing is taken of it");
        let (_, bound) = world.open(entry("alice", "sudo", Some("root")), 7).unwrap();
        assert_eq!(bound, counted, "it is for another user");
    }
}
