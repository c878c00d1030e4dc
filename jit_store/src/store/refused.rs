//! What was refused when the disk failed, and is on it all the same.

use super::{Fresh, Store, append_in, take_out_after};
use crate::StoreTrouble;
use crate::doubt::{Doubt, Doubts};
use crate::replay::Base;
use jit_core::event::{self, Event};
use jit_core::record::{Head, Record, Trace};
use jit_core::state::State;
use jit_core::time::WallTime;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// A store that was opened, and what it holds.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// The fold of its events.
    pub state: State,
    /// From which base that was made, if from one: it is yet to be compared with the events.
    pub base: Option<Base>,
    /// The event that says that refused events were taken out, if there were any.
    pub undone: Option<Record>,
    /// Why what was written down about such events was not heeded.
    pub unheeded: Option<String>,
}

/// What was tried when the disk failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// No harm is done if it is on disk after all.
    Harmless,
    /// It is refused.
    Refused(Doubt),
    /// What it takes out cannot be put back.
    Archiving,
}

impl Attempt {
    /// To store this batch after that event.
    pub(super) fn of(before: Head, batch: &[Fresh], facts: usize) -> Self {
        let chained = |batch: &[Fresh], head| batch.iter().fold(head, |head, fresh| fresh.chained(head).head());
        let (facts, refused) = batch.split_at_checked(facts).unwrap_or((batch, &[]));
        if refused.is_empty() {
            return Self::Harmless;
        }
        let so = chained(facts, before);
        Self::Refused(Doubt { so, end: chained(refused, so) })
    }
}

impl Store {
    /// Opens the store, without those events at its end that were refused when a disk failed and are on it all the same. From then on
    /// such events are written down in the same place.
    ///
    /// # Errors
    /// As of [`Store::open`]. What cannot be taken out now lets nobody have the store.
    pub fn open_without_refused(path: &Path, doubts: Doubts, at: WallTime) -> Result<Opened, StoreTrouble> {
        let (mut store, state, base) = Self::open(path)?;
        let (found, mut unheeded) = match doubts.read() {
            Ok(found) => (found, None),
            Err(why) => (None, Some(why)),
        };
        let mut undone = None;
        let opened = match found {
            Some(doubt) if store.head == doubt.end => {
                undone = store.undo(&doubt, at)?;
                drop(store);
                Self::open(path)?
            }
            Some(doubt) => {
                // One that ends before them has none of them: not even what is so of that batch came to the disk.
                if store.head != doubt.so && store.head.seq >= doubt.so.seq {
                    unheeded = Some(format!("{}: the record does not end with what it names", doubts.file().display()));
                }
                (store, state, base)
            }
            None => (store, state, base),
        };
        doubts.clear().map_err(|error| StoreTrouble::beside(doubts.file(), &error))?;
        let (store, state, base) = opened;
        Ok(Opened { store: Self { doubts: Some(doubts), ..store }, state, base, undone, unheeded })
    }

    /// Takes out what was refused, and records that, all or nothing.
    fn undo(&mut self, doubt: &Doubt, at: WallTime) -> Result<Option<Record>, StoreTrouble> {
        let Doubt { so, end } = *doubt;
        let event =
            Event::from(event::StoreUndone { events: end.seq.saturating_sub(so.seq), head: end.seq, head_hash: end.hash.to_string() });
        let unwritten = |error: serde_json::Error| StoreTrouble::Damaged { path: self.path.clone(), why: error.to_string() };
        let fresh = Fresh { at, event: event.name(), data: event.data().map_err(unwritten)? };
        let undone = undo_on(self.connection()?, so, fresh).map_err(|error| StoreTrouble::of(self.path.clone(), error))?;
        Ok(undone)
    }

    /// Writes down what may be on disk of an attempt that failed. The first one counts: after it nothing more of the kind comes
    /// to the disk before that is clean.
    pub(super) fn write_down(&self, attempt: Attempt) -> Trace {
        match (attempt, &self.doubts) {
            (Attempt::Harmless, _) => Trace::None,
            (Attempt::Refused(doubt), Some(doubts)) if doubts.put(&doubt).is_ok() => Trace::UnlessPowerFails,
            (Attempt::Refused(_) | Attempt::Archiving, _) => Trace::UnlessJitdEnds,
        }
    }
}

fn undo_on(connection: &mut Connection, so: Head, fresh: Fresh) -> Result<Option<Record>, rusqlite::Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    take_out_after(&transaction, so.seq)?;
    let (records, _) = append_in(&transaction, so, &[fresh])?;
    transaction.commit()?;
    Ok(records.into_iter().next())
}
