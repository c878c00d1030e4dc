//! Which events a state rests on: folding these alone makes the same state as folding all.
//!
//! It is what a start from a snapshot reads, and what stays when older events are archived. Events are the only form in
//! which state is ever stored, so that neither can disagree with a newer program about what it means.

mod tails;

use super::State;
use crate::id::{GrantId, RequestId, SessionId};
use crate::optout::Breaker;
use serde_json::{Map, Value};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use tails::Tails;

/// The keys under which an event names what it is about.
const IDS: [&str; 3] = ["id", "grant", "request"];

/// The ids that an event is about, from its data.
#[must_use]
pub fn ids_in(data: &Map<String, Value>) -> Vec<&str> {
    let ids = IDS.iter().filter_map(|key| data.get(*key)?.as_str());
    ids.filter(|id| id.parse::<crate::id::IdPrefix>().is_ok()).collect()
}

/// An id of what a state holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum AnyId {
    Request(RequestId),
    Grant(GrantId),
    Session(SessionId),
}

impl AnyId {
    fn read(text: &str) -> Option<Self> {
        match text.chars().next()? {
            RequestId::LETTER => text.parse().ok().map(Self::Request),
            GrantId::LETTER => text.parse().ok().map(Self::Grant),
            SessionId::LETTER => text.parse().ok().map(Self::Session),
            _ => None,
        }
    }
}

/// Picks the events that a state rests on, of those that led to it, in order.
#[derive(Debug)]
pub struct Picker {
    /// What is at hand, as it was found: whoever asks for a picker decides who comes in, and has no time to put it in order.
    found: Vec<AnyId>,
    /// The same in order. With a million grants a set would take three times as much.
    at_hand: Vec<AnyId>,
    /// What else must be known to its end.
    begun: BTreeSet<AnyId>,
    picked: Vec<u64>,
    tails: Tails,
    /// The last word on each standing exemption, and the last policy, which has no name.
    last: BTreeMap<String, u64>,
    /// Who acted as whom in this boot.
    acted: BTreeMap<String, u64>,
    boot: String,
    /// The event before, and what it may have begun.
    newest: Option<(u64, Option<AnyId>)>,
}

impl State {
    /// A picker of the events that this state rests on.
    #[must_use]
    pub fn picker(&self) -> Picker {
        let mut found: Vec<AnyId> = Vec::with_capacity(self.at_hand());
        found.extend(self.requests.keys().copied().map(AnyId::Request));
        found.extend(self.grants.keys().copied().map(AnyId::Grant));
        found.extend(self.sessions.keys().copied().map(AnyId::Session));
        found.extend(self.let_in.sessions().map(AnyId::Session));
        found.extend(self.emergencies.keys().copied().map(AnyId::Grant));
        for basis in self.bases.iter() {
            found.push(AnyId::Grant(basis.terms.id));
            found.extend(basis.terms.request.map(AnyId::Request));
            // That may be of a request, or a grant, that is forgotten by now.
            found.extend(basis.broken.map(|breaker| match breaker {
                Breaker::Request(id) => AnyId::Request(id),
                Breaker::Grant(id) => AnyId::Grant(id),
            }));
        }
        let (at_hand, begun, picked, tails, last, acted) = Default::default();
        Picker { found, at_hand, begun, picked, tails, last, acted, boot: String::new(), newest: None }
    }

    /// How many ids it has at hand, some of them twice: about as many events it rests on, at least.
    #[must_use]
    pub fn at_hand(&self) -> usize {
        let of_bases = self.bases.len().saturating_mul(2);
        let sessions = self.sessions.len().saturating_add(self.let_in.len());
        [self.requests.len(), self.grants.len(), sessions, self.emergencies.len(), of_bases].into_iter().fold(0, usize::saturating_add)
    }
}

impl Picker {
    /// Looks at the next event.
    pub fn look(&mut self, seq: u64, event: &str, data: &str) {
        if !self.found.is_empty() {
            self.at_hand = std::mem::take(&mut self.found);
            self.at_hand.sort_unstable();
            self.at_hand.dedup();
        }
        let data: Map<String, Value> = serde_json::from_str(data).unwrap_or_default();
        match own_id(&data) {
            // Checks make nothing true, and are about as many as sessions.
            _ if event.starts_with("access.") => {}
            Some(AnyId::Session(id)) => self.look_at_session(seq, event, id, &data),
            Some(AnyId::Request(_) | AnyId::Grant(_)) | None => self.look_at_other(seq, event, &data),
        }
        match event {
            // A new boot shifts deadlines by the time of the event before it.
            "daemon.started" => {
                self.picked.push(seq);
                if let Some((before, about)) = self.newest.take() {
                    self.picked.push(before);
                    self.follow(about);
                }
                let boot = text(&data, "boot_id");
                if boot != self.boot {
                    self.boot = boot;
                    self.acted.clear();
                }
            }
            "clock.stepped" | "access.breakglass" => self.picked.push(seq),
            "policy.loaded" => drop(self.last.insert(String::new(), seq)),
            "optout.stale" => drop(self.last.insert(text(&data, "rule"), seq)),
            "session.opened" => {
                let who = format!("{} {} {}", text(&data, "as"), text(&data, "uid"), text(&data, "user"));
                // The first is as good as the last: who acted as whom is not forgotten within a boot.
                if let Entry::Vacant(first) = self.acted.entry(who) {
                    first.insert(seq);
                    // It begins something: how that goes on must be known too.
                    self.follow(own_id(&data));
                }
            }
            _ => {}
        }
        self.newest = Some((seq, own_id(&data)));
    }

    /// Of what is no session's, all is picked that is about something which is at hand.
    fn look_at_other(&mut self, seq: u64, event: &str, data: &Map<String, Value>) {
        if ids_in(data).into_iter().filter_map(AnyId::read).any(|id| self.follows(&id)) {
            self.picked.push(seq);
            // Whatever it begins must be known to its end: a grant that was taken away must not live again.
            self.follow(own_id(data));
        }
        if let (Some(AnyId::Grant(id)), "grant.expired" | "grant.used-up" | "grant.dropped" | "grant.revoked") = (own_id(data), event) {
            self.tails.over(id);
        }
    }

    /// Sessions are many more than what lets them in: of a grant that is at hand they are not all picked.
    fn look_at_session(&mut self, seq: u64, event: &str, id: SessionId, data: &Map<String, Value>) {
        if self.follows(&AnyId::Session(id)) {
            self.picked.push(seq);
        }
        let grant = data.get("grant").and_then(Value::as_str).and_then(|grant| grant.parse().ok());
        let Some(grant) = grant.filter(|grant| self.follows(&AnyId::Grant(*grant))) else { return };
        let says_how_many = data.get("taken").is_some_and(Value::is_number);
        match (event, data.get("alone").and_then(Value::as_bool)) {
            ("session.opened", Some(alone)) if says_how_many => self.tails.opened(seq, id, grant, alone),
            // An older jitd's: they are counted one by one.
            ("session.opened", _) => {
                self.picked.push(seq);
                self.follow(Some(AnyId::Session(id)));
            }
            ("session.warned", _) => self.tails.warned(seq, grant),
            _ => self.tails.went_on(seq, id),
        }
    }

    fn follows(&self, id: &AnyId) -> bool {
        self.at_hand.binary_search(id).is_ok() || self.begun.contains(id)
    }

    fn follow(&mut self, id: Option<AnyId>) {
        self.begun.extend(id.filter(|id| !self.follows(id)));
    }

    /// Those that the state rests on: in order, each once.
    #[must_use]
    pub fn picked(mut self) -> Vec<u64> {
        self.picked.extend(self.tails.events());
        self.picked.extend(self.newest.map(|(seq, _)| seq));
        self.picked.extend(self.last.into_values());
        self.picked.extend(self.acted.into_values());
        self.picked.sort_unstable();
        self.picked.dedup();
        self.picked
    }
}

fn own_id(data: &Map<String, Value>) -> Option<AnyId> {
    AnyId::read(data.get("id")?.as_str()?)
}

fn text(data: &Map<String, Value>, key: &str) -> String {
    data.get(key).map(Value::to_string).unwrap_or_default()
}

#[cfg(test)]
mod session_tests;
#[cfg(test)]
mod tests {
    use super::super::KEPT;
    use super::*;
    use crate::event::Event;
    use crate::time::WallTime;

    fn started(boot: &str) -> (&'static str, String) {
        ("daemon.started", format!(r#"{{"version":"1","boot_id":"{boot}","boot_ms":1000,"policy":"policy.toml"}}"#))
    }

    fn loaded(digest: &str) -> (&'static str, String) {
        let files = format!(r#"[{{"file":"policy.toml","sha256":"{digest}"}}]"#);
        ("policy.loaded", format!(r#"{{"files":{files},"rules":1,"by":"root","became":[],"ceased":[]}}"#))
    }

    fn stale(rule: &str, days: i64) -> (&'static str, String) {
        ("optout.stale", format!(r#"{{"rule":"{rule}","owner":"user:carol","until":"2026-12-31T00:00:00Z","days_left":{days}}}"#))
    }

    /// A session of that user's that opened and closed.
    fn session(number: usize, user: &str, run_as: &str) -> [(&'static str, String); 2] {
        let common = format!(r#""id":"S-{number:08}","grant":"G-00000001","user":"{user}","service":"sudo""#);
        let opened = format!(r#"{{{common},"uid":1001,"as":"{run_as}","from":null,"tty":null,"auth":null,"process":null}}"#);
        [("session.opened", opened), ("session.closed", format!("{{{common}}}"))]
    }

    /// Of these events, those that the state rests on, counted from 1.
    fn picked(events: &[(&str, String)]) -> Vec<u64> {
        let fold = |seqs: &[u64]| {
            let mut state = State::default();
            for &seq in seqs {
                let (name, data) = &events[usize::try_from(seq - 1).unwrap()];
                state.apply(WallTime::from_millis(i64::try_from(seq).unwrap() * 1000), &Event::read(name, data).unwrap());
                state.keep();
            }
            state
        };
        let all: Vec<u64> = (1..).take(events.len()).collect();
        let state = fold(&all);
        let mut picker = state.picker();
        all.iter().zip(events).for_each(|(seq, (name, data))| picker.look(*seq, name, data));
        let picked = picker.picked();
        assert_eq!(fold(&picked), state);
        picked
    }

    #[test]
    fn the_last_policy_and_the_last_word_on_each_exemption_are_picked_however_long_ago() {
        let first = [started("a"), loaded("aa"), loaded("bb"), stale("x", 30), stale("y", 12), stale("x", 29)].into_iter();
        let entry = r#"{"user":"alice","service":"sudo","phase":"account","when":"2026-11-23T12:00:00Z","line":"a"}"#;
        let (entry, stepped) = (("access.breakglass", entry.to_owned()), ("clock.stepped", r#"{"by_ms":60000,"boot_ms":5000}"#.to_owned()));
        let later = (0..2 * KEPT).flat_map(|number| session(number, "alice", "root"));
        let events: Vec<_> = first.chain([entry, stepped]).chain(later).collect();
        let picked = picked(&events);
        assert_eq!(picked[..7], [1, 3, 5, 6, 7, 8, 9], "and each entry by break-glass, each step of the clock, the first session");
        assert!(picked.len() < events.len() - KEPT, "{} of {}: sessions that are forgotten are not", picked.len(), events.len());
    }

    #[test]
    fn who_acted_as_whom_is_picked_over_a_restart_and_not_over_a_boot() {
        let acted = [session(1, "bob", "db"), session(2, "alice", "db"), session(3, "bob", "www")].concat();
        let crowd = || (4..4 + 2 * KEPT).flat_map(|number| session(number, "alice", "root"));
        let events = |boot: &str| [started("a")].into_iter().chain(acted.clone()).chain([started(boot)]).chain(crowd()).collect::<Vec<_>>();
        assert_eq!(picked(&events("a"))[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
        let of_another_boot = picked(&events("b"));
        assert!([2, 4, 6].iter().all(|opened| !of_another_boot.contains(opened)), "{of_another_boot:?}");
    }
}
