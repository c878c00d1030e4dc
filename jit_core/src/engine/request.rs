//! Asking: for oneself, and in somebody else's name.

use super::approve::{self, issue};
use super::{Context, Handled, MOST_PENDING, Reply, Wish, humans_behind};
use crate::actor::{Actor, Humans};
use crate::event::{self, Event};
use crate::id::{GrantId, RequestId};
use crate::name::UserName;
use crate::policy::judge::{Question, RequestRuling};
use crate::policy::load::LONGEST_REASON;
use crate::policy::{GrantRule, Policy, Starts};
use crate::refusal::Refusal;
use crate::request::PendingRequest;
use crate::state::State;
use crate::state::look::with_other_accounts;
use crate::subject::{Groups, Subject};
use crate::time::{Deadline, Now};

/// One asks for a grant.
pub(super) fn request(state: &State, actor: &Actor, wish: &Wish, context: &mut Context<'_>) -> Handled {
    let policy = context.policy.ok_or(Refusal::NoPolicy)?;
    let rule = ruling(policy, &actor.subject, wish)?;
    let humans = humans_behind(state, actor, policy)?;
    refuse_repeats(state, &actor.subject, wish, context.now)?;
    let reason = reason_of(rule, wish)?;
    let id = RequestId::random(context.entropy);
    let submitted = submit(id, &actor.subject, humans, rule, wish, reason, None, context.now);
    let pending = PendingRequest::submitted(context.now.wall, &submitted);
    let mut events = vec![Event::from(submitted)];
    if rule.stages.is_empty() {
        events.extend(issue(&pending, pending.shortened, Vec::new(), GrantId::random(context.entropy), context.now));
    }
    Ok((Reply::Request(id), events))
}

/// An approver asks in somebody else's name, and approves it; further stages still apply.
pub(super) fn grant_to(state: &State, actor: &Actor, subject: &Subject, wish: &Wish, context: &mut Context<'_>) -> Handled {
    let policy = context.policy.ok_or(Refusal::NoPolicy)?;
    let approver = humans_behind(state, actor, policy)?;
    let humans = with_other_accounts(Humans::account(subject.uid, subject.name.clone()), policy);
    if humans.overlaps(&approver) {
        return Err(Refusal::Own { id: None });
    }
    let rule = ruling(policy, subject, wish)?;
    if rule.stages.is_empty() {
        return Err(Refusal::SelfService { user: subject.name.clone(), service: wish.service.clone() });
    }
    refuse_repeats(state, subject, wish, context.now)?;
    let reason = reason_of(rule, wish)?;
    let id = RequestId::random(context.entropy);
    let submitted = submit(id, subject, humans, rule, wish, reason, Some(actor.subject.name.clone()), context.now);
    let pending = PendingRequest::submitted(context.now.wall, &submitted);
    let mut events = vec![Event::from(submitted)];
    events.extend(approve::approval(&pending, actor, approver, None, None, context)?);
    Ok((Reply::Request(id), events))
}

fn ruling<'a>(policy: &'a Policy, subject: &Subject, wish: &Wish) -> Result<&'a GrantRule, Refusal> {
    if wish.uses == Some(0) {
        return Err(Refusal::OddUses);
    }
    let question = Question { subject, service: &wish.service, run_as: Some(&wish.run_as) };
    match policy.rule_for_request(question, wish.wanted) {
        RequestRuling::By(rule) => Ok(rule),
        RequestRuling::TooLong { rule } => Err(Refusal::TooLong { longest: rule.max, rule: rule.name.clone() }),
        RequestRuling::None if subject.groups == Groups::Unknown => Err(Refusal::GroupsUnknown { user: subject.name.clone() }),
        RequestRuling::None => {
            Err(Refusal::NoRule { user: subject.name.clone(), service: wish.service.clone(), run_as: wish.run_as.clone() })
        }
    }
}

fn refuse_repeats(state: &State, subject: &Subject, wish: &Wish, now: Now) -> Result<(), Refusal> {
    let same_ask = state.pending_of(subject).find(|request| request.ask.service == wish.service && request.ask.run_as == wish.run_as);
    if let Some(request) = same_ask {
        return Err(Refusal::AlreadyPending { id: request.ask.id });
    }
    let held = state.live_of(subject).find(|grant| {
        let uses_left = grant.terms.max_uses.is_none_or(|most| grant.taken < most);
        grant.terms.service == wish.service && grant.terms.run_as == wish.run_as && uses_left && !grant.validity.ends().has_passed(now)
    });
    if let Some(grant) = held {
        return Err(Refusal::AlreadyHeld { id: grant.terms.id });
    }
    if state.pending_of(subject).count() >= MOST_PENDING {
        return Err(Refusal::TooManyPending { most: MOST_PENDING });
    }
    Ok(())
}

fn reason_of(rule: &GrantRule, wish: &Wish) -> Result<String, Refusal> {
    let reason = wish.reason.as_deref().map(str::trim).unwrap_or_default();
    let length = u32::try_from(reason.chars().count()).unwrap_or(u32::MAX);
    match length {
        0 if rule.reason.required => Err(Refusal::ReasonMissing { rule: rule.name.clone() }),
        0 => Ok(String::new()),
        short if short < rule.reason.min => Err(Refusal::ReasonShort { rule: rule.name.clone(), min: rule.reason.min }),
        long if long > LONGEST_REASON => Err(Refusal::ReasonLong { most: LONGEST_REASON }),
        _ => Ok(reason.to_owned()),
    }
}

#[allow(clippy::too_many_arguments, reason = "one event, each part of it from somewhere else")]
fn submit(
    id: RequestId,
    subject: &Subject,
    humans: Humans,
    rule: &GrantRule,
    wish: &Wish,
    reason: String,
    filed_by: Option<UserName>,
    now: Now,
) -> event::RequestSubmitted {
    let lapses = Deadline::after(now, rule.lapse);
    event::RequestSubmitted {
        id,
        user: subject.name.clone(),
        uid: subject.uid,
        service: wish.service.clone(),
        run_as: wish.run_as.clone(),
        for_s: wish.wanted.unwrap_or(rule.default),
        uses: wish.uses,
        rule: rule.name.clone(),
        lapses: lapses.wall,
        filed_by,
        reason,
        stages: rule.stages.clone(),
        from: rule.scope.from.clone(),
        use_within_s: match rule.starts {
            Starts::FirstUse(within) => Some(within),
            Starts::Approval | Starts::Login => None,
        },
        humans,
        lapses_boot_ms: lapses.boot,
    }
}
