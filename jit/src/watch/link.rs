//! Threads that listen to jitd, and ask it. The screen never waits for it.

use super::model::{Link, News, Order, Picture};
use super::rows;
use super::screen::Heard;
use crate::failing::Failing;
use crate::show::lines::{self, Reader};
use crate::show::times::Clock;
use crate::show::{full, words};
use crate::talk::Talk;
use jit_proto::user::{Act, Target, UserAnswer, Which};
use jit_proto::view::{GrantView, Shown};
use std::sync::mpsc::{Receiver, Sender};
use std::thread::sleep;
use std::time::Duration;

/// How long between two looks for a jitd that is away.
const AGAIN: Duration = Duration::from_secs(1);
/// The most reviews that are looked up.
const REVIEWS: usize = 20;

/// Listens until the screen is gone. A jitd that went away is looked for.
pub fn listen(talk: &Talk, heard: &Sender<Heard>) {
    loop {
        let Err(failing) = hear(talk, heard) else { return };
        if heard.send(Heard::News(News::Link(Link::Away(format!("{failing}."))))).is_err() {
            return;
        }
        sleep(AGAIN);
    }
}

/// Listens on one connection; all is well when the screen is gone.
fn hear(talk: &Talk, heard: &Sender<Heard>) -> Result<(), Failing> {
    let conversation = talk.ask(Act::Watch)?;
    let mut is_live = false;
    loop {
        let answer = conversation.next_within(None)?.ok_or_else(|| conversation.unexpected())?;
        let UserAnswer::Events { events, .. } = answer else { return Err(conversation.unexpected()) };
        let link = (!is_live).then_some(Heard::News(News::Link(Link::Live)));
        is_live = true;
        for news in link.into_iter().chain([Heard::News(News::Events(events))]) {
            if heard.send(news).is_err() {
                return Ok(());
            }
        }
    }
}

/// Asks what is ordered, one after the other, until the screen is gone.
pub fn ask(talk: &Talk, orders: &Receiver<Order>, heard: &Sender<Heard>) {
    while let Ok(order) = orders.recv() {
        let news = match order {
            // A jitd that is away is said by whoever listens.
            Order::Look => picture(talk).ok().map(|picture| News::Picture(Box::new(picture))),
            Order::Show(id) => Some(sheet(talk, &id).map_or_else(|failing| News::Done(Err(said(&failing))), News::Sheet)),
            Order::Approve { .. } | Order::Deny { .. } | Order::Revoke { .. } | Order::Review { .. } => {
                let done = act(talk, order).map_err(|failing| said(&failing));
                let remarks = talk.remarks().join(" ");
                Some(News::Done(done.map(|words| if remarks.is_empty() { words } else { format!("{words} {}", words::safe(&remarks)) })))
            }
        };
        if heard.send(Heard::Asked(news)).is_err() {
            return;
        }
    }
}

/// A failure in one line: what, and what to do.
fn said(failing: &Failing) -> String {
    match failing {
        Failing::Failed(failure) => {
            let help = failure.help.as_deref().map(|help| format!(": {}", words::safe(help))).unwrap_or_default();
            format!("{}{help}", words::safe(&failure.message))
        }
        Failing::ReaderGone | Failing::Unwritten(_) => failing.to_string(),
    }
}

fn picture(talk: &Talk) -> Result<Picture, Failing> {
    let requests = talk.list(Which::Pending)?.requests;
    let active = talk.list(Which::Active)?;
    // After the requests: whatever is shown of them, it is known whether it waits for us.
    let status = talk.status()?;
    let known = |id: &String| active.grants.iter().find(|grant| grant.id == *id).cloned().or_else(|| talk.grant(id));
    let reviews: Vec<GrantView> = status.to_review.iter().take(REVIEWS).filter_map(known).collect();
    Ok(Picture {
        user: status.user,
        requests,
        reviews,
        grants: active.grants,
        sessions: active.sessions,
        to_approve: status.to_approve.into_iter().collect(),
        notices: status.notices,
    })
}

fn sheet(talk: &Talk, id: &str) -> Result<Vec<String>, Failing> {
    let (shown, events) = talk.show(id)?;
    let clock = Clock::local();
    let mut lines: Vec<String> = full::shown(clock, &shown).lines().map(str::to_owned).collect();
    lines.push(String::new());
    lines.push("What happened".to_owned());
    lines.extend(events.iter().map(|event| format!("  {}", rows::event(clock, event).plain())));
    if let Shown::Request(request) = &shown
        && request.state == "pending"
    {
        lines.push(String::new());
        lines.push("Back to the list: a approves it, d denies it.".to_owned());
    }
    Ok(lines)
}

fn act(talk: &Talk, order: Order) -> Result<String, Failing> {
    let clock = Clock::local();
    let grants =
        |act: Act, line: fn(&GrantView) -> String| talk.grants(act).map(|grants| grants.iter().map(line).collect::<Vec<_>>().join(" "));
    match order {
        Order::Approve { id, for_s, note } => {
            let request = talk.request(Act::Approve { id, for_s, note })?;
            if request.state != "granted" {
                return Ok(lines::approved_in_part(clock, &request));
            }
            let grant = request.grant_id.as_deref().and_then(|id| talk.grant(id));
            Ok(lines::granted(clock, Reader::Other, &request, grant.as_ref()))
        }
        Order::Deny { id, note } => Ok(lines::denied_by_you(&talk.request(Act::Deny { id, note: Some(note) })?)),
        Order::Revoke { id, note } => grants(Act::Revoke { target: Target::Grant(id), note, now: false }, lines::revoked),
        Order::Review { id, verdict, note } => grants(Act::Review { id, verdict, note }, lines::reviewed),
        Order::Look | Order::Show(_) => Ok(String::new()),
    }
}
