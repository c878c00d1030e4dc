//! Looking things up in the state; nothing here changes it.

use super::State;
use super::deadlines::Due;
use crate::actor::{Actor, Ancestry, Behind, Humans, Inside, LoginUid};
use crate::grant::{Grant, LiveGrant, Terms};
use crate::id::{GrantId, RequestId, SessionId};
use crate::name::{RuleName, RunAs, Uid, UserName};
use crate::optout::{Basis, BasisKey, Emergency};
use crate::policy::{FileDigest, LegacyRule, Policy};
use crate::request::{PendingRequest, Request};
use crate::session::{Process, Session, SessionFacts};
use crate::span::Span;
use crate::subject::Subject;
use crate::time::{BootId, Now, STEP_MS, WallTime};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Bound;

impl State {
    /// One request.
    #[must_use]
    pub fn request(&self, id: RequestId) -> Option<&Request> {
        self.requests.get(&id)
    }

    /// One grant.
    #[must_use]
    pub fn grant(&self, id: GrantId) -> Option<&Grant> {
        self.grants.get(&id).map(Box::as_ref)
    }

    /// One session.
    #[must_use]
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(&id)
    }

    /// The requests that are at hand behind this one, in the order of their ids.
    pub fn requests_after(&self, after: Option<RequestId>) -> impl Iterator<Item = &Request> {
        self.requests.range(behind(after)).map(|(_, request)| request)
    }

    /// The grants that are at hand behind this one, in the order of their ids.
    pub fn grants_after(&self, after: Option<GrantId>) -> impl Iterator<Item = &Grant> {
        self.grants.range(behind(after)).map(|(_, grant)| grant.as_ref())
    }

    /// The sessions that are at hand behind this one, in the order of their ids.
    pub fn sessions_after(&self, after: Option<SessionId>) -> impl Iterator<Item = &Session> {
        self.sessions.range(behind(after)).map(|(_, session)| session)
    }

    /// All requests that are at hand.
    pub fn requests(&self) -> impl Iterator<Item = &Request> {
        self.requests.values()
    }

    /// All grants that are at hand.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.grants.values().map(Box::as_ref)
    }

    /// All sessions that are at hand.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values()
    }

    /// The requests of an account that wait. Number and name must both match.
    pub fn pending_of<'a>(&'a self, subject: &'a Subject) -> impl Iterator<Item = &'a PendingRequest> {
        let ids = self.pending_of.range((subject.uid, RequestId::FIRST)..=(subject.uid, RequestId::LAST));
        ids.filter_map(|(_, id)| self.pending_request(*id)).filter(|request| request.ask.user == subject.name)
    }

    /// The request that waits to make a grant longer.
    pub fn extension_of(&self, terms: &Terms) -> Option<&PendingRequest> {
        let theirs = self.pending_of.range((terms.uid, RequestId::FIRST)..=(terms.uid, RequestId::LAST));
        theirs.filter_map(|(_, id)| self.pending_request(*id)).find(|request| request.ask.extends == Some(terms.id))
    }

    /// The grants of an account that let it in. Number and name must both match.
    pub fn live_of<'a>(&'a self, subject: &'a Subject) -> impl Iterator<Item = &'a LiveGrant> {
        self.live_of_account(subject.uid).filter(|grant| grant.terms.user == subject.name)
    }

    /// Every grant that lets somebody in.
    pub fn live(&self) -> impl Iterator<Item = &LiveGrant> {
        self.live_of.iter().filter_map(|(_, id)| self.live_grant(*id))
    }

    /// The grants that let an account in, whatever its name.
    pub(super) fn live_of_account(&self, uid: Uid) -> impl Iterator<Item = &LiveGrant> {
        self.live_of.range((uid, GrantId::FIRST)..=(uid, GrantId::LAST)).filter_map(|(_, id)| self.live_grant(*id))
    }

    /// One grant, if it lets somebody in.
    pub(super) fn live_grant(&self, id: GrantId) -> Option<&LiveGrant> {
        match self.grant(id) {
            Some(Grant::Live(grant)) => Some(grant),
            Some(Grant::Ended(_)) | None => None,
        }
    }

    fn pending_request(&self, id: RequestId) -> Option<&PendingRequest> {
        match self.requests.get(&id) {
            Some(Request::Pending(request)) => Some(request),
            Some(Request::Decided(_)) | None => None,
        }
    }

    /// Every request that waits.
    pub fn pending(&self) -> impl Iterator<Item = &PendingRequest> {
        self.pending_of.iter().filter_map(|(_, id)| self.pending_request(*id))
    }

    /// Every session that runs.
    pub fn open_sessions(&self) -> impl Iterator<Item = &SessionFacts> {
        self.open.iter().filter_map(|id| self.sessions.get(id).map(Session::facts))
    }

    /// The sessions that a grant which is at hand has let in, in the order in which they were opened: those that are at hand
    /// too, and its newest.
    pub fn let_in(&self, grant: GrantId) -> impl DoubleEndedIterator<Item = SessionId> {
        self.let_in.of(grant).map(|(_, _, session)| *session)
    }

    /// The sessions of a grant that run.
    pub fn open_of(&self, grant: GrantId) -> impl Iterator<Item = SessionId> {
        self.open_of.range((grant, SessionId::FIRST)..=(grant, SessionId::LAST)).map(|(_, session)| *session)
    }

    /// By which grant a session came in, if it is at hand, or among the newest of a grant that is: what it has left running may
    /// outlive what is known of it.
    #[must_use]
    pub fn grant_of(&self, session: SessionId) -> Option<GrantId> {
        let known = self.sessions.get(&session).map(|session| session.facts().grant);
        known.or_else(|| self.let_in.grant_of(session))
    }

    /// Every emergency that is remembered.
    pub fn emergencies(&self) -> impl Iterator<Item = &Emergency> {
        self.emergencies.values()
    }

    /// One emergency, by its grant.
    #[must_use]
    pub fn emergency(&self, id: GrantId) -> Option<&Emergency> {
        self.emergencies.get(&id)
    }

    /// The approvals of an account that might be repeated.
    pub fn bases_of<'a>(&'a self, subject: &'a Subject) -> impl Iterator<Item = &'a Basis> {
        self.bases.of_account(subject.uid).iter().filter(|basis| basis.terms.user == subject.name)
    }

    /// The approval of that key that might be repeated.
    #[must_use]
    pub fn basis(&self, key: BasisKey<'_>) -> Option<&Basis> {
        self.bases.get(key)
    }

    /// Every approval that might be repeated.
    pub fn bases(&self) -> impl Iterator<Item = &Basis> {
        self.bases.iter()
    }

    /// The files of the policy that was loaded last, whoever loaded it.
    #[must_use]
    pub fn policy_files(&self) -> &[FileDigest] {
        &self.marks.policy
    }

    /// When it was last said that a standing exemption ends soon.
    #[must_use]
    pub fn stale_said(&self, rule: &RuleName) -> Option<WallTime> {
        self.marks.stale.get(rule).map(|said| said.at)
    }

    /// How many times, one after the other, it was said that this standing exemption has ended, with the end that it has now.
    #[must_use]
    pub fn said_over(&self, rule: &LegacyRule) -> u32 {
        self.marks.stale.get(&rule.name).filter(|said| said.until == rule.until()).map_or(0, |said| said.over)
    }

    /// Whether a standing exemption is over: by the clock, or because it was said on two days that it is, so that a clock which
    /// falls back does not open it again. Another `until` does. Said once is not enough: a clock that was ahead for an hour, as
    /// some are at the start, closes nothing for good, and not when it is so again.
    #[must_use]
    pub fn is_over(&self, rule: &LegacyRule, now: WallTime) -> bool {
        rule.ends <= now || self.said_over(rule) >= 2
    }

    /// How many days a standing exemption has left; fewer than none, and it is over.
    #[must_use]
    pub fn days_left(&self, rule: &LegacyRule, now: WallTime) -> i64 {
        let left = rule.ends.as_millis().saturating_sub(now.as_millis()).div_euclid(86_400_000);
        if self.is_over(rule, now) { left.min(-1) } else { left }
    }

    /// What has passed its deadline.
    pub(crate) fn overdue(&self, now: Now) -> BTreeSet<Due> {
        self.deadlines.passed(now)
    }

    /// How long until something ends.
    #[must_use]
    pub fn next_deadline_in(&self, now: Now) -> Option<Span> {
        self.deadlines.next_in(now)
    }

    /// The boot that the deadlines' boot clock belongs to.
    #[must_use]
    pub fn boot(&self) -> Option<&BootId> {
        self.marks.boot.as_ref()
    }

    /// How far the wall clock was ahead of the boot clock when last it was looked at, in milliseconds.
    #[must_use]
    pub fn drift_ms(&self) -> Option<i64> {
        self.marks.drift
    }

    /// By how much the wall clock was set since it was last looked at in this boot, if it was.
    #[must_use]
    pub fn stepped_by(&self, now: Now) -> Option<i64> {
        let by = now.drift_ms().saturating_sub(self.marks.drift?);
        (by.saturating_abs() >= STEP_MS).then_some(by)
    }

    /// The wall time of the newest event.
    #[must_use]
    pub fn newest(&self) -> Option<WallTime> {
        self.newest
    }

    /// Whether a line of the break-glass log is in the record.
    #[must_use]
    pub fn knows_breakglass(&self, line: &str) -> bool {
        self.breakglass.contains(line)
    }

    /// The humans who could be behind an actor.
    #[must_use]
    pub fn behind(&self, actor: &Actor, policy: &Policy) -> Behind {
        let Some((mut humans, logged_in)) = self.around(actor) else { return Behind::Anybody };
        self.add_who_acted_as_them(&mut humans, &logged_in);
        Behind::Known(with_other_accounts(humans, policy))
    }

    /// The humans who are seen behind an actor, for the record: their process's accounts, and whose sessions it is in. Whoever
    /// else may have acted as one of these accounts before is not among them: as root that is everybody. None: it cannot be known.
    #[must_use]
    pub fn seen_behind(&self, actor: &Actor) -> Option<Humans> {
        self.around(actor).map(|(humans, _)| humans)
    }

    /// The accounts of an actor's process and of the sessions around it, and which of them have logged in there themselves.
    fn around(&self, actor: &Actor) -> Option<(Humans, BTreeSet<UserName>)> {
        let mut humans = Humans::account(actor.subject.uid, actor.subject.name.clone());
        match &actor.login {
            LoginUid::Set(uid, name) => {
                humans.uids.insert(*uid);
                humans.names.extend(name.clone());
            }
            LoginUid::Unset => {}
            LoginUid::Unreadable => return None,
        }
        let Behind::Known(worn) = &actor.worn else { return None };
        humans.include(worn);
        let (Ancestry::Known(processes), Some(within)) = (&actor.ancestry, &actor.within) else { return None };
        humans.include(&self.subjects_of(within)?);
        let mut logged_in = BTreeSet::new();
        for session in self.sessions_above(processes) {
            let same = session.user != actor.subject.name || session.uid == actor.subject.uid;
            if same && session.run_as == RunAs::Oneself && session.service.is_log_in() {
                logged_in.insert(session.user.clone());
            }
            humans.add(session.uid, &session.user);
        }
        Some((humans, logged_in))
    }

    /// Whose these sessions are. One that is not at hand any more may have been anybody's, unless its grant still says whose.
    fn subjects_of(&self, sessions: &[SessionId]) -> Option<Humans> {
        let mut humans = Humans::default();
        for id in sessions {
            match (self.session(*id).map(Session::facts), self.grant_of(*id).and_then(|grant| self.grant(grant)).map(Grant::terms)) {
                (Some(session), _) => humans.add(session.uid, &session.user),
                (None, Some(terms)) => humans.add(terms.uid, &terms.user),
                (None, None) => return None,
            }
        }
        Some(humans)
    }

    /// Whether one of these humans could be whoever is inside of this: a session around it is of an account of theirs.
    #[must_use]
    pub fn is_inside_of(&self, inside: &Inside, people: &Humans, policy: &Policy) -> bool {
        if people.is_empty() {
            return false;
        }
        let (Ancestry::Known(processes), Some(within)) = (&inside.ancestry, &inside.within) else { return true };
        let Some(mut humans) = self.subjects_of(within) else { return true };
        self.sessions_above(processes).for_each(|session| humans.add(session.uid, &session.user));
        with_other_accounts(humans, policy).overlaps(people)
    }

    /// Everybody who could be behind what was approved. Of a request that is forgotten it is known who approved it, and no more.
    #[must_use]
    pub fn approvers_of(&self, terms: &Terms) -> Humans {
        let mut people = Humans { names: terms.common.by.iter().cloned().collect(), ..Humans::default() };
        let stages = terms.request.and_then(|id| self.request(id)).map(Request::stages).unwrap_or_default();
        stages.iter().flat_map(|stage| &stage.approvals).for_each(|approval| people.include(&approval.humans));
        people
    }

    /// A process that left its session is nobody's child any more, and one without a login uid can set it. So whoever acted as
    /// one of these accounts may still be behind it, and whoever acted as those; unless its own log-in stands above.
    fn add_who_acted_as_them(&self, humans: &mut Humans, logged_in: &BTreeSet<UserName>) {
        let mut looked_at = logged_in.clone();
        while let Some(account) = humans.names.difference(&looked_at).next().cloned() {
            if let Some(others) = self.acted_as.get(&account) {
                humans.include(others);
            }
            looked_at.insert(account);
        }
    }

    /// The address that an actor comes from: as their door says, or else the session that they are in, the nearest first.
    #[must_use]
    pub fn address_of(&self, actor: &Actor) -> Option<IpAddr> {
        let processes = match &actor.ancestry {
            Ancestry::Known(processes) => processes.as_slice(),
            Ancestry::Unreadable => &[],
        };
        let above = self.sessions_above(processes).filter_map(|session| {
            let place = processes.iter().position(|process| session.process == Some(*process));
            Some((place, session.from?))
        });
        let nearest = || above.min_by_key(|(place, _)| *place).map(|(_, from)| from);
        let around = || actor.within.iter().flatten().find_map(|id| self.session(*id)?.facts().from);
        actor.remote.address().or_else(nearest).or_else(around)
    }

    /// Whether one of these humans has acted as that account since the machine booted, or as somebody who has.
    #[must_use]
    pub fn may_be_behind(&self, humans: &Humans, subject: &Subject) -> bool {
        let mut behind = Humans::account(subject.uid, subject.name.clone());
        self.add_who_acted_as_them(&mut behind, &BTreeSet::new());
        behind.overlaps(humans)
    }

    /// The sessions that these processes, or one above them, opened.
    fn sessions_above<'a>(&'a self, processes: &'a [Process]) -> impl Iterator<Item = &'a SessionFacts> {
        self.open_sessions().filter(|session| session.process.is_some_and(|process| processes.contains(&process)))
    }

    /// Whether this session runs.
    #[must_use]
    pub fn has_open_session(&self, id: SessionId) -> bool {
        self.open.contains(&id)
    }
}

/// Everything behind this one; none: everything.
fn behind<I>(after: Option<I>) -> (Bound<I>, Bound<I>) {
    (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded)
}

/// The same humans with the other accounts that the policy knows of them.
#[must_use]
pub fn with_other_accounts(mut humans: Humans, policy: &Policy) -> Humans {
    let others: Vec<_> = humans.names.iter().flat_map(|name| policy.accounts_of_same_person(name)).cloned().collect();
    humans.names.extend(others);
    humans
}
