//! Sessions: coming in, going, and the start of the daemon.

use super::check::{Denial, Way, Why, way_in};
use super::{Arrival, Context, Handled, Reply};
use crate::event::{self, Event};
use crate::grant::{Grant, Kind, LiveGrant, Validity};
use crate::id::{GrantId, SessionId};
use crate::name::{RuleName, RunAs};
use crate::session::{Session, SessionFacts};
use crate::span::Span;
use crate::state::State;
use crate::subject::Entry;
use crate::time::{BootId, Deadline, Now};

/// How long a legacy rule's grant is good for: each day has a record of its own.
const LEGACY_DAY: Span = Span::from_secs(86_400);

/// Somebody comes in: decides again, in full, and binds the grant.
pub(super) fn open(state: &State, arrival: &Arrival, context: &mut Context<'_>) -> Handled {
    let entry = &arrival.entry;
    let Some(run_as) = entry.run_as.clone() else { return Ok((Reply::Denied(Denial::plain(Why::NoRule)), Vec::new())) };
    let (grant, mut events) = match way_in(state, context.policy, entry, context.now) {
        Err(denial) => return Ok((Reply::Denied(denial), Vec::new())),
        Ok(Way::Grant(grant)) => (grant.terms.id, started(grant, context.now)),
        Ok(Way::Login(rule)) => {
            let until = Deadline::after(context.now, rule.default);
            mint(Kind::Login, &rule.name, &rule.scope.from, String::new(), until, entry, run_as.clone(), context)
        }
        Ok(Way::Legacy(rule)) => match todays(state, entry, &rule.name, &run_as, context.now) {
            Some(id) => (id, Vec::new()),
            None => {
                let until = Deadline::after(context.now, LEGACY_DAY).or_earlier(Deadline::at(context.now, rule.ends));
                mint(Kind::Legacy, &rule.name, &rule.scope.from, rule.reason.clone(), until, entry, run_as.clone(), context)
            }
        },
    };
    let id = SessionId::random(context.entropy);
    let opened = event::SessionOpened {
        id,
        grant,
        user: entry.subject.name.clone(),
        uid: entry.subject.uid,
        service: entry.service.clone(),
        run_as,
        from: entry.remote.address(),
        tty: entry.tty.clone(),
        auth: arrival.auth.clone(),
        process: arrival.process,
    };
    events.push(opened.into());
    Ok((Reply::Session(id, grant), events))
}

/// The first use of a grant that waited for it.
fn started(grant: &LiveGrant, now: Now) -> Vec<Event> {
    match grant.validity {
        Validity::Active { .. } => Vec::new(),
        Validity::Waiting { good_for, .. } => {
            let until = Deadline::after(now, good_for);
            let started =
                event::GrantStarted { id: grant.terms.id, user: grant.terms.user.clone(), until: until.wall, until_boot_ms: until.boot };
            vec![started.into()]
        }
    }
}

fn todays(state: &State, entry: &Entry, rule: &RuleName, run_as: &RunAs, now: Now) -> Option<GrantId> {
    let same = |grant: &&LiveGrant| {
        let terms = &grant.terms;
        let admits = grant.admits(entry, now);
        terms.kind == Kind::Legacy && terms.rule == *rule && terms.run_as == *run_as && terms.service == entry.service.family() && admits
    };
    state.live_of(&entry.subject).find(same).map(|grant| grant.terms.id)
}

#[allow(clippy::too_many_arguments, reason = "one event, each part of it from somewhere else")]
fn mint(
    kind: Kind,
    rule: &RuleName,
    from: &[ipnet::IpNet],
    reason: String,
    until: Deadline,
    entry: &Entry,
    run_as: RunAs,
    context: &mut Context<'_>,
) -> (GrantId, Vec<Event>) {
    let id = GrantId::random(context.entropy);
    let issued = event::GrantIssued {
        id,
        user: entry.subject.name.clone(),
        uid: entry.subject.uid,
        service: entry.service.family(),
        run_as,
        until: until.wall,
        by: Vec::new(),
        reason,
        rule: rule.clone(),
        kind,
        request: None,
        uses: None,
        from: from.to_vec(),
        stages: Vec::new(),
        waits_for_s: None,
        until_boot_ms: until.boot,
    };
    (id, vec![issued.into()])
}

/// A session is over; with the last use of a grant, the grant is too.
pub(super) fn close(state: &State, id: SessionId) -> (Reply, Vec<Event>) {
    let Some(Session::Open(facts)) = state.session(id) else { return (Reply::Done, Vec::new()) };
    let mut events = vec![closed(facts)];
    if let Some(Grant::Live(grant)) = state.grant(facts.grant) {
        let used_up = grant.terms.max_uses.is_some_and(|most| grant.taken >= most);
        let others_run = grant.sessions.iter().any(|other| *other != id && state.has_open_session(*other));
        if used_up && !others_run {
            let terms = &grant.terms;
            let (user, service, run_as) = (terms.user.clone(), terms.service.clone(), terms.run_as.clone());
            events.push(event::GrantUsedUp { id: terms.id, user, service, run_as }.into());
        }
    }
    (Reply::Done, events)
}

fn closed(facts: &SessionFacts) -> Event {
    event::SessionClosed { id: facts.id, grant: facts.grant, user: facts.user.clone(), service: facts.service.clone() }.into()
}

/// The daemon begins: sessions of another boot are over.
pub(super) fn start(state: &State, version: String, boot: BootId, policy: String, now: Now) -> (Reply, Vec<Event>) {
    let same_boot = state.boot() == Some(&boot);
    let mut events = vec![Event::from(event::DaemonStarted { version, boot_id: boot, boot_ms: now.boot, policy })];
    match state.stepped_by(now).filter(|_| same_boot) {
        Some(by_ms) => events.push(event::ClockStepped { by_ms, boot_ms: now.boot }.into()),
        None if same_boot => {}
        None => events.extend(state.open_sessions().map(closed)),
    }
    (Reply::Done, events)
}
