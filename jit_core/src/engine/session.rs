//! Sessions: coming in, going, and the start of the daemon.

use super::check::{Denial, Way, Why, way_in};
use super::{Arrival, Context, Handled, Reply};
use crate::actor::Humans;
use crate::event::{self, Event};
use crate::grant::{Grant, Kind, LiveGrant, Validity};
use crate::id::{GrantId, SessionId};
use crate::name::{RuleName, RunAs};
use crate::optout::Basis;
use crate::policy::{Scope, SessionRule, Stage};
use crate::refusal::Refusal;
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
    let now = context.now;
    let (grant, mut events) = match way_in(state, context.policy, entry, now) {
        Err(denial) => return Ok((Reply::Denied(denial), Vec::new())),
        Ok(Way::Grant(grant)) => (grant.terms.id, started(grant, now)?),
        Ok(Way::Login(rule)) => {
            let until = super::cut(Deadline::after(now, rule.default), rule.scope.hours.as_ref(), now, now.wall, &rule.name)?;
            let minted =
                Minted { kind: Kind::Login, rule: &rule.name, scope: &rule.scope, session: &rule.session, stages: &[], reason: "", until };
            mint(minted, entry, run_as.clone(), context)
        }
        Ok(Way::Legacy(rule)) => match todays(state, entry, &rule.name, &run_as, now) {
            Some(id) => (id, Vec::new()),
            None => {
                let until = Deadline::after(now, LEGACY_DAY).or_earlier(Deadline::at(now, rule.ends));
                let until = super::cut(until, rule.scope.hours.as_ref(), now, now.wall, &rule.name)?;
                let session = SessionRule::default();
                let minted = Minted {
                    kind: Kind::Legacy,
                    rule: &rule.name,
                    scope: &rule.scope,
                    session: &session,
                    stages: &[],
                    reason: &rule.reason,
                    until,
                };
                let (id, mut events) = mint(minted, entry, run_as.clone(), context);
                events.insert(0, taken(id, Kind::Legacy, &rule.name, &rule.reason, None, until, entry, &run_as));
                (id, events)
            }
        },
        Ok(Way::Repetitive(rule, basis)) => {
            let until = super::cut(Deadline::after(now, rule.default), rule.scope.hours.as_ref(), now, now.wall, &rule.name)?;
            let until = super::cut(until, basis.hours.as_ref(), now, now.wall, &rule.name)?;
            let minted = Minted {
                kind: Kind::Repetitive,
                rule: &rule.name,
                scope: &rule.scope,
                session: &rule.session,
                stages: &basis.stages,
                reason: "",
                until,
            };
            let (id, mut events) = mint(minted, entry, run_as.clone(), context);
            events.insert(0, taken(id, Kind::Repetitive, &rule.name, "", Some(basis), until, entry, &run_as));
            (id, events)
        }
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
fn started(grant: &LiveGrant, now: Now) -> Result<Vec<Event>, Refusal> {
    match grant.validity {
        Validity::Active { .. } | Validity::Scheduled { .. } => Ok(Vec::new()),
        Validity::Waiting { good_for, .. } => {
            let terms = &grant.terms;
            let until = super::cut(Deadline::after(now, good_for), terms.hours.as_ref(), now, now.wall, &terms.rule)?;
            let started = event::GrantStarted { id: terms.id, user: terms.user.clone(), until: until.wall, until_boot_ms: until.boot };
            Ok(vec![started.into()])
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

/// A grant that is given at a session's opening, and by what.
struct Minted<'a> {
    kind: Kind,
    rule: &'a RuleName,
    scope: &'a Scope,
    session: &'a SessionRule,
    stages: &'a [Stage],
    reason: &'a str,
    until: Deadline,
}

fn mint(minted: Minted<'_>, entry: &Entry, run_as: RunAs, context: &mut Context<'_>) -> (GrantId, Vec<Event>) {
    let id = GrantId::random(context.entropy);
    let issued = event::GrantIssued {
        id,
        user: entry.subject.name.clone(),
        uid: entry.subject.uid,
        service: entry.service.family(),
        run_as,
        until: minted.until.wall,
        by: Vec::new(),
        reason: minted.reason.to_owned(),
        rule: minted.rule.clone(),
        kind: minted.kind,
        request: None,
        uses: None,
        from: minted.scope.from.clone(),
        hours: minted.scope.hours.clone(),
        session: minted.session.clone(),
        stages: minted.stages.to_vec(),
        waits_for_s: None,
        until_boot_ms: minted.until.boot,
        starts: None,
        starts_boot_ms: None,
        extend: None,
        boot_ms: context.now.boot,
    };
    (id, vec![issued.into()])
}

/// That an opt-out was taken, and by what right.
#[allow(clippy::too_many_arguments, reason = "one event, each part of it from somewhere else")]
fn taken(
    id: GrantId,
    kind: Kind,
    rule: &RuleName,
    reason: &str,
    basis: Option<&Basis>,
    until: Deadline,
    entry: &Entry,
    run_as: &RunAs,
) -> Event {
    let subject = &entry.subject;
    event::OptoutTaken {
        id,
        user: subject.name.clone(),
        uid: subject.uid,
        service: entry.service.family(),
        run_as: run_as.clone(),
        rule: rule.clone(),
        kind,
        until: until.wall,
        reason: reason.to_owned(),
        grant: basis.map(|basis| basis.grant),
        request: basis.and_then(|basis| basis.request),
        alert: Vec::new(),
        review_by: Vec::new(),
        review_due: None,
        humans: Humans::account(subject.uid, subject.name.clone()),
        review_due_boot_ms: None,
    }
    .into()
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
