//! Somebody watches: they hear of what they may see as it happens, at most once a second.

use super::events::{event_parts, event_view, read};
use super::looks::{find, policy_of};
use super::{About, Gone, Line, views};
use crate::terminal::Terminal;
use jit_core::actor::{Actor, Ancestry};
use jit_core::engine::Viewer;
use jit_core::event::Event;
use jit_core::name::{RuleName, Uid, UserName};
use jit_core::record::Record;
use jit_core::refusal::Refusal;
use jit_core::subject::Subject;
use jit_proto::user::UserAnswer;
use jit_proto::view::EventView;
use jit_store::Filter;
use std::time::Duration;

/// How many events back it begins.
const BACK: u64 = 300;
/// How many events are read at a time.
const PAGE: u32 = 200;
/// How long nothing more is said after something was: a thousand events in a second are one answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Sends what somebody may see of the newest events, and then of those that come, until they hang up.
pub async fn watch(about: &About, line: &mut Line, actor: Actor) -> Result<(), Gone> {
    // A line from us would be written over their screen, which shows it anyhow.
    let _seat = terminal_of(&actor).map(|terminal| about.notices.sit(terminal));
    let mut head = about.head.clone();
    let began = *head.borrow();
    let mut after = began.seq.saturating_sub(BACK);
    let mut is_first = true;
    loop {
        head.mark_unchanged();
        // Whoever left a group sees no more of what it sees, although they listen already.
        // Root sees all, whatever its groups are; of others what their groups see would be left out, and not come later.
        let uid = actor.subject.uid;
        let found = if uid.is_root() { about.directory.acting(uid).await } else { about.directory.of_people(uid).await };
        let Ok(me) = found else { return line.refuse(&Refusal::Busy).await };
        let news = match News::since(about, &me, after).await {
            Ok(news) => news,
            Err(refusal) => return line.refuse(&refusal).await,
        };
        if about.head.borrow().record != began.record {
            // The numbers are another record's now: whoever watches begins anew.
            return Ok(());
        }
        after = news.upto;
        let says_something = news.send(line, is_first).await?;
        is_first = false;
        let next = async {
            if says_something {
                tokio::time::sleep(PAUSE).await;
            }
            head.changed().await.is_ok()
        };
        tokio::select! {
            goes_on = next => if !goes_on { return Ok(()) },
            () = line.hung_up() => return Err(Gone),
        }
    }
}

fn terminal_of(actor: &Actor) -> Option<Terminal> {
    match &actor.ancestry {
        Ancestry::Known(processes) => processes.first().copied().and_then(Terminal::of_process),
        Ancestry::Unreadable => None,
    }
}

/// What happened.
struct News {
    /// The events that the viewer may see.
    seen: Vec<EventView>,
    /// Whether something happened that changes what they may do.
    changed: bool,
    /// The last event that was looked at.
    upto: u64,
}

impl News {
    async fn since(about: &About, me: &Subject, after: u64) -> Result<Self, Refusal> {
        let mut news = Self { seen: Vec::new(), changed: false, upto: after };
        loop {
            let records = read(about, Filter { after: news.upto, ..Filter::default() }, PAGE).await?;
            let Some(last) = records.last() else { return Ok(news) };
            news.upto = last.seq;
            news.changed |= records.iter().any(|record| record.event.starts_with("policy."));
            let me = me.clone();
            // Read before the engine is asked, which has sudo waiting.
            let concerns: Vec<_> = records.iter().map(Concern::of).collect();
            let sees = about.engine.query(move |snapshot| {
                let viewer = views::viewer(&me, policy_of(snapshot));
                let sees = |concern: &Concern| may_see(&viewer, concern, |id| find(snapshot, &me, id).is_some());
                concerns.iter().map(sees).collect::<Vec<_>>()
            });
            let seen = records.iter().zip(sees.await?).filter(|(_, is_seen)| *is_seen);
            news.seen.extend(seen.map(|(record, _)| event_view(record)));
        }
    }

    /// Sends it; answers whether there was anything to send.
    async fn send(self, line: &mut Line, is_first: bool) -> Result<bool, Gone> {
        let parts = event_parts(self.seen);
        let says_nothing = parts.is_empty();
        for part in parts {
            line.send(&UserAnswer::Events { events: part, more: true }).await?;
        }
        if says_nothing && (self.changed || is_first) {
            line.send(&UserAnswer::Events { events: Vec::new(), more: true }).await?;
        }
        Ok(!says_nothing || self.changed)
    }
}

/// Whom an event concerns, beside those who see everything.
enum Concern {
    /// An account that was let in.
    Account(Uid, UserName),
    /// An account that was turned away or only observed, and whoever could approve what it wanted.
    Turned(Option<Uid>, UserName, Option<RuleName>),
    /// Whoever sees the request, grant or session of this id.
    About(String),
    /// Nobody else.
    Nobody,
}

impl Concern {
    fn of(record: &Record) -> Self {
        match Event::read(&record.event, &record.data) {
            Ok(Event::AccessAllowed(allowed)) => Self::Account(allowed.uid, allowed.user),
            Ok(Event::AccessDenied(denied)) => Self::Turned(denied.uid, denied.user, denied.rule),
            Ok(Event::AccessObserved(observed)) => Self::Turned(observed.uid, observed.user, None),
            Ok(_) => about(&record.data).map_or(Self::Nobody, Self::About),
            Err(_) => Self::Nobody,
        }
    }
}

/// Whether somebody may see an event: whoever sees the request, grant or session that it is about does, whoever was let
/// in or turned away, and whoever could approve what they wanted.
fn may_see(viewer: &Viewer<'_>, concern: &Concern, sees: impl Fn(&str) -> bool) -> bool {
    let me = viewer.subject;
    viewer.sees_all()
        || match concern {
            Concern::Account(uid, user) => *uid == me.uid && *user == me.name,
            Concern::Turned(uid, user, rule) => {
                let own = *uid == Some(me.uid) && *user == me.name;
                own || rule.as_ref().is_some_and(|rule| viewer.approves_by(rule))
            }
            Concern::About(id) => sees(id),
            Concern::Nobody => false,
        }
}

/// The id of what an event is about.
fn about(data: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct OfId {
        id: String,
    }
    serde_json::from_str::<OfId>(data).ok().map(|about| about.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_core::policy::Policy;
    use jit_core::record::Head;
    use jit_core::time::WallTime;

    fn concern(event: &str, data: &str) -> Concern {
        Concern::of(&Record::chained(Head::NONE, WallTime::from_millis(0), event, data.to_owned()))
    }

    fn subject(uid: u32, name: &str) -> Subject {
        Subject { uid: Uid(uid), name: UserName::new(name), groups: jit_core::subject::Groups::unknown() }
    }

    #[test]
    fn an_event_is_seen_by_whom_it_is_about_and_not_by_others() {
        let policy = Policy::default();
        let (alice, bob) = (subject(1001, "alice"), subject(1002, "bob"));
        let denied = r#"{"id":"D-00000001","user":"alice","uid":1001,"service":"sudo","as":null,"from":null,"phase":"account","why":"no grant","rule":"r","ask":null,"count":1}"#;
        let denied = concern("access.denied", denied);
        let sees_none = |_: &str| false;
        assert!(may_see(&views::viewer(&alice, &policy), &denied, sees_none));
        assert!(!may_see(&views::viewer(&bob, &policy), &denied, |_| true), "an id is not enough: D-... is nobody's");
        let cancelled = concern("request.cancelled", r#"{"id":"R-00000001","user":"alice"}"#);
        assert!(may_see(&views::viewer(&bob, &policy), &cancelled, |id| id == "R-00000001"));
        assert!(!may_see(&views::viewer(&bob, &policy), &cancelled, sees_none));
        let policy_event = concern("policy.rejected", r#"{"by":"root","mistakes":1,"first":"x"}"#);
        assert!(!may_see(&views::viewer(&alice, &policy), &policy_event, |_| true));
        assert!(!may_see(&views::viewer(&alice, &policy), &concern("grant.borrowed", r#"{"id":"G-00000001"}"#), |_| true));
        assert!(may_see(&views::viewer(&subject(0, "root"), &policy), &policy_event, sees_none));
    }
}
