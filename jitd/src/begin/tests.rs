use super::{Beginner, Beginning, Then};
use crate::clock::SystemClock;
use crate::engine::{Handle, Task};
use crate::keeper::Keeper;
use crate::settings::{Settings, own_directory};
use crate::vital::Vital;
use crate::writer::Newest;
use jit_core::name::UserName;
use jit_core::record::Head;
use jit_core::session::Bound;
use jit_core::state::State;
use jit_core::time::WallTime;
use jit_store::{Archived, Base, Fresh, Store, file_in, open_to_read, pick, read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// So many that a start reads from a base, and that of one session still open.
fn events() -> Vec<Fresh> {
    let at = WallTime::from_millis(1000);
    let other = |number: u32| Fresh { at, event: "request.cancelled", data: format!(r#"{{"id":"R-{number:08}","user":"bob"}}"#) };
    let opened = r#"{"id":"S-0A1B2C3D","grant":"G-0A1B2C3D","user":"alice","uid":1001,"service":"sudo","as":"root","from":null,"tty":null,"auth":null,"process":null}"#;
    let opened = Fresh { at, event: "session.opened", data: opened.to_owned() };
    (0..20_000).map(other).chain([opened]).collect()
}

/// What begins with this record, in a directory of its own.
fn beginner(directory: &Path) -> (Beginner<SystemClock>, PathBuf) {
    let place = |name: &str| directory.join(name);
    let (state, run) = (place("state"), place("run"));
    [&state, &run, &own_directory(&run)].into_iter().for_each(|made| std::fs::create_dir(made).unwrap());
    let record = file_in(&state);
    let settings = Settings { run, state, policy: place("policy.toml"), syslog: place("log"), ..Settings::default() };
    let beginner = Beginner {
        settings,
        clock: SystemClock,
        told: Arc::new(tokio::sync::watch::channel(Newest::default()).0),
        bound: Bound::Tree,
        meter: Arc::default(),
        vital: Vital::new().0,
        unrecorded: Default::default(),
    };
    (beginner, record)
}

/// A record of which that is said to be the base.
fn with_base(record: &Path, base: impl FnOnce(&State, Head) -> Base) {
    let (mut store, ..) = Store::open(record).unwrap();
    store.append(&events(), 0).unwrap();
    drop(store);
    let (mut store, folded, _) = Store::open(record).unwrap();
    let base = base(&folded, store.head());
    store.put_base(&base).unwrap();
}

/// An engine that goes on with what there is.
async fn run(beginner: Beginner<SystemClock>) -> Handle {
    let Beginning { begun, writer, then } = beginner.begin().await.unwrap();
    let (engine, task) = Task::new(SystemClock, writer, Keeper::idle(), begun);
    tokio::spawn(task.run());
    beginner.go_on_with(then, engine.clone());
    engine
}

/// Why there is no record, once it is this.
async fn why_none(engine: &Handle, is_it: impl Fn(Option<&str>) -> bool) -> Option<String> {
    let began = std::time::Instant::now();
    loop {
        let why = engine.query(|snapshot| snapshot.no_record.map(str::to_owned)).await.unwrap();
        if is_it(why.as_deref()) {
            return why;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "it still is {why:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_base_that_does_not_fit_a_whole_record_is_thrown_away_and_the_record_stays() {
    let directory = tempfile::tempdir().unwrap();
    let (beginner, record) = beginner(directory.path());
    with_base(&record, |_, upto| Base { upto, seqs: vec![1] });
    let Beginning { begun, writer, then } = beginner.begin().await.unwrap();
    assert_eq!(begun.state.sessions().count(), 0);
    let (engine, task) = Task::new(SystemClock, writer, Keeper::idle(), begun);
    tokio::spawn(task.run());
    assert!(matches!(then, Then::Prove(_)));
    beginner.go_on_with(then, engine.clone());
    let began = std::time::Instant::now();
    while engine.query(|snapshot| snapshot.state.sessions().count()).await != Ok(1) {
        assert!(began.elapsed() < Duration::from_secs(30), "it never is");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(engine.query(|snapshot| snapshot.store_fails.is_some()).await, Ok(false));
    assert!(
        file_in(&directory.path().join("state")).exists()
            && std::fs::read_dir(directory.path().join("state")).unwrap().flatten().count() <= 4
    );
    engine.stop().await;
}

#[tokio::test]
async fn a_record_that_was_read_from_a_base_is_archived_once_that_is_known_to_fit() {
    let directory = tempfile::tempdir().unwrap();
    let (beginner, record) = beginner(directory.path());
    with_base(&record, |state, upto| pick(&record, state.picker(), upto.seq).unwrap());
    let Beginning { begun, writer, then } = beginner.begin().await.unwrap();
    let (engine, task) = Task::new(SystemClock, writer.clone(), Keeper::idle(), begun);
    tokio::spawn(task.run());
    let upto = read::one(&open_to_read(writer.store()).unwrap(), 10_000).unwrap().unwrap().head();
    let prune = || {
        let at = WallTime::from_millis(2000);
        writer.prune(Archived { upto, before: at, by: UserName::new("root"), humans: None, at })
    };
    assert!(prune().await.unwrap_err().why.contains("still being compared"));
    beginner.go_on_with(then, engine.clone());
    let began = std::time::Instant::now();
    while prune().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(30), "it never is");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    engine.stop().await;
}

#[tokio::test]
async fn each_record_that_cannot_be_used_is_said_and_the_next_whole_one_is_taken_up() {
    let directory = tempfile::tempdir().unwrap();
    let (beginner, record) = beginner(directory.path());
    let syslog = std::os::unix::net::UnixDatagram::bind(directory.path().join("log")).unwrap();
    syslog.set_nonblocking(true).unwrap();
    let said = || {
        let mut line = [0; 4096];
        let lines = std::iter::from_fn(|| syslog.recv(&mut line).ok().map(|length| String::from_utf8_lossy(&line[..length]).into_owned()));
        lines.filter(|line| line.contains("store.failed")).collect::<Vec<_>>()
    };
    let (mut store, ..) = Store::open(&record).unwrap();
    store.append(&events()[..10], 0).unwrap();
    drop(store);
    let whole = std::fs::read(&record).unwrap();
    let put = |bytes: &[u8]| {
        std::fs::write(directory.path().join("copy"), bytes).unwrap();
        std::fs::rename(directory.path().join("copy"), &record).unwrap();
    };
    put(&[&whole[..4096], &[7; 8192]].concat());
    let engine = run(beginner).await;
    let first = why_none(&engine, |why| why.is_some()).await.unwrap();
    assert_eq!(said().len(), 1);
    put(&whole[..whole.len() / 2]);
    let second = why_none(&engine, |why| why != Some(first.as_str())).await.unwrap();
    assert!(second.contains("it was set aside as"), "{second}");
    let newer = directory.path().join("newer");
    std::fs::write(&newer, &whole).unwrap();
    rusqlite::Connection::open(&newer).unwrap().execute_batch("PRAGMA user_version = 9999").unwrap();
    put(&std::fs::read(&newer).unwrap());
    why_none(&engine, |why| why.is_some_and(|why| why != first && why != second)).await;
    let lines = said();
    assert_eq!(lines.len(), 2, "each once, though it is tried each second: {lines:#?}");
    put(&whole);
    why_none(&engine, |why| why.is_none()).await;
    engine.stop().await;
    let again = said();
    assert!(again.iter().all(|line| line.contains(" seq=")), "they are in the record now: {again:#?}");
    let stored = jit_store::events(&open_to_read(&record).unwrap(), &jit_store::Filter::default(), 100).unwrap();
    let behind_start = stored.iter().skip_while(|event| event.event != "daemon.started");
    let of_the_store: Vec<_> = behind_start.filter(|event| event.event.starts_with("store.")).collect();
    let names: Vec<_> = of_the_store.iter().map(|event| event.event.as_str()).collect();
    assert_eq!(names, ["store.failed", "store.failed", "store.failed", "store.back"]);
    assert!(of_the_store[1].data.contains("it was set aside as"), "{of_the_store:#?}");
    assert!(of_the_store[0].at < of_the_store[3].at);
}
