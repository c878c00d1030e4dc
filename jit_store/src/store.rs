//! The store, open for writing.
//!
//! WAL with `synchronous=FULL`: a commit that returned survives a power cut.

mod connect;
mod refused;

use crate::StoreTrouble;
use crate::doubt::Doubts;
use crate::layout::{self, Found};
use crate::prune::{self, Archived, Pruned};
use crate::read::{self, Digest};
use crate::replay::{self, Base};
use jit_core::event::{self, Event};
use jit_core::record::chain::Chain;
use jit_core::record::{Head, Record, Trace};
use jit_core::state::{State, needs};
use jit_core::time::WallTime;
use rusqlite::{Connection, OpenFlags, Transaction, params};
use std::path::{Path, PathBuf};
use std::time::Duration;

use connect::{beside, connect, is_for_now, keep_wal, reconnect, settle_all};
use refused::Attempt;
pub use refused::Opened;

/// Up to this size all pages of the file are checked at the start, in bytes; those of a larger one soon after it.
const CHECKED_AT_ONCE: u64 = 32 * 1024 * 1024;

/// Records with fewer events than this are read whole at each start: then nothing is to be compared later.
const READ_WHOLE: u64 = 20_000;

/// It waits for nobody who reads.
const SETTLE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// How many pages are given back to the disk at a time: some milliseconds' work.
const PIECE: u32 = 64;

/// The store, open for writing. There is one in a process, and one process on a store.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    /// None while the one before was given up, and no other could be had yet.
    connection: Option<Connection>,
    head: Head,
    /// The WAL is one that another jitd left behind: it may have failed to write some of it to the disk, and nobody can tell.
    inherited: bool,
    /// It was read from a base that is yet to be compared with the events.
    unproven: bool,
    /// Where it is written down what was refused and may be on disk all the same.
    doubts: Option<Doubts>,
}

/// An event on its way to the store.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// When it happened.
    pub at: WallTime,
    /// Its name.
    pub event: &'static str,
    /// Its data, as JSON.
    pub data: String,
}

/// The file in the state directory.
#[must_use]
pub fn file_in(state: &Path) -> PathBuf {
    state.join("events.db")
}

impl Store {
    /// Opens the store, makes it if it is not there, and folds its events: those that the state rests on, and all after
    /// them, checked against the chain. Says from which base, if there is one: it is yet to be compared with the events.
    ///
    /// # Errors
    /// The disk, a store of somebody else's, or a damaged one.
    pub fn open(path: &Path) -> Result<(Self, State, Option<Base>), StoreTrouble> {
        let failed = |error| StoreTrouble::of(path.to_owned(), error);
        let damaged = |why: String| StoreTrouble::Damaged { path: path.to_owned(), why };
        let inherited = std::fs::metadata(beside(path, "-wal")).is_ok_and(|about| about.len() > 0);
        let (connection, found) = connect(path, OpenFlags::SQLITE_OPEN_CREATE)?;
        if std::fs::metadata(path).is_ok_and(|about| about.len() <= CHECKED_AT_ONCE) {
            read::check_pages(&connection).map_err(failed)?.map_err(damaged)?;
        }
        layout::bring_up_to_date(&connection, found).map_err(failed)?;
        let base = replay::bases(&connection).map_err(failed)?.filter(|base| base.upto.seq >= READ_WHOLE);
        let newer = |what: String| StoreTrouble::Foreign { path: path.to_owned(), what: format!("the store of a newer jitd ({what})") };
        let mut state = State::default();
        let mut chain = match &base {
            Some(base) => {
                for seq in &base.seqs {
                    let missing = || damaged(format!("event {seq} is missing"));
                    let record = read::one(&connection, *seq).map_err(failed)?.ok_or_else(missing)?;
                    if record.digest() != record.hash {
                        return Err(damaged(format!("event {seq} was altered: its hash is not that of its contents")));
                    }
                    replay::fold(&mut state, &record).map_err(newer)?;
                }
                Chain::from(base.upto)
            }
            None => Chain::new(read::checkpoint(&connection).map_err(failed)?, None),
        };
        // An event that is in the chain as it was written, and cannot be read.
        let mut unreadable = None;
        read::each_after(&connection, base.as_ref().map_or(0, |base| base.upto.seq), |record| {
            chain.follow(record).map_err(|broken| broken.to_string())?;
            unreadable = replay::fold(&mut state, record).err();
            Ok(unreadable.is_none())
        })
        .map_err(|stopped| StoreTrouble::stopped(path.to_owned(), stopped))?;
        if let Some(what) = unreadable {
            return Err(newer(what));
        }
        if base.is_none() {
            // With a base that is seen when it is compared with the events.
            chain.end().map_err(|broken| damaged(broken.to_string()))?;
        }
        keep_wal(&connection, false).map_err(failed)?;
        if found == Found::Empty {
            // From now on a file without events is not a new one.
            connection.execute_batch(SETTLE).map_err(failed)?;
        }
        let unproven = base.is_some();
        let store = Self { path: path.to_owned(), connection: Some(connection), head: chain.head(), inherited, unproven, doubts: None };
        Ok((store, state, base))
    }

    /// The connection; where the one before was given up, another.
    fn connection(&mut self) -> Result<&mut Connection, StoreTrouble> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let (connection, head) = reconnect(&self.path, self.head)?;
                // Before anything else is acknowledged.
                if let Some(doubts) = &self.doubts {
                    doubts.clear().map_err(|error| StoreTrouble::beside(doubts.file(), &error))?;
                }
                self.head = head;
                self.inherited = false;
                connection
            }
        };
        Ok(self.connection.insert(connection))
    }

    /// Before anything is acknowledged: behind what may not be on disk it would be lost with it.
    fn make_sound(&mut self) -> Result<(), StoreTrouble> {
        if self.inherited {
            let path = self.path.clone();
            match settle_all(self.connection()?, &path, Duration::ZERO) {
                Ok(()) => self.inherited = false,
                // Somebody reads, or nothing fits in: nothing says that the disk failed before, so it is tried again the next time.
                Err(error) if is_for_now(&error) => {}
                Err(error) => return Err(self.failed(error, Attempt::Harmless)),
            }
        }
        Ok(())
    }

    /// Sorts what SQLite said. Where it may be the connection that cannot be used, it is given up: one that was opened while
    /// the disk was read-only stays so, and so does one to a file that is gone. Of what failed nothing must be left in the
    /// WAL, where a start would find it: another connection is tried for at once. Where there is none, a start is told.
    fn failed(&mut self, error: rusqlite::Error, attempt: Attempt) -> StoreTrouble {
        let trace = if is_for_now(&error) {
            // It takes up no space to wait for some, and of this nothing is on disk.
            Trace::None
        } else {
            self.stay_open_on_disk();
            self.connection = None;
            // Where there is none now, whoever writes next tries again.
            if self.connection().is_ok() { Trace::None } else { self.write_down(attempt) }
        };
        match StoreTrouble::of(self.path.clone(), error) {
            StoreTrouble::Disk { path, error, .. } => StoreTrouble::Disk { path, error, trace },
            other @ (StoreTrouble::Foreign { .. } | StoreTrouble::Damaged { .. }) => other,
        }
    }

    /// Stores a batch, whole or not at all, and returns it as it stands in the chain. So many of it, from the first on, are so
    /// even if they cannot be stored now; the rest is refused then.
    ///
    /// # Errors
    /// The disk: then nothing of it is stored, or it says what may be.
    pub fn append(&mut self, batch: &[Fresh], facts: usize) -> Result<Vec<Record>, StoreTrouble> {
        self.make_sound()?;
        let before = self.head;
        let appended = append_on(self.connection()?, before, batch);
        let (records, head) = appended.map_err(|error| self.failed(error, Attempt::of(before, batch, facts)))?;
        self.head = head;
        Ok(records)
    }

    /// Moves what is stored from the WAL to the file itself: a damaged WAL is cut where it is damaged, without a word.
    ///
    /// # Errors
    /// The disk: then it stays where it is.
    pub fn settle(&mut self) -> Result<(), StoreTrouble> {
        self.connection()?.execute_batch(SETTLE).map_err(|error| self.failed(error, Attempt::Harmless))
    }

    /// Has what lies beside the file stay there when the store is closed: on a full disk nobody could make it again.
    pub fn stay_open_on_disk(&self) {
        // Otherwise a start needs some space, as it does elsewhere.
        let _ = self.connection.as_ref().map(|connection| keep_wal(connection, true));
    }

    /// Stores which events the state rests on.
    ///
    /// # Errors
    /// The disk: then the list before it stays.
    pub fn put_base(&mut self, base: &Base) -> Result<(), StoreTrouble> {
        replay::put(self.connection()?, base).map_err(|error| self.failed(error, Attempt::Harmless))
    }

    /// The base that it was read from makes the state that its events make.
    pub fn proved(&mut self) {
        self.unproven = false;
    }

    /// Takes out what was archived up to this event, and records that, all or nothing.
    ///
    /// # Errors
    /// The disk; inside, why it is not possible now.
    pub fn prune(&mut self, archived: Archived) -> Result<Result<Vec<Record>, String>, StoreTrouble> {
        let Archived { upto, before, by, humans, at } = archived;
        if self.unproven {
            // What the state rests on would be found from there, and if that does not fit the events, these are gone.
            return Ok(Err("it is still being compared with what it was read from; try again in a minute".to_owned()));
        }
        self.make_sound()?;
        let head = self.head;
        let event = |Pruned { archived, kept, kept_digest }| {
            let (upto, upto_hash) = (upto.seq, upto.hash.to_string());
            Event::from(event::AuditPruned { by, upto, upto_hash, before, archived, kept, kept_digest, humans })
        };
        match prune_on(self.connection()?, head, upto, at, event) {
            Ok(Ok((records, head))) => {
                self.head = head;
                Ok(Ok(records))
            }
            Ok(Err(why)) => Ok(Err(why)),
            Err(error) => {
                let trouble = self.failed(error, Attempt::Archiving);
                // It may be done all the same: see `reconnect`.
                let found = self.connection.as_ref().map(|connection| read::one(connection, head.seq.saturating_add(1)));
                if let Some(Ok(Some(pruned))) = found { Ok(Ok(vec![pruned])) } else { Err(trouble) }
            }
        }
    }

    /// Gives some of the space that archiving has freed back to the disk. True: there is more. A file that was not made for that uses
    /// it again.
    ///
    /// # Errors
    /// The disk: then it stays with the file.
    pub fn give_back(&mut self) -> Result<bool, StoreTrouble> {
        give_back_on(self.connection()?).map_err(|error| self.failed(error, Attempt::Harmless))
    }

    /// Where the chain stands.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }
}

impl Fresh {
    fn chained(&self, head: Head) -> Record {
        Record::chained(head, self.at, self.event, self.data.clone())
    }
}

fn take_out_after(transaction: &Transaction<'_>, seq: u64) -> Result<(), rusqlite::Error> {
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    for sql in ["DELETE FROM about WHERE seq > ?1", "DELETE FROM events WHERE seq > ?1"] {
        transaction.execute(sql, [seq])?;
    }
    Ok(())
}

fn give_back_on(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let free = || connection.query_row("PRAGMA freelist_count", [], |row| row.get::<_, i64>(0));
    let before = free()?;
    // Each step of it gives back one page.
    let mut vacuum = connection.prepare_cached(&format!("PRAGMA incremental_vacuum({PIECE})"))?;
    let mut pages = vacuum.query([])?;
    while pages.next()?.is_some() {}
    Ok((1..before).contains(&free()?))
}

fn append_on(connection: &mut Connection, before: Head, batch: &[Fresh]) -> Result<Appended, rusqlite::Error> {
    let transaction = connection.transaction()?;
    let appended = append_in(&transaction, before, batch)?;
    transaction.commit()?;
    Ok(appended)
}

type Appended = (Vec<Record>, Head);

fn prune_on(
    connection: &mut Connection,
    head: Head,
    upto: Head,
    at: WallTime,
    event: impl FnOnce(Pruned) -> Event,
) -> Result<Result<Appended, String>, rusqlite::Error> {
    let transaction = connection.transaction()?;
    let event = match prune::take_out(&transaction, upto)? {
        Ok(pruned) => event(pruned),
        Err(why) => return Ok(Err(why)),
    };
    let data = match event.data() {
        Ok(data) => data,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let appended = append_in(&transaction, head, &[Fresh { at, event: event.name(), data }])?;
    transaction.commit()?;
    Ok(Ok(appended))
}

fn append_in(transaction: &Transaction<'_>, mut head: Head, batch: &[Fresh]) -> Result<Appended, rusqlite::Error> {
    let mut records = Vec::with_capacity(batch.len());
    for fresh in batch {
        let record = fresh.chained(head);
        head = record.head();
        insert(transaction, &record)?;
        records.push(record);
    }
    Ok((records, head))
}

fn insert(transaction: &Transaction<'_>, record: &Record) -> Result<(), rusqlite::Error> {
    let mut event = transaction.prepare_cached("INSERT INTO events (seq, at, event, data, prev, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    let seq = i64::try_from(record.seq).unwrap_or(i64::MAX);
    event.execute(params![seq, record.at.as_millis(), record.event, record.data, Digest(record.prev), Digest(record.hash)])?;
    let mut about = transaction.prepare_cached("INSERT OR IGNORE INTO about (id, seq) VALUES (?1, ?2)")?;
    let data: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&record.data).unwrap_or_default();
    for id in needs::ids_in(&data) {
        about.execute(params![id, seq])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
