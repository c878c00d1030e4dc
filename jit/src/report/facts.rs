//! What the review says.

use super::Period;
use super::read::moment;
use super::timeline::Timeline;
use super::top::Top;
use jit_proto::view::{EventView, GrantView, OptoutView};
use std::collections::{BTreeMap, VecDeque};

/// The most people, and kinds of refusals, that are told apart; whatever comes after them is one more, without a name.
const MOST: usize = 10_000;
/// What stands for those.
const OTHERS: &str = "(others)";
/// The longest list of single things.
const LISTED: usize = 200;

/// A grant, as far as the review needs it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    /// `G-...`
    pub id: String,
    /// Whose.
    pub user: String,
    /// The service.
    pub service: String,
    /// As whom.
    pub run_as: String,
    /// `approved` and so on.
    pub kind: String,
    /// The rule.
    pub rule: String,
    /// Who approved it.
    pub by: Vec<String>,
    /// Why.
    pub reason: String,
    /// When it was given.
    pub issued: i64,
    /// When its time began; none: not yet.
    pub from: Option<i64>,
    /// When it is to end.
    pub until: i64,
    /// How many sessions it let in, in this time.
    pub sessions: u32,
    /// When it was over, where that is known.
    pub over: Option<i64>,
}

impl From<GrantView> for Held {
    fn from(view: GrantView) -> Self {
        Self {
            id: view.id,
            user: view.user,
            service: view.service,
            run_as: view.run_as,
            kind: view.kind,
            rule: view.rule,
            by: view.by,
            reason: view.reason,
            issued: view.issued.0,
            from: view.starts.map(|starts| starts.0),
            until: view.until.0,
            sessions: 0,
            over: view.ended.map(|ended| ended.at.0),
        }
    }
}

impl Held {
    /// A grant with what happened to it. The view says how it ended last: it may have been revoked after it was over.
    pub fn shown(view: GrantView, events: &[EventView]) -> Self {
        let is_end =
            |event: &&EventView| matches!(event.event.as_str(), "grant.expired" | "grant.used-up" | "grant.dropped" | "grant.revoked");
        let held = Self::from(view);
        let first = events.iter().find(is_end).and_then(|event| moment(&event.at));
        Self { over: first.or(held.over), ..held }
    }
}

/// How a grant ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: i64,
    /// `expired`, `used-up`, `dropped`, `revoked`; `active` or `waiting` where it has not.
    pub how: String,
    /// By whom.
    pub by: Option<String>,
    /// With which words.
    pub note: Option<String>,
}

/// A grant, and the part of it that lies in the time of the review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The grant.
    pub grant: Held,
    /// How it ended.
    pub end: End,
    /// How long it was held within the time, in milliseconds.
    pub held_ms: i64,
}

/// What one person did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Grants that they were given.
    pub grants: u64,
    /// How long they held them, all together, in milliseconds.
    pub held_ms: i64,
    /// Sessions.
    pub sessions: u64,
    /// Emergencies among the grants.
    pub emergencies: u64,
    /// Requests of theirs that were denied.
    pub denied: u64,
    /// How often they were turned away at the door.
    pub refused: u64,
}

/// What one person decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decider {
    /// Requests that they said yes to.
    pub approved: u64,
    /// Requests that they said no to.
    pub denied: u64,
    /// Grants that they took away.
    pub revoked: u64,
    /// Emergencies that they reviewed.
    pub reviewed: u64,
}

/// A review of an emergency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody has given one yet.
    Open,
    /// Somebody did.
    Given {
        /// By whom.
        by: String,
        /// `fine` or `misuse`.
        verdict: String,
        /// With which words.
        note: Option<String>,
        /// When.
        at: i64,
    },
}

/// An emergency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emergency {
    /// `G-...`
    pub id: String,
    /// Who took it.
    pub user: String,
    /// What: the service and as whom; empty where only its review fell into the time.
    pub service: String,
    /// As whom.
    pub run_as: String,
    /// The rule.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// When; none: before the time of the review.
    pub at: Option<i64>,
    /// When its review is due.
    pub due: Option<i64>,
    /// Its review.
    pub verdict: Verdict,
}

impl Emergency {
    /// Whether it should have been reviewed by then.
    pub fn is_overdue(&self, now: i64) -> bool {
        self.verdict == Verdict::Open && self.due.is_some_and(|due| due <= now)
    }
}

/// A request that was denied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Denied {
    /// `R-...`
    pub id: String,
    /// Whose.
    pub user: String,
    /// For what; empty where it was asked before the time of the review.
    pub service: String,
    /// As whom.
    pub run_as: String,
    /// Why they asked.
    pub reason: String,
    /// Who denied it.
    pub by: String,
    /// With which words.
    pub note: Option<String>,
    /// When.
    pub at: i64,
}

/// How often somebody was turned away so, and when last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refused {
    /// How often.
    pub count: u64,
    /// When last.
    pub last: i64,
}

/// Something that happened and should be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Odd {
    /// When.
    pub at: i64,
    /// What: `break-glass`, `limit`.
    pub what: &'static str,
    /// Who.
    pub user: String,
    /// More about it.
    pub about: String,
}

/// How often a rule was used, and by how many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleUse {
    /// How often.
    pub count: u64,
    /// Sessions that it let in.
    pub sessions: u64,
    /// How long, all together, in milliseconds.
    pub held_ms: i64,
}

/// Sums.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums {
    /// Events.
    pub events: u64,
    /// Requests.
    pub requests: u64,
    /// Requests that were denied.
    pub denied: u64,
    /// Requests that nobody answered.
    pub lapsed: u64,
    /// Grants that were given.
    pub grants: u64,
    /// Sessions.
    pub sessions: u64,
    /// How often somebody was turned away at the door.
    pub refused: u64,
    /// Emergencies that were taken.
    pub emergencies: u64,
    /// Reviews that found a misuse.
    pub misuse: u64,
}

/// What the review says.
#[derive(Debug)]
pub struct Facts {
    /// The time.
    pub period: Period,
    /// Sums.
    pub sums: Sums,
    /// Who held what when.
    pub timeline: Timeline,
    /// By name.
    pub people: BTreeMap<String, Person>,
    /// By name.
    pub deciders: BTreeMap<String, Decider>,
    /// The newest emergencies, reviewed ones.
    pub reviewed: VecDeque<Emergency>,
    /// Those that nobody has reviewed, by id.
    pub unreviewed: BTreeMap<String, Emergency>,
    /// Repetitive and legacy rules, by kind and name.
    pub rules: BTreeMap<(String, String), RuleUse>,
    /// The opt-outs of the policy, as they are now.
    pub optouts: Vec<OptoutView>,
    /// The grants that were held longest.
    pub longest: Top<Past>,
    /// The grants with the most sessions.
    pub most_used: Top<Past>,
    /// The newest denied requests.
    pub denied: VecDeque<Denied>,
    /// Who was turned away at the door: user, service, why.
    pub refused: BTreeMap<(String, String, String), Refused>,
    /// What else should be looked at, the newest.
    pub odd: VecDeque<Odd>,
    /// The last event: `SEQ:HASH`.
    pub head: String,
}

impl Facts {
    /// Nothing has happened yet.
    pub fn new(period: Period) -> Self {
        Self {
            timeline: Timeline::new(period.clone()),
            period,
            sums: Sums::default(),
            people: BTreeMap::new(),
            deciders: BTreeMap::new(),
            reviewed: VecDeque::new(),
            unreviewed: BTreeMap::new(),
            rules: BTreeMap::new(),
            optouts: Vec::new(),
            longest: Top::new(15),
            most_used: Top::new(15),
            denied: VecDeque::new(),
            refused: BTreeMap::new(),
            odd: VecDeque::new(),
            head: String::new(),
        }
    }

    /// What somebody did.
    pub fn person(&mut self, name: &str) -> &mut Person {
        entry(&mut self.people, name)
    }

    /// What somebody decided.
    pub fn decider(&mut self, name: &str) -> &mut Decider {
        entry(&mut self.deciders, name)
    }

    /// How often somebody was turned away so.
    pub fn turned_away(&mut self, user: String, service: String, why: String) -> &mut Refused {
        let key = (user, service, why);
        let key = if self.refused.len() < MOST || self.refused.contains_key(&key) {
            key
        } else {
            (OTHERS.to_owned(), String::new(), String::new())
        };
        self.refused.entry(key).or_default()
    }

    /// How often a rule was used.
    pub fn rule(&mut self, kind: &str, rule: &str) -> &mut RuleUse {
        self.rules.entry((kind.to_owned(), rule.to_owned())).or_default()
    }

    /// The overdue reviews.
    pub fn overdue(&self) -> impl Iterator<Item = &Emergency> {
        self.unreviewed.values().filter(|emergency| emergency.is_overdue(self.period.end))
    }
}

fn entry<'a, T: Default>(map: &'a mut BTreeMap<String, T>, name: &str) -> &'a mut T {
    let name = if map.len() < MOST || map.contains_key(name) { name } else { OTHERS };
    map.entry(name.to_owned()).or_default()
}

/// Keeps the newest of them.
pub fn keep<T>(list: &mut VecDeque<T>, newest: T) {
    if list.len() >= LISTED {
        list.pop_front();
    }
    list.push_back(newest);
}
