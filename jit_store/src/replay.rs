//! Where a start reads from: not all events, but those that the state rests on, and all after them.
//!
//! The list of them, the base, can always be made again from the events, and is checked against them after each start.

use crate::StoreTrouble;
use crate::read::{self, Checkpoint};
use jit_core::event::Event;
use jit_core::record::chain::Chain;
use jit_core::record::{Hash, Head, Record};
use jit_core::state::State;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::path::Path;

/// Which events the state rested on when the chain stood there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picked {
    /// Where the chain stood.
    pub upto: Head,
    /// Their numbers: in order, each once.
    pub seqs: Vec<u64>,
}

impl Picked {
    /// Whether this event is one of them.
    #[must_use]
    pub fn has(&self, seq: u64) -> bool {
        self.seqs.binary_search(&seq).is_ok()
    }
}

/// A base as it is stored.
pub type Base = Picked;

/// The base in a store, if there is one that fits its event.
///
/// # Errors
/// The disk.
pub fn bases(connection: &Connection) -> Result<Option<Base>, rusqlite::Error> {
    let stored = connection
        .query_row("SELECT upto, hash, seqs FROM base", [], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get::<_, String>(2)?)))
        .optional()?;
    let Some((upto, hash, seqs)) = stored else { return Ok(None) };
    let upto = Head { seq: u64::try_from(upto).unwrap_or(0), hash: Hash(hash) };
    let mut seqs: Vec<u64> = serde_json::from_str(&seqs).unwrap_or_default();
    seqs.sort_unstable();
    seqs.dedup();
    let fits = read::one(connection, upto.seq)?.is_some_and(|record| record.head() == upto);
    Ok(fits.then_some(Base { upto, seqs }))
}

/// Stores a base in place of the one before.
pub(crate) fn put(connection: &Connection, base: &Base) -> Result<(), rusqlite::Error> {
    let seqs = serde_json::to_string(&base.seqs).unwrap_or_default();
    let upto = i64::try_from(base.upto.seq).unwrap_or(i64::MAX);
    let sql = "INSERT OR REPLACE INTO base (one, upto, hash, seqs) VALUES (1, ?1, ?2, ?3)";
    connection.execute(sql, params![upto, read::Digest(base.upto.hash), seqs]).map(drop)
}

/// Picks the events that a state rests on, up to where the chain stood. It reads those that were picked before, and all
/// after them.
///
/// # Errors
/// What cannot be read, in words.
pub fn pick(store: &Path, state: jit_core::state::needs::Picker, upto: u64) -> Result<Picked, String> {
    let in_words = |error: rusqlite::Error| error.to_string();
    let connection = read::open_to_read(store).map_err(in_words)?;
    let mut picker = state;
    let mut last = None;
    let mut look = |record: &Record| {
        if record.seq <= upto {
            picker.look(record.seq, &record.event, &record.data);
            last = Some(record.head());
        }
        Ok::<_, String>(record.seq < upto)
    };
    let base = bases(&connection).map_err(in_words)?.filter(|base| base.upto.seq <= upto);
    let from = base.as_ref().map_or(0, |base| base.upto.seq);
    for seq in base.into_iter().flat_map(|base| base.seqs) {
        if let Some(record) = read::one(&connection, seq).map_err(in_words)? {
            look(&record)?;
        }
    }
    read::each_after(&connection, from, look).map_err(|stopped| stopped.to_string())?;
    let upto = last.filter(|head| head.seq == upto).ok_or("the record ends too early")?;
    Ok(Picked { upto, seqs: picker.picked() })
}

/// Whether a base makes the state that the events make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Fit {
    /// It does.
    Same,
    /// It makes another one. The events are whole, so it is they that count.
    Other,
}

/// Follows the whole chain, folds the events up to the base, and compares that with what the base makes.
///
/// # Errors
/// The chain breaks, or the record cannot be read now.
pub fn compare(store: &Path, base: &Base) -> Result<Fit, StoreTrouble> {
    let view = View::of(store)?;
    let short = view.fold_base(base)?;
    let long = view.fold_all(base)?;
    view.check_pages()?;
    Ok(if short == long { Fit::Same } else { Fit::Other })
}

/// The record as it is in one moment, however long it is looked at: what is archived meanwhile is still there.
pub(crate) struct View<'a> {
    store: &'a Path,
    connection: Connection,
}

impl<'a> View<'a> {
    pub(crate) fn of(store: &'a Path) -> Result<Self, StoreTrouble> {
        let begun = read::open_to_read(store).and_then(|connection| connection.execute_batch("BEGIN").map(|()| connection));
        Ok(Self { store, connection: begun.map_err(|error| StoreTrouble::of(store.to_owned(), error))? })
    }

    fn failed(&self, error: rusqlite::Error) -> StoreTrouble {
        StoreTrouble::of(self.store.to_owned(), error)
    }

    fn damaged(&self, why: String) -> StoreTrouble {
        StoreTrouble::Damaged { path: self.store.to_owned(), why }
    }

    /// What the events of the base make.
    pub(crate) fn fold_base(&self, base: &Base) -> Result<State, StoreTrouble> {
        let mut state = State::default();
        for seq in &base.seqs {
            if let Some(record) = read::one(&self.connection, *seq).map_err(|error| self.failed(error))? {
                fold(&mut state, &record).map_err(|why| self.damaged(why))?;
            }
        }
        Ok(state)
    }

    /// What all events up to the base make; the whole chain is followed.
    pub(crate) fn fold_all(&self, base: &Base) -> Result<State, StoreTrouble> {
        let mut chain = Chain::new(read::checkpoint(&self.connection).map_err(|error| self.failed(error))?, None);
        let mut state = State::default();
        let followed = read::each_after(&self.connection, 0, |record| {
            chain.follow(record).map_err(|broken| broken.to_string())?;
            // What a newer jitd wrote and this one cannot read is no damage, if nothing rests on it.
            if record.seq <= base.upto.seq {
                fold(&mut state, record).or_else(|unreadable| if base.has(record.seq) { Err(unreadable) } else { Ok(()) })?;
            }
            if record.seq % 1000 == 0 {
                // It goes on beside the work of others.
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            Ok(true)
        });
        followed.map_err(|stopped| StoreTrouble::stopped(self.store.to_owned(), stopped))?;
        chain.end().map_err(|broken| self.damaged(broken.to_string()))?;
        Ok(state)
    }

    fn check_pages(&self) -> Result<(), StoreTrouble> {
        read::check_pages(&self.connection).map_err(|error| self.failed(error))?.map_err(|why| self.damaged(why))
    }
}

/// Throws the base away: the next start reads all events.
///
/// # Errors
/// The disk.
pub fn forget_base(store: &Path) -> Result<(), StoreTrouble> {
    let failed = |error: rusqlite::Error| StoreTrouble::of(store.to_owned(), error);
    let connection =
        Connection::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
    connection.execute("DELETE FROM base", []).map(drop).map_err(failed)
}

/// Makes an event true.
pub(crate) fn fold(state: &mut State, record: &Record) -> Result<(), String> {
    let event = Event::read(&record.event, &record.data).map_err(|unreadable| unreadable.to_string())?;
    state.apply(record.at, &event);
    state.keep();
    Ok(())
}

/// Where the chain begins, and what is known of what came before.
pub(crate) fn checkpoint_row(connection: &Connection) -> Result<Option<Checkpoint>, rusqlite::Error> {
    let row = |row: &rusqlite::Row<'_>| {
        let (upto, kept): (i64, i64) = (row.get(0)?, row.get(2)?);
        let upto = Head { seq: u64::try_from(upto).unwrap_or(0), hash: Hash(row.get(1)?) };
        Ok(Checkpoint { upto, kept: u64::try_from(kept).unwrap_or(0), kept_digest: row.get(3)? })
    };
    connection.query_row("SELECT upto, hash, kept, kept_digest FROM checkpoint", [], row).optional()
}
