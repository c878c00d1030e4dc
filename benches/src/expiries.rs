//! How late grants end: a million whose ends spread over an hour, and ten thousand that end at the same moment.
//!
//! It is the engine, the writer, the keeper and the store of jitd, on a clock that is moved. Two minutes of the hour pass as they
//! would; of the others each second's grants end within a part of it, while the clock runs as the kernel's does, and what is
//! between is left out.

use crate::{grants, say};
use jit_core::engine::Admission;
use jit_core::event::Event;
use jit_core::name::{RunAs, Service, Uid, UserName};
use jit_core::policy::load::{Around, PolicyFile, load};
use jit_core::span::Span;
use jit_core::subject::{Entry, Groups, Phase, Remote, Subject};
use jit_core::time::{BootId, Now};
use jit_store::{Reserve, Store, file_in, open_to_read, read};
use jitd::clock::{Clock, SystemClock};
use jitd::engine::{Begun, Handle, Task};
use jitd::keeper::Keeper;
use jitd::settings::RecordChecks;
use jitd::syslog::Syslog;
use jitd::vital::Vital;
use jitd::writer::{Newest, Writer};
use nix::time::{ClockId, clock_gettime};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How many grants end in the hour.
const GRANTS: u32 = 1_000_000;
/// And how many at one moment before it.
const AT_ONCE: u32 = 10_000;
/// How many seconds the hour has.
const SECONDS: u32 = 3_600;
/// How long before the first of them ends, in milliseconds.
const BEFORE: u64 = 600_000;
/// How many of them, the first, pass as they would: evenly, and with nothing left out.
const AS_THEY_ARE: u32 = 120;
/// Within which part of each other second they end, in milliseconds: twenty times as fast as evenly over the hour.
const WINDOW: u64 = 50;
/// How long before and after that the clock runs, in milliseconds.
const LEAD: u64 = 10;
/// On a busy machine this may take long: after this time no further seconds of the hour are gone through.
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// The goals.
const MOST_LATE: Duration = Duration::from_millis(10);
const MOST_AT_ONCE: Duration = Duration::from_secs(1);

/// In which second of the hour the grant of this number ends.
fn second_of(number: u32) -> u64 {
    u64::from(number) * u64::from(SECONDS) / u64::from(GRANTS)
}

/// Within which part of this second grants end, in milliseconds.
fn window_of(second: u64) -> u64 {
    if second < u64::from(AS_THEY_ARE) { 1000 } else { WINDOW }
}

/// So long after the first moment of the record the grant of this number ends, in milliseconds.
fn end_of(number: u32) -> u64 {
    if number >= GRANTS {
        return BEFORE / 2;
    }
    let second = second_of(number);
    BEFORE + second * 1000 + u64::from(number) * 37 % window_of(second)
}

/// The kernel's clocks, set forward.
#[derive(Clone)]
struct Moved(Arc<AtomicU64>);

impl Clock for Moved {
    fn now(&self) -> Now {
        let (now, by) = (SystemClock.now(), Span::from_millis(self.0.load(Ordering::SeqCst)));
        Now { wall: now.wall.plus(by), boot: now.boot.plus(by) }
    }

    fn boot(&self) -> BootId {
        SystemClock.boot()
    }
}

/// Since boot, in microseconds.
fn micros() -> u64 {
    u64::try_from(Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap()).as_micros()).unwrap()
}

/// What runs: an engine, and those who look on.
struct Running {
    clock: Moved,
    engine: Handle,
    head: watch::Receiver<Newest>,
    /// When it was seen that so many events were stored: in microseconds since boot.
    stored: Arc<Mutex<Vec<(u64, u64)>>>,
    /// Of how many grants syslog has heard that they ended.
    ended: Arc<AtomicU64>,
}

/// As jitd has one.
fn on_a_thread_of_its_own(work: impl Future<Output = ()> + Send + 'static) {
    std::thread::spawn(move || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work));
}

impl Running {
    fn start(place: &Path) -> Self {
        let file = file_in(place);
        let (store, state, _) = Store::open(&file).unwrap();
        let told = Arc::new(watch::channel(Newest::default()).0);
        let ended = read_syslog(&place.join("log"));
        let (reserve, syslog) = (Reserve::beside(&file, 1 << 30), Syslog::new(place.join("log")));
        let (writer, _) = Writer::start(store, file, reserve, syslog, &told, Arc::default(), Vital::new().0.pulse("the record")).unwrap();
        let clock = Moved(Arc::default());
        let text =
            "version = 1\n[[grant]]\nname = \"ops\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\napprove = [ { by = [\"group:leads\"] } ]\n";
        let files = [PolicyFile { file: "policy.toml".to_owned(), text: text.to_owned() }];
        let policy = Some(load(&files, Around { now: clock.now().wall, zone: None }).unwrap().0);
        let begun = Begun { state, policy, trouble: Vec::new(), record: RecordChecks::Grouped, based: 0, no_record: None, hanging: None };
        let (keeper, orders) = Keeper::new(place, place, &clock.boot());
        let (engine, task) = Task::new(clock.clone(), writer, keeper.clone(), begun);
        let way = engine.clone();
        on_a_thread_of_its_own(async move {
            tokio::spawn(keeper.run(orders, way));
            task.run().await;
        });
        let (stored, mut seen) = (Arc::new(Mutex::new(Vec::new())), told.subscribe());
        let noted = stored.clone();
        on_a_thread_of_its_own(async move {
            while seen.changed().await.is_ok() {
                let head = seen.borrow_and_update().seq;
                noted.lock().unwrap().push((head, micros()));
            }
        });
        Self { clock, engine, head: told.subscribe(), stored, ended }
    }

    /// Sets the clock forward to this moment, and has the engine look at it.
    async fn move_to(&self, boot_ms: u64) {
        let by = boot_ms.saturating_sub(self.clock.now().boot.as_millis());
        self.clock.0.fetch_add(by, Ordering::SeqCst);
        self.engine.query(|_| ()).await.unwrap();
    }

    /// Lets the clock run until that moment, and until so many grants have ended: a clock that is set forward while the disk
    /// is at work would be a disk that does not answer.
    async fn run_to(&self, boot_ms: u64, ended: u64) {
        loop {
            let left = boot_ms.saturating_sub(self.clock.now().boot.as_millis());
            if left == 0 && self.ended.load(Ordering::Relaxed) >= u64::from(AT_ONCE) + ended && self.has_landed(ended).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(left.max(1))).await;
        }
    }

    /// Whether the engine has heard that the last of so many are on disk.
    async fn has_landed(&self, ended: u64) -> bool {
        let last = (0..u32::try_from(ended).unwrap()).rev().take(300).map(|number| grants::holder(number).uid);
        let last: BTreeSet<_> = last.collect();
        self.engine.query(move |snapshot| snapshot.state.in_doubt().is_disjoint(&last)).await.unwrap()
    }
}

/// Somebody who reads syslog, and counts.
fn read_syslog(socket: &Path) -> Arc<AtomicU64> {
    let socket = UnixDatagram::bind(socket).unwrap();
    let ended = Arc::new(AtomicU64::new(0));
    let counted = ended.clone();
    std::thread::spawn(move || {
        let mut line = [0; 8_192];
        while let Ok(length) = socket.recv(&mut line) {
            let is_one = line[..length].windows(14).any(|part| part == b"grant.expired ");
            counted.fetch_add(u64::from(is_one), Ordering::Relaxed);
        }
    });
    ended
}

/// The floor: a timer that goes off in five milliseconds, and 256 bytes that are on disk then.
struct Floor(File);

impl Floor {
    async fn late(&mut self) -> Duration {
        let wanted = Duration::from_millis(5);
        let began = Instant::now();
        tokio::time::sleep(wanted).await;
        self.0.write_all(&[b'x'; 256]).unwrap();
        self.0.sync_data().unwrap();
        began.elapsed().saturating_sub(wanted)
    }
}

/// How late several things were.
struct Late(Vec<Duration>);

impl Late {
    fn of(mut all: Vec<Duration>) -> Self {
        all.sort();
        Self(all)
    }

    /// The one that so many of a thousand do not exceed.
    fn at(&self, of_thousand: usize) -> Duration {
        self.0[(self.0.len() * of_thousand / 1000).min(self.0.len() - 1)]
    }

    fn say(&self, what: &str, most: Option<Duration>) {
        let ms = |of_thousand| self.at(of_thousand).as_secs_f64() * 1000.0;
        let measured = format!("{:.1} / {:.1} / {:.1} / {:.1} ms", ms(500), ms(990), ms(999), ms(1000));
        let later = |most: Duration| self.0.iter().filter(|late| **late > most).count();
        let about = most.map(|most| format!("{}; {} of {} later", say::goal("10 ms each", later(most) == 0), later(most), self.0.len()));
        say::figure(what, &measured, &about.unwrap_or_default());
    }
}

/// Measures.
pub fn run(place: &Path) {
    say::title(&format!("{GRANTS} grants whose ends spread over an hour of moved clock (median / 99 % / 99.9 % / longest)"));
    eprintln!("{} grants come to be", GRANTS + AT_ONCE);
    let began = grants::record(&file_in(place), GRANTS + AT_ONCE, |number| Span::from_millis(end_of(number))).boot.as_millis();
    eprintln!("and are read");
    let running = Running::start(place);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut floor = Floor(File::create(place.join("floor")).unwrap());
    let at_once = runtime.block_on(at_once(&running, began + end_of(GRANTS)));
    let (mut moved, mut floors, started) = (Vec::new(), Vec::new(), Instant::now());
    runtime.block_on(async {
        for second in (0..u64::from(SECONDS)).take_while(|_| started.elapsed() < LONGEST) {
            floors.push(floor.late().await);
            let first = began + BEFORE + second * 1000;
            running.move_to(first - LEAD).await;
            moved.push(running.clock.0.load(Ordering::SeqCst));
            let ended = ((second + 1) * u64::from(GRANTS)).div_ceil(u64::from(SECONDS));
            running.run_to(first + window_of(second) + LEAD, ended).await;
        }
    });
    let upto = running.head.borrow().seq;
    runtime.block_on(running.engine.stop());
    say::figure("seconds of the hour that were gone through", &moved.len().to_string(), "");
    Late::of(floors).say("floor: a timer, 256 bytes and fdatasync", None);
    lateness(place, &running, began, &moved, upto);
    at_once.say();
}

/// Reads from the record when each grant ended by the event's own time, and when that was stored.
fn lateness(place: &Path, running: &Running, began: u64, moved: &[u64], upto: u64) {
    let numbers: HashMap<String, u32> = (0..GRANTS).map(|number| (grants::id(number).to_string(), number)).collect();
    let stored = running.stored.lock().unwrap();
    let (mut as_they_are, mut dense) = (Lateness::default(), Lateness::default());
    read::each_after(&open_to_read(&file_in(place)).unwrap(), 0, |record| {
        let Ok(Event::GrantExpired(expired)) = Event::read(&record.event, &record.data) else { return Ok(record.seq < upto) };
        let Some(number) = numbers.get(&expired.id.to_string()) else { return Ok(record.seq < upto) };
        let second = second_of(*number);
        let Some(by) = moved.get(usize::try_from(second).unwrap()) else { return Ok(record.seq < upto) };
        let of_this = if second < u64::from(AS_THEY_ARE) { &mut as_they_are } else { &mut dense };
        let end = began + end_of(*number);
        // On both clocks it is as late: they are moved together.
        let wall = i64::try_from(end).unwrap() + drift();
        of_this.by_event.push(Duration::from_millis(u64::try_from(record.at.as_millis() - wall).unwrap_or(0)));
        let on_disk = stored[stored.partition_point(|(head, _)| *head < record.seq)].1;
        of_this.by_disk.push(Duration::from_micros(on_disk.saturating_sub((end - by) * 1000)));
        Ok(record.seq < upto)
    })
    .unwrap();
    let wanted = (moved.len() * usize::try_from(GRANTS).unwrap()).div_ceil(usize::try_from(SECONDS).unwrap());
    assert_eq!(as_they_are.by_disk.len() + dense.by_disk.len(), wanted, "each of them ended");
    as_they_are.say(&format!("{AS_THEY_ARE} s as they are"));
    dense.say(&format!("the others, each second's within {WINDOW} ms"));
}

/// How late grants ended.
#[derive(Default)]
struct Lateness {
    /// By the time that the event says.
    by_event: Vec<Duration>,
    /// By when it was on disk.
    by_disk: Vec<Duration>,
}

impl Lateness {
    fn say(self, of_which: &str) {
        Late::of(self.by_event).say(&format!("{of_which}: the event's own time, after the end"), Some(MOST_LATE));
        Late::of(self.by_disk).say(&format!("{of_which}: the event is on disk, after the clock reached the end"), Some(MOST_LATE));
    }
}

/// How far the wall clock is ahead of the boot clock, in milliseconds.
fn drift() -> i64 {
    SystemClock.now().drift_ms()
}

/// What came of those that ended at once.
struct AtOnce {
    stored: Duration,
    said: Duration,
    longest_check: Duration,
}

/// Moves the clock over the end of ten thousand grants, while somebody else comes in again and again.
async fn at_once(running: &Running, end: u64) -> AtOnce {
    running.move_to(end - 1000).await;
    let (before, ended) = (running.head.borrow().seq, running.ended.load(Ordering::Relaxed));
    let began = Instant::now();
    running.clock.0.fetch_add(1000, Ordering::SeqCst);
    let mut result = AtOnce { stored: Duration::ZERO, said: Duration::ZERO, longest_check: Duration::ZERO };
    while result.stored.is_zero() || result.said.is_zero() {
        let asked = Instant::now();
        let admission = running.engine.check(own_entry(), false).await.unwrap().admission;
        assert!(matches!(admission, Admission::Grant(_)), "{admission:?}");
        result.longest_check = result.longest_check.max(asked.elapsed());
        if result.stored.is_zero() && running.head.borrow().seq >= before + u64::from(AT_ONCE) {
            result.stored = began.elapsed();
        }
        if result.said.is_zero() && running.ended.load(Ordering::Relaxed) >= ended + u64::from(AT_ONCE) {
            result.said = began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "they do not end");
    }
    result
}

impl AtOnce {
    fn say(&self) {
        let ms = |span: Duration| format!("{:.0} ms", span.as_secs_f64() * 1000.0);
        say::title(&format!("{AT_ONCE} grants that end in the same second"));
        say::figure("all on disk", &ms(self.stored), &say::goal("1 s", self.stored <= MOST_AT_ONCE));
        say::figure("all at syslog", &ms(self.said), "");
        say::figure("the longest that a check of somebody else took meanwhile", &ms(self.longest_check), "");
    }
}

/// The benchmark comes in by its own grant.
fn own_entry() -> Entry {
    let (uid, name) = (Uid::ROOT, UserName::new("root"));
    let subject = Subject { uid, name, groups: Groups::Known(BTreeSet::new()) };
    let (service, run_as) = (Service::new("bench"), Some(RunAs::Oneself));
    Entry { subject, service, run_as, remote: Remote::Unknown, tty: None, phase: Phase::Account }
}
