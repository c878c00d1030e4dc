//! The sessions that are in a cgroup: open or not, something of them is running.

use jit_core::id::{GrantId, SessionId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Sessions by their grants.
#[derive(Clone, Default)]
pub struct Held(Arc<Mutex<BTreeMap<GrantId, BTreeSet<SessionId>>>>);

impl Held {
    fn now(&self) -> MutexGuard<'_, BTreeMap<GrantId, BTreeSet<SessionId>>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The grants of which something is running.
    pub fn grants(&self) -> Vec<GrantId> {
        self.now().keys().copied().collect()
    }

    /// One is held.
    pub fn put(&self, grant: GrantId, session: SessionId) {
        self.now().entry(grant).or_default().insert(session);
    }

    /// One is not any more.
    pub fn take(&self, grant: GrantId, session: SessionId) {
        let mut held = self.now();
        if let Some(others) = held.get_mut(&grant) {
            others.remove(&session);
            if others.is_empty() {
                held.remove(&grant);
            }
        }
    }

    /// Those of this grant.
    pub fn of(&self, grant: GrantId) -> BTreeSet<SessionId> {
        self.now().get(&grant).cloned().unwrap_or_default()
    }
}
