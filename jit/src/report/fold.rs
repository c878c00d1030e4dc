//! From events to facts, one event at a time.

use super::Period;
use super::csv::{self, Sink};
use super::facts::{Denied, Emergency, End, Facts, Held, Odd, Past, Verdict, keep};
use super::read::{AccessDenied, Breakglass, Extended, Issued, LimitReached, Opened, Plain, Submitted, Taken, moment};
use crate::failing::Failing;
use jit_proto::view::EventView;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

/// Finds a grant that was given before the time of the review.
pub type Lookup<'a> = dyn FnMut(&str) -> Option<Held> + 'a;

/// A request that is not decided yet.
struct Asked {
    service: String,
    run_as: String,
    reason: String,
}

/// The fold.
pub struct Fold<'a> {
    facts: Facts,
    live: HashMap<String, Held>,
    asked: HashMap<String, Asked>,
    lookup: &'a mut Lookup<'a>,
    rows: &'a mut dyn Sink,
}

impl<'a> Fold<'a> {
    /// Nothing has happened yet. Rows of the table go out as soon as they are known.
    pub fn new(period: Period, lookup: &'a mut Lookup<'a>, rows: &'a mut dyn Sink) -> Self {
        Self { facts: Facts::new(period), live: HashMap::new(), asked: HashMap::new(), lookup, rows }
    }

    /// One event more. What cannot be read as what it is called is counted and passed over: `jit audit verify` is for that.
    pub fn event(&mut self, view: &EventView) -> Result<(), Failing> {
        self.facts.sums.events = self.facts.sums.events.saturating_add(1);
        let Some(at) = moment(&view.at) else { return Ok(()) };
        let data = view.data.as_str();
        match view.event.as_str() {
            "session.opened" => self.opened(data),
            "access.denied" => return self.turned_away(at, data),
            "request.submitted" => self.submitted(data),
            "request.approved" => with(data, |it: Plain<'_>| self.decider(&it, |decider| &mut decider.approved)),
            "request.granted" | "request.cancelled" => self.over(data),
            "request.lapsed" => {
                add(&mut self.facts.sums.lapsed);
                self.over(data);
            }
            "request.denied" => return self.denied(at, data),
            "grant.issued" => self.issued(at, data),
            "grant.started" => self.started(at, data),
            "grant.extended" => with(data, |it: Extended<'_>| {
                if let (Some(until), Some(grant)) = (moment(&it.until), self.grant(&it.id)) {
                    grant.until = until;
                }
            }),
            "grant.expired" | "grant.used-up" | "grant.dropped" | "grant.revoked" => return self.ended(at, &view.event, data),
            "optout.taken" => self.taken(at, data),
            "optout.reviewed" => return self.reviewed(at, data),
            "optout.overdue" => self.overdue(data),
            "optout.limit-reached" => return self.limit_reached(at, data),
            "access.breakglass" => return self.breakglass(at, data),
            _ => {}
        }
        Ok(())
    }

    fn decider(&mut self, it: &Plain<'_>, of: impl FnOnce(&mut super::facts::Decider) -> &mut u64) {
        if let Some(by) = &it.by {
            add(of(self.facts.decider(by)));
        }
    }

    /// A grant that lives; one from before the time of the review is looked up once.
    fn grant(&mut self, id: &str) -> Option<&mut Held> {
        if !self.live.contains_key(id) {
            let found = (self.lookup)(id)?;
            self.live.insert(id.to_owned(), found);
        }
        self.live.get_mut(id)
    }

    fn submitted(&mut self, data: &str) {
        add(&mut self.facts.sums.requests);
        with(data, |it: Submitted<'_>| {
            let asked = Asked { service: it.service.into_owned(), run_as: it.run_as.into_owned(), reason: it.reason.into_owned() };
            self.asked.insert(it.id.into_owned(), asked);
        });
    }

    fn over(&mut self, data: &str) {
        with(data, |it: OfId| drop(self.asked.remove(&it.id)));
    }

    fn denied(&mut self, at: i64, data: &str) -> Result<(), Failing> {
        add(&mut self.facts.sums.denied);
        let Ok(it) = serde_json::from_str::<Plain<'_>>(data) else { return Ok(()) };
        self.decider(&it, |decider| &mut decider.denied);
        add(&mut self.facts.person(&it.user).denied);
        let asked = self.asked.remove(it.id.as_ref());
        let asked = asked.unwrap_or_else(|| Asked { service: String::new(), run_as: String::new(), reason: String::new() });
        let denied = Denied {
            id: it.id.into_owned(),
            user: it.user.into_owned(),
            service: asked.service,
            run_as: asked.run_as,
            reason: asked.reason,
            by: it.by.unwrap_or_default().into_owned(),
            note: it.note.map(|note| note.into_owned()),
            at,
        };
        self.rows.row(&csv::denied(&denied))?;
        keep(&mut self.facts.denied, denied);
        Ok(())
    }

    fn issued(&mut self, at: i64, data: &str) {
        add(&mut self.facts.sums.grants);
        with(data, |it: Issued<'_>| {
            let from = match (&it.starts, it.waits_for_s) {
                (Some(starts), _) => moment(starts),
                (None, Some(_)) => None,
                (None, None) => Some(at),
            };
            let grant = Held {
                id: it.id.clone().into_owned(),
                user: it.user.into_owned(),
                service: it.service.into_owned(),
                run_as: it.run_as.into_owned(),
                kind: it.kind.into_owned(),
                rule: it.rule.into_owned(),
                by: it.by,
                reason: it.reason.into_owned(),
                issued: at,
                from,
                until: moment(&it.until).unwrap_or(at),
                sessions: 0,
                over: None,
            };
            let person = self.facts.person(&grant.user);
            add(&mut person.grants);
            if grant.kind == "emergency" {
                add(&mut person.emergencies);
            }
            if is_by_rule(&grant.kind) {
                add(&mut self.facts.rule(&grant.kind, &grant.rule).count);
            }
            self.live.insert(it.id.into_owned(), grant);
        });
    }

    fn started(&mut self, at: i64, data: &str) {
        with(data, |it: Extended<'_>| {
            if let Some(grant) = self.grant(&it.id) {
                grant.from = Some(at);
                grant.until = moment(&it.until).unwrap_or(grant.until);
            }
        });
    }

    fn opened(&mut self, data: &str) {
        add(&mut self.facts.sums.sessions);
        with(data, |it: Opened<'_>| {
            add(&mut self.facts.person(&it.user).sessions);
            if let Some(grant) = self.grant(&it.grant) {
                grant.sessions = grant.sessions.saturating_add(1);
            }
        });
    }

    fn ended(&mut self, at: i64, event: &str, data: &str) -> Result<(), Failing> {
        let Ok(it) = serde_json::from_str::<Plain<'_>>(data) else { return Ok(()) };
        if event == "grant.revoked" {
            self.decider(&it, |decider| &mut decider.revoked);
        }
        let was_over = self.grant(&it.id).map(|grant| grant.over.is_some_and(|over| over < at));
        if was_over != Some(false) {
            self.live.remove(it.id.as_ref());
            // It ended before, and its approval could be repeated, or a session of it went on: that ends now, and nothing else.
            return if event == "grant.revoked" { self.rows.row(&csv::revocation(&it, at)) } else { Ok(()) };
        }
        let how = event.strip_prefix("grant.").unwrap_or(event).to_owned();
        let by = if event == "grant.dropped" { Some(it.user.clone()) } else { it.by.clone() };
        let end = End { at, how, by: by.map(|by| by.into_owned()), note: it.note.clone().map(|note| note.into_owned()) };
        let Some(grant) = self.live.remove(it.id.as_ref()) else { return Ok(()) };
        self.close(grant, end)
    }

    /// A grant is over, or the time of the review is.
    fn close(&mut self, grant: Held, end: End) -> Result<(), Failing> {
        let held_ms = grant.from.map_or(0, |from| {
            let key = (grant.user.clone(), grant.service.clone(), grant.run_as.clone());
            self.facts.timeline.add(key, &grant.kind, from..end.at)
        });
        let person = self.facts.person(&grant.user);
        person.held_ms = person.held_ms.saturating_add(held_ms);
        if is_by_rule(&grant.kind) {
            let rule = self.facts.rule(&grant.kind, &grant.rule);
            rule.held_ms = rule.held_ms.saturating_add(held_ms);
            rule.sessions = rule.sessions.saturating_add(u64::from(grant.sessions));
        }
        let sessions = i64::from(grant.sessions);
        let past = Past { grant, end, held_ms };
        self.rows.row(&csv::grant(&past))?;
        self.facts.longest.offer(held_ms, || past.clone());
        self.facts.most_used.offer(sessions, || past);
        Ok(())
    }

    fn taken(&mut self, at: i64, data: &str) {
        with(data, |it: Taken<'_>| {
            if it.kind != "emergency" {
                return;
            }
            add(&mut self.facts.sums.emergencies);
            let emergency = Emergency {
                id: it.id.clone().into_owned(),
                user: it.user.into_owned(),
                service: it.service.into_owned(),
                run_as: it.run_as.into_owned(),
                rule: it.rule.into_owned(),
                reason: it.reason.into_owned(),
                at: Some(at),
                due: it.review_due.as_deref().and_then(moment),
                verdict: Verdict::Open,
            };
            self.facts.unreviewed.insert(it.id.into_owned(), emergency);
        });
    }

    fn reviewed(&mut self, at: i64, data: &str) -> Result<(), Failing> {
        let Ok(it) = serde_json::from_str::<Plain<'_>>(data) else { return Ok(()) };
        self.decider(&it, |decider| &mut decider.reviewed);
        let verdict = it.verdict.clone().unwrap_or_default().into_owned();
        if verdict == "misuse" {
            add(&mut self.facts.sums.misuse);
        }
        let mut emergency = match self.facts.unreviewed.remove(it.id.as_ref()) {
            Some(emergency) => emergency,
            None => self.earlier(&it),
        };
        let (by, note) = (it.by.unwrap_or_default().into_owned(), it.note.map(|note| note.into_owned()));
        emergency.verdict = Verdict::Given { by, verdict, note, at };
        self.rows.row(&csv::emergency(&emergency, self.facts.period.end))?;
        keep(&mut self.facts.reviewed, emergency);
        Ok(())
    }

    /// An emergency from before the time of the review.
    fn earlier(&mut self, it: &Plain<'_>) -> Emergency {
        let grant = (self.lookup)(&it.id);
        let or_empty = |text: Option<String>| text.unwrap_or_default();
        let rule = it.rule.as_deref().map(str::to_owned);
        Emergency {
            id: it.id.clone().into_owned(),
            user: it.user.clone().into_owned(),
            service: or_empty(grant.as_ref().map(|grant| grant.service.clone())),
            run_as: or_empty(grant.as_ref().map(|grant| grant.run_as.clone())),
            rule: or_empty(rule.or_else(|| grant.as_ref().map(|grant| grant.rule.clone()))),
            reason: or_empty(grant.as_ref().map(|grant| grant.reason.clone())),
            at: grant.map(|grant| grant.issued),
            due: it.due.as_deref().and_then(moment),
            verdict: Verdict::Open,
        }
    }

    fn overdue(&mut self, data: &str) {
        with(data, |it: Plain<'_>| {
            if !self.facts.unreviewed.contains_key(it.id.as_ref()) {
                let earlier = self.earlier(&it);
                self.facts.unreviewed.insert(it.id.into_owned(), earlier);
            }
        });
    }

    fn turned_away(&mut self, at: i64, data: &str) -> Result<(), Failing> {
        let Ok(it) = serde_json::from_str::<AccessDenied<'_>>(data) else { return Ok(()) };
        let count = u64::from(it.count);
        self.facts.sums.refused = self.facts.sums.refused.saturating_add(count);
        let person = self.facts.person(&it.user);
        person.refused = person.refused.saturating_add(count);
        self.rows.row(&csv::refused(&it, at))?;
        let refused = self.facts.turned_away(it.user.into_owned(), it.service.into_owned(), it.why.into_owned());
        refused.count = refused.count.saturating_add(count);
        refused.last = at;
        Ok(())
    }

    fn limit_reached(&mut self, at: i64, data: &str) -> Result<(), Failing> {
        let Ok(it) = serde_json::from_str::<LimitReached<'_>>(data) else { return Ok(()) };
        self.odd(Odd { at, what: "limit", user: it.user.into_owned(), about: format!("rule {}", it.rule) })
    }

    fn odd(&mut self, odd: Odd) -> Result<(), Failing> {
        self.rows.row(&csv::odd(&odd))?;
        keep(&mut self.facts.odd, odd);
        Ok(())
    }

    fn breakglass(&mut self, at: i64, data: &str) -> Result<(), Failing> {
        let Ok(it) = serde_json::from_str::<Breakglass<'_>>(data) else { return Ok(()) };
        let run_as = it.run_as.map(|run_as| format!(" as {run_as}")).unwrap_or_default();
        let from = it.from.map(|from| format!(" from {from}")).unwrap_or_default();
        let about = format!("{}{run_as}{from} at {}, while jitd was away", it.service, it.when);
        self.odd(Odd { at, what: "break-glass", user: it.user.into_owned(), about })
    }

    /// The time of the review is over. `live` are all grants that let somebody in now.
    pub fn finish(mut self, live: Vec<Held>, optouts: Vec<jit_proto::view::OptoutView>, head: String) -> Result<Facts, Failing> {
        for grant in live {
            self.live.entry(grant.id.clone()).or_insert(grant);
        }
        let now = self.facts.period.end;
        let remaining: BTreeMap<_, _> = std::mem::take(&mut self.live).into_iter().collect();
        for grant in remaining.into_values() {
            let how = if grant.from.is_some_and(|from| from <= now) { "active" } else { "waiting" };
            self.close(grant, End { at: now, how: how.to_owned(), by: None, note: None })?;
        }
        for emergency in self.facts.unreviewed.values() {
            self.rows.row(&csv::emergency(emergency, now))?;
        }
        for optout in optouts.iter().filter(|optout| optout.stale) {
            self.rows.row(&csv::stale(optout))?;
        }
        self.facts.optouts = optouts;
        self.facts.head = head;
        Ok(self.facts)
    }
}

#[derive(Deserialize)]
struct OfId {
    id: String,
}

/// Whether uses are counted by rule: opt-outs that nobody takes by an act of their own.
fn is_by_rule(kind: &str) -> bool {
    matches!(kind, "repetitive" | "legacy")
}

fn with<'a, T: Deserialize<'a>>(data: &'a str, act: impl FnOnce(T)) {
    // What cannot be read was counted, and is passed over.
    if let Ok(read) = serde_json::from_str(data) {
        act(read);
    }
}

fn add(count: &mut u64) {
    *count = count.saturating_add(1);
}
