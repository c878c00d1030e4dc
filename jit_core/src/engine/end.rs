//! Ending: cancel, drop, revoke, and what time ends by itself.

use super::see::may_revoke;
use super::{Context, Handled, Reply, Target, Viewer, note_of};
use crate::actor::Actor;
use crate::event::{self, Event};
use crate::grant::{Grant, LiveGrant};
use crate::id::{GrantId, RequestId};
use crate::name::UserName;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::state::State;
use crate::state::deadlines::Due;
use crate::time::Now;

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
    let dropped =
        event::GrantDropped { id: terms.id, user: terms.user.clone(), service: terms.service.clone(), run_as: terms.run_as.clone() };
    Ok((Reply::Grants(vec![terms.id]), vec![dropped.into()]))
}

fn not_mine(state: &State, actor: &Actor, id: GrantId) -> Refusal {
    let own = |grant: &Grant| grant.terms().uid == actor.subject.uid && grant.terms().user == actor.subject.name;
    match state.grant(id) {
        Some(Grant::Ended(grant)) if own(&Grant::Ended(grant.clone())) => Refusal::Over { id, word: grant.word() },
        Some(grant @ Grant::Live(_)) if !own(grant) && may_revoke(&grant.terms().stages, &actor.subject) => Refusal::OthersGrant { id },
        Some(Grant::Live(_) | Grant::Ended(_)) | None => Refusal::NoSuch { what: id.to_string() },
    }
}

/// Takes somebody's grant away.
pub(super) fn revoke(state: &State, actor: &Actor, target: Target, note: Option<String>, context: &Context<'_>) -> Handled {
    let note = note_of(note)?;
    let grants = match target {
        Target::Grant(id) => vec![revocable(state, actor, id, context)?],
        Target::User(user) => {
            let theirs = state.live().filter(|grant| grant.terms.user == user);
            let grants: Vec<_> = theirs.filter(|grant| may_revoke(&grant.terms.stages, &actor.subject)).collect();
            if grants.is_empty() {
                return Err(Refusal::NothingToRevoke { user });
            }
            grants
        }
    };
    let ids = grants.iter().map(|grant| grant.terms.id).collect();
    let events = grants.iter().map(|grant| revoked(grant, &actor.subject.name, note.clone())).collect();
    Ok((Reply::Grants(ids), events))
}

fn revocable<'a>(state: &'a State, actor: &Actor, id: GrantId, context: &Context<'_>) -> Result<&'a LiveGrant, Refusal> {
    let no_policy = crate::policy::Policy::default();
    let viewer = Viewer { subject: &actor.subject, policy: context.policy.unwrap_or(&no_policy) };
    let grant = state.grant(id).filter(|grant| viewer.sees_grant(grant.terms()));
    match grant.ok_or_else(|| Refusal::NoSuch { what: id.to_string() })? {
        Grant::Ended(grant) => Err(Refusal::Over { id, word: grant.word() }),
        Grant::Live(grant) if may_revoke(&grant.terms.stages, &actor.subject) => Ok(grant),
        Grant::Live(grant) if grant.terms.uid == actor.subject.uid => Err(Refusal::OwnGrant { id }),
        Grant::Live(_) => Err(Refusal::MayNotRevoke { id }),
    }
}

fn revoked(grant: &LiveGrant, by: &UserName, note: Option<String>) -> Event {
    let terms = &grant.terms;
    event::GrantRevoked {
        id: terms.id,
        user: terms.user.clone(),
        service: terms.service.clone(),
        run_as: terms.run_as.clone(),
        by: by.clone(),
        note,
    }
    .into()
}

/// Ends what time has ended.
pub(super) fn tick(state: &State, now: Now) -> (Reply, Vec<Event>) {
    let ended = |due: &Due| match due {
        Due::Request(id) => {
            let user = state.request(*id)?.ask().user.clone();
            Some(Event::from(event::RequestLapsed { id: *id, user }))
        }
        Due::Grant(id) => {
            let terms = state.grant(*id)?.terms();
            let expired =
                event::GrantExpired { id: *id, user: terms.user.clone(), service: terms.service.clone(), run_as: terms.run_as.clone() };
            Some(expired.into())
        }
    };
    (Reply::Done, state.overdue(now).iter().filter_map(ended).collect())
}
