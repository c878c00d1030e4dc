//! What a change asks of the world: sessions to be warned, and sessions to be ended.
//!
//! The engine only says so. Whoever holds the processes does it, and says what became of them by
//! [`super::Command::Ended`].

use crate::event::Event;
use crate::grant::{EndedGrant, Grant, LiveGrant};
use crate::id::{GrantId, SessionId};
use crate::policy::AtExpiry;
use crate::session::{Process, Session, SessionFacts};
use crate::span::Span;
use crate::state::State;
use crate::time::Now;

/// How much time processes get to end by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grace {
    /// They are asked to first.
    Some,
    /// They are killed.
    None,
}

/// Something to be done to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Its user is told that it ends so soon.
    Warn {
        /// Which.
        session: SessionFacts,
        /// How much is left.
        left: Span,
        /// What happens then.
        at_expiry: AtExpiry,
        /// Whether its grant can be made longer still.
        extendable: bool,
    },
    /// Its user is told that its grant is over, and that it goes on.
    Over(SessionFacts),
    /// A grant is over, and what it let in ends.
    End {
        /// The grant: what a session of it that closed by itself has left running ends too.
        grant: GrantId,
        /// Those that run.
        sessions: Vec<SessionFacts>,
        /// The word for how the grant ended.
        because: &'static str,
        /// In how much time.
        grace: Grace,
    },
    /// It closed by itself, or is about to: its process may still be there.
    Closed {
        /// Which.
        session: SessionId,
        /// Its process.
        process: Option<Process>,
    },
}

/// What an event asks for, in the state that it has made.
#[must_use]
pub fn effects(state: &State, event: &Event, now: Now) -> Vec<Effect> {
    match event {
        Event::SessionWarned(event) => warn(state, event.id, event.grant, now).into_iter().collect(),
        Event::SessionClosed(event) => {
            let process = state.session(event.id).and_then(|session| session.facts().process);
            vec![Effect::Closed { session: event.id, process }]
        }
        Event::GrantRevoked(event) => over(state, event.id, if event.now { Grace::None } else { Grace::Some }),
        Event::GrantExpired(event) => over(state, event.id, Grace::Some),
        Event::GrantUsedUp(event) => over(state, event.id, Grace::Some),
        Event::GrantDropped(event) => over(state, event.id, Grace::Some),
        Event::RequestSubmitted(_)
        | Event::RequestEscalated(_)
        | Event::RequestApproved(_)
        | Event::RequestGranted(_)
        | Event::RequestDenied(_)
        | Event::RequestCancelled(_)
        | Event::RequestLapsed(_)
        | Event::GrantIssued(_)
        | Event::GrantStarted(_)
        | Event::GrantExtended(_)
        | Event::OptoutTaken(_)
        | Event::OptoutLimitReached(_)
        | Event::OptoutReviewed(_)
        | Event::OptoutOverdue(_)
        | Event::OptoutStale(_)
        | Event::AccessAllowed(_)
        | Event::AccessDenied(_)
        | Event::AccessObserved(_)
        | Event::AccessBreakglass(_)
        | Event::SessionOpened(_)
        | Event::SessionUnbound(_)
        | Event::SessionEnded(_)
        | Event::PolicyLoaded(_)
        | Event::PolicyRejected(_)
        | Event::ClockStepped(_)
        | Event::SyslogLost(_)
        | Event::SyslogBack(_)
        | Event::StoreFailed(_)
        | Event::StoreBack(_)
        | Event::StoreUndone(_)
        | Event::AuditHead(_)
        | Event::AuditPruned(_)
        | Event::NotifyFailed(_)
        | Event::DaemonStarted(_)
        | Event::DaemonStopped(_) => Vec::new(),
    }
}

fn warn(state: &State, id: SessionId, grant: GrantId, now: Now) -> Option<Effect> {
    let Some(Session::Open(session)) = state.session(id) else { return None };
    let Some(Grant::Live(LiveGrant { terms, validity, extended, .. })) = state.grant(grant) else { return None };
    let extendable = terms.common.extend.is_some_and(|extend| *extended < extend.times);
    let (left, at_expiry) = (validity.ends().left(now), terms.common.session.at_expiry);
    Some(Effect::Warn { session: session.clone(), left, at_expiry, extendable })
}

fn over(state: &State, id: GrantId, grace: Grace) -> Vec<Effect> {
    let Some(Grant::Ended(grant)) = state.grant(id) else { return Vec::new() };
    let open = still_open(state, grant);
    if grant.ends_its_sessions() {
        return vec![Effect::End { grant: id, sessions: open, because: grant.word(), grace }];
    }
    match grant.terms.common.session.at_expiry {
        AtExpiry::Warn => open.into_iter().map(Effect::Over).collect(),
        AtExpiry::End | AtExpiry::Keep => Vec::new(),
    }
}

/// The sessions of a grant that is over that go on.
pub(super) fn still_open(state: &State, grant: &EndedGrant) -> Vec<SessionFacts> {
    let session = |id: SessionId| match state.session(id) {
        Some(Session::Open(facts)) => Some(facts.clone()),
        Some(Session::Closed { .. } | Session::Ended { .. }) | None => None,
    };
    state.open_of(grant.terms.id).filter_map(session).collect()
}

/// What is to be ended when the daemon starts, because it was not there, or not done, when the grants were over. `found` are
/// sessions of which processes were found.
#[must_use]
pub fn left_to_end(state: &State, found: &[SessionId]) -> Vec<Effect> {
    let known = found.iter().filter_map(|id| state.grant_of(*id));
    let grants: std::collections::BTreeSet<_> = state.open_sessions().map(|facts| facts.grant).chain(known).collect();
    let over = grants.iter().filter_map(|id| match state.grant(*id) {
        Some(Grant::Ended(grant)) if grant.ends_its_sessions() => Some(&**grant),
        Some(Grant::Ended(_) | Grant::Live(_)) | None => None,
    });
    let end = |grant: &EndedGrant| {
        let sessions = still_open(state, grant);
        Effect::End { grant: grant.terms.id, sessions, because: grant.word(), grace: Grace::Some }
    };
    over.map(end).collect()
}
