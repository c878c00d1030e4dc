//! Making a grant longer: a request of its own, with a fresh reason, approved like the first.

use super::end::not_live;
use super::request::{not_known, reason_within, submit_extension};
use super::{Context, Handled, Reply, humans_behind};
use crate::actor::Actor;
use crate::event::Event;
use crate::grant::{LiveGrant, Validity};
use crate::id::{GrantId, RequestId};
use crate::policy::Policy;
use crate::policy::judge::{Question, RequestRuling, Wanted};
use crate::refusal::Refusal;
use crate::request::PendingRequest;
use crate::span::Span;
use crate::state::State;
use crate::time::{Deadline, Now, WallTime};

/// Asks for it.
pub(super) fn extend(
    state: &State,
    actor: &Actor,
    id: Option<GrantId>,
    by: Span,
    reason: Option<String>,
    context: &mut Context<'_>,
) -> Handled {
    let policy = context.policy.ok_or(Refusal::NoPolicy)?;
    let grant = mine(state, actor, id)?;
    let terms = &grant.terms;
    let extend = terms.common.extend.ok_or_else(|| Refusal::NotExtensible { id: terms.id, rule: terms.common.rule.clone() })?;
    if grant.extended >= extend.times {
        return Err(Refusal::ExtendedEnough { id: terms.id, times: extend.times });
    }
    if by > extend.max {
        return Err(Refusal::TooLong { longest: extend.max, rule: terms.common.rule.clone() });
    }
    match grant.validity {
        Validity::Active { .. } | Validity::Scheduled { .. } => {}
        Validity::Waiting { .. } => return Err(Refusal::NotStarted { id: terms.id }),
    }
    let question = Question {
        subject: &actor.subject,
        service: &terms.common.service,
        run_as: Some(&terms.common.run_as),
        at: begins(grant, context.now),
    };
    if let Some(forbidden) = policy.denied_by(question, None) {
        return Err(forbidden.into());
    }
    let wish = super::Wish {
        service: terms.common.service.clone(),
        run_as: terms.common.run_as.clone(),
        wanted: Some(by),
        uses: None,
        start: None,
        reason,
    };
    // Where nobody else says yes, the policy must: the subject may have left the group since.
    if terms.common.stages.is_empty() {
        is_self_service(policy, question, &wish)?;
    }
    until(grant, by, context.now)?;
    if let Some(request) = state.extension_of(terms) {
        return Err(Refusal::AlreadyPending { id: request.ask.id });
    }
    let humans = humans_behind(state, actor, policy)?;
    let words = reason_within(&terms.common.rule, true, 1, None, &wish)?;
    let request = RequestId::random(context.entropy);
    let mut submitted = submit_extension(request, grant, humans, by, words, context.now);
    submitted.asked_from = state.address_of(actor);
    let pending = PendingRequest::submitted(context.now.wall, &submitted);
    let mut events = vec![Event::from(submitted)];
    if grant.terms.common.stages.is_empty() {
        events.extend(super::approve::granted(state, &pending, by, Vec::new(), context)?);
    }
    Ok((Reply::Request(request), events))
}

fn is_self_service(policy: &Policy, question: Question<'_>, wish: &super::Wish) -> Result<(), Refusal> {
    let unknown = match policy.rule_for_request(question, Wanted::default()) {
        RequestRuling::By(rule) if rule.stages.is_empty() => return Ok(()),
        RequestRuling::By(_) | RequestRuling::TooLong { .. } | RequestRuling::TooManyUses { .. } => None,
        RequestRuling::Unknown(unknown) => Some(unknown),
        RequestRuling::None => policy.unknown_of_request(question),
    };
    Err(not_known(question.subject, wish, unknown))
}

/// The moment whose window a grant lies in: of one for later, that at which it begins.
fn begins(grant: &LiveGrant, now: Now) -> WallTime {
    match grant.validity {
        Validity::Scheduled { begins, .. } => begins.wall,
        Validity::Waiting { .. } | Validity::Active { .. } => now.wall,
    }
}

/// Until when a grant lasts that is made so much longer: from where it would have ended, as far as its window lets it.
///
/// # Errors
/// Its window lets it last no longer than it does.
pub(super) fn until(grant: &LiveGrant, by: Span, now: Now) -> Result<Deadline, Refusal> {
    let (terms, ends) = (&grant.terms, grant.validity.ends());
    let longer = Deadline { wall: ends.wall.plus(by), boot: ends.boot.plus(by) };
    let until = super::cut(longer, terms.common.hours.as_ref(), now, begins(grant, now), &terms.common.rule)?;
    if until.wall > ends.wall {
        return Ok(until);
    }
    let hours = terms.common.hours.as_ref().map(ToString::to_string).unwrap_or_default();
    Err(Refusal::WindowEnds { id: terms.id, rule: terms.common.rule.clone(), hours })
}

fn mine<'a>(state: &'a State, actor: &'a Actor, id: Option<GrantId>) -> Result<&'a LiveGrant, Refusal> {
    let mine: Vec<_> = state.live_of(&actor.subject).collect();
    match (id, mine.as_slice()) {
        (Some(id), mine) => mine.iter().find(|grant| grant.terms.id == id).copied().ok_or_else(|| not_live(state, actor, id)),
        (None, []) => Err(Refusal::NoneOfYours { what: "grant" }),
        (None, [only]) => Ok(only),
        (None, several) => {
            let ids = several.iter().map(|grant| grant.terms.id.to_string()).collect();
            Err(Refusal::NameOne { what: "grant", ids })
        }
    }
}
