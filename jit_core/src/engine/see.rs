//! Who sees and may do what with a request or grant.

use crate::grant::Terms;
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
        self.owns(terms.uid.0, &terms.user) || could_approve(&terms.common.stages, self.subject) || self.sees_all()
    }

    /// Whether they see this emergency and its review.
    #[must_use]
    pub fn sees_emergency(&self, taken: &Emergency) -> bool {
        self.owns(taken.uid.0, &taken.user) || may_approve(&taken.review_by, self.subject) == Fit::Yes || self.sees_all()
    }

    /// Whether a review waits for them: it is due, and the emergency is not theirs.
    #[must_use]
    pub fn may_review_now(&self, taken: &Emergency) -> bool {
        let own = taken.humans.uids.contains(&self.subject.uid) || taken.humans.names.contains(&self.subject.name);
        taken.review.next().is_some() && !own && may_approve(&taken.review_by, self.subject) == Fit::Yes
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
