//! How many connections there may be, in all and of one user, and how often somebody may act.

use jit_core::name::Uid;
use jit_core::refusal::Refusal;
use jit_core::span::Span;
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
    /// Kept for approvers and root.
    pub kept: usize,
    /// Of those, for root alone.
    pub roots: usize,
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
    /// As an approver: when their own slots are taken, as many of the kept ones.
    Approver,
    /// Root and sshd: any slot that is free.
    Root,
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
        self.enter(NOBODY, Standing::Root)
    }

    /// Takes a slot, if there is one for this user.
    pub fn enter(&self, uid: Uid, standing: Standing) -> Option<Slot> {
        let mut held = lock(&self.held);
        let mine = held.of.get(&uid).copied().unwrap_or(0);
        let Slots { common, each, kept, roots } = self.slots;
        let (may_common, may_kept) = match standing {
            Standing::Common => (mine < each, false),
            Standing::Approver => (mine < each, mine < each.saturating_mul(2) && held.kept < kept.saturating_sub(roots)),
            Standing::Root => (true, held.kept < kept),
        };
        let kept = if may_common && held.common < common {
            held.common = held.common.saturating_add(1);
            false
        } else if may_kept {
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

/// What begins something that is on record: what comes of it, up to its end, needs nobody's leave any more. So whoever
/// answers, gives back or takes away is never held up by this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Begins {
    /// A request, a grant in somebody's name, an extension.
    Request,
    /// An emergency: their number is the policy's business, and no request uses up their space.
    Emergency,
}

/// What one user may begin in a day, in bytes of the record, and all of it at once; then it comes back evenly.
const BYTES_A_DAY: u32 = 1_000_000;
/// What all events of a request come to, beside its reason, which is in three of them at most.
const BYTES_EACH: u32 = 2_000;
const REASONS_EACH: u32 = 3;
const DAY: Duration = Duration::from_secs(86_400);

/// How often each user acted in the last minute, and what they began in a day.
#[derive(Debug, Clone, Default)]
pub struct Acts {
    recent: Arc<Mutex<HashMap<Uid, VecDeque<Instant>>>>,
    /// When all that a user began would have been begun, had each waited until the one before had come back.
    even: Arc<Mutex<HashMap<(Uid, Begins), Instant>>>,
}

impl Acts {
    /// Counts what begins with this reason, unless that were too much in a day. Root can fill a disk anyway.
    ///
    /// # Errors
    /// It is too much, and when it is not any more.
    pub fn begin(&self, uid: Uid, begins: Begins, reason: Option<&str>, now: Instant) -> Result<(), Refusal> {
        if uid.is_root() {
            return Ok(());
        }
        let mut even = self.even.lock().unwrap_or_else(PoisonError::into_inner);
        if even.len() >= MOST_USERS {
            even.retain(|_, moment| *moment > now);
        }
        let before = (*even.get(&(uid, begins)).unwrap_or(&now)).max(now);
        let after = before.checked_add(in_a_day(reason)).ok_or(Refusal::Busy)?;
        let wait = after.duration_since(now).saturating_sub(DAY);
        if wait.is_zero() {
            even.insert((uid, begins), after);
            Ok(())
        } else {
            Err(Refusal::TooMuch { again: Span::from_secs(wait.as_secs().saturating_add(1)) })
        }
    }

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

/// Which part of a day something with this reason takes up: as it is stored, where a control character has six bytes.
fn in_a_day(reason: Option<&str>) -> Duration {
    let stored = reason.and_then(|reason| serde_json::to_string(reason).ok()).map_or(0, |stored| stored.len());
    let bytes = u32::try_from(stored).unwrap_or(u32::MAX).saturating_mul(REASONS_EACH).saturating_add(BYTES_EACH);
    DAY.saturating_mul(bytes).checked_div(BYTES_A_DAY).unwrap_or(DAY)
}

/// How many sessions one user may open, or checks they may cause, at once, and how far apart they are once there were so many.
pub const SESSIONS_AT_ONCE: u32 = 2000;
const SESSION_EVERY: Duration = Duration::from_millis(300);
/// The longest that a session waits for its turn: well within the time in which an answer is given.
const LONGEST_TURN: Duration = Duration::from_millis(300);

/// How fast something may happen.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// So often at once.
    pub at_once: u32,
    /// Then so far apart.
    pub every: Duration,
    /// The longest that one waits for its turn.
    pub longest: Duration,
}

/// How fast each user opens sessions, or is checked where each check is an event, or does what else a loop of theirs could do
/// to others: it would fill a disk, and no work needs one.
#[derive(Debug, Clone)]
pub struct Turns {
    pace: Pace,
    /// When all that a user did would have been done, had each waited for the one before.
    even: Arc<Mutex<HashMap<Uid, Instant>>>,
}

impl Default for Turns {
    fn default() -> Self {
        Self::at(Pace { at_once: SESSIONS_AT_ONCE, every: SESSION_EVERY, longest: LONGEST_TURN })
    }
}

impl Turns {
    /// Turns at this pace; the usual one is that of sessions.
    #[must_use]
    pub fn at(pace: Pace) -> Self {
        Self { pace, even: Arc::default() }
    }

    /// How long one more of this user waits for its turn. None: too many wait already.
    #[must_use]
    pub fn next(&self, uid: Uid, now: Instant) -> Option<Duration> {
        let Pace { at_once, every, longest } = self.pace;
        let mut even = self.even.lock().unwrap_or_else(PoisonError::into_inner);
        if even.len() >= MOST_USERS {
            even.retain(|_, moment| *moment > now);
        }
        let after = (*even.get(&uid).unwrap_or(&now)).max(now).checked_add(every)?;
        let wait = after.duration_since(now).saturating_sub(every.saturating_mul(at_once));
        (wait <= longest).then(|| {
            even.insert(uid, after);
            wait
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: Slots = Slots { common: 4, each: 2, kept: 4, roots: 1 };

    fn fill(door: &Door, uid: u32, standing: Standing) -> Vec<Slot> {
        (0..100).filter_map(|_| door.enter(Uid(uid), standing)).collect()
    }

    #[test]
    fn one_user_fills_only_their_own_slots_and_root_always_comes_through() {
        let door = Door::new(SLOTS);
        let alice = fill(&door, 1, Standing::Common);
        let bob = fill(&door, 2, Standing::Common);
        assert_eq!((alice.len(), bob.len()), (2, 2));
        assert!(door.enter(Uid(3), Standing::Common).is_none(), "the common slots are full");
        let root = fill(&door, 0, Standing::Root);
        assert_eq!(root.len(), 4);
        drop(alice);
        assert!(door.enter(Uid(1), Standing::Common).is_some(), "slots come back");
    }

    #[test]
    fn an_approver_has_twice_as_many_and_leaves_some_to_the_others_and_to_root() {
        let door = Door::new(SLOTS);
        let carol = fill(&door, 3, Standing::Approver);
        assert_eq!(carol.len(), 4, "two common ones and two that are kept");
        let dave = fill(&door, 4, Standing::Approver);
        assert_eq!(dave.len(), 3, "the last two common ones and one that is kept");
        let erin = door.enter(Uid(5), Standing::Approver);
        assert!(erin.is_none());
        assert_eq!(fill(&door, 0, Standing::Root).len(), 1, "root's own");
    }

    #[test]
    fn a_quiet_door_asks_nobodys_name_and_a_busy_one_does() {
        let door = Door::new(Slots { common: 4, each: 1, kept: 0, roots: 0 });
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

    #[test]
    fn what_somebody_begins_in_a_day_is_limited_and_comes_back_and_emergencies_have_their_own() {
        let (acts, start) = (Acts::default(), Instant::now());
        let begin =
            |uid: u32, begins, reason: &str, after: u64| acts.begin(Uid(uid), begins, Some(reason), start + Duration::from_secs(after));
        let begun = (0..1000).take_while(|_| begin(1, Begins::Request, "INC-42", 0).is_ok()).count();
        assert!((480..500).contains(&begun), "{begun}");
        let Err(Refusal::TooMuch { again }) = begin(1, Begins::Request, "INC-42", 0) else { panic!("it is too much") };
        assert!((60..180).contains(&again.as_secs()), "{again}");
        assert_eq!(begin(1, Begins::Request, "INC-42", again.as_secs()), Ok(()));
        assert!(begin(1, Begins::Request, "INC-42", again.as_secs()).is_err());
        for (uid, begins) in [(1, Begins::Emergency), (2, Begins::Request), (0, Begins::Request)] {
            assert_eq!(begin(uid, begins, "INC-42", 0), Ok(()));
        }
        assert_eq!((0..1000).filter(|_| begin(0, Begins::Request, "x", 0).is_ok()).count(), 1000, "root");
        let long = "\u{1}".repeat(1000);
        assert_eq!((0..1000).filter(|_| begin(3, Begins::Request, &long, 0).is_ok()).count(), 49);
        assert_eq!(begin(1, Begins::Request, &long, 2 * 86_400), Ok(()));
    }

    #[test]
    fn a_user_in_a_loop_of_sessions_is_slowed_and_nobody_else_is() {
        let (turns, start) = (Turns::default(), Instant::now());
        for _ in 0..SESSIONS_AT_ONCE {
            assert_eq!(turns.next(Uid(1), start), Some(Duration::ZERO));
        }
        let waits: Vec<_> = (0..2).map(|_| turns.next(Uid(1), start)).collect();
        assert_eq!(waits, [Some(SESSION_EVERY), None], "one after the other is never told that jitd is busy");
        assert_eq!(turns.next(Uid(2), start), Some(Duration::ZERO));
        assert_eq!(turns.next(Uid(1), start + Duration::from_secs(1)), Some(Duration::ZERO), "time passed");
        assert_eq!(turns.next(Uid(1), start + Duration::from_secs(3600)), Some(Duration::ZERO));
    }
}
