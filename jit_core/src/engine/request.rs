//! Asking: for oneself, and in somebody else's name.

use super::approve::{self, granted};
use super::{Context, Handled, MOST_PENDING, Reply, Wish, humans_behind};
use crate::actor::{Actor, Humans};
use crate::event::{self, Event};
use crate::grant::{Common, Kind, LiveGrant};
use crate::id::{GrantId, RequestId};
use crate::name::{RuleName, RunAs, UserName};
use crate::policy::judge::{Mismatch, Question, RequestRuling, Unknown, Wanted, from_allowed};
use crate::policy::load::LONGEST_REASON;
use crate::policy::{Fit, GrantRule, Pattern, Policy, Scope, Starts, any_fits, may_approve};
use crate::refusal::Refusal;
use crate::request::{Escalation, PendingRequest};
use crate::span::Span;
use crate::state::State;
use crate::state::look::with_other_accounts;
use crate::subject::{Remote, Subject};
use crate::time::{Deadline, Now};

/// One asks for a grant.
pub(super) fn request(state: &State, actor: &Actor, wish: &Wish, context: &mut Context<'_>) -> Handled {
    let policy = context.policy.ok_or(Refusal::NoPolicy)?;
    let rule = ruling(policy, &actor.subject, wish, context.now)?;
    let humans = humans_behind(state, actor, policy)?;
    match repeats(state, &actor.subject, wish, actor.remote, context.now) {
        Some(Repeat::Asked(id)) => return Err(Refusal::AlreadyPending { id }),
        Some(Repeat::Held(id)) => return Err(Refusal::AlreadyHeld { id }),
        None => refuse_many(state, &actor.subject)?,
    }
    let reason = reason_of(rule, wish)?;
    let id = RequestId::random(context.entropy);
    let mut submitted = submit(id, &actor.subject, humans, rule, wish, reason, None, context.now);
    submitted.asked_from = state.address_of(actor);
    let pending = PendingRequest::submitted(context.now.wall, &submitted);
    let mut events = vec![Event::from(submitted)];
    if rule.stages.is_empty() {
        events.extend(granted(state, &pending, pending.shortened, Vec::new(), context)?);
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
    if state.may_be_behind(&approver, subject) || may_act_as(state, policy, &actor.subject, &subject.name) {
        return Err(Refusal::MayActAs { user: subject.name.clone() });
    }
    let rule = ruling(policy, subject, wish, context.now)?;
    if rule.stages.is_empty() {
        return Err(Refusal::SelfService { user: subject.name.clone(), service: wish.service.clone() });
    }
    // Before anything is said of what the other one asked for or holds.
    may_begin(rule, actor)?;
    match repeats(state, subject, wish, Remote::Unknown, context.now) {
        Some(Repeat::Asked(id)) => return Err(Refusal::TheyAsked { user: subject.name.clone(), id }),
        Some(Repeat::Held(id)) => return Err(Refusal::TheyHold { user: subject.name.clone(), id }),
        None => refuse_many(state, subject)?,
    }
    let reason = reason_of(rule, wish)?;
    let id = RequestId::random(context.entropy);
    let submitted = submit(id, subject, humans, rule, wish, reason, Some(actor.subject.name.clone()), context.now);
    let pending = PendingRequest::submitted(context.now.wall, &submitted);
    let mut events = vec![Event::from(submitted)];
    events.extend(approve::approval(state, &pending, actor, approver, None, None, context)?);
    Ok((Reply::Request(id), events))
}

/// Whether somebody can come in as that account without anybody else's word: what they granted to it would be theirs. Where it is
/// more roundabout, by another account of theirs or over another one's, they are refused when they come with it.
fn may_act_as(state: &State, policy: &Policy, who: &Subject, account: &UserName) -> bool {
    let target = RunAs::User(account.clone());
    let names = |scope: &Scope, run_as: &[RunAs]| {
        run_as.contains(&target) && any_fits(&scope.who, who) != Fit::No && any_fits(&scope.not, who) != Fit::Yes
    };
    state.live_of(who).any(|grant| grant.terms.common.run_as == target)
        || policy.grants.iter().any(|rule| rule.stages.is_empty() && names(&rule.scope, &rule.run_as))
        || policy.legacy.iter().any(|rule| names(&rule.scope, &rule.run_as))
        || policy.emergencies.iter().any(|rule| names(&rule.scope, &rule.run_as))
}

/// Whether somebody may approve in the first stage of a rule.
fn may_begin(rule: &GrantRule, actor: &Actor) -> Result<(), Refusal> {
    let by = rule.stages.first().map(|stage| stage.by.as_slice()).unwrap_or_default();
    match may_approve(by, &actor.subject) {
        Fit::Yes => Ok(()),
        Fit::No => Err(Refusal::NotApprover { id: None, approvers: by.iter().map(ToString::to_string).collect() }),
        Fit::Unknown => Err(Refusal::GroupsUnknown { user: actor.subject.name.clone() }),
    }
}

/// A beginning that is over by less than this is now: people write the minute, and the second is over when it is read.
const JUST_NOW: Span = Span::from_secs(60);
/// How far ahead a grant may be asked for.
const FARTHEST: Span = Span::from_secs(30 * 86_400);

fn ruling<'a>(policy: &'a Policy, subject: &Subject, wish: &Wish, now: Now) -> Result<&'a GrantRule, Refusal> {
    if wish.uses == Some(0) {
        return Err(Refusal::OddUses);
    }
    let wanted = wish.start.unwrap_or(now.wall);
    if wanted.until(now.wall) > JUST_NOW || now.wall.until(wanted) > FARTHEST {
        return Err(Refusal::OddStart { farthest: FARTHEST });
    }
    let starts = wanted.max(now.wall);
    let question = Question { subject, service: &wish.service, run_as: Some(&wish.run_as), at: starts };
    if let Some(forbidden) = policy.denied_by(question, None) {
        return Err(forbidden.into());
    }
    match policy.rule_for_request(question, Wanted { time: wish.wanted, uses: wish.uses }) {
        RequestRuling::By(rule) => Ok(rule),
        RequestRuling::TooLong { rule } => Err(Refusal::TooLong { longest: rule.max, rule: rule.name.clone() }),
        RequestRuling::TooManyUses { rule, most } => Err(Refusal::TooManyUses { most, rule: rule.name.clone() }),
        RequestRuling::Unknown(unknown) => Err(not_known(subject, wish, Some(unknown))),
        RequestRuling::None => Err(not_known(subject, wish, policy.unknown_of_request(question))),
    }
}

/// Why no rule gives it: something cannot be known, or it is none.
pub(super) fn not_known(subject: &Subject, wish: &Wish, unknown: Option<Unknown>) -> Refusal {
    match unknown {
        Some(Unknown::Groups) => Refusal::GroupsUnknown { user: subject.name.clone() },
        Some(Unknown::Time) => Refusal::HourTwice,
        Some(Unknown::Address) | None => {
            Refusal::NoRule { user: subject.name.clone(), service: wish.service.clone(), run_as: wish.run_as.clone() }
        }
    }
}

/// The same again.
enum Repeat {
    /// It was asked for, and waits.
    Asked(RequestId),
    /// It is held.
    Held(GrantId),
}

fn repeats(state: &State, subject: &Subject, wish: &Wish, remote: Remote, now: Now) -> Option<Repeat> {
    let same_ask = state.pending_of(subject).find(|request| {
        let ask = &request.ask;
        let counts = ask.is_a_way_in(now) || (ask.is_for_later(now) && wish.is_for_later(now));
        ask.service == wish.service && ask.run_as == wish.run_as && counts
    });
    let asked = same_ask.map(|request| Repeat::Asked(request.ask.id));
    // Where it is not known from where they will come, it may be from where it is good.
    let may_count = |common: &Common| from_allowed(&common.from, remote) != Err(Mismatch::From);
    asked.or_else(|| held(state, subject, wish, may_count, now).map(Repeat::Held))
}

fn refuse_many(state: &State, subject: &Subject) -> Result<(), Refusal> {
    if state.pending_of(subject).count() >= MOST_PENDING { Err(Refusal::TooManyPending { most: MOST_PENDING }) } else { Ok(()) }
}

/// A grant that gives the same already. What begins later is none for whoever wants in now, nor is what is no good from where
/// they are.
pub(super) fn held(state: &State, subject: &Subject, wish: &Wish, is_good_there: impl Fn(&Common) -> bool, now: Now) -> Option<GrantId> {
    let same = |grant: &&LiveGrant| {
        let uses_left = grant.terms.common.max_uses.is_none_or(|most| grant.taken < most);
        let counts = !matches!(grant.terms.common.kind, Kind::Repetitive | Kind::Legacy | Kind::Login);
        counts
            && grant.terms.common.service == wish.service
            && grant.terms.common.run_as == wish.run_as
            && uses_left
            && is_good_there(&grant.terms.common)
            && (grant.has_begun() || wish.is_for_later(now))
            && !grant.validity.ends().has_passed(now)
    };
    state.live_of(subject).find(same).map(|grant| grant.terms.id)
}

fn reason_of(rule: &GrantRule, wish: &Wish) -> Result<String, Refusal> {
    reason_within(&rule.name, rule.reason.required, rule.reason.min, rule.reason.pattern.as_ref(), wish)
}

/// The reason, if it is what the rule asks for.
pub(super) fn reason_within(rule: &RuleName, required: bool, min: u32, pattern: Option<&Pattern>, wish: &Wish) -> Result<String, Refusal> {
    let reason = wish.reason.as_deref().map(str::trim).unwrap_or_default();
    let length = u32::try_from(reason.chars().count()).unwrap_or(u32::MAX);
    match length {
        0 if required => Err(Refusal::ReasonMissing { rule: rule.clone() }),
        0 => Ok(String::new()),
        short if short < min => Err(Refusal::ReasonShort { rule: rule.clone(), min }),
        long if long > LONGEST_REASON => Err(Refusal::ReasonLong { most: LONGEST_REASON }),
        _ => match pattern.filter(|pattern| !pattern.is_in(reason)) {
            Some(pattern) => Err(Refusal::ReasonPattern { rule: rule.clone(), pattern: pattern.as_str().to_owned() }),
            None => Ok(reason.to_owned()),
        },
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
    let start = wish.start.filter(|_| wish.is_for_later(now)).map(|start| Deadline::at(now, start));
    let escalate = rule.escalate.as_ref().map(|escalate| {
        let when = Deadline::after(now, escalate.after);
        Escalation { at: when.wall, boot_ms: when.boot, to: escalate.to.clone() }
    });
    event::RequestSubmitted {
        id,
        user: subject.name.clone(),
        uid: subject.uid,
        service: wish.service.clone(),
        run_as: wish.run_as.clone(),
        for_s: wish.wanted.unwrap_or(rule.default),
        uses: wish.uses.or(rule.max_uses),
        start: start.map(|start| start.wall),
        extends: None,
        rule: rule.name.clone(),
        lapses: lapses.wall,
        filed_by,
        reason,
        stages: rule.stages.clone(),
        from: rule.scope.from.clone(),
        hours: rule.scope.hours.clone(),
        session: rule.session.clone(),
        use_within_s: match rule.starts {
            Starts::FirstUse(within) => Some(within),
            Starts::Approval | Starts::Login => None,
        },
        humans,
        lapses_boot_ms: lapses.boot,
        extend: rule.extend,
        escalate,
        start_boot_ms: start.map(|start| start.boot),
        asked_from: None,
    }
}

/// How long a request to make a grant longer waits: the grant's own end is near.
const EXTENSION_LAPSES: Span = Span::from_secs(3600);

/// The request that makes a grant longer, under the terms of that grant.
pub(super) fn submit_extension(
    id: RequestId,
    grant: &LiveGrant,
    humans: Humans,
    by: Span,
    reason: String,
    now: Now,
) -> event::RequestSubmitted {
    let terms = &grant.terms;
    let lapses = Deadline::after(now, EXTENSION_LAPSES).or_earlier(grant.validity.ends());
    event::RequestSubmitted {
        id,
        user: terms.user.clone(),
        uid: terms.uid,
        service: terms.common.service.clone(),
        run_as: terms.common.run_as.clone(),
        for_s: by,
        uses: None,
        start: None,
        rule: terms.common.rule.clone(),
        extends: Some(terms.id),
        lapses: lapses.wall,
        filed_by: None,
        reason,
        stages: terms.common.stages.clone(),
        from: terms.common.from.clone(),
        hours: terms.common.hours.clone(),
        session: terms.common.session.clone(),
        use_within_s: None,
        humans,
        lapses_boot_ms: lapses.boot,
        extend: terms.common.extend,
        escalate: None,
        start_boot_ms: None,
        asked_from: None,
    }
}
