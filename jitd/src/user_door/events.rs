//! The record, for auditors, and what others are shown of it.

use super::looks::{policy_of, resolve};
use super::parts::parts;
use super::{About, Gone, Line};
use jit_core::actor::Actor;
use jit_core::id::IdPrefix;
use jit_core::record::{Record, Trace};
use jit_core::refusal::Refusal;
use jit_core::time::WallTime;
use jit_proto::time::Moment;
use jit_proto::user::{EventFilter, UserAnswer};
use jit_proto::view::{CheckpointView, EventView, FailureCode};
use jit_store::read::{Checkpoint, Page, checkpoint, page};
use jit_store::{Filter, events as stored_events, open_to_read};
use std::fmt::Display;
use std::time::Duration;
use tokio::sync::RwLockReadGuard;
use tokio::time::timeout;

/// How many events are read at a time: so many that opening the record each time costs little beside them.
const PAGE: u32 = 1000;

/// How long who reads the whole record, and who archives, wait for each other: less than whoever asked waits for an answer.
pub const EACH_OTHER: Duration = Duration::from_secs(30);

/// Keeps the record whole until this is dropped. None: it is being archived, and that does not come to an end.
pub async fn kept_whole(about: &About) -> Option<RwLockReadGuard<'_, ()>> {
    timeout(EACH_OTHER, about.archiving.read()).await.ok()
}

/// Says that the record is being archived.
pub async fn is_being_archived(line: &mut Line) -> Result<(), Gone> {
    let message = "events are being archived, and the disk does not come to an end with it".to_owned();
    line.fail(FailureCode::Refused, message, Some("try again in a minute; jit status says how the disk is".to_owned())).await
}

pub fn not_read(error: &dyn Display) -> Refusal {
    Refusal::NotRecorded { why: format!("the record cannot be read: {error}"), trace: Trace::None }
}

pub async fn events(about: &About, line: &mut Line, actor: Actor, filter: EventFilter) -> Result<(), Gone> {
    if let Err(refusal) = may_read(about, actor).await {
        return line.refuse(&refusal).await;
    }
    let wall = |moment: Moment| WallTime::from_millis(moment.0);
    let follow = filter.follow;
    let id = match filter.id.as_deref().map(str::parse::<IdPrefix>) {
        None => None,
        Some(Ok(id)) => match resolve(about, &id).await {
            Ok(id) => Some(id),
            Err(refusal) => return line.refuse(&refusal).await,
        },
        Some(Err(_)) => return line.refuse(&Refusal::NoSuch { what: filter.id.unwrap_or_default() }).await,
    };
    let filter = Filter {
        after: 0,
        upto: None,
        since: filter.since.map(wall),
        until: filter.until.map(wall),
        user: filter.user,
        kind: filter.kind,
        id,
    };
    // Who follows it says nothing of whether it is whole, and would hold up who archives for ever.
    let whole = if follow { None } else { kept_whole(about).await };
    if whole.is_none() && !follow {
        return is_being_archived(line).await;
    }
    send_checkpoint(about, line).await?;
    send_events(about, line, filter, follow).await
}

/// Events after a number, and then as they come. Whoever names a number that was never reached (the record is another one,
/// an older backup perhaps) gets the newest event, and can see it by its hash.
pub async fn follow(about: &About, line: &mut Line, actor: Actor, after: Option<u64>) -> Result<(), Gone> {
    if let Err(refusal) = may_read(about, actor).await {
        return line.refuse(&refusal).await;
    }
    let newest = *about.head.borrow();
    let last = newest.seq.saturating_sub(1);
    let filter = Filter { after: after.map_or(last, |after| after.min(last)), ..Filter::default() };
    send_events_of(newest.record, about, line, filter, true).await
}

async fn may_read(about: &About, actor: Actor) -> Result<(), Refusal> {
    let me = actor.subject;
    about
        .engine
        .query(move |snapshot| match snapshot.no_record {
            _ if policy_of(snapshot).sees_all(&me) => Ok(()),
            // Nobody knows who may, until there is one.
            Some(why) => Err(not_read(&why)),
            None => Err(Refusal::AuditorsOnly { what: "read the record" }),
        })
        .await?
}

/// No event counts of which nobody was told that it is stored, though the disk may hold some.
fn acknowledged(about: &About, filter: Filter) -> Filter {
    let newest = about.head.borrow().seq;
    Filter { upto: Some(filter.upto.map_or(newest, |upto| upto.min(newest))), ..filter }
}

pub async fn read(about: &About, filter: Filter, most: u32) -> Result<Vec<Record>, Refusal> {
    let (store, filter) = (about.store.clone(), acknowledged(about, filter));
    let read = tokio::task::spawn_blocking(move || stored_events(&open_to_read(&store)?, &filter, most)).await;
    read.map_err(|_| Refusal::Busy)?.map_err(|error| not_read(&error))
}

/// The next events, in parts that each fit a frame, and the number up to which was looked. They are made ready beside the task
/// that answers checks, which does not wait for them.
async fn read_page(about: &About, filter: Filter) -> Result<(u64, Vec<Vec<EventView>>), Refusal> {
    let (store, filter) = (about.store.clone(), acknowledged(about, filter));
    let read = tokio::task::spawn_blocking(move || {
        let Page { records, read_to } = page(&open_to_read(&store)?, &filter, PAGE)?;
        Ok::<_, rusqlite::Error>((read_to, event_parts(records.iter().map(event_view).collect())))
    });
    read.await.map_err(|_| Refusal::Busy)?.map_err(|error| not_read(&error))
}

/// Events in parts that each fit a frame.
pub fn event_parts(events: Vec<EventView>) -> Vec<Vec<EventView>> {
    parts(events, |event| event.data.len().saturating_add(400))
}

/// Says where the record begins, if older events were archived.
pub async fn send_checkpoint(about: &About, line: &mut Line) -> Result<(), Gone> {
    let store = about.store.clone();
    let found = tokio::task::spawn_blocking(move || checkpoint(&open_to_read(&store)?)).await;
    // What cannot be read is said when the events are.
    let Ok(Ok(Some(Checkpoint { upto, kept, kept_digest }))) = found else { return Ok(()) };
    let view = CheckpointView { upto: upto.seq, hash: upto.hash.to_string(), kept, kept_digest };
    line.send(&UserAnswer::Checkpoint(view)).await
}

/// Sends the events of the record that there is, and follows it if that is asked for.
pub async fn send_events(about: &About, line: &mut Line, filter: Filter, follow: bool) -> Result<(), Gone> {
    let record = about.head.borrow().record;
    send_events_of(record, about, line, filter, follow).await
}

async fn send_events_of(record: u64, about: &About, line: &mut Line, mut filter: Filter, follow: bool) -> Result<(), Gone> {
    let mut head = about.head.clone();
    loop {
        head.mark_unchanged();
        let (read_to, parts) = match read_page(about, filter.clone()).await {
            Ok(page) => page,
            Err(refusal) => return line.refuse(&refusal).await,
        };
        if about.head.borrow().record != record {
            // The same numbers are other events now. Whoever follows asks anew, and sees that it is another record.
            return Ok(());
        }
        let is_empty = parts.is_empty();
        filter.after = read_to;
        for events in parts {
            line.send(&UserAnswer::Events { events, more: true }).await?;
        }
        if is_empty && follow {
            tokio::select! {
                // jitd ends: that is no end of what is followed.
                changed = head.changed() => if changed.is_err() { return Ok(()) },
                () = line.hung_up() => return Err(Gone),
            }
        } else if is_empty {
            break;
        }
    }
    line.send(&UserAnswer::Events { events: Vec::new(), more: false }).await
}

pub fn event_view(record: &Record) -> EventView {
    EventView {
        seq: record.seq,
        at: record.at.with_millis(),
        event: record.event.clone(),
        data: record.data.clone(),
        prev: record.prev.to_string(),
        hash: record.hash.to_string(),
    }
}

#[cfg(test)]
mod tests;
