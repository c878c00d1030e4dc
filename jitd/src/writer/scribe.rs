//! What the thread does with what it is asked.

use super::lines::{say_unstored, urgency};
use super::{Committed, Kept, Newest, Unstored, Work, failed, fresh};
use crate::meter::Meter;
use crate::syslog::{Syslog, Turn};
use crate::voice::Voice;
use jit_core::engine::{Otherwise, Recording};
use jit_core::event::{self, Event};
use jit_core::line;
use jit_core::record::{Head, Record};
use jit_core::time::WallTime;
use jit_store::{Archived, Fresh, Reserve, Store};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::watch;

/// The most checks that wait while the store fails. Acts wait without a limit: there are few, and each counts.
const MOST_CHECKS: usize = 10_000;

/// What is remembered while the store fails.
#[derive(Clone)]
pub(super) struct Failing {
    /// Why, as it was said at first.
    why: String,
    /// When that was.
    since: WallTime,
    refused: u64,
    late: u64,
    lost: u64,
}

/// Whether it is a check, of which the oldest may be lost.
fn is_check(late: &Fresh) -> bool {
    matches!(late.event, "access.allowed" | "access.denied" | "access.observed")
}

/// Where the thread finds what it is asked, and what it works with.
pub(crate) struct Desk {
    pub(super) jobs: mpsc::Receiver<Work>,
    pub(super) scribe: Scribe,
}

impl Desk {
    /// Waits for the next thing to do, and does it. None: the store is closed, or nobody can ask for anything any more.
    pub(super) fn work_once(mut self) -> Option<Self> {
        match self.jobs.recv_timeout(self.scribe.pause()) {
            Ok(job) => self.work(job),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                self.scribe.go_on();
                Some(self)
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                self.scribe.say_the_rest();
                None
            }
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
        let Work::Close(now, done) = job else {
            self.scribe.work(job);
            return Some(self);
        };
        self.scribe.end_with_syslog(now);
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
pub(super) struct Scribe {
    pub(super) store: Store,
    pub(super) reserve: Reserve,
    pub(super) voice: Voice,
    pub(super) behind: Arc<AtomicBool>,
    pub(super) fails: Arc<AtomicBool>,
    pub(super) head: Arc<watch::Sender<Newest>>,
    /// Which record this is, as the head counts them.
    pub(super) record: u64,
    pub(super) meter: Arc<Meter>,
    pub(super) failing: Option<Failing>,
    /// What waits to be stored.
    pub(super) late: VecDeque<Fresh>,
    /// Something was archived, and its space is given back to the disk whenever nobody asks for anything.
    pub(super) has_freed: bool,
}

/// How soon a syslog that reads slowly is offered the next lines. Its queue in the kernel holds some ten.
const SYSLOG_AGAIN: Duration = Duration::from_millis(10);
/// How often it is offered them at the end, half a second in all: it may be restarted at the same time, and whoever knocks meanwhile
/// waits for the next jitd no longer than 0.8 s.
const AT_THE_END: u32 = 50;
/// Otherwise nothing is done until somebody asks.
const LONG: Duration = Duration::from_secs(3600);

impl Scribe {
    fn pause(&self) -> Duration {
        if self.has_freed {
            return Duration::ZERO;
        }
        if self.voice.with(Syslog::is_slow) { SYSLOG_AGAIN } else { LONG }
    }

    /// Gives a slow syslog what it takes now, and the disk some of what is free.
    fn go_on(&mut self) {
        if self.has_freed {
            // Where that fails the space is used again, and whoever writes next sees it.
            self.has_freed = self.failing.is_none() && self.store.give_back().unwrap_or(false);
        }
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
                    self.keep_for_later(batch, &unstored.why);
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
            Work::Base(base, now, done) => {
                if let Err(trouble) = self.store.put_base(&base) {
                    self.fails(&Unstored::from(trouble).why, now);
                }
                let _ = done.send(());
            }
            Work::Proved => self.store.proved(),
            Work::Prune(archived, done) => {
                let _ = done.send(self.prune(archived));
            }
            Work::Publish(records) => self.publish(&records),
            // Handled where the thread ends.
            Work::Close(_, done) => drop(done),
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
                self.keep_for_later(batch, &unstored.why);
                Ok(Kept::NotYet(unstored.why))
            }
            (Err(unstored), Otherwise::Refused) => {
                let since = batch.last().map_or(WallTime::from_millis(0), |last| last.at);
                let failing = self.fails(&unstored.why, since);
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

    /// Stores what is late, and then this, in one transaction; after a failure also that there was one, before all that, and that
    /// it is over.
    fn store_with_late(&mut self, batch: &[Fresh], otherwise: Otherwise, now: WallTime) -> Result<(), Unstored> {
        let records = self.append_with_late(batch, otherwise, now)?;
        self.publish(&records);
        Ok(())
    }

    fn append_with_late(&mut self, batch: &[Fresh], otherwise: Otherwise, now: WallTime) -> Result<Vec<Record>, Unstored> {
        let mut all = Vec::new();
        if let Some(Failing { why, since, .. }) = &self.failing {
            all.push(fresh(*since, &failed(why.as_str()))?);
        }
        all.extend(self.late.iter().cloned());
        let before = all.len();
        all.extend_from_slice(batch);
        if let Some(Failing { refused, late, lost, .. }) = self.failing {
            all.push(fresh(now, &event::StoreBack { refused, late, lost }.into())?);
        }
        let facts = match otherwise {
            Otherwise::Done => all.len(),
            Otherwise::Refused => before,
        };
        let records = self.store.append(&all, facts)?;
        self.late.clear();
        self.failing = None;
        Ok(records)
    }

    /// Keeps what is so until it can be stored; syslog hears of it now.
    fn keep_for_later(&mut self, batch: Vec<Fresh>, why: &str) {
        let Some(since) = batch.last().map(|last| last.at) else { return };
        let late = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let failing = self.fails(why, since);
        failing.late = failing.late.saturating_add(late);
        batch.iter().for_each(|fresh| say_unstored(&self.voice, fresh));
        self.late.extend(batch);
        let checks = self.late.iter().filter(|late| is_check(late)).count();
        for _ in MOST_CHECKS..checks {
            if let Some(oldest) = self.late.iter().position(is_check) {
                drop(self.late.remove(oldest));
                let failing = self.fails(why, since);
                failing.lost = failing.lost.saturating_add(1);
            }
        }
    }

    /// The store fails. That is said once, and stored when it can be.
    fn fails(&mut self, why: &str, since: WallTime) -> &mut Failing {
        let voice = &self.voice;
        self.failing.get_or_insert_with(|| {
            eprintln!("jitd: the record cannot be written: {why}");
            if let Ok(failed) = fresh(since, &failed(why)) {
                say_unstored(voice, &failed);
            }
            Failing { why: why.to_owned(), since, refused: 0, late: 0, lost: 0 }
        })
    }

    /// Tries whether the disk is back.
    fn recover(&mut self, now: WallTime) {
        if self.reserve.take().is_ok() && self.failing.is_some() {
            // It is said once that it fails.
            let _ = self.store_with_late(&[], Otherwise::Done, now);
        }
    }

    fn prune(&mut self, archived: Archived) -> Result<(), Unstored> {
        if !self.late.is_empty() {
            self.store_with_late(&[], Otherwise::Done, archived.at)?;
        }
        let records = self.store.prune(archived)??;
        self.has_freed = true;
        self.publish(&records);
        Ok(())
    }

    fn publish(&mut self, records: &[Record]) {
        self.tell(records);
        // Behind all of them: lines come in the order of their numbers.
        if let Some(last) = records.last() {
            self.say_turns(last.at);
        }
    }

    fn tell(&mut self, records: &[Record]) {
        self.meter.stored(records);
        records.iter().for_each(|record| self.voice.say(urgency(record), &line::of(record)));
        let (record, seq) = (self.record, self.store.head().seq);
        self.head.send_if_modified(|newest| {
            let is_ours = newest.record == record;
            if is_ours {
                newest.seq = seq;
            }
            is_ours
        });
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

    /// Gives syslog what waits for it, as nobody will afterwards.
    fn say_the_rest(&self) {
        for _ in 0..AT_THE_END {
            self.voice.flush();
            if self.voice.with(Syslog::waiting) == 0 {
                return;
            }
            std::thread::sleep(SYSLOG_AGAIN);
        }
        eprintln!("jitd: {} lines were not delivered to syslog", self.voice.with(Syslog::owed));
    }

    /// The same before the store is closed: how many lines it has not taken is on record.
    fn end_with_syslog(&mut self, now: WallTime) {
        self.say_the_rest();
        self.say_turns(now);
        let left = self.voice.with(Syslog::owed);
        if left > 0 {
            let why = format!("{left} lines before this one were not delivered when jitd ended");
            self.note_own(now, &event::SyslogLost { why }.into());
        }
    }

    /// An event of the writer's own. It comes after what is late, and into whatever space there is.
    fn note_own(&mut self, at: WallTime, event: &Event) {
        let Ok(fresh) = fresh(at, event) else { return };
        match self.append_with_late(std::slice::from_ref(&fresh), Otherwise::Done, at) {
            Ok(records) => self.tell(&records),
            Err(unstored) => {
                self.keep_for_later(vec![fresh], &unstored.why);
            }
        }
    }
}
