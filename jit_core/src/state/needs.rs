//! Which events a state rests on: folding these alone makes the same state as folding all.
//!
//! It is what a start from a snapshot reads, and what stays when older events are archived. Events are the only form in
//! which state is ever stored, so that neither can disagree with a newer program about what it means.

use super::State;
use serde_json::{Map, Value};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// The keys under which an event names what it is about.
const IDS: [&str; 3] = ["id", "grant", "request"];

/// The ids that an event is about, from its data.
#[must_use]
pub fn ids_in(data: &Map<String, Value>) -> Vec<&str> {
    let ids = IDS.iter().filter_map(|key| data.get(*key)?.as_str());
    ids.filter(|id| id.parse::<crate::id::IdPrefix>().is_ok()).collect()
}

/// Picks the events that a state rests on, of those that led to it, in order.
#[derive(Debug)]
pub struct Picker {
    ids: BTreeSet<String>,
    picked: BTreeSet<u64>,
    /// The last word on each standing exemption, and the last policy, which has no name.
    last: BTreeMap<String, u64>,
    /// Who acted as whom in this boot.
    acted: BTreeMap<String, u64>,
    boot: String,
    /// The event before, and what it may have begun.
    newest: Option<(u64, Option<String>)>,
}

impl State {
    /// A picker of the events that this state rests on.
    #[must_use]
    pub fn picker(&self) -> Picker {
        let mut ids: BTreeSet<String> = BTreeSet::new();
        ids.extend(self.requests.keys().map(ToString::to_string));
        ids.extend(self.grants.keys().map(ToString::to_string));
        ids.extend(self.sessions.keys().map(ToString::to_string));
        ids.extend(self.emergencies.keys().map(ToString::to_string));
        for basis in self.bases.values() {
            ids.insert(basis.grant.to_string());
            ids.extend(basis.request.map(|id| id.to_string()));
        }
        Picker { ids, picked: BTreeSet::new(), last: BTreeMap::new(), acted: BTreeMap::new(), boot: String::new(), newest: None }
    }
}

impl Picker {
    /// Looks at the next event.
    pub fn look(&mut self, seq: u64, event: &str, data: &str) {
        let data: Map<String, Value> = serde_json::from_str(data).unwrap_or_default();
        if ids_in(&data).iter().any(|id| self.ids.contains(*id)) {
            self.picked.insert(seq);
            // Whatever it begins must be known to its end: a grant that was taken away must not live again.
            self.ids.extend(own_id(&data));
        }
        match event {
            // A new boot shifts deadlines by the time of the event before it.
            "daemon.started" => {
                self.picked.insert(seq);
                if let Some((before, about)) = self.newest.take() {
                    self.picked.insert(before);
                    self.ids.extend(about);
                }
                let boot = text(&data, "boot_id");
                if boot != self.boot {
                    self.boot = boot;
                    self.acted.clear();
                }
            }
            "clock.stepped" | "access.breakglass" => {
                self.picked.insert(seq);
            }
            "policy.loaded" => drop(self.last.insert(String::new(), seq)),
            "optout.stale" => drop(self.last.insert(text(&data, "rule"), seq)),
            "session.opened" => {
                let who = format!("{} {} {}", text(&data, "as"), text(&data, "uid"), text(&data, "user"));
                // The first is as good as the last: who acted as whom is not forgotten within a boot.
                if let Entry::Vacant(first) = self.acted.entry(who) {
                    first.insert(seq);
                    // It begins something: how that goes on must be known too.
                    self.ids.extend(own_id(&data));
                }
            }
            _ => {}
        }
        self.newest = Some((seq, own_id(&data)));
    }

    /// Those that the state rests on.
    #[must_use]
    pub fn picked(mut self) -> BTreeSet<u64> {
        self.picked.extend(self.newest.map(|(seq, _)| seq));
        self.picked.extend(self.last.into_values());
        self.picked.extend(self.acted.into_values());
        self.picked
    }
}

fn own_id(data: &Map<String, Value>) -> Option<String> {
    data.get("id")?.as_str().map(str::to_owned)
}

fn text(data: &Map<String, Value>, key: &str) -> String {
    data.get(key).map(Value::to_string).unwrap_or_default()
}
