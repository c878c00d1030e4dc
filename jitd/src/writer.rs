//! The one thread that writes: events to the store, and their lines to syslog.
//!
//! It never waits for anything but work: what must be tried again is tried when the engine says so. What is so although
//! it could not be stored waits here, in order, and nothing is stored before it.

use crate::meter::Meter;
use crate::syslog::{Syslog, Turn, Urgency};
use crate::vital::Pulse;
use crate::voice::Voice;
use jit_core::engine::{Otherwise, Recording};
use jit_core::event::{self, Event};
use jit_core::line;
use jit_core::name::UserName;
use jit_core::record::{Head, Record, Trace};
use jit_core::refusal::Refusal;
use jit_core::state::needs::Picker;
use jit_core::time::WallTime;
use jit_store::{Base, Fresh, Reserve, Store, StoreTrouble, pick};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// How a batch was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Kept {
    /// It is on disk.
    Stored,
    /// It is on disk, in space that is kept for such acts when the disk is full.
    ByReserve,
    /// It is not on disk yet, and why.
    NotYet(String),
}

/// Why a batch is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unstored {
    /// What the disk said.
    pub why: String,
    /// What it may hold of the batch all the same.
    pub trace: Trace,
}

impl Unstored {
    /// What whoever asked is told.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        Refusal::NotRecorded { why: self.why.clone(), trace: self.trace }
    }
}

impl From<String> for Unstored {
    fn from(why: String) -> Self {
        Self { why, trace: Trace::None }
    }
}

impl From<StoreTrouble> for Unstored {
    fn from(trouble: StoreTrouble) -> Self {
        match trouble {
            // What to do about a disk is said by whoever gives the refusal.
            StoreTrouble::Disk { error, trace, .. } => Self { why: error.to_string(), trace },
            other @ (StoreTrouble::Foreign { .. } | StoreTrouble::Damaged { .. }) => other.to_string().into(),
        }
    }
}

/// What became of a batch.
pub type Committed = Result<Kept, Unstored>;

/// What is to be archived.
#[derive(Debug)]
pub struct Archived {
    /// The last event of it.
    pub upto: Head,
    /// The moment up to which.
    pub before: WallTime,
    /// Who did it.
    pub by: UserName,
    /// When.
    pub at: WallTime,
}

/// What the thread is asked to do.
enum Work {
    /// Store a batch and say whether it is stored.
    Commit(Vec<Fresh>, Recording, oneshot::Sender<Committed>),
    /// Store a batch when it can be.
    Note(Vec<Fresh>),
    /// Try again what failed.
    Flush(WallTime),
    /// Record where the chain stands, and say when that is done.
    Head(WallTime, oneshot::Sender<()>),
    /// Store which events the state rests on, and say when that is done.
    Base(Base, oneshot::Sender<()>),
    /// Take out what was archived.
    Prune(Archived, oneshot::Sender<Result<(), Unstored>>),
    /// Tell everybody about events that are stored already.
    Publish(Vec<Record>),
    /// Close the store, and say when that is done.
    Close(oneshot::Sender<()>),
}

/// The way to the writer.
#[derive(Debug, Clone)]
pub struct Writer {
    work: Option<mpsc::Sender<Work>>,
    why_none: String,
    behind: Arc<AtomicBool>,
    fails: Arc<AtomicBool>,
    head: watch::Receiver<u64>,
    store: PathBuf,
    /// For what must not wait for the disk; none: there is no record.
    voice: Option<Voice>,
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Work")
    }
}

/// An event on its way to the store.
///
/// # Errors
/// None in practice; what cannot be written is not recorded, and so not done.
pub fn fresh(at: WallTime, event: &Event) -> Result<Fresh, String> {
    let data = event.data().map_err(|error| error.to_string())?;
    Ok(Fresh { at, event: event.name(), data })
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        store: Store,
        file: PathBuf,
        reserve: Reserve,
        syslog: Syslog,
        told: &Arc<watch::Sender<u64>>,
        meter: Arc<Meter>,
        pulse: Pulse,
    ) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (writer, desk) = Self::with_desk(store, file, reserve, syslog, told, meter);
        let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(move || {
            let _pulse = pulse;
            let mut works = Some(desk);
            while let Some(desk) = works {
                works = desk.work_once();
            }
        })?;
        Ok((writer, thread))
    }

    /// A writer, and what its thread works at.
    pub(crate) fn with_desk(
        store: Store,
        file: PathBuf,
        reserve: Reserve,
        syslog: Syslog,
        told: &Arc<watch::Sender<u64>>,
        meter: Arc<Meter>,
    ) -> (Self, Desk) {
        let (work, jobs) = mpsc::channel();
        told.send_replace(store.head().seq);
        let (behind, fails) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let voice = Voice::new(syslog);
        let scribe = Scribe {
            store,
            reserve,
            voice: voice.clone(),
            behind: behind.clone(),
            fails: fails.clone(),
            head: told.clone(),
            meter,
            failing: None,
            late: VecDeque::new(),
        };
        let (why_none, head) = (String::new(), told.subscribe());
        (Self { work: Some(work), why_none, behind, fails, head, store: file, voice: Some(voice) }, Desk { jobs, scribe })
    }

    /// A writer where there is no record to write to: whatever must be recorded is refused.
    #[must_use]
    pub fn none(why: String, told: &Arc<watch::Sender<u64>>) -> Self {
        let (behind, fails) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(true)));
        Self { work: None, why_none: why, behind, fails, head: told.subscribe(), store: PathBuf::new(), voice: None }
    }

    /// Whether something could not be stored, and nothing has been since; or the space that is kept for a full disk is in use.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.fails.load(Ordering::Relaxed)
    }

    fn send(&self, work: Work) {
        // A writer that is gone drops what is sent to it, and with it whatever waits for an answer.
        if let Some(way) = &self.work {
            let _ = way.send(work);
        }
    }

    /// Stores a batch; the answer comes when it is on disk, or cannot be.
    pub fn commit(&self, batch: Vec<Fresh>, recording: Recording) -> oneshot::Receiver<Committed> {
        let (done, stored) = oneshot::channel();
        if self.work.is_some() {
            self.send(Work::Commit(batch, recording, done));
        } else {
            let _ = done.send(Err(self.why_none.clone().into()));
        }
        stored
    }

    /// Tells everybody about events that are stored already.
    pub fn publish(&self, records: Vec<Record>) {
        self.send(Work::Publish(records));
    }

    /// Stores a batch that nobody waits for.
    pub fn note(&self, batch: Vec<Fresh>) {
        self.send(Work::Note(batch));
    }

    /// Tells syslog of what is so and waits for the disk, which does not answer.
    pub fn say_unstored(&self, batch: &[Fresh]) {
        if let Some(voice) = &self.voice {
            batch.iter().for_each(|fresh| say_unstored(voice, fresh));
        }
    }

    /// Tells syslog that the record cannot be written.
    pub fn say_failed(&self, why: &str) {
        if let Some(voice) = &self.voice {
            say_failed(voice, why);
        }
    }

    /// Tries again what could not be delivered or stored, if anything could not.
    pub fn catch_up(&self, now: WallTime) {
        let has_turned = self.voice.as_ref().is_some_and(|voice| {
            voice.flush();
            voice.has_turned()
        });
        if has_turned || self.behind.load(Ordering::Relaxed) {
            self.send(Work::Flush(now));
        }
    }

    /// Records where the chain stands.
    pub async fn head_event(&self, now: WallTime) {
        let (done, recorded) = oneshot::channel();
        self.send(Work::Head(now, done));
        // What is missing is said by whoever could not write it.
        let _ = recorded.await;
    }

    /// Closes the store.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        self.send(Work::Close(done));
        let _ = closed.await;
    }

    /// Finds the events that the state rests on, and stores which they are. It goes on beside everything else.
    pub fn base(&self, picker: Picker, done: oneshot::Sender<()>) -> std::thread::JoinHandle<()> {
        let (writer, upto) = (self.clone(), *self.head.borrow());
        std::thread::spawn(move || match pick(&writer.store, picker, upto) {
            Ok(base) => writer.send(Work::Base(base, done)),
            Err(why) => eprintln!("jitd: the record could not be read to make starts shorter: {why}"),
        })
    }

    /// Takes archived events out of the store.
    ///
    /// # Errors
    /// Why that is not possible.
    pub async fn prune(&self, archived: Archived) -> Result<(), Unstored> {
        let (done, pruned) = oneshot::channel();
        self.send(Work::Prune(archived, done));
        pruned.await.unwrap_or_else(|_| Err("there is no record".to_owned().into()))
    }

    /// The number of the newest stored event, as it changes.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }
}

/// The most checks that wait while the store fails. Acts wait without a limit: there are few, and each counts.
const MOST_CHECKS: usize = 10_000;

/// What waits to be stored.
struct Late {
    fresh: Fresh,
    /// A check, of which the oldest may be lost.
    is_check: bool,
}

/// What is remembered while the store fails.
#[derive(Clone, Copy, Default)]
struct Failing {
    refused: u64,
    late: u64,
    lost: u64,
}

/// Where the thread finds what it is asked, and what it works with.
pub(crate) struct Desk {
    jobs: mpsc::Receiver<Work>,
    scribe: Scribe,
}

impl Desk {
    /// Waits for the next thing to do, and does it. None: the store is closed, or nobody can ask for anything any more.
    fn work_once(mut self) -> Option<Self> {
        match self.jobs.recv_timeout(self.scribe.pause()) {
            Ok(job) => self.work(job),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                self.scribe.go_on_with_syslog();
                Some(self)
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
        }
    }

    /// The same without waiting, for a test that decides who goes on when. True: there was something.
    #[cfg(test)]
    pub(crate) fn work_if_asked(self) -> (bool, Option<Self>) {
        match self.jobs.try_recv() {
            Ok(job) => (true, self.work(job)),
            Err(mpsc::TryRecvError::Empty) => (false, Some(self)),
            Err(mpsc::TryRecvError::Disconnected) => (false, None),
        }
    }

    fn work(mut self, job: Work) -> Option<Self> {
        let Work::Close(done) = job else {
            self.scribe.work(job);
            return Some(self);
        };
        if self.scribe.failing.is_some() || !self.scribe.reserve.is_held() {
            self.scribe.store.stay_open_on_disk();
        }
        // Otherwise it is closed in good order: all of it is in one file then.
        drop(self);
        let _ = done.send(());
        None
    }
}

/// What the thread works with.
struct Scribe {
    store: Store,
    reserve: Reserve,
    voice: Voice,
    behind: Arc<AtomicBool>,
    fails: Arc<AtomicBool>,
    head: Arc<watch::Sender<u64>>,
    meter: Arc<Meter>,
    failing: Option<Failing>,
    late: VecDeque<Late>,
}

/// How soon a syslog that reads slowly is offered the next lines. Its queue in the kernel holds some ten.
const SYSLOG_AGAIN: Duration = Duration::from_millis(10);
/// Otherwise nothing is done until somebody asks.
const LONG: Duration = Duration::from_secs(3600);

impl Scribe {
    fn pause(&self) -> Duration {
        if self.voice.with(Syslog::is_slow) { SYSLOG_AGAIN } else { LONG }
    }

    /// Gives a slow syslog what it takes now.
    fn go_on_with_syslog(&mut self) {
        if self.voice.with(Syslog::is_slow) {
            self.voice.flush();
        }
        self.say_how_it_goes();
    }

    fn say_how_it_goes(&self) {
        let fails = self.failing.is_some() || !self.reserve.is_held();
        self.fails.store(fails, Ordering::Relaxed);
        let speaks = self.voice.with(Syslog::waiting) == 0 && !self.voice.has_turned();
        self.behind.store(fails || !speaks, Ordering::Relaxed);
        self.measure();
    }

    /// Says how the record and syslog are to whoever measures.
    fn measure(&self) {
        let health = &self.meter.health;
        let set = |meter: &AtomicU64, count: usize| meter.store(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
        set(&health.waiting, self.late.len());
        set(&health.syslog_waiting, self.voice.with(Syslog::waiting));
        health.failing.store(self.failing.is_some(), Ordering::Relaxed);
        health.syslog_lost.store(self.voice.with(Syslog::is_lost), Ordering::Relaxed);
        health.syslog_undelivered.store(self.voice.with(Syslog::dropped), Ordering::Relaxed);
    }

    fn work(&mut self, work: Work) {
        match work {
            Work::Commit(batch, recording, done) => {
                let result = self.commit(batch, recording);
                // Whoever waited may have gone.
                let _ = done.send(result);
            }
            Work::Note(batch) => {
                if let Err(unstored) = self.try_commit(&batch, Recording::A_FACT) {
                    self.fails(&unstored.why);
                    self.keep_for_later(batch, true);
                }
            }
            Work::Flush(now) => {
                self.voice.flush();
                self.say_turns(now);
                self.recover(now);
            }
            Work::Head(now, done) => {
                let Head { seq, hash } = self.store.head();
                self.note_own(now, &event::AuditHead { head: seq, head_hash: hash.to_string() }.into());
                // Where that fails nothing is lost, and whoever writes next sees it.
                let _ = self.store.settle();
                let _ = done.send(());
            }
            Work::Base(base, done) => {
                if let Err(trouble) = self.store.put_base(&base) {
                    self.fails(&Unstored::from(trouble).why);
                }
                let _ = done.send(());
            }
            Work::Prune(archived, done) => {
                let _ = done.send(self.prune(archived));
            }
            Work::Publish(records) => self.publish(&records),
            // Handled where the thread ends.
            Work::Close(done) => drop(done),
        }
        self.say_how_it_goes();
    }

    /// Stores a batch, or does what is to be done where it cannot be.
    fn commit(&mut self, batch: Vec<Fresh>, recording: Recording) -> Committed {
        let mut tried = self.try_commit(&batch, recording);
        if tried.is_err() && recording.reserve && self.reserve.is_held() {
            self.reserve.give_up();
            tried = self.try_commit(&batch, recording);
        }
        match (tried, recording.otherwise) {
            (Ok(kept), _) => Ok(kept),
            (Err(unstored), Otherwise::Done) => {
                self.fails(&unstored.why);
                self.keep_for_later(batch, false);
                Ok(Kept::NotYet(unstored.why))
            }
            (Err(unstored), Otherwise::Refused) => {
                let failing = self.fails(&unstored.why);
                failing.refused = failing.refused.saturating_add(1);
                self.meter.health.refused.fetch_add(1, Ordering::Relaxed);
                Err(unstored)
            }
        }
    }

    /// What was given up for those who need it is not for others.
    fn try_commit(&mut self, batch: &[Fresh], recording: Recording) -> Committed {
        let Some(last) = batch.last().map(|last| last.at) else { return Ok(Kept::Stored) };
        if recording.reserve {
            let kept = if self.reserve.is_held() { Kept::Stored } else { Kept::ByReserve };
            return self.store_with_late(batch, recording.otherwise, last).map(|()| kept);
        }
        self.reserve.take().map_err(|error| format!("no space is left but what is kept for emergencies: {error}"))?;
        self.store_with_late(batch, recording.otherwise, last).map(|()| Kept::Stored)
    }

    /// Stores what is late, and then this, in one transaction; after a failure also that it is over.
    fn store_with_late(&mut self, batch: &[Fresh], otherwise: Otherwise, now: WallTime) -> Result<(), Unstored> {
        let mut all: Vec<Fresh> = self.late.iter().map(|late| late.fresh.clone()).chain(batch.iter().cloned()).collect();
        if let Some(Failing { refused, late, lost }) = self.failing {
            all.push(fresh(now, &event::StoreBack { refused, late, lost }.into())?);
        }
        let facts = match otherwise {
            Otherwise::Done => all.len(),
            Otherwise::Refused => self.late.len(),
        };
        let records = self.store.append(&all, facts)?;
        self.late.clear();
        self.failing = None;
        self.publish(&records);
        Ok(())
    }

    /// Keeps what is so until it can be stored; syslog hears of it now.
    fn keep_for_later(&mut self, batch: Vec<Fresh>, is_check: bool) {
        for fresh in batch {
            say_unstored(&self.voice, &fresh);
            self.late.push_back(Late { fresh, is_check });
            let failing = self.failing.get_or_insert_default();
            failing.late = failing.late.saturating_add(1);
        }
        let checks = self.late.iter().filter(|late| late.is_check).count();
        for _ in MOST_CHECKS..checks {
            if let Some(oldest) = self.late.iter().position(|late| late.is_check) {
                drop(self.late.remove(oldest));
                let failing = self.failing.get_or_insert_default();
                failing.lost = failing.lost.saturating_add(1);
            }
        }
    }

    fn fails(&mut self, why: &str) -> &mut Failing {
        if self.failing.is_none() {
            say_failed(&self.voice, why);
            eprintln!("jitd: the record cannot be written: {why}");
        }
        self.failing.get_or_insert_default()
    }

    /// Tries whether the disk is back.
    fn recover(&mut self, now: WallTime) {
        if self.reserve.take().is_ok() && self.failing.is_some() {
            // It is said once that it fails.
            let _ = self.store_with_late(&[], Otherwise::Done, now);
        }
    }

    fn prune(&mut self, archived: Archived) -> Result<(), Unstored> {
        let Archived { upto, before, by, at } = archived;
        let records = self.store.prune(upto, before, by, at)??;
        self.publish(&records);
        Ok(())
    }

    fn publish(&mut self, records: &[Record]) {
        self.meter.stored(records);
        records.iter().for_each(|record| self.voice.say(urgency(record), &line::of(record)));
        // Behind all of them: lines come in the order of their numbers.
        if let Some(last) = records.last() {
            self.say_turns(last.at);
        }
        self.head.send_replace(self.store.head().seq);
    }

    /// What changes while that is recorded is said the next time.
    fn say_turns(&mut self, at: WallTime) {
        for turn in self.voice.turned() {
            let event = match turn {
                Turn::Lost(why) => event::SyslogLost { why }.into(),
                Turn::Back(undelivered) => event::SyslogBack { undelivered }.into(),
            };
            self.note_own(at, &event);
        }
    }

    /// An event of the writer's own.
    fn note_own(&mut self, at: WallTime, event: &Event) {
        let Ok(fresh) = fresh(at, event) else { return };
        match self.store.append(std::slice::from_ref(&fresh), 1) {
            Ok(records) => {
                self.meter.stored(&records);
                records.iter().for_each(|record| self.voice.say(urgency(record), &line::of(record)));
                self.head.send_replace(self.store.head().seq);
            }
            Err(trouble) => {
                self.fails(&Unstored::from(trouble).why);
                self.keep_for_later(vec![fresh], false);
            }
        }
    }
}

/// A line about what is so and not stored.
fn say_unstored(voice: &Voice, fresh: &Fresh) {
    voice.say(urgency_of(fresh.event, &fresh.data), &line::of_unstored(fresh.event, &fresh.data));
}

/// It cannot be in the record, so it has no number there.
fn say_failed(voice: &Voice, why: &str) {
    voice.say(Urgency::Alert, &format!("store.failed why={}", line::quoted(why)));
}

/// How urgent the line of an event is.
#[must_use]
pub fn urgency(record: &Record) -> Urgency {
    urgency_of(&record.event, &record.data)
}

fn urgency_of(event: &str, data: &str) -> Urgency {
    match event {
        // Access was widened.
        "policy.loaded" if !data.contains("\"became\":[]") => Urgency::Alert,
        "optout.taken" if data.contains("\"kind\":\"emergency\"") => Urgency::Alert,
        "access.breakglass" | "store.failed" | "store.undone" | "policy.rejected" => Urgency::Alert,
        "optout.overdue"
        | "optout.stale"
        | "optout.limit-reached"
        | "access.denied"
        | "clock.stepped"
        | "syslog.lost"
        | "notify.failed"
        | "request.denied"
        | "grant.revoked" => Urgency::Warning,
        "access.allowed" | "access.observed" => Urgency::Info,
        _ => Urgency::Notice,
    }
}
