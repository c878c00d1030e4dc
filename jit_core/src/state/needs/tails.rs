//! What grants rest on of sessions that are not at hand: how many they were, and of which moments before the end was said.

use crate::id::{GrantId, SessionId};
use std::collections::BTreeMap;

/// Of each grant, the events that the next one of their kind may make needless.
#[derive(Debug, Default)]
pub(super) struct Tails {
    of: BTreeMap<GrantId, Tail>,
    /// All events of the sessions that stand in one.
    lives: BTreeMap<SessionId, Vec<u64>>,
}

/// Of one grant.
#[derive(Debug, Default)]
struct Tail {
    /// Its last session: with it all are counted.
    last: Option<SessionId>,
    /// The last that opened while no other one ran: from there on it is counted anew of which moments was said.
    alone: Option<SessionId>,
    /// The warnings since.
    warned: Vec<u64>,
}

impl Tails {
    /// A session opened that says how many there were.
    pub(super) fn opened(&mut self, seq: u64, id: SessionId, grant: GrantId, alone: bool) {
        let tail = self.of.entry(grant).or_default();
        let mut before = vec![tail.last.replace(id)];
        if alone {
            before.push(tail.alone.replace(id));
            tail.warned.clear();
        }
        let kept = [tail.last, tail.alone];
        before.retain(|id| !kept.contains(id));
        self.lives.insert(id, vec![seq]);
        for id in before.into_iter().flatten() {
            self.lives.remove(&id);
        }
    }

    pub(super) fn warned(&mut self, seq: u64, grant: GrantId) {
        self.of.entry(grant).or_default().warned.push(seq);
    }

    /// Something else of a session.
    pub(super) fn went_on(&mut self, seq: u64, id: SessionId) {
        if let Some(life) = self.lives.get_mut(&id) {
            life.push(seq);
        }
    }

    /// The grant is over: nobody is warned any more.
    pub(super) fn over(&mut self, grant: GrantId) {
        let Some(tail) = self.of.get_mut(&grant) else { return };
        tail.warned.clear();
        if let Some(id) = tail.alone.take().filter(|id| tail.last != Some(*id)) {
            self.lives.remove(&id);
        }
    }

    pub(super) fn events(self) -> impl Iterator<Item = u64> {
        let warned = self.of.into_values().flat_map(|tail| tail.warned);
        warned.chain(self.lives.into_values().flatten())
    }
}
