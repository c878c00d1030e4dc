//! Who held what when, as a row of slots for each person and service: as much memory as there are rows.

use super::Period;
use std::collections::BTreeMap;
use std::ops::Range;

/// Into how many parts the time is divided.
pub const SLOTS: usize = 720;
/// The most rows that are drawn up; later ones are counted.
const ROWS: usize = 2000;
/// The kinds, the one that matters most last: it is the one that is shown.
pub const KINDS: [&str; 6] = ["approved", "self-service", "login", "repetitive", "legacy", "emergency"];

/// One row.
#[derive(Debug, Clone)]
pub struct Row {
    /// How long, all together, in milliseconds.
    pub held_ms: i64,
    slots: Vec<u8>,
}

/// A stretch of slots in which the same kind is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The slots.
    pub slots: Range<usize>,
    /// The kind's place in [`KINDS`].
    pub kind: usize,
}

/// Whose row: user, service, as whom.
pub type Key = (String, String, String);

/// All rows.
#[derive(Debug)]
pub struct Timeline {
    period: Period,
    rows: BTreeMap<Key, Row>,
    /// Grants that found no row.
    pub left_out: u64,
}

impl Timeline {
    /// Nobody held anything.
    pub fn new(period: Period) -> Self {
        Self { period, rows: BTreeMap::new(), left_out: 0 }
    }

    /// Somebody held something for that time. Answers how much of it lies within the period, in milliseconds.
    pub fn add(&mut self, key: Key, kind: &str, held: Period) -> i64 {
        let within = held.start.max(self.period.start)..held.end.min(self.period.end);
        if within.is_empty() {
            return 0;
        }
        let held_ms = within.end.saturating_sub(within.start);
        if self.rows.len() >= ROWS && !self.rows.contains_key(&key) {
            self.left_out = self.left_out.saturating_add(1);
            return held_ms;
        }
        let (first, last) = (self.slot(within.start), self.slot(within.end.saturating_sub(1)));
        let row = self.rows.entry(key).or_insert_with(|| Row { held_ms: 0, slots: vec![0; SLOTS] });
        row.held_ms = row.held_ms.saturating_add(held_ms);
        let rank = KINDS.iter().position(|known| *known == kind).map_or(1, |place| place.saturating_add(1));
        let rank = u8::try_from(rank).unwrap_or(1);
        for slot in row.slots.iter_mut().take(last.saturating_add(1)).skip(first) {
            *slot = rank.max(*slot);
        }
        held_ms
    }

    fn slot(&self, at: i64) -> usize {
        let length = self.period.end.saturating_sub(self.period.start).max(1);
        let slots = i64::try_from(SLOTS).unwrap_or(1);
        let slot = at.saturating_sub(self.period.start).saturating_mul(slots).checked_div(length).unwrap_or(0);
        usize::try_from(slot).unwrap_or(0).min(SLOTS.saturating_sub(1))
    }

    /// When a slot begins.
    pub fn begins(&self, slot: usize) -> i64 {
        let length = self.period.end.saturating_sub(self.period.start);
        let (slot, slots) = (i64::try_from(slot).unwrap_or(0), i64::try_from(SLOTS).unwrap_or(1));
        self.period.start.saturating_add(length.saturating_mul(slot).checked_div(slots).unwrap_or(0))
    }

    /// The rows that were held longest, at most so many, in the order of their names; and how many others there are.
    pub fn rows(&self, most: usize) -> (Vec<(&Key, &Row)>, usize) {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by_key(|(_, row)| std::cmp::Reverse(row.held_ms));
        let others = rows.len().saturating_sub(most);
        rows.truncate(most);
        rows.sort_by_key(|(key, _)| *key);
        (rows, others)
    }
}

impl Row {
    /// Its stretches.
    pub fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (place, rank) in self.slots.iter().enumerate() {
            let Some(kind) = usize::from(*rank).checked_sub(1) else { continue };
            match runs.last_mut() {
                Some(run) if run.slots.end == place && run.kind == kind => run.slots.end = place.saturating_add(1),
                Some(_) | None => runs.push(Run { slots: place..place.saturating_add(1), kind }),
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(user: &str) -> Key {
        (user.to_owned(), "sudo".to_owned(), "root".to_owned())
    }

    #[test]
    fn what_is_held_is_cut_at_the_period_and_the_kind_that_matters_most_is_shown() {
        let mut timeline = Timeline::new(0..720_000);
        assert_eq!(timeline.add(key("alice"), "approved", -5000..10_000), 10_000);
        assert_eq!(timeline.add(key("alice"), "emergency", 4000..6000), 2000);
        assert_eq!(timeline.add(key("alice"), "approved", 5000..6000), 1000);
        assert_eq!(timeline.add(key("bob"), "login", 719_500..900_000), 500);
        assert_eq!(timeline.add(key("bob"), "login", 720_000..900_000), 0);
        let (rows, others) = timeline.rows(1);
        assert_eq!((rows.len(), others), (1, 1));
        let (of, row) = rows[0];
        assert_eq!((of.0.as_str(), row.held_ms), ("alice", 13_000));
        assert_eq!(row.runs(), [Run { slots: 0..4, kind: 0 }, Run { slots: 4..6, kind: 5 }, Run { slots: 6..10, kind: 0 }]);
        assert_eq!(timeline.begins(4), 4000);
        let (rows, _) = timeline.rows(9);
        assert_eq!(rows[1].1.runs(), [Run { slots: 719..720, kind: 2 }]);
    }

    #[test]
    fn more_people_than_there_is_room_for_are_counted() {
        let mut timeline = Timeline::new(0..1000);
        for number in 0..ROWS + 3 {
            timeline.add(key(&number.to_string()), "approved", 0..1);
        }
        assert_eq!((timeline.rows(usize::MAX).0.len(), timeline.left_out), (ROWS, 3));
    }
}
