use super::{Begun, By, Checked, Handle, Job, Task};
use crate::clock::Clock;
use crate::keeper::Keeper;
use crate::settings::RecordChecks;
use crate::syslog::Syslog;
use crate::vital::Vital;
use crate::writer::{Kept, Writer};
use jit_core::actor::{Actor, Ancestry, Behind, Humans, LoginUid};
use jit_core::engine::{Admission, Command, Reply, Wish};
use jit_core::event::Event;
use jit_core::name::{RunAs, Service, Uid, UserName};
use jit_core::policy::load::{self, PolicyFile};
use jit_core::refusal::Refusal;
use jit_core::session::{Bound, Process};
use jit_core::span::Span;
use jit_core::state::State;
use jit_core::subject::{Entry, Groups, Phase, Remote, Subject};
use jit_core::time::{BootId, BootTime, Now, WallTime};
use jit_store::{Filter, Reserve, Store, events, file_in, open_to_read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// A clock that the test moves.
#[derive(Clone)]
pub(super) struct Hand(pub(super) Arc<Mutex<Now>>);

impl Clock for Hand {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }

    fn boot(&self) -> BootId {
        BootId("boot".to_owned())
    }
}

impl Hand {
    pub(super) fn pass(&self, seconds: u64) {
        self.pass_millis(seconds * 1000);
    }

    pub(super) fn pass_millis(&self, millis: u64) {
        let mut now = self.0.lock().unwrap();
        let span = Span::from_millis(millis);
        *now = Now { wall: now.wall.plus(span), boot: now.boot.plus(span) };
    }
}

/// An engine with a store of its own, and a policy under which alice needs nobody's approval.
pub(super) struct Bench {
    pub(super) directory: PathBuf,
    pub(super) hand: Hand,
    pub(super) engine: Handle,
}

impl Bench {
    pub(super) fn new(name: &str) -> Self {
        Self::with(name, "[]", RecordChecks::Grouped)
    }

    /// The same, with these stages, and checks recorded so.
    pub(super) fn with(name: &str, approve: &str, record: RecordChecks) -> Self {
        let directory = std::env::temp_dir().join(format!("jit-engine-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        let hand = Hand(Arc::new(Mutex::new(Now {
            wall: WallTime::parse("2026-11-23T12:00:00Z").unwrap(),
            boot: BootTime::from_millis(1_000_000),
        })));
        let text =
            format!("version = 1\n[[grant]]\nname = \"own\"\nwho = [\"user:alice\", \"user:bob\"]\non = [\"sudo\"]\napprove = {approve}\n");
        let policy = load::load(&[PolicyFile { file: "p".to_owned(), text }], load::Around { now: hand.now().wall, zone: None }).unwrap().0;
        let file = file_in(&directory);
        let (store, state, _) = Store::open(&file).unwrap();
        let reserve = Reserve::beside(&file, 0);
        let told = Arc::new(tokio::sync::watch::channel(crate::writer::Newest::default()).0);
        let pulse = Vital::new().0.pulse("the record");
        let (writer, _) = Writer::start(store, file, reserve, Syslog::new(directory.join("log")), &told, Arc::default(), pulse).unwrap();
        let begun = Begun { state, policy: Some(policy), trouble: Vec::new(), record, based: 0, no_record: None, hanging: None };
        let (engine, task) = Task::new(hand.clone(), writer, Keeper::idle(), begun);
        tokio::spawn(task.run());
        Self { directory, hand, engine }
    }

    pub(super) async fn request(&self) -> Result<Reply, Refusal> {
        self.request_of(alice()).await
    }

    pub(super) async fn request_of(&self, actor: Actor) -> Result<Reply, Refusal> {
        self.request_for(actor, None).await
    }

    pub(super) async fn request_for(&self, actor: Actor, wanted: Option<Span>) -> Result<Reply, Refusal> {
        let wish =
            Wish { service: Service::new("sudo"), run_as: RunAs::root(), wanted, uses: None, start: None, reason: Some("x".to_owned()) };
        self.engine.command(Command::Request(actor, wish)).await.map(|done| done.reply)
    }

    async fn lets_in(&self) -> bool {
        let Checked { admission, .. } = self.check().await.unwrap();
        !matches!(admission, Admission::Denied(_))
    }

    async fn check(&self) -> Option<Checked> {
        self.engine.check(by_sudo(alice()), false).await
    }

    /// The state that the stored events make, as text.
    pub(super) fn stored(&self) -> State {
        let mut state = State::default();
        for record in events(&open_to_read(&file_in(&self.directory)).unwrap(), &Filter::default(), 1000).unwrap() {
            state.apply(record.at, &Event::read(&record.event, &record.data).unwrap());
        }
        state
    }

    /// What the record says of itself: when, what and how.
    pub(super) fn of_the_store(&self) -> Vec<(WallTime, String, String)> {
        let all = events(&open_to_read(&file_in(&self.directory)).unwrap(), &Filter::default(), 1000).unwrap();
        let of_the_store = all.into_iter().filter(|record| record.event.starts_with("store."));
        of_the_store.map(|record| (record.at, record.event, record.data)).collect()
    }

    pub(super) fn sql(&self, statement: &str) {
        rusqlite::Connection::open(file_in(&self.directory)).unwrap().execute_batch(statement).unwrap();
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// At the door of sudo, in account.
pub(super) fn by_sudo(who: Actor) -> Entry {
    Entry { subject: who.subject, service: Service::new("sudo"), run_as: None, remote: Remote::Unknown, tty: None, phase: Phase::Account }
}

pub(super) fn alice() -> Actor {
    somebody("alice", 1001)
}

pub(super) fn somebody(name: &str, uid: u32) -> Actor {
    let subject = Subject { uid: Uid(uid), name: UserName::new(name), groups: Groups::Known(std::collections::BTreeSet::new()) };
    let login = LoginUid::Set(subject.uid, Some(subject.name.clone()));
    Actor {
        subject,
        remote: Remote::Unknown,
        login,
        ancestry: Ancestry::Known(vec![Process { pid: 1, started: 1 }]),
        worn: Behind::Known(Humans::default()),
        within: Some(Vec::new()),
    }
}

#[tokio::test]
async fn what_is_acknowledged_is_stored_and_the_live_state_is_the_stored_one() {
    let bench = Bench::new("stored");
    assert!(!bench.lets_in().await);
    assert!(matches!(bench.request().await, Ok(Reply::Request(_))));
    assert_eq!(bench.stored().live_of(&alice().subject).count(), 1);
    assert!(bench.lets_in().await);
    bench.hand.pass(1801);
    assert!(!bench.lets_in().await, "whether or not its end was recorded yet");
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_and_taken_back_and_the_next_one_works() {
    let bench = Bench::new("fails");
    bench.sql("ALTER TABLE events RENAME TO away");
    assert!(matches!(bench.request().await, Err(Refusal::NotRecorded { .. })));
    assert!(!bench.lets_in().await);
    let fails = bench.engine.query(|snapshot| snapshot.store_fails.is_some()).await;
    assert_eq!(fails, Ok(true));
    bench.sql("ALTER TABLE away RENAME TO events");
    assert!(matches!(bench.request().await, Ok(Reply::Request(_))), "nothing of the first one is left in the way");
    assert!(bench.lets_in().await);
    assert_eq!(bench.stored().live_of(&alice().subject).count(), 1);
    assert_eq!(bench.of_the_store().len(), 2, "failed, and back");
}

#[tokio::test]
async fn a_reload_names_who_is_seen_behind_whoever_asked_for_it_and_nobody_behind_a_signal() {
    let bench = Bench::new("reloaders");
    for by in [By::Actor(Box::new(alice())), By::Word("SIGHUP")] {
        assert_eq!(bench.engine.policy(Err(Vec::new()), by).await, Ok(()));
    }
    let stored = events(&open_to_read(&file_in(&bench.directory)).unwrap(), &Filter::default(), 10).unwrap();
    let reloads: Vec<_> = stored.iter().filter(|record| record.event == "policy.rejected").map(|record| record.data.as_str()).collect();
    let said = |by: &str, humans: &str| format!(r#"{{"by":"{by}","mistakes":0,"first":"","humans":{humans}}}"#);
    assert_eq!(reloads, [said("alice", r#"["uid:1001","user:alice"]"#), said("SIGHUP", "null")]);
}

#[tokio::test]
async fn a_hundred_requests_at_once_make_one_grant() {
    let bench = Arc::new(Bench::new("many"));
    let all: Vec<_> = (0..100)
        .map(|_| {
            let bench = bench.clone();
            tokio::spawn(async move { bench.request().await.is_ok() })
        })
        .collect();
    let mut made = 0;
    for request in all {
        made += usize::from(request.await.unwrap());
    }
    assert_eq!(made, 1);
    assert_eq!(bench.stored().live_of(&alice().subject).count(), 1);
}

#[tokio::test]
async fn of_two_approvers_at_the_same_moment_one_decides_and_the_other_is_told_who() {
    let bench = Arc::new(Bench::with("two", "[ { by = [\"user:carol\", \"user:dave\"] } ]", RecordChecks::Grouped));
    let Ok(Reply::Request(id)) = bench.request().await else { panic!("it was not asked for") };
    let approve = |name: &'static str, uid: u32| {
        let bench = bench.clone();
        let approve = Command::Approve { actor: somebody(name, uid), id, shorten: None, note: None };
        tokio::spawn(async move { bench.engine.command(approve).await.map(|_| name) })
    };
    let (carol, dave) = (approve("carol", 1003), approve("dave", 1004));
    let (carol, dave) = (carol.await.unwrap(), dave.await.unwrap());
    let (first, told) = match (carol, dave) {
        (Ok(first), Err(told)) | (Err(told), Ok(first)) => (first, told),
        both => panic!("{both:?}"),
    };
    assert_eq!(told, Refusal::Decided { id, word: "granted", by: vec![first.to_owned()] });
    assert_eq!(bench.stored().live_of(&alice().subject).count(), 1);
}

impl Bench {
    fn stored_checks(&self) -> usize {
        let access = Filter { kind: Some("access".to_owned()), ..Filter::default() };
        events(&open_to_read(&file_in(&self.directory)).unwrap(), &access, 10).unwrap().len()
    }
}

#[tokio::test]
async fn a_check_is_on_record_within_50_ms_of_its_answer() {
    let bench = Bench::new("grouped");
    assert!(!bench.lets_in().await);
    // The engine notices that the time has passed when something happens, or within 40 ms. How long the disk takes is its own.
    let mut passed = 0;
    let answered = std::time::Instant::now();
    while bench.stored_checks() == 0 {
        if passed < 50 {
            passed += 1;
            bench.hand.pass_millis(1);
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        assert!(answered.elapsed().as_secs() < 10, "it is not in 50 ms");
    }
}

#[tokio::test]
async fn a_check_is_answered_once_it_is_on_record_where_that_is_asked_for_and_not_at_all_where_it_cannot_be() {
    let bench = Bench::with("before", "[]", RecordChecks::BeforeAnswer);
    assert!(!bench.lets_in().await);
    assert_eq!(bench.stored_checks(), 1, "already when it was answered");
    assert!(!bench.lets_in().await);
    assert_eq!(bench.stored_checks(), 2, "one that is asked again too");
    assert!(matches!(bench.request().await, Ok(Reply::Request(_))));
    bench.sql("ALTER TABLE events RENAME TO away");
    assert!(bench.check().await.is_none(), "the door says that the daemon is busy");
    bench.sql("ALTER TABLE away RENAME TO events");
    assert!(bench.lets_in().await);
    assert_eq!(bench.stored_checks(), 3);
}

impl Bench {
    /// A disk that does not answer, until this is told to.
    pub(super) fn hang(&self) -> rusqlite::Connection {
        let other = rusqlite::Connection::open(file_in(&self.directory)).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        other
    }

    /// Drops bob's grant; time passes until that is answered.
    pub(super) async fn bob_drops(&self) -> Kept {
        let engine = self.engine.clone();
        let dropped = tokio::spawn(async move { engine.command(Command::Drop(somebody("bob", 1002), None)).await });
        while !dropped.is_finished() {
            self.hand.pass_millis(10);
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        dropped.await.unwrap().unwrap().kept
    }

    /// How many grants somebody has, once the disk has answered all: as the engine knows it, and by what is stored.
    pub(super) async fn settled(&self, who: Actor) -> usize {
        let began = std::time::Instant::now();
        while self.engine.query(|snapshot| snapshot.store_fails.is_some()).await.unwrap() {
            self.hand.pass_millis(100);
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            assert!(began.elapsed().as_secs() < 20, "it never does");
        }
        // Not the whole state: the engine does not hear of what the writer records of itself, and when.
        let stored = self.stored().live_of(&who.subject).count();
        let live = self.engine.query(move |snapshot| snapshot.state.live_of(&who.subject).count()).await.unwrap();
        assert_eq!(live, stored);
        live
    }
}

#[tokio::test]
async fn a_disk_that_hangs_keeps_nobody_from_giving_access_up_and_stores_that_when_it_answers() {
    let bench = Bench::new("hangs");
    assert!(bench.request_of(somebody("bob", 1002)).await.is_ok());
    let hung = bench.hang();
    assert!(matches!(bench.bob_drops().await, Kept::NotYet(_)));
    let live = bench.engine.query(|snapshot| snapshot.state.live_of(&somebody("bob", 1002).subject).count()).await;
    assert_eq!(live, Ok(0));
    hung.execute_batch("COMMIT").unwrap();
    assert_eq!(bench.settled(somebody("bob", 1002)).await, 0);
}

#[tokio::test]
async fn a_fact_is_noted_without_a_wait_for_the_disk_and_stored_when_it_answers() {
    let (bench, bob) = (Bench::new("noted"), || somebody("bob", 1002));
    assert!(bench.request_of(bob()).await.is_ok());
    let hung = bench.hang();
    tokio::time::timeout(std::time::Duration::from_secs(10), bench.engine.note(Command::Drop(bob(), None))).await.unwrap();
    let live = bench.engine.query(|snapshot| snapshot.state.live_of(&somebody("bob", 1002).subject).count()).await;
    assert_eq!((live, bench.stored().live_of(&bob().subject).count()), (Ok(0), 1), "it is so, and not on disk yet");
    hung.execute_batch("COMMIT").unwrap();
    while bench.stored().live_of(&bob().subject).count() > 0 {
        bench.hand.pass_millis(10);
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert_eq!(bench.settled(bob()).await, 0);
}

#[tokio::test]
async fn what_is_given_up_while_a_request_hangs_stays_so_whatever_becomes_of_the_request() {
    for is_stored in [true, false] {
        let bench = Arc::new(Bench::new(if is_stored { "passes" } else { "passes-not" }));
        assert!(bench.request_of(somebody("bob", 1002)).await.is_ok());
        let hung = bench.hang();
        let asks = {
            let bench = bench.clone();
            tokio::spawn(async move { bench.request().await })
        };
        // It is on its way before the next one who asks is answered, and not shown to them.
        tokio::task::yield_now().await;
        assert_eq!(bench.engine.query(|snapshot| snapshot.state.live_of(&alice().subject).count()).await, Ok(0));
        assert!(matches!(bench.bob_drops().await, Kept::NotYet(_)));
        assert!(!asks.is_finished(), "nothing is granted without the record");
        hung.execute_batch(if is_stored { "COMMIT" } else { "ALTER TABLE events RENAME TO away; COMMIT" }).unwrap();
        assert_eq!(asks.await.unwrap().is_ok(), is_stored);
        if !is_stored {
            bench.sql("ALTER TABLE away RENAME TO events");
        }
        assert_eq!(bench.settled(somebody("bob", 1002)).await, 0);
        assert_eq!(bench.settled(alice()).await, usize::from(is_stored));
    }
}

#[tokio::test]
async fn whoever_is_at_the_door_goes_first_and_people_get_their_turn() {
    let (engine, mut jobs) = Handle::with_room(64);
    let people = engine.for_people();
    for _ in 0..40 {
        let (done, _) = oneshot::channel();
        people.jobs.send(Job::Stop { done }).await.ok().unwrap();
        let (done, _) = oneshot::channel();
        engine.jobs.send(Job::Base { done }).await.ok().unwrap();
    }
    let mut peoples = Vec::new();
    for place in 0..80 {
        if matches!(jobs.next().await.unwrap(), Job::Stop { .. }) {
            peoples.push(place);
        }
    }
    assert_eq!(peoples[..3], [16, 33, 42], "one in seventeen, and all when nobody is at the door");
    drop((engine, people));
    assert!(jobs.next().await.is_none());
}

#[tokio::test]
async fn a_clock_that_was_set_between_the_record_and_the_engine_is_noticed() {
    let bench = Bench::new("set-between");
    let (mut state, now) = (State::default(), bench.hand.now());
    let start = Command::Start { version: "0".to_owned(), boot: bench.hand.boot(), policy: "valid".to_owned(), bound: Bound::Tree };
    let mut context = jit_core::engine::Context { now, policy: None, entropy: &mut crate::clock::KernelEntropy };
    let (_, events) = jit_core::engine::handle(&state, start, &mut context).unwrap();
    events.iter().for_each(|event| state.apply(now.wall, event));
    bench.hand.0.lock().unwrap().wall = WallTime::from_millis(now.wall.as_millis() - 3_600_000);
    let (writer, _) = bench.engine.writer().await.unwrap();
    let begun = Begun { state, policy: None, trouble: Vec::new(), record: RecordChecks::Grouped, based: 0, no_record: None, hanging: None };
    bench.engine.adopt(begun, writer).await;
    for _ in 0..500 {
        if bench.engine.query(|snapshot| snapshot.state.stepped_by(snapshot.now)).await.unwrap().is_none() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the deadlines are still reckoned by the clock of before");
}
