//! Deciding a request: yes or no, by somebody else.

use super::{Context, Handled, Reply, Viewer, humans_behind, note_of};
use crate::actor::{Actor, Humans};
use crate::event::{self, Event};
use crate::grant::{Grant, Kind};
use crate::id::{GrantId, RequestId};
use crate::name::UserName;
use crate::policy::{Fit, Policy, Principal, may_approve};
use crate::refusal::Refusal;
use crate::request::{Outcome, PendingRequest, Request};
use crate::span::Span;
use crate::state::State;
use crate::state::look::with_other_accounts;
use crate::time::{Deadline, Now};

/// Says yes.
pub(super) fn approve(
    state: &State,
    actor: &Actor,
    id: RequestId,
    shorten: Option<Span>,
    note: Option<String>,
    context: &mut Context<'_>,
) -> Handled {
    let policy = context.policy.ok_or(Refusal::NoPolicy)?;
    let pending = visible_pending(state, actor, id, policy, context.now)?;
    let approver = humans_behind(state, actor, policy)?;
    let subject = with_other_accounts(pending.ask.humans.clone(), policy);
    if subject.overlaps(&approver) {
        return Err(Refusal::Own { id: Some(id) });
    }
    if shorten.is_some_and(|shorter| shorter > pending.shortened) {
        return Err(Refusal::NotLonger { id, longest: pending.shortened });
    }
    let events = approval(state, pending, actor, approver, shorten, note_of(note)?, context)?;
    Ok((Reply::Request(id), events))
}

/// Says no: anybody who may approve at some stage can.
pub(super) fn deny(state: &State, actor: &Actor, id: RequestId, note: Option<String>, context: &mut Context<'_>) -> Handled {
    let policy = context.policy.ok_or(Refusal::NoPolicy)?;
    let pending = visible_pending(state, actor, id, policy, context.now)?;
    let stages: Vec<_> = pending.stages.iter().map(|progress| progress.stage.clone()).collect();
    if !actor.subject.uid.is_root() && !super::see::could_approve(&stages, &actor.subject) {
        return Err(not_approver(pending));
    }
    let note = note_of(note)?.ok_or(Refusal::NoteMissing)?;
    let (user, by, humans) = (pending.ask.user.clone(), actor.subject.name.clone(), state.seen_behind(actor));
    let denied = event::RequestDenied { id, user, by, note: Some(note), humans };
    Ok((Reply::Request(id), vec![denied.into()]))
}

fn visible_pending<'a>(state: &'a State, actor: &Actor, id: RequestId, policy: &Policy, now: Now) -> Result<&'a PendingRequest, Refusal> {
    let viewer = Viewer { subject: &actor.subject, policy };
    let request = state.request(id).filter(|request| viewer.sees_request(request));
    match request.ok_or_else(|| Refusal::NoSuch { what: id.to_string() })? {
        // That it lapsed is said in a moment, or once the disk takes it. What would make a grant longer lapses with the grant.
        Request::Pending(pending) if pending.ask.extends.is_none() && pending.lapses.has_passed(now) => {
            Err(Refusal::Decided { id, word: "lapsed", by: Vec::new() })
        }
        Request::Pending(pending) => Ok(pending),
        Request::Decided(decided) => {
            let approvers = decided.stages.iter().flat_map(|stage| &stage.approvals).map(|approval| approval.by.to_string());
            let by = match &decided.outcome {
                Outcome::Granted(_) => approvers.collect(),
                Outcome::Denied { by, .. } => vec![by.to_string()],
                Outcome::Cancelled => vec![decided.ask.user.to_string()],
                Outcome::Lapsed => Vec::new(),
            };
            let word = state.request(id).map_or("decided", Request::word);
            Err(Refusal::Decided { id, word, by })
        }
    }
}

fn not_approver(pending: &PendingRequest) -> Refusal {
    let approvers = pending.approvers().iter().map(Principal::to_string).collect();
    Refusal::NotApprover { id: Some(pending.ask.id), approvers }
}

/// The events of one approval; with the last one that is needed, those of the grant.
pub(super) fn approval(
    state: &State,
    pending: &PendingRequest,
    actor: &Actor,
    humans: Humans,
    shorten: Option<Span>,
    note: Option<String>,
    context: &mut Context<'_>,
) -> Result<Vec<Event>, Refusal> {
    let id = pending.ask.id;
    let Some((number, stage)) = pending.current() else { return Err(Refusal::Busy) };
    match may_approve(&stage.stage.by, &actor.subject) {
        Fit::Yes => {}
        Fit::No => return Err(not_approver(pending)),
        Fit::Unknown => return Err(Refusal::GroupsUnknown { user: actor.subject.name.clone() }),
    }
    let earlier: Vec<_> = pending.stages.iter().flat_map(|stage| &stage.approvals).collect();
    if earlier.iter().any(|approval| approval.humans.overlaps(&humans)) {
        return Err(Refusal::ApprovedAlready { id });
    }
    // The policy may have come to know since whose accounts they are.
    let policy = context.policy.ok_or(Refusal::NoPolicy)?;
    let asker = with_other_accounts(pending.ask.humans.clone(), policy);
    if let Some(own) = earlier.iter().find(|approval| asker.overlaps(&approval.humans)) {
        return Err(Refusal::ApprovedByAsker { id, by: own.by.clone() });
    }
    let approved = event::RequestApproved {
        id,
        user: pending.ask.user.clone(),
        by: actor.subject.name.clone(),
        by_uid: actor.subject.uid,
        stage: u32::try_from(number).unwrap_or(u32::MAX),
        for_s: shorten,
        note,
        humans,
    };
    let mut events = vec![Event::from(approved)];
    let missing_here = stage.stage.count.saturating_sub(u32::try_from(stage.approvals.len()).unwrap_or(u32::MAX));
    let last_stage = number.saturating_add(1) >= pending.stages.len();
    if missing_here <= 1 && last_stage {
        let by = earlier.iter().map(|approval| approval.by.clone()).chain([actor.subject.name.clone()]).collect();
        let good_for = shorten.map_or(pending.shortened, |shorter| shorter.min(pending.shortened));
        events.extend(granted(state, pending, good_for, by, context)?);
    }
    Ok(events)
}

/// The events that make a request a grant, or a grant longer.
pub(super) fn granted(
    state: &State,
    pending: &PendingRequest,
    good_for: Span,
    by: Vec<UserName>,
    context: &mut Context<'_>,
) -> Result<[Event; 2], Refusal> {
    match pending.ask.extends {
        Some(grant) => longer(state, pending, grant, good_for, by, context.now),
        None => issue(pending, good_for, by, GrantId::random(context.entropy), context.now),
    }
}

/// Its grant goes on from where it would have ended, as far as its window lets it.
fn longer(state: &State, pending: &PendingRequest, id: GrantId, by: Span, who: Vec<UserName>, now: Now) -> Result<[Event; 2], Refusal> {
    let grant = match state.grant(id) {
        Some(Grant::Live(grant)) if !grant.validity.ends().has_passed(now) => grant,
        Some(Grant::Ended(grant)) => return Err(Refusal::Over { id, word: grant.word() }),
        Some(Grant::Live(_)) => return Err(Refusal::Over { id, word: "expired" }),
        None => return Err(Refusal::NoSuch { what: id.to_string() }),
    };
    let until = super::extend::until(grant, by, now)?;
    let (request, user) = (pending.ask.id, pending.ask.user.clone());
    let granted = event::RequestGranted { id: request, user: user.clone(), grant: id, by: who.clone() };
    let extended = event::GrantExtended { id, user, until: until.wall, by: who, request, until_boot_ms: until.boot };
    Ok([granted.into(), extended.into()])
}

fn issue(pending: &PendingRequest, good_for: Span, by: Vec<UserName>, id: GrantId, now: Now) -> Result<[Event; 2], Refusal> {
    let ask = &pending.ask;
    // The clock may have been set since, or be another boot's.
    let begins = ask.start.map(|start| Deadline::at(now, start.wall)).filter(|begins| !begins.has_passed(now));
    let (from, until) = match (begins, ask.use_within) {
        (Some(begins), _) => (begins.wall, Deadline { wall: begins.wall.plus(good_for), boot: begins.boot.plus(good_for) }),
        (None, Some(within)) => (now.wall, Deadline::after(now, within)),
        (None, None) => (now.wall, Deadline::after(now, good_for)),
    };
    let until = super::cut(until, ask.hours.as_ref(), now, from, &ask.rule)?;
    let granted = event::RequestGranted { id: ask.id, user: ask.user.clone(), grant: id, by: by.clone() };
    let issued = event::GrantIssued {
        id,
        user: ask.user.clone(),
        uid: ask.uid,
        service: ask.service.clone(),
        run_as: ask.run_as.clone(),
        until: until.wall,
        kind: if by.is_empty() { Kind::SelfService } else { Kind::Approved },
        by,
        reason: ask.reason.clone(),
        rule: ask.rule.clone(),
        request: Some(ask.id),
        uses: ask.uses,
        from: ask.from.clone(),
        hours: ask.hours.clone(),
        session: ask.session.clone(),
        stages: pending.stages.iter().map(|progress| progress.stage.clone()).collect(),
        waits_for_s: ask.use_within.filter(|_| begins.is_none()).map(|_| good_for),
        until_boot_ms: until.boot,
        starts: begins.map(|begins| begins.wall),
        starts_boot_ms: begins.map(|begins| begins.boot),
        extend: ask.extend,
        boot_ms: now.boot,
    };
    Ok([granted.into(), issued.into()])
}
