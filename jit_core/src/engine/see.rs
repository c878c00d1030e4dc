//! Who sees and may do what with a request or grant.

use crate::grant::{Kind, Terms};
use crate::name::{RuleName, UserName};
use crate::optout::Emergency;
use crate::policy::{Fit, Policy, Principal, Stage, any_fits, may_approve};
use crate::request::{Ask, PendingRequest, Request};
use crate::session::SessionFacts;
use crate::subject::Subject;
use crate::text;

/// Somebody who looks: they see their own, what they may approve, and all of it as an auditor or root.
#[derive(Debug, Clone, Copy)]
pub struct Viewer<'a> {
    /// Who looks.
    pub subject: &'a Subject,
    /// The policy in force.
    pub policy: &'a Policy,
}

impl Viewer<'_> {
    /// Whether they see everything.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        self.policy.sees_all(self.subject)
    }

    /// Whether they see this request.
    #[must_use]
    pub fn sees_request(&self, request: &Request) -> bool {
        let Ask { uid, user, .. } = request.ask();
        let approves = request.stages().iter().any(|progress| may_approve(&progress.stage.by, self.subject) == Fit::Yes);
        self.owns(uid.0, user) || approves || self.sees_all()
    }

    /// Whether they see this grant.
    #[must_use]
    pub fn sees_grant(&self, terms: &Terms) -> bool {
        let known = self.owns(terms.uid.0, &terms.user) || could_approve(&terms.common.stages, self.subject) || self.sees_all();
        known || (terms.common.kind == Kind::Emergency && self.reviews_now(&terms.common.rule))
    }

    fn reviews_now(&self, rule: &RuleName) -> bool {
        let reviewers: Vec<_> = reviewers_in_force(rule, self.policy).cloned().collect();
        may_approve(&reviewers, self.subject) == Fit::Yes
    }

    /// Whether they see this emergency and its review.
    #[must_use]
    pub fn sees_emergency(&self, taken: &Emergency) -> bool {
        self.owns(taken.uid.0, &taken.user) || self.may_review(taken) || self.sees_all()
    }

    /// Whether a review waits for them: it is due, and the emergency is not theirs.
    #[must_use]
    pub fn may_review_now(&self, taken: &Emergency) -> bool {
        let own = taken.humans.uids.contains(&self.subject.uid) || taken.humans.names.contains(&self.subject.name);
        taken.review.next().is_some() && !own && self.may_review(taken)
    }

    fn may_review(&self, taken: &Emergency) -> bool {
        may_approve(&reviewers_of(taken, self.policy), self.subject) == Fit::Yes
    }

    /// Whether they see this session; its grant, if it is at hand, says who could approve it.
    #[must_use]
    pub fn sees_session(&self, facts: &SessionFacts, terms: Option<&Terms>) -> bool {
        self.owns(facts.uid.0, &facts.user) || terms.is_some_and(|terms| self.sees_grant(terms)) || self.sees_all()
    }

    /// Whether a request waits for them: it is the turn of a stage that they may approve, and it is not theirs.
    #[must_use]
    pub fn may_approve_now(&self, pending: &PendingRequest) -> bool {
        let own = pending.ask.humans.uids.contains(&self.subject.uid) || pending.ask.humans.names.contains(&self.subject.name);
        let approved = pending.stages.iter().flat_map(|stage| &stage.approvals).any(|approval| approval.uid == self.subject.uid);
        !own && !approved && may_approve(pending.approvers(), self.subject) == Fit::Yes
    }

    /// Whether they are to be told that a request waits: it waits for them, and they are meant, by name or by a group.
    /// Everybody is nobody in particular.
    #[must_use]
    pub fn is_asked(&self, pending: &PendingRequest) -> bool {
        let meant: Vec<_> = pending.approvers().iter().filter(|principal| **principal != Principal::Any).cloned().collect();
        self.may_approve_now(pending) && may_approve(&meant, self.subject) == Fit::Yes
    }

    /// Whether they may approve what is asked under this rule.
    #[must_use]
    pub fn approves_by(&self, rule: &RuleName) -> bool {
        self.policy.grants.iter().any(|known| known.name == *rule && could_approve(&known.stages, self.subject))
    }

    fn owns(&self, uid: u32, user: &UserName) -> bool {
        self.subject.uid.0 == uid && self.subject.name == *user
    }
}

/// Who may review an emergency: whom its rule named when it was taken, and whom the policy in force names. Who was named then may
/// have left, or be called otherwise by now.
#[must_use]
pub fn reviewers_of(taken: &Emergency, policy: &Policy) -> Vec<Principal> {
    let mut reviewers = taken.review_by.clone();
    for principal in reviewers_in_force(&taken.rule, policy) {
        if !reviewers.contains(principal) {
            reviewers.push(principal.clone());
        }
    }
    reviewers
}

/// Whom the rule of that name lets review; if there is none any more, whoever reviews any emergency.
fn reviewers_in_force<'a>(rule: &RuleName, policy: &'a Policy) -> impl Iterator<Item = &'a Principal> {
    let is_there = policy.emergencies.iter().any(|known| known.name == *rule);
    let rules = policy.emergencies.iter().filter(move |known| !is_there || known.name == *rule);
    rules.flat_map(|known| &known.review.by)
}

/// Whether somebody could approve in one of these stages.
#[must_use]
pub fn could_approve(stages: &[Stage], subject: &Subject) -> bool {
    stages.iter().any(|stage| may_approve(&stage.by, subject) == Fit::Yes)
}

/// Whether a rule of the policy lets somebody approve anything at all.
#[must_use]
pub fn could_approve_something(policy: &Policy, subject: &Subject) -> bool {
    let reviews = |rule: &crate::policy::EmergencyRule| may_approve(&rule.review.by, subject) == Fit::Yes;
    policy.grants.iter().any(|rule| could_approve(&rule.stages, subject)) || policy.emergencies.iter().any(reviews)
}

/// Whether somebody may take such a grant away: whoever could approve it, and root.
#[must_use]
pub fn may_revoke(stages: &[Stage], subject: &Subject) -> bool {
    subject.uid.is_root() || stages.iter().any(|stage| any_fits(&stage.by, subject) == Fit::Yes)
}

/// Approvers as people say them: `group leads`, `carol or dave`.
#[must_use]
pub fn approvers_in_words(by: &[Principal]) -> String {
    let names: Vec<_> = by
        .iter()
        .map(|principal| match principal {
            Principal::User(name) => name.to_string(),
            Principal::Group(name) => format!("group {name}"),
            Principal::Uid(uid) => format!("uid {uid}"),
            Principal::Any => "anybody else".to_owned(),
        })
        .collect();
    text::any_of(&names)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{POLICY, World, actor, entry, subject, wish};
    use super::*;
    use crate::engine::{Command, Reply};
    use crate::optout::Verdict;

    const EMERGENCY: &str = "[[emergency]]\nname = \"oncall\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\nlimit = { times = 3, per = \"7d\" }\n\
        review = { by = [\"group:leads\", \"user:bob\"], within = \"24h\" }\n";
    const ALL: [&str; 8] = ["root", "alice", "bob", "carol", "dave", "erin", "alice-adm", "postgres"];

    /// Whom of all a question is answered with yes.
    fn who(policy: &Policy, asked: impl Fn(&Viewer<'_>) -> bool) -> Vec<&'static str> {
        ALL.into_iter().filter(|name| asked(&Viewer { subject: &subject(name), policy })).collect()
    }

    #[test]
    fn a_review_waits_for_whoever_may_give_it_until_somebody_has() {
        let mut world = World::with(&format!("{POLICY}{EMERGENCY}"));
        let policy = world.policy.clone().unwrap();
        let Reply::Grants(ids) = world.command(Command::Emergency(actor("bob"), wish())).unwrap() else { panic!() };
        let taken = |world: &World| world.state.emergency(ids[0]).unwrap().clone();
        assert_eq!(who(&policy, |viewer| viewer.sees_emergency(&taken(&world))), ["root", "bob", "carol", "dave", "erin", "alice-adm"]);
        assert_eq!(who(&policy, |viewer| viewer.may_review_now(&taken(&world))), ["carol", "dave", "alice-adm"], "and not for bob himself");
        world.command(Command::Review { actor: actor("carol"), id: ids[0], verdict: Verdict::Misuse, note: None }).map(drop).unwrap();
        assert_eq!(who(&policy, |viewer| viewer.may_review_now(&taken(&world))), [""; 0]);
    }

    #[test]
    fn a_review_does_not_wait_for_whom_acted_by_another_account_or_had_another_number() {
        let mut world = World::with(&format!("{POLICY}{EMERGENCY}"));
        let policy = world.policy.clone().unwrap();
        let mut as_alice = actor("alice");
        as_alice.login = crate::actor::LoginUid::Set(crate::name::Uid(1003), None);
        let Reply::Grants(ids) = world.command(Command::Emergency(as_alice, wish())).unwrap() else { panic!() };
        let taken = world.state.emergency(ids[0]).unwrap();
        assert_eq!(who(&policy, |viewer| viewer.may_review_now(taken)), ["bob", "dave"], "not carol's number, nor alice's other name");
    }

    #[test]
    fn a_session_is_seen_by_its_own_by_who_could_approve_it_and_by_who_sees_all() {
        let mut world = World::new();
        let id = world.request("alice").unwrap();
        world.approve("carol", id).unwrap();
        let (session, grant) = world.open(entry("alice", "sudo", Some("root")), 7).unwrap();
        let (facts, terms) = (world.state.session(session).unwrap().facts(), world.state.grant(grant).unwrap().terms());
        let policy = world.policy.as_ref().unwrap();
        assert_eq!(who(policy, |viewer| viewer.sees_session(facts, Some(terms))), ["root", "alice", "carol", "dave", "erin", "alice-adm"]);
        assert_eq!(who(policy, |viewer| viewer.sees_session(facts, None)), ["root", "alice", "erin"], "its grant is forgotten");
        assert_eq!(who(policy, |viewer| viewer.sees_grant(terms)), ["root", "alice", "carol", "dave", "erin", "alice-adm"]);
        let mut recycled = subject("alice");
        recycled.name = UserName::new("alicia");
        assert!(!Viewer { subject: &recycled, policy }.sees_session(facts, None), "her number, and not her name");
    }

    #[test]
    fn a_request_waits_for_whoever_has_not_said_yes_and_is_not_behind_it() {
        let two = POLICY.replace("[\"group:leads\"], count = 1", "[\"group:leads\", \"user:alice\", \"user:bob\"], count = 2");
        let mut world = World::with(&two);
        let policy = world.policy.clone().unwrap();
        let id = world.request("alice").unwrap();
        let waits = |world: &World| match world.state.request(id).unwrap() {
            Request::Pending(pending) => who(&policy, |viewer| viewer.may_approve_now(pending)),
            Request::Decided(_) => Vec::new(),
        };
        assert_eq!(waits(&world), ["bob", "carol", "dave"]);
        world.approve("carol", id).unwrap();
        assert_eq!(waits(&world), ["bob", "dave"]);
    }

    #[test]
    fn who_could_approve_by_a_rule_or_review_by_one_could_approve_something() {
        let world = World::with(&format!("{POLICY}{EMERGENCY}"));
        let policy = world.policy.as_ref().unwrap();
        let by = |rule: &str| who(policy, |viewer| viewer.approves_by(&RuleName::new(rule)));
        assert_eq!(by("ops-root"), ["carol", "dave", "alice-adm"]);
        assert_eq!(by("ops-ssh"), ["carol", "dave", "erin", "alice-adm"], "in whichever stage");
        assert_eq!([by("leads-su"), by("no-such"), by("oncall")], [[""; 0]; 3]);
        assert_eq!(who(policy, |viewer| could_approve_something(policy, viewer.subject)), ["bob", "carol", "dave", "erin", "alice-adm"]);
        let nothing = World::with("version = 1\n");
        assert_eq!(who(nothing.policy.as_ref().unwrap(), |viewer| could_approve_something(viewer.policy, viewer.subject)), [""; 0]);
    }

    #[test]
    fn approvers_are_named_as_people_say_them() {
        let by = ["user:carol", "group:leads", "uid:7", "any"].map(|text| Principal::parse(text).unwrap());
        assert_eq!(approvers_in_words(&by), "carol, group leads, uid 7 or anybody else");
    }
}
