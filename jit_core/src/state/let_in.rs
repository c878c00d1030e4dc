//! What each grant has let in.

use crate::id::{GrantId, SessionId};
use crate::session::SessionFacts;
use crate::time::WallTime;
use std::collections::BTreeSet;

/// How many of a grant's newest sessions are known however many others have closed since. By one grant hundreds of thousands
/// come in, one after the other, and thousands of grants are at hand. In unit tests few, so that they meet what is forgotten.
pub(super) const NEWEST: usize = if cfg!(any(test, fuzzing)) { 3 } else { 10 };

/// A session, in the order in which those of a grant were opened.
pub(super) type Place = (GrantId, WallTime, SessionId);

/// The sessions of each grant that is at hand: those that are at hand too, and its newest. No grant holds them itself: each
/// change of it would copy them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LetIn(BTreeSet<Place>);

impl LetIn {
    pub(super) fn insert(&mut self, place: Place) {
        self.0.insert(place);
    }

    pub(super) fn remove(&mut self, place: &Place) {
        self.0.remove(place);
    }

    /// Those of a grant, in the order in which they were opened.
    pub(super) fn of(&self, grant: GrantId) -> impl DoubleEndedIterator<Item = &Place> {
        let first = (grant, WallTime::from_millis(i64::MIN), SessionId::FIRST);
        self.0.range(first..=(grant, WallTime::from_millis(i64::MAX), SessionId::LAST))
    }

    /// Of a grant, the one before its newest: one of them until another was opened.
    pub(super) fn passed(&self, grant: GrantId) -> Option<Place> {
        self.of(grant).nth_back(NEWEST).copied()
    }

    /// Whether it is known even when it is not at hand.
    pub(super) fn is_among_newest(&self, place: &Place) -> bool {
        self.of(place.0).rev().take(NEWEST).any(|newest| newest == place)
    }

    /// Takes out those of a grant.
    pub(super) fn forget(&mut self, grant: GrantId) {
        let places: Vec<_> = self.of(grant).copied().collect();
        places.iter().for_each(|place| self.remove(place));
    }

    /// By which grant this one came in.
    pub(super) fn grant_of(&self, session: SessionId) -> Option<GrantId> {
        self.0.iter().find(|(_, _, id)| *id == session).map(|(grant, ..)| *grant)
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.0.iter().map(|(_, _, id)| *id)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

pub(super) fn place(facts: &SessionFacts) -> Place {
    (facts.grant, facts.opened, facts.id)
}
