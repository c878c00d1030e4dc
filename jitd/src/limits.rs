//! How many connections there may be, in all and of one user, and how often somebody may act.

use jit_core::name::Uid;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many acts one user may do in a minute.
pub const ACTS_A_MINUTE: u32 = 30;
/// The most users whose acts are remembered.
const MOST_USERS: usize = 10_000;

/// Whoever takes a slot while nobody asks whose it is.
const NOBODY: Uid = Uid(u32::MAX);

/// Connection slots: some for everybody, some kept for those who must always come through.
#[derive(Debug, Clone, Copy)]
pub struct Slots {
    /// For everybody together.
    pub common: usize,
    /// Of those, for one user.
    pub each: usize,
    /// Kept for root, and for others who are let use them.
    pub kept: usize,
}

/// Who holds slots now.
#[derive(Debug, Default)]
struct Held {
    of: HashMap<Uid, usize>,
    common: usize,
    kept: usize,
}

/// The doorkeeper of one socket.
#[derive(Debug, Clone)]
pub struct Door {
    slots: Slots,
    held: Arc<Mutex<Held>>,
}

/// A slot; it is free again when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Slot {
    held: Arc<Mutex<Held>>,
    uid: Uid,
    kept: bool,
}

/// Whether somebody may use the kept slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As everybody.
    Common,
    /// Root, sshd, an approver.
    Kept,
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Door {
    /// A door with so many slots.
    #[must_use]
    pub fn new(slots: Slots) -> Self {
        Self { slots, held: Arc::default() }
    }

    /// Takes a slot for nobody in particular, while so few are taken that it does not matter whose they are.
    pub fn enter_quietly(&self, quiet: usize) -> Option<Slot> {
        if lock(&self.held).common >= quiet {
            return None;
        }
        self.enter(NOBODY, Standing::Kept)
    }

    /// Takes a slot, if there is one for this user.
    pub fn enter(&self, uid: Uid, standing: Standing) -> Option<Slot> {
        let mut held = lock(&self.held);
        let mine = held.of.get(&uid).copied().unwrap_or(0);
        let privileged = standing == Standing::Kept;
        let kept = if held.common < self.slots.common && (privileged || mine < self.slots.each) {
            held.common = held.common.saturating_add(1);
            false
        } else if privileged && held.kept < self.slots.kept {
            held.kept = held.kept.saturating_add(1);
            true
        } else {
            return None;
        };
        held.of.insert(uid, mine.saturating_add(1));
        Some(Slot { held: self.held.clone(), uid, kept })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        let pool = if self.kept { &mut held.kept } else { &mut held.common };
        *pool = pool.saturating_sub(1);
        if let Some(mine) = held.of.get_mut(&self.uid) {
            *mine = mine.saturating_sub(1);
            if *mine == 0 {
                held.of.remove(&self.uid);
            }
        }
    }
}

/// How often each user acted in the last minute.
#[derive(Debug, Clone, Default)]
pub struct Acts {
    recent: Arc<Mutex<HashMap<Uid, VecDeque<Instant>>>>,
}

impl Acts {
    /// Counts an act, unless there were too many.
    #[must_use]
    pub fn allow(&self, uid: Uid, now: Instant) -> bool {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = Duration::from_secs(60);
        if recent.len() >= MOST_USERS {
            recent.retain(|_, acts| acts.back().is_some_and(|last| now.duration_since(*last) < minute));
        }
        let acts = recent.entry(uid).or_default();
        while acts.front().is_some_and(|first| now.duration_since(*first) >= minute) {
            acts.pop_front();
        }
        let allowed = acts.len() < ACTS_A_MINUTE as usize;
        if allowed {
            acts.push_back(now);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_fills_only_their_own_slots_and_root_always_comes_through() {
        let door = Door::new(Slots { common: 4, each: 2, kept: 1 });
        let alice: Vec<_> = (0..3).map(|_| door.enter(Uid(1), Standing::Common)).collect();
        assert_eq!(alice.iter().flatten().count(), 2);
        let bob: Vec<_> = (0..2).map(|_| door.enter(Uid(2), Standing::Common)).collect();
        assert_eq!(bob.iter().flatten().count(), 2);
        assert!(door.enter(Uid(3), Standing::Common).is_none(), "the common slots are full");
        let root = door.enter(Uid::ROOT, Standing::Kept);
        assert!(root.is_some());
        assert!(door.enter(Uid::ROOT, Standing::Kept).is_none());
        drop(alice);
        assert!(door.enter(Uid(1), Standing::Common).is_some(), "slots come back");
    }

    #[test]
    fn a_quiet_door_asks_nobodys_name_and_a_busy_one_does() {
        let door = Door::new(Slots { common: 4, each: 1, kept: 0 });
        let quiet: Vec<_> = (0..3).filter_map(|_| door.enter_quietly(2)).collect();
        assert_eq!(quiet.len(), 2);
        let counted = door.enter(Uid(1), Standing::Common);
        assert!(counted.is_some());
        assert!(door.enter(Uid(1), Standing::Common).is_none());
    }

    #[test]
    fn the_thirty_first_act_of_a_minute_is_refused_and_the_next_minute_is_free() {
        let acts = Acts::default();
        let start = Instant::now();
        for _ in 0..ACTS_A_MINUTE {
            assert!(acts.allow(Uid(1), start));
        }
        assert!(!acts.allow(Uid(1), start));
        assert!(acts.allow(Uid(2), start));
        assert!(acts.allow(Uid(1), start + Duration::from_secs(60)));
    }
}
