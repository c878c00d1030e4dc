//! Ending: cancel, drop, revoke, and what time ends by itself.

use super::see::{may_revoke, reviewers_of};
use super::{Context, Grace, Handled, Reply, Target, Viewer, note_of};
use crate::actor::{Actor, Humans};
use crate::event::{self, Event};
use crate::grant::{Common, EndedGrant, Grant, Kind, LiveGrant, Terms, Validity};
use crate::id::{GrantId, RequestId};
use crate::name::UserName;
use crate::optout::Basis;
use crate::policy::{Fit, LegacyRule, Policy, any_fits};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::session::{Session, SessionFacts};
use crate::span::Span;
use crate::state::State;
use crate::state::deadlines::Due;
use crate::subject::{Groups, Subject};
use crate::time::{BootTime, Deadline, Now, WallTime};
use std::collections::{BTreeMap, BTreeSet};

/// Takes a request of one's own back.
pub(super) fn cancel(state: &State, actor: &Actor, id: Option<RequestId>) -> Handled {
    let mine: Vec<_> = state.pending_of(&actor.subject).collect();
    let request = match (id, mine.as_slice()) {
        (Some(id), mine) => match mine.iter().find(|request| request.ask.id == id) {
            Some(request) => request,
            None => return Err(not_pending(state, actor, id)),
        },
        (None, []) => return Err(Refusal::NoneOfYours { what: "request that waits" }),
        (None, [only]) => only,
        (None, several) => {
            let ids = several.iter().map(|request| request.ask.id.to_string()).collect();
            return Err(Refusal::NameOne { what: "request", ids });
        }
    };
    let cancelled = event::RequestCancelled { id: request.ask.id, user: request.ask.user.clone() };
    Ok((Reply::Request(request.ask.id), vec![cancelled.into()]))
}

fn not_pending(state: &State, actor: &Actor, id: RequestId) -> Refusal {
    let mine = |request: &&Request| request.ask().uid == actor.subject.uid && request.ask().user == actor.subject.name;
    match state.request(id).filter(mine) {
        Some(request) => Refusal::Decided { id, word: request.word(), by: Vec::new() },
        None => Refusal::NoSuch { what: id.to_string() },
    }
}

/// Gives a grant of one's own back.
pub(super) fn drop_grant(state: &State, actor: &Actor, id: Option<GrantId>) -> Handled {
    let mine: Vec<_> = state.live_of(&actor.subject).collect();
    let grant = match (id, mine.as_slice()) {
        (Some(id), mine) => match mine.iter().find(|grant| grant.terms.id == id) {
            Some(grant) => grant,
            None => return Err(not_mine(state, actor, id)),
        },
        (None, []) => return Err(Refusal::NoneOfYours { what: "grant" }),
        (None, [only]) => only,
        (None, several) => {
            let ids = several.iter().map(|grant| grant.terms.id.to_string()).collect();
            return Err(Refusal::NameOne { what: "grant", ids });
        }
    };
    let terms = &grant.terms;
    let dropped = event::GrantDropped {
        id: terms.id,
        user: terms.user.clone(),
        service: terms.common.service.clone(),
        run_as: terms.common.run_as.clone(),
    };
    Ok((Reply::Grants(vec![terms.id]), with_its_extension(state, terms, dropped)))
}

/// The end of a grant, and of the request that waits to make it longer.
pub(super) fn with_its_extension(state: &State, terms: &Terms, ended: impl Into<Event>) -> Vec<Event> {
    let lapsed =
        state.extension_of(terms).map(|request| event::RequestLapsed { id: request.ask.id, user: request.ask.user.clone() }.into());
    std::iter::once(ended.into()).chain(lapsed).collect()
}

fn not_mine(state: &State, actor: &Actor, id: GrantId) -> Refusal {
    match state.grant(id) {
        Some(Grant::Live(grant)) if !is_of(&grant.terms, actor) && may_revoke(&grant.terms.common.stages, &actor.subject) => {
            Refusal::OthersGrant { id }
        }
        Some(Grant::Live(_) | Grant::Ended(_)) | None => not_live(state, actor, id),
    }
}

/// Why this is no live grant of one's own: it is over, or is none that one may know of.
pub(super) fn not_live(state: &State, actor: &Actor, id: GrantId) -> Refusal {
    match state.grant(id) {
        Some(Grant::Ended(grant)) if is_of(&grant.terms, actor) => Refusal::Over { id, word: grant.word() },
        Some(Grant::Live(_) | Grant::Ended(_)) | None => Refusal::NoSuch { what: id.to_string() },
    }
}

fn is_of(terms: &Terms, actor: &Actor) -> bool {
    terms.uid == actor.subject.uid && terms.user == actor.subject.name
}

/// Takes somebody's grant away.
pub(super) fn revoke(state: &State, actor: &Actor, target: Target, note: Option<String>, grace: Grace, context: &Context<'_>) -> Handled {
    let note = note_of(note)?;
    let grants = match target {
        Target::Grant(id) => vec![revocable(state, actor, id, context)?],
        Target::User(user) => {
            let live = state.live().map(|grant| &*grant.terms);
            let over = state.bases().filter_map(|basis| repeatable(state, basis, context)).chain(outlived(state));
            let theirs = live.chain(over).filter(|terms| terms.user == user && may_revoke(&terms.common.stages, &actor.subject));
            let grants: Vec<_> = theirs.map(|terms| (terms.id, terms)).collect::<BTreeMap<_, _>>().into_values().collect();
            if grants.is_empty() {
                return Err(Refusal::NothingToRevoke { user });
            }
            grants
        }
    };
    let ids = grants.iter().map(|terms| terms.id).collect();
    let humans = state.seen_behind(actor);
    let revoked =
        |terms: &&Terms| with_its_extension(state, terms, revoked(terms, &actor.subject.name, humans.clone(), note.clone(), grace));
    let events = grants.iter().flat_map(revoked).collect();
    Ok((Reply::Grants(ids), events))
}

/// An approval whose grant is over, and which a rule would still let be repeated: to revoke it ends that.
fn repeatable<'a>(state: &State, basis: &'a Basis, context: &Context<'_>) -> Option<&'a Terms> {
    let mut rules = context.policy.into_iter().flat_map(|policy| &policy.repetitive);
    match state.grant(basis.terms.id) {
        Some(Grant::Live(_)) => None,
        // It may be forgotten by now, and its approval is not.
        Some(Grant::Ended(_)) | None => rules.any(|rule| basis.is_left(rule.after, context.now)).then_some(&basis.terms),
    }
}

/// Grants that are over while a session of theirs goes on, as their rules let them: to revoke one ends that.
fn outlived(state: &State) -> impl Iterator<Item = &Terms> {
    let grants: BTreeSet<_> = state.open_sessions().map(|session| session.grant).collect();
    grants.into_iter().filter_map(|id| match state.grant(id) {
        Some(Grant::Ended(grant)) => may_go_on(state, grant),
        Some(Grant::Live(_)) | None => None,
    })
}

/// A grant that is over, where something that it let in may go on: a session that closed may have left something running.
fn may_go_on<'a>(state: &State, grant: &'a EndedGrant) -> Option<&'a Terms> {
    let has_let_in = state.let_in(grant.terms.id).next().is_some();
    (has_let_in && !grant.ends_its_sessions()).then_some(&*grant.terms)
}

fn revocable<'a>(state: &'a State, actor: &Actor, id: GrantId, context: &Context<'_>) -> Result<&'a Terms, Refusal> {
    let no_policy = crate::policy::Policy::default();
    let viewer = Viewer { subject: &actor.subject, policy: context.policy.unwrap_or(&no_policy) };
    let basis = state.bases().find(|basis| basis.terms.id == id && viewer.sees_grant(&basis.terms));
    let left = basis.and_then(|basis| repeatable(state, basis, context));
    let Some(grant) = state.grant(id).filter(|grant| viewer.sees_grant(grant.terms())) else {
        let left = left.filter(|terms| may_revoke(&terms.common.stages, &actor.subject));
        return left.ok_or_else(|| Refusal::NoSuch { what: id.to_string() });
    };
    match grant {
        Grant::Ended(grant) => {
            let left = left.or_else(|| may_go_on(state, grant));
            left.filter(|terms| may_revoke(&terms.common.stages, &actor.subject)).ok_or(Refusal::Over { id, word: grant.word() })
        }
        Grant::Live(grant) if may_revoke(&grant.terms.common.stages, &actor.subject) => Ok(&grant.terms),
        Grant::Live(grant) if grant.terms.uid == actor.subject.uid => Err(Refusal::OwnGrant { id }),
        Grant::Live(_) => Err(Refusal::MayNotRevoke { id }),
    }
}

fn revoked(terms: &Terms, by: &UserName, humans: Option<Humans>, note: Option<String>, grace: Grace) -> Event {
    event::GrantRevoked {
        id: terms.id,
        user: terms.user.clone(),
        service: terms.common.service.clone(),
        run_as: terms.common.run_as.clone(),
        by: by.clone(),
        note,
        now: grace == Grace::None,
        humans,
    }
    .into()
}

/// A day.
const DAY: Span = Span::from_secs(86_400);

/// Does what time does: begins, escalates, ends, and says again what nobody has done.
pub(super) fn tick(state: &State, running: &[GrantId], context: &Context<'_>) -> (Reply, Vec<Event>) {
    let now = context.now;
    let all_due = state.overdue(now);
    let ruleless: BTreeMap<_, _> =
        ruleless(state, context.policy, running, now.wall).map(|(terms, why)| (terms.id, (terms, why))).collect();
    let in_time = all_due.iter().filter(|due| !matches!(due, Due::Grant(id) if ruleless.contains_key(id)));
    let mut events: Vec<Event> = in_time.flat_map(|due| passed(state, due, &all_due, context)).collect();
    let by = UserName::new(OURSELVES);
    events.extend(ruleless.into_values().map(|(terms, why)| revoked(terms, &by, None, Some(why.to_owned()), Grace::Some)));
    events.extend(stale(state, context));
    (Reply::Done, events)
}

/// By whom a grant is taken away that nobody takes away.
const OURSELVES: &str = "jitd";

/// Grants by standing exemptions of which a session, or something that one left running, goes on though the exemption is over, and
/// why they are. One that was taken out of the policy is over when the grant of its day is: time to mend a slip.
fn ruleless<'a>(
    state: &'a State,
    policy: Option<&'a Policy>,
    running: &[GrantId],
    now: WallTime,
) -> impl Iterator<Item = (&'a Terms, &'static str)> {
    let of_sessions = state.open_sessions().map(|session| session.grant);
    let grants: BTreeSet<_> = of_sessions.chain(running.iter().copied()).filter(|_| policy.is_some()).collect();
    grants.into_iter().filter_map(move |id| {
        let grant = state.grant(id).filter(|grant| grant.terms().common.kind == Kind::Legacy)?;
        let rule = policy?.legacy.iter().find(|rule| rule.name == grant.terms().common.rule);
        match (grant, rule.map(|rule| (rule, is_about(rule, grant.terms())))) {
            (Grant::Ended(over), _) if over.ends_its_sessions() => None,
            (Grant::Ended(_) | Grant::Live(_), Some((rule, _))) if state.is_over(rule, now) => Some((grant.terms(), "its rule has ended")),
            (Grant::Ended(_), Some((_, false))) => Some((grant.terms(), "its rule is not about this any more")),
            (Grant::Ended(_), None) => Some((grant.terms(), "its rule is not in the policy any more")),
            (Grant::Ended(_), Some((_, true))) | (Grant::Live(_), Some(_) | None) => None,
        }
    })
}

/// Whether a standing exemption is still about what was given by it. Who is in which group is not asked: nobody loses a session
/// to a name service that is slow.
fn is_about(rule: &LegacyRule, terms: &Terms) -> bool {
    let subject = Subject { uid: terms.uid, name: terms.user.clone(), groups: Groups::unknown() };
    let Common { service, run_as, .. } = &*terms.common;
    let is_named = any_fits(&rule.scope.who, &subject) != Fit::No && any_fits(&rule.scope.not, &subject) != Fit::Yes;
    is_named && rule.scope.on.iter().any(|on| on.covers(service)) && (service.is_as_oneself() || rule.run_as.contains(run_as))
}

/// Whether something goes on by a standing exemption that is over: a session, or what is running of these grants.
#[must_use]
pub fn has_ruleless(state: &State, policy: Option<&Policy>, running: &[GrantId], now: WallTime) -> bool {
    ruleless(state, policy, running, now).next().is_some()
}

fn passed(state: &State, due: &Due, all_due: &BTreeSet<Due>, context: &Context<'_>) -> Vec<Event> {
    let now = context.now;
    match due {
        Due::Request(id) => lapsed(state, *id).into_iter().collect(),
        Due::Escalation(id) => escalated(state, *id).into_iter().collect(),
        Due::Grant(id) => begun_or_expired(state, *id, all_due, now),
        Due::Warning(id) => warned(state, *id, now),
        Due::Review(id) => overdue(state, *id, context).into_iter().collect(),
    }
}

fn lapsed(state: &State, id: RequestId) -> Option<Event> {
    let user = state.request(id)?.ask().user.clone();
    Some(event::RequestLapsed { id, user }.into())
}

fn escalated(state: &State, id: RequestId) -> Option<Event> {
    match state.request(id)? {
        Request::Pending(request) => {
            let to = request.escalation.as_ref()?.to.clone();
            Some(event::RequestEscalated { id, user: request.ask.user.clone(), to }.into())
        }
        Request::Decided(_) => None,
    }
}

fn expired(terms: &Terms) -> event::GrantExpired {
    let Common { service, run_as, .. } = &*terms.common;
    event::GrantExpired { id: terms.id, user: terms.user.clone(), service: service.clone(), run_as: run_as.clone() }
}

/// The end of grants whose later end is on no record.
pub(super) fn expire(state: &State, grants: &[GrantId]) -> Vec<Event> {
    let live = |id: &GrantId| match state.grant(*id)? {
        Grant::Live(grant) => Some(&grant.terms),
        Grant::Ended(_) => None,
    };
    grants.iter().filter_map(live).flat_map(|terms| with_its_extension(state, terms, expired(terms))).collect()
}

fn begun_or_expired(state: &State, id: GrantId, all_due: &BTreeSet<Due>, now: Now) -> Vec<Event> {
    let Some(grant) = state.grant(id) else { return Vec::new() };
    match grant {
        Grant::Live(LiveGrant { terms, validity: Validity::Scheduled { begins, until }, .. }) if !until.has_passed(now) => {
            // One clock may have been set, and brought its beginning near before its end: it lasts no longer for that.
            let lasts = begins.wall.until(until.wall);
            let (user, until) = (terms.user.clone(), until.or_earlier(Deadline::after(now, lasts)));
            vec![event::GrantStarted { id, user, until: until.wall, until_boot_ms: until.boot }.into()]
        }
        Grant::Live(_) | Grant::Ended(_) => {
            let (terms, expired) = (grant.terms(), expired(grant.terms()));
            // Its extension mostly lapses by itself in the same moment, which is said once.
            let lapses_itself = state.extension_of(terms).is_some_and(|request| all_due.contains(&Due::Request(request.ask.id)));
            if lapses_itself { vec![expired.into()] } else { with_its_extension(state, terms, expired) }
        }
    }
}

/// Each session of it that runs is warned, unless it is too late for that.
fn warned(state: &State, id: GrantId, now: Now) -> Vec<Event> {
    let Some(Grant::Live(grant)) = state.grant(id) else { return Vec::new() };
    let Some(left_s) = grant.warning_due(now).filter(|_| !grant.validity.ends().has_passed(now)) else { return Vec::new() };
    let open = state.open_of(id).filter_map(|session| state.session(session).map(Session::facts));
    let warned = |facts: &SessionFacts| {
        let (user, service) = (facts.user.clone(), facts.service.clone());
        event::SessionWarned { id: facts.id, grant: id, user, service, left_s }.into()
    };
    open.map(warned).collect()
}

fn overdue(state: &State, id: GrantId, context: &Context<'_>) -> Option<Event> {
    let taken = state.emergency(id)?;
    let next = Deadline::after(context.now, DAY);
    let overdue = event::OptoutOverdue {
        id,
        user: taken.user.clone(),
        rule: taken.rule.clone(),
        review_by: context.policy.map_or_else(|| taken.review_by.clone(), |policy| reviewers_of(taken, policy)),
        due: taken.due,
        next: next.wall,
        next_boot_ms: next.boot,
    };
    Some(overdue.into())
}

/// From when on it is said, each day, that a standing exemption ends.
pub(super) const STALE: Span = Span::from_secs(30 * 86_400);

/// Whether a standing exemption ends within a month, or has ended.
#[must_use]
pub fn is_stale(state: &State, rule: &LegacyRule, now: WallTime) -> bool {
    rule.ends <= now.plus(STALE) || state.is_over(rule, now)
}

/// Whether there is one of which it is to be said now.
#[must_use]
pub fn has_stale(state: &State, policy: Option<&Policy>, now: Now) -> bool {
    stale_rules(state, policy, now).next().is_some()
}

/// How long after the start of the machine its clock is no longer taken for one that the network has yet to put right.
const SETTLED: BootTime = BootTime::from_millis(3_600_000);

/// Standing exemptions that end within a month, or have ended, of which it was not said today; and those of which it was said that
/// they have, by a clock that is right again. Whether it is that, or was and is behind now, nobody can tell who has just started.
fn stale_rules<'a>(state: &'a State, policy: Option<&'a Policy>, now: Now) -> impl Iterator<Item = &'a LegacyRule> {
    let rules = policy.into_iter().flat_map(|policy| &policy.legacy);
    let due = rules.filter(move |rule| {
        let takes_back = state.said_over(rule) > 0 && !state.is_over(rule, now.wall);
        if takes_back { now.boot >= SETTLED } else { is_stale(state, rule, now.wall) }
    });
    due.filter(move |rule| state.stale_said(&rule.name).is_none_or(|said| said > now.wall || said.until(now.wall) >= DAY))
}

fn stale<'a>(state: &'a State, context: &'a Context<'_>) -> impl Iterator<Item = Event> + 'a {
    let now = context.now.wall;
    stale_rules(state, context.policy, context.now).map(move |rule| {
        let (days_left, over) = (state.days_left(rule, now), days_over(state, rule, now));
        event::OptoutStale { rule: rule.name.clone(), owner: rule.owner.clone(), until: rule.until(), days_left, over }.into()
    })
}

/// On how many days it was said that a standing exemption has ended, with today. A clock that was set back to before it was said
/// was ahead then, or is behind now: that day counts for nothing, unless there were more.
fn days_over(state: &State, rule: &LegacyRule, now: WallTime) -> u32 {
    let was_ahead = state.stale_said(&rule.name).is_some_and(|said| said > now);
    match state.said_over(rule) {
        _ if !state.is_over(rule, now) => 0,
        1 if was_ahead => 1,
        days => days.saturating_add(1),
    }
}
