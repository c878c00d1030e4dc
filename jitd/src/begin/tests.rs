use super::{Beginner, Beginning};
use crate::clock::SystemClock;
use crate::engine::Task;
use crate::keeper::Keeper;
use crate::settings::{Settings, own_directory};
use crate::vital::Vital;
use crate::writer::Archived;
use jit_core::name::UserName;
use jit_core::record::Head;
use jit_core::session::Bound;
use jit_core::state::State;
use jit_core::time::WallTime;
use jit_store::{Base, Fresh, Store, file_in, open_to_read, pick, read};
use std::path::Path;
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

/// A beginning with such a record, of which that is said to be the base.
fn beginner(directory: &Path, base: impl FnOnce(&Path, &State, Head) -> Base) -> Beginner<SystemClock> {
    let place = |name: &str| directory.join(name);
    let (state, run) = (place("state"), place("run"));
    [&state, &run, &own_directory(&run)].into_iter().for_each(|made| std::fs::create_dir(made).unwrap());
    let record = file_in(&state);
    let (mut store, ..) = Store::open(&record).unwrap();
    store.append(&events(), 0).unwrap();
    drop(store);
    let (mut store, folded, _) = Store::open(&record).unwrap();
    let base = base(&record, &folded, store.head());
    store.put_base(&base).unwrap();
    drop(store);
    let settings = Settings { run, state, policy: place("policy.toml"), syslog: place("log"), ..Settings::default() };
    let (vital, _losses) = Vital::new();
    let told = Arc::new(tokio::sync::watch::channel(0).0);
    Beginner { settings, clock: SystemClock, told, bound: Bound::Tree, meter: Arc::default(), vital }
}

#[tokio::test]
async fn a_base_that_does_not_fit_a_whole_record_is_thrown_away_and_the_record_stays() {
    let directory = tempfile::tempdir().unwrap();
    let beginner = beginner(directory.path(), |_, _, upto| Base { upto, seqs: vec![1] });
    let Beginning { begun, writer, unproven } = beginner.begin().await.unwrap();
    assert_eq!(begun.state.sessions().count(), 0);
    let (engine, task) = Task::new(SystemClock, writer, Keeper::idle(), begun);
    tokio::spawn(task.run());
    beginner.prove(unproven.unwrap(), engine.clone());
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
    let beginner = beginner(directory.path(), |record, state, upto| pick(record, state.picker(), upto.seq).unwrap());
    let Beginning { begun, writer, unproven } = beginner.begin().await.unwrap();
    let (engine, task) = Task::new(SystemClock, writer.clone(), Keeper::idle(), begun);
    tokio::spawn(task.run());
    let upto = read::one(&open_to_read(writer.store()).unwrap(), 10_000).unwrap().unwrap().head();
    let prune = || {
        let at = WallTime::from_millis(2000);
        writer.prune(Archived { upto, before: at, by: UserName::new("root"), at })
    };
    assert!(prune().await.unwrap_err().why.contains("still being compared"));
    beginner.prove(unproven.unwrap(), engine.clone());
    let began = std::time::Instant::now();
    while prune().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(30), "it never is");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    engine.stop().await;
}
