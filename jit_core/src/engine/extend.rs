//! Making a grant longer: a request of its own, with a fresh reason, approved like the first.

use super::request::{reason_within, submit_extension};
use super::{Context, Handled, Reply, humans_behind};
use crate::actor::Actor;
use crate::event::Event;
use crate::grant::{LiveGrant, Validity};
use crate::id::{GrantId, RequestId};
use crate::policy::judge::Question;
use crate::refusal::Refusal;
use crate::request::PendingRequest;
use crate::span::Span;
use crate::state::State;

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
    let extend = terms.extend.ok_or_else(|| Refusal::NotExtensible { id: terms.id, rule: terms.rule.clone() })?;
    if grant.extended >= extend.times {
        return Err(Refusal::ExtendedEnough { id: terms.id, times: extend.times });
    }
    if by > extend.max {
        return Err(Refusal::TooLong { longest: extend.max, rule: terms.rule.clone() });
    }
    match grant.validity {
        Validity::Active { .. } | Validity::Scheduled { .. } => {}
        Validity::Waiting { .. } => return Err(Refusal::NotStarted { id: terms.id }),
    }
    let question = Question { subject: &actor.subject, service: &terms.service, run_as: Some(&terms.run_as), at: context.now.wall };
    if let Some(rule) = policy.denied_by(question, None) {
        return Err(Refusal::Forbidden { rule: rule.name.clone() });
    }
    let waiting = state.pending_of(&actor.subject).find(|request| request.ask.extends == Some(terms.id));
    if let Some(request) = waiting {
        return Err(Refusal::AlreadyPending { id: request.ask.id });
    }
    let humans = humans_behind(state, actor, policy)?;
    let wish =
        super::Wish { service: terms.service.clone(), run_as: terms.run_as.clone(), wanted: Some(by), uses: None, start: None, reason };
    let words = reason_within(&terms.rule, true, 1, None, &wish)?;
    let request = RequestId::random(context.entropy);
    let submitted = submit_extension(request, grant, humans, by, words, context.now);
    let pending = PendingRequest::submitted(context.now.wall, &submitted);
    let mut events = vec![Event::from(submitted)];
    if grant.terms.stages.is_empty() {
        events.extend(super::approve::granted(state, &pending, by, Vec::new(), context)?);
    }
    Ok((Reply::Request(request), events))
}

fn mine<'a>(state: &'a State, actor: &'a Actor, id: Option<GrantId>) -> Result<&'a LiveGrant, Refusal> {
    let mine: Vec<_> = state.live_of(&actor.subject).collect();
    match (id, mine.as_slice()) {
        (Some(id), mine) => mine.iter().find(|grant| grant.terms.id == id).copied().ok_or_else(|| Refusal::NoSuch { what: id.to_string() }),
        (None, []) => Err(Refusal::NoneOfYours { what: "grant" }),
        (None, [only]) => Ok(only),
        (None, several) => {
            let ids = several.iter().map(|grant| grant.terms.id.to_string()).collect();
            Err(Refusal::NameOne { what: "grant", ids })
        }
    }
}
