use super::{read_page, send_events};
use crate::clock::SystemClock;
use crate::directory::Directory;
use crate::engine::{Begun, Task};
use crate::keeper::Keeper;
use crate::limits::Acts;
use crate::notices::Notices;
use crate::reload::Reloader;
use crate::settings::RecordChecks;
use crate::user_door::{About, Line};
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
    let begun = Begun {
        state: State::default(),
        policy: None,
        trouble: Vec::new(),
        record: RecordChecks::Grouped,
        based: 0,
        no_record: None,
        hanging: None,
    };
    let (engine, task) = Task::new(SystemClock, Writer::none("none is needed".to_owned(), told), Keeper::idle(), begun);
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

#[tokio::test]
async fn whoever_watches_begins_anew_with_another_record() {
    let directory = tempfile::tempdir().unwrap();
    let path = file_in(directory.path());
    let _record = record(&path, 5, "alice");
    let told = Arc::new(watch::channel(Newest { record: 1, seq: 5 }).0);
    let about = about(&path, &told);
    let subject = about.directory.of_people(Uid(0)).await.unwrap();
    let actor = Actor {
        subject,
        remote: Remote::Unknown,
        login: LoginUid::Unset,
        ancestry: Ancestry::Unreadable,
        worn: Behind::Known(Humans::default()),
        within: Some(Vec::new()),
    };
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
