//! The fold: what each event makes true.
//!
//! An event that does not fit what is known (a grant that was never issued) changes nothing: it was
//! checked before it was recorded, and what is recorded is what happened.

use super::{Marks, StaleSaid, State};
use crate::event::{Event, GrantIssued, OptoutTaken, RequestApproved, RequestEscalated, SessionOpened, SessionWarned};
use crate::grant::{Common, EndedGrant, Ending, Grant, Kind, LiveGrant, Terms, Validity};
use crate::id::{GrantId, RequestId, SessionId};
use crate::name::{RunAs, Uid, UserName};
use crate::optout::{Basis, Breaker, Emergency, ReviewState};
use crate::request::{Approval, DecidedRequest, Escalation, Outcome, PendingRequest, Request};
use crate::session::{Bound, Session, SessionFacts};
use crate::time::{BootId, Deadline, Now, WallTime};
use std::collections::BTreeMap;
use std::sync::Arc;

impl State {
    /// Makes one event true. `at` is the event's wall time.
    pub fn apply(&mut self, at: WallTime, event: &Event) {
        match event {
            Event::RequestSubmitted(event) => {
                self.put_request(event.id, Some(Request::Pending(PendingRequest::submitted(at, event))));
            }
            Event::RequestApproved(event) => self.approve(at, event),
            Event::RequestEscalated(event) => self.escalate(event),
            Event::RequestGranted(event) => self.decide(at, event.id, Outcome::Granted(event.grant)),
            Event::RequestDenied(event) => {
                self.break_basis_of_request(event.id);
                self.decide(at, event.id, Outcome::Denied { by: event.by.clone(), note: event.note.clone() });
            }
            Event::RequestCancelled(event) => self.decide(at, event.id, Outcome::Cancelled),
            Event::RequestLapsed(event) => self.decide(at, event.id, Outcome::Lapsed),
            Event::GrantIssued(event) => self.issue(at, event),
            Event::GrantStarted(event) => {
                self.start(at, event.id, Deadline { wall: event.until, boot: event.until_boot_ms });
            }
            Event::GrantExtended(event) => {
                self.extend(at, event.id, Deadline { wall: event.until, boot: event.until_boot_ms });
            }
            Event::GrantExpired(event) => self.end_grant(at, event.id, Ending::Expired),
            Event::GrantUsedUp(event) => self.end_grant(at, event.id, Ending::UsedUp),
            Event::GrantDropped(event) => self.end_grant(at, event.id, Ending::Dropped),
            Event::GrantRevoked(event) => {
                self.break_basis_of_grant(event.id);
                let ending = Ending::Revoked { by: event.by.clone(), note: event.note.clone() };
                match self.grant(event.id) {
                    // It was over, and a session of it went on, or it could be repeated.
                    Some(Grant::Ended(grant)) => {
                        let grant = EndedGrant { ending, at, ..EndedGrant::clone(grant) };
                        self.put_grant(event.id, Some(Grant::Ended(Box::new(grant))));
                    }
                    Some(Grant::Live(_)) | None => self.end_grant(at, event.id, ending),
                }
            }
            Event::OptoutTaken(event) => self.take_optout(at, event),
            Event::OptoutReviewed(event) => {
                let review = ReviewState::Reviewed { verdict: event.verdict, by: event.by.clone(), note: event.note.clone(), at };
                self.review(event.id, review);
            }
            Event::OptoutOverdue(event) => {
                self.review(event.id, ReviewState::Overdue(Deadline { wall: event.next, boot: event.next_boot_ms }));
            }
            Event::OptoutStale(event) => {
                let mut marks = self.marks.clone();
                marks.stale.insert(event.rule.clone(), StaleSaid { at, until: event.until, over: event.over });
                self.put_marks(marks);
            }
            Event::SessionOpened(event) => self.open_session(at, event),
            Event::SessionUnbound(event) => self.unbind_session(event.id),
            Event::SessionWarned(event) => self.warn_session(event),
            Event::SessionClosed(event) => self.close_session(at, event.id),
            Event::SessionEnded(event) => self.end_session(at, event.id),
            Event::AccessBreakglass(event) => {
                self.put_breakglass(&event.line);
            }
            Event::PolicyLoaded(event) => {
                let marks = Marks { policy: event.files.clone(), ..self.marks.clone() };
                self.put_marks(marks);
            }
            Event::ClockStepped(event) => {
                self.move_to_clock(Now { wall: at, boot: event.boot_ms });
            }
            Event::DaemonStarted(event) => self.begin_boot(Now { wall: at, boot: event.boot_ms }, &event.boot_id),
            Event::OptoutLimitReached(_)
            | Event::AccessAllowed(_)
            | Event::AccessDenied(_)
            | Event::AccessObserved(_)
            | Event::PolicyRejected(_)
            | Event::SyslogLost(_)
            | Event::SyslogBack(_)
            | Event::StoreFailed(_)
            | Event::StoreBack(_)
            | Event::StoreUndone(_)
            | Event::AuditHead(_)
            | Event::AuditPruned(_)
            | Event::NotifyFailed(_)
            | Event::DaemonStopped(_) => {}
        }
        self.common.pass();
        self.put_newest(at);
    }

    fn approve(&mut self, at: WallTime, event: &RequestApproved) {
        let Some(Request::Pending(request)) = self.requests.get(&event.id) else { return };
        let mut request = request.clone();
        let approval = Approval { by: event.by.clone(), uid: event.by_uid, humans: event.humans.clone(), at, note: event.note.clone() };
        if let Some(stage) = usize::try_from(event.stage).ok().and_then(|stage| request.stages.get_mut(stage)) {
            stage.approvals.push(approval);
        }
        request.shortened = event.for_s.map_or(request.shortened, |shorter| shorter.min(request.shortened));
        self.put_request(event.id, Some(Request::Pending(request)));
    }

    fn decide(&mut self, at: WallTime, id: RequestId, outcome: Outcome) {
        let Some(Request::Pending(request)) = self.requests.get(&id).cloned() else { return };
        let PendingRequest { ask, stages, shortened, lapses, .. } = request;
        let decided = DecidedRequest { ask, stages, shortened, outcome, at, lapses: lapses.wall };
        self.put_request(id, Some(Request::Decided(decided)));
    }

    fn issue(&mut self, at: WallTime, event: &GrantIssued) {
        let terms = Arc::new(Terms {
            id: event.id,
            uid: event.uid,
            user: self.known_name(event.uid, &event.user),
            request: event.request,
            reason: event.reason.as_str().into(),
            issued: Now { wall: at, boot: event.boot_ms },
            common: self.common.share(Common {
                service: event.service.clone(),
                run_as: event.run_as.clone(),
                from: event.from.clone(),
                hours: event.hours.clone(),
                session: event.session.clone(),
                rule: event.rule.clone(),
                kind: event.kind,
                by: event.by.clone(),
                stages: event.stages.clone(),
                max_uses: event.uses,
                extend: event.extend,
            }),
        });
        let until = Deadline { wall: event.until, boot: event.until_boot_ms };
        let validity = match (event.waits_for_s, event.starts.zip(event.starts_boot_ms)) {
            (Some(good_for), _) => Validity::Waiting { start_by: until, good_for },
            (None, Some((wall, boot))) => Validity::Scheduled { begins: Deadline { wall, boot }, until },
            (None, None) => Validity::Active { since: at, until },
        };
        if event.kind == Kind::Approved {
            let begun = matches!(validity, Validity::Active { .. });
            let basis = Basis { terms: Arc::clone(&terms), in_this_boot: true, begun, taken: 0, broken: None };
            self.put_basis(&terms, Some(basis));
        }
        let grant = LiveGrant { terms, validity, taken: 0, extended: 0, open: 0, warned: 0 };
        self.put_grant(event.id, Some(Grant::Live(grant)));
    }

    /// The name of an account, as another grant of it has it, if one does: then it is held once.
    fn known_name(&self, uid: Uid, name: &UserName) -> UserName {
        let live = self.live_of_account(uid).next().map(|grant| &grant.terms);
        let known = live.or_else(|| self.bases.of_account(uid).first().map(|basis| &basis.terms)).map(|terms| &terms.user);
        known.filter(|known| *known == name).unwrap_or(name).clone()
    }

    fn start(&mut self, at: WallTime, id: GrantId, until: Deadline) {
        let Some(grant) = self.live_grant(id).cloned() else { return };
        let basis = self.bases.get(grant.terms.key()).filter(|basis| basis.terms.id == id).cloned();
        let started = LiveGrant { validity: Validity::Active { since: at, until }, ..grant };
        self.put_grant(id, Some(Grant::Live(started)));
        if let Some(basis) = basis {
            self.change_basis(Basis { begun: true, ..basis });
        }
    }

    fn extend(&mut self, at: WallTime, id: GrantId, until: Deadline) {
        let Some(grant) = self.live_grant(id).cloned() else { return };
        let validity = match grant.validity {
            Validity::Scheduled { begins, .. } => Validity::Scheduled { begins, until },
            Validity::Active { since, .. } => Validity::Active { since, until },
            waiting @ Validity::Waiting { .. } => waiting,
        };
        let warned = grant.warnings_passed(until, at);
        self.put_grant(id, Some(Grant::Live(LiveGrant { validity, warned, extended: grant.extended.saturating_add(1), ..grant })));
    }

    fn escalate(&mut self, event: &RequestEscalated) {
        let Some(Request::Pending(request)) = self.requests.get(&event.id).cloned() else { return };
        let mut stages = request.stages.clone();
        for progress in &mut stages {
            let others: Vec<_> = event.to.iter().filter(|principal| !progress.stage.by.contains(principal)).cloned().collect();
            progress.stage.by.extend(others);
        }
        self.put_request(event.id, Some(Request::Pending(PendingRequest { stages, escalation: None, ..request })));
    }

    fn take_optout(&mut self, at: WallTime, event: &OptoutTaken) {
        if event.kind == Kind::Repetitive {
            let key = (event.uid, &event.user, &event.service, &event.run_as);
            if let Some(basis) = self.bases.get(key).cloned() {
                self.change_basis(Basis { taken: basis.taken.saturating_add(1), ..basis });
            }
        }
        if let Some((wall, boot)) = event.review_due.zip(event.review_due_boot_ms) {
            let emergency = Emergency {
                grant: event.id,
                uid: event.uid,
                user: event.user.clone(),
                humans: event.humans.clone(),
                rule: event.rule.clone(),
                at,
                at_boot: Some(Deadline { wall, boot }.minus(at.until(wall)).boot),
                review_by: event.review_by.clone(),
                due: wall,
                review: ReviewState::Due(Deadline { wall, boot }),
            };
            self.put_emergency(event.id, Some(emergency));
        }
    }

    fn review(&mut self, id: GrantId, review: ReviewState) {
        let Some(taken) = self.emergencies.get(&id).cloned() else { return };
        self.put_emergency(id, Some(Emergency { review, ..taken }));
    }

    fn break_basis_of_request(&mut self, id: RequestId) {
        let Some(ask) = self.requests.get(&id).map(Request::ask) else { return };
        let basis = self.bases.get((ask.uid, &ask.user, &ask.service, &ask.run_as)).cloned();
        self.break_basis(basis, Breaker::Request(id));
    }

    fn break_basis_of_grant(&mut self, id: GrantId) {
        let basis = match self.grant(id) {
            // A standing exemption rests on no approval.
            Some(grant) if grant.terms().common.kind == Kind::Legacy => None,
            Some(grant) => self.bases.get(grant.terms().key()),
            // Its grant is forgotten.
            None => self.bases.iter().find(|basis| basis.terms.id == id),
        };
        self.break_basis(basis.cloned(), Breaker::Grant(id));
    }

    fn break_basis(&mut self, basis: Option<Basis>, by: Breaker) {
        if let Some(basis) = basis.filter(|basis| basis.broken.is_none()) {
            self.change_basis(Basis { broken: Some(by), ..basis });
        }
    }

    fn change_basis(&mut self, new: Basis) {
        let terms = Arc::clone(&new.terms);
        self.put_basis(&terms, Some(new));
    }

    fn end_grant(&mut self, at: WallTime, id: GrantId, ending: Ending) {
        let Some(grant) = self.live_grant(id).cloned() else { return };
        let LiveGrant { terms, validity, taken, extended: _, open: _, warned: _ } = grant;
        let (since, until) = match validity {
            Validity::Scheduled { until, .. } => (None, until.wall),
            Validity::Waiting { start_by, .. } => (None, start_by.wall),
            Validity::Active { since, until } => (Some(since), until.wall),
        };
        let ended = EndedGrant { terms, since, until, taken, ending, at };
        self.put_grant(id, Some(Grant::Ended(Box::new(ended))));
    }

    fn open_session(&mut self, at: WallTime, event: &SessionOpened) {
        let facts = SessionFacts {
            id: event.id,
            grant: event.grant,
            uid: event.uid,
            user: event.user.clone(),
            service: event.service.clone(),
            run_as: event.run_as.clone(),
            from: event.from,
            tty: event.tty.clone(),
            opened: at,
            process: event.process,
            bound: event.bound,
        };
        self.put_session(event.id, Some(Session::Open(facts)));
        self.note_who_acts_as(event);
        if let Some(mut grant) = self.live_grant(event.grant).cloned() {
            grant.taken = event.taken.unwrap_or(grant.taken.saturating_add(1));
            if event.alone.unwrap_or(grant.open == 0) {
                grant.warned = grant.warnings_passed(grant.validity.ends(), at);
            }
            grant.open = grant.open.saturating_add(1);
            self.put_grant(event.grant, Some(Grant::Live(grant)));
        }
    }

    fn note_who_acts_as(&mut self, event: &SessionOpened) {
        let RunAs::User(account) = &event.run_as else { return };
        if self.acted_as.get(account).is_some_and(|humans| humans.uids.contains(&event.uid) && humans.names.contains(&event.user)) {
            return;
        }
        let mut acted_as = self.acted_as.clone();
        acted_as.entry(account.clone()).or_default().add(event.uid, &event.user);
        self.put_acted_as(acted_as);
    }

    fn close_session(&mut self, at: WallTime, id: SessionId) {
        let Some(Session::Open(facts)) = self.sessions.get(&id).cloned() else { return };
        self.no_longer_open(&facts);
        self.put_session(id, Some(Session::Closed { facts, at }));
    }

    /// One that had closed by itself, and left something running, was ended too.
    fn end_session(&mut self, at: WallTime, id: SessionId) {
        let facts = match self.sessions.get(&id).cloned() {
            Some(Session::Open(facts)) => {
                self.no_longer_open(&facts);
                facts
            }
            Some(Session::Closed { facts, .. }) => facts,
            Some(Session::Ended { .. }) | None => return,
        };
        self.put_session(id, Some(Session::Ended { facts, at }));
    }

    fn no_longer_open(&mut self, facts: &SessionFacts) {
        if let Some(grant) = self.live_grant(facts.grant).cloned() {
            let open = grant.open.saturating_sub(1);
            self.put_grant(facts.grant, Some(Grant::Live(LiveGrant { open, ..grant })));
        }
    }

    fn unbind_session(&mut self, id: SessionId) {
        let Some(Session::Open(facts)) = self.sessions.get(&id).cloned() else { return };
        self.put_session(id, Some(Session::Open(SessionFacts { bound: Bound::Tree, ..facts })));
    }

    /// It was said that so much is left: the moments before that are past.
    fn warn_session(&mut self, event: &SessionWarned) {
        let Some(grant) = self.live_grant(event.grant) else { return };
        let said = grant.terms.common.session.warn.iter().take_while(|before| **before >= event.left_s).count();
        let grant = LiveGrant { warned: said.max(grant.warned), ..grant.clone() };
        self.put_grant(event.grant, Some(Grant::Live(grant)));
    }

    /// A boot clock that began again measures nothing of the one before.
    fn begin_boot(&mut self, now: Now, boot: &BootId) {
        if self.marks.boot.as_ref() == Some(boot) {
            // The wall clock may have been set while nobody looked.
            self.move_to_clock(now);
            return;
        }
        let newest = self.newest.unwrap_or(now.wall);
        self.move_deadlines(now, |deadline| deadline.after_boot(now, newest));
        self.put_acted_as(BTreeMap::new());
        for (id, taken) in self.emergencies.clone() {
            self.put_emergency(id, Some(Emergency { at_boot: None, ..taken }));
        }
        let of_this_boot: Vec<_> = self.bases.iter().filter(|basis| basis.in_this_boot).cloned().collect();
        for basis in of_this_boot {
            self.change_basis(Basis { in_this_boot: false, ..basis });
        }
        let marks = Marks { boot: Some(boot.clone()), drift: Some(now.drift_ms()), ..self.marks.clone() };
        self.put_marks(marks);
    }

    /// The wall clock is where it is: no deadline moves away by it.
    fn move_to_clock(&mut self, now: Now) {
        self.move_deadlines(now, |deadline| deadline.after_step(now));
        // Taken while the clock was behind or ahead, or before it was for a moment, it is as old as this boot's clock has it: that
        // is set by nobody.
        for (id, taken) in self.emergencies.clone() {
            let Some(boot) = taken.at_boot else { continue };
            let at = now.wall.minus(boot.until(now.boot));
            self.put_emergency(id, Some(Emergency { at, ..taken }));
        }
        let marks = Marks { drift: Some(now.drift_ms()), ..self.marks.clone() };
        self.put_marks(marks);
    }

    fn move_deadlines(&mut self, now: Now, moved: impl Fn(Deadline) -> Deadline) {
        let requests: Vec<_> = self.pending_of.iter().map(|(_, id)| *id).collect();
        for id in requests {
            let Some(Request::Pending(request)) = self.requests.get(&id).cloned() else { continue };
            let lapses = moved(request.lapses);
            let escalation = request.escalation.clone().map(|escalation| {
                let when = moved(escalation.when());
                Escalation { at: when.wall, boot_ms: when.boot, ..escalation }
            });
            self.put_request(id, Some(Request::Pending(PendingRequest { lapses, escalation, ..request })));
        }
        let grants: Vec<_> = self.live_of.iter().map(|(_, id)| *id).collect();
        for id in grants {
            let Some(grant) = self.live_grant(id) else { continue };
            let validity = match grant.validity {
                // For when it was asked and approved, by the clock on the wall: nearer would be before. Once it begins it lasts no
                // longer than it may.
                Validity::Scheduled { begins, until } => {
                    Validity::Scheduled { begins: Deadline::at(now, begins.wall), until: Deadline::at(now, until.wall) }
                }
                Validity::Waiting { start_by, good_for } => Validity::Waiting { start_by: moved(start_by), good_for },
                Validity::Active { since, until } => Validity::Active { since, until: moved(until) },
            };
            if validity != grant.validity {
                self.put_grant(id, Some(Grant::Live(LiveGrant { validity, ..grant.clone() })));
            }
        }
        for (id, taken) in self.emergencies.clone() {
            let review = match taken.review.clone() {
                ReviewState::Due(at) => ReviewState::Due(moved(at)),
                ReviewState::Overdue(at) => ReviewState::Overdue(moved(at)),
                ReviewState::Reviewed { .. } => continue,
            };
            self.put_emergency(id, Some(Emergency { review, ..taken }));
        }
    }
}
