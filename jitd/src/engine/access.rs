//! The record of checks: the same subject, service and answer are one event a minute, with a count; or each is an event,
//! where each is to be on record before it is answered. Where from is part of the subject.

use crate::settings::RecordChecks;
use jit_core::engine::{Admission, Denial};
use jit_core::event::{self, Event};
use jit_core::id::{DenialId, Entropy};
use jit_core::name::{RuleName, RunAs, Service, Uid, UserName};
use jit_core::subject::{Entry, Phase};
use jit_core::time::{BootTime, Now};
use jit_core::{id::GrantId, span::Span};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// How long checks are counted together.
const WINDOW: Span = Span::from_secs(60);
/// The most different checks that are counted at a time.
const MOST: usize = 4096;
/// From how many addresses one user's are counted each by themselves; whoever has one IPv6 network has more than anybody counts.
const MOST_ADDRESSES: usize = 16;

/// Who knocked, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Knock {
    /// The name: the account's, or what was typed.
    pub user: UserName,
    /// The account's number; none: there is no account.
    pub uid: Option<Uid>,
    /// At which service.
    pub service: Service,
    /// As whom, where it was known.
    pub run_as: Option<RunAs>,
    /// From where.
    pub from: Option<IpAddr>,
    /// By which of PAM's questions.
    pub phase: Phase,
}

impl From<&Entry> for Knock {
    fn from(entry: &Entry) -> Self {
        Self {
            user: entry.subject.name.clone(),
            uid: Some(entry.subject.uid),
            service: entry.service.clone(),
            run_as: entry.run_as.clone(),
            from: entry.remote.address(),
            phase: entry.phase,
        }
    }
}

/// What they were told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Come in.
    Allowed(Admission),
    /// No.
    Denied(Denial),
    /// What they would have been told, had the module not been told to observe only.
    Observed(Result<(), Denial>),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    user: UserName,
    uid: Option<Uid>,
    service: Service,
    run_as: Option<RunAs>,
    /// None: it is not known, or is one of too many.
    from: Option<IpAddr>,
    phase: Phase,
    answer: String,
    grant: Option<GrantId>,
    rule: Option<RuleName>,
}

#[derive(Debug)]
struct Window {
    since: BootTime,
    denial: DenialId,
    knock: Knock,
    told: Told,
    more: u32,
}

/// The checks of the last minute.
#[derive(Debug)]
pub struct AccessLog {
    record: RecordChecks,
    windows: BTreeMap<Key, Window>,
}

impl AccessLog {
    /// A log that is kept so.
    #[must_use]
    pub fn new(record: RecordChecks) -> Self {
        Self { record, windows: BTreeMap::new() }
    }

    /// Counts one more, and returns the id under which a denial can be quoted, and the event if there is one for this check:
    /// it is the first of its minute, or each is one.
    pub fn note(&mut self, knock: Knock, told: Told, now: Now, entropy: &mut dyn Entropy) -> (DenialId, Option<Event>) {
        let key = self.counted_as(key_of(&knock, &told));
        if let Some(window) = self.windows.get_mut(&key) {
            match self.record {
                RecordChecks::Grouped => {
                    window.more = window.more.saturating_add(1);
                    return (window.denial, None);
                }
                RecordChecks::BeforeAnswer => {
                    window.since = now.boot;
                    return (window.denial, Some(event_of(window.denial, &knock, &told, 1)));
                }
            }
        }
        let denial = DenialId::random(entropy);
        let knock = match self.record {
            RecordChecks::Grouped => Knock { from: key.from, ..knock },
            RecordChecks::BeforeAnswer => knock,
        };
        let first = event_of(denial, &knock, &told, 1);
        if self.windows.len() < MOST {
            self.windows.insert(key, Window { since: now.boot, denial, knock, told, more: 0 });
        }
        (denial, Some(first))
    }

    /// From more addresses than are counted each by themselves it is from none of them: an event that names one speaks of no other.
    fn counted_as(&self, key: Key) -> Key {
        if key.from.is_none() || self.windows.contains_key(&key) {
            return key;
        }
        let theirs = self.windows.keys().filter(|counted| counted.user == key.user).filter_map(|counted| counted.from);
        let theirs: BTreeSet<_> = theirs.collect();
        let is_one_too_many = theirs.len() >= MOST_ADDRESSES && key.from.is_some_and(|from| !theirs.contains(&from));
        if is_one_too_many { Key { from: None, ..key } } else { key }
    }

    /// The events of minutes that are over. A check that goes on keeps its window and its id.
    pub fn finished(&mut self, now: Now) -> Vec<Event> {
        let mut events = Vec::new();
        self.windows.retain(|_, window| {
            if window.since.until(now.boot) < WINDOW {
                return true;
            }
            let more = std::mem::take(&mut window.more);
            window.since = now.boot;
            if more > 0 {
                events.push(event_of(window.denial, &window.knock, &window.told, more));
            }
            more > 0
        });
        events
    }

    /// The events of all minutes, finished or not: the daemon stops.
    pub fn all(&mut self) -> Vec<Event> {
        let windows = std::mem::take(&mut self.windows);
        let with_more = windows.into_values().filter(|window| window.more > 0);
        with_more.map(|window| event_of(window.denial, &window.knock, &window.told, window.more)).collect()
    }
}

fn key_of(knock: &Knock, told: &Told) -> Key {
    let answer = match told {
        Told::Allowed(_) => "allowed".to_owned(),
        Told::Denied(denial) => denial.why.to_string(),
        Told::Observed(Ok(())) => "observed".to_owned(),
        Told::Observed(Err(denial)) => format!("observed {}", denial.why),
    };
    let (grant, rule) = match told {
        Told::Allowed(admission) => by_what(admission),
        Told::Denied(denial) => (None, denial.rule.clone()),
        // Their event names neither.
        Told::Observed(_) => (None, None),
    };
    let Knock { user, uid, service, run_as, from, phase } = knock.clone();
    Key { user, uid, service, run_as, from, phase, answer, grant, rule }
}

fn event_of(id: DenialId, knock: &Knock, told: &Told, count: u32) -> Event {
    let Knock { user, uid, service, run_as, from, phase } = knock.clone();
    let phase = phase.word().to_owned();
    match told {
        Told::Allowed(admission) => {
            let (grant, rule) = by_what(admission);
            let uid = uid.unwrap_or(Uid(u32::MAX));
            event::AccessAllowed { user, uid, service, run_as, from, phase, grant, rule, count }.into()
        }
        Told::Denied(denial) => {
            let ask = denial.ask(&service);
            let (why, rule) = (denial.why.to_string(), denial.rule.clone());
            event::AccessDenied { id, user, uid, service, run_as, from, phase, why, rule, ask, count }.into()
        }
        Told::Observed(answer) => {
            let (answer, why) = match answer {
                Ok(()) => ("allowed", String::new()),
                Err(denial) => ("denied", denial.why.to_string()),
            };
            event::AccessObserved { user, uid, service, run_as, from, phase, answer: answer.to_owned(), why, count }.into()
        }
    }
}

fn by_what(admission: &Admission) -> (Option<GrantId>, Option<RuleName>) {
    match admission {
        Admission::Grant(id) => (Some(*id), None),
        Admission::Rule(rule) => (None, Some(rule.clone())),
        Admission::Denied(_) => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_core::engine::Why;
    use jit_core::time::WallTime;

    struct Counter(u64);
    impl Entropy for Counter {
        fn bits(&mut self) -> u64 {
            self.0 += 1;
            self.0
        }
    }

    fn at(second: u64) -> Now {
        Now { wall: WallTime::from_millis(0), boot: BootTime::from_millis(second * 1000) }
    }

    fn knock(user: &str) -> Knock {
        Knock {
            user: UserName::new(user),
            uid: Some(Uid(1)),
            service: Service::new("sudo"),
            run_as: None,
            from: None,
            phase: Phase::Account,
        }
    }

    fn denied() -> Told {
        Told::Denied(Denial::plain(Why::NoRule))
    }

    fn denial(event: &Event) -> &event::AccessDenied {
        let Event::AccessDenied(denied) = event else { panic!("{event:?}") };
        denied
    }

    fn count(event: &Event) -> u32 {
        denial(event).count
    }

    /// From the address of that number.
    fn from(number: u8) -> Knock {
        Knock { from: Some(IpAddr::from([203, 0, 113, number])), service: Service::new("sshd"), ..knock("alice") }
    }

    #[test]
    fn a_thousand_equal_checks_in_a_minute_are_two_events_with_one_id() {
        let (mut log, mut entropy) = (AccessLog::new(RecordChecks::Grouped), Counter(0));
        let (id, first) = log.note(knock("alice"), denied(), at(0), &mut entropy);
        assert_eq!(count(&first.unwrap()), 1);
        for _ in 0..999 {
            assert_eq!(log.note(knock("alice"), denied(), at(30), &mut entropy), (id, None));
        }
        assert!(log.finished(at(59)).is_empty());
        assert_eq!(log.finished(at(60)).iter().map(count).collect::<Vec<_>>(), [999]);
        assert!(log.finished(at(120)).is_empty(), "a window without checks ends");
        let (next, event) = log.note(knock("alice"), denied(), at(121), &mut entropy);
        assert!(next != id && event.is_some());
    }

    #[test]
    fn another_subject_or_answer_is_another_event() {
        let (mut log, mut entropy) = (AccessLog::new(RecordChecks::Grouped), Counter(0));
        for (knock, told) in [
            (knock("alice"), denied()),
            (knock("bob"), denied()),
            (knock("alice"), Told::Denied(Denial::plain(Why::NoGrant))),
            (knock("alice"), Told::Observed(Ok(()))),
            (from(1), denied()),
            (from(2), denied()),
            (from(2), Told::Denied(Denial { rule: Some(RuleName::new("ops")), ..Denial::plain(Why::NoRule) })),
            (from(2), Told::Allowed(Admission::Rule(RuleName::new("ops")))),
            (from(2), Told::Allowed(Admission::Rule(RuleName::new("others")))),
            (from(2), Told::Allowed(Admission::Grant("G-0A1B2C3D".parse().unwrap()))),
            (from(2), Told::Allowed(Admission::Grant("G-0A1B2C3E".parse().unwrap()))),
        ] {
            assert!(log.note(knock, told, at(0), &mut entropy).1.is_some());
        }
    }

    #[test]
    fn who_keeps_a_minute_going_from_one_address_hides_no_other() {
        let (mut log, mut entropy) = (AccessLog::new(RecordChecks::Grouped), Counter(0));
        let mut events = Vec::new();
        for second in (0..600).step_by(50) {
            events.extend(log.note(from(1), denied(), at(second), &mut entropy).1);
            if second == 300 {
                events.extend(log.note(from(9), denied(), at(second), &mut entropy).1);
            }
            events.extend(log.finished(at(second)));
        }
        events.extend(log.all());
        let from_there = |number| events.iter().map(denial).filter(move |event| event.from == from(number).from);
        assert_eq!(from_there(9).map(|event| event.count).collect::<Vec<_>>(), [1]);
        assert_eq!(from_there(1).map(|event| event.count).sum::<u32>(), 12);
        let ids: BTreeSet<_> = events.iter().map(|event| denial(event).id.to_string()).collect();
        assert_eq!(ids.len(), 2, "each is told an id of their own");
    }

    #[test]
    fn from_more_addresses_than_are_counted_the_rest_are_one_event_a_minute_that_names_none_of_them() {
        let (mut log, mut entropy) = (AccessLog::new(RecordChecks::Grouped), Counter(0));
        let mut first: Vec<_> = (0..100).filter_map(|number| log.note(from(number), denied(), at(0), &mut entropy).1).collect();
        assert_eq!(first.len(), MOST_ADDRESSES + 1);
        assert_eq!(denial(&first.pop().unwrap()).from, None);
        assert!(first.iter().all(|event| denial(event).from.is_some()));
        assert!(
            log.note(from(200), Told::Denied(Denial::plain(Why::NoGrant)), at(1), &mut entropy)
                .1
                .is_some_and(|event| denial(&event).from.is_none())
        );
        assert!(
            log.note(from(3), Told::Denied(Denial::plain(Why::NoGrant)), at(1), &mut entropy)
                .1
                .is_some_and(|event| denial(&event).from.is_some())
        );
        let bob = Knock { user: UserName::new("bob"), ..from(200) };
        assert!(
            log.note(bob, denied(), at(1), &mut entropy).1.is_some_and(|event| denial(&event).from.is_some()),
            "bob has as many of his own"
        );
        let rest: Vec<_> = log.finished(at(60)).iter().map(|event| (denial(event).from, denial(event).count)).collect();
        assert_eq!(rest, [(None, 100 - 1 - u32::try_from(MOST_ADDRESSES).unwrap())]);
        assert!(log.finished(at(120)).is_empty());
        assert!(log.note(from(200), denied(), at(121), &mut entropy).1.is_some_and(|event| denial(&event).from.is_some()));
    }

    #[test]
    fn where_each_check_is_an_event_each_names_its_own_address() {
        let (mut log, mut entropy) = (AccessLog::new(RecordChecks::BeforeAnswer), Counter(0));
        for number in 0..100 {
            let event = log.note(from(number), denied(), at(0), &mut entropy).1.unwrap();
            assert_eq!(denial(&event).from, from(number).from);
        }
    }

    #[test]
    fn where_each_check_is_to_be_on_record_each_is_an_event_with_the_id_of_the_first() {
        let (mut log, mut entropy) = (AccessLog::new(RecordChecks::BeforeAnswer), Counter(0));
        let (id, _) = log.note(knock("alice"), denied(), at(0), &mut entropy);
        for second in [1, 50, 100] {
            let (again, event) = log.note(knock("alice"), denied(), at(second), &mut entropy);
            assert_eq!((again, event.as_ref().map(count)), (id, Some(1)));
            assert!(log.finished(at(second)).is_empty());
        }
        assert!(log.all().is_empty());
    }
}
