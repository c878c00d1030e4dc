//! Emergencies: taken at once, by an explicit act with a reason, and reviewed by somebody else afterwards.

use super::request::{held, reason_within};
use super::see::{approvers_in_words, reviewers_of};
use super::{Context, Handled, Reply, Viewer, Wish, humans_behind, note_of};
use crate::actor::{Actor, Humans};
use crate::event::{self, Event};
use crate::grant::{Common, Kind};
use crate::id::GrantId;
use crate::optout::{Emergency, ReviewState, Verdict};
use crate::policy::judge::{EmergencyRuling, Question, Unknown, from_allowed};
use crate::policy::{EmergencyRule, Fit, Policy, Stage, may_approve};
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::look::with_other_accounts;
use crate::time::{Deadline, WallTime};

/// Takes one.
pub(super) fn take(state: &State, actor: &Actor, wish: &Wish, context: &mut Context<'_>) -> Handled {
    let policy = context.policy.ok_or(Refusal::NoPolicy)?;
    let rule = ruling(policy, actor, wish, context)?;
    let humans = humans_behind(state, actor, policy)?;
    let reason = reason_within(&rule.name, true, 1, None, wish)?;
    // One that might be no good from where they are is not in the way of it; another emergency is.
    let is_good = |common: &Common| common.kind == Kind::Emergency || from_allowed(&common.from, actor.remote).is_ok();
    if let Some(id) = held(state, &actor.subject, wish, is_good, context.now) {
        return Err(Refusal::AlreadyHeld { id });
    }
    if let Some(open) = unreviewed(state, policy, &humans) {
        return Err(Refusal::Unreviewed { id: open.grant, by: approvers_in_words(&reviewers_of(open, policy)) });
    }
    let taken = taken_within(state, policy, rule, &humans, context.now.wall);
    if taken >= rule.limit.times {
        let limit = rule.limit;
        let reached = event::OptoutLimitReached {
            user: actor.subject.name.clone(),
            uid: actor.subject.uid,
            rule: rule.name.clone(),
            times: limit.times,
            per_s: limit.per,
        };
        let refusal = Refusal::LimitReached { rule: rule.name.clone(), times: limit.times, per: limit.per };
        return Ok((Reply::Refused(refusal), vec![reached.into()]));
    }
    let id = GrantId::random(context.entropy);
    Ok((Reply::Grants(vec![id]), events(id, actor, wish, rule, humans, reason, context)?))
}

fn events(
    id: GrantId,
    actor: &Actor,
    wish: &Wish,
    rule: &EmergencyRule,
    humans: Humans,
    reason: String,
    context: &Context<'_>,
) -> Result<Vec<Event>, Refusal> {
    let now = context.now;
    let until =
        super::cut(Deadline::after(now, wish.wanted.unwrap_or(rule.default)), rule.scope.hours.as_ref(), now, now.wall, &rule.name)?;
    let due = Deadline::after(now, rule.review.within);
    let (user, uid) = (actor.subject.name.clone(), actor.subject.uid);
    let issued = event::GrantIssued {
        id,
        user: user.clone(),
        uid,
        service: wish.service.family(),
        run_as: wish.run_as.clone(),
        until: until.wall,
        by: Vec::new(),
        reason: reason.clone(),
        rule: rule.name.clone(),
        kind: Kind::Emergency,
        request: None,
        uses: wish.uses,
        from: rule.scope.from.clone(),
        hours: rule.scope.hours.clone(),
        session: rule.session.clone(),
        // Whoever may review it may take it away.
        stages: vec![Stage { by: rule.review.by.clone(), count: 1 }],
        waits_for_s: None,
        until_boot_ms: until.boot,
        starts: None,
        starts_boot_ms: None,
        extend: None,
        boot_ms: now.boot,
    };
    let taken = event::OptoutTaken {
        id,
        user,
        uid,
        service: wish.service.family(),
        run_as: wish.run_as.clone(),
        rule: rule.name.clone(),
        kind: Kind::Emergency,
        until: until.wall,
        reason,
        grant: None,
        request: None,
        alert: rule.alert.clone(),
        review_by: rule.review.by.clone(),
        review_due: Some(due.wall),
        humans,
        review_due_boot_ms: Some(due.boot),
    };
    Ok(vec![taken.into(), issued.into()])
}

fn ruling<'a>(policy: &'a Policy, actor: &Actor, wish: &Wish, context: &Context<'_>) -> Result<&'a EmergencyRule, Refusal> {
    let subject = &actor.subject;
    if wish.uses == Some(0) {
        return Err(Refusal::OddUses);
    }
    let question = Question { subject, service: &wish.service, run_as: Some(&wish.run_as), at: context.now.wall };
    if let Some(forbidden) = policy.denied_by(question, None) {
        return Err(forbidden.into());
    }
    match policy.rule_for_emergency(question, wish.wanted) {
        EmergencyRuling::By(rule) => Ok(rule),
        EmergencyRuling::TooLong { rule } => Err(Refusal::TooLong { longest: rule.max, rule: rule.name.clone() }),
        EmergencyRuling::None => Err(match policy.unknown_of_emergency(question) {
            Some(Unknown::Groups) => Refusal::GroupsUnknown { user: subject.name.clone() },
            Some(Unknown::Time) => Refusal::HourTwice,
            Some(Unknown::Address) | None => Refusal::NoEmergency { user: subject.name.clone(), service: wish.service.clone() },
        }),
    }
}

/// The same human's emergency that nobody has reviewed: never the first stands in the way, always the next.
fn unreviewed<'a>(state: &'a State, policy: &Policy, humans: &Humans) -> Option<&'a Emergency> {
    let open = |taken: &&Emergency| match taken.review {
        ReviewState::Due(_) | ReviewState::Overdue(_) => true,
        ReviewState::Reviewed { .. } => false,
    };
    state.emergencies().filter(open).find(|taken| with_other_accounts(taken.humans.clone(), policy).overlaps(humans))
}

/// How many the same human has taken under this rule, within its time.
#[must_use]
pub fn taken_within(state: &State, policy: &Policy, rule: &EmergencyRule, humans: &Humans, now: WallTime) -> u32 {
    let counts = |taken: &&Emergency| {
        let recent = taken.at >= now || taken.at.until(now) < rule.limit.per;
        taken.rule == rule.name && recent && with_other_accounts(taken.humans.clone(), policy).overlaps(humans)
    };
    u32::try_from(state.emergencies().filter(counts).count()).unwrap_or(u32::MAX)
}

/// Gives a verdict.
pub(super) fn review(state: &State, actor: &Actor, id: GrantId, verdict: Verdict, note: Option<String>, context: &Context<'_>) -> Handled {
    let policy = context.policy.ok_or(Refusal::NoPolicy)?;
    let viewer = Viewer { subject: &actor.subject, policy };
    let taken = state.emergency(id).filter(|taken| viewer.sees_emergency(taken)).ok_or_else(|| Refusal::NoSuch { what: id.to_string() })?;
    match &taken.review {
        ReviewState::Reviewed { verdict, by, .. } => return Err(Refusal::Reviewed { id, verdict: verdict.word(), by: by.clone() }),
        ReviewState::Due(_) | ReviewState::Overdue(_) => {}
    }
    let reviewers = reviewers_of(taken, policy);
    match may_approve(&reviewers, &actor.subject) {
        Fit::Yes => {}
        Fit::No => return Err(Refusal::NotReviewer { id, by: approvers_in_words(&reviewers) }),
        Fit::Unknown => return Err(Refusal::GroupsUnknown { user: actor.subject.name.clone() }),
    }
    let reviewer = humans_behind(state, actor, policy)?;
    if with_other_accounts(taken.humans.clone(), policy).overlaps(&reviewer) {
        return Err(Refusal::OwnReview { id });
    }
    let reviewed = event::OptoutReviewed {
        id,
        user: taken.user.clone(),
        by: actor.subject.name.clone(),
        by_uid: actor.subject.uid,
        verdict,
        note: note_of(note)?,
        humans: state.seen_behind(actor),
    };
    Ok((Reply::Grants(vec![id]), vec![reviewed.into()]))
}
