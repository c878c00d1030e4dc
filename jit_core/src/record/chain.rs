//! Following a chain from its beginning, or from where older events were archived.

use super::{Broken, Hash, Head, Record, hex};
use crate::event::{AuditPruned, Event};
use sha2::{Digest, Sha256};
use std::fmt;

/// Where the record begins when older events were archived: all up to this one, but for those that the state rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last of the archived part.
    pub upto: Head,
    /// How many events of that part were kept.
    pub kept: u64,
    /// The SHA-256 of their hashes, one after the other, in hexadecimal digits.
    pub kept_digest: String,
}

/// What the kept events come to.
#[derive(Debug, Clone, Default)]
pub struct KeptDigest {
    hasher: Sha256,
    count: u64,
}

impl KeptDigest {
    /// One more kept event.
    pub fn add(&mut self, hash: Hash) {
        self.hasher.update(hash.0);
        self.count = self.count.saturating_add(1);
    }

    /// How many, and what they come to.
    #[must_use]
    pub fn finish(self) -> (u64, String) {
        (self.count, hex(&self.hasher.finalize()))
    }
}

/// A head that is known from elsewhere, for example from a log host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its number.
    pub seq: u64,
    /// Its hash: all digits, or the first ones.
    pub hash: String,
}

/// Why a record is not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotWhole {
    /// The chain breaks.
    Broken(Broken),
    /// What is known from elsewhere stands there with another hash.
    Rewritten {
        /// Its number.
        seq: u64,
        /// The hash that it has.
        has: String,
        /// The hash that it should have.
        known: String,
    },
    /// The record ends before what is known from elsewhere.
    EndRemoved {
        /// The number that is known.
        known: u64,
        /// The number of the last event.
        last: u64,
    },
    /// What is known from elsewhere was archived.
    Archived {
        /// Its number.
        seq: u64,
        /// The last number of the archived part.
        upto: u64,
    },
    /// Of the archived part other events were kept than these.
    Kept {
        /// The last number of the archived part.
        upto: u64,
    },
    /// The record says that another part of it was archived.
    Checkpoint {
        /// The last number, by the checkpoint.
        upto: u64,
        /// The event that says otherwise.
        seq: u64,
    },
    /// The record does not say that anything was archived.
    Unsaid {
        /// The last number, by the checkpoint.
        upto: u64,
    },
}

impl fmt::Display for NotWhole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(broken) => broken.fmt(f),
            Self::Rewritten { seq, has, known } => {
                write!(f, "event {seq} has the hash {has}, and should have {known}: it, or one before it, was rewritten")
            }
            Self::EndRemoved { known, last } => {
                write!(f, "event {known} is missing: the record ends with {last}, so its end was removed")
            }
            Self::Archived { seq, upto } => {
                write!(f, "event {seq} was archived with all up to {upto}: look for it in the archive (jit audit verify --file)")
            }
            Self::Kept { upto } => {
                write!(f, "an event before {upto} was altered, inserted or removed: those that were kept when it was archived are others")
            }
            Self::Checkpoint { upto, seq } => {
                write!(f, "event {seq} does not say that all up to {upto} was archived: events were removed")
            }
            Self::Unsaid { upto } => {
                write!(f, "no event says that all up to {upto} was archived: events up to there were altered or removed")
            }
        }
    }
}

impl std::error::Error for NotWhole {}

/// What the events behind a checkpoint say of what was archived: the last of them that says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// None says anything.
    Nothing,
    /// The same as the checkpoint.
    Same { seq: u64 },
    /// That less was archived. It is of an earlier archiving; that of the checkpoint has an event of its own, behind it.
    Less { seq: u64 },
    /// Something else.
    Other { seq: u64 },
}

/// Who says where a record begins of which older events were archived. The checkpoint stands beside the chain, and whoever can
/// write a file can write one that hides what they altered before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// An event of it.
    Said {
        /// Its number.
        seq: u64,
    },
    /// Nothing but the checkpoint itself.
    Unsaid,
}

/// A chain that is being followed.
#[derive(Debug)]
pub struct Chain {
    head: Head,
    checkpoint: Option<Checkpoint>,
    /// While events of the archived part come: what they come to, and the number of the last.
    kept: Option<(KeptDigest, u64)>,
    known: Option<Known>,
    seen: u64,
    said: Said,
}

impl Chain {
    /// The beginning of a chain, in which a known head must be.
    #[must_use]
    pub fn new(checkpoint: Option<Checkpoint>, known: Option<Known>) -> Self {
        let kept = checkpoint.as_ref().map(|_| (KeptDigest::default(), 0));
        Self { head: Head::NONE, checkpoint, kept, known, seen: 0, said: Said::Nothing }
    }

    /// A chain that goes on from a head that is trusted.
    #[must_use]
    pub fn from(head: Head) -> Self {
        Self { head, checkpoint: None, kept: None, known: None, seen: 0, said: Said::Nothing }
    }

    /// Where it stands.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// How many events it has followed.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Goes on to the next event.
    ///
    /// # Errors
    /// What does not fit.
    pub fn follow(&mut self, record: &Record) -> Result<(), NotWhole> {
        let archived = self.checkpoint.as_ref().filter(|checkpoint| record.seq <= checkpoint.upto.seq && self.kept.is_some());
        if let (Some(checkpoint), Some((digest, last))) = (archived, &mut self.kept) {
            if record.digest() != record.hash {
                return Err(NotWhole::Broken(Broken::Altered { seq: record.seq }));
            }
            if record.seq <= *last {
                return Err(NotWhole::Kept { upto: checkpoint.upto.seq });
            }
            digest.add(record.hash);
            *last = record.seq;
        } else {
            self.leave_archived_part()?;
            self.head = self.head.follow(record).map_err(NotWhole::Broken)?;
        }
        self.seen = self.seen.saturating_add(1);
        self.note_archived(record);
        self.compare(record.head())
    }

    /// Whether the end may be that of a whole record: archiving puts an event behind all that it takes out, in the same moment.
    ///
    /// # Errors
    /// It is too early, or none of its events says that what is not there was archived.
    pub fn end(&mut self) -> Result<(), NotWhole> {
        self.leave_archived_part()?;
        match (self.said, &self.checkpoint) {
            (Said::Nothing, None) | (Said::Same { .. }, _) => {}
            (Said::Nothing, Some(checkpoint)) => return Err(NotWhole::Unsaid { upto: checkpoint.upto.seq }),
            (Said::Less { seq } | Said::Other { seq }, _) => return Err(self.another_checkpoint(seq)),
        }
        self.end_of_known()
    }

    /// Whether the end may be that of the first part of a record, as every archive is: the event that says where it begins can lie
    /// behind it.
    ///
    /// # Errors
    /// It is too early, or its events say that something else was archived.
    pub fn end_of_part(&mut self) -> Result<(), NotWhole> {
        self.leave_archived_part()?;
        match self.said {
            Said::Nothing | Said::Less { .. } | Said::Same { .. } => self.end_of_known(),
            Said::Other { seq } => Err(self.another_checkpoint(seq)),
        }
    }

    /// Where it begins if older events were archived, and who says so, as far as it was followed.
    #[must_use]
    pub fn begins(&self) -> Option<(&Checkpoint, Begun)> {
        let begun = match self.said {
            Said::Same { seq } => Begun::Said { seq },
            Said::Nothing | Said::Less { .. } | Said::Other { .. } => Begun::Unsaid,
        };
        self.checkpoint.as_ref().map(|checkpoint| (checkpoint, begun))
    }

    fn another_checkpoint(&self, seq: u64) -> NotWhole {
        NotWhole::Checkpoint { upto: self.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.upto.seq), seq }
    }

    fn end_of_known(&self) -> Result<(), NotWhole> {
        match &self.known {
            Some(known) => Err(NotWhole::EndRemoved { known: known.seq, last: self.head.seq }),
            None => Ok(()),
        }
    }

    fn leave_archived_part(&mut self) -> Result<(), NotWhole> {
        let (Some(checkpoint), Some((digest, _))) = (self.checkpoint.clone(), self.kept.take()) else { return Ok(()) };
        if digest.finish() != (checkpoint.kept, checkpoint.kept_digest) {
            return Err(NotWhole::Kept { upto: checkpoint.upto.seq });
        }
        self.head = checkpoint.upto;
        match &self.known {
            Some(known) if known.seq < checkpoint.upto.seq => Err(NotWhole::Archived { seq: known.seq, upto: checkpoint.upto.seq }),
            Some(_) | None => self.compare(checkpoint.upto),
        }
    }

    fn compare(&mut self, head: Head) -> Result<(), NotWhole> {
        let hash = head.hash.to_string();
        match self.known.take_if(|known| known.seq == head.seq) {
            Some(known) if !hash.starts_with(&known.hash) => Err(NotWhole::Rewritten { seq: head.seq, has: hash, known: known.hash }),
            Some(_) | None => Ok(()),
        }
    }

    /// Notes what the record itself says of what was archived.
    fn note_archived(&mut self, record: &Record) {
        if record.event != "audit.pruned" || self.kept.is_some() {
            return;
        }
        let seq = record.seq;
        self.said = match (Event::read(&record.event, &record.data), &self.checkpoint) {
            (Ok(Event::AuditPruned(said)), Some(checkpoint)) if said.is_of(checkpoint) => Said::Same { seq },
            (Ok(Event::AuditPruned(said)), Some(checkpoint)) if said.upto < checkpoint.upto.seq => match self.said {
                Said::Nothing | Said::Less { .. } => Said::Less { seq },
                // No archiving ends before the one that came before it.
                Said::Same { .. } | Said::Other { .. } => Said::Other { seq },
            },
            (_, _) => Said::Other { seq },
        };
    }
}

impl AuditPruned {
    /// Whether it is the event of the archiving that left this checkpoint.
    fn is_of(&self, checkpoint: &Checkpoint) -> bool {
        let Checkpoint { upto, kept, kept_digest } = checkpoint;
        let says_upto = self.upto == upto.seq && self.upto_hash == upto.hash.to_string();
        says_upto && self.kept == *kept && self.kept_digest == *kept_digest
    }
}

#[cfg(test)]
mod tests;
