//! All that somebody may see, page by page.
//!
//! The engine shows a page at a time, and takes what the door asks between two of them: a list of a hundred thousand grants
//! keeps no sudo waiting, and of what somebody reads slowly jitd holds one page.

use super::looks::{name_approvers, policy_of};
use super::parts::{parts, size_of};
use super::{About, Gone, Line, views};
use crate::engine::Snapshot;
use jit_core::actor::Actor;
use jit_core::grant::Grant;
use jit_core::id::{GrantId, RequestId, SessionId};
use jit_core::request::Request;
use jit_core::session::Session;
use jit_core::subject::Subject;
use jit_proto::user::{UserAnswer, Which};
use jit_proto::view::{GrantView, RequestView, SessionView};
use std::sync::Arc;

/// How many things are looked at for a page.
const LOOKED_AT: usize = 256;
/// How many of them a page shows: to show one takes ten times as long as to pass it over.
const SHOWN: usize = 32;

/// Where a page begins: behind this one, or with the first of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Requests(Option<RequestId>),
    Grants(Option<GrantId>),
    Sessions(Option<SessionId>),
}

/// What a page shows.
enum Shown {
    Requests(Vec<RequestView>),
    Grants(Vec<GrantView>),
    Sessions(Vec<SessionView>),
}

/// Sends it all: requests, grants, sessions, each in the order of their ids.
pub async fn list(about: &About, line: &mut Line, actor: Actor, which: Which) -> Result<(), Gone> {
    let me = Arc::new(actor.subject);
    let mut place = Some(Place::Requests(None));
    while let Some(from) = place {
        let me = me.clone();
        let (shown, next) = match about.engine.query(move |snapshot| page(snapshot, &me, which, from)).await {
            Ok(page) => page,
            Err(refusal) => return line.refuse(&refusal).await,
        };
        send(about, line, shown).await?;
        place = next;
    }
    line.send(&listing(Vec::new(), Vec::new(), Vec::new(), false)).await
}

fn listing(requests: Vec<RequestView>, grants: Vec<GrantView>, sessions: Vec<SessionView>, more: bool) -> UserAnswer {
    UserAnswer::Listing { requests, grants, sessions, more }
}

async fn send(about: &About, line: &mut Line, shown: Shown) -> Result<(), Gone> {
    match shown {
        Shown::Requests(mut requests) => {
            for request in requests.iter_mut().filter(|request| request.state == "pending") {
                name_approvers(about, request).await;
            }
            for part in parts(requests, request_size) {
                line.send(&listing(part, Vec::new(), Vec::new(), true)).await?;
            }
        }
        Shown::Grants(grants) => {
            for part in parts(grants, grant_size) {
                line.send(&listing(Vec::new(), part, Vec::new(), true)).await?;
            }
        }
        Shown::Sessions(sessions) => {
            for part in parts(sessions, |_| 400) {
                line.send(&listing(Vec::new(), Vec::new(), part, true)).await?;
            }
        }
    }
    Ok(())
}

/// A page, and where the next one begins; none: it was the last.
fn page(snapshot: &Snapshot<'_>, me: &Subject, which: Which, place: Place) -> (Shown, Option<Place>) {
    let (state, viewer) = (snapshot.state, views::viewer(me, policy_of(snapshot)));
    let (all, pending, active) = (which == Which::All, which == Which::Pending, which == Which::Active);
    match place {
        Place::Requests(after) => {
            let wanted = |request: &Request| all || pending && matches!(request, Request::Pending(_));
            let look = |request: &Request| (wanted(request) && viewer.sees_request(request)).then(|| views::request(request));
            let (shown, last) = some(state.requests_after(after), |request: &Request| request.ask().id, look);
            (Shown::Requests(shown), Some(last.map_or(Place::Grants(None), |last| Place::Requests(Some(last)))))
        }
        Place::Grants(after) => {
            let wanted = |grant: &Grant| all || active && matches!(grant, Grant::Live(_));
            let look =
                |grant: &Grant| (wanted(grant) && viewer.sees_grant(grant.terms())).then(|| views::grant_in(grant, state, snapshot.now));
            let (shown, last) = some(state.grants_after(after), |grant: &Grant| grant.terms().id, look);
            (Shown::Grants(shown), Some(last.map_or(Place::Sessions(None), |last| Place::Grants(Some(last)))))
        }
        Place::Sessions(after) => {
            let wanted = |session: &Session| all || active && state.has_open_session(session.facts().id);
            let sees = |session: &Session| viewer.sees_session(session.facts(), state.grant(session.facts().grant).map(Grant::terms));
            let look = |session: &Session| (wanted(session) && sees(session)).then(|| views::session(session, state));
            let (shown, last) = some(state.sessions_after(after), |session: &Session| session.facts().id, look);
            (Shown::Sessions(shown), last.map(|last| Place::Sessions(Some(last))))
        }
    }
}

/// Some of these things as they are shown, and the last one that was looked at; none: that was all of them.
fn some<'a, T: 'a, I, V>(things: impl Iterator<Item = &'a T>, id: impl Fn(&T) -> I, look: impl Fn(&T) -> Option<V>) -> (Vec<V>, Option<I>) {
    let (mut shown, mut last) = (Vec::new(), None);
    for (looked_at, thing) in things.enumerate() {
        if looked_at >= LOOKED_AT || shown.len() >= SHOWN {
            return (shown, last);
        }
        shown.extend(look(thing));
        last = Some(id(thing));
    }
    (shown, None)
}

fn request_size(request: &RequestView) -> usize {
    let approved = request.stages.iter().flat_map(|stage| &stage.approved);
    let notes = approved.flat_map(|approval| [approval.by.as_str(), approval.note.as_deref().unwrap_or_default(), "when and by which uid"]);
    let by = request.stages.iter().flat_map(|stage| &stage.by).map(String::as_str);
    size_of(by.chain(notes).chain(request.approvers.iter().map(String::as_str)).chain([request.reason.as_str()]))
}

/// About how many bytes of a frame a grant fills.
fn grant_size(grant: &GrantView) -> usize {
    size_of(grant.sessions.iter().chain(&grant.by).map(String::as_str).chain([grant.reason.as_str()]))
}

#[cfg(test)]
mod tests {
    use super::{LOOKED_AT, SHOWN, some};

    /// All pages of these numbers, of which even ones are shown.
    fn pages(count: usize, is_shown: impl Fn(usize) -> bool) -> Vec<Vec<usize>> {
        let numbers: Vec<usize> = (0..count).collect();
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let rest = numbers.iter().skip(after.map_or(0, |last: usize| last + 1));
            let (shown, last) = some(rest, |number| *number, |number| is_shown(*number).then_some(*number));
            pages.push(shown);
            after = last;
            if after.is_none() {
                return pages;
            }
        }
    }

    #[test]
    fn pages_are_short_and_together_they_are_everything_once() {
        for count in [0, 1, SHOWN, SHOWN + 1, LOOKED_AT, LOOKED_AT + 1, 5_000] {
            for every in [1, 2, 100, 10_000] {
                let pages = pages(count, |number| number % every == 0);
                assert!(pages.iter().all(|page| page.len() <= SHOWN));
                assert!(
                    pages.len() <= 1 + count.div_ceil(LOOKED_AT) + count.div_ceil(every).div_ceil(SHOWN),
                    "{count} {every}: {}",
                    pages.len()
                );
                let all: Vec<usize> = pages.concat();
                assert_eq!(all, (0..count).step_by(every).collect::<Vec<_>>());
            }
        }
    }
}
