//! The one thread that writes: events to the store, and their lines to syslog.
//!
//! It never waits for anything but work: what must be tried again is tried when the engine says so. What is so although
//! it could not be stored waits here, in order, and nothing is stored before it.

mod lines;
mod scribe;

use crate::meter::Meter;
use crate::syslog::Syslog;
use crate::vital::Pulse;
use crate::voice::Voice;
use jit_core::engine::Recording;
use jit_core::event::{self, Event};
use jit_core::record::{Record, Trace};
use jit_core::refusal::Refusal;
use jit_core::state::needs::Picker;
use jit_core::time::WallTime;
use jit_store::{Archived, Base, Fresh, Reserve, Store, StoreTrouble, pick};
use lines::say_unstored;
pub(crate) use scribe::Desk;
use scribe::Scribe;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
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

/// The newest stored event, as everybody is told of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Newest {
    /// Of which record: they are counted as they are taken up. Numbers of two have nothing to do with each other.
    pub record: u64,
    /// Its number.
    pub seq: u64,
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
    Base(Base, WallTime, oneshot::Sender<()>),
    /// What the record was read from fits it.
    Proved,
    /// Take out what was archived.
    Prune(Archived, oneshot::Sender<Result<(), Unstored>>),
    /// Tell everybody about events that are stored already.
    Publish(Vec<Record>),
    /// Close the store, once syslog has what it takes, and say when that is done.
    Close(WallTime, oneshot::Sender<()>),
}

/// The way to the writer.
#[derive(Debug, Clone)]
pub struct Writer {
    work: Option<mpsc::Sender<Work>>,
    why_none: String,
    behind: Arc<AtomicBool>,
    fails: Arc<AtomicBool>,
    head: watch::Receiver<Newest>,
    store: PathBuf,
    /// For what must not wait for the disk; none: there is no record.
    voice: Option<Voice>,
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Work")
    }
}

/// Something could not be brought into the record.
#[must_use]
pub fn failed(why: impl Into<String>) -> Event {
    event::StoreFailed { id: None, why: why.into() }.into()
}

/// It can be again, and nothing was refused or lost meanwhile.
#[must_use]
pub fn back() -> Event {
    event::StoreBack { refused: 0, late: 0, lost: 0 }.into()
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
        told: &Arc<watch::Sender<Newest>>,
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
        told: &Arc<watch::Sender<Newest>>,
        meter: Arc<Meter>,
    ) -> (Self, Desk) {
        let (work, jobs) = mpsc::channel();
        let newest = |before: Newest| Newest { record: before.record.saturating_add(1), seq: store.head().seq };
        told.send_modify(|told| *told = newest(*told));
        let (behind, fails) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let voice = Voice::new(syslog);
        let scribe = Scribe {
            store,
            reserve,
            voice: voice.clone(),
            behind: behind.clone(),
            fails: fails.clone(),
            record: told.borrow().record,
            head: told.clone(),
            meter,
            failing: None,
            late: VecDeque::new(),
            has_freed: false,
        };
        let (why_none, head) = (String::new(), told.subscribe());
        (Self { work: Some(work), why_none, behind, fails, head, store: file, voice: Some(voice) }, Desk { jobs, scribe })
    }

    /// A writer where there is no record to write to: whatever must be recorded is refused.
    #[must_use]
    pub fn none(why: String, told: &Arc<watch::Sender<Newest>>) -> Self {
        let (behind, fails) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(true)));
        Self { work: None, why_none: why, behind, fails, head: told.subscribe(), store: PathBuf::new(), voice: None }
    }

    /// Whether something could not be stored, and nothing has been since; or the space that is kept for a full disk is in use.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.fails.load(Ordering::Relaxed)
    }

    /// The record's file.
    #[must_use]
    pub fn store(&self) -> &Path {
        &self.store
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

    /// Closes the store, once syslog has had a second for what waits for it.
    pub async fn close(&self, now: WallTime) {
        let (done, closed) = oneshot::channel();
        self.send(Work::Close(now, done));
        let _ = closed.await;
    }

    /// Finds the events that the state rests on, and stores which they are. It goes on beside everything else.
    ///
    /// # Errors
    /// The host has no thread left. `done` is dropped then, as it is if the record cannot be read.
    pub fn base(&self, picker: Picker, now: WallTime, done: oneshot::Sender<()>) -> std::io::Result<std::thread::JoinHandle<()>> {
        let (writer, upto) = (self.clone(), self.head.borrow().seq);
        std::thread::Builder::new().name("base".to_owned()).spawn(move || match pick(&writer.store, picker, upto) {
            Ok(base) => writer.send(Work::Base(base, now, done)),
            Err(why) => eprintln!("jitd: the record could not be read to make starts shorter: {why}"),
        })
    }

    /// What the record was read from fits it: it can be archived.
    pub fn proved(&self) {
        self.send(Work::Proved);
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

    /// The newest stored event, as it changes.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<Newest> {
        self.head.clone()
    }
}

#[cfg(test)]
mod archive_tests;
#[cfg(test)]
mod close_tests;
