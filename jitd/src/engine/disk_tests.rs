//! The engine on a disk that fails or does not answer, and at its end.

use super::tests::{Bench, alice, by_sudo, somebody};
use super::{Begun, By, Done, Job, Task};
use crate::clock::Clock;
use crate::directory::Directory;
use crate::keeper::Keeper;
use crate::reload::{Because, Reloader, Reloads};
use crate::settings::RecordChecks;
use crate::vital::Vital;
use crate::writer::Kept;
use jit_core::actor::{Actor, Inside};
use jit_core::engine::{Admission, Arrival, Command, Reply, Wish};
use jit_core::name::{RunAs, Service};
use jit_core::refusal::Refusal;
use jit_core::request::Request;
use jit_core::session::{Bound, Process};
use jit_core::span::Span;
use jit_core::subject::{Entry, Phase};
use jit_store::{Filter, events, file_in, open_to_read};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Somebody comes in by sudo, as root.
fn comes(who: Actor) -> Command {
    let entry = Entry { run_as: Some(RunAs::root()), phase: Phase::Session, ..by_sudo(who) };
    Command::Open(Arrival { entry, process: None, bound: Bound::Tree, auth: None, inside: Inside::nothing() })
}

/// For root by sudo.
fn wish(uses: Option<u32>) -> Wish {
    Wish { service: Service::new("sudo"), run_as: RunAs::root(), wanted: None, uses, start: None, reason: Some("x".to_owned()) }
}

/// Something that may be refused is on its way, once others have had their turn.
fn bob_asks(bench: &Bench) -> JoinHandle<Result<Done, Refusal>> {
    let engine = bench.engine.clone();
    tokio::spawn(async move { engine.command(Command::Request(somebody("bob", 1002), wish(None))).await })
}

#[tokio::test]
async fn on_a_disk_that_fails_a_grant_expires_however_often_something_else_is_done() {
    let (bench, bob) = (Bench::new("expires"), || somebody("bob", 1002));
    assert!(bench.request_for(alice(), Some(Span::from_secs(300))).await.is_ok());
    assert!(bench.request_of(bob()).await.is_ok());
    bench.sql("ALTER TABLE events RENAME TO away");
    bench.hand.pass(299);
    let live = async || bench.engine.query(|snapshot| snapshot.state.live_of(&alice().subject).count()).await;
    assert_eq!(live().await, Ok(1));
    for _ in 0..40 {
        bench.hand.pass_millis(100);
        let opened = bench.engine.command(comes(bob())).await;
        assert!(matches!(opened, Ok(Done { reply: Reply::Session(..), kept: Kept::NotYet(_) })), "{opened:?}");
    }
    assert_eq!(live().await, Ok(0));
}

#[tokio::test]
async fn a_use_that_the_disk_refuses_in_the_end_is_not_over_with_the_sudo_that_was_told_so() {
    let (bench, bob) = (Bench::new("last-use"), || somebody("bob", 1002));
    assert!(bench.engine.command(Command::Request(bob(), wish(Some(1)))).await.is_ok());
    let hung = bench.hang();
    let Command::Open(arrival) = comes(bob()) else { panic!() };
    // It gave up waiting: no process has that number.
    let gone = Arrival { process: Some(Process { pid: u32::MAX >> 2, started: 1 }), ..arrival };
    let opened = tokio::spawn({
        let engine = bench.engine.clone();
        async move { engine.command(Command::Open(gone)).await }
    });
    for _ in 0..30 {
        bench.hand.pass(1);
        let _ = bench.engine.query(|_| ()).await;
    }
    hung.execute_batch("ALTER TABLE events RENAME TO away; COMMIT").unwrap();
    assert!(opened.await.unwrap().is_err());
    bench.sql("ALTER TABLE away RENAME TO events");
    assert_eq!(bench.settled(bob()).await, 1, "the grant has its use still");
}

#[tokio::test]
async fn what_the_state_rests_on_is_not_stored_while_the_state_is_ahead_of_the_record() {
    let bench = Bench::new("ahead");
    assert!(bench.request_of(somebody("bob", 1002)).await.is_ok());
    let bases = || {
        let store = rusqlite::Connection::open(file_in(&bench.directory)).unwrap();
        store.query_row("SELECT count(*) FROM base", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    // One that is on its way is waited for.
    let (asked, ()) = tokio::join!(bench.request(), bench.engine.base());
    assert!(asked.is_ok());
    assert_eq!(bases(), 1);
    bench.sql("DELETE FROM base");
    let hung = bench.hang();
    assert!(matches!(bench.bob_drops().await, Kept::NotYet(_)));
    let base = tokio::spawn({
        let engine = bench.engine.clone();
        async move { engine.base().await }
    });
    while bench.engine.query(|_| ()).await.is_err() {}
    hung.execute_batch("COMMIT").unwrap();
    base.await.unwrap();
    assert_eq!(bench.settled(somebody("bob", 1002)).await, 0);
    assert_eq!(bases(), 0);
    bench.engine.base().await;
    assert_eq!(bases(), 1);
}

#[tokio::test]
async fn what_may_still_be_refused_is_shown_to_nobody_and_wakes_nobody() {
    let bench = Bench::with("doubt", "[ { by = [\"user:carol\"] } ]", RecordChecks::Grouped);
    let bob = || somebody("bob", 1002);
    let (Ok(Reply::Request(id)), Ok(Reply::Request(of_bob))) = (bench.request().await, bench.request_of(bob()).await) else { panic!() };
    let progress = async |id| bench.engine.query(move |snapshot| snapshot.state.request(id).map(Request::progress)).await.unwrap().unwrap();
    let before = [progress(id).await, progress(of_bob).await];
    let [waits, bob_waits] = [(id, before[0]), (of_bob, before[1])].map(|(id, seen)| {
        let engine = bench.engine.clone();
        tokio::spawn(async move { engine.changed(id, seen).await })
    });
    let hung = bench.hang();
    let command = |command| {
        let engine = bench.engine.clone();
        tokio::spawn(async move { engine.command(command).await })
    };
    let approved = command(Command::Approve { actor: somebody("carol", 1003), id, shorten: None, note: None });
    let cancelled = command(Command::Cancel(bob(), Some(of_bob)));
    while !cancelled.is_finished() {
        bench.hand.pass_millis(10);
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert!(matches!(cancelled.await.unwrap().unwrap().kept, Kept::NotYet(_)), "what is done in any case is done");
    assert_ne!(progress(of_bob).await, before[1], "and shown");
    bob_waits.await.unwrap();
    assert_eq!(progress(id).await, before[0]);
    let live = async || bench.engine.query(|snapshot| snapshot.state.live_of(&alice().subject).count()).await.unwrap();
    assert_eq!(live().await, 0);
    assert!(!waits.is_finished() && !approved.is_finished());
    hung.execute_batch("COMMIT").unwrap();
    assert!(approved.await.unwrap().is_ok());
    waits.await.unwrap();
    assert_ne!(progress(id).await, before[0]);
    assert_eq!((live().await, bench.settled(alice()).await), (1, 1));
}

#[tokio::test]
async fn what_the_writer_records_of_itself_comes_after_what_is_late() {
    let (bench, bob) = (Bench::new("own"), || somebody("bob", 1002));
    assert!(bench.request_of(bob()).await.is_ok());
    bench.sql("ALTER TABLE events RENAME TO away");
    let dropped = bench.engine.command(Command::Drop(bob(), None)).await;
    assert!(matches!(dropped, Ok(Done { kept: Kept::NotYet(_), .. })), "{dropped:?}");
    bench.sql("ALTER TABLE away RENAME TO events");
    let (writer, now) = bench.engine.writer().await.unwrap();
    writer.head_event(now).await;
    let stored = events(&open_to_read(&file_in(&bench.directory)).unwrap(), &Filter::default(), 100).unwrap();
    let place = |name: &str| stored.iter().position(|record| record.event == name);
    assert!(place("grant.dropped").is_some() && place("grant.dropped") < place("audit.head"), "{stored:?}");
}

/// The names of all that is stored, in order.
fn names(bench: &Bench) -> Vec<String> {
    let all = events(&open_to_read(&file_in(&bench.directory)).unwrap(), &Filter::default(), 1000).unwrap();
    all.into_iter().map(|record| record.event).collect()
}

#[tokio::test]
async fn that_the_disk_failed_is_on_record_with_its_moment_before_what_is_late_and_before_that_it_is_over() {
    let (bench, bob) = (Bench::new("failed"), || somebody("bob", 1002));
    assert!(bench.request_of(bob()).await.is_ok());
    bench.sql("ALTER TABLE events RENAME TO away");
    let began = bench.hand.now().wall;
    assert!(matches!(bench.request().await, Err(Refusal::NotRecorded { .. })));
    bench.hand.pass(60);
    let dropped = bench.engine.command(Command::Drop(bob(), None)).await;
    assert!(matches!(dropped, Ok(Done { kept: Kept::NotYet(_), .. })), "{dropped:?}");
    bench.sql("ALTER TABLE away RENAME TO events");
    bench.hand.pass(60);
    assert!(bench.request().await.is_ok());
    let names = names(&bench);
    let place = |name: &str| names.iter().position(|event| event == name);
    assert!(place("store.failed").is_some() && place("store.failed") < place("grant.dropped"), "{names:?}");
    assert!(place("grant.dropped") < place("store.back"), "{names:?}");
    let [(at, _, why), (back, ..)] = bench.of_the_store().try_into().unwrap();
    assert_eq!((at, back), (began, bench.hand.now().wall));
    assert!(why.contains("no such table"), "{why}");
}

#[tokio::test]
async fn that_the_disk_did_not_answer_is_on_record_too() {
    let bench = Bench::new("hung");
    assert!(bench.request_of(somebody("bob", 1002)).await.is_ok());
    let hung = bench.hang();
    assert!(matches!(bench.bob_drops().await, Kept::NotYet(_)));
    let syslog = std::os::unix::net::UnixDatagram::bind(bench.directory.join("log")).unwrap();
    syslog.set_nonblocking(true).unwrap();
    bench.hand.pass(3);
    let (mut line, began) = ([0; 4096], std::time::Instant::now());
    loop {
        let length = syslog.recv(&mut line).unwrap_or(0);
        if String::from_utf8_lossy(&line[..length]).ends_with("store.failed why=\"the disk does not answer\" stored=no") {
            break;
        }
        assert!(began.elapsed().as_secs() < 20, "there is no alert");
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    hung.execute_batch("COMMIT").unwrap();
    while bench.of_the_store().len() < 2 {
        bench.hand.pass(1);
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let of_the_store: Vec<_> = bench.of_the_store().into_iter().map(|(_, name, _)| name).collect();
    assert_eq!(of_the_store, ["store.failed", "store.back"]);
}

#[tokio::test]
async fn who_waits_for_a_request_and_hangs_up_is_not_remembered() {
    let bench = Bench::with("hangs-up", "[ { by = [\"user:carol\"] } ]", RecordChecks::Grouped);
    let requested = bench.request().await;
    let Ok(Reply::Request(id)) = requested else { panic!("{requested:?}") };
    let (writer, _) = bench.engine.writer().await.unwrap();
    let state = bench.stored();
    let begun = Begun { state, policy: None, trouble: Vec::new(), record: RecordChecks::Grouped, based: 0, no_record: None, hanging: None };
    let (_, mut task) = Task::new(bench.hand.clone(), writer, Keeper::idle(), begun);
    for _ in 0..100 {
        let seen = task.state.request(id).unwrap().progress();
        let (changed, waits) = oneshot::channel();
        task.take(Job::Watch { id, seen, changed });
        drop(waits);
    }
    assert_eq!(task.watchers.values().map(Vec::len).sum::<usize>(), 1, "the last one");
}

#[tokio::test]
async fn a_stop_that_finds_no_time_for_what_the_state_rests_on_says_where_the_chain_ends_and_raises_no_alarm() {
    let bench = Bench::new("stops");
    assert!(bench.request().await.is_ok());
    let syslog = std::os::unix::net::UnixDatagram::bind(bench.directory.join("log")).unwrap();
    syslog.set_nonblocking(true).unwrap();
    // Whoever opens this to read waits for ever; the writer has the record open.
    let elsewhere = bench.directory.join("elsewhere.db");
    for tail in ["", "-wal", "-shm"] {
        let name = |path: &std::path::Path| format!("{}{tail}", path.display());
        std::fs::rename(name(&file_in(&bench.directory)), name(&elsewhere)).unwrap();
    }
    nix::unistd::mkfifo(&file_in(&bench.directory), nix::sys::stat::Mode::S_IRWXU).unwrap();
    bench.engine.make_next_start_short().await;
    bench.engine.stop().await;
    let stored = events(&open_to_read(&elsewhere).unwrap(), &Filter::default(), 100).unwrap();
    let names: Vec<_> = stored.iter().map(|record| record.event.as_str()).collect();
    assert_eq!(names.last(), Some(&"audit.head"), "{names:?}");
    assert!(names.contains(&"daemon.stopped"));
    let mut said = [0; 4096];
    while let Ok(length) = syslog.recv(&mut said) {
        let line = String::from_utf8_lossy(&said[..length]);
        assert!(!line.contains("store.failed"), "{line}");
    }
}

#[tokio::test]
async fn who_has_gone_from_the_door_of_a_slow_disk_has_used_nothing_up_and_is_in_no_session() {
    let bench = Bench::new("gone");
    assert!(bench.engine.command(Command::Request(alice(), wish(Some(2)))).await.is_ok());
    let comes = || bench.engine.command(comes(alice()));
    // She comes, and goes when jitd has heard of it.
    let gives_up = async || tokio::select! { biased; _ = comes() => panic!("the disk did not wait"), _ = bench.engine.query(|_| ()) => {} };

    // Behind something that is on its way to the disk.
    let hung = bench.hang();
    let request = bob_asks(&bench);
    tokio::task::yield_now().await;
    gives_up().await;
    hung.execute_batch("COMMIT").unwrap();
    assert!(request.await.unwrap().is_ok());
    assert_eq!(bench.settled(alice()).await, 1);
    assert_eq!(bench.stored().sessions().count(), 0, "nobody came in");

    // On its way itself: it is closed.
    let hung = bench.hang();
    gives_up().await;
    hung.execute_batch("COMMIT").unwrap();
    while bench.stored().sessions().count() == 0 || bench.stored().open_sessions().count() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(comes().await, Ok(Done { reply: Reply::Session(..), .. })), "of her two uses one is left");
}

#[tokio::test]
async fn on_a_disk_that_hangs_whoever_holds_a_grant_comes_and_goes_as_often_as_before() {
    let bench = Bench::new("comes");
    assert!(bench.request().await.is_ok());
    let hung = bench.hang();
    let request = bob_asks(&bench);
    tokio::task::yield_now().await;
    bench.hand.pass_millis(400);
    let in_time = async |command| {
        let done = bench.engine.command(command);
        tokio::time::timeout(std::time::Duration::from_secs(10), done).await.expect("she waits for what is bob's").unwrap()
    };
    for _ in 0..3 {
        let checked = tokio::time::timeout(std::time::Duration::from_secs(10), bench.engine.check(by_sudo(alice()), false));
        assert!(matches!(checked.await.unwrap().unwrap().admission, Admission::Grant(_)));
        let Done { reply: Reply::Session(id, ..), kept: Kept::NotYet(_) } = in_time(comes(alice())).await else { panic!("how then?") };
        assert!(matches!(in_time(Command::Close(id)).await.kept, Kept::NotYet(_)));
    }
    assert!(!request.is_finished());
    let bob = tokio::time::timeout(std::time::Duration::from_millis(50), bench.engine.check(by_sudo(somebody("bob", 1002)), false));
    assert!(bob.await.is_err(), "whose request may still be refused waits");
    hung.execute_batch("COMMIT").unwrap();
    assert!(request.await.unwrap().is_ok());
    assert_eq!(bench.settled(alice()).await, 1);
    assert_eq!(bench.stored().sessions().count(), 3);
}

#[tokio::test]
async fn nobody_stays_longer_by_an_extension_that_is_on_no_record() {
    for is_stored in [true, false] {
        let name = if is_stored { "extends" } else { "extends-not" };
        let bench = Bench::with(name, "[]\nextend = { times = 1, max = \"1h\" }", RecordChecks::Grouped);
        assert!(bench.request_for(alice(), Some(Span::from_secs(300))).await.is_ok());
        bench.hand.pass(290);
        let hung = bench.hang();
        let extended = tokio::spawn({
            let extend = Command::Extend { actor: alice(), id: None, by: Span::from_secs(1800), reason: Some("x".to_owned()) };
            let engine = bench.engine.clone();
            async move { engine.command(extend).await }
        });
        tokio::task::yield_now().await;
        let live = async || bench.engine.query(|snapshot| snapshot.state.live_of(&alice().subject).count()).await.unwrap();
        for _ in 0..9 {
            bench.hand.pass(1);
            assert_eq!(live().await, 1);
        }
        bench.hand.pass(1);
        let began = std::time::Instant::now();
        while live().await > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            assert!(began.elapsed().as_secs() < 20, "it goes on");
        }
        assert!(!extended.is_finished());
        hung.execute_batch(if is_stored { "COMMIT" } else { "ALTER TABLE events RENAME TO away; COMMIT" }).unwrap();
        assert_eq!(extended.await.unwrap().is_ok(), is_stored);
        if !is_stored {
            bench.sql("ALTER TABLE away RENAME TO events");
        }
        assert_eq!(bench.settled(alice()).await, 0);
    }
}

/// What reads a policy that is not there yet, on this disk.
fn reloader(bench: &Bench) -> Reloader {
    Reloader::new(bench.engine.clone(), Directory::default(), bench.directory.join("policy.toml"))
}

#[tokio::test]
async fn a_policy_that_may_be_good_since_the_clock_was_set_is_read_again_until_that_is_on_record() {
    let bench = Bench::new("insists");
    bench.sql("ALTER TABLE events RENAME TO away");
    let reloads = Reloads::begin(&Vital::new().0, reloader(&bench));
    // One that gives up is no stand-in for it.
    reloads.ask(Because::HangUp);
    reloads.ask(Because::Clock);
    let fails = async || bench.engine.query(|snapshot| snapshot.store_fails.is_some()).await.unwrap();
    while !fails().await {}
    bench.sql("ALTER TABLE away RENAME TO events");
    let began = std::time::Instant::now();
    let by_clock = || {
        let stored = events(&open_to_read(&file_in(&bench.directory)).unwrap(), &Filter::default(), 100).unwrap();
        stored.iter().any(|record| record.event == "policy.rejected" && record.data.contains("clock"))
    };
    while !by_clock() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        assert!(began.elapsed().as_secs() < 20, "it was refused once, and is not tried again");
    }
}

#[tokio::test]
async fn of_two_reloads_the_one_that_comes_into_force_later_has_read_later() {
    let bench = Bench::new("reloads");
    let reloader = reloader(&bench);
    let reload = |by: &'static str| {
        let reloader = reloader.clone();
        tokio::spawn(async move { format!("{:?}", reloader.reload(By::Word(by)).await.unwrap().answer()) })
    };
    let without_a_file = reload("before").await.unwrap();
    let hung = bench.hang();
    let (first, second) = (reload("one"), reload("two"));
    // Long enough for a second that does not wait for the first to have read.
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    std::fs::write(bench.directory.join("policy.toml"), "version = 1\n").unwrap();
    hung.execute_batch("COMMIT").unwrap();
    first.await.unwrap();
    assert_ne!(second.await.unwrap(), without_a_file);
}
