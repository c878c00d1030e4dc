//! Sessions: coming in, going, and the start of the daemon.

use super::check::{self, Way, way_in};
use super::denial::{Denial, Why};
use super::end::with_its_extension;
use super::repetition::Repetition;
use super::{Arrival, Context, Handled, Reply};
use crate::actor::Humans;
use crate::event::{self, Event};
use crate::grant::{Grant, Kind, LiveGrant, Validity};
use crate::id::{GrantId, SessionId};
use crate::name::{RuleName, RunAs};
use crate::optout::Basis;
use crate::policy::hours::Hours;
use crate::policy::{AtExpiry, Require, SessionRule, Stage};
use crate::refusal::Refusal;
use crate::session::{Bound, Session, SessionFacts, Tally};
use crate::span::Span;
use crate::state::State;
use crate::subject::Entry;
use crate::time::{BootId, Deadline, Now};
use ipnet::IpNet;
use std::collections::BTreeSet;

/// How long a legacy rule's grant is good for: each day has a record of its own.
const LEGACY_DAY: Span = Span::from_secs(86_400);

/// Somebody comes in: decides again, in full, and binds the grant.
pub(super) fn open(state: &State, arrival: &Arrival, context: &mut Context<'_>) -> Handled {
    let entry = &arrival.entry;
    let Some(run_as) = entry.run_as.clone() else { return Ok((Reply::Denied(Denial::plain(Why::NoRule)), Vec::new())) };
    let now = context.now;
    let way = match way_in(state, context.policy, entry, Some(arrival), now) {
        Err(denial) => return Ok((Reply::Denied(denial), Vec::new())),
        Ok(way) => way,
    };
    let require = check::require(&way);
    let (grant, mut events) = match way {
        Way::Grant(grant) => (grant.terms.id, started(grant, now)?),
        Way::Login(rule) => {
            let until = super::cut(Deadline::after(now, rule.default), rule.scope.hours.as_ref(), now, now.wall, &rule.name)?;
            let minted = Minted {
                kind: Kind::Login,
                rule: &rule.name,
                from: &rule.scope.from,
                hours: rule.scope.hours.as_ref(),
                session: &rule.session,
                stages: &[],
                reason: "",
                until,
            };
            mint(minted, entry, run_as.clone(), context)
        }
        Way::Legacy(rule) => match todays(state, entry, &rule.name, &run_as, now) {
            Some(id) => (id, Vec::new()),
            None => {
                let until = Deadline::after(now, LEGACY_DAY).or_earlier(Deadline::at(now, rule.ends));
                let until = super::cut(until, rule.scope.hours.as_ref(), now, now.wall, &rule.name)?;
                // Each day's grant is a record, not a limit: its sessions end with the rule.
                let session = SessionRule { at_expiry: AtExpiry::Keep, ..SessionRule::default() };
                let minted = Minted {
                    kind: Kind::Legacy,
                    rule: &rule.name,
                    from: &rule.scope.from,
                    hours: rule.scope.hours.as_ref(),
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
        Way::Repetitive(again) => {
            let session = SessionRule { require: again.require(), ..again.rule.session.clone() };
            let Some(from) = again.from() else { return Ok((Reply::Denied(Denial::plain(Why::NoRule)), Vec::new())) };
            let Repetition { rule, basis, given } = again;
            let until = super::cut(Deadline::after(now, rule.default), rule.scope.hours.as_ref(), now, now.wall, &rule.name)?;
            let until = super::cut(until, basis.terms.common.hours.as_ref(), now, now.wall, &rule.name)?;
            let until = super::cut(until, given.scope.hours.as_ref(), now, now.wall, &rule.name)?;
            let minted = Minted {
                kind: Kind::Repetitive,
                rule: &rule.name,
                from: &from,
                hours: rule.scope.hours.as_ref(),
                session: &session,
                stages: &basis.terms.common.stages,
                reason: "",
                until,
            };
            let (id, mut events) = mint(minted, entry, run_as.clone(), context);
            events.insert(0, taken(id, Kind::Repetitive, &rule.name, "", Some(basis), until, entry, &run_as));
            (id, events)
        }
    };
    let (taken, open) = match state.grant(grant) {
        Some(Grant::Live(grant)) => (grant.taken, grant.open),
        // It begins with this session.
        Some(Grant::Ended(_)) | None => (0, 0),
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
        bound: arrival.bound,
        taken: Some(taken.saturating_add(1)),
        alone: Some(open == 0),
    };
    events.push(opened.into());
    Ok((Reply::Session(id, grant, require), events))
}

/// Whether a session that can be bound so is let in where this is asked for.
pub(super) fn binds(require: Require, bound: Bound) -> bool {
    match (require, bound) {
        (Require::Any, Bound::Cgroup | Bound::Tree) | (Require::Cgroup, Bound::Cgroup) => true,
        (Require::Cgroup, Bound::Tree) => false,
    }
}

/// Whether nobody may come in by this grant who cannot be ended for sure.
#[must_use]
pub fn must_bind(state: &State, grant: GrantId) -> bool {
    state.grant(grant).is_some_and(|grant| !binds(grant.terms().common.session.require, Bound::Tree))
}

/// The first use of a grant that waited for it.
fn started(grant: &LiveGrant, now: Now) -> Result<Vec<Event>, Refusal> {
    match grant.validity {
        Validity::Active { .. } | Validity::Scheduled { .. } => Ok(Vec::new()),
        Validity::Waiting { good_for, .. } => {
            let terms = &grant.terms;
            let until = super::cut(Deadline::after(now, good_for), terms.common.hours.as_ref(), now, now.wall, &terms.common.rule)?;
            let started = event::GrantStarted { id: terms.id, user: terms.user.clone(), until: until.wall, until_boot_ms: until.boot };
            Ok(vec![started.into()])
        }
    }
}

pub(super) fn todays(state: &State, entry: &Entry, rule: &RuleName, run_as: &RunAs, now: Now) -> Option<GrantId> {
    let same = |grant: &&LiveGrant| {
        let common = &grant.terms.common;
        let admits = grant.admits(entry, now);
        common.kind == Kind::Legacy
            && common.rule == *rule
            && common.run_as == *run_as
            && common.service == entry.service.family()
            && admits
    };
    state.live_of(&entry.subject).find(same).map(|grant| grant.terms.id)
}

/// A grant that is given at a session's opening, and by what.
struct Minted<'a> {
    kind: Kind,
    rule: &'a RuleName,
    from: &'a [IpNet],
    hours: Option<&'a Hours>,
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
        from: minted.from.to_vec(),
        hours: minted.hours.cloned(),
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
        grant: basis.map(|basis| basis.terms.id),
        request: basis.and_then(|basis| basis.terms.request),
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
    if is_being_ended(state, facts) {
        return (Reply::Done, Vec::new());
    }
    let events = std::iter::once(closed(facts)).chain(used_up(state, facts)).collect();
    (Reply::Done, events)
}

/// With this session the last use of its grant is over.
fn used_up(state: &State, facts: &SessionFacts) -> Vec<Event> {
    let Some(Grant::Live(grant)) = state.grant(facts.grant) else { return Vec::new() };
    let all_taken = grant.terms.common.max_uses.is_some_and(|most| grant.taken >= most);
    let others_run = state.open_of(grant.terms.id).any(|other| other != facts.id);
    if !all_taken || others_run {
        return Vec::new();
    }
    let terms = &grant.terms;
    let (user, service, run_as) = (terms.user.clone(), terms.common.service.clone(), terms.common.run_as.clone());
    with_its_extension(state, terms, event::GrantUsedUp { id: terms.id, user, service, run_as })
}

/// Whoever ends it says so when it is done, and with what result.
fn is_being_ended(state: &State, facts: &SessionFacts) -> bool {
    match state.grant(facts.grant) {
        Some(Grant::Ended(grant)) => grant.ends_its_sessions(),
        Some(Grant::Live(_)) | None => false,
    }
}

/// The processes of a session were ended. One that had closed by itself, and left nothing, stays closed.
pub(super) fn ended(state: &State, id: SessionId, tally: Tally) -> (Reply, Vec<Event>) {
    let facts = match state.session(id) {
        Some(Session::Open(facts)) => facts,
        Some(Session::Closed { facts, .. }) if tally.processes > 0 => facts,
        Some(Session::Closed { .. } | Session::Ended { .. }) | None => return (Reply::Done, Vec::new()),
    };
    let because = match state.grant(facts.grant) {
        Some(Grant::Ended(grant)) => grant.word(),
        // The session that it ran in was ended.
        Some(Grant::Live(_)) | None => "around it ended",
    };
    let ended = event::SessionEnded {
        id,
        grant: facts.grant,
        user: facts.user.clone(),
        service: facts.service.clone(),
        because: because.to_owned(),
        processes: tally.processes,
        killed: tally.killed,
        left: tally.left,
        bound: facts.bound,
    };
    (Reply::Done, std::iter::once(ended.into()).chain(used_up(state, facts)).collect())
}

/// It could not be put into a cgroup after all.
pub(super) fn unbound(state: &State, id: SessionId, why: String) -> (Reply, Vec<Event>) {
    let Some(Session::Open(facts)) = state.session(id) else { return (Reply::Done, Vec::new()) };
    let (user, service) = (facts.user.clone(), facts.service.clone());
    (Reply::Done, vec![event::SessionUnbound { id, grant: facts.grant, user, service, why }.into()])
}

fn closed(facts: &SessionFacts) -> Event {
    event::SessionClosed { id: facts.id, grant: facts.grant, user: facts.user.clone(), service: facts.service.clone() }.into()
}

/// The entries that are not on record yet. One is known by its whole line: it holds a nonce.
pub(super) fn broke_glass(state: &State, mut entries: Vec<event::AccessBreakglass>) -> (Reply, Vec<Event>) {
    let mut met = BTreeSet::new();
    entries.retain(|entry| !state.knows_breakglass(&entry.line) && met.insert(entry.line.clone()));
    (Reply::Done, entries.into_iter().map(Event::from).collect())
}

/// The daemon begins: sessions of another boot are over.
pub(super) fn start(state: &State, version: String, boot: BootId, policy: String, bound: Bound, now: Now) -> (Reply, Vec<Event>) {
    let same_boot = state.boot() == Some(&boot);
    let mut events = vec![Event::from(event::DaemonStarted { version, boot_id: boot, boot_ms: now.boot, policy, bound })];
    match state.stepped_by(now).filter(|_| same_boot) {
        Some(by_ms) => events.push(event::ClockStepped { by_ms, boot_ms: now.boot }.into()),
        None if same_boot => {}
        None => events.extend(state.open_sessions().map(closed)),
    }
    (Reply::Done, events)
}
