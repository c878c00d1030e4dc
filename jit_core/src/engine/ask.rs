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
    let same = |request: &&PendingRequest| request.ask.service == service && request.ask.run_as == *run_as;
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
        RequestRuling::TooLong { .. } | RequestRuling::TooManyUses { .. } | RequestRuling::None => None,
    };
    let emergency = match policy.rule_for_emergency(question, None) {
        EmergencyRuling::By(rule) => Some(rule).filter(|rule| good_here(&rule.scope.from)),
        EmergencyRuling::TooLong { .. } | EmergencyRuling::None => None,
    };
    Askable::By { request, emergency }
}
