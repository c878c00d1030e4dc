//! What is counted since the daemon began, for `jit metrics`.
//!
//! A check is counted by three additions to atomic numbers, events by the thread that has just stored them: nobody
//! waits for a meter.

use jit_core::record::Record;
use jit_core::subject::Phase;
use jit_proto::view::{CheckCountView, CountView, LatencyView};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The upper bounds of the histogram of checks, in microseconds: from what a check takes to when "busy" is answered.
const BOUNDS_US: [u64; 13] = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 800_000];

/// What a check was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Come in.
    Allowed,
    /// No.
    Denied,
    /// What would have been answered was written down, and nothing else.
    Observed,
    /// Try again.
    Busy,
}

#[derive(Debug, Default)]
struct Answers {
    allowed: AtomicU64,
    denied: AtomicU64,
    observed: AtomicU64,
    busy: AtomicU64,
}

impl Answers {
    fn of(&self, answer: Answer) -> &AtomicU64 {
        match answer {
            Answer::Allowed => &self.allowed,
            Answer::Denied => &self.denied,
            Answer::Observed => &self.observed,
            Answer::Busy => &self.busy,
        }
    }

    fn views(&self, phase: Phase) -> impl Iterator<Item = CheckCountView> {
        let all = [("allowed", &self.allowed), ("denied", &self.denied), ("observed", &self.observed), ("busy", &self.busy)];
        all.into_iter().map(move |(answer, count)| CheckCountView {
            phase: phase.word().to_owned(),
            answer: answer.to_owned(),
            count: count.load(Ordering::Relaxed),
        })
    }
}

/// How the record and syslog are, as the thread that writes sees them.
#[derive(Debug, Default)]
pub struct Health {
    /// Events that are so, and not stored yet.
    pub waiting: AtomicU64,
    /// Acts that were refused because they could not be stored.
    pub refused: AtomicU64,
    /// Whether the last attempt to store failed.
    pub failing: AtomicBool,
    /// Whether syslog takes no lines.
    pub syslog_lost: AtomicBool,
    /// Lines that wait for syslog.
    pub syslog_waiting: AtomicU64,
    /// Lines that syslog never got.
    pub syslog_undelivered: AtomicU64,
}

/// The meters.
#[derive(Debug, Default)]
pub struct Meter {
    account: Answers,
    session: Answers,
    buckets: [AtomicU64; BOUNDS_US.len()],
    slower: AtomicU64,
    sum_us: AtomicU64,
    stored: Mutex<Stored>,
    breakglass_unread: Mutex<Option<String>>,
    /// How the record and syslog are.
    pub health: Health,
}

#[derive(Debug, Default, Clone)]
struct Stored {
    events: BTreeMap<String, u64>,
    issued: BTreeMap<String, u64>,
}

/// The part of an event's data that says which kind of grant it is about.
#[derive(Deserialize)]
struct OfKind {
    kind: String,
}

impl Meter {
    /// Counts a check, and how long its answer took; none: it was turned away unread.
    pub fn checked(&self, phase: Phase, answer: Answer, took: Option<Duration>) {
        let answers = match phase {
            Phase::Account => &self.account,
            Phase::Session => &self.session,
        };
        answers.of(answer).fetch_add(1, Ordering::Relaxed);
        let Some(took) = took else { return };
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.iter().zip(&self.buckets).find(|(bound, _)| took <= **bound).map_or(&self.slower, |(_, bucket)| bucket);
        bucket.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(took, Ordering::Relaxed);
    }

    /// Counts events that were stored.
    pub fn stored(&self, records: &[Record]) {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            add_one(&mut stored.events, &record.event);
            if record.event == "grant.issued"
                && let Ok(OfKind { kind }) = serde_json::from_str(&record.data)
            {
                add_one(&mut stored.issued, &kind);
            }
        }
    }

    /// Notes why the log of break-glass entries cannot be read, if it cannot.
    pub fn breakglass_is(&self, unread: Option<String>) {
        *self.breakglass_unread.lock().unwrap_or_else(PoisonError::into_inner) = unread;
    }

    /// Why the log of break-glass entries cannot be read, if it cannot.
    #[must_use]
    pub fn breakglass_unread(&self) -> Option<String> {
        self.breakglass_unread.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The checks, by phase and answer.
    #[must_use]
    pub fn checks(&self) -> Vec<CheckCountView> {
        self.account.views(Phase::Account).chain(self.session.views(Phase::Session)).collect()
    }

    /// How long the answers took.
    #[must_use]
    pub fn latency(&self) -> LatencyView {
        let counts = self.buckets.iter().chain([&self.slower]).map(|count| count.load(Ordering::Relaxed)).collect();
        LatencyView { bounds_us: BOUNDS_US.to_vec(), counts, sum_us: self.sum_us.load(Ordering::Relaxed) }
    }

    /// The stored events by name, and the grants among them by kind.
    #[must_use]
    pub fn counts(&self) -> (Vec<CountView>, Vec<CountView>) {
        let Stored { events, issued } = self.stored.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let views = |counts: BTreeMap<String, u64>| counts.into_iter().map(|(name, count)| CountView { name, count }).collect();
        (views(events), views(issued))
    }
}

fn add_one(counts: &mut BTreeMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count = count.saturating_add(1),
        None => drop(counts.insert(name.to_owned(), 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_core::record::Head;
    use jit_core::time::WallTime;

    #[test]
    fn a_check_falls_into_the_bucket_of_its_time_and_one_that_was_never_read_into_none() {
        let meter = Meter::default();
        meter.checked(Phase::Account, Answer::Allowed, Some(Duration::from_micros(50)));
        meter.checked(Phase::Account, Answer::Denied, Some(Duration::from_micros(51)));
        meter.checked(Phase::Session, Answer::Busy, Some(Duration::from_secs(2)));
        meter.checked(Phase::Account, Answer::Busy, None);
        let LatencyView { bounds_us, counts, sum_us } = meter.latency();
        assert_eq!((bounds_us.len() + 1, counts.len()), (counts.len(), 14));
        assert_eq!((counts[0], counts[1], counts[13], counts.iter().sum::<u64>()), (1, 1, 1, 3));
        assert_eq!(sum_us, 2_000_101);
        let busy: Vec<_> = meter.checks().into_iter().filter(|check| check.answer == "busy").map(|check| check.count).collect();
        assert_eq!(busy, [1, 1]);
    }

    #[test]
    fn grants_are_counted_by_kind_whatever_their_reason_says() {
        let meter = Meter::default();
        let record = |event: &str, data: &str| Record::chained(Head::NONE, WallTime::from_millis(0), event, data.to_owned());
        let evil = r#"{"reason":"\"kind\":\"legacy\"","kind":"emergency"}"#;
        meter.stored(&[record("grant.issued", evil), record("optout.taken", evil), record("grant.issued", "{}")]);
        let (events, issued) = meter.counts();
        assert_eq!(events.iter().map(|one| (one.name.as_str(), one.count)).collect::<Vec<_>>(), [("grant.issued", 2), ("optout.taken", 1)]);
        assert_eq!(issued, [CountView { name: "emergency".to_owned(), count: 1 }]);
    }
}
