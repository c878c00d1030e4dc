//! The one thread that writes: events to the store, and their lines to syslog.
//!
//! It never waits for anything but work: what must be tried again is tried when the engine says so.

use crate::store::{Fresh, Store};
use crate::syslog::{Syslog, Turn, Urgency};
use jit_core::event::{self, Event};
use jit_core::line;
use jit_core::record::Record;
use jit_core::time::WallTime;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use tokio::sync::{oneshot, watch};

/// What the thread is asked to do.
enum Work {
    /// Store a batch and say whether it is stored.
    Commit(Vec<Fresh>, oneshot::Sender<Result<(), String>>),
    /// Store a batch when it can be.
    Note(Vec<Fresh>),
    /// Try syslog again.
    Flush(WallTime),
}

/// The way to the writer.
#[derive(Debug, Clone)]
pub struct Writer {
    work: mpsc::Sender<Work>,
    behind: Arc<AtomicBool>,
    head: watch::Receiver<u64>,
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
    pub fn start(store: Store, syslog: Syslog) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (work, jobs) = mpsc::channel();
        let (head_is, head) = watch::channel(store.head().seq);
        let behind = Arc::new(AtomicBool::new(false));
        let mut scribe = Scribe { store, syslog, behind: behind.clone(), head: head_is, refused: 0, notes: Vec::new() };
        let thread = std::thread::Builder::new().name("writer".to_owned()).spawn(move || {
            while let Ok(job) = jobs.recv() {
                scribe.work(job);
            }
        })?;
        Ok((Self { work, behind, head }, thread))
    }

    /// Stores a batch; the answer comes when it is on disk, or cannot be.
    pub fn commit(&self, batch: Vec<Fresh>) -> oneshot::Receiver<Result<(), String>> {
        let (done, stored) = oneshot::channel();
        // A writer that is gone drops the sender: the receiver then says that nothing was stored.
        let _ = self.work.send(Work::Commit(batch, done));
        stored
    }

    /// Stores a batch that nobody waits for.
    pub fn note(&self, batch: Vec<Fresh>) {
        let _ = self.work.send(Work::Note(batch));
    }

    /// Tries again what could not be delivered, if anything could not.
    pub fn catch_up(&self, now: WallTime) {
        if self.behind.load(Ordering::Relaxed) {
            let _ = self.work.send(Work::Flush(now));
        }
    }

    /// The number of the newest stored event, as it changes.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }
}

/// The most notes that are kept while the store fails.
const MOST_NOTES: usize = 10_000;

/// What the thread works with.
struct Scribe {
    store: Store,
    syslog: Syslog,
    behind: Arc<AtomicBool>,
    head: watch::Sender<u64>,
    /// How many batches were refused since the store failed.
    refused: u64,
    /// Notes that could not be stored yet.
    notes: Vec<Fresh>,
}

impl Scribe {
    fn work(&mut self, work: Work) {
        match work {
            Work::Commit(batch, done) => {
                let result = self.store_batch(&batch);
                let _ = done.send(result);
            }
            Work::Note(batch) => {
                self.notes.extend(batch);
                self.store_notes();
            }
            Work::Flush(now) => {
                if let Some(turn) = self.syslog.flush() {
                    self.say_turn(now, &turn);
                }
                self.store_notes();
            }
        }
        let behind = self.syslog.has_waiting() || !self.notes.is_empty();
        self.behind.store(behind, Ordering::Relaxed);
    }

    fn store_notes(&mut self) {
        let notes = std::mem::take(&mut self.notes);
        if !notes.is_empty() && self.store_batch(&notes).is_err() {
            self.notes = notes;
            let too_many = self.notes.len().saturating_sub(MOST_NOTES);
            drop(self.notes.drain(..too_many));
        }
    }

    fn store_batch(&mut self, batch: &[Fresh]) -> Result<(), String> {
        let records = match self.store.append(batch) {
            Ok(records) => records,
            Err(error) => {
                let why = error.to_string();
                if self.refused == 0 {
                    // It cannot be in the record, so it has no number there.
                    let failed = format!("store.failed why={}", line::quoted(&why));
                    let _ = self.syslog.send(Urgency::Alert, &failed);
                    eprintln!("jitd: the record cannot be written: {why}");
                }
                self.refused = self.refused.saturating_add(1);
                return Err(why);
            }
        };
        self.publish(&records);
        if self.refused > 0
            && let Some(last) = batch.last()
        {
            let back = Event::from(event::StoreBack { refused: std::mem::take(&mut self.refused) });
            self.note_own(last.at, &back);
        }
        Ok(())
    }

    fn publish(&mut self, records: &[Record]) {
        for record in records {
            if let Some(turn) = self.syslog.send(urgency(record), &line::of(record)) {
                self.say_turn(record.at, &turn);
            }
        }
        self.head.send_replace(self.store.head().seq);
    }

    fn say_turn(&mut self, at: WallTime, turn: &Turn) {
        let event = match turn {
            Turn::Lost(why) => event::SyslogLost { why: why.clone() }.into(),
            Turn::Back(undelivered) => event::SyslogBack { undelivered: *undelivered }.into(),
        };
        self.note_own(at, &event);
    }

    /// An event of the writer's own.
    fn note_own(&mut self, at: WallTime, event: &Event) {
        let Ok(fresh) = fresh(at, event) else { return };
        if let Ok(records) = self.store.append(&[fresh]) {
            for record in &records {
                let _ = self.syslog.send(urgency(record), &line::of(record));
            }
            self.head.send_replace(self.store.head().seq);
        }
    }
}

/// How urgent the line of an event is.
#[must_use]
pub fn urgency(record: &Record) -> Urgency {
    match record.event.as_str() {
        // Access was widened.
        "policy.loaded" if !record.data.contains("\"became\":[]") => Urgency::Alert,
        "optout.taken" if record.data.contains("\"kind\":\"emergency\"") => Urgency::Alert,
        "access.breakglass" | "store.failed" | "policy.rejected" => Urgency::Alert,
        "optout.overdue"
        | "optout.stale"
        | "optout.limit-reached"
        | "access.denied"
        | "clock.stepped"
        | "syslog.lost"
        | "request.denied"
        | "grant.revoked" => Urgency::Warning,
        "access.allowed" | "access.observed" => Urgency::Info,
        _ => Urgency::Notice,
    }
}
