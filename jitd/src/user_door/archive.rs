//! Archiving: root takes older events out of the record, having them written elsewhere first.

use super::events::{EACH_OTHER, is_being_archived, kept_whole, not_read, send_checkpoint, send_events};
use super::{About, Gone, Line};
use jit_core::actor::Actor;
use jit_core::record::{Hash, Head, Trace};
use jit_core::refusal::Refusal;
use jit_core::time::WallTime;
use jit_proto::time::Moment;
use jit_proto::user::UserAnswer;
use jit_proto::view::FailureCode;
use jit_store::{Archived, Filter, open_to_read, read, slices};
use tokio::time::timeout;

fn moment(before: Moment) -> WallTime {
    WallTime::from_millis(before.0)
}

fn head_of(text: &str) -> Option<Head> {
    let (seq, hash) = text.split_once(':')?;
    Some(Head { seq: seq.parse().ok()?, hash: Hash::parse(hash)? })
}

fn roots(actor: &Actor) -> Result<(), Refusal> {
    if actor.subject.uid.is_root() { Ok(()) } else { Err(Refusal::RootOnly { what: "archive events" }) }
}

/// Sends all events before a moment.
pub async fn archive(about: &About, line: &mut Line, actor: Actor, before: Moment) -> Result<(), Gone> {
    if let Err(refusal) = roots(&actor) {
        return line.refuse(&refusal).await;
    }
    // What the state rests on is known up to there after this: none of it will be taken out. What comes meanwhile stays.
    let most = about.head.borrow().seq;
    about.engine.base().await;
    let Some(_whole) = kept_whole(about).await else { return is_being_archived(line).await };
    let store = about.store.clone();
    let last = tokio::task::spawn_blocking(move || {
        let reader = open_to_read(&store)?;
        let begins = read::checkpoint(&reader)?.map_or(0, |checkpoint| checkpoint.upto.seq);
        // What was kept of an earlier archive is in that one.
        read::last_before(&reader, moment(before), most).map(|last| last.filter(|last| last.seq > begins))
    })
    .await;
    let upto = match last {
        Ok(Ok(Some(upto))) => upto,
        Ok(Ok(None)) => return line.refuse(&Refusal::NothingToArchive).await,
        Ok(Err(error)) => return line.refuse(&Refusal::NotRecorded { why: error.to_string(), trace: Trace::None }).await,
        Err(_) => return line.refuse(&Refusal::Busy).await,
    };
    line.send(&UserAnswer::Archive { upto: format!("{}:{}", upto.seq, upto.hash) }).await?;
    send_checkpoint(about, line).await?;
    send_events(about, line, Filter { upto: Some(upto.seq), ..Filter::default() }, false).await
}

/// Takes out what was archived.
pub async fn prune(about: &About, line: &mut Line, actor: Actor, upto: String, before: Moment) -> Result<(), Gone> {
    if let Err(refusal) = roots(&actor) {
        return line.refuse(&refusal).await;
    }
    let Some(head) = head_of(&upto) else { return line.refuse(&Refusal::NoSuch { what: upto }).await };
    let by = actor.subject.name.clone();
    let humans = match about.engine.query(move |snapshot| snapshot.state.seen_behind(&actor)).await {
        Ok(humans) => humans,
        Err(refusal) => return line.refuse(&refusal).await,
    };
    let Some((writer, at)) = about.engine.writer().await else { return line.refuse(&Refusal::Busy).await };
    let store = about.store.clone();
    let heads = match tokio::task::spawn_blocking(move || slices(&open_to_read(&store)?, head)).await {
        Ok(Ok(heads)) => heads,
        Ok(Err(error)) => return line.refuse(&not_read(&error)).await,
        Err(_) => return line.refuse(&Refusal::Busy).await,
    };
    // What others want recorded goes between them.
    for head in heads {
        let Ok(_alone) = timeout(EACH_OTHER, about.archiving.write()).await else {
            let message = "somebody reads the record from one end to the other, and nothing is taken out under them".to_owned();
            return line.fail(FailureCode::Refused, message, Some("try again in a minute; the file is whole".to_owned())).await;
        };
        let archived = Archived { upto: head, before: moment(before), by: by.clone(), humans: humans.clone(), at };
        if let Err(unstored) = writer.prune(archived).await {
            return line.refuse(&unstored.refusal()).await;
        }
    }
    line.send(&UserAnswer::Archive { upto }).await
}
