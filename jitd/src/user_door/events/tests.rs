use super::{read_page, send_events};
use crate::clock::SystemClock;
use crate::directory::Directory;
use crate::engine::{Begun, Task};
use crate::keeper::Keeper;
use crate::limits::Acts;
use crate::notices::Notices;
use crate::reload::Reloader;
use crate::settings::RecordChecks;
use crate::user_door::{About, Line, archive};
use crate::writer::{Newest, Writer};
use jit_core::actor::{Actor, Ancestry, Behind, Humans, LoginUid};
use jit_core::name::Uid;
use jit_core::state::State;
use jit_core::subject::Remote;
use jit_core::time::WallTime;
use jit_proto::frame;
use jit_proto::user::UserAnswer;
use jit_store::{Filter, Fresh, Store, file_in};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::sync::watch;

/// A record of so many events of somebody.
fn record(path: &Path, events: usize, user: &str) -> Store {
    let (mut store, ..) = Store::open(path).unwrap();
    let at = WallTime::from_millis(1000);
    let event = |number| Fresh { at, event: "request.cancelled", data: format!(r#"{{"id":"R-{number:08}","user":"{user}"}}"#) };
    store.append(&(0..events).map(event).collect::<Vec<_>>(), 0).unwrap();
    store
}

fn about(store: &Path, told: &Arc<watch::Sender<Newest>>) -> About {
    about_with(store, told, Writer::none("none is needed".to_owned(), told), State::default())
}

fn about_with(store: &Path, told: &Arc<watch::Sender<Newest>>, writer: Writer, state: State) -> About {
    let begun = Begun { state, policy: None, trouble: Vec::new(), record: RecordChecks::Grouped, based: 0, no_record: None, hanging: None };
    let (engine, task) = Task::new(SystemClock, writer, Keeper::idle(), begun);
    tokio::spawn(task.run());
    let directory = Directory::default();
    About {
        reloader: Reloader::new(engine.clone(), directory.clone(), "policy.toml".into()),
        engine,
        directory,
        keeper: Keeper::idle(),
        store: store.to_owned(),
        head: told.subscribe(),
        since: 0,
        meter: Arc::default(),
        acts: Acts::default(),
        notices: Notices::new().0,
        archiving: Arc::default(),
    }
}

/// The numbers of the next events that are sent; none: the stream has ended, or the record is between two and cannot be read.
async fn next(stream: &mut UnixStream) -> Option<Vec<u64>> {
    let mut header = [0; frame::HEADER];
    tokio::time::timeout(Duration::from_secs(30), stream.read_exact(&mut header)).await.expect("it says nothing more").ok()?;
    let mut content = vec![0; frame::content_length(header).unwrap()];
    stream.read_exact(&mut content).await.unwrap();
    let UserAnswer::Events { events, .. } = frame::decode(&content).unwrap() else { return None };
    Some(events.iter().map(|event| event.seq).collect())
}

#[tokio::test]
async fn what_follows_a_record_ends_when_another_one_takes_its_place_however_long_that_is() {
    for events in [4, 9] {
        let directory = tempfile::tempdir().unwrap();
        let path = file_in(directory.path());
        let first = record(&path, 5, "alice");
        let told = Arc::new(watch::channel(Newest { record: 1, seq: 5 }).0);
        let about = about(&path, &told);
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let sends = tokio::spawn(async move {
            let filter = Filter { after: 3, ..Filter::default() };
            let _ = send_events(&about, &mut Line { stream: ours }, filter, true).await;
        });
        assert_eq!(next(&mut theirs).await, Some(vec![4, 5]));
        drop(first);
        std::fs::remove_file(&path).unwrap();
        let _second = record(&path, events, "bob");
        told.send_replace(Newest { record: 2, seq: u64::try_from(events).unwrap() });
        assert_eq!(next(&mut theirs).await, None, "{events} events");
        sends.await.unwrap();
    }
}

async fn root(about: &About) -> Actor {
    Actor {
        subject: about.directory.of_people(Uid(0)).await.unwrap(),
        remote: Remote::Unknown,
        login: LoginUid::Unset,
        ancestry: Ancestry::Unreadable,
        worn: Behind::Known(Humans::default()),
        within: Some(Vec::new()),
    }
}

#[tokio::test]
async fn whoever_watches_begins_anew_with_another_record() {
    let directory = tempfile::tempdir().unwrap();
    let path = file_in(directory.path());
    let _record = record(&path, 5, "alice");
    let told = Arc::new(watch::channel(Newest { record: 1, seq: 5 }).0);
    let about = about(&path, &told);
    let actor = root(&about).await;
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let watches = tokio::spawn(async move {
        let _ = crate::user_door::watch::watch(&about, &mut Line { stream: ours }, actor).await;
    });
    assert_eq!(next(&mut theirs).await, Some(vec![1, 2, 3, 4, 5]));
    told.send_replace(Newest { record: 2, seq: 4 });
    assert_eq!(next(&mut theirs).await, None);
    watches.await.unwrap();
}

#[tokio::test]
async fn what_was_not_wanted_is_not_looked_through_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = file_in(directory.path());
    let _record = record(&path, 5, "alice");
    let told = Arc::new(watch::channel(Newest { record: 1, seq: 4 }).0);
    let about = about(&path, &told);
    let of = |user: &str| Filter { user: Some(user.to_owned()), ..Filter::default() };
    let (read_to, parts) = read_page(&about, of("bob")).await.unwrap();
    assert!(parts.is_empty());
    assert_eq!(read_to, 4, "all that is told of, and no more");
    let (read_to, parts) = read_page(&about, of("alice")).await.unwrap();
    assert_eq!((parts.concat().len(), read_to), (4, 4));
    let (read_to, parts) = read_page(&about, Filter { after: 4, ..of("alice") }).await.unwrap();
    assert_eq!((parts.len(), read_to), (0, 4));
}

async fn answer(stream: &mut UnixStream) -> UserAnswer {
    let mut header = [0; frame::HEADER];
    tokio::time::timeout(Duration::from_secs(30), stream.read_exact(&mut header)).await.expect("it says nothing").unwrap();
    let mut content = vec![0; frame::content_length(header).unwrap()];
    stream.read_exact(&mut content).await.unwrap();
    frame::decode(&content).unwrap()
}

/// A record of so many events with somebody who writes it, resting on these events, or on what it does rest on.
fn kept(path: &Path, events: usize, seqs: Option<Vec<u64>>) -> About {
    drop(record(path, events, "alice"));
    let (mut store, state, _) = Store::open(path).unwrap();
    let base = jit_store::pick(path, state.picker(), store.head().seq).unwrap();
    store.put_base(&jit_store::Base { seqs: seqs.unwrap_or(base.seqs), ..base }).unwrap();
    let told = Arc::new(watch::channel(Newest::default()).0);
    let (reserve, syslog) = (jit_store::Reserve::beside(path, 0), crate::syslog::Syslog::new(path.with_file_name("log")));
    let pulse = crate::vital::Vital::new().0.pulse("the record");
    let (writer, _) = Writer::start(store, path.to_owned(), reserve, syslog, &told, Arc::default(), pulse).unwrap();
    about_with(path, &told, writer, state)
}

#[tokio::test]
async fn what_was_kept_of_an_archive_is_not_archived_again_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let path = file_in(directory.path());
    let about = kept(&path, 20, Some(vec![8]));
    let actor = root(&about).await;
    let upto = jit_store::read::one(&jit_store::open_to_read(&path).unwrap(), 20).unwrap().unwrap().head();
    let before = jit_proto::time::Moment(2000);
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let _ = archive::prune(&about, &mut Line { stream: ours }, actor.clone(), format!("{}:{}", upto.seq, upto.hash), before).await;
    let UserAnswer::Archive { .. } = answer(&mut theirs).await else { panic!("it was refused") };
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let _ = archive::archive(&about, &mut Line { stream: ours }, actor, before).await;
    let UserAnswer::Failed(failure) = answer(&mut theirs).await else {
        panic!("event 8 would be an archive that does not end where it should")
    };
    assert_eq!(failure.message, "there is no event from before that");
}

/// Found by a review: an export of that moment was broken for good, and verify said that of a whole record.
#[tokio::test]
async fn who_reads_the_record_while_it_is_archived_is_answered_one_record_and_not_the_ends_of_two() {
    let directory = tempfile::tempdir().unwrap();
    let path = file_in(directory.path());
    let about = kept(&path, 12_000, None);
    let actor = Actor { ancestry: Ancestry::Known(Vec::new()), ..root(&about).await };
    let upto = jit_store::read::one(&jit_store::open_to_read(&path).unwrap(), 11_500).unwrap().unwrap().head();

    let (ours, mut reads) = UnixStream::pair().unwrap();
    let (reader, of_reader) = (about.clone(), actor.clone());
    tokio::spawn(async move {
        let _ = super::events(&reader, &mut Line { stream: ours }, of_reader, jit_proto::user::EventFilter::default()).await;
    });
    // It reads on only when the archiving is done, or waits for it.
    let UserAnswer::Events { events, mut more } = answer(&mut reads).await else { panic!("it begins with its first event") };
    let mut seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert!(about.archiving.try_write().is_err(), "who reads keeps it from being archived");
    let (ours, mut archives) = UnixStream::pair().unwrap();
    let pruner = about.clone();
    let prunes = tokio::spawn(async move {
        let upto = format!("{}:{}", upto.seq, upto.hash);
        let _ = archive::prune(&pruner, &mut Line { stream: ours }, actor, upto, jit_proto::time::Moment(2000)).await;
    });
    while about.archiving.try_read().is_ok() && !prunes.is_finished() {
        tokio::task::yield_now().await;
    }
    while more {
        let UserAnswer::Events { events, more: goes_on } = answer(&mut reads).await else { panic!("it ends in good order") };
        seqs.extend(events.iter().map(|event| event.seq));
        more = goes_on;
    }
    assert!(
        seqs.iter().copied().eq(1..=12_000),
        "{} events, without a gap up to {:?}",
        seqs.len(),
        (1..).zip(&seqs).find(|(is, seq)| is != *seq)
    );
    let UserAnswer::Archive { .. } = answer(&mut archives).await else { panic!("it was refused") };
    prunes.await.unwrap();
    let begins = jit_store::read::checkpoint(&jit_store::open_to_read(&path).unwrap()).unwrap().unwrap();
    assert_eq!(begins.upto, upto);
    let newest = about.head.borrow().seq;
    let pruned = jit_store::read::one(&jit_store::open_to_read(&path).unwrap(), newest).unwrap().unwrap();
    let said: serde_json::Value = serde_json::from_str(&pruned.data).unwrap();
    assert_eq!((pruned.event.as_str(), &said["humans"]), ("audit.pruned", &serde_json::json!(["uid:0", "user:root"])));
}

/// Found by a review: they waited for ever, and each kept a slot.
#[tokio::test]
async fn who_reads_while_an_archiving_does_not_come_to_an_end_is_told_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = file_in(directory.path());
    let about = kept(&path, 10, None);
    let actor = root(&about).await;
    let _hangs = about.archiving.write().await;
    tokio::time::pause();
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let _ = super::events(&about, &mut Line { stream: ours }, actor.clone(), jit_proto::user::EventFilter::default()).await;
    let UserAnswer::Failed(failure) = answer(&mut theirs).await else { panic!("it is not answered") };
    assert_eq!(failure.message, "events are being archived, and the disk does not come to an end with it");
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let _ = archive::archive(&about, &mut Line { stream: ours }, actor, jit_proto::time::Moment(2000)).await;
    let UserAnswer::Failed(failure) = answer(&mut theirs).await else { panic!("it is not answered") };
    assert_eq!(failure.message, "events are being archived, and the disk does not come to an end with it");
}
