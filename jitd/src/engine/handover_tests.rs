//! The hand-over between engine and writer, with shuttle deciding who goes on when.
//!
//! The engine, its queue, the writer's work and the store are the real ones; the writer's thread is replaced by one of
//! shuttle's that does the same, one job at a time. Whoever waits gives way, and so does each look at the clock in the middle of a
//! turn of the engine's: between any two of these anybody else may go on. What lies within a job of the writer's, or within tokio's
//! channels, is not taken apart: what they share with others are channels and flags.
//!
//! Time does not pass by itself here: what goes on only after a pause, and not because something happened, is found as a standstill.

use super::tests::{alice, somebody};
use super::{Begun, Handle, Task};
use crate::clock::Clock;
use crate::keeper::Keeper;
use crate::settings::RecordChecks;
use crate::syslog::Syslog;
use crate::writer::{Desk, Kept, Writer};
use jit_core::actor::{Actor, Inside};
use jit_core::engine::{Admission, Arrival, Command, Reply, Wish};
use jit_core::event::Event;
use jit_core::name::{RunAs, Service};
use jit_core::policy::load::{self, PolicyFile};
use jit_core::record::Record;
use jit_core::record::chain::Chain;
use jit_core::refusal::Refusal;
use jit_core::session::Bound;
use jit_core::span::Span;
use jit_core::state::State;
use jit_core::subject::{Entry, Phase, Remote};
use jit_core::time::{BootId, BootTime, Now, WallTime};
use jit_store::{Filter, Reserve, Store, events, file_in, open_to_read};
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::RandomScheduler;
use shuttle::thread;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// How many orders of going on are tried; in a full run many more.
fn tries() -> usize {
    if std::env::var_os("JIT_TEST_FULL").is_some_and(|full| full == "1") { 1000 } else { 20 }
}

/// Runs it in many orders. One in which nothing goes on any more takes too many steps.
fn in_many_orders(run: impl Fn() + Send + Sync + 'static) {
    // The engine's pauses want one; here they never end, and whoever moves the clock wakes the engine. It is not dropped: of an order
    // that failed, shuttle leaves pauses behind that are nowhere any more.
    let runtime = Box::leak(Box::new(tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()));
    let _within = runtime.enter();
    let mut config = shuttle::Config::new();
    (config.stack_size, config.max_steps) = (2 << 20, shuttle::MaxSteps::FailAfter(1_000_000));
    shuttle::Runner::new(RandomScheduler::new(tries()), config).run(run);
}

/// Whether somebody was woken.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Waits for something, and lets others go on meanwhile. It is looked at again when it says so, and only then. None: `is_over` was.
fn wait_or<T>(future: impl Future<Output = T>, is_over: impl Fn() -> bool) -> Option<T> {
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(woken.clone());
    let mut future = std::pin::pin!(future);
    while !is_over() {
        if woken.0.swap(false, Ordering::SeqCst)
            && let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker))
        {
            return Some(value);
        }
        // Events that a state rests on are looked for by a thread of the system's.
        std::thread::yield_now();
        thread::yield_now();
    }
    None
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    wait_or(future, || false).unwrap()
}

/// A clock that the test moves, and at which whoever looks gives way.
#[derive(Clone)]
struct Hand(Arc<AtomicU64>);

impl Clock for Hand {
    fn now(&self) -> Now {
        thread::yield_now();
        let passed = Span::from_millis(self.0.load(Ordering::SeqCst));
        let begin = WallTime::parse("2026-11-23T12:00:00Z").unwrap();
        Now { wall: begin.plus(passed), boot: BootTime::from_millis(1_000_000).plus(passed) }
    }

    fn boot(&self) -> BootId {
        BootId("boot".to_owned())
    }
}

/// What somebody was told.
struct Told {
    /// Whether they hold a grant.
    holds: bool,
    /// Whether the last that they did was said to be on disk.
    all_stored: bool,
    /// What was said to be done: the event, and what it is about.
    acts: Vec<(&'static str, String)>,
}

/// An engine and a writer, with a store of their own.
struct Host {
    directory: PathBuf,
    hand: Hand,
    engine: Handle,
    /// Set to end the engine, or the writer, as if it had died.
    engine_dies: Arc<AtomicBool>,
    writer_dies: Arc<AtomicBool>,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
}

impl Host {
    fn new() -> Arc<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let directory = std::env::temp_dir().join(format!("jit-handover-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let hand = Hand(Arc::new(AtomicU64::new(0)));
        let text =
            "version = 1\n[[grant]]\nname = \"own\"\nwho = [\"user:alice\", \"user:bob\"]\non = [\"sudo\"]\napprove = []\n".to_owned();
        let around = load::Around { now: WallTime::parse("2026-11-23T12:00:00Z").unwrap(), zone: None };
        let policy = load::load(&[PolicyFile { file: "p".to_owned(), text }], around).unwrap().0;
        let file = file_in(&directory);
        let (store, state, _) = Store::open(&file).unwrap();
        let reserve = Reserve::beside(&file, 0);
        let told = Arc::new(tokio::sync::watch::channel(crate::writer::Newest::default()).0);
        let (writer, desk) = Writer::with_desk(store, file, reserve, Syslog::new(directory.join("log")), &told, Arc::default());
        let record = RecordChecks::Grouped;
        let begun = Begun { state, policy: Some(policy), trouble: Vec::new(), record, based: 0, no_record: None, hanging: None };
        let (engine, task) = Task::new(hand.clone(), writer, Keeper::idle(), begun);
        let (engine_dies, writer_dies) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (ends, dies) = (engine_dies.clone(), writer_dies.clone());
        let threads = vec![
            thread::spawn(move || wait_or(task.run(), || ends.load(Ordering::SeqCst)).unwrap_or_default()),
            thread::spawn(move || writes(desk, &dies)),
        ];
        Arc::new(Self { directory, hand, engine, engine_dies, writer_dies, threads: Mutex::new(threads) })
    }

    /// Begins something that goes on beside the rest.
    fn beside<T: Send + 'static>(self: &Arc<Self>, does: impl FnOnce(&Self) -> T + Send + 'static) -> thread::JoinHandle<T> {
        let host = self.clone();
        thread::spawn(move || does(&host))
    }

    /// What is on disk, in order, and whole.
    fn stored(&self) -> Vec<Record> {
        let records = events(&open_to_read(&file_in(&self.directory)).unwrap(), &Filter::default(), 1000).unwrap();
        let mut chain = Chain::new(None, None);
        records.iter().try_for_each(|record| chain.follow(record)).unwrap();
        records
    }

    /// The state that the stored events make.
    fn stored_state(&self) -> State {
        let mut state = State::default();
        for record in self.stored() {
            state.apply(record.at, &Event::read(&record.event, &record.data).unwrap());
        }
        state
    }

    fn is_stored(&self, event: &str, id: &str) -> bool {
        self.stored().iter().any(|record| record.event == event && record.data.contains(id))
    }

    /// A disk that takes nothing, and is read as before; and one that does again.
    fn breaks(&self, breaks: bool) {
        let statement = if breaks {
            "CREATE TRIGGER broken BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'broken'); END"
        } else {
            "DROP TRIGGER IF EXISTS broken"
        };
        rusqlite::Connection::open(file_in(&self.directory)).unwrap().execute_batch(statement).unwrap();
    }

    /// Time passes, and the engine sees it.
    fn passes(&self, millis: u64) {
        self.hand.0.fetch_add(millis, Ordering::SeqCst);
        let _ = wait(self.engine.query(|_| ()));
    }

    fn command(&self, command: Command) -> Result<(Reply, Kept), Refusal> {
        wait(self.engine.command(command)).map(|done| (done.reply, done.kept))
    }

    fn check(&self, who: &Actor) -> Option<Admission> {
        wait(self.engine.check(entry(who), false)).map(|checked| checked.admission)
    }

    /// Asks, comes in and gives up, some times; what is answered must be so.
    fn uses(&self, who: &Actor, times: usize) -> Told {
        let mut told = Told { holds: false, all_stored: true, acts: Vec::new() };
        for _ in 0..times {
            match self.command(Command::Request(who.clone(), wish())) {
                Ok((Reply::Request(id), Kept::Stored)) => {
                    assert!(!told.holds, "it was held");
                    assert!(self.is_stored("request.granted", &id.to_string()), "acknowledged before it was on disk");
                    told.holds = true;
                    told.acts.push(("request.granted", id.to_string()));
                }
                Err(Refusal::AlreadyHeld { .. }) => assert!(told.holds, "what was given up is held"),
                Err(Refusal::NotRecorded { .. } | Refusal::Busy) => {}
                other => panic!("{other:?}"),
            }
            match self.check(who) {
                Some(Admission::Grant(_)) => assert!(told.holds, "let in by what nobody was given"),
                Some(Admission::Rule(_)) => panic!("no rule lets in"),
                Some(Admission::Denied(_)) => assert!(!told.holds, "not let in by what is on disk"),
                None => {}
            }
            match self.command(Command::Drop(who.clone(), None)) {
                Ok((Reply::Grants(ids), kept)) => {
                    told.all_stored = !matches!(kept, Kept::NotYet(_));
                    assert!(!told.all_stored || self.is_stored("grant.dropped", &ids[0].to_string()), "said to be on disk, and is not");
                    told.holds = false;
                    told.acts.push(("grant.dropped", ids[0].to_string()));
                }
                Err(Refusal::NoneOfYours { .. }) => assert!(!told.holds, "what was given is not there"),
                Err(Refusal::Busy | Refusal::NotRecorded { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
        told
    }

    /// Looks again and again whether somebody comes in, and comes in, whatever is on its way: never by what is not on disk.
    fn knocks(&self, who: &Actor, times: usize) {
        for _ in 0..times {
            if let Some(Admission::Grant(id)) = self.check(who) {
                assert!(self.is_stored("grant.issued", &id.to_string()), "let in by what is not on disk");
            }
            let arrival = Arrival { entry: entry(who), process: None, bound: Bound::Tree, auth: None, inside: Inside::nothing() };
            if let Ok((Reply::Session(_, id, _), _)) = self.command(Command::Open(arrival)) {
                assert!(self.is_stored("grant.issued", &id.to_string()), "came in by what is not on disk");
            }
        }
    }

    /// What each of two people does, with somebody at each one's door meanwhile.
    fn busy(self: &Arc<Self>) -> Vec<thread::JoinHandle<Told>> {
        let doors = people().map(|who| self.beside(move |host| host.knocks(&who, 4)));
        self.threads.lock().unwrap().extend(doors);
        people().map(|who| self.beside(move |host| host.uses(&who, 2))).into()
    }

    /// Whether what they were told is what the record says: what they hold, and all that they did, in order.
    fn is_as_told(&self, told: &[Told]) {
        let (records, state) = (self.stored(), self.stored_state());
        for (who, told) in people().iter().zip(told) {
            let name = &who.subject.name;
            assert_eq!(state.live_of(&who.subject).count(), usize::from(told.holds), "{name}");
            let place = |(event, id): &(&str, String)| records.iter().position(|record| record.event == *event && record.data.contains(id));
            let places: Vec<_> = told.acts.iter().map(place).collect();
            assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{name}: {:?} at {places:?}", told.acts);
        }
    }

    /// Stops it, and waits until both have ended.
    fn stop(&self) {
        wait(self.engine.stop());
        self.ended();
    }

    fn ended(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap());
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

/// They come in as root.
fn entry(who: &Actor) -> Entry {
    Entry {
        subject: who.subject.clone(),
        service: Service::new("sudo"),
        run_as: Some(RunAs::root()),
        remote: Remote::Unknown,
        tty: None,
        phase: Phase::Account,
    }
}

fn wish() -> Wish {
    Wish { service: Service::new("sudo"), run_as: RunAs::root(), wanted: None, uses: None, start: None, reason: Some("x".to_owned()) }
}

/// What the writer's thread does, until it has closed the store, nobody can ask it any more, or it dies.
fn writes(desk: Desk, dies: &AtomicBool) {
    let mut works = Some(desk);
    while let Some(desk) = works.filter(|_| !dies.load(Ordering::SeqCst)) {
        let (worked, next) = desk.work_if_asked();
        works = next;
        if !worked {
            std::thread::yield_now();
        }
        thread::yield_now();
    }
}

/// People of the same host, each with their own grant.
fn people() -> [Actor; 2] {
    [alice(), somebody("bob", 1002)]
}

#[test]
fn nothing_is_acknowledged_or_let_in_by_before_it_is_on_disk_and_a_stop_loses_nothing() {
    in_many_orders(|| {
        let host = Host::new();
        let uses = host.busy();
        // More than a batch is waited for, and less than a grant lasts.
        (0..3).for_each(|_| host.passes(500));
        let told: Vec<_> = uses.into_iter().map(|uses| uses.join().unwrap()).collect();
        host.stop();
        host.is_as_told(&told);
        assert_eq!(host.stored().iter().filter(|record| record.event == "daemon.stopped").count(), 1);
    });
}

#[test]
fn a_disk_that_fails_and_comes_back_loses_nothing_that_was_said_to_be_done() {
    in_many_orders(|| {
        let host = Host::new();
        let uses = host.busy();
        let disk = host.beside(|host| {
            for _ in 0..2 {
                host.breaks(true);
                (0..thread_rng().gen_range(0..3)).for_each(|_| host.passes(500));
                host.breaks(false);
                (0..thread_rng().gen_range(0..3)).for_each(|_| host.passes(500));
            }
        });
        let told: Vec<_> = uses.into_iter().map(|uses| uses.join().unwrap()).collect();
        disk.join().unwrap();
        host.stop();
        host.is_as_told(&told);
    });
}

#[test]
fn a_disk_that_fails_to_the_end_loses_nothing_that_was_said_to_be_on_it() {
    in_many_orders(|| {
        let host = Host::new();
        let uses = host.busy();
        (0..thread_rng().gen_range(0..3)).for_each(|_| host.passes(500));
        host.breaks(true);
        (0..2).for_each(|_| host.passes(500));
        let told: Vec<_> = uses.into_iter().map(|uses| uses.join().unwrap()).collect();
        host.stop();
        let state = host.stored_state();
        for (who, Told { holds, all_stored, .. }) in people().iter().zip(told) {
            let is_held = state.live_of(&who.subject).count() > 0;
            assert!(is_held == holds || (!all_stored && !holds), "{} holds it: {is_held}, and was told {holds}", who.subject.name);
        }
    });
}

#[test]
fn whichever_side_dies_in_whatever_moment_nobody_waits_for_ever_and_what_was_acknowledged_is_there() {
    in_many_orders(|| {
        let host = Host::new();
        let uses = host.busy();
        let writer_dies = thread_rng().gen_bool(0.5);
        (0..thread_rng().gen_range(0..4)).for_each(|_| host.passes(500));
        if writer_dies { &host.writer_dies } else { &host.engine_dies }.store(true, Ordering::SeqCst);
        uses.into_iter().for_each(|uses| drop(uses.join().unwrap()));
        host.stop();
        // Whole, whatever was on its way.
        drop(host.stored_state());
    });
}

#[test]
fn whoever_is_at_the_door_waits_for_two_of_a_crowd_at_most() {
    in_many_orders(|| {
        let host = Host::new();
        let (looked, crowd_ends) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let crowd: Vec<_> = (0..5)
            .map(|_| {
                let (looked, ends) = (looked.clone(), crowd_ends.clone());
                host.beside(move |host| {
                    while !ends.load(Ordering::SeqCst) {
                        let looked = looked.clone();
                        let _ = wait(host.engine.for_people().query(move |_| looked.fetch_add(1, Ordering::SeqCst)));
                    }
                })
            })
            .collect();
        for _ in 0..20 {
            let (before, counted) = (looked.load(Ordering::SeqCst), looked.clone());
            let after = wait(host.engine.query(move |_| counted.load(Ordering::SeqCst))).unwrap();
            assert!(after - before <= 2, "{} of the crowd went before", after - before);
        }
        crowd_ends.store(true, Ordering::SeqCst);
        crowd.into_iter().for_each(|one| one.join().unwrap());
        host.stop();
    });
}
