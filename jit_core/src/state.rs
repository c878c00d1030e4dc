//! What is true now: the fold of all events, and nothing else.
//!
//! Every change goes through one of three `put` functions, which keep the indexes and note what was there
//! before, so that a batch of events that could not be stored is taken back whole.

mod apply;
mod bases;
pub(crate) mod deadlines;
mod let_in;
pub(crate) mod look;
pub mod needs;
mod shared;

use crate::actor::Humans;
use crate::grant::{Common, Grant, Terms};
use crate::id::{GrantId, RequestId, SessionId};
use crate::name::{RuleName, Uid, UserName};
use crate::optout::{Basis, Emergency, REPEATABLE};
use crate::policy::FileDigest;
use crate::request::Request;
use crate::session::Session;
use crate::span::Span;
use crate::time::{BootId, WallTime};
use bases::Bases;
use deadlines::{Deadlines, Due};
use let_in::{LetIn, Place, place};
use shared::Shared;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many decided requests, ended grants and closed sessions, of each kind, are kept at hand; older ones
/// are in the record only. In unit tests few, so that they meet what is forgotten.
const KEPT: usize = if cfg!(any(test, fuzzing)) { 8 } else { 5_000 };

/// All requests, grants and sessions, with what is needed to find them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct State {
    requests: BTreeMap<RequestId, Request>,
    grants: BTreeMap<GrantId, Box<Grant>>,
    sessions: BTreeMap<SessionId, Session>,
    pending_of: BTreeSet<(Uid, RequestId)>,
    live_of: BTreeSet<(Uid, GrantId)>,
    open: BTreeSet<SessionId>,
    let_in: LetIn,
    /// Those that run.
    open_of: BTreeSet<(GrantId, SessionId)>,
    deadlines: Deadlines,
    over: [BTreeSet<(WallTime, Over)>; 3],
    acted_as: ActedAs,
    emergencies: BTreeMap<GrantId, Emergency>,
    first_reviewed: Earliest,
    bases: Bases,
    first_basis: Earliest,
    marks: Marks,
    /// Wall time of the newest event.
    newest: Option<WallTime>,
    /// Break-glass entries that are in the record already: those of a long absence are many.
    breakglass: BTreeSet<String>,
    common: Shared<Common>,
    undo: Option<Vec<Undo>>,
}

/// Who has acted as which account, by a session, since the machine booted. A process that left its session can
/// still run as that account.
type ActedAs = BTreeMap<UserName, Humans>;

/// What is over, to be forgotten in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Over {
    Request(RequestId),
    Grant(GrantId),
    Session(SessionId),
}

impl Over {
    fn shelf(self) -> usize {
        match self {
            Self::Request(_) => 0,
            Self::Grant(_) => 1,
            Self::Session(_) => 2,
        }
    }
}

/// A moment before which none of several is: they are all looked at only once it is long ago. It may lie before the first
/// of them, so it is no part of what makes two states the same.
#[derive(Debug, Clone, Copy, Default)]
struct Earliest(Option<WallTime>);

impl Earliest {
    fn note(&mut self, at: WallTime) {
        self.0 = Some(self.0.map_or(at, |before| before.min(at)));
    }
}

impl PartialEq for Earliest {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Earliest {}

/// Small facts of the fold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Marks {
    /// The boot that the boot clock of all deadlines belongs to.
    boot: Option<BootId>,
    /// How far the wall clock was ahead of the boot clock when last it was looked at, in milliseconds.
    drift: Option<i64>,
    /// The files of the policy that was loaded last.
    policy: Vec<FileDigest>,
    /// Standing exemptions, and what was last said of their end.
    stale: BTreeMap<RuleName, StaleSaid>,
}

/// What was last said of the end of a standing exemption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StaleSaid {
    at: WallTime,
    /// The end that was spoken of.
    until: WallTime,
    /// How many times one after the other it was said that it is over.
    over: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum Undo {
    Request(RequestId, Option<Box<Request>>),
    Grant(GrantId, Option<Box<Grant>>),
    Session(SessionId, Option<Box<Session>>),
    /// It was known, and is not any more.
    LetIn(Place),
    ActedAs(ActedAs),
    Emergency(GrantId, Option<Box<Emergency>>),
    Basis(Arc<Terms>, Option<Basis>),
    Marks(Marks),
    Newest(Option<WallTime>),
    Breakglass(String),
}

impl State {
    /// Begins a batch that may be taken back.
    pub fn begin(&mut self) {
        self.undo = Some(Vec::new());
    }

    /// The batch is stored: it stays.
    pub fn keep(&mut self) {
        self.undo = None;
        self.forget();
    }

    /// The batch could not be stored: everything is as before it.
    pub fn take_back(&mut self) {
        for step in self.undo.take().into_iter().flatten().rev() {
            match step {
                Undo::Request(id, old) => self.put_request(id, old.map(|old| *old)),
                Undo::Grant(id, old) => self.put_grant(id, old.map(|old| *old)),
                Undo::Session(id, old) => self.put_session(id, old.map(|old| *old)),
                Undo::LetIn(place) => self.let_in.insert(place),
                Undo::ActedAs(old) => self.acted_as = old,
                Undo::Emergency(id, old) => self.put_emergency(id, old.map(|old| *old)),
                Undo::Basis(terms, old) => self.put_basis(&terms, old),
                Undo::Marks(old) => self.marks = old,
                Undo::Newest(old) => self.newest = old,
                Undo::Breakglass(line) => drop(self.breakglass.remove(&line)),
            }
        }
    }

    /// The accounts whose grants, or what may be repeated of them, the batch that may be taken back has changed so far.
    #[must_use]
    pub fn in_doubt(&self) -> BTreeSet<Uid> {
        let changed = self.undo.iter().flatten().filter_map(|step| match step {
            Undo::Grant(id, old) => {
                let now = self.grant(*id).map(Grant::terms);
                let before = old.as_ref().map(|old| old.terms());
                now.or(before).map(|terms| terms.uid)
            }
            Undo::Basis(terms, _) => Some(terms.uid),
            Undo::Request(..)
            | Undo::Session(..)
            | Undo::LetIn(_)
            | Undo::ActedAs(_)
            | Undo::Emergency(..)
            | Undo::Marks(_)
            | Undo::Newest(_)
            | Undo::Breakglass(_) => None,
        });
        changed.collect()
    }

    fn note(&mut self, step: Undo) {
        if let Some(steps) = &mut self.undo {
            steps.push(step);
        }
    }

    fn put_request(&mut self, id: RequestId, new: Option<Request>) {
        let old = self.requests.remove(&id);
        match &old {
            Some(Request::Pending(request)) => {
                self.pending_of.remove(&(request.ask.uid, id));
                self.deadlines.remove(request.lapses, Due::Request(id));
                if let Some(escalation) = &request.escalation {
                    self.deadlines.remove(escalation.when(), Due::Escalation(id));
                }
            }
            Some(Request::Decided(request)) => self.unshelve(request.at, Over::Request(id)),
            None => {}
        }
        match &new {
            Some(Request::Pending(request)) => {
                self.pending_of.insert((request.ask.uid, id));
                self.deadlines.insert(request.lapses, Due::Request(id));
                if let Some(escalation) = &request.escalation {
                    self.deadlines.insert(escalation.when(), Due::Escalation(id));
                }
            }
            Some(Request::Decided(request)) => self.shelve(request.at, Over::Request(id)),
            None => {}
        }
        self.note(Undo::Request(id, old.map(Box::new)));
        if let Some(new) = new {
            self.requests.insert(id, new);
        }
    }

    fn put_grant(&mut self, id: GrantId, new: Option<Grant>) {
        let old = self.grants.remove(&id);
        match old.as_deref() {
            Some(Grant::Live(grant)) => {
                self.live_of.remove(&(grant.terms.uid, id));
                self.deadlines.remove(grant.validity.next(), Due::Grant(id));
                if let Some((moment, _)) = grant.next_warning() {
                    self.deadlines.remove(moment, Due::Warning(id));
                }
            }
            Some(Grant::Ended(grant)) => self.unshelve(grant.at, Over::Grant(id)),
            None => {}
        }
        match &new {
            Some(Grant::Live(grant)) => {
                self.live_of.insert((grant.terms.uid, id));
                self.deadlines.insert(grant.validity.next(), Due::Grant(id));
                if let Some((moment, _)) = grant.next_warning() {
                    self.deadlines.insert(moment, Due::Warning(id));
                }
            }
            Some(Grant::Ended(grant)) if self.open_of(id).next().is_none() => self.shelve(grant.at, Over::Grant(id)),
            Some(Grant::Ended(_)) | None => {}
        }
        self.note(Undo::Grant(id, old));
        if let Some(new) = new {
            self.grants.insert(id, Box::new(new));
        }
    }

    fn put_session(&mut self, id: SessionId, new: Option<Session>) {
        let old = self.sessions.remove(&id);
        match &old {
            Some(Session::Open(facts)) => {
                self.open.remove(&id);
                self.open_of.remove(&(facts.grant, id));
                if new.is_none() {
                    self.let_in.remove(&place(facts));
                }
            }
            Some(Session::Closed { at, .. } | Session::Ended { at, .. }) => self.unshelve(*at, Over::Session(id)),
            None => {}
        }
        match &new {
            Some(Session::Open(facts)) => {
                self.open.insert(id);
                self.open_of.insert((facts.grant, id));
                if self.grants.contains_key(&facts.grant) {
                    self.let_in.insert(place(facts));
                }
            }
            Some(Session::Closed { at, .. } | Session::Ended { at, .. }) => self.shelve(*at, Over::Session(id)),
            None => {}
        }
        let of = new.as_ref().or(old.as_ref()).map(|session| session.facts().grant);
        self.note(Undo::Session(id, old.map(Box::new)));
        if let Some(new) = new {
            self.sessions.insert(id, new);
        }
        self.forget_passed(of);
        self.shelve_with_its_last_session(of);
    }

    /// What is not among the newest of its grant any more is known only while it is at hand.
    fn forget_passed(&mut self, of: Option<GrantId>) {
        if let Some(place) = of.and_then(|id| self.let_in.passed(id)).filter(|(_, _, id)| !self.sessions.contains_key(id)) {
            self.let_in.remove(&place);
            self.note(Undo::LetIn(place));
        }
    }

    /// A grant that is over is at hand while a session of it goes on: whoever ends that must know by what it came in.
    fn shelve_with_its_last_session(&mut self, of: Option<GrantId>) {
        let Some((id, Grant::Ended(grant))) = of.and_then(|id| Some((id, self.grants.get(&id)?.as_ref()))) else { return };
        let (at, goes_on) = (grant.at, self.open_of(id).next().is_some());
        if goes_on {
            self.unshelve(at, Over::Grant(id));
        } else {
            self.shelve(at, Over::Grant(id));
        }
    }

    fn put_emergency(&mut self, id: GrantId, new: Option<Emergency>) {
        let old = self.emergencies.remove(&id);
        if let Some(at) = old.as_ref().and_then(|old| old.review.next()) {
            self.deadlines.remove(at, Due::Review(id));
        }
        if let Some(at) = new.as_ref().and_then(|new| new.review.next()) {
            self.deadlines.insert(at, Due::Review(id));
        }
        self.note(Undo::Emergency(id, old.map(Box::new)));
        if let Some(new) = new {
            if new.review.next().is_none() {
                self.first_reviewed.note(new.at);
            }
            self.emergencies.insert(id, new);
        }
    }

    /// Of the same as these terms: their account, service and run-as user.
    fn put_basis(&mut self, terms: &Arc<Terms>, new: Option<Basis>) {
        if let Some(new) = &new {
            self.first_basis.note(new.terms.issued.wall);
        }
        let old = self.bases.put(terms.key(), new);
        self.note(Undo::Basis(Arc::clone(terms), old));
    }

    fn put_acted_as(&mut self, new: ActedAs) {
        let old = std::mem::replace(&mut self.acted_as, new);
        self.note(Undo::ActedAs(old));
    }

    fn put_marks(&mut self, new: Marks) {
        let old = std::mem::replace(&mut self.marks, new);
        self.note(Undo::Marks(old));
    }

    fn put_newest(&mut self, new: WallTime) {
        if self.newest != Some(new) {
            let old = self.newest.replace(new);
            self.note(Undo::Newest(old));
        }
    }

    fn put_breakglass(&mut self, line: &str) {
        if self.breakglass.insert(line.to_owned()) {
            self.note(Undo::Breakglass(line.to_owned()));
        }
    }

    fn shelve(&mut self, at: WallTime, what: Over) {
        if let Some(shelf) = self.over.get_mut(what.shelf()) {
            shelf.insert((at, what));
        }
    }

    fn unshelve(&mut self, at: WallTime, what: Over) {
        if let Some(shelf) = self.over.get_mut(what.shelf()) {
            shelf.remove(&(at, what));
        }
    }

    /// Forgets what has been over for longest. The record still has it.
    fn forget(&mut self) {
        self.forget_optouts();
        for shelf in 0..self.over.len() {
            while let Some(oldest) = self.over.get_mut(shelf).filter(|shelf| shelf.len() > KEPT).and_then(BTreeSet::pop_first) {
                match oldest.1 {
                    Over::Request(id) => drop(self.requests.remove(&id)),
                    Over::Grant(id) => {
                        self.grants.remove(&id);
                        self.let_in.forget(id);
                    }
                    Over::Session(id) => {
                        let place = self.sessions.remove(&id).map(|session| place(session.facts()));
                        if let Some(place) = place.filter(|place| !self.let_in.is_among_newest(place)) {
                            self.let_in.remove(&place);
                        }
                    }
                }
            }
        }
    }
}

impl State {
    /// An emergency that was reviewed counts for its limit, which reaches back a year at most; an approval that is
    /// older than a month is repeated by nobody.
    fn forget_optouts(&mut self) {
        let Some(newest) = self.newest else { return };
        let older_than = |at: WallTime, span: Span| at.until(newest) > span;
        // Each of those that are kept is looked at, so not after every event.
        if self.emergencies.len() > KEPT && self.first_reviewed.0.is_some_and(|at| older_than(at, crate::span::LONGEST)) {
            self.emergencies.retain(|_, taken| taken.review.next().is_some() || !older_than(taken.at, crate::span::LONGEST));
            let reviewed = self.emergencies.values().filter(|taken| taken.review.next().is_none());
            self.first_reviewed = Earliest(reviewed.map(|taken| taken.at).min());
        }
        if self.bases.len() > KEPT && self.first_basis.0.is_some_and(|at| older_than(at, REPEATABLE)) {
            self.bases.retain(|basis| !older_than(basis.terms.issued.wall, REPEATABLE));
            self.first_basis = Earliest(self.bases.iter().map(|basis| basis.terms.issued.wall).min());
        }
    }
}

#[cfg(test)]
mod fold_tests;
#[cfg(test)]
mod tests;
