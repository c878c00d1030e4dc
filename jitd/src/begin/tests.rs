use super::{Beginner, Beginning};
use crate::clock::SystemClock;
use crate::engine::Task;
use crate::keeper::Keeper;
use crate::settings::{Settings, own_directory};
use crate::vital::Vital;
use jit_core::session::Bound;
use jit_core::time::WallTime;
use jit_store::{Base, Fresh, Store, file_in};
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

#[tokio::test]
async fn a_base_that_does_not_fit_a_whole_record_is_thrown_away_and_the_record_stays() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let (state, run) = (place("state"), place("run"));
    [&state, &run, &own_directory(&run)].into_iter().for_each(|made| std::fs::create_dir(made).unwrap());
    let record = file_in(&state);
    let (mut store, ..) = Store::open(&record).unwrap();
    store.append(&events(), 0).unwrap();
    store.put_base(&Base { upto: store.head(), seqs: vec![1] }).unwrap();
    drop(store);
    let settings = Settings { run, state, policy: place("policy.toml"), syslog: place("log"), ..Settings::default() };
    let (vital, _losses) = Vital::new();
    let beginner = Beginner {
        settings,
        clock: SystemClock,
        told: Arc::new(tokio::sync::watch::channel(crate::writer::Newest::default()).0),
        bound: Bound::Tree,
        meter: Arc::default(),
        vital,
    };
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
    assert!(record.exists() && std::fs::read_dir(directory.path().join("state")).unwrap().flatten().count() <= 4);
    engine.stop().await;
}
