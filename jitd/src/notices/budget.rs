//! How many lines there may be: whoever may ask could fill the terminals of those who answer.

use crate::limits::{Pace, Turns};
use jit_core::id::RequestId;
use jit_core::name::Uid;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How often somebody's requests are told to others.
const OF_ONE: Pace = Pace { at_once: 5, every: Duration::from_secs(60), longest: Duration::ZERO };
/// How often somebody is told that a request waits; and, apart from that, what became of their own.
const TO_ONE: Pace = Pace { at_once: 10, every: Duration::from_secs(30), longest: Duration::ZERO };
/// How long what was left out is gathered before it is counted, the first time and then.
const FIRST: Duration = Duration::from_secs(2);
const THEN: Duration = Duration::from_secs(60);
/// The most requests that are gathered for one person.
const MOST: usize = 1000;

/// What was left out for somebody.
#[derive(Debug)]
struct LeftOut {
    ids: BTreeSet<RequestId>,
    due: Instant,
}

/// What has been said, and what was left out.
#[derive(Debug)]
pub struct Budget {
    of_one: Turns,
    to_one: Turns,
    outcomes: Turns,
    left_out: BTreeMap<Uid, LeftOut>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { of_one: Turns::at(OF_ONE), to_one: Turns::at(TO_ONE), outcomes: Turns::at(TO_ONE), left_out: BTreeMap::new() }
    }
}

impl Budget {
    /// Those of these who are told now that this user's request waits; for the others it is counted.
    pub fn share(&mut self, id: RequestId, by: Uid, who: &[Uid], now: Instant) -> BTreeSet<Uid> {
        let is_told = !who.is_empty() && self.of_one.next(by, now).is_some();
        let (told, others): (BTreeSet<_>, BTreeSet<_>) = who.iter().partition(|uid| is_told && self.to_one.next(**uid, now).is_some());
        for uid in others {
            let left_out =
                self.left_out.entry(uid).or_insert_with(|| LeftOut { ids: BTreeSet::new(), due: now.checked_add(FIRST).unwrap_or(now) });
            if left_out.ids.len() < MOST {
                left_out.ids.insert(id);
            }
        }
        told
    }

    /// Whether somebody is told what became of something of theirs.
    #[must_use]
    pub fn may_hear_outcome(&self, uid: Uid, now: Instant) -> bool {
        self.outcomes.next(uid, now).is_some()
    }

    /// When what was left out is to be counted next.
    #[must_use]
    pub fn next_sum(&self) -> Option<Instant> {
        self.left_out.values().filter(|left_out| !left_out.ids.is_empty()).map(|left_out| left_out.due).min()
    }

    /// What was left out for whom, where it is time to say so.
    pub fn due(&mut self, now: Instant) -> Vec<(Uid, BTreeSet<RequestId>)> {
        self.left_out.retain(|_, left_out| !left_out.ids.is_empty() || left_out.due > now);
        let due = self.left_out.iter_mut().filter(|(_, left_out)| !left_out.ids.is_empty() && left_out.due <= now);
        let take = |(uid, left_out): (&Uid, &mut LeftOut)| {
            left_out.due = now.checked_add(THEN).unwrap_or(now);
            (*uid, std::mem::take(&mut left_out.ids))
        };
        due.map(take).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAROL: Uid = Uid(1003);
    const DAVE: Uid = Uid(1004);

    fn id(number: u32) -> RequestId {
        format!("R-{number:08}").parse().unwrap()
    }

    /// How many of so many requests of so many users carol is told of.
    fn flood(budget: &mut Budget, users: u32, each: u32, now: Instant) -> usize {
        let all = (0..users).flat_map(|user| (0..each).map(move |number| (user, id(user * 1000 + number))));
        all.filter(|(user, id)| !budget.share(*id, Uid(*user), &[CAROL], now).is_empty()).count()
    }

    #[test]
    fn one_users_flood_is_five_lines_and_everybodys_is_ten_and_the_rest_is_counted_once_a_minute() {
        let now = Instant::now();
        assert_eq!(flood(&mut Budget::default(), 1, 200, now), 5);
        let mut budget = Budget::default();
        assert_eq!(flood(&mut budget, 20, 10, now), 10);
        assert_eq!(budget.next_sum(), Some(now + FIRST));
        assert!(budget.due(now).is_empty());
        let counted = budget.due(now + FIRST);
        assert_eq!(counted.iter().map(|(uid, ids)| (*uid, ids.len())).collect::<Vec<_>>(), [(CAROL, 190)]);
        assert_eq!(budget.next_sum(), None);
        let later = now + FIRST + Duration::from_secs(1);
        let _ = flood(&mut budget, 20, 10, later);
        assert!(budget.due(later + FIRST).is_empty(), "not within a minute");
        assert_eq!(budget.due(now + FIRST + THEN).len(), 1);
        assert_eq!(budget.share(id(1), Uid(77), &[CAROL], now + Duration::from_secs(3600)), BTreeSet::from([CAROL]));
    }

    #[test]
    fn a_flood_to_one_takes_nothing_from_another_nor_from_what_becomes_of_their_own() {
        let (mut budget, now) = (Budget::default(), Instant::now());
        assert_eq!(flood(&mut budget, 20, 10, now), 10);
        assert_eq!(budget.share(id(9), Uid(77), &[CAROL, DAVE], now), BTreeSet::from([DAVE]));
        assert!(budget.may_hear_outcome(CAROL, now));
        assert_eq!(budget.share(id(8), Uid(78), &[], now), BTreeSet::new());
    }
}
